//! The number of statements follows from what is written in a mutation, whatever the number of rows.

use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Backend, Statements, TestApp};

/// What is heard and what was bound, of one mutation.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(super) struct Cost {
    pub heard: usize,
    pub bound: u64,
}

pub(super) async fn cost(app: &TestApp, query: &str, variables: &Value) -> (Cost, Vec<String>) {
    let listening = Statements::listen();
    let answer = app.ask(&somebody("admin", 1), query, variables).await;
    let mut heard = listening.read();
    drop(listening);
    // Those of triggers follow from rows, and are the database's own.
    heard.retain(|sql| !is_its_own(sql));
    // A foreign key's action is told as another run of the statement.
    heard.dedup();
    answer.data();
    let bound = &answer.json()["extensions"]["backref"]["bound"]["statements"];
    let bound = bound
        .as_u64()
        .unwrap_or_else(|| panic!("no bound: {}", answer.text));
    let cost = Cost {
        heard: heard.len(),
        bound,
    };
    (cost, heard)
}

fn is_its_own(sql: &str) -> bool {
    let begins = [
        "--",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SET LOCAL",
        "SAVEPOINT",
        "PRAGMA",
    ];
    begins.iter().any(|word| sql.starts_with(word)) || sql.contains("_search'.")
}

/// Posts with tags and comments, so many, all of which have another name each time.
fn posts(count: usize, round: &str) -> Vec<Value> {
    let post = |n| {
        let tags = (0..3).map(|t| json!({ "name": format!("t{round}-{n}-{t}") }));
        let comments = (0..2).map(|c| json!({ "body": format!("C{c}"), "authorId": "User:4" }));
        json!({
            "title": "T", "slug": format!("s{round}-{n}"), "body": "B",
            "tags": { "create": tags.collect::<Vec<_>>(), "connect": ["Tag:1"] },
            "comments": { "create": comments.collect::<Vec<_>>() },
        })
    };
    (0..count).map(post).collect()
}

fn user(count: usize, round: &str) -> Value {
    json!({ "input": {
        "username": format!("u{round}"), "name": "N", "email": format!("u{round}@example.org"),
        "profile": { "create": { "bio": "B" } },
        "posts": { "create": posts(count, round) },
        "following": { "connect": ["User:2", "User:3"] },
    } })
}

const PAYLOAD: &str =
    "id posts(limit: 1000) { id tags { name } comments { body author { name } } }";

/// The variables of a mutation: so many rows, called differently each time.
type Given = fn(usize, &str) -> Value;

/// Mutations, with what they are given in so many rows.
fn mutations() -> Vec<(String, Given)> {
    vec![
        (
            format!("mutation($input: UserCreate!) {{ createUser(input: $input) {{ {PAYLOAD} }} }}"),
            user,
        ),
        (
            "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { id author { name } tags { name } } }".to_owned(),
            |count, round| json!({ "inputs": posts(count, round) }),
        ),
        (
            "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { id } }".to_owned(),
            |count, round| {
                let posts = (0..count).map(|n| json!({
                    "title": "T", "slug": format!("f{round}-{n}"), "body": "B", "authorId": "User:2",
                    "tags": { "connect": ["Tag:1", "Tag:2", "Tag:3"] },
                }));
                json!({ "inputs": posts.collect::<Vec<_>>() })
            },
        ),
        (
            format!("mutation($input: UserUpdate!) {{ updateUser(id: \"User:2\", input: $input) {{ {PAYLOAD} }} }}"),
            |count, round| json!({ "input": { "posts": { "create": posts(count, round) } } }),
        ),
        (
            "mutation($input: PostUpdate!) { updatePost(id: \"Post:1\", input: $input) { tags { name } comments(limit: 1000) { body } } }".to_owned(),
            |count, round| {
                let tags = (0..count).map(|n| json!({ "name": format!("x{round}-{n}") }));
                let comments = (0..count).map(|n| json!({ "body": format!("D{n}") }));
                json!({ "input": {
                    "title": round,
                    "tags": { "create": tags.collect::<Vec<_>>(), "disconnect": ["Tag:2"] },
                    "comments": {
                        "create": comments.collect::<Vec<_>>(),
                        "update": [{ "id": "Comment:2", "input": { "body": round } }],
                    },
                } })
            },
        ),
        (
            "mutation($title: String!) { updatePosts(where: {}, input: { title: $title }) { count nodes { id title author { name } } } }".to_owned(),
            |_, round| json!({ "title": round }),
        ),
        (
            "mutation($slug: String!) { deletePosts(where: { slug: { startsWith: $slug } }) { count nodes { id tags { name } comments { body } } } }".to_owned(),
            |_, round| json!({ "slug": format!("s{round}") }),
        ),
    ]
}

