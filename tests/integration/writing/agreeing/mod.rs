//! Keys that agree with those of the rows that they lead to: by no way of writing do they become others, for nobody.

mod entities;
mod meanwhile;
mod shops;
mod taken;

use backref::Graph;
use backref::graph::Preset;
use entity::{comment, tag};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use super::bounds::cost;
use super::{blog, content, somebody};
use crate::harness::{Answer, Backend, TestDatabase};

/// That it is refused, at these places of the input and by these words.
fn is_refused(answer: &Answer, told: &[(&str, &str)]) {
    let json = answer.json();
    assert!(json["data"].is_null(), "{}", answer.text);
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let told = told.iter().map(|(field, message)| {
        let extensions = json!({ "code": "BAD_USER_INPUT", "field": field });
        (json!(message), extensions)
    });
    let errors = errors.iter();
    let errors: Vec<_> = errors
        .map(|error| (error["message"].clone(), error["extensions"].clone()))
        .collect();
    assert_eq!(errors, told.collect::<Vec<_>>(), "{}", answer.text);
}

const ANSWERS: &str = "`post` of this comment must be that of its `parent`";
const ANSWERED: &str = "`post` of this comment must be that of the comments whose `parent` it is";

/// Whoever sees everything, and may do everything, does not do this.
#[tokio::test]
async fn an_answer_stands_nowhere_but_below_the_post_of_what_it_answers() {
    let answers = |field| vec![(field, ANSWERS)];
    let answered = |field| vec![(field, ANSWERED)];
    let new = r#"title: "T", slug: "s", body: "B""#;
    let cases = [
        (
            r#"createComment(input: { body: "B", post: { connect: "Post:3" }, parent: { connect: "Comment:1" } }) { id }"#.to_owned(),
            answers("input.parent"),
        ),
        (
            r#"createComment(input: { body: "B", postId: "Post:3", parentId: "Comment:1" }) { id }"#.to_owned(),
            answers("input.parentId"),
        ),
        (
            r#"createComments(inputs: [{ body: "B", postId: "Post:1", parentId: "Comment:1" },
                { body: "B", postId: "Post:6", parentId: "Comment:1" }]) { id }"#.to_owned(),
            answers("inputs.1.parentId"),
        ),
        // Below what is new, from either end.
        (
            format!(r#"createPost(input: {{ {new}, comments: {{ create: [{{ body: "B", parent: {{ connect: "Comment:1" }} }}] }} }}) {{ id }}"#),
            answers("input.comments.create.0.parent"),
        ),
        (
            format!(r#"createComment(input: {{ body: "B", parentId: "Comment:1", post: {{ create: {{ {new} }} }} }}) {{ id }}"#),
            answers("input.parentId"),
        ),
        (
            r#"createComment(input: { body: "B", parentId: "Comment:1", post: { connectOrCreate: { on: SLUG,
                create: { title: "T", slug: "post-3", body: "B" } } } }) { id }"#.to_owned(),
            answers("input.parentId"),
        ),
        (
            r#"createComment(input: { body: "B", postId: "Post:1",
                replies: { create: [{ body: "B", post: { connect: "Post:3" } }] } }) { id }"#.to_owned(),
            answers("input.replies.create.0.post"),
        ),
        (
            r#"createComment(input: { body: "B", postId: "Post:3",
                parent: { create: { body: "B", postId: "Post:1" } } }) { id }"#.to_owned(),
            answers("input.parent"),
        ),
        (
            r#"createComment(input: { body: "B", postId: "Post:1", replies: { connect: ["Comment:5"] } }) { id }"#.to_owned(),
            answers("input.replies.connect.0"),
        ),
        // What is there answers another, or is moved.
        (
            r#"updateComment(id: "Comment:3", input: { parent: { connect: "Comment:5" } }) { id }"#.to_owned(),
            answers("input.parent"),
        ),
        (
            r#"updateComment(id: "Comment:3", input: { post: { connect: "Post:3" } }) { id }"#.to_owned(),
            answers("input.post"),
        ),
        (
            r#"updateComment(id: "Comment:1", input: { postId: "Post:3" }) { id }"#.to_owned(),
            answered("input.postId"),
        ),
        (
            r#"updateComment(id: "Comment:2", input: { postId: "Post:3" }) { id }"#.to_owned(),
            vec![("input.postId", ANSWERS), ("input.postId", ANSWERED)],
        ),
        (
            r#"updateComments(where: { id: { eq: "Comment:1" } }, input: { postId: "Post:3" }) { count }"#.to_owned(),
            answered("input.postId"),
        ),
        (
            r#"updateComments(where: { id: { in: ["Comment:5", "Comment:8"] } }, input: { parentId: "Comment:5" }) { count }"#.to_owned(),
            answers("input.parentId"),
        ),
        (
            r#"updateComment(id: "Comment:1", input: { replies: { connect: ["Comment:2", "Comment:5"] } }) { id }"#.to_owned(),
            answers("input.replies.connect.1"),
        ),
        (
            r#"updateComment(id: "Comment:1", input: { replies: { set: ["Comment:2", "Comment:5"] } }) { id }"#.to_owned(),
            answers("input.replies.set.1"),
        ),
        (
            r#"updateComment(id: "Comment:1", input: { replies: { update: [{ id: "Comment:2", input: { parentId: "Comment:7" } }] } }) { id }"#.to_owned(),
            answers("input.replies.update.0.input.parentId"),
        ),
        (
            r#"updatePost(id: "Post:3", input: { comments: { connect: ["Comment:3"] } }) { id }"#.to_owned(),
            answers("input.comments.connect.0"),
        ),
        (
            r#"updatePost(id: "Post:3", input: { comments: { set: ["Comment:5", "Comment:1"] } }) { id }"#.to_owned(),
            answered("input.comments.set.1"),
        ),
        (
            r#"updatePost(id: "Post:1", input: { comments: { update: [{ id: "Comment:3", input: { postId: "Post:3" } }] } }) { id }"#.to_owned(),
            answers("input.comments.update.0.input.postId"),
        ),
        // A part of what hangs together.
        (
            r#"updateComments(where: { id: { in: ["Comment:1", "Comment:2"] } }, input: { postId: "Post:3" }) { count }"#.to_owned(),
            answered("input.postId"),
        ),
    ];
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let before = content::dump(&database).await;
        for (field, told) in &cases {
            let query = format!("mutation {{ {field} }}");
            let answer = app.ask(&somebody("admin", 1), &query, &json!({})).await;
            is_refused(&answer, told);
            assert_eq!(
                before,
                content::dump(&database).await,
                "{backend:?}: {field}"
            );
        }
    }
}

