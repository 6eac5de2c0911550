//! Requests that HTTP/1.1 has a server refuse, and hyper does not.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version};

use crate::engine::refuse;
use crate::error::{Code, Error};

/// The answer to a request whose head cannot be heeded. It is the connection's last: where its body ends is not known, or
/// somebody in between may have understood another request.
pub fn refusal<B>(request: &Request<B>) -> Option<Response<Body>> {
    let (status, message) = flaw(request)?;
    let body = refuse(&[Error::new(Code::BadUserInput, message)]).body;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, json);
    Some(response)
}

fn flaw<B>(request: &Request<B>) -> Option<(StatusCode, &'static str)> {
    if request.version() != Version::HTTP_11 {
        return None;
    }
    let headers = request.headers();
    // RFC 9112, 3.2
    if headers.get_all(HOST).iter().count() != 1 {
        let message = "a request of HTTP/1.1 has the header Host once; send it, and once";
        return Some((StatusCode::BAD_REQUEST, message));
    }
    // RFC 9112, 6.1
    let encoded = headers.get_all(TRANSFER_ENCODING).iter();
    let mut others = encoded.filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    others.next().map(|_| {
        let message = "this server takes the transfer encoding chunked alone; send the body as it is, or by chunks";
        (StatusCode::NOT_IMPLEMENTED, message)
    })
}
