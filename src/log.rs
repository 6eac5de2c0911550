//! What goes wrong, as the log tells it: each cause at once, and then how often it came again.
//!
//! During an outage every request fails for the same cause. It is told in full when it is first met, under an id that all
//! who are hit by it are given, and from then on counted: a line every ten seconds says how often, the last one after
//! the last time. A cause that has not been met for a minute is a new one when it comes again.
//!
//! So many causes are known at a time, and all others are counted together: clients may think of statements without
//! end. Nothing runs for a request: a thread tells the counts while there are any.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;

/// Between two lines about one cause.
const EVERY: Duration = Duration::from_secs(10);
/// A cause that has not been met for so long is forgotten.
const KEPT: Duration = Duration::from_secs(60);
/// Causes that are told apart.
const MOST: usize = 128;

/// Something that went wrong. Two are the same cause where all of it is the same.
#[derive(Debug, Clone, Copy, Hash)]
pub struct Cause<'a> {
    pub weight: Weight,
    pub what: &'static str,
    /// The code that the database gave it.
    pub code: Option<&'a str>,
    /// Why, without anything that rows or clients' values hold.
    pub why: &'a str,
    /// Where in the answer it was to be, without indexes.
    pub path: Option<&'a str>,
    pub statement: Option<Statement<'a>>,
}

/// The statement that failed, with placeholders for its values.
#[derive(Debug, Clone, Copy, Hash)]
pub struct Statement<'a> {
    pub sql: &'a str,
    /// The character of it, from 1, at which the database found the mistake.
    pub position: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    Error,
    Warning,
}

/// Tells what went wrong, or counts it where it has been told already, and gives the id under which it is found.
pub fn report(cause: &Cause<'_>) -> Arc<str> {
    let met = LOG.known().meet(cause, Instant::now());
    if met.first {
        tell_first(&met.id, cause);
    } else {
        LOG.count();
    }
    met.id
}

/// Tells what has not been told yet.
pub fn flush() {
    let counts = LOG.known().due(None);
    counts.iter().for_each(tell_count);
}

static LOG: LazyLock<Log> = LazyLock::new(Log::default);

#[derive(Default)]
struct Log {
    known: Mutex<Known>,
}

impl Log {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody tells the counts.
    fn count(&'static self) {
        if std::mem::replace(&mut self.known().counted, true) {
            return;
        }
        let started = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(|| self.tell_counts());
        if started.is_err() {
            // The next time, perhaps.
            self.known().counted = false;
        }
    }

    /// Tells counts when it is time to, until none is left.
    fn tell_counts(&self) {
        loop {
            let mut known = self.known();
            let counts = known.due(Some(Instant::now()));
            let next = known.next_due();
            known.counted = next.is_some();
            drop(known);
            counts.iter().for_each(tell_count);
            match next {
                Some(at) => std::thread::sleep(at.saturating_duration_since(Instant::now())),
                None => return,
            }
        }
    }
}

/// The causes that have been met lately.
#[derive(Default)]
struct Known {
    causes: HashMap<u64, Entry, FixedState>,
    /// Of all causes that there was no room for.
    others: Option<Entry>,
    /// Whether a thread tells the counts.
    counted: bool,
    /// How many ids have been given.
    ids: u64,
}

struct Entry {
    id: Arc<str>,
    weight: Weight,
    what: &'static str,
    code: Option<Box<str>>,
    why: Box<str>,
    path: Option<Box<str>>,
    told: Instant,
    met: Instant,
    /// How often it was met since it was told.
    untold: u64,
}

struct Met {
    id: Arc<str>,
    first: bool,
}

/// How often a cause was met again.
struct Count {
    id: Arc<str>,
    weight: Weight,
    what: &'static str,
    code: Option<Box<str>>,
    why: Box<str>,
    path: Option<Box<str>>,
    times: u64,
}

impl Known {
    fn meet(&mut self, cause: &Cause<'_>, now: Instant) -> Met {
        let key = FixedState::default().hash_one(cause);
        let is_new = |entry: &Entry| entry.untold == 0 && now - entry.met >= KEPT;
        if self.causes.len() >= MOST && !self.causes.contains_key(&key) {
            self.causes.retain(|_, entry| !is_new(entry));
        }
        let others = self.causes.len() >= MOST && !self.causes.contains_key(&key);
        let known = match others {
            true => self.others.as_mut(),
            false => self.causes.get_mut(&key),
        };
        if let Some(entry) = known.filter(|entry| !is_new(entry)) {
            entry.met = now;
            entry.untold += 1;
            return Met {
                id: entry.id.clone(),
                first: false,
            };
        }
        self.ids += 1;
        let id: Arc<str> = format!("{:x}-{:x}", std::process::id(), self.ids).into();
        let mut entry = Entry {
            id: id.clone(),
            weight: cause.weight,
            what: cause.what,
            code: cause.code.map(Box::from),
            why: cause.why.into(),
            path: cause.path.map(Box::from),
            told: now,
            met: now,
            untold: 0,
        };
        match others {
            true => {
                entry.code = None;
                entry.path = None;
                entry.why = "causes too many to be told apart".into();
                self.others = Some(entry);
            }
            false => {
                self.causes.insert(key, entry);
            }
        }
        Met { id, first: true }
    }

