//! The server as clients meet it: media types, status codes, bad input, probes.

mod bodies;
mod connections;
mod graphiql;
mod refusals;
mod streams;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use backref::read::plan::Limits;
use backref::serve::migrate::Migrations;
use http_body_util::BodyExt;
use sea_orm::ConnectionTrait;
use serde_json::json;
use tower::ServiceExt;

use crate::harness::{Backend, TestApp, TestDatabase, blog};

async fn app() -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    (database, app)
}

#[tokio::test]
async fn bad_input_is_refused_with_a_code_that_tells_why() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        for (query, code, says) in [
            ("{ nope }", "GRAPHQL_VALIDATION_FAILED", "nope"),
            ("{ users { name ", "GRAPHQL_PARSE_FAILED", "expected"),
            ("", "GRAPHQL_PARSE_FAILED", "EOF"),
            (
                "{ users(limit: \"ten\") { name } }",
                "GRAPHQL_VALIDATION_FAILED",
                "Int",
            ),
            (
                "{ users(limit: -1) { name } }",
                "BAD_USER_INPUT",
                "`limit` of `users` is -1",
            ),
            (
                "{ users { posts(offset: -3) { id } } }",
                "BAD_USER_INPUT",
                "`offset` of `users.posts` is -3",
            ),
            (
                "{ users(limit: 100000) { name } }",
                "LIMIT_EXCEEDED",
                "at most 1000",
            ),
            (
                "{ post(id: \"forty-two\") { title } }",
                "BAD_USER_INPUT",
                "`forty-two` is no id",
            ),
            (
                "{ post(id: \"User:1\") { title } }",
                "BAD_USER_INPUT",
                "is an id of the type User, not of Post",
            ),
            (
                "{ node(id: \"Nothing:1\") { id } }",
                "BAD_USER_INPUT",
                "no global id",
            ),
            (
                "{ node(id: \"Post:99999999999999999999\") { id } }",
                "BAD_USER_INPUT",
                "is no id",
            ),
            (
                "{ nodes(ids: [\"User:1\"]) { id } nodes(ids: [\"User:1\", \"User:2\"]) { id } }",
                "GRAPHQL_VALIDATION_FAILED",
                "differ in their arguments",
            ),
            (
                "{ a: tags(where: { id: { in: [\"1\", \"2\"] } }) @skip(if: true) { id } a: tags(where: { id: { in: [\"1\"] } }) { id } }",
                "GRAPHQL_VALIDATION_FAILED",
                "differ in their arguments",
            ),
            (
                "{ post { title } }",
                "BAD_USER_INPUT",
                "exactly one argument",
            ),
            (
                "{ post(id: 1, slug: \"a\") { title } }",
                "BAD_USER_INPUT",
                "not `id` and `slug`",
            ),
            (
                "{ user(email: \"ada@example.org\") { name } }",
                "FORBIDDEN",
                "`email`",
            ),
            (
                "{ user(passwordHash: \"x\") { name } }",
                "GRAPHQL_VALIDATION_FAILED",
                "passwordHash",
            ),
            (
                "query A { users { id } } query B { tags { id } }",
                "BAD_USER_INPUT",
                "operationName",
            ),
            (
                "{ users(limit: 1000) { posts(limit: 1000) { id } } }",
                "LIMIT_EXCEEDED",
                "`users.posts`",
            ),
        ] {
            let answer = app.query(query).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}");
            assert_eq!(answer.code(), code, "{query}: {}", answer.text);
            assert!(answer.message().contains(says), "{query}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn bad_variables_are_request_errors() {
    let (_database, app) = app().await;
    let query = "query($n: Int!, $id: ID) { users(limit: $n) { name } post(id: $id) { title } }";
    for variables in [
        json!({}),
        json!({"n": null}),
        json!({"n": "ten"}),
        json!({"n": 3_000_000_000i64}),
        json!({"n": 1.5}),
    ] {
        let answer = app.request(query, None, &variables).await;
        assert_eq!(
            answer.code(),
            "BAD_USER_INPUT",
            "{variables}: {}",
            answer.text
        );
        assert!(answer.json().get("data").is_none());
    }
    let answer = app
        .request(query, None, &json!({"n": 1, "id": "Post:1"}))
        .await;
    assert!(answer.data()["post"]["title"].is_string());
}

