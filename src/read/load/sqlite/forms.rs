//! What SQLite's values are made comparable by, and what is known of the columns that need it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};

use super::super::DatabaseError;
use super::heard;
use super::sum::decimal;
use crate::graph::{Catalog, Kind};
use crate::read::decimal::{Decimal, Number};
use crate::read::sql::forms::{ColumnRef, question};
use crate::read::temporal::{self, Instant};

/// What a connection knows of columns, each at a version of the data.
#[derive(Default)]
pub struct Forms {
    /// The version that the transaction at hand sees, once it was asked for.
    version: Cell<Option<i64>>,
    known: RefCell<HashMap<ColumnRef, (i64, bool)>>,
}

impl Forms {
    /// A transaction begins.
    pub fn begin(&self) {
        self.version.set(None);
    }

    /// The data are changed on this very connection, whose version of them stays what it was.
    pub fn forget(&self) {
        self.known.borrow_mut().clear();
    }

    /// Those of the columns that hold values in other forms than the written one. That is asked again when somebody
    /// has changed the data. It is no statement of the request's, whose number does not depend on data.
    pub fn others(
        &self,
        connection: &Connection,
        catalog: &Catalog,
        columns: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        let version = match self.version.get() {
            Some(version) => version,
            None => {
                let asked = ask(connection, "PRAGMA data_version")?;
                self.version.set(Some(asked));
                asked
            }
        };
        let mut known = self.known.borrow_mut();
        let mut others = Vec::new();
        for &column in columns {
            let has_other = match known.get(&column) {
                Some(&(at, has_other)) if at == version => has_other,
                _ => {
                    let Some(question) = question(catalog, column) else {
                        continue;
                    };
                    let has_other = ask(connection, &question)? != 0;
                    known.insert(column, (version, has_other));
                    has_other
                }
            };
            if has_other {
                others.push(column);
            }
        }
        Ok(others)
    }
}

fn ask(connection: &Connection, question: &str) -> rusqlite::Result<i64> {
    heard::unheard(|| {
        let mut question = connection.prepare_cached(question)?;
        question.query_row([], |row| row.get(0))
    })
}

/// Adds the functions that statements name, see `read::sql::forms`.
pub fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    for (name, kind) in [
        ("backref_zoned", Kind::DateTime { zoned: true }),
        ("backref_unzoned", Kind::DateTime { zoned: false }),
        ("backref_date", Kind::Date),
        ("backref_time", Kind::Time),
    ] {
        let form = move |context: &Context<'_>| Ok(written(&kind, context.get_raw(0)));
        connection.create_scalar_function(name, 1, pure, form)?;
    }
    connection.create_scalar_function("backref_decimal", 2, pure, |context| {
        let value = context.get_raw(0);
        let decimal = decimal(value, context.get(1)?);
        Ok(decimal.map_or_else(|| as_it_is(value), |d| Value::Blob(d.key())))
    })?;
    connection.create_scalar_function("backref_digits", 1, pure, |context| {
        let value = context.get_raw(0);
        let key = match value {
            ValueRef::Blob(key) => Decimal::of_key(key),
            _ => None,
        };
        Ok(key.map_or_else(|| as_it_is(value), |d| Value::Text(d.text(None))))
    })?;
    connection.create_scalar_function("backref_number", 1, pure, |context| {
        Ok(number(context.get_raw(0)))
    })?;
    connection.create_scalar_function("backref_real", 1, pure, |context| {
        Ok(real(context.get_raw(0)))
    })
}

/// A value of a column of this kind in the form that is written; what is none of its values stays what it is.
fn written(kind: &Kind, value: ValueRef<'_>) -> Value {
    let instant = |instant: Option<Instant>| {
        let Kind::DateTime { zoned } = kind else {
            return None;
        };
        let mut out = Vec::with_capacity(40);
        temporal::written_instant(&mut out, *zoned, instant?);
        Some(out)
    };
    let found = match value {
        ValueRef::Text(text) | ValueRef::Blob(text) => temporal::written(kind, text),
        ValueRef::Integer(seconds) => instant(Instant::of_seconds(seconds)),
        ValueRef::Real(day) => instant(Instant::of_julian_day(day)),
        ValueRef::Null => None,
    };
    match found.and_then(|text| String::from_utf8(text).ok()) {
        Some(text) => Value::Text(text),
        None => as_it_is(value),
    }
}

/// The number that SQLite holds for a decimal. One that it holds no number for is equal to none.
fn number(value: ValueRef<'_>) -> Value {
    let ValueRef::Text(text) = value else {
        return as_it_is(value);
    };
    match Decimal::of_text(text).and_then(|d| d.number()) {
        Some(Number::Integer(i)) => Value::Integer(i),
        Some(Number::Float(f)) => Value::Real(f),
        None => Value::Blob(text.to_vec()),
    }
}

/// The float that a text means. SQLite's own reading of it is not always the nearest one.
fn real(value: ValueRef<'_>) -> Value {
    let float = match value {
        ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()),
        ValueRef::Integer(i) => Some(i as f64),
        _ => None,
    };
    float.map_or_else(|| as_it_is(value), Value::Real)
}

fn as_it_is(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(i) => Value::Integer(i),
        ValueRef::Real(f) => Value::Real(f),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