    /// Takes the counts that are to be told now, or all.
    fn due(&mut self, now: Option<Instant>) -> Vec<Count> {
        let is_due = |entry: &&mut Entry| {
            entry.untold > 0 && now.is_none_or(|now| now >= entry.told + EVERY)
        };
        let entries = self.causes.values_mut().chain(&mut self.others);
        let count = |entry: &mut Entry| {
            entry.told = now.unwrap_or_else(Instant::now);
            Count {
                id: entry.id.clone(),
                weight: entry.weight,
                what: entry.what,
                code: entry.code.clone(),
                why: entry.why.clone(),
                path: entry.path.clone(),
                times: std::mem::take(&mut entry.untold),
            }
        };
        entries.filter(is_due).map(count).collect()
    }

    fn next_due(&self) -> Option<Instant> {
        let entries = self.causes.values().chain(&self.others);
        let untold = entries.filter(|entry| entry.untold > 0);
        untold.map(|entry| entry.told + EVERY).min()
    }
}

/// A statement is told up to here, in bytes.
const LONGEST: usize = 4_000;

fn tell_first(id: &str, cause: &Cause<'_>) {
    let &Cause {
        what,
        code,
        why,
        path,
        ..
    } = cause;
    let position = cause.statement.and_then(|s| s.position);
    let statement = cause.statement.map(|s| {
        let cut = s.sql.floor_char_boundary(LONGEST);
        let more = if cut < s.sql.len() { "…" } else { "" };
        format!("{}{more}", &s.sql[..cut])
    });
    match cause.weight {
        Weight::Error => {
            tracing::error!(id, code, path, position, statement, "{what}: {why}");
        }
        Weight::Warning => {
            tracing::warn!(id, code, path, position, statement, "{what}: {why}");
        }
    }
}

fn tell_count(count: &Count) {
    let Count {
        id,
        what,
        why,
        times,
        ..
    } = count;
    let (id, times) = (&**id, *times);
    let (code, path) = (count.code.as_deref(), count.path.as_deref());
    match count.weight {
        Weight::Error => tracing::error!(id, code, path, times, "again: {what}: {why}"),
        Weight::Warning => tracing::warn!(id, code, path, times, "again: {what}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(why: &str) -> Cause<'_> {
        Cause {
            weight: Weight::Error,
            what: "it failed",
            code: None,
            why,
            path: None,
            statement: None,
        }
    }

    fn times(counts: &[Count]) -> Vec<u64> {
        counts.iter().map(|count| count.times).collect()
    }

    #[test]
    fn a_cause_is_first_once_and_counted_until_all_is_told() {
        let (mut known, start) = (Known::default(), Instant::now());
        let first = known.meet(&cause("a"), start);
        assert!(first.first);
        assert!(known.due(Some(start + KEPT)).is_empty());
        for i in 0..100 {
            let again = known.meet(&cause("a"), start + Duration::from_millis(i));
            assert_eq!((again.first, again.id), (false, first.id.clone()));
        }
        assert!(known.meet(&cause("b"), start).first);
        assert!(known.due(Some(start + EVERY / 2)).is_empty());
        assert_eq!(known.next_due(), Some(start + EVERY));
        assert_eq!(times(&known.due(Some(start + EVERY))), [100]);
        assert_eq!(known.next_due(), None);
        known.meet(&cause("a"), start + EVERY);
        assert_eq!(known.next_due(), Some(start + 2 * EVERY));
        assert_eq!(times(&known.due(None)), [1]);
    }

    #[test]
    fn a_cause_that_was_long_away_is_new() {
        let (mut known, start) = (Known::default(), Instant::now());
        let first = known.meet(&cause("a"), start);
        assert!(!known.meet(&cause("a"), start + KEPT - EVERY).first);
        // Nothing that is not told yet is forgotten.
        assert!(!known.meet(&cause("a"), start + 3 * KEPT).first);
        assert_eq!(times(&known.due(Some(start + 3 * KEPT))), [2]);
        let again = known.meet(&cause("a"), start + 4 * KEPT);
        assert!(again.first && again.id != first.id);
    }

    #[test]
    fn of_too_many_causes_the_rest_is_counted_together() {
        let (mut known, start) = (Known::default(), Instant::now());
        for i in 0..MOST {
            assert!(known.meet(&cause(&format!("cause {i}")), start).first);
        }
        let rest = known.meet(&cause("one more"), start);
        assert!(rest.first);
        for i in 0..1000 {
            let met = known.meet(&cause(&format!("another {i}")), start);
            assert_eq!((met.first, met.id), (false, rest.id.clone()));
        }
        assert_eq!(known.causes.len(), MOST);
        assert_eq!(times(&known.due(Some(start + EVERY))), [1000]);
        // There is room again when the others are forgotten.
        assert!(known.meet(&cause("later"), start + 2 * KEPT).first);
        assert_eq!(known.causes.len(), 1);
    }
}
