//! The page at `/` and its files, as clients of all kinds meet them. What it does in a browser is `ide/test`.

use std::io::Read;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use backref::serve::http::{self, ServerOptions};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::app;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn get(
    router: &Router,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Bytes) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (head.status, head.headers, body)
}

fn inflated(body: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(body)
        .read_to_string(&mut text)
        .expect("gzip");
    text
}

#[tokio::test]
async fn a_browser_gets_the_page_and_others_get_told_where_graphql_is() {
    let (_database, app) = app().await;
    let (status, headers, body) = get(&app.router, "/", &[("accept", BROWSER)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    let page = String::from_utf8(body.to_vec()).expect("UTF-8");
    assert!(page.contains("<noscript>"), "{page}");
    for accept in ["*/*", "application/json", "text/html;q=0", ""] {
        let asked = [("accept", accept), ("host", "blog.example:8080")];
        let (status, headers, body) = get(&app.router, "/", &asked).await;
        assert_eq!(status, StatusCode::OK, "{accept}");
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        let text = String::from_utf8(body.to_vec()).expect("UTF-8");
        let line = "curl 'http://blog.example:8080/graphql' -H 'content-type: application/json'";
        assert!(text.contains(line), "{text}");
        // The line's document is one that the server answers.
        let (_, data) = text.split_once("-d '").expect("a body");
        let data = data.trim_end().trim_end_matches('\'').to_owned();
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .body(Body::from(data))
            .expect("a request");
        app.send(request).await.data();
    }
}

#[tokio::test]
async fn what_a_host_is_called_gets_into_no_shell() {
    let (_database, app) = app().await;
    for host in ["a'; rm -rf ~;'", "$(id)", "a b", "`id`", ""] {
        let (_, _, body) = get(&app.router, "/", &[("host", host)]).await;
        let text = String::from_utf8(body.to_vec()).expect("UTF-8");
        assert!(text.contains("'http://127.0.0.1:8000/graphql'"), "{text}");
    }
}

#[tokio::test]
async fn all_that_the_page_names_is_there_compressed_and_kept_for_ever() {
    let (_database, app) = app().await;
    let (_, _, page) = get(&app.router, "/", &[("accept", BROWSER)]).await;
    let page = String::from_utf8(page.to_vec()).expect("UTF-8");
    assert!(
        !page.contains("://") || !page.contains("src=\"http"),
        "{page}"
    );
    let files: Vec<&str> = page
        .split("\"graphiql/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(files.len() > 6, "{files:?}");
    for name in files {
        let path = format!("/graphiql/{name}");
        let (status, plain, content) = get(&app.router, &path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        assert!(plain.get("content-encoding").is_none(), "{name}");
        let (_, gzip, body) = get(&app.router, &path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(gzip["content-encoding"], "gzip", "{name}");
        let mut read = Vec::new();
        GzDecoder::new(&body[..])
            .read_to_end(&mut read)
            .expect("gzip");
        assert!(read == content, "{name}");
        let both = [("accept-encoding", "gzip, deflate, br, zstd")];
        let (_, brotli, body) = get(&app.router, &path, &both).await;
        assert_eq!(brotli["content-encoding"], "br", "{name}");
        assert!(body.len() < content.len() + 64, "{name}");
        for headers in [&plain, &gzip, &brotli] {
            assert_eq!(headers["x-content-type-options"], "nosniff");
            let cache = headers["cache-control"].to_str().expect("text");
            assert!(cache.contains("immutable"), "{name}: {cache}");
            let vary = headers.get_all("vary").iter();
            assert!(vary.into_iter().any(|v| v == "accept-encoding"), "{name}");
            let policy = headers["content-security-policy"].to_str().expect("text");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self';"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe-eval"), "{policy}");
        }
        let tags = [&plain, &gzip, &brotli].map(|h| h["etag"].clone());
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    }
    for name in ["index.html", "nothing.js", "..%2Findex.html"] {
        let (status, _, _) = get(&app.router, &format!("/graphiql/{name}"), &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn who_has_the_page_is_told_that_it_has_not_changed() {
    let (_database, app) = app().await;
    let asked = [("accept", BROWSER), ("accept-encoding", "gzip")];
    let (_, headers, body) = get(&app.router, "/", &asked).await;
    assert!(inflated(&body).starts_with("<!doctype html>"));
    let tag = headers["etag"].to_str().expect("text");
    for (known, status) in [
        (tag.to_owned(), StatusCode::NOT_MODIFIED),
        (format!("\"other\", W/{tag}"), StatusCode::NOT_MODIFIED),
        ("*".to_owned(), StatusCode::NOT_MODIFIED),
        ("\"other\"".to_owned(), StatusCode::OK),
    ] {
        let asked = [asked[0], asked[1], ("if-none-match", &known)];
        let (said, headers, body) = get(&app.router, "/", &asked).await;
        assert_eq!(said, status, "{known}");
        assert_eq!(headers["etag"], tag);
        assert_eq!(body.is_empty(), status == StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn a_client_gets_the_encoding_that_it_asks_for() {
    let (_database, app) = app().await;
    for (accepts, encoding) in [
        ("", None),
        ("identity", None),
        ("zstd, deflate", None),
        ("gzip;q=0, br;q=0", None),
        ("GZIP", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("br", Some("br")),
        ("gzip, br", Some("br")),
        ("gzip;q=1, br;q=0.5", Some("gzip")),
        ("*", Some("br")),
        ("br;q=0, *", Some("gzip")),
    ] {
        let asked = [("accept", BROWSER), ("accept-encoding", accepts)];
        let (status, headers, _) = get(&app.router, "/", &asked).await;
        assert_eq!(status, StatusCode::OK, "{accepts}");
        let said = headers.get("content-encoding");
        let said = said.map(|v| v.to_str().expect("text"));
        assert_eq!(said, encoding, "{accepts}");
    }
}

#[tokio::test]
async fn where_it_is_off_nothing_of_it_is_there() {
    let (_database, app) = app().await;
    let options = ServerOptions {
        graphiql: false,
        ..ServerOptions::default()
    };
    let router = http::router(app.engine.clone(), &options);
    let (_, _, page) = get(&app.router, "/", &[("accept", BROWSER)]).await;
    let page = String::from_utf8(page.to_vec()).expect("UTF-8");
    let script = page
        .split("src=\"")
        .nth(1)
        .and_then(|p| p.split('"').next());
    for path in ["/".to_owned(), format!("/{}", script.expect("a script"))] {
        let (status, _, body) = get(&router, &path, &[("accept", BROWSER)]).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(body, "there is nothing here; GraphQL is at /graphql\n");
    }
}
