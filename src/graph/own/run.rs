//! How the code of fields runs: for all rows of a level at once. What goes wrong in it is an error of its row.

use std::any::Any;
use std::collections::HashMap;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use sea_orm::EntityTrait;
use tokio::time::timeout_at;

use super::context::Context;
use super::output::{Output, Value};
use super::row::{Row, RowSet};
use super::{FieldError, Why};

/// What a field is asked for.
pub struct Call {
    pub rows: Arc<RowSet>,
    /// Which of the rows.
    pub live: Vec<u32>,
    pub context: Context,
    /// Until when.
    pub deadline: Instant,
}

/// One for each of the rows that are asked for.
pub type Values = Vec<Result<Value, FieldError>>;

/// The code of a field, whatever its types.
pub type Run = Arc<dyn Fn(Call) -> BoxFuture<'static, Values> + Send + Sync>;

pub(super) fn computed<E, T, F>(compute: F) -> Run
where
    E: EntityTrait,
    T: Output,
    F: Fn(&Row<E>, &Context) -> Result<T, FieldError> + Send + Sync + 'static,
{
    let compute = Arc::new(compute);
    Arc::new(move |call| {
        let compute = compute.clone();
        let one = move |at: u32| {
            let row = Row::new(call.rows.clone(), at);
            let computing = AssertUnwindSafe(|| compute(&row, &call.context)?.value());
            catch_unwind(computing).unwrap_or_else(panicked)
        };
        let live = call.live;
        async move { live.into_iter().map(one).collect() }.boxed()
    })
}

pub(super) fn lazy<E, T, F, A>(field: F) -> Run
where
    E: EntityTrait,
    T: Output,
    F: Fn(Row<E>, Context) -> A + Send + Sync + 'static,
    A: Future<Output = Result<T, FieldError>> + Send + 'static,
{
    let field = Arc::new(field);
    Arc::new(move |call| {
        let one = |&at: &u32| {
            let (field, row) = (field.clone(), Row::new(call.rows.clone(), at));
            let context = call.context.clone();
            async move { field(row, context).await?.value() }
        };
        each(call.live.iter().map(one).collect(), call.deadline).boxed()
    })
}

/// The code of a root field, for which there is no row: it is asked once.
pub(super) fn root<T, F, A>(field: F) -> Run
where
    T: Output,
    F: Fn(Context) -> A + Send + Sync + 'static,
    A: Future<Output = Result<T, FieldError>> + Send + 'static,
{
    let field = Arc::new(field);
    Arc::new(move |call| {
        let field = field.clone();
        let one = async move { field(call.context).await?.value() };
        each(vec![one], call.deadline).boxed()
    })
}

/// All at once, in this task; what has no value by the deadline is late.
async fn each<A>(all: Vec<A>, deadline: Instant) -> Values
where
    A: Future<Output = Result<Value, FieldError>> + Send,
{
    let mut values: Values = all.iter().map(|_| Err(FieldError::late())).collect();
    let apart = all.into_iter().enumerate().map(|(i, one)| async move {
        let done = AssertUnwindSafe(one).catch_unwind().await;
        (i, done.unwrap_or_else(panicked))
    });
    let mut running: FuturesUnordered<_> = apart.collect();
    while let Ok(Some((i, value))) = timeout_at(deadline.into(), running.next()).await {
        values[i] = value;
    }
    values
}

pub(super) fn batch<E, K, T, G, F, A>(key: G, field: F) -> Run
where
    E: EntityTrait,
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Output + Clone,
    G: Fn(&Row<E>) -> Result<K, FieldError> + Send + Sync + 'static,
    F: Fn(Vec<K>, Context) -> A + Send + Sync + 'static,
    A: Future<Output = Result<HashMap<K, T>, FieldError>> + Send + 'static,
{
    let (key, field) = (Arc::new(key), Arc::new(field));
    Arc::new(move |call| {
        let (key, field) = (key.clone(), field.clone());
        async move {
            let one = |&at: &u32| {
                let row = Row::new(call.rows.clone(), at);
                catch_unwind(AssertUnwindSafe(|| key(&row))).unwrap_or_else(panicked)
            };
            let of_rows: Vec<Result<K, FieldError>> = call.live.iter().map(one).collect();
            let mut known = HashMap::new();
            let mut keys = Vec::new();
            for key in of_rows.iter().flatten() {
                known
                    .entry(key.clone())
                    .or_insert_with(|| keys.push(key.clone()));
            }
            if keys.is_empty() {
                let failed = |key: Result<K, FieldError>| key.map(|_| Value::Null);
                return of_rows.into_iter().map(failed).collect();
            }
            let asked = AssertUnwindSafe(async { field(keys, call.context).await });
            let found = timeout_at(call.deadline.into(), asked.catch_unwind()).await;
            let found = match found {
                Ok(found) => found.unwrap_or_else(panicked),
                Err(_) => Err(FieldError::late()),
            };
            let give = |key: Result<K, FieldError>| match (key, &found) {
                (Err(error), _) => Err(error),
                (_, Err(error)) => Err(error.clone()),
                (Ok(key), Ok(found)) => match found.get(&key) {
                    Some(value) => catch_unwind(AssertUnwindSafe(|| value.clone().value()))
                        .unwrap_or_else(panicked),
                    None => Ok(Value::Null),
                },
            };
            of_rows.into_iter().map(give).collect()
        }
        .boxed()
    })
}

/// What became of code that panicked.
pub(super) fn panicked<T>(panic: Box<dyn Any + Send>) -> Result<T, FieldError> {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_else(|| "without a word".to_owned());
    Err(FieldError::new(
        Why::Internal,
        format!("it panicked: {said}"),
    ))
}
