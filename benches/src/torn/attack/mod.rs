//! Writers who change what belongs together in one transaction each, readers who ask for it meanwhile, and the
//! verdict on every answer: that it shows one moment of the database, and none before the request was sent.
//!
//! It knows nothing of how requests are sent: the bench asks a server over HTTP, and the integration tests, which
//! take these files in, the router in process.

mod questions;
mod writers;

pub use questions::Judgement;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use backref::serve::database::Url;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use questions::Question;
use serde_json::Value;
use tokio::task::JoinSet;

/// Somebody who asks the server, one request at a time.
pub trait Client: Send + 'static {
    /// The body of the answer, whatever its status.
    fn ask(&mut self, document: &str) -> impl Future<Output = Result<Vec<u8>, String>> + Send;

    /// Makes it usable again after a request that was given up.
    fn renew(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// Where a writer is. Its steps are numbered from 1, and each is a transaction.
#[derive(Default)]
pub struct Clock {
    begun: AtomicU64,
    committed: AtomicU64,
}

impl Clock {
    /// The last step that is known to be done.
    fn committed(&self) -> u64 {
        self.committed.load(Ordering::SeqCst)
    }

    /// The last step that may be done.
    fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }
}

/// The clocks of all writers.
#[derive(Default)]
pub struct Clocks {
    /// Of the post that is published and withdrawn.
    draft: Clock,
    /// Of the guests who come and go.
    guest: Clock,
    /// Of the posts that are moved.
    moved: Clock,
    /// Of the post whose version is counted up.
    counted: Clock,
}

/// What all have at hand.
struct Shared {
    clocks: Clocks,
    questions: Vec<Question>,
    asked: AtomicUsize,
    most: usize,
    is_over: AtomicBool,
}

/// Puts the attack's rows into a migrated database and runs the writers there, each with a connection of its own,
/// until the clients have asked `requests`. One of these is a writer's, who asks right after each of his commits.
pub async fn run<C: Client>(
    database: &Url,
    mut clients: Vec<C>,
    requests: usize,
) -> Result<Tally, String> {
    let [draft, guest, moved, counted, lock] = writers::ready(database).await?;
    let mut first = clients.pop().ok_or("there is no client")?;
    let forged = forged_cursor(&mut first).await?;
    let shared = Arc::new(Shared {
        clocks: Clocks::default(),
        questions: questions::all(&forged),
        asked: AtomicUsize::new(0),
        most: requests,
        is_over: AtomicBool::new(false),
    });
    let mut writing = JoinSet::new();
    writing.spawn(writers::publish_and_withdraw(draft, shared.clone()));
    writing.spawn(writers::come_and_go(guest, shared.clone()));
    writing.spawn(writers::move_posts(moved, shared.clone()));
    writing.spawn(writers::lock_profiles(lock, shared.clone()));
    let mut reading = JoinSet::new();
    reading.spawn(writers::count_and_read(counted, first, shared.clone()));
    for client in clients {
        reading.spawn(read(client, shared.clone()));
    }
    let mut tally = Tally::default();
    while let Some(done) = reading.join_next().await {
        tally.add(done.map_err(|e| e.to_string())??);
    }
    shared.is_over.store(true, Ordering::SeqCst);
    while let Some(done) = writing.join_next().await {
        done.map_err(|e| e.to_string())?
            .map_err(|e| format!("a writer: {e}"))?;
    }
    Ok(tally)
}

/// One client's requests.
async fn read<C: Client>(mut client: C, shared: Arc<Shared>) -> Result<Tally, String> {
    let mut tally = Tally::default();
    loop {
        let number = shared.asked.fetch_add(1, Ordering::Relaxed);
        if number >= shared.most {
            return Ok(tally);
        }
        let dice = mixed(number as u64);
        let question = &shared.questions[dice as usize % shared.questions.len()];
        if dice >> 32 & 15 == 0 {
            // Somebody who does not wait.
            let patience = Duration::from_micros((dice >> 36) % 4_000);
            let asking = client.ask(&question.document);
            if tokio::time::timeout(patience, asking).await.is_err() {
                client.renew().await?;
            }
            continue;
        }
        tally.count(question.name, shared.judge(&mut client, question).await);
    }
}

