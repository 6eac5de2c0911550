//! Statements of writers that are kept, so that what is asked again is not written again.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::graph::rules::Shape;
use crate::read::sql::change::{ChangeSql, Packing, Task};

/// By what they do, under whose rules, and how their rows are bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub shape: Shape,
    pub packing: Packing,
    pub task: Task,
}

/// Those of one database.
pub struct Kept(Cache<Key, Arc<ChangeSql>, Weight>);

/// About what one costs, in bytes: its text, and what tells it from others.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, Arc<ChangeSql>> for Weight {
    fn weight(&self, _: &Key, sql: &Arc<ChangeSql>) -> u64 {
        sql.text.len() as u64 + 1024
    }
}

/// All of them, in bytes.
const MOST: u64 = 8 << 20;

impl Default for Kept {
    fn default() -> Self {
        Kept(Cache::with_weighter(1024, MOST, Weight))
    }
}

impl Kept {
    pub fn get_or_write(&self, key: &Key, write: impl FnOnce() -> ChangeSql) -> Arc<ChangeSql> {
        if let Some(known) = self.0.get(key) {
            return known;
        }
        let sql = Arc::new(write());
        self.0.insert(key.clone(), sql.clone());
        sql
    }
}
