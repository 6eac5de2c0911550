//! The file behind the connections, which somebody may replace while it is read: by another in its place, or by
//! writing over it, as `cp` does. Neither asks SQLite, whose caches would then mix the old and the new.
//!
//! After each transaction the file is compared with what it was when its connection was opened. SQLite's own writers,
//! of this process or another, change it too, where they bring what is in the write-ahead log into the file. Before the
//! first page is written they say how far they mean to come, and after the last one how far they came: so it shows in
//! the log's figures that somebody is at it, was at it and was killed, or is done. A change that this does not explain
//! is a replacement: what was read is dropped, and every connection made anew. (But where only its times were set, which `touch`
//! tells.) What is left of the log then is the file's
//! that was there before, and SQLite would take it for the other's: no connection is opened beside it. Where it is certain
//! that the file is another, that is noted in a file beside it, for whoever starts next.
//!
//! Before a write it is seen to that the log is there, which somebody may take away or cut short: what is written to it
//! then is nowhere.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::OpenFlags;

use super::super::DatabaseError;
use super::beside::beside;
use super::index;
use super::touch::{Listener, Told};

/// A file by its path.
pub struct DatabaseFile {
    path: PathBuf,
    access: Access,
    /// How often it has been replaced.
    replaced: AtomicU64,
    stale_log: Mutex<Option<StaleLog>>,
    /// The file whose log was taken away, and what to do about that.
    lost_log: Mutex<Option<(Stamp, &'static str)>>,
    /// Who hears what is done to the file that this is the stamp of.
    listener: Mutex<Option<(Stamp, Listener)>>,
}

/// How a file is opened. Those who read write no rows; but whoever may write brings what is left of a log into the
/// file, and makes what readers of a log need beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Writable,
    ReadOnly,
    /// Nobody writes it, so it is read without locks, and nothing is made beside it.
    Immutable,
}

/// The log that was found beside a file when it was replaced: it belongs to the file before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StaleLog {
    head: Head,
    /// The file before, if another was put in its place: it may be put back. One that was written over is no more.
    moved: Option<Stamp>,
}

/// What tells a file from what it was: its identity, its size, when it was last written to, and when that or anything
/// else about it was last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    identity: (u64, u64),
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

/// A write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How many pages are in it, and how many of them are in the file too. Without a log there are -1.
    pages: i64,
    copied: i64,
    /// How many of them somebody has begun to bring into the file: he is at it, where these are more than are copied, or
    /// was ended before he was done.
    begun: Option<u32>,
    head: Option<Head>,
}

const STALE_LOG: &str = "something other than SQLite has written to it, or set the time of its last change alone (as `touch -m` does, which the system tells as a write), while changes were in its write-ahead log; if a backup was put there, stop whatever has it open, move the files that end in -wal and -shm away (keep them: they are of the file before, and hold what was committed to it last), and put the backup there again";

/// What else may have been, where it is not noted that the file is another, and where it is.
const NOT_NOTED: &str = "if none was, only start again, and leave those files where they are";
const NOTED: &str = "if the file is the one that was there before after all, remove the one that ends in -stale and start again, and leave the others where they are";

const LOG_REMOVED: &str = "somebody has removed its write-ahead log, the file that ends in -wal, while it was in use; what was in it has been brought into the file, so start again, and leave that file where it is from then on";

const LOG_KEPT_UP: &str = "somebody has removed its write-ahead log, the file that ends in -wal, while it was in use, and others who read keep what was in it from being brought into the file; leave this process running, which alone still has it, until that is done, which is tried again with each write";

const LOG_REPLACED: &str = "somebody has put another file in the place of its write-ahead log, the one that ends in -wal, while it was in use; put the one from before back if it is still there, and start again; if it is not, what was committed to it last is lost: stop whatever has it open, and put a backup in its place";

const LOG_CUT: &str = "somebody has cut short its write-ahead log, the file that ends in -wal, while it was in use; what was committed to it last is lost: stop whatever has it open, and put a backup in its place, or check it with `sqlite3 FILE 'PRAGMA integrity_check'` and start again";

/// The bytes before the first page in a log, and before each page.
const HEAD_OF_LOG: u64 = 32;
const HEAD_OF_PAGE: u64 = 24;

/// What became of a log that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is removed, and what was in it is in the file.
    Removed,
    /// It is removed, and what was in it is with those who have it open.
    Pending,
    Replaced,
    Cut,
}

/// Which log it is, of those that one file had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// How often it was begun again, which is done when all of it is in the file.
    begun: u32,
    /// Drawn anew each time.
    salt: u64,
}

