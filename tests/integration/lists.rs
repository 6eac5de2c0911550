//! `where` and `orderBy`: for each feature a snapshot with the query, its statements and its answer, for
//! each database. `INSTA_UPDATE=always cargo test` renews them; read the difference.

use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase};

const FEATURES: [(&str, &str); 12] = [
    (
        "columns",
        r#"{ posts(where: { status: { eq: PUBLISHED }, createdAt: { gte: "2026-01-01T00:00:00Z" }, version: { in: [1, 2] } }, limit: 3) { title } }"#,
    ),
    (
        "texts",
        r#"{ posts(where: { or: [{ title: { iContains: "TIDE" } }, { slug: { startsWith: "one-" } }, { body: { contains: "100%_" } }] }) { title } }"#,
    ),
    (
        "ids",
        r#"{ posts(where: { id: { in: ["Post:1", "2", 3] }, authorId: { ne: "User:1" } }) { id authorId } }"#,
    ),
    (
        "nulls",
        r#"{ users(where: { profile: { website: { isNull: true } } }) { username profile { website } } }"#,
    ),
    (
        "logic",
        r#"{ users(where: { not: { or: [{ username: { eq: "ada" } }, { posts: { some: {} } }] } }) { username } }"#,
    ),
    (
        "nothing_and_everything",
        r#"{ none: tags(where: { or: [] }) { name } in: tags(where: { id: { in: [] } }) { name } all: tags(where: { and: [] }, limit: 1) { name } }"#,
    ),
    (
        "to_one",
        r#"{ comments(where: { author: { username: { eq: "freya" } }, parent: { author: { username: { ne: "freya" } } } }, limit: 2) { body parent { body } } }"#,
    ),
    (
        "to_many",
        r#"{ tags(where: { posts: { some: { title: { contains: "tide" } }, every: { status: { eq: PUBLISHED } }, none: { author: { username: { eq: "ada" } } } } }) { name } }"#,
    ),
    (
        "nested",
        r#"{ users(where: { username: { in: ["ada", "freya"] } }) { username posts(where: { tags: { some: { name: { eq: "sea" } } } }, orderBy: { title: ASC }, limit: 2) { title } } }"#,
    ),
    (
        "several_orders",
        r#"{ posts(orderBy: [{ author: { name: DESC } }, { publishedAt: ASC_NULLS_FIRST }], limit: 4) { title author { name } } }"#,
    ),
    (
        "counts",
        r#"{ posts(orderBy: { comments: { count: DESC } }, limit: 3) { title } }"#,
    ),
    (
        "junctions",
        r#"{ posts(limit: 2) { tags(orderBy: { name: DESC }, limit: 2, offset: 1) { name } } }"#,
    ),
];

#[tokio::test]
async fn every_feature_has_its_sql_and_its_answer() {
    let mut of_backends: Vec<Vec<String>> = Vec::new();
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let mut answers = Vec::new();
        for (name, query) in FEATURES {
            let (answer, statements) = app.counted(query, &json!({})).await;
            answer.data();
            let shown = format!("{query}\n\n{}\n\n{}", statements.join("\n"), answer.text);
            insta::assert_snapshot!(format!("{name}_{backend:?}").to_lowercase(), shown);
            answers.push(answer.text);
        }
        of_backends.push(answers);
    }
    assert!(
        of_backends.windows(2).all(|w| w[0] == w[1]),
        "{of_backends:#?}"
    );
}

#[tokio::test]
async fn what_is_no_condition_is_refused_by_name() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    for (query, variables, code, field) in [
        (
            "{ posts(where: { title: { eq: null } }) { id } }",
            json!({}),
            "BAD_USER_INPUT",
            "where.title.eq",
        ),
        (
            "{ posts(where: { not: { author: null } }) { id } }",
            json!({}),
            "BAD_USER_INPUT",
            "where.not.author",
        ),
        (
            "query($t: String) { posts(where: { title: { eq: $t } }) { id } }",
            json!({ "t": null }),
            "BAD_USER_INPUT",
            "where.title.eq",
        ),
        (
            "query($w: PostWhere) { posts(where: $w) { id } }",
            json!({ "w": { "or": [{ "id": { "eq": "User:1" } }] } }),
            "BAD_USER_INPUT",
            "where.or.0.id.eq",
        ),
        (
            "{ posts(where: { createdAt: { lt: \"yesterday\" } }) { id } }",
            json!({}),
            "BAD_USER_INPUT",
            "where.createdAt.lt",
        ),
        (
            "{ users(where: { email: { contains: \"a\" } }) { id } }",
            json!({}),
            "FORBIDDEN",
            "where.email",
        ),
        (
            "{ posts(where: { author: { email: { isNull: false } } }) { id } }",
            json!({}),
            "FORBIDDEN",
            "where.author.email",
        ),
        (
            "{ posts(orderBy: { author: { email: ASC } }) { id } }",
            json!({}),
            "FORBIDDEN",
            "orderBy.author.email",
        ),
        (
            "query($o: [PostOrder!]) { posts(orderBy: $o) { id } }",
            json!({ "o": [{ "title": null }] }),
            "BAD_USER_INPUT",
            "",
        ),
    ] {
        let (answer, statements) = {
            let heard = crate::harness::Statements::listen();
            (app.request(query, None, &variables).await, heard.read())
        };
        assert_eq!(answer.code(), code, "{query}: {}", answer.text);
        assert!(statements.is_empty(), "{query} ran {statements:?}");
        let named = &answer.json()["errors"][0]["extensions"]["field"];
        assert_eq!(
            named.as_str().unwrap_or_default(),
            field,
            "{query}: {}",
            answer.text
        );
    }
    for (variables, count) in [(json!({}), 15), (json!({ "t": null }), 15)] {
        // An omitted variable is no condition; neither is an argument that is null as a whole.
        let query = match variables.get("t") {
            None => "query($t: String) { tags(where: { name: { eq: $t } }) { id } }",
            Some(_) => "query($t: TagWhere) { tags(where: $t, orderBy: null) { id } }",
        };
        let data = app.request(query, None, &variables).await.data();
        assert_eq!(
            data["tags"].as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_filter_never_reaches_a_hidden_row() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let hidden = r#"{ status: { ne: PUBLISHED } }"#;
        for query in [
            format!("{{ found: posts(where: {hidden}) {{ id }} }}"),
            format!("{{ found: users(where: {{ posts: {{ some: {hidden} }} }}) {{ id }} }}"),
            format!("{{ found: tags(where: {{ posts: {{ some: {hidden} }} }}) {{ id }} }}"),
            format!("{{ found: comments(where: {{ post: {hidden} }}) {{ id }} }}"),
            format!(
                "{{ found: users(where: {{ comments: {{ some: {{ parent: {{ post: {hidden} }} }} }} }}) {{ id }} }}"
            ),
        ] {
            assert_eq!(
                app.query(&query).await.data()["found"],
                Value::Array(vec![]),
                "{query}"
            );
        }
        let every = "{ all: tags(limit: 1000) { id } found: tags(limit: 1000, where: { posts: { every: { status: { eq: PUBLISHED } } } }) { id } }";
        let data = app.query(every).await.data();
        assert_eq!(data["all"], data["found"]);
    }
}
