//! Rows as they are bound to a writer's statement.
//!
//! | | PostgreSQL | SQLite |
//! |---|---|---|
//! | one row | a bind for each value | the same |
//! | many | an array for each column, of its very type (`unnest($1, $2) WITH ORDINALITY k`) | JSON, a list for each row |
//! | with lists in them | JSON, of which `json_populate_record` makes rows of the table's own type | as above |
//!
//! So a statement's text depends on whether there is one row, and never on how many there are. One is by far the most
//! frequent, and by plain values PostgreSQL plans it once: what it is to do for an array depends on its length, so it
//! plans that each time.

use std::borrow::Cow;

use super::super::list;
use super::super::value::{sqlite_text, sqlite_value};
use super::super::{BindValue, Dialect, Writer};
use super::{Changes, Value};
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, EntityId, Kind};

/// How the rows of a statement are bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Packing {
    /// One row, each of its values by itself.
    #[default]
    Values,
    /// An array for each column.
    Arrays,
    /// A list of rows.
    Json,
}

/// Rows that are bound to a statement.
#[derive(Debug, Default)]
pub struct BoundRows {
    pub packing: Packing,
    pub binds: Vec<BindValue>,
    pub count: usize,
}

impl Changes<'_> {
    /// Rows of these columns to bind, by what each has in the `i`th of them.
    pub fn rows<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        count: usize,
        value: impl Fn(usize, usize) -> Cow<'v, Value>,
    ) -> BoundRows {
        let of = &self.catalog.entities[entity];
        let kind = |i: usize| &of.columns[columns[i]].kind;
        let packing = self.packing(entity, columns, count);
        let each = 0..columns.len();
        let binds = match packing {
            Packing::Values => each.map(|i| self.single(kind(i), &value(0, i))).collect(),
            Packing::Arrays => each
                .map(|i| array(kind(i), (0..count).map(|row| value(row, i))))
                .collect(),
            Packing::Json => {
                let json = self.json(entity, columns, count, value);
                vec![BindValue::Text(json.into())]
            }
        };
        BoundRows {
            packing,
            binds,
            count,
        }
    }

    fn packing(&self, entity: EntityId, columns: &[ColumnIx], count: usize) -> Packing {
        let of = &self.catalog.entities[entity];
        // PostgreSQL has no arrays of arrays, and how arrays are written of a type that is not known here is not known.
        let is_single = |c: &ColumnIx| !matches!(of.columns[*c].kind, Kind::Array(_) | Kind::Other);
        match (self.dialect, count) {
            (Dialect::Postgres, _) if !columns.iter().all(is_single) => Packing::Json,
            (_, 1) => Packing::Values,
            // Of rows without a value there is only the number.
            (Dialect::Postgres, _) if columns.is_empty() => Packing::Json,
            (Dialect::Postgres, _) => Packing::Arrays,
            (Dialect::Sqlite, _) => Packing::Json,
        }
    }

    /// How many binds rows of so many columns are.
    pub(super) fn binds(&self, packing: Packing, columns: usize) -> usize {
        match packing {
            Packing::Values | Packing::Arrays => columns,
            Packing::Json => 1,
        }
    }

    /// What is bound for the `i`th column of a row.
    pub(super) fn given(
        &self,
        packing: Packing,
        entity: EntityId,
        column: ColumnIx,
        i: usize,
    ) -> String {
        let column = &self.catalog.entities[entity].columns[column];
        match (packing, self.dialect) {
            (Packing::Values, Dialect::Postgres) => format!("${}", i + 1),
            (Packing::Values, Dialect::Sqlite) => sqlite_value(&column.kind, format!("?{}", i + 1)),
            (Packing::Arrays, _) => format!("k.c{i}"),
            (Packing::Json, Dialect::Postgres) => format!("r.{}", super::quoted(&column.name)),
            (Packing::Json, Dialect::Sqlite) => {
                sqlite_value(&column.kind, format!("k.value ->> {i}"))
            }
        }
    }

    /// The place of a row among those that are bound.
    pub(super) fn ordinal(&self, packing: Packing) -> &'static str {
        match (packing, self.dialect) {
            (Packing::Values, Dialect::Postgres) => "1::bigint",
            (Packing::Values, Dialect::Sqlite) => "0",
            (_, Dialect::Postgres) => "k.ord",
            (_, Dialect::Sqlite) => "k.key",
        }
    }

    /// Many rows as a table: `k`, with their places.
    pub(super) fn table(&self, packing: Packing, entity: EntityId, columns: &[ColumnIx]) -> String {
        match self.dialect {
            Dialect::Sqlite => "json_each(?1) k".to_owned(),
            Dialect::Postgres => {
                let writer = Writer::to_change(self, 1, &[]);
                if packing == Packing::Json {
                    let target = writer.qualified(entity);
                    return format!(
                        "json_array_elements($1::text::json) WITH ORDINALITY AS k(v, ord) \
                         CROSS JOIN LATERAL json_populate_record(NULL::{target}, k.v) AS r"
                    );
                }
                let of = &self.catalog.entities[entity];
                let arrays = columns.iter().enumerate().map(|(i, &c)| {
                    let bind = format!("${}", i + 1);
                    match of.columns[c].kind.is_integer() {
                        true => format!("{bind}::bigint[]"),
                        false => writer.typed_as((entity, c), "array_agg(s.{})", &bind),
                    }
                });
                let arrays: Vec<_> = arrays.collect();
                let names: Vec<_> = (0..columns.len()).map(|i| format!("c{i}")).collect();
                format!(
                    "unnest({}) WITH ORDINALITY AS k({}, ord)",
                    arrays.join(", "),
                    names.join(", ")
                )
            }
        }
    }

    fn single(&self, kind: &Kind, value: &Value) -> BindValue {
        match (value, self.dialect) {
            (Value::Null, _) => BindValue::Null { integer: false },
            (Value::Is(KeyValue::Int(number)), Dialect::Sqlite) => BindValue::Int(*number),
            // Of whatever type of integers the column is.
            (Value::Is(KeyValue::Int(number)), Dialect::Postgres) => {
                BindValue::Text(itoa::Buffer::new().format(*number).into())
            }
            (Value::Is(KeyValue::Text(text)), Dialect::Postgres) => BindValue::Text(text.clone()),
            (Value::Is(KeyValue::Text(text)), Dialect::Sqlite) => {
                BindValue::Text(sqlite_text(kind, text).into())
            }
            (Value::List(items), _) => BindValue::Text(list::json(kind.single(), items).into()),
        }
    }

    fn json<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        count: usize,
        value: impl Fn(usize, usize) -> Cow<'v, Value>,
    ) -> String {
        let of = &self.catalog.entities[entity];
        let mut out = vec![b'['];
        let [open, close] = match self.dialect {
            Dialect::Postgres => *b"{}",
            Dialect::Sqlite => *b"[]",
        };
        for row in 0..count {
            if row > 0 {
                out.push(b',');
            }
            out.push(open);
            for (i, &c) in columns.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                let column = &of.columns[c];
                if self.dialect == Dialect::Postgres {
                    push_text(&mut out, &column.name);
                    out.push(b':');
                }
                self.push(&mut out, &column.kind, &value(row, i));
            }
            out.push(close);
        }
        out.push(b']');
        // JSON is UTF-8.
        String::from_utf8(out).unwrap_or_default()
    }

    fn push(&self, out: &mut Vec<u8>, kind: &Kind, value: &Value) {
        match (value, self.dialect) {
            (Value::Null, _) => out.extend_from_slice(b"null"),
            (Value::Is(KeyValue::Int(number)), _) => {
                out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
            }
            // A value of JSON is JSON in it.
            (Value::Is(KeyValue::Text(text)), Dialect::Postgres) if matches!(kind, Kind::Json) => {
                out.extend_from_slice(text.as_bytes());
            }
            (Value::Is(KeyValue::Text(text)), Dialect::Postgres) => push_text(out, text),
            (Value::Is(KeyValue::Text(text)), Dialect::Sqlite) => {
                push_text(out, &sqlite_text(kind, text));
            }
            (Value::List(items), Dialect::Postgres) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    let item = item.clone().map_or(Value::Null, Value::Is);
                    self.push(out, kind.single(), &item);
                }
                out.push(b']');
            }
            (Value::List(items), Dialect::Sqlite) => {
                push_text(out, &list::json(kind.single(), items));
            }
        }
    }
}

/// A text as JSON has it.
fn push_text(out: &mut Vec<u8>, text: &str) {
    // Memory takes whatever is written to it.
    let _ = serde_json::to_writer(out, text);
}

/// An array of PostgreSQL's: of integers if nothing else is in it, else its text.
fn array<'v>(kind: &Kind, values: impl Iterator<Item = Cow<'v, Value>> + Clone) -> BindValue {
    if kind.is_integer() {
        let integer = |value: Cow<'_, Value>| match *value {
            Value::Is(KeyValue::Int(number)) => Some(number),
            _ => None,
        };
        if let Some(integers) = values.clone().map(integer).collect() {
            return BindValue::Ints(integers);
        }
    }
    let mut out = "{".to_owned();
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(',');
        }
        match &*value {
            Value::Is(item) => list::push_item(&mut out, Some(item)),
            // A column of lists is bound as JSON.
            Value::Null | Value::List(_) => list::push_item(&mut out, None),
        }
    }
    out.push('}');
    BindValue::Text(out.into())
}
