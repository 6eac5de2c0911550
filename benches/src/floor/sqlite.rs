//! What the floors on SQLite share: a connection for each thread, and how values are read.

use super::Answer;
use crate::Result;
use axum::extract::State;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use serde::{Serialize, Serializer};
use std::{cell::OnceCell, path::Path, sync::Arc};

/// The database's file.
pub type File = State<Arc<Path>>;

/// The file, which can be opened.
pub fn file(database_url: &str) -> Result<Arc<Path>> {
    let file = database_url.strip_prefix("sqlite://");
    let file = Path::new(file.ok_or("not the URL of an SQLite file")?);
    open(file)?;
    Ok(file.into())
}

/// Works with this thread's connection, in a read transaction.
pub fn read(file: &Path, work: impl FnOnce(&Connection) -> Answer) -> Answer {
    thread_local! {
        static CONNECTION: OnceCell<Connection> = const { OnceCell::new() };
    }
    CONNECTION.with(|cell| {
        let connection = match cell.get() {
            Some(connection) => connection,
            None => {
                let opened = open(file)?;
                cell.get_or_init(|| opened)
            }
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        let answer = work(connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        answer
    })
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without it SQLite prepares a statement again whenever its key changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112; PRAGMA cache_size = -4000;",
    )?;
    Ok(connection)
}

/// An instant as it is stored, `2024-01-01T00:00:00+00:00`, written with `Z`.
pub struct Instant<'a>(pub &'a str);

impl Serialize for Instant<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Some(bare) = self.0.strip_suffix("+00:00").filter(|bare| bare.len() < 32) else {
            return serializer.serialize_str(self.0);
        };
        let mut text = [b'Z'; 32];
        text[..bare.len()].copy_from_slice(bare.as_bytes());
        let text = std::str::from_utf8(&text[..=bare.len()]).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}
