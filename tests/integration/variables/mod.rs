//! A wrong variable is named, with the path to what is wrong in it and what was expected there.

mod differential;

use serde_json::{Value, json};

use crate::harness::{Answer, Backend, TestApp, TestDatabase};

/// Each error as `field line:column message`.
fn errors(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let errors = json["errors"].as_array().expect("errors").iter();
    let shown = errors.map(|error| {
        let field = error["extensions"]["field"].as_str().unwrap_or("-");
        let at = &error["locations"][0];
        let message = error["message"].as_str().expect("a message");
        format!("{field} {}:{} {message}", at["line"], at["column"])
    });
    shown.collect()
}

#[tokio::test]
async fn what_is_wrong_with_a_variable_is_said_with_its_path() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let w = "query ($w: PostWhere!) { posts(where: $w) { id } }";
    let o = "query ($o: [PostOrder!]) { posts(orderBy: $o) { id } }";
    let n = "query ($n: Int!) { posts(limit: $n) { id } }";
    for (query, variables, expected) in [
        (
            w,
            json!({}),
            "where 1:8 variable `$w` is wrong: a value of `PostWhere!` is expected, and none is given",
        ),
        (
            w,
            json!({ "w": null }),
            "where 1:8 variable `$w` is wrong: null is given, and `PostWhere!` is never null",
        ),
        (
            w,
            json!({ "w": 5 }),
            "where 1:8 variable `$w` is wrong: 5 is given, and a value of `PostWhere` is expected",
        ),
        (
            w,
            json!({ "w": [{}] }),
            "where 1:8 variable `$w` is wrong: a list is given, and a value of `PostWhere` is expected",
        ),
        (
            w,
            json!({ "w": { "and": [{ "titel": { "eq": "a" } }] } }),
            "where.and.0.titel 1:8 variable `$w` is wrong at `$w.and[0].titel`: `PostWhere` has no field `titel`; did you mean `title`?",
        ),
        (
            w,
            json!({ "w": { "and": [{}, { "title": { "eq": 5 } }] } }),
            "where.and.1.title.eq 1:8 variable `$w` is wrong at `$w.and[1].title.eq`: 5 is given, and a value of `String` is expected",
        ),
        (
            w,
            json!({ "w": { "not": { "and": { "author": { "or": [{ "posts": { "some": { "status": { "in": ["DRAFT", "PUBLISHD"] } } } }] } } } } }),
            "where.not.and.0.author.or.0.posts.some.status.in.1 1:8 variable `$w` is wrong at `$w.not.and.author.or[0].posts.some.status.in[1]`: \"PUBLISHD\" is no value of `PostStatus`; did you mean `PUBLISHED`?",
        ),
        (
            w,
            json!({ "w": { "id": { "in": ["Post:1", null] } } }),
            "where.id.in.1 1:8 variable `$w` is wrong at `$w.id.in[1]`: null is given, and `ID!` is never null",
        ),
        (
            w,
            json!({ "w": { "id": { "eq": 1.5 } } }),
            "where.id.eq 1:8 variable `$w` is wrong at `$w.id.eq`: 1.5 is given, and an `ID` is a string or a whole number of 64 bits",
        ),
        (
            w,
            json!({ "w": { "title": { "isNull": "true" } } }),
            "where.title.isNull 1:8 variable `$w` is wrong at `$w.title.isNull`: \"true\" is given, and a value of `Boolean` is expected",
        ),
        (
            o,
            json!({ "o": [{ "title": "ASC" }, { "title": "ASC", "id": "DESC" }] }),
            "orderBy.1 1:8 variable `$o` is wrong at `$o[1]`: `PostOrder` takes exactly one field, and 2 are given",
        ),
        (
            o,
            json!({ "o": {} }),
            "orderBy.0 1:8 variable `$o` is wrong: `PostOrder` takes exactly one field, and 0 are given",
        ),
        (
            o,
            json!({ "o": [{ "author": { "name": null } }] }),
            "orderBy.0.author.name 1:8 variable `$o` is wrong at `$o[0].author.name`: null is given, and the one field of `UserOrder` is never null",
        ),
        (
            o,
            json!({ "o": [{ "title": "sideways" }] }),
            "orderBy.0.title 1:8 variable `$o` is wrong at `$o[0].title`: \"sideways\" is no value of `OrderDirection`",
        ),
        (
            o,
            json!({ "o": [{ "title": 1 }] }),
            "orderBy.0.title 1:8 variable `$o` is wrong at `$o[0].title`: 1 is given, and a value of `OrderDirection` is expected",
        ),
        (
            n,
            json!({ "n": "ten" }),
            "limit 1:8 variable `$n` is wrong: \"ten\" is given, and a value of `Int` is expected",
        ),
        (
            n,
            json!({ "n": 2147483648u32 }),
            "limit 1:8 variable `$n` is wrong: 2147483648 is given, and an `Int` is a whole number from -2147483648 to 2147483647",
        ),
        (
            n,
            json!({ "n": 0.5 }),
            "limit 1:8 variable `$n` is wrong: 0.5 is given, and an `Int` is a whole number from -2147483648 to 2147483647",
        ),
    ] {
        let answer = app.request(query, None, &variables).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{}", answer.text);
        assert!(answer.json().get("data").is_none(), "{}", answer.text);
        assert_eq!(errors(&answer), [expected], "{variables}");
    }
}