/// All that hangs together moves by one field, and what is let go of moves alone.
#[tokio::test]
async fn what_moves_together_may_move() {
    let cases = [
        r#"updateComments(where: { id: { in: ["Comment:1", "Comment:2", "Comment:3"] } }, input: { postId: "Post:3" }) { count }"#,
        r#"updatePost(id: "Post:3", input: { comments: { connect: ["Comment:1", "Comment:2", "Comment:3"] } }) { id }"#,
        r#"updateComment(id: "Comment:1", input: { postId: "Post:3", replies: { update: [{ id: "Comment:2",
            input: { postId: "Post:3", replies: { update: [{ id: "Comment:3", input: { postId: "Post:3" } }] } } }] } }) { id }"#,
        r#"updateComment(id: "Comment:1", input: { post: { create: { title: "T", slug: "s", body: "B",
            comments: { connect: ["Comment:2", "Comment:3"] } } } }) { id }"#,
        r#"updateComment(id: "Comment:3", input: { postId: "Post:3", parent: null }) { id }"#,
        r#"updateComment(id: "Comment:3", input: { postId: "Post:3", parentId: "Comment:5" }) { id }"#,
        r#"updateComment(id: "Comment:7", input: { postId: "Post:3", replies: { set: [] } }) { id }"#,
        r#"createComment(input: { body: "B", postId: "Post:1", parentId: "Comment:3" }) { id }"#,
        r#"createComment(input: { as: "c", body: "B", postId: "Post:1", parentId: "new:c" }) { id }"#,
    ];
    let disagreeing = "{ comments { post { id } parent { post { id } } } }";
    for backend in Backend::all() {
        for field in cases {
            let (_database, app) = blog(backend).await;
            let admin = somebody("admin", 1);
            let query = format!("mutation {{ {field} }}");
            app.ask(&admin, &query, &json!({})).await.data();
            let read = app.ask(&admin, disagreeing, &json!({})).await.data();
            for comment in read["comments"].as_array().expect("comments") {
                let (own, parent) = (&comment["post"], &comment["parent"]);
                assert!(
                    parent.is_null() || parent["post"] == *own,
                    "{field}: {comment}"
                );
            }
        }
    }
}

