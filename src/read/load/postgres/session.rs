//! A connection to PostgreSQL, and what is known of the statements on their way.
//!
//! A statement is sent while others on its connection still wait for their answers, as the protocol allows
//! (pipelining). Answers come in the order of the statements, so the first that is unanswered is the one that runs.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use tokio_postgres::types::Type;
use tokio_postgres::{CancelToken, Client, Statement};

use super::collations::Collations;
use super::connect::Connector;
use crate::read::load::DatabaseError;

/// A connection nobody has used for so long is closed, and one as old as this, so that what a session
/// gathers at the server does not last.
const IDLE: Duration = Duration::from_secs(10 * 60);
const OLD: Duration = Duration::from_secs(30 * 60);
/// Statements that a session keeps prepared, and the bytes of their texts. A plan takes some 250 times as much of
/// PostgreSQL's memory as its text.
const STATEMENTS: usize = 500;
const TEXTS: u64 = 512 << 10;
/// A longer one is not kept: it would make many others leave.
const LONG: usize = 8 << 10;
/// After a statement of somebody was cancelled, how long another may be hit instead.
const CANCELLED: Duration = Duration::from_secs(2);

/// How long a cancellation has, until it is sent again.
const AGAIN: Duration = Duration::from_millis(150);

/// What came of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// All is answered.
    Answered,
    /// The other side has taken it, and something runs still.
    InVain,
    NotTaken,
}

/// Who sent a statement: a member of the pool, by its number.
pub type Owner = u64;

pub struct Session {
    client: Client,
    /// For how long statements are asked by name once they are prepared; `None` where none can be.
    keeps: Option<Duration>,
    statements: Mutex<Cache<Arc<str>, Prepared, Texts>>,
    line: Mutex<Line>,
    /// The length of the line.
    waiting: AtomicU32,
    /// When the statement that runs now began, or the last one ended, by the pool's clock in µs.
    since: AtomicU64,
    /// How long statements take, in µs: an average in which the last ones count the most.
    pace: AtomicU64,
    /// When we last cancelled a statement that may have been here, by the pool's clock in µs.
    cancelled: Arc<AtomicU64>,
    clock: Instant,
    pub opened: Instant,
    pub collations: Collations,
}

/// A statement that can be asked by its name.
#[derive(Clone)]
pub struct Prepared {
    pub statement: Statement,
    /// Since when: its parameters have the types that what they are compared with had then.
    since: Instant,
}

/// What a statement counts of [`TEXTS`]: its text, and no less than would make more than [`STATEMENTS`] of them.
#[derive(Clone)]
struct Texts;

impl Weighter<Arc<str>, Prepared> for Texts {
    fn weight(&self, sql: &Arc<str>, _: &Prepared) -> u64 {
        (sql.len() as u64).max(TEXTS.div_ceil(STATEMENTS as u64))
    }
}

/// The statements that are sent and not answered, in order, and the number of the first.
#[derive(Default)]
struct Line {
    owners: VecDeque<Owner>,
    first: u64,
}

/// How busy a connection is.
pub struct Load {
    pub waiting: u32,
    /// How long statements take, in µs.
    pub pace: u64,
}

