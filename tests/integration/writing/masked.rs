//! A foreign key that is hidden leads nowhere, also for whoever writes along it: nothing that he is answered tells where it does.

use backref::Graph;
use backref::graph::policy::Rule;
use entity::user::Role;
use entity::{comment, follow};
use serde_json::json;

use super::{blog, content, somebody};
use crate::harness::{Answer, Backend, TestApp};

/// Nobody but admins sees what a comment answers; or its author does as well.
fn graphs() -> [Graph; 2] {
    let admins = |rule: fn(backref::graph::policy::Me<'_>) -> Rule| {
        backref::blog::graph().column_policy(comment::Column::ParentId, move |me, _| {
            rule(me).or(Rule::when(me.has(Role::Admin)))
        })
    };
    [
        admins(|_| Rule::NEVER),
        admins(|me| me.is(comment::Column::AuthorId)),
    ]
}

/// The second comment is the author's own, and is answered by the third, which is another's.
fn replies(said: &str) -> String {
    format!(
        r#"mutation {{ updateComment(id: "Comment:2", input: {{ replies: {{ {said} }} }}) {{ id }} }}"#
    )
}

async fn as_author(app: &TestApp, query: &str) -> Answer {
    app.ask(&somebody("author", 2), query, &json!({})).await
}

/// The answer, without what it cost.
fn told(answer: &Answer) -> String {
    let mut json = answer.json();
    json["extensions"] = json!(null);
    json.to_string()
}

