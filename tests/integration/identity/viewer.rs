//! `viewer`, the row of whoever asks.

use backref::graph::accounts::Accounts;
use backref::graph::{Claim, Principal, Subject};
use backref::read::plan::Limits;
use entity::{post, user};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::harness::{Backend, Statements, TestApp, TestDatabase, blog};

const VIEWER: &str = "{ viewer { id email posts(limit: 50) { status } } }";

fn subject(id: &str) -> Principal {
    Principal::subject(Subject::new(id).with_role("author"))
}

#[tokio::test]
async fn the_viewer_is_who_asks() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let draft = "UPDATE post SET status = 'draft' WHERE author_id = 1";
        database
            .connection
            .execute_unprepared(draft)
            .await
            .expect("drafts");
        let answer = app.ask(&subject("1"), VIEWER, &json!({})).await.data();
        assert_eq!(answer["viewer"]["id"], "User:1");
        assert_eq!(answer["viewer"]["email"], "ada@example.org");
        let posts = answer["viewer"]["posts"].as_array().expect("posts");
        assert!(!posts.is_empty() && posts.iter().all(|p| p["status"] == "DRAFT"));
        // Somebody else sees neither.
        let other = "{ user(id: 1) { email posts { id } } }";
        let answer = app.ask(&subject("2"), other, &json!({})).await.data();
        assert_eq!(answer["user"], json!({ "email": null, "posts": [] }));
        for nobody in [
            Principal::Anonymous,
            subject("1000"),
            subject("a service"),
            subject(""),
            subject("99999999999999999999"),
        ] {
            let answer = app.ask(&nobody, VIEWER, &json!({})).await.data();
            assert_eq!(answer, json!({ "viewer": null }), "{nobody:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_asked_for_an_anonymous_viewer_and_one_statement_for_any_other() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let query = "{ viewer { id name } }";
    for (principal, statements) in [
        (Principal::Anonymous, 0),
        (subject("1"), 1),
        (subject("2"), 1),
    ] {
        let heard = Statements::listen();
        app.ask(&principal, query, &json!({})).await.data();
        assert_eq!(heard.read().len(), statements, "{principal:?}");
    }
}

#[tokio::test]
async fn a_rule_may_hide_the_viewer_from_itself() {
    let graph = blog::graph().policy(user::Entity, |me, user| {
        me.claim("shown")
            .is(user::Column::Id)
            .and(user.is(user::Column::Role, user::Role::Admin).not())
    });
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::new(&database, graph, Limits::default());
    let author = "UPDATE user SET role = 'author'";
    database
        .connection
        .execute_unprepared(author)
        .await
        .expect("authors");
    let query = "{ viewer { id } }";
    for (shown, viewer) in [(1, json!({ "id": "User:1" })), (2, json!(null))] {
        let principal = Subject::new("1").with_claim("shown", Claim::Integer(shown));
        let principal = Principal::subject(principal);
        let answer = app.ask(&principal, query, &json!({})).await.data();
        assert_eq!(answer, json!({ "viewer": viewer }));
    }
}

#[test]
fn accounts_that_will_not_do_are_named_with_the_remedy() {
    let columns = || Accounts {
        username: user::Column::Username,
        password_hash: user::Column::PasswordHash,
        role: user::Column::Role,
        email: user::Column::Email,
        asked: vec![user::Column::Name],
        made_at: vec![user::Column::CreatedAt],
    };
    let graph = || backref::Graph::new().entity(user::Entity);
    let graph = || graph().entity(entity::profile::Entity).entity(post::Entity);
    let refused = |graph: backref::Graph| graph.build().expect_err("it is refused").to_string();
    for (graph, says) in [
        (
            graph().accounts(columns()),
            "must be a text that is hidden; hide it",
        ),
        (
            graph().accounts(Accounts {
                username: user::Column::Name,
                ..columns()
            }),
            "column `name` must be a unique text",
        ),
        (
            graph().accounts(Accounts {
                made_at: vec![user::Column::Name],
                ..columns()
            }),
            "column `name` must be a time",
        ),
        (
            graph()
                .accounts(columns())
                .type_name(post::Entity, "Session"),
            "call `Session` otherwise",
        ),
        (
            backref::Graph::new().accounts(columns()),
            "is not on the graph",
        ),
    ] {
        let error = refused(graph);
        assert!(error.contains(says), "{error}");
    }
}
