//! Deleting: with a row go those that the graph says go with it, each looked at by the rules, children first.
//!
//! Nothing is left to the database's own cascades, which pass rules by. What else refers to a row keeps it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use sea_orm::sea_query::ForeignKeyAction;

use super::find::referring;
use super::hooks::Leaving;
use super::{Doubt, FailedDeed, Stop, Writer, holds};
use crate::error::{Code, Error};
use crate::graph::hooks::Hooks;
use crate::graph::keys::KeyValue;
use crate::graph::rules::Visibility;
use crate::graph::{Catalog, ColumnIx, EntityId, ForeignKey, Link};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Ask, Deed, Find, Lock, Look, Task, Value};
use crate::write::order::{GroupKey, Operation};
use crate::write::unit::{Found, Given, Node, NodeId, Origin, Places};

/// How many rounds rows are followed that refer to rows of their own kind, or in a circle.
pub(super) const ROUNDS: u64 = 16;

/// Rows of one entity that go, by their keys.
#[derive(Default)]
pub(super) struct Going {
    pub keys: HashSet<Vec<KeyValue>>,
    rows: Vec<Leaving>,
    /// The same, once it is known what refers to them.
    pub parents: Vec<Parent>,
}

/// A row on its way: its values by column, and whether it goes with another that is named.
pub(super) struct Parent {
    pub path: Box<str>,
    pub along: bool,
    pub doubt: Doubt,
    values: Vec<(ColumnIx, Option<KeyValue>)>,
}

impl<'a, T: Transaction> Writer<'a, T> {
    /// Deletes what a field asks, and what goes with it.
    pub(super) async fn delete_all(&mut self, act: usize) -> Result<(), Stop> {
        let mut going: BTreeMap<EntityId, Going> = BTreeMap::new();
        let mut next: BTreeMap<EntityId, Vec<Parent>> = BTreeMap::new();
        let mut nodes: BTreeMap<EntityId, Vec<NodeId>> = BTreeMap::new();
        for id in self.deleted(act) {
            let entity = self.node(id).entity;
            let key = match self.node(id).origin {
                Origin::Unlink => {
                    let key = self.entity(entity).primary_key.iter();
                    key.filter_map(|&c| self.plain(id, c)).collect()
                }
                _ => self.key(id).unwrap_or_default(),
            };
            let of = going.entry(entity).or_default();
            if of.keys.insert(key.clone()) {
                of.rows.push((key, self.node(id).path.clone()));
                let values = self.keys_of(entity).into_iter().map(|column| {
                    let value = self.known.get(&(id, column)).cloned().flatten();
                    (column, value)
                });
                let parent = Parent {
                    path: self.node(id).path.clone(),
                    along: false,
                    doubt: self.doubt_of_one(id),
                    values: values.collect(),
                };
                next.entry(entity).or_default().push(parent);
            }
            nodes.entry(entity).or_default().push(id);
        }
        let first = next.values().flatten().next();
        let first = first.map_or(String::new(), |parent| parent.path.to_string());
        let mut rounds = 0;
        while !next.is_empty() {
            rounds += 1;
            if rounds > ROUNDS {
                let message = format!(
                    "more than {ROUNDS} rows refer to each other in a row here; delete the last of them first"
                );
                let error = Error::new(Code::LimitExceeded, message);
                self.refuse(vec![error])?;
                break;
            }
            let mut found: BTreeMap<EntityId, Vec<Parent>> = BTreeMap::new();
            for (entity, parents) in next {
                self.follow(act, entity, &parents, &mut going, &mut found)
                    .await?;
                going.entry(entity).or_default().parents.extend(parents);
            }
            next = found;
        }
        self.refuse_written(act, &going)?;
        self.refuse_held(&going).await?;
        let order = self.children_first(&going);
        let mut hooked = Vec::new();
        for &entity in &order {
            let leaving = going.get(&entity).map_or(&[][..], |going| &going.rows);
            hooked.push(match self.hooks(entity) {
                None => Vec::new(),
                Some(hooks) => {
                    let doubt = going.get(&entity).map_or(Doubt::NONE, Going::doubt);
                    Box::pin(self.before_delete(hooks, entity, doubt, leaving)).await?
                }
            });
        }
        for (entity, hooked) in order.into_iter().zip(hooked) {
            let going = going.remove(&entity).unwrap_or_default();
            let doubt = going.doubt();
            let of = self.entity(entity);
            let rows = going.rows.iter().map(|(key, _)| {
                let parts = key.iter().cloned();
                parts.map(|part| Cow::Owned(Value::Is(part))).collect()
            });
            let rows = self.rows(entity, &of.primary_key, rows);
            let own = nodes.remove(&entity).unwrap_or_default();
            let delete = Task::Delete { entity };
            let ran = self.changing(&first, doubt, delete, rows).await;
            let is_short =
                ran.map_err(|error| self.failed(error, entity, &own, FailedDeed::Delete))?;
            if is_short {
                self.refuse_undeleted(entity, &going.rows).await?;
            }
            if let Some(hooks) = self.hooks(entity) {
                Box::pin(self.after_delete(hooks, entity, hooked)).await?;
            }
        }
        Ok(())
    }

