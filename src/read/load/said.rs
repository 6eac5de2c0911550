//! What a database said of an error, as the log has it: its code and its words, and nothing that a row holds or a client
//! has sent.
//!
//! Both databases put values into their messages: `invalid input syntax for type integer: "secret"`. So
//! - of PostgreSQL only the message is taken. Its DETAIL, HINT and CONTEXT quote rows and parameters.
//! - What speaks of the server, its connections and its limits is told as it is. So is what was found to be wrong before
//!   any value was there.
//! - Of what speaks of a statement (a table is missing, a type is another), words in quotation marks are told where
//!   the statement has them, which is in the log too. Of all else they are not, nor what follows a colon, nor words of
//!   more than letters: in whatever language a server writes, values stand there.
//! - A message that somebody's function has raised may be anything. It is not told.

use super::DatabaseError;

/// What is told of an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// PostgreSQL's SQLSTATE, or SQLite's extended result code.
    pub code: Option<String>,
    pub why: String,
    /// The character of the statement, from 1, at which the database found the mistake.
    pub position: Option<u32>,
}

impl DatabaseError {
    /// What is told of it in the log, beside this statement.
    pub fn said(&self, statement: &str) -> Said {
        match self.driver() {
            Some(error) => error.said(statement),
            None => Said::of_ours(self.to_string()),
        }
    }

    /// Why a database does not serve, for anybody: without the names of users, machines and files.
    pub fn in_public(&self) -> String {
        match self {
            DatabaseError::Unreachable(cause) => {
                let cause = without_strange_names(cause, "");
                format!("the database cannot be reached: {cause}")
            }
            DatabaseError::Unusable { cause, .. } => {
                let what = cause.split(';').next().unwrap_or_default();
                format!("the database file cannot be used: {what}")
            }
            DatabaseError::Overloaded { .. } | DatabaseError::TimedOut => self.to_string(),
            _ => match self.said("").code {
                Some(code) => format!("the database answers with an error, code {code}"),
                None => "the database cannot be reached".to_owned(),
            },
        }
    }
}

impl Said {
    /// What no value is in.
    pub(super) fn of_ours(why: String) -> Self {
        Said {
            code: None,
            why,
            position: None,
        }
    }
}

/// Quotation marks of the languages that servers write in.
const MARKS: &str = "\"'`«»‹›„“”‟‘’‚「」『』";

/// Stands for what is not told.
pub(super) const HIDDEN: char = '…';

/// The quotation marks of a message. An apostrophe within a word is none.
fn quotation_marks(message: &str) -> Vec<(usize, char)> {
    let within_word = |at: usize, mark: char| {
        let before = message[..at].chars().next_back();
        let after = message[at + mark.len_utf8()..].chars().next();
        matches!(mark, '\'' | '’')
            && before.is_some_and(char::is_alphabetic)
            && after.is_some_and(char::is_alphabetic)
    };
    let marks = message.char_indices().filter(|(_, c)| MARKS.contains(*c));
    marks.filter(|&(at, mark)| !within_word(at, mark)).collect()
}

/// A message whose quotations are names of the statement. From the first on that is not, up to the last mark, all is
/// hidden: a value may hold marks of its own.
pub(super) fn without_strange_names(message: &str, statement: &str) -> String {
    let marks = quotation_marks(message);
    for pair in marks.chunks(2) {
        let start = pair[0].0 + pair[0].1.len_utf8();
        let is_known = match pair {
            [_, (end, _)] => has_all(statement, message[start..*end].trim()),
            _ => false,
        };
        if is_known {
            continue;
        }
        let end = marks.last().map_or(start, |(at, _)| *at);
        let rest = if end >= start { &message[end..] } else { "" };
        return format!("{}{HIDDEN}{rest}", &message[..start]);
    }
    message.to_owned()
}

/// A message without what may be a value, whoever it is from.
pub(super) fn without_values(message: &str) -> String {
    let message = without_strange_names(message, "");
    let end = message.find([':', '：']);
    let (start, rest) = message.split_at(end.unwrap_or(message.len()));
    let words = start.split(' ').map(|word| {
        let of_word = |c: char| c.is_alphabetic() || "-_,.;…".contains(c) || MARKS.contains(c);
        if word.chars().all(of_word) {
            word
        } else {
            "…"
        }
    });
    let mut told = words.collect::<Vec<_>>().join(" ");
    if !rest.is_empty() {
        told.push_str(": …");
    }
    told
}

/// Whether all words of a text, of which there is one at least, are words of the statement.
pub(super) fn has_all(statement: &str, text: &str) -> bool {
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    let words_of = |text| str::split(text, move |c| !of_word(c)).filter(|w| !w.is_empty());
    let mut words = words_of(text).peekable();
    words.peek().is_some() && words.all(|word| words_of(statement).any(|other| other == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str = r#"SELECT t."id" FROM "post" t WHERE t."id" = $1"#;

    #[test]
    fn names_of_the_statement_are_told() {
        for message in [
            r#"relation "post" does not exist"#,
            "la relation « post » n'existe pas",
            "Relation »post« existiert nicht",
            "permission denied for table post",
            "operator does not exist: character varying = bigint",
        ] {
            assert_eq!(without_strange_names(message, STATEMENT), message);
        }
        let other = r#"relation "secret" does not exist"#;
        assert_eq!(
            without_strange_names(other, STATEMENT),
            r#"relation "…" does not exist"#
        );
    }

    #[test]
    fn values_are_not() {
        for (message, told) in [
            (
                r#"invalid input syntax for type integer: "secret""#,
                "invalid input syntax for type integer: …",
            ),
            (
                r#"value "secret" is out of range for type smallint"#,
                r#"value "…" is out of range for type smallint"#,
            ),
            (
                r#"value "a" secret "b" is out of range"#,
                r#"value "…" is out of range"#,
            ),
            ("ungültige Eingabe: »secret«", "ungültige Eingabe: …"),
            ("value »se\"cret« is wrong", "value »…« is wrong"),
            ("Key (email)=(secret) is double", "Key … is double"),
            (
                r#"invalid byte sequence for encoding "UTF8": 0xff"#,
                r#"invalid byte sequence for encoding "…": …"#,
            ),
            ("an \"unclosed secret", "an \"…"),
            ("chr(4711) is too large", "… is too large"),
            ("division by zero", "division by zero"),
        ] {
            assert_eq!(without_values(message), told);
        }
    }
}
