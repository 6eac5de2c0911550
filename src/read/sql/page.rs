//! Pages: the rows of a list, and for each parent a page of the rows that a relation leads to.

use super::sort::{PageOrder, order_by};
use super::value::{KeyPart, json_key};
use super::visible::Rows;
use super::{Batch, Dialect, Established, KeySql, Table, Writer};
use crate::graph::{ColumnIx, EntityId, Link, Relation, RelationId};
use crate::read::plan::{BoundPage, Level, Window, default_order, default_terms};

/// A many-to-many link whose pages are those of its junction.
struct Junction<'a> {
    entity: EntityId,
    near: &'a [ColumnIx],
    far: &'a [ColumnIx],
    /// The target's columns that `far` refers to.
    columns: &'a [ColumnIx],
    /// Where the keys of `near` come from.
    parts: Vec<KeyPart<'a>>,
    descending: bool,
}

impl<'c> Writer<'c> {
    /// ` FROM … WHERE … ORDER BY … LIMIT …` of a page's rows, in the order they are read.
    pub(super) fn rows(
        &mut self,
        mut rows: Rows,
        order: &PageOrder,
        page: &BoundPage,
        offset_bind: usize,
    ) {
        for between in self.between(&order.keys, page) {
            rows = rows.only(between);
        }
        self.out.push_str(&rows.written());
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
                let columns = far.iter().map(|&c| (self.column(j, c), c));
                self.plain_keys(j.entity, columns, descending)
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
        let parts = self.key_parts(relation);
        let established = self.established(id);
        let plain = page.filter.is_none() && page.search.is_none() && page.order.is_empty();
        let bare =
            plain && relation.condition.is_none() && self.sees_all(level.entity, established);
        let junction = match bare {
            true => self.whole_junction(relation),
            false => None,
        };
        match (batch, self.dialect) {
            (Batch::One, _) => {
                let keys = self.one_keys(&parts);
                let offset_bind = self.offset_bind(&parts);
                match junction {
                    Some(junction) => {
                        self.junction_rows(level, &junction, &keys, page, offset_bind);
                    }
                    None => self.members(level, id, &keys, page, offset_bind, bare),
                }
                false
            }
            (Batch::Many, Dialect::Postgres) => {
                match junction {
                    Some(junction) => self.junction_pages(level, &junction, &parts, page),
                    None => {
                        let keys: Vec<_> = (0..parts.len()).map(|i| format!("k.k{i}")).collect();
                        let table = self.keys_table(&parts);
                        let select = format!("SELECT k.ord, r.* FROM {table} CROSS JOIN LATERAL (");
                        self.out.push_str(&select);
                        let offset_bind = self.offset_bind(&parts);
                        self.members(level, id, &keys, page, offset_bind, bare);
                        self.out.push_str(") r");
                    }
                }
                true
            }
            (Batch::Many, Dialect::Sqlite) => {
                let keys = json_keys(&parts);
                self.packed(|writer| writer.members(level, id, &keys, page, 2, bare));
                true
            }
        }
    }

