//! What a connection waits for, and since when.
//!
//! Its own task only notes what happens, in atomics: no timer is set or reset for a request. Whoever watches all
//! connections looks at them now and then. Time goes on only while he does: what came while the process stood still, as one
//! that is stopped or whose machine sleeps, could not be seen.

use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Settings;
use super::room::{Room, Unsent};

/// Time in milliseconds since the server was started, without that in which its process stood still.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Looked>);

#[derive(Debug)]
struct Looked {
    started: Instant,
    /// What may be between two looks at all connections, or the process stood still.
    most: u64,
    /// When that was last done, by the system's time.
    last: AtomicU64,
    /// How long it has stood still.
    still: AtomicU64,
}

impl Clock {
    /// One of a server whose connections are looked at so often.
    pub fn start(every: Duration) -> Self {
        Clock(Arc::new(Looked {
            started: Instant::now(),
            most: 2 * every.as_millis() as u64,
            last: AtomicU64::new(0),
            still: AtomicU64::new(0),
        }))
    }

    pub fn now(&self) -> u64 {
        let last = self.0.last.load(Relaxed);
        let now = self.since_start().min(last + self.0.most);
        now - self.0.still.load(Relaxed).min(now)
    }

    /// Connections are looked at now. Whether the process has stood still before that.
    pub fn look(&self) -> bool {
        let now = self.since_start();
        let before = self.0.last.swap(now, Relaxed);
        let still = (now - before).saturating_sub(self.0.most);
        self.0.still.fetch_add(still, Relaxed);
        still > 0
    }

    fn since_start(&self) -> u64 {
        self.0.started.elapsed().as_millis() as u64
    }
}

/// For a time: what it would be the time of has not happened.
const NEVER: u64 = u64::MAX;

/// So many bytes of an answer are to be taken within the write timeout, or all that is left of it: who takes a few now
/// and then keeps it forever else. So it is with bodies, where their connections are wanted by others.
const STRIDE: u64 = 16 << 10;

/// How long a connection that was told to close may take for it while nothing is asked on it.
const LEAVE_WITHIN: u64 = 1_000;

/// Whose client has taken or sent no stride for so long is first to be closed where too much is in memory.
const TAKES_NOTHING: u64 = 1_000;

/// One connection.
pub struct Watched {
    clock: Clock,
    opened: u64,
    /// Requests that have begun and whose answer is not written out of our hands.
    requests: AtomicU32,
    /// Those of them that still have no answer.
    handling: AtomicU32,
    /// Whether there has been a request.
    used: AtomicBool,
    http2: AtomicBool,
    /// When the last request ended.
    quiet_since: AtomicU64,
    /// When the first byte of the next one came.
    head_since: AtomicU64,
    /// Whether the client's side has no room for what is to be written.
    blocked: AtomicBool,
    /// When it last took a stride of it, or was given something to take.
    progress_at: AtomicU64,
    /// Bytes written since then.
    stride: AtomicU64,
    /// Whether the last request's body was left unread.
    unread: AtomicBool,
    /// Requests that wait for more of their body.
    bodies: AtomicU32,
    /// When the last of them began to, or a stride of what they wait for had come.
    body_since: AtomicU64,
    /// Bytes of bodies that have come since then.
    body_stride: AtomicU64,
    /// Whether its task is to find out whether the client has left.
    look: AtomicBool,
    order: AtomicU8,
    ordered_at: AtomicU64,
    told: Notify,
    /// Answers of HTTP/2 that may have something that is not sent.
    sending: Mutex<Vec<Weak<Sending>>>,
    /// What of its answers is in memory, and may be.
    pub room: Arc<Room>,
}

/// What a connection is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Order {
    Stay,
    /// To end when what runs on it is answered.
    Leave,
    /// To end now.
    End,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    Header,
    Idle,
    Write,
    /// It was told to.
    Leaving,
}

