//! Keys: what joins the rows of a level to the rows of its parent.

use foldhash::fast::RandomState;
use sea_orm::prelude::Uuid;

use crate::graph::{Entity, Kind, decimal, moment};

/// One value of a key column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyValue {
    Int(i64),
    /// Any other type by its text: a UUID with hyphens, bytes as hexadecimal digits after `\x`.
    Text(Box<str>),
}

impl KeyValue {
    /// What databases keep of it: no time finer than PostgreSQL's microseconds. What lies between two is the earlier.
    pub fn in_microseconds(self, kind: &Kind) -> Self {
        match self {
            KeyValue::Text(text)
                if matches!(kind, Kind::DateTime { .. } | Kind::Time)
                    && moment::is_finer_than_microseconds(&text) =>
            {
                KeyValue::Text(moment::whole_microseconds(&text).into())
            }
            value => value,
        }
    }

    /// As ids have it.
    pub fn text(&self) -> String {
        match self {
            KeyValue::Int(number) => number.to_string(),
            KeyValue::Text(text) => text.trim_start_matches("\\x").to_owned(),
        }
    }
}

/// The global id of a row, by the texts of its primary key: `Post:42`.
pub fn global_id(of: &Entity, key: impl IntoIterator<Item = String>) -> String {
    let parts = key.into_iter().map(|text| match of.primary_key.len() {
        1 => text,
        _ => text.replace('%', "%25").replace(':', "%3A"),
    });
    let parts: Vec<_> = parts.collect();
    format!("{}:{}", of.type_name, parts.join(":"))
}

/// The values of one key column, one for each key.
#[derive(Debug, Clone)]
pub enum KeyColumn<T: KeyItem = Present> {
    Int(Vec<T::Int>),
    Text(Vec<T::Text>),
}

/// Whether the items of a key column can be null.
pub trait KeyItem {
    type Int: std::fmt::Debug + Clone;
    type Text: std::fmt::Debug + Clone;
}

/// Keys to look up: never null.
#[derive(Debug, Clone)]
pub struct Present;

/// Keys as rows hold them.
#[derive(Debug, Clone)]
pub struct Nullable;

impl KeyItem for Present {
    type Int = i64;
    type Text = Box<str>;
}

impl KeyItem for Nullable {
    type Int = Option<i64>;
    type Text = Option<Box<str>>;
}

/// Distinct keys of one or several columns, and how to find each again.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    pub columns: Vec<KeyColumn>,
    pub len: usize,
}

/// No row, no key.
pub const NONE: u32 = u32::MAX;

impl Keys {
    /// The distinct keys among `rows` (each row one value per column), and for each row the index of its
    /// key; `NONE` where any part is null.
    pub fn distinct(columns: &[&KeyColumn<Nullable>]) -> (Keys, Vec<u32>) {
        if let [KeyColumn::Int(values)] = columns {
            return Self::distinct_integers(values);
        }
        let rows = columns.first().map_or(0, |c| c.count());
        let mut index = Index::with_capacity(rows);
        let mut keys: Vec<Vec<KeyValue>> = Vec::new();
        let of_row = (0..rows)
            .map(|row| {
                let Some(key) = columns
                    .iter()
                    .map(|c| c.get(row))
                    .collect::<Option<Vec<_>>>()
                else {
                    return NONE;
                };
                let next = keys.len() as u32;
                let at = index.find_or_insert(&key, next);
                if at == next {
                    keys.push(key);
                }
                at
            })
            .collect();
        (Keys::from_rows(&keys), of_row)
    }

    fn distinct_integers(values: &[Option<i64>]) -> (Keys, Vec<u32>) {
        if let [value] = values {
            let keys: Vec<i64> = value.iter().copied().collect();
            let of_row = vec![if value.is_some() { 0 } else { NONE }];
            return (
                Keys {
                    len: keys.len(),
                    columns: vec![KeyColumn::Int(keys)],
                },
                of_row,
            );
        }
        let mut index = IntIndex::with_capacity_and_hasher(values.len(), RandomState::default());
        let mut keys = Vec::with_capacity(values.len());
        let of_row = values
            .iter()
            .map(|value| {
                let Some(value) = *value else { return NONE };
                *index.entry(value).or_insert_with(|| {
                    keys.push(value);
                    keys.len() as u32 - 1
                })
            })
            .collect();
        (
            Keys {
                len: keys.len(),
                columns: vec![KeyColumn::Int(keys)],
            },
            of_row,
        )
    }

