//! What is learnt of a plan in use: the SQL of its levels, how large its answers are, whether it is slow, and what
//! it takes. It belongs to the database at hand and not to the plan, which knows neither a dialect nor a row.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::admission::{Cost, Costs};
use crate::read::plan::Plan;
use crate::read::sql::PreparedSql;

/// Kept beside a plan for as long as it is.
#[derive(Debug, Default)]
pub struct Learnt {
    pub levels: Vec<LevelLearnt>,
    /// Of its answers.
    pub answer_size: Size,
    /// What SQLite learnt of the time it takes.
    pub slow: Slow,
    /// What its work takes, where it is admitted by that.
    pub cost: Cost,
    /// What it takes where it is what a mutation gives: all of that, by the rows that it writes.
    pub writing: Costs,
    /// Whether it may share a transaction with others.
    pub trust: Trust,
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
            ..Learnt::default()
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

/// Whether a plan's statements fail, which on PostgreSQL ends the transaction that they share with others.
#[derive(Debug, Default)]
pub struct Trust {
    /// For so many more times it goes by itself.
    withdrawn: AtomicU32,
}

impl Trust {
    const TIMES: u32 = 200;

    pub fn has_run(&self) {
        let withdrawn = self.withdrawn.load(Ordering::Relaxed);
        if withdrawn > 0 {
            self.withdrawn.store(withdrawn - 1, Ordering::Relaxed);
        }
    }

    pub fn has_failed(&self) {
        self.withdrawn.store(Self::TIMES, Ordering::Relaxed);
    }

    pub fn is_given(&self) -> bool {
        self.withdrawn.load(Ordering::Relaxed) == 0
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
