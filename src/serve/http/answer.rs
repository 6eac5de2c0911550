//! What every answer has, and answers that are no GraphQL responses of the engine.

use std::any::Any;

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::content::Refusal;
use super::negotiate::JSON;
use crate::engine::refuse;
use crate::error::{Code, Error};
use crate::identity::Unauthenticated;
use crate::log;

/// Gives an answer what all have. Nothing is kept by caches unless its handler said otherwise.
pub fn complete<B>(mut response: Response<B>) -> Response<B> {
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const ACCEPT: HeaderValue = HeaderValue::from_static("accept");
    let headers = response.headers_mut();
    headers.reserve(3);
    headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    headers.append(VARY, ACCEPT);
    response
}

pub fn error(status: StatusCode, media: HeaderValue, error: Error) -> Response {
    let body = refuse(&[error]).body;
    (status, [(CONTENT_TYPE, media)], body).into_response()
}

pub fn bad_request(media: HeaderValue, message: &str) -> Response {
    let of_input = Error::new(Code::BadUserInput, message);
    error(StatusCode::BAD_REQUEST, media, of_input)
}

/// Who asks is not believed, or cannot be told now.
pub fn unauthenticated(why: Unauthenticated, media: HeaderValue) -> Response {
    match why {
        Unauthenticated::Refused { message, challenge } => {
            tracing::debug!(%message, "who asks was not believed");
            let refused = Error::new(Code::Unauthenticated, message);
            let mut response = error(StatusCode::UNAUTHORIZED, media, refused);
            if let Some(challenge) = challenge {
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
        Unauthenticated::Unavailable { message } => {
            const SOON: HeaderValue = HeaderValue::from_static("5");
            let unavailable = Error::new(Code::Unavailable, message);
            let mut response = error(StatusCode::SERVICE_UNAVAILABLE, media, unavailable);
            response.headers_mut().insert(RETRY_AFTER, SOON);
            response
        }
    }
}

/// The body was not taken. Where it was not read either, `last` closes its connection: HTTP/1 knows no other way not to
/// receive it.
pub fn refused(refusal: Refusal, media: HeaderValue, last: bool) -> Response {
    let of_input = Error::new(Code::BadUserInput, refusal.message);
    let mut response = error(refusal.status, media, of_input);
    let headers = response.headers_mut();
    if let Some((name, value)) = refusal.instead {
        headers.insert(name, value);
    }
    if refusal.unread && last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

pub fn not_acceptable() -> Response {
    let message = "this server answers with application/graphql-response+json or application/json; name one in Accept";
    let of_input = Error::new(Code::BadUserInput, message);
    error(StatusCode::NOT_ACCEPTABLE, JSON, of_input)
}

/// What `/graphql` can be asked by.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

pub async fn methods() -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, METHODS)]).into_response()
}

pub async fn other_method() -> Response {
    let of_input = Error::new(Code::BadUserInput, "send GraphQL requests with POST or GET");
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, JSON, of_input);
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// A GET may be repeated, kept and made by anybody's link, so it changes nothing.
pub fn mutation_by_get(media: HeaderValue) -> Response {
    const POST: HeaderValue = HeaderValue::from_static("POST");
    let of_input = Error::new(Code::BadUserInput, "send a mutation with POST");
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, media, of_input);
    response.headers_mut().insert(ALLOW, POST);
    response
}

pub async fn nothing_here() -> Response {
    (
        StatusCode::NOT_FOUND,
        "there is nothing here; GraphQL is at /graphql\n",
    )
        .into_response()
}

pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    let id = log::report(&log::Cause {
        weight: log::Weight::Error,
        what: "a request panicked",
        code: None,
        why: text,
        path: None,
        statement: None,
    });
    let internal = Error::new(Code::InternalServerError, format!("internal error {id}"));
    error(StatusCode::INTERNAL_SERVER_ERROR, JSON, internal)
}
