//! PostgreSQL through sqlx, on the pool that SeaORM opened; values are read in the binary format.

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow};
use sqlx::{Arguments, AssertSqlSafe, Connection as _, Row, ValueRef};

use super::encode::Raw;
use super::keys::KeyColumn;
use super::rows::{Rows, RowsBuilder};
use super::{Connection, DatabaseError, Statement};
use crate::catalog::{Catalog, Kind};
use crate::plan::Level;
use crate::sql::{BindValue, Dialect};

/// One pooled connection.
pub struct Postgres {
    connection: PoolConnection<sqlx::Postgres>,
    pool: PgPool,
}

impl Postgres {
    pub async fn acquire(pool: &PgPool) -> Result<Self, DatabaseError> {
        Ok(Self::of(pool, pool.acquire().await?))
    }

    fn of(pool: &PgPool, connection: PoolConnection<sqlx::Postgres>) -> Self {
        Postgres {
            connection,
            pool: pool.clone(),
        }
    }

    /// A connection that has just answered: what the pool holds may have been closed by a restart.
    pub async fn acquire_live(pool: &PgPool) -> Result<Self, DatabaseError> {
        for _ in 0..=pool.options().get_max_connections() {
            let mut connection = pool.acquire().await?;
            if connection.ping().await.is_ok() {
                return Ok(Self::of(pool, connection));
            }
            // A dead connection's own farewell fails too.
            let _ = connection.close().await;
        }
        Self::acquire(pool).await
    }
}

impl Connection for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    fn another(&self) -> Option<Self> {
        let connection = self.pool.try_acquire()?;
        Some(Self::of(&self.pool, connection))
    }

    async fn run(
        &mut self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        let arguments = arguments(statement)?;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.text.clone()), arguments);
        let connection: &mut PgConnection = &mut self.connection;
        let mut stream = query.fetch(connection);
        let mut rows = RowsBuilder::new(catalog, level, statement, |integer| match integer {
            true => &Kind::BigInt,
            // A cursor's other values are sent as PostgreSQL's text of them.
            false => &Kind::Text,
        });
        let kinds = rows.kinds.clone();
        while let Some(row) = stream.try_next().await? {
            read(&mut rows, &kinds, &row, statement.sql.ordinal)?;
        }
        rows.finish()
    }
}

fn arguments(statement: &Statement<'_>) -> Result<PgArguments, DatabaseError> {
    let mut arguments = PgArguments::default();
    for column in statement.keys {
        let added = match (column, statement.len) {
            (KeyColumn::Int(v), 1) => arguments.add(v[0]),
            (KeyColumn::Text(v), 1) => arguments.add(&*v[0]),
            (KeyColumn::Int(v), _) => arguments.add(&v[..]),
            (KeyColumn::Text(v), _) => arguments.add(v.iter().map(|s| &**s).collect::<Vec<&str>>()),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    if statement.sql.binds_offset {
        arguments
            .add(i64::from(statement.offset))
            .map_err(sqlx::Error::Encode)?;
    }
    for value in &*statement.sql.values {
        let added = match value {
            BindValue::Int(v) => arguments.add(v),
            BindValue::Float(v) => arguments.add(v),
            BindValue::Text(v) => arguments.add(&**v),
            BindValue::Bytes(v) => arguments.add(&**v),
            BindValue::Ints(v) => arguments.add(&v[..]),
            BindValue::Texts(v) => arguments.add(v.iter().map(|s| &**s).collect::<Vec<&str>>()),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn read(
    rows: &mut RowsBuilder<'_>,
    kinds: &[&Kind],
    row: &PgRow,
    ordinal: bool,
) -> Result<(), DatabaseError> {
    let skip = usize::from(ordinal);
    let ordinal = match ordinal {
        true => Some(row.try_get::<i64, _>(0)? as u32 - 1),
        false => None,
    };
    rows.push(ordinal, |read| {
        let value = row.try_get_raw(read + skip)?;
        if value.is_null() {
            return Ok(Raw::Null);
        }
        let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
        Ok::<_, DatabaseError>(raw(kinds[read], bytes))
    })
}

/// PostgreSQL's epoch is 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

fn raw<'r>(kind: &Kind, bytes: &'r [u8]) -> Raw<'r> {
    let text = || std::str::from_utf8(bytes).map_or(Raw::Strange, Raw::Text);
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
        Kind::Text | Kind::Enum(_) | Kind::Decimal { .. } | Kind::Other => text(),
        // `jsonb` has a version before its text.
        Kind::Json if bytes.first() == Some(&1) => {
            std::str::from_utf8(&bytes[1..]).map_or(Raw::Strange, Raw::Text)
        }
        Kind::Json => text(),
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
