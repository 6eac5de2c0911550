//! Transactions that write: what `write` needs of a database.

use std::sync::Arc;
use std::time::Duration;

use super::admission::Cost;
use super::{Connection, DatabaseError};
use crate::graph::Kind;
use crate::graph::keys::KeyValue;
use crate::read::encode::{self, Raw};
use crate::read::sql::BindValue;

/// A statement of a writer's, with what is bound to it and the kinds of what its rows give.
#[derive(Debug, Clone)]
pub struct Change {
    pub sql: Arc<str>,
    pub values: Vec<BindValue>,
    /// How many rows are bound.
    pub rows: usize,
    pub gives: Arc<[Kind]>,
}

/// A row of a statement, each value as keys are kept; `None` is null.
pub type Given = Vec<Option<KeyValue>>;

/// A value of a row of a statement.
pub(super) fn given(kind: &Kind, raw: &Raw<'_>) -> Result<Option<KeyValue>, DatabaseError> {
    match raw {
        Raw::Null => Ok(None),
        Raw::Int(i) if kind.is_integer() => Ok(Some(KeyValue::Int(*i))),
        raw => match encode::key_text(kind, raw) {
            Some(text) => Ok(Some(KeyValue::Text(text))),
            None => {
                let cause = "a value that was written cannot be read as its column's kind";
                Err(DatabaseError::Shape(cause.to_owned()))
            }
        },
    }
}

/// A statement of somebody else's: a hook's. What is bound is text to PostgreSQL, whatever it is there.
#[derive(Debug)]
pub struct Foreign {
    pub sql: Arc<str>,
    pub values: Vec<BindValue>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct ForeignRows {
    /// The names of columns, and their kinds as far as the database tells.
    pub columns: Vec<(String, Option<Kind>)>,
    pub rows: Vec<Vec<Option<KeyValue>>>,
    pub changed: u64,
    /// The key of the last row that SQLite has made.
    pub last_key: i64,
}

/// A transaction that writes. Payloads are read on it as on every connection.
pub trait Transaction: Connection {
    /// Runs a statement, and gives its rows.
    fn change(&self, change: &Change) -> impl Future<Output = Result<Vec<Given>, DatabaseError>>;

    /// Runs a statement that gives no rows, and what is to be behind it, which may be on its way before the statement is
    /// answered. Gives how many rows it has changed, and what came of the other: where the statement fails, nothing.
    fn change_before<R>(
        &self,
        change: &Change,
        behind: impl Future<Output = R>,
    ) -> impl Future<Output = Result<(u64, R), DatabaseError>>;

    /// Runs statements one after the other, which may be on their way before the first is answered. Gives the rows of each, up to
    /// the first that fails.
    fn change_all(
        &self,
        changes: &[Change],
    ) -> impl Future<Output = Vec<Result<Vec<Given>, DatabaseError>>> {
        async move {
            let mut all = Vec::new();
            for change in changes {
                all.push(self.change(change).await);
                if all.last().is_some_and(Result::is_err) {
                    break;
                }
            }
            all
        }
    }

    /// Runs a statement of somebody else's. `kind` is what is known of a column by its name, where the database does not tell.
    fn foreign(
        &self,
        statement: &Foreign,
        kind: impl Fn(&str) -> Option<Kind> + Send,
    ) -> impl Future<Output = Result<ForeignRows, DatabaseError>>;
}

/// What is expected of work that says nothing of it.
const SHORT: Duration = Duration::from_millis(1);

/// What is done in a transaction: once, or again from its beginning where others were in its way.
pub trait Work: Send + Sync + 'static {
    type Done: Send + 'static;
    type Refused: Send + 'static;

    /// Whether it waits for nothing but the database, and for that not long, so that others' work may be committed with it.
    fn is_brief(&self) -> bool;

    /// Whether it relies on what it only looks at, be it that there is no such row: nobody may change that meanwhile, so on
    /// PostgreSQL it is `SERIALIZABLE`.
    fn is_serial(&self) -> bool {
        false
    }

    /// Where it is learnt what it takes.
    fn cost(&self) -> Option<&Cost> {
        None
    }

    /// What it may take, where that is not learnt yet.
    fn guess(&self) -> Duration {
        SHORT
    }

    fn expected(&self) -> Duration {
        let learnt = self.cost().and_then(Cost::expected);
        learnt.unwrap_or_else(|| self.guess())
    }

    /// It was done, and took so long.
    fn took(&self, time: Duration) {
        self.cost().inspect(|cost| cost.learn(time));
    }

    /// It was not done in so long a time.
    fn exceeds(&self, time: Duration) {
        self.cost().inspect(|cost| cost.exceeds(time));
    }

    /// Gets ready to do it again, before another transaction begins.
    fn again(&self) -> impl Future<Output = ()> {
        async {}
    }

    fn attempt<T: Transaction>(
        &self,
        on: &T,
    ) -> impl Future<Output = Result<Self::Done, Abort<Self::Refused>>>;
}

/// Why a transaction is taken back.
#[derive(Debug)]
pub enum Abort<R> {
    Database(DatabaseError),
    Refused(R),
}

impl<R> From<DatabaseError> for Abort<R> {
    fn from(error: DatabaseError) -> Self {
        Abort::Database(error)
    }
}
