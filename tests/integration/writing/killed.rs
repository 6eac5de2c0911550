//! A server that is killed while it writes: what it has acknowledged is there whole, all else is there whole or not at
//! all.
//!
//! `KILLS=50 cargo test --release writing::killed` kills as often; without it a few times.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde_json::{Value, json};

use super::content;
use crate::generate;
use crate::harness::{Backend, Program, TestDatabase};
use crate::reference::Data;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CLIENTS: usize = 6;
/// So many posts a request makes, each with so many comments and tags.
const POSTS: usize = 3;
const EACH: usize = 2;

fn kills() -> usize {
    let asked = std::env::var("KILLS").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(3)
}

/// A user with posts with comments and tags, by this name.
fn request(name: &str) -> Value {
    let posts = (0..POSTS).map(|p| {
        let comments = (0..EACH).map(|c| json!({ "body": format!("{name}-{p}-{c}") }));
        let tags = (0..EACH).map(|t| json!({ "name": format!("{name}-{p}-{t}") }));
        json!({
            "title": "T", "slug": format!("{name}-{p}"), "body": "B",
            "comments": { "create": comments.collect::<Vec<_>>() },
            "tags": { "create": tags.collect::<Vec<_>>() },
        })
    });
    let input = json!({
        "username": name, "name": "N", "email": format!("{name}@example.org"),
        "profile": { "create": { "bio": "B" } },
        "posts": { "create": posts.collect::<Vec<_>>() },
    });
    let query = "mutation($input: UserCreate!) { createUser(input: $input) { id posts { id } } }";
    json!({ "query": query, "variables": { "input": input } })
}

/// Sends it, and returns the answer, if one comes.
fn send(address: &str, token: &str, request: &Value, headers: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).ok()?;
    let body = request.to_string();
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

fn token(database: &TestDatabase) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_backref"))
        .args([
            "token",
            "--user",
            "1",
            "--jwt-secret",
            SECRET,
            "--database-url",
        ])
        .arg(database.url.shown())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// How much of a request is there: users, profiles, posts, comments, links to tags, tags.
fn there(data: &Data, name: &str) -> [usize; 6] {
    let prefix = format!("{name}-");
    let users: Vec<_> = data.users.iter().filter(|u| u.username == name).collect();
    let is_own = |id: i64| users.iter().any(|user| user.id == id);
    let own = data.posts.iter().filter(|p| is_own(p.author_id));
    let posts: Vec<_> = own.filter(|p| p.slug.starts_with(&prefix)).collect();
    let is_of = |id: i64| posts.iter().any(|post| post.id == id);
    let comments = data.comments.iter().filter(|c| is_of(c.post_id));
    let links = data.post_tags.iter().filter(|l| is_of(l.post_id));
    [
        users.len(),
        data.profiles.iter().filter(|p| is_own(p.user_id)).count(),
        posts.len(),
        comments.count(),
        links.count(),
        data.tags
            .iter()
            .filter(|t| t.name.starts_with(&prefix))
            .count(),
    ]
}

const WHOLE: [usize; 6] = [1, 1, POSTS, POSTS * EACH, POSTS * EACH, POSTS * EACH];

/// Clients that write until the server is gone. What was asked, and whether it was acknowledged.
fn write_until_killed(
    program: Program,
    token: &str,
    after: Duration,
    numbers: &Arc<AtomicUsize>,
) -> Vec<(String, bool)> {
    let (address, over) = (
        program.address().to_owned(),
        Arc::new(AtomicBool::new(false)),
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (address, token) = (address.clone(), token.to_owned());
            let (over, asked, numbers) = (over.clone(), asked.clone(), numbers.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let name = format!("k{}", numbers.fetch_add(1, Ordering::Relaxed));
                    let answer = send(&address, &token, &request(&name), "");
                    if let Some(answer) = &answer {
                        assert!(answer["errors"].is_null(), "{answer}");
                    }
                    let mut asked = asked.lock().expect("no panic");
                    asked.push((name, answer.is_some()));
                }
            })
        })
        .collect();
    let since = Instant::now();
    while asked.lock().expect("no panic").is_empty() {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "nothing is written"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(after);
    // Dropping kills it.
    drop(program);
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no panic");
    }
    let asked = asked.lock().expect("no panic");
    asked.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_and_nothing_is_there_in_part() {
    let mut moments = Pcg32::new(1, 1);
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        generate::insert(&database.connection, &content::data()).await;
        content::number_from(&database, 1000).await;
        let token = token(&database);
        let numbers = Arc::new(AtomicUsize::new(0));
        let (mut acknowledged, mut lost) = (0, 0);
        for kill in 0..kills() {
            let share = f64::from(moments.next_u32()) / f64::from(u32::MAX);
            let after = Duration::from_millis(300).mul_f64(share);
            let program = Program::serve(&database, &["--jwt-secret", SECRET]);
            let (token, numbers) = (token.clone(), numbers.clone());
            let writing = tokio::task::spawn_blocking(move || {
                write_until_killed(program, &token, after, &numbers)
            });
            let asked = writing.await.expect("no panic");
            let data = Data::load(&database.connection).await;
            for (name, is_acknowledged) in asked {
                let there = there(&data, &name);
                let nothing = there == [0; 6];
                assert!(
                    there == WHOLE || (nothing && !is_acknowledged),
                    "{backend:?} {kill}: {name} ({is_acknowledged}) is {there:?}"
                );
                acknowledged += usize::from(is_acknowledged);
                lost += usize::from(nothing);
            }
        }
        content::is_sound(&database).await;
        eprintln!("{backend:?}: {acknowledged} acknowledged, {lost} left out");
        assert!(acknowledged > 0);
    }
}
