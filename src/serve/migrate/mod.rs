//! Runs migrations so that a process may be killed at any moment: a migration and the row that records it are
//! one transaction, on SQLite too, and two processes that migrate take turns.
//!
//! The migrations are SeaORM's, unmodified, and so is the table that records them. One whose `use_transaction`
//! is `Some(false)` runs outside a transaction, as it asks; it alone can be left half done.

mod interrupted;
mod record;
mod tables;
mod turn;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionTrait,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};

use self::interrupted::Effects;
use self::record::Record;
use self::turn::Turns;
use super::database::{Connect, HalfApplied, SetupError, Url};

/// The migrations of a program.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    all: fn() -> Vec<Box<dyn MigrationTrait>>,
    /// The table in which they are recorded.
    table: fn() -> String,
}

impl Migrations {
    /// Those of SeaORM's migrator.
    pub fn of<M: MigratorTrait>() -> Self {
        Migrations {
            all: M::migrations,
            table: || M::migration_table_name().to_string(),
        }
    }

    /// Of a program that has none: its tables are somebody else's.
    pub fn none() -> Self {
        Migrations {
            all: Vec::new,
            table: || "seaql_migrations".to_owned(),
        }
    }

    pub fn is_none(self) -> bool {
        (self.all)().is_empty()
    }
}

