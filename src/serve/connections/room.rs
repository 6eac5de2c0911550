//! What lies in memory for clients who do not take it, or have not sent the rest of it.
//!
//! Of HTTP/2 requests run side by side on a connection, and each answer is in memory until the last of it is sent. So a request begins
//! only while those that lie there, and what is to be expected of those that run, are less than a connection may have:
//! the others wait until its client takes something. An answer's size is not known before it is there, so a client can still have
//! more. Of HTTP/1 there are two at most, one that is sent and the next, and only what is not small is counted.
//! A body of which more is to come is counted with them. What all connections have together is counted, too; where it is too much,
//! those that have most are closed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::super::http::SMALL;
use super::STREAMS;

/// So many bytes a connection may have, before its next request waits.
const ENOUGH: usize = 4 << 20;
/// What an answer is thought to take before there was any: as many begin as there may be side by side.
const USUAL: usize = 16 << 10;
/// Each answer changes what the next is thought to take by this part.
const WEIGHT: usize = 8;

/// One connection's.
pub struct Room {
    state: Mutex<State>,
    /// Bytes on all connections.
    everywhere: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    /// Requests that have begun and have no answer yet.
    begun: usize,
    /// Bytes of answers that are not sent, and of bodies that have not come whole.
    unsent: usize,
    /// Bytes that an answer took lately.
    usual: Option<usize>,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

impl State {
    fn has_room(&self) -> bool {
        let usual = self.usual.unwrap_or(USUAL);
        self.unsent + self.begun.saturating_mul(usual) < ENOUGH
    }
}

impl Room {
    pub fn new(everywhere: Arc<AtomicUsize>) -> Self {
        Room {
            state: Mutex::default(),
            everywhere,
        }
    }

    /// A place for a request, now or when those before it have theirs.
    pub fn enter(self: &Arc<Self>) -> Result<Place, oneshot::Receiver<Place>> {
        let mut state = self.lock();
        if state.has_room() && state.waiting.is_empty() {
            state.begun += 1;
            return Ok(Place(self.clone()));
        }
        // Requests that are given up leave their place in the line behind.
        if state.waiting.len() >= 2 * STREAMS as usize {
            state.waiting.retain(|waits| !waits.is_closed());
        }
        let (place, comes) = oneshot::channel();
        state.waiting.push_back(place);
        Err(comes)
    }

    /// Keeps an answer of so many bytes that had no place, if it is worth counting.
    pub fn keep(self: &Arc<Self>, bytes: usize) -> Option<Unsent> {
        (bytes > SMALL).then(|| self.add(bytes, |_| {}))
    }

    /// Keeps what has come of a body, of which there is more to come.
    pub fn keep_part(self: &Arc<Self>, bytes: usize) -> Unsent {
        self.add(bytes, |_| {})
    }

    pub fn unsent(&self) -> usize {
        self.lock().unsent
    }

    fn add(self: &Arc<Self>, bytes: usize, note: impl FnOnce(&mut State)) -> Unsent {
        let mut state = self.lock();
        state.unsent += bytes;
        note(&mut state);
        drop(state);
        self.everywhere.fetch_add(bytes, Relaxed);
        Unsent {
            room: self.clone(),
            bytes,
        }
    }

    fn let_in(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            if !state.has_room() {
                return;
            }
            let Some(next) = state.waiting.pop_front() else {
                return;
            };
            // Its place would be given back to this function, once more for each that has been given up.
            if next.is_closed() {
                continue;
            }
            state.begun += 1;
            drop(state);
            // Whoever leaves at this very moment gives it back.
            let _ = next.send(Place(self.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's place among those that run on its connection.
pub struct Place(Arc<Room>);

impl Place {
    /// It has an answer of so many bytes.
    pub fn answer(self, bytes: usize) -> Unsent {
        self.0.add(bytes, |state| {
            let usual = state.usual.unwrap_or(bytes);
            state.usual = Some(usual - usual / WEIGHT + bytes / WEIGHT);
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().begun -= 1;
        self.0.let_in();
    }
}

/// An answer that is in memory until all of it is sent: its parts share one buffer. Or a body, until all of it has come.
pub struct Unsent {
    room: Arc<Room>,
    bytes: usize,
}

impl Unsent {
    /// So many bytes more have come of it.
    pub fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.room.everywhere.fetch_add(bytes, Relaxed);
        self.room.lock().unsent += bytes;
    }

    /// What lies there on all connections.
    pub fn everywhere(&self) -> usize {
        self.room.everywhere.load(Relaxed)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.room.everywhere.fetch_sub(self.bytes, Relaxed);
        self.room.lock().unsent -= self.bytes;
        self.room.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client may send requests and take them back for as long as it takes no answer.
    #[test]
    fn whoever_left_is_passed_over_and_does_not_stay_in_the_line() {
        let room = Arc::new(Room::new(Arc::default()));
        let full = room.keep_part(ENOUGH);
        for _ in 0..100_000 {
            assert!(room.enter().is_err());
        }
        assert!(room.lock().waiting.len() <= 2 * STREAMS as usize);
        let mut stays = room.enter().err().expect("no room");
        // Many leave while nobody comes.
        let left: Vec<_> = (0..2 * STREAMS).map(|_| room.enter()).collect();
        drop(left);
        drop(full);
        assert!(stays.try_recv().is_ok());
        assert_eq!(room.lock().begun, 0);
        assert!(room.enter().is_ok());
    }
}