#[tokio::test]
async fn a_hidden_key_is_told_by_no_write_along_it() {
    for backend in Backend::all() {
        for graph in graphs() {
            let (database, _) = blog(backend).await;
            let app = TestApp::new(&database, graph, Default::default());
            let before = content::dump(&database).await;
            for (said, code) in [
                (r#"connect: ["ID"]"#, "FORBIDDEN"),
                (r#"set: ["ID"]"#, "FORBIDDEN"),
                (r#"disconnect: ["ID"]"#, ""),
                (
                    r#"update: [{ id: "ID", input: { body: "B" } }]"#,
                    "FORBIDDEN",
                ),
                (r#"delete: ["ID"]"#, "FORBIDDEN"),
                ("set: []", ""),
            ] {
                // The third answers it, and the eighth another.
                let [one, other] =
                    ["Comment:3", "Comment:8"].map(|id| replies(&said.replace("ID", id)));
                let one = as_author(&app, &one).await;
                let other = as_author(&app, &other).await;
                assert_eq!(one.code(), code, "{backend:?}: {said}: {}", one.text);
                assert_eq!(told(&one), told(&other), "{backend:?}: {said}");
                assert_eq!(
                    before,
                    content::dump(&database).await,
                    "{backend:?}: {said}"
                );
            }
            let delete = r#"mutation { deleteComment(id: "Comment:2") { id } }"#;
            let held = as_author(&app, delete).await;
            assert_eq!(held.code(), "CONFLICT", "{backend:?}: {}", held.text);
            assert!(!held.message().contains("replies"), "{}", held.text);
        }
    }
}

/// Who sees it is answered as ever.
#[tokio::test]
async fn a_key_that_is_seen_is_written_where_it_changes() {
    for backend in Backend::all() {
        for graph in graphs() {
            let (database, _) = blog(backend).await;
            let app = TestApp::new(&database, graph, Default::default());
            let before = content::dump(&database).await;
            let ask = async |said: &str| {
                let query = replies(said);
                app.ask(&somebody("admin", 1), &query, &json!({})).await
            };
            for said in [r#"connect: ["Comment:3"]"#, r#"disconnect: ["Comment:1"]"#] {
                ask(said).await.data();
                assert_eq!(
                    before,
                    content::dump(&database).await,
                    "{backend:?}: {said}"
                );
            }
            let read = r#"{ comment(id: "Comment:3") { parentId } }"#;
            let parent = async || {
                let read = app.ask(&somebody("admin", 1), read, &json!({})).await;
                read.data()["comment"]["parentId"].clone()
            };
            ask(r#"disconnect: ["Comment:3"]"#).await.data();
            assert_eq!(parent().await, json!(null), "{backend:?}");
            ask(r#"set: ["Comment:3"]"#).await.data();
            assert_eq!(parent().await, "Comment:2", "{backend:?}");
            ask("set: []").await.data();
            assert_eq!(parent().await, json!(null), "{backend:?}");
        }
    }
}

/// Who may write a key that he does not see writes it anew, and takes nothing away by it.
#[tokio::test]
async fn a_key_that_is_written_and_not_seen_leads_nowhere() {
    let graph =
        || backref::blog::graph().column_policy(comment::Column::ParentId, |_, _| Rule::NEVER);
    let times = "{ comments(orderBy: [{ id: ASC }]) { id parentId updatedAt } }";
    for backend in Backend::all() {
        let (database, open) = blog(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let before = content::dump(&database).await;
        for (said, code) in [
            (
                r#"update: [{ id: "ID", input: { body: "B" } }]"#,
                "NOT_FOUND",
            ),
            (r#"delete: ["ID"]"#, "NOT_FOUND"),
            (r#"disconnect: ["ID"]"#, ""),
            ("set: []", ""),
        ] {
            let answers = ["Comment:3", "Comment:8"].map(|id| replies(&said.replace("ID", id)));
            for query in answers {
                let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
                assert_eq!(answer.code(), code, "{backend:?}: {said}: {}", answer.text);
                assert_eq!(
                    before,
                    content::dump(&database).await,
                    "{backend:?}: {said}"
                );
            }
        }
        let read = async || {
            let read = open.ask(&somebody("admin", 1), times, &json!({})).await;
            read.data()["comments"].clone()
        };
        let before = read().await;
        let connect = replies(r#"connect: ["Comment:3", "Comment:1"]"#);
        app.ask(&somebody("admin", 1), &connect, &json!({}))
            .await
            .data();
        let after = read().await;
        for at in [2, 0] {
            assert_eq!(after[at]["parentId"], "Comment:2", "{backend:?}");
            assert_ne!(
                before[at]["updatedAt"], after[at]["updatedAt"],
                "{backend:?}"
            );
        }
    }
}

/// A link that is hidden is asked what a new one is.
#[tokio::test]
async fn a_hidden_link_is_told_by_no_link_beside_it() {
    let open = backref::blog::graph;
    let hidden = || {
        open().policy(follow::Entity, |me, _| {
            me.is(follow::Column::FollowerId)
                .or(Rule::when(me.has(Role::Admin)))
        })
    };
    let user = |said: &str| {
        format!(r#"mutation {{ updateUser(id: "User:2", input: {{ {said} }}) {{ id }} }}"#)
    };
    // The third follows, and the sixth does not.
    let [one, other] =
        ["User:3", "User:6"].map(|id| format!(r#"followers: {{ connect: ["{id}"] }}"#));
    for backend in Backend::all() {
        let (database, open) = blog(backend).await;
        let hidden = TestApp::new(&database, hidden(), Default::default());
        let before = content::dump(&database).await;
        let own = r#"following: { connect: ["User:3"] }"#;
        for (app, said, code) in [
            (&open, &*one, ""),
            (&open, &*other, "FORBIDDEN"),
            (&hidden, &*one, "FORBIDDEN"),
            (&hidden, &*other, "FORBIDDEN"),
            (&hidden, own, ""),
        ] {
            let answer = as_author(app, &user(said)).await;
            assert_eq!(answer.code(), code, "{backend:?}: {said}: {}", answer.text);
        }
        let both = [&one, &other].map(|said| user(said));
        let [one, other] = both;
        let answers = (
            as_author(&hidden, &one).await,
            as_author(&hidden, &other).await,
        );
        assert_eq!(told(&answers.0), told(&answers.1), "{backend:?}");
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
        let linked = hidden.ask(&somebody("admin", 1), &one, &json!({})).await;
        linked.data();
        assert_eq!(before, content::dump(&database).await, "{backend:?}");
    }
}
