//! The databases that are measured, each with the same rows: a PostgreSQL that exists or a temporary
//! cluster, and a temporary SQLite file.

use crate::{
    Result,
    cluster::Cluster,
    process::{cpu_with_children, parent_if_named},
};
use sqlx::{Connection, Executor, PgConnection};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// What a temporary database is filled with, and how it keeps what is written.
#[derive(Clone, Copy)]
pub struct Content {
    /// A tenth as many users and three times as many comments are beside them.
    pub posts: u32,
    /// PostgreSQL waits for its disk. SQLite does as each server tells it.
    pub is_durable: bool,
}

/// The content that performance figures of this project are about.
const CONTENT: Content = Content {
    posts: 100_000,
    is_durable: false,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Postgres,
    Sqlite,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        })
    }
}

/// A database and what the measurements ask of it.
pub struct Database {
    pub kind: Kind,
    pub url: String,
    pub version: String,
    /// The keys of all users.
    pub users: Arc<[i64]>,
    counters: Counters,
    /// What ends with this value: nothing where the database was there before.
    temporary: Temporary,
}

/// Where CPU time and statements are counted.
enum Counters {
    /// SQLite runs inside of each server, and so does its CPU time.
    Inside,
    Postgres {
        connection: PgConnection,
        /// Parent of all backends; unknown when the database is on another machine.
        postmaster: Option<u32>,
        counts_statements: bool,
    },
}

#[expect(
    dead_code,
    reason = "the cluster is kept for what happens when it is dropped"
)]
enum Temporary {
    No,
    Cluster(Cluster),
    File { directory: TempDir, file: PathBuf },
}

impl Database {
    /// A temporary database of the kind given, migrated and filled by the `backref` program.
    pub async fn temporary(kind: Kind, backref: &Path) -> Result<Self> {
        Self::filled(kind, backref, CONTENT).await
    }

    /// The same with another content.
    pub async fn filled(kind: Kind, backref: &Path, content: Content) -> Result<Self> {
        match kind {
            Kind::Postgres => {
                let cluster = Cluster::start(content.is_durable)?;
                let url = cluster.url.clone();
                fill(backref, &url, content).await?;
                let mut connection = PgConnection::connect(&url).await?;
                connection.execute("VACUUM ANALYZE").await?;
                // Where the extension is not installed, statements are not counted.
                let _ = connection
                    .execute("CREATE EXTENSION pg_stat_statements")
                    .await;
                connection.close().await?;
                Self::postgres(&url, Temporary::Cluster(cluster)).await
            }
            Kind::Sqlite => {
                let directory = tempfile::Builder::new()
                    .prefix("backref-bench-")
                    .tempdir()?;
                let file = directory.path().join("blog.db");
                let url = format!("sqlite://{}", file.display());
                fill(backref, &url, content).await?;
                let connection = rusqlite::Connection::open(&file)?;
                // As Backref's own embedded file is kept.
                connection.execute_batch(
                    "PRAGMA journal_mode = WAL; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);",
                )?;
                Self::sqlite(url, directory, file).await
            }
        }
    }

    async fn sqlite(url: String, directory: TempDir, file: PathBuf) -> Result<Self> {
        let database = Self {
            kind: Kind::Sqlite,
            url,
            version: rusqlite::version().to_owned(),
            users: Arc::default(),
            counters: Counters::Inside,
            temporary: Temporary::File { directory, file },
        };
        database.with_users().await
    }