/// The names of a database's migrations, each with whether it is applied. Only reads.
pub async fn status(
    migrations: Migrations,
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<Vec<(String, bool)>, SetupError> {
    let all = (migrations.all)();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let applied = recorded(migrations, url, connection).await?;
    let names = all.iter().map(|m| m.name().to_owned());
    Ok(names
        .map(|name| {
            let is_applied = applied.contains(&name);
            (name, is_applied)
        })
        .collect())
}

/// The names of migrations that are applied and that the program does not have: of a newer version of it. Only reads.
pub async fn unknown(
    migrations: Migrations,
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<Vec<String>, SetupError> {
    let all = (migrations.all)();
    let mut applied = match all.is_empty() {
        true => Vec::new(),
        false => recorded(migrations, url, connection).await?,
    };
    applied.retain(|name| all.iter().all(|m| m.name() != name));
    Ok(applied)
}

async fn recorded(
    migrations: Migrations,
    url: &Url,
    connection: &DatabaseConnection,
) -> Result<Vec<String>, SetupError> {
    let record = Record::of(migrations);
    let applied = match url.is_pooled() {
        true => {
            // A session of the pooler's may know statements of others by the names that are used here.
            let session = connection.begin().await?;
            session.execute_unprepared("DEALLOCATE ALL").await?;
            let applied = record.read(url, &session).await?;
            session.rollback().await?;
            applied
        }
        false => record.read(url, connection).await?,
    };
    Ok(applied.unwrap_or_default())
}

/// Whether the graph's tables may be added to a database in which others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    Refused,
    /// Where none of them is called as one of the graph's.
    Allowed,
    /// The others are the graph's own: its migrations change what was there before them.
    Own,
}

/// Migrates one database.
pub struct Runner {
    url: Url,
    connection: DatabaseConnection,
    migrations: Vec<Box<dyn MigrationTrait>>,
    record: Record,
}

/// What there was to do.
enum Step {
    Done,
    Nothing,
}

impl Runner {
    /// Connects. `create` makes an SQLite file that does not exist.
    pub async fn open(migrations: Migrations, url: &Url, create: bool) -> Result<Self, SetupError> {
        let settings = Connect {
            migrating: true,
            ..Connect::with(1).creating(create)
        };
        Ok(Runner {
            url: url.clone(),
            connection: url.connect(settings).await?,
            migrations: (migrations.all)(),
            record: Record::of(migrations),
        })
    }

    pub async fn close(self) -> Result<(), SetupError> {
        Ok(self.connection.close().await?)
    }

    /// Applies every pending migration.
    pub async fn up(&self, others: Others) -> Result<(), SetupError> {
        // Who may only read can ask whether there is nothing to do.
        let applied = self.record.read(&self.url, &self.connection).await?;
        if self.pending(&applied.unwrap_or_default()).next().is_none() {
            return Ok(());
        }
        while let Step::Done = self.apply_next(others).await? {}
        Ok(())
    }

    /// Makes a new SQLite file whole in one transaction, so that a start which is killed leaves none half made:
    /// the migrations, and what `fill` adds to them. Migrates one that is there.
    pub async fn make(
        &self,
        fill: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(), DbErr>,
    ) -> Result<(), SetupError> {
        if !self.is_new(&self.connection).await? {
            return self.up(Others::Refused).await;
        }
        let turn = self.turns().begin().await?;
        if !self.is_new(&turn).await? {
            // Another process was first.
            turn.rollback().await?;
            return self.up(Others::Refused).await;
        }
        let database = self.url.shown();
        tracing::info!(database, "creating the embedded database");
        if self
            .migrations
            .iter()
            .any(|m| m.use_transaction() == Some(false))
        {
            turn.rollback().await?;
            self.up(Others::Refused).await?;
            let turn = self.turns().begin().await?;
            fill(&turn).await?;
            return Ok(turn.commit().await?);
        }
        self.record.create(&turn).await?;
        for migration in &self.migrations {
            self.run_up(migration.as_ref(), &turn).await?;
        }
        fill(&turn).await?;
        Ok(turn.commit().await?)
    }

    /// Whether there is nothing yet in the database.
    async fn is_new(&self, db: &impl ConnectionTrait) -> Result<bool, SetupError> {
        let found = tables::all(db, &self.record.table).await;
        let recorded = self.record.read(&self.url, db).await?;
        Ok(found.map_err(|e| self.url.refused(e))?.is_empty()
            && recorded.is_none_or(|r| r.is_empty()))
    }

    /// Has an SQLite file keep a write-ahead log, so that readers and a writer do not wait for each other.
    pub async fn keep_log(&self) -> Result<(), SetupError> {
        self.turns().keep_log().await
    }

    /// Takes back the last migration that is applied.
    pub async fn down(&self) -> Result<(), SetupError> {
        let turn = self.turns().begin().await?;
        let applied = self
            .record
            .read(&self.url, &turn)
            .await?
            .unwrap_or_default();
        let last = self
            .migrations
            .iter()
            .rev()
            .find(|m| applied.iter().any(|a| a == m.name()));
        let Some(last) = last else {
            return Ok(turn.rollback().await?);
        };
        // What a newer version has made may rest on what would be taken back.
        self.require_known(&applied)?;
        if last.use_transaction() == Some(false) {
            turn.rollback().await?;
            return self.alone(last.as_ref(), Direction::Down).await;
        }
        let before = self.broken_references(&turn).await?;
        if let Err(cause) = last.down(&SchemaManager::new(&turn)).await {
            turn.rollback().await?;
            return self.mend_down(last.as_ref(), &applied, cause).await;
        }
        self.check_references(&turn, last.name(), before).await?;
        self.record.remove(&turn, last.name()).await?;
        Ok(turn.commit().await?)
    }

    /// Drops every table, in one transaction, and applies every migration anew.
    pub async fn fresh(&self) -> Result<(), SetupError> {
        let turn = self.turns().begin().await?;
        tables::drop_all(&turn).await?;
        turn.commit().await?;
        self.up(Others::Allowed).await
    }

    /// The tables whose rows [`Runner::fresh`] would take: those that the migrations make, and others.
    pub async fn tables(&self) -> Result<(Vec<String>, Vec<String>), SetupError> {
        let found = tables::all(&self.connection, &self.record.table).await?;
        // Migrations for PostgreSQL alone cannot be tried; then no table is known to be theirs.
        let own = Effects::of_all(&self.migrations).await.unwrap_or_default();
        Ok(found.into_iter().partition(|table| own.makes_table(table)))
    }

    fn turns(&self) -> Turns<'_> {
        Turns {
            url: &self.url,
            connection: &self.connection,
        }
    }

    fn pending<'m>(&'m self, applied: &[String]) -> impl Iterator<Item = &'m dyn MigrationTrait> {
        let all = self.migrations.iter().map(|m| &**m);
        all.filter(|m| !applied.iter().any(|a| a == m.name()))
    }

    /// Applies the first migration that is pending by the time that it is this process's turn.
    async fn apply_next(&self, others: Others) -> Result<Step, SetupError> {
        let turn = self.turns().begin().await?;
        let recorded = self.record.read(&self.url, &turn).await?;
        let applied = recorded.clone().unwrap_or_default();
        let Some(next) = self.pending(&applied).next() else {
            turn.rollback().await?;
            return Ok(Step::Nothing);
        };
        if others != Others::Own {
            self.require_own(&turn, recorded.as_deref(), next, others)
                .await?;
        }
        if recorded.is_none() {
            self.record.create(&turn).await?;
        }
        if next.use_transaction() == Some(false) {
            turn.commit().await?;
            self.alone(next, Direction::Up).await?;
            return Ok(Step::Done);
        }
        match self.run_up(next, &turn).await {
            Ok(()) => turn.commit().await?,
            Err(SetupError::Migration { cause, .. }) => {
                turn.rollback().await?;
                self.mend_up(next, &applied, cause).await?;
            }
            Err(other) => return Err(other),
        }
        Ok(Step::Done)
    }

    async fn run_up(
        &self,
        migration: &dyn MigrationTrait,
        turn: &DatabaseTransaction,
    ) -> Result<(), SetupError> {
        let name = migration.name();
        let before = self.broken_references(turn).await?;
        let done = migration.up(&SchemaManager::new(turn)).await;
        done.map_err(|cause| SetupError::Migration {
            name: name.to_owned(),
            cause,
        })?;
        self.check_references(turn, name, before).await?;
        self.record.add(turn, name).await?;
        tracing::info!(migration = name, "applied");
        Ok(())
    }

    /// Refuses a database in which no migration of ours is recorded, but tables are that may not be, and one whose record
    /// tells of migrations that this program does not have.
    async fn require_own(
        &self,
        turn: &DatabaseTransaction,
        recorded: Option<&[String]>,
        first: &dyn MigrationTrait,
        others: Others,
    ) -> Result<(), SetupError> {
        let all = recorded.unwrap_or_default();
        let (own, unknown): (Vec<&String>, Vec<&String>) = all
            .iter()
            .partition(|name| self.migrations.iter().any(|m| m.name() == **name));
        if !own.is_empty() {
            return match others {
                Others::Refused => self.require_known(all),
                Others::Allowed | Others::Own => Ok(()),
            };
        }
        let mut tables = tables::all(turn, &self.record.table).await?;
        // What an older version has left of its first migration is no other's.
        if recorded.is_some() && unknown.is_empty() && self.url.is_file() {
            let effects = Effects::of(&self.migrations, &[], first.name()).await?;
            let schema = interrupted::schema(turn).await?;
            tables.retain(|table| !effects.has_made(&schema, table));
        }
        let url = self.url.shown();
        if others == Others::Allowed {
            // Migrations for PostgreSQL alone cannot be tried; then no name is known to be theirs.
            let own = Effects::of_all(&self.migrations).await.unwrap_or_default();
            tables.retain(|table| own.makes_table(table));
            let tables = listed(tables.iter().map(String::as_str));
            return match tables.is_empty() {
                true => Ok(()),
                false => Err(SetupError::TakenNames { url, tables }),
            };
        }
        match (tables.is_empty(), unknown.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err(SetupError::OtherMigrations {
                url,
                table: self.record.table.clone(),
                names: listed(unknown.iter().map(|name| name.as_str())),
            }),
            (false, _) => Err(SetupError::OtherTables {
                url,
                tables: listed(tables.iter().map(String::as_str)),
            }),
        }
    }

    /// Refuses a database that a newer version has migrated.
    fn require_known(&self, applied: &[String]) -> Result<(), SetupError> {
        let is_known = |name: &&String| self.migrations.iter().any(|m| m.name() == **name);
        let unknown: Vec<&str> = applied
            .iter()
            .filter(|name| !is_known(name))
            .map(String::as_str)
            .collect();
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(SetupError::Newer {
                url: self.url.shown(),
                names: listed(unknown.into_iter()),
            }),
        }
    }

    /// Runs a migration that forbids a transaction, while nobody else migrates.
    async fn alone(
        &self,
        migration: &dyn MigrationTrait,
        direction: Direction,
    ) -> Result<(), SetupError> {
        let name = migration.name();
        let turn = self.turns().alone().await?;
        let applied = self
            .record
            .read(&self.url, &self.connection)
            .await?
            .unwrap_or_default();
        let is_applied = applied.iter().any(|a| a == name);
        let manager = SchemaManager::new(&self.connection);
        let done = match direction {
            Direction::Up if !is_applied => migration.up(&manager).await,
            Direction::Down if is_applied => migration.down(&manager).await,
            Direction::Up | Direction::Down => return turn.end().await,
        };
        let done = match (done, direction) {
            (Ok(()), Direction::Up) => self.record.add(&self.connection, name).await,
            (Ok(()), Direction::Down) => self.record.remove(&self.connection, name).await,
            (Err(cause), _) => Err(SetupError::OutsideTransaction {
                name: name.to_owned(),
                cause,
            }),
        };
        turn.end().await?;
        done
    }

    /// Applies a migration to an SQLite file that an older version, which used no transactions, left with a part of
    /// that migration: that part is taken away first. What cannot be told from content is left and named.
    async fn mend_up(
        &self,
        migration: &dyn MigrationTrait,
        applied: &[String],
        cause: DbErr,
    ) -> Result<(), SetupError> {
        let name = migration.name();
        let failed = |cause| SetupError::Migration {
            name: name.to_owned(),
            cause,
        };
        if !self.url.is_file() {
            return Err(failed(cause));
        }
        // A migration that fails on an empty database too fails for reasons of its own.
        let Ok(effects) = Effects::of(&self.migrations, applied, name).await else {
            return Err(failed(cause));
        };
        let turn = self.turns().begin().await?;
        match effects.take_away(&turn).await? {
            interrupted::Outcome::Nothing => Err(failed(cause)),
            interrupted::Outcome::Blocked(what) => {
                Err(SetupError::HalfApplied(Box::new(HalfApplied {
                    name: name.to_owned(),
                    what,
                    cause,
                    file: self.url.shown(),
                    table: self.record.table.clone(),
                })))
            }
            interrupted::Outcome::TakenAway(objects) => {
                self.run_up(migration, &turn).await?;
                turn.commit().await?;
                let objects = listed(objects.iter().map(String::as_str));
                tracing::warn!(
                    migration = name,
                    objects,
                    "mended what an interrupted migration had left"
                );
                Ok(())
            }
        }
    }

    /// Records as taken back what an older version took back without recording it.
    async fn mend_down(
        &self,
        migration: &dyn MigrationTrait,
        applied: &[String],
        cause: DbErr,
    ) -> Result<(), SetupError> {
        let name = migration.name();
        let failed = SetupError::Migration {
            name: name.to_owned(),
            cause,
        };
        if !self.url.is_file() {
            return Err(failed);
        }
        let rest: Vec<String> = applied.iter().filter(|a| *a != name).cloned().collect();
        let Ok(effects) = Effects::of(&self.migrations, &rest, name).await else {
            return Err(failed);
        };
        let turn = self.turns().begin().await?;
        if !effects.are_gone(&interrupted::schema(&turn).await?) {
            return Err(failed);
        }
        self.record.remove(&turn, name).await?;
        Ok(turn.commit().await?)
    }

    /// The rows that refer to nothing, counted by table and target. SQLite checks no references while migrations
    /// run, since to rebuild a table is to drop it, which would take the rows that refer to it along.
    async fn broken_references(
        &self,
        turn: &DatabaseTransaction,
    ) -> Result<Vec<(String, i64)>, DbErr> {
        if turn.get_database_backend() != DbBackend::Sqlite {
            return Ok(Vec::new());
        }
        interrupted::broken_references(turn).await
    }

    async fn check_references(
        &self,
        turn: &DatabaseTransaction,
        name: &str,
        before: Vec<(String, i64)>,
    ) -> Result<(), SetupError> {
        let after = self.broken_references(turn).await?;
        let worse = after.into_iter().find(|(reference, count)| {
            let known = before.iter().find(|(known, _)| known == reference);
            known.map_or(0, |(_, count)| *count) < *count
        });
        match worse {
            None => Ok(()),
            Some((reference, count)) => Err(SetupError::BrokenReferences {
                name: name.to_owned(),
                reference,
                count,
            }),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Up,
    Down,
}

/// Names for a message, the first of many.
pub fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 8;
    let all: Vec<&str> = names.collect();
    let shown = all
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
