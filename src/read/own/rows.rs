//! Loaded rows as fields of one's own have them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::Catalog;
use crate::graph::keys::{KeyColumn, KeyValue, Nullable};
use crate::graph::own::{
    Family, FieldError, Find, OwnField, Relatives, RowSet, RowsOf, WalkOf, Why, relatives,
};
use crate::read::failure;
use crate::read::load::{LevelError, Loaded};
use crate::read::plan::own::{OwnCall, RowsRead, WalkRead};
use crate::read::plan::{BoundPlan, LevelId};

/// Makes what fields are given of the levels of a phase.
pub struct Sets<'a> {
    catalog: &'a Catalog,
    bound: &'a BoundPlan,
    loaded: &'a mut [Loaded],
    /// The values of reads that some field has: nothing else needs them any more.
    held: HashMap<(LevelId, usize), Option<Arc<KeyColumn<Nullable>>>>,
}

impl<'a> Sets<'a> {
    pub fn new(catalog: &'a Catalog, bound: &'a BoundPlan, loaded: &'a mut [Loaded]) -> Self {
        Sets {
            catalog,
            bound,
            loaded,
            held: HashMap::new(),
        }
    }

    /// The rows that a field is called for, and which of them: not those that were read only to know that they are
    /// there, and none whose columns are hidden from whoever asks.
    pub fn of_call(&mut self, field: &OwnField, call: &OwnCall) -> (Arc<RowSet>, Vec<u32>) {
        let (Some(level), Some(of)) = (call.about, &field.rows) else {
            return (Arc::new(RowSet::nothing(&field.name)), vec![0]);
        };
        let rows = self.rows(level, of, &call.rows);
        let needed = of.columns.iter().enumerate();
        let needed = needed
            .filter(|(_, c)| c.declared && c.has_rule)
            .map(|(at, _)| at);
        let needed: Vec<usize> = needed.chain(of.key.iter().copied()).collect();
        let count = self.loaded[level].rows.count() as u32;
        let is_live = |row: &u32| needed.iter().all(|&column| rows.has(*row, column));
        let live = (0..count).filter(is_live).collect();
        (rows, live)
    }

    fn rows(&mut self, level: LevelId, of: &Arc<RowsOf>, read: &RowsRead) -> Arc<RowSet> {
        let reads = read.reads.iter();
        let columns = reads.map(|read| self.held(level, (*read)?)).collect();
        let walks = of.walks.iter().zip(&read.walks);
        let walks = walks
            .map(|(walk, read)| self.walk(level, walk, read))
            .collect();
        Arc::new(RowSet {
            of: of.clone(),
            columns,
            walks,
        })
    }

    fn held(&mut self, level: LevelId, read: usize) -> Option<Arc<KeyColumn<Nullable>>> {
        let rows = &mut self.loaded[level].rows;
        let held = self.held.entry((level, read));
        let held = held.or_insert_with(|| rows.take_key(read).map(Arc::new));
        held.clone()
    }

    /// What a relation leads to from each row of a level.
    fn walk(&mut self, parent: LevelId, walk: &WalkOf, read: &WalkRead) -> Relatives {
        let parents = self.loaded[parent].rows.count() as u32;
        let find: Arc<Find> = match read.count {
            Some(count) => {
                let counts = self.held(read.level, count);
                let counted = (0..parents).map(|row| self.count(read.level, row, &counts));
                let counted: Vec<Result<u64, FieldError>> = counted.collect();
                Arc::new(move |row| Ok(Family::Count(of_row(&counted, row)?)))
            }
            None => {
                let rows = self.rows(read.level, &walk.rows, &read.rows);
                let families = (0..parents).map(|row| self.family(walk, read.level, row));
                let families: Vec<Result<Arc<[u32]>, FieldError>> = families.collect();
                Arc::new(move |row| Ok(Family::Rows(rows.clone(), of_row(&families, row)?)))
            }
        };
        relatives(find)
    }

    fn count(
        &self,
        level: LevelId,
        parent: u32,
        counts: &Option<Arc<KeyColumn<Nullable>>>,
    ) -> Result<u64, FieldError> {
        let loaded = &self.loaded[level];
        if let Some(failed) = loaded.failure(parent) {
            return Err(self.failed(failed));
        }
        let row = loaded.one(parent);
        let count = row.and_then(|row| counts.as_ref()?.get(row as usize));
        // Of no rows there is no count.
        Ok(match count {
            Some(KeyValue::Int(count)) => count.unsigned_abs(),
            _ => 0,
        })
    }

    fn family(&self, walk: &WalkOf, level: LevelId, parent: u32) -> Result<Arc<[u32]>, FieldError> {
        let loaded = &self.loaded[level];
        if let Some(failed) = loaded.failure(parent) {
            return Err(self.failed(failed));
        }
        if self.bound.plan.levels[level].page.is_none() {
            return Ok(loaded.one(parent).into_iter().collect());
        }
        let rows = loaded.many(parent);
        let most = self.bound.pages[level].limit;
        if rows.len() > most as usize {
            let relation = &self.catalog.relations[walk.relation];
            let from = &self.catalog.entities[relation.from];
            let message = format!(
                "`{}` walks `{}.{}`, which has more than {most} rows here; declare how many it needs with `.at_most(…)`, or count them with `.count(…)`",
                walk.rows.field, from.type_name, relation.name
            );
            return Err(FieldError::new(Why::LimitExceeded, message));
        }
        Ok(rows.collect())
    }

    fn failed(&self, failed: &LevelError) -> FieldError {
        let error = failure::shown(failed, self.bound);
        FieldError {
            passed_on: Some(Arc::new(error.clone())),
            ..FieldError::new(Why::Internal, error.message)
        }
    }
}

fn of_row<T: Clone>(all: &[Result<T, FieldError>], row: u32) -> Result<T, FieldError> {
    let gone = || Err(FieldError::mistake("the row is none of its level"));
    all.get(row as usize).cloned().unwrap_or_else(gone)
}
