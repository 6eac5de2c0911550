//! What somebody may not do he does by no way of saying it: rows that leave a relation by `set` or null.

use backref::Graph;
use backref::graph::policy::Rule;
use entity::user::Role;
use entity::{comment, post_tag, profile};
use serde_json::json;

use super::{content, somebody};
use crate::generate;
use crate::harness::{Backend, TestApp, TestDatabase};

async fn blog_of(backend: Backend, graph: Graph) -> (TestDatabase, TestApp) {
    let (database, _) = super::blog(backend).await;
    let app = TestApp::new(&database, graph, Default::default());
    (database, app)
}

/// What an author is answered: the code, or nothing where it is done. What is refused leaves no trace.
async fn as_author(database: &TestDatabase, app: &TestApp, input: &str) -> String {
    let before = content::dump(database).await;
    let query = format!("mutation {{ {input} {{ id }} }}");
    let answer = app.ask(&somebody("author", 2), &query, &json!({})).await;
    let code = answer.code();
    if !code.is_empty() {
        assert!(answer.json()["data"].is_null(), "{}", answer.text);
        assert_eq!(before, content::dump(database).await, "{input}");
    }
    code
}

#[tokio::test]
async fn who_parts_no_rows_sets_none_away() {
    let graph = || {
        backref::blog::graph()
            .delete_policy(post_tag::Entity, |me, _| Rule::when(me.has(Role::Admin)))
            .delete_policy(comment::Entity, |me, _| Rule::when(me.has(Role::Admin)))
    };
    let post = |input: &str| format!(r#"updatePost(id: "Post:1", input: {{ {input} }})"#);
    for backend in Backend::all() {
        let (database, app) = blog_of(backend, graph()).await;
        for (input, code) in [
            (r#"tags: { disconnect: ["Tag:1"] }"#, "FORBIDDEN"),
            (r#"tags: { set: [] }"#, "FORBIDDEN"),
            (r#"tags: { set: ["Tag:2", "Tag:3"] }"#, "FORBIDDEN"),
            (r#"comments: { set: [] }"#, "FORBIDDEN"),
            (
                r#"comments: { set: ["Comment:1", "Comment:2"] }"#,
                "FORBIDDEN",
            ),
            // What takes nothing away needs no leave for that.
            (r#"tags: { set: ["Tag:1", "Tag:2", "Tag:3"] }"#, ""),
            (
                r#"comments: { set: ["Comment:1", "Comment:2", "Comment:3"] }"#,
                "",
            ),
        ] {
            let answered = as_author(&database, &app, &post(input)).await;
            assert_eq!(answered, code, "{backend:?}: {input}");
        }
        let query = format!(
            "mutation {{ {} {{ tags {{ id }} }} }}",
            post("tags: { set: [] }")
        );
        let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
        assert_eq!(
            answer.data()["updatePost"]["tags"],
            json!([]),
            "{backend:?}"
        );
    }
}

#[tokio::test]
async fn null_takes_the_one_row_away_where_its_schema_says_so() {
    let blog = backref::blog::graph;
    let owned = || blog().owns(profile::Relation::User);
    let forbidden =
        || owned().delete_policy(profile::Entity, |me, _| Rule::when(me.has(Role::Admin)));
    let user = r#"updateUser(id: "User:2", input: { profile: null })"#;
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        generate::insert(&database.connection, &content::data()).await;
        for (name, graph, code) in [
            ("not owned", blog(), "BAD_USER_INPUT"),
            (
                "not deleted",
                owned().without_delete(profile::Entity),
                "BAD_USER_INPUT",
            ),
            ("not his to delete", forbidden(), "FORBIDDEN"),
            ("owned", owned(), ""),
            // There is none any more.
            ("gone", forbidden(), ""),
        ] {
            let app = TestApp::new(&database, graph, Default::default());
            let answered = as_author(&database, &app, user).await;
            assert_eq!(answered, code, "{backend:?}: {name}");
        }
        let app = TestApp::new(&database, blog(), Default::default());
        let read = app
            .query(r#"{ user(id: "User:2") { profile { bio } } }"#)
            .await;
        assert!(read.data()["user"]["profile"].is_null(), "{backend:?}");
    }
}
