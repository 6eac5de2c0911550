//! Values on their way to SQLite and back.

use std::fmt::Write;

use rusqlite::ToSql;
use rusqlite::types::{Null, ValueRef};

use super::super::Statement;
use crate::graph::Kind;
use crate::graph::keys::KeyColumn;
use crate::read::encode::Raw;
use crate::read::sql::BindValue;

/// The bind of all keys: a scalar for one key of one column, else JSON.
pub fn bind(statement: &Statement<'_>) -> Option<Box<dyn ToSql>> {
    match (statement.keys, statement.len) {
        ([], _) => None,
        ([KeyColumn::Int(keys)], 1) => Some(Box::new(keys[0])),
        ([KeyColumn::Text(keys)], 1) => Some(Box::new(keys[0].to_string())),
        (columns, 1) => Some(Box::new(json_tuple(columns, 0))),
        ([KeyColumn::Int(keys)], _) => {
            let mut json = String::with_capacity(keys.len() * 8);
            let mut buffer = itoa::Buffer::new();
            for key in keys {
                json.push(if json.is_empty() { '[' } else { ',' });
                json.push_str(buffer.format(*key));
            }
            json.push(']');
            Some(Box::new(json))
        }
        ([column], len) => Some(Box::new(json_list((0..len).map(|i| json_value(column, i))))),
        (columns, len) => Some(Box::new(json_list(
            (0..len).map(|i| json_tuple(columns, i)),
        ))),
    }
}

pub fn bind_value(value: &BindValue) -> Box<dyn ToSql + '_> {
    match value {
        // What is brought along has been filled in.
        BindValue::Null { .. } | BindValue::Brought(_) => Box::new(Null),
        BindValue::Int(v) => Box::new(*v),
        BindValue::Float(v) => Box::new(*v),
        BindValue::Text(v) => Box::new(&**v),
        BindValue::Bytes(v) => Box::new(&**v),
        BindValue::Ints(v) => Box::new(json_list(v.iter().map(i64::to_string))),
        BindValue::Texts(v) => {
            let items = v.iter().map(|s| serde_json::Value::from(&**s).to_string());
            Box::new(json_list(items))
        }
    }
}

fn json_list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    format!("[{}]", items.join(","))
}

fn json_tuple(columns: &[KeyColumn], i: usize) -> String {
    json_list(columns.iter().map(|c| json_value(c, i)))
}

fn json_value(column: &KeyColumn, i: usize) -> String {
    let mut out = String::new();
    match column {
        KeyColumn::Int(keys) => write!(out, "{}", keys[i]).unwrap_or_default(),
        KeyColumn::Text(keys) => out = serde_json::Value::from(&*keys[i]).to_string(),
    }
    out
}

pub fn raw<'r>(kind: &Kind, value: ValueRef<'r>) -> Raw<'r> {
    match value {
        ValueRef::Null => Raw::Null,
        ValueRef::Integer(i) => Raw::Int(i),
        ValueRef::Real(f) => Raw::Float(f),
        ValueRef::Text(bytes) => Raw::Text(bytes),
        ValueRef::Blob(bytes) => match kind {
            Kind::Uuid => bytes.try_into().map_or(Raw::Strange, Raw::Uuid),
            Kind::Bytes => Raw::Bytes(bytes),
            _ => Raw::Text(bytes),
        },
    }
}
