//! Whether a thread of the runtime has more to do than it can: a task does not know how long it stood in the runtime's
//! queue, but a thread that has found the queue empty a moment ago has no long one.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// So long a thread may be busy without a pause before it is asked how long its queue is.
const WITHOUT_PAUSE: Duration = Duration::from_millis(5);

/// What a task waits at most in a queue that is not long.
const SHORT: Duration = Duration::from_millis(5);

/// This thread has had nothing to do, or next to nothing. The runtime says it of its threads when they go on after a
/// pause; of others nothing is known, and nothing is thought.
pub fn begins() {
    SINCE.set(Some(Instant::now()));
}

/// Whether this thread's queue may be long.
pub fn may_be_late() -> bool {
    SINCE
        .get()
        .is_some_and(|since| since.elapsed() > WITHOUT_PAUSE)
}

/// Goes to the end of the queue, so that whatever is in it comes to where it is put in order.
pub async fn step_back() {
    let at = Instant::now();
    tokio::task::yield_now().await;
    if at.elapsed() < SHORT {
        begins();
    }
}