impl Session {
    /// `cancelled` is shared with the sessions whose statements a cancellation may hit: behind a pooler with all others.
    pub async fn over(
        client: Client,
        connector: &Connector,
        clock: Instant,
        cancelled: &Arc<AtomicU64>,
    ) -> Self {
        let cancelled = match connector.is_pooled() {
            true => cancelled.clone(),
            false => Arc::default(),
        };
        Session {
            collations: connector.collations(&client).await,
            client,
            keeps: connector.keeps_statements(),
            statements: Mutex::new(Cache::with_weighter(STATEMENTS, TEXTS, Texts)),
            line: Mutex::default(),
            waiting: AtomicU32::new(0),
            since: AtomicU64::new(clock.elapsed().as_micros() as u64),
            pace: AtomicU64::new(0),
            cancelled,
            clock,
            opened: Instant::now(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether a statement is asked by name, for which it has to be prepared.
    pub fn keeps(&self, sql: &str) -> bool {
        self.keeps.is_some() && sql.len() <= LONG
    }

    /// The statement, if it is prepared, and has been no longer than it may be and since no other time than this one.
    pub fn prepared(&self, sql: &Arc<str>, since: Option<Instant>) -> Option<Prepared> {
        let prepared = self.statements().get(sql).cloned()?;
        let is_new = self
            .keeps
            .is_some_and(|keeps| prepared.since.elapsed() < keeps);
        (is_new && since.is_none_or(|since| prepared.since >= since)).then_some(prepared)
    }

    pub async fn prepare(&self, sql: &Arc<str>, types: &[Type]) -> Result<Prepared, DatabaseError> {
        let since = Instant::now();
        let statement = self.client.prepare_typed(sql, types).await?;
        let prepared = Prepared { statement, since };
        self.statements().insert(sql.clone(), prepared.clone());
        Ok(prepared)
    }

    /// Forgets a statement as it was prepared, whose tables have changed since.
    pub fn forget(&self, sql: &Arc<str>, prepared: &Prepared) {
        let mut statements = self.statements();
        if statements
            .get(sql)
            .is_some_and(|known| known.since <= prepared.since)
        {
            statements.remove(sql);
        }
    }

    /// Sends what needs no answer: a transaction's beginning or its end. What is wrong with it is seen by the
    /// statements that follow.
    pub fn tell(&self, sql: &str) {
        // The driver sends when it is first polled, and throws away an answer that nobody waits for.
        let _ = self.client.batch_execute(sql).now_or_never();
    }

    /// Runs a future of the driver's, which sends its statement when it is first polled, and tells then. Gives how
    /// long the statement took, too, in µs.
    pub async fn ask<T>(
        self: &Arc<Self>,
        owner: Owner,
        on_sent: impl Fn(),
        statement: impl Future<Output = T>,
    ) -> (T, u64) {
        let mut statement = pin!(statement);
        let mut sent: Option<Sent> = None;
        let done = poll_fn(|context| {
            if sent.is_some() {
                return statement.as_mut().poll(context);
            }
            // Numbers are in the order of sending.
            let mut line = self.line();
            sent = Some(Sent {
                number: line.first + line.owners.len() as u64,
                session: self.clone(),
                answered: false,
            });
            if line.owners.is_empty() {
                self.since.store(self.now(), Ordering::Relaxed);
            }
            line.owners.push_back(owner);
            self.waiting
                .store(line.owners.len() as u32, Ordering::Release);
            let polled = statement.as_mut().poll(context);
            drop(line);
            on_sent();
            polled
        })
        .await;
        let took = sent.map_or(0, Sent::answered);
        (done, took)
    }

    /// Whose statement runs now, and for how long it has.
    pub fn running(&self) -> Option<(Owner, Duration)> {
        let owner = *self.line().owners.front()?;
        Some((owner, self.idle_for()))
    }

    /// The number of the statement that runs now.
    pub fn front(&self) -> u64 {
        self.line().first
    }

    /// Whether a statement of somebody's is not answered yet.
    pub fn awaits(&self, owner: Owner) -> bool {
        self.line().owners.contains(&owner)
    }

    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Acquire)
    }

    pub fn load(&self) -> Load {
        Load {
            waiting: self.waiting(),
            pace: self.pace.load(Ordering::Relaxed),
        }
    }

    /// Whether a new statement may be sent on it.
    pub fn is_fit(&self) -> bool {
        let done = self.waiting() == 0 && (self.idle_for() > IDLE || self.opened.elapsed() > OLD);
        !done && !self.client.is_closed()
    }

    /// What cancels the statement that runs, which is then no news to those whom it hits instead.
    fn canceller(&self) -> CancelToken {
        self.cancelled.store(self.now().max(1), Ordering::Relaxed);
        self.client.cancel_token()
    }

    /// Whether a statement may have been cancelled in the place of another.
    pub fn was_cancelled(&self) -> bool {
        let at = self.cancelled.load(Ordering::Relaxed);
        at > 0 && self.now().saturating_sub(at) < CANCELLED.as_micros() as u64
    }

    /// Cancels what runs for this owner, and waits a little for all that has been sent to be answered. One that comes
    /// between two statements ends none, so it is asked for until one has.
    pub async fn cancel(&self, connector: &Connector, owner: Owner) -> Cancelled {
        let cancelled = connector.cancel(self.canceller(), owner).await;
        if let Err(error) = &cancelled {
            tracing::debug!(%error, "a statement cannot be cancelled");
        }
        match tokio::time::timeout(AGAIN, self.drain()).await {
            Ok(()) => Cancelled::Answered,
            Err(_) if cancelled.is_ok() => Cancelled::InVain,
            Err(_) => Cancelled::NotTaken,
        }
    }

    /// Waits until all that has been sent is answered.
    pub async fn drain(&self) {
        // An error means that the connection has ended.
        let _ = self.client.check_connection().await;
    }

    fn statements(&self) -> MutexGuard<'_, Cache<Arc<str>, Prepared, Texts>> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_micros() as u64
    }

    fn idle_for(&self) -> Duration {
        Duration::from_micros(
            self.now()
                .saturating_sub(self.since.load(Ordering::Relaxed)),
        )
    }

    /// The statement with this number is answered, or has failed, and so are those before it. Gives how long it
    /// took, in µs.
    fn answered(&self, number: u64) -> u64 {
        let mut line = self.line();
        if number < line.first {
            return 0;
        }
        let done = (number + 1 - line.first).min(line.owners.len() as u64);
        line.owners.drain(..done as usize);
        line.first = number + 1;
        self.waiting
            .store(line.owners.len() as u32, Ordering::Release);
        let now = self.now();
        let took = now.saturating_sub(self.since.swap(now, Ordering::Relaxed)) / done.max(1);
        drop(line);
        // One that takes very long says little about the others.
        let counted = took.min(super::pool::PATIENCE.as_micros() as u64);
        let pace = self.pace.load(Ordering::Relaxed);
        self.pace
            .store((pace * 15 + counted) / 16, Ordering::Relaxed);
        took
    }
}

/// A statement that is on its way.
struct Sent {
    session: Arc<Session>,
    number: u64,
    answered: bool,
}

impl Sent {
    fn answered(mut self) -> u64 {
        self.answered = true;
        self.session.answered(self.number)
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // Nobody waits for the answer any more, but it must come before the next one can.
        let (session, number) = (self.session.clone(), self.number);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            session.answered(number);
            return;
        };
        runtime.spawn(async move {
            session.drain().await;
            session.answered(number);
        });
    }
}
