//! A transaction that writes, on a connection of its own for as long as it lasts.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio_postgres::error::SqlState;
use tokio_postgres::{RowStream, SimpleQueryMessage};

use super::asked::Asked;
use super::foreign;
use super::session::{Cancelled, Owner, Session};
use super::values::{self, Parameter};
use super::writers::PostgresWriters;
use crate::graph::{Catalog, Kind};
use crate::read::load::admission::Permit;
use crate::read::load::change::{Change, Foreign, ForeignRows, Given, Transaction};
use crate::read::load::rows::Rows;
use crate::read::load::{Connection, DatabaseError, Restart, Statement};
use crate::read::plan::Level;
use crate::read::sql::Dialect;
use crate::read::sql::forms::ColumnRef;

pub struct PostgresTransaction {
    writers: PostgresWriters,
    session: Arc<Session>,
    id: Owner,
    permit: Option<Permit>,
    /// Statements that were prepared before this time are prepared anew.
    since: Option<Instant>,
    /// It is as if it were alone.
    serial: bool,
    begun: AtomicBool,
    /// A statement has failed, and the transaction with it.
    is_over: AtomicBool,
    /// Why it could be done again, if that is why it has failed.
    again: Mutex<Option<Again>>,
    stage: Stage,
    /// What was asked, where somebody wants to hear of it.
    told: Option<Mutex<Vec<Arc<str>>>>,
}

/// Why a transaction that has failed may be done again from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Others were in its way.
    Conflict,
    /// It waited for others, and they for it.
    Deadlock,
    /// A statement that was prepared is not what it was.
    Stale,
    /// The connection has ended.
    CutOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Committing,
    /// Nothing is left to be done on the connection.
    Ended,
}

/// It ends with the transaction, and is not waited for in it: what it reads is of when it has begun. The number is the letters of
/// "writers" one after the other.
const TAKE_TURN: &str = "SELECT pg_try_advisory_xact_lock(33621319478506099)";

/// How long a COMMIT or ROLLBACK may take when time is over.
const ENDING: Duration = Duration::from_secs(5);

impl PostgresTransaction {
    pub fn new(
        writers: PostgresWriters,
        session: Arc<Session>,
        id: Owner,
        permit: Permit,
        since: Option<Instant>,
        serial: bool,
    ) -> Self {
        let listened = tracing::enabled!(target: "backref::postgres", tracing::Level::TRACE);
        PostgresTransaction {
            writers,
            session,
            id,
            permit: Some(permit),
            since,
            serial,
            begun: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            again: Mutex::new(None),
            stage: Stage::Open,
            told: listened.then(Mutex::default),
        }
    }

    /// Why it has failed, where it may be done again.
    pub fn again(&self) -> Option<Again> {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of its statements. What is done again is told once.
    pub fn tell(&self) {
        let told = self.told.iter();
        for sql in told.flat_map(|all| std::mem::take(&mut *super::lock(all))) {
            tracing::trace!(target: "backref::postgres", sql = &*sql);
        }
    }

    /// Commits what was done, if all of it was.
    pub async fn commit(&mut self, deadline: Instant) -> Result<(), DatabaseError> {
        if self.is_over() {
            let cause = "a statement of a transaction has failed, and it was to be committed";
            return Err(DatabaseError::Shape(cause.to_owned()));
        }
        if !self.begun.load(Ordering::Acquire) {
            return Ok(());
        }
        self.stage = Stage::Committing;
        let commit = self.session.client().batch_execute("COMMIT");
        let until = deadline.max(Instant::now() + ENDING);
        let asking = self.session.ask(self.id, || {}, commit);
        let error = match tokio::time::timeout_at(until.into(), asking).await {
            Ok((Ok(()), _)) => {
                self.stage = Stage::Ended;
                return Ok(());
            }
            Ok((Err(error), _)) => DatabaseError::from(error),
            Err(_) => return Err(DatabaseError::Unknown("COMMIT is not answered".to_owned())),
        };
        if error.is_cut_off() || error.sql_state().is_none() {
            return Err(DatabaseError::Unknown(error.said("COMMIT").why));
        }
        self.stage = Stage::Ended;
        Err(self.failed(error, None).at_commit())
    }

    /// Begins where it is its turn among the transactions of all servers that were in others' way. Otherwise it is as if
    /// it had not begun.
    pub async fn take_turn(&mut self) -> bool {
        let client = self.session.client();
        let asking = self.send(async { Ok(client.simple_query(TAKE_TURN).await?) });
        let is_true = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
            _ => false,
        };
        match asking.await {
            Ok(said) if !said.iter().any(is_true) => {}
            Ok(_) => return true,
            Err(error) => {
                // What comes next will find the same.
                self.failed(error, None);
                return true;
            }
        }
        self.roll_back().await;
        if self.stage == Stage::Ended {
            self.stage = Stage::Open;
            self.begun.store(false, Ordering::Release);
        }
        false
    }