    /// Keys given one by one, already distinct.
    pub fn from_rows(keys: &[Vec<KeyValue>]) -> Keys {
        let width = keys.first().map_or(0, Vec::len);
        let columns = (0..width).map(|i| {
            if matches!(keys[0][i], KeyValue::Int(_)) {
                KeyColumn::Int(
                    keys.iter()
                        .map(|k| match &k[i] {
                            KeyValue::Int(v) => *v,
                            KeyValue::Text(_) => 0,
                        })
                        .collect(),
                )
            } else {
                KeyColumn::Text(
                    keys.iter()
                        .map(|k| match &k[i] {
                            KeyValue::Int(v) => v.to_string().into(),
                            KeyValue::Text(v) => v.clone(),
                        })
                        .collect(),
                )
            }
        });
        Keys {
            columns: columns.collect(),
            len: keys.len(),
        }
    }

    /// For each key the first of `rows` that has it, `NONE` if there is none.
    pub fn match_rows(&self, rows: &[&KeyColumn<Nullable>]) -> Vec<u32> {
        let mut found = vec![NONE; self.len];
        if self.len == 1 {
            // A statement for one key returns no other rows.
            if rows.first().is_some_and(|c| c.count() > 0) {
                found[0] = 0;
            }
            return found;
        }
        if let ([KeyColumn::Int(keys)], [KeyColumn::Int(rows)]) = (&self.columns[..], rows) {
            let mut index = IntIndex::with_capacity_and_hasher(rows.len(), RandomState::default());
            for (row, value) in rows.iter().enumerate() {
                if let Some(value) = value {
                    index.entry(*value).or_insert(row as u32);
                }
            }
            for (key, at) in keys.iter().zip(&mut found) {
                *at = index.get(key).copied().unwrap_or(NONE);
            }
            return found;
        }
        let len = rows.first().map_or(0, |c| c.count());
        let mut index = Index::with_capacity(len);
        for row in 0..len {
            if let Some(key) = rows.iter().map(|c| c.get(row)).collect::<Option<Vec<_>>>() {
                index.find_or_insert(&key, row as u32);
            }
        }
        for (i, at) in found.iter_mut().enumerate() {
            let key: Vec<_> = self.columns.iter().map(|c| c.get(i)).collect();
            *at = index.find(&key).unwrap_or(NONE);
        }
        found
    }
}

type IntIndex = std::collections::HashMap<i64, u32, RandomState>;

/// Where each key stands.
struct Index(std::collections::HashMap<Vec<KeyValue>, u32, RandomState>);

impl Index {
    fn with_capacity(n: usize) -> Self {
        Index(std::collections::HashMap::with_capacity_and_hasher(
            n,
            RandomState::default(),
        ))
    }

    fn find_or_insert(&mut self, key: &[KeyValue], next: u32) -> u32 {
        if let Some(&at) = self.0.get(key) {
            return at;
        }
        self.0.insert(key.to_vec(), next);
        next
    }

    fn find(&self, key: &[KeyValue]) -> Option<u32> {
        self.0.get(key).copied()
    }
}

impl KeyColumn<Nullable> {
    pub fn count(&self) -> usize {
        match self {
            KeyColumn::Int(v) => v.len(),
            KeyColumn::Text(v) => v.len(),
        }
    }

    /// Whether a row has a value.
    pub fn has(&self, row: usize) -> bool {
        match self {
            KeyColumn::Int(v) => v.get(row).is_some_and(Option::is_some),
            KeyColumn::Text(v) => v.get(row).is_some_and(Option::is_some),
        }
    }

    /// The value of a row; `None` for null, and where there is no such row.
    pub fn get(&self, row: usize) -> Option<KeyValue> {
        match self {
            KeyColumn::Int(v) => v.get(row).copied().flatten().map(KeyValue::Int),
            KeyColumn::Text(v) => v.get(row).cloned().flatten().map(KeyValue::Text),
        }
    }
}

