//! The index of a write-ahead log (`-shm`), which all who have the file open share as memory. See "The WAL-Index File
//! Format" in SQLite's documentation.

use std::fs::File;
use std::io;
use std::path::Path;

use super::beside::beside;

/// What an index says of its log, in pages.
pub struct Figures {
    /// Those that are in it.
    pub pages: u32,
    /// Those of them that are in the file too.
    pub copied: u32,
    /// Those that somebody has begun to bring into the file, which he says before the first is written.
    pub begun: u32,
}

/// The byte that is locked by whoever is at it.
#[cfg(unix)]
const LOCK: u64 = 121;

pub fn figures_of(database: &Path) -> io::Result<Figures> {
    let mut head = [0; 132];
    with(database, |index| read(index, &mut head))?;
    let figure = |at: usize| {
        let mut figure = [0; 4];
        figure.copy_from_slice(&head[at..at + 4]);
        u32::from_ne_bytes(figure)
    };
    Ok(Figures {
        pages: figure(16),
        copied: figure(96),
        begun: figure(128),
    })
}

/// Whether another process is bringing the log into this file. Of this one, that cannot be asked.
#[cfg(unix)]
pub fn is_at_work_elsewhere(database: &Path) -> bool {
    use rustix::process::{Flock, FlockType, fcntl_getlk};
    let shared = Flock {
        start: LOCK,
        length: 1,
        ..Flock::from(FlockType::ReadLock)
    };
    with(database, |index| Ok(fcntl_getlk(index, &shared)?)).is_ok_and(|by| by.is_some())
}

/// Nobody knows.
#[cfg(not(unix))]
pub fn is_at_work_elsewhere(_: &Path) -> bool {
    false
}

/// Where a process closes a file, all its locks on it are gone, SQLite's too. So each index is opened once, and kept open
/// for as long as it has a name by which another process could find it.
#[cfg(unix)]
fn with<T>(database: &Path, ask: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    use std::os::unix::fs::MetadataExt;
    use std::sync::{Mutex, PoisonError};
    static OPEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

    let path = beside(database, "-shm");
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = std::fs::metadata(&path)?;
    let is_it = |file: &File| {
        let has = file.metadata();
        has.is_ok_and(|has| (has.dev(), has.ino()) == (found.dev(), found.ino()))
    };
    if let Some(file) = open.iter().find(|file| is_it(file)) {
        return ask(file);
    }
    open.retain(|file| file.metadata().is_ok_and(|has| has.nlink() > 0));
    let file = File::open(path)?;
    let done = ask(&file);
    open.push(file);
    done
}

#[cfg(not(unix))]
fn with<T>(database: &Path, ask: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    ask(&File::open(beside(database, "-shm"))?)
}

#[cfg(unix)]
fn read(index: &File, head: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(index, head, 0)
}

#[cfg(not(unix))]
fn read(mut index: &File, head: &mut [u8]) -> io::Result<()> {
    io::Read::read_exact(&mut index, head)
}
