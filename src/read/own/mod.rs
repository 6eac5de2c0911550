//! Runs the code of fields of one's own, between what is loaded before and after it.
//!
//! What a field needs is loaded with its level. Then its code runs, for all rows of a level at once, while a query
//! holds no connection. Rows that it gives are a level whose keys are known only then: they are loaded after it, and so
//! is what is below them, and the code of their fields follows in the same way. How often that goes on is a matter of
//! the plan.

pub mod error;
mod rows;

use std::collections::HashMap;
use std::time::Instant;

use futures_util::future::join_all;

use crate::error::Error;
use crate::graph::keys::{KeyValue, Keys};
use crate::graph::own::{Call, Context, FieldError, KeyOf, OwnField, RowKey, Value, Values, Why};
use crate::graph::{Catalog, EntityId, orm};
use crate::read::load::Loaded;
use crate::read::plan::BoundPlan;
use crate::read::plan::own::{OwnCall, OwnLevel};
use rows::Sets;

/// An answer with fields of one's own, as far as it is known.
#[derive(Default)]
pub struct Answering {
    /// For each level of the plan.
    pub loaded: Vec<Loaded>,
    /// For each call of the plan what it gave.
    pub given: Vec<Given>,
}

/// What a call gave.
#[derive(Debug, Default)]
pub struct Given {
    /// For each row of its level the value, if it was asked for one. Of a root field there is one.
    pub values: Vec<Option<Result<Value, Error>>>,
    /// For each of the rows that it gives and that something is asked of their keys, each once.
    keys: Vec<Vec<Vec<KeyValue>>>,
}

impl Answering {
    pub fn new(bound: &BoundPlan) -> Self {
        let mut answering = Answering::default();
        let levels = bound.plan.levels.len();
        answering.loaded.resize_with(levels, Loaded::default);
        let calls = bound.plan.own.as_ref().map_or(0, |own| own.calls.len());
        answering.given.resize_with(calls, Given::default);
        answering
    }

    /// What is to be loaded in a phase: once so many calls have been waited for, one after the other.
    pub fn bound(&self, bound: &BoundPlan, phase: usize) -> BoundPlan {
        let mut bound = bound.clone();
        bound.phase = phase;
        let plan = bound.plan.clone();
        let calls = plan.own.iter().flat_map(|own| &own.calls);
        for (call, given) in calls.zip(&self.given) {
            for (rows, keys) in call.gives.iter().zip(&given.keys) {
                bound.keys[rows.level] = Keys::from_rows(keys);
            }
        }
        bound
    }

    /// Takes what was loaded in a phase.
    pub fn take(&mut self, bound: &BoundPlan, mut loaded: Vec<Loaded>) {
        for &level in bound.stages().iter().flatten() {
            self.loaded[level] = std::mem::take(&mut loaded[level]);
        }
    }

    /// Calls the fields of a phase, all of them side by side, each for all rows of its level.
    pub async fn call(&mut self, catalog: &Catalog, bound: &BoundPlan, deadline: Instant) {
        let Some(own) = bound.plan.own.as_deref() else {
            return;
        };
        let mut sets = Sets::new(catalog, bound, &mut self.loaded);
        let mut running = Vec::new();
        for (at, call) in own.calls.iter().enumerate() {
            if call.phase != bound.phase {
                continue;
            }
            let field = &catalog.owns.fields[call.field];
            let (rows, live) = sets.of_call(field, call);
            let arguments = (*bound.arguments[at]).clone();
            let asked = Call {
                context: Context::new(field.told(), bound.principal.clone(), arguments, None),
                rows,
                live: live.clone(),
                deadline,
            };
            let ran = (field.run)(asked);
            running.push(async move { (at, live, ran.await) });
        }
        for (at, live, values) in join_all(running).await {
            self.accept(catalog, bound, at, &live, values);
        }
    }

    /// Takes what a call gave for these rows of its level.
    pub fn accept(
        &mut self,
        catalog: &Catalog,
        bound: &BoundPlan,
        at: usize,
        live: &[u32],
        values: Values,
    ) {
        if let Some(own) = &bound.plan.own {
            let call = &own.calls[at];
            let field = &catalog.owns.fields[call.field];
            let mut places: Vec<Place<'_>> = Vec::new();
            for rows in &call.gives {
                let level = &bound.plan.levels[rows.level];
                if places.iter().all(|place| place.path != rows.path) {
                    places.push(Place {
                        path: &rows.path,
                        entity: level.entity,
                        most: match level.own {
                            Some(OwnLevel::Given { most, .. }) => most,
                            _ => u32::MAX,
                        },
                        keys: Vec::new(),
                        found: HashMap::new(),
                    });
                }
            }
            let giving = Giving {
                catalog,
                field,
                call,
                places,
            };
            self.given[at] = giving.all(live, values);
        }
    }
}

