//! What a mutation would run is told before it runs. Whatever a test asks is held against that (`harness/explained.rs`); here it is
//! shown as a person reads it, and that all of it can run.

use std::fmt::Write as _;

use backref::Request;
use backref::read::sql::Dialect;
use serde_json::json;

use super::{blog, somebody};
use crate::harness::explained::{Kind, Shape, explained, ran};
use crate::harness::{Backend, TestApp, TestDatabase};

/// Mutations, and what is done before each time they are asked, on the same content: so that all that they may run is run.
const MUTATIONS: [(&str, &[&str]); 13] = [
    (
        r#"mutation { updatePost(id: "Post:1", input: { tags: { set: ["Tag:3"] } }) { id tags { name } } }"#,
        &[""],
    ),
    (
        r#"mutation { updatePost(id: "Post:1", input: { tags: { connect: ["Tag:3"] } }, expectedVersion: 1) { version } }"#,
        &[""],
    ),
    (
        r#"mutation { updatePost(id: "Post:1", input: { tags: { disconnect: ["Tag:1"] } }) { id } }"#,
        &[""],
    ),
    (
        r#"mutation { updateComment(id: "Comment:1", input: { replies: { set: ["Comment:3"] } }) { id replies { id } } }"#,
        &[""],
    ),
    (
        r#"mutation { updateComment(id: "Comment:1", input: { replies: { disconnect: ["Comment:2"], update: [{ id: "Comment:2", input: { body: "B" } }] } }) { id } }"#,
        &[
            "",
            r#"mutation { updateComment(id: "Comment:2", input: { parentId: null }) { id } }"#,
        ],
    ),
    (
        r#"mutation { createPost(input: { title: "T", slug: "s", body: "B", author: { connectOrCreate: { on: USERNAME, create: { username: "user2", name: "N", email: "n@example.org" } } } }) { id author { name } } }"#,
        &[""],
    ),
    (
        r#"mutation { upsertTag(create: { name: "tag1" }, update: { name: "tag1" }, on: NAME) { id } }"#,
        &[""],
    ),
    (
        r#"mutation { upsertPost(create: { title: "T", slug: "post-1", body: "B" }, update: { title: "T" }, on: SLUG) { id } }"#,
        &[
            "",
            "mutation { updatePosts(where: {}, input: { title: \"A\" }) { count } }",
        ],
    ),
    (
        r#"mutation { updatePosts(where: { title: { isNull: false } }, input: { body: "B" }) { count nodes { id } } }"#,
        &[""],
    ),
    (
        r#"mutation { deletePost(id: "Post:2") { title comments { body } } }"#,
        &[""],
    ),
    (
        r#"mutation { deletePosts(where: { status: { eq: DRAFT } }) { count nodes { tags { name } } } }"#,
        &[""],
    ),
    (r#"mutation { follow(user: "User:5") { id } }"#, &[""]),
    (r#"mutation { unfollow(user: "User:4") { id } }"#, &[""]),
];

fn request(query: &str) -> Request {
    let request = serde_json::from_value(json!({ "query": query }));
    request.expect("a request")
}

#[tokio::test]
async fn a_person_reads_what_a_mutation_would_run() {
    let database = TestDatabase::migrated(Backend::Sqlite).await;
    let app = TestApp::new(&database, backref::blog::graph(), Default::default());
    let planner = app.engine.planner();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let mut all = String::new();
        for (query, _) in MUTATIONS {
            let principal = somebody("admin", 1);
            let tree =
                planner.explain(&request(query), principal, dialect, |plan| plan.to_string());
            let tree = tree.unwrap_or_else(|errors| panic!("{query}: {errors:?}"));
            let _ = write!(all, "# {query}\n\n{tree}\n\n");
        }
        // What refers to a post has a place in its statements.
        if planner.catalog().entities.len() == 7 {
            insta::assert_snapshot!(format!("explained_{dialect:?}").to_lowercase(), all);
        }
    }
}

/// Nothing is explained that no data could make run.
#[tokio::test]
async fn all_that_is_explained_can_run() {
    for backend in Backend::all() {
        for (query, before) in MUTATIONS {
            let mut all = Vec::new();
            let mut left = Vec::new();
            for (at, first) in before.iter().enumerate() {
                let (_database, app) = blog(backend).await;
                let admin = somebody("admin", 1);
                if !first.is_empty() {
                    app.ask(&admin, first, &json!({})).await.data();
                }
                if at == 0 {
                    let dialect = app.engine.database().dialect();
                    let planner = app.engine.planner();
                    let (statements, _) = explained(planner, dialect, &admin, &request(query));
                    left = statements;
                    left.retain(|of| of.kind != Kind::Read);
                }
                let answer = app.ask(&admin, query, &json!({})).await;
                answer.data();
                all.extend(ran(&answer.json()));
            }
            left.retain(|of| {
                let shape = Shape::of(&of.sql);
                !all.iter().any(|ran| shape.covers(&Shape::of(&ran.sql)))
            });
            assert!(left.is_empty(), "{backend:?} {query}: {left:#?}\n{all:#?}");
        }
    }
}
