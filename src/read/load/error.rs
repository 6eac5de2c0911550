//! What goes wrong while a request's rows are loaded, and how far it reaches.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::refusal::Refusal;
use super::{Loaded, Ran, Said};
use crate::read::plan::LevelId;

/// What the database or its driver said. A client never sees it, and the log what `said` leaves of it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[cfg(feature = "postgres")]
    #[error("PostgreSQL: {0}")]
    Postgres(super::postgres::PostgresError),
    #[cfg(feature = "sqlite")]
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A bound value is none of its type: PostgreSQL has found that before it looked at any row.
    #[error("{0}")]
    BadValue(Box<DatabaseError>),
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    /// The file is missing, is no database, or was replaced; with the remedy.
    #[error("SQLite cannot use {}: {cause}", file.display())]
    Unusable { file: PathBuf, cause: String },
    #[error("the request's time is over")]
    TimedOut,
    /// The request was hit by another's statement, and is to begin again.
    #[error("the request is to begin again ({why:?})")]
    Restart {
        why: Restart,
        /// What the database said, if it did.
        cause: Option<Box<DatabaseError>>,
    },
    /// Nothing was run: what waits already would take longer than this request may.
    #[error("too much work waits already")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// Nothing was written: who may only read is asked to.
    #[error("this server does not write to its database: {0}")]
    ReadOnly(String),
    /// A constraint that is looked at when all is done does not hold, or a trigger that runs then refuses what was written.
    #[error("at COMMIT, {0}")]
    Uncommitted(Box<DatabaseError>),
    /// The connection was lost while a transaction was committed.
    #[error("it is not known whether what was written is stored: {0}")]
    Unknown(String),
    #[error("{0}")]
    Shape(String),
}

/// Why a request begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Another's statement before its own takes long.
    HeldUp,
    /// Its own takes long, where others are to be served.
    Slow,
    /// Its transaction was ended by another's failure, or its statement in the place of another's.
    Aborted,
    /// A statement that was prepared is not what it was.
    Stale,
}

/// What a driver's own error means.
pub trait DriverError: std::error::Error {
    /// PostgreSQL's SQLSTATE, see its manual's appendix A; empty where there is none.
    fn code(&self) -> &str;

    /// See [`DatabaseError::is_read_only`].
    fn is_read_only(&self) -> bool;

    /// See [`DatabaseError::is_timeout`].
    fn is_timeout(&self) -> bool;

    /// See [`DatabaseError::is_too_complex`].
    fn is_too_complex(&self) -> bool;

    /// See [`DatabaseError::is_cut_off`].
    fn is_cut_off(&self) -> bool;

    /// See [`DatabaseError::lacks_table`].
    fn lacks_table(&self, table: &str) -> bool;

    /// What is told of it in the log, beside this statement.
    fn said(&self, statement: &str) -> Said;

    /// Why what was to be written was refused, if this says so. `of_bound` is whether it is of a value that was bound, and
    /// nothing had begun to run.
    fn refusal(&self, of_bound: bool) -> Option<Refusal>;
}

impl DatabaseError {
    /// The driver's error that it is, or that it came of.
    pub(super) fn driver(&self) -> Option<&dyn DriverError> {
        match self {
            #[cfg(feature = "postgres")]
            DatabaseError::Postgres(error) => Some(error),
            #[cfg(feature = "sqlite")]
            DatabaseError::Sqlite(error) => Some(error),
            DatabaseError::Restart { cause, .. } => cause.as_ref()?.driver(),
            DatabaseError::BadValue(cause) | DatabaseError::Uncommitted(cause) => cause.driver(),
            _ => None,
        }
    }

    fn driver_says(&self, of: impl Fn(&dyn DriverError) -> bool) -> bool {
        self.driver().is_some_and(of)
    }

    /// PostgreSQL's code of the error.
    fn code(&self) -> &str {
        self.driver().map_or("", DriverError::code)
    }

    /// Why the request is to begin again, if it is.
    pub fn restart(&self) -> Option<Restart> {
        match self {
            DatabaseError::Restart { why, .. } => Some(*why),
            _ => None,
        }
    }

    /// Whether others were in the way of a transaction, which may be done again.
    pub fn is_conflict(&self) -> bool {
        // Serialization failure, deadlock.
        matches!(self.code(), "40001" | "40P01")
    }

    /// Whether it says that nothing may be written there.
    pub fn is_read_only(&self) -> bool {
        matches!(self, DatabaseError::ReadOnly(_)) || self.driver_says(|e| e.is_read_only())
    }

