//! Requests side by side on one connection of HTTP/2: what becomes of one is nothing to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::Router;
use axum::body::Bytes;
use axum::http::Request;
use axum::routing::get;
use backref::serve::connections::Settings;
use backref::serve::http::{self, ServerOptions};
use futures_util::future::join_all;
use h2::RecvStream;
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::app;
use super::connections::{Listening, PATIENCE, PATIENT, hello};

async fn connect(listening: &Listening) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(listening.address)
        .await
        .expect("a connection");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    client.ready().await.expect("a stream")
}

/// Sends a request with a body that may be more than anybody reads. The status, and the body of the answer.
async fn ask(
    client: &SendRequest<Bytes>,
    request: axum::http::request::Builder,
    body: &[u8],
) -> (u16, String) {
    let asking = async {
        let mut client = client.clone().ready().await.expect("a stream");
        let request = request.uri("http://x/graphql").body(());
        let request = request.expect("a request");
        let (answer, mut sending) = client.send_request(request, false).expect("it is sent");
        // The server may have answered by then.
        let _ = sending.send_data(Bytes::copy_from_slice(body), true);
        let answer = answer.await.expect("an answer");
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        let mut text = Vec::new();
        while let Some(part) = body.data().await {
            let part = part.expect("all of the answer");
            let _ = body.flow_control().release_capacity(part.len());
            text.extend_from_slice(&part);
        }
        (status, String::from_utf8(text).expect("UTF-8"))
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.expect("it does not hang")
}

#[tokio::test]
async fn a_body_that_is_refused_is_nothing_to_other_streams() {
    let (_database, app) = app().await;
    let options = ServerOptions {
        max_body_bytes: 200_000,
        ..ServerOptions::default()
    };
    let router = http::router(app.engine.clone(), &options);
    let listening = Listening::start(router, PATIENT).await;
    let client = connect(&listening).await;
    let post = || Request::post("/").header("content-type", "application/json");
    let query = br#"{"query":"{ tags(limit: 1) { id } }"}"#;
    let large = vec![b' '; 300_000];
    // Altogether more than any window of the connection holds.
    for _ in 0..20 {
        let text = Request::post("/").header("content-type", "text/plain");
        let encoded = post().header("content-encoding", "gzip");
        let honest = post().header("content-length", large.len());
        let unacceptable = post().header("accept", "text/html");
        let refused = [
            (ask(&client, text, &large), 415),
            (ask(&client, encoded, &large), 415),
            (ask(&client, honest, &large), 413),
            (ask(&client, post(), &large), 413),
            (ask(&client, unacceptable, &large), 406),
        ];
        let (refused, statuses): (Vec<_>, Vec<u16>) = refused.into_iter().unzip();
        let answered = (0..5).map(|_| ask(&client, post(), query));
        let (refused, answered) = tokio::join!(join_all(refused), join_all(answered));
        for ((status, text), expected) in refused.into_iter().zip(statuses) {
            assert_eq!(status, expected, "{text}");
            assert!(text.contains("\"errors\""), "{text}");
        }
        for (status, text) in answered {
            assert_eq!(status, 200);
            assert_eq!(text, r#"{"data":{"tags":[{"id":"Tag:1"}]}}"#);
        }
    }
    // All of that was one connection.
    assert_eq!(listening.server.under_way().connections, 1);
}

#[tokio::test]
async fn a_server_that_stops_answers_every_stream_that_runs() {
    let go = Arc::new(Notify::new());
    let mut listening = Listening::start(hello(go.clone()), PATIENT).await;
    let client = connect(&listening).await;
    let get = |path: &str| {
        let mut client = client.clone();
        let request = Request::get(format!("http://x{path}"));
        let request = request.body(()).expect("a request");
        async move {
            client = client.ready().await?;
            let (answer, _) = client.send_request(request, true)?;
            let mut body = answer.await?.into_body();
            let mut text = Vec::new();
            while let Some(part) = body.data().await {
                text.extend_from_slice(&part?);
            }
            Ok::<_, h2::Error>(text)
        }
    };
    let running: Vec<_> = (0..10).map(|_| tokio::spawn(get("/slow"))).collect();
    let started = std::time::Instant::now();
    while listening.server.under_way().requests < 10 {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    listening.stop.begin();
    // The connection takes nothing new once it has said so.
    let started = std::time::Instant::now();
    while get("/hello").await.is_ok() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    go.notify_waiters();
    for answer in join_all(running).await {
        let text = answer.expect("no panic").expect("an answer");
        assert_eq!(text, b"at last");
    }
    drop(client);
    let ended = tokio::time::timeout(PATIENCE, listening.server.ended());
    ended.await.expect("all is closed");
}

/// An answer of a megabyte for each who asks, and how many were made.
fn large() -> (Router, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let answer = move || {
        count.fetch_add(1, Relaxed);
        async { vec![b'x'; MEGABYTE] }
    };
    (Router::new().route("/large", get(answer)), made)
}

const MEGABYTE: usize = 1 << 20;

/// A client who does not take all of an answer before he asks for another.
struct Careless(SendRequest<Bytes>);

impl Careless {
    async fn to(listening: &Listening) -> Self {
        let stream = TcpStream::connect(listening.address);
        let stream = stream.await.expect("a connection");
        let mut client = h2::client::Builder::new();
        client.initial_connection_window_size(16 << 20);
        let (client, connection) = client.handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        Careless(client)
    }

    /// Asks, and waits for the head of the answer.
    async fn ask(&self) -> Result<RecvStream, h2::Error> {
        let asking = async {
            let mut client = self.0.clone().ready().await?;
            let request = Request::get("http://x/large").body(());
            let (answer, _) = client.send_request(request.expect("a request"), true)?;
            Ok(answer.await?.into_body())
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        asked.expect("it does not hang")
    }
}

/// Takes an answer. How many bytes it had.
async fn take(mut answer: RecvStream) -> Result<usize, h2::Error> {
    let taking = async {
        let mut bytes = 0;
        while let Some(part) = answer.data().await {
            let part = part?;
            bytes += part.len();
            let _ = answer.flow_control().release_capacity(part.len());
        }
        Ok(bytes)
    };
    let taken = tokio::time::timeout(PATIENCE, taking).await;
    taken.expect("it does not hang")
}

#[tokio::test]
async fn a_request_waits_until_its_client_takes_what_is_there() {
    let (router, made) = large();
    let listening = Listening::start(router, PATIENT).await;
    let client = Careless::to(&listening).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(client.ask().await.expect("an answer"));
    }
    let waiting = Careless(client.0.clone());
    let waiting = tokio::spawn(async move { waiting.ask().await });
    let started = std::time::Instant::now();
    while listening.server.under_way().requests < 5 {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Whoever has taken all of his is not kept from asking.
    let other = Careless::to(&listening).await;
    let answer = other.ask().await.expect("an answer");
    assert_eq!(take(answer).await.expect("all of it"), MEGABYTE);
    assert_eq!(made.load(Relaxed), 5);
    let first = answers.remove(0);
    assert_eq!(take(first).await.expect("all of it"), MEGABYTE);
    let last = waiting.await.expect("no panic").expect("an answer");
    answers.push(last);
    for answer in answers {
        assert_eq!(take(answer).await.expect("all of it"), MEGABYTE);
    }
    assert_eq!(made.load(Relaxed), 6);
}

#[tokio::test]
async fn whoever_leaves_while_he_waits_leaves_his_place_to_others() {
    let (router, made) = large();
    let listening = Listening::start(router, PATIENT).await;
    let client = Careless::to(&listening).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(client.ask().await.expect("an answer"));
    }
    // Five are sent, and reset.
    for _ in 0..5 {
        let mut leaves = client.0.clone().ready().await.expect("a stream");
        let request = Request::get("http://x/large").body(());
        let request = request.expect("a request");
        let (answer, mut sending) = leaves.send_request(request, true).expect("it is sent");
        sending.send_reset(h2::Reason::CANCEL);
        drop(answer);
    }
    for answer in answers {
        assert_eq!(take(answer).await.expect("all of it"), MEGABYTE);
    }
    let answer = client.ask().await.expect("an answer");
    assert_eq!(take(answer).await.expect("all of it"), MEGABYTE);
    assert!(made.load(Relaxed) <= 10);
}

#[tokio::test]
async fn whose_client_leaves_most_unread_is_closed_where_it_is_too_much() {
    let (router, _) = large();
    let settings = Settings {
        max_unsent: 4 * MEGABYTE,
        ..PATIENT
    };
    let listening = Listening::start(router, settings).await;
    let (greedy, modest) = tokio::join!(Careless::to(&listening), Careless::to(&listening));
    let one = modest.ask().await.expect("an answer");
    let mut many = Vec::new();
    for _ in 0..3 {
        many.push(greedy.ask().await.expect("an answer"));
    }
    // It is as much as there may be, and here is more.
    let another = modest.ask().await.expect("an answer");
    for answer in many {
        take(answer).await.expect_err("it is closed");
    }
    for answer in [one, another] {
        assert_eq!(take(answer).await.expect("all of it"), MEGABYTE);
    }
    // What was closed does not count any more.
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(modest.ask().await.expect("an answer"));
    }
    for answer in answers {
        assert_eq!(take(answer).await.expect("all of it"), MEGABYTE);
    }
}