    /// Takes back what was done.
    pub async fn roll_back(&mut self) {
        let quiet = self.stage == Stage::Open && self.session.waiting() == 0;
        if quiet && self.begun.load(Ordering::Acquire) {
            let back = self.session.client().batch_execute("ROLLBACK");
            let asking = self.session.ask(self.id, || {}, back);
            if let Ok((Ok(()), _)) = tokio::time::timeout(ENDING, asking).await {
                self.stage = Stage::Ended;
            }
        }
    }

    /// Asks a statement. With the first one the transaction begins, without a round trip of its own.
    async fn ask<T>(
        &self,
        sql: &Arc<str>,
        parameters: Vec<Parameter<'_>>,
        read: impl AsyncFnOnce(RowStream) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.ask_as(&self.asked(sql, parameters), read).await
    }

    fn asked<'s>(&'s self, sql: &'s Arc<str>, parameters: Vec<Parameter<'s>>) -> Asked<'s> {
        let mark = || self.writers.connector().mark(self.id);
        Asked::new(&self.session, sql, parameters, self.since, mark)
    }

    async fn ask_as<T>(
        &self,
        asked: &Asked<'_>,
        read: impl AsyncFnOnce(RowStream) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        if let Some(told) = &self.told {
            super::lock(told).push(asked.sql().clone());
        }
        let asking = async {
            if asked.is_to_be_prepared() {
                self.send(asked.prepare()).await?;
            }
            let answer = async { read(asked.found().await?).await };
            self.send(answer).await
        };
        let done = asking.await;
        done.map_err(|error| asked.explain(self.failed(error, Some(asked))))
    }

    /// Whether a statement is sent when it is first polled: nothing is to be prepared, or to begin before.
    fn sends_at_once(&self, asked: &Asked<'_>) -> bool {
        let has_begun = self.begun.load(Ordering::Acquire);
        asked.is_prepared() && (has_begun || !self.writers.connector().is_pooled())
    }

    async fn send<T>(
        &self,
        statement: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        let session = &self.session;
        if self.begun.swap(true, Ordering::AcqRel) {
            return session.ask(self.id, || {}, statement).await.0;
        }
        let connector = self.writers.connector();
        let begin = match self.serial {
            true => connector.begin_serial(),
            false => connector.begin(),
        };
        let begin = session.client().batch_execute(begin);
        if connector.is_pooled() {
            // Were it to fail, what follows would be no transaction.
            let (begun, _) = session.ask(self.id, || {}, begin).await;
            begun.map_err(not_begun)?;
            return session.ask(self.id, || {}, statement).await.0;
        }
        let both = in_order(begin, statement);
        let ((begun, done), _) = session.ask(self.id, || {}, both).await;
        begun.map_err(not_begun)?;
        done
    }

    /// Takes note of a failure, which ends the transaction.
    fn failed(&self, error: DatabaseError, asked: Option<&Asked<'_>>) -> DatabaseError {
        self.is_over.store(true, Ordering::Release);
        let again = match error.sql_state() {
            Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
                // Another's error is the cause.
                return DatabaseError::Restart {
                    why: Restart::Aborted,
                    cause: Some(Box::new(error)),
                };
            }
            _ if asked.is_some_and(|asked| asked.is_stale(&error)) => Again::Stale,
            Some(&SqlState::T_R_DEADLOCK_DETECTED) => Again::Deadlock,
            _ if error.is_conflict() => Again::Conflict,
            _ if error.is_cut_off() => Again::CutOff,
            _ => return error.into_shown(),
        };
        let mut known = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert(again);
        error
    }
}

