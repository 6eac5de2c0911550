//! "Did you mean", and that nothing of the schema is told where introspection is off.

use backref::read::plan::Limits;
use serde_json::{Value, json};

use crate::harness::{Answer, Backend, TestApp, TestDatabase, blog};

/// A document with a mistyped name, the variables, what is suggested, and the place of the name.
fn mistyped() -> Vec<(&'static str, Value, &'static str, (u32, u32))> {
    vec![
        ("{ posts { titel } }", json!({}), "`title`", (1, 11)),
        ("{ é: a }", json!({}), "", (1, 3)),
        (
            "{ user(username: \"é\u{1F600}\") { pots { id } } }",
            json!({}),
            "`posts`",
            (1, 27),
        ),
        ("{ Posts { id } }", json!({}), "`posts` or `post`", (1, 3)),
        (
            "{ posts { author { pstsConnection { totalCount } } } }",
            json!({}),
            "`postsConnection`",
            (1, 20),
        ),
        (
            "{ node(id: 1) { title } }",
            json!({}),
            "`... on Post { title }`",
            (1, 17),
        ),
        ("{ node(id: 1) { idd } }", json!({}), "`id`", (1, 17)),
        ("{ posts(limt: 1) { id } }", json!({}), "`limit`", (1, 9)),
        (
            "{ users { posts(orderby: []) { id } } }",
            json!({}),
            "`orderBy`",
            (1, 17),
        ),
        (
            "{ posts { id @skip(iff: true) } }",
            json!({}),
            "`if`",
            (1, 20),
        ),
        (
            "{ posts { id @skp(if: true) } }",
            json!({}),
            "`skip`",
            (1, 14),
        ),
        (
            "{ posts(where: { titel: { eq: \"a\" } }) { id } }",
            json!({}),
            "`title`",
            (1, 18),
        ),
        (
            "{ posts(where: { and: [{ author: { nme: { eq: \"a\" } } }] }) { id } }",
            json!({}),
            "`name`",
            (1, 36),
        ),
        (
            "{ posts(where: { title: { eqq: \"a\" } }) { id } }",
            json!({}),
            "`eq`",
            (1, 27),
        ),
        (
            "{ posts(where: { status: { eq: PUBLISHD } }) { id } }",
            json!({}),
            "`PUBLISHED`",
            (1, 32),
        ),
        (
            "{ posts(orderBy: [{ title: AC }]) { id } }",
            json!({}),
            "`ASC`",
            (1, 28),
        ),
        (
            "query ($w: PostWher) { posts(where: $w) { id } }",
            json!({}),
            "`PostWhere`",
            (1, 12),
        ),
        (
            "query ($w: [[postOrder!]]) { posts { id } }",
            json!({}),
            "`PostOrder`",
            (1, 14),
        ),
        (
            "{ node(id: 1) { ... on Pst { id } } }",
            json!({}),
            "`Post`",
            (1, 24),
        ),
        (
            "{ posts { ...F } } fragment F on Pots { id }",
            json!({}),
            "`Post`",
            (1, 34),
        ),
        (
            "{ posts { ...Parst } } fragment Parts on Post { id }",
            json!({}),
            "`Parts`",
            (1, 14),
        ),
        (
            "query ($limit: Int) { posts(limit: $limt) { id } }",
            json!({}),
            "`limit`",
            (1, 36),
        ),
        (
            "query ($w: PostWhere = { titel: { eq: \"\" } }) { posts(where: $w) { id } }",
            json!({}),
            "`title`",
            (1, 26),
        ),
        (
            "query ($w: PostWhere) { posts(where: $w) { id } }",
            json!({ "w": { "titel": 1 } }),
            "`title`",
            (1, 8),
        ),
        (
            "query ($d: OrderDirection!) { posts(orderBy: [{ id: $d }]) { id } }",
            json!({ "d": "AC" }),
            "`ASC`",
            (1, 8),
        ),
    ]
}

fn all_messages(answer: &Answer) -> String {
    let json = answer.json();
    let errors = json["errors"].as_array().expect("errors").iter();
    let messages: Vec<_> = errors.filter_map(|e| e["message"].as_str()).collect();
    messages.join("\n")
}

