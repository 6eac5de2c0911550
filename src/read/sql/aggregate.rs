//! What rows come to: one grouped statement for a whole level.

use super::page::json_keys;
use super::value::{KeyPart, read_cast};
use super::visible::Rows;
use super::{Batch, Dialect, Table, Writer};
use crate::graph::{ColumnIx, Kind, RelationId};
use crate::read::plan::{BoundPage, Expression, Function, Level};

impl Writer<'_> {
    /// The totals, or the groups, of a root list or of the rows that a relation leads to from each key. A key
    /// without rows has none here. True if the first column is the key's ordinal.
    pub(super) fn totals(
        &mut self,
        level: &Level,
        relation: Option<RelationId>,
        batch: Batch,
        page: &BoundPage,
    ) -> bool {
        self.by = page.by.clone();
        let Some(id) = relation else {
            let t = self.table(level.entity);
            let listed = self.listed(t, page);
            self.summed(level, t, listed.rows, page, 1);
            return false;
        };
        let parts = self.key_parts(&self.catalog.relations[id]);
        let offset_bind = self.offset_bind(&parts);
        if batch == Batch::One {
            let keys = self.one_keys(&parts);
            let members = self.reached_by(level.entity, id, &keys, page, false);
            self.summed(level, members.t, members.rows, page, offset_bind);
            return false;
        }
        let keys: Vec<_> = match self.dialect {
            Dialect::Postgres => (0..parts.len()).map(|i| format!("k.k{i}")).collect(),
            Dialect::Sqlite => json_keys(&parts),
        };
        let ordinal = match self.dialect {
            Dialect::Postgres => "k.ord",
            Dialect::Sqlite => "k.key",
        };
        let members = self.reached_by(level.entity, id, &keys, page, false);
        if page.by.is_empty() {
            self.out.push_str(&format!("SELECT {ordinal}"));
            self.columns(level, members.t, None, &[], ", ");
            self.keys_and(&parts, members.rows);
            self.out.push_str(&format!(" GROUP BY {ordinal}"));
            return true;
        }
        // Numbered within each key, so that a page can be cut of each.
        let (group, sorted) = self.grouped(members.t, page);
        let reads = self.reads(level, members.t, None, &[]);
        let names: Vec<_> = (0..reads.len()).map(|i| format!("g.c{i}")).collect();
        let named = reads
            .iter()
            .enumerate()
            .map(|(i, read)| format!("{read} AS c{i}"));
        self.out.push_str(&format!(
            "SELECT g.ord, {} FROM (SELECT {ordinal} AS ord, {}, row_number() OVER (PARTITION BY {ordinal} ORDER BY {sorted}) AS n",
            names.join(", "),
            named.collect::<Vec<_>>().join(", ")
        ));
        self.keys_and(&parts, members.rows);
        self.out
            .push_str(&format!(" GROUP BY {ordinal}, {group}) g WHERE "));
        let fetch = page.fetch;
        let offset = match self.dialect {
            Dialect::Postgres => format!("${offset_bind}"),
            Dialect::Sqlite => format!("?{offset_bind}"),
        };
        self.out.push_str(&match page.offset {
            0 => format!("g.n <= {fetch}"),
            _ => format!("g.n > {offset} AND g.n <= {offset} + {fetch}"),
        });
        self.out.push_str(" ORDER BY g.ord, g.n");
        true
    }

    /// The totals or groups of the rows of one FROM.
    fn summed(
        &mut self,
        level: &Level,
        t: Table,
        rows: Rows,
        page: &BoundPage,
        offset_bind: usize,
    ) {
        self.select(level, t, None, &[]);
        self.out.push_str(&rows.written());
        if page.by.is_empty() {
            return;
        }
        let (group, sorted) = self.grouped(t, page);
        self.out
            .push_str(&format!(" GROUP BY {group} ORDER BY {sorted}"));
        self.limit(page, offset_bind);
    }

    /// ` FROM keys k CROSS JOIN … WHERE …`
    fn keys_and(&mut self, parts: &[KeyPart<'_>], rows: Rows) {
        let keys = match self.dialect {
            Dialect::Postgres => self.keys_table(parts),
            Dialect::Sqlite => "json_each(?1) k".to_owned(),
        };
        let rows = rows.between(&format!("{keys} CROSS JOIN "), "");
        self.out.push_str(&rows.written());
    }

    /// What rows are grouped by and what the groups are sorted by.
    fn grouped(&self, t: Table, page: &BoundPage) -> (String, String) {
        let group = |&c: &ColumnIx| match self.entity(t).columns[c].kind {
            // Not every type can be grouped by, but its text can, by which it is compared, too.
            Kind::Other => self.readable(t, c),
            _ => self.compared(t, c),
        };
        let group: Vec<_> = page.by.iter().map(group).collect();
        let sorted = page.by.iter().map(|&c| {
            let (sql, nullable, _, _) = self.order_column(t, c, false);
            let nulls = if nullable { " NULLS LAST" } else { "" };
            format!("{sql}{nulls}")
        });
        (group.join(", "), sorted.collect::<Vec<_>>().join(", "))
    }

    /// An expression over all rows of a group.
    pub(super) fn aggregated(&self, t: Table, value: Expression) -> String {
        let kind = |c: ColumnIx| self.entity(t).columns[c].kind.clone();
        let postgres = self.dialect == Dialect::Postgres;
        match value {
            Expression::Count => "count(*)".to_owned(),
            Expression::Group(c) if self.by.contains(&c) => match self.other_form(t.entity, c) {
                Some(form) => form.shown(self.compared(t, c)),
                None => self.readable(t, c),
            },
            Expression::Of(Function::Count, c) => format!("count({})", self.column(t, c)),
            Expression::Of(Function::Sum, c) => {
                let column = self.column(t, c);
                match kind(c) {
                    Kind::Float { .. } if postgres => format!("sum({column}::double precision)"),
                    Kind::Float { .. } => format!("sum({column})"),
                    Kind::Decimal { .. } if postgres => format!("sum({column}::numeric)::text"),
                    _ if postgres => format!("sum({column})::text"),
                    Kind::Int => format!("CAST(sum({column}) AS TEXT)"),
                    // SQLite's own sum ends at 64 bits and knows no decimals.
                    Kind::Decimal {
                        scale: Some(scale), ..
                    } => {
                        format!("backref_sum({column}, {scale})")
                    }
                    Kind::Decimal { scale: None, .. } => format!("backref_sum({column}, NULL)"),
                    _ => format!("backref_sum({column}, 0)"),
                }
            }
            Expression::Of(function, c) => {
                let name = if function == Function::Min {
                    "min"
                } else {
                    "max"
                };
                let kind = kind(c);
                let collation = self.collation(&kind);
                let sql = format!("{name}({}{collation})", self.compared(t, c));
                if let Some(form) = self.other_form(t.entity, c) {
                    return form.shown(sql);
                }
                match read_cast(&kind) {
                    Some(cast) if postgres => format!("{sql}::{cast}"),
                    _ => sql,
                }
            }
            Expression::Group(_) | Expression::Column(_) | Expression::Edge(_) => "NULL".to_owned(),
        }
    }
}
