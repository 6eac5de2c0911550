//! PostgreSQL connections that requests share.
//!
//! A statement is sent while others on its connection still wait for their answers, as the protocol allows
//! (pipelining): under load a few connections carry many requests, PostgreSQL finds its next statement
//! already there, and what is written and read is written and read together.
//!
//! Answers come in the order of the statements, so a slow one holds up those behind it. Hence a statement
//! goes to one of the few connections where the fewest wait, and to a further one where they would wait too
//! long; it never goes behind one that has taken longer than [`PATIENCE`]; and where the one before it turns
//! out to be slow, it is asked again on a connection where nothing waits. That happens once to a statement at
//! most, and these only read.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::unsync::Cache;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use super::connect::Connector;
use crate::read::load::DatabaseError;

/// How long a statement may take before those behind it go elsewhere.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long statements may wait on a connection, by how long they take there, before a further one is used. All
/// statements together take about as long however many connections run them, once the server is busy; so where
/// they are answered within this time, few connections do, and the others are not needed any more.
const QUEUE: Duration = Duration::from_millis(20);
/// Statements that wait on one connection at most before a further one is used.
const DEEP: u32 = 16;
/// Requests that load at the same time, for each connection that may be opened; more wait in line.
const REQUESTS_PER_CONNECTION: usize = 16;
/// How long a request waits in line.
const IN_LINE: Duration = Duration::from_secs(10);
/// After a refused connection, how long no other is tried.
const REFUSED_FOR: Duration = Duration::from_millis(500);
/// A connection nobody has used for so long is closed, and one as old as this, so that what a session
/// gathers at the server does not last.
const IDLE: Duration = Duration::from_secs(10 * 60);
const OLD: Duration = Duration::from_secs(30 * 60);
/// Statements that a session keeps prepared.
const STATEMENTS: usize = 500;

/// Connections to one database.
#[derive(Clone)]
pub struct PostgresPool(Arc<Shared>);

struct Shared {
    connector: Connector,
    /// As many are opened at most.
    most: usize,
    /// As many are opened before requests share one.
    few: usize,
    sessions: Mutex<Sessions>,
    /// A connection was opened, or refused.
    changed: Notify,
    requests: Semaphore,
    clock: Instant,
}

#[derive(Default)]
struct Sessions {
    open: Vec<Arc<Session>>,
    opening: usize,
    refused: Option<(Instant, Arc<str>)>,
}

/// A connection, and what is prepared on it.
pub struct Session {
    client: Client,
    statements: Mutex<Cache<Arc<str>, Statement>>,
    /// Turns taken and not given back.
    waiting: AtomicU32,
    /// Statements sent. The lock is held while one is, so that numbers are in the order of sending.
    sent: Mutex<u32>,
    answered: AtomicU32,
    /// When the statement that runs now began, or the last one ended, by the pool's clock in µs.
    since: AtomicU64,
    /// How long statements take, in µs: an average in which the last ones count the most.
    pace: AtomicU64,
    clock: Instant,
    opened: Instant,
}

/// The right to send one statement on a connection.
pub struct Turn {
    pub session: Arc<Session>,
    /// Which of the connection's statements it is, once it is sent.
    number: OnceLock<u32>,
    answered: bool,
}

enum Choice {
    Use(Turn),
    /// A connection is being opened, or all are slow.
    Wait,
}

/// Whom a statement may be sent behind.
#[derive(PartialEq, Eq)]
enum Behind {
    Nobody,
    Others,
}

/// How busy a connection is.
struct Load {
    waiting: u32,
    /// What runs now holds up what waits.
    slow: bool,
    /// How long statements take, in µs.
    pace: u64,
}

impl Load {
    /// Whether one more statement is soon answered.
    fn has_room(&self) -> bool {
        let queue = QUEUE.as_micros() as u64 / self.pace.max(1);
        !self.slow && u64::from(self.waiting) < queue.clamp(1, DEEP.into())
    }
}

/// Where the fewest wait among the first few; where these have no room, the first of the others that has.
/// So few are kept warm, and the others grow old when they are not needed.
fn best(loads: impl Iterator<Item = Load>, few: usize) -> Option<usize> {
    let mut best = None;
    for (i, load) in loads.enumerate() {
        if i >= few && best.is_some() {
            break;
        }
        let waiting = load.waiting;
        if load.has_room() && best.is_none_or(|(_, least)| waiting < least) {
            best = Some((i, waiting));
        }
    }
    best.map(|(i, _)| i)
}

impl PostgresPool {
    /// Connects when it is first asked to.
    pub fn new(connector: Connector, most: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let most = most.max(1);
        PostgresPool(Arc::new(Shared {
            connector,
            most,
            few: most.min(2 * cores),
            sessions: Mutex::default(),
            changed: Notify::new(),
            requests: Semaphore::new(most * REQUESTS_PER_CONNECTION),
            clock: Instant::now(),
        }))
    }

