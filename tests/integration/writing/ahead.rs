//! On PostgreSQL the first row that a field makes is on its way before it is known what is there of the rows that it names. Nothing
//! tells: what refuses one of those is told first, as on SQLite, and leaves nothing.

use serde_json::json;

use super::{blog, content, somebody};
use crate::harness::Backend;

/// By whom, what, and the code of what is wrong with it.
const MADE: &[(&str, i64, &str, &str)] = &[
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "one", body: "B", author: { connect: "User:2" } })"#,
        "",
    ),
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "two", body: "B", author: { connect: "User:2" }, tags: { connect: ["Tag:1", "Tag:3"] } })"#,
        "",
    ),
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "three", body: "B", author: { connect: "User:99" } })"#,
        "NOT_FOUND",
    ),
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "three", body: "B", tags: { connect: ["Tag:1", "Tag:99"] } })"#,
        "NOT_FOUND",
    ),
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "three", body: "B", author: { connect: "User:99" }, tags: { connect: ["Tag:99"] } })"#,
        "NOT_FOUND",
    ),
    // The slug is another's.
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "post-1", body: "B", author: { connect: "User:2" } })"#,
        "CONFLICT",
    ),
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "post-1", body: "B", author: { connect: "User:99" } })"#,
        "NOT_FOUND",
    ),
    (
        "admin",
        1,
        r#"createPost(input: { title: "T", slug: "post-1", body: "B", tags: { connect: ["Tag:99"] } })"#,
        "NOT_FOUND",
    ),
    (
        "author",
        2,
        r#"createPost(input: { title: "T", slug: "three", body: "B", author: { connect: "User:3" } })"#,
        "FORBIDDEN",
    ),
    (
        "author",
        2,
        r#"createPost(input: { title: "T", slug: "post-1", body: "B", author: { connect: "User:99" } })"#,
        "NOT_FOUND",
    ),
    (
        "author",
        2,
        r#"createComment(input: { body: "B", post: { connect: "Post:3" } })"#,
        "",
    ),
    // Its post is hidden, or not there.
    (
        "author",
        2,
        r#"createComment(input: { body: "B", post: { connect: "Post:4" } })"#,
        "NOT_FOUND",
    ),
    (
        "author",
        2,
        r#"createComment(input: { body: "B", post: { connect: "Post:99" } })"#,
        "NOT_FOUND",
    ),
    (
        "author",
        2,
        r#"createComment(input: { body: "B", post: { connect: "Post:3" }, parent: { connect: "Comment:5" } })"#,
        "",
    ),
    (
        "author",
        2,
        r#"createComment(input: { body: "B", post: { connect: "Post:1" }, parent: { connect: "Comment:5" } })"#,
        "BAD_USER_INPUT",
    ),
    (
        "author",
        2,
        r#"createComment(input: { body: "B", post: { connect: "Post:3" }, author: { connect: "User:3" } })"#,
        "FORBIDDEN",
    ),
    (
        "admin",
        1,
        r#"createProfile(input: { user: { connect: "User:3" }, bio: "B" })"#,
        "",
    ),
    (
        "admin",
        1,
        r#"createProfile(input: { user: { connect: "User:3" }, bio: "B" })"#,
        "CONFLICT",
    ),
    (
        "admin",
        1,
        r#"createProfile(input: { user: { connect: "User:99" }, bio: "B" })"#,
        "NOT_FOUND",
    ),
];

#[tokio::test]
async fn what_is_named_is_told_of_before_what_is_made() {
    let mut by_backend = Vec::new();
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let mut all = Vec::new();
        for (role, id, field, code) in MADE {
            let before = content::dump(&database).await;
            let query = format!("mutation {{ it: {field} {{ __typename }} }}");
            let answer = app.ask(&somebody(role, *id), &query, &json!({})).await;
            let after = content::dump(&database).await;
            match code.is_empty() {
                true => {
                    answer.data();
                    assert_ne!(before, after, "{backend:?} {field}");
                }
                false => {
                    assert_eq!(answer.code(), *code, "{backend:?} {field}: {}", answer.text);
                    assert_eq!(before, after, "{backend:?} {field}");
                }
            }
            let mut told = answer.json();
            told["extensions"] = json!(null);
            all.push((*field, told));
        }
        content::is_sound(&database).await;
        by_backend.push(all);
    }
    by_backend.dedup();
    assert_eq!(by_backend.len(), 1, "{by_backend:#?}");
}
