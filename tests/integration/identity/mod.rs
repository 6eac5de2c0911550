//! Who asks: tokens, and other layers that tell.

mod accounts;
mod flags;
mod jwks;
mod layers;
pub mod signing;
mod tokens;
mod viewer;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use backref::Graph;
use backref::graph::policy::Rule;
use backref::identity::tokens::{TokenSettings, Tokens};
use backref::identity::{Authentication, Bearer};
use backref::serve::http::ServerOptions;
use entity::tag;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::{Backend, TestApp, TestDatabase, blog};

/// The blog, in which tags tell who asks: those of the subject's id, of its role and of its tenants are there to it.
fn telling() -> Graph {
    blog::graph().policy(tag::Entity, |me, tag| {
        if me.is_anonymous() {
            return tag.is(tag::Column::Name, "nobody");
        }
        let roles = ["admin", "author"].map(|role| match me.has(role) {
            true => tag.is(tag::Column::Name, role),
            false => Rule::NEVER,
        });
        let tenants = me.claim("tenant").contains(tag::Column::Name);
        let own = me.is(tag::Column::Name).or(tenants);
        roles.into_iter().fold(own, Rule::or)
    })
}

/// The tags that tell something of somebody.
const TELLING: &str =
    "INSERT INTO tag (name) VALUES ('nobody'), ('1'), ('7'), ('admin'), ('author'), ('a'), ('b')";

/// What was answered, with its headers.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> String {
        let all = self.headers.get_all(name).iter();
        let all: Vec<_> = all.filter_map(|v| v.to_str().ok()).collect();
        all.join(", ")
    }

    fn code(&self) -> &str {
        let code = &self.body["errors"][0]["extensions"]["code"];
        code.as_str().unwrap_or_default()
    }

    fn message(&self) -> &str {
        let message = &self.body["errors"][0]["message"];
        message.as_str().unwrap_or_default()
    }
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

async fn ask(router: &Router, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/graphql").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(json!({ "query": query }).to_string());
    send(router, request.body(body).expect("a request")).await
}

/// A query with a token.
async fn shown(router: &Router, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    ask(
        router,
        "{ tags { name } }",
        &[("authorization", &authorization)],
    )
    .await
}

/// An app, and the tokens that it believes.
async fn believing(settings: TokenSettings) -> (TestDatabase, TestApp, Arc<Tokens>) {
    let tokens = Tokens::new(settings).unwrap_or_else(|e| panic!("{e}"));
    tokens.start().await;
    let tokens = Arc::new(tokens);
    let bearer = Authentication::by_bearer(Bearer::of(tokens.clone()));
    let (database, app) = authenticated(Backend::Sqlite, bearer).await;
    (database, app, tokens)
}

async fn authenticated(
    backend: Backend,
    authentication: Authentication,
) -> (TestDatabase, TestApp) {
    let database = TestDatabase::migrated(backend).await;
    let app = TestApp::with_options(
        &database,
        telling(),
        ServerOptions {
            authentication,
            ..ServerOptions::default()
        },
    );
    (database, app)
}
