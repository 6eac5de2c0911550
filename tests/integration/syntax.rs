//! What a document leaves out is missed, and what is wrong is said where it is.

use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase};

#[tokio::test]
async fn an_argument_or_field_without_its_value_is_no_document() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for query in [
            "{ postsAggregate(where: { status }) { count } }",
            "{ posts(limit) { id } }",
            "{ posts(limit:) { id } }",
            "{ post(id: 1 slug) { id } }",
            "{ post(slug id: 1) { id } }",
            "{ posts(where: { and: [{ status }] }) { id } }",
            "{ posts(orderBy: [{ id }]) { id } }",
            "{ posts() { id } }",
            "query ($w: PostWhere = { title }) { posts(where: $w) { id } }",
            "query ($w: PostWhere = ) { posts(where: $w) { id } }",
            "query ($w PostWhere) { posts(where: $w) { id } }",
            "query () { posts { id } }",
            "{ posts { id @skip(if) } }",
            "{ posts { id @skip() } }",
            "{ posts { } }",
            "{ posts { a: } }",
            "{ posts { id } } fragment F on { id }",
        ] {
            let answer = app.query(query).await;
            assert_eq!(answer.code(), "GRAPHQL_PARSE_FAILED", "{query}");
            assert!(answer.json().get("data").is_none(), "{query}");
        }
    }
}

#[tokio::test]
async fn errors_stand_where_graphql_js_says_they_do() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    for (query, code, line, column) in [
        // A character of two bytes, one of four that is two of UTF-16, and what moves nothing.
        (
            "{ posts(where: { title: { eq: \"é\u{1F600}\" } }) { x: } }",
            "GRAPHQL_PARSE_FAILED",
            1,
            47,
        ),
        (
            "{ posts(where: { title: { eq: \"é\u{1F600}\" } }) { nope } }",
            "GRAPHQL_VALIDATION_FAILED",
            1,
            44,
        ),
        (
            "# é\r{ a: posts(where: { title: { eq: \"é\" } }, limit: -1) { id } }",
            "BAD_USER_INPUT",
            2,
            3,
        ),
        ("query ($é: Int) { a }", "GRAPHQL_PARSE_FAILED", 1, 9),
        ("# é\r\n\u{FEFF}{ nope }", "GRAPHQL_VALIDATION_FAILED", 2, 4),
        ("\"é\" query A { post { id } }", "BAD_USER_INPUT", 1, 15),
        (
            "\"\"\"é\u{1F600}\r\né\rß\"\"\" query A { nope }",
            "GRAPHQL_VALIDATION_FAILED",
            3,
            16,
        ),
        (
            "{ posts(where: { title: { eq: \"\"\"é\n\u{1F600}\"\"\", x: 1 } }) { id } }",
            "GRAPHQL_VALIDATION_FAILED",
            2,
            8,
        ),
        (
            "{ posts(where: { title: { eq: \"é\", eq: \"é\" } }) { id } }",
            "GRAPHQL_VALIDATION_FAILED",
            1,
            36,
        ),
        (
            "# é\n# \u{1F600}\r\n{ a: posts(search: \"é\", limit: $n) { id } }",
            "GRAPHQL_VALIDATION_FAILED",
            3,
            32,
        ),
        (
            "query (\"é\" $a: Int \"\u{1F600}\" $n: Int!) { posts(limit: $n, offset: $a) { id } }",
            "BAD_USER_INPUT",
            1,
            20,
        ),
        (
            "{ posts(search: \"é\u{1F600}\") { id title { x } } }",
            "GRAPHQL_VALIDATION_FAILED",
            1,
            29,
        ),
        (
            "{ posts(search: \"é\u{1F600}\") { id } a: node(id: \"é\") { id } }",
            "BAD_USER_INPUT",
            1,
            31,
        ),
        (
            "{ posts(search: \"é\u{1F600}\", where: { id: { eq: \"é\" } }) { id } }",
            "BAD_USER_INPUT",
            1,
            3,
        ),
        (
            "{ posts(search: \"é\u{1F600}\") @nope { id } }",
            "GRAPHQL_VALIDATION_FAILED",
            1,
            24,
        ),
        (
            "{ posts(search: \"é\u{1F600}\") { ...,é } }",
            "GRAPHQL_PARSE_FAILED",
            1,
            30,
        ),
        (
            "{ posts(search: \"é\u{1F600}\", where: \"unterminated) { id } }",
            "GRAPHQL_PARSE_FAILED",
            1,
            54,
        ),
        (
            "{ posts(search: \"é\u{1F600}\", limit: 01) { id } }",
            "GRAPHQL_PARSE_FAILED",
            1,
            32,
        ),
    ] {
        let answer = app.query(query).await;
        assert_eq!(answer.code(), code, "{query}: {}", answer.text);
        let location = &answer.json()["errors"][0]["locations"][0];
        let expected = json!({ "line": line, "column": column });
        assert_eq!(*location, expected, "{query}: {}", answer.text);
    }
}
