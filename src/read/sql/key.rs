//! Rows found by keys: one bind a key column, however many keys there are.

use super::value::{KeyPart, json_key};
use super::{Batch, Dialect, Established, Writer};
use crate::graph::{ColumnIx, RelationId};
use crate::read::plan::Level;

impl Writer<'_> {
    /// Rows found by key columns that are unique: at most one row a key. True if the rows say which key
    /// found them; otherwise they are told apart by the key's own value.
    pub(super) fn by_key(
        &mut self,
        level: &Level,
        columns: &[ColumnIx],
        way: Option<RelationId>,
        batch: Batch,
    ) -> bool {
        let t = self.table(level.entity);
        let parts = match way {
            Some(id) => self.key_parts(&self.catalog.relations[id]),
            None => self.parts(level.entity, columns),
        };
        let by_value = match (&parts[..], columns) {
            ([part], &[c]) => part.by_value(self.dialect, &self.entity(t).columns[c].kind),
            _ => false,
        };
        let ordinal = batch == Batch::Many && !by_value;
        if ordinal {
            self.out.push_str(match self.dialect {
                Dialect::Postgres => "SELECT k.ord",
                Dialect::Sqlite => "SELECT k.key",
            });
            self.columns(level, t, "", &[], ", ");
        } else {
            self.select(level, t, "", &[]);
        }
        let mut filters = Vec::new();
        match (batch, self.dialect, columns) {
            (Batch::One, _, _) => {
                self.from(t);
                for (i, (&c, part)) in columns.iter().zip(&parts).enumerate() {
                    let key = self.one_key(i, parts.len(), *part);
                    filters.push(self.equal_to_key((t, c), *part, key));
                }
            }
            (Batch::Many, Dialect::Postgres, [c]) if by_value => {
                self.from(t);
                filters.push(format!(
                    "{} = ANY({})",
                    self.column(t, *c),
                    self.array_bind(0, parts[0])
                ));
            }
            (Batch::Many, dialect, _) => {
                if dialect == Dialect::Postgres {
                    self.keys_table(&parts);
                    self.out.push_str(" JOIN ");
                } else {
                    self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
                }
                self.named(t);
                let on = columns.iter().enumerate().map(|(i, &c)| {
                    let key = match dialect {
                        Dialect::Postgres => format!("k.k{i}"),
                        Dialect::Sqlite => json_key(i, columns.len(), parts[i].kind, "k.value"),
                    };
                    self.equal_to_key((t, c), parts[i], key)
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

    /// ` FROM unnest($1, …) AS k(k0, …)`
    pub(super) fn keys_table(&mut self, parts: &[KeyPart<'_>]) {
        let arrays = parts.iter().enumerate();
        let arrays: Vec<_> = arrays.map(|(i, part)| self.array_bind(i, *part)).collect();
        let names: Vec<_> = (0..parts.len()).map(|i| format!("k{i}")).collect();
        self.out.push_str(&format!(
            " FROM unnest({}) WITH ORDINALITY AS k({}, ord)",
            arrays.join(", "),
            names.join(", ")
        ));
    }
}
