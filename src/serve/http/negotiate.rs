//! The media type of an answer, by the request's `Accept`.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};

pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
pub const GRAPHQL_JSON: HeaderValue =
    HeaderValue::from_static("application/graphql-response+json; charset=utf-8");

/// The one of our media types that the client weighs higher, by RFC 9110; `None` where it accepts neither.
///
/// JSON where it does not say: a range like `*/*` is what clients send that know nothing of
/// `application/graphql-response+json`. One that names both alike gets the latter.
pub fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
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
