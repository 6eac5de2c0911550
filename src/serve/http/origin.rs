//! Where a request comes from: whose page, for one of another site must not run anything by it, and which address.
//!
//! A browser sends some requests to any site without asking it first (a preflight): GET without headers of one's own, and
//! POST of types that are not JSON, which are refused by their type. Whether a GET was made by a page of another
//! site is told by `Sec-Fetch-Site`, or by `Origin`; or it has a header that a page of another site can only
//! send after a preflight, which this server does not grant.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};

use super::content::MediaType;

/// Any of these says that a request was made on purpose.
const ON_PURPOSE: [&str; 5] = [
    "apollo-require-preflight",
    "x-apollo-operation-name",
    "graphql-require-preflight",
    "graphql-preflight",
    "x-requested-with",
];

pub const REFUSED: &str = "a GET from another site's page is refused; send a POST with application/json, or a header `apollo-require-preflight: 1`";

/// Whether a GET may run. `strict` refuses what merely does not say where it comes from: browsers leave
/// `Sec-Fetch-Site` and `Origin` away where a page without TLS makes another site's image or script of it.
pub fn is_welcome(headers: &HeaderMap, uri: &Uri, strict: bool) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let welcome = match (sites.next(), sites.next()) {
        (Some(site), None) if site == "same-origin" => true,
        (None, _) => !strict && !has_foreign_origin(headers, uri),
        // Typed or bookmarked by the user.
        (Some(site), None) if site == "none" => !strict && !has_foreign_origin(headers, uri),
        _ => false,
    };
    welcome || is_on_purpose(headers)
}

fn is_on_purpose(headers: &HeaderMap) -> bool {
    let named = |name: &&str| headers.get(*name).is_some_and(|value| !value.is_empty());
    ON_PURPOSE.iter().any(named) || has_preflighted_type(headers)
}

/// Whether there is a content type that a page can only send to another site after a preflight.
fn has_preflighted_type(headers: &HeaderMap) -> bool {
    const SIMPLE: [&str; 3] = [
        "text/plain",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    ];
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let media = line.to_str().ok().and_then(MediaType::parse);
    media.is_some_and(|media| !SIMPLE.iter().any(|s| media.essence.eq_ignore_ascii_case(s)))
}

/// Whether an `Origin` names another host than the one that was asked. The scheme does not count: a proxy may have
/// taken TLS away.
fn has_foreign_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let asked = host(headers, uri);
    headers.get_all(ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().ok().and_then(|o| o.split_once("://"));
        let (Some((scheme, host)), Some(asked)) = (origin, asked) else {
            return true;
        };
        let usual = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return true,
        };
        let bare = |host: &str| {
            host.strip_suffix(usual)
                .unwrap_or(host)
                .to_ascii_lowercase()
        };
        bare(host) != bare(asked)
    })
}

/// The host, and the port where it is named, by which the server was asked.
pub fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let authority = uri.authority().map(|a| a.as_str());
    authority.or_else(|| headers.get(HOST).and_then(|h| h.to_str().ok()))
}

/// The address that a request comes from: what a proxy says in a header, or else its connection's, so that nobody who
/// comes past the proxy, or with something unreadable, has none. Of several that are listed the last is the one that the
/// proxy has seen; who asks may have written the others.
pub fn address(head: &Parts, said_in: Option<&HeaderName>) -> Option<IpAddr> {
    let said = said_in.and_then(|name| {
        let last = head.headers.get_all(name).iter().next_back()?;
        ip(last.to_str().ok()?.rsplit(',').next()?.trim())
    });
    said.or_else(|| {
        let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
        peer.map(|ConnectInfo(address)| address.ip())
    })
}

/// An address, which some proxies write with a port: `203.0.113.9:4711`, `[2001:db8::1]:443`.
fn ip(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}
