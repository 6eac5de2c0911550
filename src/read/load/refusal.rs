//! Why a database refused what was to be written, as data: from the fields of PostgreSQL's errors and from SQLite's codes.
//! What either says in words is not read, with one exception: SQLite names columns nowhere else.

use std::time::Instant;

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
    /// A trigger of the database's own has refused it, and says so.
    Raised,
    /// A policy of the table's own (`ROW LEVEL SECURITY`) does not let whoever the server connects as have such a row.
    Policy,
}

impl Refusal {
    /// Whether it is of what rows are beside others, and not of what one is by itself.
    pub fn is_of_others(&self) -> bool {
        matches!(self, Refusal::Unique { .. } | Refusal::ForeignKey { .. })
    }

    /// Whether it is of a value that one row has.
    pub fn is_of_values(&self) -> bool {
        match self {
            Refusal::NotNull { .. }
            | Refusal::Check { .. }
            | Refusal::TooLong
            | Refusal::OutOfRange
            | Refusal::Malformed => true,
            Refusal::Unique { .. }
            | Refusal::ForeignKey { .. }
            | Refusal::Raised
            | Refusal::Policy => false,
        }
    }

    /// The table whose row it is, where the database says so.
    pub fn table(&self) -> Option<&str> {
        match self {
            Refusal::Unique { table, .. }
            | Refusal::ForeignKey { table, .. }
            | Refusal::NotNull { table, .. }
            | Refusal::Check { table, .. } => table.as_deref(),
            _ => None,
        }
    }

    /// Why it was refused, if this says so.
    pub fn of(error: &DatabaseError) -> Option<Self> {
        error.driver()?.refusal(error.is_bad_value())
    }

    /// With the columns of a unique index, for which PostgreSQL's catalog is asked once.
    pub async fn complete(
        self,
        writers: &Writers,
        deadline: Instant,
    ) -> Result<Self, DatabaseError> {
        match self {
            Refusal::Unique {
                schema: Some(schema),
                table,
                constraint: Some(constraint),
                ..
            } => {
                let columns = writers.unique_columns(&schema, &constraint, deadline);
                Ok(Refusal::Unique {
                    columns: columns.await?,
                    schema: Some(schema),
                    table,
                    constraint: Some(constraint),
                })
            }
            known => Ok(known),
        }
    }
}
