//! The file behind the connections, which somebody may replace while it is read: by another in its place, or by
//! writing over it, as `cp` does. Neither asks SQLite, whose caches would then mix the old and the new.
//!
//! After each transaction the file is compared with what it was when its connection was opened. SQLite's own writers
//! change it too, where they bring what is in the write-ahead log into the file: they move the log's figures as well.
//! A change that they do not explain is a replacement: what was read is dropped, and every connection made anew.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::DatabaseError;

/// A file by its path.
pub struct DatabaseFile {
    path: PathBuf,
    /// How often it has been replaced.
    replaced: AtomicU64,
    /// The log that was found beside it when it was replaced: it belongs to the file before.
    stale_log: Mutex<Option<Log>>,
}

/// What tells a file from what it was: its identity, its size and when it was last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    identity: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

/// How many pages are in the write-ahead log, and how many of them are in the file too. Without a log there are -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pages: i64,
    copied: i64,
}

impl DatabaseFile {
    pub fn new(path: &Path) -> Self {
        DatabaseFile {
            path: path.to_path_buf(),
            replaced: AtomicU64::new(0),
            stale_log: Mutex::new(None),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn stamp(&self) -> Result<Stamp, DatabaseError> {
        let found = std::fs::metadata(&self.path).map_err(|cause| {
            let remedy = "put the file back, or a backup of it; it is then served again";
            self.unusable(&format!("{cause}; {remedy}"))
        })?;
        Ok(Stamp::of(&found))
    }

    /// A connection opened at one count is of no use at another.
    pub fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Has every connection made anew that was opened at this count.
    pub fn replace(&self, count: u64, log: Log) {
        let mut stale = self
            .stale_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.replaced() == count {
            *stale = (log.pages > 0).then_some(log);
            self.replaced.store(count + 1, Ordering::Relaxed);
        }
    }

    /// Refuses a file that stands beside the log of another, which SQLite would take for its own.
    pub fn check(&self, log: Log) -> Result<(), DatabaseError> {
        let mut stale = self
            .stale_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if stale.is_some_and(|stale| stale == log) {
            return Err(self.unusable(
                "it was replaced while changes of the file before were in its write-ahead log; stop whatever has it open, remove the files that end in -wal and -shm, and put the backup there again",
            ));
        }
        *stale = None;
        Ok(())
    }

    /// Says of an error whether it is the file's fault, and what to do about it.
    pub fn explain(&self, error: DatabaseError) -> DatabaseError {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase, SystemIoFailure};
        let DatabaseError::Sqlite(cause) = &error else {
            return error;
        };
        match cause.sqlite_error_code() {
            Some(CannotOpen | DatabaseCorrupt | NotADatabase | SystemIoFailure) => {
                let remedy = "check it with `sqlite3 FILE 'PRAGMA integrity_check'`, or put a backup in its place, which is then served";
                self.unusable(&format!("{cause}; {remedy}"))
            }
            _ => error,
        }
    }

    pub fn unusable(&self, cause: &str) -> DatabaseError {
        DatabaseError::Unusable(format!("{}: {cause}", self.path.display()))
    }
}

impl Log {
    pub fn of(connection: &rusqlite::Connection) -> Self {
        // A log of a file that cannot be written cannot be asked about, and has no writers here.
        let read = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)");
        let figures = read.and_then(|mut ask| {
            ask.query_row([], |row| {
                Ok(Log {
                    pages: row.get(1)?,
                    copied: row.get(2)?,
                })
            })
        });
        figures.unwrap_or(Log {
            pages: -1,
            copied: -1,
        })
    }

    /// Whether there is something that a writer may be bringing into the file.
    pub fn is_pending(self) -> bool {
        self.pages > self.copied
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(found: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Stamp {
            identity: (found.dev(), found.ino()),
            length: found.len(),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn of(found: &std::fs::Metadata) -> Self {
        let modified = found.modified().ok();
        let since = modified.and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok());
        let since = since.unwrap_or_default();
        Stamp {
            identity: (0, 0),
            length: found.len(),
            changed: (since.as_secs() as i64, since.subsec_nanos().into()),
        }
    }

    /// Whether this is the other, perhaps written to.
    pub fn is_same_file(self, other: Stamp) -> bool {
        self.identity == other.identity
    }
}
