//! Loading: walks a bound plan level by level, one statement a level, all of its keys at once.
//!
//! A level knows every key before it asks, so a batch needs no timer and no guess about how futures
//! interleave, and the statements of a request follow from its text alone.
//!
//! A statement that fails is its level's failure: levels below it have no keys and ask nothing, all others go on.
//!
//! **Invariant:** nothing here looks at a row one at a time to ask for more; a statement runs per level
//! or not at all (a level without keys asks nothing).

pub mod admission;
pub mod change;
mod database;
mod error;
mod learnt;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod refusal;
pub mod rows;
mod said;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod writers;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::graph::keys::{KeyColumn, Keys, NONE, Nullable};
use crate::graph::{Catalog, Relation};
use crate::read::plan::{BoundPlan, Expression, Level, Source, Window};
use crate::read::sql::forms::ColumnRef;
use crate::read::sql::{self, Batch, BindValue, Dialect, PreparedSql};
pub(crate) use database::of_either;
pub use database::{Database, Wanted};
#[cfg(feature = "postgres")]
pub use error::Restart;
pub use error::{DatabaseError, DriverError, Failures, LevelError};
pub use learnt::Learnt;
use learnt::Size;
use rows::Rows;
pub use said::Said;
pub use writers::Writers;

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

    /// Those of the columns whose values cannot be compared as they stand: on SQLite because they are in another form than that
    /// which is written, on PostgreSQL because their collation takes different texts for equal.
    fn other_forms(
        &self,
        _catalog: &Catalog,
        _compared: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        Ok(Vec::new())
    }

    /// A level turned out to ask nothing.
    fn skip(&self) {}

    /// After a failure: whether its transaction went with it, so that nothing else of this moment can be asked.
    fn is_over(&self) -> bool {
        false
    }
}

/// A level's statement with what is bound to it.
pub struct Statement<'a> {
    pub sql: &'a PreparedSql,
    /// Bound last.
    pub values: &'a [BindValue],
    pub keys: &'a [KeyColumn],
    pub len: usize,
    pub offset: u32,
    /// The digest of the order that cursors are of.
    pub digest: u32,
    /// Of its rows as JSON.
    pub size: &'a Size,
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
    /// The statement that was run, if one was and did not fail.
    pub ran: Option<Ran>,
    /// Why there are no rows: every field that would be written of them is an error.
    pub failed: Option<Arc<LevelError>>,
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
    fn failed(failed: Arc<LevelError>, key_of: Vec<u32>) -> Self {
        Loaded {
            key_of,
            failed: Some(failed),
            ..Loaded::default()
        }
    }

    /// Why the rows of a parent's row are not known. Where it has no key there are none, and nothing was to be asked.
    pub fn failure(&self, parent: u32) -> Option<&Arc<LevelError>> {
        let failed = self.failed.as_ref()?;
        let key = self.key_of.get(parent as usize);
        (key != Some(&NONE)).then_some(failed)
    }

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

/// Loads every level of a request. What does not depend on each other is asked side by side; what is in `failures`
/// is not asked again, and nothing is after the deadline.
pub async fn load<C: Connection>(
    catalog: &Catalog,
    bound: &BoundPlan,
    learnt: &Learnt,
    failures: &Failures,
    deadline: Instant,
    connection: &C,
) -> Vec<Loaded> {
    let asking = &Asking {
        catalog,
        bound,
        learnt,
        connection,
        failures,
        deadline,
        ended: OnceLock::new(),
    };
    let mut loaded: Vec<Loaded> = Vec::new();
    loaded.resize_with(bound.plan.levels.len(), Loaded::default);
    for stage in bound.stages() {
        let load = async |i: usize| {
            let level = load_level(i, &loaded, asking).await;
            if level.ran.is_none() {
                connection.skip();
            }
            level
        };
        if let [i] = stage[..] {
            loaded[i] = load(i).await;
            continue;
        }
        let done = join_all(stage.iter().map(|&i| load(i))).await;
        for (&i, level) in stage.iter().zip(done) {
            loaded[i] = level;
        }
    }
    loaded
}