/// What a call gave, on its way to the answer.
struct Giving<'a> {
    catalog: &'a Catalog,
    field: &'a OwnField,
    call: &'a OwnCall,
    /// Where there are rows in it that something is asked of.
    places: Vec<Place<'a>>,
}

/// A place of rows in what a call gave: there itself, or in fields of plain objects.
struct Place<'a> {
    path: &'a [usize],
    entity: EntityId,
    /// Rows that it may give there for each.
    most: u32,
    keys: Vec<Vec<KeyValue>>,
    /// The places of keys among them.
    found: HashMap<Vec<KeyValue>, u32>,
}

impl Place<'_> {
    fn at(&mut self, key: Vec<KeyValue>) -> u32 {
        let next = self.keys.len() as u32;
        let at = *self.found.entry(key.clone()).or_insert(next);
        if at == next {
            self.keys.push(key);
        }
        at
    }
}

impl Giving<'_> {
    fn all(mut self, live: &[u32], values: Values) -> Given {
        let mut given = Given::default();
        let rows = live.last().map_or(0, |&last| last as usize + 1);
        given.values.resize_with(rows, || None);
        let all: Vec<usize> = (0..self.places.len()).collect();
        for (&row, value) in live.iter().zip(values) {
            let value = value.and_then(|value| {
                self.check(&value)?;
                self.one(value, &all, 0)
            });
            let shown = |error| error::shown(&error, self.call);
            given.values[row as usize] = Some(value.map_err(shown));
        }
        let of = |path: &[usize]| self.places.iter().find(|place| place.path == path);
        let keys = self.call.gives.iter().map(|rows| of(&rows.path));
        given.keys = keys
            .map(|place| place.map_or_else(Vec::new, |place| place.keys.clone()))
            .collect();
        given
    }

    /// Whether there are no more rows in a value than may be.
    fn check(&self, value: &Value) -> Result<(), FieldError> {
        for place in &self.places {
            let count = rows_in(value, place.path);
            if count > place.most as usize {
                let message = format!(
                    "`{}` gives {count} rows where it may give {}; declare how many it gives with `.at_most(…)`",
                    self.field.told(),
                    place.most
                );
                return Err(FieldError::new(Why::LimitExceeded, message));
            }
        }
        Ok(())
    }

    /// A value, with the places of keys for the keys in it: of those that these places of rows begin with.
    fn one(&mut self, value: Value, places: &[usize], depth: usize) -> Result<Value, FieldError> {
        match value {
            value if places.is_empty() => Ok(value),
            Value::Key(RowKey(key)) => {
                let mut ends = places.iter();
                let Some(&place) = ends.find(|&&p| self.places[p].path.len() == depth) else {
                    return Ok(Value::Key(RowKey(key)));
                };
                let key = self.key(self.places[place].entity, key)?;
                Ok(Value::At(self.places[place].at(key)))
            }
            Value::List(items) => {
                let items = items.into_iter();
                let items = items.map(|item| self.within(item, places, depth));
                Ok(Value::List(items.collect()))
            }
            Value::Object(values) => {
                let values = values.into_iter().enumerate().map(|(field, value)| {
                    let leads = |&&p: &&usize| self.places[p].path.get(depth) == Some(&field);
                    let below: Vec<usize> = places.iter().filter(leads).copied().collect();
                    self.within(value, &below, depth + 1)
                });
                Ok(Value::Object(values.collect()))
            }
            value => Ok(value),
        }
    }

    /// The same within a list or an object, where what goes wrong is the one value's.
    fn within(&mut self, value: Value, places: &[usize], depth: usize) -> Value {
        let value = self.one(value, places, depth);
        value.unwrap_or_else(|error| Value::Failed(Box::new(error)))
    }

    fn key(&self, entity: EntityId, key: KeyOf) -> Result<Vec<KeyValue>, FieldError> {
        let values = match key {
            KeyOf::Known(key) => return Ok(key),
            KeyOf::Given(values) => values,
        };
        let of = &self.catalog.entities[entity];
        let columns = of.primary_key.iter().map(|&c| &of.columns[c].kind);
        let written = columns
            .zip(&values)
            .map(|(kind, value)| orm::written(kind, value)?);
        let key: Option<Vec<KeyValue>> = written.collect();
        let is_key = |key: &Vec<KeyValue>| key.len() == of.primary_key.len();
        key.filter(is_key).ok_or_else(|| {
            FieldError::mistake(format!(
                "`{}` gives a key that is none of {}",
                self.field.told(),
                of.type_name
            ))
        })
    }
}

/// How many rows there are in a value behind a path.
fn rows_in(value: &Value, path: &[usize]) -> usize {
    match (value, path) {
        (Value::Key(_), []) => 1,
        (Value::List(items), path) => items.iter().map(|item| rows_in(item, path)).sum(),
        (Value::Object(values), [field, path @ ..]) => {
            values.get(*field).map_or(0, |value| rows_in(value, path))
        }
        _ => 0,
    }
}
