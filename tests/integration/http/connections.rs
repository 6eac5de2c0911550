//! Clients that are slow, silent, gone or too many, at the server's own listening loop. Its timeouts are short here, and
//! what the tests wait for is long: nothing depends on a busy machine being quick.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use backref::read::load::admission::busy;
use backref::serve::connections::{Server, Settings};
use backref::serve::http::{self, ServerOptions};
use backref::serve::stop::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;

use super::app;

use crate::harness::{Backend, Statements, TestApp, TestDatabase};

/// So long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// So long a timeout is that must pass in a test.
const SHORT: Duration = Duration::from_millis(150);
/// And one that must not.
const LONG: Duration = Duration::from_secs(60);

pub const PATIENT: Settings = Settings {
    max_connections: 1000,
    header_timeout: LONG,
    idle_timeout: LONG,
    write_timeout: LONG,
    max_unsent: 256 << 20,
};

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

pub struct Listening {
    pub address: SocketAddr,
    pub stop: Stop,
    pub server: Server,
}

impl Listening {
    pub async fn start(router: Router, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let stop = Stop::default();
        let server = Server::start(vec![listener], router, settings, stop.clone());
        Listening {
            address,
            stop,
            server,
        }
    }

    async fn client(&self) -> Client {
        Client(
            TcpStream::connect(self.address)
                .await
                .expect("a connection"),
        )
    }

