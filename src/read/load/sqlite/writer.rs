//! The one thread that writes to a file. What is brief goes past what is long (`line`), and of each kind what is small past
//! what is large (`admission`). Those who read wait for nobody.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::DatabaseError;
use super::super::admission::{Admission, Capacity};
use super::super::change::{Abort, Work};
use super::connection::Sqlite;
use super::desk::{Desk, TOGETHER, Task, Waiting};
use super::file::Access;
use super::heard;
use super::line::Pace;
use super::pool::SqlitePool;
use super::watch::Bounds;
use super::writing::SqliteTransaction;

/// Where work for the thread is put.
type Queue = mpsc::Sender<(Pace, Box<dyn Task>)>;

/// Writes to the file that a pool reads. The thread begins with the first work, and ends when the last of these is dropped.
#[derive(Clone)]
pub struct SqliteWriter {
    pool: SqlitePool,
    queue: Arc<Mutex<Option<Queue>>>,
    /// Who may stand in the line, of what is brief and of what is long: what is small goes past what is not, of which one at a
    /// time does. The one kind takes no places of the other's.
    brief: Arc<Admission>,
    long: Arc<Admission>,
}

const CAPACITY: Capacity = Capacity {
    // What is committed together, and as much again that comes meanwhile.
    all: 2 * TOGETHER,
    hands: 1,
    large: 1,
    huge: 1,
    beside_tiny: 2 * TOGETHER,
    beside_quick: 1,
    patience: None,
};

impl SqliteWriter {
    pub fn beside(pool: &SqlitePool) -> Self {
        SqliteWriter {
            pool: pool.clone(),
            queue: Arc::default(),
            brief: Admission::new(CAPACITY),
            long: Admission::new(CAPACITY),
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
        let (pace, admission) = match work.is_brief() {
            true => (Pace::Brief, &self.brief),
            false => (Pace::Long, &self.long),
        };
        let enter = admission.enter(work.expected(), deadline);
        let entered = tokio::time::timeout_at(deadline.into(), enter).await;
        let _permit = entered.map_err(|_| DatabaseError::TimedOut)??;
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
            done: None,
            statements: Vec::new(),
        };
        self.submit(pace, Box::new(job))?;
        let _leaves = Leaves(turn.clone());
        let gone = |_| Abort::from(DatabaseError::Shape("a SQLite thread ended".to_owned()));
        match tokio::time::timeout_at(deadline.into(), &mut answered).await {
            Ok(answer) => answer.map_err(gone)?,
            Err(_) if turn.take() => Err(DatabaseError::TimedOut.into()),
            // It has begun, and says itself what became of it.
            Err(_) => answered.await.map_err(gone)?,
        }
    }

    fn submit(&self, pace: Pace, job: Box<dyn Task>) -> Result<(), DatabaseError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*queue {
            Some(sender) => sender.clone(),
            None => {
                let (sender, coming) = mpsc::channel();
                let desk = Desk::new(self.pool.clone());
                std::thread::Builder::new()
                    .name("sqlite-writer".to_owned())
                    .spawn(move || desk.work(Waiting::new(coming)))
                    .map_err(|e| DatabaseError::Shape(format!("cannot start a thread: {e}")))?;
                queue.insert(sender).clone()
            }
        };
        let ended = |_| DatabaseError::Shape("a SQLite thread ended".to_owned());
        sender.send((pace, job)).map_err(ended)
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

/// Work on its way to the thread, and what has come of it there.
struct Job<W: Work> {
    work: Arc<W>,
    answer: oneshot::Sender<Result<W::Done, Abort<W::Refused>>>,
    deadline: Instant,
    turn: Arc<Turn>,
    runtime: Handle,
    span: tracing::Span,
    subscriber: tracing::Dispatch,
    done: Option<Result<W::Done, Abort<W::Refused>>>,
    /// Those that SQLite says it has run for it, where somebody listens.
    statements: Vec<String>,
}

impl<W: Work> Job<W> {
    fn run(&mut self, transaction: &SqliteTransaction<'_>) -> Result<W::Done, Abort<W::Refused>> {
        let _inside = self.span.clone().entered();
        // Hooks may wait for what is no statement.
        let waits = async {
            let attempt = self.work.attempt(transaction);
            tokio::select! {
                biased;
                done = tokio::time::timeout_at(self.deadline.into(), attempt) => done.unwrap_or(Err(DatabaseError::TimedOut.into())),
                () = self.answer.closed() => Err(DatabaseError::TimedOut.into()),
            }
        };
        match self.runtime.block_on(waits) {
            Ok(_) if transaction.has_failed() => {
                let cause = "a statement of a transaction has failed, and it was to be committed";
                Err(DatabaseError::Shape(cause.to_owned()).into())
            }
            done => done,
        }
    }
}

impl<W: Work> Task for Job<W> {
    fn subscriber(&self) -> tracing::Dispatch {
        self.subscriber.clone()
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            deadline: self.deadline,
            steps: u64::MAX,
            left: Some(self.turn.left.clone()),
            more: None,
        }
    }

    fn begins(&self) -> bool {
        !self.bounds().are_reached() && self.turn.take()
    }

    fn attempt(&mut self, connection: &Sqlite) -> bool {
        let subscriber = self.subscriber.clone();
        heard::take();
        let began = Instant::now();
        connection.watch.begin(self.bounds());
        let transaction = SqliteTransaction::new(connection);
        // A panic ends its own request, whose sender is dropped, and not the thread.
        let run = AssertUnwindSafe(|| self.run(&transaction));
        let run = || std::panic::catch_unwind(run).ok();
        let done = tracing::dispatcher::with_default(&subscriber, run);
        self.statements = heard::take();
        self.done = match connection.watch.end() {
            Some(_) => Some(Err(DatabaseError::TimedOut.into())),
            None => done,
        };
        match &self.done {
            Some(Ok(_)) => self.work.took(began.elapsed()),
            Some(Err(Abort::Database(error))) if error.is_timeout() => {
                self.work.exceeds(began.elapsed());
            }
            _ => {}
        }
        matches!(self.done, Some(Ok(_)))
    }

    fn fail(&mut self, error: DatabaseError) {
        self.done = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        tracing::dispatcher::with_default(&self.subscriber, || {
            let _inside = self.span.enter();
            self.statements.iter().for_each(|sql| heard::tell(sql));
        });
        if let Some(done) = self.done {
            // Who has left needs no answer.
            let _ = self.answer.send(done);
        }
    }
}
