//! What fields give: scalars, objects, rows; within fragments, aliases, connections, payloads.

use backref::graph::Principal;
use serde_json::json;

use super::{app, graph};
use crate::harness::{Backend, TestApp, TestDatabase};
use crate::rules::admin;

#[tokio::test]
async fn values_are_given_wherever_the_type_is() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = app(&database);
        let query = r#"query($fast: Int) {
            post(id: 1) { ...Read author { posts(limit: 1) { ...Read } } }
            posts(limit: 2) { __typename slow: readingTime(perMinute: 1) fast: readingTime(perMinute: $fast) body }
            postsConnection(first: 1) { edges { node { ...Read } } }
            node(id: "Post:2") { ... on Post { readingTime } }
        } fragment Read on Post { readingTime cover { width: sizes kind: __typename } }"#;
        let answer = app.request(query, None, &json!({ "fast": 100000 })).await;
        let data = answer.data();
        for post in data["posts"].as_array().expect("posts") {
            let words = post["body"]
                .as_str()
                .expect("a text")
                .split_whitespace()
                .count();
            assert_eq!(post["slow"], json!(words + 1));
            assert_eq!(post["fast"], json!(1));
        }
        let edge = &data["postsConnection"]["edges"][0]["node"];
        assert!(edge["readingTime"].is_i64(), "{data}");
        assert!(data["node"]["readingTime"].is_i64(), "{data}");
        let cover = &data["post"]["cover"];
        assert_eq!(*cover, json!({ "width": [320, 640], "kind": "Cover" }));
    }
}

#[tokio::test]
async fn what_a_batch_has_no_value_for_is_null() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let data = app(&database)
            .query("{ posts(limit: 100) { slug cover { url } } }")
            .await
            .data();
        let posts = data["posts"].as_array().expect("posts");
        assert!(posts.iter().any(|p| p["cover"].is_null()), "{data}");
        for post in posts {
            let slug = post["slug"].as_str().expect("a slug");
            let expected = match slug.starts_with('a') {
                true => json!(null),
                false => json!({ "url": format!("/{slug}.jpg") }),
            };
            assert_eq!(post["cover"], expected);
        }
    }
}

/// Rows go on as everywhere: in the order given, with what is hidden or absent left out.
#[tokio::test]
async fn rows_are_given_by_their_keys() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = app(&database);
        let all = app
            .ask(
                &admin(),
                "{ posts(limit: 100, where: { status: { ne: PUBLISHED } }) { id } }",
                &json!({}),
            )
            .await
            .data();
        let hidden = all["posts"][0]["id"]
            .as_str()
            .expect("an id")
            .trim_start_matches("Post:")
            .to_owned();
        let query = "query($ids: [BigInt!]!) { trending(ids: $ids) { id author { name } comments(limit: 1) { body } } }";
        let ids = json!({ "ids": ["3", hidden, "999999", "1", "3"] });
        let seen = |data: &serde_json::Value| -> Vec<String> {
            let posts = data["trending"].as_array().expect("posts");
            posts
                .iter()
                .map(|p| p["id"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let data = app.request(query, None, &ids).await.data();
        assert_eq!(seen(&data), ["Post:3", "Post:1", "Post:3"]);
        assert_eq!(data["trending"][0], data["trending"][2]);
        let data = app.ask(&admin(), query, &ids).await.data();
        assert_eq!(
            seen(&data),
            ["Post:3", &format!("Post:{hidden}"), "Post:1", "Post:3"]
        );
        let nested = "{ users(limit: 20) { name oldestPosts { author { name } readingTime neighbour { id neighbour { id } } } posts(limit: 1000) { id } } }";
        let data = app.query(nested).await.data();
        for user in data["users"].as_array().expect("users") {
            let given = user["oldestPosts"].as_array().expect("posts");
            let posts = user["posts"].as_array().expect("posts").len();
            assert_eq!(given.len(), posts.min(3), "{user}");
            assert!(
                given
                    .iter()
                    .all(|post| post["author"]["name"] == user["name"])
            );
        }
    }
}

#[tokio::test]
async fn they_are_in_the_schema() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = app(&database);
    let sdl = &app.engine.planner().schema().sdl;
    for expected in [
        "  readingTime(\n    \"\"\"Words in a minute; 200 unless it is said.\"\"\"\n    perMinute: Int,\n  ): Int!",
        "  cover: Cover\n",
        "type Cover {",
        "  sizes: [Int!]!",
        "  karma: Int!",
        "  popularity: BigInt!",
        "  mailto: String\n",
        "  oldestPosts: [Post!]!",
        "  neighbour: Post\n",
        "    ids: [BigInt!]!,\n  ): [Post!]!",
        "Minutes that it takes to read.",
    ] {
        assert!(sdl.contains(expected), "`{expected}` is not in the schema");
    }
    let inputs = sdl.split("input ").skip(1).filter(|input| {
        let body = input.split('}').next().unwrap_or_default();
        body.contains("readingTime") || body.contains("karma")
    });
    assert_eq!(inputs.count(), 0, "no input has what no column holds");
}

/// A payload is read as queries are, on the transaction that writes.
#[tokio::test]
async fn payloads_have_them() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = crate::own::giving();
        let app = TestApp::new(&database, graph, Default::default());
        let mutation = r#"mutation {
            createPost(input: { title: "Low water", slug: "low-water", body: "a b c", status: PUBLISHED, author: { connect: "User:1" }, createdAt: "2025-01-01T00:00:00Z", updatedAt: "2025-01-01T00:00:00Z" }) {
                readingTime cover { url } author { karma oldestPosts { title } }
            }
        }"#;
        let answer = app.ask(&admin(), mutation, &json!({})).await.data();
        let post = &answer["createPost"];
        assert_eq!(post["readingTime"], json!(1));
        assert_eq!(post["cover"]["url"], json!("/low-water.jpg"));
        let later = "{ user(id: 1) { karma oldestPosts { title } } }";
        let user = app.ask(&admin(), later, &json!({})).await.data();
        assert_eq!(post["author"], user["user"]);
    }
}

#[tokio::test]
async fn arguments_are_looked_at_before_anything_runs() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = app(&database);
    let (answer, statements) = app
        .counted("{ trending(ids: [\"x\"]) { id } }", &json!({}))
        .await;
    assert_eq!(
        (answer.code().as_str(), statements.len()),
        ("BAD_USER_INPUT", 0)
    );
    assert_eq!(
        answer.json()["errors"][0]["extensions"]["field"],
        json!("ids")
    );
    assert!(
        answer.message().contains("`x` is no BigInt"),
        "{}",
        answer.text
    );
    let answer = app
        .ask(&Principal::Anonymous, "{ trending { id } }", &json!({}))
        .await;
    assert_eq!(answer.code(), "GRAPHQL_VALIDATION_FAILED");
}

/// What declares nothing of its own is the graph that it was.
#[tokio::test]
async fn a_graph_without_them_has_the_plans_that_it_had() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let query = "{ users(limit: 3) { name posts(limit: 2) { title } } }";
    let mut ran = Vec::new();
    for graph in [crate::harness::blog::graph(), graph()] {
        let app = TestApp::new(&database, graph, Default::default());
        ran.push(app.counted(query, &json!({})).await.1);
    }
    assert_eq!(ran[0], ran[1]);
}
