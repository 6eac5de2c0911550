//! HTTP: `/graphql` by POST and GET, GraphiQL, and the probes.
//!
//! Media types and status codes follow the GraphQL-over-HTTP specification: a client that accepts
//! `application/graphql-response+json` gets 400 for a request error; one that only accepts
//! `application/json` gets 200 with the errors in the body.

mod answer;
mod content;
mod flaws;
mod graphiql;
mod idempotency;
mod negotiate;
mod origin;
mod ready;
mod request;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{BoxError, Router};
use serde::Serialize;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower_http::CompressionLevel;
use tower_http::body::UnsyncBoxBody;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::cors::CorsLayer;

use super::cors::Origins;
use super::stop::Stop;
use crate::engine::{Engine, Request, not_persisted};
use crate::graph::Principal;
use crate::identity::{Authentication, Unauthenticated};
use negotiate::GRAPHQL_JSON;
use ready::Readiness;
use request::{NoRequest, Parameters};

#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Who asks; without it everybody is anonymous. By cookies it implies `require_preflight`.
    pub authentication: Authentication,
    /// A header in which a proxy says which address a request comes from: the last one in it. Without one it is the
    /// connection's.
    pub client_address: Option<HeaderName>,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long a request body may take to come.
    pub body_timeout: Duration,
    pub graphiql: bool,
    /// Whether the header `x-backref-explain: 1` is heeded, and GraphiQL shows what documents cost.
    pub explain: bool,
    /// What the database is known to lack, for those who may see what documents cost.
    pub lacks: Vec<Lack>,
    /// Whether a GET must show that no page of another site made it, rather than only not say so.
    pub require_preflight: bool,
    /// Whose pages may ask, besides the server's own.
    pub origins: Origins,
    /// Once it has begun, the server is not ready for new requests.
    pub stop: Stop,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            authentication: Authentication::default(),
            client_address: None,
            max_body_bytes: 1 << 20,
            body_timeout: Duration::from_secs(30),
            graphiql: true,
            explain: false,
            lacks: Vec::new(),
            require_preflight: false,
            origins: Origins::None,
            stop: Stop::default(),
        }
    }
}

/// Something that the database lacks, for want of which fields are slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lack {
    /// The fields, as they are declared: `User.posts`, `Query.posts`.
    pub fields: Vec<String>,
    pub says: String,
    /// The statements that mend it.
    pub mended_by: Vec<String>,
}

/// Everything the server answers.
pub fn router(engine: Arc<Engine>, options: &ServerOptions) -> Router {
    let router = asked(options)
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(answer::nothing_here);
    completed(router, engine, options)
}

/// GraphQL, and GraphiQL if it is served, for an application that has routes of its own.
pub fn routes(engine: Arc<Engine>, options: &ServerOptions) -> Router {
    completed(asked(options), engine, options)
}

/// GraphQL at whichever path somebody gives it.
pub fn service<S>(engine: Arc<Engine>, options: &ServerOptions) -> MethodRouter<S> {
    let served = Served::of(engine, options);
    let service = methods().layer(layers());
    match cors(options) {
        Some(cors) => service.layer(cors).with_state(served),
        None => service.with_state(served),
    }
}

fn cors(options: &ServerOptions) -> Option<CorsLayer> {
    options.origins.layer(options.authentication.varies_by())
}

fn asked(options: &ServerOptions) -> Router<Served> {
    let router = Router::new().route("/graphql", methods());
    match options.graphiql {
        true => router.merge(graphiql::routes(options.explain)),
        false => router,
    }
}

fn methods() -> MethodRouter<Served> {
    post(graphql)
        .get(graphql_by_get)
        .options(answer::methods)
        .fallback(answer::other_method)
}

fn completed(router: Router<Served>, engine: Arc<Engine>, options: &ServerOptions) -> Router {
    let router = router.layer(layers());
    let router = match cors(options) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.with_state(Served::of(engine, options))
}

/// An answer, as it comes from the layer that catches panics.
type Caught = axum::http::Response<UnsyncBoxBody<Bytes, BoxError>>;

type Layers = (
    MapResponseLayer<fn(Caught) -> Caught>,
    CatchPanicLayer<fn(Box<dyn Any + Send + 'static>) -> Response>,
    MapRequestLayer<fn(axum::extract::Request) -> axum::extract::Request>,
    CompressionLayer<SizeAbove>,
);

/// Together, from the outermost: axum boxes what each call of `layer` makes of a route.
fn layers() -> Layers {
    (
        MapResponseLayer::new(answer::complete),
        CatchPanicLayer::custom(answer::panicked),
        MapRequestLayer::new(negotiate::take_some_encoding),
        compression(),
    )
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

/// How large an answer is whose size is known to nobody else, such as one that is compressed as it is sent: in bytes, as it lies in
/// memory. It is an extension of the response.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(any(feature = "cli", feature = "internals")),
    expect(dead_code, reason = "connections of a server of our own ask for it")
)]
pub struct InMemory(pub usize);

/// So much of an answer of HTTP/1 the system takes off our hands at once, or it is no more than its connection takes by itself: in
/// bytes, and nobody counts them.
pub const SMALL: usize = 16 << 10;

/// What the handlers share.
#[derive(Clone)]
struct Served {
    engine: Arc<Engine>,
    readiness: Arc<Readiness>,
    options: Arc<ServerOptions>,
}

