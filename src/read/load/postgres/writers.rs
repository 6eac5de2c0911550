//! Connections that write: few, and each somebody's own for a transaction.
//!
//! A transaction reads one snapshot (`REPEATABLE READ`), so what it has looked at is what it changes, or it fails for having
//! been in another's way; one that relies on what it does not change is `SERIALIZABLE`, and fails for that as well. Then it is done
//! again from its beginning. Those that are done again go one after the other, those of other servers too (by an advisory lock), so
//! that they are in the way of no more than those that have just come. To find a deadlock takes PostgreSQL a second
//! (`deadlock_timeout`): where there was one, all go one after the other for as long again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, SimpleQueryMessage};

use super::connect::Connector;
use super::pool::PostgresPool;
use super::session::Session;
use super::transaction::{Again, PostgresTransaction};
use super::within;
use crate::graph::Kind;
use crate::graph::keys::KeyValue;
use crate::read::load::admission::{Admission, Capacity, Permit};
use crate::read::load::change::{Abort, Change, Given, Transaction, Work};
use crate::read::load::{DatabaseError, Restart};
use crate::read::sql::{BindValue, Dialect};

/// Connections to one database that write. They are made when first used.
#[derive(Clone)]
pub struct PostgresWriters(Arc<Shared>);

struct Shared {
    connector: Connector,
    /// Whose connections are given up where there may be no more.
    readers: PostgresPool,
    /// Whose transaction may begin: as many at a time, of which not all are large.
    admission: Arc<Admission>,
    idle: Mutex<Vec<Arc<Session>>>,
    /// What unique indexes are of, by their schemas and names.
    unique: Mutex<HashMap<(String, String), Vec<String>>>,
    /// Whose turn it is to do work again.
    contended: tokio::sync::Mutex<()>,
    /// When two last waited for each other, by the clock in µs.
    deadlocked: AtomicU64,
    next: AtomicU64,
    clock: Instant,
    /// When a statement was cancelled behind a pooler, in whatever session it ran.
    cancelled: Arc<AtomicU64>,
}

/// An expression has no column, and so no name.
const UNIQUE_COLUMNS: &str = "SELECT a.attname::text FROM pg_catalog.pg_index i \
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
    WHERE n.nspname = $1 AND c.relname = $2 AND k.place <= i.indnkeyatts ORDER BY k.place";

/// How often work is done at most.
const ATTEMPTS: u32 = 20;
/// How often for another reason than that others were in its way.
const ODD_ATTEMPTS: u32 = 2;
/// How long to wait until it is done again, at first and at most.
const PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// For how long all go one after the other where two waited for each other.
const DEADLOCK: Duration = Duration::from_secs(1);
/// Between two looks at whether it is its turn, or whether there is a connection.
const LOOK: Duration = Duration::from_millis(5);
/// How long a connection is waited for where there are as many as there may be.
const FULL: Duration = Duration::from_secs(5);
/// What work is expected to take that only looks.
const SHORT: Duration = Duration::from_millis(1);

impl PostgresWriters {
    /// `most` connections at most, to the database that a pool reads.
    pub fn beside(readers: PostgresPool, connector: Connector, most: usize) -> Self {
        let most = most.max(1);
        let admission = Admission::new(Capacity {
            all: most,
            hands: most,
            large: (most - 1).max(1),
            huge: most.div_ceil(2),
            beside_tiny: most,
            beside_quick: (most - 1).max(1),
            patience: None,
        });
        PostgresWriters(Arc::new(Shared {
            connector,
            readers,
            admission,
            idle: Mutex::default(),
            unique: Mutex::default(),
            contended: tokio::sync::Mutex::default(),
            deadlocked: AtomicU64::new(0),
            next: AtomicU64::new(0),
            clock: Instant::now(),
            cancelled: Arc::default(),
        }))
    }

