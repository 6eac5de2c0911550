//! What SQLite keeps beside a file.

use std::path::{Path, PathBuf};

/// The file of this end beside a database. Where that is a symbolic link, it is beside the file that this leads to.
pub fn beside(database: &Path, end: &str) -> PathBuf {
    let is_link = std::fs::symlink_metadata(database).is_ok_and(|found| found.is_symlink());
    let led_to = is_link
        .then(|| std::fs::canonicalize(database).ok())
        .flatten();
    let mut path = led_to.as_deref().unwrap_or(database).as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}