#[tokio::test]
async fn limits_are_known_before_anything_runs() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let deep = format!(
        "{{ users {} }}",
        "{ posts(limit: 1) { author ".repeat(9) + "{ id }" + &" } }".repeat(9)
    );
    let wide = format!(
        "{{ users {{ {} }} }}",
        (0..101)
            .map(|i| format!("p{i}: posts(limit: 1, offset: {i}) {{ id }} "))
            .collect::<String>()
    );
    let app = TestApp::new(&database, blog::graph(), Limits::default());
    for query in [deep, wide] {
        let (answer, statements) = app.counted(&query, &json!({})).await;
        assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
        assert!(statements.is_empty());
    }
}

#[tokio::test]
async fn errors_stay_small_however_large_the_mistake() {
    let (_database, app) = app().await;
    let fields: String = (0..5000).map(|i| format!("f{i} ")).collect();
    let answer = app.query(&format!("{{ {fields} }}")).await;
    assert!(answer.text.len() < 10_000, "{}", answer.text.len());
    let answer = app.query(&format!("{{ {} }}", "x".repeat(100_000))).await;
    assert!(answer.text.len() < 10_000, "{}", answer.text.len());
    let deep = format!("{}{}", "{ users ".repeat(100_000), "}".repeat(100_000));
    assert!(!app.query(&deep).await.code().is_empty());
}

