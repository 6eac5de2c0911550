//! What a request would cost, and what it did.

use axum::body::Body;
use axum::http::Request;
use backref::graph::Principal;
use backref::read::sql::Dialect;
use backref::serve::http::{self, ServerOptions};
use serde_json::{Value, json};

use crate::harness::{Backend, Statements, TestApp, TestDatabase};

const QUERY: &str = r#"{
  users(where: { username: { eq: "ada" } }) {
    name
    postsConnection(first: 2) {
      totalCount
      pageInfo { hasNextPage }
      nodes { title author { name } tags(limit: 3) { name } }
    }
    again: postsConnection(first: 2) { nodes { slug } }
    commentsAggregate { count groups(by: [PARENT_ID], limit: 5) { count } }
  }
  node(id: "User:1") { id ... on User { profile { bio } } }
}"#;

#[tokio::test]
async fn the_plan_is_a_tree_that_a_person_reads() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let planner = app.engine.planner();
    let request = backref::Request {
        query: QUERY.to_owned(),
        ..backref::Request::default()
    };
    let prepared = planner
        .prepare(&request, Principal::Anonymous)
        .unwrap_or_else(|e| panic!("{e:?}"));
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let tree = backref::read::explain::explain(planner.catalog(), &prepared.bound, dialect);
        let name = format!("plan_{dialect:?}").to_lowercase();
        insta::assert_snapshot!(name, tree);
    }
}

/// Sends the query with the header, to a server that allows it or not.
async fn explained(app: &TestApp, allowed: bool, header: Option<&str>) -> (Value, Vec<String>) {
    let options = ServerOptions {
        explain: allowed,
        ..ServerOptions::default()
    };
    let app = TestApp {
        router: http::router(app.engine.clone(), &options),
        engine: app.engine.clone(),
    };
    let request = Request::post("/graphql").header("content-type", "application/json");
    let request = match header {
        Some(value) => request.header("x-backref-explain", value),
        None => request,
    };
    let body = Body::from(json!({ "query": QUERY }).to_string());
    let statements = Statements::listen();
    let answer = app.send(request.body(body).expect("a request")).await;
    answer.data();
    (answer.json(), statements.read())
}

#[tokio::test]
async fn an_answer_says_what_it_cost_to_those_who_ask_and_may() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let (answer, ran) = explained(&app, true, Some("1")).await;
        let cost = &answer["extensions"]["backref"];
        let statements = cost["statements"].as_array().expect("statements");
        let mut said: Vec<_> = statements
            .iter()
            .filter_map(|s| s["sql"].as_str())
            .collect();
        let mut ran: Vec<_> = ran.iter().map(String::as_str).collect();
        said.sort_unstable();
        ran.sort_unstable();
        assert_eq!(said, ran, "{backend:?}");
        assert_eq!(cost["bound"]["statements"], statements.len());
        let rows: u64 = statements.iter().filter_map(|s| s["rows"].as_u64()).sum();
        assert!(rows > 0 && rows <= cost["bound"]["rows"].as_u64().expect("a number"));
        assert!(
            statements
                .iter()
                .all(|s| s["ms"].as_f64().is_some_and(|ms| ms > 0.0))
        );
        let found = |path: &str| statements.iter().find(|s| s["path"] == path);
        let tags = found("users.postsConnection.tags").expect("the tags");
        assert_eq!(tags["keys"], 2, "{tags}");
        for path in [
            "users",
            "users.postsConnection",
            "users.postsConnection.totalCount",
            "node(User).profile",
        ] {
            assert!(found(path).is_some(), "{path}: {cost:#}");
        }
        for (allowed, header) in [(true, None), (true, Some("0")), (false, Some("1"))] {
            let (answer, _) = explained(&app, allowed, header).await;
            assert!(answer.get("extensions").is_none(), "{answer}");
        }
    }
}
