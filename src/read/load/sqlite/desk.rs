//! The desk of the thread that writes: its connection, and which work is committed together.
//!
//! What a commit costs is mostly the same whatever it is of, so brief work that waits is done in one transaction and
//! committed at once, each behind a savepoint of its own: what one refuses is taken back, and the others stand. Nobody is
//! answered before the commit. Where it cannot be committed as a whole, each is done again by itself.

use std::time::{Duration, Instant};

use super::super::DatabaseError;
use super::connection::{Settings, Sqlite};
use super::line::{Line, Pace};
use super::pool::SqlitePool;
use super::watch::Bounds;

/// Work for the thread, which keeps what comes of it until it is answered.
pub trait Task: Send {
    fn subscriber(&self) -> tracing::Dispatch;

    fn bounds(&self) -> Bounds;

    /// Whether it is still wanted: from here on it says itself what became of it.
    fn begins(&self) -> bool;

    /// Does it in the transaction that is open; whether it is to be committed.
    fn attempt(&mut self, connection: &Sqlite) -> bool;

    /// Nothing has come of it but this.
    fn fail(&mut self, error: DatabaseError);

    fn answer(self: Box<Self>);
}

/// The thread's own: its connection.
pub struct Desk {
    pool: SqlitePool,
    connection: Option<Sqlite>,
    /// The file, by how often it was replaced, for which a log was asked: it need not be possible.
    asked_for_log: Option<u64>,
}

/// Those who wait for the thread.
pub type Waiting = Line<Box<dyn Task>>;

/// What is written of a file is kept in memory up to so much, in KiB.
const CACHE: u32 = 16 << 10;

/// How long SQLite itself waits for other processes before it is asked again.
const PATIENCE: Duration = Duration::from_millis(20);

/// How often work is begun where the file is replaced under it.
const ATTEMPTS: usize = 5;

/// So much work is committed together at most, and none is begun for it after so long.
pub const TOGETHER: usize = 64;
const GATHERING: Duration = Duration::from_millis(5);

impl Desk {
    pub fn new(pool: SqlitePool) -> Self {
        Desk {
            pool,
            connection: None,
            asked_for_log: None,
        }
    }

    pub fn work(mut self, mut waiting: Waiting) {
        while let Some((pace, task)) = waiting.next() {
            let subscriber = task.subscriber();
            let turn = || self.turn(pace, task, &mut waiting);
            tracing::dispatcher::with_default(&subscriber, turn);
        }
    }

    /// Does work, and answers it; and where it is brief, with it whatever waits and is brief, too.
    fn turn(&mut self, pace: Pace, first: Box<dyn Task>, waiting: &mut Waiting) {
        if !first.begins() {
            return too_late(first);
        }
        waiting.begins(pace);
        if pace == Pace::Long {
            return self.alone(first);
        }
        let mut tasks = vec![first];
        match self.attempt(&mut tasks, Some(waiting)) {
            Ok(true) => {}
            Err(DatabaseError::Unknown(why)) => {
                let unknown = || DatabaseError::Unknown(why.clone());
                tasks.iter_mut().for_each(|task| task.fail(unknown()));
            }
            // The file was replaced, or what one of them has done is the end of all.
            _ => return tasks.into_iter().for_each(|task| self.alone(task)),
        }
        tasks.into_iter().for_each(Task::answer);
    }

    /// Does work in a transaction of its own on the file that is there, and answers it.
    fn alone(&mut self, task: Box<dyn Task>) {
        let mut tasks = vec![task];
        let mut attempts = (0..ATTEMPTS).map(|_| self.attempt(&mut tasks, None));
        let settled = attempts.find(|done| !matches!(done, Ok(false)));
        let error = match settled {
            Some(done) => done.err(),
            None => {
                let cause = "it is replaced again and again; put one file in its place";
                Some(self.pool.file().unusable(cause))
            }
        };
        if let (Some(task), Some(error)) = (tasks.first_mut(), error) {
            task.fail(error);
        }
        tasks.into_iter().for_each(Task::answer);
    }