    /// Other databases with the same rows: on PostgreSQL in the same cluster, which ends with this one. Nobody
    /// may be connected to it meanwhile.
    pub async fn copies(&mut self, names: &[&str]) -> Result<Vec<Self>> {
        let mut copies = Vec::new();
        if let Some(file) = self.file() {
            for _ in names {
                let directory = tempfile::Builder::new()
                    .prefix("backref-bench-")
                    .tempdir()?;
                let copy = directory.path().join("blog.db");
                std::fs::copy(file, &copy)?;
                let url = format!("sqlite://{}", copy.display());
                copies.push(Self::sqlite(url, directory, copy).await?);
            }
            return Ok(copies);
        }
        let (server, own) = self
            .url
            .rsplit_once('/')
            .ok_or("a URL without a database")?;
        let (server, own) = (server.to_owned(), own.to_owned());
        let mut connection = PgConnection::connect(&format!("{server}/template1")).await?;
        if let Counters::Postgres {
            connection: own, ..
        } = &mut self.counters
        {
            // A connection elsewhere takes its place, since a template may have none.
            let elsewhere = PgConnection::connect(&format!("{server}/template1")).await?;
            std::mem::replace(own, elsewhere).close().await?;
        }
        for name in names {
            let sql = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{own}""#);
            connection
                .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)))
                .await?;
            let url = format!("{server}/{name}");
            copies.push(Self::existing(&url).await?);
        }
        connection.close().await?;
        Ok(copies)
    }

    /// A PostgreSQL database that has been migrated and filled before.
    pub async fn existing(url: &str) -> Result<Self> {
        Self::postgres(url, Temporary::No).await
    }

    async fn postgres(url: &str, temporary: Temporary) -> Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        let (version, backend): (String, i32) =
            sqlx::query_as("SELECT current_setting('server_version'), pg_backend_pid()")
                .fetch_one(&mut connection)
                .await?;
        let postmaster = parent_if_named(backend.try_into()?, "postgres");
        let counted = connection.execute("SELECT 1 FROM pg_stat_statements");
        let counts_statements = counted.await.is_ok();
        // Debian's packages add their own number.
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        let database = Self {
            kind: Kind::Postgres,
            url: url.to_owned(),
            version,
            users: Arc::default(),
            counters: Counters::Postgres {
                connection,
                postmaster,
                counts_statements,
            },
            temporary,
        };
        database.with_users().await
    }

    async fn with_users(mut self) -> Result<Self> {
        let users = r#"SELECT id FROM "user" ORDER BY id"#.to_owned();
        self.users = self.keys(users).await?.into();
        if self.users.is_empty() {
            return Err("the database has no users; `backref seed` makes some".into());
        }
        Ok(self)
    }

    /// Whether rows may be added to it.
    pub fn is_temporary(&self) -> bool {
        !matches!(self.temporary, Temporary::No)
    }

    /// The file of an SQLite database.
    pub fn file(&self) -> Option<&Path> {
        match &self.temporary {
            Temporary::File { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Runs statements that need no answer.
    pub async fn execute(&mut self, sql: &'static str) -> Result<()> {
        match &mut self.counters {
            Counters::Postgres { connection, .. } => {
                connection.execute(sqlx::raw_sql(sql)).await?;
            }
            Counters::Inside => {
                let file = self.file().ok_or("the database has no file")?;
                rusqlite::Connection::open(file)?.execute_batch(sql)?;
            }
        }
        Ok(())
    }

    /// The answer to a statement of the bench's own: keys.
    pub async fn keys(&mut self, sql: String) -> Result<Vec<i64>> {
        match &mut self.counters {
            Counters::Postgres { connection, .. } => {
                let keys = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
                Ok(keys.fetch_all(connection).await?)
            }
            Counters::Inside => {
                let file = self.file().ok_or("the database has no file")?;
                let connection = rusqlite::Connection::open(file)?;
                let mut statement = connection.prepare(&sql)?;
                let keys = statement.query_map([], |row| row.get(0))?;
                Ok(keys.collect::<Result<_, _>>()?)
            }
        }
    }

    /// The answer to a statement of the bench's own: texts.
    pub async fn texts(&mut self, sql: String) -> Result<Vec<String>> {
        match &mut self.counters {
            Counters::Postgres { connection, .. } => {
                let texts = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
                Ok(texts.fetch_all(connection).await?)
            }
            Counters::Inside => {
                let file = self.file().ok_or("the database has no file")?;
                let connection = rusqlite::Connection::open(file)?;
                let mut statement = connection.prepare(&sql)?;
                let texts = statement.query_map([], |row| row.get(0))?;
                Ok(texts.collect::<Result<_, _>>()?)
            }
        }
    }

    /// Has what was written brought to its place, so that this is nobody's work later.
    pub async fn settle(&mut self) -> Result<()> {
        match self.kind {
            Kind::Postgres => self.execute("CHECKPOINT").await,
            Kind::Sqlite => self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await,
        }
    }

    /// The process above all others of a PostgreSQL on this machine.
    pub fn postmaster(&self) -> Option<u32> {
        match self.counters {
            Counters::Postgres { postmaster, .. } => postmaster,
            Counters::Inside => None,
        }
    }

    /// Statements that PostgreSQL runs now for others than the bench. SQLite runs none by itself.
    pub async fn running(&mut self) -> Result<i64> {
        let Counters::Postgres { connection, .. } = &mut self.counters else {
            return Ok(0);
        };
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() \
             AND backend_type = 'client backend'",
        );
        Ok(count.fetch_one(connection).await?)
    }

    /// CPU time that the database has used so far outside of the servers, with all its processes.
    pub fn cpu(&self) -> Result<Option<Duration>> {
        match &self.counters {
            Counters::Inside => Ok(Some(Duration::ZERO)),
            Counters::Postgres { postmaster, .. } => postmaster.map(cpu_with_children).transpose(),
        }
    }

    /// Statements run so far, without those of this counter and those that only mark transactions or
    /// change settings. SQLite keeps no such count.
    pub async fn statements(&mut self) -> Result<Option<i64>> {
        let Counters::Postgres {
            connection,
            counts_statements: true,
            ..
        } = &mut self.counters
        else {
            return Ok(None);
        };
        let count = sqlx::query_scalar(
            r"SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
              WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND query NOT LIKE '%pg_stat_statements%'
              AND query !~* '^\s*(begin|start|commit|end|rollback|set|reset|show|discard|deallocate)\M'",
        );
        Ok(Some(count.fetch_one(connection).await?))
    }
}

/// Migrates and fills a database with the `backref` program.
async fn fill(backref: &Path, url: &str, content: Content) -> Result<()> {
    let count = |count: u32| count.to_string();
    let (users, posts) = (count(content.posts / 10), count(content.posts));
    let comments = count(content.posts * 3);
    let mut seed = vec!["seed", "--users", &users, "--posts", &posts];
    seed.extend(["--comments", &comments, "--tags", "500", "--seed", "1"]);
    for arguments in [&["migrate", "up"][..], &seed] {
        let status = tokio::process::Command::new(backref)
            .args(arguments)
            .env("DATABASE_URL", url)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .map_err(|error| format!("{}: {error}", backref.display()))?;
        if !status.success() {
            return Err(format!("backref {}: {status}", arguments.join(" ")).into());
        }
    }
    Ok(())
}
