//! HTTP: `/graphql` by POST and GET, GraphiQL, and the probes.
//!
//! Media types and status codes follow the GraphQL-over-HTTP specification: a client that accepts
//! `application/graphql-response+json` gets 400 for a request error; one that only accepts
//! `application/json` gets 200 with the errors in the body.

use std::any::Any;
use std::sync::Arc;

use apollo_compiler::response::JsonMap;
use async_graphql::http::GraphiQLSource;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::engine::{Engine, Request, refuse};
use crate::error::{Code, Error};
use crate::graph::policy::Principal;

#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    pub graphiql: bool,
    /// Whether the header `x-backref-explain: 1` is heeded.
    pub explain: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            max_body_bytes: 1 << 20,
            graphiql: true,
            explain: false,
        }
    }
}

/// Everything the server answers.
pub fn router(engine: Arc<Engine>, options: &ServerOptions) -> Router {
    let mut router = Router::new()
        .route(
            "/graphql",
            post(graphql).get(graphql_by_get).fallback(other_method),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready));
    if options.graphiql {
        router = router.route("/", get(graphiql));
    }
    router
        // Together, from the outermost: axum boxes what each call of `layer` makes of a route.
        .layer((
            CatchPanicLayer::custom(panicked),
            compression(),
            DefaultBodyLimit::max(options.max_body_bytes),
        ))
        .with_state(Served {
            engine,
            explain: options.explain,
        })
}

/// Compresses what is worth it for those who ask, quickly rather than well: most of the gain is in the names that
/// repeat.
fn compression() -> CompressionLayer<SizeAbove> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_COMPRESSING))
}

/// What is smaller fits in a packet or two anyway, in bytes.
const WORTH_COMPRESSING: u64 = 1400;

/// What the handlers of `/graphql` share.
#[derive(Clone)]
struct Served {
    engine: Arc<Engine>,
    explain: bool,
}

impl Served {
    /// Whether a request asks what it costs, and may.
    fn explains(&self, headers: &HeaderMap) -> bool {
        self.explain && headers.get("x-backref-explain").is_some_and(|v| v == "1")
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const GRAPHQL_JSON: HeaderValue =
    HeaderValue::from_static("application/graphql-response+json; charset=utf-8");

async fn graphql(
    State(served): State<Served>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(media) = accepted(&headers) else {
        return not_acceptable();
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
    let request = match serde_json::from_slice::<Request>(&body) {
        Ok(request) => Request {
            explain: served.explains(&headers),
            ..request
        },
        Err(cause) => {
            let message = format!(
                "the body is no GraphQL request, a JSON object with a string `query`: {cause}"
            );
            return error(StatusCode::BAD_REQUEST, media, &message);
        }
    };
    answer(&served.engine, media, &request).await
}

/// A request in a URL, for caches and links. What a GET asks never changes anything: there are only queries.
async fn graphql_by_get(
    State(served): State<Served>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let Some(media) = accepted(&headers) else {
        return not_acceptable();
    };
    match parameters
        .map_err(|e| e.to_string())
        .and_then(|Query(p)| p.request())
    {
        Ok(request) => {
            let explain = served.explains(&headers);
            let request = Request { explain, ..request };
            answer(&served.engine, media, &request).await
        }
        Err(problem) => error(StatusCode::BAD_REQUEST, media, &problem),
    }
}

/// A request as a URL carries it: variables and extensions are JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Parameters {
    fn request(self) -> Result<Request, String> {
        let object = |name: &str, text: Option<String>| match text.filter(|t| !t.is_empty()) {
            None => Ok(JsonMap::new()),
            Some(text) => serde_json::from_str::<Option<JsonMap>>(&text)
                .map(Option::unwrap_or_default)
                .map_err(|cause| format!("the parameter `{name}` is no JSON object: {cause}")),
        };
        Ok(Request {
            query: self.query.ok_or("the parameter `query` is missing")?,
            operation_name: self.operation_name.filter(|n| !n.is_empty()),
            variables: object("variables", self.variables)?,
            extensions: object("extensions", self.extensions)?,
            explain: false,
        })
    }
}

async fn answer(engine: &Engine, media: HeaderValue, request: &Request) -> Response {
    let response = engine.execute(request, Principal::Anonymous).await;
    let status = match response.retry_after {
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        None if response.executed || media == JSON => StatusCode::OK,
        None => StatusCode::BAD_REQUEST,
    };
    let mut answer = (status, [(CONTENT_TYPE, media)], response.body).into_response();
    if let Some(later) = response.retry_after {
        let seconds = later.as_secs().max(1);
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn not_acceptable() -> Response {
    error(
        StatusCode::NOT_ACCEPTABLE,
        JSON,
        "this server answers with application/graphql-response+json or application/json; name one in Accept",
    )
}

/// The one of our media types that the client weighs higher, by RFC 9110; `None` where it accepts neither.
///
/// JSON where it does not say: a range like `*/*` is what clients send that know nothing of
/// `application/graphql-response+json`. One that names both alike gets the latter.
fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(ACCEPT).iter();
    let ranges: Vec<(&str, u16)> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(weighed)
        .filter(|(media, _)| !media.is_empty())
        .collect();
    if ranges.is_empty() {
        return Some(JSON);
    }
    let weight = |media: &str| {
        let of =
            |(range, weight): &(&str, u16)| range.eq_ignore_ascii_case(media).then_some(*weight);
        ranges.iter().filter_map(of).max()
    };
    let any = weight("application/*")
        .or_else(|| weight("*/*"))
        .unwrap_or(0);
    let named = weight("application/graphql-response+json");
    let graphql_json = named.unwrap_or(any);
    let json = weight("application/json").unwrap_or(any);
    if graphql_json > json || (graphql_json == json && json > 0 && named.is_some()) {
        Some(GRAPHQL_JSON)
    } else {
        (json > 0).then_some(JSON)
    }
}

/// A media range and its weight in thousandths; 1 where its `q` is no number from 0 to 1.
fn weighed(range: &str) -> (&str, u16) {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let q = parts.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then_some(value.trim())
    });
    let number = q.and_then(|q| q.parse::<f32>().ok());
    match number.filter(|q| (0.0..=1.0).contains(q)) {
        Some(q) => (media, (q * 1000.0).round() as u16),
        None => (media, 1000),
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

async fn other_method() -> Response {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        JSON,
        "send GraphQL requests with POST or GET",
    );
    let allowed = HeaderValue::from_static("GET, POST");
    response.headers_mut().insert(ALLOW, allowed);
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

async fn ready(State(served): State<Served>) -> Response {
    match served.engine.database().ping().await {
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
