//! Where a graph is written, of either kind of database.

use std::sync::Arc;
use std::time::Instant;

use super::change::{Abort, Work};
use super::{DatabaseError, of_either};
use crate::read::sql::Dialect;

/// Where writes go.
#[derive(Clone)]
pub enum Writers {
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresWriters),
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::SqliteWriter),
}

impl Writers {
    pub fn dialect(&self) -> Dialect {
        of_either!(Writers, self, writers => writers.dialect())
    }

    /// Does work in a transaction and commits it. What it refuses, or an error of the database's, leaves no trace; nor does
    /// dropping this before it is committed.
    ///
    /// # Errors
    /// `DatabaseError::Unknown` where the connection was lost while it was committed; with every other, nothing was written.
    pub async fn run<W: Work>(
        &self,
        work: Arc<W>,
        deadline: Instant,
    ) -> Result<W::Done, Abort<W::Refused>> {
        of_either!(Writers, self, writers => writers.run(work, deadline).await)
    }

    /// The columns of a unique index, by its name; none where it is of expressions, or not there.
    pub async fn unique_columns(
        &self,
        schema: &str,
        index: &str,
        deadline: Instant,
    ) -> Result<Vec<String>, DatabaseError> {
        of_either!(Writers, self, writers => writers.unique_columns(schema, index, deadline).await)
    }
}
