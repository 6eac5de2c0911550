//! Tables of other programs: nothing is added beside them, and none is dropped, unless that was said.

use super::{done, empty, execute, refusal, run, serve, text};
use crate::harness::{Backend, TestDatabase};

const OTHER: &str = "CREATE TABLE invoices (id integer PRIMARY KEY)";

#[tokio::test]
async fn nothing_is_added_to_another_programs_database() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        execute(&database, OTHER).await;
        for arguments in [
            &["migrate", "up", "--database-url", &url][..],
            &["--migrate", "--database-url", &url],
        ] {
            let said = refusal(folder.path(), arguments);
            assert!(
                said.contains("invoices") && said.contains("--beside-other-tables"),
                "{said}"
            );
            let tables = done(
                folder.path(),
                &["migrate", "status", "--database-url", &url],
            );
            assert!(!tables.contains("applied"), "{tables}");
        }
        assert!(
            execute_fails(&database, "SELECT * FROM seaql_migrations").await,
            "something was added"
        );
        done(
            folder.path(),
            &[
                "migrate",
                "up",
                "--beside-other-tables",
                "--database-url",
                &url,
            ],
        );
        // Once they share the database, that is known.
        done(folder.path(), &["migrate", "down", "--database-url", &url]);
        done(folder.path(), &["migrate", "up", "--database-url", &url]);
        drop(serve(folder.path(), &["--database-url", &url]).expect("it serves"));
    }
}

/// Of a program whose migrations are SeaORM's too.
#[tokio::test]
async fn nor_where_another_program_records_its_migrations() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        execute(
            &database,
            "CREATE TABLE seaql_migrations (version varchar PRIMARY KEY, applied_at bigint)",
        )
        .await;
        execute(
            &database,
            "INSERT INTO seaql_migrations VALUES ('m2024_invoices', 1)",
        )
        .await;
        execute(&database, OTHER).await;
        let said = refusal(folder.path(), &["migrate", "up", "--database-url", &url]);
        assert!(said.contains("invoices"), "{said}");
    }
}

#[tokio::test]
async fn a_plain_start_beside_another_programs_file_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, url) = empty(Backend::Sqlite).await;
    execute(&database, OTHER).await;
    execute(&database, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = folder.path().join("backref.db");
    std::fs::copy(url.trim_start_matches("sqlite://"), &file).expect("a copy");
    let before = std::fs::read(&file).expect("a file");
    let said = refusal(folder.path(), &[]);
    assert!(
        said.contains("invoices") && said.contains("--database-url"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(&file).expect("a file"),
        before,
        "it was changed"
    );
    std::fs::write(&file, "this is no database at all, but a text of somebody").expect("a file");
    let said = refusal(folder.path(), &[]);
    assert!(
        said.contains("backref.db cannot be used as an SQLite database"),
        "{said}"
    );
    std::fs::write(&file, "").expect("a file");
    drop(serve(folder.path(), &[]).expect("an empty file is nobody's"));
}

#[tokio::test]
async fn fresh_wants_to_be_told_where_nobody_can_be_asked() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        // There is nothing to lose yet.
        done(folder.path(), &["migrate", "fresh", "--database-url", &url]);
        backref::blog::sample::fill(&database.connection)
            .await
            .expect("content");
        let said = refusal(folder.path(), &["migrate", "fresh", "--database-url", &url]);
        assert!(said.contains("--yes") && said.contains("post"), "{said}");
        execute(&database, OTHER).await;
        let said = refusal(folder.path(), &["migrate", "fresh", "--database-url", &url]);
        assert!(
            said.contains("invoices") && said.contains("--yes") && !said.contains("post_tag"),
            "{said}"
        );
        execute(&database, "INSERT INTO invoices VALUES (1)").await;
        execute(&database, "SELECT 1 FROM post WHERE id = 1").await;
        let output = run(
            folder.path(),
            &["migrate", "fresh", "--yes", "--database-url", &url],
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(execute_fails(&database, "SELECT * FROM invoices").await);
    }
}

async fn execute_fails(database: &TestDatabase, statement: &str) -> bool {
    use sea_orm::ConnectionTrait;
    database
        .connection
        .execute_unprepared(statement)
        .await
        .is_err()
}
