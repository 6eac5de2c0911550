//! What cannot be predicted in an answer.

use super::operation::CURSORS;

/// The answer with one text in place of every cursor that is not null. Cursors are found by the name
/// of their field, with which their response name begins (`cursor`, `cursor_3`).
pub fn without_cursors(answer: &str) -> String {
    let mut masked = String::new();
    let mut rest = answer;
    // In a text a quotation mark is escaped, so what looks like a key is one.
    while let Some(end_of_key) = rest.find("\":\"") {
        let value = end_of_key + "\":".len();
        let key = &rest[..end_of_key];
        let key = &key[key.rfind('"').map_or(0, |quote| quote + 1)..];
        let field = key.split('_').next().unwrap_or_default();
        let (before, text) = rest.split_at(value);
        masked.push_str(before);
        rest = &text[end_of_text(text)..];
        match CURSORS.contains(&field) {
            true => masked.push_str("\"a cursor\""),
            false => masked.push_str(&text[..end_of_text(text)]),
        }
    }
    masked + rest
}

/// Behind the quotation mark at the end of a text that begins with one.
fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

#[test]
fn cursors_are_masked_by_the_names_of_their_fields() {
    let answer = r#"{"data":{"a":{"cursor":"x\"y\\","id":"Post:1","endCursor_12":"","startCursor":null,"b":"\"cursor\":\"z\"","title":"\\"},"l":["a","b"],"cursor_0":"\\\""}}"#;
    let masked = r#"{"data":{"a":{"cursor":"a cursor","id":"Post:1","endCursor_12":"a cursor","startCursor":null,"b":"\"cursor\":\"z\"","title":"\\"},"l":["a","b"],"cursor_0":"a cursor"}}"#;
    assert_eq!(without_cursors(answer), masked);
}