    /// Does the first of this work in a transaction, then what waits and is as brief, and commits all of it. Where the first
    /// is alone and refuses, nothing is committed. Whether that settles it: false if the file was replaced meanwhile.
    ///
    /// # Errors
    /// Why nothing was stored, but for `DatabaseError::Unknown`.
    fn attempt(
        &mut self,
        tasks: &mut Vec<Box<dyn Task>>,
        waiting: Option<&mut Waiting>,
    ) -> Result<bool, DatabaseError> {
        let bounds = tasks[0].bounds();
        let connection = self.ready(&bounds)?;
        let begun = connection.begin_writing(&bounds);
        let begun = begun.and_then(|()| connection.require_log(&bounds));
        let done = begun.map(|()| tasks[0].attempt(connection));
        let done = match (done, waiting) {
            (Ok(true), Some(waiting)) => connection.gather(tasks, waiting).map(|()| true),
            (done, _) => done,
        };
        let is_there = connection.is_the_file();
        match (done, is_there) {
            (Ok(true), Ok(true)) => {}
            (done, is_there) => {
                connection.roll_back();
                // What was done may come of two files.
                return match is_there? {
                    true => done.map(|_| true).map_err(DatabaseError::into_shown),
                    false => Ok(false),
                };
            }
        }
        if let Err(error) = connection.commit(&bounds) {
            connection.roll_back();
            return match connection.is_the_file()? {
                true => Err(error.into_shown().at_commit()),
                false => Ok(false),
            };
        }
        connection.has_written_to_what_is_there(&bounds)
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
                None => self.open(bounds)?,
            };
            let count = Some(connection.replaced);
            let is_there = connection.is_the_file();
            let is_there = is_there.map(|is| is || connection.is_the_file_after_all(bounds));
            match is_there {
                // Without one, readers would be in the way and wait, and take each write for another file. A backup that was
                // put in the place of a file with a log need not have one.
                Ok(true) if self.asked_for_log != count && !connection.keeps_log() => {
                    self.pool.renew();
                    if !connection.keep_log(bounds)? {
                        return Ok(self.connection.insert(connection));
                    }
                    self.asked_for_log = count;
                    if connection.keeps_log() {
                        tracing::info!("the database file keeps a write-ahead log from now on");
                        let (stamp, told) = (connection.stamp, connection.told);
                        self.pool
                            .file()
                            .replace(connection.replaced, stamp, None, told);
                    }
                    self.connection = Some(connection);
                }
                Ok(true) => return Ok(self.connection.insert(connection)),
                Ok(false) if !bounds.are_reached() => {
                    connection.give_up();
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

    fn open(&self, bounds: &Bounds) -> Result<Sqlite, DatabaseError> {
        self.pool.look(bounds);
        let settings = Settings {
            patience: PATIENCE,
            cache: CACHE,
            writes: true,
        };
        let mut connection = Sqlite::open(self.pool.file(), settings)?;
        connection.require_tables()?;
        connection.make_ready()?;
        Ok(connection)
    }
}

/// Answers work whose time was over before its turn came: whoever waits for it may not know that yet.
fn too_late(mut task: Box<dyn Task>) {
    task.fail(DatabaseError::TimedOut);
    task.answer();
}

impl Sqlite {
    /// Does what waits and is brief in the transaction that is open.
    ///
    /// # Errors
    /// Where that was the end of the transaction.
    fn gather(
        &self,
        tasks: &mut Vec<Box<dyn Task>>,
        waiting: &mut Waiting,
    ) -> Result<(), DatabaseError> {
        let since = Instant::now();
        while tasks.len() < TOGETHER && since.elapsed() < GATHERING {
            let Some(mut task) = waiting.brief() else {
                break;
            };
            if !task.begins() {
                too_late(task);
                continue;
            }
            let saved = self.save();
            let done = saved.is_ok() && task.attempt(self);
            tasks.push(task);
            saved?;
            if !done {
                self.take_back()?;
            }
            self.release()?;
        }
        Ok(())
    }
}
