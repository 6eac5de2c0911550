//! What GraphQL itself finds wrong with an input has its place there, however it came.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{blog, somebody};
use crate::harness::{Answer, Backend, TestApp};

/// A value as GraphQL writes it; what has no small letter is a value of an enum.
fn literal(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| match name.as_str() {
                // A variable.
                "$" => "$v".to_owned(),
                _ => format!("{name}: {}", literal(value)),
            });
            let text = fields.collect::<Vec<_>>().join(", ");
            match value.get("$") {
                Some(_) => text,
                None => format!("{{ {text} }}"),
            }
        }
        Value::String(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase()) => {
            text.clone()
        }
        value => value.to_string(),
    }
}

/// A wrong argument of a field.
struct Wrong {
    /// The field, its argument and that one's type.
    field: &'static str,
    argument: &'static str,
    ty: &'static str,
    value: Value,
    /// A part of it, and the type of a variable that is put there.
    part: Option<(&'static str, &'static str)>,
    place: &'static str,
}

fn wrong() -> Vec<Wrong> {
    let create = |value: Value, part: Option<(&'static str, &'static str)>, place| Wrong {
        field: "createPost",
        argument: "input",
        ty: "PostCreate!",
        value,
        part,
        place,
    };
    let post = |with: Value| {
        let mut post = json!({ "title": "t", "slug": "s", "body": "b" });
        for (name, value) in with.as_object().into_iter().flatten() {
            post[name] = value.clone();
        }
        post
    };
    let user = |email: Value| json!({ "username": "un", "name": "n", "email": email });
    let both = json!({ "connect": "User:2", "create": user(json!("u@example.org")) });
    let create_all = |value: Value, part: Option<(&'static str, &'static str)>, place| Wrong {
        field: "createPosts",
        argument: "inputs",
        ty: "[PostCreate!]!",
        value,
        part,
        place,
    };
    vec![
        create(json!({ "slug": "s", "body": "b" }), None, "input.title"),
        create(post(json!({ "title": null })), None, "input.title"),
        create(
            post(json!({ "title": 5 })),
            Some(("/title", "Int!")),
            "input.title",
        ),
        create(post(json!({ "subtitle": "t" })), None, "input.subtitle"),
        create(post(json!({ "status": "PUBLIC" })), None, "input.status"),
        create(
            post(json!({ "author": {} })),
            Some(("/author", "UserLink")),
            "input.author",
        ),
        create(
            post(json!({ "author": both })),
            Some(("/author", "UserLink")),
            "input.author",
        ),
        create(
            post(json!({ "author": { "create": user(json!(5)) } })),
            Some(("/author/create", "UserCreate!")),
            "input.author.create.email",
        ),
        create(
            post(json!({ "tags": { "connect": ["Tag:1", true] } })),
            Some(("/tags/connect", "[ID!]")),
            "input.tags.connect.1",
        ),
        // One value stands for a list of it.
        create(
            post(json!({ "tags": { "connect": true } })),
            Some(("/tags", "PostTagsCreate")),
            "input.tags.connect.0",
        ),
        create(
            post(json!({ "tags": { "create": [{ "name": "n" }, {}] } })),
            Some(("/tags/create/1", "TagCreate!")),
            "input.tags.create.1.name",
        ),
        create_all(
            json!([post(json!({})), { "slug": "s", "body": "b" }]),
            Some(("/1", "PostCreate!")),
            "inputs.1.title",
        ),
        create_all(json!({ "slug": "s", "body": "b" }), None, "inputs.0.title"),
        Wrong {
            field: "deletePosts",
            argument: "where",
            ty: "PostWhere!",
            value: json!({ "and": { "author": { "name": { "eq": 5 } } } }),
            part: Some(("/and/author", "UserWhere")),
            place: "where.and.0.author.name.eq",
        },
        Wrong {
            field: "deletePost",
            argument: "id",
            ty: "ID!",
            value: json!(true),
            part: None,
            place: "id",
        },
        // What only Backref knows has its place alike.
        create(
            post(json!({ "publishedAt": "soon" })),
            Some(("/publishedAt", "DateTime")),
            "input.publishedAt",
        ),
    ]
}

