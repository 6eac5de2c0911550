//! Accepting connections, and closing those that wait for a client who does not come.
//!
//! `axum::serve` waits for ever: for a head, for the rest of a body, for the next request, and for an answer to be read. A
//! connection costs a file descriptor and some memory, so whoever opens many and is silent locks out everybody.
//! Here each wait has its end, there are only so many connections, and where there are no more the one that has
//! been idle longest makes room.

mod malformed;
mod refuse;
mod room;
mod seldom;
mod service;
mod stream;
mod table;
mod watched;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::stop::Stop;
use refuse::Refusals;
use seldom::Seldom;
use service::Requests;
use stream::WatchedStream;
use table::{Entry, Table};
use watched::{Clock, Order, Overdue};

#[derive(Debug, Clone)]
pub struct Settings {
    /// As many connections are open at most.
    pub max_connections: usize,
    /// How long a request's head may take, and a new connection's first one to begin.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long a client may take to read some of its answer, or the rest of it.
    pub write_timeout: Duration,
    /// So many bytes of answers that are not read, and of bodies that have not come whole, are in memory at most; for more, the
    /// connections that have most are closed.
    pub max_unsent: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_connections: 1_000,
            header_timeout: Duration::from_secs(10),
            // Longer than the minute after which load balancers give a connection up: who closes first should be them.
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            max_unsent: 256 << 20,
        }
    }
}

/// Serves until it is told to stop.
pub struct Server {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    router: Router,
    http: auto::Builder<TokioExecutor>,
    settings: Settings,
    stop: Stop,
    clock: Clock,
    /// How often connections are looked at.
    every: Duration,
    table: Arc<Table>,
    /// Whether there was no room for the last that came, nor could be made.
    full: AtomicBool,
    refusals: Refusals,
    told: Told,
}

/// What is logged from time to time.
#[derive(Default)]
struct Told {
    full: Seldom,
    made_room: Seldom,
    no_descriptor: Seldom,
    not_accepted: Seldom,
    slow_head: Seldom,
    slow_read: Seldom,
    unread: Seldom,
}

/// What was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    pub connections: usize,
    pub requests: usize,
}

/// How long to wait after the system had no file descriptor for a connection.
const WITHOUT_DESCRIPTOR: Duration = Duration::from_millis(100);
/// How long a connection waits for others to end where there are as many as there may be.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(300);
/// Connections are looked at so often at least: a client that has left is noticed by then.
const OFTEN: Duration = Duration::from_millis(250);
/// Requests side by side on one connection of HTTP/2.
const STREAMS: u32 = 128;

impl Server {
    pub fn start(
        listeners: Vec<TcpListener>,
        router: Router,
        settings: Settings,
        stop: Stop,
    ) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // The timeout of its own is set anew for each request, and does not hold before the first byte.
        http.http1().header_read_timeout(None);
        http.http2().max_concurrent_streams(STREAMS);
        let shortest = [
            settings.header_timeout,
            settings.idle_timeout,
            settings.write_timeout,
        ];
        let shortest = shortest.into_iter().min().unwrap_or_default();
        let every = (shortest / 8).clamp(Duration::from_millis(5), OFTEN);
        let shared = Arc::new(Shared {
            // So that what its routes are made of is done once, and not for each connection.
            router: router.with_state(()),
            http,
            settings,
            stop,
            clock: Clock::start(every),
            every,
            table: Arc::default(),
            full: AtomicBool::new(false),
            refusals: Refusals::default(),
            told: Told::default(),
        });
        tokio::spawn(shared.clone().watch());
        let accept = |listener| tokio::spawn(shared.clone().accept(listener));
        Server {
            tasks: listeners.into_iter().map(accept).collect(),
            shared,
        }
    }

    /// Waits until nothing listens any more, and every connection is closed. That begins when the server is told to
    /// stop: idle connections are closed, and others when they are answered.
    pub async fn ended(&mut self) {
        for task in self.tasks.drain(..) {
            // It ends by itself.
            let _ = task.await;
        }
        loop {
            let closed = self.shared.table.closed.notified();
            if self.shared.table.len() == 0 {
                return;
            }
            closed.await;
        }
    }

    pub fn under_way(&self) -> UnderWay {
        let mut all = UnderWay {
            connections: 0,
            requests: 0,
        };
        self.shared.table.for_each(|watched| {
            all.connections += 1;
            all.requests += watched.requests();
        });
        all
    }
}

