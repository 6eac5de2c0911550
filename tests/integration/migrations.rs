//! The migrations make the tables that the entities describe, with the indexes that pages need, and
//! take them back. What the entities say comes from SeaORM, what there is from the database's own
//! catalog.

use std::collections::{BTreeMap, BTreeSet};

use backref::serve::database::Connect;
use backref::serve::migrate::{self, Migrations, Others, Runner};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use migration::support::set_on_delete;
use migration::{Migrator, MigratorTrait, SchemaManager};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, Iterable,
    PrimaryKeyToColumn, QueryResult, RelationDef, RelationTrait, Statement,
    sea_query::{ColumnType, ForeignKeyAction, TableRef},
};

use crate::harness::{Backend, TestDatabase};

#[tokio::test]
async fn migrations_and_entities_agree() {
    for backend in Backend::all() {
        let database = TestDatabase::empty(backend).await;
        // Another connection of SQLite's may take an index that was dropped for one that is there.
        let connection = database.url.connect(Connect::with(1)).await.unwrap();
        up_down_and_up(&connection).await;
    }
}

#[tokio::test]
async fn fresh_drops_what_is_there() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        // As the command does: on SQLite foreign keys are turned off for one connection.
        let connection = database.url.connect(Connect::with(1)).await.unwrap();
        Migrator::fresh(&connection).await.unwrap();
        assert_eq!(user::Entity::find().all(&connection).await.unwrap(), []);
    }
}

/// SQLite's connections know tables by the number of their definitions, of which none may come twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_makes_tables_beside_a_changing_key_is_found_by_all() {
    let database = TestDatabase::migrated(Backend::Sqlite).await;
    let one = || async { database.url.connect(Connect::with(1)).await.unwrap() };
    let (changes, makes, reads) = (one().await, one().await, one().await);
    for connection in [&changes, &makes] {
        // On a slow machine each waits long for the other.
        let settings = "PRAGMA synchronous = OFF; PRAGMA busy_timeout = 60000";
        connection.execute_unprepared(settings).await.unwrap();
    }
    let changing = tokio::spawn(async move {
        let manager = SchemaManager::new(&changes);
        let mut actions = [ForeignKeyAction::NoAction, ForeignKeyAction::Cascade];
        for _ in 0..60 {
            let target = ("user", "id");
            let changed = set_on_delete(&manager, "post", "author_id", target, actions);
            changed.await.unwrap();
            actions.reverse();
        }
    });
    let mut made = 0;
    while !changing.is_finished() || made < 20 {
        let make = format!("CREATE TABLE made_{made} (it INTEGER)");
        makes.execute_unprepared(&make).await.unwrap();
        let read = format!("SELECT * FROM made_{made}");
        reads.execute_unprepared(&read).await.unwrap();
        made += 1;
    }
    changing.await.expect("no panic");
}

/// The migration that keeps what people wrote changes foreign keys of a database that is in use, and nothing else.
#[tokio::test]
async fn foreign_keys_change_under_the_rows() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let db = &database.connection;
        let runner = Runner::open(Migrations::of::<Migrator>(), &database.url, false)
            .await
            .expect("a runner");
        let before = counted(db).await;
        for author_deletes in [true, false] {
            match author_deletes {
                true => take_back(&runner, &database).await,
                false => runner.up(Others::Refused).await.expect("it is applied"),
            }
            let found = Table::found(db, "comment").await.expect("the table");
            let expected = match author_deletes {
                true => "CASCADE",
                false => "NO ACTION",
            };
            for key in ["author_id -> user.id", "parent_id -> comment.id"] {
                let key = format!("{key} {expected}");
                assert!(found.foreign_keys.contains(&key), "{found:?}");
            }
            assert_eq!(counted(db).await, before);
            assert_whole(db).await;
        }
        runner.close().await.expect("it closes");
        check_all(db).await;
        let deleted = "DELETE FROM \"user\" WHERE id IN (SELECT author_id FROM post)";
        assert!(db.execute_unprepared(deleted).await.is_err());
        let deleted = "DELETE FROM post WHERE id IN (SELECT post_id FROM comment)";
        let done = db.execute_unprepared(deleted).await.expect("posts go");
        assert!(done.rows_affected() > 0);
        assert_whole(db).await;
    }
}