impl KeyColumn<Present> {
    fn get(&self, i: usize) -> KeyValue {
        match self {
            KeyColumn::Int(v) => KeyValue::Int(v[i]),
            KeyColumn::Text(v) => KeyValue::Text(v[i].clone()),
        }
    }
}

/// A key of `entity` from the text of an id after its type's name: parts joined by `:`.
pub fn parse_key(entity: &Entity, text: &str) -> Option<Vec<KeyValue>> {
    let parts: Vec<&str> = if entity.primary_key.len() == 1 {
        vec![text]
    } else {
        text.split(':').collect()
    };
    if parts.len() != entity.primary_key.len() {
        return None;
    }
    let parse = |(part, &column): (&str, &usize)| {
        // In a composite key a text part may itself hold the separator; it is percent-encoded then.
        let part = if entity.primary_key.len() == 1 {
            part.to_owned()
        } else {
            unescape(part)?
        };
        key_value(&entity.columns[column].kind, &part).ok()
    };
    parts
        .into_iter()
        .zip(&entity.primary_key)
        .map(parse)
        .collect()
}

/// Why a text is no value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoValue {
    Malformed,
    /// It is more than any database holds; these are the bounds.
    Beyond(&'static str),
}

/// A key value from its text.
pub fn key_value(kind: &Kind, text: &str) -> Result<KeyValue, NoValue> {
    match kind {
        Kind::Int | Kind::BigInt => {
            let integer: i64 = text.parse().map_err(|_| beyond_64_bits(text))?;
            // One spelling a key: `042` and `+42` are not 42.
            match itoa::Buffer::new().format(integer) == text {
                true => Ok(KeyValue::Int(integer)),
                false => Err(NoValue::Malformed),
            }
        }
        // PostgreSQL's text knows no zero.
        Kind::Text | Kind::Other => match text.contains('\0') {
            true => Err(NoValue::Malformed),
            false => Ok(KeyValue::Text(text.into())),
        },
        _ => Ok(KeyValue::Text(written(kind, text)?.into())),
    }
}

fn beyond_64_bits(text: &str) -> NoValue {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        true => NoValue::Beyond(
            "whole numbers are from -9223372036854775808 to 9223372036854775807 here",
        ),
        false => NoValue::Malformed,
    }
}

/// The text of a value as the databases write it, so that PostgreSQL accepts it and SQLite finds it.
fn written(kind: &Kind, text: &str) -> Result<String, NoValue> {
    let of = |text: Option<String>| text.ok_or(NoValue::Malformed);
    match kind {
        Kind::Uuid => of(Uuid::parse_str(text).ok().map(|uuid| uuid.to_string())),
        Kind::Bytes => {
            let hex = text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
            of(hex.then(|| format!("\\x{text}")))
        }
        Kind::Date => moment::date(text),
        Kind::Time => moment::time(text),
        Kind::DateTime { zoned } => moment::instant(text, *zoned),
        Kind::Decimal { .. } => decimal::written(text),
        Kind::Float { .. } => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number.to_string()),
            Ok(number) if number.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) => {
                Err(NoValue::Beyond(
                    "floats are from -1.7976931348623157e308 to 1.7976931348623157e308",
                ))
            }
            _ => Err(NoValue::Malformed),
        },
        Kind::Boolean => of(text.parse::<bool>().ok().map(|b| b.to_string())),
        Kind::Enum(enumeration) => of(enumeration.values.iter().find(|v| *v == text).cloned()),
        // As it is, since a number in it may have any digits.
        Kind::Json => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) if !text.contains('\0') => Ok(text.to_owned()),
            _ => Err(NoValue::Malformed),
        },
        // It is no key, but a list of values.
        Kind::Array(_) => Err(NoValue::Malformed),
        Kind::Int | Kind::BigInt | Kind::Text | Kind::Other => Ok(text.to_owned()),
    }
}

fn unescape(part: &str) -> Option<String> {
    if !part.contains('%') {
        return Some(part.to_owned());
    }
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        match rest.get(at..at + 3)? {
            "%3A" => out.push(':'),
            "%25" => out.push('%'),
            _ => return None,
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Some(out)
}
