//! A closed-loop HTTP/1.1 client: each connection sends its next request when it has the answer to
//! the last one, and checks that answer.

use crate::Result;
use crate::queries::Query;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// A query, a server that answers it, and the users it is asked about.
pub struct Target {
    pub address: SocketAddr,
    pub path: String,
    pub query: &'static Query,
    pub users: Arc<[i64]>,
    /// Bytes of the answer, where it is the same for each request. Under load no more is checked of
    /// it: the order of its fields may vary.
    pub length: Option<usize>,
}

impl Target {
    fn request(&self, user: i64) -> Vec<u8> {
        let Self { address, path, .. } = self;
        let body = self.query.body(user);
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn accepts(&self, answer: &[u8], user: i64) -> bool {
        let Some(length) = self.length else {
            let id = format!(r#""id":"User:{user}""#);
            return answer.windows(id.len()).any(|part| part == id.as_bytes());
        };
        answer.len() == length
    }
}

/// One request, outside of any measurement.
pub async fn ask(target: &Target, user: i64) -> Result<Vec<u8>> {
    let mut connection = Connection::open(target.address).await?;
    Ok(connection.exchange(&target.request(user)).await?.to_vec())
}

/// The open connections of a load.
pub struct Load {
    target: Arc<Target>,
    connections: Vec<Connection>,
}

/// What a load saw while it ran.
pub struct Run {
    /// Of every request, ascending.
    pub latencies: Vec<Duration>,
    pub elapsed: Duration,
}

impl Load {
    pub async fn open(target: Target, connections: usize) -> Result<Self> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(target.address).await?);
        }
        Ok(Self {
            target: Arc::new(target),
            connections: open,
        })
    }

    /// Keeps every connection busy for the time given and waits for what is under way by then, so
    /// that what the server did and what was counted are the same requests.
    pub async fn run(&mut self, duration: Duration) -> Result<Run> {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for (seed, mut connection) in self.connections.drain(..).enumerate() {
            let target = self.target.clone();
            tasks.spawn(async move {
                let latencies = connection.work(&target, seed, start + duration).await?;
                Ok::<_, crate::Error>((connection, latencies))
            });
        }
        let mut latencies = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (connection, seen) = done??;
            self.connections.push(connection);
            latencies.extend(seen);
        }
        let elapsed = start.elapsed();
        latencies.sort_unstable();
        Ok(Run { latencies, elapsed })
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(1 << 16),
        })
    }

    async fn work(&mut self, target: &Target, seed: usize, end: Instant) -> Result<Vec<Duration>> {
        let mut random = seed as u64;
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let user = target.users[next(&mut random) as usize % target.users.len()];
            let request = target.request(user);
            let start = Instant::now();
            let answer = self.exchange(&request).await?;
            latencies.push(start.elapsed());
            if !target.accepts(answer, user) {
                let (name, text) = (target.query.name, String::from_utf8_lossy(answer));
                return Err(format!("{name}: another answer under load: {text:.500}").into());
            }
        }
        Ok(latencies)
    }

    /// Sends a request and gives the body of the answer, which must be a 200 and state its length.
    async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (mut body, mut end) = (0, usize::MAX);
        while self.buffer.len() < end {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if body == 0
                && let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")
            {
                body = at + 4;
                end = body + content_length(&self.buffer[..at])?;
            }
        }
        let (head, answer) = self.buffer.split_at(body);
        if !head.starts_with(b"HTTP/1.1 200 ") {
            return Err(format!("not a 200: {}", String::from_utf8_lossy(&self.buffer)).into());
        }
        Ok(answer)
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    for line in std::str::from_utf8(head)?.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(value.trim().parse()?);
        }
    }
    Err("an answer without a content-length".into())
}

/// SplitMix64: small, and from the same seed the same users for every server.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