impl DatabaseFile {
    pub fn new(path: &Path, access: Access) -> Self {
        let file = DatabaseFile {
            path: path.to_path_buf(),
            access,
            replaced: AtomicU64::new(0),
            stale_log: Mutex::new(None),
            lost_log: Mutex::new(None),
            listener: Mutex::new(None),
        };
        let noted = file.noted();
        DatabaseFile {
            stale_log: Mutex::new(noted),
            ..file
        }
    }

    /// A connection that can do no more than the file's access says.
    pub fn connect(&self) -> rusqlite::Result<rusqlite::Connection> {
        let write = match self.access {
            Access::Writable => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::ReadOnly | Access::Immutable => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let flags = write | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if self.access != Access::Immutable {
            return rusqlite::Connection::open_with_flags(&self.path, flags);
        }
        let path = self.path.to_string_lossy();
        let path = path
            .replace('%', "%25")
            .replace('?', "%3f")
            .replace('#', "%23");
        let uri = format!("file:{path}?immutable=1");
        rusqlite::Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
    }

    pub fn access(&self) -> Access {
        self.access
    }

    pub fn stamp(&self) -> Result<Stamp, DatabaseError> {
        let found = std::fs::metadata(&self.path).map_err(|cause| {
            let remedy = "put the file back, or a backup of it; it is then served again";
            self.unusable(&format!("{cause}; {remedy}"))
        })?;
        Ok(Stamp::of(&found))
    }

    /// What was done to the file that this is the stamp of, as far as it is told; it is listened to from the first time on.
    pub fn told(&self, of: Stamp) -> Told {
        let listener = self.listener.lock();
        let mut listener = listener.unwrap_or_else(PoisonError::into_inner);
        let is_heard = |(file, _): &(Stamp, Listener)| file.is_same_file(of);
        if !listener.as_ref().is_some_and(is_heard) {
            let anew = Listener::to(&self.path);
            // Else it may be another that is listened to.
            let anew = anew.filter(|_| self.is_there(of));
            *listener = anew.map(|anew| (of, anew));
        }
        let told = listener.as_ref().map(|(_, listener)| listener.told());
        told.unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        beside(&self.path, "-wal")
    }

    /// Where it is noted that the log is another file's.
    fn note_path(&self) -> PathBuf {
        beside(&self.path, "-stale")
    }

    /// The log beside it as a file.
    pub fn stamp_of_log(&self) -> Option<Stamp> {
        let found = std::fs::metadata(self.log_path()).ok()?;
        Some(Stamp::of(&found))
    }

    /// A connection opened at one count is of no use at another.
    pub fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Has every connection made anew that was opened at this count, to this file with this log, when this was told of it.
    pub fn replace(&self, count: u64, before: Stamp, log: Option<Stamp>, told: Told) {
        let mut stale = self
            .stale_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.replaced() == count {
            let left = log.and_then(|log| Some((self.left_of(log)?, log)));
            let moved = (!self.is_there(before)).then_some(before);
            *stale = left.map(|(head, _)| StaleLog { head, moved });
            if let Some((head, log)) = left
                && (moved.is_some() || self.told(before).is_written_since(told))
            {
                self.note(head, log, moved);
            }
            self.replaced.store(count + 1, Ordering::Relaxed);
        }
    }

    fn is_there(&self, file: Stamp) -> bool {
        self.stamp().is_ok_and(|now| now.is_same_file(file))
    }

    /// Which log it is, if it is still there and there is anything in it, even what SQLite would begin again: who opens the
    /// file anew does not know that.
    fn left_of(&self, log: Stamp) -> Option<Head> {
        let now = self.stamp_of_log()?;
        if !now.is_same_file(log) || now.length <= HEAD_OF_LOG {
            return None;
        }
        self.head_of_log().ok()
    }

    /// Refuses a file that stands beside the log of another, before SQLite opens it, which would take the log for its own.
    pub fn check(&self) -> Result<(), DatabaseError> {
        let mut stale = self
            .stale_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(StaleLog { head, moved }) = *stale {
            let is_back = moved.is_some_and(|before| self.is_there(before));
            if !is_back && self.head_of_log().is_ok_and(|now| now == head) {
                return Err(self.has_stale_log_beside());
            }
        }
        *stale = None;
        self.forget();
        Ok(())
    }

    /// Notes for whoever starts next that this log is not the file's that is there, and which one it is of, if that was moved.
    fn note(&self, head: Head, log: Stamp, moved: Option<Stamp>) {
        let Head { begun, salt } = head;
        let of_log = log.identity.1;
        let mut figures = format!("{begun} {salt} {of_log}");
        if let Some(moved) = moved {
            let ((_, inode), length, (seconds, nanos)) =
                (moved.identity, moved.length, moved.written);
            figures.push_str(&format!(" {inode} {length} {seconds} {nanos}"));
        }
        if let Err(error) = std::fs::write(self.note_path(), figures) {
            tracing::debug!(%error, "it cannot be noted that a log is stale");
        }
    }

    /// What was noted, if it holds: the log is still the one, untouched in its place, and the file that it is of is not back as it was.
    fn noted(&self) -> Option<StaleLog> {
        let figures = std::fs::read_to_string(self.note_path()).ok()?;
        let figures = figures.split_whitespace().map(str::parse);
        let figures: Vec<i128> = figures.collect::<Result<_, _>>().ok()?;
        let (begun, salt, of_log, moved) = match figures[..] {
            [begun, salt, of_log] => (begun, salt, of_log, None),
            [begun, salt, of_log, inode, length, seconds, nanos] => {
                (begun, salt, of_log, Some([inode, length, seconds, nanos]))
            }
            _ => return None,
        };
        let head = self.head_of_log().ok()?;
        let log = self.stamp_of_log()?;
        let is_the_log = (i128::from(head.begun), i128::from(head.salt)) == (begun, salt)
            && i128::from(log.identity.1) == of_log;
        let is_back = self.stamp().is_ok_and(|now| {
            let ((_, inode), length, (seconds, nanos)) = (now.identity, now.length, now.written);
            let now = [inode.into(), length.into(), seconds.into(), nanos.into()];
            moved == Some(now)
        });
        (is_the_log && !is_back).then_some(StaleLog { head, moved: None })
    }

    /// What was noted does not hold any more.
    fn forget(&self) {
        if self.access == Access::Writable {
            // It need not be there.
            let _ = std::fs::remove_file(self.note_path());
        }
    }

    fn has_stale_log_beside(&self) -> DatabaseError {
        let otherwise = match self.note_path().exists() {
            true => NOTED,
            false => NOT_NOTED,
        };
        self.unusable(&format!("{STALE_LOG}; {otherwise}"))
    }

    /// Refuses to write to a file whose log was lost, for as long as it is in its place.
    pub fn require_log(&self, of: Stamp) -> Result<(), DatabaseError> {
        match *self.lost_log() {
            Some((file, why)) if file.is_same_file(of) => Err(self.unusable(why)),
            _ => Ok(()),
        }
    }

    /// Has all be refused that would be written to this file, but while there is hope.
    pub fn lose_log(&self, of: Stamp, loss: Loss) -> DatabaseError {
        let why = match loss {
            Loss::Pending => return self.unusable(LOG_KEPT_UP),
            Loss::Removed => LOG_REMOVED,
            Loss::Replaced => LOG_REPLACED,
            Loss::Cut => LOG_CUT,
        };
        *self.lost_log() = Some((of, why));
        self.unusable(why)
    }

    fn lost_log(&self) -> MutexGuard<'_, Option<(Stamp, &'static str)>> {
        self.lost_log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what a connection has of its log must not get into the file that is there.
    pub fn has_foreign_log(&self) -> bool {
        self.has_stale_log() || self.lost_log().is_some()
    }

    /// Whether another process is bringing the log into it.
    pub fn is_written_elsewhere(&self) -> bool {
        index::is_at_work_elsewhere(&self.path)
    }

    /// Says of an error whether it is the file's fault, and what to do about it.
    pub fn explain(&self, error: DatabaseError) -> DatabaseError {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase, SystemIoFailure};
        let DatabaseError::Sqlite(cause) = &error else {
            return error;
        };
        match cause.sqlite_error_code() {
            // Not even a connection need come of two files in one.
            Some(DatabaseCorrupt | NotADatabase) if self.has_stale_log() => {
                self.has_stale_log_beside()
            }
            Some(CannotOpen | DatabaseCorrupt | NotADatabase | SystemIoFailure) => {
                let remedy = "check it with `sqlite3 FILE 'PRAGMA integrity_check'`, or put a backup in its place, which is then served";
                self.unusable(&format!("{cause}; {remedy}"))
            }
            _ => error,
        }
    }

