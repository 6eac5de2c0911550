//! SQLite through rusqlite.
//!
//! SQLite answers in the calling thread, so a request's whole work is one job for one thread, in one read
//! transaction: no row crosses a channel, and every level sees the same data. Handing a job to another thread
//! costs as much as a small query does, so what is quick runs where it is asked. What turns out not to be is
//! stopped before it holds up that thread's other requests, and runs again on a thread of its own.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::ValueRef;
use rusqlite::{OpenFlags, ToSql};

use super::learnt::Slow;
use super::pack::{PackRows, unpack};
use super::rows::{Rows, RowsBuilder};
use super::{Connection, DatabaseError, Statement};
use crate::graph::keys::KeyColumn;
use crate::graph::{Catalog, Kind};
use crate::read::encode::Raw;
use crate::read::plan::Level;
use crate::read::sql::{BindValue, Dialect};

type Job = Box<dyn FnOnce(&mut Sqlite) + Send>;

/// Connections to one database file, some with threads of their own.
#[derive(Clone)]
pub struct SqlitePool {
    /// For the threads.
    jobs: Sender<Job>,
    /// For quick work, wherever it is asked.
    quick: Arc<[Mutex<Sqlite>]>,
}

/// What work may take where it is asked, in steps of SQLite's machine: about a millisecond. A clock would take a
/// busy machine for slow work.
const QUICK: i32 = 50_000;

/// One connection, for the length of a request.
pub struct Sqlite {
    connection: rusqlite::Connection,
    /// Whether SQLite says what it runs, which costs where nobody listens.
    traced: bool,
    /// The deadline of work that is tried where it is asked.
    trial: Option<Instant>,
    /// Why a trial has come to nothing.
    unfinished: Cell<Option<Unfinished>>,
}

/// What work that is tried where it is asked does not wait for. It is done again on a thread of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfinished {
    Slow,
    /// A writer is in the way.
    Locked,
}

impl SqlitePool {
    /// Opens `connections` connections to an existing file, each on its own thread, and as many for quick work.
    /// They only read.
    pub fn open(path: &Path, connections: usize) -> Result<Self, DatabaseError> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for i in 0..connections.max(1) {
            let connection = open(path, WAIT_FOR_WRITERS)?;
            let receiver = receiver.clone();
            std::thread::Builder::new()
                .name(format!("sqlite-{i}"))
                .spawn(move || work(connection, &receiver))
                .map_err(|e| DatabaseError::Shape(format!("cannot start a thread: {e}")))?;
        }
        let quick = (0..connections.max(1)).map(|_| open(path, Duration::ZERO).map(Mutex::new));
        Ok(SqlitePool {
            jobs,
            quick: quick.collect::<Result<_, _>>()?,
        })
    }

    /// Runs `work` with a connection, inside one read transaction, which SQLite leaves at the deadline: here if
    /// it is quick, which `slow` keeps in mind, else on a thread of its own.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        slow: &Slow,
        work: impl Fn(&mut Sqlite) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        if !slow.is_known()
            && let Some(done) = self.run_here(deadline, slow, &work)
        {
            return done;
        }
        let (answer, answered) = tokio::sync::oneshot::channel();
        let span = tracing::Span::current();
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        let job: Job = Box::new(move |connection| {
            tracing::dispatcher::with_default(&subscriber, || {
                let result =
                    span.in_scope(|| connection.transaction(deadline, over(deadline), work));
                let _ = answer.send(result);
            });
        });
        let gone = || DatabaseError::Shape("a SQLite thread ended".to_owned());
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Runs quick work in this thread; `None` if it is not quick, or no connection is free.
    fn run_here<T>(
        &self,
        deadline: Instant,
        slow: &Slow,
        work: impl FnOnce(&mut Sqlite) -> Result<T, DatabaseError>,
    ) -> Option<Result<T, DatabaseError>> {
        // Each thread begins at another one, whose pages and statements are in its processor's cache.
        let (before, after) = self.quick.split_at(THREAD.with(|n| n % self.quick.len()));
        let mut all = after.iter().chain(before);
        let free = all.find_map(|one| match one.try_lock() {
            Ok(connection) => Some(connection),
            Err(TryLockError::Poisoned(left)) => Some(left.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let mut connection = free?;
        if !connection.connection.is_autocommit() {
            // A panic left it.
            let _ = connection.connection.execute_batch("ROLLBACK");
        }
        TRIED.set(is_traced().then(Vec::new));
        let mut steps = 0;
        let stop = move || {
            steps += STEPS;
            steps > QUICK || Instant::now() > deadline
        };
        connection.trial = Some(deadline);
        connection.unfinished.take();
        let done = connection.transaction(deadline, stop, work);
        connection.trial = None;
        if let Err(error) = &done {
            connection.note(deadline, error);
        }
        let tried = TRIED.take();
        match connection.unfinished.take() {
            Some(Unfinished::Slow) => {
                slow.remember();
                return None;
            }
            Some(Unfinished::Locked) => return None,
            None => {}
        }
        for sql in tried.into_iter().flatten() {
            tell(&sql);
        }
        Some(done)
    }
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A number of this thread's own.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);

    /// The statements of work that may have to be done again, where somebody wants to hear of them: they are told
    /// once.
    static TRIED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Steps of SQLite's machine between looks at whether it is to stop.
const STEPS: i32 = 2_000;

const WAIT_FOR_WRITERS: Duration = Duration::from_secs(5);

fn open(path: &Path, wait: Duration) -> Result<Sqlite, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(256);
    // Without it SQLite prepares a statement again whenever a bound OFFSET changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // SQLite's own `lower` knows ASCII only.
    connection.create_scalar_function("backref_fold", 1, pure, |context| {
        Ok(super::fold::folded(context.get_raw(0)))
    })?;
    connection.create_aggregate_function("backref_sum", 2, pure, super::sum::ExactSum)?;
    let ordered = FunctionFlags::SQLITE_UTF8;
    connection.create_aggregate_function("backref_rows", -1, ordered, PackRows)?;
    // The file is mapped, as far as SQLite can, so that connections share the system's cache of it.
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112; PRAGMA cache_size = -4000;",
    )?;
    Ok(Sqlite {
        connection,
        traced: false,
        trial: None,
        unfinished: Cell::new(None),
    })
}

fn is_traced() -> bool {
    tracing::enabled!(target: "rusqlite::query", tracing::Level::TRACE)
}

/// What SQLite itself says it runs, as sqlx logs what it sends to PostgreSQL.
fn traced(event: TraceEvent<'_>) {
    // What a statement of ours makes SQLite run in turn comes as a comment.
    if let TraceEvent::Stmt(_, sql) = event
        && !sql.starts_with("--")
    {
        let tried = TRIED.with_borrow_mut(|tried| match tried {
            Some(tried) => {
                tried.push(sql.to_owned());
                true
            }
            None => false,
        });
        if !tried {
            tell(sql);
        }
    }
}

fn tell(sql: &str) {
    tracing::trace!(target: "rusqlite::query", sql);
}

fn work(mut connection: Sqlite, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A panic ends its own request, whose sender is dropped, and not the thread.
        let run = std::panic::AssertUnwindSafe(|| job(&mut connection));
        if std::panic::catch_unwind(run).is_err() && !connection.connection.is_autocommit() {
            let _ = connection.connection.execute_batch("ROLLBACK");
        }
    }
}

