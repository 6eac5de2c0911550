//! What the doctor finds, and that what it says mends it. Its advice is tried: statements are run, the
//! migration is compiled, and plans are looked at.

mod command;
mod library;
mod mended;
mod plans;
mod rights;
mod searches;
mod tables;

use backref::Graph;
use backref::doctor::{Finding, Remedy, Report, Severity, examine};
use backref::graph::Catalog;
use backref::serve::database::Connect;
use backref::serve::migrate::Migrations;
use migration::support::drop_search_statements;
use migration::{MigratorTrait, SchemaManager};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use sea_orm_migration::MigrationTrait;

use plans::unserved;

use crate::generality;
use crate::harness::{Backend, TestDatabase, blog};

fn catalog(graph: Graph) -> Catalog {
    graph.build().unwrap_or_else(|e| panic!("{e}"))
}

/// On one connection: SQLite's others would not hear at once that an index is gone.
async fn alone(mut database: TestDatabase) -> TestDatabase {
    let connection = database.url.connect(Connect::with(1)).await;
    database.connection = connection.expect("the database is there");
    database
}

async fn migrated(backend: Backend) -> TestDatabase {
    let database = alone(TestDatabase::migrated(backend).await).await;
    blog::alone(&database.connection).await;
    database
}

/// With so much content that a planner sees what an index is worth.
async fn seeded(backend: Backend) -> TestDatabase {
    let database = migrated(backend).await;
    let options = backref::blog::seed::Options {
        users: 200,
        posts: 2_000,
        comments: 6_000,
        tags: 50,
        seed: 1,
    };
    let bar = indicatif::ProgressBar::hidden();
    backref::blog::seed::run(&database.connection, &options, &bar)
        .await
        .expect("bulk content");
    database.execute("ANALYZE").await;
    database
}

async fn report(database: &TestDatabase, graph: Graph) -> Report {
    let report = examine(&catalog(graph), &database.connection, "").await;
    report.expect("the database answers")
}

/// The first column of a query's rows.
async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.expect("rows");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

/// Runs what the report says, after which nothing must be missing but what no statement mends.
async fn mend(database: &TestDatabase, graph: fn() -> Graph, found: &Report) {
    for statement in found.statements() {
        database.execute(statement).await;
    }
    let after = report(database, graph()).await;
    let words = |f: &&Finding| matches!(f.remedy, Remedy::Words(_));
    let left: Vec<_> = found
        .findings
        .iter()
        .filter(words)
        .map(|f| &f.missing)
        .collect();
    let missing: Vec<_> = after.findings.iter().map(|f| &f.missing).collect();
    assert_eq!(missing, left, "after mending\n{found}\nthere is\n{after}");
}

#[tokio::test]
async fn a_migrated_database_lacks_nothing() {
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        let report = report(&database, backref::blog::graph()).await;
        assert!(report.is_clean(), "{backend:?}:\n{report}");
    }
    for backend in Backend::all() {
        let database = migrated(backend).await;
        let report = report(&database, blog::graph()).await;
        assert_eq!(
            report.to_string(),
            "nothing is missing: 7 tables are as the graph needs them\n"
        );
    }
}

#[tokio::test]
async fn each_index_that_is_dropped_is_found_and_made_again() {
    for backend in Backend::all() {
        let database = seeded(backend).await;
        let indexes = match backend {
            Backend::Sqlite => {
                "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
                   AND name NOT LIKE '%_other_idx'"
            }
            Backend::Postgres => {
                "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
                 WHERE relnamespace = current_schema()::regnamespace AND NOT indisunique
                   AND relname <> 'post_search'"
            }
        };
        let indexes = texts(&database.connection, indexes).await;
        assert_eq!(indexes.len(), 9, "{backend:?}: {indexes:?}");
        for index in indexes {
            database.execute(&format!("DROP INDEX {index}")).await;
            let found = report(&database, blog::graph()).await;
            assert_eq!(found.findings.len(), 1, "{backend:?}: {index}:\n{found}");
            assert_eq!(found.findings[0].severity, Severity::Warning);
            // PostgreSQL can walk all of a junction's primary key instead, and calls what it tests then an
            // index condition too.
            let walks = backend == Backend::Postgres
                && ["post_tag_", "follow_"]
                    .iter()
                    .any(|j| index.starts_with(j));
            let expected = match walks {
                true => 0,
                false => found.findings[0].needed_by.len(),
            };
            let unserved = unserved(&database, blog::graph()).await;
            assert_eq!(
                unserved.len(),
                expected,
                "{backend:?}: {index}: {unserved:#?}"
            );
            let statement = found.statements()[0].to_owned();
            assert!(statement.contains(&format!("\"{index}\"")), "{statement}");
            mend(&database, blog::graph, &found).await;
        }
    }
}

