//! Errors are told in the order of the input, whatever tables and keys they are of, and however the input is sent.

use backref::engine;
use serde_json::{Value, json};

use super::shapes::app as app_of_shapes;
use super::{blog, somebody};
use crate::harness::{Backend, TestApp};

/// The places that an answer's errors are told at, in their order.
fn places(answer: &Value) -> Vec<&str> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    let places = errors.map(|error| error["extensions"]["field"].as_str().unwrap_or_default());
    places.collect()
}

/// A field and its arguments, each as JSON, whose fields are in this order.
struct Case {
    field: &'static str,
    arguments: Vec<(&'static str, &'static str, String)>,
    places: Vec<&'static str>,
}

fn case<const N: usize, const M: usize>(
    field: &'static str,
    arguments: [(&'static str, &'static str, &str); N],
    places: [&'static str; M],
) -> Case {
    Case {
        field,
        arguments: arguments
            .map(|(name, of, json)| (name, of, json.to_owned()))
            .into(),
        places: places.into(),
    }
}

/// JSON as it is written in a document: names stand in no quotation marks.
fn literal(json: &str) -> String {
    let mut parts = json.split('"');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let (Some(inside), Some(behind)) = (parts.next(), parts.next()) {
        match behind.starts_with(':') {
            true => text += inside,
            false => text += &format!("\"{inside}\""),
        }
        text += behind;
    }
    text
}

async fn is_told(app: &TestApp, backend: Backend, case: &Case) {
    let by = somebody("admin", 1);
    let written = case.arguments.iter();
    let written = written.map(|(name, _, json)| match *name {
        "on" => format!("{name}: {}", json.trim_matches('"')),
        _ => format!("{name}: {}", literal(json)),
    });
    let written = written.collect::<Vec<_>>().join(", ");
    let document = format!("mutation {{ {}({written}) {{ __typename }} }}", case.field);
    let answer = app.ask(&by, &document, &Value::Null).await.json();
    assert_eq!(
        places(&answer),
        case.places,
        "{backend:?} {document}: {answer}"
    );

    let declared = case.arguments.iter();
    let declared = declared.map(|(name, of_type, _)| format!("${name}: {of_type}"));
    let declared = declared.collect::<Vec<_>>().join(", ");
    let given = case.arguments.iter();
    let given = given.map(|(name, ..)| format!("{name}: ${name}"));
    let given = given.collect::<Vec<_>>().join(", ");
    let document = format!(
        "mutation ({declared}) {{ {}({given}) {{ __typename }} }}",
        case.field
    );
    let variables = case.arguments.iter();
    let variables = variables.map(|(name, _, json)| format!("\"{name}\": {json}"));
    let variables = variables.collect::<Vec<_>>().join(", ");
    // As text, for a map of JSON has an order of its own.
    let request = format!(
        "{{ \"query\": {}, \"variables\": {{ {variables} }} }}",
        json!(document)
    );
    let request: engine::Request = serde_json::from_str(&request).expect("a request");
    let response = app.engine.execute(&request, by).await;
    let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(
        places(&answer),
        case.places,
        "{backend:?} {document}: {answer}"
    );
}

fn list<const N: usize>(items: [String; N]) -> String {
    format!("[{}]", items.join(", "))
}

fn update(input: &str) -> [(&'static str, &'static str, &str); 2] {
    [
        ("id", "ID!", r#""Post:1""#),
        ("input", "PostUpdate!", input),
    ]
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_order_of_the_input() {
    let changes =
        [999, 1, 998].map(|id| format!(r#"{{ "id": {id}, "input": {{ "name": "n{id}" }} }}"#));
    let changes = format!(r#"{{ "tags": {{ "update": [{}] }} }}"#, changes.join(", "));
    let cases = [
        case(
            "updatePost",
            update(r#"{ "tags": { "connect": [999, 2, 998, 2] } }"#),
            ["input.tags.connect.0", "input.tags.connect.2"],
        ),
        case(
            "updatePost",
            update(r#"{ "tags": { "set": [999, 1, 998] } }"#),
            ["input.tags.set.0", "input.tags.set.2"],
        ),
        case(
            "updatePost",
            update(r#"{ "tags": { "disconnect": [999, 1, 998] } }"#),
            ["input.tags.disconnect.0", "input.tags.disconnect.2"],
        ),
        case(
            "updatePost",
            update(r#"{ "tags": { "delete": [999, 998] } }"#),
            ["input.tags.delete.0", "input.tags.delete.1"],
        ),
        case(
            "updatePost",
            update(&changes),
            ["input.tags.update.0.id", "input.tags.update.2.id"],
        ),
        // They are there, and not in the relation.
        case(
            "updatePost",
            update(r#"{ "comments": { "delete": ["Comment:6", "Comment:5"] } }"#),
            ["input.comments.delete.0", "input.comments.delete.1"],
        ),
        case(
            "updatePost",
            update(r#"{ "tags": { "delete": ["Tag:4", "Tag:3"] } }"#),
            ["input.tags.delete.0", "input.tags.delete.1"],
        ),
        // Whatever tables they are of.
        case(
            "updatePost",
            update(
                r#"{ "tags": { "disconnect": 997, "connect": [999, 998] }, "author": { "connect": 99 }, "comments": { "delete": [99] } }"#,
            ),
            [
                "input.tags.disconnect.0",
                "input.tags.connect.0",
                "input.tags.connect.1",
                "input.author.connect",
                "input.comments.delete.0",
            ],
        ),
        case(
            "updatePost",
            update(
                r#"{ "comments": { "delete": 99 }, "author": { "connect": 99 }, "tags": { "connect": [999, 998], "disconnect": [997] } }"#,
            ),
            [
                "input.comments.delete.0",
                "input.author.connect",
                "input.tags.connect.0",
                "input.tags.connect.1",
                "input.tags.disconnect.0",
            ],
        ),
        // One that is named again is told there as well.
        case(
            "createPosts",
            [(
                "inputs",
                "[PostCreate!]!",
                r#"[ { "title": "T", "body": "B", "slug": "a", "authorId": 99, "tags": { "connect": [999, 998] } }, { "title": "T", "body": "B", "slug": "b", "tags": { "connect": 998 }, "authorId": 99 } ]"#,
            )],
            [
                "inputs.0.authorId",
                "inputs.0.tags.connect.0",
                "inputs.0.tags.connect.1",
                "inputs.1.tags.connect.0",
                "inputs.1.authorId",
            ],
        ),
        case(
            "upsertPost",
            [
                ("update", "PostUpdate!", r#"{ "authorId": 98 }"#),
                (
                    "create",
                    "PostCreate!",
                    r#"{ "title": "T", "body": "B", "slug": "s", "authorId": 97 }"#,
                ),
                ("on", "PostKey!", r#""SLUG""#),
            ],
            ["update.authorId", "create.authorId"],
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for case in &cases {
            is_told(&app, backend, case).await;
        }
    }
}

/// By keys of two columns, and by such keys that are given as columns.
#[tokio::test]
async fn what_is_not_there_of_composite_keys_is_told_in_the_order_of_the_input() {
    let club = |code: &str, region: &str| {
        format!(r#"{{ "id": "{code}", "region": {{ "connect": "{region}" }} }}"#)
    };
    let plain = |code: &str, country: &str| {
        format!(r#"{{ "id": "{code}", "regionCountry": "{country}", "regionCode": "x" }}"#)
    };
    let cases = [
        case(
            "createClubs",
            [(
                "inputs",
                "[ClubCreate!]!",
                &list([club("b", "z:1"), club("a", "a:1"), club("c", "m:1")]),
            )],
            [
                "inputs.0.region.connect",
                "inputs.1.region.connect",
                "inputs.2.region.connect",
            ],
        ),
        case(
            "createClubs",
            [(
                "inputs",
                "[ClubCreate!]!",
                &list([plain("b", "z"), plain("a", "a"), plain("c", "m")]),
            )],
            [
                "inputs.0.regionCountry",
                "inputs.1.regionCountry",
                "inputs.2.regionCountry",
            ],
        ),
        case(
            "createRegion",
            [(
                "input",
                "RegionCreate!",
                r#"{ "country": "d", "code": "b", "name": "N", "clubs": { "connect": ["z", "a", "m"] } }"#,
            )],
            [
                "input.clubs.connect.0",
                "input.clubs.connect.1",
                "input.clubs.connect.2",
            ],
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = app_of_shapes(backend).await;
        for case in &cases {
            is_told(&app, backend, case).await;
        }
    }
}

/// What a database refuses, what is missing and what a rule refuses come in that order, too.
#[tokio::test]
async fn whatever_is_wrong_is_told_in_the_order_of_the_input() {
    let cases = [
        case(
            "createUsers",
            [(
                "inputs",
                "[UserCreate!]!",
                r#"[ { "email": "user3@example.org", "name": "N", "username": "user2" }, { "username": "user3", "name": "N", "email": "user2@example.org" } ]"#,
            )],
            [
                "inputs.0.email",
                "inputs.0.username",
                "inputs.1.username",
                "inputs.1.email",
            ],
        ),
        // What is missing stands behind what is there.
        case(
            "createComments",
            [(
                "inputs",
                "[CommentCreate!]!",
                r#"[{ "body": "B" }, { "postId": "Tag:1", "body": "B" }, { "body": "B" }]"#,
            )],
            ["inputs.0.post", "inputs.1.postId", "inputs.2.post"],
        ),
    ];
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        for case in &cases {
            is_told(&app, backend, case).await;
        }
    }
}

/// An answer lists so many, and says how many more there are.
#[tokio::test]
async fn more_than_an_answer_lists_are_counted() {
    for backend in Backend::all() {
        let (_database, app) = blog(backend).await;
        let ids: Vec<_> = (0..250).map(|at| 2000 - at).collect();
        let document = "mutation ($ids: [ID!]) {
            updatePost(id: 1, input: { tags: { connect: $ids } }) { id } }";
        let variables = json!({ "ids": ids });
        let answer = app.ask(&somebody("admin", 1), document, &variables).await;
        let answer = answer.json();
        let mut expected: Vec<_> = (0..100)
            .map(|at| format!("input.tags.connect.{at}"))
            .collect();
        expected.push(String::new());
        assert_eq!(places(&answer), expected, "{backend:?}");
        let last = &answer["errors"][100];
        assert_eq!(
            last["message"], "150 more errors are not listed",
            "{backend:?}"
        );
        assert_eq!(last["extensions"]["code"], "LIMIT_EXCEEDED", "{backend:?}");
    }
}