    fn deleted(&self, act: usize) -> Vec<NodeId> {
        let goes = |id: &NodeId| match &self.node(*id).origin {
            Origin::Found(found) => found.uses.delete,
            Origin::Unlink => true,
            _ => false,
        };
        self.open(act).filter(goes).collect()
    }

    /// The rows of a field to which something is to be done.
    pub(super) fn open(&self, act: usize) -> impl Iterator<Item = NodeId> {
        let own = self.act(act).nodes.iter().copied();
        let first = self.units.nodes.len();
        let more = (first..first + self.more.len()).filter(move |&id| self.node(id).act == act);
        own.chain(more).filter(|id| !self.done.contains(id))
    }

    /// Refuses rows that go with others, or leave a relation by going, where something else is to become of them in the same
    /// input: what is deleted goes first, and a change of what is gone would be lost without a word.
    fn refuse_written(&self, act: usize, going: &BTreeMap<EntityId, Going>) -> Result<(), Stop> {
        if going.is_empty() {
            return Ok(());
        }
        let stays = |id: &NodeId| {
            let node = self.node(*id);
            let found = node.found();
            found.is_some_and(|f| !f.uses.delete && (f.uses.connect || node.is_written()))
        };
        let mut errors = Vec::new();
        for id in self.open(act).filter(stays) {
            let node = self.node(id);
            let Some(going) = going.get(&node.entity) else {
                continue;
            };
            if self.key(id).is_some_and(|key| going.keys.contains(&key)) {
                let message = format!(
                    "this {} goes with what is deleted in the same input, and something else is to become of it; ask for one of the two, or for the other in a field before",
                    self.entity(node.entity).one()
                );
                errors.push(Error::input(message).of_field(&*node.path));
            }
        }
        self.refuse(errors)
    }

