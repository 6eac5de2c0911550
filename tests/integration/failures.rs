//! Statements that fail: what an answer still holds, and where its errors stand.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::harness::{Answer, Backend, TestApp, TestDatabase};

/// The sample content with a table taken away while the server runs.
async fn without(backend: Backend, table: &str) -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(backend).await;
    let app = TestApp::blog(&database);
    app.query("{ users { posts { comments { id } } } }")
        .await
        .data();
    rename(&database, table, "elsewhere").await;
    (database, app)
}

async fn rename(database: &TestDatabase, table: &str, to: &str) {
    // SQLite would change what refers to the table.
    let legacy = match database.connection.get_database_backend() {
        sea_orm::DatabaseBackend::Sqlite => "PRAGMA legacy_alter_table = ON; ",
        _ => "",
    };
    let sql = format!("{legacy}ALTER TABLE \"{table}\" RENAME TO \"{to}\"");
    let renamed = database.connection.execute_unprepared(&sql).await;
    renamed.expect("the table can be renamed");
}

/// The code and the path of each error.
fn errors(answer: &Answer) -> Vec<(String, String)> {
    let json = answer.json();
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let of = |error: Value| {
        let path = error["path"].as_array().cloned().unwrap_or_default();
        let path = path.iter().map(|step| match step {
            Value::String(key) => key.clone(),
            index => index.to_string(),
        });
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        assert!(error["locations"][0]["line"].is_u64(), "{error}");
        (code.to_owned(), path.collect::<Vec<_>>().join("."))
    };
    errors.into_iter().map(of).collect()
}

fn internal(paths: &[&str]) -> Vec<(String, String)> {
    let of = |path: &&str| ("INTERNAL_SERVER_ERROR".to_owned(), (*path).to_owned());
    paths.iter().map(of).collect()
}

#[tokio::test]
async fn a_failed_to_one_is_null_where_it_may_be() {
    for backend in Backend::all() {
        let (_database, app) = without(backend, "profile").await;
        let answer = app
            .query("{ users(limit: 2) { id profile { bio } posts(limit: 1) { id } } }")
            .await;
        let data = &answer.json()["data"]["users"];
        for user in data.as_array().expect("users") {
            assert_eq!(user["profile"], Value::Null, "{}", answer.text);
            assert!(user["posts"].is_array());
        }
        let paths = ["users.0.profile", "users.1.profile"];
        assert_eq!(errors(&answer), internal(&paths), "{}", answer.text);
        assert!(!answer.text.contains("elsewhere") && !answer.text.contains("SQL"));
    }
}

#[tokio::test]
async fn a_failed_list_empties_the_nearest_nullable_field() {
    for backend in Backend::all() {
        let (_database, app) = without(backend, "comment").await;
        let answer = app
            .query(
                "{ user(id: 1) { id comments { id } } post(id: 1) { id } tags(limit: 1) { id } }",
            )
            .await;
        let data = &answer.json()["data"];
        let whole =
            json!({ "user": null, "post": { "id": "Post:1" }, "tags": [{ "id": "Tag:1" }] });
        assert_eq!(data, &whole, "{}", answer.text);
        assert_eq!(errors(&answer), internal(&["user.comments"]));
        // Up to the root, where nothing on the way may be null.
        let answer = app.query("{ tags { id } users { comments { id } } }").await;
        assert_eq!(answer.json()["data"], Value::Null);
        assert_eq!(errors(&answer), internal(&["users.0.comments"]));
    }
}
