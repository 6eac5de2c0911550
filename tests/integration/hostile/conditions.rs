//! Conditions, orders and values that are more than a database should be asked.

use axum::http::StatusCode;
use backref::read::plan::Limits;
use serde_json::{Value, json};

use super::{assert_refused, nest, outcome, repeat};
use crate::harness::{Backend, TestApp, TestDatabase, blog};

#[tokio::test]
async fn long_lists_of_values_are_answered() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let all = app.query("{ posts(limit: 1000) { id } }").await.data();
        let ids = repeat(10_000, |i| i.to_string());
        let query =
            format!("{{ posts(limit: 1000, where: {{ id: {{ in: [{ids}] }} }}) {{ id }} }}");
        assert_eq!(app.query(&query).await.data(), all);
        let query = "query($ids: [ID!]) { posts(limit: 1000, where: { id: { in: $ids } }) { id } }";
        let ids: Vec<i32> = (0..100_000).collect();
        assert_eq!(
            app.request(query, None, &json!({ "ids": ids }))
                .await
                .data(),
            all
        );
        // One variable in many places is held as often.
        let texts: Vec<String> = (0..20_000).map(|i| format!("{i:040}")).collect();
        let lists = repeat(60, |i| {
            format!("a{i}: tags(where: {{ name: {{ in: $texts }} }}, limit: {i}) {{ id }}")
        });
        let query = format!("query($texts: [String!]) {{ {lists} }}");
        let answer = app.request(&query, None, &json!({ "texts": texts })).await;
        assert_refused(
            &answer,
            &["33554432 are allowed", "a variable counts wherever"],
        );
        let text = "x".repeat(1_000_000);
        let lookups = repeat(100, |i| format!("a{i}: post(slug: $slug) {{ id }}"));
        let query = format!("query($slug: String) {{ {lookups} }}");
        let answer = app.request(&query, None, &json!({ "slug": text })).await;
        assert_refused(&answer, &["33554432 are allowed"]);
    }
}

#[tokio::test]
async fn numbers_beyond_all_bounds_are_bad_input() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let digits = "9".repeat(100_000);
        for number in ["-99999999999999999999999999", &digits, "1e400", "-0"] {
            for query in [
                format!("{{ posts(limit: {number}) {{ id }} }}"),
                format!("{{ posts(offset: {number}) {{ id }} }}"),
                format!("{{ post(id: {number}) {{ id }} }}"),
                format!("{{ nodes(ids: [\"Post:{number}\"]) {{ id }} }}"),
                format!("{{ posts(where: {{ version: {{ gt: {number} }} }}) {{ id }} }}"),
                format!("{{ posts(where: {{ id: {{ in: [{number}] }} }}) {{ id }} }}"),
            ] {
                let answer = app.query(&query).await;
                let begins: String = query.chars().take(60).collect();
                let expected = match number {
                    "-0" => &["answered", "BAD_USER_INPUT"][..],
                    _ => &["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"][..],
                };
                let outcome = outcome(&answer);
                assert!(
                    expected.contains(&outcome.as_str()),
                    "{begins}: {}",
                    answer.text
                );
            }
        }
        let query = "query($n: Int, $id: ID) { posts(limit: $n) { id } post(id: $id) { id } }";
        for number in ["99999999999", "1e300", "18446744073709551616", "-1e-300"] {
            for name in ["n", "id"] {
                let variables: Value =
                    serde_json::from_str(&format!(r#"{{"{name}":{number}}}"#)).expect("JSON");
                let answer = app.request(query, None, &variables).await;
                let known = ["BAD_USER_INPUT", "answered"].contains(&outcome(&answer).as_str());
                assert!(known, "{name} {number}: {}", answer.text);
            }
        }
    }
}

/// Conditions as deep as they may be, in each of the ways there are, and one deeper.
#[tokio::test]
async fn conditions_are_answered_up_to_their_depth_and_refused_beyond() {
    let title = json!({ "title": { "eq": "a" } });
    type Wrap = fn(Value) -> Value;
    let ways: [(&str, usize, Wrap); 6] = [
        ("not", 59, |w| json!({ "not": w })),
        (
            "or",
            40,
            |w| json!({ "or": [w, { "version": { "gt": 1 } }] }),
        ),
        (
            "author and posts",
            5,
            |w| json!({ "author": { "posts": { "some": w } } }),
        ),
        (
            "tags and posts",
            5,
            |w| json!({ "tags": { "every": { "posts": { "every": w } } } }),
        ),
        (
            "comments and post",
            5,
            |w| json!({ "comments": { "none": { "post": w } } }),
        ),
        (
            "following",
            3,
            |w| json!({ "not": { "author": { "following": { "some": { "posts": { "none": w } } } } } }),
        ),
    ];
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for (way, most, wrap) in ways {
            for (n, answered) in [(1, true), (2, true), (most, true), (60, false)] {
                let filter = (0..n).fold(title.clone(), |w, _| wrap(w));
                let Ok(body) = serde_json::from_str::<Value>(&filter.to_string()) else {
                    continue;
                };
                let query = "query($w: PostWhere) { posts(where: $w) { id } }";
                let by_variable = app.request(query, None, &json!({ "w": body })).await;
                match (answered, by_variable.status) {
                    (true, _) => drop(by_variable.data()),
                    // JSON has a bound of its own.
                    (false, StatusCode::BAD_REQUEST) => {}
                    (false, _) => assert_refused(&by_variable, &["nests", "is allowed"]),
                }
                let query = format!("{{ posts(where: {}) {{ id }} }}", literal(&body));
                let by_document = app.query(&query).await;
                assert_eq!(
                    outcome(&by_document) == "answered",
                    answered,
                    "{way}: {}",
                    by_document.text
                );
            }
        }
        let order = nest(30, "{parent: ", "{id: ASC}", "}");
        let answer = app
            .query(&format!("{{ comments(orderBy: {order}) {{ id }} }}"))
            .await;
        assert_refused(
            &answer,
            &[
                "`orderBy` of `comments` nests relations 30 deep",
                "10 is allowed",
            ],
        );
        let order = nest(10, "{parent: ", "{id: ASC}", "}");
        app.query(&format!("{{ comments(orderBy: {order}) {{ id }} }}"))
            .await
            .data();
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(k, v)| format!("{k}: {}", literal(v)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(" "))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(literal).collect::<Vec<_>>().join(" ")
            )
        }
        _ => value.to_string(),
    }
}

