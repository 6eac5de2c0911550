//! Argument values.

use super::{
    content::{key, unique_text},
    document::Value,
    variable::Role,
};
use crate::reference::SURFACE;

pub const NODE_TYPES: [&str; 5] = ["User", "Profile", "Post", "Tag", "Comment"];
/// Columns that not everyone may look up, filter, order and aggregate by, as the API writes them.
pub const GUARDED: [&str; 2] = ["email", "EMAIL"];

/// From 0 to 6, seldom nothing.
pub fn limit(value: u8) -> i64 {
    i64::from(*pick(&[2, 1, 3, 4, 5, 6, 2, 3, 4, 5, 6, 3, 0], value))
}

/// A global id; about half of them belong to a row that a reader may see.
pub fn global_id(value: u8) -> String {
    let ty = pick(&NODE_TYPES, value);
    format!("{ty}:{}", row_key(value / 5))
}

pub fn node(form: u8, value: u8) -> Value {
    match form % 3 {
        0 | 1 => Value::String(global_id(value)),
        _ => Role::Node.variable(),
    }
}

pub fn ids(form: u8, value: u8) -> Value {
    match form % 6 {
        0 => Role::Ids.variable(),
        1 => Value::String(global_id(value)),
        2 => Value::List(vec![Role::Node.variable(), Value::String(global_id(value))]),
        length => {
            let values = (0..length).map(|index| value.wrapping_add(index.wrapping_mul(7)));
            let mut ids: Vec<_> = values
                .map(|value| Value::String(global_id(value)))
                .collect();
            ids.extend(ids.first().filter(|_| value.is_multiple_of(3)).cloned());
            Value::List(ids)
        }
    }
}

/// The three ways to write a key where the type is known.
pub fn key_literal(ty: &str, value: u8) -> Value {
    let key = row_key(value / 3);
    match value % 3 {
        0 => Value::Int(key),
        1 => Value::String(key.to_string()),
        _ => Value::String(format!("{ty}:{key}")),
    }
}

/// One or two columns of a node type that rows can be grouped by, or one in place of a list of it.
pub fn columns(ty: &str, form: u8, value: u8) -> Value {
    let columns = SURFACE.enum_values(&format!("{ty}Column")).into_iter();
    let columns: Vec<_> = columns.filter(|name| !GUARDED.contains(name)).collect();
    let column = |choice| Value::Enum((*pick(&columns, choice)).to_owned());
    match form % 4 {
        0 => column(value),
        1 => Value::List(vec![column(value)]),
        _ => Value::List(vec![column(value), column(value / 16 + form / 4)]),
    }
}

pub fn text(value: u8) -> String {
    unique_text(row(value))
}

/// The index of a row, more often of one that is there even in a small table.
pub fn row(value: u8) -> usize {
    *pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 0, 1, 2], value)
}

fn row_key(value: u8) -> i64 {
    key(row(value))
}

pub fn text_literal(value: u8) -> Value {
    let text = text(value);
    match value > 127 && text.starts_with('n') {
        true => Value::Raw(format!("\"\"\"\n    {text}\n  \"\"\"")),
        false => Value::String(text),
    }
}

pub fn pick<T>(from: &[T], choice: u8) -> &T {
    &from[usize::from(choice) % from.len()]
}
