//! The page at `/` and its files, as clients of all kinds meet them. What it does in a browser is `ide/test`.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use backref::doctor;
use backref::identity::tokens::{TokenSettings, Tokens};
use backref::identity::{Authentication, Bearer};
use backref::read::plan::Limits;
use backref::serve::http::{self, Lack, ServerOptions};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::app;
use crate::generality;
use crate::harness::{Backend, Statements, TestApp, TestDatabase};

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
        // What the server says of its graph is no file.
        .filter(|name| *name != "start.json")
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
        ("br, identity;q=0", Some("br")),
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

/// What the page begins with, over a graph and its database.
async fn start(app: &TestApp) -> Vec<Value> {
    let (status, _, body) = get(&app.router, "/graphiql/start.json", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let start: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(start["explains"], false);
    start["examples"].as_array().cloned().expect("examples")
}

/// Runs an example as it would be run in its tab, and gives the values of its root fields.
async fn run(app: &TestApp, example: &Value) -> Vec<Value> {
    let query = example["query"].as_str().expect("a document");
    let variables = example["variables"].as_str().unwrap_or("{}");
    let variables = serde_json::from_str(variables).expect("JSON");
    let data = app.request(query, None, &variables).await.data();
    let fields = data.as_object().expect("fields");
    fields.values().cloned().collect()
}

#[tokio::test]
async fn the_examples_of_the_blog_are_what_somebody_new_would_try() {
    let (_database, app) = app().await;
    let examples = start(&app).await;
    let tabs = examples.iter().map(|e| {
        let variables = e["variables"].as_str().unwrap_or_default();
        format!("{}\n{variables}", e["query"].as_str().unwrap_or_default())
    });
    insta::assert_snapshot!(tabs.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn every_example_of_any_graph_is_valid_and_finds_something() {
    for backend in Backend::all() {
        let blog = TestDatabase::sample(backend).await;
        let shop = generality::shop(backend).await;
        let apps = [
            (TestApp::blog(&blog), 5),
            (
                TestApp::new(&shop, generality::graph(), Limits::default()),
                4,
            ),
        ];
        for (app, count) in apps {
            let examples = start(&app).await;
            assert_eq!(examples.len(), count, "{examples:#?}");
            for example in examples {
                let query = example["query"].as_str().expect("a document");
                let name = example["name"].as_str().expect("a name");
                assert!(query.starts_with("# "), "{query}");
                assert!(query.contains(&format!("\nquery {name}")), "{query}");
                for found in run(&app, &example).await {
                    let is_empty = found.as_array().is_some_and(Vec::is_empty)
                        || found["edges"].as_array().is_some_and(Vec::is_empty)
                        || found["count"] == 0;
                    assert!(!is_empty, "{backend:?}: {query} found {found}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_example_of_pages_walks_on_by_its_variable() {
    let (_database, app) = app().await;
    let examples = start(&app).await;
    let pages = examples.iter().find(|e| e["name"] == "Pages");
    let query = pages.expect("pages")["query"].as_str().expect("a document");
    let (mut after, mut seen, mut total) = (Value::Null, 0, 1);
    while seen < total {
        let data = app
            .request(query, None, &json!({ "after": after }))
            .await
            .data();
        let page = data.as_object().and_then(|d| d.values().next());
        let page = page.expect("a page");
        total = page["totalCount"].as_u64().expect("a number");
        let rows = page["edges"].as_array().expect("edges").len() as u64;
        assert!(rows > 0, "{page}");
        seen += rows;
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen, total);
}

/// Asks a server that explains for the plan of a document.
async fn plan(router: &Router, body: Value) -> (StatusCode, Value) {
    let request = Request::post("/graphiql/plan")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body");
    let body = body.to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// All fields of a plan that have a statement.
fn statements(fields: &Value, into: &mut Vec<Value>) {
    for field in fields.as_array().into_iter().flatten() {
        if field.get("sql").is_some() {
            into.push(field.clone());
        }
        statements(&field["below"], into);
    }
}

#[tokio::test]
async fn a_plan_names_the_statements_that_run_and_runs_none() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let explaining = ServerOptions {
            explain: true,
            ..ServerOptions::default()
        };
        let router = http::router(app.engine.clone(), &explaining);
        for example in start(&app).await {
            let query = example["query"].as_str().expect("a document");
            let variables = example["variables"].as_str().unwrap_or("{}");
            let variables: Value = serde_json::from_str(variables).expect("JSON");
            let body = json!({ "query": query, "variables": variables });
            let ran = Statements::listen();
            let (status, planned) = plan(&router, body.clone()).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(ran.read(), Vec::<String>::new(), "{query}");
            let planned = &planned["plan"];
            let request = Request::post("/graphql")
                .header("content-type", "application/json")
                .header("x-backref-explain", "1")
                .body(Body::from(body.to_string()))
                .expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let answer = answer.into_body().collect().await.expect("a body");
            let answer: Value = serde_json::from_slice(&answer.to_bytes()).expect("JSON");
            let cost = &answer["extensions"]["backref"];
            assert_eq!(planned["bound"], cost["bound"], "{query}");
            assert_eq!(planned["limits"]["rows"], Limits::default().rows);
            let mut named = Vec::new();
            statements(&planned["fields"], &mut named);
            assert_eq!(planned["bound"]["statements"], named.len());
            for statement in cost["statements"].as_array().expect("statements") {
                let mut of_path = named.iter().filter(|s| s["path"] == statement["path"]);
                let (one, other) = (of_path.next(), of_path.next());
                let one = one.unwrap_or_else(|| panic!("{query}: no {}", statement["path"]));
                assert!(other.is_none(), "{query}: {} twice", statement["path"]);
                let most = one["most"].as_u64().expect("a number");
                assert!(
                    statement["rows"].as_u64().expect("a number") <= most,
                    "{one}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_plan_is_told_why() {
    let (_database, app) = app().await;
    let explaining = ServerOptions {
        explain: true,
        ..ServerOptions::default()
    };
    let router = http::router(app.engine.clone(), &explaining);
    for (body, status, code) in [
        (
            json!({ "query": "{ nope }" }),
            200,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (json!({ "query": "{ posts" }), 200, "GRAPHQL_PARSE_FAILED"),
        (
            json!({ "query": "{ users(limit: 1000) { posts(limit: 1000) { id } } }" }),
            200,
            "LIMIT_EXCEEDED",
        ),
        (
            json!({ "query": "query($n: Int!) { posts(limit: $n) { id } }" }),
            200,
            "BAD_USER_INPUT",
        ),
        (
            json!({ "quarry": "{ posts { id } }" }),
            400,
            "BAD_USER_INPUT",
        ),
        (json!([]), 400, "BAD_USER_INPUT"),
    ] {
        let (said, answer) = plan(&router, body.clone()).await;
        assert_eq!(said.as_u16(), status, "{body}: {answer}");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], code,
            "{body}: {answer}"
        );
        assert!(answer.get("plan").is_none(), "{body}");
    }
    // Where nobody may learn what a query costs, there is no plan to ask for.
    let (status, _) = plan(&app.router, json!({ "query": "{ posts { id } }" })).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_the_database_lacks_is_named_as_the_plan_names_its_fields() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let index = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'post' AND sql IS NOT NULL";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, index);
    let found = database.connection.query_all_raw(statement).await;
    for row in found.expect("indexes") {
        let name: String = row.try_get("", "name").expect("a name");
        let drop = format!("DROP INDEX \"{name}\"");
        database
            .connection
            .execute_unprepared(&drop)
            .await
            .expect("it is dropped");
    }
    let catalog = app.engine.planner().catalog();
    let report = doctor::examine(catalog, &database.connection, "").await;
    let findings = report.expect("a report").findings;
    let fields: Vec<&str> = findings.iter().flat_map(doctor::Finding::fields).collect();
    let lack = Lack {
        fields: fields.iter().map(|f| (*f).to_owned()).collect(),
        says: "there is no index".to_owned(),
        mended_by: vec!["CREATE INDEX".to_owned()],
    };
    let explaining = ServerOptions {
        explain: true,
        lacks: vec![lack.clone()],
        ..ServerOptions::default()
    };
    let router = http::router(app.engine.clone(), &explaining);
    let body = json!({ "query": "{ authors: users { written: posts { id } } posts { id } }" });
    let (_, planned) = plan(&router, body).await;
    let mut named = Vec::new();
    statements(&planned["plan"]["fields"], &mut named);
    let named: Vec<_> = named.iter().filter_map(|s| s["field"].as_str()).collect();
    assert_eq!(named, ["Query.users", "User.posts", "Query.posts"]);
    for lacking in ["User.posts", "Query.posts"] {
        assert!(fields.contains(&lacking), "{lacking}: {fields:?}");
    }
    assert!(!fields.contains(&"Query.users"), "{fields:?}");
    // It is told to those who may see what documents cost, and to nobody else.
    for (explain, told) in [(true, json!([lack])), (false, json!([]))] {
        let options = ServerOptions {
            explain,
            ..explaining.clone()
        };
        let router = http::router(app.engine.clone(), &options);
        let (_, _, body) = get(&router, "/graphiql/start.json", &[]).await;
        let start: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(start["lacks"], told);
    }
}

/// All that `ide/test` does with the blog, on another graph: the page knows any.
#[tokio::test]
#[ignore = "needs Chromium and `npm ci --prefix ide`; continuous integration runs it"]
async fn the_page_works_in_a_browser_on_any_graph() {
    let database = generality::shop(Backend::Sqlite).await;
    let app = TestApp::new(&database, generality::graph(), Limits::default());
    let secret = "a secret of this test alone, and of nobody else";
    let tokens = Tokens::new(TokenSettings::secret(secret)).expect("tokens");
    let options = ServerOptions {
        explain: true,
        lacks: vec![Lack {
            fields: vec!["Artist.albums".to_owned(), "Query.albums".to_owned()],
            says: "there is no index".to_owned(),
            mended_by: vec!["CREATE INDEX".to_owned()],
        }],
        authentication: Authentication::by_bearer(Bearer::of(Arc::new(tokens))),
        ..ServerOptions::default()
    };
    let router = http::router(app.engine.clone(), &options);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/ide/test/run.mjs");
    let ran = tokio::process::Command::new("node")
        .args([script, &format!("http://{address}"), "--secret", secret])
        .output()
        .await
        .expect("Node.js runs");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}
