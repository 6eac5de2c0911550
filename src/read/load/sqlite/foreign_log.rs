//! A file that is put beside the log of another while nothing runs that could see it.
//!
//! Nothing in a log says whose it is. But a file that keeps one says so in its head from before there is a log until
//! after it is taken away, and one that `VACUUM INTO` has made keeps none: a log beside it is another's, and SQLite would
//! play it into it all the same. (What is a copy of a file that keeps a log cannot be told from that file: their heads are alike, a log
//! changes neither, and the pages in a log say what they are to be, not what they were.)

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::beside::beside;

/// Whether the log beside a file is another's. Nothing of this process may have the file open: what a process closes of a file
/// takes the locks with it that it has elsewhere.
pub fn has_foreign_log(path: &Path) -> bool {
    has_pages(&beside(path, "-wal")).unwrap_or(false) && !keeps_log(path).unwrap_or(true)
}

/// See "The Database Header" in SQLite's documentation.
fn keeps_log(path: &Path) -> std::io::Result<bool> {
    let mut head = [0; 20];
    File::open(path)?.read_exact(&mut head)?;
    // What is no database is refused as that.
    Ok(!head.starts_with(b"SQLite format 3\0") || head[18] != 1 || head[19] != 1)
}

/// See "The WAL File Format" there: of pages that are of this log the first has the numbers that its head has.
fn has_pages(path: &Path) -> std::io::Result<bool> {
    let mut head = [0; 32 + 24];
    File::open(path)?.read_exact(&mut head)?;
    let (log, page) = head.split_at(32);
    Ok(log[16..24] == page[8..16])
}
