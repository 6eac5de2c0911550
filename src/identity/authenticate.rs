//! The layer that says who asks, whatever it reads.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderName};
use axum::http::request::Parts;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Bearer, Principal};

/// Tells from a request's head who asks. Closures that return a future do.
pub trait Authenticate: Send + Sync + 'static {
    /// Who asks: [`Principal::Anonymous`] for who shows nothing. It is asked once for each request, before its document
    /// is looked at, so whatever takes long here is added to every answer.
    ///
    /// # Errors
    /// Where something is shown that is not believed, or cannot be told to be. The request is refused then; it is not
    /// answered as nobody's.
    fn authenticate<'a>(
        &'a self,
        request: &'a Parts,
    ) -> BoxFuture<'a, Result<Principal, Unauthenticated>>;
}

impl<F, R> Authenticate for F
where
    F: Fn(&Parts) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Principal, Unauthenticated>> + Send + 'static,
{
    fn authenticate<'a>(
        &'a self,
        request: &'a Parts,
    ) -> BoxFuture<'a, Result<Principal, Unauthenticated>> {
        self(request).boxed()
    }
}

/// Why nobody can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unauthenticated {
    /// What was shown is not believed: `UNAUTHENTICATED`, 401. The message is for whoever asked.
    Refused {
        /// What is wrong with it, and what would be believed.
        message: Cow<'static, str>,
        /// The answer's `WWW-Authenticate`.
        challenge: Option<HeaderValue>,
    },
    /// Whether it can be believed cannot be told now: `UNAVAILABLE`, 503.
    Unavailable {
        /// What is out of reach, without a cause that is the operator's alone: that is for the log.
        message: Cow<'static, str>,
    },
}

impl Unauthenticated {
    /// Not believed, without a `WWW-Authenticate`; the message is for whoever asked.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Unauthenticated::Refused {
            message: message.into(),
            challenge: None,
        }
    }

    /// Not to be told now; the message is for whoever asked, who may try again.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Unauthenticated::Unavailable {
            message: message.into(),
        }
    }
}

/// How a server tells who asks.
#[derive(Clone)]
pub struct Authentication {
    how: Option<Arc<dyn Authenticate>>,
    reads: HeaderName,
}

/// Everybody is anonymous, whatever they show.
impl Default for Authentication {
    fn default() -> Self {
        Authentication {
            how: None,
            reads: AUTHORIZATION,
        }
    }
}

impl Authentication {
    /// By what `reads` has, a header that pages of other sites cannot make a browser send.
    pub fn by_header(reads: HeaderName, how: impl Authenticate) -> Self {
        Authentication {
            how: Some(Arc::new(how)),
            reads,
        }
    }

    /// By tokens in `Authorization`.
    pub fn by_bearer(bearer: Bearer) -> Self {
        Authentication::by_header(AUTHORIZATION, bearer)
    }

    /// By cookies. A browser sends them whosever page makes it ask, so a request must show that no page of another
    /// site did.
    pub fn by_cookies(how: impl Authenticate) -> Self {
        Authentication::by_header(COOKIE, how)
    }

    /// Whether browsers show it without being told to.
    pub fn reads_cookies(&self) -> bool {
        self.reads == COOKIE
    }

    /// The header that answers depend on, if they depend on who asks.
    pub fn varies_by(&self) -> Option<&HeaderName> {
        self.how.as_ref().map(|_| &self.reads)
    }

    /// Who asks, by what the request's head shows.
    ///
    /// # Errors
    /// Where it is not believed, or cannot be told to be.
    pub async fn authenticate(&self, request: &Parts) -> Result<Principal, Unauthenticated> {
        match &self.how {
            None => Ok(Principal::Anonymous),
            Some(how) => how.authenticate(request).await,
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication")
            .field("reads", &self.varies_by())
            .finish()
    }
}
