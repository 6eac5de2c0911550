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

/// A moving average: of the last time it knows a quarter, and ever less of those before.
#[derive(Debug, Default)]
pub struct Cost {
    /// In microseconds; 0 where nothing is known.
    micros: AtomicU32,
}

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
            // What takes much longer than usual may have been held up, by whoever had the processor.
            known => {
                let took = took.min(known.saturating_mul(4));
                (u64::from(known) * 3).div_ceil(4) as u32 + took / 4
            }
        };
        self.micros.store(next.max(1), Ordering::Relaxed);
    }

    /// It takes longer than this, however long that may be.
    pub fn exceeds(&self, least: Duration) {
        let least = u32::try_from(least.as_micros()).unwrap_or(u32::MAX);
        self.micros.fetch_max(least, Ordering::Relaxed);
    }
}