fn over(deadline: Instant) -> impl FnMut() -> bool + Send + 'static {
    move || Instant::now() > deadline
}

impl Sqlite {
    /// Whether the database answers.
    pub fn ping(&self) -> Result<(), DatabaseError> {
        Ok(self.connection.query_row("SELECT 1", [], |_| Ok(()))?)
    }

    fn transaction<T>(
        &mut self,
        deadline: Instant,
        stop: impl FnMut() -> bool + Send + 'static,
        work: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        if Instant::now() > deadline {
            // It waited in the queue for too long.
            return Err(DatabaseError::TimedOut);
        }
        if is_traced() != self.traced {
            self.traced = !self.traced;
            let heard: Option<fn(TraceEvent<'_>)> = self.traced.then_some(traced);
            self.connection
                .trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, heard);
        }
        self.connection.progress_handler(STEPS, Some(stop))?;
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let result = work(self);
        // What SQLite cannot go on from has ended the transaction already.
        if !self.connection.is_autocommit() {
            self.connection.progress_handler(0, None::<fn() -> bool>)?;
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        result
    }

    /// Whether the work at hand is to be given up, because it will be done again.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished.get().is_some()
    }

    /// Takes note of what ends a trial, of which the first counts.
    fn note(&self, deadline: Instant, error: &DatabaseError) {
        let why = match error {
            _ if self.is_unfinished() => return,
            _ if error.is_cut_off() => Unfinished::Locked,
            _ if error.is_timeout() && Instant::now() < deadline => Unfinished::Slow,
            _ => return,
        };
        self.unfinished.set(Some(why));
    }

    /// Runs a future that asks nothing but this connection, which never makes it wait.
    pub fn complete<F: Future>(future: F) -> Result<F::Output, DatabaseError> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Ok(output),
            std::task::Poll::Pending => {
                Err(DatabaseError::Shape("a SQLite statement waited".to_owned()))
            }
        }
    }
}

impl Connection for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        let asked = self.ask(catalog, level, statement);
        if let (Some(deadline), Err(error)) = (self.trial, &asked) {
            self.note(deadline, error);
        }
        asked
    }

    fn is_over(&self) -> bool {
        self.is_unfinished() || self.connection.is_autocommit()
    }
}

