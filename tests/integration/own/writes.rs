//! What the code of mutations writes is refused, matched and held to versions as Backref's own mutations are.

use backref::Graph;
use backref::graph::own::{FieldError, Key, Needs, Why};
use entity::{post, tag};
use sea_orm::prelude::Json;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase};
use crate::rules::admin;

fn graph() -> Graph {
    let input = |needs: Needs<()>| needs.argument::<Json>("input", "As `createPost` takes it.");
    let id = || Needs::root().argument::<i64>("id", "Which.");
    let version = |needs: Needs<()>| needs.argument::<Option<i32>>("version", "That was read.");
    backref::blog::graph()
        .mutation_field("makePost", input(Needs::root()), async |cx| {
            cx.create(post::Entity, cx.argument("input")?).await
        })
        .mutation_field("changePost", input(version(id())), async |cx| {
            let post = Key::<post::Entity>::new(cx.argument("id")?);
            let change = cx.update(&post, cx.argument("input")?);
            match cx.argument::<Option<i32>>("version")? {
                Some(version) => change.expecting(version).await,
                None => change.await,
            }
        })
        .mutation_field("removeTag", version(id()), async |cx| {
            let tag = Key::<tag::Entity>::new(cx.argument("id")?);
            match cx.argument::<Option<i32>>("version")? {
                Some(version) => cx.delete(&tag).expecting(version).await?,
                None => cx.delete(&tag).await?,
            }
            Ok(true)
        })
        .mutation_field("removePost", version(id()), async |cx| {
            let post = Key::<post::Entity>::new(cx.argument("id")?);
            let version = cx.argument::<Option<i32>>("version")?.unwrap_or(1);
            cx.delete(&post).expecting(version).await?;
            Ok(true)
        })
        .mutation_field(
            "putPost",
            input(Needs::root()).argument::<Json>("change", "Of one that is there."),
            async |cx| {
                let (create, update) = (cx.argument("input")?, cx.argument("change")?);
                cx.upsert(post::Entity, [post::Column::Slug], create, update)
                    .await
            },
        )
        .mutation_field("putBadly", input(Needs::root()), async |cx| {
            let input: Json = cx.argument("input")?;
            cx.upsert(post::Entity, [post::Column::Title], input.clone(), input)
                .await
        })
        // What the code is told.
        .mutation_field("toldWhy", input(Needs::root()), async |cx| {
            match cx.create(post::Entity, cx.argument("input")?).await {
                Ok(_) => Ok(true),
                Err(error) => {
                    assert_eq!(error.why, Why::Conflict, "{error:?}");
                    Err(FieldError::input("never told, since the write was refused"))
                }
            }
        })
}

async fn asked(app: &TestApp, query: &str, variables: Value) -> Value {
    app.ask(&admin(), query, &variables).await.json()
}

/// The first error's text, code and place.
fn error(answer: &Value) -> (Value, Value, Value) {
    assert_eq!(answer["data"], Value::Null, "{answer}");
    let error = &answer["errors"][0];
    let extensions = &error["extensions"];
    (
        error["message"].clone(),
        extensions["code"].clone(),
        extensions["field"].clone(),
    )
}

const NEW: &str = "mutation($i: PostCreate!) { createPost(input: $i) { id } }";
const OWN_NEW: &str = "mutation($i: JSON!) { makePost(input: $i) { id } }";

