//! The connections to a file, and where work is done.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::admission::{Admission, Capacity, PATIENCE, Ticket};
use super::super::{DatabaseError, Learnt};
use super::connection::{Outcome, Settings, Sqlite};
use super::file::{Access, DatabaseFile};
use super::heard::tell;
use super::watch::{Bounds, QUICK};
use super::workers::{Again, Course, Task, Workers};

/// Connections to one database file, some with threads of their own.
#[derive(Clone)]
pub struct SqlitePool {
    file: Arc<DatabaseFile>,
    workers: Arc<Workers>,
    /// For quick work, wherever it is asked.
    quick: Arc<[Mutex<Sqlite>]>,
    /// Whose turn it is with quick work, where more comes than can be done.
    turns: Arc<Admission>,
}

/// What work is taken for of which nothing is known.
const NEW: Duration = Duration::from_millis(1);

/// What work is taken for of which nothing is known but that it is not quick.
const UNKNOWN: Duration = Duration::from_millis(3);

/// Whose turn it is with quick work at a time, for each processor: whoever is told so comes behind what else its thread
/// has to do, and meanwhile no processor is to wait for him.
const TURNS: usize = 8;

/// How long to wait for a writer that keeps the file to itself, where there is a thread to wait.
const WAIT_FOR_WRITERS: Duration = Duration::from_secs(5);

/// What all connections keep in memory of the file, in KiB, and the least and the most that one does.
const CACHES: u32 = 192 << 10;
const CACHE: std::ops::RangeInclusive<u32> = 4 << 10..=32 << 10;

impl SqlitePool {
    /// Opens connections to an existing file, which only read: `processors` for quick work, and for what is not,
    /// two more, each with its own thread. Those are for large work and for small, so that neither huge nor large
    /// work ever has all of them.
    pub fn open(path: &Path, access: Access, processors: usize) -> Result<Self, DatabaseError> {
        let processors = processors.max(1);
        tell_of_slow_build();
        let file = Arc::new(DatabaseFile::new(path, access));
        let connections = 2 * processors as u32 + 2;
        let quick = Settings {
            patience: Duration::ZERO,
            cache: (CACHES / connections).clamp(*CACHE.start(), *CACHE.end()),
            writes: false,
        };
        let patient = Settings {
            patience: WAIT_FOR_WRITERS,
            ..quick
        };
        let quick = (0..processors)
            .map(|_| Sqlite::open(&file, quick).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        let capacity = Capacity {
            all: processors + 2,
            hands: processors,
            large: processors + 1,
            huge: processors,
            beside_tiny: processors + 2,
            beside_quick: processors + 1,
            patience: Some(PATIENCE),
        };
        let turns = Admission::new(Capacity {
            all: processors * TURNS,
            hands: processors,
            large: processors * TURNS,
            huge: processors * TURNS,
            beside_tiny: processors * TURNS,
            beside_quick: processors * TURNS,
            patience: Some(PATIENCE),
        });
        Ok(SqlitePool {
            turns,
            workers: Arc::new(Workers::start(&file, patient, capacity)?),
            quick,
            file,
        })
    }

    pub fn file(&self) -> &Arc<DatabaseFile> {
        &self.file
    }

    /// Sees to it that a file which was replaced since it was last read is known for that, before another connection takes
    /// what is there for one file.
    pub fn look(&self, bounds: &Bounds) {
        let mut connection = self.quick[0].lock().unwrap_or_else(PoisonError::into_inner);
        let is_gone = self.file.stamp().is_err();
        if !is_gone && !connection.is_old() && !connection.is_the_file_after_all(bounds) {
            connection.give_up();
        }
    }

    /// Has the connections let go of a file that was replaced, which they would when they are next used: they keep locks
    /// on it. It waits for work that is quick, and for no other.
    pub fn renew(&self) {
        self.workers.renew();
        for connection in self.quick.iter() {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.renew();
        }
    }

    /// Runs `work` with a connection, inside one read transaction, which SQLite leaves at the deadline or when
    /// nobody waits for this future any more: here if it is quick, else on a thread of its own when its turn has
    /// come. It may be run again from its beginning. What it takes is learnt.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        learnt: &Arc<Learnt>,
        work: impl Fn(&mut Sqlite) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        if !learnt.slow.is_known() {
            let cost = learnt.cost.expected().unwrap_or(NEW);
            let _turn = self.turns.turn(cost, deadline).await?;
            if let Some(done) = self.run_here(deadline, learnt, &work) {
                return done;
            }
        }
        let (answer, answered) = oneshot::channel();
        let left = Arc::new(AtomicBool::new(false));
        let request = Request {
            work,
            answer,
            deadline,
            left: left.clone(),
            learnt: learnt.clone(),
            span: tracing::Span::current(),
            subscriber: tracing::dispatcher::get_default(Clone::clone),
        };
        let cost = learnt.cost.expected().unwrap_or(UNKNOWN);
        let ticket = self.workers.submit(Box::new(request), cost, deadline)?;
        let _waits = Waits {
            workers: &self.workers,
            ticket,
            left,
        };
        let gone = |_| DatabaseError::Shape("a SQLite thread ended".to_owned());
        answered.await.map_err(gone)?
    }