/// Takes back the migration that keeps what people wrote, and those after it.
async fn take_back(runner: &Runner, database: &TestDatabase) {
    for _ in Migrator::migrations() {
        let status = migrate::status(
            Migrations::of::<Migrator>(),
            &database.url,
            &database.connection,
        );
        let status = status.await.expect("what is applied");
        let kept =
            |(name, is_applied): &(String, bool)| name.ends_with("keep_words") && *is_applied;
        if !status.iter().any(kept) {
            return;
        }
        runner.down().await.expect("it is taken back");
    }
}

async fn counted(db: &DatabaseConnection) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "user",
        "post",
        "comment",
        "post_tag",
        "follow",
        "post_search",
    ] {
        let count = format!("SELECT count(*) AS n FROM \"{table}\"");
        let count = Statement::from_string(db.get_database_backend(), count);
        let row = db.query_one_raw(count).await.expect("a count");
        counts.push(row.expect("a row").try_get("", "n").expect("a number"));
    }
    counts
}

/// What SQLite says of itself; its full-text index, too.
async fn assert_whole(db: &DatabaseConnection) {
    if db.get_database_backend() != DbBackend::Sqlite {
        return;
    }
    for (question, whole) in [
        (
            "SELECT * FROM pragma_integrity_check",
            vec!["ok".to_owned()],
        ),
        ("SELECT \"table\" FROM pragma_foreign_key_check", vec![]),
    ] {
        let question = Statement::from_string(DbBackend::Sqlite, question);
        let rows = db.query_all_raw(question).await.expect("an answer");
        let rows = rows.iter().map(|row| row.try_get_by_index(0));
        let said: Vec<String> = rows.collect::<Result<_, _>>().expect("texts");
        assert_eq!(said, whole);
    }
    let check = "INSERT INTO post_search (post_search, rank) VALUES ('integrity-check', 1)";
    db.execute_unprepared(check)
        .await
        .expect("the index is whole");
}

async fn up_down_and_up(db: &DatabaseConnection) {
    Migrator::up(db, None).await.unwrap();
    check_all(db).await;

    Migrator::down(db, None).await.unwrap();
    assert_eq!(leftovers(db).await.unwrap(), Vec::<String>::new());

    Migrator::up(db, None).await.unwrap();
    check_all(db).await;
}

async fn check_all(db: &DatabaseConnection) {
    check(db, user::Entity, &["created_at,id"]).await;
    check(db, profile::Entity, &[]).await;
    check(
        db,
        post::Entity,
        &["created_at,id", "author_id,created_at,id"],
    )
    .await;
    check(db, tag::Entity, &[]).await;
    check(db, post_tag::Entity, &["tag_id,post_id"]).await;
    let orders = [
        "created_at,id",
        "post_id,created_at,id",
        "author_id,created_at,id",
        "parent_id,created_at,id",
    ];
    check(db, comment::Entity, &orders).await;
    check(db, follow::Entity, &["followee_id,follower_id"]).await;
}

async fn check<E: EntityTrait>(db: &DatabaseConnection, entity: E, indexes: &[&str]) {
    let table = entity.table_name();
    let expected = Table::described::<E>(db.get_database_backend(), indexes);
    let found = Table::found(db, table).await.unwrap();
    assert_eq!(
        found, expected,
        "table `{table}`: found, and as the entity has it"
    );
}

#[derive(Debug, PartialEq)]
struct Table {
    columns: BTreeMap<String, Column>,
    /// Column names, joined by commas.
    primary_key: String,
    /// The columns of unique indexes other than the primary key's.
    unique: BTreeSet<String>,
    /// Also, where it has a condition, that it is partial.
    indexes: BTreeSet<String>,
    /// `column -> table.column action`
    foreign_keys: BTreeSet<String>,
    /// By column, for enumerations.
    values: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, PartialEq)]
struct Column {
    type_name: String,
    nullable: bool,
    has_default: bool,
}