#[tokio::test]
async fn every_wrong_variable_is_reported_and_no_more_than_ten_problems() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let query = "query Q(\n  $é: Int) { a }";
    assert_eq!(app.query(query).await.code(), "GRAPHQL_PARSE_FAILED");
    let query = "# é\u{1F600}\r\nquery (\"é\u{1F600}\" $w: PostWhere, $n: Int!\r $d: Boolean!) { posts(where: $w, limit: $n) { id @skip(if: $d) } }";
    let variables = json!({ "w": { "title": { "eq": 1, "lt": 2 }, "x": 3 }, "d": "no" });
    let answer = app.request(query, None, &variables).await;
    let places: Vec<_> = errors(&answer)
        .iter()
        .map(|e| e.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    // A variable begins at its description, as graphql-js has it.
    assert_eq!(
        places,
        [
            "where.title.eq 2:8",
            "where.title.lt 2:8",
            "where.x 2:8",
            "limit 2:29",
            "d 3:2"
        ]
    );
    let query = "query ($w: PostWhere, $n: Int!) { posts(where: $w, limit: $n) { id } }";
    let many: Vec<Value> = (0..100_000).map(Value::from).collect();
    let answer = app
        .request(query, None, &json!({ "w": { "title": { "in": many } } }))
        .await;
    assert_eq!(errors(&answer).len(), 10, "{}", answer.text);
    let long = "n".repeat(20_000);
    let query =
        format!("query (${long}: [PostWhere!]!) {{ posts(where: {{ and: ${long} }}) {{ id }} }}");
    let wrong = json!({ long.as_str(): vec![json!({ long.as_str(): long }); 20] });
    let answer = app.request(&query, None, &wrong).await;
    assert_eq!(errors(&answer).len(), 10);
    assert!(answer.text.len() < 20_000, "{}", answer.text.len());
}

