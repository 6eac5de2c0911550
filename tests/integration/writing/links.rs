//! Relations that are written while somebody else writes them, or has since they were read.

use std::time::Duration;

use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Backend, TestApp};

const TAGS: &str = r#"{ post(id: "Post:5") { version tags(orderBy: [{ id: ASC }]) { id } } }"#;

async fn read(app: &TestApp, query: &str) -> Value {
    app.ask(&somebody("admin", 1), query, &json!({}))
        .await
        .data()
}

/// Two servers of one database, whose writers wait for the same row and have both looked before: the second begins again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_set_a_relation_the_second_has_the_last_word() {
    let set = |input: &str| {
        format!("mutation {{ updatePost(id: \"Post:5\", input: {{ {input} }}) {{ id }} }}")
    };
    let both = [
        (
            set(r#"tags: { set: ["Tag:3"] }"#),
            set(r#"tags: { set: ["Tag:4"] }"#),
        ),
        (
            set(r#"comments: { set: [] }, tags: { set: ["Tag:3"] }"#),
            set(r#"tags: { set: ["Tag:4"], create: [] }"#),
        ),
    ];
    for backend in Backend::all() {
        for (one, other) in &both {
            let (database, app) = blog(backend).await;
            let graph = backref::blog::graph();
            let second = TestApp::new(&database, graph, Default::default());
            let held = match backend {
                // Its writers take turns, whoever they are.
                Backend::Sqlite => None,
                Backend::Postgres => {
                    let held = database.connection.begin().await.expect("a transaction");
                    let lock = "SELECT 1 FROM post WHERE id = 5 FOR UPDATE";
                    held.execute_unprepared(lock).await.expect("the row");
                    Some(held)
                }
            };
            let ask = async |app: &TestApp, query: &str| {
                app.ask(&somebody("admin", 1), query, &json!({}))
                    .await
                    .data()
            };
            let let_go = async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                if let Some(held) = held {
                    held.rollback().await.expect("it ends");
                }
            };
            tokio::join!(ask(&app, one), ask(&second, other), let_go);
            let tags = read(&app, TAGS).await["post"]["tags"].clone();
            let alone = [json!([{ "id": "Tag:3" }]), json!([{ "id": "Tag:4" }])];
            assert!(alone.contains(&tags), "{backend:?}: {tags}");
        }
    }
}

/// The version that was read holds for a row's relations, too.
#[tokio::test]
async fn a_version_grows_with_what_is_linked_where_it_is_expected() {
    let changes = [
        r#"tags: { set: ["Tag:3"] }"#,
        r#"tags: { connect: ["Tag:2"] }"#,
        r#"tags: { disconnect: ["Tag:2"] }"#,
        r#"tags: { create: [{ name: "new" }] }"#,
        r#"comments: { create: [{ body: "B" }] }"#,
        r#"comments: { connect: ["Comment:4"] }"#,
        r#"comments: { delete: ["Comment:4"] }"#,
        r#"comments: { set: [] }"#,
        r#"tags: { set: [] }"#,
    ];
    let nothing = [
        r#"tags: { set: [] }"#,
        r#"tags: { disconnect: ["Tag:1"] }"#,
        r#"comments: { set: [] }"#,
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let mut version = 5;
        for input in changes {
            let query = format!(
                "mutation($version: Int) {{ updatePost(id: \"Post:5\", input: {{ {input} }}, expectedVersion: $version) {{
                 version updatedAt createdAt }} }}"
            );
            let admin = somebody("admin", 1);
            let expected = json!({ "version": version });
            let answer = app.ask(&admin, &query, &expected).await;
            version += 1;
            let post = &answer.data()["updatePost"];
            assert_eq!(post["version"], version, "{backend:?}: {input}");
            assert!(
                post["updatedAt"].as_str() > post["createdAt"].as_str(),
                "{backend:?}"
            );
            let again = app.ask(&admin, &query, &expected).await;
            // Beside what is not there any more.
            let again = again.json();
            let errors = again["errors"].as_array().into_iter().flatten();
            let mut outdated = errors.filter(|error| {
                let of = &error["extensions"];
                of["code"] == "CONFLICT" && of["field"] == "expectedVersion"
            });
            assert!(outdated.next().is_some(), "{backend:?}: {input}: {again}");
        }
        for input in nothing {
            let expected = format!(
                "mutation {{ updatePost(id: \"Post:5\", input: {{ {input} }}, expectedVersion: {version}) {{ version }} }}"
            );
            let post = read(&app, &expected).await;
            assert_eq!(
                post["updatePost"]["version"], version,
                "{backend:?}: {input}"
            );
        }
        // Where nobody says which he has read, it is as it was.
        let query = r#"mutation { updatePost(id: "Post:5", input: { tags: { set: ["Tag:1"] } }) { version } }"#;
        let post = read(&app, query).await;
        assert_eq!(post["updatePost"]["version"], version, "{backend:?}");
    }
}
