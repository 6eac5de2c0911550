//! Loading: walks a bound plan level by level, one statement a level, all of its keys at once.
//!
//! A level knows every key before it asks, so a batch needs no timer and no guess about how futures
//! interleave, and the statements of a request follow from its text alone.
//!
//! **Invariant:** nothing here looks at a row one at a time to ask for more; a statement runs per level
//! or not at all (a level without keys asks nothing).

pub mod admission;
mod database;
mod learnt;
mod pack;
pub mod postgres;
pub mod rows;
pub mod sqlite;
mod sum;

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::graph::keys::{KeyColumn, Keys, NONE, Nullable};
use crate::graph::{Catalog, Relation};
use crate::read::plan::{BoundPlan, Expression, Level, Source, Window};
use crate::read::sql::{self, Batch, Dialect, PreparedSql};
pub use database::Database;
use learnt::Size;
pub use learnt::{Learnt, Slow};
use rows::Rows;

/// What runs a request's statements.
pub trait Connection {
    const DIALECT: Dialect;

    /// Runs a statement. Those of siblings may be run while it is.
    fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> impl Future<Output = Result<Rows, DatabaseError>>;
}

/// A level's statement with what is bound to it.
pub struct Statement<'a> {
    pub sql: &'a PreparedSql,
    pub keys: &'a [KeyColumn],
    pub len: usize,
    pub offset: u32,
    /// The digest of the order that cursors are of.
    pub digest: u32,
    /// Of its rows as JSON.
    pub size: &'a Size,
}

/// What the database or its driver said. For the log; a client never sees it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    #[error("the request's time is over")]
    TimedOut,
    /// Nothing was run: what waits already would take longer than this request may.
    #[error("too much work waits already")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    #[error("`{path}` has more than {most} groups")]
    TooManyGroups { path: String, most: u32 },
    #[error("{0}")]
    Shape(String),
}

impl DatabaseError {
    /// PostgreSQL's code of the error, see its manual's appendix A.
    fn code(&self) -> &str {
        match self {
            DatabaseError::Postgres(e) => e.code().map_or("", |code| code.code()),
            _ => "",
        }
    }

    /// Whether the database stopped a statement for taking too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, DatabaseError::TimedOut) || self.code() == "57014"
    }

    /// Whether the database found a value that is none of its type: of what clients send only cursors carry
    /// values that it alone can judge.
    pub fn is_bad_value(&self) -> bool {
        // Class 22: data exception.
        self.code().starts_with("22")
    }

    /// Whether the statement is more than the database can take, though it was within our limits.
    pub fn is_too_complex(&self) -> bool {
        match self {
            DatabaseError::Sqlite(e) => {
                // SQLite has no codes for these.
                let text = e.to_string();
                [
                    "Expression tree is too large",
                    "too many ",
                    "stack overflow",
                ]
                .iter()
                .any(|limit| text.contains(limit))
            }
            // Class 54: a limit of the program is exceeded.
            _ => self.code().starts_with("54"),
        }
    }

    /// Whether the database could not be reached at all.
    pub fn is_unavailable(&self) -> bool {
        match self {
            DatabaseError::Unreachable(_) => true,
            DatabaseError::Postgres(e) => {
                let code = self.code();
                // Class 57: the server is shutting down or not yet up. Class 53: no connection is left. Class 08:
                // the connection failed. An error without a code is the connection's end.
                let classes = ["57P", "53", "08"];
                let ended = e.is_closed() || e.source().is_some_and(|e| e.is::<std::io::Error>());
                ended || classes.iter().any(|class| code.starts_with(class))
            }
            DatabaseError::Sqlite(e) => matches!(
                e.sqlite_error_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::DatabaseBusy)
            ),
            _ => false,
        }
    }
}

/// The rows of one level, and which of them belong to which row of the parent level.
#[derive(Debug, Default)]
pub struct Loaded {
    pub rows: Rows,
    /// For each row of the parent the index of its key; `NONE` where it has none.
    key_of: Vec<u32>,
    targets: Targets,
    /// The row of those that have none: what no rows come to.
    absent: Option<u32>,
    /// The statement that was run, if one was.
    pub ran: Option<Ran>,
}

/// What a statement was, and what came of it.
#[derive(Debug, Clone)]
pub struct Ran {
    pub sql: Arc<str>,
    pub keys: usize,
    pub rows: usize,
    pub took: Duration,
}

#[derive(Debug, Default)]
enum Targets {
    #[default]
    Nothing,
    /// A root list: every row, in order.
    All,
    /// For each key a row or `NONE`.
    One(Vec<u32>),
    /// For each key its rows: a range of the order in which they came.
    Many {
        starts: Vec<u32>,
        order: Option<Vec<u32>>,
    },
}