#[tokio::test]
async fn what_is_found_when_arguments_are_bound_names_the_variable_too() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for (query, variables, field, given_by) in [
            (
                "query ($n: Int) { posts(limit: $n) { id } }",
                json!({ "n": -1 }),
                "limit",
                "$n",
            ),
            (
                "query ($n: Int) { posts(limit: $n) { id } }",
                json!({ "n": 1001 }),
                "limit",
                "$n",
            ),
            (
                "query ($n: Int) { users { posts(offset: $n) { id } } }",
                json!({ "n": -1 }),
                "offset",
                "$n",
            ),
            (
                "query ($n: Int) { postsConnection(first: $n) { totalCount } }",
                json!({ "n": -1 }),
                "first",
                "$n",
            ),
            (
                "query ($n: Int) { postsConnection(last: $n) { totalCount } }",
                json!({ "n": 1001 }),
                "last",
                "$n",
            ),
            (
                "query ($c: String) { postsConnection(after: $c) { nodes { id } } }",
                json!({ "c": "x" }),
                "after",
                "$c",
            ),
            (
                "query ($c: String) { postsConnection(before: $c) { nodes { id } } }",
                json!({ "c": "x" }),
                "before",
                "$c",
            ),
            (
                "query ($s: String) { posts(search: $s) { id } }",
                json!({ "s": "a* b* c* d* e*" }),
                "search",
                "$s",
            ),
            (
                "query ($n: Int) { postsAggregate { groups(by: [STATUS], limit: $n) { count } } }",
                json!({ "n": -1 }),
                "limit",
                "$n",
            ),
            (
                "query ($n: Int!) { postsAggregate { groups(by: [STATUS], offset: $n) { count } } }",
                json!({ "n": -1 }),
                "offset",
                "$n",
            ),
            (
                "query ($b: [PostColumn!]!) { postsAggregate { groups(by: $b) { count } } }",
                json!({ "b": [] }),
                "by",
                "$b",
            ),
            (
                "query ($w: PostWhere) { posts(where: $w) { id } }",
                json!({ "w": { "and": [{}, { "createdAt": { "gt": "soon" } }] } }),
                "where.and.1.createdAt.gt",
                "$w.and[1].createdAt.gt",
            ),
            (
                "query ($t: DateTime) { posts(where: { or: [{ createdAt: { gt: $t } }] }) { id } }",
                json!({ "t": { "a": 1 } }),
                "where.or.0.createdAt.gt",
                "$t",
            ),
            (
                "query ($i: ID!) { posts(where: { id: { in: [\"Post:1\", $i] } }) { id } }",
                json!({ "i": "User:1" }),
                "where.id.in.1",
                "$i",
            ),
            (
                "query ($i: [ID!]) { posts(where: { not: { id: { in: $i } } }) { id } }",
                json!({ "i": ["Post:1", "x"] }),
                "where.not.id.in.1",
                "$i[1]",
            ),
            (
                "query ($e: UserWhere) { posts(where: { author: $e }) { id } }",
                json!({ "e": { "email": { "eq": "a" } } }),
                "where.author.email",
                "$e.email",
            ),
            (
                "query ($o: [PostOrder!]) { posts(orderBy: $o) { id } }",
                json!({ "o": [{ "id": "ASC" }, { "author": { "email": "ASC" } }] }),
                "orderBy.1.author.email",
                "$o[1].author.email",
            ),
            (
                "query ($d: UserOrder!) { posts(orderBy: [{ id: ASC }, { author: $d }]) { id } }",
                json!({ "d": { "email": "ASC" } }),
                "orderBy.1.author.email",
                "$d.email",
            ),
            (
                "query ($i: ID!) { node(id: $i) { id } }",
                json!({ "i": "x" }),
                "id",
                "$i",
            ),
            (
                "query ($i: ID!) { post(id: $i) { id } }",
                json!({ "i": "User:1" }),
                "id",
                "$i",
            ),
            (
                "query ($i: [ID!]!) { nodes(ids: $i) { id } }",
                json!({ "i": ["Post:1", "x"] }),
                "ids.1",
                "$i[1]",
            ),
            (
                "query ($i: ID!) { nodes(ids: [\"Post:1\", $i]) { id } }",
                json!({ "i": "x" }),
                "ids.1",
                "$i",
            ),
            (
                "query ($i: [ID!]!) { nodes(ids: $i) { id } }",
                json!({ "i": vec!["Post:1"; 1001] }),
                "ids",
                "$i",
            ),
        ] {
            let answer = app.request(query, None, &variables).await;
            let error = &answer.json()["errors"][0];
            assert_eq!(
                error["extensions"]["field"], field,
                "{query}: {}",
                answer.text
            );
            let given_by = format!("(given by `{given_by}`)");
            assert!(
                answer.message().ends_with(&given_by),
                "{query}: {}",
                answer.text
            );
            assert!(
                error["locations"][0]["line"].is_number(),
                "{query}: {}",
                answer.text
            );
        }
        // What the document says itself is given by no variable.
        for query in [
            "query ($n: Int) { posts(limit: -1, offset: $n) { id } }",
            "query ($s: String) { posts(where: { createdAt: { gt: \"soon\" }, title: { eq: $s } }) { id } }",
        ] {
            let answer = app.query(query).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{}", answer.text);
            assert!(!answer.message().contains("given by"), "{}", answer.text);
        }
        let query = "query ($i: ID) { post(id: $i) { id } }";
        let answer = app.query(query).await;
        assert!(
            answer.message().ends_with("`id` (`$i`) is null"),
            "{}",
            answer.text
        );
    }
}