    /// See "The WAL File Format" in SQLite's documentation.
    fn head_of_log(&self) -> std::io::Result<Head> {
        let mut log = File::open(self.log_path())?;
        log.seek(SeekFrom::Start(12))?;
        let (mut begun, mut salt) = ([0; 4], [0; 8]);
        log.read_exact(&mut begun)?;
        log.read_exact(&mut salt)?;
        Ok(Head {
            begun: u32::from_be_bytes(begun),
            salt: u64::from_be_bytes(salt),
        })
    }

    fn has_stale_log(&self) -> bool {
        let stale = self.stale_log.lock();
        stale.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub fn unusable(&self, cause: &str) -> DatabaseError {
        DatabaseError::Unusable {
            file: self.path.clone(),
            cause: cause.to_owned(),
        }
    }
}

impl Log {
    pub fn of(file: &DatabaseFile, connection: &rusqlite::Connection) -> Self {
        // A log of a file that cannot be written cannot be asked about, and has no writers here.
        let read = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)");
        let figures = read.and_then(|mut ask| {
            ask.query_row([], |row| {
                Ok(Log {
                    pages: row.get(1)?,
                    copied: row.get(2)?,
                    begun: index::figures_of(&file.path).ok().map(|is| is.begun),
                    head: file.head_of_log().ok(),
                })
            })
        });
        figures.unwrap_or(Log {
            pages: -1,
            copied: -1,
            begun: None,
            head: None,
        })
    }

