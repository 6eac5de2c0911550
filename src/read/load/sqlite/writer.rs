//! The one thread that writes to a file. Who comes first has his turn first, and those who read wait for nobody.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::DatabaseError;
use super::super::change::{Abort, Work};
use super::connection::{Settings, Sqlite};
use super::file::{Access, Log};
use super::heard;
use super::pool::SqlitePool;
use super::watch::Bounds;
use super::writing::SqliteTransaction;

/// What the thread is to do, in its order.
type Queue = mpsc::Sender<Box<dyn Task>>;

/// Writes to the file that a pool reads. The thread begins with the first work, and ends when the last of these is dropped.
#[derive(Clone)]
pub struct SqliteWriter {
    pool: SqlitePool,
    queue: Arc<Mutex<Option<Queue>>>,
}

/// What is written of a file is kept in memory up to so much, in KiB.
const CACHE: u32 = 16 << 10;

/// How long SQLite itself waits for other processes before it is asked again.
const PATIENCE: Duration = Duration::from_millis(20);

/// How often work is begun where the file is replaced under it.
const ATTEMPTS: usize = 5;

impl SqliteWriter {
    pub fn beside(pool: &SqlitePool) -> Self {
        SqliteWriter {
            pool: pool.clone(),
            queue: Arc::default(),
        }
    }

    /// Does work in a transaction and commits it, when its turn has come. Who has left by then, or is late, has nothing done.
    pub async fn run<W: Work>(
        &self,
        work: Arc<W>,
        deadline: Instant,
    ) -> Result<W::Done, Abort<W::Refused>> {
        if self.pool.file().access() != Access::Writable {
            let cause = "its URL says that nothing may be written (`mode=ro`, `immutable=1`)";
            return Err(DatabaseError::ReadOnly(cause.to_owned()).into());
        }
        let (answer, mut answered) = oneshot::channel();
        let turn = Arc::new(Turn::default());
        let job = Job {
            work,
            answer,
            deadline,
            turn: turn.clone(),
            runtime: Handle::current(),
            span: tracing::Span::current(),
            subscriber: tracing::dispatcher::get_default(Clone::clone),
        };
        self.submit(Box::new(job))?;
        let _leaves = Leaves(turn.clone());
        let gone = |_| Abort::from(DatabaseError::Shape("a SQLite thread ended".to_owned()));
        match tokio::time::timeout_at(deadline.into(), &mut answered).await {
            Ok(answer) => answer.map_err(gone)?,
            Err(_) if turn.take() => Err(DatabaseError::TimedOut.into()),
            // It has begun, and says itself what became of it.
            Err(_) => answered.await.map_err(gone)?,
        }
    }

    fn submit(&self, job: Box<dyn Task>) -> Result<(), DatabaseError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*queue {
            Some(sender) => sender.clone(),
            None => {
                let (sender, jobs) = mpsc::channel::<Box<dyn Task>>();
                let desk = Desk::new(self.pool.clone());
                std::thread::Builder::new()
                    .name("sqlite-writer".to_owned())
                    .spawn(move || desk.work(&jobs))
                    .map_err(|e| DatabaseError::Shape(format!("cannot start a thread: {e}")))?;
                queue.insert(sender).clone()
            }
        };
        let ended = |_| DatabaseError::Shape("a SQLite thread ended".to_owned());
        sender.send(job).map_err(ended)
    }
}

/// Whether work was begun, or is not to be any more; and whether nobody waits for it.
#[derive(Default)]
struct Turn {
    taken: AtomicBool,
    left: Arc<AtomicBool>,
}

impl Turn {
    /// Whether this is the first to take it.
    fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::AcqRel)
    }
}

/// Somebody waits for work, until this is dropped.
struct Leaves(Arc<Turn>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.left.store(true, Ordering::Relaxed);
    }
}

/// Work for the thread.
trait Task: Send {
    fn attempt(self: Box<Self>, desk: &mut Desk);
}

/// Work on its way to the thread.
struct Job<W: Work> {
    work: Arc<W>,
    answer: oneshot::Sender<Result<W::Done, Abort<W::Refused>>>,
    deadline: Instant,
    turn: Arc<Turn>,
    runtime: Handle,
    span: tracing::Span,
    subscriber: tracing::Dispatch,
}

impl<W: Work> Task for Job<W> {
    fn attempt(mut self: Box<Self>, desk: &mut Desk) {
        let bounds = Bounds {
            deadline: self.deadline,
            steps: u64::MAX,
            left: Some(self.turn.left.clone()),
            more: None,
        };
        if bounds.are_reached() || !self.turn.take() {
            return;
        }
        let subscriber = self.subscriber.clone();
        let done = tracing::dispatcher::with_default(&subscriber, || {
            let _inside = self.span.clone().entered();
            let done = desk.write(&bounds, |transaction| {
                // Hooks may wait for what is no statement.
                let waits = async {
                    let attempt = self.work.attempt(transaction);
                    tokio::select! {
                        biased;
                        done = tokio::time::timeout_at(self.deadline.into(), attempt) => done.unwrap_or(Err(DatabaseError::TimedOut.into())),
                        () = self.answer.closed() => Err(DatabaseError::TimedOut.into()),
                    }
                };
                self.runtime.block_on(waits)
            });
            heard::take().iter().for_each(|sql| heard::tell(sql));
            done
        });
        // Who has left needs no answer.
        let _ = self.answer.send(done);
    }
}

