//! SQL: the one statement of a level, in the shapes that were measured.
//!
//! | level | PostgreSQL | SQLite |
//! |---|---|---|
//! | root list | `WHERE … ORDER BY … LIMIT n` | the same |
//! | rows by key | `key = ANY($1)` | `key IN (SELECT value FROM json_each(?1))` |
//! | a page of each parent | `unnest($1) WITH ORDINALITY … CROSS JOIN LATERAL (… LIMIT n)` | `json_each(?1) CROSS JOIN t ON t.pk IN (… LIMIT n)` |
//!
//! Keys of any number are one bind a key column, so one prepared statement serves every batch; one key
//! alone is compared with `=`. Limits are literals, for the planner's sake; an offset, rarely given and
//! rarely the same, is bound.
//!
//! **Invariant:** every table that a statement reads appears here with its entity's policy, unless the
//! way to it has established it.

mod condition;
mod requalify;
mod value;

use std::fmt::Write;
use std::sync::Arc;

use sea_orm::sea_query::{
    Alias, Condition, DynIden, Expr, IntoIden, PostgresQueryBuilder, Query, SqliteQueryBuilder,
};

use crate::catalog::{
    Catalog, ColumnIx, Direction, Entity, EntityId, Kind, Link, Relation, RelationId,
};
use crate::load::keys::KeyValue;
use crate::plan::{BoundPage, Level, Source};
use crate::policy::{Principal, Row, Visibility};
use requalify::requalified;
use value::{array_bind, blob, json_key, key_type, read_cast};

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
    /// The offset is bound after the keys.
    pub binds_offset: bool,
    /// Bound last.
    pub values: Arc<[BindValue]>,
}

/// How many keys a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    One,
    Many,
}

/// Writes the statement of a level.
pub fn write(
    catalog: &Catalog,
    dialect: Dialect,
    principal: &Principal,
    level: &Level,
    batch: Batch,
    page: &BoundPage,
) -> PreparedSql {
    let binds_offset = page.offset > 0 && level.page.is_some();
    let keys = match (&level.source, dialect) {
        (Source::List, _) => 0,
        (_, Dialect::Sqlite) => 1,
        (Source::Keys { columns }, _) => columns.len(),
        (Source::Relation { relation, .. }, _) => catalog.relations[*relation].from_columns.len(),
    };
    let mut writer = Writer {
        catalog,
        dialect,
        principal,
        out: String::with_capacity(512),
        aliases: 0,
        first_value: keys + usize::from(binds_offset) + 1,
        values: Vec::new(),
    };
    let ordinal = writer.statement(level, batch, page);
    PreparedSql {
        text: writer.out.into(),
        ordinal,
        binds_offset,
        values: writer.values.into(),
    }
}

/// A value of a `where`, bound after the keys and the offset.
#[derive(Debug, Clone, PartialEq)]
pub enum BindValue {
    Int(i64),
    Text(Box<str>),
    Ints(Vec<i64>),
    Texts(Vec<Box<str>>),
}

impl BindValue {
    fn list(integers: bool, values: &[KeyValue]) -> Self {
        if integers {
            let integer = |v: &KeyValue| match v {
                KeyValue::Int(i) => Some(*i),
                KeyValue::Text(_) => None,
            };
            return BindValue::Ints(values.iter().filter_map(integer).collect());
        }
        let text = |v: &KeyValue| match v {
            KeyValue::Int(i) => i.to_string().into(),
            KeyValue::Text(text) => text.clone(),
        };
        BindValue::Texts(values.iter().map(text).collect())
    }
}

struct Writer<'a> {
    catalog: &'a Catalog,
    dialect: Dialect,
    principal: &'a Principal,
    out: String,
    aliases: usize,
    /// The number of the first bind in `values`.
    first_value: usize,
    values: Vec<BindValue>,
}

/// A table in a FROM, by its entity and alias.
#[derive(Clone, Copy)]
struct Table {
    entity: EntityId,
    alias: usize,
}

impl Table {
    fn iden(self) -> DynIden {
        Alias::new(format!("t{}", self.alias)).into_iden()
    }
}

/// What the way to a row has established about its visibility.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Established {
    Nothing,
    /// The row that its policy's `through` leads to is visible.
    Through,
    /// The row itself is.
    Row,
}

