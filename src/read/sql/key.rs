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
            self.columns(level, t, None, &[], ", ");
        } else {
            self.select(level, t, None, &[]);
        }
        let established = way.map_or(Established::Nothing, |id| self.established(id));
        let rows = self.rows_of(t, established);
        let rows = match (batch, self.dialect, columns) {
            (Batch::One, _, _) => {
                let keys = columns.iter().zip(&parts).enumerate();
                rows.tied(keys.map(|(i, (&c, part))| {
                    let key = self.one_key(i, parts.len(), *part);
                    self.equal_to_key((t, c), *part, key)
                }))
            }
            (Batch::Many, Dialect::Postgres, [c]) if by_value => {
                let (column, seen) = self.found_by(t, *c);
                let keys = self.array_bind(0, parts[0]);
                rows.tied([format!("{column} = ANY({keys})"), seen])
            }
            (Batch::Many, dialect, _) => {
                let keys = match dialect {
                    Dialect::Postgres => format!("{} JOIN ", self.keys_table(&parts)),
                    Dialect::Sqlite => "json_each(?1) k CROSS JOIN ".to_owned(),
                };
                let on = columns.iter().enumerate().map(|(i, &c)| {
                    let key = match dialect {
                        Dialect::Postgres => format!("k.k{i}"),
                        Dialect::Sqlite => json_key(i, columns.len(), parts[i].kind, "k.value"),
                    };
                    self.equal_to_key((t, c), parts[i], key)
                });
                let on = on.collect::<Vec<_>>().join(" AND ");
                rows.between(&keys, &format!(" ON {on}"))
            }
        };
        let joined = way.map(|id| self.joined(&self.catalog.relations[id], None, t));
        self.out.push_str(&rows.tied(joined).written());
        ordinal
    }

    /// `unnest($1, …) WITH ORDINALITY AS k(k0, …, ord)`
    pub(super) fn keys_table(&self, parts: &[KeyPart<'_>]) -> String {
        let arrays = parts.iter().enumerate();
        let arrays: Vec<_> = arrays.map(|(i, part)| self.array_bind(i, *part)).collect();
        let names: Vec<_> = (0..parts.len()).map(|i| format!("k{i}")).collect();
        format!(
            "unnest({}) WITH ORDINALITY AS k({}, ord)",
            arrays.join(", "),
            names.join(", ")
        )
    }
}
