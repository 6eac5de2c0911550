//! Whether more work comes than is done.
//!
//! Clients that wait for their answers before they ask again make a long line and never one that grows: of them as many come
//! as go. Where many more come than go, moment after moment, some have to be refused however long the line is.

use std::time::{Duration, Instant};

/// What came and went, moment after moment.
#[derive(Debug, Default)]
pub struct Tide {
    since: Option<Instant>,
    came: u32,
    went: u32,
    /// For so many moments in a row many more came than went.
    rising: u32,
}

/// A moment is as long as this, and longer where little comes.
const MOMENT: Duration = Duration::from_millis(50);

/// Less than this tells nothing.
const ENOUGH: u32 = 16;

/// For so many moments it may be a burst, or clients that have just begun.
const RISES: u32 = 2;
const HIGH: u32 = 10;

impl Tide {
    /// Work comes that has to wait, or is refused.
    pub fn comes(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now - since > 4 * MOMENT {
            *self = Tide {
                since: Some(now),
                ..Tide::default()
            };
        } else if now - since >= MOMENT && self.came >= ENOUGH {
            let rises = self.came * 2 > self.went * 3;
            *self = Tide {
                since: Some(now),
                rising: if rises { self.rising + 1 } else { 0 },
                ..Tide::default()
            };
        }
        self.came += 1;
    }

    /// Work is begun that has waited.
    pub fn goes(&mut self) {
        self.went += 1;
    }

    /// Whoever waits longest is the one who will not be served.
    pub fn rises(&self) -> bool {
        self.rising >= RISES
    }

    /// No line is long enough.
    pub fn is_high(&self) -> bool {
        self.rising >= HIGH
    }
}
