//! The tables of a database, whoever made them.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

/// The names of all tables and views but the record of migrations and what an extension brought along: those of the
/// schema in which tables are made.
pub async fn all(db: &impl ConnectionTrait, record: &str) -> Result<Vec<String>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => format!("{ON_POSTGRES} ORDER BY relname"),
        _ => ON_SQLITE.to_owned(),
    };
    let mut names = names(db, &sql).await?;
    names.retain(|name| name != record);
    Ok(names)
}

/// Drops every table and view, and on PostgreSQL every type of their own.
pub async fn drop_all(turn: &DatabaseTransaction) -> Result<(), DbErr> {
    match turn.get_database_backend() {
        DbBackend::Postgres => {
            drop_kind(
                turn,
                "TABLE",
                &format!("{ON_POSTGRES} AND relkind IN ('r', 'p')"),
            )
            .await?;
            // Most views went with their tables.
            drop_kind(
                turn,
                "MATERIALIZED VIEW",
                &format!("{ON_POSTGRES} AND relkind = 'm'"),
            )
            .await?;
            drop_kind(turn, "VIEW", &format!("{ON_POSTGRES} AND relkind = 'v'")).await?;
            drop_kind(
                turn,
                "FOREIGN TABLE",
                &format!("{ON_POSTGRES} AND relkind = 'f'"),
            )
            .await?;
            drop_kind(turn, "TYPE", POSTGRES_TYPES).await
        }
        _ => {
            drop_kind(turn, "VIEW", SQLITE_VIEWS).await?;
            drop_kind(turn, "TABLE", ON_SQLITE).await
        }
    }
}

async fn drop_kind(turn: &DatabaseTransaction, kind: &str, sql: &str) -> Result<(), DbErr> {
    let postgres = turn.get_database_backend() == DbBackend::Postgres;
    for name in names(turn, sql).await? {
        let cascade = if postgres { " CASCADE" } else { "" };
        let drop = format!("DROP {kind} IF EXISTS {}{cascade}", quoted(&name));
        turn.execute_unprepared(&drop).await?;
    }
    Ok(())
}

async fn names(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let ask = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(ask).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// A name as both databases take it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables in which a virtual one keeps its content go with it, and so do the database's own.
const ON_SQLITE: &str = "
    SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";

const SQLITE_VIEWS: &str = "SELECT name FROM sqlite_schema WHERE type = 'view'";

const ON_POSTGRES: &str = "
    SELECT relname::text FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = current_schema()::regnamespace
      AND NOT EXISTS (
          SELECT FROM pg_depend
          WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
      )";

/// Not those of tables, of arrays, or of an extension.
const POSTGRES_TYPES: &str = "
    SELECT typname::text FROM pg_type
    WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('c', 'd', 'e', 'r')
      AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class WHERE pg_class.oid = typrelid AND relkind = 'c'))
      AND NOT EXISTS (
          SELECT FROM pg_depend
          WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid AND deptype = 'e'
      )";
