//! Rows that are there, and that PostgreSQL keeps from being written without a word: fewer are changed than were to be, or some are
//! seen and cannot be locked.
//!
//! A policy of their table's own (`ROW LEVEL SECURITY`) does that where it shows a row and does not let it be changed. That is refused.
//! So may a trigger do (`suppress_redundant_updates_trigger`, or one that does something else instead of deleting): that is the
//! database's own affair, and what there is then is read. Only where rows are missing it is asked which it was: what a policy does
//! not let be changed cannot be locked either.

use std::borrow::Cow;
use std::time::Instant;

use super::find::Finding;
use super::hooks::Leaving;
use super::{Doubt, Refused, Stop, Writer, holds, place};
use crate::error::{Code, Error};
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, EntityId};
use crate::read::load::DatabaseError;
use crate::read::load::change::{Abort, Transaction};
use crate::read::sql::Dialect;
use crate::read::sql::change::{BoundRows, Find, Lock, Look, Task, Value};
use crate::write::unit::NodeId;

/// Rows by the values of some columns, each with its place in the input.
struct Named<'n> {
    by: &'n [ColumnIx],
    rows: Vec<(Vec<KeyValue>, &'n str)>,
}

impl<T: Transaction> Writer<'_, T> {
    /// Runs a statement that changes or deletes rows; whether PostgreSQL has left some of them alone.
    pub(super) async fn changing(
        &mut self,
        path: &str,
        doubt: Doubt,
        task: Task,
        rows: BoundRows,
    ) -> Result<bool, DatabaseError> {
        if rows.count == 0 {
            return Ok(false);
        }
        let (entity, count) = (task.entity(), rows.count as u64);
        let key = self.kept_as(task, &rows);
        let change = self.change(self.writing(&key), rows)?;
        let started = Instant::now();
        let (changed, ()) = self.on.change_before(&change, async {}).await?;
        self.tell(path, entity, doubt, &change, 0, started.elapsed());
        Ok(T::DIALECT == Dialect::Postgres && !self.dry && changed < count)
    }

    /// Runs a statement that changes these rows, by their keys.
    pub(super) async fn update_rows(
        &mut self,
        nodes: &[NodeId],
        doubt: Doubt,
        task: Task,
        rows: BoundRows,
    ) -> Result<(), Stop> {
        let entity = task.entity();
        let path = nodes.first().map(|&id| self.node(id).path.to_string());
        let path = path.unwrap_or_default();
        let ran = self.changing(&path, doubt, task, rows);
        match ran.await {
            Ok(false) => Ok(()),
            Ok(true) => self.refuse_kept(entity, nodes).await,
            Err(error) => Err(self.failed(error, entity, nodes, super::FailedDeed::Update)),
        }
    }

    /// Refuses rows that were left alone, where a policy does not let them be changed.
    async fn refuse_kept(&mut self, entity: EntityId, nodes: &[NodeId]) -> Result<(), Stop> {
        let places: Vec<_> = nodes
            .iter()
            .map(|&id| {
                let path = self.node(id).path.to_string();
                (self.key(id).unwrap_or_default(), path)
            })
            .collect();
        let rows = places.iter().map(|(key, path)| (key.clone(), &**path));
        let named = Named {
            by: &self.entity(entity).primary_key,
            rows: rows.collect(),
        };
        let locked = self.there(entity, &named, Lock::Update, false).await?;
        if locked.iter().all(|is| *is) {
            return Ok(());
        }
        let there = self.there(entity, &named, Lock::None, false).await?;
        let kept = there
            .iter()
            .zip(locked)
            .map(|(there, locked)| *there && !locked);
        self.refuse_as_policy(entity, &named, kept, "changed")
    }

    /// Refuses rows that were to be deleted and are there, where the table has policies.
    pub(super) async fn refuse_undeleted(
        &mut self,
        entity: EntityId,
        leaving: &[Leaving],
    ) -> Result<(), Stop> {
        let rows = leaving.iter().map(|(key, path)| (key.clone(), &**path));
        let named = Named {
            by: &self.entity(entity).primary_key,
            rows: rows.collect(),
        };
        let there = self.there(entity, &named, Lock::None, false).await?;
        if !there.contains(&true) {
            return Ok(());
        }
        let first = named.rows.first().map_or("", |(_, path)| path);
        let sql = self.changes().has_policies(entity);
        let change = self.change(|_| sql.clone().into(), BoundRows::default())?;
        let path = told_as(first);
        let found = self.written_statement(&path, Doubt::PERHAPS, entity, change);
        match found.await?.iter().flatten().all(holds) {
            true => self.refuse_as_policy(entity, &named, there.into_iter(), "deleted"),
            false => Ok(()),
        }
    }

    /// Of rows that were not found, and were to be locked, refuses those that are there and seen.
    pub(super) async fn refuse_unlocked(
        &mut self,
        finding: &Finding<'_>,
        missing: &[NodeId],
    ) -> Result<(), Stop> {
        // What refers to a row that is not there has failed ahead of this, and nothing more can be asked; to one that is there,
        // locked or not, it could refer.
        if matches!(self.ahead, Some((_, Err(_)))) {
            return Ok(());
        }
        let Find { entity, by, look } = &finding.find;
        let rows = finding.named.iter();
        let rows = rows.filter(|(_, id)| missing.contains(id));
        let places: Vec<_> = rows
            .map(|(key, id)| (key.clone(), self.node(*id).path.to_string()))
            .collect();
        let rows = places.iter().map(|(key, path)| (key.clone(), &**path));
        let rows = rows.collect();
        self.refuse_unlocked_by(*entity, by, look.lock, rows).await
    }

    /// The same of rows by the values of these columns.
    pub(super) async fn refuse_unlocked_by(
        &mut self,
        entity: EntityId,
        by: &[ColumnIx],
        lock: Lock,
        rows: Vec<(Vec<KeyValue>, &str)>,
    ) -> Result<(), Stop> {
        if T::DIALECT != Dialect::Postgres || self.dry || lock == Lock::None || rows.is_empty() {
            return Ok(());
        }
        let named = Named { by, rows };
        let there = self.there(entity, &named, Lock::None, true).await?;
        let does = match lock {
            Lock::Update => "changed",
            Lock::Share | Lock::None => "referred to",
        };
        self.refuse_as_policy(entity, &named, there.into_iter(), does)
    }

    /// Which of these rows are there, and can be locked.
    async fn there(
        &mut self,
        entity: EntityId,
        named: &Named<'_>,
        lock: Lock,
        seen: bool,
    ) -> Result<Vec<bool>, DatabaseError> {
        let bound = named.rows.iter().map(|(key, _)| {
            let parts = key.iter().cloned();
            parts.map(|part| Cow::Owned(Value::Is(part))).collect()
        });
        let bound = self.rows(entity, named.by, bound);
        let find = Task::Find(Find {
            entity,
            by: named.by.to_vec(),
            look: Look {
                reads: Vec::new(),
                asks: Vec::new(),
                seen,
                lock,
            },
        });
        let first = named.rows.first().map_or("", |(_, path)| path);
        let found = self
            .statement(&told_as(first), Doubt::PERHAPS, find, bound)
            .await?;
        let mut there = vec![false; named.rows.len()];
        for row in found {
            if let Some(is) = there.get_mut(place(T::DIALECT, &row[0])) {
                *is = true;
            }
        }
        Ok(there)
    }

    fn refuse_as_policy(
        &self,
        entity: EntityId,
        named: &Named<'_>,
        kept: impl Iterator<Item = bool>,
        does: &str,
    ) -> Result<(), Stop> {
        let message = format!(
            "the rules of the database do not let this {} be {does}",
            self.entity(entity).one()
        );
        let kept = named.rows.iter().zip(kept).filter(|(_, is_kept)| *is_kept);
        let errors =
            kept.map(|((_, path), _)| Error::new(Code::Forbidden, message.clone()).of_field(*path));
        match errors.collect::<Vec<_>>() {
            none if none.is_empty() => Ok(()),
            errors => Err(Abort::Refused(Refused::Policy(errors))),
        }
    }
}

/// What is asked only of what was left alone is in no bound, and told as such.
pub(super) fn told_as(path: &str) -> String {
    format!("{path}(left alone)")
}
