//! SeaORM's hooks of entities run beside what is written, and what they ask runs on its transaction.
//!
//! A transaction is nobody's but the writer's, so a hook asks through a channel, and is answered between two of its steps.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use sea_orm::{ActiveValue, DbBackend, DbErr, Statement, Value as OrmValue};

use super::foreign::{Named, bound};
use super::{Doubt, RanOf, Refused, Stop, Writer};
use crate::error::Error;
use crate::graph::hooks::{HookAnswer, HookConnection, Hooks, Row};
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, Entity, EntityId, Kind, orm};
use crate::read::load::change::{Abort, Foreign, Given as Values, Transaction};
use crate::read::load::{DatabaseError, Ran};
use crate::read::sql::Dialect;
use crate::read::sql::change::{Find, Lock, Look, Task, Value};
use crate::write::order::{GroupKey, Operation};
use crate::write::unit::NodeId;

/// A row on its way out, by its key, with its place in the input.
pub(super) type Leaving = (Vec<KeyValue>, Box<str>);

impl<'a, T: Transaction> Writer<'a, T> {
    pub(super) fn hooks(&self, entity: EntityId) -> Option<&'a Arc<dyn Hooks>> {
        self.entity(entity).writing.hooks.as_ref()
    }

    /// Writes rows, with the hooks of their entity before each.
    pub(super) async fn save(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        key: GroupKey,
        nodes: Vec<NodeId>,
    ) -> Result<(), Stop> {
        for (key, nodes) in self.before_save(hooks, key, nodes).await? {
            self.write(&key, nodes.clone()).await?;
            self.note_saved(key.operation, nodes);
        }
        Ok(())
    }

    /// Whether it is known that a row is made, since of one that is there a hook may leave all as it is.
    fn is_saved(&self, id: NodeId) -> bool {
        self.is_certain(id) && self.node(id).found().is_none()
    }

    fn note_saved(&mut self, operation: Operation, nodes: Vec<NodeId>) {
        for id in nodes {
            let found = self.instead.contains(&id) || self.linked.contains(&id);
            let is_there = self.done.contains(&id) || found;
            match operation {
                Operation::Update => self.saved.push((id, false)),
                _ if self.updated.contains(&id) => self.saved.push((id, false)),
                _ if is_there => {}
                _ => self.saved.push((id, true)),
            }
        }
    }

    /// Runs the hooks before rows are written, and sorts the rows by what is written of them then.
    async fn before_save(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        key: GroupKey,
        nodes: Vec<NodeId>,
    ) -> Result<Vec<(GroupKey, Vec<NodeId>)>, Stop> {
        let is_new = key.operation != Operation::Update;
        let mut there = HashMap::new();
        if !is_new {
            let keys = nodes.iter().map(|&id| self.key(id).unwrap_or_default());
            let keys: Vec<_> = keys.collect();
            let path = self.node(nodes[0]).path.to_string();
            let doubt = self.doubt_of(&nodes);
            let found = self.as_they_are(key.entity, &keys, &path, doubt).await?;
            there = nodes.iter().copied().zip(found).collect();
        }
        for &id in &nodes {
            let given = key.columns.iter();
            let given = given.map(|&c| (c, self.given(id, c).into_owned()));
            let given: Vec<_> = given.collect();
            let row = there.get(&id).and_then(Option::as_deref);
            let changes = self.before_one(hooks, id, given, row, is_new).await?;
            self.hooked.insert(id, changes);
        }
        Ok(self.regroup(key, nodes, &there))
    }

    /// What is to be changed of a row that was to be made, and was there.
    pub(super) async fn before_instead(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        id: NodeId,
        changes: Vec<(ColumnIx, Value)>,
    ) -> Result<Vec<(ColumnIx, Value)>, Stop> {
        let entity = self.node(id).entity;
        let (keys, path) = (
            [self.key(id).unwrap_or_default()],
            self.node(id).path.to_string(),
        );
        let found = self.as_they_are(entity, &keys, &path, Doubt::PERHAPS);
        let row = found.await?.pop().flatten();
        self.before_one(hooks, id, changes, row.as_deref(), false)
            .await
    }

    /// What is written of a row once its hook has seen what was to be.
    async fn before_one(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        id: NodeId,
        given: Vec<(ColumnIx, Value)>,
        there: Option<&[Option<KeyValue>]>,
        is_new: bool,
    ) -> Result<Vec<(ColumnIx, Value)>, Stop> {
        if self.dry {
            return Ok(given);
        }
        let entity = self.node(id).entity;
        let of = self.entity(entity);
        let path = self.node(id).path.to_string();
        let mut row = match there {
            Some(values) => row_of(of, values)?,
            None => Row(vec![ActiveValue::NotSet; of.columns.len()]),
        };
        for (column, value) in &given {
            row.0[*column] = ActiveValue::Set(match value {
                Value::Null => orm_value(of, *column, None)?,
                Value::Is(value) => orm_value(of, *column, Some(value))?,
                Value::List(_) => return Err(strange(of, *column)),
            });
        }
        let before = row.clone();
        let saved = self
            .hook(entity, &path, |db| hooks.before_save(row, is_new, db))
            .await?;
        let mut changes = Vec::new();
        for (column, value) in saved.0.iter().enumerate() {
            let (ActiveValue::Set(value), true) =
                (value, is_new || !of.primary_key.contains(&column))
            else {
                continue;
            };
            let given = given.iter().find(|(c, _)| *c == column);
            // What the hook has left alone is written as it was given.
            if let (Some(given), true) = (given, before.0[column] == saved.0[column]) {
                changes.push(given.clone());
                continue;
            }
            let value = match orm::written(&of.columns[column].kind, value) {
                Some(Some(value)) => Value::Is(value.in_microseconds(&of.columns[column].kind)),
                Some(None) => Value::Null,
                None => return Err(strange(of, column)),
            };
            changes.push((column, value));
        }
        Ok(changes)
    }

    /// Rows by the columns that are written of them, which are the same for all where that says nothing else.
    fn regroup(
        &mut self,
        key: GroupKey,
        nodes: Vec<NodeId>,
        there: &HashMap<NodeId, Option<Values>>,
    ) -> Vec<(GroupKey, Vec<NodeId>)> {
        let of = self.entity(key.entity);
        let all = nodes.iter().flat_map(|id| &self.hooked[id]);
        let all: BTreeSet<ColumnIx> = all.map(|(column, _)| *column).collect();
        let mut groups: BTreeMap<Vec<ColumnIx>, Vec<NodeId>> = BTreeMap::new();
        for id in nodes {
            let row = there.get(&id).and_then(Option::as_ref);
            let changes = self.hooked.entry(id).or_default();
            for &column in &all {
                if changes.iter().any(|(c, _)| *c == column) || changes.is_empty() {
                    continue;
                }
                let column_of = &of.columns[column];
                let same = match row {
                    Some(values) => Some(values[column].clone().map_or(Value::Null, Value::Is)),
                    None => (column_of.nullable && !column_of.written.has_default)
                        .then_some(Value::Null),
                };
                changes.extend(same.map(|same| (column, same)));
            }
            changes.sort_unstable_by_key(|(column, _)| *column);
            let columns = changes.iter().map(|(column, _)| *column).collect();
            groups.entry(columns).or_default().push(id);
        }
        let updates = key.operation == Operation::Update;
        // A hook may have let nothing be changed.
        let groups = groups
            .into_iter()
            .filter(|(c, _)| !updates || !c.is_empty());
        groups
            .map(|(columns, nodes)| {
                (
                    GroupKey {
                        columns,
                        ..key.clone()
                    },
                    nodes,
                )
            })
            .collect()
    }

    /// Runs the hooks of rows that were written, by what they are now.
    pub(super) async fn after_save(&mut self) -> Result<(), Stop> {
        let saved = std::mem::take(&mut self.saved);
        let mut by_entity: BTreeMap<EntityId, Vec<NodeId>> = BTreeMap::new();
        for (id, _) in &saved {
            by_entity
                .entry(self.node(*id).entity)
                .or_default()
                .push(*id);
        }
        let mut rows: HashMap<NodeId, Values> = HashMap::new();
        for (entity, nodes) in by_entity {
            let keys = nodes.iter().map(|&id| self.key(id).unwrap_or_default());
            let keys: Vec<_> = keys.collect();
            let path = self.node(nodes[0]).path.to_string();
            let certain = self.dry && nodes.iter().any(|&id| self.is_saved(id));
            let doubt = self.doubt_of(&nodes).if_at_all(!certain);
            let found = self.as_they_are(entity, &keys, &path, doubt).await?;
            let found = nodes.into_iter().zip(found);
            rows.extend(found.filter_map(|(id, row)| Some((id, row?))));
        }
        if self.dry {
            return Ok(());
        }
        for (id, is_new) in saved {
            let entity = self.node(id).entity;
            // Another hook may have deleted it.
            let (Some(hooks), Some(values)) = (self.hooks(entity), rows.get(&id)) else {
                continue;
            };
            let of = self.entity(entity);
            let row = row_of(of, values)?;
            let path = self.node(id).path.to_string();
            self.hook(entity, &path, |db| hooks.after_save(row, is_new, db))
                .await?;
        }
        Ok(())
    }

    /// Runs the hooks of rows that are about to be deleted, and gives the rows for those behind it.
    pub(super) async fn before_delete(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        entity: EntityId,
        doubt: Doubt,
        leaving: &[Leaving],
    ) -> Result<Vec<(Row, Box<str>)>, Stop> {
        let of = self.entity(entity);
        let keys: Vec<_> = leaving.iter().map(|(key, _)| key.clone()).collect();
        let first = leaving.first().map(|(_, path)| path.to_string());
        let found = self
            .as_they_are(entity, &keys, &first.unwrap_or_default(), doubt)
            .await?;
        let mut rows = Vec::new();
        if self.dry {
            return Ok(rows);
        }
        for (values, (_, path)) in found.iter().zip(leaving) {
            let Some(values) = values else { continue };
            let row = row_of(of, values)?;
            let row = self
                .hook(entity, path, |db| hooks.before_delete(row, db))
                .await?;
            rows.push((row, path.clone()));
        }
        Ok(rows)
    }

    pub(super) async fn after_delete(
        &mut self,
        hooks: &'a Arc<dyn Hooks>,
        entity: EntityId,
        rows: Vec<(Row, Box<str>)>,
    ) -> Result<(), Stop> {
        for (row, path) in rows {
            self.hook(entity, &path, |db| hooks.after_delete(row, db))
                .await?;
        }
        Ok(())
    }

    /// All columns of rows, by their keys.
    async fn as_they_are(
        &mut self,
        entity: EntityId,
        keys: &[Vec<KeyValue>],
        path: &str,
        doubt: Doubt,
    ) -> Result<Vec<Option<Values>>, Stop> {
        let of = self.entity(entity);
        let all: Vec<ColumnIx> = (0..of.columns.len()).collect();
        let bound = keys.iter().map(|key| {
            let parts = key.iter().cloned();
            parts.map(|part| Cow::Owned(Value::Is(part))).collect()
        });
        let rows = self.rows(entity, &of.primary_key, bound);
        let find = Task::Find(Find {
            entity,
            by: of.primary_key.clone(),
            look: Look {
                reads: all,
                asks: Vec::new(),
                seen: false,
                lock: Lock::None,
            },
        });
        let mut found = vec![None; keys.len()];
        for mut row in self.statement(path, doubt, find, rows).await? {
            let at = super::place(T::DIALECT, &row[0]);
            row.remove(0);
            if let Some(found) = found.get_mut(at) {
                *found = Some(row);
            }
        }
        Ok(found)
    }

    /// Runs a hook, and on the transaction what it asks.
    async fn hook<R>(
        &mut self,
        entity: EntityId,
        path: &str,
        call: impl for<'h> FnOnce(&'h HookConnection) -> BoxFuture<'h, Result<R, DbErr>>,
    ) -> Result<R, Stop> {
        let backend = match T::DIALECT {
            Dialect::Postgres => DbBackend::Postgres,
            Dialect::Sqlite => DbBackend::Sqlite,
        };
        let (db, mut asked) = HookConnection::new(backend);
        let mut failed = None;
        let mut running = call(&db);
        let done = loop {
            tokio::select! {
                biased;
                done = &mut running => break done,
                Some(ask) = asked.recv() => match self.foreign(path, entity, &ask.statement).await {
                    Ok(answer) => ask.answer(Some(answer)),
                    Err(error) => {
                        failed.get_or_insert(error);
                        ask.answer(None);
                    }
                },
            }
        };
        match (done, failed) {
            (Err(DbErr::Custom(why)), _) => {
                let error = Error::input(why).of_field(path);
                Err(Abort::Refused(Refused::Errors(vec![error])))
            }
            // The transaction is gone with it, whatever the hook made of that.
            (_, Some(error)) => Err(error.into()),
            (Err(error), None) => {
                let why = format!("a hook of {}: {error}", self.entity(entity).module);
                Err(DatabaseError::Shape(why).into())
            }
            (Ok(done), None) => Ok(done),
        }
    }

    /// Runs a statement of a hook's.
    async fn foreign(
        &mut self,
        path: &str,
        entity: EntityId,
        statement: &Statement,
    ) -> Result<HookAnswer, DatabaseError> {
        let named = Named::of(&self.catalog.entities, &statement.sql);
        let values = statement.values.iter().flat_map(|values| &values.0);
        let foreign = Foreign {
            sql: statement.sql.as_str().into(),
            values: values
                .map(|v| bound(T::DIALECT, v))
                .collect::<Result<_, _>>()?,
        };
        let started = Instant::now();
        let found = self.on.foreign(&foreign, |name| named.kind(name)).await?;
        self.ran.push(RanOf {
            path: format!("{path}(hook)"),
            entity,
            doubt: Doubt::NONE,
            ran: Ran {
                sql: foreign.sql,
                keys: 0,
                rows: found.rows.len(),
                took: started.elapsed(),
            },
        });
        let rows = found.rows.iter().map(|row| {
            let columns = found.columns.iter().zip(row);
            let values = columns.map(|((name, kind), value)| {
                let kind = kind.as_ref().unwrap_or(match value {
                    Some(KeyValue::Int(_)) => &Kind::BigInt,
                    _ => &Kind::Text,
                });
                (name.clone(), named.value(name, kind, value.as_ref()))
            });
            values.collect()
        });
        Ok(HookAnswer {
            rows: rows.collect(),
            changed: found.changed,
            last_key: found.last_key.max(0) as u64,
        })
    }
}

/// A row that is there.
fn row_of(of: &Entity, values: &[Option<KeyValue>]) -> Result<Row, Stop> {
    let values = values.iter().enumerate();
    let row = values.map(|(column, value)| {
        Ok(ActiveValue::Unchanged(orm_value(
            of,
            column,
            value.as_ref(),
        )?))
    });
    Ok(Row(row.collect::<Result<_, Stop>>()?))
}

fn orm_value(of: &Entity, column: ColumnIx, value: Option<&KeyValue>) -> Result<OrmValue, Stop> {
    let fits = |value: &OrmValue| of.writing.fits.is_none_or(|fits| fits(column, value));
    let value = orm::value(&of.columns[column].kind, value, fits);
    value.ok_or_else(|| strange(of, column))
}

/// A value that the type of a column in Rust does not take, or the column does not take of it.
fn strange(of: &Entity, column: ColumnIx) -> Stop {
    let why = format!(
        "a hook of {}: column `{}` and its type in Rust do not hold the same values",
        of.module, of.columns[column].name
    );
    DatabaseError::Shape(why).into()
}