/// A reader answers a comment, whichever way he says it, and its post goes with all of them.
#[tokio::test]
async fn nobody_keeps_an_author_from_deleting_his_post() {
    let elsewhere = [
        r#"createComment(input: { body: "B", postId: "Post:3", parentId: "Comment:1" }) { id }"#,
        r#"createComment(input: { body: "B", postId: "Post:3", replies: { create: [] }, parent: { connect: "Comment:3" } }) { id }"#,
        r#"updateComment(id: "Comment:5", input: { parentId: "Comment:2" }) { id }"#,
        r#"updateComment(id: "Comment:1", input: { replies: { connect: ["Comment:5"] } }) { id }"#,
        r#"updateComments(where: { id: { eq: "Comment:5" } }, input: { parentId: "Comment:2" }) { count }"#,
        r#"updatePost(id: "Post:3", input: { comments: { create: [{ body: "B", parentId: "Comment:1" }] } }) { id }"#,
    ];
    let below =
        r#"createComment(input: { body: "B", postId: "Post:1", parentId: "Comment:3" }) { id }"#;
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        let ask = async |role, id, field: &str| {
            let query = format!("mutation {{ {field} }}");
            app.ask(&somebody(role, id), &query, &json!({})).await
        };
        for field in elsewhere {
            let answer = ask("reader", 4, field).await;
            let refused = ["BAD_USER_INPUT", "FORBIDDEN"].contains(&&*answer.code());
            assert!(refused, "{backend:?}: {}", answer.text);
        }
        ask("reader", 4, below).await.data();
        let delete = r#"deletePost(id: "Post:1") { comments { id } }"#;
        let gone = ask("author", 2, delete).await.data();
        let comments = gone["deletePost"]["comments"].as_array().map(Vec::len);
        assert_eq!(comments, Some(4), "{backend:?}");
        content::is_sound(&database).await;
    }
}

