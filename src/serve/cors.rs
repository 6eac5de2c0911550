//! Pages of other origins that may ask (CORS). By default there are none.

use std::time::Duration;

use axum::http::header::ORIGIN;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The origins whose pages may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    #[default]
    None,
    /// All, but none with what the browser would send along by itself: cookies.
    All,
    /// These, with cookies too.
    Named(Vec<HeaderValue>),
}

/// A text that names no origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no origin; name a scheme, a host and perhaps a port, and nothing else: https://app.example; or * for all"
)]
pub struct NoOrigin(String);

impl Origins {
    /// # Errors
    /// Where one of them is no origin: a browser would never send it.
    pub fn of<O: AsRef<str>>(origins: &[O]) -> Result<Self, NoOrigin> {
        let texts = origins.iter().map(|o| o.as_ref().trim());
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        match &texts[..] {
            [] => Ok(Origins::None),
            ["*"] => Ok(Origins::All),
            named => {
                let named = named.iter().map(|text| origin(text));
                Ok(Origins::Named(named.collect::<Result<_, _>>()?))
            }
        }
    }

    /// What answers preflights and marks answers, if anybody may ask. `told_by` is the header that says who asks, where
    /// that is one of the program's own.
    pub fn layer(&self, told_by: Option<&HeaderName>) -> Option<CorsLayer> {
        let origins = match self {
            Origins::None => return None,
            Origins::All => AllowOrigin::any(),
            Origins::Named(named) => AllowOrigin::list(named.iter().cloned()),
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_credentials(matches!(self, Origins::Named(_)))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(HEADERS.iter().chain(told_by).cloned().collect::<Vec<_>>())
            .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE])
            .max_age(KNOWN_FOR);
        Some(layer)
    }

    /// Whether a page that may ask made this request.
    pub fn welcome(&self, headers: &HeaderMap) -> bool {
        match (self, headers.get(ORIGIN)) {
            (Origins::Named(named), Some(origin)) => named.contains(origin),
            (Origins::All, Some(_)) => true,
            _ => false,
        }
    }
}

/// What clients of GraphQL send.
static HEADERS: [HeaderName; 11] = [
    ACCEPT,
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("apollographql-client-name"),
    HeaderName::from_static("apollographql-client-version"),
    HeaderName::from_static("graphql-require-preflight"),
    HeaderName::from_static("x-apollo-operation-name"),
    HeaderName::from_static("x-backref-explain"),
    HeaderName::from_static("x-requested-with"),
];

/// How long browsers need not ask again. Chromium knows it for two hours at most.
const KNOWN_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// An origin as browsers write it: in lower case, without the port that its scheme has anyway.
fn origin(text: &str) -> Result<HeaderValue, NoOrigin> {
    let wrong = || NoOrigin(text.to_owned());
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_plain =
        is_bare && url.username().is_empty() && !text.ends_with('/') && !text.contains('*');
    let known = url.origin();
    match is_plain && known.is_tuple() {
        true => HeaderValue::try_from(known.ascii_serialization()).map_err(|_| wrong()),
        false => Err(wrong()),
    }
}
