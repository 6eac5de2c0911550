//! What a query answers, and what it costs.

use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase};

const SHOWCASE: &str = "{ users(limit: 20) { name posts(limit: 5) { title author { name } tags { name } comments(limit: 3) { body author { name } } } } }";

#[tokio::test]
async fn the_showcase_query_runs_five_statements_at_any_size() {
    for backend in Backend::all() {
        let mut counts = Vec::new();
        for factor in [1, 10] {
            let database = TestDatabase::migrated(backend).await;
            let options = backref::blog::seed::Options {
                users: 30 * factor,
                posts: 200 * factor,
                comments: 600 * factor,
                tags: 20,
                seed: 7,
            };
            let bar = indicatif::ProgressBar::hidden();
            backref::blog::seed::run(&database.connection, &options, &bar)
                .await
                .expect("seeds");
            let app = TestApp::blog(&database);
            let (answer, statements) = app.counted(SHOWCASE, &json!({})).await;
            assert_eq!(answer.data()["users"].as_array().map(Vec::len), Some(20));
            counts.push(statements.len());
        }
        // Users, posts, tags, comments and their authors; the posts' author is the user above them.
        assert_eq!(counts, [5, 5], "{backend:?}");
    }
}

#[tokio::test]
async fn both_databases_answer_the_sample_alike() {
    let mut answers: Vec<Vec<String>> = Vec::new();
    let queries = [
        SHOWCASE,
        "{ posts(limit: 1000) { id title slug body status publishedAt createdAt updatedAt version authorId author { id username role createdAt email } } }",
        "{ tags { name posts(limit: 3, offset: 1) { id } } comments(limit: 200) { id parentId parent { body } replies { body author { name } } post { title } } }",
        "{ profiles { id userId bio user { followers { name } following(limit: 2) { name profile { website } } } } }",
    ];
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let mut of_backend = Vec::new();
        for query in queries {
            let answer = app.query(query).await;
            answer.data();
            of_backend.push(answer.text);
        }
        answers.push(of_backend);
    }
    assert!(answers.windows(2).all(|w| w[0] == w[1]));
}

#[tokio::test]
async fn hidden_posts_are_absent_at_every_depth() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let query = "{ users { posts(limit: 1000) { status } comments(limit: 1000) { post { status } } } tags { posts(limit: 1000) { status } } comments(limit: 1000) { post { status } replies { post { status } } } posts(limit: 1000) { id status } }";
        let data = app.query(query).await.data();
        let mut statuses = Vec::new();
        collect(&data, "status", &mut statuses);
        assert!(
            statuses.len() > 100 && statuses.iter().all(|s| *s == "PUBLISHED"),
            "{backend:?}"
        );
        for id in 1..=60 {
            let query = format!(
                "{{ node(id: \"Post:{id}\") {{ ... on Post {{ status }} }} post(id: {id}) {{ status }} }}"
            );
            let data = app.query(&query).await.data();
            assert_eq!(data["node"], data["post"]);
            assert!(data["post"].is_null() || data["post"]["status"] == "PUBLISHED");
        }
    }
}

fn collect<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| {
            if k == key {
                found.push(v);
            }
            collect(v, key, found);
        }),
        Value::Array(items) => items.iter().for_each(|v| collect(v, key, found)),
        _ => {}
    }
}
