//! What goes wrong while a request's rows are loaded, and how far it reaches.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::{Loaded, Ran};
use crate::read::plan::LevelId;

/// What the database or its driver said. A client never sees it, and the log what `said` leaves of it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// Of a statement that was sent behind so many characters that are not its own.
    #[error("PostgreSQL: {error}")]
    Marked {
        error: tokio_postgres::Error,
        before: u32,
    },
    /// A bound value is none of its type: PostgreSQL has found that before it looked at any row.
    #[error("{0}")]
    BadValue(Box<DatabaseError>),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
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

impl DatabaseError {
    /// PostgreSQL's code of the error, see its manual's appendix A.
    fn code(&self) -> &str {
        self.sql_state().map_or("", |code| code.code())
    }

    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            DatabaseError::Postgres(e) | DatabaseError::Marked { error: e, .. } => e.code(),
            DatabaseError::Restart { cause, .. } => cause.as_ref()?.sql_state(),
            DatabaseError::BadValue(cause) => cause.sql_state(),
            _ => None,
        }
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
        matches!(self, DatabaseError::ReadOnly(_))
            || self.code() == "25006"
            || self.sqlite_code() == Some(rusqlite::ErrorCode::ReadOnly)
    }

    /// As whoever wrote is told of it.
    pub fn as_shown(self) -> Self {
        match self {
            DatabaseError::ReadOnly(_) => self,
            error if error.is_read_only() => DatabaseError::ReadOnly(error.said("").why),
            error => error,
        }
    }

    /// Whether it says nothing of the statement that it came of.
    pub fn is_of_others(&self) -> bool {
        self.restart().is_some() || self.is_cut_off()
    }

    fn sqlite_code(&self) -> Option<rusqlite::ErrorCode> {
        match self {
            DatabaseError::Sqlite(e) => e.sqlite_error_code(),
            _ => None,
        }
    }

    /// Whether the database stopped a statement for taking too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, DatabaseError::TimedOut)
            || self.sqlite_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
            || self.code() == "57014"
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
        match self {
            DatabaseError::Sqlite(e) => {
                // SQLite has no codes for these.
                let text = e.to_string();
                [
                    "Expression tree is too large",
                    "too many ",
                    "stack overflow",
                ]
                .iter()
                .any(|limit| text.contains(limit))
            }
            // Class 54: a limit of the program is exceeded.
            _ => self.code().starts_with("54"),
        }
    }

    /// Whether there is nothing to ask: the database cannot be reached, or the way to it has ended.
    pub fn is_cut_off(&self) -> bool {
        match self {
            DatabaseError::Unreachable(_) | DatabaseError::Unusable { .. } => true,
            DatabaseError::Postgres(e) | DatabaseError::Marked { error: e, .. } => {
                // Class 57P: the server is shutting down or not yet up, or ends the connection. Class 08: the
                // connection failed. 25P03: it was ended for being idle in a transaction. An error without a code
                // is the connection's end.
                let ended = e.is_closed() || e.source().is_some_and(|e| e.is::<std::io::Error>());
                let classes = ["57P", "08", "25P03"];
                ended || classes.iter().any(|class| self.code().starts_with(class))
            }
            DatabaseError::Sqlite(_) => matches!(
                self.sqlite_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::DatabaseBusy)
            ),
            _ => false,
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
