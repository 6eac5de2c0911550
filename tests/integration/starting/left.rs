//! SQLite files that older versions left half migrated: each statement of a migration stood by itself, and so did
//! the row that records it.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{done, empty, execute, refusal, serve};
use crate::harness::{Backend, TestDatabase};

/// Every statement of the migration of the search, one after the other, is the one before which an older version was killed.
#[tokio::test]
async fn what_is_left_of_a_migration_is_taken_away() {
    let statements =
        migration::support::search_statements(DbBackend::Sqlite, "post", "id", &["title", "body"]);
    for ran in 1..=statements.len() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(Backend::Sqlite).await;
        Migrator::up(&database.connection, Some(7))
            .await
            .expect("migrations apply");
        backref::blog::sample::fill(&database.connection)
            .await
            .expect("content");
        for statement in &statements[..ran] {
            execute(&database, statement).await;
        }
        done(folder.path(), &["migrate", "up", "--database-url", &url]);
        done(folder.path(), &["doctor", "--database-url", &url]);
    }
}

#[tokio::test]
async fn so_is_what_is_left_of_the_first_one() {
    for ran in 1..=2 {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(Backend::Sqlite).await;
        Migrator::install(&database.connection)
            .await
            .expect("the record");
        let first = statements_of_the_first().await;
        for statement in &first[..ran] {
            execute(&database, statement).await;
        }
        database.connection.close_by_ref().await.expect("it closes");
        let path = url.trim_start_matches("sqlite://");
        std::fs::copy(path, folder.path().join("backref.db")).expect("a copy");
        done(folder.path(), &["migrate", "up", "--database-url", &url]);
        done(folder.path(), &["doctor", "--database-url", &url]);
        drop(serve(folder.path(), &[]).expect("the embedded file is mended too"));
    }
}

async fn statements_of_the_first() -> Vec<String> {
    let scratch = TestDatabase::empty(Backend::Sqlite).await;
    Migrator::up(&scratch.connection, Some(1))
        .await
        .expect("it applies");
    let ask =
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name = 'user' ORDER BY rowid";
    let rows = scratch
        .connection
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, ask))
        .await
        .expect("its schema");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("text"))
        .collect()
}

#[tokio::test]
async fn what_holds_rows_or_is_another_is_named_and_left() {
    let cases = [
        (
            vec!["CREATE TABLE \"tag\" ( \"id\" integer )"],
            "there is another table `tag`",
        ),
        (
            vec![
                "CREATE TABLE \"tag\" ( \"id\" integer NOT NULL PRIMARY KEY AUTOINCREMENT, \"name\" varchar NOT NULL UNIQUE )",
                "INSERT INTO tag (name) VALUES ('mine')",
            ],
            "the table `tag` has rows",
        ),
    ];
    for (statements, says) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(Backend::Sqlite).await;
        Migrator::up(&database.connection, Some(3))
            .await
            .expect("migrations apply");
        for statement in statements {
            execute(&database, statement).await;
        }
        let said = refusal(folder.path(), &["migrate", "up", "--database-url", &url]);
        assert!(
            said.contains(says)
                && said.contains("create_tag")
                && said.contains("INSERT INTO seaql_migrations"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_was_taken_back_without_its_record_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, url) = empty(Backend::Sqlite).await;
    Migrator::up(&database.connection, Some(7))
        .await
        .expect("migrations apply");
    execute(&database, "DROP TABLE follow").await;
    let listed = done(folder.path(), &["migrate", "down", "--database-url", &url]);
    assert!(
        listed.contains("pending  m20260101_000007_create_follow"),
        "{listed}"
    );
    done(folder.path(), &["migrate", "up", "--database-url", &url]);
    done(folder.path(), &["doctor", "--database-url", &url]);
}

#[test]
fn files_of_interrupted_starts_are_named_and_in_nobodys_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let left = folder.path().join("backref.db.new-1");
    std::fs::write(&left, "half made").expect("a file");
    // It ends when it finds the address taken, after it has made its database.
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
    let taken = held.local_addr().expect("an address").to_string();
    let said = refusal(folder.path(), &["--listen", &taken]);
    assert!(
        said.contains("backref.db.new-1") && said.contains("deleted"),
        "{said}"
    );
    assert!(folder.path().join("backref.db").exists());
    assert!(left.exists(), "it may be somebody's");
    drop(serve(folder.path(), &[]).expect("it starts"));
}
