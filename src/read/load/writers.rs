//! Where a graph is written, of either kind of database.

use std::sync::Arc;
use std::time::Instant;

use super::change::{Abort, Work};
use super::postgres::PostgresWriters;
use super::sqlite::SqliteWriter;

/// Where writes go.
#[derive(Clone)]
pub enum Writers {
    Postgres(PostgresWriters),
    Sqlite(SqliteWriter),
}

impl Writers {
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
        match self {
            Writers::Postgres(writers) => writers.run(&*work, deadline).await,
            Writers::Sqlite(writer) => writer.run(work, deadline).await,
        }
    }
}
