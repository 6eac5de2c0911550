//! What every test stands on: databases of its own, and the real router in process.
//!
//! A test runs on SQLite, and on PostgreSQL too where `TEST_DATABASE_URL` is set or PostgreSQL's binaries
//! are found. With `REQUIRE_POSTGRES=1` (continuous integration) their absence is a failure.

mod app;
pub mod blog;
pub mod explained;
mod faulty;
mod pgbouncer;
mod postgres;
mod process;
mod proxy;
mod stage;
mod statements;

pub use app::{Answer, TestApp};
pub use faulty::{Fault, FaultyWay};
pub use pgbouncer::PgBouncer;
pub use postgres::{Server, own_server};
pub use process::{LATE, Program, SECRET, answer, token};
pub use proxy::{Proxy, Way};
pub use stage::{Stage, on_every_database};
pub use statements::Statements;

use std::path::PathBuf;

use backref::serve::database::{Connect, Url};
use migration::{Migrator, MigratorTrait};
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};
use rand_pcg::Pcg32;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The databases that are there to test on.
    pub fn all() -> Vec<Backend> {
        let mut all = vec![Backend::Sqlite];
        if postgres::server().is_some() {
            all.push(Backend::Postgres);
        }
        all
    }
}

/// A property's runs: the same cases each time, so that what passed here passes elsewhere, with the seeds of
/// past failures first. To search further: `PROPTEST_CASES=20000 PROPTEST_RNG_SEED=7 cargo test`; to be done sooner,
/// with a tenth of the cases: `TEST_CASES_DIVISOR=10 cargo test`.
pub fn config(property: &str, cases: u32) -> Config {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u32>().ok());
    let asked = number("PROPTEST_CASES");
    let divisor = number("TEST_CASES_DIVISOR").unwrap_or(1).max(1);
    // With fewer than these nothing is counted of what properties count.
    let cases = (cases / divisor).max(cases.min(10));
    let seeds = format!(
        "{}/tests/integration/seeds/{property}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    Config {
        cases: asked.unwrap_or(cases),
        max_shrink_iters: 5_000,
        rng_seed: match Config::default().rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            asked => asked,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds.leak()))),
        ..Config::default()
    }
}

/// The moments of a test that kills: the same each time, or with `KILLS_SEED=7` others.
pub fn moments(test: u64) -> Pcg32 {
    let asked = std::env::var("KILLS_SEED").ok();
    Pcg32::new(test, asked.and_then(|n| n.parse().ok()).unwrap_or(1))
}

/// An empty database that lives as long as the test.
pub struct TestDatabase {
    pub url: Url,
    pub connection: DatabaseConnection,
    _file: Option<TempDir>,
}

impl TestDatabase {
    pub async fn empty(backend: Backend) -> Self {
        Self::with(backend, "").await
    }

    /// An empty one, on PostgreSQL with these options of `CREATE DATABASE`.
    pub async fn with(backend: Backend, options: &str) -> Self {
        let (text, file) = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path: PathBuf = folder.path().join("test.db");
                (format!("sqlite://{}", path.display()), Some(folder))
            }
            Backend::Postgres => {
                let server =
                    postgres::server().expect("Backend::all() names PostgreSQL only where it is");
                (server.create_database(options).await, None)
            }
        };
        Self::at(&text, file).await
    }

    /// Runs what a test needs to be so, whose failure ends it.
    pub async fn execute(&self, sql: &str) {
        let done = self.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// One of a server of the test's own, with the content that the embedded database starts with.
    pub async fn sample_on(server: &Server) -> Self {
        let text = server.create_database("").await;
        Self::at(&text, None).await.filled().await
    }

    /// A migrated one of a server of the test's own.
    pub async fn migrated_on(server: &Server) -> Self {
        let text = server.create_database("").await;
        Self::at(&text, None).await.with_tables().await
    }

    /// With connections of now, where those from before are gone.
    pub async fn reconnect(&mut self) {
        let connected = self.url.connect(Connect::with(4)).await;
        self.connection = connected.expect("the database is there again");
    }

    async fn at(text: &str, file: Option<TempDir>) -> Self {
        let url: Url = text.parse().expect("a URL of our own");
        let connection = url
            .connect(Connect::with(4).creating(true))
            .await
            .expect("a database of our own");
        if file.is_some() {
            let wal = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF";
            connection
                .execute_unprepared(wal)
                .await
                .expect("SQLite's own settings");
        }
        TestDatabase {
            url,
            connection,
            _file: file,
        }
    }

    pub async fn migrated(backend: Backend) -> Self {
        Self::empty(backend).await.with_tables().await
    }

    /// By one connection, as the server's own migrations go: each of several would learn of the others' tables later.
    async fn with_tables(self) -> Self {
        let one = self.url.connect(Connect::with(1)).await;
        let one = one.expect("a connection of our own");
        if self._file.is_some() {
            let quick = one.execute_unprepared("PRAGMA synchronous = OFF").await;
            quick.expect("SQLite's own settings");
        }
        let applied = Migrator::up(&one, None).await;
        applied.expect("migrations apply");
        one.close().await.expect("it is closed");
        self
    }

    /// The name by which a PostgreSQL server knows it.
    pub fn name(&self) -> String {
        let url = self.url.shown();
        let name = url.rsplit('/').next().unwrap_or_default();
        name.split('?').next().unwrap_or_default().to_owned()
    }

    /// With the content that the embedded database starts with.
    pub async fn sample(backend: Backend) -> Self {
        Self::empty(backend).await.filled().await
    }

    async fn filled(self) -> Self {
        let database = self.with_tables().await;
        backref::blog::sample::fill(&database.connection)
            .await
            .expect("sample content");
        database
    }
}