#[tokio::test]
async fn a_mistyped_name_is_answered_with_those_that_were_perhaps_meant() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    for (query, variables, meant, (line, column)) in mistyped() {
        let answer = app.request(query, None, &variables).await;
        let messages = all_messages(&answer);
        match meant {
            "" => assert!(!messages.contains("did you mean"), "{query}: {messages}"),
            _ => {
                let suggestion = format!("; did you mean {meant}");
                assert!(messages.contains(&suggestion), "{query}: {messages}");
            }
        }
        if meant.is_empty() {
            continue;
        }
        let json = answer.json();
        let errors = json["errors"].as_array().expect("errors").iter();
        let mut suggesting = errors.filter(|e| e["message"].to_string().contains("did you mean"));
        let at = &suggesting.next().expect("a suggestion")["locations"][0];
        assert_eq!(*at, json!({ "line": line, "column": column }), "{query}");
    }
}

#[tokio::test]
async fn names_are_suggested_in_time_however_many_are_wrong() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let many = |name: &dyn Fn(usize) -> String| (0..5000).map(name).collect::<Vec<_>>().join(" ");
    for query in [
        format!("{{ posts {{ {} }} }}", many(&|i| format!("titel{i}"))),
        format!(
            "{{ {} }} {}",
            many(&|i| format!("...G{i}")),
            many(&|i| format!("fragment F{i} on Query {{ id }}"))
        ),
        format!(
            "query ({}) {{ {} }}",
            many(&|i| format!("$a{i}: Int")),
            many(&|i| format!("f{i}(x: $b{i})"))
        ),
        format!(
            "{{ posts(where: {{ and: [{}] }}) {{ id }} }}",
            many(&|i| format!("{{ titel{i}: {{}} }}"))
        ),
        format!("{{ {} }}", "t".repeat(500_000)),
    ] {
        let answer = app.query(&query).await;
        assert!(answer.json()["errors"].as_array().expect("errors").len() <= 10);
        assert!(answer.text.len() < 20_000, "{}", answer.text.len());
    }
}

async fn closed(database: &TestDatabase) -> TestApp {
    let mut limits = Limits::default();
    limits.document.introspection = false;
    TestApp::new(database, blog::graph(), limits)
}

#[tokio::test]
async fn where_introspection_is_off_no_name_is_suggested() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = closed(&database).await;
    for (query, variables, ..) in mistyped() {
        let answer = app.request(query, None, &variables).await;
        let messages = all_messages(&answer);
        assert!(!messages.contains("did you mean"), "{query}: {messages}");
    }
}

#[tokio::test]
async fn where_introspection_is_off_the_schema_is_asked_in_vain() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = closed(&database).await;
    for query in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"Post\") { name } }",
        "{ posts { id } a: __schema { types { name } } }",
        "{ posts: __type(name: \"Post\") { fields { name } } }",
        "{ ...F } fragment F on Query { b: __schema { types { name } } }",
        "{ ... { ... on Query { ...F } } } fragment F on Query { ... { __type(name: \"Post\") { name } } }",
        "{ __schema @skip(if: true) { types { name } } }",
        "query A { posts { id } } query B { __schema { types { name } } }",
        "query IntrospectionQuery { __schema { queryType { name } } }",
        "query ($n: String = \"__schema\") { __type(name: $n) { name } }",
        "{ posts { __schema { types { name } } } }",
    ] {
        let answer = app.query(query).await;
        assert_eq!(
            answer.code(),
            "GRAPHQL_VALIDATION_FAILED",
            "{query}: {}",
            answer.text
        );
        assert!(
            answer.message().contains("introspection is off"),
            "{query}: {}",
            answer.text
        );
        assert!(
            answer.json()["errors"][0]["locations"][0]["column"].is_number(),
            "{}",
            answer.text
        );
    }
    let answer = app
        .query("{ __typename a: __typename posts(limit: 1) { __typename } }")
        .await;
    let expected =
        json!({ "__typename": "Query", "a": "Query", "posts": [{ "__typename": "Post" }] });
    assert_eq!(answer.data(), expected);
    let text = "{ posts(where: { title: { eq: \"__schema\" } }) { id } }";
    assert_eq!(app.query(text).await.data(), json!({ "posts": [] }));
    // Where it is on, both are answered.
    let app = TestApp::blog(&database);
    app.query("{ __schema { queryType { name } } __type(name: \"Post\") { name } }")
        .await
        .data();
}