    pub fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    /// Does work in a transaction and commits it: once, or again where others were in its way.
    pub async fn run<W: Work>(
        &self,
        work: Arc<W>,
        deadline: Instant,
    ) -> Result<W::Done, Abort<W::Refused>> {
        let mut tries = Tries::default();
        let mut turn = None;
        // When a statement was found to be prepared for what is no more.
        let mut since = None;
        loop {
            let contends = tries.conflicts > 0 || self.0.was_deadlocked();
            let until = Instant::now() + turn_of(deadline);
            if contends && turn.is_none() {
                let waiting = self.0.contended.lock();
                turn = tokio::time::timeout_at(until.into(), waiting).await.ok();
            }
            let mut transaction = self
                .begin(work.expected(), work.is_serial(), deadline, since)
                .await?;
            while turn.is_some() && !transaction.take_turn().await && Instant::now() < until {
                tokio::time::sleep(LOOK).await;
            }
            let began = Instant::now();
            let attempt = work.attempt(&transaction);
            let Ok(done) = tokio::time::timeout_at(deadline.into(), attempt).await else {
                work.exceeds(began.elapsed());
                transaction.tell();
                return Err(DatabaseError::TimedOut.into());
            };
            let error = match done {
                Ok(done) => match transaction.commit(deadline).await {
                    Ok(()) => {
                        work.took(began.elapsed());
                        transaction.tell();
                        return Ok(done);
                    }
                    Err(error) => Abort::Database(error),
                },
                Err(abort) => abort,
            };
            transaction.roll_back().await;
            let again = transaction.again();
            match again {
                Some(Again::Deadlock) => self.0.note_deadlock(),
                Some(Again::CutOff) => self.idle().clear(),
                Some(Again::Stale) => since = Some(Instant::now()),
                _ => {}
            }
            let pause = again.and_then(|again| tries.another(again));
            let pause = pause.filter(|pause| Instant::now() + *pause < deadline);
            let Some(pause) = pause else {
                transaction.tell();
                return Err(match (again, error) {
                    // Whatever the work made of that.
                    (Some(Again::Conflict | Again::Deadlock), error) => crowded(error),
                    (_, error) => error,
                });
            };
            drop(transaction);
            tracing::debug!(?tries, "a transaction is done again");
            tokio::time::sleep(pause).await;
            let ready = tokio::time::timeout_at(deadline.into(), work.again()).await;
            ready.map_err(|_| DatabaseError::TimedOut)?;
        }
    }

    /// The columns of a unique index, by the names of its schema and its own; none where it is of expressions, or not there.
    pub async fn unique_columns(
        &self,
        schema: &str,
        index: &str,
        deadline: Instant,
    ) -> Result<Vec<String>, DatabaseError> {
        let name = (schema.to_owned(), index.to_owned());
        if let Some(columns) = super::lock(&self.0.unique).get(&name) {
            return Ok(columns.clone());
        }
        let asked = Change {
            sql: UNIQUE_COLUMNS.into(),
            values: vec![
                BindValue::Text(schema.into()),
                BindValue::Text(index.into()),
            ],
            rows: 0,
            gives: [Kind::Text].into(),
        };
        let mut transaction = self.begin(SHORT, false, deadline, None).await?;
        let found = within(deadline, transaction.change(&asked)).await?;
        transaction.roll_back().await;
        let column = |row: Given| match row.into_iter().next() {
            Some(Some(KeyValue::Text(name))) => Some(String::from(name)),
            _ => None,
        };
        let columns: Option<Vec<String>> = found.into_iter().map(column).collect();
        let columns = columns.unwrap_or_default();
        super::lock(&self.0.unique).insert(name, columns.clone());
        Ok(columns)
    }

    pub fn connector(&self) -> &Connector {
        &self.0.connector
    }

    /// A transaction on a connection that nobody else uses, which asks nothing that was prepared before a time.
    async fn begin(
        &self,
        cost: Duration,
        serial: bool,
        deadline: Instant,
        since: Option<Instant>,
    ) -> Result<PostgresTransaction, DatabaseError> {
        let shared = &self.0;
        let beginning = async {
            let permit = shared.admission.enter(cost, deadline).await?;
            let session = self.connected().await?;
            let id = shared.next.fetch_add(1, Ordering::Relaxed);
            let writers = self.clone();
            Ok(PostgresTransaction::new(
                writers, session, id, permit, since, serial,
            ))
        };
        within(deadline, beginning).await
    }