    /// Finds what refers to rows that go: it goes too, or refers to nothing from then on.
    async fn follow(
        &mut self,
        act: usize,
        entity: EntityId,
        parents: &[Parent],
        going: &mut BTreeMap<EntityId, Going>,
        found: &mut BTreeMap<EntityId, Vec<Parent>>,
    ) -> Result<(), Stop> {
        let catalog = self.catalog;
        for (from, key) in referring(catalog, entity) {
            match key.on_delete {
                Some(ForeignKeyAction::Cascade) => {
                    self.follow_key(from, key, parents, going, found).await?;
                }
                Some(ForeignKeyAction::SetNull) => {
                    self.let_go(act, from, key, parents).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn follow_key(
        &mut self,
        from: EntityId,
        key: &ForeignKey,
        parents: &[Parent],
        going: &mut BTreeMap<EntityId, Going>,
        found: &mut BTreeMap<EntityId, Vec<Parent>>,
    ) -> Result<(), Stop> {
        let of = self.entity(from);
        let reads = self.keys_of(from);
        let asked = match self.rules.delete(from) {
            Visibility::Where(_) if !is_owned(self.catalog, from, key) => {
                vec![Ask::May(Deed::Delete)]
            }
            _ => Vec::new(),
        };
        let rows = self
            .referring_rows(from, key, parents, &reads, asked)
            .await?;
        let forbids = *self.rules.delete(from) == Visibility::Nothing;
        let forbids = forbids && !is_owned(self.catalog, from, key);
        // Where no database is asked, none goes that may not.
        if rows.is_empty() || (self.dry && forbids) {
            return Ok(());
        }
        let going = going.entry(from).or_default();
        for (parent, row) in rows {
            let allowed = row[reads.len()..].iter().all(holds);
            if !allowed || forbids {
                let message = format!(
                    "this cannot be deleted: with it would go {} that you may not delete",
                    of.many()
                );
                self.refuse(vec![self.forbidden(message, &parent.path)])?;
            }
            let values: Vec<_> = reads.iter().copied().zip(row).collect();
            let own = of.primary_key.iter().filter_map(|c| {
                let mut values = values.iter();
                values.find(|(column, _)| column == c)?.1.clone()
            });
            let own: Vec<_> = own.collect();
            if going.keys.insert(own.clone()) {
                going.rows.push((own, parent.path.clone()));
                found.entry(from).or_default().push(Parent {
                    path: parent.path.clone(),
                    along: true,
                    doubt: Doubt::FOUND,
                    values,
                });
            }
        }
        Ok(())
    }

    /// Has rows refer to nothing that referred to what goes.
    async fn let_go(
        &mut self,
        act: usize,
        from: EntityId,
        key: &ForeignKey,
        parents: &[Parent],
    ) -> Result<(), Stop> {
        let of = self.entity(from);
        let reads = of.primary_key.clone();
        let rows = self
            .referring_rows(from, key, parents, &reads, Vec::new())
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        // A row that lets go is changed, as by an update.
        let nullable = key.columns.iter().filter(|&&c| of.columns[c].nullable);
        let mut given: Vec<_> = nullable.map(|&c| (c, Value::Null)).collect();
        let presets = self.update_presets(from).into_iter();
        given.extend(presets.filter(|(column, _)| !key.columns.contains(column)));
        if let Some(hooks) = self.hooks(from) {
            let letting = self.let_go_each(hooks, act, from, given, rows);
            return Box::pin(letting).await;
        }
        let columns: Vec<_> = given.iter().map(|(column, _)| *column).collect();
        let all: Vec<_> = of.primary_key.iter().chain(&columns).copied().collect();
        let rows = rows.into_iter().map(|(_, row)| {
            let own = row.into_iter();
            let own = own.map(|part| Cow::Owned(part.map_or(Value::Null, Value::Is)));
            let given = given.iter().map(|(_, value)| Cow::Borrowed(value));
            own.take(of.primary_key.len()).chain(given).collect()
        });
        let rows = self.rows(from, &all, rows);
        let update = Task::Update {
            entity: from,
            columns,
            grows: of.writing.version,
            only: None,
        };
        self.run(&[], Doubt::FOUND, update, rows).await?;
        Ok(())
    }

    /// Has rows let go that have hooks.
    async fn let_go_each(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        act: usize,
        from: EntityId,
        given: Vec<(ColumnIx, Value)>,
        rows: Vec<(&Parent, Vec<Option<KeyValue>>)>,
    ) -> Result<(), Stop> {
        let key = &self.entity(from).primary_key;
        let columns = given.iter().map(|(column, _)| *column).collect();
        let changes = given.into_iter().map(|(c, value)| (c, Given::Is(value)));
        let changes: Vec<_> = changes.collect();
        let mut nodes = Vec::new();
        for (parent, row) in rows {
            let found = Found::changed(row.iter().flatten().cloned().collect());
            let id = self.add(Node {
                act,
                entity: from,
                origin: Origin::Found(found),
                changes: changes.clone(),
                path: parent.path.clone(),
                places: Places::default(),
                trusted: true,
            });
            self.remember(id, key, &row);
            // It is written here, and not with what the field names.
            self.done.insert(id);
            self.doubt(id, Doubt::FOUND);
            nodes.push(id);
        }
        let key = GroupKey {
            level: 0,
            operation: Operation::Update,
            entity: from,
            columns,
        };
        self.save(hooks, key, nodes).await
    }

    /// The rows that refer to others by a key, each with the one that it refers to.
    pub(super) async fn referring_rows<'p>(
        &mut self,
        from: EntityId,
        key: &ForeignKey,
        parents: &'p [Parent],
        reads: &[ColumnIx],
        asks: Vec<Ask>,
    ) -> Result<Vec<(&'p Parent, Vec<Option<KeyValue>>)>, Stop> {
        let bound = parents.iter().map(|parent| {
            let values = key.to_columns.iter().map(|c| {
                let value = parent.values.iter().find(|(column, _)| column == c);
                let value = value.and_then(|(_, value)| value.clone());
                Cow::Owned(value.map_or(Value::Null, Value::Is))
            });
            values.collect()
        });
        let rows = self.rows(from, &key.columns, bound);
        let find = Task::Find(Find {
            entity: from,
            by: key.columns.clone(),
            look: Look {
                reads: reads.to_vec(),
                asks,
                // What is not seen goes too, or keeps what it refers to.
                seen: false,
                lock: Lock::Update,
            },
        });
        let path = parents.first().map(|p| p.path.to_string());
        let doubt = Doubt::of_all(parents.iter().map(|parent| parent.doubt));
        let found = self
            .statement(&path.unwrap_or_default(), doubt, find, rows)
            .await?;
        let found = found.into_iter().filter_map(|mut row| {
            let parent = parents.get(super::place(T::DIALECT, &row[0]))?;
            row.remove(0);
            Some((parent, row))
        });
        Ok(found.collect())
    }

    /// The primary key, and what others refer to of it.
    pub(super) fn keys_of(&self, entity: EntityId) -> Vec<ColumnIx> {
        let mut columns = self.reads(entity);
        for (_, key) in referring(self.catalog, entity) {
            columns.extend(&key.to_columns);
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Entities in such an order that what refers to others comes before them: in the same, whichever of them there are.
    fn children_first(&self, going: &BTreeMap<EntityId, Going>) -> Vec<EntityId> {
        if going.len() < 2 {
            return going.keys().copied().collect();
        }
        let all = self.sorted(self.deletes.all().into_iter().collect());
        if all.len() == going.len() {
            return all;
        }
        let some = all.into_iter().filter(|entity| going.contains_key(entity));
        self.sorted(some.collect())
    }

    /// Sorts entities so; of those that may come first, as they come.
    fn sorted(&self, mut open: Vec<EntityId>) -> Vec<EntityId> {
        let mut order = Vec::new();
        while !open.is_empty() {
            let is_free = |&entity: &EntityId| {
                let mut referring = referring(self.catalog, entity);
                !referring.any(|(from, _)| from != entity && open.contains(&from))
            };
            let next = open.iter().copied().find(|e| is_free(e));
            // Of those in a circle one goes first to which no others lead.
            let next = next.or_else(|| {
                let others = |&entity: &EntityId| self.leading_to(entity, &open).len();
                open.iter().copied().min_by_key(others)
            });
            let Some(next) = next else { break };
            open.retain(|&entity| entity != next);
            order.push(next);
        }
        order
    }

    /// An entity, with those of some that refer to it, or to what does.
    fn leading_to(&self, entity: EntityId, of: &[EntityId]) -> BTreeSet<EntityId> {
        let mut leading = BTreeSet::from([entity]);
        let mut next = vec![entity];
        while let Some(entity) = next.pop() {
            for (from, _) in referring(self.catalog, entity) {
                if of.contains(&from) && leading.insert(from) {
                    next.push(from);
                }
            }
        }
        leading
    }
}

impl Going {
    /// What is not known of the rows of an entity that go.
    fn doubt(&self) -> Doubt {
        Doubt::of_all(self.parents.iter().map(|parent| parent.doubt))
    }
}

/// Whether rows are a part of what they refer to by a key: a junction's are of both ends.
pub(super) fn is_owned(catalog: &Catalog, from: EntityId, key: &ForeignKey) -> bool {
    let owned = &catalog.entities[key.to].writing.owned;
    let mut owned = owned.iter().map(|&r| &catalog.relations[r]);
    let is_key = |link: &Link| matches!(link, Link::Direct { columns } if *columns == key.columns);
    !catalog.entities[from].exposed || owned.any(|r| r.to == from && is_key(&r.link))
}
