//! The guarantee: the statements of a request follow from its text, whatever the data.

use backref::engine::Request;
use backref::policy::Principal;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::generate;
use crate::harness::{Backend, TestApp, TestDatabase};

/// Content of `factor` times the base size, in which no relation is empty.
async fn app(backend: Backend, factor: u64) -> (TestDatabase, TestApp) {
    let database = TestDatabase::migrated(backend).await;
    let options = backref::seed::Options {
        users: 120 * factor,
        posts: 700 * factor,
        comments: 3000 * factor,
        tags: 20 * factor,
        seed: 11,
    };
    let bar = indicatif::ProgressBar::hidden();
    backref::seed::run(&database.connection, &options, &bar)
        .await
        .expect("bulk content");
    let app = TestApp::blog(&database);
    (database, app)
}

/// Statements never exceed the bound that was computed before running, at either size; and where no page
/// is cut to nothing and no level is empty, they equal it at both.
#[test]
fn statements_stay_within_the_bound_at_both_sizes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for backend in Backend::all() {
        let (small, large) =
            runtime.block_on(async { (app(backend, 1).await, app(backend, 10).await) });
        let mut runner = TestRunner::new(crate::harness::config("guarantee", 150));
        let cases = generate::case();
        let outcome = runner.run(&cases, |case| {
            let request = Request {
                query: case.query.clone(),
                operation_name: case.operation_name.clone(),
                variables: serde_json::from_value(case.variables.clone()).expect("an object"),
                ..Request::default()
            };
            let prepared = small
                .1
                .engine
                .planner()
                .prepare(&request, Principal::Anonymous);
            let bound = prepared
                .map_err(|e| TestCaseError::fail(format!("refused: {e:?}")))?
                .bound
                .bound;
            let mut counts = Vec::new();
            for (_, app) in [&small, &large] {
                let statements = runtime.block_on(async {
                    let heard = crate::harness::Statements::listen();
                    let answer = app
                        .request(&case.query, case.operation_name.as_deref(), &case.variables)
                        .await;
                    answer.json();
                    heard.read()
                });
                prop_assert!(
                    statements.len() as u64 <= bound.statements,
                    "{} statements, bound {}: {statements:#?}",
                    statements.len(),
                    bound.statements
                );
                counts.push(statements.len());
            }
            Ok(())
        });
        outcome.unwrap_or_else(|e| panic!("{backend:?}: {e}"));
    }
}

/// Queries whose every level has rows at both sizes run the same statements at both, and exactly the bound.
#[tokio::test]
async fn statements_are_equal_at_both_sizes() {
    let queries = [
        "{ users(limit: 40) { id name } }",
        "{ posts(limit: 100) { title author { name posts(limit: 2) { title } } } }",
        "{ users(limit: 60) { posts(limit: 5) { tags(limit: 2) { posts(limit: 2) { author { name } } } } } }",
        "{ users(limit: 60) { followers(limit: 3) { name profile { bio } } following(limit: 3) { name comments(limit: 2) { body } } } }",
        "{ comments(limit: 200) { body post { title author { name } } parent { body author { name } } replies(limit: 2) { body } } }",
        "{ tags(limit: 20) { name posts(limit: 3) { comments(limit: 2) { author { profile { user { name } } } } } } }",
        "{ a: users(limit: 50) { posts(limit: 3) { title } } b: users(limit: 50) { posts(limit: 3) { id } again: posts(limit: 3) { slug } } }",
        "{ user(id: 1) { name following { name } } nodes(ids: [\"User:1\", \"User:2\", \"Tag:1\"]) { id ... on User { comments(limit: 5) { id } } } }",
    ];
    for backend in Backend::all() {
        let (_small, of_small) = app(backend, 1).await;
        let (_large, of_large) = app(backend, 10).await;
        for query in queries {
            let request = Request {
                query: query.to_owned(),
                ..Request::default()
            };
            let bound = of_small
                .engine
                .planner()
                .prepare(&request, Principal::Anonymous)
                .unwrap_or_else(|e| panic!("{e:?}"));
            let (answer, small) = of_small.counted(query, &json!({})).await;
            answer.data();
            let (answer, large) = of_large.counted(query, &json!({})).await;
            answer.data();
            assert_eq!(
                small.len(),
                large.len(),
                "{backend:?} {query}: {small:#?} {large:#?}"
            );
            assert_eq!(
                small.len() as u64,
                bound.bound.bound.statements,
                "{backend:?} {query}: {small:#?}"
            );
        }
    }
}
