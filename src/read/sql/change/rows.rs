//! Rows as they are bound to a writer's statement.
//!
//! | | PostgreSQL | SQLite |
//! |---|---|---|
//! | one row | a bind for each value | the same |
//! | many | an array for each column, of its very type (`unnest($1, $2) WITH ORDINALITY k`) | all rows in one blob, and where each begins (`json_each(?1) k`, `backref_part(?2, k.value, 0)`); what the graph puts into all of them is a bind of its own |
//! | with lists in them | JSON, of which `json_populate_record` makes rows of the table's own type | as above |
//!
//! SQLite's JSON takes lists apart once for each of their values, which is a fifth of what writing a thousand rows costs;
//! its blobs are not looked at.
//!
//! So a statement's text depends on whether there is one row, and never on how many there are. One is by far the most
//! frequent, and by plain values PostgreSQL plans it once: what it is to do for an array depends on its length, so it
//! plans that each time.

use std::borrow::Cow;

use super::super::list;
use super::super::packed::{push_integer, push_null, push_text as push_packed};
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
    /// A list of rows, on PostgreSQL.
    Json,
    /// A blob of rows, on SQLite.
    Packed,
    /// A blob of rows, and by itself what the graph puts into each of them: the time, or who writes.
    Shared,
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
        let each = 0..columns.len();
        let mut shared = each.clone().filter(|&i| self.is_shared(entity, columns[i]));
        let packing = match self.packing(entity, columns, count) {
            // Hooks may have put something else into some.
            Packing::Packed if count > 0 && shared.clone().count() > 0 => {
                let is_alike = |i: usize| (1..count).all(|row| value(row, i) == value(0, i));
                match shared.all(is_alike) {
                    true => Packing::Shared,
                    false => Packing::Packed,
                }
            }
            packing => packing,
        };
        let binds = match packing {
            Packing::Values => each.map(|i| self.single(kind(i), &value(0, i))).collect(),
            Packing::Arrays => each
                .map(|i| array(kind(i), (0..count).map(|row| value(row, i))))
                .collect(),
            Packing::Json => {
                let json = self.json(entity, columns, count, value);
                vec![BindValue::Text(json.into())]
            }
            Packing::Packed => {
                let all: Vec<_> = each.collect();
                packed(kind, &all, count, value).into()
            }
            Packing::Shared => {
                let (shared, own): (Vec<_>, Vec<_>) =
                    each.partition(|&i| self.is_shared(entity, columns[i]));
                let shared = shared.into_iter();
                let shared = shared.map(|i| self.single(kind(i), &value(0, i)));
                let shared: Vec<_> = shared.collect();
                let packed = packed(kind, &own, count, value);
                packed.into_iter().chain(shared).collect()
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
            (Dialect::Sqlite, _) => Packing::Packed,
        }
    }

    /// Whether the graph puts the same into this column of all rows that a request writes.
    fn is_shared(&self, entity: EntityId, column: ColumnIx) -> bool {
        let writing = &self.catalog.entities[entity].writing;
        let mut presets = writing.on_create.iter().chain(&writing.on_update);
        presets.any(|(c, preset)| *c == column && !preset.replaceable)
    }

    /// How many of these columns are.
    fn shared(&self, entity: EntityId, columns: &[ColumnIx]) -> usize {
        let columns = columns.iter();
        columns.filter(|&&c| self.is_shared(entity, c)).count()
    }

    /// How many binds rows of these columns are.
    pub(super) fn binds(&self, packing: Packing, entity: EntityId, columns: &[ColumnIx]) -> usize {
        match packing {
            Packing::Values | Packing::Arrays => columns.len(),
            Packing::Json => 1,
            Packing::Packed => 2,
            Packing::Shared => 2 + self.shared(entity, columns),
        }
    }

    /// What is bound for the `i`th of the columns of a row.
    pub(super) fn given(
        &self,
        packing: Packing,
        entity: EntityId,
        columns: &[ColumnIx],
        i: usize,
    ) -> String {
        let column = &self.catalog.entities[entity].columns[columns[i]];
        match (packing, self.dialect) {
            (Packing::Shared, _) => {
                let before = self.shared(entity, &columns[..i]);
                let value = match self.is_shared(entity, columns[i]) {
                    true => format!("?{}", before + 3),
                    false => part(i - before),
                };
                sqlite_value(&column.kind, value)
            }
            (Packing::Packed, _) => sqlite_value(&column.kind, part(i)),
            (Packing::Values, Dialect::Postgres) => format!("${}", i + 1),
            (Packing::Values, Dialect::Sqlite) => sqlite_value(&column.kind, format!("?{}", i + 1)),
            (Packing::Arrays, _) => format!("k.c{i}"),
            (Packing::Json, _) => format!("r.{}", super::quoted(&column.name)),
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

    /// A list of rows, each with its columns by name.
    fn json<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        count: usize,
        value: impl Fn(usize, usize) -> Cow<'v, Value>,
    ) -> String {
        let of = &self.catalog.entities[entity];
        let mut out = vec![b'['];
        for row in 0..count {
            if row > 0 {
                out.push(b',');
            }
            out.push(b'{');
            for (i, &column) in columns.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                let column = &of.columns[column];
                push_text(&mut out, &column.name);
                out.push(b':');
                push(&mut out, &column.kind, &value(row, i));
            }
            out.push(b'}');
        }
        out.push(b']');
        // JSON is UTF-8.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// A value as PostgreSQL reads it from JSON.
fn push(out: &mut Vec<u8>, kind: &Kind, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Is(KeyValue::Int(number)) => {
            out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        // A value of JSON is JSON in it.
        Value::Is(KeyValue::Text(text)) if matches!(kind, Kind::Json) => {
            out.extend_from_slice(text.as_bytes());
        }
        Value::Is(KeyValue::Text(text)) => push_text(out, text),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                let item = item.clone().map_or(Value::Null, Value::Is);
                push(out, kind.single(), &item);
            }
            out.push(b']');
        }
    }
}

/// What SQLite gives of the row at hand.
pub(super) fn part(i: usize) -> String {
    format!("backref_part(?2, k.value, {i})")
}

/// Where each row begins, and those of the columns that are in these places, of each row.
fn packed<'k, 'v>(
    kind: impl Fn(usize) -> &'k Kind,
    places: &[usize],
    count: usize,
    value: impl Fn(usize, usize) -> Cow<'v, Value>,
) -> [BindValue; 2] {
    let mut out = Vec::with_capacity(count * places.len() * 16);
    let mut starts = Vec::with_capacity(count);
    for row in 0..count {
        starts.push(out.len() as i64);
        for &i in places {
            match &*value(row, i) {
                Value::Null => push_null(&mut out),
                Value::Is(KeyValue::Int(number)) => push_integer(&mut out, *number),
                Value::Is(KeyValue::Text(text)) => {
                    push_packed(&mut out, &sqlite_text(kind(i), text))
                }
                Value::List(items) => push_packed(&mut out, &list::json(kind(i).single(), items)),
            }
        }
    }
    [BindValue::Ints(starts), BindValue::Bytes(out.into())]
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