/// Only who writes a key is held to it, so that rows of before can be changed, and mended.
#[tokio::test]
async fn what_does_not_agree_already_stays_until_somebody_writes_its_key() {
    for backend in Backend::all() {
        let (database, app) = blog(backend).await;
        content::answer_elsewhere(&database, 900, 3, 1).await;
        let ask = async |field: &str| {
            let query = format!("mutation {{ {field} }}");
            app.ask(&somebody("admin", 1), &query, &json!({})).await
        };
        for id in [1, 900] {
            let change =
                format!(r#"updateComment(id: {id}, input: {{ body: "Changed" }}) {{ id }}"#);
            ask(&change).await.data();
        }
        let again = r#"updateComment(id: 900, input: { postId: "Post:3" }) { id }"#;
        is_refused(&ask(again).await, &[("input.postId", ANSWERS)]);
        let delete = r#"deletePost(id: "Post:1") { id }"#;
        assert_eq!(ask(delete).await.code(), "CONFLICT", "{backend:?}");
        let mend = r#"updateComment(id: 900, input: { postId: "Post:1" }) { id }"#;
        ask(mend).await.data();
        ask(delete).await.data();
        content::is_sound(&database).await;
    }
}

/// The samples, and what is seeded.
#[tokio::test]
async fn what_the_box_begins_with_agrees() {
    let options = backref::blog::seed::Options {
        users: 10,
        posts: 20,
        comments: 200,
        tags: 5,
        seed: 1,
    };
    for backend in Backend::all() {
        let seeded = TestDatabase::migrated(backend).await;
        let bar = indicatif::ProgressBar::hidden();
        let done = backref::blog::seed::run(&seeded.connection, &options, &bar).await;
        done.expect("it is filled");
        for database in [TestDatabase::sample(backend).await, seeded] {
            let answers = async |condition: &str| {
                let sql = format!(
                    "SELECT c.id FROM comment c JOIN comment p ON p.id = c.parent_id WHERE {condition}"
                );
                let connection = &database.connection;
                let sql = Statement::from_string(connection.get_database_backend(), sql);
                let found = connection.query_all_raw(sql).await;
                found.expect("comments").len()
            };
            assert!(answers("p.post_id = c.post_id").await > 0, "{backend:?}");
            assert_eq!(answers("p.post_id <> c.post_id").await, 0, "{backend:?}");
        }
    }
}

/// A statement a table, and none where no such key is written.
#[tokio::test]
async fn who_writes_no_such_key_asks_nothing() {
    let cases = [
        (
            r#"createComment(input: { body: "B", postId: "Post:1" }) { id }"#,
            0,
        ),
        (
            r#"createComment(input: { body: "B", postId: "Post:1", parent: null }) { id }"#,
            0,
        ),
        (
            r#"updateComment(id: "Comment:2", input: { body: "B" }) { id }"#,
            0,
        ),
        (
            r#"updateComment(id: "Comment:3", input: { parent: null }) { id }"#,
            0,
        ),
        (
            r#"updatePost(id: "Post:1", input: { comments: { delete: ["Comment:3"] } }) { id }"#,
            0,
        ),
        (r#"createTag(input: { name: "n" }) { id }"#, 0),
        (
            r#"createComment(input: { body: "B", postId: "Post:1", parentId: "Comment:1" }) { id }"#,
            1,
        ),
        (
            r#"createComments(inputs: [{ body: "B", postId: "Post:1", parentId: "Comment:1" },
                { body: "C", postId: "Post:1", parentId: "Comment:2" }]) { id }"#,
            1,
        ),
        (
            r#"updateComment(id: "Comment:5", input: { postId: "Post:1" }) { id }"#,
            1,
        ),
        (
            r#"updateComments(where: { id: { eq: "Comment:5" } }, input: { postId: "Post:3" }) { count }"#,
            1,
        ),
    ];
    for backend in Backend::all() {
        for (field, asked) in cases {
            let (_database, app) = blog(backend).await;
            let query = format!("mutation {{ {field} }}");
            let (cost, heard) = cost(&app, &query, &json!({})).await;
            let asks = heard.iter().filter(|sql| sql.contains("IS DISTINCT FROM"));
            assert_eq!(asks.count(), asked, "{backend:?}: {field}: {heard:#?}");
            assert!(cost.heard as u64 <= cost.bound, "{backend:?}: {field}");
        }
    }
}

#[track_caller]
fn mistake(graph: Graph, expected: &[&str]) {
    let found = graph.build().map_or_else(|e| e.mistakes, |_| Vec::new());
    let [message] = &found[..] else {
        panic!("one mistake, not {found:#?}")
    };
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn what_cannot_agree_is_refused_at_start() {
    use comment::Relation::{Author, Parent, Post};
    use entities::{line, purchase, shop};
    let graph = backref::blog::graph;
    mistake(
        graph().agrees(Parent, Post),
        &[
            "`.agrees(comment::Relation::Parent, comment::Relation::Post)`",
            "twice",
            "leave one out",
        ],
    );
    mistake(
        graph().agrees(Parent, Parent),
        &[
            "the key of `comment::Relation::Parent` itself",
            "leave it out",
        ],
    );
    mistake(
        graph().agrees(Author, Post),
        &[
            "`user` refers to no row of `post`",
            "declare a relation there",
        ],
    );
    mistake(
        graph().agrees(
            entity::post::Relation::Comments,
            entity::post::Relation::Author,
        ),
        &[
            "`post::Relation::Comments` is none that holds a foreign key",
            "name one that is",
        ],
    );
    mistake(
        graph()
            .agrees(Parent, Author)
            .on_update(comment::Column::AuthorId, Preset::me()),
        &[
            "`comment.author_id` is put in whenever a row is changed",
            "`.on_create(…)`",
        ],
    );
    mistake(
        Graph::new().entity(tag::Entity).agrees(Parent, Post),
        &["`comment`", "`.entity(…)`"],
    );
    // A comment is by whoever has written its post: by another entity's key of the same name.
    assert!(graph().agrees(Post, Author).build().is_ok());
    // Or of another name, where there is one alone.
    let shops = Graph::new()
        .entity(shop::Entity)
        .entity(purchase::Entity)
        .entity(line::Entity)
        .agrees(line::Relation::Purchase, line::Relation::Seller);
    assert!(shops.build().is_ok());
}
