//! Documents that are large, deep or wrong over and over.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::{app, assert_refused, nest, outcome, repeat};

#[tokio::test]
async fn a_page_of_pages_is_answered_when_small_and_names_its_largest_path_when_large() {
    let (_database, app) = app().await;
    let small = nest(5, "posts(limit: 1) { author { ", "id", " } }");
    app.query(&format!("{{ {small} }}")).await.data();
    let large =
        "{ posts(limit: 1000) { author { posts(limit: 1000) { tags(limit: 1000) { id } } } } }";
    let (answer, statements) = app.counted(large, &json!({})).await;
    assert_refused(
        &answer,
        &[
            "1001002000 rows",
            "250000 are allowed",
            "`posts.author.posts.tags`",
            "smaller `limit`",
        ],
    );
    assert!(statements.is_empty());
    let deep = nest(8, "posts(limit: 1) { author { ", "id", " } }");
    assert_refused(
        &app.query(&format!("{{ {deep} }}")).await,
        &["deeper than 15"],
    );
}

#[tokio::test]
async fn a_thousand_aliases_are_refused_however_they_are_written() {
    let (_database, app) = app().await;
    let direct = repeat(1000, |i| format!("a{i}: users(limit: 1) {{ id }}"));
    let leaves = repeat(1000, |i| format!("a{i}: name"));
    let fields = repeat(100, |i| format!("a{i}: name"));
    let levels = repeat(10, |i| format!("following(limit: {}) {{ ...F }}", i + 1));
    let spread = repeat(10, |i| format!("... on Query {{ u{i}: users {{ ...F }} }}"));
    for (query, found) in [
        (format!("{{ {direct} }}"), 1000),
        (format!("{{ users {{ {leaves} }} }}"), 1000),
        (
            format!("{{ {spread} }} fragment F on User {{ {fields} }}"),
            1010,
        ),
        (
            format!("{{ users {{ {levels} }} }} fragment F on User {{ {fields} }}"),
            1000,
        ),
    ] {
        let answer = app.query(&query).await;
        assert_refused(
            &answer,
            &[
                &format!("{found} aliases"),
                "200 are allowed",
                "fewer of them",
            ],
        );
    }
    let most = repeat(200, |i| format!("a{i}: name"));
    app.query(&format!("{{ users {{ {most} }} }}")).await.data();
}

