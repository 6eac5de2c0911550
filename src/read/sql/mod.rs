//! SQL: the one statement of a level, in the shapes that were measured.
//!
//! | level | PostgreSQL | SQLite |
//! |---|---|---|
//! | root list | `WHERE … ORDER BY … LIMIT n` | the same |
//! | rows by key, integers | `key = ANY($1)` | `json_each(?1) CROSS JOIN t ON t.key = value` |
//! | rows by any other key | `unnest($1) WITH ORDINALITY k JOIN t ON t.key = k.key` | the same, with `json_each`'s own key |
//! | a page of each parent | `unnest($1) WITH ORDINALITY … CROSS JOIN LATERAL (… LIMIT n)` | `SELECT key, (SELECT backref_rows(…) FROM (… LIMIT n)) FROM json_each(?1)` |
//! | totals, groups | `unnest($1) WITH ORDINALITY … CROSS JOIN t WHERE … GROUP BY k.ord` | `json_each(?1) CROSS JOIN t WHERE … GROUP BY k.key` |
//!
//! Keys of any number are one bind a key column, so one prepared statement serves every batch; one key
//! alone is compared with `=`. Limits are literals, for the planner's sake; an offset, rarely given and
//! rarely the same, is bound.
//!
//! **Invariant:** every table that a statement reads appears here with its entity's rule, unless the
//! way to it has established it (`visible`, which alone can name a table or a column).

mod aggregate;
pub mod change;
mod condition;
pub mod forms;
mod key;
mod list;
mod mine;
pub mod packed;
mod page;
mod requalify;
mod search;
mod sort;
mod value;
mod visible;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{
    Alias, Condition, DynIden, Expr, IntoIden, PostgresQueryBuilder, Query, SqliteQueryBuilder,
};

use crate::graph::keys::KeyValue;
use crate::graph::rules::Rules;
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, Link, Relation};
use crate::read::plan::{BoundPage, Expression, Level, Page, Source};
use forms::{ColumnRef, Form};
pub use mine::Brought;
use page::Members;
use requalify::requalified;
use sort::SortKey;
pub use value::asked_keys;
use value::read_cast;
use visible::Established;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// A statement's text and the shape of its rows.
#[derive(Debug, Clone)]
pub struct PreparedSql {
    pub text: Arc<str>,
    /// The first column says which key a row belongs to: from 1 on PostgreSQL, from 0 on SQLite.
    pub ordinal: bool,
    /// A row is a key's page: its ordinal, and rows of so many columns that `backref_rows` packed.
    pub packed: Option<usize>,
    /// The offset is bound after the keys.
    pub binds_offset: bool,
    /// Bound last.
    pub values: Arc<[BindValue]>,
    /// The columns that are compared as they are written, where SQLite may hold other forms.
    pub compared: Arc<[ColumnRef]>,
    /// The values of a row's cursor, the last columns: whether each is an integer.
    pub cursor: Arc<[bool]>,
}

/// How many keys a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    One,
    Many,
}

/// Writes the statement of a level, where these columns hold values in `others` than the written form.
pub fn write(
    catalog: &Catalog,
    dialect: Dialect,
    rules: &Rules,
    level: &Level,
    batch: Batch,
    page: &BoundPage,
    others: &[ColumnRef],
) -> PreparedSql {
    let binds_offset = page.offset > 0;
    let keys = match (&level.source, dialect) {
        (Source::List, _) => 0,
        (_, Dialect::Sqlite) => 1,
        (Source::Keys { columns }, _) => columns.len(),
        (Source::Relation { relation, .. }, _) => catalog.relations[*relation].from_columns.len(),
    };
    let mut writer = Writer {
        keyed: matches!(level.source, Source::Relation { .. }),
        ..Writer::new(
            catalog,
            dialect,
            rules,
            keys + usize::from(binds_offset) + 1,
            others,
        )
    };
    let ordinal = writer.statement(level, batch, page);
    writer.found_first(&catalog.entities[level.entity]);
    PreparedSql {
        text: writer.out.into(),
        ordinal,
        packed: writer.packs,
        binds_offset,
        values: writer.values.into_inner().into(),
        cursor: writer.cursor.into(),
        compared: writer.compared.into_inner().into(),
    }
}

/// A value of a `where` or a cursor, bound after the keys and the offset.
#[derive(Debug, Clone)]
pub enum BindValue {
    Null {
        integer: bool,
    },
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    Ints(Vec<i64>),
    Texts(Vec<Box<str>>),
    /// What whoever asks brings along.
    Brought(Brought),
}

