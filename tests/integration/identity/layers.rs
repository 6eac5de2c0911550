//! Layers of ten lines in place of tokens, as docs/identity.md has them.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{COOKIE, HeaderName};
use axum::http::request::Parts;
use backref::graph::{Principal, Subject};
use backref::identity::{Authentication, Unauthenticated};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{TELLING, ask, authenticated, send};
use crate::harness::Backend;

/// By a header that a gateway sets, which lets nobody else set it.
fn by_gateway() -> Authentication {
    Authentication::by_header(HeaderName::from_static("x-user"), |request: &Parts| {
        let user = request.headers.get("x-user").cloned();
        async move {
            match user.as_ref().map(|user| user.to_str()) {
                None => Ok(Principal::Anonymous),
                Some(Ok(id)) => Ok(Principal::subject(Subject::new(id).with_role("author"))),
                Some(Err(_)) => Err(Unauthenticated::refused("the header x-user is no text")),
            }
        }
    })
}

/// By a session's cookie, here of made-up sessions.
fn by_session() -> Authentication {
    Authentication::by_cookies(|request: &Parts| {
        let cookies = request.headers.get_all(COOKIE).iter();
        let mut cookies = cookies
            .filter_map(|c| c.to_str().ok())
            .flat_map(|c| c.split("; "));
        let session = cookies
            .find_map(|c| c.strip_prefix("session="))
            .map(str::to_owned);
        async move {
            match session.as_deref() {
                None => Ok(Principal::Anonymous),
                Some("s3cr3t") => Ok(Principal::subject(Subject::new("1").with_role("author"))),
                Some(_) => Err(Unauthenticated::refused(
                    "the session has ended; sign in again",
                )),
            }
        }
    })
}

const TAGS: &str = "{ tags { name } }";

#[tokio::test]
async fn a_header_or_a_cookie_tells_who_asks() {
    for backend in Backend::all() {
        for (authentication, headers, bad, vary) in [
            (
                by_gateway(),
                [("x-user", "1")],
                ("x-user", "\u{ff}"),
                "x-user, accept",
            ),
            (
                by_session(),
                [("cookie", "a=b; session=s3cr3t")],
                ("cookie", "session=old"),
                "cookie, accept",
            ),
        ] {
            let (database, app) = authenticated(backend, authentication).await;
            database
                .connection
                .execute_unprepared(TELLING)
                .await
                .expect("tags");
            for (headers, names) in [(&headers[..], &["1", "author"][..]), (&[], &["nobody"])] {
                let answer = ask(&app.router, TAGS, headers).await;
                let tags: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
                assert_eq!(answer.body, json!({ "data": { "tags": tags } }));
                assert_eq!(answer.header("vary"), vary);
            }
            let answer = ask(&app.router, TAGS, &[bad]).await;
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"));
            assert!(answer.header("www-authenticate").is_empty());
        }
    }
}

fn get(headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/graphql?query=%7Btags%7Bname%7D%7D").header("host", "blog");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn with_cookies_a_get_shows_that_no_other_site_made_it() {
    const SESSION: (&str, &str) = ("cookie", "session=s3cr3t");
    let (_database, by_cookie) = authenticated(Backend::Sqlite, by_session()).await;
    let (_database, by_header) = authenticated(Backend::Sqlite, by_gateway()).await;
    for (headers, welcome) in [
        (&[SESSION][..], false),
        (&[SESSION, ("sec-fetch-site", "none")], false),
        (&[SESSION, ("sec-fetch-site", "same-site")], false),
        (&[SESSION, ("sec-fetch-site", "cross-site")], false),
        (&[SESSION, ("origin", "http://blog")], false),
        (&[SESSION, ("sec-fetch-site", "same-origin")], true),
        (&[SESSION, ("apollo-require-preflight", "1")], true),
    ] {
        let status = send(&by_cookie.router, get(headers)).await.status;
        assert_eq!(status, if welcome { 200 } else { 400 }, "{headers:?}");
    }
    assert_eq!(
        send(&by_header.router, get(&[("x-user", "1")]))
            .await
            .status,
        200
    );
    // What a browser sends to another site without asking it is never JSON.
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = Request::post("/graphql")
            .header("content-type", content_type)
            .header("cookie", SESSION.1)
            .body(Body::from(json!({ "query": TAGS }).to_string()));
        let answer = send(&by_cookie.router, request.expect("a request")).await;
        assert_eq!(answer.status, 415);
    }
}

#[tokio::test]
async fn what_is_read_by_get_is_kept_by_no_cache_of_others() {
    let (_database, app) = authenticated(Backend::Sqlite, by_gateway()).await;
    let answer = send(&app.router, get(&[("x-user", "1")])).await;
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.header("vary"), "x-user, accept");
}
