//! A database that a newer version has migrated, and what only looks like a record of migrations.

use super::{done, empty, execute, refusal, run, serve, text};
use crate::harness::{Backend, TestDatabase};

const FUTURE: &str = "INSERT INTO seaql_migrations VALUES ('m20990101_000001_future', 1)";

#[tokio::test]
async fn nothing_of_it_is_taken_back_and_whoever_looks_is_told() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = TestDatabase::migrated(backend).await;
        let url = database.url.shown();
        execute(&database, FUTURE).await;
        let said = refusal(folder.path(), &["migrate", "down", "--database-url", &url]);
        assert!(
            said.contains("m20990101_000001_future") && said.contains("newer version"),
            "{said}"
        );
        let listed = done(
            folder.path(),
            &["migrate", "status", "--database-url", &url],
        );
        assert!(!listed.contains("pending"), "{listed}");
        assert!(
            listed.ends_with("unknown  m20990101_000001_future\n"),
            "{listed}"
        );
        let found = done(folder.path(), &["doctor", "--database-url", &url]);
        assert!(
            found
                .contains("1 migration is not known to this program:\n  m20990101_000001_future\n"),
            "{found}"
        );
        let serving = serve(folder.path(), &["--database-url", &url]).expect("it serves");
        assert!(
            serving.said.contains("m20990101_000001_future"),
            "{}",
            serving.said
        );
    }
}

#[tokio::test]
async fn a_table_that_is_no_record_is_named() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        execute(
            &database,
            "CREATE TABLE seaql_migrations (id integer PRIMARY KEY)",
        )
        .await;
        for arguments in [
            &["migrate", "status", "--database-url", &url][..],
            &["migrate", "up", "--database-url", &url],
            &["doctor", "--database-url", &url],
            &["--database-url", &url],
        ] {
            let said = refusal(folder.path(), arguments);
            assert!(
                said.contains("`seaql_migrations`") && said.contains("`version`"),
                "{arguments:?}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn a_record_of_others_alone_is_named_with_what_is_in_it() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        execute(
            &database,
            "CREATE TABLE seaql_migrations (version varchar PRIMARY KEY, applied_at bigint)",
        )
        .await;
        execute(&database, FUTURE).await;
        let said = refusal(folder.path(), &["migrate", "up", "--database-url", &url]);
        assert!(
            said.contains("m20990101_000001_future") && said.contains("--beside-other-tables"),
            "{said}"
        );
    }
}

/// Of what would clash with the tables of others nothing is added, and nobody speaks of an interruption.
#[tokio::test]
async fn names_that_others_have_taken_are_told_before_anything_is_added() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        execute(&database, "CREATE TABLE post (id integer PRIMARY KEY)").await;
        execute(&database, "CREATE TABLE invoices (id integer PRIMARY KEY)").await;
        for arguments in [
            &[
                "migrate",
                "up",
                "--beside-other-tables",
                "--database-url",
                &url,
            ][..],
            &["--migrate", "--beside-other-tables", "--database-url", &url],
        ] {
            let said = refusal(folder.path(), arguments);
            assert!(
                said.contains("Backref's, and none of its migrations: post\n"),
                "{said}"
            );
            assert!(!said.contains("interrupted"), "{said}");
        }
        let output = run(
            folder.path(),
            &["migrate", "status", "--database-url", &url],
        );
        assert!(!text(&output.stdout).contains("applied"), "{output:?}");
        execute(&database, "DROP TABLE post").await;
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
    }
}