impl Shared {
    /// Asks, and holds the answer against what the writers did meanwhile.
    async fn judge(&self, client: &mut impl Client, question: &Question) -> Judgement {
        let before = question.clock.map(|clock| clock(&self.clocks).committed());
        let answer = match client.ask(&question.document).await {
            Ok(answer) => answer,
            Err(error) => {
                // What comes next is to be judged by itself.
                let renewed = client.renew().await;
                return Judgement::Failed(match renewed {
                    Ok(()) => error,
                    Err(again) => format!("{error}, {again}"),
                });
            }
        };
        let after = question.clock.map(|clock| clock(&self.clocks).begun());
        let steps = before.unwrap_or(0)..=after.unwrap_or(0);
        question.judge(&answer, steps)
    }
}

/// SplitMix64: the same requests in the same order each time.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A cursor of posts, in their own order, whose values are no instants and no keys: PostgreSQL finds that out while it runs
/// the statement.
async fn forged_cursor(client: &mut impl Client) -> Result<String, String> {
    let document = "{ postsConnection(first: 1) { pageInfo { endCursor } } }";
    let answer = client.ask(document).await?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
    let cursor = &answer["data"]["postsConnection"]["pageInfo"]["endCursor"];
    let cursor = cursor.as_str().and_then(|c| BASE64.decode(c).ok());
    let order = cursor.and_then(|c| c.first_chunk::<4>().copied());
    let mut forged = order
        .ok_or_else(|| format!("no cursor in {answer}"))?
        .to_vec();
    for _ in 0..2 {
        forged.extend([3, 5, 0, 0, 0]);
        forged.extend(b"hello");
    }
    let check = forged.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    forged.extend(check.to_le_bytes());
    Ok(BASE64.encode(forged))
}

/// How many answers of each question were what.
#[derive(Default)]
pub struct Tally(BTreeMap<&'static str, Count>);

#[derive(Default)]
struct Count {
    asked: u64,
    torn: u64,
    stale: u64,
    failed: u64,
    /// What was wrong with the first that was.
    example: Option<String>,
}

impl Tally {
    /// Answers that were judged.
    pub fn asked(&self) -> u64 {
        self.0.values().map(|count| count.asked).sum()
    }

    pub fn wrong(&self) -> u64 {
        let wrong = |count: &Count| count.torn + count.stale + count.failed;
        self.0.values().map(wrong).sum()
    }

    fn count(&mut self, question: &'static str, judgement: Judgement) {
        let count = self.0.entry(question).or_default();
        count.asked += 1;
        let (sort, example) = match judgement {
            Judgement::Right => return,
            Judgement::Torn(example) => (&mut count.torn, example),
            Judgement::Stale(example) => (&mut count.stale, example),
            Judgement::Failed(example) => (&mut count.failed, example),
        };
        *sort += 1;
        count.example.get_or_insert(example);
    }

    fn add(&mut self, other: Tally) {
        for (question, count) in other.0 {
            let sum = self.0.entry(question).or_default();
            sum.asked += count.asked;
            sum.torn += count.torn;
            sum.stale += count.stale;
            sum.failed += count.failed;
            sum.example = sum.example.take().or(count.example);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (question, asked, torn, stale, failed) =
            ("question", "asked", "torn", "stale", "failed");
        writeln!(
            f,
            "{question:24} {asked:>8} {torn:>8} {stale:>8} {failed:>8}"
        )?;
        let mut all = Count::default();
        for (question, count) in &self.0 {
            let Count {
                asked,
                torn,
                stale,
                failed,
                ..
            } = count;
            writeln!(
                f,
                "{question:24} {asked:>8} {torn:>8} {stale:>8} {failed:>8}"
            )?;
            all.asked += asked;
            all.torn += torn;
            all.stale += stale;
            all.failed += failed;
        }
        let Count {
            asked,
            torn,
            stale,
            failed,
            ..
        } = all;
        write!(
            f,
            "{:24} {asked:>8} {torn:>8} {stale:>8} {failed:>8}",
            "all"
        )?;
        for (question, count) in &self.0 {
            if let Some(example) = &count.example {
                write!(f, "\n{question}: {example:.600}")?;
            }
        }
        Ok(())
    }
}