    /// The one that is kept beside a file, which SQLite cannot be asked about in a transaction.
    pub fn beside(file: &DatabaseFile) -> Option<Self> {
        let figures = index::figures_of(&file.path).ok()?;
        Some(Log {
            pages: figures.pages.into(),
            copied: figures.copied.into(),
            begun: Some(figures.begun),
            head: file.head_of_log().ok(),
        })
    }

    /// Whether pages of this log have been brought into the file since it was the other, or somebody has begun to, as far
    /// as its figures show.
    pub fn has_moved_since(self, before: Log) -> bool {
        let begun_again = match (self.head, before.head) {
            (Some(now), Some(before)) => now != before,
            (Some(now), None) => now.begun > 0,
            (None, _) => false,
        };
        self.copied != before.copied || self.begun != before.begun || begun_again
    }

    /// Whether somebody is bringing its pages into the file, or was ended at that.
    pub fn is_on_its_way(self) -> bool {
        self.begun
            .is_some_and(|begun| i64::from(begun) > self.copied)
    }

    /// Whether there is one.
    pub fn is_kept(self) -> bool {
        self.pages >= 0
    }

    /// How many pages SQLite has in the log of a connection, outside of a transaction.
    pub fn pages_of(connection: &rusqlite::Connection) -> rusqlite::Result<i64> {
        let mut ask = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
        ask.query_row([], |row| row.get(1))
    }

    /// How long the file is that so many pages are in, at least.
    pub fn length_of(pages: i64, page_size: u64) -> u64 {
        match u64::try_from(pages) {
            Ok(pages) if pages > 0 => HEAD_OF_LOG + pages * (HEAD_OF_PAGE + page_size),
            _ => 0,
        }
    }

    /// How long its file is, at least.
    pub fn length(self, page_size: u64) -> u64 {
        Log::length_of(self.pages, page_size)
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(found: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Stamp {
            identity: (found.dev(), found.ino()),
            length: found.len(),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn of(found: &std::fs::Metadata) -> Self {
        let modified = found.modified().ok();
        let since = modified.and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok());
        let since = since.unwrap_or_default();
        let written = (since.as_secs() as i64, since.subsec_nanos().into());
        Stamp {
            identity: (0, 0),
            length: found.len(),
            written,
            changed: written,
        }
    }

    /// Whether this is the other, perhaps written to.
    pub fn is_same_file(self, other: Stamp) -> bool {
        self.identity == other.identity
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Whether it has been cut shorter than the other.
    pub fn is_shorter(self, before: Stamp) -> bool {
        self.is_shorter_than(before.length)
    }

    /// Whether it is not as long as that.
    pub fn is_shorter_than(self, length: u64) -> bool {
        self.length < length
    }

    /// Takes it for one that has been written to since, up to there.
    pub fn grow_to(&mut self, length: u64) {
        self.length = self.length.max(length);
    }

    /// Whether it is as long as the other, and has not changed for so long.
    pub fn rests_for(self, time: Duration, before: Stamp) -> bool {
        let (seconds, nanos) = self.changed;
        let changed = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
        let changed = changed.map(|(seconds, nanos)| UNIX_EPOCH + Duration::new(seconds, nanos));
        let rested = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        self.length == before.length && rested.is_some_and(|rested| rested >= time)
    }

    /// Whether the same is in it, should it be the same file: only its rights, say, are others.
    pub fn has_same_content(self, other: Stamp) -> bool {
        (self.length, self.written) == (other.length, other.written)
    }
}
