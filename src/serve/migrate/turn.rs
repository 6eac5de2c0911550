//! Turns: of the processes that migrate one database, one does at a time, and the others wait.
//!
//! A turn is a transaction, so it ends with the process that has it, together with what was done in it. On SQLite
//! it is the file's one writer; on PostgreSQL it holds an advisory lock that ends with the transaction.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::time::Instant;

use crate::serve::database::{SetupError, Url, is_busy};

pub struct Turns<'r> {
    pub url: &'r Url,
    pub connection: &'r DatabaseConnection,
}

/// How long to wait for a turn, which is for the longest migration of another process.
const PATIENCE: Duration = Duration::from_secs(600);

/// When to say that there is somebody to wait for.
const WORTH_SAYING: Duration = Duration::from_secs(2);

/// Between two looks at whether the lock of PostgreSQL is free. Who waited inside a statement would hold a snapshot,
/// for which an index that is made concurrently waits in turn.
const LOOK: Duration = Duration::from_millis(50);

/// The advisory lock's number, the letters of "backref" one after the other.
const LOCK: i64 = 0x0062_6163_6b72_6566;

impl<'r> Turns<'r> {
    /// The next turn.
    pub async fn begin(&self) -> Result<DatabaseTransaction, SetupError> {
        let mut waiting = Waiting::new(self.url);
        loop {
            match self.try_begin().await? {
                Some(turn) => return Ok(turn),
                None => waiting.again().await?,
            }
        }
    }

    async fn try_begin(&self) -> Result<Option<DatabaseTransaction>, SetupError> {
        if self.url.is_file() {
            let immediate = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            return match self.connection.begin_with_options(immediate).await {
                Ok(turn) => Ok(Some(turn)),
                Err(error) if is_busy(&error) => Ok(None),
                Err(error) => Err(self.url.refused(error)),
            };
        }
        let turn = self.connection.begin().await?;
        if ask(&turn, "SELECT pg_try_advisory_xact_lock($1)").await? {
            return Ok(Some(turn));
        }
        turn.rollback().await?;
        Ok(None)
    }

    /// Puts an SQLite file into WAL mode, for which nobody else may be using it if it is not in that mode already.
    pub async fn keep_log(&self) -> Result<(), SetupError> {
        let mut waiting = Waiting::new(self.url);
        loop {
            match self
                .connection
                .execute_unprepared("PRAGMA journal_mode = WAL")
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if is_busy(&error) => waiting.again().await?,
                Err(error) => return Err(self.url.refused(error)),
            }
        }
    }

    /// A turn without a transaction, which ends with the connection. On SQLite others are not kept away: a file has
    /// no lock but its transactions'.
    pub async fn alone(&self) -> Result<Alone<'r>, SetupError> {
        let alone = Alone {
            connection: self.connection,
        };
        if self.url.is_file() {
            alone
                .connection
                .execute_unprepared("PRAGMA foreign_keys = ON")
                .await?;
            return Ok(alone);
        }
        let mut waiting = Waiting::new(self.url);
        while !ask(self.connection, "SELECT pg_try_advisory_lock($1)").await? {
            waiting.again().await?;
        }
        Ok(alone)
    }
}

pub struct Alone<'r> {
    connection: &'r DatabaseConnection,
}

impl Alone<'_> {
    pub async fn end(self) -> Result<(), SetupError> {
        if self.connection.get_database_backend() == DbBackend::Postgres {
            ask(self.connection, "SELECT pg_advisory_unlock($1)").await?;
        } else {
            let off = "PRAGMA foreign_keys = OFF";
            self.connection.execute_unprepared(off).await?;
        }
        Ok(())
    }
}

async fn ask(db: &impl ConnectionTrait, sql: &str) -> Result<bool, DbErr> {
    let ask = Statement::from_sql_and_values(DbBackend::Postgres, sql, [LOCK.into()]);
    let row = db.query_one_raw(ask).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

struct Waiting<'u> {
    url: &'u Url,
    since: Instant,
    said: bool,
}

impl<'u> Waiting<'u> {
    fn new(url: &'u Url) -> Self {
        Waiting {
            url,
            since: Instant::now(),
            said: false,
        }
    }

    async fn again(&mut self) -> Result<(), SetupError> {
        let waited = self.since.elapsed();
        if waited > PATIENCE {
            return Err(SetupError::Locked {
                url: self.url.shown(),
                waited,
            });
        }
        if waited > WORTH_SAYING && !self.said {
            self.said = true;
            let database = self.url.shown();
            tracing::warn!(
                database,
                "waiting: another process migrates this database or writes to it"
            );
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }
}
