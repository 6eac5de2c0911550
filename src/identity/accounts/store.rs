//! The table of accounts. What is read here is for signing in alone, and shown to nobody, so rules are not asked.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoTableRef, Query, SimpleExpr, TableRef};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, Value};

use super::asked::{check, check_password};
use super::{AccountError, SignUp};
use crate::graph::accounts::Asked;
use crate::graph::condition::Mine;
use crate::graph::keys::KeyValue;
use crate::graph::validate::Check;
use crate::graph::{Catalog, ColumnIx, Entity, Kind, rules};

pub struct Store {
    connection: DatabaseConnection,
    table: TableRef,
    key: Named,
    hash: Named,
    role: Named,
    /// What signing up asks for, with its columns.
    asked: Vec<Asked>,
    checks: Vec<Check>,
    columns: Vec<ColumnIx>,
    hash_column: ColumnIx,
    made_at: Vec<(ColumnIx, Kind)>,
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

impl Store {
    pub fn of(catalog: &Catalog, connection: DatabaseConnection) -> Option<Self> {
        let accounts = catalog.accounts.as_ref()?;
        let entity = &catalog.entities[accounts.entity];
        let named = |column: usize| Named {
            name: entity.columns[column].name.clone(),
            kind: entity.columns[column].kind.clone(),
        };
        Some(Store {
            connection,
            table: table(entity),
            key: named(accounts.key),
            hash: named(accounts.password_hash),
            role: named(accounts.role),
            asked: accounts.asked_of(entity).collect(),
            checks: accounts.asked().map(|(_, kind)| kind.check()).collect(),
            columns: accounts.asked().map(|(column, _)| column).collect(),
            hash_column: accounts.password_hash,
            made_at: accounts
                .made_at
                .iter()
                .map(|&c| (c, entity.columns[c].kind.clone()))
                .collect(),
        })
    }

    /// All for which no account can be made of this.
    pub fn problems(&self, input: &SignUp) -> Vec<AccountError> {
        let asked = self.asked.iter().zip(&self.checks);
        let texts = asked.zip(self.given(input));
        let checked = texts.map(|((asked, must_be), text)| check(asked, must_be, text));
        let checked = checked.chain([check_password(&input.password)]);
        checked.filter_map(Result::err).collect()
    }

    fn given<'a>(&self, input: &'a SignUp) -> impl Iterator<Item = &'a str> {
        let text = |asked: &Asked| {
            let mut texts = input.texts.iter();
            let given = texts.find(|(field, _)| *field == asked.field);
            given.map_or("", |(_, text)| text.as_str())
        };
        self.asked.iter().map(text).collect::<Vec<_>>().into_iter()
    }

    /// The role of an account, which may be null; `None` where there is no such account.
    pub async fn role_of(&self, id: &str) -> Result<Option<Option<String>>, DbErr> {
        let Some(key) = self.key_of(id) else {
            return Ok(None);
        };
        let mut select = Query::select();
        select.expr(self.role.as_text()).from(self.table.clone());
        select.and_where(self.key.column().eq(key));
        let row = self.connection.query_one(&select).await?;
        row.map(|row| row.try_get_by_index(0)).transpose()
    }

    /// What a new account is to hold. The rest is as the graph and the database have it.
    pub fn values(&self, input: &SignUp, hash: String) -> Vec<(ColumnIx, KeyValue)> {
        let texts = self.columns.iter().copied().zip(self.given(input));
        let texts = texts.map(|(column, text)| (column, KeyValue::Text(text.into())));
        let hash = (self.hash_column, KeyValue::Text(hash.into()));
        let now = rules::now();
        let times = self.made_at.iter().filter_map(|(column, kind)| {
            let now = Mine::moment(kind, &now)?;
            Some((*column, now))
        });
        texts.chain([hash]).chain(times).collect()
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
}

fn table(entity: &Entity) -> TableRef {
    let table = Alias::new(&entity.table);
    match &entity.schema {
        Some(schema) => (Alias::new(schema), table).into_table_ref(),
        None => table.into_table_ref(),
    }
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