/// What a connection could be given up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spare {
    /// A request has been answered on it, and no other begun, since then.
    Idle(u64),
    /// It has sent nothing or part of a request's head since then.
    Silent(u64),
    /// All requests on it wait for their bodies, of which less than a stride has come since then.
    Stalled(u64),
}

impl Watched {
    /// One of a server that has so many bytes of answers that are not sent.
    pub fn new(clock: Clock, unsent: Arc<AtomicUsize>) -> Self {
        let now = clock.now();
        Watched {
            clock,
            opened: now,
            requests: AtomicU32::new(0),
            handling: AtomicU32::new(0),
            used: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            quiet_since: AtomicU64::new(now),
            head_since: AtomicU64::new(NEVER),
            blocked: AtomicBool::new(false),
            progress_at: AtomicU64::new(now),
            stride: AtomicU64::new(0),
            unread: AtomicBool::new(false),
            bodies: AtomicU32::new(0),
            body_since: AtomicU64::new(now),
            body_stride: AtomicU64::new(0),
            look: AtomicBool::new(false),
            order: AtomicU8::new(Order::Stay as u8),
            ordered_at: AtomicU64::new(NEVER),
            told: Notify::new(),
            sending: Mutex::default(),
            room: Arc::new(Room::new(unsent)),
        }
    }

    /// A request's head is there.
    pub fn begin(self: &Arc<Self>, http2: bool) -> Running {
        self.requests.fetch_add(1, Relaxed);
        self.handling.fetch_add(1, Relaxed);
        self.used.store(true, Relaxed);
        self.http2.store(http2, Relaxed);
        self.head_since.store(NEVER, Relaxed);
        self.unread.store(false, Relaxed);
        Running {
            watched: self.clone(),
            answered: false,
        }
    }

    /// Bytes have come.
    pub fn received(&self) {
        if self.requests.load(Relaxed) == 0 && self.head_since.load(Relaxed) == NEVER {
            self.head_since.store(self.clock.now(), Relaxed);
        }
    }

    /// Bytes have gone.
    pub fn sent(&self, bytes: usize) {
        let stride = self.stride.load(Relaxed) + bytes as u64;
        if stride < STRIDE {
            self.stride.store(stride, Relaxed);
        } else {
            self.progress();
        }
    }

    /// There is no room for more.
    pub fn block(&self) {
        if !self.blocked.swap(true, Relaxed) {
            self.progress();
        }
    }

    /// All that was to be written has gone.
    pub fn flushed(&self) {
        if self.blocked.load(Relaxed) {
            self.blocked.store(false, Relaxed);
        }
    }

    /// Whether an answer of HTTP/2 has something to send, of which its client takes nothing. It is in memory, whatever else
    /// is sent and asked meanwhile.
    fn is_left(&self, now: u64, most: Duration) -> bool {
        let sending = self.sending();
        let stuck = |sending: Arc<Sending>| {
            let since = sending.progress_at.load(Relaxed);
            let unsent = sending.unsent.load(Relaxed) > 0;
            unsent && u128::from(now.saturating_sub(since)) >= most.as_millis()
        };
        sending.iter().filter_map(Weak::upgrade).any(stuck)
    }

