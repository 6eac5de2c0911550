//! The guarantee: the statements of a request follow from its text, whatever the data.

use backref::engine::Request;
use backref::graph::{Principal, Subject};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::generate;
use crate::harness::{Backend, Statements, TestApp, TestDatabase};

/// Content of `factor` times the base size, in which no relation is empty.
async fn app(backend: Backend, factor: u64) -> (TestDatabase, TestApp) {
    let database = TestDatabase::migrated(backend).await;
    let options = backref::blog::seed::Options {
        users: 120 * factor,
        posts: 700 * factor,
        comments: 3000 * factor,
        tags: 20 * factor,
        seed: 11,
    };
    let bar = indicatif::ProgressBar::hidden();
    backref::blog::seed::run(&database.connection, &options, &bar)
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
                    let heard = Statements::listen();
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

/// Queries whose every level has rows at both sizes, with the statements that each runs.
const QUERIES: [(&str, usize); 28] = [
    ("{ users(limit: 40) { id name } }", 1),
    (
        "{ posts(limit: 100) { title author { name posts(limit: 2) { title } } } }",
        3,
    ),
    (
        "{ users(limit: 60) { posts(limit: 5) { tags(limit: 2) { posts(limit: 2) { author { name } } } } } }",
        5,
    ),
    (
        "{ users(limit: 60) { followers(limit: 3) { name profile { bio } } following(limit: 3) { name comments(limit: 2) { body } } } }",
        5,
    ),
    (
        "{ comments(limit: 200) { body post { title author { name } } parent { body author { name } } replies(limit: 2) { body } } }",
        6,
    ),
    (
        "{ tags(limit: 20) { name posts(limit: 3) { comments(limit: 2) { author { profile { user { name } } } } } } }",
        5,
    ),
    (
        "{ a: users(limit: 50) { posts(limit: 3) { title } } b: users(limit: 50) { posts(limit: 3) { id } again: posts(limit: 3) { slug } } }",
        2,
    ),
    (
        "{ user(id: 1) { name following { name } } nodes(ids: [\"User:1\", \"User:2\", \"Tag:1\"]) { id ... on User { comments(limit: 5) { id } } } }",
        5,
    ),
    // Connections.
    ("{ postsConnection { totalCount } }", 1),
    (
        "{ postsConnection(first: 50) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { title author { name } } } } }",
        3,
    ),
    (
        "{ postsConnection(last: 50, orderBy: { comments: { count: DESC } }) { nodes { title comments(limit: 2) { body } } pageInfo { hasPreviousPage startCursor } } }",
        2,
    ),
    (
        "{ users(limit: 40) { name postsConnection(first: 3, orderBy: { publishedAt: DESC_NULLS_LAST }) { totalCount nodes { title tags(limit: 2) { name } } } } }",
        4,
    ),
    (
        "{ posts(limit: 50, orderBy: { comments: { count: DESC } }, where: { tags: { some: {} } }) { title commentsConnection(first: 2, where: { parent: { body: { contains: \"\" } } }) { totalCount nodes { body parent { body } } } tagsConnection(first: 3) { nodes { name } } } }",
        5,
    ),
    (
        "{ tagsConnection(first: 20, orderBy: { posts: { count: DESC } }) { totalCount nodes { name postsConnection(first: 3, orderBy: { author: { name: ASC } }) { pageInfo { endCursor } nodes { commentsConnection(last: 2) { totalCount edges { node { author { username } } } } } } } } }",
        6,
    ),
    (
        "{ comments(limit: 100, orderBy: { replies: { count: DESC } }) { repliesConnection(first: 2) { totalCount nodes { body author { name } } } repliesAggregate { count } } }",
        4,
    ),
    (
        "{ a: postsConnection(first: 10) { nodes { title author { name } } } b: postsConnection(first: 10, orderBy: { title: ASC }) { nodes { author { postsAggregate { count } } } } }",
        5,
    ),
    (
        "{ users(limit: 20) { ...U } } fragment U on User { postsConnection(first: 2) { ...C } following(limit: 2) { postsConnection(first: 2) { ...C } } } fragment C on PostConnection { totalCount pageInfo { hasNextPage } nodes { title } }",
        6,
    ),
    // Junctions with a column of their own.
    (
        "{ users(limit: 40) { followersConnection(first: 5) { totalCount edges { createdAt cursor node { name profile { bio } } } pageInfo { hasNextPage } } } }",
        4,
    ),
    (
        "{ usersConnection(first: 30, orderBy: [{ followers: { count: DESC } }, { name: ASC }]) { edges { node { followingConnection(last: 3) { edges { createdAt node { username postsConnection(first: 2) { totalCount nodes { title } } } } } } } } }",
        4,
    ),
    (
        "{ user(id: 1) { name followersConnection(first: 10, orderBy: { createdAt: DESC }) { totalCount edges { createdAt node { followingConnection(first: 2) { edges { createdAt node { name } } } } } } } }",
        4,
    ),
    (
        "{ nodes(ids: [\"User:1\", \"User:2\", \"Tag:1\"]) { id ... on User { followersConnection(first: 3) { edges { createdAt node { name } } totalCount } } ... on Tag { postsConnection { totalCount } commented: postsAggregate(where: { comments: { some: {} } }) { count max { createdAt } } } } }",
        6,
    ),
    // Aggregates.
    (
        "{ postsAggregate { count min { title createdAt } max { version } sum { version } avg { version } } }",
        1,
    ),
    (
        "{ postsConnection(where: { title: { contains: \"a\" } }) { totalCount } postsAggregate(where: { title: { contains: \"a\" } }) { count min { title } } }",
        1,
    ),
    (
        "{ postsAggregate(where: { author: { role: { eq: AUTHOR } } }) { count groups(by: [STATUS, VERSION]) { key { status version } count avg { version } } } }",
        2,
    ),
    (
        "{ users(limit: 30) { postsAggregate { count max { publishedAt } groups(by: STATUS) { key { status } count } } commentsAggregate { count } } }",
        4,
    ),
    (
        "{ tags(limit: 20) { name postsAggregate(where: { comments: { some: {} } }) { count } postsConnection(where: { comments: { some: {} } }, first: 2) { totalCount nodes { title } } } }",
        3,
    ),
    (
        "{ commentsAggregate { byAuthor: groups(by: AUTHOR_ID, limit: 5) { key { authorId } count } byThread: groups(by: [POST_ID, PARENT_ID], limit: 3, offset: 2) { key { postId } count } count } }",
        3,
    ),
    (
        "{ usersAggregate { groups(by: ROLE) { key { role } count min { name } max { createdAt } } } profilesAggregate { count max { bio } } }",
        2,
    ),
];

/// They are as many at both sizes, whoever asks, and as many as the bound says that is known before: a rule costs none.
#[tokio::test]
async fn statements_are_equal_at_both_sizes() {
    let subject = |role: &str| Principal::subject(Subject::new("7").with_role(role));
    let everybody = [
        Principal::Anonymous,
        subject("author"),
        subject("admin"),
        subject("nothing that rules know"),
    ];
    for backend in Backend::all() {
        let (_small, of_small) = app(backend, 1).await;
        let (_large, of_large) = app(backend, 10).await;
        for (query, statements) in QUERIES {
            let request = Request {
                query: query.to_owned(),
                ..Request::default()
            };
            for who in &everybody {
                let planner = of_small.engine.planner();
                let prepared = planner.prepare(&request, who.clone());
                let bound = prepared.unwrap_or_else(|e| panic!("{query}: {e:?}")).bound;
                assert_eq!(bound.bound.statements, statements as u64, "{query}");
                for app in [&of_small, &of_large] {
                    let heard = Statements::listen();
                    app.ask(who, query, &json!({})).await.data();
                    let run = heard.read();
                    assert_eq!(
                        run.len(),
                        statements,
                        "{backend:?} {who:?} {query}: {run:#?}"
                    );
                }
            }
        }
    }
}
