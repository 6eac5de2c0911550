//! The table of accounts. What is read here is for signing in alone, and shown to nobody, so rules are not asked.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, IntoTableRef, Query, SelectStatement, SimpleExpr, TableRef,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult, RuntimeErr, SqlErr, Value};

use super::asked::{check, check_password};
use super::{AccountError, SignUp};
use crate::graph::accounts::{Asked, AskedKind};
use crate::graph::validate::Check;
use crate::graph::{Catalog, Entity, Kind};
use crate::identity::tokens::random;

pub struct Store {
    connection: DatabaseConnection,
    table: TableRef,
    key: Named,
    username: Named,
    hash: Named,
    role: Named,
    /// What signing up asks for, with its columns.
    asked: Vec<Asked>,
    checks: Vec<Check>,
    texts: Vec<Named>,
    made_at: Vec<Named>,
}

/// A column by its name in the database.
struct Named {
    name: String,
    kind: Kind,
}

impl Named {
    fn column(&self) -> Expr {
        Expr::col(Alias::new(&self.name))
    }

    fn alias(&self) -> Alias {
        Alias::new(&self.name)
    }

    fn as_text(&self) -> SimpleExpr {
        self.column().cast_as(Alias::new("text"))
    }
}

/// What is known of an account.
pub struct Account {
    pub id: String,
    pub hash: Option<String>,
    pub role: Option<String>,
}

pub enum Inserted {
    As {
        id: String,
        role: Option<String>,
    },
    /// What another account has, if that can be told.
    Taken(Option<Asked>),
}

impl Store {
    pub fn of(catalog: &Catalog, connection: DatabaseConnection) -> Option<Self> {
        let accounts = catalog.accounts.as_ref()?;
        let entity = &catalog.entities[accounts.entity];
        let named = |column: usize| Named {
            name: entity.columns[column].name.clone(),
            kind: entity.columns[column].kind.clone(),
        };
        let texts = accounts.asked().map(|(column, _)| named(column)).collect();
        Some(Store {
            connection,
            table: table(entity),
            key: named(accounts.key),
            username: named(accounts.username),
            hash: named(accounts.password_hash),
            role: named(accounts.role),
            asked: accounts.asked_of(entity).collect(),
            checks: accounts.asked().map(|(_, kind)| kind.check()).collect(),
            texts,
            made_at: accounts.made_at.iter().map(|&c| named(c)).collect(),
        })
    }

    /// Whether an account can be made of this.
    pub fn check(&self, input: &SignUp) -> Result<(), AccountError> {
        let asked = self.asked.iter().zip(&self.checks);
        for ((asked, must_be), text) in asked.zip(self.given(input)) {
            check(asked, must_be, text)?;
        }
        check_password(&input.password)
    }

