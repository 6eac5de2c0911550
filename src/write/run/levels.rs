//! Rows are written level by level: what depends on nothing that is made first.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::failure;
use super::find::is_of;
use super::{Doubt, Failed, FailedDeed, FailedRow, FailedValue, Refused, Stop, Writer};
use crate::graph::keys::KeyValue;
use crate::graph::writing::KeyMaker;
use crate::graph::{ColumnIx, EntityId};
use crate::read::load::DatabaseError;
use crate::read::load::change::{Abort, Given as Row, Transaction};
use crate::read::load::refusal::Refusal;
use crate::read::sql::Dialect;
use crate::read::sql::change::{BoundRows, Task, Unless, Value};
use crate::write::order::{Circle, GroupKey, Operation, Order, order};
use crate::write::unit::{Given, NodeId};

/// What is known of rows that are made, once they are.
pub(super) struct Returned {
    /// What others refer to, and is given.
    given: Vec<ColumnIx>,
    pub columns: Vec<ColumnIx>,
    made_by_database: bool,
}

/// A statement that makes rows.
pub(super) fn inserting(key: &GroupKey, returned: &[ColumnIx]) -> Task {
    Task::Insert {
        entity: key.entity,
        columns: key.columns.clone(),
        unless: Unless::Never,
        reads: returned.to_vec(),
    }
}

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
            Operation::Upsert(unique) if self.is_at_once(key, &nodes) => {
                self.upsert(key, nodes[0], unique).await
            }
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
            only: None,
        };
        // Its hooks may leave a row as it is.
        let hooked = self.hooks(key.entity).is_some();
        let doubt = self.doubt_of(&nodes).if_at_all(hooked);
        self.update_rows(&nodes, doubt, update, rows).await?;
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
        let Returned {
            given,
            columns: returned,
            made_by_database,
        } = self.returned(key);
        let mut found = match self.ahead.take_if(|(id, _)| nodes == [*id]) {
            Some((_, found)) => {
                let deed = FailedDeed::Insert { unless: Vec::new() };
                found.map_err(|error| self.failed(error, key.entity, &nodes, deed))?
            }
            None => {
                let rows = self.values(key.entity, &key.columns, &nodes);
                let doubt = self.doubt_of(&nodes);
                self.run(&nodes, doubt, inserting(key, &returned), rows)
                    .await?
            }
        };
        // What others refer to; their keys are found where they were given.
        let referred = self.wanted.get(&key.entity).cloned().unwrap_or_default();
        for &id in &nodes {
            for &column in given.iter().filter(|c| referred.contains(c)) {
                let value = self.plain(id, column);
                self.known.insert((id, column), value);
            }
        }
        if made_by_database {
            if found.len() != nodes.len() {
                let places = nodes.iter().map(|&id| self.node(id).input());
                self.refuse(vec![failure::left_out(of, places)])?;
            }
            // They are made in the order of the rows. PostgreSQL gives them in it, where they need not grow; on SQLite they
            // do, which gives them in any.
            if T::DIALECT == Dialect::Sqlite {
                let at = returned.iter().position(|c| of.primary_key.contains(c));
                let at = at.unwrap_or_default();
                found.sort_by_key(|row| match row.get(at) {
                    Some(Some(KeyValue::Int(key))) => *key,
                    _ => 0,
                });
            }
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

    /// What a statement that makes rows is to return of them.
    pub(super) fn returned(&self, key: &GroupKey) -> Returned {
        let of = self.entity(key.entity);
        let wanted = self.reads(key.entity);
        let (given, mut columns): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|c| key.columns.contains(c));
        let made_by_database = of.writing.key == KeyMaker::Database
            && of.primary_key.iter().all(|c| columns.contains(c));
        // What is told apart by its key is returned with it.
        if !columns.is_empty() && !made_by_database {
            columns.extend(&of.primary_key);
            columns.dedup();
        }
        Returned {
            given,
            columns,
            made_by_database,
        }
    }

    /// What was returned of rows that are told apart by these columns.
    pub(super) fn remember_by_key(
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

    /// Writes what had to be null at first, because rows refer to each other.
    async fn patch(
        &mut self,
        patches: &[(NodeId, ColumnIx, (NodeId, ColumnIx))],
    ) -> Result<(), Stop> {
        let mut by_column: BTreeMap<(EntityId, ColumnIx), Vec<(NodeId, Given)>> = BTreeMap::new();
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
                only: None,
            };
            let nodes: Vec<_> = patches.iter().map(|(id, _)| *id).collect();
            let certain = self.dry && nodes.iter().any(|&id| self.is_certain(id));
            let doubt = self.doubt_of(&nodes).if_at_all(!certain);
            self.update_rows(&nodes, doubt, update, rows).await?;
            // One that was there is changed by it, and perhaps by nothing else.
            let there = nodes.into_iter().filter(|id| self.instead.contains(id));
            self.updated.extend(there);
        }
        Ok(())
    }

    pub(super) fn values(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        nodes: &[NodeId],
    ) -> BoundRows {
        let value = |row: usize, i: usize| self.given(nodes[row], columns[i]);
        self.changes().rows(entity, columns, nodes.len(), value)
    }

    /// Runs a statement that writes these rows; what the database will not have of it is remembered with them.
    pub(super) async fn run(
        &mut self,
        nodes: &[NodeId],
        doubt: Doubt,
        task: Task,
        rows: BoundRows,
    ) -> Result<Vec<Row>, Stop> {
        let entity = task.entity();
        let deed = match &task {
            Task::Insert { unless, .. } => FailedDeed::Insert {
                unless: match unless {
                    Unless::Never => Vec::new(),
                    Unless::Taken(columns) => columns.clone(),
                    Unless::Changed(instead) => instead.key.clone(),
                },
            },
            _ => FailedDeed::Update,
        };
        let may_change = matches!(
            &task,
            Task::Insert {
                unless: Unless::Changed(_),
                ..
            }
        );
        let path = nodes.first().map(|&id| self.node(id).path.to_string());
        let path = path.unwrap_or_default();
        let ran = self.statement(&path, doubt, task, rows).await;
        ran.map_err(|error| match self.failed(error, entity, nodes, deed) {
            Abort::Refused(Refused::Statement(mut failed)) if may_change => {
                let instead = nodes
                    .iter()
                    .map(|&id| self.failed_row(id, &failed.deed, true));
                failed.rows.extend(instead);
                Abort::Refused(Refused::Statement(failed))
            }
            stop => stop,
        })
    }

    pub(super) fn failed(
        &self,
        error: DatabaseError,
        entity: EntityId,
        nodes: &[NodeId],
        deed: FailedDeed,
    ) -> Stop {
        if Refusal::of(&error).is_none() {
            return Abort::Database(error);
        }
        let rows = nodes.iter().map(|&id| {
            let is_instead = deed == FailedDeed::Update && self.instead.contains(&id);
            self.failed_row(id, &deed, is_instead)
        });
        Abort::Refused(Refused::Statement(Box::new(Failed {
            error,
            entity,
            rows: rows.collect(),
            deed,
        })))
    }

    fn failed_row(&self, id: NodeId, deed: &FailedDeed, is_instead: bool) -> FailedRow {
        let node = self.node(id);
        let of = self.entity(node.entity);
        let is_update = *deed == FailedDeed::Update;
        let (changes, path) = match is_instead {
            true => (node.instead(), node.input_instead()),
            false => (&node.changes[..], node.input()),
        };
        let place = |column| match is_instead {
            true => node.place_instead(of, column),
            false => node.place_of(of, column),
        };
        let values = changes.iter().map(|(column, given)| {
            let place = place(*column);
            FailedValue {
                column: *column,
                value: self.value(given).into_owned(),
                is_of_new: is_of(given).is_some_and(|(to, _)| self.node(to).named_key().is_none()),
                // What stands nowhere in the input has the place of its row.
                is_given: place != path,
                place,
            }
        });
        let values: Vec<_> = values.collect();
        let values = match self.hooked.get(&id) {
            None => values,
            Some(hooked) => {
                let is_given = |column: &ColumnIx, value: &Value| {
                    let mut values = values.iter();
                    let given = values.find(|v| v.column == *column && v.is_given);
                    given.is_some_and(|given| given.value == *value)
                };
                let values = hooked.iter().map(|(column, value)| FailedValue {
                    column: *column,
                    value: value.clone(),
                    place: place(*column),
                    is_of_new: false,
                    is_given: is_given(column, value),
                });
                values.collect()
            }
        };
        FailedRow {
            path: match deed {
                FailedDeed::Delete => node.path.clone(),
                _ => path.into(),
            },
            key: self.key(id).filter(|_| is_update),
            values,
            is_instead: is_instead && !is_update,
        }
    }
}
