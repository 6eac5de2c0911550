//! A graph in somebody's own application: his routes, his sessions, his async-graphql, his pages on other origins.

mod examples;
mod origins;

use async_graphql::Executor;
use axum::body::Body;
use axum::extract::Request as Ask;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use axum::{Router, response::Response};
use backref::graph::Subject;
use backref::identity::tokens::{TokenSettings, Tokens};
use backref::{Backref, OpenError, Principal};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::{Backend, TestDatabase, blog};

async fn open(database: &TestDatabase) -> Backref {
    let api = Backref::builder(blog::graph()).database(database.url.shown());
    api.open().await.expect("it opens")
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = app.clone().oneshot(request).await.expect("an answer");
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body");
    let text = String::from_utf8(body.to_bytes().to_vec());
    (status, text.expect("UTF-8"))
}

fn post(path: &str) -> axum::http::request::Builder {
    Request::post(path).header("content-type", "application/json")
}

fn body(query: &str) -> Body {
    Body::from(json!({ "query": query }).to_string())
}

#[tokio::test]
async fn its_routes_stand_beside_an_applications_own() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let api = open(&database).await;
        let app: Router<u8> = Router::new()
            .route("/", get(|| async { "mine" }))
            .route("/api/graph", api.service())
            .fallback(|| async { (StatusCode::NOT_FOUND, "nothing of mine") });
        let app = app.with_state(7).merge(api.router());
        let query = "{ tags(limit: 1) { id } }";
        let known = ask(&app, post("/graphql").body(body(query)).expect("one")).await;
        assert_eq!(known.0, StatusCode::OK, "{}", known.1);
        assert!(
            known.1.starts_with(r#"{"data":{"tags":[{"id":"#),
            "{}",
            known.1
        );
        let other = ask(&app, post("/api/graph").body(body(query)).expect("one")).await;
        assert_eq!(other, known);
        for (path, says) in [("/", "mine"), ("/graphiql/x", "nothing of mine")] {
            let answer = ask(&app, Request::get(path).body(Body::empty()).expect("one")).await;
            assert_eq!(answer.1, says);
        }
        let typed = ask(
            &app,
            Request::put("/api/graph").body(Body::empty()).expect("one"),
        )
        .await;
        assert_eq!(typed.0, StatusCode::METHOD_NOT_ALLOWED);
    }
}

/// A session that somebody's own layer has found.
#[derive(Clone)]
struct Session {
    user: i32,
}

async fn with_session(mut request: Ask, next: Next) -> Response {
    let cookie = request
        .headers()
        .get("cookie")
        .and_then(|c| c.to_str().ok());
    let user = cookie.and_then(|c| c.strip_prefix("session=")?.parse().ok());
    if let Some(user) = user {
        request.extensions_mut().insert(Session { user });
    }
    next.run(request).await
}

#[tokio::test]
async fn whoever_a_session_knows_asks() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let of_session = |request: &Parts| {
        let user = request.extensions.get::<Session>().map(|s| s.user);
        async move {
            Ok(match user {
                Some(user) => Principal::subject(Subject::new(user.to_string())),
                None => Principal::Anonymous,
            })
        }
    };
    let api = Backref::builder(blog::graph())
        .database(database.url.shown())
        .principal(of_session)
        .open()
        .await
        .expect("it opens");
    let app = Router::new()
        .merge(api.router())
        .layer(from_fn(with_session));
    let query = "{ viewer { id } }";
    let as_one = post("/graphql")
        .header("cookie", "session=2")
        .body(body(query));
    let answer = ask(&app, as_one.expect("one")).await;
    assert_eq!(answer.1, r#"{"data":{"viewer":{"id":"User:2"}}}"#);
    let nobody = ask(&app, post("/graphql").body(body(query)).expect("one")).await;
    assert_eq!(nobody.1, r#"{"data":{"viewer":null}}"#);
    // A browser sends cookies whosever page makes it ask.
    let by_link = Request::get("/graphql?query=%7B__typename%7D").header("cookie", "session=2");
    let refused = ask(&app, by_link.body(Body::empty()).expect("one")).await;
    assert_eq!(refused.0, StatusCode::BAD_REQUEST, "{}", refused.1);
}

#[tokio::test]
async fn async_graphql_serves_it() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let api = open(&database).await;
        let app: Router =
            Router::new().route_service("/served", async_graphql_axum::GraphQL::new(api.clone()));
        let query = "{ users(limit: 2) { username posts(limit: 1) { title } } }";
        let own = post("/served");
        let served = ask(&app, own.body(body(query)).expect("one")).await;
        let own = api
            .execute(&backref::Request::new(query), Principal::Anonymous)
            .await;
        let served: Value = serde_json::from_str(&served.1).expect("JSON");
        assert_eq!(served, own.json());

        let wrong =
            async_graphql::Request::new("query Q($n: Int!) { users(limit: $n) { id nme } }");
        let wrong = Executor::execute(&api, wrong).await;
        let own = api
            .execute(
                &backref::Request::new("query Q($n: Int!) { users(limit: $n) { id nme } }"),
                Principal::Anonymous,
            )
            .await;
        let served = serde_json::to_value(&wrong).expect("JSON");
        assert_eq!(served["errors"], own.json()["errors"]);

        let as_one =
            async_graphql::Request::new("query Q($n: ID!) { viewer { id } user(id: $n) { id } }");
        let as_one = as_one
            .variables(async_graphql::Variables::from_json(json!({ "n": 3 })))
            .data(Principal::subject(Subject::new("2")));
        let answer = serde_json::to_value(Executor::execute(&api, as_one).await).expect("JSON");
        assert_eq!(
            answer["data"],
            json!({ "viewer": { "id": "User:2" }, "user": { "id": "User:3" } })
        );

        // Clients that know a document by its hash send it after this.
        let mut hash = async_graphql::Request::new("");
        let value = async_graphql::Value::from_json(json!({ "version": 1, "sha256Hash": "0" }));
        hash.extensions
            .insert("persistedQuery".to_owned(), value.expect("a value"));
        let answer = serde_json::to_value(Executor::execute(&api, hash).await).expect("JSON");
        assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotSupported");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"],
            "PERSISTED_QUERY_NOT_SUPPORTED"
        );
    }
}

