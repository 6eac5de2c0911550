//! Rows found by keys: one bind a key column, however many keys there are.

use super::value::{array_bind, json_key};
use super::{Batch, Dialect, Established, Writer};
use crate::graph::{ColumnIx, Kind, RelationId};
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
            self.columns(level, t, "", &[], ", ");
        } else {
            self.select(level, t, "", &[]);
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
            (Batch::Many, dialect, _) => {
                if dialect == Dialect::Postgres {
                    self.keys_table(&kinds);
                    self.out.push_str(" JOIN ");
                } else {
                    self.out.push_str(" FROM json_each(?1) k CROSS JOIN ");
                }
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

    /// ` FROM unnest($1, …) AS k(k0, …)`
    pub(super) fn keys_table(&mut self, kinds: &[Kind]) {
        let arrays: Vec<_> = kinds
            .iter()
            .enumerate()
            .map(|(i, k)| array_bind(i, k))
            .collect();
        let names: Vec<_> = (0..kinds.len()).map(|i| format!("k{i}")).collect();
        self.out.push_str(&format!(
            " FROM unnest({}) WITH ORDINALITY AS k({}, ord)",
            arrays.join(", "),
            names.join(", ")
        ));
    }
}
