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
    let key = match text.strip_prefix('"') {
        Some(rest) => quoted(rest),
        None => {
            let is_one = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
            text.chars().all(is_one).then(|| text.to_owned())
        }
    };
    match key {
        Some(key) if (1..=LONGEST).contains(&key.len()) => Ok(Some(key)),
        _ => Err(
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters, without quotes and backslashes in it, such as a UUID, or a string in quotes (RFC 9651)",
        ),
    }
}

/// What a string of a structured header says, behind its first quote: quotes and backslashes in it are escaped
/// (RFC 9651, 3.3.3). Nothing may follow it.
fn quoted(text: &str) -> Option<String> {
    let mut said = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(said),
            '\\' => said.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => said.push(c),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_string_of_structured_headers_or_a_word() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().expect("a header"));
            key(&headers).ok().flatten()
        };
        for (text, said) in [
            ("word", Some("word")),
            (r#""word""#, Some("word")),
            (r#""a b""#, Some("a b")),
            (r#""a\"b""#, Some(r#"a"b"#)),
            (r#""a\\b""#, Some(r"a\b")),
            (r#""a\b""#, None),
            (r#""a"b""#, None),
            (r#""a"#, None),
            (r#"a""#, None),
            ("a b", None),
            (r#""""#, None),
            (&"k".repeat(255), Some(&*"k".repeat(255))),
            (&"k".repeat(256), None),
        ] {
            assert_eq!(of(text).as_deref(), said, "{text}");
        }
    }
}