impl Table {
    fn described<E: EntityTrait>(backend: DbBackend, indexes: &[&str]) -> Self {
        let primary_key: Vec<_> = E::PrimaryKey::iter()
            .map(|key| column_name(&key.into_column()))
            .collect();
        let mut values = BTreeMap::new();
        for column in E::Column::iter() {
            if let ColumnType::Enum { variants, .. } = column.def().get_column_type() {
                let variants = variants.iter().map(|variant| variant.to_string());
                values.insert(column_name(&column), variants.collect());
            }
        }
        Table {
            columns: E::Column::iter()
                .map(|column| (column_name(&column), described_column(backend, &column)))
                .collect(),
            primary_key: primary_key.join(","),
            unique: E::Column::iter()
                .filter(|column| column.def().is_unique())
                .map(|column| column_name(&column))
                .filter(|column| *column != primary_key.join(","))
                .collect(),
            indexes: indexes
                .iter()
                .map(|columns| columns.to_string())
                .chain(indexes_of_other_times::<E>(backend))
                .collect(),
            foreign_keys: E::Relation::iter()
                .map(|relation| relation.def())
                .filter(|relation| !relation.is_owner)
                .map(described_foreign_key)
                .collect(),
            values,
        }
    }

    async fn found(db: &DatabaseConnection, table: &str) -> Result<Self, DbErr> {
        let mut columns = BTreeMap::new();
        for row in rows(db, COLUMNS, table).await? {
            let column = Column {
                type_name: row.try_get("", "type")?,
                nullable: row.try_get("", "nullable")?,
                has_default: row.try_get("", "has_default")?,
            };
            columns.insert(row.try_get("", "name")?, column);
        }
        let mut primary_key = String::new();
        let mut unique = BTreeSet::new();
        let mut indexes = BTreeSet::new();
        for row in rows(db, INDEXES, table).await? {
            let columns: String = row.try_get("", "columns")?;
            match row.try_get::<String>("", "kind")?.as_str() {
                "primary" => primary_key = columns,
                "unique" => drop(unique.insert(columns)),
                _ => drop(indexes.insert(columns)),
            }
        }
        let mut foreign_keys = BTreeSet::new();
        for row in rows(db, FOREIGN_KEYS, table).await? {
            foreign_keys.insert(row.try_get("", "foreign_key")?);
        }
        let mut values = BTreeMap::new();
        for row in rows(db, VALUES, table).await? {
            let all: String = row.try_get("", "all_values")?;
            let all = all
                .split(',')
                .map(|value| value.trim().trim_matches('\'').to_owned());
            values.insert(row.try_get("", "name")?, all.collect());
        }
        Ok(Table {
            columns,
            primary_key,
            unique,
            indexes,
            foreign_keys,
            values,
        })
    }
}

/// On SQLite, one for each column of timestamps.
fn indexes_of_other_times<E: EntityTrait>(backend: DbBackend) -> Vec<String> {
    let has_one = |column: &E::Column| {
        backend == DbBackend::Sqlite
            && *column.def().get_column_type() == ColumnType::TimestampWithTimeZone
    };
    E::Column::iter()
        .filter(has_one)
        .map(|column| format!("{} partial", column_name(&column)))
        .collect()
}

fn column_name(column: &impl ColumnTrait) -> String {
    column.as_str().to_owned()
}

fn described_column(backend: DbBackend, column: &impl ColumnTrait) -> Column {
    let definition = column.def();
    let (sqlite, postgres) = match definition.get_column_type() {
        ColumnType::BigInteger => ("integer", "int8".to_owned()),
        ColumnType::Integer => ("integer", "int4".to_owned()),
        ColumnType::String(_) => ("varchar", "varchar".to_owned()),
        ColumnType::Text => ("text", "text".to_owned()),
        ColumnType::TimestampWithTimeZone => {
            ("timestamp_with_timezone_text", "timestamptz".to_owned())
        }
        ColumnType::Enum { name, .. } => ("text", name.to_string()),
        other => panic!("say here which type a column of {other:?} has in the databases"),
    };
    Column {
        type_name: match backend {
            DbBackend::Postgres => postgres,
            _ => sqlite.to_owned(),
        },
        nullable: definition.is_null(),
        has_default: definition.get_column_default().is_some(),
    }
}

fn described_foreign_key(relation: RelationDef) -> String {
    let TableRef::Table(target, _) = relation.to_tbl else {
        panic!("a relation to something that is no table");
    };
    let columns = |identity: sea_orm::Identity| {
        let names: Vec<_> = identity.iter().map(|column| column.to_string()).collect();
        names.join(",")
    };
    let action = match relation.on_delete {
        Some(ForeignKeyAction::Cascade) => "CASCADE",
        None => "NO ACTION",
        Some(other) => panic!("no foreign key of ours has the action {other:?}"),
    };
    let (from, to) = (columns(relation.from_col), columns(relation.to_col));
    format!("{from} -> {}.{to} {action}", target.1)
}