#[tokio::test]
async fn fragments_that_multiply_are_refused_before_they_do() {
    let (_database, app) = app().await;
    let next = |i: usize, spreads: &str| {
        let spreads = spreads.replace('N', &(i + 1).to_string());
        format!("fragment F{i} on Query {{ {spreads} }}")
    };
    let wide = repeat(30, |i| next(i, "...FN ...FN"));
    let end = "fragment F30 on Query { posts { id } }";
    let answer = app.query(&format!("{{ ...F0 }} {wide} {end}")).await;
    assert_refused(
        &answer,
        &[
            "4294967295 fields and fragments",
            "10000 are allowed",
            "ask for less",
        ],
    );
    // No operation reaches it.
    let answer = app.query(&format!("{{ __typename }} {wide} {end}")).await;
    assert_refused(&answer, &["10000 are allowed"]);
    let wider = repeat(80, |i| next(i, "...FN ...FN"));
    let answer = app
        .query(&format!(
            "{{ ...F0 }} {wider} fragment F80 on Query {{ __typename }}"
        ))
        .await;
    assert_refused(&answer, &["more than 10000 fields and fragments"]);
    let inline = repeat(30, |i| next(i, "... { ... { ...FN } } ... { ...FN }"));
    let answer = app.query(&format!("{{ ...F0 }} {inline} {end}")).await;
    assert_refused(&answer, &["10000 are allowed"]);
    let chain = repeat(6000, |i| next(i, "...FN"));
    let answer = app
        .query(&format!(
            "{{ ...F0 }} {chain} fragment F6000 on Query {{ __typename }}"
        ))
        .await;
    assert_refused(&answer, &["more than 100 deep"]);
    for cycle in [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B posts { id } } fragment B on Query { ...A }",
        "{ posts { ...A } } fragment A on Post { author { posts { ...A } } }",
    ] {
        let answer = app.query(cycle).await;
        assert_eq!(
            answer.code(),
            "GRAPHQL_VALIDATION_FAILED",
            "{}",
            answer.text
        );
        assert!(
            answer.message().contains("reference itself"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let (_database, app) = app().await;
    for query in [
        "{ a".repeat(100_000),
        nest(100_000, "{ posts ", "{ id }", "}"),
        nest(100_000, "{ ... ", "{ __typename }", "}"),
        format!(
            "{{ posts(where: {{ and: {} }}) {{ id }} }}",
            nest(100_000, "[", "", "]")
        ),
        format!(
            "{{ posts(where: {}) {{ id }} }}",
            nest(100_000, "{not: ", "{}", "}")
        ),
        format!(
            "query($v: {}) {{ __typename }}",
            nest(100_000, "[", "Int", "]")
        ),
    ] {
        let body = json!({ "query": query }).to_string();
        // As much of it as the largest body holds: what comes after is not read.
        let query = &query[..query.len() - (body.len().saturating_sub(1 << 20))];
        let answer = app.query(query).await;
        assert_refused(&answer, &["more than 100 deep", "ask in several requests"]);
    }
    // What is no document is that, however deep it goes on.
    let answer = app.query(&"{".repeat(100_000)).await;
    assert_eq!(answer.code(), "GRAPHQL_PARSE_FAILED", "{}", answer.text);
    let variables = nest(100_000, r#"{"not":"#, "{}", "}");
    let query = "query($w: PostWhere) { posts(where: $w) { id } }";
    let body = format!(r#"{{"query":"{query}","variables":{{"w":{variables}}}}}"#);
    let request = Request::post("/graphql").header("content-type", "application/json");
    let answer = app
        .send(request.body(Body::from(body)).expect("a request"))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.message().contains("recursion limit"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn long_documents_are_answered_or_refused() {
    let (_database, app) = app().await;
    let mebibyte = (1 << 20) - 100;
    let fields = "id ".repeat(mebibyte / 3 - 10);
    let answer = app.query(&format!("{{ posts {{ {fields} }} }}")).await;
    assert_refused(&answer, &["more than 50000 tokens", "as variables"]);
    let answer = app
        .query(&format!(
            "{{ posts {{ id {} }} }}",
            ",".repeat(mebibyte - 50)
        ))
        .await;
    assert_refused(&answer, &["more than 50000 tokens"]);
    app.query(&format!(
        "{} {{ posts {{ id }} }}",
        " ".repeat(mebibyte - 50)
    ))
    .await
    .data();
    app.query(&format!(
        "#{}\n{{ posts {{ id }} }}",
        "x".repeat(mebibyte - 50)
    ))
    .await
    .data();
    let long = "x".repeat(mebibyte - 100);
    let query = format!("{{ posts(where: {{ title: {{ eq: \"{long}\" }} }}) {{ id }} }}");
    assert_eq!(app.query(&query).await.data(), json!({ "posts": [] }));

    let data = app
        .query(&format!("{{ posts {{ {} }} }}", "title ".repeat(9_990)))
        .await
        .data();
    assert_eq!(data["posts"][0].as_object().map(|o| o.len()), Some(1));
    let data = app
        .query(&format!("{{ {} }}", "posts { id } ".repeat(4_900)))
        .await
        .data();
    assert_eq!(data, app.query("{ posts { id } }").await.data());
    let answer = app
        .query(&format!("{{ {} }}", "posts { id } ".repeat(10_000)))
        .await;
    assert_refused(&answer, &["20000 fields", "10000 are allowed"]);

    let operations = repeat(2_000, |i| format!("query A{i} {{ posts {{ id }} }}"));
    assert_eq!(app.query(&operations).await.code(), "BAD_USER_INPUT");
    let defined = repeat(6_000, |i| format!("$v{i}:Int"));
    let used = repeat(6_000, |i| format!("$v{i}"));
    let query = format!("query({defined}) {{ nodes(ids: [{used}]) {{ id }} }}");
    assert_eq!(app.query(&query).await.code(), "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn errors_do_not_grow_with_what_is_wrong() {
    let (_database, app) = app().await;
    let long = "n".repeat(100_000);
    for query in [
        format!("{{ {} }}", repeat(5_000, |i| format!("nope{i}"))),
        format!(
            "{{ {} }}",
            repeat(5_000, |i| format!("{}{i}", "n".repeat(180)))
        ),
        format!("{{ {long} }}"),
        format!("{{ posts {{ {long}: {long} }} }}"),
        format!("{{ posts({long}: 1) {{ id }} }}"),
        format!("{{ posts(where: {{ {long}: 1 }}) {{ id }} }}"),
        format!("{{ posts(where: {{ status: {{ eq: {long} }} }}) {{ id }} }}"),
        format!("{{ ...{long} }}"),
        format!("query(${long}: Int) {{ __typename }}"),
        format!("{{ __typename @{long} }}"),
        format!("{{ post(id: \"{long}\") {{ id }} }}"),
        format!("{{ posts(where: {{ id: {{ eq: \"{long}\" }} }}) {{ id }} }}"),
        format!("{{ a: __typename a: posts {{ id }} {long} }}"),
        "\"".repeat(100_000),
        "\\".repeat(100_000),
    ] {
        let answer = app.query(&query).await;
        let begins: String = query.chars().take(40).collect();
        let errors = answer.json()["errors"].as_array().map_or(0, Vec::len);
        assert!((1..=10).contains(&errors), "{begins}: {errors} errors");
        assert!(
            answer.text.len() < 20_000,
            "{begins}: {}",
            answer.text.len()
        );
    }
    let answer = app.request("{ __typename }", Some(&long), &json!({})).await;
    assert!(answer.text.len() < 2_000, "{}", answer.text.len());
    let variables = json!({ long.as_str(): 1, "n": long });
    let answer = app
        .request(
            "query($n: Int) { posts(limit: $n) { id } }",
            None,
            &variables,
        )
        .await;
    assert!(answer.text.len() < 2_000, "{}", answer.text.len());
}

#[tokio::test]
async fn directives_are_counted_and_none_repeats() {
    let (_database, app) = app().await;
    for (directive, n, code) in [
        ("@skip(if: false) ", 500, "LIMIT_EXCEEDED"),
        (
            "@include(if: true) @skip(if: false) ",
            100,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("@nope ", 500, "LIMIT_EXCEEDED"),
        ("@nope ", 200, "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let answer = app
            .query(&format!("{{ posts {} {{ id }} }}", directive.repeat(n)))
            .await;
        assert_eq!(outcome(&answer), code, "{}", answer.text);
        assert!(answer.text.len() < 20_000, "{}", answer.text.len());
    }
    let fields = repeat(21, |_| "id @include(if: true)".to_owned());
    let spreads = "...F @include(if: true) ".repeat(10);
    let answer = app
        .query(&format!(
            "{{ posts {{ {spreads} }} }} fragment F on Post {{ {fields} }}"
        ))
        .await;
    assert_refused(
        &answer,
        &["220 directives", "200 are allowed", "write fewer"],
    );
}

#[tokio::test]
async fn introspection_is_bounded_like_everything_else() {
    let (_database, app) = app().await;
    let deep = nest(20, "{ fields { type ", "{ name }", "} }");
    let answer = app
        .query(&format!("{{ __schema {{ types {deep} }} }}"))
        .await;
    assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
    let many = repeat(1000, |i| {
        format!("a{i}: __schema {{ types {{ name fields {{ name }} }} }}")
    });
    assert_refused(
        &app.query(&format!("{{ {many} }}")).await,
        &["1000 aliases"],
    );
}
