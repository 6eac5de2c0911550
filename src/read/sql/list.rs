//! Conditions on lists: PostgreSQL's arrays, and the JSON that SQLite has in their place.

use super::value::can_be;
use super::{BindValue, Dialect, Table, Writer};
use crate::graph::condition::ListCompare;
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, Kind};

impl Writer<'_> {
    pub(super) fn list(
        &self,
        t: Table,
        ix: ColumnIx,
        compare: ListCompare,
        items: &[Option<KeyValue>],
    ) -> String {
        let column = self.column(t, ix);
        let of = self.entity(t).columns[ix].kind.element().cloned();
        let of = of.unwrap_or(Kind::Other);
        if self.dialect == Dialect::Sqlite {
            let n = self.bind(BindValue::Text(json(&of, items).into()));
            // By their values: JSON may write one in many ways.
            let alike = format!(
                "json_array_length({column}) = json_array_length(?{n}) AND NOT EXISTS (SELECT 1 FROM json_each({column}) h JOIN json_each(?{n}) w ON w.key = h.key WHERE w.value IS NOT h.value)"
            );
            return match compare {
                ListCompare::Eq => format!("json_valid({column}) AND {alike}"),
                ListCompare::Ne => format!("json_valid({column}) AND NOT ({alike})"),
                ListCompare::Contains => format!(
                    "json_valid({column}) AND NOT EXISTS (SELECT 1 FROM json_each(?{n}) w WHERE w.value NOT IN (SELECT h.value FROM json_each({column}) h WHERE h.value IS NOT NULL) LIMIT 1)"
                ),
            };
        }
        // An item that no value of the column can be would be rounded to one that is.
        let mut texts = items.iter().flatten().filter_map(|item| match item {
            KeyValue::Text(text) => Some(text),
            KeyValue::Int(_) => None,
        });
        if texts.any(|text| !can_be(&of, text)) {
            return match compare {
                ListCompare::Eq | ListCompare::Contains => "FALSE".to_owned(),
                ListCompare::Ne => format!("{column} IS NOT NULL"),
            };
        }
        let operator = match compare {
            ListCompare::Eq => "=",
            ListCompare::Ne => "<>",
            ListCompare::Contains => "@>",
        };
        let n = self.bind(BindValue::Text(array(items).into()));
        match of {
            Kind::Other => format!("{column}::text[] {operator} ${n}::text::text[]"),
            Kind::Decimal { .. } => format!("{column}::numeric[] {operator} ${n}::text::numeric[]"),
            // PostgreSQL finds out what the array is of.
            _ => format!("{column} {operator} ${n}"),
        }
    }

    pub(super) fn is_empty(&self, t: Table, ix: ColumnIx, is: bool) -> String {
        let column = self.column(t, ix);
        let operator = if is { "=" } else { ">" };
        match self.dialect {
            Dialect::Postgres => format!("cardinality({column}) {operator} 0"),
            Dialect::Sqlite => {
                format!("json_valid({column}) AND json_array_length({column}) {operator} 0")
            }
        }
    }
}

/// A value as it is written in SQL, a list as the database has it bound.
pub(super) fn literal(dialect: Dialect, value: &BindValue) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let list = |items: Vec<Option<KeyValue>>| match dialect {
        Dialect::Postgres => quoted(&array(&items)),
        Dialect::Sqlite => quoted(&json(&Kind::Text, &items)),
    };
    match value {
        BindValue::Int(number) => number.to_string(),
        BindValue::Text(text) => quoted(text),
        BindValue::Ints(numbers) => list(numbers.iter().map(|&n| Some(KeyValue::Int(n))).collect()),
        BindValue::Texts(texts) => list(
            texts
                .iter()
                .map(|t| Some(KeyValue::Text(t.clone())))
                .collect(),
        ),
        // No rule has others.
        _ => "NULL".to_owned(),
    }
}

/// PostgreSQL's text of an array.
fn array(items: &[Option<KeyValue>]) -> String {
    let mut out = "{".to_owned();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_item(&mut out, item.as_ref());
    }
    out.push('}');
    out
}

/// An item of it.
pub(super) fn push_item(out: &mut String, item: Option<&KeyValue>) {
    match item {
        None => out.push_str("NULL"),
        Some(KeyValue::Int(i)) => out.push_str(itoa::Buffer::new().format(*i)),
        Some(KeyValue::Text(text)) => {
            out.push('"');
            for part in text.split_inclusive(['"', '\\']) {
                match part.strip_suffix(['"', '\\']) {
                    Some(before) => {
                        out.push_str(before);
                        out.push('\\');
                        out.push_str(&part[before.len()..]);
                    }
                    None => out.push_str(part),
                }
            }
            out.push('"');
        }
    }
}

pub(super) fn json(of: &Kind, items: &[Option<KeyValue>]) -> String {
    let item = |item: &Option<KeyValue>| match (item, of) {
        (None, _) => "null".to_owned(),
        (Some(KeyValue::Int(i)), _) => i.to_string(),
        // These are written as JSON has them.
        (Some(KeyValue::Text(text)), Kind::Float { .. } | Kind::Boolean) => text.to_string(),
        (Some(KeyValue::Text(text)), _) => serde_json::Value::from(&**text).to_string(),
    };
    let items: Vec<_> = items.iter().map(item).collect();
    format!("[{}]", items.join(","))
}