    /// As whoever wrote is told of it.
    pub fn into_shown(self) -> Self {
        match self {
            DatabaseError::ReadOnly(_) => self,
            error if error.is_read_only() => DatabaseError::ReadOnly(error.said("").why),
            error => error,
        }
    }

    /// As the error of COMMIT. What it says there is told to whoever wrote; beside a statement, only what the statement
    /// was for says whether it is theirs to know.
    pub fn at_commit(self) -> Self {
        match Refusal::of(&self) {
            Some(_) => DatabaseError::Uncommitted(Box::new(self)),
            None => self,
        }
    }

    /// Whether it says nothing of the statement that it came of.
    pub fn is_of_others(&self) -> bool {
        self.restart().is_some() || self.is_cut_off()
    }

    /// Whether the database stopped a statement for taking too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, DatabaseError::TimedOut) || self.driver_says(|e| e.is_timeout())
    }

    /// As the error of a statement that has not begun to run. What becomes of running it is of rows, perhaps hidden ones,
    /// and nobody's value.
    pub fn before_rows(self) -> Self {
        // Class 22: data exception.
        match self.code().starts_with("22") && self.restart().is_none() {
            true => DatabaseError::BadValue(Box::new(self)),
            false => self,
        }
    }

    pub fn is_bad_value(&self) -> bool {
        matches!(self, DatabaseError::BadValue(_))
    }

    /// Whether the statement is more than the database can take, though it was within our limits.
    pub fn is_too_complex(&self) -> bool {
        self.driver_says(|e| e.is_too_complex())
    }

    /// Whether it may be of what the statement reads, so that one that reads less is answered.
    pub fn is_of_what_is_read(&self) -> bool {
        let is_of_others = self.is_unavailable() || self.is_timeout() || self.is_too_complex();
        self.driver().is_some() && !is_of_others && !self.is_bad_value()
    }

    /// Whether it is that there is no table called so.
    pub fn lacks_table(&self, table: &str) -> bool {
        self.driver_says(|e| e.lacks_table(table))
    }

    /// Whether there is nothing to ask: the database cannot be reached, or the way to it has ended.
    pub fn is_cut_off(&self) -> bool {
        match self {
            DatabaseError::Unreachable(_) | DatabaseError::Unusable { .. } => true,
            DatabaseError::Restart { .. } => false,
            error => error.driver_says(|e| e.is_cut_off()),
        }
    }

    /// Whether the database has nothing left to answer with, or cannot be reached at all.
    pub fn is_unavailable(&self) -> bool {
        // Class 53: no connection, memory or room is left.
        self.is_cut_off()
            || self.code().starts_with("53")
            || matches!(
                self,
                DatabaseError::Overloaded { .. }
                    | DatabaseError::Restart { .. }
                    | DatabaseError::ReadOnly(_)
                    | DatabaseError::Unknown(_)
            )
    }
}

/// Why a level has no rows: its statement failed, or was not run because nothing could be asked any more.
#[derive(Debug)]
pub struct LevelError {
    pub error: DatabaseError,
    /// The level whose statement it was; `None` where nothing was asked.
    pub level: Option<LevelId>,
    /// The statement, if it was sent. It counts as run.
    pub ran: Option<Ran>,
    /// The id under which it is logged and shown, once it is.
    pub id: OnceLock<Arc<str>>,
}

impl LevelError {
    pub fn new(error: DatabaseError, level: Option<LevelId>, ran: Option<Ran>) -> Self {
        LevelError {
            error,
            level,
            ran,
            id: OnceLock::new(),
        }
    }

    /// Before the first statement.
    pub fn unasked(error: DatabaseError) -> Self {
        LevelError::new(error, None, None)
    }
}

/// The levels whose own statements are known to have failed, and are not asked again: a database that gives up a
/// whole transaction with a statement is asked for all the others in another one.
#[derive(Debug, Default)]
pub struct Failures(Vec<Option<Arc<LevelError>>>);

impl Failures {
    pub fn of(&self, level: LevelId) -> Option<&Arc<LevelError>> {
        self.0.get(level)?.as_ref()
    }

    /// Adds the levels whose own statements have failed; false where all of them were known.
    pub fn remember(&mut self, loaded: &[Loaded]) -> bool {
        let known = self.0.iter().flatten().count();
        self.0.resize(loaded.len(), None);
        for (i, level) in loaded.iter().enumerate() {
            if let Some(failed) = &level.failed
                && failed.level == Some(i)
                && failed.error.restart().is_none()
            {
                self.0[i] = Some(failed.clone());
            }
        }
        self.0.iter().flatten().count() > known
    }
}
