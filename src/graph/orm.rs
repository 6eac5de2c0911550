//! Values as SeaORM has them, made of values as keys are kept and the other way round.

use sea_orm::Value;
use sea_orm::prelude::{
    ChronoDate, ChronoDateTime, ChronoDateTimeUtc, ChronoDateTimeWithTimeZone, ChronoTime, Decimal,
    Json, Uuid,
};
use sea_orm::sea_query::{Enum, OptionEnum};

use super::Kind;
use super::keys::{KeyValue, key_value};

/// A value of a kind: the first way of saying it that fits.
pub fn value(
    kind: &Kind,
    value: Option<&KeyValue>,
    fits: impl Fn(&Value) -> bool,
) -> Option<Value> {
    let ways = match value {
        None => nulls(kind),
        Some(KeyValue::Int(number)) => integers(kind, *number),
        Some(KeyValue::Text(text)) => texts(kind, text),
    };
    ways.into_iter().find(fits)
}

fn integers(kind: &Kind, number: i64) -> Vec<Value> {
    let int = Value::Int(i32::try_from(number).ok());
    let big = Value::BigInt(Some(number));
    let both = match kind {
        Kind::Int => [int, big],
        _ => [big, int],
    };
    let others = [
        Value::SmallInt(number.try_into().ok()),
        Value::TinyInt(number.try_into().ok()),
        Value::BigUnsigned(number.try_into().ok()),
        Value::Unsigned(number.try_into().ok()),
        Value::SmallUnsigned(number.try_into().ok()),
        Value::TinyUnsigned(number.try_into().ok()),
        Value::Bool((0..=1).contains(&number).then_some(number == 1)),
    ];
    let all = both.into_iter().chain(others);
    // What is too large for a type is not null.
    all.filter(|value| *value != value.as_null()).collect()
}

fn texts(kind: &Kind, text: &str) -> Vec<Value> {
    let plain = Value::String(Some(text.to_owned()));
    let mut ways = match kind {
        Kind::Boolean => vec![Value::Bool(text.parse().ok())],
        Kind::Float { single: true } => {
            vec![
                Value::Float(text.parse().ok()),
                Value::Double(text.parse().ok()),
            ]
        }
        Kind::Float { single: false } => {
            vec![
                Value::Double(text.parse().ok()),
                Value::Float(text.parse().ok()),
            ]
        }
        Kind::Decimal { .. } => {
            vec![
                Value::Decimal(text.parse().ok()),
                Value::Double(text.parse().ok()),
            ]
        }
        Kind::Uuid => vec![Value::Uuid(Uuid::parse_str(text).ok())],
        Kind::Date => vec![Value::ChronoDate(text.parse().ok())],
        Kind::Time => vec![Value::ChronoTime(text.parse().ok())],
        Kind::DateTime { zoned } => moments(*zoned, text),
        Kind::Json => {
            let json: Option<Json> = serde_json::from_str(text).ok();
            vec![Value::Json(json.map(Box::new))]
        }
        Kind::Bytes => vec![Value::Bytes(text.strip_prefix("\\x").and_then(bytes))],
        _ => Vec::new(),
    };
    let mut letters = text.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        ways.push(Value::Char(Some(letter)));
    }
    if let Kind::Enum(of) = kind {
        ways.push(Value::Enum(OptionEnum::Some(Box::new(Enum {
            type_name: of.name.as_str().into(),
            value: text.to_owned().into(),
        }))));
    }
    // A text is no letter where nobody knows.
    match kind {
        Kind::Text | Kind::Enum(_) | Kind::Other => ways.insert(0, plain),
        _ => ways.push(plain),
    }
    ways.retain(|value| !is_null(value));
    ways
}

/// A moment, as RFC 3339 or as databases write it.
fn moments(zoned: bool, text: &str) -> Vec<Value> {
    let mut normal = text.replacen(' ', "T", 1);
    let clock = normal.split_once('T').map_or("", |(_, clock)| clock);
    match clock.find(['Z', 'z', '+', '-']) {
        None => normal.push('Z'),
        Some(at) if clock.len() - at == 3 => normal.push_str(":00"),
        Some(_) => {}
    }
    let moment: Option<ChronoDateTimeWithTimeZone> = normal.parse().ok();
    let utc: Option<ChronoDateTimeUtc> = moment.map(|moment| moment.to_utc());
    let plain: Option<ChronoDateTime> = utc.map(|utc| utc.naive_utc());
    let plain = Value::ChronoDateTime(plain);
    let mut ways = vec![
        Value::ChronoDateTimeWithTimeZone(moment),
        Value::ChronoDateTimeUtc(utc),
        Value::ChronoDateTimeLocal(utc.map(Into::into)),
    ];
    match zoned {
        true => ways.push(plain),
        false => ways.insert(0, plain),
    }
    ways
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}

