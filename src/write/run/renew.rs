//! Rows of which only relations change: they are written too, where somebody relies on what they were.
//!
//! Whoever says which version of a row he has read is told if another has changed its relations since; so its version grows
//! with them. And where a relation is `set`, PostgreSQL is to know that its row was changed: a transaction that has waited
//! for the row, and sees its relations as they were before, then begins again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::find::is_of;
use super::{Doubt, Stop, Writer};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, Link};
use crate::read::load::change::Transaction;
use crate::read::sql::Dialect;
use crate::read::sql::change::{Task, Value};
use crate::write::order::{GroupKey, Operation};
use crate::write::unit::{Act, Found, Given, Node, NodeId, Origin, Places, Within};

/// A row whose relations change, and the row by which they do, which may turn out to be as it is to be.
type Related = (NodeId, NodeId);

impl<T: Transaction> Writer<'_, T> {
    /// The rows of a field that are renewed if their relations change, with what changes these.
    pub(super) fn related(&self, act: usize) -> Vec<Related> {
        let of_act = self.act(act);
        let relied: BTreeSet<_> = relied_on(of_act, T::DIALECT).collect();
        let mut related = Vec::new();
        if relied.is_empty() {
            return related;
        }
        for id in self.open(act) {
            let is_within =
                |within: &Within, columns: &[ColumnIx]| self.is_within(id, within, columns);
            let parents = changed_by(self.catalog, self.node(id), is_within);
            let parents = parents.into_iter().filter(|parent| relied.contains(parent));
            related.extend(parents.map(|parent| (parent, id)));
        }
        related.extend(
            self.parted
                .iter()
                .filter(|(parent, _)| relied.contains(parent)),
        );
        related
    }

    /// Renews rows whose relations have changed, and of which nothing else is written.
    pub(super) async fn renew(&mut self, act: usize, related: Vec<Related>) -> Result<(), Stop> {
        let changed = related
            .into_iter()
            .filter(|(_, by)| !self.done.contains(by) && !self.instead.contains(by));
        // Whether it is known that they have, is known of none where a database is asked.
        let mut all: BTreeMap<NodeId, bool> = BTreeMap::new();
        for (parent, by) in changed {
            let leaves = |found: &Found| found.uses.delete;
            let changes = self.node(by).found().is_none_or(leaves);
            *all.entry(parent).or_default() |= self.dry && changes && self.is_certain(by);
        }
        let is_written = |id: &NodeId| {
            let is_spared = self.done.contains(id) || self.doubt_of_one(*id).perhaps;
            self.node(*id).is_written() && (!is_spared || self.rewritten.contains(id))
        };
        all.retain(|id, _| !is_written(id));
        let expected: BTreeSet<_> = self.act(act).expected.iter().copied().collect();
        let mut touched: BTreeMap<EntityId, Vec<NodeId>> = BTreeMap::new();
        let mut renewed: BTreeMap<EntityId, Vec<NodeId>> = BTreeMap::new();
        for (id, is_changed) in all {
            if !is_changed || self.node(id).is_written() {
                self.doubt(id, Doubt::PERHAPS);
            }
            let entity = self.node(id).entity;
            let rows = match expected.contains(&id) {
                true => &mut renewed,
                false => &mut touched,
            };
            rows.entry(entity).or_default().push(id);
        }
        for (entity, nodes) in touched {
            self.touch(entity, &nodes).await?;
        }
        for (entity, rows) in renewed {
            self.renew_all(act, entity, rows).await?;
        }
        Ok(())
    }

    /// Writes rows as they are.
    async fn touch(&mut self, entity: EntityId, nodes: &[NodeId]) -> Result<(), Stop> {
        let of = self.entity(entity);
        let keys = nodes.iter().map(|&id| {
            let own = self.key(id).unwrap_or_default().into_iter();
            own.map(|part| Cow::Owned(Value::Is(part))).collect()
        });
        let rows = self.rows(entity, &of.primary_key, keys);
        let column = untouched(of);
        let (doubt, touch) = (self.doubt_of(nodes), Task::Touch { entity, column });
        self.run(nodes, doubt, touch, rows).await?;
        Ok(())
    }

    /// Has versions grow, with what is put into rows that are changed.
    async fn renew_all(
        &mut self,
        act: usize,
        entity: EntityId,
        rows: Vec<NodeId>,
    ) -> Result<(), Stop> {
        let presets = self.update_presets(entity);
        let columns = presets.iter().map(|(column, _)| *column).collect();
        let given = presets.into_iter().map(|(c, value)| (c, Given::Is(value)));
        let given: Vec<_> = given.collect();
        let mut nodes = Vec::new();
        for id in rows {
            let Some(key) = self.key(id) else { continue };
            let node = self.add(Node {
                act,
                entity,
                origin: Origin::Found(Found::changed(key.clone())),
                changes: given.clone(),
                path: self.node(id).path.clone(),
                places: Places::default(),
                trusted: true,
            });
            let key: Vec<_> = key.into_iter().map(Some).collect();
            self.remember(node, &self.entity(entity).primary_key, &key);
            // It is written here, and not with what the field names.
            self.done.insert(node);
            self.doubt(node, self.doubt_of_one(id));
            nodes.push(node);
        }
        let key = GroupKey {
            level: 0,
            operation: Operation::Update,
            entity,
            columns,
        };
        match self.hooks(entity) {
            None => self.write(&key, nodes).await,
            Some(hooks) => Box::pin(self.save(hooks, key, nodes)).await,
        }
    }
}