/// Why a transaction could not begin.
fn not_begun(error: tokio_postgres::Error) -> DatabaseError {
    match error.code() {
        // As a standby refuses it.
        Some(&SqlState::FEATURE_NOT_SUPPORTED) => DatabaseError::ReadOnly(
            error
                .as_db_error()
                .map_or_else(String::new, |said| said.message().to_owned()),
        ),
        _ => error.into(),
    }
}

/// Runs two futures of the driver's of which the first sends first.
async fn in_order<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(|context| {
        if a.is_none()
            && let Poll::Ready(done) = first.as_mut().poll(context)
        {
            a = Some(done);
        }
        if b.is_none()
            && let Poll::Ready(done) = second.as_mut().poll(context)
        {
            b = Some(done);
        }
        match (a.take(), b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (one, other) => {
                (a, b) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

impl Connection for PostgresTransaction {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        let parameters = values::parameters(statement);
        let read = async |found| values::rows(catalog, level, statement, found).await;
        self.ask(&statement.sql.text, parameters, read).await
    }

    fn other_forms(
        &self,
        catalog: &Catalog,
        compared: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        Ok(self.session.collations.among(catalog, compared))
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

impl Transaction for PostgresTransaction {
    async fn change(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        let parameters = change.values.iter().map(Parameter::of).collect();
        let read = async |found| values::given(&change.gives, found).await;
        self.ask(&change.sql, parameters, read).await
    }

    async fn change_before<R>(
        &self,
        change: &Change,
        behind: impl Future<Output = R>,
    ) -> Result<(u64, R), DatabaseError> {
        let parameters = change.values.iter().map(Parameter::of).collect();
        let asked = self.asked(&change.sql, parameters);
        let asking = Box::pin(self.ask_as(&asked, values::changed));
        if self.sends_at_once(&asked) {
            let (changed, behind) = in_order(asking, behind).await;
            return Ok((changed?, behind));
        }
        Ok((asking.await?, behind.await))
    }

    async fn change_all(&self, changes: &[Change]) -> Vec<Result<Vec<Given>, DatabaseError>> {
        let asked = changes.iter().map(|change| {
            let parameters = change.values.iter().map(Parameter::of).collect();
            self.asked(&change.sql, parameters)
        });
        let asked: Vec<_> = asked.collect();
        let asking = asked.iter().zip(changes).map(|(asked, change)| {
            let read = async |found| values::given(&change.gives, found).await;
            Box::pin(self.ask_as(asked, read))
        });
        if asked.iter().all(|asked| self.sends_at_once(asked)) {
            let mut all = join_all(asking).await;
            // What comes behind one that failed has failed with it.
            let failed = all.iter().position(Result::is_err);
            all.truncate(failed.map_or(all.len(), |at| at + 1));
            return all;
        }
        let mut all = Vec::with_capacity(changes.len());
        for asking in asking {
            all.push(asking.await);
            if all.last().is_some_and(Result::is_err) {
                break;
            }
        }
        all
    }

    async fn foreign(
        &self,
        statement: &Foreign,
        _: impl Fn(&str) -> Option<Kind> + Send,
    ) -> Result<ForeignRows, DatabaseError> {
        let parameters = statement.values.iter().map(Parameter::of).collect();
        self.ask(&statement.sql, parameters, async |found| {
            foreign::rows(found).await
        })
        .await
    }
}

impl Drop for PostgresTransaction {
    /// Whoever has left has nothing done: what runs is cancelled, and what was done is taken back. A connection is used
    /// again where that is certain; one on which something was cancelled is not, for that may come late.
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let (writers, session) = (self.writers.clone(), self.session.clone());
        if self.stage == Stage::Ended || !self.begun.load(Ordering::Acquire) {
            return writers.give_back(session, permit);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (id, committing) = (self.id, self.stage == Stage::Committing);
        runtime.spawn(async move {
            let runs = session.waiting() > 0;
            if committing || session.client().is_closed() {
                let _ = tokio::time::timeout(ENDING, session.drain()).await;
            } else if runs {
                let until = Instant::now() + ENDING;
                while session.cancel(writers.connector(), id).await != Cancelled::Answered
                    && Instant::now() < until
                {}
            } else {
                let back = session.client().batch_execute("ROLLBACK");
                if let Ok(Ok(())) = tokio::time::timeout(ENDING, back).await {
                    return writers.give_back(session, permit);
                }
            }
            drop((session, permit));
        });
    }
}
