//! What is said of one row in several places of an input comes to the same in whatever order it is said.

use serde_json::{Value, json};

use super::somebody;
use crate::harness::{Answer, Backend, TestApp};

async fn ask(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("admin", 1), query, &json!({})).await
}

const USER: &str = r#"username: "una", name: "Una", email: "una@example.org""#;

/// A user who is given a post by its name that a comment of his makes, or finds.
async fn user_with_post(app: &TestApp, of_comment: &str, name_first: bool) -> Value {
    let posts = r#"posts: { connect: ["new:p"] }"#;
    let comments =
        format!(r#"comments: {{ create: [{{ body: "B", post: {{ {of_comment} }} }}] }}"#);
    let both = match name_first {
        true => format!("{posts} {comments}"),
        false => format!("{comments} {posts}"),
    };
    let query = format!(
        "mutation {{ createUser(input: {{ {USER} {both} }}) {{
            posts {{ slug author {{ name }} }} comments {{ post {{ slug }} }} }} }}"
    );
    ask(app, &query).await.data()["createUser"].take()
}

#[tokio::test]
async fn a_row_is_connected_by_name_before_or_after_it_is_made() {
    let create = |slug: &str| format!(r#"as: "p", title: "T", slug: "{slug}", body: "B""#);
    let new = format!("create: {{ {} }}", create("t-new"));
    let unless = |slug: &str| {
        format!(
            "connectOrCreate: {{ on: SLUG, create: {{ {} }} }}",
            create(slug)
        )
    };
    for backend in Backend::all() {
        for name_first in [true, false] {
            for (of_comment, slug) in [
                (new.clone(), "t-new"),
                (unless("t-new"), "t-new"),
                (unless("post-3"), "post-3"),
            ] {
                let (_database, app) = super::blog(backend).await;
                let user = user_with_post(&app, &of_comment, name_first).await;
                let of_user = json!([{ "slug": slug, "author": { "name": "Una" } }]);
                assert_eq!(user["posts"], of_user, "{backend:?}: {of_comment}");
                assert_eq!(user["comments"][0]["post"]["slug"], slug, "{backend:?}");
            }
        }
    }
}

/// A row that is found is changed by whoever may change it.
#[tokio::test]
async fn a_row_that_is_found_is_connected_under_its_rule() {
    let update = |slug: &str| {
        format!(
            r#"mutation {{ updateUser(id: "User:2", input: {{
                comments: {{ create: [{{ body: "B", post: {{ connectOrCreate: {{ on: SLUG, create: {{
                    as: "p", title: "T", slug: "{slug}", body: "B" }} }} }} }}] }}
                posts: {{ connect: ["new:p"] }} }}) {{ id }} }}"#
        )
    };
    for backend in Backend::all() {
        let (_database, app) = super::blog(backend).await;
        let author = somebody("author", 2);
        let others = app.ask(&author, &update("post-3"), &json!({})).await;
        assert_eq!(others.code(), "FORBIDDEN", "{backend:?}: {}", others.text);
        // It is his already, so nothing is written of it.
        let own = app.ask(&author, &update("post-1"), &json!({})).await;
        assert_eq!(own.code(), "", "{backend:?}: {}", own.text);
        let read = app.query(r#"{ post(id: "Post:1") { version } }"#).await;
        assert_eq!(read.data()["post"]["version"], 1, "{backend:?}");
    }
}

/// Once and again: `set` takes nothing away that the same input connects, changes or links.
#[tokio::test]
async fn what_is_set_and_what_comes_stay() {
    let cases = [
        (
            r#"updatePost(id: "Post:1", input: {
                comments: { set: ["Comment:1", "Comment:2"], connect: ["Comment:3"] } })"#,
            "comments(orderBy: [{ id: ASC }])",
            json!([{ "id": "Comment:1" }, { "id": "Comment:2" }, { "id": "Comment:3" }]),
        ),
        (
            r#"updateComment(id: "Comment:1", input: {
                replies: { set: ["Comment:2"], connect: ["Comment:3"] } })"#,
            "replies(orderBy: [{ id: ASC }])",
            json!([{ "id": "Comment:2" }, { "id": "Comment:3" }]),
        ),
        (
            r#"updateComment(id: "Comment:1", input: { replies: {
                set: ["Comment:2"], update: [{ id: "Comment:3", input: { body: "N" } }] } })"#,
            "replies(orderBy: [{ id: ASC }])",
            json!([{ "id": "Comment:2" }, { "id": "Comment:3" }]),
        ),
        (
            r#"updatePost(id: "Post:1", input: { tags: { set: ["Tag:1"], connect: ["Tag:2"] } })"#,
            "tags(orderBy: [{ id: ASC }])",
            json!([{ "id": "Tag:1" }, { "id": "Tag:2" }]),
        ),
        (
            r#"updatePost(id: "Post:1", input: { tags: {
                set: ["Tag:1"], update: [{ id: "Tag:2", input: { name: "n" } }] } })"#,
            "tags(orderBy: [{ id: ASC }])",
            json!([{ "id": "Tag:1" }, { "id": "Tag:2" }]),
        ),
        (
            r#"updatePost(id: "Post:1", input: { tags: { set: ["Tag:3"], connect: ["Tag:2"] } })"#,
            "tags(orderBy: [{ id: ASC }])",
            json!([{ "id": "Tag:2" }, { "id": "Tag:3" }]),
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = super::blog(backend).await;
        for (mutation, list, expected) in &cases {
            let query = format!("mutation {{ row: {mutation} {{ list: {list} {{ id }} }} }}");
            for _ in 0..2 {
                let answer = ask(&app, &query).await;
                assert_eq!(
                    answer.data()["row"]["list"],
                    *expected,
                    "{backend:?}: {mutation}"
                );
            }
        }
    }
}