fn nulls(kind: &Kind) -> Vec<Value> {
    let likely = match kind {
        Kind::Int => Value::Int(None),
        Kind::BigInt => Value::BigInt(None),
        Kind::Float { single: true } => Value::Float(None),
        Kind::Float { single: false } => Value::Double(None),
        Kind::Decimal { .. } => Value::Decimal(None::<Decimal>),
        Kind::Boolean => Value::Bool(None),
        Kind::DateTime { zoned: true } => Value::ChronoDateTimeWithTimeZone(None),
        Kind::DateTime { zoned: false } => Value::ChronoDateTime(None),
        Kind::Date => Value::ChronoDate(None::<ChronoDate>),
        Kind::Time => Value::ChronoTime(None::<ChronoTime>),
        Kind::Json => Value::Json(None),
        Kind::Uuid => Value::Uuid(None),
        Kind::Bytes => Value::Bytes(None),
        Kind::Text | Kind::Enum(_) | Kind::Array(_) | Kind::Other => Value::String(None),
    };
    let enumeration = match kind {
        Kind::Enum(of) => Value::Enum(OptionEnum::None(of.name.as_str().into())),
        _ => Value::String(None),
    };
    vec![
        likely,
        enumeration,
        Value::String(None),
        Value::Int(None),
        Value::BigInt(None),
        Value::SmallInt(None),
        Value::TinyInt(None),
        Value::BigUnsigned(None),
        Value::Unsigned(None),
        Value::SmallUnsigned(None),
        Value::TinyUnsigned(None),
        Value::Bool(None),
        Value::Double(None),
        Value::Float(None),
        Value::Decimal(None),
        Value::ChronoDateTimeUtc(None),
        Value::ChronoDateTimeWithTimeZone(None),
        Value::ChronoDateTimeLocal(None),
        Value::ChronoDateTime(None),
        Value::ChronoDate(None),
        Value::ChronoTime(None),
        Value::Uuid(None),
        Value::Json(None),
        Value::Bytes(None),
        Value::Char(None),
    ]
}

/// A value of SeaORM's in a column of a kind. The inner `None` is null, the outer that it is no value of the column.
pub fn written(kind: &Kind, value: &Value) -> Option<Option<KeyValue>> {
    if is_null(value) {
        return Some(None);
    }
    let text = match value {
        Value::Json(Some(json)) => json.to_string(),
        value => text(value)?,
    };
    key_value(kind, &text).ok().map(Some)
}

pub fn is_null(value: &Value) -> bool {
    match value {
        Value::Enum(of) => matches!(of, OptionEnum::None(_)),
        value => *value == value.as_null(),
    }
}

/// The text of a value that is not null.
pub fn text(value: &Value) -> Option<String> {
    match value.clone() {
        Value::String(text) => text,
        Value::Char(letter) => letter.map(String::from),
        Value::Enum(OptionEnum::Some(value)) => Some(value.value.to_string()),
        Value::Bool(is) => is.map(|v| v.to_string()),
        Value::TinyInt(number) => number.map(|v| v.to_string()),
        Value::SmallInt(number) => number.map(|v| v.to_string()),
        Value::Int(number) => number.map(|v| v.to_string()),
        Value::BigInt(number) => number.map(|v| v.to_string()),
        Value::TinyUnsigned(number) => number.map(|v| v.to_string()),
        Value::SmallUnsigned(number) => number.map(|v| v.to_string()),
        Value::Unsigned(number) => number.map(|v| v.to_string()),
        Value::BigUnsigned(number) => number.map(|v| v.to_string()),
        Value::Float(number) => number.map(|v| v.to_string()),
        Value::Double(number) => number.map(|v| v.to_string()),
        Value::Decimal(number) => number.map(|v| v.to_string()),
        Value::Uuid(uuid) => uuid.map(|v| v.to_string()),
        Value::ChronoDate(date) => date.map(|v| v.to_string()),
        Value::ChronoTime(time) => time.map(|v| v.to_string()),
        Value::ChronoDateTime(time) => time.map(|v| v.and_utc().to_rfc3339()),
        Value::ChronoDateTimeUtc(time) => time.map(|v| v.to_rfc3339()),
        Value::ChronoDateTimeLocal(time) => time.map(|v| v.to_rfc3339()),
        Value::ChronoDateTimeWithTimeZone(time) => time.map(|v| v.to_rfc3339()),
        Value::Bytes(bytes) => {
            bytes.map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect())
        }
        _ => None,
    }
}
