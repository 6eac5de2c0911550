//! What is refused, with the remedy.

use backref::create::{self, Choices, CreateError, New, Source};

use super::{CHINOOK, Created, new};
use crate::harness::{Backend, TestDatabase};

#[tokio::test]
async fn nothing_is_written_over() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let before = created.read("src/main.rs");
    let error = new(&created.database, &created.folder, Choices::default()).await;
    let error = error.expect_err("it is there");
    assert!(matches!(error, CreateError::IsThere(_)));
    assert!(error.to_string().contains("backref sync"), "{error}");
    assert_eq!(created.read("src/main.rs"), before);
}

#[tokio::test]
async fn what_cannot_be_a_project_is_said() {
    let database = TestDatabase::empty(Backend::Sqlite).await;
    let place = tempfile::tempdir().expect("a temporary folder");
    for name in [
        "2fa",
        "my api",
        "self",
        "gen",
        "test",
        "größe",
        "backref",
        "build",
        "examples",
        "incremental",
    ] {
        let error = new(&database, &place.path().join(name), Choices::default()).await;
        let error = error.expect_err("it is no name").to_string();
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
    let folder = place.path().join("empty");
    let error = new(&database, &folder, Choices::default())
        .await
        .expect_err("it has no tables");
    assert!(
        error
            .to_string()
            .contains("has no table that could be on a graph"),
        "{error}"
    );
    assert!(!folder.exists());
    let options = New {
        folder,
        url: "sqlite://nothing.db".parse().expect("a URL"),
        backref: Source::Registry,
        choices: Choices::default(),
    };
    let error = create::new(&options)
        .await
        .expect_err("it is not there")
        .to_string();
    assert!(
        error.contains("nothing.db") && error.contains("--database-url"),
        "{error}"
    );
}

#[tokio::test]
async fn no_password_is_in_what_git_keeps() {
    let created = Created::of(Backend::Sqlite, CHINOOK)
        .await
        .expect("SQLite is here");
    let settings = created.read(".cargo/config.toml");
    assert!(settings.contains(&format!(
        "DATABASE_URL = {:?}",
        created.database.url.settled()
    )));
    assert!(
        !created
            .read("README.md")
            .contains(&created.database.url.settled())
    );
    assert!(created.read(".gitignore").contains("/.cargo/config.toml"));
    let url: backref::serve::database::Url = "postgres://ann:hidden@h/d?password=hidden"
        .parse()
        .expect("a URL");
    assert_eq!(url.example(), "postgres://ann@h/d?password=***");
    assert_eq!(url.settled(), "postgres://ann:hidden@h/d?password=hidden");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let about = std::fs::metadata(created.folder.join(".cargo/config.toml"));
        assert_eq!(about.expect("it is there").permissions().mode() & 0o077, 0);
    }
}

#[tokio::test]
async fn what_sqlite_cannot_read_is_left_out_alone() {
    let sql = "CREATE TABLE gone (id INTEGER PRIMARY KEY); CREATE TABLE ok (id INTEGER PRIMARY KEY, n text);
               CREATE VIEW v AS SELECT * FROM gone; CREATE VIEW w AS SELECT no_function(n) AS f FROM ok; DROP TABLE gone;";
    let choices = Choices {
        without: vec!["w".to_owned()],
        ..Choices::default()
    };
    let created = Created::with(Backend::Sqlite, sql, choices)
        .await
        .expect("SQLite is here");
    let says = "left out: the database cannot read it (no such table: main.gone)";
    assert_eq!(created.told("view v"), [says]);
    assert_eq!(created.told("view w"), ["left out, as --without says"]);
    assert!(
        created
            .read("src/entities.rs")
            .contains("entity::ok::Entity")
    );
}

#[tokio::test]
async fn an_enum_without_values_is_text() {
    let sql = "CREATE TYPE nothing AS ENUM ();
               CREATE TABLE post (id int PRIMARY KEY, state nothing, states nothing[])";
    let Some(created) = Created::of(Backend::Postgres, sql).await else {
        return;
    };
    assert!(
        created.tells("table post", "state (nothing), states (nothing[])"),
        "{}",
        created.report
    );
    assert!(created.read("schema.graphql").contains("type Post "));
}

/// What was mistyped would be served.
#[tokio::test]
async fn what_is_to_be_left_out_has_to_be_there() {
    for (backend, full) in [
        (Backend::Sqlite, "main.payroll"),
        (Backend::Postgres, "public.payroll"),
    ] {
        let sql = "CREATE TABLE payroll (id integer PRIMARY KEY, wage integer);
                   CREATE TABLE post (id integer PRIMARY KEY, title text)";
        let without = |name: &str| Choices {
            without: vec![name.to_owned()],
            ..Choices::default()
        };
        let Some(created) = Created::with(backend, sql, without(full)).await else {
            continue;
        };
        assert_eq!(
            created.told("table payroll"),
            ["left out, as --without says"]
        );
        assert!(!created.read("schema.graphql").contains("wage"));
        let folder = created.folder.with_file_name("other");
        let error = new(&created.database, &folder, without("payrol")).await;
        let error = error.expect_err("it is not there").to_string();
        assert!(
            error.contains("--without payrol:") && error.contains("`payroll`"),
            "{error}"
        );
        assert!(!folder.exists());
        // One that was left out before may be gone by now.
        created.run("DROP TABLE payroll").await;
        let again = |choices: Choices| create::Sync {
            folder: created.folder.clone(),
            url: None,
            choices,
            force: false,
        };
        let report = create::sync(&again(Choices::default())).await;
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        let mut notes = report.notes.iter();
        assert!(
            notes.any(|note| note.of == format!("--without {full}")),
            "{report}"
        );
        let error = create::sync(&again(without("nothing"))).await;
        assert!(matches!(error, Err(CreateError::Without(..))));
    }
}
