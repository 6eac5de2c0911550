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
    /// How much speaks for it that more comes than goes: what the moments in a row say in which it was so.
    rising: u32,
}

/// A moment is as long as this.
const MOMENT: Duration = Duration::from_millis(50);

/// Where it takes longer until so many have come, as many come as go, for all that can be told.
const ENOUGH: u32 = 16;

/// What a moment says in which half as many again came as went, and one in which a sixteenth more did.
const MANY_MORE: u32 = 3;
const MORE: u32 = 1;

/// Less may be a burst, or clients that have just begun.
const RISES: u32 = 2 * MANY_MORE;
const HIGH: u32 = 6 * MANY_MORE;

impl Tide {
    /// Work comes that has to wait, or is refused.
    pub fn comes(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now - since > 4 * MOMENT {
            self.begin(now, 0);
        } else if now - since >= MOMENT && self.came >= ENOUGH {
            let rising = match self.came.saturating_sub(self.went) {
                more if more > self.went / 2 => self.rising + MANY_MORE,
                more if more >= (self.went / 16).max(ENOUGH / 2) => self.rising + MORE,
                _ => 0,
            };
            self.begin(now, rising);
        }
        self.came += 1;
    }

    fn begin(&mut self, now: Instant, rising: u32) {
        *self = Tide {
            since: Some(now),
            rising,
            ..Tide::default()
        };
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
