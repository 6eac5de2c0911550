//! The phrases that several migrations share.
//!
//! A migration that has run depends on them, so they may be added to but must not change meaning.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement, TransactionTrait},
    sea_query::extension::postgres::Type,
};

/// An enumeration: a type of its own on PostgreSQL, checked text on SQLite.
pub struct Enumeration {
    pub name: &'static str,
    pub values: &'static [&'static str],
}

impl Enumeration {
    /// Creates the type, where the database has such types.
    pub async fn create(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let values = self.values.iter().copied();
        manager
            .create_type(Type::create().as_enum(self.name).values(values).to_owned())
            .await
    }

    /// Drops the type, once no column has it any longer.
    pub async fn drop(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        manager
            .drop_type(Type::drop().name(self.name).to_owned())
            .await
    }

    /// A non-null column that holds one of the values.
    pub fn column(&self, manager: &SchemaManager<'_>, column: &'static str) -> ColumnDef {
        let mut definition = ColumnDef::new(column);
        if manager.get_database_backend() == DbBackend::Postgres {
            definition.custom(self.name);
        } else {
            let values = self.values.iter().copied();
            definition.text().check(Expr::col(column).is_in(values));
        }
        definition.not_null().take()
    }
}

/// A foreign key of one column, whose rows go when the row they point at goes.
pub fn foreign_key(
    table: &'static str,
    column: &'static str,
    target: &'static str,
    target_column: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(target, target_column)
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

/// Changes what becomes of the rows of a foreign key that [`foreign_key`] made when the row they point at goes: from one action
/// to another. Rows are left as they are. SQLite, which alters no constraint, has the words of the table's definition changed, as
/// <https://www.sqlite.org/lang_altertable.html> shows for constraints.
pub async fn set_on_delete(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
    (target, target_column): (&str, &str),
    [from, to]: [ForeignKeyAction; 2],
) -> Result<(), DbErr> {
    let (from, to) = (action(from)?, action(to)?);
    let key =
        format!(r#"FOREIGN KEY ("{column}") REFERENCES "{target}" ("{target_column}") ON DELETE"#);
    let db = manager.get_connection();
    if manager.get_database_backend() == DbBackend::Postgres {
        let name = format!(r#""{table}_{column}_fkey""#);
        let statement = format!(
            r#"ALTER TABLE "{table}" DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {key} {to}"#
        );
        return run(manager, vec![statement]).await;
    }
    // In one transaction, in which a table comes and goes: with that SQLite counts the definitions on, so that other
    // connections read them anew. To count on ourselves could give them a number that somebody's table has had meanwhile,
    // and who has read the definitions under that number would not find what was made since.
    let change = format!(
        "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, '{key} {from}', '{key} {to}')
        WHERE type = 'table' AND name = '{table}';
        CREATE TABLE backref_counts_on (it INTEGER);
        DROP TABLE backref_counts_on;
        PRAGMA writable_schema = RESET;"
    );
    let transaction = db.begin().await?;
    transaction.execute_unprepared(&change).await?;
    transaction.commit().await?;
    let found = Statement::from_string(
        DbBackend::Sqlite,
        format!(
            r#"SELECT on_delete FROM pragma_foreign_key_list('{table}') WHERE "from" = '{column}'"#
        ),
    );
    let found = db.query_one_raw(found).await?;
    let found = found.map(|row| row.try_get::<String>("", "on_delete"));
    match found.transpose()? {
        Some(is) if is == to => Ok(()),
        is => Err(DbErr::Migration(format!(
            "the foreign key `{column}` of `{table}` should delete by {to} now, and has {is:?}: the definition of the table is not as it was made"
        ))),
    }
}

fn action(action: ForeignKeyAction) -> Result<&'static str, DbErr> {
    match action {
        ForeignKeyAction::Cascade => Ok("CASCADE"),
        ForeignKeyAction::NoAction => Ok("NO ACTION"),
        other => Err(DbErr::Migration(format!("no words for {other:?}"))),
    }
}

/// Creates the ascending index of these columns, named after them. Newest-first pages scan it
/// backwards.
pub async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    let mut index = Index::create();
    index
        .name(format!("{table}_{}_idx", columns.join("_")))
        .table(table);
    for column in columns {
        index.col(*column);
    }
    manager.create_index(index).await
}

/// Creates the table in which the answers of requests with an `Idempotency-Key` are kept: each by whoever asked and his key.
pub async fn create_answers(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("backref_answer")
        .col(ColumnDef::new("owner").text().not_null())
        .col(ColumnDef::new("key").text().not_null())
        // Of the request, in hexadecimal digits.
        .col(ColumnDef::new("digest").text().not_null())
        // Null only within the transaction that makes it.
        .col(ColumnDef::new("answer").text())
        // In seconds since 1970.
        .col(ColumnDef::new("made_at").big_integer().not_null())
        .primary_key(Index::create().col("owner").col("key"))
        .to_owned();
    manager.create_table(table).await?;
    create_index(manager, "backref_answer", &["made_at"]).await
}

/// Drops a table together with its indexes.
pub async fn drop_table(manager: &SchemaManager<'_>, table: &'static str) -> Result<(), DbErr> {
    manager
        .drop_table(Table::drop().table(table).to_owned())
        .await
}

/// Creates the full-text index of a table whose key is one integer, `<table>_search`, fills it and has the
/// database keep it: an FTS5 table over the table's own content on SQLite, a table of `tsvector` on
/// PostgreSQL. Words are as they are written but for upper and lower case; the first column weighs most.
/// SQLite fires no trigger for a row that `INSERT OR REPLACE` takes out: write with `ON CONFLICT … DO UPDATE`.
pub async fn create_search(
    manager: &SchemaManager<'_>,
    table: &str,
    key: &str,
    columns: &[&str],
) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    run(manager, search_statements(backend, table, key, columns)).await
}

