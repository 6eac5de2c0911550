//! `Idempotency-Key`, by which a client sends a mutation again without having it done again
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).

use axum::http::{HeaderMap, HeaderName};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in characters.
const LONGEST: usize = 255;

/// The key of a request: a string as structured headers have them, in quotes, or the same without.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err("there are two headers `Idempotency-Key`; send one");
    }
    let text = first.to_str().unwrap_or_default().trim();
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    let key = inner.unwrap_or(text);
    let is_one = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
    match (1..=LONGEST).contains(&key.len()) && key.chars().all(is_one) {
        true => Ok(Some(key.to_owned())),
        false => Err(
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters, without quotes and backslashes in it, such as a UUID",
        ),
    }
}
