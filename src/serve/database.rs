//! Databases: from a URL to the connections that reads use, and to SeaORM's for everything else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr};
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;

use super::migrate::{self, Migrations, Runner};
use super::url::File;
use crate::read::load::postgres::{
    Connector, PostgresPool, PostgresWriters, Purpose, without_pgbouncer,
};
use crate::read::load::sqlite::{Access, SqlitePool, SqliteWriter};
use crate::read::load::{Database, DatabaseError, Writers};

pub use super::url::Url;

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
    #[error("--database-url (DATABASE_URL) `{url}`: {cause}")]
    BadUrl { url: String, cause: String },
    #[error("--database-url (DATABASE_URL): {0}")]
    Parameter(String),
    #[error("{file} cannot be used as an SQLite database: {cause}")]
    Unusable { file: PathBuf, cause: String },
    #[error(
        "there is no database file {0}; `{program} migrate up --database-url sqlite://{0}` makes one",
        program = super::name::get()
    )]
    NoFile(PathBuf),
    #[error(
        "an in-memory SQLite database is private to one connection; name a file: sqlite://FILE"
    )]
    InMemory,
    #[error(
        "the database {url} lacks {pending} migration(s); run `{} migrate up {option}`, or start with --migrate",
        super::name::get()
    )]
    Unmigrated {
        url: String,
        option: String,
        pending: usize,
    },
    #[error(
        "the role {role}, as which {url} connects, may not read the table `{table}`, where the migrations are recorded; let it: GRANT SELECT ON {table} TO {role}"
    )]
    MayNotRead {
        url: String,
        role: String,
        table: String,
    },
    #[error(
        "the role {role}, as which {url} connects, may not use the schema `{schema}`, in which the migrations are recorded (`{table}`); let it: GRANT USAGE ON SCHEMA {schema} TO {role}"
    )]
    MayNotUse {
        url: String,
        role: String,
        schema: String,
        table: String,
    },
    #[error(
        "{url} says that nothing may be written; leave `mode=ro` and `immutable=1` out of the URL to change the database"
    )]
    NotToBeWritten { url: String },
    #[error(
        "{url}: {file}-wal holds changes that a reader of an immutable file would not see; leave `immutable=1` out, or bring them into the file where it can be written: sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'"
    )]
    LogBesideImmutable { url: String, file: PathBuf },
    #[error(
        "{file} cannot be read where it lies: {cause}\nIt keeps a write-ahead log, for which SQLite writes beside it even to read. Make its folder writable; or, if nobody writes the file, serve it by --database-url 'sqlite://{file}?immutable=1'; or take it out of that mode where it can be written: sqlite3 {file} 'PRAGMA journal_mode = DELETE'"
    )]
    ReadOnlyPlace { file: PathBuf, cause: String },
    #[error(
        "{file} cannot be written: {cause}\nThe embedded database is migrated at each start. Start where it can be written, or serve the file as it is: --database-url 'sqlite://{file}?mode=ro', or 'sqlite://{file}?immutable=1' where its folder cannot be written either"
    )]
    ReadOnlyFile { file: PathBuf, cause: String },
    #[error(
        "{file} cannot be made: {cause}\nStart in a folder that can be written, or name a database with --database-url (DATABASE_URL)."
    )]
    NotMade { file: PathBuf, cause: String },
    #[error(
        "the database {url} has tables, and none of Backref's migrations: {tables}\nIt may be another program's. Name another database with --database-url (DATABASE_URL), or add the tables beside those with --beside-other-tables."
    )]
    OtherTables { url: String, tables: String },
    #[error(
        "the database {url} has migrations that this program does not know: {names}\nA newer version has migrated it: use that one, or at least its migrations."
    )]
    Newer { url: String, names: String },
    #[error(
        "waited {} s for another process that migrates {url} or writes to it; end that one, or try again later", waited.as_secs()
    )]
    Locked { url: String, waited: Duration },
    #[error(
        "the migration {name} failed, and nothing of it was kept: {cause}\nA migration runs in a transaction; one that cannot says so: `use_transaction` returns Some(false)."
    )]
    Migration { name: String, cause: DbErr },
    #[error(
        "the migration {name} failed: {cause}\nIt runs outside a transaction, as its `use_transaction` says, so what it did before stands."
    )]
    OutsideTransaction { name: String, cause: DbErr },
    #[error(
        "the migration {name} was taken back: {count} rows refer to nothing after it ({reference})\nReferences are not followed while a migration runs: delete or change the rows that refer to others in the migration itself."
    )]
    BrokenReferences {
        name: String,
        reference: String,
        count: i64,
    },
    #[error(
        "the migration {} failed: {}\nIt seems to have been interrupted before: {}. Nothing was changed now. Replace {} by a backup from before; or bring the table to what the migration makes of it, and record it: INSERT INTO {} VALUES ('{}', unixepoch())",
        .0.name, .0.cause, .0.what, .0.file, .0.table, .0.name
    )]
    HalfApplied(Box<HalfApplied>),
    #[error("the database refused a statement: {0}")]
    Statement(#[from] DbErr),
    #[error("{0}")]
    Read(#[from] DatabaseError),
}

/// A migration that was interrupted before it was recorded, and cannot be taken back.
#[derive(Debug)]
pub struct HalfApplied {
    pub name: String,
    /// What is in its way.
    pub what: String,
    pub cause: DbErr,
    pub file: String,
    /// Where migrations are recorded.
    pub table: String,
}

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub struct Connect {
    pub max_connections: u32,
    /// Make an SQLite file that does not exist.
    pub create: bool,
    /// Change nothing, not a byte of an SQLite file.
    pub read_only: bool,
    /// To migrate: SQLite follows no references, which its statements would otherwise do to the rows of a table
    /// that is rebuilt.
    pub migrating: bool,
    /// A connection to a file is used once: what it remembers of the file is not to be written into another that was put
    /// in its place.
    pub once: bool,
}

impl Connect {
    /// To a database that exists.
    pub fn with(max_connections: u32) -> Self {
        Connect {
            max_connections,
            create: false,
            read_only: false,
            migrating: false,
            once: false,
        }
    }

    /// To one that is written to for as long as the server runs.
    pub fn writing(max_connections: u32) -> Self {
        Connect {
            once: true,
            ..Connect::with(max_connections)
        }
    }

    /// To one that is only looked at.
    pub fn reading() -> Self {
        Connect {
            read_only: true,
            ..Connect::with(1)
        }
    }

    pub fn creating(self, create: bool) -> Self {
        Connect { create, ..self }
    }
}

impl Url {
    /// Opens SeaORM's connections.
    pub async fn connect(&self, settings: Connect) -> Result<DatabaseConnection, SetupError> {
        let Connect {
            max_connections,
            create,
            migrating,
            once,
            ..
        } = settings;
        self.check_file(settings)?;
        let (text, pooled) = without_pgbouncer(&self.text);
        // A pooler gives each transaction a session of its choice: it keeps no statement and no setting.
        let for_postgres = move |o: PgConnectOptions| match pooled {
            true => o.statement_cache_capacity(0).extra_float_digits(None),
            // Compiling a statement takes PostgreSQL seconds where it has many subqueries, and running it less.
            false => o.statement_cache_capacity(500).options([("jit", "off")]),
        };
        let mut options = ConnectOptions::new(&text);
        let read = self.reading(settings);
        options
            .max_connections(max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .sqlx_logging_level(log::LevelFilter::Trace)
            // A ping at every acquire costs a round trip; a connection long idle may have been closed.
            .test_before_acquire_if_idle_for(Duration::from_secs(10))
            .map_sqlx_postgres_opts(for_postgres)
            .map_sqlx_sqlite_pool_opts(move |o| match once {
                true => o.after_release(|_, _| Box::pin(async { Ok(false) })),
                false => o,
            })
            .map_sqlx_sqlite_opts(move |o| {
                let o = o.create_if_missing(create).foreign_keys(!migrating);
                // Of a mapped file that somebody cuts short, a read is the end of the process.
                let o = o.pragma("mmap_size", "0");
                match read {
                    Reading::AndWriting => o,
                    Reading::Only => o.read_only(true),
                    Reading::WithoutChange => o.pragma("query_only", "ON"),
                }
            });
        let unreachable = |cause: String| match &self.file {
            Some(file) => SetupError::Unusable {
                file: file.path.clone(),
                cause,
            },
            None => SetupError::Unreachable {
                url: self.shown(),
                cause,
            },
        };
        if self.file.is_none() {
            // A pool only says that it timed out; one connection says why.
            let options = text.parse::<PgConnectOptions>();
            let options = for_postgres(options.map_err(|cause| unreachable(cause.to_string()))?);
            let connect = sqlx::PgConnection::connect_with(&options);
            let connection = tokio::time::timeout(CONNECT_TIMEOUT, connect)
                .await
                .map_err(|_| unreachable(format!("no answer in {CONNECT_TIMEOUT:?}")))?
                .map_err(|cause| unreachable(cause.to_string()))?;
            // Its farewell may fail: it has served its purpose.
            let _ = connection.close().await;
        }
        let connected = sea_orm::Database::connect(options).await;
        connected.map_err(|cause| match self.refused(cause) {
            SetupError::Statement(cause) => unreachable(cause.to_string()),
            known => known,
        })
    }

    /// Refuses a file that is not there, or cannot be used as the URL says.
    fn check_file(&self, settings: Connect) -> Result<(), SetupError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        if !settings.create && !file.path.exists() {
            return Err(SetupError::NoFile(file.path.clone()));
        }
        let write = |path| std::fs::OpenOptions::new().append(true).open(path);
        if settings.migrating
            && file.path.exists()
            && let Err(cause) = write(&file.path)
        {
            return Err(SetupError::ReadOnlyFile {
                file: file.path.clone(),
                cause: cause.to_string(),
            });
        }
        if settings.migrating && (file.read_only || file.immutable) {
            return Err(SetupError::NotToBeWritten { url: self.shown() });
        }
        if file.immutable && has_log(&file.path) {
            return Err(SetupError::LogBesideImmutable {
                url: self.shown(),
                file: file.path.clone(),
            });
        }
        Ok(())
    }

    fn reading(&self, settings: Connect) -> Reading {
        match &self.file {
            Some(file) if file.read_only || file.immutable => Reading::Only,
            // Who may write brings a log that is left into the file. Who only reads leaves a new one behind.
            Some(file) if settings.read_only && has_log(&file.path) => Reading::Only,
            Some(_) if settings.read_only => Reading::WithoutChange,
            _ => Reading::AndWriting,
        }
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
                let connector = Connector::new(&self.text, Purpose::Reading, statement_timeout)?;
                Ok(Database::Postgres(PostgresPool::new(connector, most)))
            }
            Some(file) => {
                let cores = std::thread::available_parallelism().map_or(2, usize::from);
                let access = match file {
                    File {
                        immutable: true, ..
                    } => Access::Immutable,
                    File {
                        read_only: true, ..
                    } => Access::ReadOnly,
                    _ => Access::Writable,
                };
                let pool = SqlitePool::open(&file.path, access, cores.min(most))?;
                Ok(Database::Sqlite(pool))
            }
        }
    }

    /// Where what is read by these connections is written: half as many connections as may read, and at least two; SQLite has
    /// one. They are made when first used.
    pub fn writers(
        &self,
        readers: &Database,
        max_connections: u32,
        statement_timeout: Option<Duration>,
    ) -> Result<Writers, SetupError> {
        match readers {
            Database::Postgres(_) => {
                let connector = Connector::new(&self.text, Purpose::Writing, statement_timeout)?;
                let most = (max_connections / 2).max(2) as usize;
                Ok(Writers::Postgres(PostgresWriters::new(connector, most)))
            }
            Database::Sqlite(pool) => Ok(Writers::Sqlite(SqliteWriter::beside(pool))),
        }
    }

    /// An error, as what it means for one who starts if it is about the place of the file.
    fn placed(&self, error: SetupError) -> SetupError {
        match error {
            SetupError::Statement(error) => self.refused(error),
            other => other,
        }
    }

    /// What the database said, as what it means for one who starts.
    pub fn refused(&self, error: DbErr) -> SetupError {
        let code = sql_state(&error).and_then(|code| code.parse::<i32>().ok());
        if let Some(file) = &self.file
            && let Err(cause) = std::fs::File::open(&file.path)
        {
            return SetupError::Unusable {
                file: file.path.clone(),
                cause: cause.to_string(),
            };
        }
        match (&self.file, code.map(|code| code & 0xff)) {
            (Some(file), Some(CANNOT_OPEN | READ_ONLY)) => SetupError::ReadOnlyPlace {
                file: file.path.clone(),
                cause: error.to_string(),
            },
            (Some(file), Some(NO_DATABASE | CORRUPT)) => SetupError::Unusable {
                file: file.path.clone(),
                cause: error.to_string(),
            },
            _ => error.into(),
        }
    }
}

