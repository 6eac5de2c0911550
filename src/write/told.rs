//! In which order the errors of a field are told: that of what they are about, as its input has it. What is found of rows is
//! found table by table and key by key, on each database in an order of its own.

use apollo_compiler::ast::Value;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::{Name, Node};

use crate::error::Error;

/// Puts errors of a field with these arguments into the order of the input. What the input does not have comes behind what
/// stands beside it, and of what has the same place what was told first stays first.
pub fn in_order_of_input(
    errors: &mut [Error],
    arguments: &[(Name, Node<Value>)],
    variables: &JsonMap,
) {
    errors.sort_by_cached_key(|error| {
        let place = error.field.as_deref().unwrap_or_default();
        ranks(place, arguments, variables)
    });
}

/// A part of an input.
enum Part<'a> {
    Literal(&'a Value),
    Json(&'a JsonValue),
}

/// How many stand before each step of a place.
fn ranks(place: &str, arguments: &[(Name, Node<Value>)], variables: &JsonMap) -> Vec<usize> {
    let mut ranks = Vec::new();
    if place.is_empty() {
        return ranks;
    }
    let mut steps = place.split('.');
    let first = steps.next().unwrap_or_default();
    let at = arguments.iter().position(|(name, _)| name == first);
    ranks.push(at.unwrap_or(arguments.len()));
    let mut part = at.and_then(|at| Part::of(&arguments[at].1, variables));
    for step in steps {
        let Some(of) = part else { break };
        let (rank, below) = of.step(step, variables);
        ranks.push(rank);
        part = below;
    }
    ranks
}

impl<'a> Part<'a> {
    fn of(value: &'a Value, variables: &'a JsonMap) -> Option<Self> {
        match value {
            Value::Variable(name) => variables.get(name.as_str()).map(Part::Json),
            value => Some(Part::Literal(value)),
        }
    }

    /// How many stand before a step, and what it leads to.
    fn step(self, step: &str, variables: &'a JsonMap) -> (usize, Option<Self>) {
        // No name begins with a digit.
        if let Ok(index) = step.parse::<usize>() {
            let item = match self {
                Part::Literal(Value::List(items)) => {
                    items.get(index).and_then(|item| Part::of(item, variables))
                }
                Part::Json(JsonValue::Array(items)) => items.get(index).map(Part::Json),
                // One value that stands for a list.
                single => Some(single),
            };
            return (index, item);
        }
        match self {
            Part::Literal(Value::Object(fields)) => {
                match fields.iter().position(|(name, _)| name == step) {
                    Some(at) => (at, Part::of(&fields[at].1, variables)),
                    None => (fields.len(), None),
                }
            }
            Part::Json(JsonValue::Object(fields)) => {
                let found = fields.iter().position(|(name, _)| name.as_str() == step);
                match found {
                    Some(at) => (at, fields.get(step).map(Part::Json)),
                    None => (fields.len(), None),
                }
            }
            _ => (0, None),
        }
    }
}
