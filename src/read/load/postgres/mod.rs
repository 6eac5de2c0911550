//! PostgreSQL through tokio-postgres, on connections that requests share; values are read in the binary
//! format, where they lie in what was received.

mod connect;
mod pool;
mod tls;

use std::error::Error;
use std::pin::pin;
use std::time::Instant;

use futures_util::TryStreamExt;
use tokio::sync::SemaphorePermit;
use tokio_postgres::RowStream;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::rows::{Rows, RowsBuilder};
use super::{Connection, DatabaseError, Statement};
use crate::graph::keys::KeyColumn;
use crate::graph::{Catalog, Kind};
use crate::read::encode::Raw;
use crate::read::plan::Level;
use crate::read::sql::{BindValue, Dialect};

pub use connect::Connector;
pub use pool::PostgresPool;
use pool::Turn;

/// The connections of a pool, for the length of a request.
pub struct Postgres<'p> {
    pool: &'p PostgresPool,
    /// When nobody waits for an answer any more.
    deadline: Instant,
    _permit: SemaphorePermit<'p>,
}

impl<'p> Postgres<'p> {
    pub async fn enter(pool: &'p PostgresPool, deadline: Instant) -> Result<Self, DatabaseError> {
        let permit = tokio::time::timeout_at(deadline.into(), pool.enter()).await;
        Ok(Postgres {
            pool,
            deadline,
            _permit: permit.unwrap_or(Err(DatabaseError::TimedOut))?,
        })
    }
}

impl Connection for Postgres<'_> {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        let query = Query {
            catalog,
            level,
            statement,
            parameters: parameters(statement),
        };
        // Told once, also where it is asked again because another's statement holds it up.
        tracing::trace!(target: "backref::postgres", sql = &*statement.sql.text);
        let asked = tokio::time::timeout_at(self.deadline.into(), self.ask(&query)).await;
        asked.unwrap_or(Err(DatabaseError::TimedOut))
    }
}

impl Postgres<'_> {
    async fn ask(&self, query: &Query<'_>) -> Result<Rows, DatabaseError> {
        let mut turn = self.pool.turn().await?;
        let mut stale = false;
        loop {
            let asked = tokio::select! {
                biased;
                asked = query.ask(&turn) => asked,
                elsewhere = self.pool.overtake(&turn) => {
                    turn = elsewhere?;
                    continue;
                }
            };
            turn.give_back();
            match asked? {
                Asked::Rows(rows) => return Ok(rows),
                Asked::Stale(error) if stale => return Err(error.into()),
                Asked::Stale(_) => stale = true,
                Asked::Prepared => {}
            }
            turn = self.pool.turn().await?;
        }
    }
}

enum Asked {
    Rows(Rows),
    /// The statement was made known to the session, and is to be asked.
    Prepared,
    /// The session no longer knew it as it was.
    Stale(tokio_postgres::Error),
}

/// A level's statement with all that is needed to ask it, once or again.
struct Query<'a> {
    catalog: &'a Catalog,
    level: &'a Level,
    statement: &'a Statement<'a>,
    parameters: Vec<Parameter<'a>>,
}

impl Query<'_> {
    /// Sends one message: that which prepares the statement, where the session does not have it.
    async fn ask(&self, turn: &Turn) -> Result<Asked, DatabaseError> {
        let (session, sql) = (&turn.session, &self.statement.sql.text);
        let Some(prepared) = session.prepared(sql) else {
            let types: Vec<Type> = self.parameters.iter().map(Parameter::sql_type).collect();
            turn.send(session.prepare(sql, &types)).await?;
            return Ok(Asked::Prepared);
        };
        let asking = session.client().query_raw(&prepared, &self.parameters);
        match turn.send(asking).await {
            Ok(found) => Ok(Asked::Rows(self.read(found).await?)),
            Err(error) => {
                match error.code() {
                    // Its tables have changed, or a pooler between us and the server took another of its sessions.
                    Some(
                        &SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME,
                    ) if session.forget(sql) => Ok(Asked::Stale(error)),
                    _ => Err(error.into()),
                }
            }
        }
    }

    async fn read(&self, found: RowStream) -> Result<Rows, DatabaseError> {
        let mut found = pin!(found);
        let mut rows = RowsBuilder::new(self.catalog, self.level, self.statement, |integer| {
            match integer {
                true => &Kind::BigInt,
                // A cursor's other values are sent as PostgreSQL's text of them.
                false => &Kind::Text,
            }
        });
        let kinds = rows.kinds.clone();
        let ordinals = self.statement.sql.ordinal;
        let skip = usize::from(ordinals);
        while let Some(row) = found.try_next().await? {
            let ordinal = match ordinals {
                true => Some(row.try_get::<_, i64>(0)? as u32 - 1),
                false => None,
            };
            rows.push(ordinal, |read| {
                let Wire(value) = row.try_get(read + skip)?;
                let value = value.map(|bytes| raw(kinds[read], bytes));
                Ok::<_, DatabaseError>(value.unwrap_or(Raw::Null))
            })?;
        }
        rows.finish()
    }
}