impl BindValue {
    /// Those of which `bound` gives a text, where they are no integers.
    fn list(integers: bool, values: &[KeyValue], bound: impl Fn(&str) -> Option<Box<str>>) -> Self {
        if integers {
            let integer = |v: &KeyValue| match v {
                KeyValue::Int(i) => Some(*i),
                KeyValue::Text(_) => None,
            };
            return BindValue::Ints(values.iter().filter_map(integer).collect());
        }
        let text = |v: &KeyValue| match v {
            KeyValue::Int(i) => Some(i.to_string().into()),
            KeyValue::Text(text) => bound(text),
        };
        BindValue::Texts(values.iter().filter_map(text).collect())
    }
}

struct Writer<'a> {
    catalog: &'a Catalog,
    dialect: Dialect,
    rules: &'a Rules,
    out: String,
    aliases: Cell<usize>,
    /// Whether what is written is a rule, or what the client asks.
    of_rule: Cell<bool>,
    /// Columns of which some values are hidden, as they are seen.
    masked: RefCell<HashMap<String, String>>,
    /// The number of the first bind in `values`.
    first_value: usize,
    values: RefCell<Vec<BindValue>>,
    cursor: Vec<bool>,
    compared: RefCell<Vec<ColumnRef>>,
    others: &'a [ColumnRef],
    /// What the level's groups are made by.
    by: Vec<ColumnIx>,
    /// The number of the bind of what is searched for.
    search: Option<usize>,
    /// Whether rows are reached from keys, so that conditions choose among few.
    keyed: bool,
    /// Whether a page's rows are packed into one value, and of how many columns.
    packs: Option<usize>,
}

/// A table in a FROM, by its entity and alias.
#[derive(Clone, Copy)]
struct Table {
    entity: EntityId,
    alias: usize,
}

impl Table {
    fn iden(self) -> DynIden {
        Alias::new(self.called()).into_iden()
    }

    fn called(self) -> String {
        format!("t{}", self.alias)
    }
}

/// An expression for one key column.
type KeySql = String;

impl<'a> Writer<'a> {
    /// One whose values are bound from this number on.
    fn new(
        catalog: &'a Catalog,
        dialect: Dialect,
        rules: &'a Rules,
        first_value: usize,
        others: &'a [ColumnRef],
    ) -> Self {
        Writer {
            catalog,
            dialect,
            rules,
            out: String::with_capacity(512),
            aliases: Cell::default(),
            of_rule: Cell::default(),
            masked: RefCell::default(),
            first_value,
            values: RefCell::default(),
            cursor: Vec::new(),
            compared: RefCell::default(),
            others,
            by: Vec::new(),
            search: None,
            keyed: false,
            packs: None,
        }
    }
}