/// How an SQLite file is opened.
#[derive(Debug, Clone, Copy)]
enum Reading {
    AndWriting,
    Only,
    /// With the rights of one who writes.
    WithoutChange,
}

/// Whether there are changes beside the file that are not in it.
fn has_log(file: &Path) -> bool {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// Of SQLite's result codes, the lower byte.
const BUSY: i32 = 5;
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const CANNOT_OPEN: i32 = 14;
const NO_DATABASE: i32 = 26;

/// The code that the database gave an error: an SQLSTATE, or SQLite's extended result code.
pub fn sql_state(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(cause) = cause else {
        return None;
    };
    cause
        .as_database_error()?
        .code()
        .map(|code| code.into_owned())
}

/// Whether another process was in the way, on SQLite.
pub fn is_busy(error: &DbErr) -> bool {
    let code = sql_state(error).and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

/// Refuses a database that lacks migrations. It only asks: what is refused is left as it was.
pub async fn require_migrated(
    migrations: Migrations,
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<(), SetupError> {
    match pending_migrations(migrations, url, connection).await?.len() {
        0 => Ok(()),
        pending => Err(SetupError::Unmigrated {
            url: url.shown(),
            option: url.option(),
            pending,
        }),
    }
}

/// The names of the migrations that a database lacks. Only reads.
///
/// # Errors
/// Where it cannot be told, because the database does not say.
pub async fn pending_migrations(
    migrations: Migrations,
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<Vec<String>, SetupError> {
    let all = migrate::status(migrations, url, connection).await?;
    let pending = all.into_iter().filter(|(_, is_applied)| !is_applied);
    Ok(pending.map(|(name, _)| name).collect())
}

/// Opens the embedded database, which is made when it is not there, or empty. Of two starts one makes it, and the
/// other waits; one that is killed leaves nothing that is in the next one's way.
pub async fn embedded(
    migrations: Migrations,
    path: &Path,
    fill: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(), DbErr>,
) -> Result<Url, SetupError> {
    let url = Url::file(path);
    name_leftovers(path);
    let is_there = path.exists();
    let file = path.to_path_buf();
    let made = async {
        let runner = Runner::open(migrations, &url, true).await?;
        runner.make(fill).await?;
        runner.keep_log().await?;
        runner.close().await
    };
    made.await.map_err(|error| match url.placed(error) {
        SetupError::ReadOnlyPlace { cause, .. } | SetupError::Unusable { cause, .. }
            if !is_there =>
        {
            SetupError::NotMade { file, cause }
        }
        other => other,
    })?;
    Ok(url)
}

/// Versions before this one made the file under another name, which a start that was killed left behind.
fn name_leftovers(path: &Path) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let start = path.with_extension("db.new-");
    let start = start.file_name().unwrap_or_default().to_string_lossy();
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter();
    for entry in entries.flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&*start) {
            let file = entry.path();
            tracing::warn!(file = %file.display(), "a start of an older version was interrupted; its file can be deleted");
        }
    }
}