/// The rows whose relations change when a row is written, or goes. `is_within` tells whether it refers to the parent of a relation by
/// these columns.
pub(super) fn changed_by(
    catalog: &Catalog,
    node: &Node,
    is_within: impl Fn(&Within, &[ColumnIx]) -> bool,
) -> Vec<NodeId> {
    match &node.origin {
        Origin::Found(found) => {
            let leaves = found.uses.delete || found.detached;
            let moves = |within: &Within| match &catalog.relations[within.relation].link {
                Link::Direct { columns } => {
                    let mut keys = node.changes.iter().filter(|(c, _)| columns.contains(c));
                    keys.any(|(_, given)| is_of(given).is_none_or(|(to, _)| to != within.parent))
                }
                Link::Through { .. } => false,
            };
            let left = found.within.iter().filter(|within| leaves || moves(within));
            let entered = found.attached.iter().filter(|within| {
                let relation = &catalog.relations[within.relation];
                match &relation.link {
                    Link::Direct { columns } => !is_within(within, columns),
                    Link::Through { .. } => true,
                }
            });
            left.chain(entered).map(|within| within.parent).collect()
        }
        Origin::New | Origin::NewUnless { .. } | Origin::Link | Origin::Unlink => {
            node.refers_to().map(|(parent, _)| parent).collect()
        }
        Origin::Upsert { .. } | Origin::Unknown | Origin::Nothing => Vec::new(),
    }
}

/// The rows of a field that are renewed where only their relations change.
pub(super) fn relied_on(act: &Act, dialect: Dialect) -> impl Iterator<Item = NodeId> {
    let expected = act.expected.iter().copied();
    // SQLite's writers take turns at all rows.
    let set = act
        .sets
        .iter()
        .filter(move |_| dialect == Dialect::Postgres);
    expected.chain(set.map(|set| set.parent))
}

/// A column that can be written as it is, and of which nobody takes note if possible.
fn untouched(of: &Entity) -> ColumnIx {
    let is_free = |column: &ColumnIx| !of.primary_key.contains(column);
    let mut others = (0..of.columns.len()).filter(is_free);
    let written = |column: &ColumnIx| of.columns[*column].written.on_update;
    let own = of.writing.version;
    let own = own
        .or_else(|| others.clone().find(written))
        .or_else(|| others.next());
    own.unwrap_or(of.primary_key[0])
}