    fn given<'a>(&self, input: &'a SignUp) -> impl Iterator<Item = &'a str> {
        let text = |asked: &Asked| {
            let mut texts = input.texts.iter();
            let given = texts.find(|(field, _)| *field == asked.field);
            given.map_or("", |(_, text)| text.as_str())
        };
        self.asked.iter().map(text).collect::<Vec<_>>().into_iter()
    }

    pub async fn by_username(&self, username: &str) -> Result<Option<Account>, DbErr> {
        // PostgreSQL takes no text with a zero in it, so there is no such account; the statement is run all the same.
        let username = username.replace('\0', "\u{FFFD}");
        let select = self.select(self.username.column().eq(username));
        let row = self.connection.query_one(&select).await?;
        row.map(|row| self.account(&row)).transpose()
    }

    /// The role of an account, which may be null; `None` where there is no such account.
    pub async fn role_of(&self, id: &str) -> Result<Option<Option<String>>, DbErr> {
        let Some(key) = self.key_of(id) else {
            return Ok(None);
        };
        let select = self.select(self.key.column().eq(key));
        let row = self.connection.query_one(&select).await?;
        let account = row.map(|row| self.account(&row)).transpose()?;
        Ok(account.map(|account| account.role))
    }

    fn select(&self, condition: SimpleExpr) -> SelectStatement {
        let mut select = Query::select();
        select.exprs([self.key_read(), self.hash.column(), self.role.as_text()]);
        select.from(self.table.clone()).and_where(condition);
        select
    }

    fn account(&self, row: &QueryResult) -> Result<Account, DbErr> {
        Ok(Account {
            id: self.id(row)?,
            hash: row.try_get_by_index(1)?,
            role: row.try_get_by_index(2)?,
        })
    }

    /// In one statement, which is a transaction by itself and on SQLite takes its turn at once.
    pub async fn insert(&self, input: &SignUp, hash: String) -> Result<Inserted, AccountError> {
        let mut insert = Query::insert();
        insert.into_table(self.table.clone());
        let mut columns: Vec<Alias> = self.texts.iter().map(Named::alias).collect();
        let mut values: Vec<SimpleExpr> = self.given(input).map(Expr::val).collect();
        columns.push(self.hash.alias());
        values.push(Expr::val(hash));
        let now = now();
        for column in &self.made_at {
            columns.push(column.alias());
            values.push(Expr::val(of_kind(now, &column.kind)));
        }
        if matches!(self.key.kind, Kind::Uuid) {
            columns.push(self.key.alias());
            values.push(Expr::val(Value::Uuid(Some(random_id()?))));
        }
        insert.columns(columns).values_panic(values);
        insert.returning(Query::returning().exprs([
            self.key_read(),
            self.hash.column(),
            self.role.as_text(),
        ]));
        match self.connection.query_one(&insert).await {
            Ok(Some(row)) => {
                let Account { id, role, .. } = self.account(&row)?;
                Ok(Inserted::As { id, role })
            }
            Ok(None) => Err(DbErr::RecordNotInserted.into()),
            Err(error) if is_moved(&error) => Err(AccountError::Moved),
            Err(error) if is_read_only(&error) => Err(AccountError::ReadOnly),
            Err(error) => match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => {
                    Ok(Inserted::Taken(self.taken(input).await?))
                }
                _ => Err(error.into()),
            },
        }
    }

    /// What another account has. Databases name a constraint, and each in its own way, so it is asked for.
    async fn taken(&self, input: &SignUp) -> Result<Option<Asked>, DbErr> {
        let given = self.asked.iter().zip(&self.texts).zip(self.given(input));
        for ((asked, column), text) in given {
            if asked.kind == AskedKind::Text {
                continue;
            }
            let select = self.select(column.column().eq(text));
            if self.connection.query_one(&select).await?.is_some() {
                return Ok(Some(asked.clone()));
            }
        }
        Ok(None)
    }

    /// Puts a new hash in place of an old one, if that is still the account's.
    pub async fn replace_hash(
        &self,
        id: &str,
        old: String,
        new: String,
    ) -> Result<(), AccountError> {
        let Some(key) = self.key_of(id) else {
            return Ok(());
        };
        let mut update = Query::update();
        update
            .table(self.table.clone())
            .value(self.hash.alias(), new)
            .and_where(self.key.column().eq(key))
            .and_where(self.hash.column().eq(old));
        self.connection.execute(&update).await?;
        Ok(())
    }

    fn key_of(&self, id: &str) -> Option<Value> {
        match self.key.kind {
            Kind::Uuid => Some(Value::Uuid(Some(id.parse().ok()?))),
            _ => Some(Value::BigInt(Some(id.parse().ok()?))),
        }
    }

    fn key_read(&self) -> SimpleExpr {
        match self.key.kind {
            Kind::Uuid => self.key.column(),
            _ => self.key.as_text(),
        }
    }

    fn id(&self, row: &QueryResult) -> Result<String, DbErr> {
        match self.key.kind {
            Kind::Uuid => {
                let id: sea_orm::prelude::Uuid = row.try_get_by_index(0)?;
                Ok(id.to_string())
            }
            _ => row.try_get_by_index(0),
        }
    }
}

fn table(entity: &Entity) -> TableRef {
    let table = Alias::new(&entity.table);
    match &entity.schema {
        Some(schema) => (Alias::new(schema), table).into_table_ref(),
        None => table.into_table_ref(),
    }
}

/// The time, in microseconds.
fn now() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros() as i64);
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// A time as a value of a column.
fn of_kind(now: DateTime<Utc>, kind: &Kind) -> Value {
    match kind {
        Kind::DateTime { zoned: false } => Value::ChronoDateTime(Some(now.naive_utc())),
        _ => Value::ChronoDateTimeUtc(Some(now)),
    }
}

/// A UUID of version 4 (RFC 9562).
fn random_id() -> Result<sea_orm::prelude::Uuid, AccountError> {
    let mut bytes = random::<16>().map_err(|_| AccountError::Hash)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(sea_orm::prelude::Uuid::from_bytes(bytes))
}

/// An SQLSTATE, or SQLite's extended result code.
pub fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(cause) = cause else {
        return None;
    };
    let code = cause.as_database_error()?.code()?;
    Some(code.into_owned())
}

/// The file is not the one that the connection has open.
fn is_moved(error: &DbErr) -> bool {
    const SQLITE_READ_ONLY_MOVED: &str = "1032";
    code(error).as_deref() == Some(SQLITE_READ_ONLY_MOVED)
}

/// A standby, a read-only transaction, a role without the right to write, or a file that may not be written.
fn is_read_only(error: &DbErr) -> bool {
    const SQLITE_READ_ONLY: i32 = 8;
    let code = code(error).unwrap_or_default();
    let sqlite = code
        .parse::<i32>()
        .is_ok_and(|c| c & 0xff == SQLITE_READ_ONLY);
    matches!(&*code, "25006" | "42501") || (sqlite && code.len() < 5)
}
