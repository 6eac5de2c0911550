//! The first row that a field makes, where all that is written of it is known: on PostgreSQL it is on its way before it is known
//! whether the rows that the field names are there, and what rules say of them. What they refuse is told as if it had come first, and
//! takes the row back.

use super::levels::inserting;
use super::references;
use super::{Writer, alone};
use crate::graph::Catalog;
use crate::read::load::DatabaseError;
use crate::read::load::change::{Change, Transaction};
use crate::read::sql::Dialect;
use crate::write::order::{Operation, Order};
use crate::write::unit::{Act, Given, Node, NodeId, Origin, Uses};

/// The first row of a field that makes rows, and only refers to those that it names.
pub fn ahead(catalog: &Catalog, nodes: &[Node], act: &Act, order: &Order) -> Option<NodeId> {
    let (key, group) = order.groups.first_key_value()?;
    let (Operation::Insert, [id]) = (key.operation, &group[..]) else {
        return None;
    };
    let only_connected = Uses {
        connect: true,
        ..Uses::default()
    };
    let is_only_named = |node: &Node| match &node.origin {
        Origin::Found(found) => {
            let is_related = !found.within.is_empty() || !found.attached.is_empty();
            found.uses == only_connected
                && node.changes.is_empty()
                && !(is_related || found.detached || found.joined)
        }
        Origin::Unlink => false,
        _ => true,
    };
    let node = &nodes[*id];
    let is_known = |(column, given): &(usize, Given)| match given {
        _ if !key.columns.contains(column) => true,
        Given::Is(_) => true,
        Given::Of(to, of) => {
            let to = &nodes[*to];
            let primary_key = &catalog.entities[to.entity].primary_key;
            node.act == to.act
                && primary_key.contains(of)
                && to.named_key().is_some()
                && alone::is_exact(catalog, to.entity)
        }
    };
    let is_ahead = act.matching.is_none()
        && act.sets.is_empty()
        && !node.trusted
        && catalog.entities[node.entity].writing.hooks.is_none()
        && act.nodes.iter().all(|&id| is_only_named(&nodes[id]))
        && node.changes.iter().all(is_known)
        && references::statements(catalog, nodes, act) == 0;
    is_ahead.then_some(*id)
}

impl<T: Transaction> Writer<'_, T> {
    /// The row of a field that is written ahead, to which the keys that it refers to are known then. Where it follows from its
    /// values that it may not be so, it waits for what is found.
    pub(super) fn ahead_of(&mut self, act: usize) -> Option<NodeId> {
        // SQLite has no way between two statements that could be saved.
        let is_first = self.done.is_empty() && self.more.is_empty();
        if T::DIALECT != Dialect::Postgres || self.dry || !is_first {
            return None;
        }
        let id = self.act(act).ahead?;
        let node = &self.units.nodes[id];
        for (to, column) in node.refers_to() {
            let to_node = &self.units.nodes[to];
            let primary_key = &self.entity(to_node.entity).primary_key;
            let mut own = primary_key.iter().zip(to_node.named_key()?);
            if let Some((_, part)) = own.find(|(c, _)| **c == column) {
                self.known.insert((to, column), Some(part.clone()));
            }
        }
        let rule = self.rules.create(node.entity);
        let foregone = self.refuse_foregone(rule, node.entity, &[id], "");
        foregone.is_ok().then_some(id)
    }

    pub(super) fn change_ahead(&self, act: usize, id: NodeId) -> Result<Change, DatabaseError> {
        let order = self.act(act).order.as_ref();
        let first = order.and_then(|order| order.groups.first_key_value());
        let Some((key, _)) = first else {
            let cause = "a row is written ahead of nothing";
            return Err(DatabaseError::Shape(cause.to_owned()));
        };
        let insert = inserting(key, &self.returned(key).columns);
        let rows = self.values(key.entity, &key.columns, &[id]);
        let kept = self.kept_as(insert, &rows);
        self.change(self.writing(&kept), rows)
    }
}
