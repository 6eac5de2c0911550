//! The field trial: Backref measured against what can be done by hand, the textbook and its peers, which
//! all give the same answers. See `README.md` for how to run it and what it prints.
//!
//! `queries` and then `floor`, `textbook` and `peers` say what is compared, `trial` how; the floors and
//! the textbook are this program too, started as processes of their own, so that CPU time can be told
//! apart. `torn`, `overload` and `writes::contention` attack Backref alone. `guard` is for CI: it counts instructions, not time.

mod queries;

mod floor;
mod loader;
mod peers;
mod textbook;

mod answers;
mod contender;
mod curves;
mod trial;

mod overload;
mod own;
mod signed;
mod torn;
mod writes;

mod guard;

mod client;
mod cluster;
mod database;
mod process;
mod subject;

mod report;
mod results;

use clap::{Parser, Subcommand};
use contender::{OWN, Programs};
use database::{Database, Kind};
use queries::{QUERIES, Query};
use results::Results;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Measures Backref against hand-written SQL, the textbook and other servers.
#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Options {
    /// Only these databases, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Kind::Postgres, Kind::Sqlite])]
    databases: Vec<Kind>,
    /// PostgreSQL, migrated, seeded and analysed; without it a temporary cluster is made
    #[arg(long)]
    database_url: Option<String>,
    /// The release build of `backref`; by default the one beside this program
    #[arg(long)]
    backref: Option<PathBuf>,
    /// Connections that send requests
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Connections that each server may open to the database
    #[arg(long, default_value_t = 16)]
    pool: u32,
    /// Length of one measurement; half as long with one connection
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Measurements of each query on each server, the servers taking turns
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Only these servers of this repository, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = OWN.map(|own| own.name))]
    servers: Vec<String>,
    /// Only these peers, separated by commas; `none` for none
    #[arg(long, value_delimiter = ',')]
    peers: Option<Vec<String>>,
    /// Take the peers as they are installed
    #[arg(long)]
    no_install: bool,
    /// Only these queries, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = QUERIES.map(|query| query.name))]
    queries: Vec<String>,
    /// See that everything runs and gives the same answers: one short round, without peers or targets
    #[arg(long)]
    quick: bool,
    /// Write `results.md` and `results.svg` beside the bench's sources
    #[arg(long, conflicts_with = "quick")]
    write: bool,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What this program does besides: it is some of the servers, too.