impl Loaded {
    /// The row of a parent's row, or of a root key.
    pub fn one(&self, parent: u32) -> Option<u32> {
        let row = match &self.targets {
            Targets::One(rows) => {
                let key = *self.key_of.get(parent as usize)?;
                rows.get(key as usize).copied().filter(|&row| row != NONE)
            }
            Targets::Many { .. } | Targets::All => self.many(parent).next(),
            Targets::Nothing => None,
        };
        row.or(self.absent)
    }

    /// The rows of a parent's row, or all of a root list.
    pub fn many(&self, parent: u32) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
        let (range, order) = match &self.targets {
            Targets::All => (0..self.rows.count() as u32, None),
            Targets::Many { starts, order } => {
                let key = self.key_of.get(parent as usize).copied().unwrap_or(NONE) as usize;
                let range = starts.get(key).zip(starts.get(key.wrapping_add(1)));
                (range.map_or(0..0, |(a, b)| *a..*b), order.as_deref())
            }
            Targets::One(_) | Targets::Nothing => (0..0, None),
        };
        range.map(move |i| order.map_or(i, |o| o[i as usize]))
    }
}

/// Loads every level of a request. What does not depend on each other is asked side by side.
pub async fn load<C: Connection>(
    catalog: &Catalog,
    bound: &BoundPlan,
    learnt: &Learnt,
    connection: &C,
) -> Result<Vec<Loaded>, DatabaseError> {
    let mut loaded: Vec<Loaded> = Vec::new();
    loaded.resize_with(bound.plan.levels.len(), Loaded::default);
    for stage in &bound.plan.stages {
        let load = |i: usize| load_level(catalog, bound, learnt, i, &loaded, connection);
        if let [i] = stage[..] {
            loaded[i] = load(i).await?;
            continue;
        }
        let done = try_join_all(stage.iter().map(|&i| load(i))).await?;
        for (&i, level) in stage.iter().zip(done) {
            loaded[i] = level;
        }
    }
    Ok(loaded)
}

/// Loads a level, whose parent is.
async fn load_level<C: Connection>(
    catalog: &Catalog,
    bound: &BoundPlan,
    learnt: &Learnt,
    i: usize,
    loaded: &[Loaded],
    connection: &C,
) -> Result<Loaded, DatabaseError> {
    let level = &bound.plan.levels[i];
    let mut loaded = match &level.source {
        Source::List if bound.pages[i].fetch == 0 => Loaded::default(),
        Source::List => {
            let (rows, ran) = run(catalog, bound, learnt, i, &Keys::default(), connection).await?;
            Loaded {
                rows,
                targets: Targets::All,
                ran: Some(ran),
                ..Loaded::default()
            }
        }
        Source::Keys { columns } => {
            let keys = &bound.keys[i];
            let reads: Vec<_> = columns.iter().map(|c| read_of(level, *c)).collect();
            let key_of = (0..keys.len as u32).collect();
            batch(catalog, bound, learnt, i, keys, key_of, &reads, connection).await?
        }
        Source::Relation {
            relation,
            parent,
            parent_reads,
        } => {
            let columns = parent_reads.iter().map(|&r| loaded[*parent].rows.key(r));
            let Some(columns) = columns.collect::<Option<Vec<&KeyColumn<Nullable>>>>() else {
                // The parent level has no rows.
                return Ok(Loaded::default());
            };
            let (keys, key_of) = Keys::distinct(&columns);
            let reads = own_key(&catalog.relations[*relation], level);
            batch(catalog, bound, learnt, i, &keys, key_of, &reads, connection).await?
        }
    };
    check_page(bound, i, &mut loaded)?;
    Ok(loaded)
}

/// What was read to learn whether there is more leads to nothing, and of all groups there are not too many.
fn check_page(bound: &BoundPlan, i: usize, loaded: &mut Loaded) -> Result<(), DatabaseError> {
    let (level, page) = (&bound.plan.levels[i], &bound.pages[i]);
    if let Some(Window::Totals) = level.page.as_ref().map(|p| &p.window) {
        loaded.absent = Some(loaded.rows.count() as u32);
        loaded.rows.add_empty_totals(level);
    }
    if page.fetch <= page.limit {
        return Ok(());
    }
    let limit = page.limit as usize;
    let keys = match &loaded.targets {
        Targets::All => 1,
        Targets::Many { starts, .. } => starts.len() - 1,
        Targets::One(_) | Targets::Nothing => return Ok(()),
    };
    let of_key = |key: usize| match &loaded.targets {
        Targets::Many { starts, .. } => starts[key]..starts[key + 1],
        _ => 0..loaded.rows.count() as u32,
    };
    let mut beyond = Vec::new();
    for range in (0..keys).map(of_key).filter(|r| r.len() > limit) {
        if page.all {
            return Err(DatabaseError::TooManyGroups {
                path: bound.plan.path(i),
                most: page.limit,
            });
        }
        let order = match &loaded.targets {
            Targets::Many { order, .. } => order.as_deref(),
            _ => None,
        };
        let rows = range.skip(limit);
        beyond.extend(rows.map(|i| order.map_or(i, |o| o[i as usize])));
    }
    for row in beyond {
        loaded.rows.forget_keys(row);
    }
    Ok(())
}

