//! Admission: so much work runs at a time; what is expected to be cheap goes first; what cannot end in time is
//! refused before it begins. Both databases' pools stand on it.

mod cost;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::DatabaseError;
pub use cost::Cost;
pub use queue::{Capacity, LARGE, Level, Next, Queue, Refused, SMALL, Ticket};

/// For work that waits in a task of its own: it enters when its turn has come.
pub struct Admission {
    queue: Mutex<Queue<Waiting>>,
}

/// Who waits for a permit, and is told so.
type Waiting = oneshot::Sender<Result<Permit, DatabaseError>>;

/// That work may run, until it is dropped.
pub struct Permit {
    admission: Arc<Admission>,
    level: Level,
}

impl Admission {
    pub fn new(capacity: Capacity) -> Arc<Self> {
        Arc::new(Admission {
            queue: Mutex::new(Queue::new(capacity)),
        })
    }

    /// Waits for its turn with work that is expected to take `cost`, and is refused where that would be too late.
    /// Whoever drops this future waits no more.
    pub async fn enter(
        self: &Arc<Self>,
        cost: Duration,
        deadline: Instant,
    ) -> Result<Permit, DatabaseError> {
        if let Some(level) = self.locked(|queue| queue.begin(cost)) {
            let admission = self.clone();
            return Ok(Permit { admission, level });
        }
        let (tell, told) = oneshot::channel();
        let pushed = self.locked(|queue| queue.push(tell, cost, deadline, Instant::now()));
        let (ticket, displaced) = pushed.map_err(|refused| overloaded(&refused))?;
        displaced.into_iter().for_each(refuse);
        let _waits = Waits {
            admission: self,
            ticket,
        };
        self.admit();
        let gone = || DatabaseError::Shape("nobody admits".to_owned());
        told.await.map_err(|_| gone())?
    }

    /// Tells everybody whose turn it is.
    fn admit(self: &Arc<Self>) {
        while let Some(next) = self.locked(|queue| queue.pop(Instant::now())) {
            match next {
                Next::Run(level, waiting) => {
                    let admission = self.clone();
                    // Who has left meanwhile drops the permit, which lets the next one in.
                    let _ = waiting.send(Ok(Permit { admission, level }));
                }
                Next::Refuse(refused) => refuse(refused),
            }
        }
    }

    fn locked<R>(&self, with: impl FnOnce(&mut Queue<Waiting>) -> R) -> R {
        with(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
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
