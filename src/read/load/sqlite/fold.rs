//! `backref_fold(value)`: a text without the difference of upper and lower case, on SQLite.

use rusqlite::types::{Value, ValueRef};

/// Each character by itself, so that a part of a text is a part of the folded one, too. What is no text has no case.
pub(super) fn folded(value: ValueRef<'_>) -> Value {
    let text = match value {
        ValueRef::Text(text) => text,
        ValueRef::Null => return Value::Null,
        ValueRef::Integer(i) => return Value::Integer(i),
        ValueRef::Real(f) => return Value::Real(f),
        ValueRef::Blob(bytes) => return Value::Blob(bytes.to_vec()),
    };
    Value::Text(folded_text(text))
}

pub(super) fn folded_text(text: &[u8]) -> String {
    if text.is_ascii() {
        return String::from_utf8_lossy(text).to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            // These two in lower case are several, by where they stand or by number.
            'ς' => folded.push('σ'),
            'İ' => folded.push('i'),
            c => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        match folded(ValueRef::Text(text.as_bytes())) {
            Value::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    proptest! {
        #[test]
        fn parts_are_folded_as_the_whole(before in ".{0,4}", part in "[ΟΣςσİIıi\u{307}]{0,4}.{0,4}", after in ".{0,4}") {
            prop_assert_eq!(of(&format!("{before}{part}{after}")), of(&before) + &of(&part) + &of(&after));
        }
    }

    #[test]
    fn case_does_not_count() {
        assert_eq!(of("ΟΔΟΣ"), of("οδος"));
        assert_eq!(of("İstanbul"), "istanbul");
        assert_eq!(of("ÉTÉ Title"), "été title");
    }
}
