//! Which rows of a table the principal sees: its entity's policy, and that of what it is reached through.

use super::{Table, Writer, join_conditions};
use crate::graph::policy::{Row, Visibility};
use crate::graph::{Link, RelationId};

/// What the way to a row has established about its visibility.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Established {
    Nothing,
    /// The row that its policy's `through` leads to is visible.
    Through,
    /// The row itself is.
    Row,
}

impl Writer<'_> {
    /// The condition under which the principal sees a row of `t`; empty if always.
    pub(super) fn visible(&mut self, t: Table, established: Established) -> String {
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
            .map(|(&c, &f)| self.equal((target, c), (t, f)))
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

    /// What walking a relation from a visible row says about the row it leads to.
    pub(super) fn established(&self, id: RelationId) -> Established {
        let relation = &self.catalog.relations[id];
        if self.catalog.entities[relation.from].policy.through == Some(id) {
            return Established::Row;
        }
        match self.catalog.entities[relation.to].policy.through {
            Some(through) if relation.inverse == Some(through) => Established::Through,
            _ => Established::Nothing,
        }
    }
}
