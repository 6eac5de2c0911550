//! What lists can be asked: for each feature a snapshot with the query, its statements and its answer, for
//! each database. `INSTA_UPDATE=always cargo test` renews them; read the difference.

use backref::graph::Principal;
use backref::read::plan::Limits;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestDatabase, blog};

const FEATURES: [(&str, &str); 23] = [
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
    (
        "connection",
        r#"{ postsConnection(where: { title: { iContains: "a" } }, first: 2, orderBy: [{ author: { name: ASC } }, { publishedAt: DESC }]) { totalCount nodes { title } pageInfo { hasNextPage hasPreviousPage } } }"#,
    ),
    (
        "connection_backwards",
        r#"{ postsConnection(last: 2) { edges { node { title } } pageInfo { hasNextPage hasPreviousPage } } }"#,
    ),
    (
        "connection_of_each",
        r#"{ users(limit: 2) { postsConnection(first: 1) { totalCount edges { node { title author { name } } } pageInfo { hasNextPage } } } }"#,
    ),
    (
        "edges_of_a_junction",
        r#"{ users(limit: 2) { followersConnection(first: 2) { edges { createdAt node { name } } } followingConnection(first: 1, orderBy: { name: ASC }) { edges { createdAt node { name } } } } }"#,
    ),
    (
        "totals",
        r#"{ postsAggregate(where: { title: { iContains: "a" } }) { count min { createdAt title } max { version } sum { version } avg { version } } }"#,
    ),
    (
        "totals_of_each",
        r#"{ users(limit: 3) { postsAggregate { count max { publishedAt } } followersAggregate { count } } }"#,
    ),
    (
        "groups",
        r#"{ commentsAggregate { groups(by: [AUTHOR_ID, PARENT_ID], limit: 3, offset: 1) { key { authorId parentId } count min { createdAt } } } }"#,
    ),
    (
        "groups_of_each",
        r#"{ tags(limit: 2) { postsAggregate { count groups(by: [STATUS, VERSION]) { key { status version title } count } } } }"#,
    ),
    (
        "enclosing",
        r#"{ users(limit: 2) { posts(limit: 1) { title author { username posts(limit: 1) { slug } } } profile { bio user { name } } } }"#,
    ),
    (
        "search",
        r#"{ posts(search: "\"the tide\" brass", limit: 3) { title } postsAggregate(search: "tid*") { count } }"#,
    ),
    (
        "search_of_each",
        r#"{ users(where: { username: { eq: "freya" } }) { posts(search: "tide", limit: 2) { title } postsConnection(search: "tide", first: 1) { totalCount } } }"#,
    ),
];

/// Orders whose cursors are compared in different ways: as a row, column by column, with nulls.
const SEEKS: [(&str, &str); 4] = [
    ("alike", "[{ createdAt: DESC }, { id: DESC }]"),
    ("mixed", "[{ author: { name: ASC } }, { createdAt: DESC }]"),
    ("nullable", "{ publishedAt: DESC_NULLS_LAST }"),
    ("counted", "{ comments: { count: DESC } }"),
];

#[tokio::test]
async fn a_page_after_a_cursor_has_its_sql_and_its_answer() {
    let mut of_backends: Vec<Vec<String>> = Vec::new();
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let mut answers = Vec::new();
        for (name, order) in SEEKS {
            let first = format!(
                "{{ postsConnection(first: 3, orderBy: {order}) {{ pageInfo {{ endCursor }} }} }}"
            );
            let data = app.query(&first).await.data();
            let after = &data["postsConnection"]["pageInfo"]["endCursor"];
            assert!(after.is_string(), "{name}");
            for (way, arguments) in [
                ("after", "first: 2, after: $at"),
                ("before", "last: 2, before: $at"),
            ] {
                let query = format!(
                    "query($at: String) {{ postsConnection({arguments}, orderBy: {order}) {{ nodes {{ title }} pageInfo {{ hasNextPage hasPreviousPage }} }} }}"
                );
                let name = format!("seek_{name}_{way}_{backend:?}");
                answers.push(snapshot(&app, &name, &query, &json!({ "at": after })).await);
            }
        }
        of_backends.push(answers);
    }
    assert_alike(&of_backends);
}

#[tokio::test]
async fn every_feature_has_its_sql_and_its_answer() {
    let mut of_backends: Vec<Vec<String>> = Vec::new();
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let mut answers = Vec::new();
        for (name, query) in FEATURES {
            let name = format!("{name}_{backend:?}");
            answers.push(snapshot(&app, &name, query, &json!({})).await);
        }
        of_backends.push(answers);
    }
    assert_alike(&of_backends);
}

/// Holds a query, its statements and its answer against the snapshot, and gives the answer.
async fn snapshot(app: &TestApp, name: &str, query: &str, variables: &Value) -> String {
    let (answer, mut statements) = app.counted(query, variables).await;
    answer.data();
    // Siblings run side by side where the database lets them.
    statements.sort();
    let shown = format!("{query}\n\n{}\n\n{}", statements.join("\n"), answer.text);
    insta::assert_snapshot!(name.to_lowercase(), shown);
    answer.text
}

