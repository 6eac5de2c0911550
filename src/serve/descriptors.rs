//! How many files and connections this process may have open.

use std::ops::RangeInclusive;

/// What connections are within, unless somebody says otherwise: more than these are a matter for several servers.
const MOST: RangeInclusive<usize> = 16..=10_000;

/// Takes as many file descriptors as the system lets this process have, and says how many these are.
///
/// The limit that a process starts with is often 1,024, for the sake of programs that use `select`; it may be raised to
/// the one that an administrator has set.
#[cfg(unix)]
pub fn raise() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(ENOUGH);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current as usize;
    }
    let raised = Rlimit {
        current: Some(wanted),
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted as usize,
        Err(_) => current as usize,
    }
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
pub fn raise() -> usize {
    ENOUGH as usize
}

/// More are not asked for: some systems keep a table of them.
const ENOUGH: u64 = 1 << 16;

/// How many connections to serve, with that many file descriptors: some are left for the database, for files, and for
/// telling others that there is no room.
pub fn connections(descriptors: usize, of_database: usize) -> usize {
    let kept = (descriptors / 4).max(64) + of_database;
    descriptors
        .saturating_sub(kept)
        .clamp(*MOST.start(), *MOST.end())
}