    fn sending(&self) -> MutexGuard<'_, Vec<Weak<Sending>>> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) {
        self.stride.store(0, Relaxed);
        self.progress_at.store(self.clock.now(), Relaxed);
    }

    /// What its client leaves unread, or has sent a part of.
    pub fn unread(&self) -> Unread {
        let stalls = match self.spare() {
            Some(Spare::Stalled(since)) => Some(since),
            _ => None,
        };
        let takes = self.blocked.load(Relaxed);
        let since = stalls.unwrap_or_else(|| self.progress_at.load(Relaxed));
        let now = self.clock.now();
        let waits = now.saturating_sub(since);
        // Of HTTP/2 a client may take nothing of an answer while its connection takes all that is sent.
        let left = || self.is_left(now, Duration::from_millis(TAKES_NOTHING));
        let still = (takes || stalls.is_some()) && waits >= TAKES_NOTHING;
        Unread {
            nothing: still || left(),
            bytes: self.room.unsent(),
            waits,
        }
    }

    pub fn leave_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// Whether the client may still be sending a body that nobody reads.
    pub fn is_unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    /// Whether it ends with something unsent, which nobody is to wait for either.
    pub fn is_stuck(&self) -> bool {
        self.blocked.load(Relaxed) && self.is_to_end()
    }

    /// Whether it is to end, whatever is unsent.
    pub fn is_to_end(&self) -> bool {
        self.order.load(Relaxed) == Order::End as u8
    }

    /// A request waits for more of its body than has come.
    pub fn await_body(self: &Arc<Self>) -> AwaitedBody {
        self.body_progress();
        self.bodies.fetch_add(1, Relaxed);
        AwaitedBody(self.clone())
    }

    fn body_progress(&self) {
        self.body_stride.store(0, Relaxed);
        self.body_since.store(self.clock.now(), Relaxed);
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed) as usize
    }

    /// Has the connection's task find out whether the client of a request that has no answer yet has left. HTTP/2 hears of
    /// it by itself: it always reads on.
    pub fn ask_to_look(&self) {
        if self.handling.load(Relaxed) > 0 && !self.http2.load(Relaxed) {
            self.look.store(true, Relaxed);
            self.told.notify_one();
        }
    }

    /// Whether it is to be found out now, which is done once each time it is asked for.
    pub fn is_to_look(&self) -> bool {
        self.look.load(Relaxed) && self.look.swap(false, Relaxed)
    }

    pub fn order(&self, order: Order) {
        if self.order.fetch_max(order as u8, Relaxed) < order as u8 {
            self.ordered_at.store(self.clock.now(), Relaxed);
            self.told.notify_one();
        }
    }

    /// Waits for an order.
    pub async fn told(&self) -> Order {
        self.told.notified().await;
        match self.order.load(Relaxed) {
            0 => Order::Stay,
            1 => Order::Leave,
            _ => Order::End,
        }
    }

    fn waits_for_head(&self) -> Option<u64> {
        let head = self.head_since.load(Relaxed);
        match self.used.load(Relaxed) {
            false => Some(self.opened),
            // HTTP/2 has frames of its own that begin no request.
            true if head != NEVER && !self.http2.load(Relaxed) => Some(head),
            true => None,
        }
    }

    /// Why it is to be closed, if it is.
    pub fn overdue(&self, settings: &Settings) -> Option<Overdue> {
        let now = self.clock.now();
        let over =
            |since: u64, most: Duration| now.saturating_sub(since) as u128 >= most.as_millis();
        let requests = self.requests.load(Relaxed);
        let answers = requests > 0 && self.handling.load(Relaxed) == 0;
        if self.is_left(now, settings.write_timeout) {
            return Some(Overdue::Write);
        }
        if self.blocked.load(Relaxed) || answers {
            let stuck = over(self.progress_at.load(Relaxed), settings.write_timeout);
            return stuck.then_some(Overdue::Write);
        }
        if requests > 0 {
            return None;
        }
        let ordered = self.ordered_at.load(Relaxed);
        if ordered != NEVER && now.saturating_sub(ordered) >= LEAVE_WITHIN {
            return Some(Overdue::Leaving);
        }
        match self.waits_for_head() {
            Some(since) => over(since, settings.header_timeout).then_some(Overdue::Header),
            None => {
                let since = self.quiet_since.load(Relaxed);
                let idle = ordered == NEVER && over(since, settings.idle_timeout);
                idle.then_some(Overdue::Idle)
            }
        }
    }

    /// Whether it can be given up for another.
    pub fn spare(&self) -> Option<Spare> {
        if self.blocked.load(Relaxed) || self.is_to_end() {
            return None;
        }
        let requests = self.requests.load(Relaxed);
        if requests > 0 {
            let stalled = self.bodies.load(Relaxed) == requests;
            return stalled.then(|| Spare::Stalled(self.body_since.load(Relaxed)));
        }
        if self.order.load(Relaxed) != Order::Stay as u8 {
            return None;
        }
        Some(match self.waits_for_head() {
            Some(since) => Spare::Silent(since),
            None => Spare::Idle(self.quiet_since.load(Relaxed)),
        })
    }
}