/// Without the index of the rows that hold a value in another form than is written, a server looks at all of them.
#[tokio::test]
async fn what_says_how_values_compare_is_missed_on_sqlite() {
    let database = migrated(Backend::Sqlite).await;
    let indexes = "SELECT name FROM sqlite_schema WHERE name LIKE '%\\_other\\_idx' ESCAPE '\\'";
    let indexes = texts(&database.connection, indexes).await;
    assert_eq!(indexes.len(), 8, "{indexes:?}");
    for index in &indexes {
        database.execute(&format!("DROP INDEX {index}")).await;
        let found = report(&database, blog::graph()).await;
        assert_eq!(found.findings.len(), 1, "{index}:\n{found}");
        let statement = found.statements()[0].to_owned();
        assert!(statement.contains(&format!("\"{index}\"")), "{statement}");
        mend(&database, blog::graph, &found).await;
    }
    // One of all rows says nothing of their forms, and all that a table lacks is one finding.
    for index in &indexes {
        database.execute(&format!("DROP INDEX {index}")).await;
    }
    database
        .execute("CREATE INDEX others ON comment (updated_at)")
        .await;
    let found = report(&database, blog::graph()).await;
    assert_eq!(found.findings.len(), 4, "{found}");
    assert!(
        found
            .migration()
            .is_some_and(|m| m.contains("DbBackend::Sqlite"))
    );
    mend(&database, blog::graph, &found).await;
}

#[tokio::test]
async fn an_index_counts_as_far_as_it_serves() {
    let cases = [
        ("(author_id, created_at, id)", true, true),
        ("(author_id, created_at DESC, id DESC)", true, true),
        ("(author_id DESC, created_at, id, title)", true, true),
        // Every index of SQLite ends in the row's number, which is the primary key here.
        ("(author_id, created_at)", true, false),
        ("(author_id, created_at DESC)", false, false),
        ("(author_id, created_at DESC, id)", false, false),
        ("(author_id, id, created_at)", false, false),
        ("(author_id)", false, false),
        ("(created_at, author_id, id)", false, false),
        ("((author_id + 0), created_at, id)", false, false),
        (
            "(author_id, created_at, id) WHERE version > 1",
            false,
            false,
        ),
        ("(author_id, created_at NULLS FIRST, id)", false, false),
        (
            "(author_id, created_at DESC NULLS LAST, id DESC)",
            false,
            false,
        ),
    ];
    for backend in Backend::all() {
        let database = migrated(backend).await;
        database
            .execute("DROP INDEX post_author_id_created_at_id_idx")
            .await;
        for (columns, on_sqlite, on_postgres) in cases {
            let (serves, known) = match backend {
                Backend::Sqlite => (on_sqlite, !columns.contains("NULLS")),
                Backend::Postgres => (on_postgres, true),
            };
            if !known {
                continue;
            }
            // Under the name that the doctor would give it, so that it has to find another.
            database
                .execute(&format!(
                    "CREATE INDEX post_author_id_created_at_id_idx ON post {columns}"
                ))
                .await;
            let found = report(&database, blog::graph()).await;
            assert_eq!(found.is_clean(), serves, "{backend:?}: {columns}:\n{found}");
            if !serves {
                assert!(found.statements()[0].contains("post_author_id_created_at_id_idx2"));
                mend(&database, blog::graph, &found).await;
                database
                    .execute("DROP INDEX post_author_id_created_at_id_idx2")
                    .await;
            }
            database
                .execute("DROP INDEX post_author_id_created_at_id_idx")
                .await;
        }
    }
}

#[tokio::test]
async fn costs_tell_how_far_what_is_there_helps() {
    for backend in Backend::all() {
        let database = migrated(backend).await;
        database
            .execute("DROP INDEX post_author_id_created_at_id_idx")
            .await;
        for (columns, cost) in [
            (
                "(title)",
                "each page of `User.posts` searches the whole table",
            ),
            (
                "(author_id, title)",
                "each page of `User.posts` reads all posts of the user and sorts them",
            ),
            (
                "(author_id, created_at, title)",
                "each page of `User.posts` sorts what its index leaves unsorted",
            ),
        ] {
            database
                .execute(&format!("CREATE INDEX other ON post {columns}"))
                .await;
            let found = report(&database, blog::graph()).await;
            assert_eq!(found.findings[0].costs, [cost], "{backend:?}: {columns}");
            assert_eq!(
                found.findings[0].needed_by,
                ["User.posts (user::Relation::Posts)"]
            );
            database.execute("DROP INDEX other").await;
        }
    }
}

/// Every shape of relation, with tables that SeaORM made from the entities and that have no index beyond
/// their keys: what the doctor asks for is enough for each page to be read in its order.
#[tokio::test]
async fn any_graph_can_be_mended_and_its_pages_are_read_in_order_then() {
    for backend in Backend::all() {
        let database = alone(generality::shop(backend).await).await;
        let found = report(&database, generality::graph()).await;
        let errors = found
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{backend:?}:\n{found}");
        assert!(!unserved(&database, generality::graph()).await.is_empty());
        mend(&database, generality::graph, &found).await;
        assert_eq!(
            unserved(&database, generality::graph()).await,
            Vec::<String>::new(),
            "{backend:?}"
        );
        let database = seeded(backend).await;
        assert_eq!(
            unserved(&database, blog::graph()).await,
            Vec::<String>::new(),
            "{backend:?}"
        );
    }
}