/// What there is of a request whose first statement cannot be asked: what needs none.
pub fn unasked(bound: &BoundPlan, error: DatabaseError) -> Vec<Loaded> {
    let failed = Arc::new(LevelError::unasked(error));
    let levels = bound.plan.levels.iter().enumerate();
    let load = |(i, level): (usize, &Level)| match asks_nothing(bound, i, level) {
        true => Loaded::default(),
        false => Loaded::failed(failed.clone(), Vec::new()),
    };
    levels.map(load).collect()
}

/// How a request's statements are asked.
struct Asking<'a, C> {
    catalog: &'a Catalog,
    bound: &'a BoundPlan,
    learnt: &'a Learnt,
    connection: &'a C,
    failures: &'a Failures,
    deadline: Instant,
    /// Why nothing more is asked: the levels that are left fail as this one did.
    ended: OnceLock<Arc<LevelError>>,
}

impl<C: Connection> Asking<'_, C> {
    /// Why a level is not asked.
    fn refusal(&self, i: usize) -> Option<&Arc<LevelError>> {
        self.failures.of(i).or_else(|| self.ended.get())
    }

    /// Takes note of a statement that failed. Where time is over, or the database is out of reach, the others
    /// would fail as well, one after the other.
    fn fail(&self, i: usize, error: DatabaseError, ran: Option<Ran>) -> Arc<LevelError> {
        let late = error.is_timeout() && Instant::now() >= self.deadline;
        let ends = late || error.is_cut_off() || self.connection.is_over();
        let failed = Arc::new(LevelError::new(error, Some(i), ran));
        if ends {
            let _ = self.ended.set(failed.clone());
        }
        failed
    }
}

/// Whether a level has no rows, whatever the data.
fn asks_nothing(bound: &BoundPlan, i: usize, level: &Level) -> bool {
    let keyless = matches!(level.source, Source::Keys { .. }) && bound.keys[i].len == 0;
    keyless || (level.page.is_some() && bound.pages[i].fetch == 0)
}

/// Loads a level, whose parent is.
async fn load_level<C: Connection>(i: usize, loaded: &[Loaded], asking: &Asking<'_, C>) -> Loaded {
    let (catalog, bound) = (asking.catalog, asking.bound);
    let level = &bound.plan.levels[i];
    if asks_nothing(bound, i, level) {
        return Loaded::default();
    }
    let mut loaded = match &level.source {
        Source::List => match run(i, &Keys::default(), asking).await {
            Ok((rows, ran)) => Loaded {
                rows,
                targets: Targets::All,
                ran: Some(ran),
                ..Loaded::default()
            },
            Err(failed) => Loaded::failed(failed, Vec::new()),
        },
        Source::Keys { columns } => {
            let keys = &bound.keys[i];
            let reads: Vec<_> = columns.iter().map(|c| read_of(level, *c)).collect();
            let key_of = (0..keys.len as u32).collect();
            batch(i, keys, key_of, &reads, asking).await
        }
        Source::Relation {
            relation,
            parent,
            parent_reads,
        } => {
            let columns = parent_reads.iter().map(|&r| loaded[*parent].rows.key(r));
            let Some(columns) = columns.collect::<Option<Vec<&KeyColumn<Nullable>>>>() else {
                // The parent level has no rows.
                return Loaded::default();
            };
            let (keys, key_of) = Keys::distinct(&columns);
            let reads = own_key(&catalog.relations[*relation], level);
            batch(i, &keys, key_of, &reads, asking).await
        }
    };
    if loaded.failed.is_none() {
        check_page(bound, i, &mut loaded);
    }
    loaded
}

