//! What is counted: requests, one after the other on one thread, and of each what comes before its first
//! statement. callgrind counts from outside, from one mark to the next.

use super::canned::Canned;
use crate::{
    Result,
    queries::{QUERIES, Query},
};
use backref::{
    Request, blog,
    engine::Engine,
    engine::Planner,
    graph::Principal,
    read::{
        load::{
            Database,
            postgres::{Connector, PostgresPool, Purpose},
        },
        plan::Limits,
    },
    schema::Schema,
};
use serde_json::{Value, json};
use std::{
    hint::black_box,
    iter::repeat_n,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::{LocalSet, spawn_blocking};

/// How often a figure is counted. The median leaves out what is rare, as a table that grows.
pub const TIMES: usize = 9;
/// Requests in each count.
pub const REQUESTS: usize = 20;

/// The functions at which callgrind's counter is set to zero, and written down.
pub const MARKS: [&str; 2] = ["count_instructions_from_here", "count_instructions_to_here"];

#[inline(never)]
fn count_instructions_from_here() {
    black_box("from");
}

#[inline(never)]
fn count_instructions_to_here() {
    // Not the same body: the compiler makes one function of two that are the same.
    black_box("to");
}

/// Far more than a request takes under valgrind.
const TIMEOUT: Duration = Duration::from_secs(600);

#[derive(clap::Args)]
pub struct Options {
    /// Where the PostgreSQL is that knows the answers
    #[arg(long)]
    postgres: SocketAddr,
    /// An empty directory, which somebody else removes
    #[arg(long)]
    directory: PathBuf,
}

/// Runs all that is counted, and prints the name of each figure when it is.
pub async fn run(options: &Options) -> Result<()> {
    let (postgres, directory) = (options.postgres, options.directory.clone());
    spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, count_all(postgres, &directory))
    })
    .await?
}

async fn count_all(postgres: SocketAddr, directory: &Path) -> Result<()> {
    let canned = Canned::start(directory, postgres)?;
    let limits = Limits::default();
    let catalog = blog::graph().build()?;
    let schema = Schema::new(&catalog, limits.default_page())?;
    let connector = Connector::new(&canned.url(), Purpose::Reading, None)?
        // Under callgrind a minute is soon over, and nothing is to be prepared while it counts.
        .keeping_statements(Duration::MAX);
    let database = Database::Postgres(PostgresPool::new(connector, 1));
    let engine = Engine::new(Planner::new(catalog, schema, limits), database, TIMEOUT);
    let planner = engine.planner();

    for query in &QUERIES {
        let known = requests(query, REQUESTS, |_| String::new())?;
        // A text with another comment is another text.
        let news = (1 + TIMES) * REQUESTS;
        let executed = requests(query, news, |n| format!(" # executed {n:03}"))?;
        let prepared = requests(query, news, |n| format!(" # prepared {n:03}"))?;

        let answer = engine.execute(&known[0], Principal::Anonymous).await;
        check(query, &answer.body)?;
        let execute = async |request: &Request| {
            let answer = engine.execute(request, Principal::Anonymous).await;
            answer.body.starts_with(b"{\"data\":{")
        };
        let prepare = async |request: &Request| {
            let prepared = planner.prepare(request, Principal::Anonymous);
            black_box(prepared).is_ok()
        };
        let name = |what: &str| format!("{} {what}", query.name);
        let again = || repeat_n(&known[..], 1 + TIMES);
        count(&canned, &name("request hit"), again(), execute).await?;
        count(
            &canned,
            &name("request miss"),
            executed.chunks(REQUESTS),
            execute,
        )
        .await?;
        count(&canned, &name("prepare hit"), again(), prepare).await?;
        count(
            &canned,
            &name("prepare miss"),
            prepared.chunks(REQUESTS),
            prepare,
        )
        .await?;
    }
    Ok(())
}

/// Requests whose texts end as they are told to. Where the query takes a user, it is one with many posts,
/// and another one in each.
fn requests(query: &Query, count: usize, ending: impl Fn(usize) -> String) -> Result<Vec<Request>> {
    let one = |n: usize| {
        let user = 100 * (1 + n % 10);
        let variables = match query.takes_user {
            true => json!({ "id": format!("User:{user}") }),
            false => json!({}),
        };
        let text = format!("{}{}", query.document, ending(n));
        Ok(serde_json::from_value(
            json!({ "query": text, "variables": variables }),
        )?)
    };
    (0..count).map(one).collect()
}

/// That the answer has the rows it should have.
fn check(query: &Query, answer: &[u8]) -> Result<()> {
    let json: Value = serde_json::from_slice(answer)?;
    let first = json["data"]
        .as_object()
        .and_then(|data| data.values().next());
    let rows = match first {
        Some(Value::Array(rows)) => rows.len(),
        Some(Value::Object(_)) => 0,
        _ => usize::MAX,
    };
    if json.get("errors").is_some() || rows != query.rows {
        let answer = String::from_utf8_lossy(answer);
        return Err(format!("{} is answered by {answer:.500}", query.name).into());
    }
    Ok(())
}

/// Runs the first batch of requests to warm up, and counts the others one by one.
async fn count<'r>(
    canned: &Canned,
    name: &str,
    mut batches: impl Iterator<Item = &'r [Request]>,
    run: impl AsyncFn(&Request) -> bool,
) -> Result<()> {
    let mut ran = true;
    for request in batches.next().unwrap_or_default() {
        ran &= run(request).await;
    }
    let learned = canned.learned();
    for batch in batches {
        count_instructions_from_here();
        for request in batch {
            ran &= run(request).await;
        }
        count_instructions_to_here();
    }
    if !ran {
        return Err(format!("{name}: a request failed").into());
    }
    if canned.learned() != learned {
        return Err(format!("{name}: PostgreSQL was asked while instructions were counted").into());
    }
    println!("{name}");
    Ok(())
}
