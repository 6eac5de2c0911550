//! The table in which SeaORM records the migrations that are applied.

use std::time::SystemTime;

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Query, Table};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Migrations;
use crate::serve::database::{SetupError, Url, sql_state};

pub struct Record {
    pub table: String,
}

impl Record {
    pub fn of(migrations: Migrations) -> Self {
        Record {
            table: (migrations.table)(),
        }
    }

    /// The names of what is applied; `None` where there is no such table. Only reads, and tells a table that may
    /// not be read from one that is not there.
    pub async fn read(
        &self,
        url: &Url,
        db: &impl ConnectionTrait,
    ) -> Result<Option<Vec<String>>, SetupError> {
        let Some(role) = self.reader(url, db).await? else {
            return Ok(None);
        };
        let mut select = Query::select();
        select.column("version").from(self.table.clone());
        let rows = match db.query_all(&select).await {
            Ok(rows) => rows,
            Err(error) if sql_state(&error).as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
                return Err(SetupError::MayNotRead {
                    url: url.shown(),
                    role,
                    table: self.table.clone(),
                });
            }
            Err(error) => return Err(url.refused(error)),
        };
        let names = rows.iter().map(|row| row.try_get_by_index(0));
        Ok(Some(names.collect::<Result<_, DbErr>>()?))
    }

    /// Where the table exists, the role that reads it.
    async fn reader(
        &self,
        url: &Url,
        db: &impl ConnectionTrait,
    ) -> Result<Option<String>, SetupError> {
        let backend = db.get_database_backend();
        let sql = match backend {
            DbBackend::Postgres => ON_POSTGRES,
            _ => ON_SQLITE,
        };
        let ask = Statement::from_sql_and_values(backend, sql, [self.table.as_str().into()]);
        let found = db.query_one_raw(ask).await;
        let Some(row) = found.map_err(|error| url.refused(error))? else {
            return Ok(None);
        };
        let role: String = row.try_get("", "role")?;
        let closed: Option<String> = row.try_get("", "closed")?;
        match closed {
            Some(schema) => Err(SetupError::MayNotUse {
                url: url.shown(),
                role,
                schema,
                table: self.table.clone(),
            }),
            None if row.try_get("", "found")? && !row.try_get("", "fits")? => {
                Err(SetupError::NoRecord {
                    url: url.shown(),
                    table: self.table.clone(),
                })
            }
            None => Ok(row.try_get::<bool>("", "found")?.then_some(role)),
        }
    }

    /// As SeaORM makes it.
    pub async fn create(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        let table = Table::create()
            .table(self.table.clone())
            .if_not_exists()
            .col(ColumnDef::new("version").string().not_null().primary_key())
            .col(ColumnDef::new("applied_at").big_integer().not_null())
            .to_owned();
        db.execute(&table).await.map(drop)
    }

    pub async fn add(&self, db: &impl ConnectionTrait, name: &str) -> Result<(), SetupError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = now.map_or(0, |since| since.as_secs());
        let insert = Query::insert()
            .into_table(self.table.clone())
            .columns(["version", "applied_at"])
            .values([name.into(), seconds.cast_signed().into()])
            .map_err(|error| DbErr::Custom(error.to_string()))?
            .to_owned();
        db.execute(&insert).await?;
        Ok(())
    }

    pub async fn remove(&self, db: &impl ConnectionTrait, name: &str) -> Result<(), SetupError> {
        let delete = Query::delete()
            .from_table(self.table.clone())
            .and_where(Expr::col("version").eq(name))
            .to_owned();
        db.execute(&delete).await?;
        Ok(())
    }
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

const ON_SQLITE: &str = "
    SELECT count(*) > 0 AS found, NULL AS closed, '' AS role,
           2 = (SELECT count(*) FROM pragma_table_info($1) WHERE name IN ('version', 'applied_at')) AS fits
    FROM sqlite_schema WHERE type = 'table' AND name = $1";

/// A schema that the role may not use is no part of its search path, and what is in it is not found.
const ON_POSTGRES: &str = r#"
    SELECT to_regclass(quote_ident($1)) IS NOT NULL AS found, quote_ident(current_user) AS role,
           2 = (
               SELECT count(*) FROM pg_attribute
               WHERE attrelid = to_regclass(quote_ident($1)) AND attname IN ('version', 'applied_at')
           ) AS fits,
           CASE WHEN to_regclass(quote_ident($1)) IS NULL THEN (
               SELECT nspname::text FROM pg_class
               JOIN pg_namespace ON pg_namespace.oid = relnamespace
               WHERE relname = $1::text::name AND relkind IN ('r', 'p')
                 AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
                 AND nspname::text = ANY (
                     SELECT replace(trim(both ' "' from part), '$user', current_user::text)
                     FROM unnest(string_to_array(current_setting('search_path'), ',')) AS part
                 )
               LIMIT 1
           ) END AS closed"#;
