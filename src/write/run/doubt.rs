//! What is not known of rows before a database is asked.
//!
//! Where none is asked (`dry`), rows go every way that there is for them: what is perhaps done to a row is done, and its statements
//! are told as such that perhaps run. So what is explained follows from the code that runs, and from no other.

use super::{Writer, first_place};
use crate::graph::keys::KeyValue;
use crate::graph::rules::Visibility;
use crate::graph::{Catalog, ColumnIx, EntityId};
use crate::read::load::change::{Given as Row, Transaction};
use crate::read::sql::change::{Ask, Find};
use crate::write::unit::{NodeId, Origin};

/// What is not known of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubt {
    /// Perhaps there is none, or nothing is to be done to it.
    pub perhaps: bool,
    /// There may be any number of them.
    pub many: bool,
}

impl Doubt {
    pub const NONE: Doubt = Doubt {
        perhaps: false,
        many: false,
    };
    pub const PERHAPS: Doubt = Doubt {
        perhaps: true,
        many: false,
    };
    /// Of rows that only the database could name.
    pub const FOUND: Doubt = Doubt {
        perhaps: true,
        many: true,
    };

    /// Of all rows of one statement, which runs if it does for one of them.
    pub fn of_all(rows: impl IntoIterator<Item = Doubt>) -> Doubt {
        let none = Doubt::PERHAPS;
        rows.into_iter().fold(none, |all, row| Doubt {
            perhaps: all.perhaps && row.perhaps,
            many: all.many || row.many,
        })
    }

    pub fn if_at_all(self, perhaps: bool) -> Doubt {
        Doubt {
            perhaps: self.perhaps || perhaps,
            ..self
        }
    }
}

impl<T: Transaction> Writer<'_, T> {
    /// Nothing need be done to a row; where no database is asked, that may be so.
    pub(super) fn spare(&mut self, id: NodeId) {
        match self.dry {
            true => self.doubt(id, Doubt::PERHAPS),
            false => drop(self.done.insert(id)),
        }
    }

    /// Notes what is not known of a row, where no database is asked.
    pub(super) fn doubt(&mut self, id: NodeId, doubt: Doubt) {
        if !self.dry {
            return;
        }
        let known = self.doubts.entry(id).or_default();
        known.perhaps |= doubt.perhaps;
        known.many |= doubt.many;
    }

    /// What is not known of rows that are written.
    pub(super) fn doubt_of(&self, nodes: &[NodeId]) -> Doubt {
        match self.dry {
            true => Doubt::of_all(nodes.iter().map(|&id| self.doubt_of_one(id))),
            false => Doubt::NONE,
        }
    }

    pub(super) fn doubt_of_one(&self, id: NodeId) -> Doubt {
        self.doubts.get(&id).copied().unwrap_or_default()
    }

    /// Whether it is known that a row is made, or that what is written of it is written.
    pub(super) fn is_certain(&self, id: NodeId) -> bool {
        let is_either = matches!(
            self.node(id).origin,
            Origin::NewUnless { .. } | Origin::Upsert { .. } | Origin::Link
        );
        !is_either && !self.doubt_of_one(id).perhaps
    }

    /// What is not known of the rows that a statement finds.
    pub(super) fn doubt_of_found(&self, doubt: Doubt, find: &Find) -> Doubt {
        Doubt {
            many: doubt.many || !is_unique(self.catalog, find.entity, &find.by),
            ..doubt
        }
    }

    /// Makes rows up to what a statement finds: one for each that is bound, and a second one for the first where there may be several.
    /// Whoever asks may do to them all that he may do to any.
    pub(super) fn make_up(&self, find: &Find, rows: &mut Vec<Row>) {
        let rules = self.rules;
        let holds = |ask: &Ask| match ask {
            Ask::May(deed) => *deed.rule(rules, find.entity) != Visibility::Nothing,
            Ask::Sees(column) => *rules.column(find.entity, *column) != Visibility::Nothing,
            // It is seen, and kept by nothing.
            Ask::Referred { other, .. } => !other,
            Ask::Agrees(..) => true,
        };
        let asks = &find.look.asks;
        let last = rows.len().saturating_sub(1);
        for (at, row) in rows.iter_mut().enumerate() {
            let at = if at == last { 0 } else { at };
            row[0] = Some(KeyValue::Int(first_place(T::DIALECT) + at as i64));
            let first = row.len() - asks.len();
            for (answer, ask) in row[first..].iter_mut().zip(asks) {
                *answer = Some(KeyValue::Int(holds(ask).into()));
            }
        }
        if is_unique(self.catalog, find.entity, &find.by) {
            rows.truncate(last);
        }
    }
}

/// Whether one row at most has the same in these columns.
fn is_unique(catalog: &Catalog, entity: EntityId, by: &[ColumnIx]) -> bool {
    let of = &catalog.entities[entity];
    let within = |key: &[ColumnIx]| key.iter().all(|column| by.contains(column));
    let mut unique = of.writing.unique.iter();
    within(&of.primary_key)
        || unique.any(|key| within(&key.columns))
        || by.iter().any(|&column| of.columns[column].unique)
}