/// A many-to-many link whose pages are those of its junction.
struct Junction<'a> {
    entity: EntityId,
    near: &'a [ColumnIx],
    far: &'a [ColumnIx],
    /// The target's columns that `far` refers to.
    columns: &'a [ColumnIx],
    descending: bool,
}

/// An expression for one key column.
type KeySql = String;

impl Writer<'_> {
    /// Writes the statement; true if its first column is the key's ordinal.
    fn statement(&mut self, level: &Level, batch: Batch, page: &BoundPage) -> bool {
        match &level.source {
            Source::List => {
                let t = self.table(level.entity);
                self.select(level, t);
                self.from(t);
                let visible = self.visible(t, Established::Nothing);
                let asked = self.asked(t, page);
                self.filter(&[visible, asked]);
                let order = self.entity(t).default_order.clone();
                self.ordered(t, page, &order);
                self.limit(page, 1);
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
                    _ => self.paged(level, id, relation, batch, page),
                }
            }
        }
    }

    /// Rows found by key columns that are unique: at most one row a key. True if the rows say which key
    /// found them; otherwise they are told apart by the key's own value.
    fn by_key(
        &mut self,
        level: &Level,
        columns: &[ColumnIx],
        way: Option<RelationId>,
        batch: Batch,
    ) -> bool {
        let t = self.table(level.entity);
        let kinds: Vec<Kind> = columns
            .iter()
            .map(|&c| self.entity(t).columns[c].kind.clone())
            .collect();
        // Values of other types can be equal in the database and differ in their text.
        let by_value = matches!(
            kinds[..],
            [Kind::Int | Kind::BigInt | Kind::Text | Kind::Uuid | Kind::Enum(_)]
        );
        let ordinal = batch == Batch::Many && !by_value;
        if ordinal {
            self.out.push_str(match self.dialect {
                Dialect::Postgres => "SELECT k.ord",
                Dialect::Sqlite => "SELECT k.key",
            });
            self.columns(level, t, ", ");
        } else {
            self.select(level, t);
        }
        let mut filters = Vec::new();
        match (batch, self.dialect, columns) {
            (Batch::One, _, _) => {
                self.from(t);
                for (i, (&c, kind)) in columns.iter().zip(&kinds).enumerate() {
                    filters.push(format!(
                        "{} = {}",
                        self.column(t, c),
                        self.one_key(i, kinds.len(), kind)
                    ));
                }
            }
            (Batch::Many, Dialect::Postgres, [c]) if by_value => {
                self.from(t);
                filters.push(format!(
                    "{} = ANY({})",
                    self.column(t, *c),
                    array_bind(0, &kinds[0])
                ));
            }
            (Batch::Many, Dialect::Sqlite, [c]) if by_value => {
                self.from(t);
                let key = json_key(0, 1, &kinds[0], "value");
                let column = self.column(t, *c);
                filters.push(format!("{column} IN (SELECT {key} FROM json_each(?1))"));
            }
            (Batch::Many, dialect, _) => {
                if dialect == Dialect::Postgres {
                    self.keys_table(&kinds, true);
                } else {
                    self.out.push_str(" FROM json_each(?1) k");
                }
                self.out.push_str(" JOIN ");
                self.named(t);
                let on = columns.iter().enumerate().map(|(i, &c)| {
                    let key = match dialect {
                        Dialect::Postgres => format!("k.k{i}"),
                        Dialect::Sqlite => json_key(i, columns.len(), &kinds[i], "k.value"),
                    };
                    format!("{} = {key}", self.column(t, c))
                });
                let on = on.collect::<Vec<_>>().join(" AND ");
                self.out.push_str(&format!(" ON {on}"));
            }
        }
        if let Some(id) = way {
            filters.push(self.joined(&self.catalog.relations[id], None, t));
        }
        filters.push(self.visible(
            t,
            way.map_or(Established::Nothing, |id| self.established(id)),
        ));
        self.filter(&filters);
        ordinal
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

    /// A page of the rows that a relation leads to, for each key.
    fn paged(
        &mut self,
        level: &Level,
        id: RelationId,
        relation: &Relation,
        batch: Batch,
        page: &BoundPage,
    ) -> bool {
        let from = &self.catalog.entities[relation.from];
        let kinds: Vec<Kind> = relation
            .from_columns
            .iter()
            .map(|&c| from.columns[c].kind.clone())
            .collect();
        let binds = kinds.len();
        let established = self.established(id);
        let plain = page.filter.is_none() && page.order.is_empty();
        if plain && let Some(junction) = self.bare_junction(level, relation, established) {
            return self.paged_junction(level, &junction, &kinds, batch, page);
        }
        match (batch, self.dialect) {
            (Batch::One, dialect) => {
                let keys: Vec<_> = kinds
                    .iter()
                    .enumerate()
                    .map(|(i, k)| self.one_key(i, binds, k))
                    .collect();
                let t = self.table(level.entity);
                self.select(level, t);
                let offset_bind = if dialect == Dialect::Sqlite {
                    2
                } else {
                    binds + 1
                };
                self.members(t, relation, &keys, established, page, offset_bind);
                false
            }
            (Batch::Many, Dialect::Postgres) => {
                let keys: Vec<_> = (0..binds).map(|i| format!("k.k{i}")).collect();
                self.out.push_str("SELECT k.ord, r.*");
                self.keys_table(&kinds, true);
                self.out.push_str(" CROSS JOIN LATERAL (");
                let t = self.table(level.entity);
                self.select(level, t);
                self.members(t, relation, &keys, established, page, binds + 1);
                self.out.push_str(") r");
                true
            }
            (Batch::Many, Dialect::Sqlite) => {
                let keys: Vec<_> = (0..binds)
                    .map(|i| json_key(i, binds, &kinds[i], "k.value"))
                    .collect();
                let t = self.table(level.entity);
                self.out.push_str("SELECT k.key");
                self.columns(level, t, ", ");
                self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
                self.named(t);
                let primary_key = self.entity(t).primary_key.clone();
                self.out.push_str(" ON ");
                self.tuple(t, &primary_key);
                self.out.push_str(" IN (SELECT ");
                let q = self.table(level.entity);
                let inner: Vec<_> = primary_key.iter().map(|&c| self.column(q, c)).collect();
                self.out.push_str(&inner.join(", "));
                self.members(q, relation, &keys, established, page, 2);
                self.out.push(')');
                self.out.push_str(" ORDER BY k.key, ");
                if page.order.is_empty() {
                    let order = self.order_of(relation);
                    self.order_list(t, &order);
                } else {
                    let order = self.order_terms(t, &page.order);
                    self.out.push_str(&order);
                }
                true
            }
        }
    }

    /// The junction of a relation, if all rows it leads to are visible, so that pages can be cut from the
    /// junction alone.
    fn bare_junction<'r>(
        &mut self,
        level: &Level,
        relation: &'r Relation,
        established: Established,
    ) -> Option<Junction<'r>> {
        let Link::Through {
            junction,
            near,
            far,
            columns,
        } = &relation.link
        else {
            return None;
        };
        let target = Table {
            entity: level.entity,
            alias: 0,
        };
        let bare = relation.condition.is_none() && self.visible(target, established).is_empty();
        bare.then_some(Junction {
            entity: *junction,
            near,
            far,
            columns,
            descending: self.catalog.entities[relation.to].newest_first(),
        })
    }

    /// Pages of a junction, and then the rows they name: joined inside the page, a small target would be
    /// scanned once a parent.
    fn paged_junction(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        kinds: &[Kind],
        batch: Batch,
        page: &BoundPage,
    ) -> bool {
        let binds = kinds.len();
        let t = self.table(level.entity);
        let j = self.table(junction.entity);
        let desc = if junction.descending { " DESC" } else { "" };
        let many = batch == Batch::Many;
        if many && self.dialect == Dialect::Sqlite {
            let keys: Vec<_> = (0..binds)
                .map(|i| json_key(i, binds, &kinds[i], "k.value"))
                .collect();
            self.out.push_str("SELECT k.key");
            self.columns(level, t, ", ");
            self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
            self.named(t);
            self.out.push_str(" ON ");
            self.tuple(t, junction.columns);
            self.out.push_str(" IN (");
            self.junction_page(j, junction, &keys, page, 2);
            self.out.push_str(") ORDER BY k.key");
            for &c in junction.columns {
                let name = self.column(t, c);
                self.out.push_str(&format!(", {name}{desc}"));
            }
            return true;
        }
        self.out
            .push_str(if many { "SELECT k.ord" } else { "SELECT" });
        self.columns(level, t, if many { ", " } else { " " });
        let keys: Vec<_> = if many {
            self.keys_table(kinds, true);
            self.out.push_str(" CROSS JOIN LATERAL (");
            (0..binds).map(|i| format!("k.k{i}")).collect()
        } else {
            self.out.push_str(" FROM (");
            let kinds = kinds.iter().enumerate();
            kinds.map(|(i, k)| self.one_key(i, binds, k)).collect()
        };
        let offset_bind = match self.dialect {
            Dialect::Sqlite => 2,
            Dialect::Postgres => binds + 1,
        };
        self.junction_page(j, junction, &keys, page, offset_bind);
        self.out.push_str(") j JOIN ");
        self.named(t);
        let names = junction.far.iter().map(|&f| {
            let column = &self.catalog.entities[junction.entity].columns[f];
            format!("j.{}", quoted(&column.name))
        });
        let names: Vec<_> = names.collect();
        let on = junction.columns.iter().zip(&names);
        let on = on.map(|(&c, name)| format!("{} = {name}", self.column(t, c)));
        let on = on.collect::<Vec<_>>().join(" AND ");
        let order: Vec<_> = many
            .then(|| "k.ord".to_owned())
            .into_iter()
            .chain(names.iter().map(|name| format!("{name}{desc}")))
            .collect();
        self.out
            .push_str(&format!(" ON {on} ORDER BY {}", order.join(", ")));
        many
    }

    /// `SELECT far FROM junction WHERE near = key … ORDER BY far LIMIT …`
    fn junction_page(
        &mut self,
        j: Table,
        junction: &Junction<'_>,
        keys: &[KeySql],
        page: &BoundPage,
        offset_bind: usize,
    ) {
        let far: Vec<_> = junction.far.iter().map(|&c| self.column(j, c)).collect();
        self.out.push_str(&format!("SELECT {}", far.join(", ")));
        self.from(j);
        let near = junction.near.iter().zip(keys);
        let mut filters: Vec<_> = near
            .map(|(&c, key)| format!("{} = {key}", self.column(j, c)))
            .collect();
        filters.push(self.visible(j, Established::Nothing));
        self.filter(&filters);
        let direction = match junction.descending {
            true => Direction::Desc,
            false => Direction::Asc,
        };
        let order: Vec<_> = junction.far.iter().map(|&c| (c, direction)).collect();
        self.order(j, &order);
        self.limit(page, offset_bind);
    }

    /// ` FROM … WHERE … ORDER BY … LIMIT …` of the rows that `relation` leads to from the key.
    fn members(
        &mut self,
        t: Table,
        relation: &Relation,
        keys: &[KeySql],
        established: Established,
        page: &BoundPage,
        offset_bind: usize,
    ) {
        let mut filters = Vec::new();
        let order = self.order_of(relation);
        match &relation.link {
            Link::Direct { columns } => {
                self.from(t);
                filters.extend(
                    columns
                        .iter()
                        .zip(keys)
                        .map(|(&c, key)| format!("{} = {key}", self.column(t, c))),
                );
                filters.push(self.joined(relation, None, t));
                filters.push(self.visible(t, established));
                filters.push(self.asked(t, page));
                self.filter(&filters);
                self.ordered(t, page, &order);
            }
            Link::Through {
                junction,
                near,
                far,
                columns,
            } => {
                let j = self.table(*junction);
                self.from(j);
                self.out.push_str(" JOIN ");
                self.named(t);
                self.out.push_str(" ON ");
                let on = columns
                    .iter()
                    .zip(far)
                    .map(|(&c, &f)| format!("{} = {}", self.column(t, c), self.column(j, f)));
                let on = on.collect::<Vec<_>>().join(" AND ");
                self.out.push_str(&on);
                filters.extend(
                    near.iter()
                        .zip(keys)
                        .map(|(&c, key)| format!("{} = {key}", self.column(j, c))),
                );
                if relation.condition.is_some() {
                    filters.push(self.joined(relation, Some(j), t));
                    // The junction is the source itself, which its own level has found visible.
                } else {
                    filters.push(self.visible(j, Established::Nothing));
                }
                filters.push(self.visible(t, established));
                filters.push(self.asked(t, page));
                self.filter(&filters);
                if relation.condition.is_some() || !page.order.is_empty() {
                    self.ordered(t, page, &order);
                } else {
                    // In the junction's own columns, so that its index serves the order.
                    let direction = order.first().map_or(Direction::Asc, |o| o.1);
                    let order: Vec<_> = far.iter().map(|&c| (c, direction)).collect();
                    self.order(j, &order);
                }
            }
        }
        self.limit(page, offset_bind);
    }

    /// The order of a relation's rows, in columns of the target.
    fn order_of(&self, relation: &Relation) -> Vec<(ColumnIx, Direction)> {
        let target = &self.catalog.entities[relation.to];
        match &relation.link {
            Link::Through { columns, .. } if relation.condition.is_none() => {
                let direction = if target.newest_first() {
                    Direction::Desc
                } else {
                    Direction::Asc
                };
                columns.iter().map(|&c| (c, direction)).collect()
            }
            _ => target.default_order.clone(),
        }
    }

    /// What walking a relation from a visible row says about the row it leads to.
    fn established(&self, id: RelationId) -> Established {
        let relation = &self.catalog.relations[id];
        if self.catalog.entities[relation.from].policy.through == Some(id) {
            return Established::Row;
        }
        match self.catalog.entities[relation.to].policy.through {
            Some(through) if relation.inverse == Some(through) => Established::Through,
            _ => Established::Nothing,
        }
    }

    /// The condition under which the principal sees a row of `t`; empty if always.
    fn visible(&mut self, t: Table, established: Established) -> String {
        if established == Established::Row {
            return String::new();
        }
        let policy = &self.catalog.entities[t.entity].policy;
        let own = match policy.visibility(self.principal, &Row(t.iden())) {
            Visibility::All => String::new(),
            Visibility::Nothing => "FALSE".to_owned(),
            Visibility::Where(condition) => self.render(condition),
        };
        let through = match policy.through {
            Some(relation) if established == Established::Nothing => {
                self.visible_through(t, relation)
            }
            _ => String::new(),
        };
        join_conditions(&[own, through])
    }

    fn visible_through(&mut self, t: Table, id: RelationId) -> String {
        let relation = &self.catalog.relations[id];
        let Link::Direct { columns } = &relation.link else {
            return "FALSE".to_owned();
        };
        let target = self.table(relation.to);
        let mut filters: Vec<_> = columns
            .iter()
            .zip(&relation.from_columns)
            .map(|(&c, &f)| format!("{} = {}", self.column(target, c), self.column(t, f)))
            .collect();
        let visible = self.visible(target, Established::Nothing);
        if visible.is_empty()
            && relation
                .from_columns
                .iter()
                .all(|&c| !self.entity(t).columns[c].nullable)
        {
            return String::new();
        }
        filters.push(visible);
        self.exists(&self.name(target), &filters)
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

    fn table(&mut self, entity: EntityId) -> Table {
        self.aliases += 1;
        Table {
            entity,
            alias: self.aliases - 1,
        }
    }

    fn entity(&self, t: Table) -> &Entity {
        &self.catalog.entities[t.entity]
    }

    fn column(&self, t: Table, column: ColumnIx) -> String {
        format!(
            "t{}.{}",
            t.alias,
            quoted(&self.entity(t).columns[column].name)
        )
    }

    fn tuple(&mut self, t: Table, columns: &[ColumnIx]) {
        let names: Vec<_> = columns.iter().map(|&c| self.column(t, c)).collect();
        match &names[..] {
            [one] => self.out.push_str(one),
            _ => write!(self.out, "({})", names.join(", ")).unwrap_or_default(),
        }
    }

    fn select(&mut self, level: &Level, t: Table) {
        self.out.push_str("SELECT");
        self.columns(level, t, " ");
    }

    fn columns(&mut self, level: &Level, t: Table, mut separator: &'static str) {
        if level.reads.is_empty() {
            self.out.push_str(separator);
            self.out.push('1');
        }
        for read in &level.reads {
            self.out.push_str(separator);
            separator = ", ";
            let mut value = self.column(t, read.column);
            if self.dialect == Dialect::Postgres
                && let Some(cast) = read_cast(&self.entity(t).columns[read.column].kind)
            {
                value = format!("{value}::{cast}");
            }
            if read.masked {
                value = self.masked(t, read.column, value);
            }
            self.out.push_str(&value);
        }
    }

    fn masked(&self, t: Table, column: ColumnIx, value: String) -> String {
        let policy = self.entity(t).columns[column].policy.as_ref();
        let visibility = policy.map(|p| p.visibility(self.principal, &Row(t.iden())));
        match visibility {
            None | Some(Visibility::All) => value,
            Some(Visibility::Nothing) => "NULL".to_owned(),
            Some(Visibility::Where(condition)) => {
                format!("CASE WHEN {} THEN {value} END", self.render(condition))
            }
        }
    }

    fn from(&mut self, t: Table) {
        self.out.push_str(" FROM ");
        self.named(t);
    }

    fn named(&mut self, t: Table) {
        let name = self.name(t);
        self.out.push_str(&name);
    }

    /// `"schema"."table" t0`
    fn name(&self, t: Table) -> String {
        let entity = &self.catalog.entities[t.entity];
        let schema = entity.schema.as_ref();
        let schema = schema.map_or_else(String::new, |s| format!("{}.", quoted(s)));
        format!("{schema}{} t{}", quoted(&entity.table), t.alias)
    }

    /// What the client's `where` asks of a row of `t`; empty if nothing.
    fn asked(&mut self, t: Table, page: &BoundPage) -> String {
        let filter = page.filter.as_ref();
        filter.map_or_else(String::new, |f| self.condition(t, f))
    }

    /// ` ORDER BY` the client's order, or else this.
    fn ordered(&mut self, t: Table, page: &BoundPage, default: &[(ColumnIx, Direction)]) {
        if page.order.is_empty() {
            return self.order(t, default);
        }
        let order = self.order_terms(t, &page.order);
        self.out.push_str(" ORDER BY ");
        self.out.push_str(&order);
    }

    /// ` FROM unnest($1, …) AS k(k0, …)`
    fn keys_table(&mut self, kinds: &[Kind], ordinal: bool) {
        let arrays: Vec<_> = kinds
            .iter()
            .enumerate()
            .map(|(i, k)| array_bind(i, k))
            .collect();
        let names: Vec<_> = (0..kinds.len()).map(|i| format!("k{i}")).collect();
        let (with, ord) = if ordinal {
            (" WITH ORDINALITY", ", ord")
        } else {
            ("", "")
        };
        self.out.push_str(&format!(
            " FROM unnest({}){with} AS k({}{ord})",
            arrays.join(", "),
            names.join(", ")
        ));
    }

    fn filter(&mut self, conditions: &[String]) {
        let joined = join_conditions(conditions);
        if !joined.is_empty() {
            self.out.push_str(" WHERE ");
            self.out.push_str(&joined);
        }
    }

    fn order(&mut self, t: Table, order: &[(ColumnIx, Direction)]) {
        self.out.push_str(" ORDER BY ");
        self.order_list(t, order);
    }

    fn order_list(&mut self, t: Table, order: &[(ColumnIx, Direction)]) {
        for (i, &(column, direction)) in order.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            let name = self.column(t, column);
            self.out.push_str(&name);
            if direction == Direction::Desc {
                self.out.push_str(" DESC");
            }
            // The databases disagree on where nulls belong.
            if self.entity(t).columns[column].nullable {
                self.out.push_str(" NULLS LAST");
            }
        }
    }

    fn limit(&mut self, page: &BoundPage, offset_bind: usize) {
        self.out.push_str(&format!(" LIMIT {}", page.limit));
        if page.offset > 0 {
            self.out.push_str(&match self.dialect {
                Dialect::Postgres => format!(" OFFSET ${offset_bind}"),
                Dialect::Sqlite => format!(" OFFSET ?{offset_bind}"),
            });
        }
    }

    /// The bind of one key's `i`th column. SQLite gets a key of several columns as one JSON array, as it
    /// gets many keys.
    fn one_key(&self, i: usize, of: usize, kind: &Kind) -> KeySql {
        match self.dialect {
            Dialect::Postgres if kind.is_integer() => format!("${}", i + 1),
            Dialect::Postgres => format!("${}::text::{}", i + 1, key_type(kind)),
            Dialect::Sqlite if of > 1 => blob(kind, format!("?1 ->> {i}")),
            Dialect::Sqlite => blob(kind, "?1".to_owned()),
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
