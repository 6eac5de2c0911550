//! A server that is killed while it writes: what it has acknowledged is there whole, all else is there whole or not at
//! all, and what is sent again with its key has one effect.
//!
//! `KILLS=50 cargo test --release writing::killed` kills as often; without it a few times. `KILLS_SEED=7` draws other
//! moments than those of each time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::content;
use crate::generate;
use crate::harness::{Backend, Program, SECRET, TestDatabase, moments, own_server, token};
use crate::reference::Data;

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
fn send(address: &str, token: &str, name: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    // Longer than the server lets it take.
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).ok()?;
    let body = request(name).to_string();
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\nidempotency-key: \"{name}\"\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
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

/// A request that was sent, and its answer if one came.
type Sent = (String, Option<Value>);

/// Clients that write until it is over.
struct Clients {
    over: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Sent>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Each request has a name of its own, which is its key too.
    fn start(address: &str, token: &str, numbers: &Arc<AtomicUsize>) -> Self {
        let (over, sent) = (
            Arc::<AtomicBool>::default(),
            Arc::<Mutex<Vec<Sent>>>::default(),
        );
        let client = |_| {
            let (address, token) = (address.to_owned(), token.to_owned());
            let (over, sent, numbers) = (over.clone(), sent.clone(), numbers.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let name = format!("k{}", numbers.fetch_add(1, Ordering::Relaxed));
                    let answer = send(&address, &token, &name);
                    if answer.is_none() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    sent.lock().expect("no panic").push((name, answer));
                }
            })
        };
        let threads = (0..CLIENTS).map(client).collect();
        Clients {
            over,
            sent,
            threads,
        }
    }

    /// Waits until something was written, and for as long again.
    fn write_for(&self, time: Duration) {
        let since = Instant::now();
        while self.sent.lock().expect("no panic").is_empty() {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "nothing is written"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(time);
    }

    fn end(self) -> Vec<Sent> {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no panic");
        }
        let sent = self.sent.lock().expect("no panic");
        sent.clone()
    }
}

/// Holds what was sent against what is there, and sends it again; how much was acknowledged, and how much was lost.
async fn check(database: &TestDatabase, token: &str, sent: Vec<Sent>, tally: &mut (usize, usize)) {
    let data = Data::load(&database.connection).await;
    let program = Program::serve(database, &["--jwt-secret", SECRET]);
    let is_done = |answer: &Value| answer["data"].is_object();
    for (name, answer) in &sent {
        let there = there(&data, name);
        let done = answer.as_ref().is_some_and(is_done);
        if let Some(answer) = answer.as_ref().filter(|_| !done) {
            let code = &answer["errors"][0]["extensions"]["code"];
            let known = ["UNAVAILABLE", "TIMEOUT", "INTERNAL_SERVER_ERROR"];
            assert!(known.iter().any(|known| code == known), "{answer}");
        }
        assert!(
            there == WHOLE || (there == [0; 6] && !done),
            "{name} ({answer:?}) is {there:?}"
        );
        tally.0 += usize::from(done);
        tally.1 += usize::from(there == [0; 6]);
    }
    // Some of those that nobody has answered, which may be many.
    let (answered, lost): (Vec<_>, Vec<_>) = sent.into_iter().partition(|(_, a)| a.is_some());
    let (token, address) = (token.to_owned(), program.address().to_owned());
    let again = tokio::task::spawn_blocking(move || {
        let all = answered.into_iter().chain(lost.into_iter().take(20));
        let again = all.map(|(name, before)| {
            let after = send(&address, &token, &name).expect("an answer");
            assert!(is_done(&after), "{name}: {after}");
            if let Some(before) = before.filter(is_done) {
                assert_eq!(before, after, "{name}");
            }
            name
        });
        again.collect::<Vec<_>>()
    });
    let again = again.await.expect("no panic");
    let data = Data::load(&database.connection).await;
    for name in again {
        assert_eq!(there(&data, &name), WHOLE, "{name}");
    }
}

async fn filled(database: &TestDatabase) -> String {
    generate::insert(&database.connection, &content::data()).await;
    content::number_from(database, 1000).await;
    token(database)
}

fn moment(moments: &mut Pcg32) -> Duration {
    let share = f64::from(moments.next_u32()) / f64::from(u32::MAX);
    Duration::from_millis(400).mul_f64(share)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_and_nothing_is_there_in_part() {
    let mut moments = moments(1);
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        let token = filled(&database).await;
        let (numbers, mut tally) = (Arc::default(), (0, 0));
        for _ in 0..kills() {
            let program = Program::serve(&database, &["--jwt-secret", SECRET]);
            let clients = Clients::start(program.address(), &token, &numbers);
            clients.write_for(moment(&mut moments));
            // Dropping kills it.
            drop(program);
            check(&database, &token, clients.end(), &mut tally).await;
        }
        content::is_sound(&database).await;
        eprintln!(
            "{backend:?}: {} acknowledged, {} left out",
            tally.0, tally.1
        );
        assert!(tally.0 > 0);
    }
}

/// The same where the database ends, and the server stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_has_what_was_acknowledged() {
    let Some(server) = own_server() else {
        return;
    };
    let mut database = TestDatabase::migrated_on(&server).await;
    let durable = format!(
        "ALTER DATABASE {} SET synchronous_commit = on",
        database.name()
    );
    let done = database.connection.execute_unprepared(&durable).await;
    done.expect("it is durable");
    let token = filled(&database).await;
    let program = Program::serve(&database, &["--jwt-secret", SECRET]);
    let (numbers, mut tally) = (Arc::default(), (0, 0));
    let mut moments = moments(2);
    for _ in 0..kills().div_ceil(5) {
        let clients = Clients::start(program.address(), &token, &numbers);
        clients.write_for(moment(&mut moments));
        server.crash();
        database.reconnect().await;
        check(&database, &token, clients.end(), &mut tally).await;
    }
    content::is_sound(&database).await;
    eprintln!("{} acknowledged, {} left out", tally.0, tally.1);
    assert!(tally.0 > 0);
}
