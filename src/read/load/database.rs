//! The database that a graph is read from, of either kind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::change::{Change, Given};
use super::{DatabaseError, Learnt, Loaded};
use crate::graph::Catalog;
use crate::read::plan::BoundPlan;
use crate::read::sql::Dialect;

/// Where reads go. There is one for each driver that is compiled in.
#[derive(Clone)]
pub enum Database {
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresPool),
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::SqlitePool),
}

/// Does the same with whichever database it is.
macro_rules! of_either {
    ($kind:ident, $which:expr, $it:pat => $done:expr) => {
        match $which {
            #[cfg(feature = "postgres")]
            $kind::Postgres($it) => $done,
            #[cfg(feature = "sqlite")]
            $kind::Sqlite($it) => $done,
        }
    };
}
pub(crate) use of_either;

/// What is to be loaded, and what becomes of it. It is asked on whichever thread has the connection.
pub trait Wanted: Send + Sync + 'static {
    type Done: Send + 'static;

    fn catalog(&self) -> &Catalog;

    fn bound(&self) -> &BoundPlan;

    fn learnt(&self) -> &Arc<Learnt>;

    /// What is made of all levels once they are loaded. It may be done again with others, if loading begins again.
    fn done(&self, loaded: Vec<Loaded>) -> Self::Done;
}

impl Database {
    pub fn dialect(&self) -> Dialect {
        of_either!(Database, self, pool => pool.dialect())
    }

    /// Whether a statement can be run now, on a connection of those that requests use.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        of_either!(Database, self, pool => pool.ping(PATIENCE).await)
    }

    /// Runs one statement that changes nothing, and gives its rows.
    pub async fn ask(
        &self,
        question: Change,
        deadline: Instant,
    ) -> Result<Vec<Given>, DatabaseError> {
        of_either!(Database, self, pool => pool.ask(question, deadline).await)
    }

    /// Loads every level of a request from one moment of the database.
    pub async fn load<W: Wanted>(
        &self,
        wanted: W,
        deadline: Instant,
    ) -> Result<W::Done, DatabaseError> {
        of_either!(Database, self, pool => pool.answer(wanted, deadline).await)
    }
}

/// How long to wait for a ping's answer.
const PATIENCE: Duration = Duration::from_secs(10);
