//! The database that a graph is read from, of either kind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::DatabaseError;
use super::postgres::PostgresPool;
use super::sqlite::SqlitePool;
use crate::read::sql::Dialect;

/// Where reads go.
#[derive(Clone)]
pub enum Database {
    Postgres(PostgresPool),
    Sqlite(SqlitePool),
}

impl Database {
    pub fn dialect(&self) -> Dialect {
        match self {
            Database::Postgres(_) => Dialect::Postgres,
            Database::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Whether a statement can be run now, on a connection of those that requests use.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        match self {
            Database::Postgres(pool) => {
                let late = |_| DatabaseError::Unreachable(format!("no answer in {PATIENCE:?}"));
                let answered = tokio::time::timeout(PATIENCE, pool.ping()).await;
                answered.map_err(late)?
            }
            Database::Sqlite(pool) => {
                let deadline = Instant::now() + PATIENCE;
                let learnt = Arc::default();
                pool.run(deadline, &learnt, |connection| connection.ping())
                    .await
            }
        }
    }
}

/// How long to wait for a ping's answer.
const PATIENCE: Duration = Duration::from_secs(10);
