//! An HTTP/1.1 client, and a closed loop of it: each connection sends its next request when it has the
//! answer to the last one, and checks that answer.

use crate::Result;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a server is asked one query.
#[derive(Clone)]
pub struct Question {
    pub path: String,
    pub document: String,
    /// The query has the variable `$id`: a user, given in this form.
    pub user: Option<UserForm>,
    /// Who asks, where that is somebody known.
    pub token: Option<String>,
}

/// How the id of a user is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserForm {
    /// `"User:12"`
    Global,
    /// `12`
    Bare,
    /// `"12"`
    Text,
}

/// A question, the server that answers it, and the users it is asked about.
pub struct Target {
    address: SocketAddr,
    question: Question,
    users: Arc<[i64]>,
    /// The request, where it is the same each time.
    request: Option<Vec<u8>>,
    /// Bytes of the answer, where it is the same for each request. Under load no more is checked of
    /// it: the order of its fields may vary.
    length: Option<usize>,
}

impl Target {
    pub fn new(address: SocketAddr, question: &Question, users: &Arc<[i64]>) -> Self {
        let mut target = Self {
            address,
            question: question.clone(),
            users: users.clone(),
            request: None,
            length: None,
        };
        if question.user.is_none() {
            target.request = Some(target.request(0));
        }
        target
    }

    /// Asks once, outside of any measurement, about a user if the query takes one.
    pub async fn ask(&self, user: i64) -> Result<Vec<u8>> {
        let mut connection = Connection::open(self.address).await?;
        let request = self.request(user);
        Ok(connection.exchange(&request).await?.to_vec())
    }

    /// Asks once to learn how long the answer is, if it is always the same.
    pub async fn learn_length(&mut self) -> Result<()> {
        if self.request.is_some() {
            self.length = Some(self.ask(0).await?.len());
        }
        Ok(())
    }

    fn request(&self, user: i64) -> Vec<u8> {
        let Question { path, document, .. } = &self.question;
        let variables = self.question.user.map(|form| match form {
            UserForm::Global => serde_json::json!({ "id": format!("User:{user}") }),
            UserForm::Bare => serde_json::json!({ "id": user }),
            UserForm::Text => serde_json::json!({ "id": user.to_string() }),
        });
        let body = match variables {
            Some(variables) => serde_json::json!({ "query": document, "variables": variables }),
            None => serde_json::json!({ "query": document }),
        }
        .to_string();
        post(self.address, path, self.question.token.as_deref(), &body)
    }

    fn accepts(&self, answer: &[u8], user: i64) -> bool {
        match self.length {
            Some(length) => answer.len() == length,
            None => self.question.user.is_none() || names_user(answer, user),
        }
    }
}

/// A GraphQL request for a document without variables.
pub fn request(address: SocketAddr, document: &str) -> Vec<u8> {
    let body = serde_json::json!({ "query": document }).to_string();
    post(address, "/graphql", None, &body)
}

/// A request to a path, on behalf of whom the token is for.
pub fn post(address: SocketAddr, path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = token.map_or_else(String::new, |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
         {authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Whether an answer has the id of the user in one of its forms.
fn names_user(answer: &[u8], user: i64) -> bool {
    let key = user.to_string();
    let mut rest = answer;
    while let Some(at) = rest.windows(5).position(|part| part == br#""id":"#) {
        rest = &rest[at + 5..];
        let id = rest.trim_ascii_start();
        let id = id.strip_prefix(br#"""#).unwrap_or(id);
        let id = id.strip_prefix(b"User:").unwrap_or(id);
        if let Some(after) = id.strip_prefix(key.as_bytes())
            && !after.first().is_some_and(u8::is_ascii_digit)
        {
            return true;
        }
    }
    false
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

/// A connection that stays open from request to request.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Who leaves often would use up the ports of this machine, each of which the system keeps for a minute.
        stream.set_zero_linger()?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(1 << 12),
        })
    }

    async fn work(&mut self, target: &Target, seed: usize, end: Instant) -> Result<Vec<Duration>> {
        let mut random = seed as u64;
        let mut latencies = Vec::new();
        let mut of_user;
        while Instant::now() < end {
            let user = target.users[next(&mut random) as usize % target.users.len()];
            let request = match &target.request {
                Some(request) => request,
                None => {
                    of_user = target.request(user);
                    &of_user
                }
            };
            let start = Instant::now();
            let answer = self.exchange(request).await?;
            latencies.push(start.elapsed());
            if !target.accepts(answer, user) {
                let text = String::from_utf8_lossy(answer);
                return Err(format!("another answer under load: {text:.500}").into());
            }
        }
        Ok(latencies)
    }

    /// Sends a request and gives the body of the answer, which must be a 200 and state its length.
    async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        match self.ask(request).await? {
            (200, answer) => Ok(answer),
            (status, answer) => {
                let text = String::from_utf8_lossy(answer);
                Err(format!("{status}, not 200: {text:.500}").into())
            }
        }
    }

    /// Sends a request and gives the status and the body of the answer, which must state its length.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        let body = timeout(PATIENCE, self.transfer(request))
            .await
            .map_err(|_| format!("no answer in {} s", PATIENCE.as_secs()))??;
        let (head, answer) = self.buffer.split_at(body);
        // `HTTP/1.1 200 OK`
        let status = head
            .get(9..12)
            .and_then(|s| str::from_utf8(s).ok()?.parse().ok());
        Ok((status.ok_or("an answer without a status")?, answer))
    }

    /// Sends a request and reads the answer; gives the place where its body begins.
    async fn transfer(&mut self, request: &[u8]) -> Result<usize> {
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
        Ok(body)
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
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::names_user;

    #[test]
    fn a_user_is_named_in_every_form_and_no_other_is() {
        for answer in [r#"{"id":"User:12"}"#, r#"{"id":12}"#, r#"{"id": "12"}"#] {
            assert!(names_user(answer.as_bytes(), 12), "{answer}");
            assert!(!names_user(answer.as_bytes(), 1), "{answer}");
        }
    }
}