    fn take(&self) -> Option<Arc<Session>> {
        let mut idle = self.idle();
        idle.retain(|session| session.is_fit());
        idle.pop()
    }

    /// A connection: one that was used before, or a new one. Where PostgreSQL allows no more, those who read give one up, or
    /// another's is waited for.
    async fn connected(&self) -> Result<Arc<Session>, DatabaseError> {
        let until = Instant::now() + FULL;
        loop {
            if let Some(session) = self.take() {
                return Ok(session);
            }
            match self.0.connector.connect().await {
                Ok(client) => return self.session(client).await,
                Err(error) if error.is_full && Instant::now() < until => {
                    self.0.readers.give_one_up();
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn session(&self, client: Client) -> Result<Arc<Session>, DatabaseError> {
        let shared = &self.0;
        if !shared.connector.is_pooled() {
            // From here on nothing is written but in a transaction that says so.
            let ask = "SHOW transaction_read_only; SET default_transaction_read_only = on";
            let said = client.simple_query(ask).await?;
            let is_on = |message: &SimpleQueryMessage| match message {
                SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
                _ => false,
            };
            if said.iter().any(is_on) {
                let cause = "it is a standby, or its transactions only read by default";
                return Err(DatabaseError::ReadOnly(cause.to_owned()));
            }
        }
        let connector = &shared.connector;
        let session = Session::over(client, connector, shared.clock, &shared.cancelled).await;
        Ok(Arc::new(session))
    }

    /// Takes a connection back on which nothing is left to be done.
    pub fn give_back(&self, session: Arc<Session>, permit: Permit) {
        if session.is_fit() {
            self.idle().push(session);
        }
        drop(permit);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        super::lock(&self.0.idle)
    }
}

impl Shared {
    fn note_deadlock(&self) {
        let now = self.clock.elapsed().as_micros() as u64;
        self.deadlocked.store(now.max(1), Ordering::Relaxed);
    }

    fn was_deadlocked(&self) -> bool {
        let at = self.deadlocked.load(Ordering::Relaxed);
        at > 0
            && self
                .clock
                .elapsed()
                .saturating_sub(Duration::from_micros(at))
                < DEADLOCK
    }
}

/// How long others that are done again may take before one that is to be done by then does not wait for them any more.
fn turn_of(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()) / 4
}

/// How often work was done in vain, and for what reasons.
#[derive(Debug, Default)]
struct Tries {
    conflicts: u32,
    cut_off: u32,
    stale: u32,
}

impl Tries {
    /// How long to wait before it is done again, if it is.
    fn another(&mut self, again: Again) -> Option<Duration> {
        let (count, most) = match again {
            Again::Conflict | Again::Deadlock => (&mut self.conflicts, ATTEMPTS),
            Again::CutOff => (&mut self.cut_off, ODD_ATTEMPTS),
            Again::Stale => (&mut self.stale, ODD_ATTEMPTS),
        };
        *count += 1;
        if *count >= most {
            return None;
        }
        Some(match again {
            Again::Conflict | Again::Deadlock => {
                let most = PAUSE.saturating_mul(1 << (*count - 1)).min(LONGEST_PAUSE);
                let chance = std::hash::RandomState::new().build_hasher().finish();
                most.mul_f64(0.5 + (chance % 1024) as f64 / 2048.0)
            }
            Again::CutOff | Again::Stale => Duration::ZERO,
        })
    }
}

/// Others were in the way to the end.
fn crowded<R>(abort: Abort<R>) -> Abort<R> {
    let cause = match abort {
        Abort::Database(error) if error.restart().is_some() => return error.into(),
        Abort::Database(error) => Some(Box::new(error)),
        Abort::Refused(_) => None,
    };
    let why = Restart::Aborted;
    DatabaseError::Restart { why, cause }.into()
}