/// A value of any type as it was received.
struct Wire<'r>(Option<&'r [u8]>);

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
enum Parameter<'a> {
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Ints(&'a [i64]),
    Texts(&'a [Box<str>]),
}

fn parameters<'a>(statement: &Statement<'a>) -> Vec<Parameter<'a>> {
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
    let values = statement.sql.values.iter().map(|value| match value {
        BindValue::Int(v) => Parameter::Int(*v),
        BindValue::Float(v) => Parameter::Float(*v),
        BindValue::Text(v) => Parameter::Text(v),
        BindValue::Bytes(v) => Parameter::Bytes(v),
        BindValue::Ints(v) => Parameter::Ints(v),
        BindValue::Texts(v) => Parameter::Texts(v),
    });
    keys.chain(offset).chain(values).collect()
}

impl Parameter<'_> {
    fn sql_type(&self) -> Type {
        match self {
            Parameter::Int(_) => Type::INT8,
            Parameter::Float(_) => Type::FLOAT8,
            Parameter::Text(_) => Type::TEXT,
            Parameter::Bytes(_) => Type::BYTEA,
            Parameter::Ints(_) => Type::INT8_ARRAY,
            Parameter::Texts(_) => Type::TEXT_ARRAY,
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
            Parameter::Int(v) => v.to_sql(of, out),
            Parameter::Float(v) => v.to_sql(of, out),
            Parameter::Text(v) => v.to_sql(of, out),
            Parameter::Bytes(v) => v.to_sql(of, out),
            Parameter::Ints(v) => v.to_sql(of, out),
            Parameter::Texts(v) => v.to_sql(of, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        [
            Type::INT8,
            Type::FLOAT8,
            Type::TEXT,
            Type::BYTEA,
            Type::INT8_ARRAY,
            Type::TEXT_ARRAY,
        ]
        .contains(of)
    }

    to_sql_checked!();
}

/// PostgreSQL's epoch is 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

fn raw<'r>(kind: &Kind, bytes: &'r [u8]) -> Raw<'r> {
    match kind {
        Kind::Int | Kind::BigInt => integer(bytes).map_or(Raw::Strange, Raw::Int),
        Kind::Float => match bytes.len() {
            4 => bytes.try_into().map_or(Raw::Strange, |b| {
                Raw::Float(short_float(f32::from_be_bytes(b)))
            }),
            _ => bytes
                .try_into()
                .map_or(Raw::Strange, |b| Raw::Float(f64::from_be_bytes(b))),
        },
        Kind::Boolean => Raw::Boolean(bytes == [1]),
        Kind::Text | Kind::Enum(_) | Kind::Decimal { .. } | Kind::Other => Raw::Text(bytes),
        // `jsonb` has a version before its text.
        Kind::Json => Raw::Text(bytes.strip_prefix(&[1]).unwrap_or(bytes)),
        Kind::DateTime { .. } => match (bytes.len(), integer(bytes)) {
            (8, Some(i64::MAX | i64::MIN)) | (_, None) => Raw::Strange,
            (8, Some(micros)) => Raw::Micros(micros.saturating_add(EPOCH_MICROS)),
            (_, Some(days)) => Raw::Micros((days + EPOCH_DAYS).saturating_mul(86_400_000_000)),
        },
        Kind::Date => integer(bytes).map_or(Raw::Strange, |days| Raw::Days(days + EPOCH_DAYS)),
        Kind::Time => integer(bytes.get(..8).unwrap_or(bytes)).map_or(Raw::Strange, Raw::TimeOfDay),
        Kind::Uuid => bytes.try_into().map_or(Raw::Strange, Raw::Uuid),
        Kind::Bytes => Raw::Bytes(bytes),
    }
}

/// The shortest decimal of a single-precision float, not the double's digits of it.
fn short_float(f: f32) -> f64 {
    f.to_string().parse().unwrap_or(f64::from(f))
}

fn integer(bytes: &[u8]) -> Option<i64> {
    Some(match bytes.len() {
        2 => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        8 => i64::from_be_bytes(bytes.try_into().ok()?),
        _ => return None,
    })
}