/// Drops what [`create_search`] has created, as much of it as is there.
pub async fn drop_search(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    run(manager, drop_search_statements(backend, table)).await
}

/// Creates the index of those rows of a column of timestamps with time zone that hold one in another form than the
/// server's, on SQLite: it is empty, or says that the column is not sorted by its texts. A server asks for that
/// whenever somebody has written; without the index it looks at every row. SQLite drops no column that an index
/// names: before the column goes, [`drop_other_times`] does.
pub async fn create_other_times(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        return Ok(());
    }
    let c = format!(r#""{column}""#);
    let second = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]";
    let fraction = |digits| format!("{c} GLOB '{second}.{}+00:00'", "[0-9]".repeat(digits));
    let fractions = [3, 6, 9].map(fraction).join(" OR ");
    let statement = format!(
        r#"CREATE INDEX "{table}_{column}_other_idx" ON "{table}" ({c})
        WHERE NOT ({c} IS NULL OR (typeof({c}) = 'text' AND ({c} GLOB '{second}+00:00'
        OR (({fractions}) AND {c} NOT GLOB '*000+00:00')) AND substr({c}, 12, 2) < '24'))"#
    );
    run(manager, vec![statement]).await
}

/// Drops what [`create_other_times`] has created.
pub async fn drop_other_times(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        return Ok(());
    }
    let statement = format!(r#"DROP INDEX IF EXISTS "{table}_{column}_other_idx""#);
    run(manager, vec![statement]).await
}

async fn run(manager: &SchemaManager<'_>, statements: Vec<String>) -> Result<(), DbErr> {
    for statement in statements {
        manager
            .get_connection()
            .execute_unprepared(&statement)
            .await?;
    }
    Ok(())
}

/// The statements of [`create_search`], in their order.
pub fn search_statements(
    backend: DbBackend,
    table: &str,
    key: &str,
    columns: &[&str],
) -> Vec<String> {
    match backend {
        DbBackend::Postgres => search_on_postgres(table, key, columns),
        _ => search_on_sqlite(table, key, columns),
    }
}

