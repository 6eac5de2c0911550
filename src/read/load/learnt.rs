//! What is learnt of a plan in use: the SQL of its levels, how large its answers are, whether it is slow. It
//! belongs to the database at hand and not to the plan, which knows neither a dialect nor a row.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::read::plan::Plan;
use crate::read::sql::PreparedSql;

/// Kept beside a plan for as long as it is.
#[derive(Debug)]
pub struct Learnt {
    pub levels: Vec<LevelLearnt>,
    /// Of its answers.
    pub answer_size: Size,
    /// What SQLite learnt of the time it takes.
    pub slow: Slow,
    /// What PostgreSQL did.
    pub pace: Pace,
}

#[derive(Debug, Default)]
pub struct LevelLearnt {
    /// The statement's text for a page that no variable changes, for one key and for many, once it is known.
    pub sql: [OnceLock<PreparedSql>; 2],
    /// Of its rows as JSON.
    pub rows_size: Size,
}

impl Learnt {
    /// Nothing yet.
    pub fn of(plan: &Plan) -> Self {
        Learnt {
            levels: plan.levels.iter().map(|_| LevelLearnt::default()).collect(),
            answer_size: Size::default(),
            slow: Slow::default(),
            pace: Pace::default(),
        }
    }
}

/// Whether a plan's work turned out not to be quick: for so many more times it is given to a thread at once.
#[derive(Debug, Default)]
pub struct Slow(AtomicU32);

impl Slow {
    const TIMES: u32 = 200;

    /// Counts down to the next time that it may be quick.
    pub fn is_known(&self) -> bool {
        let known = self.0.load(Ordering::Relaxed);
        self.0.store(known.saturating_sub(1), Ordering::Relaxed);
        known > 0
    }

    pub fn remember(&self) {
        self.0.store(Self::TIMES, Ordering::Relaxed);
    }
}

/// How long a plan's statements take on PostgreSQL, and whether they fail.
#[derive(Debug, Default)]
pub struct Pace {
    /// In µs, an average in which the last times count the most; 0 where it has never run.
    average: AtomicU32,
    /// For so many more times it is not trusted to share a transaction.
    distrusted: AtomicU32,
}

impl Pace {
    /// After a failure.
    const TIMES: u32 = 200;

    pub fn ran(&self, micros: u64) {
        let micros = u32::try_from(micros).unwrap_or(u32::MAX).max(1);
        let average = match self.average.load(Ordering::Relaxed) {
            0 => micros,
            known => known - known / 8 + micros / 8,
        };
        self.average.store(average.max(1), Ordering::Relaxed);
        let distrusted = self.distrusted.load(Ordering::Relaxed);
        if distrusted > 0 {
            self.distrusted.store(distrusted - 1, Ordering::Relaxed);
        }
    }

    pub fn failed(&self) {
        self.distrusted.store(Self::TIMES, Ordering::Relaxed);
    }

    /// It took so long that it was stopped.
    pub fn stopped_after(&self, at_least: Duration) {
        let micros = at_least.as_micros() as u32;
        self.average.fetch_max(8 * micros, Ordering::Relaxed);
    }

    /// `None` where it has never run.
    pub fn average(&self) -> Option<Duration> {
        let micros = self.average.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros.into()))
    }

    pub fn is_trusted(&self) -> bool {
        self.distrusted.load(Ordering::Relaxed) == 0
    }
}

/// How large something was the last time, in bytes: what to make room for the next time.
#[derive(Debug, Default)]
pub struct Size(AtomicUsize);

impl Size {
    /// Room beyond what small ones take anyway, and what is not worth it for one that was large once.
    const ROOM: std::ops::RangeInclusive<usize> = 512..=1 << 20;

    pub fn buffer(&self) -> Vec<u8> {
        let room = self.0.load(Ordering::Relaxed);
        Vec::with_capacity(room.clamp(*Self::ROOM.start(), *Self::ROOM.end()))
    }

    pub fn remember(&self, buffer: &[u8]) {
        self.0.store(buffer.len(), Ordering::Relaxed);
    }
}
