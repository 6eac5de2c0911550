//! Databases: from a URL to the connections that reads use, and to SeaORM's for everything else.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, Statement};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::read::load::postgres::{Connector, PostgresPool};
use crate::read::load::sqlite::SqlitePool;
use crate::read::load::{Database, DatabaseError};

/// Why a database cannot be used, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(
        "cannot reach the database {url}: {cause}\nCheck that it runs and that --database-url (DATABASE_URL) names it."
    )]
    Unreachable { url: String, cause: String },
    #[error(
        "--database-url (DATABASE_URL) `{0}` names no database that Backref knows; use postgres://… or sqlite://FILE"
    )]
    UnknownUrl(String),
    #[error("{file} cannot be used as an SQLite database: {cause}")]
    Unusable { file: PathBuf, cause: String },
    #[error(
        "there is no database file {0}; `backref migrate up --database-url sqlite://{0}` makes one"
    )]
    NoFile(PathBuf),
    #[error(
        "an in-memory SQLite database is private to one connection; name a file: sqlite://FILE"
    )]
    InMemory,
    #[error(
        "the database {url} lacks {pending} migration(s); run `backref migrate up --database-url {url}`, or start with --migrate"
    )]
    Unmigrated { url: String, pending: usize },
    #[error("the database refused a statement: {0}")]
    Statement(#[from] DbErr),
    #[error("{0}")]
    Read(#[from] DatabaseError),
    #[error("cannot create {path}: {cause}")]
    File {
        path: PathBuf,
        cause: std::io::Error,
    },
}

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The embedded database: a file beside the server, created, migrated and filled when new.
pub const EMBEDDED_FILE: &str = "backref.db";

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub struct Connect {
    pub max_connections: u32,
    /// Make an SQLite file that does not exist.
    pub create: bool,
    /// Refuse what would change an SQLite database. The file is opened for writing all the same: who only
    /// reads a file with a write-ahead log leaves that log's files behind.
    pub read_only: bool,
}

impl Connect {
    /// To a database that exists.
    pub fn with(max_connections: u32) -> Self {
        Connect {
            max_connections,
            create: false,
            read_only: false,
        }
    }

    pub fn creating(self, create: bool) -> Self {
        Connect { create, ..self }
    }
}

/// A database by its URL, not yet connected.
#[derive(Debug, Clone)]
pub struct Url {
    text: String,
    /// The file, for SQLite.
    file: Option<PathBuf>,
}

impl FromStr for Url {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Url {
                text: text.to_owned(),
                file: None,
            });
        }
        if !text.starts_with("sqlite:") {
            return Err(SetupError::UnknownUrl(shown(text)));
        }
        let options = SqliteConnectOptions::from_str(text)
            .map_err(|_| SetupError::UnknownUrl(shown(text)))?;
        if text.contains(":memory:")
            || text.contains("mode=memory")
            || text == "sqlite:"
            || text == "sqlite://"
        {
            return Err(SetupError::InMemory);
        }
        let file = options.get_filename().to_path_buf();
        Ok(Url {
            text: text.to_owned(),
            file: Some(file),
        })
    }
}

impl Url {
    /// A SQLite file.
    pub fn file(path: &Path) -> Self {
        Url {
            text: format!("sqlite://{}", path.display()),
            file: Some(path.to_path_buf()),
        }
    }

