//! Links and the members of relations: what is there already, and what is to go.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::find::Question;
use super::{Doubt, Stop, Writer, holds, place};
use crate::graph::keys::KeyValue;
use crate::graph::rules::Visibility;
use crate::graph::{ColumnIx, EntityId, Link, RelationId};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Ask, Find, Lock, Look, Task, Value};
use crate::write::unit::{Found, Given, Key, Node, NodeId, Origin, Places, Set, Uses, Within};

/// A junction's row that is looked for.
struct Looked {
    /// The link to be taken away, or the row that must be linked.
    node: NodeId,
    key: Vec<Option<KeyValue>>,
    /// The relation in which it must be there.
    must: Option<Within>,
}

/// Rows by their parent and what links refer to of them, each with the link that is to be made.
type Staying = HashMap<(NodeId, Vec<Option<KeyValue>>), Option<NodeId>>;

impl<T: Transaction> Writer<'_, T> {
    /// Finds the junctions' rows that are to go, and those that must be there.
    pub(super) async fn check_links(
        &mut self,
        act: usize,
        linked: Vec<(NodeId, Within)>,
    ) -> Result<(), Stop> {
        let mut looked: BTreeMap<EntityId, Vec<Looked>> = BTreeMap::new();
        for &id in &self.act(act).nodes {
            let node = self.node(id);
            if matches!(node.origin, Origin::Unlink) {
                let entity = node.entity;
                let key = self.entity(entity).primary_key.iter();
                let key = key.map(|&c| self.seen_of_link(id, c)).collect();
                let must = None;
                let of = Looked {
                    node: id,
                    key,
                    must,
                };
                looked.entry(entity).or_default().push(of);
            }
        }
        for (id, within) in linked {
            let relation = &self.catalog.relations[within.relation];
            let Link::Through {
                junction,
                near,
                far,
                columns,
            } = &relation.link
            else {
                continue;
            };
            let value = |c: ColumnIx| {
                let near = near.iter().zip(&relation.from_columns);
                let far = far.iter().zip(columns);
                let near = near.map(|(n, of)| (n, within.parent, of));
                let mut all = near.chain(far.map(|(f, of)| (f, id, of)));
                let (_, node, of) = all.find(|(own, ..)| **own == c)?;
                let is_seen = !self.unseen.contains(&(node, *of));
                let value = self.known.get(&(node, *of)).filter(|_| is_seen);
                value.cloned().flatten()
            };
            let key = self.entity(*junction).primary_key.iter();
            let key = key.map(|&c| value(c)).collect();
            let must = Some(within);
            let of = Looked {
                node: id,
                key,
                must,
            };
            looked.entry(*junction).or_default().push(of);
        }
        for (junction, looked) in looked {
            self.look_for_links(junction, looked).await?;
        }
        Ok(())
    }

    async fn look_for_links(
        &mut self,
        junction: EntityId,
        looked: Vec<Looked>,
    ) -> Result<(), Stop> {
        let of = self.entity(junction);
        let questions = match self.rules.delete(junction) {
            Visibility::Where(_) => vec![Question::Delete],
            _ => Vec::new(),
        };
        let asks: Vec<_> = questions.iter().map(Question::ask).collect();
        let keys = looked.iter().map(|link| {
            let parts = link.key.iter().cloned();
            let parts = parts.map(|part| Cow::Owned(part.map_or(Value::Null, Value::Is)));
            parts.collect()
        });
        let key = &of.primary_key;
        let rows = self.rows(junction, key, keys);
        let find = Task::Find(Find {
            entity: junction,
            by: key.clone(),
            look: Look {
                reads: Vec::new(),
                asks,
                seen: true,
                lock: Lock::Update,
            },
        });
        let path = looked.first().map(|l| self.node(l.node).path.to_string());
        let found = self
            .statement(&path.unwrap_or_default(), Doubt::NONE, find, rows)
            .await?;
        let mut is_there = vec![None; looked.len()];
        for row in found {
            let at = place(T::DIALECT, &row[0]);
            if let Some(is_there) = is_there.get_mut(at) {
                *is_there = Some(row.get(1).is_none_or(holds));
            }
        }
        let mut errors = Vec::new();
        for (link, is_there) in looked.iter().zip(is_there) {
            let node = self.node(link.node);
            match (link.must, is_there) {
                (Some(within), None) => errors.extend(self.not_within(link.node, within)),
                (None, None) => self.spare(link.node),
                (None, Some(true)) => self.doubt(link.node, Doubt::PERHAPS),
                (None, Some(false)) => {
                    let message = "you may not part these two".to_owned();
                    errors.push(self.forbidden(message, &node.path));
                }
                (Some(_), Some(_)) => {}
            }
        }
        self.refuse(errors)
    }

    /// Finds who is in the relations whose members are said, and has those go that are not among them.
    pub(super) async fn find_members(&mut self, act: usize) -> Result<(), Stop> {
        let mut by_relation: BTreeMap<RelationId, Vec<&Set>> = BTreeMap::new();
        for set in &self.act(act).sets {
            by_relation.entry(set.relation).or_default().push(set);
        }
        for (relation, sets) in by_relation {
            let there = sets
                .iter()
                .filter(|set| self.node(set.parent).found().is_some());
            let there: Vec<&Set> = there.copied().collect();
            if there.is_empty() {
                continue;
            }
            match &self.catalog.relations[relation].link {
                Link::Through { .. } => self.members_through(act, relation, &there).await?,
                Link::Direct { .. } => self.members(act, relation, &there).await?,
            }
        }
        Ok(())
    }

    async fn members_through(
        &mut self,
        act: usize,
        id: RelationId,
        sets: &[&Set],
    ) -> Result<(), Stop> {
        let relation = &self.catalog.relations[id];
        let Link::Through {
            junction,
            near,
            far,
            columns,
        } = &relation.link
        else {
            return Ok(());
        };
        // Who may part no rows may still set those that are linked.
        let rule = match self.rules.delete(*junction) {
            Visibility::All => None,
            Visibility::Where(_) | Visibility::Nothing => Some(Question::Delete),
        };
        let mut asks: Vec<_> = rule.iter().map(Question::ask).collect();
        asks.push(Ask::Referred {
            from: relation.to,
            columns: columns.clone(),
            to_columns: far.clone(),
            seen: true,
            other: false,
        });
        let reads: Vec<_> = near.iter().chain(far).copied().collect();
        let found = self
            .of_parents(*junction, near, &relation.from_columns, sets, &reads, asks)
            .await?;
        let staying = self.linked(act, id, sets);
        if self.dry {
            self.doubt_linked(&staying, sets);
        }
        let mut errors = Vec::new();
        for (set, row) in found {
            let far_values = &row[near.len()..reads.len()];
            let answers = &row[reads.len()..];
            // One that is not seen is left alone.
            if !answers.last().is_none_or(holds) {
                continue;
            }
            if let Some(link) = staying.get(&(set.parent, far_values.to_vec())) {
                // What is linked already need not be.
                if let Some(link) = *link {
                    self.spare(link);
                }
                continue;
            }
            if rule.is_some() && !answers.first().is_none_or(holds) {
                let message = "you may not part these two".to_owned();
                errors.push(self.forbidden(message, &set.path));
                continue;
            }
            let values = reads.iter().zip(&row).map(|(&column, value)| {
                let value = value.clone().map_or(Value::Null, Value::Is);
                (column, Given::Is(value))
            });
            let changes = values.collect();
            let link = self.add(Node {
                act,
                entity: *junction,
                origin: Origin::Unlink,
                changes,
                path: set.path.clone(),
                places: Places::default(),
                trusted: false,
            });
            self.doubt(link, Doubt::FOUND);
            self.parted.push((set.parent, link));
        }
        self.refuse(errors)
    }

    /// The rows that a relation through a junction is to lead to from each parent: those that are set, and those of which
    /// the same field says something else along it. With the link that it would make.
    fn linked(&self, act: usize, id: RelationId, sets: &[&Set]) -> Staying {
        let mut staying = HashMap::new();
        let Link::Through {
            junction,
            near,
            far,
            columns,
        } = &self.catalog.relations[id].link
        else {
            return staying;
        };
        let values = |member: NodeId| -> Vec<_> {
            let columns = columns.iter();
            columns.map(|&c| self.plain_of(member, c)).collect()
        };
        for set in sets {
            let members = set.members.iter();
            staying.extend(members.map(|&member| ((set.parent, values(member)), None)));
        }
        for (parent, member) in self.said_along(act, id) {
            // What is deleted is parted before.
            if !self.node(member).found().is_some_and(|f| f.uses.delete) {
                staying.insert((parent, values(member)), None);
            }
        }
        let end = |node: &Node, columns: &[ColumnIx]| {
            let column = columns.first()?;
            let (_, given) = node.changes.iter().find(|(c, _)| c == column)?;
            super::find::is_of(given).map(|(of, _)| of)
        };
        for &link in &self.act(act).nodes {
            let node = self.node(link);
            let links = node.entity == *junction && matches!(node.origin, Origin::Link);
            if let (true, Some(parent), Some(member)) = (links, end(node, near), end(node, far)) {
                staying.insert((parent, values(member)), Some(link));
            }
        }
        staying
    }

    /// What is set may be linked already, unless it is made.
    fn doubt_linked(&mut self, staying: &Staying, sets: &[&Set]) {
        for ((parent, values), link) in staying {
            let is_set = sets.iter().any(|set| set.parent == *parent);
            if let (Some(link), true) = (link, is_set && values.iter().all(Option::is_some)) {
                self.doubt(*link, Doubt::PERHAPS);
            }
        }
    }

    /// The rows of which a field says something along a relation, each with its parent: what becomes of them that says.
    fn said_along(
        &self,
        act: usize,
        relation: RelationId,
    ) -> impl Iterator<Item = (NodeId, NodeId)> {
        let found = self.act(act).nodes.iter();
        let found = found.filter_map(|&id| Some((id, self.node(id).found()?)));
        found.flat_map(move |(id, found)| {
            let along = found.within.iter().chain(&found.attached);
            let along = along.filter(move |within| within.relation == relation);
            along.map(move |within| (within.parent, id))
        })
    }

    async fn members(&mut self, act: usize, id: RelationId, sets: &[&Set]) -> Result<(), Stop> {
        let relation = &self.catalog.relations[id];
        let Link::Direct { columns } = &relation.link else {
            return Ok(());
        };
        let to = relation.to;
        let of = self.entity(to);
        let nullable: Vec<_> = columns
            .iter()
            .copied()
            .filter(|&c| of.columns[c].nullable)
            .collect();
        let deletes = nullable.is_empty();
        let uses = Uses {
            update: !deletes,
            delete: deletes,
            connect: false,
        };
        let questions = super::find::questions(
            self.catalog,
            self.rules,
            to,
            uses,
            nullable.iter().copied(),
            &self.deletes,
        );
        let asks: Vec<_> = questions.iter().map(Question::ask).collect();
        let reads = match deletes {
            true => self.keys_of(to),
            false => self.reads(to),
        };
        let mut found = self
            .of_parents(to, columns, &relation.from_columns, sets, &reads, asks)
            .await?;
        let key = &of.primary_key;
        let members = sets.iter().flat_map(|set| {
            let members = set.members.iter();
            members.map(|&member| (set.parent, member))
        });
        let staying = members.chain(self.said_along(act, id));
        let staying: HashSet<(NodeId, Vec<_>)> = staying
            .map(|(parent, member)| {
                let own = key.iter().map(|&c| self.plain_of(member, c));
                (parent, own.collect())
            })
            .collect();
        let own = |row: &[Option<KeyValue>]| -> Vec<_> {
            let value = |c: &ColumnIx| row[reads.iter().position(|r| r == c)?].clone();
            key.iter().map(value).collect()
        };
        // What is wrong with several is told in one order on every database.
        found.sort_by_cached_key(|(_, row)| own(row));
        let mut errors = Vec::new();
        for (set, row) in found {
            let own = own(&row);
            let of_set = (set.parent, own);
            if staying.contains(&of_set) {
                continue;
            }
            let found = Found::new(Key::Is(of_set.1.into_iter().flatten().collect()), uses);
            let mut changes: Vec<_> = nullable
                .iter()
                .map(|&c| (c, Given::Is(Value::Null)))
                .chain(set.presets.iter().cloned())
                .collect();
            if deletes {
                changes.clear();
            }
            let node = self.add(Node {
                act,
                entity: to,
                origin: Origin::Found(found),
                changes,
                path: set.path.clone(),
                places: Places::default(),
                trusted: false,
            });
            self.remember(node, &reads, &row);
            self.doubt(node, Doubt::FOUND);
            self.parted.push((set.parent, node));
            let refused = self.refusals(node, &questions, &row[reads.len()..]);
            if self.dry && !refused.is_empty() {
                // Nobody like whoever asks may do it to any.
                self.done.insert(node);
            }
            errors.extend(refused);
        }
        self.refuse(errors)
    }

    /// The rows of an entity whose columns are those of parents, each with its set.
    async fn of_parents<'s>(
        &mut self,
        entity: EntityId,
        columns: &[ColumnIx],
        from_columns: &[ColumnIx],
        sets: &[&'s Set],
        reads: &[ColumnIx],
        asks: Vec<Ask>,
    ) -> Result<Vec<(&'s Set, Vec<Option<KeyValue>>)>, Stop> {
        let parent = sets.first().map(|set| self.node(set.parent).entity);
        // By what is hidden of its parent a row is in no relation.
        let is_masked = |of: EntityId| !self.masked(of, from_columns).is_empty();
        let perhaps = self.dry && parent.is_some_and(is_masked);
        let sets = sets.iter().copied();
        let sets = sets.filter(|set| self.sees_all_of(set.parent, from_columns));
        let sets: Vec<&Set> = sets.collect();
        let parents = sets.iter().map(|set| {
            let values = from_columns.iter().map(|&c| {
                let value = self.known.get(&(set.parent, c)).cloned().flatten();
                Cow::Owned(value.map_or(Value::Null, Value::Is))
            });
            values.collect()
        });
        let rows = self.rows(entity, columns, parents);
        let find = Task::Find(Find {
            entity,
            by: columns.to_vec(),
            look: Look {
                reads: reads.to_vec(),
                asks,
                seen: true,
                lock: Lock::Update,
            },
        });
        let path = sets.first().map(|set| set.path.to_string());
        let doubt = Doubt::NONE.if_at_all(perhaps);
        let found = self
            .statement(&path.unwrap_or_default(), doubt, find, rows)
            .await?;
        let found = found.into_iter().filter_map(|mut row| {
            let set = sets.get(place(T::DIALECT, &row[0]))?;
            row.remove(0);
            Some((*set, row))
        });
        Ok(found.collect())
    }

    /// The value that a row is to have, or has.
    pub(super) fn plain(&self, node: NodeId, column: ColumnIx) -> Option<KeyValue> {
        match &*self.given(node, column) {
            Value::Is(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// What a link has of a row that it joins, where that is seen.
    fn seen_of_link(&self, link: NodeId, column: ColumnIx) -> Option<KeyValue> {
        let mut changes = self.node(link).changes.iter();
        let given = changes.find(|(c, _)| *c == column).map(|(_, given)| given);
        let of = given.and_then(super::find::is_of);
        match of.is_some_and(|of| self.unseen.contains(&of)) {
            true => None,
            false => self.plain(link, column),
        }
    }

    fn plain_of(&self, node: NodeId, column: ColumnIx) -> Option<KeyValue> {
        let known = self.known.get(&(node, column)).cloned().flatten();
        known.or_else(|| self.plain(node, column))
    }
}
