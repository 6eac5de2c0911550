//! What happens often is told seldom, and counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Milliseconds between two lines about one thing.
const EVERY: u64 = 10_000;

#[derive(Default)]
pub struct Seldom {
    /// When it is told again.
    next: AtomicU64,
    untold: AtomicU64,
}

impl Seldom {
    /// Counts something that happened so often; how often it did altogether, when that is to be told.
    pub fn count(&self, times: u64, now: u64) -> Option<u64> {
        self.untold.fetch_add(times, Relaxed);
        let next = self.next.load(Relaxed);
        let mine = now >= next
            && self
                .next
                .compare_exchange(next, now + EVERY, Relaxed, Relaxed)
                .is_ok();
        mine.then(|| self.untold.swap(0, Relaxed))
            .filter(|n| *n > 0)
    }
}
