//! Why a database refused what was to be written, as data: from the fields of PostgreSQL's errors and from SQLite's codes.
//! What either says in words is not read, with one exception: SQLite names columns nowhere else.

use std::time::Instant;

use tokio_postgres::error::DbError;

use super::{DatabaseError, Writers};

/// What a database refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Another row has these values.
    Unique {
        schema: Option<String>,
        table: Option<String>,
        /// PostgreSQL's name of the index.
        constraint: Option<String>,
        /// In the order of the index. PostgreSQL does not say them: see [`Refusal::complete`].
        columns: Vec<String>,
    },
    /// A row refers to none, or others refer to one that was to go. SQLite does not say which.
    ForeignKey {
        /// The table that refers.
        table: Option<String>,
        constraint: Option<String>,
    },
    NotNull {
        table: Option<String>,
        column: Option<String>,
    },
    /// On SQLite a check without a name is named by its text.
    Check {
        table: Option<String>,
        constraint: Option<String>,
    },
    /// A text is longer than its column. PostgreSQL does not say which.
    TooLong,
    /// A number, or a time, is beyond what its column holds.
    OutOfRange,
    /// A value is none of its column's type.
    Malformed,
    /// A trigger of the database's own has refused it.
    Raised,
}

impl Refusal {
    /// Why it was refused, if this says so.
    pub fn of(error: &DatabaseError) -> Option<Self> {
        match error {
            DatabaseError::Postgres(error) | DatabaseError::Marked { error, .. } => {
                of_postgres(error.as_db_error()?)
            }
            DatabaseError::BadValue(cause) => Refusal::of(cause),
            DatabaseError::Sqlite(rusqlite::Error::SqliteFailure(error, message)) => {
                of_sqlite(error.extended_code, message.as_deref().unwrap_or_default())
            }
            _ => None,
        }
    }

    /// With the columns of a unique index, for which PostgreSQL's catalog is asked once.
    pub async fn complete(
        self,
        writers: &Writers,
        deadline: Instant,
    ) -> Result<Self, DatabaseError> {
        match (self, writers) {
            (
                Refusal::Unique {
                    schema: Some(schema),
                    table,
                    constraint: Some(constraint),
                    ..
                },
                Writers::Postgres(writers),
            ) => {
                let columns = writers.unique_columns(&schema, &constraint, deadline);
                Ok(Refusal::Unique {
                    columns: columns.await?,
                    schema: Some(schema),
                    table,
                    constraint: Some(constraint),
                })
            }
            (known, _) => Ok(known),
        }
    }
}

/// See PostgreSQL's manual, appendix A.
fn of_postgres(said: &DbError) -> Option<Refusal> {
    let named = |name: Option<&str>| name.map(str::to_owned);
    let (table, constraint) = (named(said.table()), named(said.constraint()));
    Some(match said.code().code() {
        "23505" => Refusal::Unique {
            schema: named(said.schema()),
            table,
            constraint,
            columns: Vec::new(),
        },
        "23503" | "23001" => Refusal::ForeignKey { table, constraint },
        "23502" => Refusal::NotNull {
            table,
            column: named(said.column()),
        },
        "23514" | "23P01" => Refusal::Check { table, constraint },
        "22001" => Refusal::TooLong,
        // Numbers; times; intervals.
        "22003" | "22008" | "22015" => Refusal::OutOfRange,
        code if code.starts_with("22") => Refusal::Malformed,
        "P0001" => Refusal::Raised,
        _ => return None,
    })
}

/// <https://www.sqlite.org/rescode.html#extrc>
fn of_sqlite(code: i32, message: &str) -> Option<Refusal> {
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
