//! Pages: the rows of a list, and for each parent a page of the rows that a relation leads to.

use super::sort::{PageOrder, order_by};
use super::value::{blob, json_key, key_type};
use super::{Batch, Dialect, Established, KeySql, Table, Writer, quoted};
use crate::catalog::{ColumnIx, EntityId, Kind, Link, Relation, RelationId};
use crate::plan::{BoundPage, Level, Window, default_order, default_terms};

/// A many-to-many link whose pages are those of its junction.
struct Junction<'a> {
    entity: EntityId,
    near: &'a [ColumnIx],
    far: &'a [ColumnIx],
    /// The target's columns that `far` refers to.
    columns: &'a [ColumnIx],
    descending: bool,
}

impl Writer<'_> {
    /// ` FROM … WHERE … ORDER BY … LIMIT …` of a page's rows, in the order they are read.
    pub(super) fn rows(
        &mut self,
        from: &str,
        mut filters: Vec<String>,
        order: &PageOrder,
        page: &BoundPage,
        offset_bind: usize,
    ) {
        filters.extend(self.between(&order.keys, page));
        self.out.push_str(" FROM ");
        self.out.push_str(from);
        self.filter(&filters);
        self.out.push_str(" ORDER BY ");
        self.out.push_str(&order_by(&order.read));
        self.limit(page, offset_bind);
    }

    /// What a level's page is sorted by: the client's order or the default one, which through a junction is
    /// that of its key, in the columns of `j` where it takes part.
    pub(super) fn page_order(
        &mut self,
        level: &Level,
        members: &Members,
        j: Option<(Table, &[ColumnIx])>,
        page: &BoundPage,
    ) -> PageOrder {
        let t = members.t;
        if page.order.is_empty()
            && let Some(search) = &page.search
            && let Some(Window::Offset { .. }) = level.page.as_ref().map(|p| &p.window)
        {
            return PageOrder::new(self.rank_keys(members, search), page);
        }
        let keys = match (page.order.is_empty(), j) {
            (false, _) => self.sort_keys(t, &page.order),
            (true, Some((j, far))) => {
                let descending = self.entity(t).newest_first();
                let columns = far.iter().map(|&c| {
                    let kind = self.entity(j).columns[c].kind.clone();
                    (self.column(j, c), kind)
                });
                self.plain_keys(columns, descending)
            }
            (true, None) => {
                let terms = default_terms(&default_order(self.catalog, level));
                self.sort_keys(t, &terms)
            }
        };
        PageOrder::new(keys, page)
    }

    /// A page of the rows that a relation leads to, for each key. True if the first column is the key's
    /// ordinal.
    pub(super) fn paged(
        &mut self,
        level: &Level,
        id: RelationId,
        batch: Batch,
        page: &BoundPage,
    ) -> bool {
        let relation = &self.catalog.relations[id];
        let kinds = self.key_kinds(relation);
        let established = self.established(id);
        let plain = page.filter.is_none() && page.search.is_none() && page.order.is_empty();
        if plain && let Some(junction) = self.bare_junction(level, relation, established) {
            return match (batch, self.dialect) {
                (Batch::Many, Dialect::Sqlite) => {
                    self.json_junction(level, &junction, &kinds, page);
                    true
                }
                _ => self.joined_junction(level, &junction, &kinds, batch, page),
            };
        }
        match (batch, self.dialect) {
            (Batch::One, _) => {
                let keys = self.one_keys(&kinds);
                self.members(level, id, &keys, page, self.offset_bind(&kinds));
                false
            }
            (Batch::Many, Dialect::Postgres) => {
                let keys: Vec<_> = (0..kinds.len()).map(|i| format!("k.k{i}")).collect();
                self.out.push_str("SELECT k.ord, r.*");
                self.keys_table(&kinds);
                self.out.push_str(" CROSS JOIN LATERAL (");
                self.members(level, id, &keys, page, self.offset_bind(&kinds));
                self.out.push_str(") r");
                true
            }
            (Batch::Many, Dialect::Sqlite) => {
                self.json_members(level, id, &kinds, page);
                true
            }
        }
    }

    /// `SELECT … FROM … WHERE fk = key … LIMIT …` of the rows that a relation leads to from one key.
    fn members(
        &mut self,
        level: &Level,
        id: RelationId,
        keys: &[KeySql],
        page: &BoundPage,
        offset_bind: usize,
    ) {
        let members = self.reached_by(level.entity, id, keys, page);
        let order = self.page_order(level, &members, members.sorted_through(self, id), page);
        let edge = members.j.map_or_else(String::new, Table::called);
        self.select(level, members.t, &edge, &order.keys);
        self.rows(&members.from, members.filters, &order, page, offset_bind);
    }

    /// The page of each of many keys on SQLite, which knows no LATERAL: the rows whose key is among those
    /// of the page.
    fn json_members(&mut self, level: &Level, id: RelationId, kinds: &[Kind], page: &BoundPage) {
        let keys = json_keys(kinds);
        let t = self.table(level.entity);
        let relation = &self.catalog.relations[id];
        let order = self.page_order(level, &Members::known(t), None, page);
        let inner = |writer: &mut Self, columns: &dyn Fn(&Writer<'_>, &Members) -> Vec<String>| {
            let members = writer.reached_by(level.entity, id, &keys, page);
            let order =
                writer.page_order(level, &members, members.sorted_through(writer, id), page);
            let columns = columns(writer, &members).join(", ");
            writer.out.push_str(&format!("SELECT {columns}"));
            writer.rows(&members.from, members.filters, &order, page, 2);
        };
        match &relation.link {
            Link::Through {
                junction,
                near,
                far,
                columns,
            } if level.reads_edges() => {
                let j = self.table(*junction);
                self.json_edges(level, t, j, &order, (near, far, columns), &keys);
                inner(self, &|writer, members| {
                    let j = members.j.unwrap_or(members.t);
                    far.iter().map(|&c| writer.column(j, c)).collect()
                });
                self.json_targets(t, j, far, columns);
            }
            _ => {
                self.out.push_str("SELECT k.key");
                self.columns(level, t, "", &order.keys, ", ");
                self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
                self.named(t);
                let primary_key = self.entity(t).primary_key.clone();
                self.out.push_str(" ON ");
                self.tuple(t, &primary_key);
                self.out.push_str(" IN (");
                inner(self, &|writer, members| {
                    primary_key
                        .iter()
                        .map(|&c| writer.column(members.t, c))
                        .collect()
                });
                self.out.push(')');
            }
        }
        self.out.push_str(" ORDER BY k.key, ");
        self.out.push_str(&order_by(&order.read));
    }

    /// `SELECT … FROM json_each(?1) k CROSS JOIN junction j ON j.near = key AND j.far IN (`
    fn json_edges(
        &mut self,
        level: &Level,
        t: Table,
        j: Table,
        order: &PageOrder,
        (near, far, _): (&[ColumnIx], &[ColumnIx], &[ColumnIx]),
        keys: &[KeySql],
    ) {
        self.out.push_str("SELECT k.key");
        self.columns(level, t, &j.called(), &order.keys, ", ");
        self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
        self.named(j);
        let on = near.iter().zip(keys);
        let on: Vec<_> = on
            .map(|(&c, key)| format!("{} = {key}", self.column(j, c)))
            .collect();
        self.out.push_str(&format!(" ON {} AND ", on.join(" AND ")));
        self.tuple(j, far);
        self.out.push_str(" IN (");
    }

    /// `) CROSS JOIN target t ON t.columns = j.far`
    fn json_targets(&mut self, t: Table, j: Table, far: &[ColumnIx], columns: &[ColumnIx]) {
        self.out.push_str(") CROSS JOIN ");
        self.named(t);
        let on = columns.iter().zip(far);
        let on: Vec<_> = on
            .map(|(&c, &f)| format!("{} = {}", self.column(t, c), self.column(j, f)))
            .collect();
        self.out.push_str(&format!(" ON {}", on.join(" AND ")));
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

    /// Pages of a junction on SQLite, many at once.
    fn json_junction(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        kinds: &[Kind],
        page: &BoundPage,
    ) {
        let keys = json_keys(kinds);
        let t = self.table(level.entity);
        let order = self.page_order(level, &Members::known(t), None, page);
        let ends = (junction.near, junction.far, junction.columns);
        if level.reads_edges() {
            let j = self.table(junction.entity);
            self.json_edges(level, t, j, &order, ends, &keys);
            self.junction_page(level, junction, &keys, page, 2, false);
            self.json_targets(t, j, junction.far, junction.columns);
        } else {
            self.out.push_str("SELECT k.key");
            self.columns(level, t, "", &order.keys, ", ");
            self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
            self.named(t);
            self.out.push_str(" ON ");
            self.tuple(t, junction.columns);
            self.out.push_str(" IN (");
            self.junction_page(level, junction, &keys, page, 2, false);
            self.out.push(')');
        }
        self.out.push_str(" ORDER BY k.key, ");
        self.out.push_str(&order_by(&order.read));
    }

    /// Pages of a junction, and then the rows they name: joined inside the page, a small target would be
    /// scanned once a parent.
    fn joined_junction(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        kinds: &[Kind],
        batch: Batch,
        page: &BoundPage,
    ) -> bool {
        let t = self.table(level.entity);
        let many = batch == Batch::Many;
        let of = &self.catalog.entities[junction.entity];
        let named = junction.far.iter().map(|&f| {
            let column = &of.columns[f];
            (format!("j.{}", quoted(&column.name)), column.kind.clone())
        });
        let order = PageOrder::new(self.plain_keys(named.clone(), junction.descending), page);
        self.out
            .push_str(if many { "SELECT k.ord" } else { "SELECT" });
        self.columns(level, t, "j", &order.keys, if many { ", " } else { " " });
        let keys: Vec<_> = if many {
            self.keys_table(kinds);
            self.out.push_str(" CROSS JOIN LATERAL (");
            (0..kinds.len()).map(|i| format!("k.k{i}")).collect()
        } else {
            self.out.push_str(" FROM (");
            self.one_keys(kinds)
        };
        let offset_bind = self.offset_bind(kinds);
        self.junction_page(level, junction, &keys, page, offset_bind, true);
        self.out.push_str(") j JOIN ");
        self.named(t);
        let on = junction.columns.iter().zip(named);
        let on: Vec<_> = on
            .map(|(&c, (name, _))| format!("{} = {name}", self.column(t, c)))
            .collect();
        let ordinal = if many { "k.ord, " } else { "" };
        self.out.push_str(&format!(
            " ON {} ORDER BY {ordinal}{}",
            on.join(" AND "),
            order_by(&order.read)
        ));
        many
    }

    /// `SELECT far FROM junction WHERE near = key … ORDER BY far LIMIT …`
    fn junction_page(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        keys: &[KeySql],
        page: &BoundPage,
        offset_bind: usize,
        with_edges: bool,
    ) {
        let j = self.table(junction.entity);
        // What edges show, and what their policies look at.
        let all: Vec<_> = (0..self.entity(j).columns.len()).collect();
        let columns = match with_edges && level.reads_edges() {
            true => &all,
            false => junction.far,
        };
        let columns: Vec<_> = columns.iter().map(|&c| self.column(j, c)).collect();
        self.out.push_str(&format!("SELECT {}", columns.join(", ")));
        let near = junction.near.iter().zip(keys);
        let mut filters: Vec<_> = near
            .map(|(&c, key)| format!("{} = {key}", self.column(j, c)))
            .collect();
        filters.push(self.visible(j, Established::Nothing));
        let far = junction.far.iter().map(|&c| {
            let kind = self.entity(j).columns[c].kind.clone();
            (self.column(j, c), kind)
        });
        let order = PageOrder::new(self.plain_keys(far, junction.descending), page);
        let from = self.name(j);
        self.rows(&from, filters, &order, page, offset_bind);
    }

    /// The rows that a relation leads to from a key and that are asked for.
    pub(super) fn reached_by(
        &mut self,
        entity: EntityId,
        id: RelationId,
        keys: &[KeySql],
        page: &BoundPage,
    ) -> Members {
        let relation = &self.catalog.relations[id];
        let established = self.established(id);
        let t = self.table(entity);
        let mut filters = Vec::new();
        let (j, from) = match &relation.link {
            Link::Direct { columns } => {
                let pairs = columns.iter().zip(keys);
                filters.extend(pairs.map(|(&c, key)| format!("{} = {key}", self.column(t, c))));
                filters.push(self.joined(relation, None, t));
                (None, self.name(t))
            }
            Link::Through {
                junction,
                near,
                far,
                columns,
            } => {
                let j = self.table(*junction);
                let pairs = near.iter().zip(keys);
                filters.extend(pairs.map(|(&c, key)| format!("{} = {key}", self.column(j, c))));
                filters.push(match relation.condition {
                    // The junction is the source itself, which its own level has found visible.
                    Some(_) => self.joined(relation, Some(j), t),
                    None => self.visible(j, Established::Nothing),
                });
                let on = columns.iter().zip(far);
                let on =
                    on.map(|(&c, &f)| format!("{} = {}", self.column(t, c), self.column(j, f)));
                let on = on.collect::<Vec<_>>().join(" AND ");
                let from = format!("{} JOIN {} ON {on}", self.name(j), self.name(t));
                (Some(j), from)
            }
        };
        filters.push(self.visible(t, established));
        filters.push(self.asked(t, page));
        let found = self.found(t, page, true);
        filters.push(found.condition);
        Members {
            t,
            j,
            from: format!("{from}{}", found.join),
            filters,
            search: found.alias,
        }
    }

    /// The kinds of the columns that make a relation's key.
    pub(super) fn key_kinds(&self, relation: &Relation) -> Vec<Kind> {
        let from = &self.catalog.entities[relation.from];
        let kinds = relation.from_columns.iter();
        kinds.map(|&c| from.columns[c].kind.clone()).collect()
    }

    /// The binds of one key.
    pub(super) fn one_keys(&self, kinds: &[Kind]) -> Vec<KeySql> {
        let keys = kinds.iter().enumerate();
        keys.map(|(i, kind)| self.one_key(i, kinds.len(), kind))
            .collect()
    }

    /// The number of the offset's bind, after the keys.
    pub(super) fn offset_bind(&self, kinds: &[Kind]) -> usize {
        match self.dialect {
            Dialect::Sqlite => 2,
            Dialect::Postgres => kinds.len() + 1,
        }
    }

    /// The bind of one key's `i`th column. SQLite gets a key of several columns as one JSON array, as it
    /// gets many keys.
    pub(super) fn one_key(&self, i: usize, of: usize, kind: &Kind) -> KeySql {
        match self.dialect {
            Dialect::Postgres if kind.is_integer() => format!("${}", i + 1),
            Dialect::Postgres => format!("${}::text::{}", i + 1, key_type(kind)),
            Dialect::Sqlite if of > 1 => blob(kind, format!("?1 ->> {i}")),
            Dialect::Sqlite => blob(kind, "?1".to_owned()),
        }
    }
}