fn assert_alike(of_backends: &[Vec<String>]) {
    let alike = of_backends.windows(2).all(|w| w[0] == w[1]);
    assert!(alike, "{of_backends:#?}");
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
            "orderBy.0.author.email",
        ),
        (
            "{ postsAggregate { groups(by: []) { count } } }",
            json!({}),
            "BAD_USER_INPUT",
            "by",
        ),
        (
            "{ usersAggregate { groups(by: [ROLE, EMAIL]) { count } } }",
            json!({}),
            "FORBIDDEN",
            "by",
        ),
        (
            "{ usersAggregate { min { email } } }",
            json!({}),
            "FORBIDDEN",
            "min.email",
        ),
        (
            "{ postsConnection(first: 1, last: 1) { totalCount } }",
            json!({}),
            "BAD_USER_INPUT",
            "last",
        ),
        (
            "{ users { postsConnection(first: -1) { totalCount } } }",
            json!({}),
            "BAD_USER_INPUT",
            "first",
        ),
        (
            "{ postsConnection(last: 1001) { nodes { id } } }",
            json!({}),
            "LIMIT_EXCEEDED",
            "last",
        ),
        (
            "{ postsAggregate(where: { title: { eq: null } }) { __typename } }",
            json!({}),
            "BAD_USER_INPUT",
            "where.title.eq",
        ),
        (
            "query($s: String) { users { postsAggregate(search: $s) { count @skip(if: true) } } }",
            json!({ "s": "a* b* c* d* e*" }),
            "LIMIT_EXCEEDED",
            "search",
        ),
        (
            "query($o: [PostOrder!]) { posts(orderBy: $o) { id } }",
            json!({ "o": [{ "title": null }] }),
            "BAD_USER_INPUT",
            "orderBy.0.title",
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
async fn what_is_asked_of_nothing_runs_only_where_another_branch_asks() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let idle = "a: tagsAggregate { __typename } b: tagsConnection { __typename }";
    for (others, ran) in [
        ("", 0),
        ("c: tagsAggregate { count }", 1),
        ("c: tagsConnection { totalCount }", 1),
        ("c: tagsConnection { nodes { id } }", 1),
    ] {
        for query in [
            format!("{{ {idle} {others} }}"),
            format!("{{ {others} {idle} }}"),
        ] {
            let (answer, statements) = app.counted(&query, &json!({})).await;
            let data = answer.data();
            assert_eq!(data["a"]["__typename"], "TagAggregate", "{query}");
            assert_eq!(data["b"]["__typename"], "TagConnection", "{query}");
            assert_eq!(statements.len(), ran, "{query}: {statements:?}");
        }
    }
}

#[tokio::test]
async fn a_page_left_to_the_server_is_no_larger_than_its_limits() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let limits = Limits {
        page: 3,
        ..Limits::default()
    };
    let app = TestApp::new(&database, blog::graph(), limits);
    let query = "query($n: Int) { out: tags { id } null: tags(limit: null) { id } absent: tags(limit: $n) { id } users(orderBy: { posts: { count: DESC } }, limit: 1) { posts { id } } connection: tagsConnection { nodes { id } } }";
    let data = app.query(query).await.data();
    let sizes = [
        "/out",
        "/null",
        "/absent",
        "/users/0/posts",
        "/connection/nodes",
    ]
    .map(|list| data.pointer(list).and_then(Value::as_array).map(Vec::len));
    assert_eq!(sizes, [Some(3); 5], "{data}");
    let written = app.query("{ tags(limit: 4) { id } }").await;
    assert_eq!(written.code(), "LIMIT_EXCEEDED", "{}", written.text);
    let arguments = "{ __type(name: \"Query\") { fields { args { name defaultValue } } } }";
    let fields = app.query(arguments).await.text;
    assert!(fields.contains(r#"{"name":"limit","defaultValue":"3"}"#));
    assert!(!fields.contains(r#""defaultValue":"20""#));
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

/// An argument that is null asks nothing; a null within a condition would leave out a part of it.
#[tokio::test]
async fn a_null_argument_is_as_one_that_is_not_written() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let all = app.query("{ posts { id } }").await.data();
        for (query, variables) in [
            ("{ posts(where: null, search: null) { id } }", json!({})),
            (
                "query($w: PostWhere) { posts(where: $w) { id } }",
                json!({ "w": null }),
            ),
        ] {
            let answer = app
                .ask(&Principal::Anonymous, query, &variables)
                .await
                .data();
            assert_eq!(answer, all, "{backend:?}: {query}");
        }
        for query in [
            "{ posts(where: { title: null }) { id } }",
            "{ posts(where: { and: null }) { id } }",
        ] {
            assert_ne!(app.query(query).await.code(), "", "{query}");
        }
    }
}
