//! Related rows, handed out by loaders: one for each relation and its arguments, for the length of a request.
//!
//! A lazy field awaits relations row by row. The statement of a declared relation runs with the level that it is walked
//! from, on the snapshot of the whole answer, so nothing is held open while somebody's code runs; what the loader does
//! is gather the rows of a level that ask, all of which are in flight at once, and give to all of them at a time.

use std::collections::HashMap;
use std::sync::Arc;

use dataloader::BatchFn;
use dataloader::non_cached::Loader;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::FieldError;
use super::row::RowSet;

/// What a relation leads to from the rows of a level.
pub type Relatives = Arc<dyn Hands>;

/// Hands out what a relation leads to from a row.
pub trait Hands: Send + Sync {
    fn of(&self, row: u32) -> BoxFuture<'_, Result<Family, FieldError>>;
}

impl Hands for Loader<u32, Result<Family, FieldError>, Families> {
    fn of(&self, row: u32) -> BoxFuture<'_, Result<Family, FieldError>> {
        async move { self.try_load(row).await? }.boxed()
    }
}

/// What a relation leads to from one row.
#[derive(Clone)]
pub enum Family {
    /// These of the rows.
    Rows(Arc<RowSet>, Arc<[u32]>),
    Count(u64),
}

/// Finds what the relation leads to from a row.
pub type Find = dyn Fn(u32) -> Result<Family, FieldError> + Send + Sync;

/// The batches of a loader.
pub struct Families(Arc<Find>);

impl BatchFn<u32, Result<Family, FieldError>> for Families {
    async fn load(&mut self, rows: &[u32]) -> HashMap<u32, Result<Family, FieldError>> {
        rows.iter().map(|&row| (row, (self.0)(row))).collect()
    }
}

/// A loader for one request.
pub fn relatives(find: Arc<Find>) -> Relatives {
    // All rows of a level ask before any is polled again, so that one turn is enough to gather them.
    let loader = Loader::new(Families(find))
        .with_max_batch_size(usize::MAX)
        .with_yield_count(1);
    Arc::new(loader)
}
