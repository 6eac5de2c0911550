//! `sign-in`: small requests beside many who sign in, and whether the time that it takes tells who has an account.

use super::{Latencies, judge, requests::SMALL};
use crate::{
    Result,
    client::{Connection, request},
    database::Kind,
    subject::{Subject, SubjectOptions},
};
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[derive(clap::Args)]
pub struct SignInOptions {
    /// Who sign in at the same time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often the two are timed
    #[arg(long, default_value_t = 200)]
    times: u64,
    #[command(flatten)]
    subject: SubjectOptions,
}

pub async fn run(options: &SignInOptions) -> Result<()> {
    let mut targets = Vec::new();
    // Each request comes from an address of its own, so that it is no attempt too many.
    let settings = [
        ("RUST_LOG", "off"),
        ("JWT_SECRET", "for measurements alone, and for nothing else"),
        ("CLIENT_ADDRESS_HEADER", "x-forwarded-for"),
    ];
    for kind in options.subject.kinds() {
        let subject = options.subject.start(kind, &settings).await?;
        targets.push(beside(options, kind, &subject).await?);
        targets.push(timing(options, kind, &subject).await?);
    }
    judge(&targets)
}

/// Small requests beside so many who sign in, against small requests beside as much work that is none of the server's.
async fn beside(options: &SignInOptions, kind: Kind, subject: &Subject) -> Result<(String, bool)> {
    let address = subject.server.address;
    let duration = Duration::from_secs(options.seconds);
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let busy = Busy::all_processors();
        let loaded = small(address, duration).await?;
        drop(busy);
        let over = Instant::now() + duration + Duration::from_millis(200);
        let mut clients = JoinSet::new();
        for _ in 0..options.clients {
            clients.spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut signed = 0u32;
                while Instant::now() < over {
                    sign_in(&mut connection, address, &format!("nobody{}", number())).await?;
                    signed += 1;
                }
                Ok::<_, crate::Error>(signed)
            });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let beside = small(address, duration).await?;
        let mut signed = 0;
        while let Some(done) = clients.join_next().await {
            signed += done??;
        }
        println!(
            "{kind}: small requests beside busy processors: p50 {:.2} ms, p99 {:.2} ms; beside {} who sign in ({} a second): \
             p50 {:.2} ms, p99 {:.2} ms",
            loaded.percentile(50),
            loaded.percentile(99),
            options.clients,
            u64::from(signed) / options.seconds,
            beside.percentile(50),
            beside.percentile(99),
        );
        rounds.push(beside.percentile(99) / loaded.percentile(99));
    }
    rounds.sort_by(f64::total_cmp);
    let times = rounds[1];
    let target = format!(
        "{kind}: p99 of small requests {times:.2} ≤ 2 times that beside as much other work, in the median of three rounds"
    );
    Ok((target, times <= 2.0))
}

/// Unknown users and wrong passwords, one after the other.
async fn timing(options: &SignInOptions, kind: Kind, subject: &Subject) -> Result<(String, bool)> {
    let address = subject.server.address;
    let mut connection = Connection::open(address).await?;
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for round in 0..options.times {
        let name = format!("somebody{}", number());
        sign_up(&mut connection, address, &name).await?;
        let nobody = format!("nobody{}", number());
        let mut turns = [(&nobody, &mut unknown), (&name, &mut wrong)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (name, times) in turns {
            let start = Instant::now();
            sign_in(&mut connection, address, name).await?;
            times.push(start.elapsed());
        }
    }
    let (unknown, wrong) = (
        Latencies::of(unknown.into_iter()).percentile(50),
        Latencies::of(wrong.into_iter()).percentile(50),
    );
    println!(
        "{kind}: median of {}: unknown user {unknown:.2} ms, wrong password {wrong:.2} ms",
        options.times
    );
    let ratio = unknown / wrong;
    let target = format!("{kind}: unknown user / wrong password {ratio:.3} is within 3 % of 1");
    Ok((target, (ratio - 1.0).abs() <= 0.03))
}

/// A request after the other, with a little rest between them.
async fn small(address: SocketAddr, duration: Duration) -> Result<Latencies> {
    let mut connection = Connection::open(address).await?;
    let request = request(address, SMALL);
    let (start, mut all) = (Instant::now(), Vec::new());
    while start.elapsed() < duration {
        let asked = Instant::now();
        let (status, _) = connection.ask(&request).await?;
        if status != 200 {
            return Err(format!("a small request is answered by {status}").into());
        }
        all.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(Latencies::of(all.into_iter()))
}

async fn sign_in(connection: &mut Connection, address: SocketAddr, name: &str) -> Result<()> {
    let document =
        "mutation($name: String!) { signIn(username: $name, password: \"not the one\") { token } }";
    let body = json!({ "query": document, "variables": { "name": name } });
    let answer = from_its_own_address(connection, address, &body).await?;
    match answer.contains("UNAUTHENTICATED") {
        true => Ok(()),
        false => Err(format!("a wrong password is answered by {answer}").into()),
    }
}

async fn sign_up(connection: &mut Connection, address: SocketAddr, name: &str) -> Result<()> {
    let document = "mutation($input: SignUp!) { signUp(input: $input) { viewer { id } } }";
    let input = json!({ "username": name, "name": name, "email": format!("{name}@example.org"), "password": "the right one" });
    let body = json!({ "query": document, "variables": { "input": input } });
    let answer = from_its_own_address(connection, address, &body).await?;
    match answer.contains("User:") {
        true => Ok(()),
        false => Err(format!("signing up is answered by {answer}").into()),
    }
}

async fn from_its_own_address(
    connection: &mut Connection,
    address: SocketAddr,
    body: &serde_json::Value,
) -> Result<String> {
    let [.., a, b, c] = number().to_be_bytes();
    let body = body.to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\ncontent-type: application/json\r\n\
         x-forwarded-for: 10.{a}.{b}.{c}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (_, answer) = connection.ask(request.as_bytes()).await?;
    Ok(String::from_utf8_lossy(answer).into_owned())
}

/// Another one each time.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// Keeps every processor busy as long as this value lives, as a hash does: one thread each.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn all_processors() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors {
            let over = over.clone();
            thread::spawn(move || {
                // Of memory as a hash needs it, in an order that no cache foresees.
                let mut memory = vec![0u64; 19 << 17];
                let (mut at, mask) = (1usize, (1usize << 21) - 1);
                while !over.load(Relaxed) {
                    for _ in 0..100_000 {
                        at = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at >> 29);
                        memory[at & mask] = memory[at & mask].wrapping_add(at as u64);
                    }
                }
            });
        }
        Busy(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
