//! What a request's body says it is, and reading it within its bounds.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Why a body is not taken.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub message: Cow<'static, str>,
    /// What would be taken instead, as RFC 9110 has it for 415.
    pub instead: Option<(HeaderName, HeaderValue)>,
    /// Whether something of the body may still be under way, so that nothing else can follow on its connection.
    pub unread: bool,
}

/// Whether the body is JSON in UTF-8, as it is. Nothing else is guessed at: what a browser sends to another site without
/// asking (`text/plain`, a form, no type at all) must never run.
pub fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |message, name, value| Refusal {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        message: Cow::Borrowed(message),
        instead: Some((name, HeaderValue::from_static(value))),
        unread: false,
    };
    is_json(headers).map_err(|message| unsupported(message, ACCEPT, "application/json"))?;
    match is_encoded(headers) {
        true => Err(unsupported(
            "the body is encoded by its Content-Encoding; send it as it is, without one",
            ACCEPT_ENCODING,
            "identity",
        )),
        false => Ok(()),
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), &'static str> {
    const SEND_JSON: &str = "send the request as application/json";
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(SEND_JSON);
    };
    if line == "application/json" {
        return Ok(());
    }
    let text = line.to_str().map_err(|_| SEND_JSON)?;
    let media = MediaType::parse(text)
        .ok_or("the Content-Type is malformed; send the request as application/json")?;
    if !media.essence.eq_ignore_ascii_case("application/json") {
        return Err(SEND_JSON);
    }
    match media.charset {
        None => Ok(()),
        Some(charset) if charset.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err("the charset of the body is not UTF-8; JSON is sent as UTF-8"),
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|line| {
        line.to_str().map_or(true, |line| {
            let mut codings = line.split(',').map(str::trim);
            codings.any(|c| !c.is_empty() && !c.eq_ignore_ascii_case("identity"))
        })
    })
}

/// A media type by the grammar of RFC 9110, 8.3.1.
pub struct MediaType<'a> {
    pub essence: &'a str,
    pub charset: Option<String>,
}

impl<'a> MediaType<'a> {
    /// `None` for what is none, and where a parameter comes twice: two readers would take two types for it.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (essence, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let essence = essence.trim_matches(BLANK);
        let (kind, sub) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(sub) {
            return None;
        }
        let mut names: Vec<&str> = Vec::new();
        let mut charset = None;
        while let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start_matches(BLANK);
            if rest.is_empty() || rest.starts_with(';') {
                continue;
            }
            let (name, after) = rest.split_once('=')?;
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted)?,
                None => {
                    let (value, after) =
                        after.split_at(after.find([';', ' ', '\t']).unwrap_or(after.len()));
                    is_token(value).then_some((value.to_owned(), after))?
                }
            };
            if !is_token(name) || names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
                return None;
            }
            names.push(name);
            if name.eq_ignore_ascii_case("charset") {
                charset = Some(value);
            }
            rest = after.trim_start_matches(BLANK);
        }
        rest.is_empty().then_some(MediaType { essence, charset })
    }
}

const BLANK: [char; 2] = [' ', '\t'];

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    let of_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(of_token)
}

/// Waits so long for what a client sends. Time counts in parts, each once: while the process stood still, as one that is stopped or
/// whose machine sleeps, nothing could be seen of what has come.
async fn within<F: Future>(patience: Duration, waiting: F) -> Option<F::Output> {
    const PARTS: u32 = 8;
    let mut waiting = std::pin::pin!(waiting);
    for _ in 0..PARTS {
        if let Ok(done) = tokio::time::timeout(patience / PARTS, waiting.as_mut()).await {
            return Some(done);
        }
    }
    None
}

/// Reads a body of `most` bytes at most, within `patience` altogether, however often a byte of it comes.
///
/// One that says that it is longer is refused before any of it has come.
pub async fn read(body: Body, most: usize, patience: Duration) -> Result<Bytes, Refusal> {
    let refusal = |status, message| Refusal {
        status,
        message,
        instead: None,
        unread: true,
    };
    let too_large = || {
        let message = format!(
            "the request body is larger than the {most} bytes that this server takes (MAX_BODY_BYTES)"
        );
        refusal(StatusCode::PAYLOAD_TOO_LARGE, message.into())
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let whole = Limited::new(body, most).collect();
    match within(patience, whole).await {
        Some(Ok(body)) => Ok(body.to_bytes()),
        Some(Err(cause)) if cause.is::<LengthLimitError>() => Err(too_large()),
        Some(Err(cause)) => {
            let message = format!("the request body cannot be read: {cause}");
            Err(refusal(StatusCode::BAD_REQUEST, message.into()))
        }
        None => {
            let message = "the request body did not come in time; send it at once";
            Err(refusal(StatusCode::REQUEST_TIMEOUT, message.into()))
        }
    }
}
