//! Databases: from a URL to the connections that reads use, and to SeaORM's for everything else.

#[cfg(feature = "cli")]
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "cli")]
use sea_orm::DatabaseTransaction;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxError};

#[cfg(feature = "cli")]
use super::migrate::{self, Migrations, Runner};
use super::url::Place;
use crate::read::load::{Database, DatabaseError, Writers, of_either};

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
    #[error(
        "--database-url (DATABASE_URL) `{url}` is a database of {kind}, whose driver is not compiled in; add the feature `{feature}` in Cargo.toml: backref = {{ …, features = [\"{feature}\"] }}"
    )]
    NotCompiledIn {
        url: String,
        kind: &'static str,
        feature: &'static str,
    },
    #[error("--database-url (DATABASE_URL) `{url}`: {cause}")]
    BadUrl { url: String, cause: String },
    #[error("--database-url (DATABASE_URL): {0}")]
    Parameter(String),
    #[error(
        "there is no database `{name}` at {url}; make it (createdb {name}), or name another with --database-url (DATABASE_URL)"
    )]
    NoDatabase { url: String, name: String },
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
        "the database {url} lacks {pending} migration(s); run `{} migrate up {option}`{}",
        super::name::get(),
        if *changeable { ", or start with --migrate" } else { "" }
    )]
    Unmigrated {
        url: String,
        option: String,
        /// Whether it can be migrated by its URL.
        changeable: bool,
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
        "{url}: {log} holds changes that a reader of an immutable file would not see; leave `immutable=1` out, or bring them into the file where it can be written: sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'"
    )]
    LogBesideImmutable {
        url: String,
        file: PathBuf,
        log: PathBuf,
    },
    #[error(
        "{file} cannot be read where it lies: {cause}\nIt keeps a write-ahead log, for which SQLite writes beside it even to read. Make its folder writable; or, if nobody writes the file, serve it by --database-url 'sqlite://{file}?immutable=1'; or take it out of that mode where it can be written: sqlite3 {file} 'PRAGMA journal_mode = DELETE'"
    )]
    ReadOnlyPlace { file: PathBuf, cause: String },
    #[error(
        "{file} cannot be written: {cause}\nThe embedded database is migrated at each start. Start where it can be written, or serve the file as it is: --database-url 'sqlite://{file}?mode=ro', or 'sqlite://{file}?immutable=1' where its folder cannot be written either"
    )]
    ReadOnlyFile { file: PathBuf, cause: String },
    #[error(
        "{file} cannot be written: {cause}\nTo migrate is to write it: do it where the file and its folder can be written, and as somebody who may."
    )]
    NotWritable { file: PathBuf, cause: String },
    #[error(
        "{file} cannot be made: {cause}\nStart in a folder that can be written, or name a database with --database-url (DATABASE_URL)."
    )]
    NotMade { file: PathBuf, cause: String },
    #[error(
        "the database {url} has tables, and none of Backref's migrations: {tables}\nIt may be another program's. Name another database with --database-url (DATABASE_URL), or add the tables beside those with --beside-other-tables."
    )]
    OtherTables { url: String, tables: String },
    #[error(
        "the database {url} records migrations in `{table}`, and none of Backref's: {names}\nIt may be another program's. Name another database with --database-url (DATABASE_URL), or add the tables beside those with --beside-other-tables."
    )]
    OtherMigrations {
        url: String,
        table: String,
        names: String,
    },
    #[error(
        "the database {url} has tables that are called as some of Backref's, and none of its migrations: {tables}\nNothing was added. Name another database with --database-url (DATABASE_URL), or rename those tables."
    )]
    TakenNames { url: String, tables: String },
    #[error(
        "the table `{table}` of {url} is no record of migrations, which has the columns `version` and `applied_at`: rename it, or name another database with --database-url (DATABASE_URL)"
    )]
    NoRecord { url: String, table: String },
    #[error(
        "the database {url} has migrations that this program does not know: {names}\nA newer version has migrated it: use that one, or at least its migrations."
    )]
    Newer { url: String, names: String },
    #[error(
        "waited {} s for another process that migrates {url} or writes to it; end that one, or try again later", waited.as_secs()
    )]
    Locked { url: String, waited: Duration },
    #[error(
        "the migration {name} failed, and nothing of it was kept: {}\nA migration runs in a transaction; one that cannot says so: `use_transaction` returns Some(false).",
        said(cause)
    )]
    Migration { name: String, cause: DbErr },
    #[error(
        "the migration {name} failed: {}\nIt runs outside a transaction, as its `use_transaction` says, so what it did before stands.",
        said(cause)
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
        .0.name, said(&.0.cause), .0.what, .0.file, .0.table, .0.name
    )]
    HalfApplied(Box<HalfApplied>),
    #[error("the database refused a statement: {}", said(.0))]
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
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

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
        let place = &self.place;
        let mut options = of_either!(Place, place, place => place.options(self, settings).await?);
        options
            .max_connections(settings.max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .sqlx_logging_level(log::LevelFilter::Trace)
            // A ping at every acquire costs a round trip; a connection long idle may have been closed.
            .test_before_acquire_if_idle_for(Duration::from_secs(10));
        let connected = sea_orm::Database::connect(options).await;
        connected.map_err(|cause| match self.refused(cause) {
            SetupError::Statement(cause) => {
                of_either!(Place, place, place => place.unreachable(self, said(&cause)))
            }
            known => known,
        })
    }

    /// Refuses an SQLite file beside the log of another. It is for a program's start, before anything has the file open.
    #[cfg(feature = "cli")]
    pub fn check_log(&self) -> Result<(), SetupError> {
        of_either!(Place, &self.place, place => place.check_log())
    }

    /// The connections for reads, `max_connections` at most, and those where what they read is written. SQLite has one that
    /// writes, and PostgreSQL half as many as may read, and at least two; those to PostgreSQL are made when first used.
    pub fn open(
        &self,
        max_connections: u32,
        statement_timeout: Option<Duration>,
    ) -> Result<(Database, Writers), SetupError> {
        of_either!(Place, &self.place, place => place.open(&self.text, max_connections, statement_timeout))
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
        of_either!(Place, &self.place, place => place.refused(error))
    }
}

