//! What every test stands on: databases of its own, and the real router in process.
//!
//! A test runs on SQLite, and on PostgreSQL too where `TEST_DATABASE_URL` is set or PostgreSQL's binaries
//! are found. With `REQUIRE_POSTGRES=1` (continuous integration) their absence is a failure.

mod app;
mod postgres;
mod statements;

pub use app::{Answer, TestApp};
pub use statements::Statements;

use std::path::PathBuf;

use backref::database::Url;
use migration::{Migrator, MigratorTrait};
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

/// An empty database that lives as long as the test.
pub struct TestDatabase {
    pub backend: Backend,
    pub url: Url,
    pub text: String,
    pub connection: DatabaseConnection,
    _file: Option<TempDir>,
}

impl TestDatabase {
    pub async fn empty(backend: Backend) -> Self {
        let (text, file) = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path: PathBuf = folder.path().join("test.db");
                (format!("sqlite://{}", path.display()), Some(folder))
            }
            Backend::Postgres => {
                let server = postgres::server().expect("Backend::all() names PostgreSQL only where it is");
                (server.create_database().await, None)
            }
        };
        let url: Url = text.parse().expect("a URL of our own");
        let connection = url.connect(4, true).await.expect("a database of our own");
        if backend == Backend::Sqlite {
            let wal = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF";
            connection.execute_unprepared(wal).await.expect("SQLite's own settings");
        }
        TestDatabase { backend, url, text, connection, _file: file }
    }

    pub async fn migrated(backend: Backend) -> Self {
        let database = Self::empty(backend).await;
        Migrator::up(&database.connection, None).await.expect("migrations apply");
        database
    }

    /// With the content that the embedded database starts with.
    pub async fn sample(backend: Backend) -> Self {
        let database = Self::migrated(backend).await;
        backref::sample::fill(&database.connection).await.expect("sample content");
        database
    }
}
