//! `Authorization: Bearer …` (RFC 6750): who shows no token is anonymous, and who shows a bad one is refused.

use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};

use super::accounts::Accounts;
use super::tokens::{TokenError, Tokens};
use super::{Authenticate, Principal, Unauthenticated};

/// Believes signed tokens.
#[derive(Clone)]
pub struct Bearer {
    tokens: Option<Arc<Tokens>>,
    /// Where the role of whoever shows a token is asked for.
    roles: Option<Arc<Accounts>>,
}

impl Bearer {
    /// Believes the tokens that these verify, and what they say of a role until they end.
    pub fn of(tokens: Arc<Tokens>) -> Self {
        Bearer {
            tokens: Some(tokens),
            roles: None,
        }
    }

    /// Without a key: whoever shows a token is told that none is believed.
    pub fn without_key() -> Self {
        Bearer {
            tokens: None,
            roles: None,
        }
    }

    async fn verify(&self, tokens: &Tokens, token: &str) -> Result<Principal, Unauthenticated> {
        let principal = match tokens.known(token) {
            Some(principal) => principal,
            None => tokens.verify(token).await.map_err(refusal)?,
        };
        match &self.roles {
            None => Ok(principal),
            Some(accounts) => accounts.as_of_now(principal).await.map_err(challenged),
        }
    }
}

impl Accounts {
    /// Is asked for the role of whoever shows a token, at each request.
    pub fn tell_roles_to(self: Arc<Self>, bearer: Bearer) -> Bearer {
        Bearer {
            roles: Some(self),
            ..bearer
        }
    }
}

impl Authenticate for Bearer {
    fn authenticate<'a>(
        &'a self,
        request: &'a Parts,
    ) -> BoxFuture<'a, Result<Principal, Unauthenticated>> {
        let token = match shown(&request.headers) {
            Ok(Some(token)) => token,
            Ok(None) => return future::ready(Ok(Principal::Anonymous)).boxed(),
            Err(message) => return future::ready(Err(not_bearer(message))).boxed(),
        };
        let Some(tokens) = &self.tokens else {
            let message = "this server has no key by which to believe tokens; its operator sets JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS";
            return future::ready(Err(invalid_token(message.to_owned()))).boxed();
        };
        self.verify(tokens, token).boxed()
    }
}

/// The token that a request shows, if it shows anything.
fn shown(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line,
        _ => return Err("there are several headers `Authorization`; send one"),
    };
    let text = line.to_str().unwrap_or_default().trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err("the header `Authorization` is not `Bearer` and a token"),
    }
}

fn refusal(error: TokenError) -> Unauthenticated {
    match error {
        TokenError::KeysOutOfReach => Unauthenticated::unavailable(error.to_string()),
        _ => invalid_token(error.to_string()),
    }
}

/// A token that is not believed for whom it names is a bad one, too.
fn challenged(why: Unauthenticated) -> Unauthenticated {
    match why {
        Unauthenticated::Refused { message, .. } => invalid_token(message.into_owned()),
        unavailable => unavailable,
    }
}

fn invalid_token(message: String) -> Unauthenticated {
    // What a quoted string may hold by RFC 6750.
    let fits = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
    let description: String = message.chars().filter(|c| fits(*c)).collect();
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{description}\"");
    Unauthenticated::Refused {
        message: message.into(),
        challenge: HeaderValue::try_from(challenge).ok(),
    }
}

/// Whoever shows something else is told what would be believed, without a code of an error (RFC 6750, 3.1).
fn not_bearer(message: &'static str) -> Unauthenticated {
    Unauthenticated::Refused {
        message: message.into(),
        challenge: Some(HeaderValue::from_static("Bearer")),
    }
}