#[derive(Subcommand)]
enum Other {
    /// Compare joining a level by its own keys with the `dataloader` crate, without a database
    Loader,
    /// Compare a field that awaits relations row by row with the same written for all rows at once
    Own,
    /// Change what belongs together while it is asked for, and judge every answer
    Torn(torn::TornOptions),
    /// Offer more than the server can do, and measure what it still does
    Overload(overload::OverloadOptions),
    /// Have PostgreSQL stand still for some seconds while requests go on
    Hang(overload::HangOptions),
    /// Measure small requests beside slow ones
    Slow(overload::SlowOptions),
    /// Measure how long work goes on for which nobody waits any more
    Abandon(overload::AbandonOptions),
    /// Measure small requests beside many who sign in, and what the time of signing in tells
    SignIn(overload::SignInOptions),
    /// Measure an author who is signed in against an anonymous reader whose answers are the same
    Signed(signed::SignedOptions),
    /// Measure what changes cost, against the same statements by hand and the peers' mutations
    Writes(writes::WritesOptions),
    /// Have many write the same few rows, and look for errors and lost updates
    Contention(writes::ContentionOptions),
    /// Count the instructions that requests take, and compare them with what they should take
    Guard(guard::Options),
    #[command(hide = true)]
    Count(guard::CountOptions),
    #[command(hide = true)]
    Sqlx(ServeOptions),
    #[command(hide = true)]
    SqlxSnapshot(ServeOptions),
    #[command(hide = true)]
    TokioPostgres(ServeOptions),
    #[command(hide = true)]
    TokioPostgresSnapshot(ServeOptions),
    #[command(hide = true)]
    Rusqlite(ServeOptions),
    #[command(hide = true)]
    RusqliteStepped(ServeOptions),
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

impl Options {
    fn has_server(&self, name: &str) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|wanted| wanted == name)
    }

    fn has_query(&self, name: &str) -> bool {
        self.queries.is_empty() || self.queries.iter().any(|wanted| wanted == name)
    }

    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.into() }
    }

    fn seconds(&self) -> Duration {
        if self.quick {
            Duration::from_millis(300)
        } else {
            Duration::from_secs(self.seconds)
        }
    }

    /// Nothing, where there are to be no peers.
    fn peers(&self) -> Result<Vec<peers::Peer>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        match self.peers.as_deref() {
            None if self.quick => Ok(Vec::new()),
            Some([none]) if none == "none" => Ok(Vec::new()),
            wanted => peers::chosen(&folder, wanted, !self.no_install),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.other {
        Some(Other::Loader) => {
            loader::compare().await;
            Ok(())
        }
        Some(Other::Own) => own::compare().await,
        Some(Other::Torn(own)) => unless_stopped(torn::run(own)).await,
        Some(Other::Overload(own)) => unless_stopped(overload::overload(own)).await,
        Some(Other::Hang(own)) => unless_stopped(overload::hang(own)).await,
        Some(Other::Slow(own)) => unless_stopped(overload::slow(own)).await,
        Some(Other::Abandon(own)) => unless_stopped(overload::abandon(own)).await,
        Some(Other::SignIn(own)) => unless_stopped(overload::sign_in(own)).await,
        Some(Other::Signed(own)) => unless_stopped(signed::run(own)).await,
        Some(Other::Writes(own)) => unless_stopped(writes::run(own)).await,
        Some(Other::Contention(own)) => unless_stopped(writes::contention(own)).await,
        Some(Other::Guard(own)) => unless_stopped(guard::run(own)).await,
        Some(Other::Count(own)) => guard::count(own).await,
        Some(server) => serve(server).await,
        None => run(&options).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(server: &Other) -> Result<()> {
    use floor::Moment::{Request, Statement};
    let (own, router) = match server {
        Other::Sqlx(own) => {
            let router = floor::sqlx::router(&own.database_url, own.pool, Statement).await?;
            // Half as many write as read, as in Backref.
            let writing = floor::sqlx_writing::router(&own.database_url, own.pool.div_ceil(2))?;
            (own, router.merge(writing))
        }
        Other::SqlxSnapshot(own) => {
            let router = floor::sqlx::router(&own.database_url, own.pool, Request);
            (own, router.await?)
        }
        Other::TokioPostgres(own) => {
            let router = floor::tokio_postgres::router(&own.database_url, Statement);
            (own, router.await?)
        }
        Other::TokioPostgresSnapshot(own) => {
            let router = floor::tokio_postgres::router(&own.database_url, Request);
            (own, router.await?)
        }
        Other::Rusqlite(own) => {
            let writing = floor::rusqlite_writing::router(&own.database_url)?;
            let router = floor::rusqlite::router(&own.database_url)?;
            (own, router.merge(writing))
        }
        Other::RusqliteStepped(own) => (own, floor::rusqlite_stepped::router(&own.database_url)?),
        Other::Textbook(own) => {
            let router = textbook::router(&own.database_url, own.pool);
            (own, router.await?)
        }
        // It is no server.
        _ => return Ok(()),
    };
    let listener = tokio::net::TcpListener::bind(own.listen).await?;
    Ok(axum::serve(listener, router).await?)
}

async fn run(options: &Options) -> Result<()> {
    let results = unless_stopped(bench(options)).await?;
    report::print(&results, options.quick);
    if options.write {
        report::write(&results, Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    Ok(())
}

/// Whichever comes first, what was started is stopped on the way out.
async fn unless_stopped<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}

async fn bench(options: &Options) -> Result<Results> {
    let own = std::env::current_exe()?;
    let backref = contender::backref(options.backref.as_deref())?;
    let logs = tempfile::Builder::new()
        .prefix("backref-bench-")
        .tempdir()?;
    let programs = Programs {
        own: &own,
        backref: &backref,
        directory: logs.path(),
    };
    let queries: Vec<&'static Query> = QUERIES
        .iter()
        .filter(|query| options.has_query(query.name))
        .collect();
    let peers = options.peers()?;
    let mut versions = Vec::new();
    let mut fields = Vec::new();
    for kind in &options.databases {
        eprintln!("{kind}: the rows are made");
        let database = match (&options.database_url, kind) {
            (Some(url), Kind::Postgres) => Database::existing(url).await?,
            _ => Database::temporary(*kind, &backref).await?,
        };
        versions.push(format!("{kind} {}", database.version));
        fields.push(trial::run(options, &programs, &peers, &queries, database).await?);
    }
    Ok(Results {
        machine: report::machine(&versions)?,
        method: format!(
            "{} connections and 1, {} rounds of {} s and {} s; medians",
            options.connections,
            options.rounds(),
            options.seconds().as_secs_f64(),
            options.seconds().as_secs_f64() / 2.0
        ),
        fields,
    })
}