/// What a client leaves unread, or has sent a part of: the greater it is, the sooner his connection is closed where it is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// Whether he has taken and sent next to nothing lately.
    nothing: bool,
    pub bytes: usize,
    waits: u64,
}

/// The body of a request, for as long as it is waited for.
pub struct AwaitedBody(Arc<Watched>);

impl AwaitedBody {
    /// Some of it has come.
    pub fn received(&self, bytes: usize) {
        let watched = &self.0;
        let stride = watched.body_stride.load(Relaxed) + bytes as u64;
        if stride < STRIDE {
            watched.body_stride.store(stride, Relaxed);
        } else {
            watched.body_progress();
        }
    }
}

impl Drop for AwaitedBody {
    fn drop(&mut self) {
        self.0.bodies.fetch_sub(1, Relaxed);
    }
}

/// A request that runs on a connection, until its answer is written or its client has left.
pub struct Running {
    watched: Arc<Watched>,
    answered: bool,
}

impl Running {
    /// Whether its connection is to end, whatever is unsent.
    pub fn is_in_vain(&self) -> bool {
        self.watched.is_to_end()
    }

    pub fn room(&self) -> &Arc<Room> {
        &self.watched.room
    }

    /// There is an answer, which the client is to take now.
    pub fn answer(&mut self) {
        self.answered = true;
        self.watched.progress();
        self.watched.handling.fetch_sub(1, Relaxed);
    }

    /// The same of HTTP/2, where each answer is taken by itself.
    pub fn send(self, in_memory: Unsent) -> Arc<Sending> {
        let watched = self.watched.clone();
        let sending = Arc::new(Sending {
            progress_at: AtomicU64::new(watched.clock.now()),
            taken: AtomicU64::new(0),
            unsent: AtomicU32::new(0),
            running: self,
            _in_memory: in_memory,
        });
        let mut all = watched.sending();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&sending));
        drop(all);
        sending
    }
}

/// An answer of HTTP/2 on its way, until the last of it has been written.
pub struct Sending {
    running: Running,
    /// For as long as there is anything of it.
    _in_memory: Unsent,
    /// When its client last took a stride of it, or was given something to take.
    progress_at: AtomicU64,
    /// Bytes taken since then.
    taken: AtomicU64,
    /// Parts of it that are not written out of our hands.
    unsent: AtomicU32,
}

impl Sending {
    /// Another part of it is there to be taken.
    pub fn begin(&self) {
        if self.unsent.fetch_add(1, Relaxed) == 0 {
            self.progress();
        }
    }

    /// A part has gone.
    pub fn end(&self) {
        self.unsent.fetch_sub(1, Relaxed);
    }

    /// Bytes of it have gone. Answers that are sent side by side share the line.
    pub fn took(&self, bytes: usize) {
        let taken = self.taken.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        let side_by_side = u64::from(self.running.watched.requests.load(Relaxed)).max(1);
        if taken >= STRIDE / side_by_side {
            self.progress();
        }
    }

    fn progress(&self) {
        self.taken.store(0, Relaxed);
        let now = self.running.watched.clock.now();
        self.progress_at.store(now, Relaxed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.answered {
            self.watched.handling.fetch_sub(1, Relaxed);
        }
        let now = self.watched.clock.now();
        self.watched.quiet_since.store(now, Relaxed);
        self.watched.requests.fetch_sub(1, Relaxed);
    }
}
