//! What both kinds of databases can be asked for (`load::Database`, `load::Writers`), of SQLite.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Sqlite;
use super::pool::SqlitePool;
use super::writer::SqliteWriter;
use crate::read::load::change::{Change, Given};
use crate::read::load::{self, DatabaseError, Failures, Wanted};
use crate::read::sql::Dialect;

/// How long what a request has loaded when its time is over may take to be written.
const WRITING: Duration = Duration::from_millis(200);

impl SqlitePool {
    pub fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// Whether a statement is answered in time.
    pub async fn ping(&self, patience: Duration) -> Result<(), DatabaseError> {
        let deadline = Instant::now() + patience;
        let learnt = Arc::default();
        self.run(deadline, &learnt, |connection| connection.ping())
            .await
    }

    /// See [`Database::ask`](load::Database::ask).
    pub async fn ask(
        &self,
        question: Change,
        deadline: Instant,
    ) -> Result<Vec<Given>, DatabaseError> {
        let learnt = Arc::default();
        let work = move |connection: &mut Sqlite| connection.ask(&question);
        self.run(deadline, &learnt, work).await
    }

    /// See [`Database::load`](load::Database::load).
    pub async fn answer<W: Wanted>(
        &self,
        wanted: W,
        deadline: Instant,
    ) -> Result<W::Done, DatabaseError> {
        let learnt = wanted.learnt().clone();
        let work = move |connection: &mut Sqlite| {
            let (catalog, failures) = (wanted.catalog(), Failures::default());
            let (bound, learnt) = (wanted.bound(), wanted.learnt());
            let loading = load::load(catalog, bound, learnt, &failures, deadline, connection);
            let loaded = Sqlite::complete(loading)?;
            match connection.is_unfinished() {
                true => Err(DatabaseError::TimedOut),
                false => Ok(wanted.done(loaded)),
            }
        };
        // Its statements stop at the deadline, and what was loaded by then is written after it.
        let ends = tokio::time::Instant::from_std(deadline) + WRITING;
        let ran = tokio::time::timeout_at(ends, self.run(deadline, &learnt, work)).await;
        ran.unwrap_or(Err(DatabaseError::TimedOut))
    }
}

impl SqliteWriter {
    pub fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// None: SQLite's errors do not name the index, but its columns.
    pub async fn unique_columns(
        &self,
        _schema: &str,
        _index: &str,
        _deadline: Instant,
    ) -> Result<Vec<String>, DatabaseError> {
        Ok(Vec::new())
    }
}