/// The statements of [`drop_search`], in their order.
pub fn drop_search_statements(backend: DbBackend, table: &str) -> Vec<String> {
    match backend {
        DbBackend::Postgres => vec![
            format!(r#"DROP TRIGGER IF EXISTS "{table}_search_keep" ON "{table}""#),
            format!(r#"DROP FUNCTION IF EXISTS "{table}_search_keep"()"#),
            format!(r#"DROP TABLE IF EXISTS "{table}_search""#),
        ],
        _ => vec![
            format!(r#"DROP TRIGGER IF EXISTS "{table}_search_insert""#),
            format!(r#"DROP TRIGGER IF EXISTS "{table}_search_delete""#),
            format!(r#"DROP TRIGGER IF EXISTS "{table}_search_update""#),
            format!(r#"DROP TABLE IF EXISTS "{table}_search""#),
        ],
    }
}

fn search_on_sqlite(table: &str, key: &str, columns: &[&str]) -> Vec<String> {
    let of = |row: &str| {
        let columns = columns.iter().map(|c| format!(r#"{row}"{c}""#));
        columns.collect::<Vec<_>>().join(", ")
    };
    let search = format!(r#""{table}_search""#);
    let names = of("");
    let add = format!(
        r#"INSERT INTO {search} (rowid, {names}) VALUES (new."{key}", {});"#,
        of("new.")
    );
    // FTS5 keeps no copy of the content: to take a row out it must be told what was in it.
    let remove = format!(
        r#"INSERT INTO {search} ({search}, rowid, {names}) VALUES ('delete', old."{key}", {});"#,
        of("old.")
    );
    let trigger = |event: &str, when: &str, body: &str| {
        format!(
            r#"CREATE TRIGGER "{table}_search_{event}" AFTER {when} ON "{table}" BEGIN {body} END"#
        )
    };
    let update = format!(r#"UPDATE OF "{key}", {names}"#);
    vec![
        format!(
            "CREATE VIRTUAL TABLE {search} USING fts5({names}, content='{table}', content_rowid='{key}', tokenize='unicode61 remove_diacritics 0')"
        ),
        trigger("insert", "INSERT", &add),
        trigger("delete", "DELETE", &remove),
        trigger("update", &update, &format!("{remove} {add}")),
        format!("INSERT INTO {search} ({search}) VALUES ('rebuild')"),
    ]
}

fn search_on_postgres(table: &str, key: &str, columns: &[&str]) -> Vec<String> {
    // PostgreSQL takes `a.b` for the name of a host and `-5` for a number: with punctuation gone, words are
    // what they are to FTS5. A `tsvector` has room for 1 MiB.
    let document = |row: &str| {
        let parts = columns.iter().zip(["A", "B", "C", "D"]);
        let parts = parts.map(|(column, weight)| {
            format!(
                r##"setweight(to_tsvector('simple', translate(left(coalesce({row}"{column}", ''), 200000), '!"#$%&''()*+,-./:;<=>?@[\]^_`{{|}}~', repeat(' ', 32))), '{weight}')"##
            )
        });
        // A word that no text has keeps the columns apart, so that no phrase spans two.
        let parts = parts
            .collect::<Vec<_>>()
            .join(r#" || '''gap:'':1'::tsvector || "#);
        format!("ts_delete({parts}, 'gap:')")
    };
    let search = format!(r#""{table}_search""#);
    let names: Vec<_> = columns.iter().map(|c| format!(r#""{c}""#)).collect();
    vec![
        format!(
            r#"CREATE TABLE {search} (id bigint PRIMARY KEY REFERENCES "{table}" ("{key}") ON DELETE CASCADE ON UPDATE CASCADE, document tsvector NOT NULL)"#
        ),
        format!(
            r#"INSERT INTO {search} SELECT "{key}", {} FROM "{table}""#,
            document("")
        ),
        format!(r#"CREATE INDEX "{table}_search_document_idx" ON {search} USING gin (document)"#),
        format!(
            r#"CREATE OR REPLACE FUNCTION "{table}_search_keep"() RETURNS trigger LANGUAGE plpgsql AS $keep$ BEGIN
    INSERT INTO {search} VALUES (NEW."{key}", {}) ON CONFLICT (id) DO UPDATE SET document = EXCLUDED.document;
    RETURN NULL;
END $keep$"#,
            document("NEW.")
        ),
        format!(
            r#"CREATE TRIGGER "{table}_search_keep" AFTER INSERT OR UPDATE OF {} ON "{table}" FOR EACH ROW EXECUTE FUNCTION "{table}_search_keep"()"#,
            names.join(", ")
        ),
    ]
}