    /// Waits until so many connections are open.
    async fn has_connections(&self, count: usize) {
        let started = Instant::now();
        while self.server.under_way().connections != count {
            assert!(
                started.elapsed() < PATIENCE,
                "{:?}",
                self.server.under_way()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0
            .write_all(text.as_bytes())
            .await
            .expect("the server reads");
    }

    /// The head and body of one answer.
    async fn answer(&mut self) -> String {
        let read = async {
            let mut text = String::new();
            loop {
                let byte = self
                    .0
                    .read_u8()
                    .await
                    .unwrap_or_else(|e| panic!("{e} after {text:?}"));
                text.push(char::from(byte));
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "));
                let length = length.map_or(0, |l| l.parse().expect("a number"));
                if body.len() == length {
                    return text;
                }
            }
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("an answer")
    }

    async fn ask(&mut self, request: &str) -> String {
        self.send(request).await;
        self.answer().await
    }

    /// What the server sends until it closes.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let read = self.0.read_to_end(&mut rest);
        match tokio::time::timeout(PATIENCE, read)
            .await
            .expect("it is closed")
        {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::ConnectionReset),
        }
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Greets; waits until it is told; and has more to say than any buffer holds.
pub fn hello(go: Arc<Notify>) -> Router {
    const LARGE: usize = 32 << 20;
    let slow = move || async move {
        go.notified().await;
        "at last"
    };
    Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/slow", get(slow))
        .route("/large", get(|| async { Body::from(vec![b'x'; LARGE]) }))
}

fn at_once() -> Router {
    hello(Arc::default())
}

#[tokio::test]
async fn who_sends_no_request_is_closed() {
    let settings = Settings {
        header_timeout: SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    let mut silent = listening.client().await;
    let mut half = listening.client().await;
    half.send("GET /hello HTTP/1.1\r\nhost: x\r\nx-long: ")
        .await;
    let mut second = listening.client().await;
    assert!(second.ask(HELLO).await.ends_with("hello"));
    second.send("GET /hello HT").await;
    let mut preface = listening.client().await;
    preface.send("PRI * HTTP/2.0\r\n").await;
    let mut settled = listening.client().await;
    settled
        .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut dripping = listening.client().await;
    let drip = tokio::spawn(async move {
        dripping.send("GET /hello HTTP/1.1\r\n").await;
        while dripping.0.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    for client in [&mut silent, &mut half, &mut second, &mut preface] {
        assert_eq!(client.rest().await, "");
    }
    settled.rest().await;
    tokio::time::timeout(PATIENCE, drip)
        .await
        .expect("closed")
        .expect("no panic");
    listening.has_connections(0).await;
}

#[tokio::test]
async fn a_connection_waits_for_its_next_request_as_long_as_it_may() {
    let settings = Settings {
        header_timeout: SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    let mut client = listening.client().await;
    assert!(client.ask(HELLO).await.starts_with("HTTP/1.1 200"));
    tokio::time::sleep(4 * SHORT).await;
    assert!(client.ask(HELLO).await.ends_with("hello"));

    let settings = Settings {
        idle_timeout: SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    let mut client = listening.client().await;
    tokio::time::sleep(4 * SHORT).await;
    assert!(client.ask(HELLO).await.ends_with("hello"));
    assert_eq!(client.rest().await, "");
    listening.has_connections(0).await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_who_reads_slowly_is_not() {
    let settings = Settings {
        write_timeout: 4 * SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    let client = async || {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(32 << 10)
            .expect("a small buffer");
        let stream = socket
            .connect(listening.address)
            .await
            .expect("a connection");
        let mut client = Client(stream);
        client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client
    };
    let silent = client().await;
    listening.has_connections(1).await;
    listening.has_connections(0).await;
    drop(silent);

    let mut dripping = client().await;
    let drip = async {
        while dripping.0.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = drip => {}
        () = async {
            listening.has_connections(1).await;
            listening.has_connections(0).await;
        } => {}
    }

    let mut steady = client().await;
    let started = Instant::now();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    while bytes < 32 << 20 {
        let read = steady.0.read(&mut buffer).await.expect("it goes on");
        assert_ne!(read, 0, "closed after {bytes} bytes");
        bytes += read;
        // As slow as the longest wait allows twice over, at first.
        if started.elapsed() < 8 * SHORT {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(started.elapsed() > 4 * SHORT);
}

/// Each answer is far more than the system takes off the server's hands for a client who reads nothing.
#[tokio::test]
async fn what_nobody_reads_of_http_1_is_bounded_altogether() {
    const MEGABYTE: usize = 1 << 20;
    let settings = Settings {
        max_unsent: 4 * MEGABYTE,
        ..PATIENT
    };
    let answer = || async { vec![b'x'; MEGABYTE] };
    let router = Router::new()
        .route("/megabyte", get(answer))
        .route("/hello", get(|| async { "hello" }));
    let listening = Listening::start(router, settings).await;
    let client = async || {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(32 << 10)
            .expect("a small buffer");
        let stream = socket.connect(listening.address);
        let mut client = Client(stream.await.expect("a connection"));
        client
            .send("GET /megabyte HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        // It has its answer, which is counted by then.
        assert_eq!(client.0.read_u8().await.expect("an answer"), b'H');
        client
    };
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(client().await);
    }
    assert_eq!(listening.server.under_way().connections, 4);
    // Who has asked and read before them is not touched.
    let mut idle = listening.client().await;
    assert!(idle.ask(HELLO).await.ends_with("hello"));
    for _ in 0..8 {
        silent.push(client().await);
    }
    listening.has_connections(5).await;
    // Those that are left are whole.
    let mut whole = 0;
    for client in &mut silent {
        let mut buffer = vec![0; 64 << 10];
        let mut bytes = 0;
        while let Ok(read @ 1..) = client.0.read(&mut buffer).await {
            bytes += read;
            if bytes >= MEGABYTE {
                whole += 1;
                break;
            }
        }
    }
    assert_eq!(whole, 4);
    // What was taken does not count any more.
    assert!(idle.ask(HELLO).await.ends_with("hello"));
    silent.clear();
    for _ in 0..4 {
        silent.push(client().await);
    }
    listening.has_connections(5).await;
}

#[tokio::test]
async fn a_body_that_drips_is_bounded_in_time_altogether() {
    let (_database, app) = app().await;
    let options = ServerOptions {
        body_timeout: SHORT,
        ..ServerOptions::default()
    };
    let listening = Listening::start(http::router(app.engine.clone(), &options), PATIENT).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for framing in [
        "content-length: 1000\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n",
    ] {
        let mut client = listening.client().await;
        client.send(head).await;
        client.send(framing).await;
        let (mut reading, mut writing) = client.0.into_split();
        let drip = tokio::spawn(async move {
            let chunked = framing.starts_with("transfer");
            let byte: &[u8] = if chunked { b"1\r\n \r\n" } else { b" " };
            while writing.write_all(byte).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let mut answer = String::new();
        let read = reading.read_to_string(&mut answer);
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("in time")
            .expect("no reset");
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        drop(reading);
        tokio::time::timeout(PATIENCE, drip)
            .await
            .expect("closed")
            .expect("no panic");
    }
    listening.has_connections(0).await;
}

#[tokio::test]
async fn bodies_that_have_not_come_whole_are_bounded_altogether() {
    let (_database, app) = app().await;
    let settings = Settings {
        max_unsent: 1 << 20,
        ..PATIENT
    };
    let listening = Listening::start(app.router.clone(), settings).await;
    let part = " ".repeat(300 << 10);
    let mut waiting = Vec::new();
    for i in 0..5 {
        let mut client = listening.client().await;
        let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n";
        client.send(head).await;
        client.send(&part).await;
        waiting.push(client);
        if i < 3 {
            listening.has_connections(i + 1).await;
        }
    }
    listening.has_connections(3).await;
    let mut other = listening.client().await;
    assert!(other.ask(HELLO).await.starts_with("HTTP/1.1 404"));
    drop(waiting);
    listening.has_connections(1).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_has_come() {
    let (_database, app) = app().await;
    let listening = Listening::start(app.router.clone(), PATIENT).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    // Nothing of it was sent.
    for expect in ["", "expect: 100-continue\r\n"] {
        let mut client = listening.client().await;
        client
            .send(&format!("{head}{expect}content-length: 9999999\r\n\r\n"))
            .await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    // Much of it is under way, and the answer is not lost to a reset.
    let mut client = listening.client().await;
    client
        .send(&format!("{head}content-length: 9999999\r\n\r\n"))
        .await;
    client
        .0
        .write_all(&vec![b' '; 5 << 20])
        .await
        .expect("it is read");
    assert!(client.rest().await.starts_with("HTTP/1.1 413"));
    // It does not say how long it is.
    let mut client = listening.client().await;
    client
        .send(&format!("{head}transfer-encoding: chunked\r\n\r\n"))
        .await;
    for _ in 0..40 {
        let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, " ".repeat(64 << 10));
        client
            .0
            .write_all(chunk.as_bytes())
            .await
            .expect("it is read");
    }
    assert!(client.rest().await.starts_with("HTTP/1.1 413"));
    listening.has_connections(0).await;
}

#[tokio::test]
async fn where_there_is_no_room_the_longest_idle_connection_makes_it() {
    let settings = Settings {
        max_connections: 3,
        ..PATIENT
    };
    let go = Arc::new(Notify::new());
    let listening = Listening::start(hello(go.clone()), settings).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut client = listening.client().await;
        assert!(client.ask(HELLO).await.ends_with("hello"));
        idle.push(client);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let [first, second, third] = &mut idle[..] else {
        panic!("three")
    };
    // The first has waited less long than the second since.
    assert!(first.ask(HELLO).await.ends_with("hello"));
    let mut fourth = listening.client().await;
    assert!(fourth.ask(HELLO).await.ends_with("hello"));
    assert_eq!(second.rest().await, "");
    for client in [first, third] {
        assert!(client.ask(HELLO).await.ends_with("hello"));
    }
    // Connections that have never asked anything give way too.
    drop(fourth);
    drop(idle);
    listening.has_connections(0).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(listening.client().await);
    }
    listening.has_connections(3).await;
    // Until those are not fresh any more, whoever comes may be told to come again.
    let began = Instant::now();
    let mut is_first = true;
    loop {
        let asked = Instant::now();
        let mut fourth = listening.client().await;
        let answer = fourth.ask(HELLO).await;
        if answer.ends_with("hello") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        // The first to come is refused only when it has waited.
        assert!(!is_first || asked.elapsed() >= Duration::from_millis(250));
        is_first = false;
        assert!(began.elapsed() < PATIENCE, "nobody makes room");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn where_every_connection_is_busy_one_more_is_refused() {
    let settings = Settings {
        max_connections: 2,
        ..PATIENT
    };
    let go = Arc::new(Notify::new());
    let listening = Listening::start(hello(go.clone()), settings).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut client = listening.client().await;
        client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        busy.push(client);
    }
    while listening.server.under_way().requests < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..5 {
        let mut refused = listening.client().await;
        refused.send(HELLO).await;
        let answer = refused.rest().await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    }
    go.notify_waiters();
    for client in &mut busy {
        assert!(client.answer().await.ends_with("at last"));
    }
    // And now there is room again.
    let mut client = listening.client().await;
    assert!(client.ask(HELLO).await.ends_with("hello"));
}

#[tokio::test]
async fn a_server_that_stops_answers_what_runs_and_closes_the_rest() {
    let go = Arc::new(Notify::new());
    let mut listening = Listening::start(hello(go.clone()), PATIENT).await;
    let mut idle = listening.client().await;
    assert!(idle.ask(HELLO).await.ends_with("hello"));
    let mut silent = listening.client().await;
    let mut half = listening.client().await;
    half.send("GET /hel").await;
    let mut running = listening.client().await;
    running.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    listening.has_connections(4).await;
    while listening.server.under_way().requests < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    listening.stop.begin();
    for client in [&mut idle, &mut silent, &mut half] {
        assert_eq!(client.rest().await, "");
    }
    listening.has_connections(1).await;
    assert_eq!(listening.server.under_way().requests, 1);
    let refused = TcpStream::connect(listening.address).await;
    assert!(refused.is_err(), "nothing listens any more");
    let early = tokio::time::timeout(SHORT, listening.server.ended()).await;
    assert!(early.is_err(), "a request runs");
    go.notify_waiters();
    let answer = running.rest().await;
    assert!(answer.ends_with("at last"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let ended = tokio::time::timeout(PATIENCE, listening.server.ended());
    ended.await.expect("all is closed");
    assert_eq!(listening.server.under_way().connections, 0);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_dropped() {
    struct Gone(Arc<Notify>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let begun = Arc::new(Notify::new());
    let gone = Arc::new(Notify::new());
    let (starts, ends) = (begun.clone(), gone.clone());
    let handler = move || async move {
        let _gone = Gone(ends);
        starts.notify_one();
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", get(handler.clone()).post(handler));
    let listening = Listening::start(router, PATIENT).await;
    for request in [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        format!("{H2_PREFACE}{}{}", H2_SETTINGS, h2_get("/")),
        // What nobody has read behind a request is not in the way: a stray byte, an empty line, more requests.
        "GET / HTTP/1.1\r\nhost: x\r\n\r\nG".to_owned(),
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2000),
    ] {
        let mut client = listening.client().await;
        client.send(&request).await;
        let wait = tokio::time::timeout(PATIENCE, begun.notified());
        wait.await.expect("it is handled");
        // By FIN, or by RST.
        if request.ends_with("G") {
            client.0.set_zero_linger().expect("a socket");
        }
        drop(client);
        let wait = tokio::time::timeout(PATIENCE, gone.notified());
        wait.await
            .unwrap_or_else(|_| panic!("still handled: {request}"));
    }
    listening.has_connections(0).await;
}

#[tokio::test]
async fn who_waits_with_more_to_ask_is_answered() {
    let go = Arc::new(Notify::new());
    let listening = Listening::start(hello(go.clone()), PATIENT).await;
    let mut client = listening.client().await;
    let slow = "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
    client.send(&format!("{slow}{HELLO}G")).await;
    // It is looked at time and again.
    tokio::time::sleep(6 * SHORT).await;
    go.notify_one();
    assert!(client.answer().await.ends_with("at last"));
    assert!(client.answer().await.ends_with("hello"));
}

#[tokio::test]
async fn where_there_is_no_room_bodies_that_do_not_come_make_it() {
    let (_database, app) = app().await;
    let settings = Settings {
        max_connections: 3,
        ..PATIENT
    };
    let options = ServerOptions {
        body_timeout: LONG,
        ..ServerOptions::default()
    };
    let listening = Listening::start(http::router(app.engine.clone(), &options), settings).await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let mut client = listening.client().await;
        let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
        client
            .send(&format!("{head}\r\ncontent-length: 1000\r\n\r\n "))
            .await;
        stalled.push(client);
    }
    while listening.server.under_way().requests < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Until they have been waited for a while they may only be slow, and whoever comes is told to come again.
    let health = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let began = Instant::now();
    loop {
        let mut client = listening.client().await;
        client.send(health).await;
        let answer = client.rest().await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(began.elapsed() < PATIENCE, "nobody makes room");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // One that was waited for has made it.
    let closed = stalled.iter_mut().map(|client| Box::pin(client.rest()));
    let (told, _, _) = futures_util::future::select_all(closed).await;
    assert_eq!(told, "");
    assert!(listening.server.under_way().requests < 3);
}

#[tokio::test]
async fn heads_that_others_could_read_otherwise_are_refused() {
    let (_database, app) = app().await;
    let listening = Listening::start(app.router.clone(), PATIENT).await;
    let get = "GET /healthz HTTP/1.1\r\n";
    let post = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for (request, status, says) in [
        (format!("{get}\r\n"), "400", "Host"),
        (format!("{get}host: a\r\nhost: b\r\n\r\n"), "400", "Host"),
        (format!("{get}host: a\r\nhost: a\r\n\r\n"), "400", "Host"),
        (
            format!("{post}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            "501",
            "chunked",
        ),
        (
            format!("{post}transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            "501",
            "chunked",
        ),
    ] {
        let mut client = listening.client().await;
        client.send(&request).await;
        let answer = client.rest().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{request}: {answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let message = body["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{body}");
    }
    // HTTP/1.0 knows neither.
    let mut client = listening.client().await;
    client.send("GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(client.rest().await.contains(" 200 "));
    let mut client = listening.client().await;
    let chunks = "transfer-encoding: Chunked\r\n\r\n25\r\n{\"query\":\"{ users(limit:1) { id } }\"}\r\n0\r\n\r\n";
    let answer = client.ask(&format!("{post}{chunks}")).await;
    assert!(answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn requests_follow_each_other_on_a_connection() {
    let listening = Listening::start(at_once(), PATIENT).await;
    let mut client = listening.client().await;
    client.send(&HELLO.repeat(50)).await;
    for _ in 0..50 {
        assert!(client.answer().await.ends_with("hello"));
    }
    let last = "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    client.send(&format!("{HELLO}{last}")).await;
    let rest = client.rest().await;
    assert_eq!(rest.matches("\r\n\r\nhello").count(), 2, "{rest}");
    listening.has_connections(0).await;
}

const H2_PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const H2_SETTINGS: &str = "\0\0\0\x04\0\0\0\0\0";
/// Settings by which no stream may be sent anything.
const H2_NO_WINDOW: &str = "\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";

/// The frame of a GET on the first stream. Its fields are spelled out, which makes it ASCII.
fn h2_get(path: &str) -> String {
    h2_get_on(1, path)
}

/// The same on another stream, whose number is odd.
fn h2_get_on(stream: u8, path: &str) -> String {
    let stream = char::from(stream);
    let mut block = String::new();
    let mut field = |name: &str, value: &str| {
        for text in ["", name, value] {
            if !text.is_empty() {
                block.push(text.len() as u8 as char);
            } else {
                block.push('\0');
            }
            block.push_str(text);
        }
    };
    field(":method", "GET");
    field(":scheme", "http");
    field(":path", path);
    field(":authority", "x");
    let length = char::from(block.len() as u8);
    format!("\0\0{length}\x01\x05\0\0\0{stream}{block}")
}

/// What else happens on its connection, an answer is held in memory until it is taken.
#[tokio::test]
async fn an_answer_of_http_2_that_nobody_takes_is_not_kept_for_another_stream() {
    let settings = Settings {
        write_timeout: SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    for requests in [
        // One that goes on for as long as it likes.
        h2_get_on(1, "/large") + &h2_get_on(3, "/slow"),
        // And a small answer, which hyper is done with once it is in its hands.
        h2_get_on(1, "/hello") + &h2_get_on(3, "/slow"),
    ] {
        let mut client = listening.client().await;
        client
            .send(&format!("{H2_PREFACE}{H2_NO_WINDOW}{requests}"))
            .await;
        listening.has_connections(1).await;
        client.rest().await;
        listening.has_connections(0).await;
    }
}

#[tokio::test]
async fn an_answer_of_http_2_that_takes_long_holds_nobody_up() {
    let settings = Settings {
        write_timeout: SHORT,
        ..PATIENT
    };
    let go = Arc::new(Notify::new());
    let listening = Listening::start(hello(go.clone()), settings).await;
    let mut client = listening.client().await;
    let requests = h2_get_on(1, "/hello") + &h2_get_on(3, "/slow");
    client
        .send(&format!("{H2_PREFACE}{H2_SETTINGS}{requests}"))
        .await;
    let mut text = String::new();
    while !text.contains("hello") {
        text.push(char::from(client.0.read_u8().await.expect("an answer")));
    }
    tokio::time::sleep(4 * SHORT).await;
    assert_eq!(listening.server.under_way().requests, 1);
    go.notify_one();
    while !text.contains("at last") {
        text.push(char::from(client.0.read_u8().await.expect("an answer")));
    }
}

#[tokio::test]
async fn http_2_is_bounded_alike() {
    let settings = Settings {
        idle_timeout: 4 * SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    let mut client = listening.client().await;
    client
        .send(&format!("{H2_PREFACE}{H2_SETTINGS}{}", h2_get("/hello")))
        .await;
    let rest = client.rest().await;
    assert!(rest.contains("hello"), "{rest:?}");
    listening.has_connections(0).await;

    let settings = Settings {
        write_timeout: SHORT,
        ..PATIENT
    };
    let listening = Listening::start(at_once(), settings).await;
    let mut client = listening.client().await;
    client
        .send(&format!("{H2_PREFACE}{H2_NO_WINDOW}{}", h2_get("/large")))
        .await;
    listening.has_connections(1).await;
    client.rest().await;
    listening.has_connections(0).await;

    let mut listening = Listening::start(at_once(), PATIENT).await;
    let mut client = listening.client().await;
    client
        .send(&format!("{H2_PREFACE}{H2_SETTINGS}{}", h2_get("/hello")))
        .await;
    listening.has_connections(1).await;
    listening.stop.begin();
    client.rest().await;
    let ended = tokio::time::timeout(PATIENCE, listening.server.ended());
    ended.await.expect("all is closed");
}

/// The test's thread is the server's, too, so that nothing is read before all has come.
#[tokio::test]
async fn what_lay_unread_until_its_client_left_is_not_executed() {
    const LATE: Duration = Duration::from_millis(20);
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let router = http::router(app.engine.clone(), &ServerOptions::default());
        let listening = Listening::start(router, PATIENT).await;
        app.query("{ users(limit: 1) { id } }").await.data();
        let statements = Statements::listen();
        busy::begins();
        std::thread::sleep(LATE);
        let ask = |number: usize| {
            let body = format!(
                r#"{{"query":"{{ posts(limit: {}) {{ id }} }}"}}"#,
                number + 1
            );
            let request = format!(
                "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = std::net::TcpStream::connect(listening.address).expect("a connection");
            stream.write_all(request.as_bytes()).expect("it is sent");
            stream
        };
        let mut asked: Vec<_> = (0..12).map(ask).collect();
        let stayed = asked.split_off(6);
        drop(asked);
        for stream in stayed {
            stream.set_nonblocking(true).expect("a socket");
            let stream = TcpStream::from_std(stream).expect("a socket");
            assert!(Client(stream).answer().await.contains(r#"{"data":"#));
        }
        listening.has_connections(0).await;
        // Each has a text of its own.
        let executed: BTreeSet<_> = statements.read().into_iter().collect();
        assert_eq!(executed.len(), 6, "{backend:?}: {executed:#?}");
    }
}