    /// Runs quick work in this thread; `None` if it is not quick, or something is in its way.
    fn run_here<T>(
        &self,
        deadline: Instant,
        learnt: &Learnt,
        work: impl Fn(&mut Sqlite) -> Result<T, DatabaseError>,
    ) -> Option<Result<T, DatabaseError>> {
        // Each thread begins at another one, whose pages and statements are in its processor's cache.
        let (before, after) = self.quick.split_at(THREAD.with(|n| n % self.quick.len()));
        let mut all = after.iter().chain(before);
        let free = all.find_map(|one| match one.try_lock() {
            Ok(connection) => Some(connection),
            Err(TryLockError::Poisoned(left)) => Some(left.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let bounds = Bounds {
            deadline,
            steps: QUICK,
            left: None,
            more: None,
        };
        let mut connection = free?;
        let began = Instant::now();
        let (outcome, statements) = connection.attempt(bounds, work);
        match outcome {
            Outcome::TooMuch => {
                learnt.slow.remember();
                learnt.cost.exceeds(UNKNOWN);
                None
            }
            // A writer is in the way, or another file in this one's place; waiting is nothing to do here.
            Outcome::Changed(_) | Outcome::Left => None,
            Outcome::Done(_) if connection.was_hindered() => None,
            Outcome::Done(done) => {
                learnt.cost.learn(began.elapsed());
                statements.iter().for_each(|sql| tell(sql));
                Some(done)
            }
        }
    }
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A number of this thread's own.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// Work that somebody waits for, until it is dropped.
struct Waits<'a> {
    workers: &'a Workers,
    ticket: Ticket,
    left: Arc<AtomicBool>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
        self.workers.forget(self.ticket);
    }
}

/// Work on its way to a thread.
struct Request<T, W> {
    work: W,
    answer: oneshot::Sender<Result<T, DatabaseError>>,
    deadline: Instant,
    /// Whether nobody waits for it any more.
    left: Arc<AtomicBool>,
    learnt: Arc<Learnt>,
    span: tracing::Span,
    subscriber: tracing::Dispatch,
}

impl<T, W> Task for Request<T, W>
where
    T: Send + 'static,
    W: Fn(&mut Sqlite) -> Result<T, DatabaseError> + Send + 'static,
{
    fn attempt(self: Box<Self>, connection: &mut Sqlite, course: &Course) -> Option<Again> {
        let began = Instant::now();
        let bounds = Bounds {
            deadline: self.deadline,
            steps: course.steps(),
            left: Some(self.left.clone()),
            more: Some(course.clone()),
        };
        let subscriber = self.subscriber.clone();
        let done = tracing::dispatcher::with_default(&subscriber, || {
            let _inside = self.span.enter();
            let (outcome, statements) = connection.insist(&bounds, &self.work);
            if let Outcome::Done(_) = &outcome {
                statements.iter().for_each(|sql| tell(sql));
            }
            outcome
        });
        let cost = &self.learnt.cost;
        match done {
            Outcome::Done(result) => {
                match &result {
                    Ok(_) => cost.learn(began.elapsed()),
                    Err(error) if error.is_timeout() => cost.exceeds(began.elapsed()),
                    Err(_) => {}
                }
                // Who has left needs no answer.
                let _ = self.answer.send(result);
                None
            }
            Outcome::TooMuch => {
                let at_least = course.exceeded();
                cost.exceeds(at_least);
                Some(Again {
                    cost: at_least,
                    deadline: self.deadline,
                    task: self,
                })
            }
            Outcome::Left | Outcome::Changed(_) => None,
        }
    }

    fn refuse(self: Box<Self>, error: DatabaseError) {
        let _ = self.answer.send(Err(error));
    }
}

/// Says once that the bundled SQLite has all connections share their memory under one lock, which whoever builds a
/// program decides by his settings.
fn tell_of_slow_build() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        if is_slow_build().unwrap_or(false) {
            tracing::warn!(
                "this SQLite was compiled so that its connections wait for each other's memory; put LIBSQLITE3_FLAGS = \"-USQLITE_ENABLE_MEMORY_MANAGEMENT -DSQLITE_DEFAULT_MEMSTATUS=0\" into [env] of .cargo/config.toml and build again"
            );
        }
    });
}

fn is_slow_build() -> rusqlite::Result<bool> {
    let connection = rusqlite::Connection::open_in_memory()?;
    let used = "SELECT sqlite_compileoption_used('ENABLE_MEMORY_MANAGEMENT')";
    connection.query_row(used, [], |row| row.get(0))
}