/// What else a request of async-graphql's holds counts, or is refused.
#[tokio::test]
async fn a_request_of_async_graphqls_is_asked_as_it_says() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let api = open(&database).await;
    let answer = async |request| {
        let answer = Executor::execute(&api, request).await;
        serde_json::to_value(answer).expect("JSON")
    };
    let message = |answer: &Value| {
        let message = answer["errors"][0]["message"].as_str();
        message.unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let request = async_graphql::Request::new;
    let schema = "{ __schema { queryType { name } } }";
    // The second finds the document that the first has left.
    let told = answer(request(schema)).await;
    assert_eq!(told["data"]["__schema"]["queryType"]["name"], "Query");
    let refused = answer(request(schema).disable_introspection()).await;
    assert!(
        message(&refused).contains("introspection is off"),
        "{refused}"
    );
    for mistyped in [
        "{ usrs { id } }",
        "query Q($ids: [ID!]!) { nodes(ids: $id) { id } }",
    ] {
        let told = message(&answer(request(mistyped)).await);
        assert!(told.contains("did you mean"), "{told}");
        let told = message(&answer(request(mistyped).disable_introspection()).await);
        assert!(!told.contains("did you mean"), "{told}");
    }
    let data = "{ users(limit: 1) { id } }";
    let fine = answer(request(data).disable_introspection()).await;
    assert!(fine["data"]["users"].is_array(), "{fine}");

    let only = format!("{{ __typename ...S }} fragment S on Query {schema}");
    let fine = answer(request(&only).only_introspection()).await;
    assert_eq!(fine["data"]["__typename"], "Query", "{fine}");
    let data = "{ __typename ...U } fragment U on Query { users { id } }";
    let refused = answer(request(data).only_introspection()).await;
    assert!(
        message(&refused).contains("`users` asks for data"),
        "{refused}"
    );

    let several = "query A { tags(limit: 1) { id } } query B { users(limit: 1) { id } }";
    let named = answer(request(several).operation_name("B")).await;
    assert!(named["data"]["users"].is_array(), "{named}");

    let mut with_file = request("{ __typename }");
    with_file.uploads.push(async_graphql::UploadValue {
        filename: "a.txt".to_owned(),
        content_type: None,
        content: "a".into(),
    });
    let refused = answer(with_file).await;
    assert!(message(&refused).contains("uploaded"), "{refused}");

    let mut parsed = request(schema);
    parsed.parsed_query().expect("it can be parsed");
    parsed.query.clear();
    let refused = answer(parsed).await;
    assert!(message(&refused).contains("without its text"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let unnamed = Backref::builder(blog::graph()).open().await;
    assert!(matches!(unnamed, Err(OpenError::NoDatabase)));
    let empty = backref::Graph::new().hide(entity::post::Column::Title);
    let wrong = Backref::builder(empty)
        .database(database.url.shown())
        .open()
        .await;
    assert!(matches!(wrong, Err(OpenError::Graph(_))));
    let gone = Backref::builder(blog::graph())
        .database("sqlite:///nowhere/at/all.db")
        .open()
        .await;
    let says = gone.err().expect("no such file").to_string();
    assert!(says.contains("/nowhere/at/all.db"), "{says}");
    let tokens = TokenSettings::secret("a secret that is long enough for a signature");
    let twice = Backref::builder(blog::graph())
        .database(database.url.shown())
        .principal(|_: &Parts| async { Ok(Principal::Anonymous) })
        .tokens(Tokens::new(tokens).expect("tokens"))
        .open()
        .await;
    assert!(matches!(twice, Err(OpenError::TwoAuthentications)));
    let origin = Backref::builder(blog::graph())
        .database(database.url.shown())
        .cors_origins(["https://app.example/"])
        .open()
        .await;
    let says = origin.err().expect("no origin").to_string();
    assert!(
        says.contains("`https://app.example/` is no origin"),
        "{says}"
    );
}