    /// Opens SeaORM's connections.
    pub async fn connect(&self, settings: Connect) -> Result<DatabaseConnection, SetupError> {
        let Connect {
            max_connections,
            create,
            read_only,
        } = settings;
        if let Some(file) = self.file.as_ref().filter(|f| !create && !f.exists()) {
            return Err(SetupError::NoFile(file.clone()));
        }
        let mut options = ConnectOptions::new(&self.text);
        options
            .max_connections(max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .sqlx_logging_level(log::LevelFilter::Trace)
            // A ping at every acquire costs a round trip; a connection long idle may have been closed.
            .test_before_acquire_if_idle_for(Duration::from_secs(10))
            // Compiling a statement takes PostgreSQL seconds where it has many subqueries, and running it less.
            .map_sqlx_postgres_opts(|o| o.statement_cache_capacity(500).options([("jit", "off")]))
            .map_sqlx_sqlite_opts(move |o| match (create, read_only) {
                (true, _) => o.create_if_missing(true),
                (false, true) => o.create_if_missing(false).pragma("query_only", "ON"),
                (false, false) => o,
            });
        let unreachable = |cause: String| match &self.file {
            Some(file) => SetupError::Unusable {
                file: file.clone(),
                cause,
            },
            None => SetupError::Unreachable {
                url: self.shown(),
                cause,
            },
        };
        if self.file.is_none() {
            // A pool only says that it timed out; one connection says why.
            let connect = sqlx::PgConnection::connect(&self.text);
            let connection = tokio::time::timeout(CONNECT_TIMEOUT, connect)
                .await
                .map_err(|_| unreachable(format!("no answer in {CONNECT_TIMEOUT:?}")))?
                .map_err(|cause| unreachable(cause.to_string()))?;
            // Its farewell may fail: it has served its purpose.
            let _ = connection.close().await;
        }
        sea_orm::Database::connect(options)
            .await
            .map_err(|cause| unreachable(cause.to_string()))
    }

    /// The connections for reads, `max_connections` at most. Those to PostgreSQL are made when first used.
    pub fn readers(
        &self,
        max_connections: u32,
        statement_timeout: Option<Duration>,
    ) -> Result<Database, SetupError> {
        let most = max_connections as usize;
        match &self.file {
            None => {
                let connector = Connector::new(&self.text, statement_timeout)?;
                Ok(Database::Postgres(PostgresPool::new(connector, most)))
            }
            Some(file) => {
                let cores = std::thread::available_parallelism().map_or(2, usize::from);
                Ok(Database::Sqlite(SqlitePool::open(file, cores.min(most))?))
            }
        }
    }

    /// The URL without its password, for messages.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }
}

fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}@{host}")
        }
        None => url.to_owned(),
    }
}

/// Refuses a database that lacks migrations. It only asks: what is refused is left as it was.
pub async fn require_migrated(
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<(), SetupError> {
    match pending_migrations(connection).await.len() {
        0 => Ok(()),
        pending => Err(SetupError::Unmigrated {
            url: url.shown(),
            pending,
        }),
    }
}

/// The names of the migrations that a database lacks. SeaORM's own question for them would make its
/// bookkeeping table.
pub async fn pending_migrations(connection: &DatabaseConnection) -> Vec<String> {
    let ask = Statement::from_string(
        connection.get_database_backend(),
        "SELECT version FROM seaql_migrations",
    );
    // Without the bookkeeping table there has been no migration.
    let rows = connection.query_all_raw(ask).await.unwrap_or_default();
    let applied: Vec<String> = rows
        .iter()
        .filter_map(|r| r.try_get_by_index(0).ok())
        .collect();
    let all = Migrator::migrations();
    let names = all.iter().map(|m| m.name().to_owned());
    names.filter(|name| !applied.contains(name)).collect()
}

/// Opens the embedded database, which is made whole first: a new file gets its name only when it is
/// migrated and filled, so an interrupted start leaves none half done, and of two starts one makes it.
pub async fn embedded(
    path: &Path,
    fill: impl AsyncFnOnce(&DatabaseConnection) -> Result<(), DbErr>,
) -> Result<Url, SetupError> {
    let url = Url::file(path);
    if !path.exists() {
        tracing::info!(file = %path.display(), "creating the embedded database");
        let new = path.with_extension(format!("db.new-{}", std::process::id()));
        let io = |cause| SetupError::File {
            path: new.clone(),
            cause,
        };
        let connection = Url::file(&new)
            .connect(Connect::with(1).creating(true))
            .await?;
        Migrator::up(&connection, None).await?;
        fill(&connection).await?;
        connection.close().await?;
        match std::fs::hard_link(&new, path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(io(cause));
            }
            _ => std::fs::remove_file(&new).map_err(io)?,
        }
    }
    let connection = url.connect(Connect::with(1)).await?;
    let wal = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL";
    connection.execute_unprepared(wal).await?;
    Migrator::up(&connection, None).await?;
    connection.close().await?;
    Ok(url)
}
