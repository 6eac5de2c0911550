//! A transaction of which is known what it runs, so that an error of the database's is logged with its statement and with
//! the field that it is of, as those of reads are.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::graph::{Catalog, Kind};
use crate::read::load::change::{Change, Foreign, ForeignRows, Given, Transaction};
use crate::read::load::rows::Rows;
use crate::read::load::{Connection, DatabaseError, Statement};
use crate::read::plan::Level;
use crate::read::sql::Dialect;
use crate::read::sql::forms::ColumnRef;

/// What a mutation runs, or ran when it failed.
#[derive(Default)]
pub struct Runs(Mutex<Running>);

#[derive(Default)]
struct Running {
    /// The field, by its place.
    at: Option<usize>,
    /// The statements on their way, in their order: where one fails, it is the first.
    sql: Vec<Arc<str>>,
}

impl Runs {
    /// What follows is of this field, or of none.
    pub fn come_to(&self, at: Option<usize>) {
        self.running().at = at;
    }

    pub fn at(&self) -> Option<usize> {
        self.running().at
    }

    pub fn sql(&self) -> Option<Arc<str>> {
        self.running().sql.first().cloned()
    }

    fn begin(&self, sql: &Arc<str>) {
        self.running().sql.push(sql.clone());
    }

    /// It has not failed.
    fn end(&self, sql: &Arc<str>) {
        let all = &mut self.running().sql;
        if let Some(at) = all.iter().position(|of| Arc::ptr_eq(of, sql)) {
            all.remove(at);
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Heeded<'a, T> {
    on: &'a T,
    runs: &'a Runs,
}

impl<'a, T: Transaction> Heeded<'a, T> {
    /// The transaction is at its beginning.
    pub fn new(on: &'a T, runs: &'a Runs) -> Self {
        *runs.running() = Running::default();
        Heeded { on, runs }
    }

    /// What asks is on the heap: it would be in the state of each that waits for it, once more than without this.
    async fn heed<R>(
        &self,
        sql: &Arc<str>,
        asking: Pin<Box<impl Future<Output = Result<R, DatabaseError>>>>,
    ) -> Result<R, DatabaseError> {
        self.runs.begin(sql);
        let done = asking.await?;
        self.runs.end(sql);
        Ok(done)
    }
}

impl<T: Transaction> Connection for Heeded<'_, T> {
    const DIALECT: Dialect = T::DIALECT;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        let asking = Box::pin(self.on.run(catalog, level, statement));
        self.heed(&statement.sql.text, asking).await
    }

    fn other_forms(
        &self,
        catalog: &Catalog,
        compared: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        self.on.other_forms(catalog, compared)
    }

    fn skip(&self) {
        self.on.skip();
    }

    fn is_over(&self) -> bool {
        self.on.is_over()
    }
}

impl<T: Transaction> Transaction for Heeded<'_, T> {
    async fn change(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        let asking = Box::pin(self.on.change(change));
        self.heed(&change.sql, asking).await
    }

    async fn change_before<R>(
        &self,
        change: &Change,
        behind: impl Future<Output = R>,
    ) -> Result<(u64, R), DatabaseError> {
        let asking = Box::pin(self.on.change_before(change, behind));
        self.heed(&change.sql, asking).await
    }

    async fn change_all(&self, changes: &[Change]) -> Vec<Result<Vec<Given>, DatabaseError>> {
        changes
            .iter()
            .for_each(|change| self.runs.begin(&change.sql));
        let all = Box::pin(self.on.change_all(changes)).await;
        let done = changes.iter().zip(&all).filter(|(_, done)| done.is_ok());
        done.for_each(|(change, _)| self.runs.end(&change.sql));
        all
    }

    async fn foreign(
        &self,
        statement: &Foreign,
        kind: impl Fn(&str) -> Option<Kind> + Send,
    ) -> Result<ForeignRows, DatabaseError> {
        let asking = Box::pin(self.on.foreign(statement, kind));
        self.heed(&statement.sql, asking).await
    }
}
