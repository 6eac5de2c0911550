//! The command itself: what it prints, how it exits, and that it leaves everything as it was.

use backref::serve::migrate::Migrations;
use std::path::Path;
use std::process::{Command, Output};

use migration::MigratorTrait;

use crate::harness::{Backend, TestDatabase};

fn doctor(folder: &Path, url: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backref"));
    command
        .arg("doctor")
        .current_dir(folder)
        .env_remove("DATABASE_URL");
    if let Some(url) = url {
        command.args(["--database-url", url]);
    }
    command.output().expect("the command runs")
}

/// How many tables the graph in the box has.
fn tables() -> usize {
    let catalog = super::catalog(backref::blog::graph());
    catalog.entities.len()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn it_exits_with_0_where_nothing_is_missing_and_with_1_where_something_is() {
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        let tables = tables();
        let folder = tempfile::tempdir().expect("a folder");
        let url = database.url.shown();
        let output = doctor(folder.path(), Some(&url));
        assert_eq!(output.status.code(), Some(0), "{backend:?}: {output:?}");
        assert_eq!(
            text(&output.stdout),
            format!("nothing is missing: {tables} tables are as the graph needs them\n")
        );
        database
            .execute("DROP INDEX comment_parent_id_created_at_id_idx")
            .await;
        let output = doctor(folder.path(), Some(&url));
        assert_eq!(output.status.code(), Some(1), "{backend:?}: {output:?}");
        insta::assert_snapshot!(
            format!("one_index_{backend:?}").to_lowercase(),
            text(&output.stdout)
                .replace(&format!("in the {tables} tables"), "in the [count] tables")
        );
    }
}

#[tokio::test]
async fn it_exits_with_2_where_it_cannot_look_and_makes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("text.db"),
        "this is no database, and stays so",
    )
    .expect("a file");
    let looks = [
        (None, "there is no database file backref.db"),
        (
            Some("sqlite://none.db"),
            "there is no database file none.db",
        ),
        (
            Some("sqlite://none.db?mode=rwc"),
            "there is no database file none.db",
        ),
        (
            Some("sqlite://text.db"),
            "text.db cannot be used as an SQLite database",
        ),
        (
            Some("mysql://localhost/blog"),
            "names no database that Backref knows",
        ),
        (
            Some("postgres://nobody@127.0.0.1:1/blog"),
            "cannot reach the database",
        ),
    ];
    for (url, said) in looks {
        let output = doctor(folder.path(), url);
        assert_eq!(output.status.code(), Some(2), "{url:?}: {output:?}");
        assert!(text(&output.stderr).contains(said), "{url:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{url:?}");
    }
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["text.db"]);
}

#[tokio::test]
async fn a_file_without_tables_gets_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("backref.db");
    std::fs::write(&file, "").expect("a file");
    let output = doctor(folder.path(), None);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stdout);
    let migrations = migration::Migrator::migrations().len();
    let first = format!("{migrations} migrations are not applied:\n");
    assert!(said.starts_with(&first), "{said}");
    let tables = tables();
    let last = format!("\n{tables} errors, 0 warnings in the {tables} tables of the graph\n");
    assert!(said.ends_with(&last), "{said}");
    assert_eq!(std::fs::read(&file).expect("the file"), b"");
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("the folder")
            .count(),
        1
    );
}

/// With a write-ahead log, as the embedded database has, whose own files come and go.
#[tokio::test]
async fn it_leaves_a_file_and_its_folder_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("backref.db");
    backref::serve::database::embedded(
        Migrations::of::<migration::Migrator>(),
        &file,
        backref::blog::sample::fill,
    )
    .await
    .expect("the embedded database");
    let look = || {
        let entries = std::fs::read_dir(folder.path()).expect("the folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        (
            names.collect::<Vec<_>>(),
            std::fs::read(&file).expect("the file"),
        )
    };
    let before = look();
    let output = doctor(folder.path(), None);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(before == look(), "{:?}, then {:?}", before.0, look().0);
}
