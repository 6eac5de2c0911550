//! Threads with connections of their own, for work that is not quick. What they do next is the queue's choice.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::DatabaseError;
use super::super::admission::{Capacity, Level, Next, Queue, Refused, Ticket, overloaded};
use super::connection::{Settings, Sqlite};
use super::file::DatabaseFile;
use super::watch::QUICK;

/// Work for a thread.
pub trait Task: Send {
    /// Does it. What turns out to be too much for its place is to be done again in another.
    fn attempt(self: Box<Self>, connection: &mut Sqlite, course: &Course) -> Option<Again>;

    fn refuse(self: Box<Self>, error: DatabaseError);
}

/// Work that is to be done again.
pub struct Again {
    pub task: Box<dyn Task>,
    /// What it takes at least.
    pub cost: Duration,
    pub deadline: Instant,
}

/// The threads; they end when this is dropped.
pub struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something waits, or there is room.
    changed: Condvar,
}

struct State {
    queue: Queue<Box<dyn Task>>,
    closed: bool,
}

impl Workers {
    pub fn start(
        file: &Arc<DatabaseFile>,
        settings: Settings,
        capacity: Capacity,
    ) -> Result<Self, DatabaseError> {
        let state = State {
            queue: Queue::new(capacity),
            closed: false,
        };
        let workers = Workers {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        };
        for i in 0..capacity.all {
            let connection = Sqlite::open(file, settings)?;
            let shared = workers.shared.clone();
            std::thread::Builder::new()
                .name(format!("sqlite-{i}"))
                .spawn(move || shared.work(connection))
                .map_err(|e| DatabaseError::Shape(format!("cannot start a thread: {e}")))?;
        }
        Ok(workers)
    }

    /// Takes in work, or refuses it.
    pub fn submit(
        &self,
        task: Box<dyn Task>,
        cost: Duration,
        deadline: Instant,
    ) -> Result<Ticket, DatabaseError> {
        self.shared
            .submit(task, cost, deadline)
            .map_err(|refused| overloaded(&refused))
    }

    /// Has threads that wait for work let go of a file that was replaced.
    pub fn renew(&self) {
        self.shared.changed.notify_all();
    }

    /// Takes out work that nobody waits for.
    pub fn forget(&self, ticket: Ticket) {
        let forgotten = self.shared.state().queue.remove(ticket, Instant::now());
        drop(forgotten);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn submit(
        &self,
        task: Box<dyn Task>,
        cost: Duration,
        deadline: Instant,
    ) -> Result<Ticket, Refused<Box<dyn Task>>> {
        let pushed = self
            .state()
            .queue
            .push(task, cost, deadline, Instant::now());
        let (ticket, displaced) = pushed?;
        self.changed.notify_one();
        displaced.into_iter().for_each(refuse);
        Ok(ticket)
    }

    fn work(self: Arc<Self>, mut connection: Sqlite) {
        give_way();
        while let Some((level, task)) = self.next(&mut connection) {
            let course = Course::new(self.clone(), level);
            // A panic ends its own request, whose sender is dropped, and not the thread.
            let attempt = AssertUnwindSafe(|| task.attempt(&mut connection, &course));
            let again = std::panic::catch_unwind(attempt).ok().flatten();
            self.state().queue.finish(course.level());
            if let Some(Again {
                task,
                cost,
                deadline,
            }) = again
                && let Err(refused) = self.submit(task, cost, deadline)
            {
                refuse(refused);
            }
            // There may be room now for what another thread could not begin.
            self.changed.notify_one();
        }
    }

    /// Waits for work; nothing when there will be no more.
    fn next(&self, connection: &mut Sqlite) -> Option<(Level, Box<dyn Task>)> {
        let mut tried = false;
        let mut state = self.state();
        loop {
            match state.queue.pop(Instant::now()) {
                Some(Next::Run(level, task)) => return Some((level, task)),
                Some(Next::Refuse(refused)) => {
                    drop(state);
                    refuse(refused);
                    state = self.state();
                }
                None if state.closed => return None,
                // It may not be possible yet, so it is tried again whenever something wakes the thread.
                None if connection.is_old() && !tried => {
                    drop(state);
                    connection.renew();
                    tried = true;
                    state = self.state();
                }
                None => {
                    let woken = self.changed.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                    tried = false;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has this thread leave the processor to those that answer what is quick, and say to others that there is too much: else
/// slow work keeps everybody waiting, who then waits where nobody can choose. What they leave is all its own.
fn give_way() {
    // Elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        const NICER: i32 = 10;
        let nice = getpriority_process(None).unwrap_or_default();
        // Without it, it is as it is elsewhere.
        let _ = setpriority_process(None, nice + NICER);
    }
}

fn refuse(refused: Refused<Box<dyn Task>>) {
    let error = overloaded(&refused);
    refused.work.refuse(error);
}

/// The place of work on a thread: what it was taken for, and what it turns out to be.
#[derive(Clone)]
pub struct Course {
    shared: Arc<Shared>,
    level: Arc<Mutex<Level>>,
}

impl Course {
    fn new(shared: Arc<Shared>, level: Level) -> Self {
        Course {
            shared,
            level: Arc::new(Mutex::new(level)),
        }
    }

    fn level(&self) -> Level {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The steps of SQLite's machine that work may take here.
    pub fn steps(&self) -> u64 {
        match self.level().most() {
            Some(most) => QUICK * most.as_millis() as u64,
            None => u64::MAX,
        }
    }

    /// How many steps work may take that has taken all it might, if there is room for so much.
    pub fn more(&self) -> Option<u64> {
        let from = self.level();
        let to = Level::of(self.exceeded());
        if !self.shared.state().queue.promote(from, to) {
            return None;
        }
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = to;
        Some(self.steps())
    }

    /// What work takes at least that is too much for its place.
    pub fn exceeded(&self) -> Duration {
        self.level().most().unwrap_or_default() + Duration::from_millis(1)
    }
}
