//! Values on their way to PostgreSQL and back.

use std::error::Error;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::RowStream;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::graph::keys::KeyColumn;
use crate::graph::{Catalog, Kind};
use crate::read::encode::{Raw, wire};
use crate::read::load::rows::{Rows, RowsBuilder};
use crate::read::load::{DatabaseError, Statement, change};
use crate::read::plan::Level;
use crate::read::sql::BindValue;

/// The rows of a level's statement.
pub async fn rows(
    catalog: &Catalog,
    level: &Level,
    statement: &Statement<'_>,
    found: RowStream,
) -> Result<Rows, DatabaseError> {
    let mut found = pin!(found);
    let mut rows = RowsBuilder::new(catalog, level, statement, |integer| {
        match integer {
            true => &Kind::BigInt,
            // A cursor's other values are sent as PostgreSQL's text of them.
            false => &Kind::Text,
        }
    });
    let kinds = rows.kinds.clone();
    let ordinals = statement.sql.ordinal;
    let skip = usize::from(ordinals);
    while let Some(row) = found.try_next().await? {
        let ordinal = match ordinals {
            true => Some(row.try_get::<_, i64>(0)? as u32 - 1),
            false => None,
        };
        rows.push(ordinal, |read| {
            let Wire(value) = row.try_get(read + skip)?;
            let value = value.map(|bytes| wire::raw(kinds[read], bytes));
            Ok::<_, DatabaseError>(value.unwrap_or(Raw::Null))
        })?;
    }
    rows.finish()
}

/// The rows of a writer's statement.
pub async fn given(gives: &[Kind], found: RowStream) -> Result<Vec<change::Given>, DatabaseError> {
    let mut found = pin!(found);
    let mut rows = Vec::new();
    while let Some(row) = found.try_next().await? {
        let value = |(i, kind)| {
            let Wire(value) = row.try_get(i)?;
            let raw = value.map_or(Raw::Null, |bytes| wire::raw(kind, bytes));
            change::given(kind, &raw)
        };
        let values = gives.iter().enumerate().map(value);
        rows.push(values.collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

/// How many rows a writer's statement has changed that gives none.
pub async fn changed(found: RowStream) -> Result<u64, DatabaseError> {
    let mut found = pin!(found);
    while found.try_next().await?.is_some() {}
    Ok(found.rows_affected().unwrap_or_default())
}

/// A value of any type as it was received.
pub struct Wire<'r>(pub Option<&'r [u8]>);

impl<'r> FromSql<'r> for Wire<'r> {
    fn from_sql(_: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Wire(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Wire(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A value that is bound to a statement.
#[derive(Debug)]
pub enum Parameter<'a> {
    NoInt,
    NoText,
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Ints(&'a [i64]),
    Texts(&'a [Box<str>]),
}

pub fn parameters<'a>(statement: &Statement<'a>) -> Vec<Parameter<'a>> {
    let keys = statement
        .keys
        .iter()
        .map(|column| match (column, statement.len) {
            (KeyColumn::Int(v), 1) => Parameter::Int(v[0]),
            (KeyColumn::Text(v), 1) => Parameter::Text(&v[0]),
            (KeyColumn::Int(v), _) => Parameter::Ints(v),
            (KeyColumn::Text(v), _) => Parameter::Texts(v),
        });
    let offset = statement
        .sql
        .binds_offset
        .then(|| Parameter::Int(i64::from(statement.offset)));
    let values = statement.values.iter().map(Parameter::of);
    keys.chain(offset).chain(values).collect()
}

impl<'a> Parameter<'a> {
    pub fn of(value: &'a BindValue) -> Self {
        match value {
            BindValue::Null { integer: true } => Parameter::NoInt,
            // What is brought along has been filled in.
            BindValue::Null { .. } | BindValue::Brought(_) => Parameter::NoText,
            BindValue::Int(v) => Parameter::Int(*v),
            BindValue::Float(v) => Parameter::Float(*v),
            BindValue::Text(v) => Parameter::Text(v),
            BindValue::Bytes(v) => Parameter::Bytes(v),
            BindValue::Ints(v) => Parameter::Ints(v),
            BindValue::Texts(v) => Parameter::Texts(v),
        }
    }

    pub fn sql_type(&self) -> Type {
        match self {
            Parameter::Int(_) | Parameter::NoInt => Type::INT8,
            Parameter::Float(_) => Type::FLOAT8,
            // Of the type that PostgreSQL finds it is compared with or cast from.
            Parameter::Text(_) | Parameter::Texts(_) | Parameter::NoText => Type::UNKNOWN,
            Parameter::Bytes(_) => Type::BYTEA,
            Parameter::Ints(_) => Type::INT8_ARRAY,
        }
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Parameter::NoInt | Parameter::NoText => Ok(IsNull::Yes),
            Parameter::Int(v) => v.to_sql(of, out),
            Parameter::Float(v) => v.to_sql(of, out),
            Parameter::Text(v) => {
                out.extend_from_slice(v.as_bytes());
                Ok(IsNull::No)
            }
            Parameter::Bytes(v) => v.to_sql(of, out),
            Parameter::Ints(v) => v.to_sql(of, out),
            Parameter::Texts(v) => {
                array_text(v, out);
                Ok(IsNull::No)
            }
        }
    }

    /// Texts are sent as such, whatever type PostgreSQL takes them for.
    fn encode_format(&self, _: &Type) -> Format {
        match self {
            Parameter::Text(_) | Parameter::Texts(_) => Format::Text,
            _ => Format::Binary,
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// PostgreSQL's text of an array: `{"a","b"}`.
fn array_text(items: &[Box<str>], out: &mut BytesMut) {
    out.extend_from_slice(b"{");
    for (i, item) in items.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"\"" } else { b",\"" });
        for part in item.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(before) => {
                    out.extend_from_slice(before.as_bytes());
                    out.extend_from_slice(b"\\");
                    out.extend_from_slice(&part.as_bytes()[before.len()..]);
                }
                None => out.extend_from_slice(part.as_bytes()),
            }
        }
        out.extend_from_slice(b"\"");
    }
    out.extend_from_slice(b"}");
}