/// Of SQLite's result codes, the lower byte.
const BUSY: i32 = 5;

/// The code that the database gave an error: an SQLSTATE, or SQLite's extended result code.
pub fn sql_state(error: &DbErr) -> Option<String> {
    let code = driver_error(error)?.as_database_error()?.code();
    code.map(|code| code.into_owned())
}

fn driver_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// What the database said.
pub fn said(error: &DbErr) -> String {
    driver_error(error).map_or_else(|| error.to_string(), said_by_driver)
}

/// The same of sqlx's error, which by itself adds the line of the server's own source.
pub fn said_by_driver(error: &SqlxError) -> String {
    match error.as_database_error() {
        Some(said) => match said.code() {
            Some(code) => format!("{} ({code})", said.message()),
            None => said.message().to_owned(),
        },
        None => error.to_string(),
    }
}

/// Whether another process was in the way, on SQLite.
pub fn is_busy(error: &DbErr) -> bool {
    let code = sql_state(error).and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

/// Refuses a database that lacks migrations. It only asks: what is refused is left as it was.
#[cfg(feature = "cli")]
pub async fn require_migrated(
    migrations: Migrations,
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<(), SetupError> {
    let unknown = migrate::unknown(migrations, url, connection).await?;
    if !unknown.is_empty() {
        tracing::warn!(
            migrations = migrate::listed(unknown.iter().map(String::as_str)),
            "the database has migrations that this program does not know: a newer version has migrated it"
        );
    }
    match pending_migrations(migrations, url, connection).await?.len() {
        0 => Ok(()),
        pending => Err(SetupError::Unmigrated {
            url: url.shown(),
            option: url.option(),
            changeable: url.is_changeable(),
            pending,
        }),
    }
}

/// The names of the migrations that a database lacks. Only reads.
///
/// # Errors
/// Where it cannot be told, because the database does not say.
#[cfg(feature = "cli")]
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
#[cfg(feature = "cli")]
pub async fn embedded(
    migrations: Migrations,
    path: &Path,
    fill: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(), DbErr>,
) -> Result<(), SetupError> {
    let url = Url::file(path)?;
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
        SetupError::ReadOnlyPlace { cause, .. } if !is_there => SetupError::NotMade { file, cause },
        SetupError::NotWritable { file, cause } => SetupError::ReadOnlyFile { file, cause },
        other => other,
    })
}

/// Versions before this one made the file under another name, which a start that was killed left behind.
#[cfg(feature = "cli")]
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
