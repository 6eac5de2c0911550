//! The arguments of fields of one's own, looked at before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use apollo_compiler::response::JsonMap;
use sea_orm::prelude::Json;

use crate::error::Error;
use crate::graph::Catalog;
use crate::read::plan::filter::{evaluate, evaluate_json};
use crate::read::plan::{Document, Plan};

/// The arguments of a field by their names; null where one was left out.
pub type Arguments = BTreeMap<String, Json>;

/// Those of every call of a plan.
pub fn arguments(
    catalog: &Catalog,
    plan: &Plan,
    document: &Document,
    variables: &JsonMap,
) -> Result<Vec<Arc<Arguments>>, Error> {
    let calls = plan.own.iter().flat_map(|own| &own.calls);
    calls
        .map(|call| {
            let field = &catalog.owns.fields[call.field];
            let values = field.arguments.iter().map(|declared| {
                let mut given = call.arguments.iter();
                let given = given.find(|(name, _)| *name == *declared.name);
                let value = given.and_then(|(_, value)| match declared.shape.is_json() {
                    true => evaluate_json(value, variables),
                    false => evaluate(value, variables),
                });
                let value = value.and_then(|value| serde_json::to_value(&*value).ok());
                let value = declared.shape.stored(value.unwrap_or(Json::Null));
                (declared.check)(&value).map_err(|why| {
                    let problem = format!("the argument `{}`: {why}", declared.name);
                    Error::input(problem)
                        .of_field(declared.name.clone())
                        .at(document.line_column(call.location))
                })?;
                Ok((declared.name.clone(), value))
            });
            values.collect::<Result<_, _>>().map(Arc::new)
        })
        .collect()
}
