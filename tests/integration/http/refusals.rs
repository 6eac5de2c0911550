//! What is refused before it is a GraphQL request, and what every answer has.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use backref::serve::http::{self, ServerOptions};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::app;

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";
const QUERY: &str = r#"{"query":"{ __typename }"}"#;

pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn header(&self, name: &str) -> String {
        let all = self.headers.get_all(name).iter();
        let all: Vec<_> = all.filter_map(|v| v.to_str().ok()).collect();
        all.join(", ")
    }
}

pub async fn ask(
    router: &Router,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.collect().await.expect("a body").to_bytes(),
    }
}

#[tokio::test]
async fn a_list_is_no_request() {
    let (_database, app) = app().await;
    for body in [
        "[\"{__typename}\"]",
        " [{\"query\":\"{__typename}\"}]",
        "[]",
    ] {
        let headers = [("content-type", "application/json")];
        let answer = ask(&app.router, "POST", "/graphql", &headers, Body::from(body)).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json().get("data").is_none(), "{body}");
    }
}

#[tokio::test]
async fn a_body_is_json_in_utf_8_or_refused() {
    let (_database, app) = app().await;
    for (status, content_type) in [
        (200, "application/json"),
        (200, "Application/JSON"),
        (200, "application/json;"),
        (200, "application/json ; charset=utf-8"),
        (200, "application/json;charset=\"UTF-8\""),
        (200, r#"application/json; charset="u\tf-8""#),
        (200, "application/json; ; Charset=Utf-8;"),
        (
            200,
            "application/json; profile=\"a;charset=latin1\"; charset=utf-8",
        ),
        (415, "application/json; charset=not-utf-8-at-all"),
        (415, "application/json; charset=utf-8-sig"),
        (415, "application/json; charset=utf8"),
        (415, "application/json; charset=utf-16"),
        (415, "application/json; charset=iso-8859-1"),
        (415, "application/json; charset=\"utf-8 \""),
        (415, "application/json; charset=\"utf-8"),
        (415, "application/json; charset='utf-8'"),
        (415, "application/json; charset="),
        (415, "application/json; charset"),
        (415, "application/json; charset =utf-8"),
        (415, "application/json; charset= utf-8"),
        (415, "application/json; charset=utf-8; charset=utf-8"),
        (415, "application/json; charset=utf-8; CHARSET=latin1"),
        (415, "application/json; charset=utf-8 latin1"),
        (415, "application/json, text/plain"),
        (415, "application/json charset=utf-8"),
        (415, "application / json"),
        (415, "application/jsonx"),
        (415, "application/graphql+json"),
        (415, "text/plain; application/json"),
        (415, "application/x-www-form-urlencoded"),
        (415, "multipart/form-data; boundary=x"),
        (415, "application/graphql"),
        (415, ""),
    ] {
        let headers = [("content-type", content_type)];
        let answer = ask(&app.router, "POST", "/graphql", &headers, Body::from(QUERY)).await;
        assert_eq!(answer.status, status, "{content_type}");
        if status != 200 {
            assert!(
                answer.json()["errors"][0]["message"].is_string(),
                "{content_type}"
            );
            assert_eq!(answer.header("accept"), JSON, "{content_type}");
        }
    }
    let twice = [("content-type", JSON), ("content-type", "text/plain")];
    for headers in [&twice[..], &[]] {
        let answer = ask(&app.router, "POST", "/graphql", headers, Body::from(QUERY)).await;
        assert_eq!(answer.status, 415, "{headers:?}");
    }
}

#[tokio::test]
async fn a_body_is_taken_as_it_is_and_not_decoded() {
    let (_database, app) = app().await;
    for (status, codings) in [
        (200, &["identity"][..]),
        (200, &["Identity, identity"]),
        (200, &[""]),
        (415, &["gzip"]),
        (415, &["GZIP"]),
        (415, &["identity, gzip"]),
        (415, &["identity", "br"]),
        (415, &["x-unheard-of"]),
    ] {
        let mut headers = vec![("content-type", JSON)];
        headers.extend(codings.iter().map(|c| ("content-encoding", *c)));
        let answer = ask(&app.router, "POST", "/graphql", &headers, Body::from(QUERY)).await;
        assert_eq!(answer.status, status, "{codings:?}");
        if status == 415 {
            assert_eq!(answer.header("accept-encoding"), "identity");
            let message = answer.json()["errors"][0]["message"].to_string();
            assert!(message.contains("Content-Encoding"), "{message}");
        }
    }
}

#[tokio::test]
async fn every_answer_says_what_caches_and_browsers_may_make_of_it() {
    let (_database, app) = app().await;
    let fine = "/graphql?query=%7B__typename%7D";
    for (method, path, accept, status, cache) in [
        ("GET", fine, JSON, 200, "private, no-cache"),
        ("HEAD", fine, JSON, 200, "private, no-cache"),
        ("GET", "/graphql?query=%7Bnope%7D", JSON, 200, "no-store"),
        ("GET", "/graphql?query=%7Bnope%7D", GRAPHQL, 400, "no-store"),
        ("GET", "/graphql", JSON, 400, "no-store"),
        ("GET", fine, "text/html", 406, "no-store"),
        ("POST", "/graphql", JSON, 200, "no-store"),
        ("PUT", "/graphql", JSON, 405, "no-store"),
        ("DELETE", "/graphql", JSON, 405, "no-store"),
        ("OPTIONS", "/graphql", JSON, 204, "no-store"),
        ("GET", "/healthz", "*/*", 200, "no-store"),
        ("GET", "/readyz", "*/*", 200, "no-store"),
        ("POST", "/healthz", "*/*", 405, "no-store"),
        ("GET", "/", "text/html", 200, "private, no-cache"),
        ("GET", "/nowhere", "*/*", 404, "no-store"),
    ] {
        let headers = [("accept", accept), ("content-type", JSON)];
        let body = if method == "POST" {
            Body::from(QUERY)
        } else {
            Body::empty()
        };
        let answer = ask(&app.router, method, path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("cache-control"), cache, "{method} {path}");
        assert_eq!(
            answer.header("x-content-type-options"),
            "nosniff",
            "{method} {path}"
        );
        let vary = if path == "/" {
            "accept-encoding, accept"
        } else {
            "accept"
        };
        assert_eq!(answer.header("vary"), vary, "{method} {path}");
        if method == "HEAD" {
            assert!(answer.body.is_empty());
            assert_eq!(
                answer.header("content-type"),
                "application/json; charset=utf-8"
            );
        }
        if path == "/graphql" && matches!(status, 405 | 204) {
            assert_eq!(answer.header("allow"), "GET, HEAD, POST, OPTIONS");
        }
        if status == 405 {
            assert!(answer.header("allow").contains("GET"), "{method} {path}");
        }
    }
    let large = "/graphql?query=%7Bposts(limit:100)%7Bid%20title%20body%7D%7D";
    let answer = ask(
        &app.router,
        "GET",
        large,
        &[("accept-encoding", "gzip")],
        Body::empty(),
    )
    .await;
    assert_eq!(answer.header("vary"), "accept-encoding, accept");
}

#[tokio::test]
async fn a_page_of_another_site_asks_nothing() {
    let (_database, app) = app().await;
    let options = ServerOptions {
        require_preflight: true,
        ..ServerOptions::default()
    };
    let strict = http::router(app.engine.clone(), &options);
    let own = "https://graph.example.org";
    let host = ("host", "graph.example.org");
    // Whether it is answered, and whether it is where a GET must show where it comes from.
    for (usual, strictly, headers) in [
        (true, false, &[][..]),
        (true, true, &[("apollo-require-preflight", "1")]),
        (
            true,
            true,
            &[
                ("x-apollo-operation-name", "Q"),
                ("sec-fetch-site", "cross-site"),
            ],
        ),
        (
            true,
            true,
            &[("content-type", JSON), ("origin", "https://evil.example")],
        ),
        (true, true, &[("sec-fetch-site", "same-origin")]),
        (true, false, &[("sec-fetch-site", "none")]),
        (true, false, &[("origin", own)]),
        (true, false, &[("origin", "https://GRAPH.example.org:443")]),
        (true, false, &[("origin", own), ("sec-fetch-site", "none")]),
        (false, false, &[("sec-fetch-site", "cross-site")]),
        (false, false, &[("sec-fetch-site", "same-site")]),
        (
            false,
            false,
            &[("sec-fetch-site", "cross-site"), ("origin", own)],
        ),
        (
            false,
            false,
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
        ),
        (
            false,
            false,
            &[
                ("sec-fetch-site", "none"),
                ("origin", "https://evil.example"),
            ],
        ),
        (false, false, &[("sec-fetch-site", "unheard-of")]),
        (false, false, &[("origin", "https://evil.example")]),
        (
            false,
            false,
            &[("origin", "https://graph.example.org.evil.example")],
        ),
        (
            false,
            false,
            &[("origin", "https://graph.example.org:8443")],
        ),
        (false, false, &[("origin", "null")]),
        (
            false,
            false,
            &[("origin", own), ("origin", "https://evil.example")],
        ),
        (
            false,
            false,
            &[
                ("sec-fetch-site", "cross-site"),
                ("apollo-require-preflight", ""),
            ],
        ),
        (
            false,
            false,
            &[
                ("sec-fetch-site", "cross-site"),
                ("content-type", "text/plain"),
            ],
        ),
        (
            false,
            false,
            &[
                ("sec-fetch-site", "cross-site"),
                ("content-type", "Text/Plain;application/json"),
            ],
        ),
        (
            false,
            false,
            &[
                ("sec-fetch-site", "cross-site"),
                ("content-type", "multipart/form-data; boundary=a"),
            ],
        ),
    ] {
        let headers: Vec<_> = headers.iter().copied().chain([host]).collect();
        for method in ["GET", "HEAD"] {
            for (router, welcome) in [(&app.router, usual), (&strict, strictly)] {
                let uri = "/graphql?query=%7B__typename%7D";
                let answer = ask(router, method, uri, &headers, Body::empty()).await;
                let status = if welcome { 200 } else { 400 };
                assert_eq!(answer.status, status, "{method} {headers:?}");
            }
        }
    }
    let forms = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    for content_type in forms {
        let headers = [
            ("content-type", content_type),
            ("apollo-require-preflight", "1"),
            host,
        ];
        let answer = ask(&app.router, "POST", "/graphql", &headers, Body::from(QUERY)).await;
        assert_eq!(answer.status, 415, "{content_type}");
    }
}

#[tokio::test]
async fn a_query_by_its_hash_alone_is_told_that_none_are_kept() {
    let (_database, app) = app().await;
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": "ab".repeat(32)}});
    let hash = json!({ "extensions": extensions });
    let with = |key: &str, value: Value| {
        let mut body = hash.clone();
        body[key] = value;
        body.to_string()
    };
    let encoded: String = extensions
        .to_string()
        .bytes()
        .map(|b| format!("%{b:02X}"))
        .collect();
    for (accept, status) in [(JSON, 200), (GRAPHQL, 400), ("*/*", 200)] {
        let headers = [("content-type", JSON), ("accept", accept)];
        let mut answers = Vec::new();
        for body in [
            hash.to_string(),
            with("query", Value::Null),
            with("query", "".into()),
            with("operationName", "Q".into()),
            with("variables", json!({"n": 1})),
        ] {
            answers.push(ask(&app.router, "POST", "/graphql", &headers, Body::from(body)).await);
        }
        for query in ["", "&query="] {
            let uri = format!("/graphql?extensions={encoded}{query}");
            answers.push(ask(&app.router, "GET", &uri, &headers, Body::empty()).await);
        }
        for answer in answers {
            assert_eq!(answer.status, status);
            let expected = json!({"errors": [{
                "message": "PersistedQueryNotSupported",
                "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
            }]});
            assert_eq!(answer.json(), expected);
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        // With its query a request runs, whatever its hash.
        let body = Body::from(with("query", "{ __typename }".into()));
        let answer = ask(&app.router, "POST", "/graphql", &headers, body).await;
        assert_eq!(answer.json()["data"]["__typename"], "Query");
        let uri = format!("/graphql?query=%7B__typename%7D&extensions={encoded}");
        let answer = ask(&app.router, "GET", &uri, &headers, Body::empty()).await;
        assert_eq!(answer.json()["data"]["__typename"], "Query");
    }
    for body in [
        json!({}),
        json!({"extensions": {}}),
        json!({"extensions": {"persistedQuery": null}}),
        json!({"query": 7, "extensions": extensions}),
        json!([null, extensions]),
    ] {
        let headers = [("content-type", JSON)];
        let answer = ask(
            &app.router,
            "POST",
            "/graphql",
            &headers,
            Body::from(body.to_string()),
        )
        .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST.as_u16(), "{body}");
        assert_eq!(
            answer.json()["errors"][0]["extensions"]["code"],
            "BAD_USER_INPUT"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_too_slow_is_not_waited_for() {
    let (_database, app) = app().await;
    let options = ServerOptions {
        max_body_bytes: 1000,
        body_timeout: Duration::from_millis(50),
        ..ServerOptions::default()
    };
    let router = http::router(app.engine.clone(), &options);
    let headers = [("content-type", JSON)];
    // Bytes of it never come.
    let silent = |says: Option<u64>| Body::new(Silent { says });
    for (body, status) in [
        (silent(Some(1001)), 413),
        (silent(Some(1000)), 408),
        (silent(None), 408),
        (Body::from(" ".repeat(1001)), 413),
        (
            Body::from(format!("{QUERY}{}", " ".repeat(1000 - QUERY.len()))),
            200,
        ),
    ] {
        let answer = ask(&router, "POST", "/graphql", &headers, body).await;
        assert_eq!(answer.status, status);
        if status != 200 {
            assert_eq!(
                answer.json()["errors"][0]["extensions"]["code"],
                "BAD_USER_INPUT"
            );
            assert_eq!(answer.header("connection"), "close");
        }
    }
}

/// A body that says how long it is and does not come.
struct Silent {
    says: Option<u64>,
}

impl hyper::body::Body for Silent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        self.says
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
