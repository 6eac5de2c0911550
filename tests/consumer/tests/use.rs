//! What somebody does who uses Backref without the graph in the box.

use std::path::Path;
use std::process::{Command, Output};

use backref::axum::body::{Body, to_bytes};
use backref::axum::http::{Request as Ask, StatusCode};
use backref::axum::{Router, routing::get};
use backref::{Backref, Principal, Request};
use tower::ServiceExt;

fn consumer(folder: &Path, words: &[&str]) -> Output {
    let ran = Command::new(env!("CARGO_BIN_EXE_consumer"))
        .args(words)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .output();
    ran.expect("the program runs")
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// A folder with a migrated database in it.
fn library() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/library.db?mode=rwc", folder.path().display());
    let done = consumer(folder.path(), &["migrate", "up", "--database-url", &url]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    (folder, url)
}

#[test]
fn the_command_line_is_that_of_any_graph() {
    let (folder, _) = library();
    let schema = text(&consumer(folder.path(), &["schema"]).stdout);
    assert!(schema.contains("type Author implements Node"), "{schema}");
    assert!(schema.contains("books("), "{schema}");
    let status = text(&consumer(folder.path(), &["migrate", "status"]).stdout);
    assert_eq!(status.trim(), "applied  m20260101_000001_create_library");
    let help = text(&consumer(folder.path(), &["--help"]).stdout);
    assert!(help.contains("Usage: consumer"), "{help}");
    assert!(!help.contains("seed"), "{help}");
    let version = text(&consumer(folder.path(), &["--version"]).stdout);
    assert_eq!(version.trim(), "consumer 0.1.0");
    let doctor = consumer(folder.path(), &["doctor"]);
    assert!(text(&doctor.stdout).contains("book"), "{doctor:?}");
}

#[test]
fn without_its_database_it_says_what_to_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = consumer(folder.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(served.status.code(), Some(1));
    let says = text(&served.stderr);
    assert!(says.contains("`consumer migrate up --database-url sqlite://library.db`"), "{says}");
    let seeded = consumer(folder.path(), &["seed"]);
    assert!(text(&seeded.stderr).contains("no content"), "{seeded:?}");
}

#[tokio::test]
async fn it_answers_in_process_and_in_an_application() {
    let (_folder, url) = library();
    let api = Backref::builder(consumer::graph()).database(&url).open();
    let api = api.await.expect("it opens");
    let request = Request::new(
        "mutation($name: String!) { createAuthor(input: { name: $name, books: { create: [{ title: \"Emma\" }] } }) { books { title author { name } } } }",
    );
    let request = request.with_variables([("name", "Jane Austen")].into_iter().collect::<std::collections::HashMap<_, _>>());
    let request = request.expect("variables");
    let answer = api.execute(&request, Principal::Anonymous).await.json();
    let books = r#"{"data":{"createAuthor":{"books":[{"title":"Emma","author":{"name":"Jane Austen"}}]}}}"#;
    assert_eq!(answer.to_string(), sorted(books), "{answer}");

    let app: Router = Router::new()
        .route("/", get(|| async { "mine" }))
        .route("/api", api.service())
        .merge(api.router());
    for path in ["/api", "/graphql"] {
        let asked = Ask::post(path)
            .header("content-type", "application/json")
            .body(Body::from(r#"{"query":"{ books { title } }"}"#));
        let answer = app.clone().oneshot(asked.expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
        assert_eq!(text(&body), r#"{"data":{"books":[{"title":"Emma"}]}}"#);
    }
}

/// As `serde_json` shows it without the order of what was sent.
fn sorted(json: &str) -> String {
    json.replace(r#"{"title":"Emma","author":{"name":"Jane Austen"}}"#, r#"{"author":{"name":"Jane Austen"},"title":"Emma"}"#)
}

/// The crates that the program is built of, with one of its features.
fn crates(feature: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none", "--offline"])
        .args(["--no-default-features", "--features", feature])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let tree = text(&tree.expect("cargo runs").stdout);
    assert!(tree.contains("backref v"), "{tree}");
    tree
}

#[test]
fn nothing_of_the_box_is_built() {
    let tree = crates("sqlite");
    for name in ["backref-blog-entity", "backref-blog-migration", "indicatif", "rand_pcg"] {
        assert!(!tree.contains(name), "{name}");
    }
}

#[test]
fn no_database_brings_the_driver_of_another() {
    let (sqlite, postgres) = (crates("sqlite"), crates("postgres"));
    for name in ["rusqlite v", "libsqlite3-sys v", "sqlx-sqlite v"] {
        assert!(sqlite.contains(name), "{name}");
        assert!(!postgres.contains(name), "{name}");
    }
    for name in ["tokio-postgres v", "tokio-postgres-rustls v", "postgres-types v", "postgres-protocol v", "sqlx-postgres v"] {
        assert!(postgres.contains(name), "{name}");
        assert!(!sqlite.contains(name), "{name}");
    }
}

#[test]
fn a_database_whose_driver_is_not_there_is_refused_with_the_feature_that_brings_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = consumer(folder.path(), &["--database-url", "postgres://ann:secret@localhost/library"]);
    assert_eq!(served.status.code(), Some(1));
    let says = text(&served.stderr);
    assert!(says.contains(r#"backref = { …, features = ["postgres"] }"#), "{says}");
    assert!(!says.contains("secret"), "{says}");
}