    /// A request's admission.
    pub async fn enter(&self) -> Result<SemaphorePermit<'_>, DatabaseError> {
        if let Ok(permit) = self.0.requests.try_acquire() {
            return Ok(permit);
        }
        let waited = tokio::time::timeout(IN_LINE, self.0.requests.acquire()).await;
        let busy = || DatabaseError::Unreachable(format!("all connections busy for {IN_LINE:?}"));
        waited.map_err(|_| busy())?.map_err(|_| busy())
    }

    /// Sends nothing more on connections that were opened before this time.
    pub fn distrust(&self, before: Instant) {
        self.0.sessions().open.retain(|s| s.opened >= before);
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let turn = self.turn().await?;
        turn.send(turn.session.client.check_connection()).await?;
        turn.give_back();
        Ok(())
    }

    /// The best place for a statement now.
    pub async fn turn(&self) -> Result<Turn, DatabaseError> {
        loop {
            let changed = self.0.changed.notified();
            match self.choose(Behind::Others)? {
                Choice::Use(turn) => return Ok(turn),
                Choice::Wait => changed.await,
            }
        }
    }

    /// Waits until a turn is held up by somebody else's, and gives another one elsewhere. Never, if it is not.
    pub async fn overtake(&self, turn: &Turn) -> Result<Turn, DatabaseError> {
        while !turn.is_first() {
            tokio::time::sleep(PATIENCE).await;
            if turn.session.is_slow(self.0.now())
                && !turn.is_first()
                && let Choice::Use(turn) = self.choose(Behind::Nobody)?
            {
                return Ok(turn);
            }
        }
        std::future::pending().await
    }

    fn choose(&self, behind: Behind) -> Result<Choice, DatabaseError> {
        let shared = &self.0;
        let now = shared.now();
        let mut sessions = shared.sessions();
        sessions.open.retain(|session| session.is_fit(now));
        let best = match behind {
            Behind::Nobody => sessions.open.iter().position(|s| s.waiting() == 0),
            Behind::Others => best(sessions.open.iter().map(|s| s.load(now)), shared.few),
        };
        let best = best.map(|i| sessions.open[i].clone());
        let total = sessions.open.len() + sessions.opening;
        let refused = sessions.refused.as_ref();
        let refused = refused.filter(|(at, _)| at.elapsed() < REFUSED_FOR);
        let may_open = total < shared.most && refused.is_none();
        if let Some(best) = best {
            if best.waiting() > 0 && may_open && total < shared.few {
                self.open_one(&mut sessions);
            }
            return Ok(Choice::Use(Turn::take(&best, now)));
        }
        if may_open {
            self.open_one(&mut sessions);
            return Ok(Choice::Wait);
        }
        let all = sessions.open.iter();
        match all.min_by_key(|s| (s.is_slow(now), s.waiting())) {
            Some(shortest) if behind == Behind::Others => {
                Ok(Choice::Use(Turn::take(shortest, now)))
            }
            Some(_) => Ok(Choice::Wait),
            None => match refused {
                Some((_, cause)) => Err(DatabaseError::Unreachable(cause.to_string())),
                None => Ok(Choice::Wait),
            },
        }
    }

    /// Opens a connection, whether or not whoever asked for it still waits.
    fn open_one(&self, sessions: &mut Sessions) {
        sessions.opening += 1;
        let pool = self.clone();
        tokio::spawn(async move {
            let shared = &pool.0;
            let opened = shared.connector.connect().await;
            let mut sessions = shared.sessions();
            sessions.opening -= 1;
            match opened {
                Ok(client) => {
                    let session = Session::new(client, shared.clock);
                    sessions.open.push(Arc::new(session));
                    sessions.refused = None;
                }
                Err(error) => {
                    tracing::warn!(%error, open = sessions.open.len(), "cannot open a connection");
                    sessions.refused = Some((Instant::now(), error.to_string().into()));
                }
            }
            drop(sessions);
            shared.changed.notify_waiters();
        });
    }
}

impl Shared {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_micros() as u64
    }
}