impl Wrong {
    /// The ways in which it can be sent: documents, each with the value of its variable.
    fn ways(&self) -> Vec<(String, Value)> {
        let Wrong {
            field,
            argument,
            ty,
            value,
            ..
        } = self;
        let selection = match field.ends_with("Posts") && !field.starts_with("create") {
            true => "count",
            false => "id",
        };
        let asked = |given: &str| format!("{field}({argument}: {given}) {{ {selection} }}");
        let written = literal(value);
        let mut ways = vec![
            (format!("mutation {{ {} }}", asked(&written)), json!({})),
            (
                format!("mutation($v: {ty}) {{ {} }}", asked("$v")),
                json!({ "v": value }),
            ),
            (
                format!("mutation($v: {ty} = {written}) {{ {} }}", asked("$v")),
                json!({}),
            ),
            (
                format!(
                    "mutation($v: {ty}) {{ ...F }} fragment F on Mutation {{ {} }}",
                    asked("$v")
                ),
                json!({ "v": value }),
            ),
        ];
        if let Some((part, ty)) = self.part {
            let mut value = value.clone();
            let inner = value.pointer_mut(part).expect("a part");
            let inner = std::mem::replace(inner, json!({ "$": null }));
            ways.push((
                format!("mutation($v: {ty}) {{ {} }}", asked(&literal(&value))),
                json!({ "v": inner }),
            ));
        }
        ways
    }
}

/// The fields that the errors of a refusal name.
fn named(answer: &Answer) -> BTreeSet<String> {
    let json = answer.json();
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let field = |error: &Value| {
        let field = error["extensions"]["field"].as_str();
        field.unwrap_or("-").to_owned()
    };
    errors.iter().map(field).collect()
}

async fn ask(app: &TestApp, document: &str, variables: &Value) -> Answer {
    app.ask(&somebody("admin", 1), document, variables).await
}

#[tokio::test]
async fn what_is_wrong_has_its_place_however_it_came() {
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for wrong in wrong() {
            for (document, variables) in wrong.ways() {
                let answer = ask(&app, &document, &variables).await;
                assert_eq!(
                    named(&answer),
                    [wrong.place.to_owned()].into(),
                    "{backend:?} {document} {variables}: {}",
                    answer.text
                );
            }
        }
    }
}

#[tokio::test]
async fn a_variable_is_named_where_it_is_used_first() {
    let (_database, app) = blog(Backend::Sqlite).await;
    let wrong = json!({ "v": { "slug": "s", "body": "b" }, "d": "no" });
    let one = "a: createPost(input: $v) { id }";
    let many = "b: createPosts(inputs: [$v]) { id }";
    for (document, places) in [
        (
            format!("mutation($v: PostCreate!) {{ {one} {many} }}"),
            &["input.title"][..],
        ),
        (
            format!("mutation($v: PostCreate!) {{ {many} {one} }}"),
            &["inputs.0.title"],
        ),
        // A directive has no place in an input.
        (
            "mutation($v: PostCreate!, $d: Boolean!) { createPost(input: $v) @include(if: $d) { id } }"
                .to_owned(),
            &["input.title", "d"],
        ),
    ] {
        let answer = ask(&app, &document, &wrong).await;
        let places: BTreeSet<_> = places.iter().map(|&place| place.to_owned()).collect();
        assert_eq!(named(&answer), places, "{document}: {}", answer.text);
    }
}

/// What is no value at all, but an argument, a variable or a name.
#[tokio::test]
async fn what_the_document_lacks_or_has_too_much_has_its_place() {
    let (_database, app) = blog(Backend::Sqlite).await;
    for (document, places) in [
        ("mutation { createPost { id } }", &["input"][..]),
        (
            "mutation { upsertTag(create: { name: \"n\" }) { id } }",
            &["update", "on"],
        ),
        (
            "mutation { deletePost(id: 1, version: 2) { id } }",
            &["version"],
        ),
        (
            "mutation { createTag(input: { name: $n }) { id } }",
            &["input.name"],
        ),
        (
            "mutation { createTag(input: { name: \"a\", name: \"b\" }) { id } }",
            &["input.name"],
        ),
        (
            "mutation { createPost(input: {}) { id } }",
            &["input.title", "input.slug", "input.body"],
        ),
        ("{ posts(limit: \"a\") { id } }", &["limit"]),
        (
            "{ users { posts(where: { and: [{}, { titel: { eq: \"a\" } }] }) { id } } }",
            &["where.and.1.titel"],
        ),
        // In no argument.
        ("{ posts { titel } }", &["-"]),
        ("{ posts { id @include(if: 5) } }", &["-"]),
        ("query($n: Int) { posts { id } }", &["-"]),
    ] {
        let answer = ask(&app, document, &json!({})).await;
        assert_eq!(answer.code(), "GRAPHQL_VALIDATION_FAILED", "{document}");
        let places: BTreeSet<_> = places.iter().map(|&place| place.to_owned()).collect();
        assert_eq!(named(&answer), places, "{document}: {}", answer.text);
    }
}