/// As many conditions as there may be are no more than either database can take, at any depth.
#[tokio::test]
async fn conditions_are_answered_up_to_their_number_and_refused_beyond() {
    let items = |n: usize, of: fn(usize) -> Value| Value::from_iter((0..n).map(of));
    let title = |i: usize| json!({ "title": { "eq": i.to_string() } });
    let author = |i: usize| json!({ "author": { "name": { "eq": i.to_string() } } });
    let tags = |i: usize| json!({ "tags": { "some": { "name": { "eq": i.to_string() } } } });
    let both = |i: usize| json!({ "title": { "contains": "a" }, "version": { "gt": i } });
    let deep = |n: usize, inner: Value| {
        (0..n).fold(
            inner,
            |w, _| json!({ "author": { "posts": { "none": w } } }),
        )
    };
    let query = "query($w: PostWhere) { posts(where: $w) { id } }";
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for filter in [
            json!({ "or": items(999, title) }),
            json!({ "and": items(999, title) }),
            json!({ "or": items(499, author) }),
            json!({ "and": items(499, author) }),
            json!({ "or": items(499, tags) }),
            json!({ "and": items(499, tags) }),
            json!({ "or": items(333, both) }),
            json!({ "not": { "and": items(332, both) } }),
            deep(2, json!({ "or": items(990, title) })),
            deep(4, json!({ "and": items(990, title) })),
        ] {
            let answer = app.request(query, None, &json!({ "w": filter })).await;
            assert_eq!(outcome(&answer), "answered", "{backend:?}: {filter}");
        }
        for filter in [
            json!({ "or": items(2_000, title) }),
            json!({ "or": items(2_000, author) }),
            json!({ "and": items(10_000, title) }),
            json!({ "and": items(10_000, |_| json!({})) }),
        ] {
            let answer = app.request(query, None, &json!({ "w": filter })).await;
            assert_refused(
                &answer,
                &["conditions", "`posts`", "1000 are allowed", "one `in`"],
            );
        }
        // Those of all lists count together.
        let lists = repeat(4, |i| {
            format!("a{i}: posts(where: $w, limit: {i}) {{ id }}")
        });
        let together = format!("query($w: PostWhere) {{ {lists} }}");
        let filter = json!({ "w": { "or": items(400, title) } });
        let answer = app.request(&together, None, &filter).await;
        assert_refused(&answer, &["1203 conditions by `a2`"]);
        let orders = "query($o: [PostOrder!]) { posts(orderBy: $o) { id } }";
        let order = |n: usize| json!({ "o": items(n, |_| json!({ "author": { "name": "ASC" } })) });
        app.request(orders, None, &order(10)).await.data();
        for n in [11, 20_000] {
            let answer = app.request(orders, None, &order(n)).await;
            assert_refused(
                &answer,
                &[
                    "`orderBy` of `posts`",
                    &format!("{n} orders"),
                    "10 are allowed",
                ],
            );
        }
    }
}

/// An operator may allow more than the database does; then the database's refusal is one for a limit too.
#[tokio::test]
async fn what_a_database_cannot_take_is_a_limit_and_no_internal_error() {
    let limits = Limits {
        conditions: 1_000_000,
        condition_depth: 1_000,
        orders: 1_000_000,
        ..Limits::default()
    };
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, blog::graph(), limits);
        let query = "query($o: [PostOrder!]) { posts(orderBy: $o) { id } }";
        let terms: Vec<_> = (0..3_000)
            .map(|_| json!({ "author": { "name": "ASC" } }))
            .collect();
        let answer = app.request(query, None, &json!({ "o": terms })).await;
        assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
        assert!(answer.message().contains("ask for less"), "{}", answer.text);
        let deep = nest(30, "{ tags: { every: { posts: { every: ", "{}", " } } } }");
        let answer = app
            .query(&format!("{{ posts(where: {deep}) {{ id }} }}"))
            .await;
        assert!(
            ["answered", "LIMIT_EXCEEDED", "TIMEOUT"].contains(&outcome(&answer).as_str()),
            "{}",
            answer.text
        );
    }
}

/// PostgreSQL would plan each level of a chain in two ways, and so the last of nine in five hundred.
#[tokio::test]
async fn chains_of_relations_are_answered_up_to_their_depth() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let chain = (0..9).fold(json!({ "name": { "ne": "" } }), |inner, level| {
            let relation = if level % 2 == 0 { "tags" } else { "posts" };
            json!({ relation: { "some": inner } })
        });
        let chains: Vec<_> = std::iter::repeat_n(chain, 50).collect();
        let condition = json!({ "and": [{ "id": { "eq": "1" } }, { "or": chains }] });
        let query = "query($w: PostWhere) { posts(where: $w) { id } }";
        let answer = app.request(query, None, &json!({ "w": condition })).await;
        let one = app
            .query("{ posts(where: { id: { eq: 1 } }) { id } }")
            .await;
        assert_eq!(answer.data(), one.data(), "{backend:?}");
    }
}
