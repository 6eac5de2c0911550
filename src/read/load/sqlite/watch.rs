//! What stops the work of a connection: its time, its client's leaving, and having done more than it may where it
//! is. SQLite asks as it goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::workers::Course;

/// What work may take where it is asked, in steps of SQLite's machine: about a millisecond. A clock would take a
/// busy machine for slow work.
pub const QUICK: u64 = 50_000;

/// So much time of the processor counts as a step, should the steps be fewer: one may call a function that folds a
/// long text. At a usual pace it takes a third of this.
const STEP: Duration = Duration::from_nanos(60);

/// What a question about the data may take there, whose answer stands until somebody writes: some ten thousand rows.
pub const QUESTION: u64 = 20 * QUICK;

/// Steps of SQLite's machine between looks at whether it is to stop.
pub const STEPS: i32 = 2_000;

/// How far work may go.
#[derive(Clone)]
pub struct Bounds {
    pub deadline: Instant,
    pub steps: u64,
    /// Whether nobody waits for it any more.
    pub left: Option<Arc<AtomicBool>>,
    /// Who may allow it more steps.
    pub more: Option<Course>,
}

impl Bounds {
    /// Whether nobody waits any more.
    pub fn are_reached(&self) -> bool {
        let left = self
            .left
            .as_ref()
            .is_some_and(|l| l.load(Ordering::Relaxed));
        left || Instant::now() > self.deadline
    }
}

/// Why work was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    TimedOut,
    Left,
    TooMuch,
}

/// Looks at a connection's work while it is done.
#[derive(Default)]
pub struct Watch {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the work at hand, if there is some that may be stopped.
    bounds: Option<Bounds>,
    steps: u64,
    /// The time of this thread's processor at a look, and the steps at that time. Most work ends before the first look.
    looked: Option<(Duration, u64)>,
    stopped: Option<Stopped>,
}

impl Watch {
    pub fn begin(&self, bounds: Bounds) {
        *self.state() = State {
            bounds: Some(bounds),
            steps: 0,
            looked: None,
            stopped: None,
        };
    }

    /// From here on nothing is stopped.
    pub fn end(&self) -> Option<Stopped> {
        let mut state = self.state();
        state.bounds = None;
        state.stopped
    }

    /// Whether what was done so far is of no use.
    pub fn gives_up(&self) -> bool {
        matches!(self.state().stopped, Some(Stopped::Left | Stopped::TooMuch))
    }

    /// Does something that is no part of the work at hand: what is only tried may take so many steps for it, which
    /// are not counted.
    pub fn apart<T>(&self, most: u64, work: impl FnOnce() -> T) -> T {
        let before = {
            let mut state = self.state();
            if let Some(bounds) = state.bounds.as_mut().filter(|b| b.more.is_none()) {
                bounds.steps = bounds.steps.saturating_add(most);
            }
            state.steps
        };
        let done = work();
        let mut state = self.state();
        if let Some(bounds) = state.bounds.as_mut().filter(|b| b.more.is_none()) {
            bounds.steps = bounds.steps.saturating_sub(most);
            state.steps = before;
        }
        state.looked = None;
        done
    }

    /// Whether the work is to stop, after so many steps more.
    pub fn stops(&self, steps: u64) -> bool {
        let mut state = self.state();
        let State {
            bounds: Some(bounds),
            steps: done,
            looked,
            stopped,
        } = &mut *state
        else {
            return false;
        };
        *done += steps;
        if let Some(now) = processor_time() {
            let (since, at) = *looked.get_or_insert((now, *done));
            let taken = now.saturating_sub(since).as_nanos() / STEP.as_nanos();
            *done = (*done).max(at.saturating_add(taken as u64));
        }
        let left = bounds
            .left
            .as_ref()
            .is_some_and(|l| l.load(Ordering::Relaxed));
        let why = if left {
            Stopped::Left
        } else if Instant::now() > bounds.deadline {
            Stopped::TimedOut
        } else if *done <= bounds.steps {
            return false;
        } else if let Some(more) = bounds.more.as_ref().and_then(Course::more) {
            bounds.steps = more;
            return false;
        } else {
            Stopped::TooMuch
        };
        *stopped = Some(why);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this thread has had of the processors.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}
