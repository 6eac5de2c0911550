//! Values of statements that are not ours, as SeaORM's own drivers would bind and read them.

use chrono::SecondsFormat;
use sea_orm::Value;

use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, Entity, Kind, orm};
use crate::read::load::DatabaseError;
use crate::read::sql::{BindValue, Dialect};

/// A value to bind. PostgreSQL is sent texts, which are of whatever type it takes them for.
pub(super) fn bound(dialect: Dialect, value: &Value) -> Result<BindValue, DatabaseError> {
    if orm::is_null(value) {
        return Ok(BindValue::Null { integer: false });
    }
    let bound = match dialect {
        Dialect::Postgres => postgres(value).map(|text| BindValue::Text(text.into())),
        Dialect::Sqlite => sqlite(value),
    };
    let strange = || {
        let why = format!(
            "a hook binds a value of a type that is not known here: {}",
            name(value)
        );
        DatabaseError::Shape(why)
    };
    bound.ok_or_else(strange)
}

fn postgres(value: &Value) -> Option<String> {
    match value {
        Value::Json(Some(json)) => Some(json.to_string()),
        Value::Bytes(Some(_)) => Some(format!("\\x{}", orm::text(value)?)),
        Value::Array(_, Some(items)) => {
            let items = items.iter().map(|item| {
                if orm::is_null(item) {
                    return Some("NULL".to_owned());
                }
                let text = postgres(item)?.replace('\\', "\\\\").replace('"', "\\\"");
                Some(format!("\"{text}\""))
            });
            let items: Option<Vec<_>> = items.collect();
            Some(format!("{{{}}}", items?.join(",")))
        }
        value => orm::text(value),
    }
}

fn sqlite(value: &Value) -> Option<BindValue> {
    let text = |text: String| BindValue::Text(text.into());
    Some(match value {
        Value::Bool(Some(is)) => BindValue::Int(i64::from(*is)),
        Value::TinyInt(_)
        | Value::SmallInt(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::TinyUnsigned(_)
        | Value::SmallUnsigned(_)
        | Value::Unsigned(_)
        | Value::BigUnsigned(_) => BindValue::Int(orm::text(value)?.parse().ok()?),
        Value::Float(Some(number)) => BindValue::Float(f64::from(*number)),
        Value::Double(Some(number)) => BindValue::Float(*number),
        Value::Uuid(Some(uuid)) => BindValue::Bytes(uuid.as_bytes().as_slice().into()),
        Value::Bytes(Some(bytes)) => BindValue::Bytes(bytes.as_slice().into()),
        Value::Json(Some(json)) => text(json.to_string()),
        Value::ChronoDateTime(Some(time)) => text(time.format("%F %T%.f").to_string()),
        Value::ChronoDateTimeUtc(Some(time)) => {
            text(time.to_rfc3339_opts(SecondsFormat::AutoSi, false))
        }
        Value::ChronoDateTimeLocal(Some(time)) => {
            text(time.to_rfc3339_opts(SecondsFormat::AutoSi, false))
        }
        Value::ChronoDateTimeWithTimeZone(Some(time)) => {
            text(time.to_rfc3339_opts(SecondsFormat::AutoSi, false))
        }
        value => text(orm::text(value)?),
    })
}

/// The kind of a value, without the value.
fn name(value: &Value) -> String {
    let text = format!("{value:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

/// The entities that a statement names, which tell of what types its columns are in Rust.
pub(super) struct Named<'c>(Vec<&'c Entity>);

impl<'c> Named<'c> {
    pub fn of(entities: &'c [Entity], sql: &str) -> Self {
        let named = entities
            .iter()
            .filter(|of| sql.contains(&format!("\"{}\"", of.table)));
        Named(named.collect())
    }

    /// The columns that are called so, as SeaORM calls them in joins too: `A_id`.
    fn columns(&self, name: &str) -> Vec<(&'c Entity, ColumnIx)> {
        let called = |name: &str| -> Vec<_> {
            let columns = self.0.iter().filter_map(|of| {
                let place = of.columns.iter().position(|c| c.name == name)?;
                Some((*of, place))
            });
            columns.collect()
        };
        let found = called(name);
        match name.split_once('_') {
            Some((letter, rest)) if found.is_empty() && letter.len() == 1 => called(rest),
            _ => found,
        }
    }

    pub fn kind(&self, name: &str) -> Option<Kind> {
        let (of, column) = self.columns(name).first().copied()?;
        match &of.columns[column].kind {
            Kind::Array(_) => None,
            // SeaORM reads a text, and makes a value of it.
            Kind::Enum(_) => Some(Kind::Text),
            kind => Some(kind.clone()),
        }
    }

    pub fn value(&self, name: &str, kind: &Kind, value: Option<&KeyValue>) -> Value {
        let columns = self.columns(name);
        let fits = |value: &Value| {
            let mut columns = columns.iter();
            columns.all(|(of, c)| of.writing.fits.is_none_or(|fits| fits(*c, value)))
        };
        let found = orm::value(kind, value, fits).or_else(|| orm::value(kind, value, |_| true));
        found.unwrap_or(Value::String(None))
    }
}