#[tokio::test]
async fn schemas_and_the_place_of_nulls_are_respected() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let graph = || Graph::new().entity(library::Entity);
    let database = TestDatabase::empty(Backend::Postgres).await;
    let shelf =
        "(id bigint PRIMARY KEY, inside_id bigint, label text NOT NULL, created_at timestamptz)";
    database
        .execute(&format!("CREATE TABLE shelf {shelf}"))
        .await;
    let found = report(&database, graph()).await;
    assert_eq!(
        found.findings[0].missing,
        "the table `shelf` is missing where it is looked for, and there is one in the schema public"
    );
    database
        .execute(&format!(
            "CREATE SCHEMA library; CREATE TABLE library.shelf {shelf}"
        ))
        .await;
    let found = report(&database, graph()).await;
    assert_eq!(
        found.statements(),
        [
            r#"CREATE INDEX "shelf_inside_id_created_at_id_idx" ON "library"."shelf" ("inside_id", "created_at" NULLS FIRST, "id")"#,
            r#"CREATE INDEX "shelf_created_at_id_idx" ON "library"."shelf" ("created_at" NULLS FIRST, "id")"#,
            r#"ALTER TABLE "library"."shelf" ADD CONSTRAINT "shelf_inside_id_fkey" FOREIGN KEY ("inside_id") REFERENCES "library"."shelf" ("id") ON DELETE SET NULL"#,
        ]
    );
    mend(&database, graph, &found).await;
    assert_eq!(unserved(&database, graph()).await, Vec::<String>::new());
}

/// What an interrupted `CREATE INDEX CONCURRENTLY` leaves.
#[tokio::test]
async fn an_invalid_index_does_not_count() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = migrated(Backend::Postgres).await;
    database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'post_created_at_id_idx'::regclass",
    )
    .await;
    let found = report(&database, blog::graph()).await;
    assert_eq!(
        found.statements(),
        [r#"CREATE INDEX "post_created_at_id_idx2" ON "post" ("created_at", "id")"#]
    );
    mend(&database, blog::graph, &found).await;
}

const DAMAGE: &str = "
    DROP INDEX comment_created_at_id_idx;
    DROP INDEX follow_followee_id_follower_id_idx;
    ALTER TABLE profile DROP COLUMN website";

/// With nothing left of it: going back could not leave a part.
async fn drop_search(database: &TestDatabase) {
    for statement in drop_search_statements(database.connection.get_database_backend(), "post") {
        database.execute(&statement).await;
    }
}

const DAMAGE_OF_CONSTRAINTS: &str = "
    ALTER TABLE tag DROP CONSTRAINT tag_name_key;
    ALTER TABLE post ALTER COLUMN title DROP NOT NULL;
    ALTER TABLE post DROP CONSTRAINT post_author_id_fkey;
    ALTER TABLE follow DROP CONSTRAINT follow_pkey";

/// `mended.rs` is the printed file, so it compiles and is as rustfmt leaves it; here it is run.
#[tokio::test]
async fn the_printed_migration_mends_and_can_be_taken_back() {
    // PostgreSQL first, whose damage is the greater.
    for backend in Backend::all().into_iter().rev() {
        let database = migrated(backend).await;
        database.execute(DAMAGE).await;
        drop_search(&database).await;
        if backend == Backend::Postgres {
            database.execute(DAMAGE_OF_CONSTRAINTS).await;
            let found = report(&database, blog::graph()).await;
            let printed = found.migration().expect("a migration");
            let file = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/integration/doctor/mended.rs"
            );
            if std::env::var("UPDATE_MENDED").is_ok_and(|v| v == "1") {
                std::fs::write(file, &printed).expect("the file is ours");
            }
            assert_eq!(
                printed,
                include_str!("mended.rs"),
                "UPDATE_MENDED=1 writes it anew"
            );
        }
        let before = report(&database, blog::graph()).await;
        let manager = SchemaManager::new(&database.connection);
        mended::Migration.up(&manager).await.expect("it applies");
        let after = report(&database, blog::graph()).await;
        assert!(after.is_clean(), "{backend:?}:\n{after}");
        mended::Migration
            .down(&manager)
            .await
            .expect("it can be taken back");
        let again = report(&database, blog::graph()).await;
        assert_eq!(again.to_string(), before.to_string(), "{backend:?}");
    }
}

#[tokio::test]
async fn pending_migrations_come_before_any_other() {
    let database = alone(TestDatabase::migrated(Backend::Sqlite).await).await;
    migration::Migrator::down(&database.connection, Some(1))
        .await
        .expect("it goes back");
    database
        .execute("DROP INDEX comment_created_at_id_idx")
        .await;
    let pending = backref::serve::database::pending_migrations(
        Migrations::of::<migration::Migrator>(),
        &database.url,
        &database.connection,
    )
    .await
    .expect("the record can be read");
    let found = report(&database, blog::graph()).await;
    assert!(found.migration().is_some());
    let found = found.with_pending(pending);
    let last = migration::Migrator::migrations().pop();
    let last = last.expect("there are migrations").name().to_owned();
    assert_eq!(found.pending, [last]);
    assert_eq!(found.migration(), None);
}
