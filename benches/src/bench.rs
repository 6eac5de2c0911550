//! Backref measured against two servers that give the same answers: the floor, which is the least
//! that can be done by hand, and the textbook. See `README.md` for how to run it and what it prints.
//!
//! `queries` and then `floor` and `textbook` say what is compared, the rest how. The two servers are
//! this program too, started as processes of their own, so that CPU time can be told apart.

mod queries;

mod floor;
mod loader;
mod textbook;

mod client;
mod database;
mod process;
mod report;

use clap::{Parser, Subcommand};
use client::{Load, Target, ask};
use database::{Cluster, Database};
use process::Server;
use queries::{QUERIES, Query};
use report::{Cell, Sample};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Before each measurement, so that connections, prepared statements and caches are in place.
const WARM_UP: Duration = Duration::from_secs(1);

const SERVERS: [&str; 3] = ["backref", "floor", "textbook"];

/// Measures Backref against hand-written SQL and against the textbook.
#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Options {
    /// PostgreSQL, migrated and seeded; without it a temporary cluster is made
    #[arg(long)]
    database_url: Option<String>,
    /// The release build of `backref`; by default the one beside this program
    #[arg(long)]
    backref: Option<PathBuf>,
    /// Connections that send requests
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Connections that each server may open to the database
    #[arg(long, default_value_t = 16)]
    pool: u32,
    /// Length of one measurement
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Measurements of each query on each server, the servers taking turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these servers, separated by commas
    #[arg(long, value_delimiter = ',', default_values = SERVERS, value_parser = SERVERS)]
    servers: Vec<String>,
    /// Only these queries, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = QUERIES.map(|query| query.name))]
    queries: Vec<String>,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What this program does besides: it is two of the servers, too.
#[derive(Subcommand)]
enum Other {
    /// Compare joining a level by its own keys with the `dataloader` crate, without a database
    Loader,
    #[command(hide = true)]
    Floor(ServeOptions),
    #[command(hide = true)]
    Textbook(ServeOptions),
}

