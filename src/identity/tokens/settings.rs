//! Which tokens are believed, as it is configured.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jsonwebtoken::Validation;

use super::claims::{ClaimPath, ClaimPaths};

/// Which tokens are believed.
#[derive(Clone)]
pub struct TokenSettings {
    /// The only one that is believed, whatever a token says of itself.
    pub algorithm: Algorithm,
    /// By what signatures are verified; a secret signs as well.
    pub key: KeySource,
    /// Whose tokens: `iss`.
    pub issuer: Option<String>,
    /// For whom they must be: `aud` names one of these. Without any, a token that is for somebody is not believed.
    pub audience: Vec<String>,
    /// How long past its `exp`, and before its `nbf`, a token is believed, for clocks that differ: 60 s by default.
    pub leeway: Duration,
    /// Where in a token its subject's id, role and claims are.
    pub paths: ClaimPaths,
    /// How long those that the server signs are believed: a day by default.
    pub ttl: Duration,
}

/// What tokens are signed by.
#[derive(Clone)]
pub enum KeySource {
    /// Of HS256, at least 32 bytes. Whoever has it can sign for everybody, as this server does.
    Secret(Vec<u8>),
    /// A public key in PEM.
    PublicKey(Vec<u8>),
    /// A JWK set (RFC 7517) in a file.
    JwksFile(PathBuf),
    /// A JWK set by `https`, or by `http` from this machine.
    JwksUrl {
        /// Asked for at start, again after ten minutes, and when a token names a key that is not known.
        url: String,
        /// A certificate in PEM to believe besides those of the web's authorities.
        authority: Option<Vec<u8>>,
    },
}

/// How tokens are signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256, by a secret.
    Hs256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    Rs256,
    /// ECDSA on the curve P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    const ALL: [Algorithm; 4] = [
        Algorithm::Hs256,
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ];

    /// As tokens call it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    pub(super) fn of_crate(self) -> jsonwebtoken::Algorithm {
        match self {
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Algorithm::ALL.into_iter();
        let mut named = all.filter(|a| a.name().eq_ignore_ascii_case(text.trim()));
        named
            .next()
            .ok_or_else(|| "use HS256, RS256, ES256 or EdDSA".to_owned())
    }
}

/// Why tokens cannot be verified as configured, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A secret that could be guessed; it holds its length in bytes.
    #[error(
        "JWT_SECRET has {0} bytes, and a secret that is not to be guessed has at least 32: make one with `openssl rand -hex 32`"
    )]
    ShortSecret(usize),
    /// A public key was given where a secret belongs.
    #[error(
        "JWT_SECRET is a key in PEM: whoever knows a public key could sign tokens by it. Give its file as JWT_PUBLIC_KEY"
    )]
    SecretIsKey,
    /// A secret was given for an algorithm that has a pair of keys.
    #[error(
        "JWT_ALGORITHM is {0}, which has no secret; give JWT_PUBLIC_KEY or JWT_JWKS, or leave it out"
    )]
    NoSecret(Algorithm),
    /// A public key or a JWK set was given for HS256.
    #[error(
        "JWT_ALGORITHM is HS256, whose key is a secret; say RS256, ES256 or EdDSA, as the key is"
    )]
    NoPublicKey,
    /// What was given as a public key is none of the algorithm's.
    #[error(
        "JWT_PUBLIC_KEY is no public key of {algorithm} in PEM ({cause}); say by JWT_ALGORITHM what it is for"
    )]
    BadKey {
        /// What the key was to be of.
        algorithm: Algorithm,
        /// What is wrong with it.
        cause: String,
    },
    /// A file of keys cannot be read or has none to use, or a URL is none to ask for keys.
    #[error("JWT_JWKS `{place}`: {cause}")]
    BadJwks {
        /// The file or the URL that was named.
        place: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// The shortest secret, in bytes: as long as the digest (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

impl TokenSettings {
    /// Those of a key; all else as it is without a word on it.
    pub fn new(algorithm: Algorithm, key: KeySource) -> Self {
        TokenSettings {
            algorithm,
            key,
            issuer: None,
            audience: Vec::new(),
            leeway: Duration::from_secs(60),
            paths: ClaimPaths {
                id: ClaimPath::of("sub"),
                role: ClaimPath::of("role"),
                others: Vec::new(),
            },
            ttl: Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Tokens signed by a secret.
    pub fn secret(secret: impl Into<Vec<u8>>) -> Self {
        TokenSettings::new(Algorithm::Hs256, KeySource::Secret(secret.into()))
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        match (&self.key, self.algorithm) {
            (KeySource::Secret(secret), _)
                if secret.trim_ascii_start().starts_with(b"-----BEGIN") =>
            {
                Err(SettingsError::SecretIsKey)
            }
            (KeySource::Secret(secret), Algorithm::Hs256) if secret.len() < SHORTEST_SECRET => {
                Err(SettingsError::ShortSecret(secret.len()))
            }
            (KeySource::Secret(_), Algorithm::Hs256) => Ok(()),
            (KeySource::Secret(_), other) => Err(SettingsError::NoSecret(other)),
            (_, Algorithm::Hs256) => Err(SettingsError::NoPublicKey),
            _ => Ok(()),
        }
    }

    pub(super) fn validation(&self) -> Validation {
        let mut validation = Validation::new(self.algorithm.of_crate());
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if !self.audience.is_empty() {
            validation.set_audience(&self.audience);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}