/// The thread's own: its connection.
struct Desk {
    pool: SqlitePool,
    connection: Option<Sqlite>,
    /// The file, by how often it was replaced, for which a log was asked: it need not be possible.
    asked_for_log: Option<u64>,
}

impl Desk {
    fn new(pool: SqlitePool) -> Self {
        Desk {
            pool,
            connection: None,
            asked_for_log: None,
        }
    }

    fn work(mut self, jobs: &mpsc::Receiver<Box<dyn Task>>) {
        while let Ok(job) = jobs.recv() {
            // A panic ends its own request, whose sender is dropped, and not the thread.
            let attempt = AssertUnwindSafe(|| job.attempt(&mut self));
            if std::panic::catch_unwind(attempt).is_err()
                && let Some(connection) = &self.connection
            {
                connection.watch.end();
                connection.roll_back();
                heard::take();
            }
        }
    }

    /// Does work in a transaction on the file that is there, and commits it.
    fn write<T, R>(
        &mut self,
        bounds: &Bounds,
        mut work: impl FnMut(&SqliteTransaction<'_>) -> Result<T, Abort<R>>,
    ) -> Result<T, Abort<R>> {
        for _ in 0..ATTEMPTS {
            heard::take();
            let connection = self.ready(bounds)?;
            connection.watch.begin(bounds.clone());
            let begun = connection.begin_writing(bounds);
            let begun = begun.map_err(|error| Abort::from(error.as_shown()));
            let done = begun.and_then(|()| {
                let transaction = SqliteTransaction::new(connection);
                match work(&transaction) {
                    Ok(_) if transaction.has_failed() => Err(DatabaseError::Shape(
                        "a statement of a transaction has failed, and it was to be committed"
                            .to_owned(),
                    )
                    .into()),
                    done => done,
                }
            });
            let stopped = connection.watch.end();
            let is_there = connection.is_the_file();
            match (done, stopped, is_there) {
                (_, Some(_), _) => {
                    connection.roll_back();
                    return Err(DatabaseError::TimedOut.into());
                }
                (_, _, Err(gone)) => {
                    connection.roll_back();
                    return Err(gone.into());
                }
                // It may come of two files.
                (_, None, Ok(false)) => connection.roll_back(),
                (Err(abort), None, Ok(true)) => {
                    connection.roll_back();
                    return Err(abort);
                }
                (Ok(done), None, Ok(true)) => match connection.commit(bounds) {
                    Ok(()) if connection.has_written_to_what_is_there(bounds)? => {
                        return Ok(done);
                    }
                    Ok(()) => {}
                    Err(error) => {
                        connection.roll_back();
                        if connection.is_the_file()? {
                            return Err(error.as_shown().into());
                        }
                    }
                },
            }
        }
        let cause = "it is replaced again and again; put one file in its place";
        Err(self.pool.file().unusable(cause).into())
    }

    /// A connection to the file that is there.
    fn ready(&mut self, bounds: &Bounds) -> Result<&mut Sqlite, DatabaseError> {
        loop {
            let mut connection = match self.connection.take() {
                Some(mut connection) => {
                    let made = connection.make_ready();
                    if let Err(error) = made {
                        self.connection = Some(connection);
                        return Err(error);
                    }
                    connection
                }
                None => self.open()?,
            };
            let file = self.pool.file();
            let count = Some(connection.replaced);
            let is_there = connection.is_the_file();
            let is_there = is_there.map(|is| is || connection.is_the_file_after_all(bounds));
            match is_there {
                // Without one, readers would be in the way and wait, and take each write for another file. A backup that was
                // put in the place of a file with a log need not have one.
                Ok(true) if !connection.log.is_kept() && self.asked_for_log != count => {
                    self.pool.renew();
                    if !connection.keep_log(bounds)? {
                        return Ok(self.connection.insert(connection));
                    }
                    self.asked_for_log = count;
                    let log = Log::of(file, &connection.connection);
                    if log.is_kept() {
                        tracing::info!("the database file keeps a write-ahead log from now on");
                        file.replace(connection.replaced, log);
                    }
                    self.connection = Some(connection);
                }
                Ok(true) => return Ok(self.connection.insert(connection)),
                Ok(false) if !bounds.are_reached() => {
                    let log = Log::of(file, &connection.connection);
                    file.replace(connection.replaced, log);
                    self.pool.renew();
                    self.connection = Some(connection);
                }
                Ok(false) => return Err(DatabaseError::TimedOut),
                Err(gone) => {
                    self.connection = Some(connection);
                    return Err(gone);
                }
            }
        }
    }

    fn open(&self) -> Result<Sqlite, DatabaseError> {
        let settings = Settings {
            patience: PATIENCE,
            cache: CACHE,
            writes: true,
        };
        let file = self.pool.file();
        let mut connection = Sqlite::open(file, settings)?;
        file.check(connection.log)?;
        connection.require_tables()?;
        connection.make_ready()?;
        Ok(connection)
    }
}
