//! Tables that are altered while they are served: what was prepared for them as they were is prepared again, whether PostgreSQL
//! says that it does not fit or not, and what fails all the same fails as what it is.

use std::sync::Arc;
use std::time::Duration;

use backref::blog;
use backref::engine::{Engine, Planner};
use backref::read::load::Database;
use backref::read::load::postgres::{Connector, PostgresPool, Purpose};
use backref::read::plan::Limits;
use backref::schema::Schema;
use backref::serve::http::{self, ServerOptions};
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase};
use crate::writing::somebody;

async fn postgres() -> Option<TestDatabase> {
    match Backend::all().contains(&Backend::Postgres) {
        true => Some(TestDatabase::sample(Backend::Postgres).await),
        false => None,
    }
}

/// The status as text, and as it was.
const AS_TEXT: &str = "ALTER TABLE post ALTER status TYPE text";
const AS_ENUM: &str = "ALTER TABLE post ALTER status TYPE post_status USING status::post_status";

#[tokio::test]
async fn a_statement_for_another_type_is_prepared_again() {
    let Some(database) = postgres().await else {
        return;
    };
    let app = TestApp::blog(&database);
    let admin = somebody("admin", 1);
    let queries = [
        "{ posts(where: { status: { eq: PUBLISHED } }) { title status } }",
        "{ tags { name } users(limit: 2) { posts(where: { status: { in: [PUBLISHED, ARCHIVED] } }) { title } } }",
        "{ postsConnection(first: 2, where: { not: { status: { eq: DRAFT } } }) { totalCount nodes { title } } }",
    ];
    let update = r#"mutation { updatePost(id: "Post:1", input: { status: ARCHIVED }) { status } }"#;
    let mut before: Option<Vec<Value>> = None;
    let gone = format!("{AS_TEXT}; DROP TYPE post_status");
    let back = "CREATE TYPE post_status AS ENUM ('draft', 'published', 'archived')";
    let back = format!("{back}; {AS_ENUM}");
    for change in ["SELECT 1", AS_TEXT, AS_ENUM, &gone, &back] {
        database.execute(change).await;
        // Those that were prepared before; those that are now.
        for _ in 0..2 {
            let updated = app.ask(&admin, update, &json!({})).await;
            assert_eq!(
                updated.data()["updatePost"]["status"],
                "ARCHIVED",
                "{change}"
            );
            let mut answers = Vec::new();
            for query in queries {
                answers.push(app.query(query).await.data());
            }
            assert_eq!(
                before.get_or_insert_with(|| answers.clone()),
                &answers,
                "{change}"
            );
        }
    }
}

/// Somebody who signs in is found by a statement that goes no way of a plan.
#[tokio::test]
async fn so_is_the_statement_by_which_somebody_signs_in() {
    let Some(database) = postgres().await else {
        return;
    };
    let app = TestApp::blog(&database);
    let sign_in =
        r#"mutation { signIn(username: "nobody", password: "none of theirs") { token } }"#;
    database
        .execute(r#"ALTER TABLE "user" ALTER username TYPE text"#)
        .await;
    let before = app.query(sign_in).await;
    let change = r#"ALTER TABLE "user" ALTER username TYPE bytea USING username::bytea"#;
    database.execute(change).await;
    let after = app.query(sign_in).await;
    assert_eq!(after.code(), before.code(), "{}", after.text);
}

/// PostgreSQL says nothing where the type of before can be compared with what is there.
#[tokio::test]
async fn what_compares_otherwise_is_prepared_again_after_a_while() {
    let Some(database) = postgres().await else {
        return;
    };
    let url = database.url.shown();
    let connector = Connector::new(&url, Purpose::Reading, None).expect("a URL");
    let keeps = Duration::from_millis(200);
    let pool = PostgresPool::new(connector.keeping_statements(keeps), 4);
    let catalog = blog::graph().build().unwrap_or_else(|e| panic!("{e}"));
    let limits = Limits::default();
    let schema = Schema::new(&catalog, limits.default_page()).unwrap_or_else(|e| panic!("{e}"));
    let planner = Planner::new(catalog, schema, limits);
    let engine = Engine::new(planner, Database::Postgres(pool), Duration::from_secs(60));
    let engine = Arc::new(engine);
    let app = TestApp {
        router: http::router(engine.clone(), &ServerOptions::default()),
        engine,
    };
    let query = r#"{ tags(where: { name: { eq: "RUST" } }) { name } }"#;
    assert_eq!(app.query(query).await.data(), json!({ "tags": [] }));
    database
        .execute("CREATE EXTENSION citext; ALTER TABLE tag ALTER name TYPE citext")
        .await;
    tokio::time::sleep(keeps).await;
    let found = app.query(query).await.data();
    assert_eq!(found, json!({ "tags": [{ "name": "rust" }] }));
}

/// What PostgreSQL cannot do, however often it is prepared.
const NEVER: &str = "CREATE FUNCTION never(bio text) RETURNS text LANGUAGE plpgsql AS \
    $$ BEGIN RAISE EXCEPTION 'never' USING ERRCODE = '0A000'; END $$; \
    ALTER TABLE profile RENAME TO kept; \
    CREATE VIEW profile AS SELECT user_id, never(bio) AS bio, website, location FROM kept";

#[tokio::test]
async fn what_cannot_be_done_is_an_error_of_its_field_alone() {
    let Some(database) = postgres().await else {
        return;
    };
    let app = TestApp::blog(&database);
    let query = "{ tags(limit: 1) { id } users(limit: 2) { username bad: profile { bio } posts(limit: 1) { id } } }";
    app.query(query).await.data();
    database.execute(NEVER).await;
    for _ in 0..3 {
        let answer = app.query(query).await;
        let json = answer.json();
        let users = json["data"]["users"].as_array().expect("users");
        for user in users {
            assert!(user["username"].is_string() && user["posts"].is_array());
            assert_eq!(user["bad"], Value::Null);
        }
        let errors = json["errors"].as_array().expect("errors");
        for (i, error) in errors.iter().enumerate() {
            assert_eq!(
                error["extensions"]["code"], "INTERNAL_SERVER_ERROR",
                "{error}"
            );
            assert_eq!(error["path"], json!(["users", i, "bad"]));
        }
        assert_eq!(errors.len(), 2, "{}", answer.text);
    }
}