#[tokio::test]
async fn media_types_and_status_codes_follow_graphql_over_http() {
    let (_database, app) = app().await;
    let send = |content_type: &'static str, accept: &'static str, body: &'static str| {
        let request = Request::post("/graphql")
            .header("content-type", content_type)
            .header("accept", accept);
        app.send(request.body(Body::from(body)).expect("a request"))
    };
    let json = "application/json";
    let graphql = "application/graphql-response+json";
    for (content_type, accept, body, status) in [
        (json, json, r#"{"query":"{ __typename }"}"#, 200),
        (json, graphql, r#"{"query":"{ __typename }"}"#, 200),
        (json, "*/*", r#"{"query":"{ __typename }"}"#, 200),
        (json, json, r#"{"query":"{ nope }"}"#, 200),
        (json, graphql, r#"{"query":"{ nope }"}"#, 400),
        (
            json,
            graphql,
            r#"{"query":"{ users(limit: -1) { id } }"}"#,
            400,
        ),
        (json, json, r#"{"query":"#, 400),
        (json, json, "[]", 400),
        (json, json, r#"{"query":7}"#, 400),
        (json, json, "{}", 400),
        (
            json,
            json,
            r#"{"query":"{ __typename }","variables":[]}"#,
            400,
        ),
        ("text/plain", json, r#"{"query":"{ __typename }"}"#, 415),
        ("", json, r#"{"query":"{ __typename }"}"#, 415),
        (json, "text/html", r#"{"query":"{ __typename }"}"#, 406),
    ] {
        let answer = send(content_type, accept, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{content_type} {accept} {body}: {}",
            answer.text
        );
        if status != 200 {
            assert!(answer.json()["errors"][0]["message"].is_string());
        }
    }
    for (method, path, status) in [
        ("GET", "/graphql?query=%7B__typename%7D", 200),
        (
            "GET",
            "/graphql?query=query(%24n:Int)%7Busers(limit:%24n)%7Bid%7D%7D&variables=%7B%22n%22:1%7D",
            200,
        ),
        ("GET", "/graphql", 400),
        ("GET", "/graphql?query=%7B__typename%7D&variables=7", 400),
        ("PUT", "/graphql", 405),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).expect("a request");
        let answer = app.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    let large = Request::post("/graphql").header("content-type", json);
    let large = large
        .body(Body::from(" ".repeat(2 << 20)))
        .expect("a request");
    assert_eq!(app.send(large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_media_type_that_a_client_weighs_higher_is_the_answer() {
    let (_database, app) = app().await;
    let (json, graphql) = ("application/json", "application/graphql-response+json");
    for (accept, media) in [
        ("", json),
        ("*/*", json),
        ("application/*;q=0.1", json),
        ("text/html, application/xhtml+xml, */*;q=0.8", json),
        (
            "application/graphql-response+json, application/json",
            graphql,
        ),
        (
            "application/json, application/graphql-response+json",
            graphql,
        ),
        (
            "application/json;q=0.5, application/graphql-response+json;q=0.5",
            graphql,
        ),
        (
            "application/json, application/graphql-response+json;q=0.9",
            json,
        ),
        (
            "application/json; charset=utf-8; Q = 0.9, application/GraphQL-Response+JSON",
            graphql,
        ),
        ("application/graphql-response+json;q=0.2, */*;q=0.3", json),
        (
            "application/graphql-response+json;q=0.4, */*;q=0.3",
            graphql,
        ),
        ("application/graphql-response+json, */*", graphql),
        ("application/graphql-response+json;q=0, application/*", json),
        ("application/json;q=0, */*;q=0.1", graphql),
        (
            "application/json;q=0.001, application/graphql-response+json;q=0.002",
            graphql,
        ),
        // What is no weight weighs as much as none.
        (
            "application/json;q=high, application/graphql-response+json;q=0.9",
            json,
        ),
        (
            "application/json;q=7, application/graphql-response+json;q=-1",
            graphql,
        ),
        (
            "application/json;q=0, application/graphql-response+json;q=0.000",
            "",
        ),
        ("application/*;q=0", ""),
        ("application/*;q=0, */*", ""),
        ("text/html", ""),
    ] {
        let request = Request::get("/graphql?query=%7B__typename%7D").header("accept", accept);
        let request = request.body(Body::empty()).expect("a request");
        let answer = app
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = if media.is_empty() { 406 } else { 200 };
        assert_eq!(answer.status().as_u16(), status, "{accept}");
        let said = answer.headers()["content-type"].to_str().expect("text");
        let expected = if media.is_empty() { json } else { media };
        assert_eq!(said, format!("{expected}; charset=utf-8"), "{accept}");
    }
}

#[tokio::test]
async fn probes_answer() {
    let (_database, app) = app().await;
    for path in ["/healthz", "/readyz"] {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = app.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_database_that_fails_is_reported_by_an_id_and_not_by_its_words() {
    for backend in Backend::all() {
        // Without migrations: every statement fails.
        let database = TestDatabase::empty(backend).await;
        let app = TestApp::blog(&database);
        let answer = app.query("{ users { name } }").await;
        assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
        assert!(
            !answer.text.contains("user\\\"") && !answer.text.contains("table"),
            "{}",
            answer.text
        );
        assert!(answer.json()["data"].is_null());
        let answer = app.query("{ __typename }").await;
        assert_eq!(answer.text, r#"{"data":{"__typename":"Query"}}"#);
        let unmigrated = backref::serve::database::require_migrated(
            Migrations::of::<migration::Migrator>(),
            &database.url,
            &database.connection,
        )
        .await;
        let message = unmigrated.expect_err("there are no tables").to_string();
        assert!(message.contains("backref migrate up"), "{message}");
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let app = TestApp::blog(&database);
    app.query("{ tags { name } }").await.data();
    let admin = TestDatabase::empty(Backend::Postgres).await;
    let gone = format!("DROP DATABASE {} WITH (FORCE)", database.name());
    admin
        .connection
        .execute_unprepared(&gone)
        .await
        .expect("a superuser may");
    let answer = app.query("{ tags { name } }").await;
    assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.text);
    let ready = Request::get("/readyz")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(
        app.send(ready).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let healthy = Request::get("/healthz")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(app.send(healthy).await.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_that_the_database_closed_are_replaced() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let app = TestApp::blog(&database);
    app.query("{ tags { name } }").await.data();
    let admin = TestDatabase::empty(Backend::Postgres).await;
    let close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '";
    let close = format!("{close}{}'", database.name());
    admin
        .connection
        .execute_unprepared(&close)
        .await
        .expect("a superuser may");
    app.query("{ tags { name } }").await.data();
}

#[tokio::test]
async fn answers_are_compressed_where_it_is_asked_for_and_worth_it() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let ask = async |query: &str, encodings: Option<&str>| {
        let mut request = Request::post("/graphql").header("content-type", "application/json");
        if let Some(encodings) = encodings {
            request = request.header("accept-encoding", encodings);
        }
        let body = Body::from(json!({ "query": query }).to_string());
        let request = request.body(body).expect("a request");
        let response = app.router.clone().oneshot(request).await;
        let (head, body) = response.expect("an answer").into_parts();
        assert_eq!(head.status, StatusCode::OK, "{encodings:?}");
        let bytes = body.collect().await.expect("a body").to_bytes();
        (head.headers, bytes)
    };
    let large = "{ posts(limit: 100) { id title body author { name } } }";
    let (headers, plain) = ask(large, None).await;
    assert!(!headers.contains_key("content-encoding"));
    // What takes none that there is gets it as it is: what it asked may have changed something.
    for none in [
        "*;q=0",
        "identity;q=0",
        "identity; q=0, x-gzip;q=0.0",
        "br, *;q=0",
    ] {
        let (headers, bytes) = ask(large, Some(none)).await;
        assert!(!headers.contains_key("content-encoding"), "{none}");
        assert_eq!(bytes, plain, "{none}");
    }
    let (headers, _) = ask(large, Some("identity;q=0, *")).await;
    assert_eq!(headers["content-encoding"], "gzip");
    let (headers, bytes) = ask(large, Some("br;q=1, gzip;q=0.8, *;q=0.1")).await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["vary"], "accept-encoding");
    assert!(
        bytes.len() * 2 < plain.len(),
        "{} of {}",
        bytes.len(),
        plain.len()
    );
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
        .expect("gzip");
    assert_eq!(text, plain);
    for (query, encodings) in [
        ("{ __typename }", "gzip"),
        (large, "gzip;q=0"),
        (large, "identity"),
        (large, "br"),
    ] {
        let (headers, _) = ask(query, Some(encodings)).await;
        assert!(
            !headers.contains_key("content-encoding"),
            "{query} {encodings}"
        );
    }
}

#[tokio::test]
async fn answers_and_errors_are_bounded() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let mut limits = Limits::default();
    limits.document.aliases = 10_000;
    let app = TestApp::new(&database, blog::graph(), limits);
    let bad: Vec<String> = (0..900)
        .map(|i| format!("{}{i}", "x".repeat(900)))
        .collect();
    let fields: String = (0..20)
        .map(|i| format!("a{i}: nodes(ids: $ids) {{ id }} "))
        .collect();
    let query = format!("query($ids: [ID!]!) {{ {fields} }}");
    let answer = app.request(&query, None, &json!({ "ids": bad })).await;
    assert!(answer.text.len() < 200_000, "{}", answer.text.len());
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(101));
    let last = answer.json()["errors"][100]["message"].take();
    assert_eq!(last, "17900 more errors are not listed");

    // A column is grouped by once, however often it is named.
    let query = "query($by: [PostColumn!]!) { postsAggregate { groups(by: $by, limit: 3) { key { status } count } } }";
    let grouped = async |times: usize| {
        let variables = json!({ "by": vec!["STATUS"; times] });
        app.counted(query, &variables).await
    };
    let (once, often) = (grouped(1).await, grouped(40_000).await);
    assert_eq!((once.0.data(), once.1), (often.0.data(), often.1));

    let fields: String = (0..9000).map(|i| format!("a{i}: body ")).collect();
    let answer = app
        .query(&format!("{{ posts(limit: 1000) {{ {fields} }} }}"))
        .await;
    assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text.len());
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_stopped() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::with_timeout(&database, std::time::Duration::ZERO);
        let answer = app.query("{ posts { title } }").await;
        assert_eq!(answer.code(), "TIMEOUT", "{}", answer.text);
        assert!(answer.json()["data"].is_null());
    }
}
