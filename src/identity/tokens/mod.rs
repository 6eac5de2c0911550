//! Signed tokens (JWT, RFC 7519): what they must say to be believed, and what they say of a subject.
//!
//! The algorithm is the configuration's and never the token's. A verified token is kept until it is over, so that
//! it costs a look-up the next time.

mod claims;
mod crypto;
mod fetch;
mod jwks;
mod keys;
mod settings;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{EncodingKey, Header, Validation};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::graph::{Principal, Subject};
use keys::Keys;

pub use claims::{ClaimPath, ClaimPaths};
pub(crate) use crypto::random;
pub use settings::{Algorithm, KeySource, SettingsError, TokenSettings};

/// Verifies tokens, and signs them where the key is a secret of its own.
pub struct Tokens {
    algorithm: Algorithm,
    keys: Keys,
    validation: Validation,
    paths: ClaimPaths,
    signing: Option<EncodingKey>,
    ttl: Duration,
    verified: Cache<Box<str>, Verified, TokenWeight>,
    hits: AtomicU64,
}

/// A token that was believed.
#[derive(Clone)]
struct Verified {
    principal: Principal,
    /// In seconds since 1970.
    until: u64,
    /// Which keys it was verified by.
    keys: u64,
}

#[derive(Clone)]
struct TokenWeight;

impl Weighter<Box<str>, Verified> for TokenWeight {
    fn weight(&self, token: &Box<str>, _: &Verified) -> u64 {
        // What is kept of its claims is no longer than the token.
        2 * token.len() as u64 + 256
    }
}

/// Verified tokens kept, in bytes.
const KEPT: u64 = 16 << 20;

/// Longer ones are no tokens of anybody, in bytes.
const LONGEST: usize = 16 << 10;

/// Why a token is not believed, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not three parts in base64 with JSON in the first two, or is longer than 16 KiB.
    #[error("the token cannot be read as a JWT")]
    Malformed,
    /// Its `alg` is not the one that is believed, [`TokenSettings::algorithm`], which this holds.
    #[error("the token is not signed by {0}, the algorithm of this server")]
    Algorithm(Algorithm),
    /// It was changed, or another key signed it.
    #[error("the token's signature is not valid")]
    Signature,
    /// Its head has no `kid`, and the JWK set has several keys.
    #[error("the token names no key (`kid`), and there is not just one")]
    NoKeyId,
    /// Its `kid` is not in the JWK set, which is read anew for it, though not more often than every ten seconds.
    #[error("the token is signed by a key that is not known")]
    UnknownKey,
    /// Its `exp` is past by more than the leeway.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` is to come by more than the leeway.
    #[error("the token is not valid yet")]
    NotYet,
    /// Its `iss` is not [`TokenSettings::issuer`].
    #[error("the token is of another issuer")]
    Issuer,
    /// Its `aud` is none of [`TokenSettings::audience`], or there is one and none was configured.
    #[error("the token is for another audience")]
    Audience,
    /// By the claim's name, or the path it was looked for at.
    #[error("the token's claim `{0}` is missing, or not of its type")]
    Claim(Box<str>),
    /// No fault of the token: the JWK set could not be read yet, so whether to believe it cannot be told.
    #[error("the keys that tokens are signed by are out of reach; try again later")]
    KeysOutOfReach,
}

impl Tokens {
    /// Keys in files are read at once; those of a URL when [`Tokens::start`] asks for them, or the first token does.
    ///
    /// # Errors
    /// Where the key is none of the algorithm, is too short, or its file cannot be read.
    pub fn new(settings: TokenSettings) -> Result<Self, SettingsError> {
        crypto::install();
        settings.check()?;
        let algorithm = settings.algorithm;
        let signing = match &settings.key {
            KeySource::Secret(secret) => EncodingKey::from_secret(secret).ok(),
            _ => None,
        };
        Ok(Tokens {
            algorithm,
            validation: settings.validation(),
            keys: Keys::of(settings.key, algorithm)?,
            paths: settings.paths,
            signing,
            ttl: settings.ttl,
            verified: Cache::with_weighter(4096, KEPT, TokenWeight),
            hits: AtomicU64::new(0),
        })
    }