impl Session {
    fn new(client: Client, clock: Instant) -> Self {
        Session {
            client,
            statements: Mutex::new(Cache::new(STATEMENTS)),
            waiting: AtomicU32::new(0),
            sent: Mutex::new(0),
            answered: AtomicU32::new(0),
            since: AtomicU64::new(clock.elapsed().as_micros() as u64),
            pace: AtomicU64::new(0),
            clock,
            opened: Instant::now(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The statement, if it is prepared.
    pub fn prepared(&self, sql: &Arc<str>) -> Option<Statement> {
        self.statements().get(sql).cloned()
    }

    pub async fn prepare(&self, sql: &Arc<str>, types: &[Type]) -> Result<(), DatabaseError> {
        let statement = self.client.prepare_typed(sql, types).await?;
        self.statements().insert(sql.clone(), statement);
        Ok(())
    }

    /// Forgets a statement, whose tables have changed since it was prepared.
    pub fn forget(&self, sql: &Arc<str>) -> bool {
        self.statements().remove(sql).is_some()
    }

    fn statements(&self) -> MutexGuard<'_, Cache<Arc<str>, Statement>> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Acquire)
    }

    fn idle_for(&self, now: u64) -> Duration {
        Duration::from_micros(now.saturating_sub(self.since.load(Ordering::Relaxed)))
    }

    fn is_slow(&self, now: u64) -> bool {
        self.waiting() > 0 && self.idle_for(now) > PATIENCE
    }

    fn load(&self, now: u64) -> Load {
        Load {
            waiting: self.waiting(),
            slow: self.is_slow(now),
            pace: self.pace.load(Ordering::Relaxed),
        }
    }

    /// A statement is answered, or has failed.
    fn answered(&self) {
        let now = self.clock.elapsed().as_micros() as u64;
        let took = now.saturating_sub(self.since.swap(now, Ordering::Relaxed));
        // One that takes very long says little about the others.
        let took = took.min(PATIENCE.as_micros() as u64);
        let pace = self.pace.load(Ordering::Relaxed);
        self.pace.store((pace * 15 + took) / 16, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::AcqRel);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether a new statement may be sent on it.
    fn is_fit(&self, now: u64) -> bool {
        let done =
            self.waiting() == 0 && (self.idle_for(now) > IDLE || self.opened.elapsed() > OLD);
        !done && !self.client.is_closed()
    }
}

impl Turn {
    /// Called by whoever holds the lock on all sessions, so that two do not take one for free.
    fn take(session: &Arc<Session>, now: u64) -> Self {
        if session.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            session.since.store(now, Ordering::Relaxed);
        }
        Turn {
            session: session.clone(),
            number: OnceLock::new(),
            answered: false,
        }
    }

    /// Runs a future of the driver's, which sends its statement when it is first polled.
    pub async fn send<T>(&self, statement: impl Future<Output = T>) -> T {
        let mut statement = pin!(statement);
        poll_fn(|context| {
            if self.number.get().is_some() {
                return statement.as_mut().poll(context);
            }
            let sent = &self.session.sent;
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            self.number.get_or_init(|| *sent);
            *sent = sent.wrapping_add(1);
            statement.as_mut().poll(context)
        })
        .await
    }

    /// Whether nobody else's statement is before it.
    fn is_first(&self) -> bool {
        let answered = self.session.answered.load(Ordering::Acquire);
        let number = self.number.get();
        number.is_some_and(|number| answered.wrapping_sub(*number) as i32 >= 0)
    }

    /// The statement is answered.
    pub fn give_back(mut self) {
        self.answered = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let session = self.session.clone();
        if self.number.get().is_none() {
            session.waiting.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        if self.answered {
            return session.answered();
        }
        // Nobody waits for the answer any more, but it must come before the next one can.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return session.answered();
        };
        runtime.spawn(async move {
            // An error means that the connection has ended.
            let _ = session.client.check_connection().await;
            session.answered();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(loads: &[(u32, u64)]) -> Option<usize> {
        let load = |&(waiting, pace)| Load {
            waiting,
            slow: pace > PATIENCE.as_micros() as u64,
            pace,
        };
        best(loads.iter().map(load), 2)
    }

    #[test]
    fn few_connections_carry_what_is_quick() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[(0, 0), (0, 0)]), Some(0));
        assert_eq!(chosen(&[(1, 0), (0, 0)]), Some(1));
        // However idle the others are.
        assert_eq!(chosen(&[(9, 500), (8, 500), (0, 0)]), Some(1));
        assert_eq!(chosen(&[(16, 500), (15, 500), (0, 0)]), Some(1));
    }

    #[test]
    fn further_ones_carry_what_would_wait_too_long() {
        assert_eq!(chosen(&[(16, 500), (16, 500), (3, 0), (0, 0)]), Some(2));
        // Five of 4 ms are answered in 20.
        assert_eq!(chosen(&[(4, 4_000), (4, 4_000), (0, 0)]), Some(0));
        assert_eq!(chosen(&[(5, 4_000), (5, 4_000), (0, 4_000)]), Some(2));
        assert_eq!(
            chosen(&[(5, 4_000), (5, 4_000), (5, 4_000), (1, 4_000)]),
            Some(3)
        );
        // Nothing goes behind one that takes long, but to where nothing waits.
        assert_eq!(chosen(&[(1, 60_000), (1, 30_000), (1, 0)]), Some(2));
        assert_eq!(chosen(&[(1, 60_000), (0, 30_000), (1, 0)]), Some(1));
        assert_eq!(chosen(&[(16, 500), (1, 60_000)]), None);
    }
}
