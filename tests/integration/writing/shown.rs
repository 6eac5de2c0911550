//! Mutations as they are: what is sent, the statements of each database, and the answer.

use serde_json::{Value, json};

use super::{blog, somebody};
use crate::harness::{Backend, TestApp};

/// What is sent, by a name.
const REQUESTS: [(&str, &str); 5] = [
    (
        "a user and a post built together",
        r#"mutation { createUser(input: { username: "ines", name: "Ines", email: "ines@example.org", profile: { create: { bio: "Counts tides." } }, posts: { create: [{ title: "Low water", slug: "low-water", body: "B", status: PUBLISHED, tags: { connect: ["Tag:1"], create: [{ name: "tides" }] } }] } }) { name profile { bio } posts { title author { name } tags { name } } } }"#,
    ),
    (
        "the same from the other end",
        r#"mutation { createPost(input: { title: "High water", slug: "high-water", body: "B", author: { create: { username: "ivo", name: "Ivo", email: "ivo@example.org" } }, tags: { connect: ["Tag:1"] } }) { title author { name posts { title } } } }"#,
    ),
    (
        "a change of a post and of what it is filed under",
        r#"mutation { updatePost(id: "Post:1", input: { title: "Anew", tags: { set: ["Tag:2"] }, comments: { create: [{ body: "C" }] } }, expectedVersion: 1) { title version tags { id } } }"#,
    ),
    (
        "made, or changed",
        r#"mutation { upsertTag(create: { name: "new" }, update: { name: "new" }, on: NAME) { name } again: upsertTag(create: { name: "new" }, update: { name: "newer" }, on: NAME) { name } }"#,
    ),
    (
        "deleted with what is a part of it",
        r#"mutation { deletePost(id: "Post:1") { title comments { body } tags { id } } }"#,
    ),
];

/// The statements of a request, each once where the next is the same.
async fn shown(app: &TestApp, query: &str) -> (Vec<String>, Value) {
    let answer = app.ask(&somebody("admin", 1), query, &json!({})).await;
    let data = answer.data();
    let json = answer.json();
    let statements = &json["extensions"]["backref"]["statements"];
    let statements = statements.as_array().expect("statements").iter();
    let line = |of: &Value| {
        let text = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{} ({} in, {} out): {}",
            text("path"),
            of["keys"],
            of["rows"],
            text("sql")
        )
    };
    (statements.map(line).collect(), data)
}

#[tokio::test]
async fn inputs_statements_and_answers_stand_side_by_side() {
    let (_sqlite, on_sqlite) = blog(Backend::Sqlite).await;
    let on_postgres = match Backend::all().contains(&Backend::Postgres) {
        true => Some(blog(Backend::Postgres).await),
        false => None,
    };
    let mut all = String::new();
    for (name, query) in REQUESTS {
        let (statements, data) = shown(&on_sqlite, query).await;
        all += &format!("# {name}\n{query}\n\nSQLite\n{}\n", statements.join("\n"));
        if let Some((_, app)) = &on_postgres {
            let (statements, same) = shown(app, query).await;
            assert_eq!(same, data, "{query}");
            all += &format!("\nPostgreSQL\n{}\n", statements.join("\n"));
        }
        let data = serde_json::to_string_pretty(&data).expect("JSON");
        all += &format!("\n{data}\n\n");
    }
    // Without PostgreSQL there is half of it, and what refers to a post has a place in its statements.
    let entities = &on_sqlite.engine.planner().catalog().entities;
    if on_postgres.is_some() && entities.len() == 7 {
        insta::assert_snapshot!(all);
    }
}
