//! What keeps a row from being deleted: rows that refer to it and stay, and not those that go with it.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{blog, content, somebody};
use crate::harness::{Backend, TestApp};

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

/// An answer below another post keeps the comment that it answers, and so that comment's post.
#[tokio::test]
async fn what_stays_keeps_what_it_refers_to_and_is_named_to_whoever_sees_it() {
    let answered = "this cannot be deleted: with it would go comments that still have `replies`; delete those first";
    let hidden = "this cannot be deleted: with it would go comments that something else refers to";
    for backend in Backend::all() {
        // The last is a draft, of somebody else than the post's author.
        for (post, message) in [(3, answered), (4, hidden)] {
            let (database, app) = blog(backend).await;
            content::answer_elsewhere(&database, 900, post, 1).await;
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

/// What is as it is to be needs no leave: neither what is connected, nor what is not and would be disconnected.
#[tokio::test]
async fn what_is_done_already_may_be_asked_by_whoever_sees_it() {
    let none = [
        r#"updatePost(id: "Post:1", input: { comments: { connect: ["Comment:1", "Comment:3"] } })"#,
        r#"updatePost(id: "Post:1", input: { comments: { set: ["Comment:1", "Comment:2", "Comment:3"] } })"#,
        r#"updateComment(id: "Comment:4", input: { replies: { disconnect: ["Comment:8"] } })"#,
    ];
    let some = [
        r#"updatePost(id: "Post:1", input: { comments: { connect: ["Comment:5"] } })"#,
        r#"updateComment(id: "Comment:2", input: { replies: { disconnect: ["Comment:3"] } })"#,
    ];
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        let author = somebody("author", 2);
        for field in none {
            let query = format!("mutation {{ {field} {{ id }} }}");
            let answer = app.ask(&author, &query, &json!({})).await;
            answer.data();
            assert_eq!(
                before,
                content::dump(&database).await,
                "{backend:?}: {field}"
            );
        }
        for field in some {
            let query = format!("mutation {{ {field} {{ id }} }}");
            let answer = app.ask(&author, &query, &json!({})).await;
            assert_eq!(answer.code(), "FORBIDDEN", "{backend:?}: {}", answer.text);
            assert_eq!(
                before,
                content::dump(&database).await,
                "{backend:?}: {field}"
            );
        }
    }
}

/// Who is not in a relation that he is to leave is written all the same, as far as something else is said of him.
#[tokio::test]
async fn what_leaves_where_it_is_not_is_changed_as_is_said_elsewhere() {
    let query = r#"mutation { updateComment(id: "Comment:4", input: { replies: {
        disconnect: ["Comment:8"]
        create: [{ body: "B", post: { connect: "Post:2" }, replies: { create: [{ body: "B", post: { connect: "Post:2" },
            author: { create: { username: "sam", name: "S", email: "s@example.org", comments: { connect: ["Comment:8"] } } } }] } }]
    } }) { id } }"#;
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let admin = somebody("admin", 1);
        app.ask(&admin, query, &json!({})).await.data();
        let read = "{ comment(id: 8) { author { username } parent { id } } }";
        let comment = app.ask(&admin, read, &json!({})).await.data();
        let expected = json!({ "author": { "username": "sam" }, "parent": { "id": "Comment:7" } });
        assert_eq!(comment["comment"], expected, "{backend:?}");
    }
}

/// Those that are meant are found by the transaction that deletes them, and so is what is shown of them.
#[tokio::test]
async fn rows_are_deleted_by_parts_of_texts_of_any_collation() {
    let query = r#"mutation { deletePosts(where: { slug: { contains: "1" }, comments: { some: { body: { endsWith: "1" } } } }) {
        count nodes { slug comments(where: { body: { startsWith: "Comment" } }) { body } } } }"#;
    let collations = "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        ALTER TABLE post ALTER slug TYPE varchar COLLATE folded;
        ALTER TABLE comment ALTER body TYPE text COLLATE folded";
    let mut answers = Vec::new();
    for (backend, before) in [
        (Backend::Sqlite, ""),
        (Backend::Postgres, ""),
        (Backend::Postgres, collations),
    ] {
        if !Backend::all().contains(&backend) {
            continue;
        }
        let (database, _) = blog(backend).await;
        let done = database.connection.execute_unprepared(before).await;
        done.expect("other collations");
        let app = TestApp::new(&database, backref::blog::graph(), Default::default());
        let answer = app.ask(&somebody("admin", 1), query, &json!({})).await;
        let deleted = answer.data()["deletePosts"].clone();
        assert_ne!(deleted["count"], 0, "{backend:?}");
        answers.push(deleted);
    }
    assert!(
        answers.windows(2).all(|two| two[0] == two[1]),
        "{answers:?}"
    );
}
