//! What the graph puts into columns of rows that are written.

use crate::graph::condition::Mine;
use crate::graph::keys::KeyValue;
use crate::graph::writing::{Preset, PresetValue};
use crate::graph::{Column, Kind, Principal};
use crate::read::sql::change::Value;

/// What is put into a column; nothing where whoever asks brings nothing for it, so that it is missing. `now` gives the
/// time as a value of such a column.
pub fn value(
    of: &Column,
    preset: &Preset,
    principal: &Principal,
    now: impl FnOnce(&Kind) -> Option<KeyValue>,
) -> Option<Value> {
    let kind = &of.kind;
    let value = match &preset.value {
        PresetValue::Value(value) => Some(value.clone()),
        PresetValue::Now => now(kind),
        PresetValue::Me => Mine::Id.value(kind, principal),
        PresetValue::Claim(name) => Mine::Claim(name.clone()).value(kind, principal),
    };
    match value {
        Some(value) => Some(Value::Is(value)),
        None => of.nullable.then_some(Value::Null),
    }
}
