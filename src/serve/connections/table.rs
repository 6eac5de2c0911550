//! The connections that are open.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::watched::{Clock, Order, Spare, Watched};

#[derive(Default)]
pub struct Table {
    open: Mutex<Open>,
    /// One was closed.
    pub closed: Notify,
    /// Bytes of answers that are not sent, and of bodies that have not come whole.
    unsent: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Arc<Watched>, foldhash::fast::RandomState>,
}

/// Milliseconds for which a connection that has never been used, or sends a head, is left alone: it may only just
/// have come.
const FRESH: u64 = 250;
/// Milliseconds for which a connection is left alone whose request waits for its body: its client may be slow.
const SLOW: u64 = 1_000;

impl Table {
    /// Adds a connection if there are fewer than `most`.
    pub fn add(self: &Arc<Self>, most: usize, clock: &Clock) -> Option<Entry> {
        let mut open = self.lock();
        if open.all.len() >= most {
            return None;
        }
        let key = open.next;
        open.next += 1;
        let watched = Arc::new(Watched::new(clock.clone(), self.unsent.clone()));
        open.all.insert(key, watched.clone());
        Some(Entry {
            table: self.clone(),
            key,
            watched,
        })
    }

    pub fn unsent(&self) -> usize {
        self.unsent.load(Relaxed)
    }

    pub fn len(&self) -> usize {
        self.lock().all.len()
    }

    pub fn for_each(&self, each: impl FnMut(&Arc<Watched>)) {
        self.lock().all.values().for_each(each);
    }

    /// Tells the connection that has waited longest for its client to close: one that is idle before one that has
    /// not yet asked anything, and that before one whose body does not come. Whether there is one.
    pub fn give_one_up(&self, now: u64) -> bool {
        let open = self.lock();
        let spares = open.all.values().filter_map(|w| Some((w.spare()?, w)));
        let old = spares.filter(|(spare, _)| match spare {
            Spare::Idle(_) => true,
            Spare::Silent(since) => now.saturating_sub(*since) >= FRESH,
            Spare::Stalled(since) => now.saturating_sub(*since) >= SLOW,
        });
        match old.min_by_key(|(spare, _)| *spare) {
            Some((Spare::Idle(_), watched)) => watched.order(Order::Leave),
            Some((Spare::Silent(_) | Spare::Stalled(_), watched)) => watched.order(Order::End),
            None => return false,
        }
        true
    }

    /// Tells those that have most unsent to close, until the others have no more than `most`: whose client takes some of it, or sends
    /// more, comes last. How many.
    pub fn end_unread(&self, most: usize) -> u64 {
        let open = self.lock();
        let has_some = |watched: &&Arc<Watched>| !watched.is_to_end() && watched.room.unsent() > 0;
        let stay: Vec<_> = open.all.values().filter(has_some).collect();
        // Those that were told to end are about to, and what each of the others takes is looked at only where it matters.
        if stay.iter().map(|w| w.room.unsent()).sum::<usize>() <= most {
            return 0;
        }
        let mut stay: Vec<_> = stay.into_iter().map(|w| (w.unread(), w)).collect();
        stay.sort_by_key(|(unread, _)| Reverse(*unread));
        let mut unsent: usize = stay.iter().map(|(unread, _)| unread.bytes).sum();
        let mut ended = 0;
        for (unread, watched) in stay {
            if unsent <= most {
                break;
            }
            watched.order(Order::End);
            unsent -= unread.bytes;
            ended += 1;
        }
        ended
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the table, for as long as it is open.
pub struct Entry {
    table: Arc<Table>,
    key: u64,
    pub watched: Arc<Watched>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.table.lock().all.remove(&self.key);
        self.table.closed.notify_waiters();
    }
}