/// The tables and types that migrations left behind, their own book-keeping apart.
async fn leftovers(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    rows(db, LEFTOVERS, "seaql_migrations")
        .await?
        .iter()
        .map(|row| row.try_get("", "name"))
        .collect()
}

/// The same question to both catalogs. `$1` is the name of a table.
struct Question {
    sqlite: &'static str,
    postgres: &'static str,
}

async fn rows(
    db: &DatabaseConnection,
    question: Question,
    table: &str,
) -> Result<Vec<QueryResult>, DbErr> {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => question.postgres,
        _ => question.sqlite,
    };
    let statement = Statement::from_sql_and_values(backend, sql, [table.into()]);
    db.query_all_raw(statement).await
}

const COLUMNS: Question = Question {
    sqlite: r#"
        SELECT name, lower(type) AS type, "notnull" = 0 AS nullable,
               dflt_value IS NOT NULL AS has_default
        FROM pragma_table_info($1)"#,
    postgres: "
        SELECT column_name::text AS name, udt_name::text AS type, is_nullable = 'YES' AS nullable,
               column_default IS NOT NULL AND column_default NOT LIKE 'nextval(%' AS has_default
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = $1",
};

/// SQLite has no index of its own for a primary key that is the row's number.
const INDEXES: Question = Question {
    sqlite: r#"
        SELECT CASE WHEN "unique" THEN 'unique' ELSE 'index' END AS kind,
               (SELECT group_concat(name) FROM
                   (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))
                   || CASE WHEN partial THEN ' partial' ELSE '' END AS columns
        FROM pragma_index_list($1) AS i WHERE origin <> 'pk'
        UNION ALL
        SELECT 'primary', group_concat(name) FROM
            (SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk)"#,
    postgres: "
        SELECT CASE WHEN indisprimary THEN 'primary' WHEN indisunique THEN 'unique' ELSE 'index'
                   END AS kind,
               (SELECT string_agg(attname::text, ',' ORDER BY place)
                FROM unnest(indkey::int2[]) WITH ORDINALITY AS key(number, place)
                JOIN pg_attribute ON attrelid = indrelid AND attnum = number)
                   || CASE WHEN indpred IS NULL THEN '' ELSE ' partial' END AS columns
        FROM pg_index WHERE indrelid = quote_ident($1)::regclass",
};

const FOREIGN_KEYS: Question = Question {
    sqlite: r#"
        SELECT "from" || ' -> ' || "table" || '.' || "to" || ' ' || on_delete AS foreign_key
        FROM pragma_foreign_key_list($1)"#,
    postgres: "
        SELECT here.attname || ' -> ' || target.relname || '.' || there.attname || ' ' ||
               CASE confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION'
                   ELSE confdeltype::text END AS foreign_key
        FROM pg_constraint
        JOIN pg_class AS target ON target.oid = confrelid
        JOIN pg_attribute AS here ON here.attrelid = conrelid AND here.attnum = conkey[1]
        JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = confkey[1]
        WHERE contype = 'f' AND conrelid = quote_ident($1)::regclass",
};

/// On SQLite, the list in `CHECK ("column" IN ('value', 'value'))`.
const VALUES: Question = Question {
    sqlite: r#"
        SELECT info.name AS name,
               substr(rest, 1, instr(rest, ')') - 1) AS all_values
        FROM pragma_table_info($1) AS info,
             (SELECT name, substr(sql, instr(sql, ' IN (') + 5) AS rest, sql
              FROM sqlite_schema WHERE type = 'table' AND name = $1) AS whole
        WHERE instr(sql, '"' || info.name || '" IN (') > 0"#,
    postgres: "
        SELECT attname::text AS name, string_agg(enumlabel::text, ',') AS all_values
        FROM pg_attribute JOIN pg_enum ON enumtypid = atttypid
        WHERE attrelid = quote_ident($1)::regclass GROUP BY attname",
};

const LEFTOVERS: Question = Question {
    sqlite: "
        SELECT name FROM sqlite_schema
        WHERE type = 'table' AND name <> $1 AND name NOT LIKE 'sqlite_%'",
    postgres: "
        SELECT relname::text AS name FROM pg_class
        WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> $1
        UNION ALL
        SELECT typname::text FROM pg_type
        WHERE typtype = 'e' AND typnamespace = current_schema()::regnamespace",
};
