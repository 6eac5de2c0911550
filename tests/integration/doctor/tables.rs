//! Tables, columns and constraints: each that is damaged is found, and mended where a statement can.

use backref::doctor::{Remedy, Severity};

use super::{mend, migrated, report, texts};
use crate::harness::{Backend, blog};

#[tokio::test]
async fn each_constraint_that_is_dropped_is_found_and_made_again() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = migrated(Backend::Postgres).await;
    let constraints = "
        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'u', 'f')
          AND relname <> 'seaql_migrations'
        UNION ALL
        SELECT format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', attrelid::regclass, attname)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0
          AND attnotnull AND relname NOT IN ('seaql_migrations', 'post_search')
          AND NOT EXISTS (SELECT FROM pg_index
                          WHERE indrelid = attrelid AND indisprimary AND attnum = ANY(indkey))";
    let all = texts(&database.connection, constraints).await;
    assert_eq!(all.len(), 43, "{all:#?}");
    for damage in all {
        database.execute(&damage).await;
        let found = report(&database, blog::graph()).await;
        assert!(!found.findings.is_empty(), "{damage}");
        if !damage.contains("_pkey") {
            assert_eq!(found.findings.len(), 1, "{damage}:\n{found}");
        }
        mend(&database, blog::graph, &found).await;
    }
    let cascades =
        "SELECT conname::text FROM pg_constraint WHERE contype = 'f' AND confdeltype = 'c'";
    assert_eq!(texts(&database.connection, cascades).await.len(), 7);
}

/// PostgreSQL inserts or else changes by no constraint that it may look at only when all is done.
#[tokio::test]
async fn a_key_that_is_deferrable_is_said_to_find_no_rows() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = migrated(Backend::Postgres).await;
    for damage in [
        "ALTER TABLE tag ADD CONSTRAINT tag_late UNIQUE (name) DEFERRABLE",
        "ALTER TABLE post_tag ADD CONSTRAINT post_tag_late UNIQUE (tag_id, post_id) DEFERRABLE",
        // By these nothing is found.
        "ALTER TABLE comment ADD CONSTRAINT comment_late UNIQUE (id) DEFERRABLE",
    ] {
        database.execute(damage).await;
    }
    let found = report(&database, blog::graph()).await;
    let found = found.findings.iter().map(|finding| {
        assert_eq!(finding.severity, Severity::Error, "{}", finding.missing);
        assert!(
            finding.missing.contains("DEFERRABLE"),
            "{}",
            finding.missing
        );
        &*finding.needed_by[0]
    });
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    let expected = [
        "links by entity::post_tag",
        "upsertTag(on: NAME) of entity::tag",
    ];
    assert_eq!(found, expected);
    let without = blog::graph().without_key(entity::tag::Entity, "NAME");
    let without = report(&database, without).await;
    assert_eq!(without.findings.len(), 1, "{without}");
}

/// SQLite keeps a table's definition as its text, so damage is a change of the text.
#[tokio::test]
async fn what_sqlite_can_only_rebuild_is_found_and_said() {
    let damages = [
        (
            "post",
            r#"FOREIGN KEY ("author_id") REFERENCES "user" ("id") ON DELETE NO ACTION"#,
            "CHECK (1)",
            "there is no foreign key from (author_id) to `user` (id)",
        ),
        (
            "comment",
            r#""body" text NOT NULL"#,
            r#""body" text"#,
            "the column `body` may be null, and the entity says it never is",
        ),
        (
            "post",
            r#""version" integer"#,
            r#""version" text"#,
            "the column `version` is of type `TEXT`, which cannot be read as the entity's Int",
        ),
        (
            "tag",
            r#"varchar NOT NULL UNIQUE"#,
            "varchar NOT NULL",
            "nothing keeps (name) unique",
        ),
    ];
    for (table, from, to, missing) in damages {
        let database = migrated(Backend::Sqlite).await;
        let db = &database.connection;
        let parts =
            format!("SELECT sql FROM sqlite_schema WHERE tbl_name = '{table}' AND sql <> ''");
        let parts = texts(db, &parts).await;
        assert!(parts[0].contains(from), "{}", parts[0]);
        database.execute(&format!("DROP TABLE \"{table}\"")).await;
        database.execute(&parts[0].replace(from, to)).await;
        for index in &parts[1..] {
            database.execute(index).await;
        }
        let found = report(&database, blog::graph()).await;
        let said: Vec<_> = found.findings.iter().map(|f| f.missing.as_str()).collect();
        assert_eq!(said, [missing], "{found}");
        if missing.contains("unique") {
            mend(&database, blog::graph, &found).await;
        } else {
            assert_eq!(found.statements(), Vec::<&str>::new(), "{found}");
            assert_eq!(found.migration(), None);
        }
    }
}