    /// Asks for the keys of a URL, so that the first token does not wait for them.
    pub async fn start(&self) {
        self.keys.start().await;
    }

    /// Who shows a token that was believed before.
    pub fn known(&self, token: &str) -> Option<Principal> {
        let now = now();
        self.keys.keep_fresh(now);
        let known = self.verified.get(token)?;
        if now >= known.until || known.keys != self.keys.generation() {
            self.verified.remove(token);
            return None;
        }
        self.hits.fetch_add(1, Relaxed);
        Some(known.principal)
    }

    /// Who shows a token, whatever is known of it.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let head = Head::of(token)?;
        if head.alg.as_deref() != Some(self.algorithm.name()) {
            return Err(TokenError::Algorithm(self.algorithm));
        }
        let (key, generation) = self.keys.find(head.kid.as_deref()).await?;
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &self.validation)
            .map_err(|error| self.told(error.into_kind()))?
            .claims;
        let until = self.end_of(&claims)?;
        let principal = Principal::subject(self.paths.subject(&claims)?);
        let verified = Verified {
            principal: principal.clone(),
            until,
            keys: generation,
        };
        self.verified.insert(token.into(), verified);
        Ok(principal)
    }

    /// When a token is over, leeway included, in seconds since 1970.
    fn end_of(&self, claims: &Map<String, Value>) -> Result<u64, TokenError> {
        let exp = claims.get("exp").and_then(Value::as_f64);
        let exp = exp.ok_or_else(|| TokenError::Claim("exp".into()))?;
        let until = (exp as u64).saturating_add(self.validation.leeway);
        match now() < until {
            true => Ok(until),
            false => Err(TokenError::Expired),
        }
    }

    fn told(&self, kind: ErrorKind) -> TokenError {
        match kind {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::ExpiredSignature => TokenError::Expired,
            ErrorKind::ImmatureSignature => TokenError::NotYet,
            ErrorKind::InvalidIssuer => TokenError::Issuer,
            ErrorKind::InvalidAudience => TokenError::Audience,
            ErrorKind::InvalidAlgorithm => TokenError::Algorithm(self.algorithm),
            ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
                TokenError::Claim(claim.into())
            }
            _ => TokenError::Malformed,
        }
    }

    /// A token for a subject, believed for `ttl`, or without one for [`TokenSettings::ttl`]; `None` where the server
    /// has no key of its own to sign it by.
    pub fn sign(&self, subject: &Subject, ttl: Option<Duration>) -> Option<String> {
        let key = self.signing.as_ref()?;
        let now = now();
        let ttl = ttl.unwrap_or(self.ttl).as_secs();
        let mut claims = self.paths.claims(subject);
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), now.saturating_add(ttl).into());
        let first = |of: &Option<std::collections::HashSet<String>>| {
            of.as_ref().and_then(|of| of.iter().min().cloned())
        };
        for (name, value) in [
            ("iss", first(&self.validation.iss)),
            ("aud", first(&self.validation.aud)),
        ] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.into());
            }
        }
        let header = Header::new(self.algorithm.of_crate());
        jsonwebtoken::encode(&header, &claims, key).ok()
    }

    /// Whether the server can sign tokens.
    pub fn can_sign(&self) -> bool {
        self.signing.is_some()
    }

    /// How often a token was known already.
    pub fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }
}

/// What a token says of how it is signed.
#[derive(Deserialize)]
struct Head {
    alg: Option<String>,
    kid: Option<String>,
}

impl Head {
    fn of(token: &str) -> Result<Self, TokenError> {
        let mut parts = token.split('.');
        let (Some(head), 2) = (parts.next(), parts.count()) else {
            return Err(TokenError::Malformed);
        };
        let head = URL_SAFE_NO_PAD.decode(head).ok();
        let head = head.and_then(|head| serde_json::from_slice(&head).ok());
        head.ok_or(TokenError::Malformed)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
