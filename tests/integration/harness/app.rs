//! The real router over a real database, driven in process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use backref::Graph;
use backref::engine::{self, Engine, Planner};
use backref::graph::Principal;
use backref::read::plan::Limits;
use backref::schema::Schema;
use backref::serve::http::{self, ServerOptions};
use backref::serve::open::{Opened, Opening};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Statements, TestDatabase, blog, explained};

pub struct TestApp {
    pub router: Router,
    pub engine: Arc<Engine>,
}

/// A response, as a client gets it.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("no JSON: {e}: {}", self.text))
    }

    /// The data, which must have come without errors.
    pub fn data(&self) -> Value {
        let json = self.json();
        assert!(json.get("errors").is_none(), "errors: {}", self.text);
        json["data"].clone()
    }

    /// The first error's code.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The first error's message.
    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl TestApp {
    /// The blog over `database`.
    pub fn blog(database: &TestDatabase) -> Self {
        Self::new(database, blog::graph(), Limits::default())
    }

    /// The blog, with so much time for a request.
    pub fn with_timeout(database: &TestDatabase, timeout: Duration) -> Self {
        Self::start(database, blog::graph(), Limits::default(), timeout)
    }

    /// A graph, with so much time for a request.
    pub fn within(database: &TestDatabase, graph: Graph, timeout: Duration) -> Self {
        Self::start(database, graph, Limits::default(), timeout)
    }

    pub fn new(database: &TestDatabase, graph: Graph, limits: Limits) -> Self {
        Self::start(database, graph, limits, Duration::from_secs(60))
    }

    pub fn with_options(database: &TestDatabase, graph: Graph, options: ServerOptions) -> Self {
        let app = Self::new(database, graph, Limits::default());
        let router = http::router(app.engine.clone(), &options);
        TestApp { router, ..app }
    }

    fn start(database: &TestDatabase, graph: Graph, limits: Limits, timeout: Duration) -> Self {
        let catalog = graph.build().unwrap_or_else(|e| panic!("{e}"));
        let schema = Schema::new(&catalog, limits.default_page()).unwrap_or_else(|e| panic!("{e}"));
        let (readers, writers) = database.url.open(8, None).expect("the database opens");
        let planner = Planner::new(catalog, schema, limits);
        let engine = Engine::new(planner, readers, timeout).with_writers(writers);
        let engine = Arc::new(engine);
        TestApp {
            router: http::router(engine.clone(), &ServerOptions::default()),
            engine,
        }
    }

    /// A graph over a database that has been asked what it holds to, as a server asks at its start.
    pub async fn opened(database: &TestDatabase, graph: Graph) -> Self {
        let limits = Limits::default();
        let catalog = graph.build().unwrap_or_else(|e| panic!("{e}"));
        let schema = Schema::new(&catalog, limits.default_page()).unwrap_or_else(|e| panic!("{e}"));
        let opening = Opening {
            url: database.url.clone(),
            planner: Planner::new(catalog, schema, limits),
            max_connections: 8,
            timeout: Duration::from_secs(60),
            keep: engine::KEEP,
            tokens: None,
            asks_for_roles: false,
        };
        let Opened { engine, .. } = opening.open().await.unwrap_or_else(|e| panic!("{e}"));
        TestApp {
            router: http::router(engine.clone(), &ServerOptions::default()),
            engine,
        }
    }

    pub async fn query(&self, query: &str) -> Answer {
        self.request(query, None, &json!({})).await
    }

    pub async fn request(
        &self,
        query: &str,
        operation_name: Option<&str>,
        variables: &Value,
    ) -> Answer {
        let body =
            json!({ "query": query, "operationName": operation_name, "variables": variables });
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request");
        self.send(request).await
    }

    /// A request on behalf of somebody, who is told what it cost.
    pub async fn ask(&self, principal: &Principal, query: &str, variables: &Value) -> Answer {
        self.ask_for(principal, query, None, variables).await
    }

    /// The same of one of several operations.
    pub async fn ask_for(
        &self,
        principal: &Principal,
        query: &str,
        operation_name: Option<&str>,
        variables: &Value,
    ) -> Answer {
        let request = serde_json::from_value(
            json!({ "query": query, "operationName": operation_name, "variables": variables }),
        );
        let request = engine::Request {
            explain: true,
            ..request.expect("a request")
        };
        let response = self.engine.execute(&request, principal.clone()).await;
        let answer = Answer {
            status: StatusCode::OK,
            text: String::from_utf8(response.body).expect("UTF-8"),
        };
        let planner = self.engine.planner();
        let dialect = self.engine.database().dialect();
        explained::hold(planner, dialect, principal, &request, &answer.json());
        answer
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router answers");
        let status = response.status();
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        Answer {
            status,
            text: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        }
    }

    /// A request with the statements that the driver ran for it.
    pub async fn counted(&self, query: &str, variables: &Value) -> (Answer, Vec<String>) {
        let statements = Statements::listen();
        let answer = self.request(query, None, variables).await;
        (answer, statements.read())
    }
}