#[tokio::test]
async fn errors_are_those_of_the_mutation_of_the_same_kind() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let taken = asked(&app, "{ posts(limit: 1) { slug } }", json!({})).await;
        let taken = &taken["data"]["posts"][0]["slug"];
        for (input, code, field) in [
            (
                json!({ "title": "", "slug": "a", "body": "" }),
                "BAD_USER_INPUT",
                "input.title",
            ),
            (
                json!({ "title": "T", "slug": taken, "body": "" }),
                "CONFLICT",
                "input.slug",
            ),
            (
                json!({ "title": "T", "slug": "b", "body": "", "tags": { "create": [{ "name": "" }] } }),
                "BAD_USER_INPUT",
                "input.tags.create.0.name",
            ),
            (
                json!({ "title": "T", "slug": "c", "body": "", "authorId": "User:999999" }),
                "NOT_FOUND",
                "input.authorId",
            ),
        ] {
            let expected = error(&asked(&app, NEW, json!({ "i": input })).await);
            assert_eq!((&expected.1, &expected.2), (&json!(code), &json!(field)));
            let own = error(&asked(&app, OWN_NEW, json!({ "i": input })).await);
            assert_eq!(own, expected, "{backend:?}: {input}");
        }
        let told = "mutation($i: JSON!) { toldWhy(input: $i) }";
        let input = json!({ "title": "T", "slug": taken, "body": "" });
        let answer = error(&asked(&app, told, json!({ "i": input })).await);
        assert_eq!(
            (answer.1, answer.2),
            (json!("CONFLICT"), json!("input.slug"))
        );
    }
}

#[tokio::test]
async fn versions_are_expected() {
    let built_in = "mutation($v: Int) { updatePost(id: 1, input: { title: \"T\" }, expectedVersion: $v) { version } }";
    let own = "mutation($v: Int) { changePost(id: \"1\", input: { title: \"T\" }, version: $v) { version } }";
    let remove = "mutation($v: Int) { removePost(id: \"1\", version: $v) }";
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let read = asked(&app, "{ post(id: 1) { version } }", json!({})).await;
        let version = read["data"]["post"]["version"].as_i64().expect("a version");
        let stale = json!({ "v": version + 1 });
        let expected = error(&asked(&app, built_in, stale.clone()).await);
        assert_eq!(expected.1, json!("CONFLICT"));
        assert_eq!(
            error(&asked(&app, own, stale.clone()).await),
            expected,
            "{backend:?}"
        );
        let refused = error(&asked(&app, remove, stale).await);
        assert_eq!(refused.1, json!("CONFLICT"), "{backend:?}");
        for expected in [version + 1, version + 2] {
            let answer = asked(&app, own, json!({ "v": expected - 1 })).await;
            assert_eq!(
                answer["data"]["changePost"]["version"],
                json!(expected),
                "{answer}"
            );
        }
        let answer = asked(&app, own, json!({ "v": null })).await;
        assert_eq!(
            answer["data"]["changePost"]["version"],
            json!(version + 3),
            "{answer}"
        );
        let answer = asked(&app, remove, json!({ "v": version + 3 })).await;
        assert_eq!(answer["data"], json!({ "removePost": true }), "{answer}");
        // Tags have none.
        let none = error(
            &asked(
                &app,
                "mutation { removeTag(id: \"1\", version: 1) }",
                json!({}),
            )
            .await,
        );
        let message = none.0.as_str().expect("a text");
        assert!(
            message.contains("`Mutation.removeTag` expects a version of Tag"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn rows_are_upserted_by_their_keys() {
    let put = "mutation($i: JSON!, $c: JSON!) { putPost(input: $i, change: $c) { id title slug version } }";
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let input = json!({ "title": "New", "slug": "put-here", "body": "" });
        let variables = json!({ "i": input, "c": { "title": "Changed" } });
        let made = asked(&app, put, variables.clone()).await["data"]["putPost"].clone();
        assert_eq!(made["title"], json!("New"), "{backend:?}");
        let changed = asked(&app, put, variables).await["data"]["putPost"].clone();
        let expected = json!({
            "id": made["id"], "title": "Changed", "slug": "put-here", "version": 2
        });
        assert_eq!(changed, expected, "{backend:?}");
        let refused = asked(&app, put, json!({ "i": input, "c": { "title": "" } })).await;
        let refused = error(&refused);
        assert_eq!(
            (refused.1, refused.2),
            (json!("BAD_USER_INPUT"), json!("update.title"))
        );
        let badly = "mutation($i: JSON!) { putBadly(input: $i) { id } }";
        let badly = error(&asked(&app, badly, json!({ "i": input })).await);
        let message = badly.0.as_str().expect("a text");
        assert!(message.contains("upserts Post by `title`"), "{message}");
        assert!(message.contains("SLUG"), "{message}");
    }
}
