//! What people type, in one form.
//!
//! A letter with an accent is one character (`é`) or two (`e` and what is put on it), by the keyboard and the system; nobody who
//! types it knows which. Unicode's NFC is of the first form.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A text as one keyboard and another write it.
pub fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc(text) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfc().collect()),
    }
}

/// A name as those are who sign up: a telephone begins it with a capital, and puts a blank behind it.
pub fn name(typed: &str) -> String {
    composed(typed.trim()).to_lowercase()
}

/// One spelling of all that a database may take for one name: without upper and lower case (`NOCASE`, `citext`), without
/// blanks around it (`char(n)`, `RTRIM`), and of one form (collations of ICU). Names that differ to the database share their
/// attempts then, which lets nobody in.
pub fn folded(name: &str) -> String {
    // By way of the upper case `ß` is `ss`, and a final `ς` is `σ`; `ẞ` is an upper case of its own until it is made small.
    let lower = name.trim().nfc().flat_map(char::to_lowercase);
    let upper = lower.flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_a_name_is_folded_to_the_same() {
        for spellings in [
            ["straße", "STRASSE", "STRAẞE", " Strasse "],
            ["οδος", "ΟΔΟΣ", "οδοσ", "Οδος"],
            ["é", "e\u{301}", "É", "E\u{301}"],
        ] {
            let folded = spellings.map(folded);
            assert!(folded.iter().all(|f| *f == folded[0]), "{folded:?}");
        }
    }
}