impl Sqlite {
    fn ask(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        let mut prepared = self.connection.prepare_cached(&statement.sql.text)?;
        let keys = bind(statement);
        let offset = i64::from(statement.offset);
        let values: Vec<Box<dyn ToSql>> = statement.sql.values.iter().map(bind_value).collect();
        let mut binds: Vec<&dyn ToSql> = keys.iter().map(|k| &**k as &dyn ToSql).collect();
        if statement.sql.binds_offset {
            binds.push(&offset);
        }
        binds.extend(values.iter().map(|v| &**v as &dyn ToSql));
        let mut found = prepared.query(&binds[..])?;
        let mut rows = RowsBuilder::new(catalog, level, statement, |_| {
            // As it is stored, whatever that is.
            &Kind::Bytes
        });
        let kinds = rows.kinds.clone();
        if let Some(width) = statement.sql.packed {
            while let Some(row) = found.next()? {
                let ordinal = row.get::<_, i64>(0)? as u32;
                let ValueRef::Blob(mut packed) = row.get_ref(1)? else {
                    continue;
                };
                let mut values = vec![ValueRef::Null; width];
                while unpack(&mut packed, &mut values)? {
                    rows.push(Some(ordinal), |read| {
                        Ok::<_, DatabaseError>(raw(kinds[read], values[read]))
                    })?;
                }
            }
            return rows.finish();
        }
        let skip = usize::from(statement.sql.ordinal);
        while let Some(row) = found.next()? {
            let ordinal = match statement.sql.ordinal {
                true => Some(row.get::<_, i64>(0)? as u32),
                false => None,
            };
            rows.push(ordinal, |read| {
                Ok::<_, DatabaseError>(raw(kinds[read], row.get_ref(read + skip)?))
            })?;
        }
        rows.finish()
    }
}

/// The bind of all keys: a scalar for one key of one column, else JSON.
fn bind(statement: &Statement<'_>) -> Option<Box<dyn ToSql>> {
    match (statement.keys, statement.len) {
        ([], _) => None,
        ([KeyColumn::Int(keys)], 1) => Some(Box::new(keys[0])),
        ([KeyColumn::Text(keys)], 1) => Some(Box::new(keys[0].to_string())),
        (columns, 1) => Some(Box::new(json_tuple(columns, 0))),
        ([KeyColumn::Int(keys)], _) => {
            let mut json = String::with_capacity(keys.len() * 8);
            let mut buffer = itoa::Buffer::new();
            for key in keys {
                json.push(if json.is_empty() { '[' } else { ',' });
                json.push_str(buffer.format(*key));
            }
            json.push(']');
            Some(Box::new(json))
        }
        ([column], len) => Some(Box::new(json_list((0..len).map(|i| json_value(column, i))))),
        (columns, len) => Some(Box::new(json_list(
            (0..len).map(|i| json_tuple(columns, i)),
        ))),
    }
}

fn bind_value(value: &BindValue) -> Box<dyn ToSql> {
    match value {
        BindValue::Int(v) => Box::new(*v),
        BindValue::Float(v) => Box::new(*v),
        BindValue::Text(v) => Box::new(v.to_string()),
        BindValue::Bytes(v) => Box::new(v.to_vec()),
        BindValue::Ints(v) => Box::new(json_list(v.iter().map(i64::to_string))),
        BindValue::Texts(v) => {
            let items = v.iter().map(|s| serde_json::Value::from(&**s).to_string());
            Box::new(json_list(items))
        }
    }
}

fn json_list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    format!("[{}]", items.join(","))
}

fn json_tuple(columns: &[KeyColumn], i: usize) -> String {
    json_list(columns.iter().map(|c| json_value(c, i)))
}

fn json_value(column: &KeyColumn, i: usize) -> String {
    let mut out = String::new();
    match column {
        KeyColumn::Int(keys) => write!(out, "{}", keys[i]).unwrap_or_default(),
        KeyColumn::Text(keys) => out = serde_json::Value::from(&*keys[i]).to_string(),
    }
    out
}

fn raw<'r>(kind: &Kind, value: ValueRef<'r>) -> Raw<'r> {
    match value {
        ValueRef::Null => Raw::Null,
        ValueRef::Integer(i) => Raw::Int(i),
        ValueRef::Real(f) => Raw::Float(f),
        ValueRef::Text(bytes) => Raw::Text(bytes),
        ValueRef::Blob(bytes) => match kind {
            Kind::Uuid => bytes.try_into().map_or(Raw::Strange, Raw::Uuid),
            Kind::Bytes => Raw::Bytes(bytes),
            _ => Raw::Text(bytes),
        },
    }
}
