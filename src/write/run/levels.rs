//! Rows are written level by level: what depends on nothing that is made first.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::find::{Question, questions};
use super::references;
use super::{Failed, Refused, Stop, Writer, forbidden, holds, place};
use crate::error::{Code, Error};
use crate::graph::keys::KeyValue;
use crate::graph::writing::KeyMaker;
use crate::graph::{ColumnIx, EntityId};
use crate::read::load::DatabaseError;
use crate::read::load::change::{Abort, Given as Row, Transaction};
use crate::read::load::refusal::Refusal;
use crate::read::sql::change::{BoundRows, Find, Lock, Look, Task, Unless, Value};
use crate::write::order::{Circle, GroupKey, Operation, Order, order};
use crate::write::unit::{Given, NodeId, Origin, Uses};

impl<T: Transaction> Writer<'_, T> {
    /// Does what a field asks of the rows that it names and makes.
    pub async fn apply(&mut self, act: usize) -> Result<(), Stop> {
        let related = self.related(act);
        self.delete_all(act).await?;
        let written = self.written(act);
        let again;
        let order = match &self.act(act).order {
            Some(order) if self.done.is_empty() && self.more.is_empty() => order,
            _ => {
                // There is no circle that was not found before anything ran.
                again = self.order(&written).unwrap_or_default();
                &again
            }
        };
        for (key, nodes) in &order.groups {
            let nodes = nodes.clone();
            match self.hooks(key.entity) {
                None => self.write(key, nodes).await?,
                Some(hooks) => Box::pin(self.save(hooks, key.clone(), nodes)).await?,
            }
        }
        self.patch(&order.patches).await?;
        if !related.is_empty() {
            self.renew(act, related).await?;
        }
        self.check(&written).await?;
        match self.saved.is_empty() {
            true => Ok(()),
            false => Box::pin(self.after_save()).await,
        }
    }

    fn order(&self, written: &[NodeId]) -> Result<Order, Circle> {
        let catalog = self.catalog;
        let nullable =
            |entity: EntityId, column: ColumnIx| catalog.entities[entity].columns[column].nullable;
        order(written, |id| self.node(id), nullable)
    }

    pub(super) async fn write(&mut self, key: &GroupKey, nodes: Vec<NodeId>) -> Result<(), Stop> {
        match key.operation {
            Operation::Update => self.update(key, nodes).await,
            Operation::Insert => self.insert(key, nodes).await,
            Operation::Link => self.insert_unless(key, nodes, None).await,
            Operation::InsertUnless(unique) | Operation::Upsert(unique) => {
                self.insert_unless(key, nodes, Some(unique)).await
            }
        }
    }

    /// The rows of a field that are written, and need to be.
    fn written(&self, act: usize) -> Vec<NodeId> {
        let open = self.open(act);
        open.filter(|id| self.node(*id).is_written()).collect()
    }

    async fn update(&mut self, key: &GroupKey, nodes: Vec<NodeId>) -> Result<(), Stop> {
        let rule = self.rules.update(key.entity);
        self.refuse_foregone(rule, key.entity, &nodes, "turn this into")?;
        let of = self.entity(key.entity);
        let all: Vec<_> = of.primary_key.iter().chain(&key.columns).copied().collect();
        let rows = nodes.iter().map(|&id| {
            let own = self.key(id).unwrap_or_default().into_iter();
            let own = own.map(|part| Cow::Owned(Value::Is(part)));
            let given = key.columns.iter().map(|&c| self.given(id, c));
            own.chain(given).collect()
        });
        let rows = self.rows(key.entity, &all, rows);
        let update = Task::Update {
            entity: key.entity,
            columns: key.columns.clone(),
            grows: of.writing.version,
        };
        self.run(&nodes, update, rows).await?;
        // What it referred to before is not what it does now.
        for &id in &nodes {
            for &column in &key.columns {
                if self.known.contains_key(&(id, column)) {
                    let value = self.plain(id, column);
                    self.known.insert((id, column), value);
                }
            }
        }
        Ok(())
    }

    async fn insert(&mut self, key: &GroupKey, nodes: Vec<NodeId>) -> Result<(), Stop> {
        let rule = self.rules.create(key.entity);
        self.refuse_foregone(rule, key.entity, &nodes, "create")?;
        let of = self.entity(key.entity);
        let wanted = self.reads(key.entity);
        let (given, reads): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|c| key.columns.contains(c));
        let made_by_database = of.writing.key == KeyMaker::Database
            && of.primary_key.iter().all(|c| reads.contains(c));
        // What is told apart by its key is returned with it.
        let mut returned = reads.clone();
        if !reads.is_empty() && !made_by_database {
            returned.extend(&of.primary_key);
            returned.dedup();
        }
        let rows = self.values(key.entity, &key.columns, &nodes);
        let insert = Task::Insert {
            entity: key.entity,
            columns: key.columns.clone(),
            unless: Unless::Never,
            reads: returned.clone(),
        };
        let mut found = self.run(&nodes, insert, rows).await?;
        // What others refer to; their keys are found where they were given.
        let referred = self.wanted.get(&key.entity).cloned().unwrap_or_default();
        for &id in &nodes {
            for &column in given.iter().filter(|c| referred.contains(c)) {
                let value = self.plain(id, column);
                self.known.insert((id, column), value);
            }
        }
        if made_by_database {
            // They are made in the order of the rows, and grow.
            let at = returned.iter().position(|c| of.primary_key.contains(c));
            let at = at.unwrap_or_default();
            found.sort_by_key(|row| match row.get(at) {
                Some(Some(KeyValue::Int(key))) => *key,
                _ => 0,
            });
            for (&id, row) in nodes.iter().zip(&found) {
                self.remember(id, &returned, row);
            }
            return Ok(());
        }
        if !found.is_empty() {
            self.remember_by_key(&of.primary_key, &returned, &nodes, found);
        }
        Ok(())
    }

    /// What was returned of rows that are told apart by these columns.
    fn remember_by_key(
        &mut self,
        key: &[ColumnIx],
        returned: &[ColumnIx],
        nodes: &[NodeId],
        found: Vec<Row>,
    ) -> HashSet<NodeId> {
        let own = nodes.iter().map(|&id| {
            let parts = key.iter().map(|&c| self.plain(id, c));
            (parts.collect::<Vec<_>>(), id)
        });
        let own: HashMap<_, _> = own.collect();
        let mut remembered = HashSet::new();
        for row in found {
            let parts = key.iter().map(|c| {
                let at = returned.iter().position(|r| r == c)?;
                row.get(at).cloned().flatten()
            });
            if let Some(&id) = own.get(&parts.collect::<Vec<_>>()) {
                self.remember(id, returned, &row);
                remembered.insert(id);
            }
        }
        remembered
    }

    /// Inserts rows unless they are there. A link then is what it is; other rows are found, and perhaps changed.
    async fn insert_unless(
        &mut self,
        key: &GroupKey,
        nodes: Vec<NodeId>,
        unique: Option<usize>,
    ) -> Result<(), Stop> {
        let of = self.entity(key.entity);
        let columns = match unique {
            Some(unique) => &of.writing.unique[unique].columns,
            None => &of.primary_key,
        };
        let mut returned = self.reads(key.entity);
        returned.extend(
            columns
                .iter()
                .filter(|c| !returned.contains(c))
                .copied()
                .collect::<Vec<_>>(),
        );
        let rows = self.values(key.entity, &key.columns, &nodes);
        let insert = Task::Insert {
            entity: key.entity,
            columns: key.columns.clone(),
            unless: Unless::Taken(columns.clone()),
            reads: returned.clone(),
        };
        let found = self.run(&nodes, insert, rows).await?;
        let made = self.remember_by_key(columns, &returned, &nodes, found);
        let there: Vec<_> = nodes.into_iter().filter(|id| !made.contains(id)).collect();
        if unique.is_none() {
            // It was linked already.
            self.done.extend(there);
            return Ok(());
        }
        match there.is_empty() {
            true => Ok(()),
            false => self.found_instead(key, columns, there).await,
        }
    }

    /// The rows that were there, found by a unique key.
    async fn found_instead(
        &mut self,
        key: &GroupKey,
        columns: &[ColumnIx],
        nodes: Vec<NodeId>,
    ) -> Result<(), Stop> {
        let entity = key.entity;
        let of = self.entity(entity);
        let upserts = matches!(key.operation, Operation::Upsert(_));
        let written = nodes.iter().flat_map(|&id| self.node(id).instead());
        let written: Vec<_> = written.map(|(column, _)| *column).collect();
        let updates = upserts || !written.is_empty();
        let uses = Uses {
            update: updates,
            delete: false,
            connect: !upserts,
        };
        let questions = questions(
            self.catalog,
            self.rules,
            entity,
            uses,
            written.iter().copied(),
            &self.deletes,
        );
        let asks: Vec<_> = questions.iter().map(Question::ask).collect();
        let mut reads = self.reads(entity);
        match upserts {
            true => {
                let changes = nodes.iter().flat_map(|&id| self.node(id).instead());
                let changes: Vec<_> = changes.cloned().collect();
                references::add_columns(self.catalog, entity, &changes, &mut reads);
            }
            // It is compared with what they are to be.
            false => reads.extend(written),
        }
        reads.sort_unstable();
        reads.dedup();
        let keys = nodes
            .iter()
            .map(|&id| columns.iter().map(|&c| self.given(id, c)).collect());
        let rows = self.rows(entity, columns, keys);
        let find = Task::Find(Find {
            entity,
            by: columns.to_vec(),
            look: Look {
                reads: reads.clone(),
                asks,
                seen: true,
                lock: if updates { Lock::Update } else { Lock::Share },
            },
        });
        let path = self.node(nodes[0]).path.to_string();
        let rows = self.statement(&path, find, rows).await?;
        let mut errors = Vec::new();
        let mut changed = Vec::new();
        let mut is_there = vec![false; nodes.len()];
        for row in rows {
            let at = place(T::DIALECT, &row[0]);
            let Some(&id) = nodes.get(at) else { continue };
            is_there[at] = true;
            self.instead.insert(id);
            self.remember(id, &reads, &row[1..]);
            let changes = upserts || self.is_changed_instead(key, id);
            if changes {
                changed.push(id);
            }
            let answers = questions.iter().zip(&row[1 + reads.len()..]);
            let mut refused = answers.filter(|(_, answer)| !holds(answer));
            let refused = refused.find_map(|(question, _)| match question {
                Question::Connect => Some("refer to"),
                Question::Update if changes => Some("change"),
                Question::Write(column) if changes && self.is_given_instead(id, *column) => {
                    Some("change")
                }
                _ => None,
            });
            if let Some(does) = refused {
                let message = format!("you may not {does} the {} that is there", of.one());
                errors.push(forbidden(message, &self.node(id).path));
            }
        }
        let hidden = nodes
            .iter()
            .zip(&is_there)
            .filter(|(_, is_there)| !**is_there);
        let hidden: Vec<_> = hidden.map(|(&id, _)| id).collect();
        self.refuse_foregone(self.rules.create(entity), entity, &hidden, "create")?;
        for (&id, is_there) in nodes.iter().zip(&is_there) {
            if !is_there {
                // It has the key and is not seen, so all that can be told is that the key is taken.
                errors.push(self.taken(id, columns));
            }
        }
        self.refuse(errors)?;
        if upserts {
            self.check_references_instead(&changed).await?;
        }
        self.update_instead(key, changed).await
    }

    /// Whether a row that was there is not yet as others are to have it: what they do again needs no leave.
    fn is_changed_instead(&self, key: &GroupKey, id: NodeId) -> bool {
        let changes = self.node(id).instead().iter();
        let mut given = changes.filter(|(column, _)| self.is_given_instead(id, *column));
        given.any(|(column, given)| {
            let known = self.known.get(&(id, *column)).cloned().flatten();
            // What is written last, because rows refer to each other, is not known here.
            let is_known = key.columns.contains(column);
            !is_known || *self.value(given) != known.map_or(Value::Null, Value::Is)
        })
    }

    fn is_given_instead(&self, id: NodeId, column: ColumnIx) -> bool {
        let node = self.node(id);
        let is_preset = self.entity(node.entity).writing.preset(column, false);
        is_preset.is_none() && node.instead().iter().any(|(c, _)| *c == column)
    }

    async fn update_instead(&mut self, key: &GroupKey, nodes: Vec<NodeId>) -> Result<(), Stop> {
        let entity = key.entity;
        let mut groups: BTreeMap<Vec<ColumnIx>, Vec<(NodeId, Vec<Value>)>> = BTreeMap::new();
        for id in nodes {
            let node = self.node(id);
            let is_left = |column: &ColumnIx| {
                matches!(node.origin, Origin::NewUnless { .. })
                    && node.changes.iter().any(|(c, _)| c == column)
                    && !key.columns.contains(column)
            };
            let changes = node.instead().iter().filter(|(column, _)| !is_left(column));
            let changes = changes.map(|(c, given)| (*c, self.value(given).into_owned()));
            let changes: Vec<_> = changes.collect();
            if changes.is_empty() {
                continue;
            }
            let mut changes = match self.hooks(entity) {
                None => changes,
                Some(hooks) => Box::pin(self.before_instead(hooks, id, changes)).await?,
            };
            if changes.is_empty() {
                continue;
            }
            changes.sort_unstable_by_key(|(column, _)| *column);
            let (columns, values) = changes.into_iter().unzip();
            groups.entry(columns).or_default().push((id, values));
        }
        for (columns, changes) in groups {
            let of = self.entity(entity);
            let all: Vec<_> = of.primary_key.iter().chain(&columns).copied().collect();
            let rows = changes.iter().map(|(id, values)| {
                let key = self.key(*id).unwrap_or_default().into_iter();
                let key = key.map(|part| Cow::Owned(Value::Is(part)));
                key.chain(values.iter().map(Cow::Borrowed)).collect()
            });
            let rows = self.rows(entity, &all, rows);
            let update = Task::Update {
                entity,
                columns: columns.clone(),
                grows: of.writing.version,
            };
            let nodes: Vec<_> = changes.iter().map(|(id, _)| *id).collect();
            self.run(&nodes, update, rows).await?;
            for (id, values) in changes {
                // It was changed, and not made.
                self.updated.insert(id);
                for (&column, value) in columns.iter().zip(values) {
                    if let (Some(known), Value::Is(value)) =
                        (self.known.get_mut(&(id, column)), value)
                    {
                        *known = Some(value);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what had to be null at first, because rows refer to each other.
    async fn patch(
        &mut self,
        patches: &[(NodeId, ColumnIx, (NodeId, ColumnIx))],
    ) -> Result<(), Stop> {
        let mut by_column: HashMap<(EntityId, ColumnIx), Vec<(NodeId, Given)>> = HashMap::new();
        for &(id, column, (to, of)) in patches {
            let mut instead = self.node(id).instead().iter();
            if self.instead.contains(&id) && !instead.any(|(c, _)| *c == column) {
                // It is not made, but one that was there.
                continue;
            }
            let entity = self.node(id).entity;
            let patch = (id, Given::Of(to, of));
            by_column.entry((entity, column)).or_default().push(patch);
        }
        for ((entity, column), patches) in by_column {
            let of = self.entity(entity);
            let all: Vec<_> = of.primary_key.iter().copied().chain([column]).collect();
            let rows = patches.iter().map(|(id, given)| {
                let key = self.key(*id).unwrap_or_default().into_iter();
                let key = key.map(|part| Cow::Owned(Value::Is(part)));
                key.chain([self.value(given)]).collect()
            });
            let rows = self.rows(entity, &all, rows);
            let update = Task::Update {
                entity,
                columns: vec![column],
                grows: None,
            };
            let nodes: Vec<_> = patches.iter().map(|(id, _)| *id).collect();
            self.run(&nodes, update, rows).await?;
        }
        Ok(())
    }

    fn values(&self, entity: EntityId, columns: &[ColumnIx], nodes: &[NodeId]) -> BoundRows {
        let value = |row: usize, i: usize| self.given(nodes[row], columns[i]);
        self.changes().rows(entity, columns, nodes.len(), value)
    }

    /// Runs a statement that writes these rows; what the database will not have of it is remembered with them.
    pub(super) async fn run(
        &mut self,
        nodes: &[NodeId],
        task: Task,
        rows: BoundRows,
    ) -> Result<Vec<Row>, Stop> {
        let entity = task.entity();
        let path = nodes.first().map(|&id| self.node(id).path.to_string());
        let ran = self.statement(&path.unwrap_or_default(), task, rows).await;
        ran.map_err(|error| self.failed(error, entity, nodes, false))
    }

    pub(super) fn failed(
        &self,
        error: DatabaseError,
        entity: EntityId,
        nodes: &[NodeId],
        deletes: bool,
    ) -> Stop {
        if Refusal::of(&error).is_none() {
            return Abort::Database(error);
        }
        let rows = nodes.iter().map(|&id| {
            if let Some(changes) = self.hooked.get(&id) {
                return changes.clone();
            }
            let changes = self.node(id).changes.iter();
            changes
                .map(|(column, given)| (*column, self.value(given).into_owned()))
                .collect()
        });
        Abort::Refused(Refused::Statement(Box::new(Failed {
            error,
            entity,
            paths: nodes.iter().map(|&id| self.node(id).path.clone()).collect(),
            rows: rows.collect(),
            deletes,
        })))
    }

    fn taken(&self, id: NodeId, columns: &[ColumnIx]) -> Error {
        let node = self.node(id);
        let of = self.entity(node.entity);
        let field = columns
            .first()
            .map_or("", |&c| of.columns[c].field.as_str());
        let message = format!("this `{field}` is taken; choose another");
        Error::new(Code::Conflict, message).of_field(format!("{}.{field}", node.path))
    }
}
