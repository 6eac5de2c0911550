//! HTTP: `POST /graphql`, GraphiQL, and the probes.
//!
//! Media types and status codes follow the GraphQL-over-HTTP specification: a client that accepts
//! `application/graphql-response+json` gets 400 for a request error; one that only accepts
//! `application/json` gets 200 with the errors in the body.

use std::any::Any;
use std::sync::Arc;

use async_graphql::http::GraphiQLSource;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::engine::{Engine, Request, refuse};
use crate::error::{Code, Error};
use crate::policy::Principal;

#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    pub graphiql: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            max_body_bytes: 1 << 20,
            graphiql: true,
        }
    }
}

/// Everything the server answers.
pub fn router(engine: Arc<Engine>, options: &ServerOptions) -> Router {
    let mut router = Router::new()
        .route("/graphql", post(graphql).fallback(only_post))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready));
    if options.graphiql {
        router = router.route("/", get(graphiql));
    }
    router
        .layer(RequestBodyLimitLayer::new(options.max_body_bytes))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(engine)
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const GRAPHQL_JSON: HeaderValue =
    HeaderValue::from_static("application/graphql-response+json; charset=utf-8");

async fn graphql(
    State(engine): State<Arc<Engine>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(media) = accepted(&headers) else {
        return error(
            StatusCode::NOT_ACCEPTABLE,
            JSON,
            "this server answers with application/graphql-response+json or application/json; name one in Accept",
        );
    };
    if !is_json(&headers) {
        return error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            media,
            "send the request as application/json",
        );
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let status = rejection.status();
            let message = match status {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    "the request body is larger than this server takes".to_owned()
                }
                _ => format!("the request body cannot be read: {rejection}"),
            };
            return error(status, media, &message);
        }
    };
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(cause) => {
            let message = format!(
                "the body is no GraphQL request, a JSON object with a string `query`: {cause}"
            );
            return error(StatusCode::BAD_REQUEST, media, &message);
        }
    };
    let response = engine.execute(&request, Principal::Anonymous).await;
    let status = if response.executed || media == JSON {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    (status, [(CONTENT_TYPE, media)], response.body).into_response()
}

/// The best of our media types that the client accepts; JSON where it does not say.
fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .peekable();
    if lines.peek().is_none() {
        return Some(JSON);
    }
    let ranges: Vec<String> = lines
        .flat_map(|line| line.split(','))
        .filter(|range| {
            !range
                .split(';')
                .any(|p| p.trim().eq_ignore_ascii_case("q=0"))
        })
        .map(|range| {
            range
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .collect();
    let accepts = |media: &str| ranges.iter().any(|r| r == media);
    if accepts("application/graphql-response+json") {
        Some(GRAPHQL_JSON)
    } else if accepts("application/json") || accepts("application/*") || accepts("*/*") {
        Some(JSON)
    } else {
        None
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|m| m.eq_ignore_ascii_case("application/json"));
    json && parts.all(|p| {
        !p.to_ascii_lowercase().starts_with("charset=") || p.to_ascii_lowercase().contains("utf-8")
    })
}

async fn only_post() -> Response {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        JSON,
        "send GraphQL requests with POST",
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn error(status: StatusCode, media: HeaderValue, message: &str) -> Response {
    let body = refuse(&[Error::new(Code::BadUserInput, message)]).body;
    (status, [(CONTENT_TYPE, media)], body).into_response()
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(cause = text, "a request panicked");
    let body = refuse(&[Error::new(Code::InternalServerError, "internal error")]).body;
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        [(CONTENT_TYPE, JSON)],
        body,
    )
        .into_response()
}

async fn ready(State(engine): State<Arc<Engine>>) -> Response {
    match engine.database().ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(cause) => {
            tracing::warn!(error = %cause, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database cannot be reached\n",
            )
                .into_response()
        }
    }
}

/// What GraphiQL opens with.
const FIRST_QUERY: &str =
    "# Relations are fields, in both directions. Each level of this query is one SQL statement,
# however many users there are.
{
  users(limit: 5) {
    name
    posts(limit: 3) {
      title
      author { name }
      tags { name }
      comments(limit: 2) {
        body
        author { name }
        replies { body author { name } }
      }
    }
  }
}
";

async fn graphiql() -> Html<String> {
    let page = GraphiQLSource::build()
        .endpoint("/graphql")
        .title("Backref")
        .finish();
    let query = serde_json::to_string(FIRST_QUERY).unwrap_or_default();
    // GraphiQLSource has no setting for the first query, which is a property of the component it renders.
    Html(page.replacen(
        "defaultEditorToolsVisibility",
        &format!("defaultQuery: {query},\n        defaultEditorToolsVisibility"),
        1,
    ))
}