/// The keys of SQLite's `json_each(?1) k`.
pub(super) fn json_keys(kinds: &[Kind]) -> Vec<KeySql> {
    let keys = kinds.iter().enumerate();
    keys.map(|(i, kind)| json_key(i, kinds.len(), kind, "k.value"))
        .collect()
}

/// The rows that a relation leads to from a key.
pub(super) struct Members {
    pub t: Table,
    /// The junction they are reached through.
    pub j: Option<Table>,
    pub from: String,
    pub filters: Vec<String>,
    /// What the full-text index that found them is called.
    pub search: Option<String>,
}

impl Members {
    /// Rows of `t` that another part of the statement has found.
    fn known(t: Table) -> Self {
        Members {
            t,
            j: None,
            from: String::new(),
            filters: Vec::new(),
            search: None,
        }
    }

    /// The junction with the columns whose order is the relation's own, if it is ordered by its key.
    fn sorted_through<'c>(
        &self,
        writer: &Writer<'c>,
        id: RelationId,
    ) -> Option<(Table, &'c [ColumnIx])> {
        let relation = &writer.catalog.relations[id];
        match (&relation.link, self.j) {
            (Link::Through { far, .. }, Some(j)) if relation.condition.is_none() => Some((j, far)),
            _ => None,
        }
    }
}
