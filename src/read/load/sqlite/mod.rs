//! SQLite through rusqlite.
//!
//! SQLite answers in the calling thread, so a request's whole work is one job for one thread, in one read
//! transaction: no row crosses a channel, and every level sees the same data. Handing a job to another thread
//! costs as much as a small query does, so what is quick runs where it is asked. What turns out not to be is
//! stopped before it holds up that thread's other requests, and runs again on a thread of its own.
//!
//! Writes have one thread and one connection (`writer`), since a file has one writer at a time.

mod answer;
mod beside;
mod connection;
mod desk;
mod error;
mod file;
mod fold;
#[cfg(feature = "cli")]
mod foreign_log;
mod forms;
mod heard;
mod index;
mod line;
mod pack;
mod pool;
mod rank;
mod sum;
#[cfg(test)]
mod tests;
mod touch;
mod values;
mod watch;
mod workers;
mod writer;
mod writing;

pub use beside::beside;
pub use file::{Access, DatabaseFile};
#[cfg(feature = "cli")]
pub use foreign_log::has_foreign_log;
pub use pool::SqlitePool;
pub use writer::SqliteWriter;
