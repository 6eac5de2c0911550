//! What a plan's work is expected to take, by what it took.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What work takes of which there is more or less each time: by its size, to a factor of two.
#[derive(Debug, Default)]
pub struct Costs([Cost; SIZES]);

const SIZES: usize = 16;

impl Costs {
    pub fn of(&self, size: usize) -> &Cost {
        let at = size.max(1).ilog2() as usize;
        &self.0[at.min(SIZES - 1)]
    }
}

/// What it takes when little is in its way: what took less than expected counts for more than what took longer, which may have
/// been held up. So it stays about the same for the same work, however much else there is to do; work of which more was expected
/// for a moment would let all the rest go first.
#[derive(Debug, Default)]
pub struct Cost {
    /// In microseconds; 0 where nothing is known.
    micros: AtomicU32,
}

/// By which part of the difference it follows what took longer than was expected, and what took less.
const UP: u32 = 16;
const DOWN: u32 = 4;

impl Cost {
    /// Nothing if it has never been done.
    pub fn expected(&self) -> Option<Duration> {
        match self.micros.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }

    /// Of two that learn at the same time one may be lost: it is an estimate.
    pub fn learn(&self, took: Duration) {
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let next = match self.micros.load(Ordering::Relaxed) {
            0 => took,
            // However much longer it took, it counts as no more than so much.
            known if took > known => {
                let took = took.min(known.saturating_mul(4));
                known + (took - known).div_ceil(UP)
            }
            known => known - (known - took) / DOWN,
        };
        self.micros.store(next.max(1), Ordering::Relaxed);
    }

    /// It takes longer than this, however long that may be.
    pub fn exceeds(&self, least: Duration) {
        let least = u32::try_from(least.as_micros()).unwrap_or(u32::MAX);
        self.micros.fetch_max(least, Ordering::Relaxed);
    }
}