    /// The pages of many keys on SQLite, which knows no LATERAL: a row for each key, into which our own
    /// aggregate packs the rows of its page in their order.
    fn packed(&mut self, write: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.out);
        self.packs = Some(0);
        write(self);
        let page = std::mem::replace(&mut self.out, outer);
        let columns: Vec<_> = (0..self.packs.unwrap_or(0))
            .map(|i| format!("r.c{i}"))
            .collect();
        self.out.push_str(&format!(
            "SELECT k.key, (SELECT backref_rows({}) FROM ({page}) r) FROM json_each(?1) k",
            columns.join(", ")
        ));
    }

    /// `SELECT … FROM … WHERE fk = key … LIMIT …` of the rows that a relation leads to from one key.
    fn members(
        &mut self,
        level: &Level,
        id: RelationId,
        keys: &[KeySql],
        page: &BoundPage,
        offset_bind: usize,
        bare: bool,
    ) {
        let members = self.reached_by(level.entity, id, keys, page, bare);
        let order = self.page_order(level, &members, members.sorted_through(self, id), page);
        self.select(level, members.t, members.j, &order.keys);
        self.rows(members.rows, &order, page, offset_bind);
    }

    /// The junction of a relation if the database has all rows that it leads to, so that pages can be cut from it alone.
    /// SQLite holds to a foreign key only on connections that ask for it, so there none says so.
    fn whole_junction<'r>(&self, relation: &'r Relation) -> Option<Junction<'r>>
    where
        'c: 'r,
    {
        let Link::Through {
            junction,
            near,
            far,
            columns,
        } = &relation.link
        else {
            return None;
        };
        let of = &self.catalog.entities[*junction];
        let whole = self.dialect == Dialect::Postgres && of.refers(far, relation.to, columns);
        whole.then_some(Junction {
            entity: *junction,
            near,
            far,
            columns,
            parts: self.key_parts(relation),
            descending: self.catalog.entities[relation.to].newest_first(),
        })
    }

    /// A page of a junction, and then the rows it names: joined inside the page, a small target would be
    /// scanned once a parent.
    fn junction_rows(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        keys: &[KeySql],
        page: &BoundPage,
        offset_bind: usize,
    ) {
        let t = self.table(level.entity);
        let j = self.table(junction.entity);
        let order = self.junction_order(j, junction, page);
        self.select(level, t, Some(j), &order.keys);
        let cut = self.junction_page(level, junction, keys, page, offset_bind);
        let rows = self.junction_targets(t, j, junction, &format!("({cut}"));
        self.out.push_str(&rows.written());
        let sorted = order_by(&order.read);
        self.out.push_str(&format!(" ORDER BY {sorted}"));
    }

    /// The same for many keys on PostgreSQL.
    fn junction_pages(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        parts: &[KeyPart<'_>],
        page: &BoundPage,
    ) {
        let t = self.table(level.entity);
        let j = self.table(junction.entity);
        let order = self.junction_order(j, junction, page);
        self.out.push_str("SELECT k.ord");
        self.columns(level, t, Some(j), &order.keys, ", ");
        let keys: Vec<_> = (0..parts.len()).map(|i| format!("k.k{i}")).collect();
        let cut = self.junction_page(level, junction, &keys, page, self.offset_bind(parts));
        let table = self.keys_table(parts);
        let cut = format!("{table} CROSS JOIN LATERAL ({cut}");
        let rows = self.junction_targets(t, j, junction, &cut);
        self.out.push_str(&rows.written());
        let sorted = order_by(&order.read);
        self.out.push_str(&format!(" ORDER BY k.ord, {sorted}"));
    }

    /// The order of a page of `j`, by the junction's key.
    fn junction_order(&self, j: Table, junction: &Junction<'_>, page: &BoundPage) -> PageOrder {
        let far = junction.far.iter().map(|&c| (self.column(j, c), c));
        let keys = self.plain_keys(junction.entity, far, junction.descending);
        PageOrder::new(keys, page)
    }

    /// `… ) j JOIN target ON target.columns = j.far`, all of whose rows are seen.
    fn junction_targets(&self, t: Table, j: Table, junction: &Junction<'_>, cut: &str) -> Rows {
        let on = self.all_equal((t, junction.columns), (j, junction.far));
        let before = format!("{cut}) {} JOIN ", j.called());
        self.rows_of(t, Established::Row)
            .between(&before, &format!(" ON {on}"))
    }

    /// `SELECT far FROM junction WHERE near = key … ORDER BY far LIMIT …`
    fn junction_page(
        &mut self,
        level: &Level,
        junction: &Junction<'_>,
        keys: &[KeySql],
        page: &BoundPage,
        offset_bind: usize,
    ) -> String {
        let outer = std::mem::take(&mut self.out);
        let j = self.table(junction.entity);
        // What edges show, and what their rules look at.
        let all: Vec<_> = (0..self.entity(j).columns.len()).collect();
        let columns = match level.reads_edges() {
            true => &all,
            false => junction.far,
        };
        let columns = self.passed_on(j, columns);
        self.out.push_str(&format!("SELECT {}", columns.join(", ")));
        let rows = self.rows_of(j, Established::Nothing);
        let rows = rows.tied(self.tied_to(j, junction.near, &junction.parts, keys));
        let order = self.junction_order(j, junction, page);
        self.rows(rows, &order, page, offset_bind);
        std::mem::replace(&mut self.out, outer)
    }

    /// The rows that a relation leads to from a key and that are asked for. Of those of a bare junction nothing is asked, so
    /// they are looked up one by one in its order.
    pub(super) fn reached_by(
        &mut self,
        entity: EntityId,
        id: RelationId,
        keys: &[KeySql],
        page: &BoundPage,
        bare: bool,
    ) -> Members {
        let relation = &self.catalog.relations[id];
        let t = self.table(entity);
        let parts = self.key_parts(relation);
        let targets = self.rows_of(t, self.established(id));
        let (j, rows) = match &relation.link {
            Link::Direct { columns } => {
                let tied = self.tied_to(t, columns, &parts, keys);
                let joined = self.joined(relation, None, t);
                (None, targets.tied(tied).tied([joined]))
            }
            Link::Through {
                junction,
                near,
                far,
                columns,
            } => {
                let j = self.table(*junction);
                let tied = self.tied_to(j, near, &parts, keys);
                let links = match relation.condition {
                    // The junction is the source itself, which its own level has found visible.
                    Some(_) => self
                        .rows_of(j, Established::Row)
                        .tied(tied)
                        .tied([self.joined(relation, Some(j), t)]),
                    None => self.rows_of(j, Established::Nothing).tied(tied),
                };
                let on = self.all_equal((t, columns), (j, far));
                let rows = match (bare, self.dialect) {
                    (true, Dialect::Sqlite) => links.before(targets, &on),
                    _ => links.join(targets, &on),
                };
                (Some(j), rows)
            }
        };
        let asked = self.asked(t, page);
        let found = self.found(t, page, true);
        Members {
            t,
            j,
            rows: rows
                .only(asked)
                .between("", &found.join)
                .only(found.condition),
            search: found.alias,
        }
    }

    /// The conditions that columns are equal to a key, whose values were read from `parts`.
    fn tied_to(
        &self,
        t: Table,
        columns: &[ColumnIx],
        parts: &[KeyPart<'_>],
        keys: &[KeySql],
    ) -> Vec<String> {
        let key = columns.iter().zip(parts).zip(keys);
        key.map(|((&c, part), key)| self.equal_to_key((t, c), *part, key.clone()))
            .collect()
    }

    /// The columns that make a relation's key.
    pub(super) fn key_parts(&self, relation: &Relation) -> Vec<KeyPart<'c>> {
        self.parts(relation.from, &relation.from_columns)
    }

    pub(super) fn parts(&self, entity: EntityId, columns: &[ColumnIx]) -> Vec<KeyPart<'c>> {
        let catalog = self.catalog;
        let part = |&column: &ColumnIx| KeyPart {
            entity,
            column,
            kind: &catalog.entities[entity].columns[column].kind,
        };
        columns.iter().map(part).collect()
    }

    /// The binds of one key.
    pub(super) fn one_keys(&self, parts: &[KeyPart<'_>]) -> Vec<KeySql> {
        let keys = parts.iter().enumerate();
        keys.map(|(i, part)| self.one_key(i, parts.len(), *part))
            .collect()
    }

    /// The number of the offset's bind, after the keys.
    pub(super) fn offset_bind(&self, parts: &[KeyPart<'_>]) -> usize {
        match self.dialect {
            Dialect::Sqlite => 2,
            Dialect::Postgres => parts.len() + 1,
        }
    }
}

/// The keys of SQLite's `json_each(?1) k`.
pub(super) fn json_keys(parts: &[KeyPart<'_>]) -> Vec<KeySql> {
    let keys = parts.iter().enumerate();
    keys.map(|(i, part)| json_key(i, parts.len(), part.kind, "k.value"))
        .collect()
}

/// The rows that a relation leads to from a key.
pub(super) struct Members {
    pub t: Table,
    /// The junction they are reached through.
    pub j: Option<Table>,
    pub rows: Rows,
    /// What the full-text index that found them is called.
    pub search: Option<String>,
}

impl Members {
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
