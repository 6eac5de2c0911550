//! What errors of SQLite mean, by their result codes.

use rusqlite::ErrorCode;

use crate::read::load::DriverError;
use crate::read::load::refusal::Refusal;
use crate::read::load::said::{HIDDEN, Said, has_all, without_values};

impl DriverError for rusqlite::Error {
    fn code(&self) -> &str {
        ""
    }

    fn is_read_only(&self) -> bool {
        self.sqlite_error_code() == Some(ErrorCode::ReadOnly)
    }

    fn is_timeout(&self) -> bool {
        self.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
    }

    fn is_too_complex(&self) -> bool {
        // SQLite has no codes for these.
        let text = self.to_string();
        [
            "Expression tree is too large",
            "too many ",
            "stack overflow",
        ]
        .iter()
        .any(|limit| text.contains(limit))
    }

    fn is_cut_off(&self) -> bool {
        matches!(
            self.sqlite_error_code(),
            Some(ErrorCode::CannotOpen | ErrorCode::DatabaseBusy)
        )
    }

    fn lacks_table(&self, table: &str) -> bool {
        // SQLite has no code for it.
        self.to_string()
            .contains(&format!("no such table: {table}"))
    }

    fn said(&self, statement: &str) -> Said {
        told(self, statement)
    }

    fn refusal(&self, _: bool) -> Option<Refusal> {
        match self {
            rusqlite::Error::SqliteFailure(error, message) => {
                refused(error.extended_code, message.as_deref().unwrap_or_default())
            }
            _ => None,
        }
    }
}

fn told(error: &rusqlite::Error, statement: &str) -> Said {
    use rusqlite::ErrorCode::{ConstraintViolation, TypeMismatch, Unknown};
    let (why, position) = match error {
        // Of preparing, when no value is bound yet.
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            let before = usize::try_from(*offset)
                .ok()
                .and_then(|at| statement.get(..at));
            (
                msg.clone(),
                before.map(|text| text.chars().count() as u32 + 1),
            )
        }
        rusqlite::Error::SqliteFailure(failure, Some(message)) => {
            let of_values = matches!(failure.code, Unknown | ConstraintViolation | TypeMismatch);
            let message = match message.split_once(": ") {
                _ if !of_values => message.clone(),
                Some((_, names)) if has_all(statement, names) => message.clone(),
                // What was searched for is no query to it.
                Some(("fts5", _)) => format!("fts5: {HIDDEN}"),
                _ => without_values(message),
            };
            (message, None)
        }
        rusqlite::Error::SqliteFailure(failure, None) => (failure.to_string(), None),
        other => (without_values(&other.to_string()), None),
    };
    Said {
        code: failure_of(error).map(|failure| failure.extended_code.to_string()),
        why: format!("SQLite: {why}"),
        position,
    }
}

fn failure_of(error: &rusqlite::Error) -> Option<&rusqlite::ffi::Error> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure),
        rusqlite::Error::SqlInputError { error, .. } => Some(error),
        _ => None,
    }
}

/// <https://www.sqlite.org/rescode.html#extrc>
fn refused(code: i32, message: &str) -> Option<Refusal> {
    use rusqlite::ffi;
    Some(match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => {
            let names = message.strip_prefix("UNIQUE constraint failed: ");
            // Of an index on expressions it says `index 'name'`.
            let names = names.filter(|names| !names.starts_with("index "));
            let names = names.unwrap_or_default();
            let columns: Option<Vec<_>> = names.split(", ").map(column).collect();
            let columns = columns.unwrap_or_default();
            Refusal::Unique {
                schema: None,
                table: columns.first().map(|(table, _)| table.clone()),
                constraint: None,
                columns: columns.into_iter().map(|(_, column)| column).collect(),
            }
        }
        // Where a key says `RESTRICT`, SQLite makes a trigger of it.
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => foreign_key(),
        ffi::SQLITE_CONSTRAINT_TRIGGER if message == "FOREIGN KEY constraint failed" => {
            foreign_key()
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => {
            let name = message.strip_prefix("NOT NULL constraint failed: ");
            let (table, column) = name.and_then(column).unzip();
            Refusal::NotNull { table, column }
        }
        ffi::SQLITE_CONSTRAINT_CHECK => {
            let name = message.strip_prefix("CHECK constraint failed: ");
            Refusal::Check {
                table: None,
                constraint: name.map(str::to_owned),
            }
        }
        ffi::SQLITE_CONSTRAINT_TRIGGER => Refusal::Raised,
        ffi::SQLITE_CONSTRAINT_DATATYPE | ffi::SQLITE_MISMATCH => Refusal::Malformed,
        ffi::SQLITE_TOOBIG => Refusal::TooLong,
        _ => return None,
    })
}

fn foreign_key() -> Refusal {
    Refusal::ForeignKey {
        table: None,
        constraint: None,
    }
}

/// `post.slug`
fn column(name: &str) -> Option<(String, String)> {
    let (table, column) = name.split_once('.')?;
    Some((table.to_owned(), column.to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::read::load::DatabaseError;

    const STATEMENT: &str = r#"SELECT t."id" FROM "post" t WHERE t."id" = $1"#;

    #[test]
    fn what_sqlite_says_of_a_statement_is_told_and_of_a_value_is_not() {
        let failure = |message: &str| {
            let code = rusqlite::ffi::Error::new(1);
            let error = rusqlite::Error::SqliteFailure(code, Some(message.to_owned()));
            DatabaseError::Sqlite(error).said(STATEMENT)
        };
        assert_eq!(
            failure("no such table: post").why,
            "SQLite: no such table: post"
        );
        assert_eq!(
            failure("no such column: secret").why,
            "SQLite: no such column: …"
        );
        assert_eq!(
            failure("fts5: syntax error near \"secret\"").why,
            "SQLite: fts5: …"
        );
        assert_eq!(failure("no such table: post").code.as_deref(), Some("1"));
    }
}
