//! What goes with what is deleted, or lets go of it: along several ways, in circles, and where something else is to become
//! of it.

use backref::graph::Preset;
use serde_json::{Value, json};

use super::bounds::cost;
use super::{blog, content, somebody};
use crate::generate;
use crate::harness::{Backend, TestApp, TestDatabase};

/// Where nothing goes with a row no statement is run for that, whatever the graph puts into its columns.
#[tokio::test]
async fn what_takes_nothing_along_is_deleted_alone() {
    for backend in Backend::all() {
        let database = TestDatabase::migrated(backend).await;
        generate::insert(&database.connection, &content::data()).await;
        let graph =
            backref::blog::graph().on_create(entity::follow::Column::FollowerId, Preset::me());
        let app = TestApp::new(&database, graph, Default::default());
        let query = r#"mutation { deleteUser(id: "User:6") { id } }"#;
        let (_, heard) = cost(&app, query, &json!({})).await;
        let deletes = heard.iter().filter(|sql| sql.starts_with("DELETE"));
        assert_eq!(deletes.count(), 1, "{backend:?}: {heard:#?}");
        content::is_sound(&database).await;
    }
}

/// What goes with something cannot be changed by the same field: it goes first, and the change would be lost.
#[tokio::test]
async fn what_goes_along_and_is_to_be_changed_is_refused() {
    let fields = [
        // It is to be moved away, to be changed, to be answered.
        (
            r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { update: [
                { id: "Comment:2", input: { postId: "Post:3", body: "moved" } }] } })"#,
            "input.comments.update.0.id",
        ),
        (
            r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { update: [
                { id: "Comment:4", input: { body: "kept" } }, { id: "Comment:2", input: { body: "lost" } }] } })"#,
            "input.comments.update.1.id",
        ),
        (
            r#"updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { create: [
                { body: "B", postId: "Post:3", parent: { connect: "Comment:3" } }] } })"#,
            "input.comments.create.0.parent.connect",
        ),
        // It leaves the relation by going.
        (
            r#"updatePost(id: "Post:1", input: { comments: { set: [], update: [
                { id: "Comment:3", input: { body: "lost" } }] } })"#,
            "input.comments.update.0.id",
        ),
    ];
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        let admin = somebody("admin", 1);
        for (field, place) in fields {
            let query = format!("mutation {{ {field} {{ id }} }}");
            let answer = app.ask(&admin, &query, &json!({})).await;
            assert_eq!(
                answer.code(),
                "BAD_USER_INPUT",
                "{backend:?}: {}",
                answer.text
            );
            let error: &Value = &answer.json()["errors"][0];
            assert_eq!(error["extensions"]["field"], place, "{backend:?}");
            assert_eq!(
                before,
                content::dump(&database).await,
                "{backend:?}: {field}"
            );
        }
        // In two fields both are done.
        let query = r#"mutation {
            a: updateComment(id: "Comment:2", input: { postId: "Post:3", parent: null }) { id }
            b: updateComment(id: "Comment:3", input: { postId: "Post:3" }) { id }
            c: updateUser(id: "User:2", input: { posts: { delete: ["Post:1"] }, comments: { update: [
                { id: "Comment:2", input: { body: "moved" } }] } }) { id } }"#;
        app.ask(&admin, query, &json!({})).await.data();
        let read = r#"{ comment(id: "Comment:2") { body post { id } } post(id: "Post:1") { id } }"#;
        let read = app.ask(&admin, read, &json!({})).await.data();
        let comment = json!({ "body": "moved", "post": { "id": "Post:3" } });
        assert_eq!(
            read,
            json!({ "comment": comment, "post": null }),
            "{backend:?}"
        );
    }
}
