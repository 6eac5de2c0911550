//! Wrong inputs: each is named by its code and with its path, and leaves the database as it was.

mod forms;
mod wrong;

use backref::read::plan::Limits;
use serde_json::json;

use super::{blog, content, somebody};
use crate::harness::{Backend, TestApp};
use wrong::{Wrong, wrong};

/// How the answer to a wrong input is not what it should be.
async fn mistake(app: &TestApp, wrong: &Wrong) -> Option<String> {
    let answer = app.ask(&wrong.by, wrong.query, &wrong.variables).await;
    let json = answer.json();
    let field = json["errors"][0]["extensions"]["field"].as_str();
    let named = field.is_some_and(|field| wrong.fields.contains(&field));
    let is_named = named || wrong.fields.is_empty();
    let right = json["data"].is_null() && answer.code() == wrong.code && is_named;
    let (name, code, fields) = (wrong.name, wrong.code, wrong.fields);
    (!right).then(|| format!("{name}: {code} at {fields:?}, but {}", answer.text))
}

#[tokio::test]
async fn a_wrong_input_is_named_and_leaves_no_trace() {
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        let mut mistakes = Vec::new();
        for wrong in wrong() {
            mistakes.extend(mistake(&app, &wrong).await);
            let after = content::dump(&database).await;
            assert_eq!(before, after, "{backend:?}: {}", wrong.name);
        }
        assert!(mistakes.is_empty(), "{backend:?}: {mistakes:#?}");
    }
}

/// What is wrong with what a new row refers to is said, and not that the row refers to nothing.
#[tokio::test]
async fn what_is_wrong_is_said_once() {
    let post = r#"{ title: "T", slug: "s", body: "B", tags: { create: [{ name: "n" }] } }"#;
    let links = [
        format!("post: {{ connectOrCreate: {{ on: SLUG, create: {post} }} }}"),
        r#"post: { connect: "Tag:1" }"#.to_owned(),
        r#"postId: "new:nobody""#.to_owned(),
        format!(
            r#"post: {{ create: {{ title: "{}", slug: "s", body: "B" }} }}"#,
            "x".repeat(300)
        ),
        r#"post: null"#.to_owned(),
    ];
    let (_database, app) = blog(Backend::Sqlite).await;
    for link in links {
        let query =
            format!("mutation {{ createComment(input: {{ body: \"B\", {link} }}) {{ id }} }}");
        let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
        let errors = answer.json()["errors"].as_array().map(Vec::len);
        assert_eq!(errors, Some(1), "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_wrong_in_a_later_field_takes_back_the_earlier_ones() {
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        let query = r#"mutation {
            a: createTag(input: { name: "new" }) { id }
            b: updatePost(id: "Post:1", input: { title: "T" }) { __typename }
            c: deletePost(id: "Post:99") { id }
        }"#;
        let answer = app.ask(&somebody("admin", 1), query, &json!({})).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{}", answer.text);
        let json = answer.json();
        assert_eq!(json["errors"][0]["path"], json!(["c"]), "{}", answer.text);
        assert!(json["data"].is_null(), "{}", answer.text);
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
    }
}

/// What `MAX_LIMIT` and `MAX_STATEMENTS` refuse, they refuse before anything is written.
#[tokio::test]
async fn limits_hold_for_writing() {
    let few_rows = Limits {
        page: 3,
        ..Limits::default()
    };
    let few_statements = Limits {
        statements: 3,
        ..Limits::default()
    };
    let all = r#"mutation { updatePosts(where: {}, input: { title: "T" }) { count } }"#;
    let none = "mutation { deletePosts(where: {}) { count } }";
    let nested = r#"mutation { createUser(input: {
        username: "un", name: "N", email: "u@example.org",
        posts: { create: [{ title: "T", slug: "s", body: "B",
            tags: { create: [{ name: "a" }] }, comments: { create: [{ body: "B" }] } }] }
    }) { id posts { id tags { id } comments { id } } } }"#;
    for backend in Backend::all() {
        let (database, _) = blog(backend).await;
        let before = content::dump(&database).await;
        for (limits, query) in [(few_rows, all), (few_rows, none), (few_statements, nested)] {
            let app = TestApp::new(&database, backref::blog::graph(), limits);
            let answer = app.ask(&somebody("admin", 1), query, &json!({})).await;
            assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
            assert_eq!(before, content::dump(&database).await, "{backend:?}");
        }
    }
}