async fn graphql(State(served): State<Served>, request: axum::extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let Some(media) = negotiate::accepted(&head.headers) else {
        return answer::not_acceptable();
    };
    let options = &served.options;
    let read = async {
        content::check(&head.headers)?;
        content::read(body, options.max_body_bytes, options.body_timeout).await
    };
    match read.await {
        Ok(body) => {
            let asked = match head.uri.query().is_some_and(Parameters::are_in) {
                false => request::of_body(&body),
                true => Err(NoRequest::Malformed(
                    "the URL of a POST asks something, too; send the whole request in the body"
                        .to_owned(),
                )),
            };
            served.answer(&head, media, NO_STORE, asked).await
        }
        Err(refusal) => answer::refused(refusal, media, head.version <= Version::HTTP_11),
    }
}

/// A request in a URL, for caches and links. What a GET asks never changes anything.
async fn graphql_by_get(State(served): State<Served>, request: axum::extract::Request) -> Response {
    let (head, _) = request.into_parts();
    let Some(media) = negotiate::accepted(&head.headers) else {
        return answer::not_acceptable();
    };
    let welcome = origin::is_welcome(&head.headers, &head.uri, served.requires_preflight());
    if !welcome && !served.options.origins.welcome(&head.headers) {
        return answer::bad_request(media, origin::REFUSED);
    }
    let query = head.uri.query().unwrap_or_default();
    let asked = Parameters::of_url(query).and_then(Parameters::request);
    served.answer(&head, media, ASK_AGAIN, asked).await
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// What is read may have changed, and depends on who asks.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

impl Served {
    fn of(engine: Arc<Engine>, options: &ServerOptions) -> Self {
        Served {
            readiness: Arc::new(Readiness::of(engine.clone())),
            engine,
            options: Arc::new(options.clone()),
        }
    }

    /// Whether a request asks what it costs, and may.
    fn explains(&self, headers: &HeaderMap) -> bool {
        self.options.explain && headers.get("x-backref-explain").is_some_and(|v| v == "1")
    }

    /// Whether a GET must show that no page of another site made it.
    fn requires_preflight(&self) -> bool {
        self.options.require_preflight || self.options.authentication.reads_cookies()
    }

    async fn principal(&self, head: &Parts) -> Result<Principal, Unauthenticated> {
        self.options.authentication.authenticate(head).await
    }

    async fn answer(
        &self,
        head: &Parts,
        media: HeaderValue,
        cache: HeaderValue,
        asked: Result<Request, NoRequest>,
    ) -> Response {
        let mut answer = match self.principal(head).await {
            Ok(principal) => self.answer_to(principal, head, media, cache, asked).await,
            Err(why) => answer::unauthenticated(why, media),
        };
        if let Some(header) = self.options.authentication.varies_by() {
            answer.headers_mut().append(VARY, header.clone().into());
        }
        answer
    }

    async fn answer_to(
        &self,
        principal: Principal,
        head: &Parts,
        media: HeaderValue,
        cache: HeaderValue,
        asked: Result<Request, NoRequest>,
    ) -> Response {
        match asked {
            Ok(request) => {
                let explain = self.explains(&head.headers);
                let from = origin::address(head, self.options.client_address.as_ref());
                let idempotency_key = match idempotency::key(&head.headers) {
                    Ok(key) => key,
                    Err(problem) => return answer::bad_request(media, problem),
                };
                let request = Request {
                    explain,
                    from,
                    idempotency_key,
                    ..request
                };
                if head.method != Method::POST && self.engine.planner().mutates(&request) {
                    return answer::mutation_by_get(media);
                }
                let response = self.engine.execute(&request, principal).await;
                let bytes = response.body.len();
                let mut answer = respond(response, media, cache);
                if head.version == Version::HTTP_2 || bytes > SMALL {
                    answer.extensions_mut().insert(InMemory(bytes));
                }
                answer
            }
            Err(NoRequest::Malformed(problem)) => answer::bad_request(media, &problem),
            Err(NoRequest::OnlyHash) => {
                answer::error(status_of_refusal(&media), media, not_persisted())
            }
        }
    }
}

fn respond(response: crate::engine::Response, media: HeaderValue, cache: HeaderValue) -> Response {
    let (status, cache) = match response.retry_after {
        // By the draft of the HTTP header, whatever media type is taken.
        _ if response.key_is_taken => (StatusCode::UNPROCESSABLE_ENTITY, NO_STORE),
        _ if response.executed => (StatusCode::OK, cache),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, NO_STORE),
        None => (status_of_refusal(&media), NO_STORE),
    };
    let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, cache)];
    let mut answer = (status, headers, response.body).into_response();
    if let Some(later) = response.retry_after {
        let seconds = later.as_secs().max(1);
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

/// The status of a request error: who takes `application/json` alone may not read the body of another than 200.
fn status_of_refusal(media: &HeaderValue) -> StatusCode {
    match *media == GRAPHQL_JSON {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::OK,
    }
}

async fn ready(State(served): State<Served>) -> Response {
    let ready = match served.options.stop.has_begun() {
        true => Err("the server is stopping".into()),
        false => served.readiness.now().await,
    };
    match ready {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        )
            .into_response(),
    }
}