#[derive(clap::Args)]
struct ServeOptions {
    #[arg(long)]
    database_url: String,
    #[arg(long)]
    pool: u32,
    #[arg(long)]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let options = Options::parse();
    if let Some(other) = &options.other {
        let (router, listen) = match other {
            Other::Loader => {
                loader::compare().await;
                return Ok(());
            }
            Other::Floor(own) => (
                floor::router(&own.database_url, own.pool).await?,
                own.listen,
            ),
            Other::Textbook(own) => (
                textbook::router(&own.database_url, own.pool).await?,
                own.listen,
            ),
        };
        let listener = tokio::net::TcpListener::bind(listen).await?;
        return Ok(axum::serve(listener, router).await?);
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    // Whichever comes first, what was started is stopped on the way out.
    tokio::select! {
        outcome = bench(&options) => outcome,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}

async fn bench(options: &Options) -> Result<()> {
    let own = std::env::current_exe()?;
    let backref = options
        .backref
        .clone()
        .unwrap_or(own.with_file_name("backref"));
    // Declared before the servers and hence stopped after them.
    let cluster;
    let url = match &options.database_url {
        Some(url) => url,
        None => {
            cluster = Cluster::start(&backref).await?;
            &cluster.url
        }
    };
    let mut database = Database::connect(url).await?;
    let users: Arc<[i64]> = database.users().await?.into();
    if users.is_empty() {
        return Err("the database has no users; `backref seed` makes some".into());
    }
    let queries: Vec<&'static Query> = QUERIES
        .iter()
        .filter(|query| {
            options.queries.is_empty() || options.queries.iter().any(|name| name == query.name)
        })
        .collect();
    let servers = start_servers(options, url, &own, &backref).await?;
    for query in &queries {
        compare_answers(query, &servers, &users).await?;
    }
    println!(
        "PostgreSQL {}, {} CPUs; {} connections, {} rounds of {} s; all servers give the same answers",
        database.version,
        std::thread::available_parallelism()?,
        options.connections,
        options.rounds,
        options.seconds
    );

    let mut cells: Vec<Cell> = Vec::new();
    for query in &queries {
        cells.extend(servers.iter().map(|server| Cell {
            query: query.name,
            server: server.name,
            samples: Vec::new(),
        }));
    }
    for round in 0..options.rounds {
        for (q, query) in queries.iter().enumerate() {
            eprintln!("round {} of {}, {}", round + 1, options.rounds, query.name);
            for turn in 0..servers.len() {
                let s = (turn + round) % servers.len();
                if !query.is_served_by(servers[s].name) {
                    continue;
                }
                let sample = measure(options, query, &servers[s], &users, &mut database).await?;
                cells[q * servers.len() + s].samples.push(sample);
            }
        }
    }
    report::print(&cells);
    Ok(())
}

async fn start_servers(
    options: &Options,
    url: &str,
    own: &Path,
    backref: &Path,
) -> Result<Vec<Server>> {
    let pool = options.pool.to_string();
    let mut servers = Vec::new();
    for name in SERVERS {
        if !options.servers.iter().any(|wanted| wanted == name) {
            continue;
        }
        servers.push(if name == "backref" {
            let environment = [
                ("DATABASE_MAX_CONNECTIONS", pool.as_str()),
                (
                    "JWT_SECRET",
                    "only the bench knows it, and only anonymous readers come",
                ),
            ];
            let arguments = ["serve", "--database-url", url];
            Server::start(name, backref, &arguments, &environment).await?
        } else {
            let arguments = [name, "--database-url", url, "--pool", &pool];
            Server::start(name, own, &arguments, &[]).await?
        });
    }
    Ok(servers)
}

fn target(query: &'static Query, server: &Server, users: &Arc<[i64]>) -> Target {
    let path = match server.name {
        "floor" => format!("/{}", query.name.to_lowercase()),
        _ => "/graphql".to_owned(),
    };
    Target {
        address: server.address,
        path,
        query,
        users: users.clone(),
        length: None,
    }
}

/// Fails unless all servers that have the query give the same answer, and one that has the expected number of rows.
async fn compare_answers(
    query: &'static Query,
    servers: &[Server],
    users: &Arc<[i64]>,
) -> Result<()> {
    let name = query.name;
    let asked = if query.takes_user { 100 } else { 1 };
    for user in users.iter().step_by(users.len().div_ceil(asked)) {
        let mut first: Option<(&str, Vec<u8>, serde_json::Value)> = None;
        for server in servers {
            if !query.is_served_by(server.name) {
                continue;
            }
            let bytes = ask(&target(query, server, users), *user).await?;
            let answer: serde_json::Value = serde_json::from_slice(&bytes)?;
            let lists = answer["data"].as_object();
            let rows = lists.and_then(|lists| lists.values().next()?.as_array());
            if answer.get("errors").is_some() || rows.map_or(0, Vec::len) != query.rows {
                let text = answer.to_string();
                return Err(format!("{name}: {} answers {text:.500}", server.name).into());
            }
            let Some((other, other_bytes, other_answer)) = &first else {
                first = Some((server.name, bytes, answer));
                continue;
            };
            // async-graphql puts an object's fields in the order in which they were resolved.
            let same = match server.name {
                "textbook" => answer == *other_answer,
                _ => bytes == *other_bytes,
            };
            if !same {
                let pairs = bytes.iter().zip(other_bytes);
                let at = pairs.take_while(|(a, b)| a == b).count();
                let excerpt = |bytes: &[u8]| {
                    let part = at.saturating_sub(100)..bytes.len().min(at + 100);
                    String::from_utf8_lossy(&bytes[part]).into_owned()
                };
                let (theirs, ours) = (excerpt(other_bytes), excerpt(&bytes));
                let server = server.name;
                return Err(
                    format!("{name}: {other} and {server} differ:\n{theirs}\n{ours}").into(),
                );
            }
        }
    }
    Ok(())
}

async fn measure(
    options: &Options,
    query: &'static Query,
    server: &Server,
    users: &Arc<[i64]>,
    database: &mut Database,
) -> Result<Sample> {
    let mut target = target(query, server, users);
    if !query.takes_user {
        target.length = Some(ask(&target, users[0]).await?.len());
    }
    let mut load = Load::open(target, options.connections).await?;
    load.run(WARM_UP).await?;

    let statements = database.statements().await?;
    let (server_cpu, database_cpu) = (server.cpu()?, database.cpu()?);
    let run = load.run(Duration::from_secs(options.seconds)).await?;
    let server_cpu = server.cpu()? - server_cpu;
    let database_cpu = database
        .cpu()?
        .zip(database_cpu)
        .map(|(after, before)| after - before);
    let statements = database
        .statements()
        .await?
        .zip(statements)
        .map(|(after, before)| after - before);
    Ok(Sample::new(&run, server_cpu, database_cpu, statements))
}
