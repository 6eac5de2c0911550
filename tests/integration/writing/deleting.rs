//! What keeps a row from being deleted: rows that refer to it and stay, and not those that go with it.

use serde_json::json;

use super::{blog, content, somebody};
use crate::harness::Backend;

/// A reply under another post keeps the comment that it answers, and so that comment's post.
const ELSEWHERE: &str = "mutation($post: ID!) { createComment(input: {
    body: \"B\", parent: { connect: \"Comment:1\" }, post: { connect: $post } }) { id } }";

#[tokio::test]
async fn what_goes_with_a_row_does_not_keep_it() {
    let all = [
        // Answered by what goes with the post, and by what is deleted beside it.
        r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { delete: ["Comment:2"] } })"#,
        r#"updatePost(id: "Post:1", input: { comments: { delete: ["Comment:1", "Comment:2", "Comment:3"] } })"#,
        r#"updatePost(id: "Post:1", input: { comments: { set: [] } })"#,
    ];
    for backend in Backend::all() {
        for field in all {
            let (database, app) = blog(backend).await;
            let query = format!("mutation {{ {field} {{ id }} }}");
            let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
            answer.data();
            content::is_sound(&database).await;
            let left = content::dump(&database).await;
            let of_post = left.iter().filter(|row| row.contains("Comment 1"));
            assert_eq!(of_post.count(), 0, "{backend:?}: {field}");
        }
    }
}

#[tokio::test]
async fn what_stays_keeps_what_it_refers_to_and_is_named_to_whoever_sees_it() {
    let answered = "this cannot be deleted: with it would go comments that still have `replies`; delete those first";
    let hidden = "this cannot be deleted: with it would go comments that something else refers to";
    for backend in Backend::all() {
        // The last is a draft, of somebody else than the post's author.
        for (post, message) in [("Post:3", answered), ("Post:4", hidden)] {
            let (database, app) = blog(backend).await;
            let (admin, variables) = (somebody("admin", 1), json!({ "post": post }));
            app.ask(&admin, ELSEWHERE, &variables).await.data();
            let before = content::dump(&database).await;
            for query in [
                r#"mutation { deletePost(id: "Post:1") { id } }"#,
                r#"mutation { deletePosts(where: { id: { eq: "Post:1" } }) { count } }"#,
            ] {
                let answer = app.ask(&somebody("author", 2), query, &json!({})).await;
                assert_eq!(answer.code(), "CONFLICT", "{backend:?}: {}", answer.text);
                assert_eq!(answer.message(), message, "{backend:?}");
                assert_eq!(before, content::dump(&database).await, "{backend:?}");
            }
        }
    }
}
