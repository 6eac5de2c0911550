//! A transaction that writes, on the connection of the one thread that does.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use rusqlite::types::ValueRef;

use super::super::change::{self, Change, Foreign, ForeignRows, Given, Transaction};
use super::super::rows::Rows;
use super::super::{Connection, DatabaseError, Statement};
use super::connection::{Sqlite, with_prepared};
use super::heard::unheard;
use super::values::{bind_value, raw};
use super::watch::Bounds;
use crate::graph::{Catalog, Kind};
use crate::read::plan::Level;
use crate::read::sql::Dialect;
use crate::read::sql::forms::ColumnRef;

pub struct SqliteTransaction<'a> {
    connection: &'a Sqlite,
    /// A statement has failed. SQLite would go on without it, which nobody wants.
    has_failed: Cell<bool>,
}

impl<'a> SqliteTransaction<'a> {
    pub fn new(connection: &'a Sqlite) -> Self {
        SqliteTransaction {
            connection,
            has_failed: Cell::new(false),
        }
    }

    pub fn has_failed(&self) -> bool {
        self.has_failed.get() || self.connection.connection.is_autocommit()
    }

    fn note<T>(&self, done: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        done.map_err(|error| {
            self.has_failed.set(true);
            error.into_shown()
        })
    }
}

impl Connection for SqliteTransaction<'_> {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        self.note(self.connection.run(catalog, level, statement).await)
    }

    fn other_forms(
        &self,
        catalog: &Catalog,
        compared: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        self.note(self.connection.other_forms(catalog, compared))
    }

    fn is_over(&self) -> bool {
        self.has_failed() || self.connection.is_over()
    }
}

impl Transaction for SqliteTransaction<'_> {
    async fn change(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        let done = self.connection.change(change);
        self.note(done.map_err(|error| self.connection.explain(error)))
    }

    async fn change_before<R>(
        &self,
        change: &Change,
        behind: impl Future<Output = R>,
    ) -> Result<(u64, R), DatabaseError> {
        self.change(change).await?;
        let changed = self.connection.connection.changes();
        Ok((changed, behind.await))
    }

    async fn foreign(
        &self,
        statement: &Foreign,
        kind: impl Fn(&str) -> Option<Kind> + Send,
    ) -> Result<ForeignRows, DatabaseError> {
        let done = self.connection.foreign(statement, kind);
        self.note(done.map_err(|error| self.connection.explain(error)))
    }
}

impl Sqlite {
    /// Waits for other processes that write, as long as whoever asks does.
    pub fn begin_writing(&self, bounds: &Bounds) -> Result<(), DatabaseError> {
        self.forms.begin();
        self.insist_on("BEGIN IMMEDIATE", bounds)
    }

    /// Waits for those who read where they keep writers out, which they do not with a log.
    pub fn commit(&self, bounds: &Bounds) -> Result<(), DatabaseError> {
        self.insist_on("COMMIT", bounds)
    }

    pub fn roll_back(&self) {
        self.forms.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = unheard(|| self.connection.execute_batch("ROLLBACK"))
        {
            tracing::warn!(%error, "SQLite cannot roll back");
        }
    }

    /// What is done from here on can be taken back by itself.
    pub fn save(&self) -> Result<(), DatabaseError> {
        self.step("SAVEPOINT task")
    }

    /// Takes back what was done since it was saved.
    pub fn take_back(&self) -> Result<(), DatabaseError> {
        self.forms.forget();
        self.step("ROLLBACK TO task")
    }

    /// What was done since it was saved is as what was done before.
    pub fn release(&self) -> Result<(), DatabaseError> {
        self.step("RELEASE task")
    }

    /// Runs what is no statement of a request's, and waits for nobody.
    fn step(&self, sql: &str) -> Result<(), DatabaseError> {
        let done = unheard(|| self.connection.prepare_cached(sql)?.execute([]));
        done.map(drop).map_err(|error| self.explain(error.into()))
    }

