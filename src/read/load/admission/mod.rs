//! Admission: so much work runs at a time; what is expected to be cheap goes first; what cannot end in time is
//! refused before it begins. Both databases' pools stand on it.

pub mod busy;
mod cost;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::DatabaseError;
pub use cost::{Cost, Costs};
pub use queue::{Capacity, Level, Next, PATIENCE, Queue, Refused, Ticket};

/// For work that waits in a task of its own: it enters when its turn has come.
pub struct Admission {
    queue: Mutex<Queue<Waiting>>,
    /// Whether somebody waits.
    crowded: AtomicBool,
    /// Whether work had to wait lately that is not large.
    pressed: AtomicBool,
}

/// Whoever has waited for so long looks for himself whether there is room: some of what kept him waiting ends by time alone,
/// and of that nobody tells.
const ANEW: Duration = Duration::from_secs(1);

/// Who waits for a permit, and is told so.
type Waiting = oneshot::Sender<Result<Permit, DatabaseError>>;

/// That work may run, until it is dropped.
pub struct Permit {
    admission: Arc<Admission>,
    level: Level,
}

impl Permit {
    fn new(admission: &Arc<Admission>, level: Level) -> Self {
        Permit {
            admission: admission.clone(),
            level,
        }
    }
}

impl Admission {
    pub fn new(capacity: Capacity) -> Arc<Self> {
        Arc::new(Admission {
            queue: Mutex::new(Queue::new(capacity)),
            crowded: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
        })
    }

    /// For work that is done in one go by the thread that asks, so that whoever comes meanwhile stands in the runtime's
    /// queue, where nobody can choose. As long as that one is short there is nothing to wait for, and no permit.
    pub async fn turn(
        self: &Arc<Self>,
        cost: Duration,
        deadline: Instant,
    ) -> Result<Option<Permit>, DatabaseError> {
        if !self.crowded.load(Ordering::Relaxed) && !busy::may_be_late() {
            return Ok(None);
        }
        if let Some(permit) = self.begin(cost) {
            busy::step_back().await;
            return Ok(Some(permit));
        }
        self.wait(cost, deadline).await.map(Some)
    }

    /// Waits for its turn with work that is expected to take `cost`, and is refused where that would be too late.
    /// Whoever drops this future waits no more.
    pub async fn enter(
        self: &Arc<Self>,
        cost: Duration,
        deadline: Instant,
    ) -> Result<Permit, DatabaseError> {
        match self.begin(cost) {
            Some(permit) => Ok(permit),
            None => self.wait(cost, deadline).await,
        }
    }

    /// Whether work had to wait lately that is not large, so that no processor is to spare.
    pub fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    fn begin(self: &Arc<Self>, cost: Duration) -> Option<Permit> {
        let level = self.locked(|queue| {
            // While nobody waits and nothing ends, nobody else looks.
            if queue.is_pressed() {
                queue.look(Instant::now());
            }
            queue.begin(cost)
        })?;
        Some(Permit::new(self, level))
    }

    async fn wait(
        self: &Arc<Self>,
        cost: Duration,
        deadline: Instant,
    ) -> Result<Permit, DatabaseError> {
        let (tell, mut told) = oneshot::channel();
        let pushed = self.locked(|queue| queue.push(tell, cost, deadline, Instant::now()));
        let (ticket, displaced) = pushed.map_err(|refused| overloaded(&refused))?;
        displaced.into_iter().for_each(refuse);
        let _waits = Waits {
            admission: self,
            ticket,
        };
        self.admit();
        let gone = || DatabaseError::Shape("nobody admits".to_owned());
        loop {
            match tokio::time::timeout(ANEW, &mut told).await {
                Ok(told) => return told.map_err(|_| gone())?,
                Err(_) => self.admit(),
            }
        }
    }

    /// Tells everybody whose turn it is.
    fn admit(self: &Arc<Self>) {
        while let Some(next) = self.locked(|queue| queue.pop(Instant::now())) {
            match next {
                Next::Run(level, waiting) => {
                    // Who has left meanwhile drops the permit, which lets the next one in.
                    let _ = waiting.send(Ok(Permit::new(self, level)));
                }
                Next::Refuse(refused) => refuse(refused),
            }
        }
    }

    fn locked<R>(&self, with: impl FnOnce(&mut Queue<Waiting>) -> R) -> R {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let done = with(&mut queue);
        self.crowded.store(queue.is_waited_for(), Ordering::Relaxed);
        self.pressed.store(queue.is_pressed(), Ordering::Relaxed);
        done
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.locked(|queue| queue.finish(self.level));
        self.admission.admit();
    }
}

/// Takes a place in the queue back.
struct Waits<'a> {
    admission: &'a Admission,
    ticket: Ticket,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        drop(self.admission.locked(|q| q.remove(self.ticket, now)));
    }
}

fn refuse(refused: Refused<Waiting>) {
    let error = overloaded(&refused);
    let _ = refused.work.send(Err(error));
}

/// What a client is told whose work was not taken in.
pub fn overloaded<T>(refused: &Refused<T>) -> DatabaseError {
    DatabaseError::Overloaded {
        retry_after: refused.retry_after.max(Duration::from_secs(1)),
    }
}
