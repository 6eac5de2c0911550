//! What a client takes: the media type of an answer by the request's `Accept`, how it is compressed by `Accept-Encoding`.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Request};

pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
pub const GRAPHQL_JSON: HeaderValue =
    HeaderValue::from_static("application/graphql-response+json; charset=utf-8");

/// The one of our media types that the client weighs higher, by RFC 9110; `None` where it accepts neither.
///
/// JSON where it does not say: a range like `*/*` is what clients send that know nothing of
/// `application/graphql-response+json`. One that names both alike gets the latter.
pub fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let ranges = ranges(headers, &ACCEPT);
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

/// Whether the client names HTML, as browsers do and programs do not.
pub fn names_html(headers: &HeaderMap) -> bool {
    let named =
        |(media, weight): (&str, u16)| media.eq_ignore_ascii_case("text/html") && weight > 0;
    ranges(headers, &ACCEPT).into_iter().any(named)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

/// The encoding that the client weighs highest of those that a file is kept in, brotli where it has no choice; as it
/// is where it names none of them.
pub fn encoding(headers: &HeaderMap) -> Encoding {
    let ranges = ranges(headers, &ACCEPT_ENCODING);
    let weight = |names: &[&str]| {
        let of = |name: &str| ranges.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let found = names.iter().find_map(|n| of(n)).or_else(|| of("*"));
        found.map_or(0, |(_, weight)| *weight)
    };
    let (brotli, gzip) = (weight(&["br"]), weight(&["gzip", "x-gzip"]));
    match brotli.max(gzip) {
        0 => Encoding::Identity,
        most if most == brotli => Encoding::Brotli,
        _ => Encoding::Gzip,
    }
}

/// A client that takes no encoding that there is gets answers as they are (RFC 9110, 12.5.3, lets a server do so): 406 would come when
/// what it asked is done.
pub fn take_some_encoding<B>(mut request: Request<B>) -> Request<B> {
    let headers = request.headers_mut();
    let refuses = |line: &HeaderValue| line.to_str().is_ok_and(|line| line.contains("=0"));
    if headers.get_all(ACCEPT_ENCODING).iter().any(refuses) {
        let ranges = ranges(headers, &ACCEPT_ENCODING);
        let takes = |names: &[&str]| {
            let is = |of: &[&str], name: &str| of.iter().any(|n| n.eq_ignore_ascii_case(name));
            let named = ranges.iter().find(|(name, _)| is(names, name));
            let found = named.or_else(|| ranges.iter().find(|(name, _)| *name == "*"));
            found.map(|(_, weight)| *weight > 0)
        };
        let takes_any =
            takes(&["identity"]) != Some(false) || takes(&["gzip", "x-gzip"]) == Some(true);
        if !takes_any && takes(&["br"]) == Some(true) {
            // GraphiQL's files are kept in it. What is not goes as it is.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        } else if !takes_any {
            headers.remove(ACCEPT_ENCODING);
        }
    }
    request
}

/// What a header lists, over all its lines, each with its weight in thousandths.
fn ranges<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<(&'a str, u16)> {
    let lines = headers.get_all(name).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(weighed)
        .filter(|(range, _)| !range.is_empty())
        .collect()
}

/// A range and its weight in thousandths; 1 where its `q` is no number from 0 to 1.
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