/// What was read to learn whether there is more leads to nothing.
fn check_page(bound: &BoundPlan, i: usize, loaded: &mut Loaded) {
    let (level, page) = (&bound.plan.levels[i], &bound.pages[i]);
    if let Some(Window::Totals) = level.page.as_ref().map(|p| &p.window) {
        loaded.absent = Some(loaded.rows.count() as u32);
        loaded.rows.add_empty_totals(level);
    }
    if page.fetch <= page.limit {
        return;
    }
    let limit = page.limit as usize;
    let keys = match &loaded.targets {
        Targets::All => 1,
        Targets::Many { starts, .. } => starts.len() - 1,
        Targets::One(_) | Targets::Nothing => return,
    };
    let of_key = |key: usize| match &loaded.targets {
        Targets::Many { starts, .. } => starts[key]..starts[key + 1],
        _ => 0..loaded.rows.count() as u32,
    };
    let mut beyond = Vec::new();
    for range in (0..keys).map(of_key).filter(|r| r.len() > limit) {
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
        .position(|r| r.key && matches!(r.value, Expression::Column(c) if c == column))
        .unwrap_or_default()
}

async fn batch<C: Connection>(
    i: usize,
    keys: &Keys,
    key_of: Vec<u32>,
    own_key: &[usize],
    asking: &Asking<'_, C>,
) -> Loaded {
    if keys.len == 0 {
        return Loaded::default();
    }
    let (rows, ran) = match run(i, keys, asking).await {
        Ok(asked) => asked,
        Err(failed) => return Loaded::failed(failed, key_of),
    };
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
    Loaded {
        rows,
        key_of,
        targets,
        ran: Some(ran),
        ..Loaded::default()
    }
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
    i: usize,
    keys: &Keys,
    asking: &Asking<'_, C>,
) -> Result<(Rows, Ran), Arc<LevelError>> {
    let (catalog, bound, learnt) = (asking.catalog, asking.bound, asking.learnt);
    if let Some(failed) = asking.refusal(i) {
        return Err(failed.clone());
    }
    let level = &bound.plan.levels[i];
    let mut sql = statement_sql(catalog, bound, learnt, i, keys.len, C::DIALECT);
    if !sql.compared.is_empty() {
        let others = asking.connection.other_forms(catalog, &sql.compared);
        let others = others.map_err(|error| asking.fail(i, error, None))?;
        if !others.is_empty() {
            sql = write_sql(catalog, bound, i, keys.len, C::DIALECT, &others);
        }
    }
    let asked = sql::asked_keys(catalog, C::DIALECT, level, &keys.columns);
    let values = sql.values_for(C::DIALECT, &bound.principal);
    let statement = Statement {
        sql: &sql,
        values: &values,
        keys: &asked,
        len: keys.len,
        offset: bound.pages[i].offset,
        digest: bound.pages[i].seek.digest,
        size: &learnt.levels[i].rows_size,
    };
    tracing::debug!(target: "backref::statement", path = bound.plan.path(i), keys = keys.len, sql = %sql.text);
    let started = Instant::now();
    if started >= asking.deadline {
        return Err(asking.fail(i, DatabaseError::TimedOut, None));
    }
    let ran = |rows: usize| Ran {
        sql: sql.text.clone(),
        keys: keys.len,
        rows,
        took: started.elapsed(),
    };
    let rows = match asking.connection.run(catalog, level, &statement).await {
        Ok(rows) => rows,
        Err(error) => return Err(asking.fail(i, error, Some(ran(0)))),
    };
    let ran = ran(rows.count());
    if let Some(&stray) = rows.ordinals.iter().find(|&&o| o as usize >= keys.len) {
        let path = bound.plan.path(i);
        let cause = format!("`{path}` got a row for key {stray} of {}", keys.len);
        return Err(asking.fail(i, DatabaseError::Shape(cause), Some(ran)));
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
    let write = || write_sql(catalog, bound, i, keys, dialect, &[]);
    if bound.plan.levels[i].constant.get().is_some() {
        learnt.levels[i].sql[usize::from(keys > 1)]
            .get_or_init(write)
            .clone()
    } else {
        write()
    }
}

fn write_sql(
    catalog: &Catalog,
    bound: &BoundPlan,
    i: usize,
    keys: usize,
    dialect: Dialect,
    others: &[ColumnRef],
) -> PreparedSql {
    let batch = if keys > 1 { Batch::Many } else { Batch::One };
    let (level, page) = (&bound.plan.levels[i], &bound.pages[i]);
    let rules = catalog.rules(bound.plan.shape);
    sql::write(catalog, dialect, rules, level, batch, page, others)
}
