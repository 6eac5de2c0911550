//! What fields cost: as many statements as they declare, however many rows there are.

use backref::graph::Principal;
use backref::read::explain::explain;
use backref::read::sql::Dialect;
use futures_util::future::join_all;
use serde_json::json;

use super::{app, seeded};
use crate::harness::{Backend, Statements, TestApp, TestDatabase};

/// Queries, with the statements that each runs.
const QUERIES: [(&str, usize); 11] = [
    ("{ posts(limit: 50) { readingTime } }", 1),
    ("{ posts(limit: 50) { cover { url sizes } } }", 1),
    ("{ users(limit: 50) { karma } }", 3),
    ("{ users(limit: 50) { karma again: karma karmaAtOnce } }", 3),
    ("{ users(limit: 50) { popularity } }", 3),
    ("{ users(limit: 50) { firstWords } }", 3),
    (
        "{ users(limit: 50) { karma posts(limit: 3) { title author { karma } } } }",
        4,
    ),
    (
        "{ usersConnection(first: 30) { edges { node { ...K } } nodes { ...K } } } fragment K on User { karma }",
        3,
    ),
    (
        "{ users(limit: 20) { oldestPosts { title author { karma } } } }",
        6,
    ),
    (
        "{ trending(ids: [\"1\", \"2\", \"3\"]) { title author { name } neighbour { title } } answer }",
        3,
    ),
    ("{ answer }", 0),
];

#[tokio::test]
async fn statements_do_not_depend_on_rows() {
    for backend in Backend::all() {
        for factor in [1, 4] {
            let database = seeded(backend, factor).await;
            let app = app(&database);
            for (query, expected) in QUERIES {
                let (answer, statements) = app.counted(query, &json!({})).await;
                answer.data();
                assert_eq!(
                    statements.len(),
                    expected,
                    "{backend:?}, {factor}: {query}: {statements:#?}"
                );
                assert_eq!(bound(&app, query), expected as u64, "{query}");
            }
        }
    }
}

fn bound(app: &TestApp, query: &str) -> u64 {
    let request = backref::Request {
        query: query.to_owned(),
        ..backref::Request::default()
    };
    let prepared = app.engine.planner().prepare(&request, Principal::Anonymous);
    prepared
        .unwrap_or_else(|e| panic!("{e:?}"))
        .bound
        .bound
        .statements
}

const KARMA: &str = "{ users(limit: 1000) { karma } }";

/// Two relations awaited row by row, over a thousand rows: two statements, however many ask at a time.
#[tokio::test]
async fn a_thousand_rows_await_two_relations_by_two_statements() {
    for backend in Backend::all() {
        let database = seeded(backend, 10).await;
        let limits = backref::read::plan::Limits {
            rows: 5_000_000,
            ..Default::default()
        };
        let app = TestApp::new(&database, super::giving(), limits);
        for clients in [1, 32] {
            let statements = Statements::listen();
            let all = (0..clients).map(|_| app.query(KARMA));
            let answers = join_all(all).await;
            for answer in &answers {
                let users = answer.data()["users"].as_array().map_or(0, Vec::len);
                assert_eq!(users, 1000, "{backend:?}");
            }
            let run = statements.read();
            let lists = run.iter().filter(|sql| sql.contains("FROM \"user\""));
            let (lists, all) = (lists.count(), run.len());
            assert_eq!(
                (lists, all - lists),
                (clients, 2 * clients),
                "{backend:?}: {run:#?}"
            );
        }
    }
}

/// The same, by what lists along relations say.
#[tokio::test]
async fn what_is_awaited_is_what_lists_give() {
    for backend in Backend::all() {
        let database = seeded(backend, 1).await;
        let app = app(&database);
        let query = "{ users(limit: 30) { karma karmaAtOnce popularity posts(limit: 1000) { status } comments(limit: 1000) { id } followersConnection { totalCount } } }";
        let data = app.query(query).await.data();
        for user in data["users"].as_array().expect("users") {
            let posts = user["posts"].as_array().expect("posts");
            let comments = user["comments"].as_array().expect("comments").len();
            let karma = 10 * posts.len() + comments;
            assert_eq!(user["karma"], json!(karma), "{user}");
            assert_eq!(user["karmaAtOnce"], json!(karma), "{user}");
            let followers = user["followersConnection"]["totalCount"].as_u64();
            let popularity = followers.expect("a number") * 100 + posts.len() as u64;
            assert_eq!(user["popularity"], json!(popularity.to_string()), "{user}");
        }
    }
}

#[tokio::test]
async fn what_they_cost_is_explained() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = app(&database);
    let planner = app.engine.planner();
    let query = "{ users(limit: 3) { name karma firstWords oldestPosts { readingTime cover { url } } } answer }";
    let request = backref::Request {
        query: query.to_owned(),
        ..backref::Request::default()
    };
    let prepared = planner.prepare(&request, Principal::Anonymous);
    let prepared = prepared.unwrap_or_else(|e| panic!("{e:?}"));
    let tree = explain(planner.catalog(), &prepared.bound, Dialect::Sqlite);
    insta::assert_snapshot!("what_they_cost", tree);
    let answer = app
        .ask(&Principal::Anonymous, query, &json!({}))
        .await
        .json();
    let cost = &answer["extensions"]["backref"];
    let ran = cost["statements"].as_array().expect("statements");
    let paths: Vec<_> = ran.iter().map(|s| s["path"].as_str()).collect();
    assert_eq!(
        paths,
        [
            Some("users"),
            Some("users.karma(posts)"),
            Some("users.karma(comments)"),
            Some("users.firstWords(posts)"),
            Some("users.firstWords(posts).posts(comments)"),
            Some("users.oldestPosts"),
        ]
    );
    assert_eq!(cost["bound"]["statements"], json!(ran.len()));
}

/// Rows that a field may walk count, before anything is read.
#[tokio::test]
async fn rows_that_are_walked_are_bounded() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = app(&database);
    let answer = app.query(KARMA).await;
    assert_eq!(answer.code(), "LIMIT_EXCEEDED");
    assert!(
        answer.message().contains("`users.karma("),
        "{}",
        answer.text
    );
}