    /// Has the file keep a log, so that readers and writers are not in each other's way; false where others have it in use
    /// for too long.
    pub fn keep_log(&self, bounds: &Bounds) -> Result<bool, DatabaseError> {
        let bounds = Bounds {
            deadline: bounds.deadline.min(Instant::now() + PATIENCE),
            ..bounds.clone()
        };
        match self.insist_on("PRAGMA journal_mode = WAL", &bounds) {
            Err(DatabaseError::Sqlite(error)) if is_busy(&error) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Runs what others may be in the way of, again and again.
    fn insist_on(&self, sql: &str, bounds: &Bounds) -> Result<(), DatabaseError> {
        loop {
            let done = unheard(|| {
                let mut prepared = self.connection.prepare_cached(sql)?;
                let mut rows = prepared.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            });
            match done {
                Err(error) if is_busy(&error) && !bounds.are_reached() => {
                    std::thread::sleep(PAUSE);
                }
                done => return done.map_err(|error| self.explain(error.into())),
            }
        }
    }

    fn change(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        self.forms.forget();
        self.ask(change)
    }

    /// Runs a statement, and gives its rows.
    pub fn ask(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        if self.watch.stops(0) {
            return Err(DatabaseError::TimedOut);
        }
        with_prepared(&self.connection, &change.sql, |prepared| {
            let values = change.values.iter().map(bind_value);
            let mut found = prepared.query(rusqlite::params_from_iter(values))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let value = |(i, kind)| change::given(kind, &raw(kind, row.get_ref(i)?));
                let values = change.gives.iter().enumerate().map(value);
                rows.push(values.collect::<Result<Given, DatabaseError>>()?);
            }
            Ok(rows)
        })
    }
}

impl Sqlite {
    fn foreign(
        &self,
        statement: &Foreign,
        kind: impl Fn(&str) -> Option<Kind>,
    ) -> Result<ForeignRows, DatabaseError> {
        if self.watch.stops(0) {
            return Err(DatabaseError::TimedOut);
        }
        self.forms.forget();
        let (columns, rows) = with_prepared(&self.connection, &statement.sql, |prepared| {
            let columns = prepared.columns().into_iter();
            let columns = columns.map(|column| {
                let name = column.name();
                let kind = kind(name).or_else(|| column.decl_type().and_then(declared));
                (name.to_owned(), kind)
            });
            let columns: Vec<_> = columns.collect();
            let values = statement.values.iter().map(bind_value);
            let mut found = prepared.query(rusqlite::params_from_iter(values))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let value = |(i, (_, kind)): (usize, &(String, Option<Kind>))| {
                    let value = row.get_ref(i)?;
                    let kind = kind.clone().unwrap_or_else(|| held(value));
                    change::given(&kind, &raw(&kind, value))
                };
                let values = columns.iter().enumerate().map(value);
                rows.push(values.collect::<Result<_, DatabaseError>>()?);
            }
            drop(found);
            Ok((columns, rows))
        })?;
        Ok(ForeignRows {
            columns,
            rows,
            changed: self.connection.changes(),
            last_key: self.connection.last_insert_rowid(),
        })
    }
}

/// What a column holds, by what it is declared as: in the words of SeaORM's migrations.
fn declared(of: &str) -> Option<Kind> {
    let of = of.to_ascii_lowercase();
    let kinds = [
        ("bool", Kind::Boolean),
        ("bigint", Kind::BigInt),
        ("int", Kind::Int),
        ("uuid", Kind::Uuid),
        ("timestamp_with_timezone", Kind::DateTime { zoned: true }),
        ("timestamptz", Kind::DateTime { zoned: true }),
        ("timestamp", Kind::DateTime { zoned: false }),
        ("datetime", Kind::DateTime { zoned: false }),
        ("date", Kind::Date),
        ("time", Kind::Time),
        ("json", Kind::Json),
        ("real", Kind::Float { single: false }),
        ("float", Kind::Float { single: true }),
        ("double", Kind::Float { single: false }),
        (
            "decimal",
            Kind::Decimal {
                scale: None,
                money: false,
            },
        ),
        ("blob", Kind::Bytes),
        ("text", Kind::Text),
        ("char", Kind::Text),
    ];
    let found = kinds.into_iter().find(|(word, _)| of.contains(word));
    found.map(|(_, kind)| kind)
}

/// What a value is where nothing is declared.
fn held(value: ValueRef<'_>) -> Kind {
    match value {
        ValueRef::Integer(_) => Kind::BigInt,
        ValueRef::Real(_) => Kind::Float { single: false },
        ValueRef::Blob(_) => Kind::Bytes,
        ValueRef::Null | ValueRef::Text(_) => Kind::Text,
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// How long to wait for a file that others use before it is written as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at whether others are still in the way.
const PAUSE: Duration = Duration::from_millis(2);