impl Writer<'_> {
    /// Writes the statement; true if its first column is the key's ordinal.
    fn statement(&mut self, level: &Level, batch: Batch, page: &BoundPage) -> bool {
        match &level.source {
            Source::List => {
                if level.page.as_ref().is_some_and(Page::aggregates) {
                    return self.totals(level, None, batch, page);
                }
                let t = self.table(level.entity);
                let members = self.listed(t, page);
                let order = self.page_order(level, &members, None, page);
                self.select(level, t, None, &order.keys);
                self.rows(members.rows, &order, page, 1);
                false
            }
            Source::Keys { columns } => self.by_key(level, columns, None, batch),
            Source::Relation { relation, .. } => {
                let id = *relation;
                let relation = &self.catalog.relations[id];
                match (&level.page, &relation.link) {
                    (None, Link::Direct { columns }) => {
                        self.by_key(level, columns, Some(id), batch)
                    }
                    (Some(asked), _) if asked.aggregates() => {
                        self.totals(level, Some(id), batch, page)
                    }
                    _ => self.paged(level, id, batch, page),
                }
            }
        }
    }

    /// A relation's own condition, empty if it has none. The source has no table in the statement where
    /// the condition speaks of the target alone; `catalog` makes it take part otherwise.
    fn joined(&self, relation: &Relation, source: Option<Table>, t: Table) -> String {
        let Some(condition) = &relation.condition else {
            return String::new();
        };
        let source_name = source.map_or_else(|| "source".to_owned(), |s| format!("t{}", s.alias));
        let text = self.render(condition.between(Alias::new(&source_name).into_iden(), t.iden()));
        let name_of = |entity: EntityId| self.catalog.entities[entity].table.as_str();
        let (from, to) = (
            (name_of(relation.from), source_name),
            (name_of(relation.to), format!("t{}", t.alias)),
        );
        let renamed = if condition.reversed {
            [from, to]
        } else {
            [to, from]
        };
        requalified(&text, &renamed)
    }

    fn render(&self, condition: Condition) -> String {
        let mut select = Query::select();
        select.expr(Expr::from(condition));
        let text = match self.dialect {
            Dialect::Postgres => select.to_string(PostgresQueryBuilder),
            Dialect::Sqlite => select.to_string(SqliteQueryBuilder),
        };
        format!("({})", text.trim_start_matches("SELECT "))
    }

    fn table(&self, entity: EntityId) -> Table {
        let alias = self.aliases.get();
        self.aliases.set(alias + 1);
        Table { entity, alias }
    }

    fn entity(&self, t: Table) -> &Entity {
        &self.catalog.entities[t.entity]
    }

    /// `SELECT` of a level's reads from `t`, those of edges from `edge`, and of what makes
    /// cursors by `keys`.
    fn select(&mut self, level: &Level, t: Table, edge: Option<Table>, keys: &[SortKey]) {
        self.out.push_str("SELECT");
        self.columns(level, t, edge, keys, " ");
    }

    fn columns(
        &mut self,
        level: &Level,
        t: Table,
        edge: Option<Table>,
        keys: &[SortKey],
        separator: &str,
    ) {
        let mut reads = self.reads(level, t, edge, keys);
        if let Some(columns) = &mut self.packs {
            *columns = reads.len();
            let names = reads.iter_mut().enumerate();
            names.for_each(|(i, read)| read.push_str(&format!(" AS c{i}")));
        }
        self.out.push_str(separator);
        self.out.push_str(&reads.join(", "));
    }

    fn reads(
        &mut self,
        level: &Level,
        t: Table,
        edge: Option<Table>,
        keys: &[SortKey],
    ) -> Vec<String> {
        let read = |value: Expression| match value {
            Expression::Column(column) => self.readable(t, column),
            Expression::Edge(column) => match edge {
                Some(junction) => self.readable(junction, column),
                None => "NULL".to_owned(),
            },
            Expression::Count | Expression::Of(..) | Expression::Group(_) => {
                self.aggregated(t, value)
            }
        };
        let mut reads: Vec<_> = level.reads.iter().map(|r| read(r.value)).collect();
        if level.has_cursors() {
            reads.extend(keys.iter().map(|key| self.cursor_value(key)));
            self.cursor = keys.iter().map(|k| k.integer).collect();
        }
        if reads.is_empty() {
            reads.push("1".to_owned());
        }
        reads
    }

    /// A column in a form that `load` reads.
    fn readable(&self, t: Table, column: ColumnIx) -> String {
        let value = self.column(t, column);
        match read_cast(&self.entity(t).columns[column].kind) {
            Some(cast) if self.dialect == Dialect::Postgres => format!("{value}::{cast}"),
            _ => value,
        }
    }

    /// `"schema".`, empty where the connection's own is meant.
    fn schema(&self, entity: &Entity) -> String {
        let schema = entity.schema.as_ref();
        schema.map_or_else(String::new, |s| format!("{}.", quoted(s)))
    }

    /// The rows of a root list that are asked for.
    fn listed(&mut self, t: Table, page: &BoundPage) -> Members {
        let found = self.found(t, page, false);
        Members {
            t,
            j: None,
            rows: self
                .rows_of(t, Established::Nothing)
                .between("", &found.join)
                .only(self.asked(t, page))
                .only(found.condition),
            search: found.alias,
        }
    }

    /// What the client's `where` asks of a row of `t`; empty if nothing.
    fn asked(&self, t: Table, page: &BoundPage) -> String {
        let filter = page.filter.as_ref();
        filter.map_or_else(String::new, |f| self.condition(t, f))
    }

    fn limit(&mut self, page: &BoundPage, offset_bind: usize) {
        self.out.push_str(&match self.dialect {
            Dialect::Postgres => format!(" LIMIT {}", page.fetch),
            // Told that it is for a few rows, SQLite sorts the whole table rather than walk along an index.
            Dialect::Sqlite => format!(" LIMIT {} + 0", page.fetch),
        });
        if page.offset > 0 {
            self.out.push_str(&match self.dialect {
                Dialect::Postgres => format!(" OFFSET ${offset_bind}"),
                Dialect::Sqlite => format!(" OFFSET ?{offset_bind}"),
            });
        }
    }
}

fn join_conditions(conditions: &[String]) -> String {
    let some: Vec<_> = conditions
        .iter()
        .filter(|c| !c.is_empty())
        .map(String::as_str)
        .collect();
    some.join(" AND ")
}

/// `"name"`, with quotes in it doubled.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