impl Shared {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut stop = std::pin::pin!(self.stop.begun());
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream).await,
                Err(error) => self.not_accepted(&error).await,
            }
        }
    }

    async fn admit(self: &Arc<Self>, stream: TcpStream) {
        let Some(entry) = self.place().await else {
            self.refusals.refuse(stream);
            if let Some(times) = self.told.full.count(1, self.clock.now()) {
                let most = self.settings.max_connections;
                tracing::warn!(
                    times,
                    most,
                    "connections refused: there are as many as there may be (MAX_CONNECTIONS), and each is busy"
                );
            }
            return;
        };
        if self.stop.has_begun() {
            entry.watched.order(Order::Leave);
        }
        tokio::spawn(self.clone().serve(stream, entry));
    }

    /// A place for one more connection. Where there is none, the longest idle one gives up its own; where none is idle,
    /// the first to come waits a little, and others are refused until there is room again.
    async fn place(&self) -> Option<Entry> {
        let late = Instant::now() + WAIT_FOR_ROOM;
        loop {
            let closed = self.table.closed.notified();
            if let Some(entry) = self.table.add(self.settings.max_connections, &self.clock) {
                self.full.store(false, Relaxed);
                return Some(entry);
            }
            let spared = self.make_room();
            if Instant::now() > late || (!spared && self.full.load(Relaxed)) {
                self.full.store(true, Relaxed);
                return None;
            }
            // It may be that one which was too fresh to be given up is not so any more.
            let _ = tokio::time::timeout(WAIT_FOR_ROOM / 10, closed).await;
        }
    }

    fn make_room(&self) -> bool {
        let now = self.clock.now();
        let spared = self.table.give_one_up(now);
        if spared && let Some(times) = self.told.made_room.count(1, now) {
            let most = self.settings.max_connections;
            tracing::warn!(
                times,
                most,
                "idle connections closed to make room: there are as many as there may be (MAX_CONNECTIONS)"
            );
        }
        spared
    }

    async fn not_accepted(&self, error: &io::Error) {
        let now = self.clock.now();
        match error.kind() {
            // The client has thought better of it.
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted => return,
            _ => {}
        }
        let none_left = error
            .raw_os_error()
            .is_some_and(|code| NO_DESCRIPTOR.contains(&code));
        let seldom = match none_left {
            true => &self.told.no_descriptor,
            false => &self.told.not_accepted,
        };
        if let Some(times) = seldom.count(1, now) {
            let open = self.table.len();
            tracing::error!(times, open, %error, "connections cannot be accepted; if file descriptors are wanting, raise their limit (ulimit -n) or lower MAX_CONNECTIONS");
        }
        let closed = self.table.closed.notified();
        if none_left {
            self.table.give_one_up(now);
        }
        let _ = tokio::time::timeout(WITHOUT_DESCRIPTOR, closed).await;
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, entry: Entry) {
        let watched = &entry.watched;
        let requests = Requests {
            shared: self.clone(),
            watched: watched.clone(),
            peer: stream.peer_addr().ok(),
        };
        let io = TokioIo::new(WatchedStream::new(stream, watched.clone()));
        let mut connection = std::pin::pin!(self.http.serve_connection(io, requests));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection failed");
                    }
                    return;
                }
                order = watched.told() => match order {
                    Order::Stay => {}
                    Order::Leave => connection.as_mut().graceful_shutdown(),
                    Order::End => return,
                },
            }
        }
    }

    /// Closes the connections whose clients leave most unread, if it is too much altogether.
    fn close_unread(&self, everywhere: usize) {
        let most = self.settings.max_unsent;
        if everywhere <= most {
            return;
        }
        let closed = self.table.end_unread(most);
        if closed > 0
            && let Some(times) = self.told.unread.count(closed, self.clock.now())
        {
            tracing::warn!(
                times,
                most,
                "connections closed: what their clients have not read, or not sent the rest of, was too much to keep"
            );
        }
    }

    /// Closes what is overdue, and what its client has left, until the last connection is closed after the server was told to stop.
    async fn watch(self: Arc<Self>) {
        let mut stop = std::pin::pin!(self.stop.begun());
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(self.every) => self.look().await,
            }
        }
        self.table.for_each(|watched| watched.order(Order::Leave));
        while self.table.len() > 0 || Arc::strong_count(&self) > 1 {
            tokio::time::sleep(self.every).await;
            self.look().await;
        }
    }

    async fn look(&self) {
        if self.clock.look() {
            // What has come meanwhile is seen before anybody is closed for not having sent it.
            tokio::time::sleep(self.every).await;
            self.clock.look();
        }
        self.close_overdue();
        self.close_unread(self.table.unsent());
        self.table.for_each(|watched| watched.ask_to_look());
    }

    fn close_overdue(&self) {
        let (mut slow_heads, mut slow_reads) = (0, 0);
        self.table.for_each(|watched| {
            let order = match watched.overdue(&self.settings) {
                None => return,
                Some(Overdue::Idle) => Order::Leave,
                Some(Overdue::Leaving) => Order::End,
                Some(Overdue::Header) => {
                    slow_heads += 1;
                    Order::End
                }
                Some(Overdue::Write) => {
                    slow_reads += 1;
                    Order::End
                }
            };
            watched.order(order);
        });
        let now = self.clock.now();
        if let Some(times) = self
            .told
            .slow_head
            .count(slow_heads, now)
            .filter(|_| slow_heads > 0)
        {
            tracing::warn!(
                times,
                "connections closed: their clients sent no request in time (HEADER_TIMEOUT)"
            );
        }
        if let Some(times) = self
            .told
            .slow_read
            .count(slow_reads, now)
            .filter(|_| slow_reads > 0)
        {
            tracing::warn!(
                times,
                "connections closed: their clients did not read the answer in time (WRITE_TIMEOUT)"
            );
        }
    }
}

/// Errors of `accept` that pass when something is closed: EMFILE, ENFILE, ENOMEM and, by system, ENOBUFS.
const NO_DESCRIPTOR: [i32; 5] = [24, 23, 12, 105, 55];
