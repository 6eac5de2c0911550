//! Plans and statements are shared by all to whom the same rules apply.

use std::collections::HashSet;

use backref::graph::Principal;
use serde_json::json;

use super::{admin, user};
use crate::harness::{Backend, Statements, TestApp, TestDatabase};

const QUERY: &str = "query($id: ID) { users(limit: 2) { email posts(limit: 2) { id author { name } } } post(id: $id) { title comments(limit: 2) { body } } postsAggregate { count } }";

#[tokio::test]
async fn ten_thousand_users_leave_one_plan_and_its_statements() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let users = match backend {
            Backend::Sqlite => 10_000,
            Backend::Postgres => 1_000,
        };
        let variables = json!({ "id": "Post:1" });
        let statements = Statements::listen();
        for id in 0..users {
            let answer = app.ask(&user(id), QUERY, &variables).await;
            assert!(
                !answer.text.contains("errors"),
                "{backend:?}: {}",
                answer.text
            );
        }
        let run = statements.read();
        let texts: HashSet<_> = run.iter().collect();
        let fields = 6;
        assert!(texts.len() <= fields, "{backend:?}: {texts:#?}");
        assert_eq!(app.engine.planner().plans(), 1, "{backend:?}");
        for who in [Principal::Anonymous, admin()] {
            app.ask(&who, QUERY, &variables).await;
        }
        assert_eq!(app.engine.planner().plans(), 3, "{backend:?}");
    }
}

/// Roles that no rule asks for are one, and so are those to whom the same rules apply.
#[tokio::test]
async fn roles_that_rules_do_not_know_share_a_plan() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    for role in ["reader", "author", "editor", "x"] {
        let subject = backref::graph::Subject::new("7").with_role(role);
        let who = Principal::subject(subject);
        app.ask(&who, QUERY, &json!({ "id": "Post:1" })).await;
    }
    assert_eq!(app.engine.planner().plans(), 1);
}

/// What the command prints is the plan of whoever has the role.
#[tokio::test]
async fn a_plan_is_explained_by_the_rules_of_a_role() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("posts.graphql");
    std::fs::write(&file, "{ posts { title } users { email } }").expect("a file");
    let explained = async |role: &[&str]| {
        let mut arguments = vec!["explain", file.to_str().expect("UTF-8")];
        arguments.extend(role);
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_backref"))
            .args(arguments)
            .output()
            .await
            .expect("it runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let nobody = explained(&[]).await;
    assert!(nobody.contains("\"status\" = 'published'"), "{nobody}");
    assert!(!nobody.contains("\"email\""), "{nobody}");
    let author = explained(&["--role", "author"]).await;
    assert!(author.contains("OR t0.\"author_id\" = ?1"), "{author}");
    assert!(author.contains("CASE WHEN t0.\"id\" = ?1"), "{author}");
    let admin = explained(&["--role", "admin"]).await;
    assert!(!admin.contains("WHERE"), "{admin}");
    assert!(admin.contains("SELECT t0.\"email\""), "{admin}");
}
