//! Clients that come when they come, whether those before them have their answers or not, and leave when their time is
//! over. They take little of the machine that they share with the server: requests are written once, and connections stay
//! open.

use super::requests::Class;
use crate::{
    Result,
    client::{Connection, next, request},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{sleep_until, timeout_at},
};

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All data, no errors, in time.
    Good,
    /// Status 503.
    Refused,
    /// Any other answer.
    Failed,
    /// No answer, and the client has left.
    Late,
    /// The connection was refused, or ended.
    Broken,
}

/// A request that was sent.
#[derive(Clone, Copy)]
pub struct Sent {
    /// Which of the mix.
    pub class: usize,
    /// When it was sent.
    pub at: Instant,
    /// How much later that was than it was due: these clients may want processors, too.
    pub behind: Duration,
    pub took: Duration,
    pub end: End,
}

/// The connections to a server.
#[derive(Clone)]
pub struct Clients(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    /// Used last, used first.
    idle: Mutex<Vec<Connection>>,
}

impl Clients {
    pub fn of(address: SocketAddr) -> Self {
        Self(Arc::new(Shared {
            address,
            idle: Mutex::default(),
        }))
    }

    pub fn request(&self, document: &str) -> Vec<u8> {
        request(self.0.address, document)
    }

    /// Asks on a connection of its own, which is kept if there is an answer before the deadline.
    pub async fn ask(&self, request: &[u8], deadline: Instant) -> End {
        let asked = timeout_at(deadline.into(), self.try_ask(request)).await;
        asked.map_or(End::Late, |answered| answered.unwrap_or(End::Broken))
    }

    async fn try_ask(&self, request: &[u8]) -> Result<End> {
        let kept = self.idle().pop();
        if let Some(mut connection) = kept
            // A server may close what is idle, or ask to leave after a refusal.
            && let Ok(end) = ask(&mut connection, request).await
        {
            self.idle().push(connection);
            return Ok(end);
        }
        let mut connection = Connection::open(self.0.address).await?;
        let end = ask(&mut connection, request).await?;
        self.idle().push(connection);
        Ok(end)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps so many clients busy with the mix.
    pub async fn closed_loop(
        &self,
        mix: &[Class],
        clients: usize,
        duration: Duration,
    ) -> Result<Vec<Sent>> {
        let requests = Arc::new(Requests::of(self, mix));
        let over = Instant::now() + duration;
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            let (clients, requests) = (self.clone(), requests.clone());
            tasks.spawn(async move {
                let (mut random, mut sent) = (number as u64, Vec::new());
                while Instant::now() < over {
                    let (class, request) = requests.pick(&mut random);
                    let at = Instant::now();
                    let end = clients.ask(request, at + Duration::from_secs(60)).await;
                    let took = at.elapsed();
                    sent.push(Sent {
                        class,
                        at,
                        behind: Duration::ZERO,
                        took,
                        end,
                    });
                }
                sent
            });
        }
        let mut all = Vec::new();
        while let Some(done) = tasks.join_next().await {
            all.extend(done?);
        }
        Ok(all)
    }

    /// Sends so many requests a second of the mix, at random times, each with so much time for its answer.
    pub async fn open_loop(
        &self,
        mix: &[Class],
        rate: f64,
        duration: Duration,
        patience: Duration,
    ) -> Result<Vec<Sent>> {
        let requests = Arc::new(Requests::of(self, mix));
        let sender = Sender {
            clients: self.clone(),
            requests,
            rate,
            patience,
        };
        sender.send(duration).await
    }
}

/// How late a request may be sent.
const BEHIND: Duration = Duration::from_millis(50);

/// Sends requests when they are due, whether those before have their answers or not.
struct Sender {
    clients: Clients,
    requests: Arc<Requests>,
    /// Requests a second.
    rate: f64,
    patience: Duration,
}

impl Sender {
    async fn send(self, duration: Duration) -> Result<Vec<Sent>> {
        let (mut random, mut tasks) = (7, JoinSet::new());
        let mut due = Instant::now();
        let over = due + duration;
        let mut all = Vec::new();
        while due < over {
            sleep_until(due.into()).await;
            // What these clients could not send when it was due they do not send in a flood, which would be their fault.
            if due.elapsed() < BEHIND {
                tasks.spawn(self.ask(due, self.requests.choose(&mut random)));
            }
            while let Some(done) = tasks.try_join_next() {
                all.push(done?);
            }
            // Poisson's process: the time to the next one is distributed exponentially.
            let chance = (next(&mut random) >> 11) as f64 / (1_u64 << 53) as f64;
            due += Duration::from_secs_f64(-(1.0 - chance).ln() / self.rate);
        }
        while let Some(done) = tasks.join_next().await {
            all.push(done?);
        }
        Ok(all)
    }

    fn ask(
        &self,
        due: Instant,
        (class, which): (usize, usize),
    ) -> impl Future<Output = Sent> + use<> {
        let (clients, requests) = (self.clients.clone(), self.requests.clone());
        let patience = self.patience;
        async move {
            let request = &requests.0[class].1[which];
            let at = Instant::now();
            let end = clients.ask(request, at + patience).await;
            let took = at.elapsed();
            Sent {
                class,
                at,
                behind: at.saturating_duration_since(due),
                took,
                end,
            }
        }
    }
}

async fn ask(connection: &mut Connection, request: &[u8]) -> Result<End> {
    Ok(match connection.ask(request).await? {
        (200, body) if body.starts_with(b"{\"data\":") => End::Good,
        (503, _) => End::Refused,
        _ => End::Failed,
    })
}

/// The requests of a mix as they are sent: the share of each class, and its texts.
struct Requests(Vec<(u64, Vec<Vec<u8>>)>);

impl Requests {
    fn of(clients: &Clients, mix: &[Class]) -> Self {
        let class = |class: &Class| {
            let requests = class.documents.iter().map(|text| clients.request(text));
            (class.share, requests.collect())
        };
        Self(mix.iter().map(class).collect())
    }

    fn pick(&self, random: &mut u64) -> (usize, &[u8]) {
        let (class, which) = self.choose(random);
        (class, &self.0[class].1[which])
    }

    /// A class by its share, and one of its texts.
    fn choose(&self, random: &mut u64) -> (usize, usize) {
        let all: u64 = self.0.iter().map(|(share, _)| share).sum();
        let mut left = next(random) % all;
        let class = self.0.iter().position(|(share, _)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        });
        let class = class.unwrap_or_default();
        (class, next(random) as usize % self.0[class].1.len())
    }
}
