//! Pages of other origins: whose may ask, and how that is told to browsers.

use axum::http::HeaderMap;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY,
};

use backref::identity::Authentication;

use super::*;

const APP: &str = "https://app.example";

async fn app(origins: &[&str]) -> (TestDatabase, Router) {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let api = Backref::builder(blog::graph())
        .database(database.url.shown())
        .cors_origins(origins.iter().copied())
        .open();
    let router = api.await.expect("it opens").router();
    (database, router)
}

async fn heads(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap) {
    let answer = app.clone().oneshot(request).await.expect("an answer");
    (answer.status(), answer.headers().clone())
}

fn preflight(origin: &str) -> Request<Body> {
    let request = Request::options("/graphql")
        .header(ORIGIN, origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,authorization,idempotency-key",
        );
    request.body(Body::empty()).expect("one")
}

fn from(origin: &str) -> Request<Body> {
    let request = Request::post("/graphql")
        .header(ORIGIN, origin)
        .header("content-type", "application/json");
    request.body(body("{ __typename }")).expect("one")
}

fn said<'h>(headers: &'h HeaderMap, name: &axum::http::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[tokio::test]
async fn by_default_no_other_origin_is_told_that_it_may() {
    let (_database, app) = app(&[]).await;
    for request in [preflight(APP), from(APP)] {
        let (_, headers) = heads(&app, request).await;
        let allowed = headers
            .keys()
            .find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(allowed, None);
    }
}

#[tokio::test]
async fn named_origins_may_ask_with_credentials_and_others_may_not() {
    let (_database, app) = app(&["https://APP.example:443", "http://localhost:5173"]).await;
    for origin in [APP, "http://localhost:5173"] {
        let (status, headers) = heads(&app, preflight(origin)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(said(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN), Some(origin));
        assert_eq!(
            said(&headers, &ACCESS_CONTROL_ALLOW_CREDENTIALS),
            Some("true")
        );
        let methods = said(&headers, &ACCESS_CONTROL_ALLOW_METHODS).expect("methods");
        assert!(
            methods.contains("POST") && methods.contains("GET"),
            "{methods}"
        );
        let allowed = said(&headers, &ACCESS_CONTROL_ALLOW_HEADERS).expect("headers");
        for name in ["content-type", "authorization", "idempotency-key"] {
            assert!(allowed.contains(name), "{allowed}");
        }
        let (status, headers) = heads(&app, from(origin)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(said(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN), Some(origin));
        let varies = headers
            .get_all(VARY)
            .iter()
            .any(|v| v.to_str().is_ok_and(|v| v.contains("origin")));
        assert!(varies, "{headers:?}");
    }
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil",
        "null",
    ] {
        for request in [preflight(origin), from(origin)] {
            let (_, headers) = heads(&app, request).await;
            assert_eq!(
                said(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN),
                None,
                "{origin}"
            );
        }
    }
    // What is read by a GET is given to their pages alone.
    let by_get = |origin: &str| {
        let request = Request::get("/graphql?query=%7B__typename%7D")
            .header(ORIGIN, origin)
            .header("host", "api.example")
            .header("sec-fetch-site", "cross-site");
        request.body(Body::empty()).expect("one")
    };
    assert_eq!(heads(&app, by_get(APP)).await.0, StatusCode::OK);
    let other = heads(&app, by_get("https://evil.example")).await;
    assert_eq!(other.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn all_origins_may_ask_without_credentials() {
    let (_database, app) = app(&["*"]).await;
    for request in [
        preflight("https://any.example"),
        from("https://any.example"),
    ] {
        let (status, headers) = heads(&app, request).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(said(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"));
        assert_eq!(said(&headers, &ACCESS_CONTROL_ALLOW_CREDENTIALS), None);
    }
}

/// Also by a header of the application's own that says who asks.
#[tokio::test]
async fn pages_may_send_what_clients_of_graphql_send() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let nobody = |_: &Parts| async { Ok(Principal::Anonymous) };
    let by_header = Authentication::by_header("x-user".parse().expect("a name"), nobody);
    let api = Backref::builder(blog::graph())
        .database(database.url.shown())
        .authentication(by_header)
        .cors_origins([APP])
        .open();
    let app = api.await.expect("it opens").router();
    let (_, headers) = heads(&app, preflight(APP)).await;
    let allowed = said(&headers, &ACCESS_CONTROL_ALLOW_HEADERS).expect("some");
    let allowed: Vec<&str> = allowed.split(',').collect();
    for name in [
        "content-type",
        "authorization",
        "idempotency-key",
        "apollographql-client-name",
        "apollographql-client-version",
        "x-user",
    ] {
        assert!(allowed.contains(&name), "{name}: {allowed:?}");
    }
}

#[tokio::test]
async fn what_is_no_origin_is_refused_by_name() {
    for wrong in [
        "app.example",
        "https://app.example/",
        "https://app.example/path",
        "https://u@app.example",
        "https://*.example",
        "*, https://app.example",
        "ftp//x",
    ] {
        let origins: Vec<&str> = wrong.split(", ").collect();
        let refused = backref::serve::cors::Origins::of(&origins);
        let says = refused
            .err()
            .unwrap_or_else(|| panic!("{wrong} is taken"))
            .to_string();
        assert!(says.contains("is no origin"), "{says}");
    }
}