#[tokio::test]
async fn rows_cost_no_statements() {
    for backend in Backend::all() {
        for (query, given) in mutations() {
            let mut costs = Vec::new();
            for (count, round) in [(5, "a"), (50, "b")] {
                let (_database, app) = blog(backend).await;
                let round = format!("{round}{}", query.len());
                if query.contains("deletePosts") {
                    let input = json!({ "inputs": posts(count, &round) });
                    let create =
                        "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { id } }";
                    let made = app.ask(&somebody("admin", 1), create, &input).await;
                    made.data();
                }
                let (cost, heard) = cost(&app, &query, &given(count, &round)).await;
                assert!(
                    cost.heard as u64 <= cost.bound,
                    "{backend:?} {query}: {} of {}\n{heard:#?}",
                    cost.heard,
                    cost.bound
                );
                costs.push(cost);
            }
            assert_eq!(costs[0], costs[1], "{backend:?} {query}");
        }
    }
}

/// A thousand posts, each with an author and three tags, are six statements.
#[tokio::test]
async fn a_thousand_posts_are_few_statements() {
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let posts = (0..1000).map(|n| {
            json!({
                "title": "T", "slug": format!("w3-{n}"), "body": "B", "authorId": format!("User:{}", n % 5 + 1),
                "tags": { "connect": ["Tag:1", "Tag:2", "Tag:3"] },
            })
        });
        let inputs = json!({ "inputs": posts.collect::<Vec<_>>() });
        let query = "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { id } }";
        let (cost, heard) = cost(&app, query, &inputs).await;
        assert!(cost.heard <= 6, "{backend:?}: {heard:#?}");
    }
}

/// What refers to each other from either end costs and writes the same.
#[tokio::test]
async fn both_directions_write_equal_rows() {
    let down = r#"mutation { createUser(input: { username: "down", name: "N", email: "d@example.org",
        posts: { create: [{ title: "T", slug: "d", body: "B" }] } }) { id } }"#;
    let up = r#"mutation { createPost(input: { title: "T", slug: "u", body: "B",
        author: { create: { username: "up", name: "N", email: "u@example.org" } } }) { id } }"#;
    let both = "{ d: user(username: \"down\") { name role posts { title body status version } }
        u: user(username: \"up\") { name role posts { title body status version } } }";
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let (down, heard_down) = cost(&app, down, &json!({})).await;
        let (up, heard_up) = cost(&app, up, &json!({})).await;
        assert!(
            down.heard.abs_diff(up.heard) <= 1,
            "{backend:?} {heard_down:#?} {heard_up:#?}"
        );
        let read = app
            .ask(&somebody("admin", 1), both, &json!({}))
            .await
            .data();
        assert_eq!(read["d"], read["u"], "{backend:?}");
        assert_eq!(read["d"]["posts"].as_array().map(Vec::len), Some(1));
    }
}

/// `set` with what is there already writes nothing.
#[tokio::test]
async fn a_set_of_what_is_there_writes_nothing() {
    let query = r#"mutation { updatePost(id: "Post:1", input: {
        tags: { set: ["Tag:2", "Tag:1"] }, comments: { connect: ["Comment:1"] } }) { version } }"#;
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = super::content::dump(&database).await;
        let (_, heard) = cost(&app, query, &json!({})).await;
        let writes = ["INSERT", "UPDATE", "DELETE"];
        let written: Vec<_> = heard
            .iter()
            .filter(|sql| writes.iter().any(|word| sql.trim_start().starts_with(word)))
            .collect();
        assert!(written.is_empty(), "{backend:?}: {written:#?}");
        assert_eq!(before, super::content::dump(&database).await, "{backend:?}");
    }
}