/// Where a level's rows carry the key they were found by; empty for a page, whose rows carry its ordinal.
fn own_key(relation: &Relation, level: &Level) -> Vec<usize> {
    match (&level.page, &relation.link) {
        (None, crate::graph::Link::Direct { columns }) => {
            columns.iter().map(|c| read_of(level, *c)).collect()
        }
        _ => Vec::new(),
    }
}

fn read_of(level: &Level, column: usize) -> usize {
    level
        .reads
        .iter()
        .position(|r| {
            r.key && matches!(r.value, Expression::Column { column: c, .. } if c == column)
        })
        .unwrap_or_default()
}

async fn batch<C: Connection>(
    catalog: &Catalog,
    bound: &BoundPlan,
    learnt: &Learnt,
    i: usize,
    keys: &Keys,
    key_of: Vec<u32>,
    own_key: &[usize],
    connection: &C,
) -> Result<Loaded, DatabaseError> {
    if keys.len == 0 || (bound.plan.levels[i].page.is_some() && bound.pages[i].fetch == 0) {
        return Ok(Loaded::default());
    }
    let (rows, ran) = run(catalog, bound, learnt, i, keys, connection).await?;
    let targets = if own_key.is_empty() || !rows.ordinals.is_empty() {
        many(&rows, keys.len)
    } else {
        let columns: Vec<_> = own_key.iter().filter_map(|&r| rows.key(r)).collect();
        Targets::One(if rows.count() == 0 {
            vec![NONE; keys.len]
        } else {
            keys.match_rows(&columns)
        })
    };
    Ok(Loaded {
        rows,
        key_of,
        targets,
        absent: None,
        ran: Some(ran),
    })
}

/// Groups rows by the ordinal they carry. They come in order unless the database chose otherwise; within
/// a group their order is the page's and is kept.
fn many(rows: &Rows, keys: usize) -> Targets {
    let mut starts = vec![0u32; keys + 1];
    if rows.ordinals.is_empty() {
        // One key: every row is its.
        starts[keys] = rows.count() as u32;
        return Targets::Many {
            starts,
            order: None,
        };
    }
    for &ordinal in &rows.ordinals {
        starts[ordinal as usize + 1] += 1;
    }
    for i in 0..keys {
        starts[i + 1] += starts[i];
    }
    let order = (!rows.ordinals.is_sorted()).then(|| {
        let mut order: Vec<u32> = (0..rows.count() as u32).collect();
        order.sort_by_key(|&row| rows.ordinals[row as usize]);
        order
    });
    Targets::Many { starts, order }
}

async fn run<C: Connection>(
    catalog: &Catalog,
    bound: &BoundPlan,
    learnt: &Learnt,
    i: usize,
    keys: &Keys,
    connection: &C,
) -> Result<(Rows, Ran), DatabaseError> {
    let level = &bound.plan.levels[i];
    let sql = statement_sql(catalog, bound, learnt, i, keys.len, C::DIALECT);
    let statement = Statement {
        sql: &sql,
        keys: &keys.columns,
        len: keys.len,
        offset: bound.pages[i].offset,
        digest: bound.pages[i].seek.digest,
        size: &learnt.levels[i].rows_size,
    };
    tracing::debug!(target: "backref::statement", path = bound.plan.path(i), keys = keys.len, sql = %sql.text);
    let started = Instant::now();
    let rows = connection.run(catalog, level, &statement).await?;
    let ran = Ran {
        sql: sql.text.clone(),
        keys: keys.len,
        rows: rows.count(),
        took: started.elapsed(),
    };
    if let Some(&stray) = rows.ordinals.iter().find(|&&o| o as usize >= keys.len) {
        return Err(DatabaseError::Shape(format!(
            "`{}` got a row for key {stray} of {}",
            bound.plan.path(i),
            keys.len
        )));
    }
    Ok((rows, ran))
}

/// The text of a level's statement for this many keys, made once where no variable changes it.
pub fn statement_sql(
    catalog: &Catalog,
    bound: &BoundPlan,
    learnt: &Learnt,
    i: usize,
    keys: usize,
    dialect: Dialect,
) -> PreparedSql {
    let level = &bound.plan.levels[i];
    let batch = if keys > 1 { Batch::Many } else { Batch::One };
    let write = || {
        sql::write(
            catalog,
            dialect,
            &bound.plan.principal,
            level,
            batch,
            &bound.pages[i],
        )
    };
    if level.constant.get().is_some() {
        learnt.levels[i].sql[usize::from(batch == Batch::Many)]
            .get_or_init(write)
            .clone()
    } else {
        write()
    }
}
