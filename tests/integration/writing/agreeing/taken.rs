//! A key that agrees with that of another row and is left out of a new one is taken from there.

use backref::Graph;
use backref::graph::Principal;
use backref::graph::policy::Rule;
use entity::{comment, post};
use serde_json::{Value, json};

use super::super::{blog, content, somebody};
use crate::harness::{Answer, Backend, TestApp};

async fn ask(app: &TestApp, by: &Principal, field: &str) -> Answer {
    let query = format!("mutation {{ it: {field} }}");
    app.ask(by, &query, &json!({})).await
}

/// A comment answers another by its place alone, however deep, and however the other is named.
#[tokio::test]
async fn an_answer_need_not_say_its_post_again() {
    let read = "{ post { slug } replies(orderBy: [{ id: DESC }], limit: 1) { post { slug } replies { post { slug } } } }";
    let below = |slug: &str, more: Value| json!({ "post": { "slug": slug }, "replies": more });
    let answer = |slug: &str| json!([{ "post": { "slug": slug }, "replies": [] }]);
    let cases = [
        (
            r#"updateComment(id: "Comment:5", input: { replies: { create: [{ body: "R" }] } })"#,
            below("post-3", answer("post-3")),
        ),
        (
            r#"updateComment(id: "Comment:5", input: { replies: { create: [{ body: "R", replies: { create: [{ body: "S" }] } }] } })"#,
            below(
                "post-3",
                json!([below("post-3", json!([{ "post": { "slug": "post-3" } }]))]),
            ),
        ),
        (
            r#"createComment(input: { body: "B", postId: "Post:1", replies: { create: [{ body: "R" }] } })"#,
            below("post-1", answer("post-1")),
        ),
        (
            r#"createComment(input: { body: "B", post: { create: { title: "T", slug: "s", body: "B", authorId: 2 } },
                replies: { create: [{ body: "R" }] } })"#,
            below("s", answer("s")),
        ),
        (
            r#"createComment(input: { body: "B", parentId: "Comment:5" })"#,
            below("post-3", json!([])),
        ),
        (
            r#"createComment(input: { body: "B", parent: { connect: "Comment:5" }, replies: { create: [{ body: "R" }] } })"#,
            below("post-3", answer("post-3")),
        ),
        // Of what the same field moves it is taken as it will be.
        (
            r#"updateComment(id: "Comment:3", input: { post: { connect: "Post:3" }, parent: null, replies: { create: [{ body: "R" }] } })"#,
            below("post-3", answer("post-3")),
        ),
    ];
    for backend in Backend::all() {
        for (field, expected) in &cases {
            let (database, app) = blog(backend).await;
            let admin = somebody("admin", 1);
            let answer = ask(&app, &admin, &format!("{field} {read}")).await;
            assert_eq!(answer.data()["it"], *expected, "{backend:?} {field}");
            content::is_sound(&database).await;
        }
        // By names that are given before and behind, in one field and in another.
        let (database, app) = blog(backend).await;
        let query = r#"mutation {
            a: createComments(inputs: [{ as: "c", body: "1", parentId: "new:b" }, { as: "b", body: "2", parentId: "Comment:5" }]) { postId }
            b: createComment(input: { body: "3", parentId: "new:c" }) { postId }
        }"#;
        let answer = app.ask(&somebody("reader", 4), query, &json!({})).await;
        let of = json!({ "postId": "Post:3" });
        assert_eq!(
            answer.data(),
            json!({ "a": [of, of], "b": of }),
            "{backend:?}"
        );
        content::is_sound(&database).await;
    }
}

/// What is taken from nowhere is missing as ever, and what is said is held to it.
#[tokio::test]
async fn what_is_taken_from_nowhere_is_missing() {
    let missing = "a new comment needs `post` or `postId`";
    let cases = [
        (
            r#"createComment(input: { body: "B" }) { id }"#,
            "input.post",
        ),
        (
            r#"createComment(input: { body: "B", parent: null }) { id }"#,
            "input.post",
        ),
        (
            r#"createComment(input: { as: "c", body: "B", parentId: "new:c" }) { id }"#,
            "input.post",
        ),
        (
            r#"createComment(input: { body: "B", replies: { create: [{ body: "R" }] } }) { id }"#,
            "input.post",
        ),
        (
            r#"createComment(input: { body: "B", postId: 1, parent: { create: { body: "P" } } }) { id }"#,
            "input.parent.create.post",
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for (field, place) in cases {
            let answer = ask(&app, &somebody("admin", 1), field).await.json();
            let errors = answer["errors"].as_array().map(Vec::len);
            assert_eq!(errors, Some(1), "{backend:?} {field}: {answer}");
            let error = &answer["errors"][0];
            assert_eq!(error["message"], missing, "{backend:?} {field}");
            assert_eq!(error["extensions"]["field"], place, "{backend:?} {field}");
        }
        let round = r#"createComments(inputs: [{ as: "a", body: "1", parentId: "new:b" }, { as: "b", body: "2", parentId: "new:a" }]) { id }"#;
        let answer = ask(&app, &somebody("admin", 1), round).await;
        assert_eq!(answer.message(), missing, "{backend:?}");
    }
}

/// It is asked for as if it were said: whether the post is seen, may be referred to, and whether the key may be written.
#[tokio::test]
async fn what_is_taken_is_asked_for_as_if_it_were_said() {
    let seen: fn() -> Graph = || {
        let graph = backref::blog::graph();
        graph.connect_policy(post::Entity, |_, post| {
            post.is(post::Column::Slug, "post-1")
        })
    };
    let unwritten: fn() -> Graph = || {
        let graph = backref::blog::graph();
        graph.column_write_policy(comment::Column::PostId, |_, _| Rule::NEVER)
    };
    let hidden: fn() -> Graph = || {
        let graph = backref::blog::graph();
        graph.column_policy(comment::Column::PostId, |_, _| Rule::NEVER)
    };
    let of = |id: u32| {
        format!(
            r#"updateComment(id: "Comment:{id}", input: {{ replies: {{ create: [{{ body: "R" }}] }} }}) {{ id }}"#
        )
    };
    let place = "input.replies.create.0";
    let cases = [
        (seen, of(1), "", ""),
        (seen, of(5), "FORBIDDEN", place),
        (
            unwritten,
            of(1),
            "BAD_USER_INPUT",
            "input.replies.create.0.post",
        ),
        (
            hidden,
            of(1),
            "BAD_USER_INPUT",
            "input.replies.create.0.post",
        ),
    ];
    for backend in Backend::all() {
        let (database, _app) = blog(backend).await;
        for (graph, field, code, place) in &cases {
            let app = TestApp::new(&database, graph(), Default::default());
            let answer = ask(&app, &somebody("admin", 1), field).await;
            assert_eq!(answer.code(), *code, "{backend:?} {field}: {}", answer.text);
            let error = &answer.json()["errors"][0];
            let told = error["extensions"]["field"].as_str().unwrap_or_default();
            assert_eq!(told, *place, "{backend:?} {field}: {}", answer.text);
        }
    }
}