#[tokio::test]
async fn what_makes_queries_fail_is_an_error() {
    for backend in Backend::all() {
        let database = migrated(backend).await;
        database
            .execute("ALTER TABLE \"user\" DROP COLUMN name")
            .await;
        database
            .execute(
                "DROP INDEX IF EXISTS post_published_at_other_idx;
             ALTER TABLE post DROP COLUMN published_at",
            )
            .await;
        database.execute("DROP TABLE post_tag").await;
        let found = report(&database, blog::graph()).await;
        let said: Vec<_> = found
            .findings
            .iter()
            .map(|f| (f.severity, f.missing.as_str()))
            .collect();
        let expected = [
            "the column `name` is missing",
            "the column `published_at` is missing",
            "the table `post_tag` is missing",
        ];
        assert_eq!(said, expected.map(|e| (Severity::Error, e)), "{backend:?}");
        assert_eq!(
            found.findings[2].needed_by,
            [
                "Post.tags (post_tag::Relation::Tag through entity::post_tag)",
                "Tag.posts (post_tag::Relation::Post through entity::post_tag)"
            ]
        );
        assert!(
            found
                .to_string()
                .contains("\n3 errors, 0 warnings in the 7 tables of the graph\n")
        );
        // What the rows of a column that is never null would hold is nobody's guess.
        let statements = found.statements();
        assert_eq!(statements.len(), 1, "{statements:?}");
        database.execute(statements[0]).await;
        // A column of times wants an index on SQLite, once it is there.
        let left = 2 + usize::from(backend == Backend::Sqlite);
        assert_eq!(report(&database, blog::graph()).await.findings.len(), left);
    }
}

#[tokio::test]
async fn types_that_cannot_be_read_are_errors_and_those_that_can_are_not() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = migrated(Backend::Postgres).await;
    database
        .execute("CREATE DOMAIN long_text AS text; CREATE DOMAIN amount AS bigint")
        .await;
    for (column, of, readable) in [
        ("post.version", "bigint", true),
        ("post.version", "smallint", true),
        ("post.version", "amount", true),
        ("post.version", "numeric", false),
        ("post.version", "text", false),
        ("post.body", "varchar(80)", true),
        ("post.body", "long_text", true),
        ("post.body", "bytea", false),
        ("post.body", "text[]", false),
        ("post.created_at", "timestamp", true),
        ("post.created_at", "date", true),
        ("post.created_at", "text", false),
        ("post.status", "text", true),
    ] {
        let (table, column) = column.split_once('.').expect("a column");
        database.execute(&format!(
                "ALTER TABLE {table} DROP COLUMN {column} CASCADE, ADD COLUMN {column} {of} NOT NULL"
            ),
        )
        .await;
        let found = report(&database, blog::graph()).await;
        let unreadable = found
            .findings
            .iter()
            .filter(|f| f.missing.contains("cannot be read") && f.missing.contains(column));
        let columns: Vec<_> = unreadable.map(|f| f.severity).collect();
        let expected: &[_] = if readable { &[] } else { &[Severity::Error] };
        assert_eq!(columns, expected, "{column} {of}:\n{found}");
    }
}

#[tokio::test]
async fn a_foreign_key_that_was_never_checked_is_found() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = migrated(Backend::Postgres).await;
    database.execute("ALTER TABLE post DROP CONSTRAINT post_author_id_fkey;
         ALTER TABLE post ADD CONSTRAINT mine FOREIGN KEY (author_id) REFERENCES \"user\" NOT VALID",
    )
    .await;
    let found = report(&database, blog::graph()).await;
    assert_eq!(
        found.statements(),
        [r#"ALTER TABLE "post" VALIDATE CONSTRAINT "mine""#]
    );
    mend(&database, blog::graph, &found).await;
}

/// A view has columns, and nothing else is asked of it, nor of the full-text index of one.
#[tokio::test]
async fn a_view_can_stand_for_a_table() {
    for backend in Backend::all() {
        for table in ["profile", "post", "post_search"] {
            // SQLite has no view of an index that could be searched.
            if backend == Backend::Sqlite && table == "post_search" {
                continue;
            }
            let database = migrated(backend).await;
            database
                .execute(&format!("ALTER TABLE {table} RENAME TO kept"))
                .await;
            database
                .execute(&format!("CREATE VIEW {table} AS SELECT * FROM kept"))
                .await;
            let found = report(&database, blog::graph()).await;
            assert!(found.is_clean(), "{backend:?}: {table}:\n{found}");
        }
    }
}

#[tokio::test]
async fn a_table_in_another_schema_is_found_there() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = migrated(Backend::Postgres).await;
    database
        .execute("CREATE SCHEMA \"Other\"; ALTER TABLE comment SET SCHEMA \"Other\"")
        .await;
    let found = report(&database, blog::graph()).await;
    let missing = "the table `comment` is missing where it is looked for, and there is one in the schema \"Other\"";
    let finding = found.findings.iter().find(|f| f.missing == missing);
    let finding = finding.unwrap_or_else(|| panic!("{found}"));
    assert!(
        matches!(&finding.remedy, Remedy::Words(words) if words.contains("search_path") && words.contains("schema_name")),
        "{found}"
    );
}
