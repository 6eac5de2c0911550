//! The keys that tokens are signed by: one, or a set that changes.

use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::errors::Result;

use super::jwks::Jwks;
use super::settings::{Algorithm, KeySource, SettingsError};
use super::{TokenError, crypto};

pub enum Keys {
    One(Arc<DecodingKey>),
    Set(Arc<Jwks>),
}

impl Keys {
    pub fn of(source: KeySource, algorithm: Algorithm) -> std::result::Result<Self, SettingsError> {
        let bad_key = |cause: jsonwebtoken::errors::Error| SettingsError::BadKey {
            algorithm,
            cause: cause.to_string(),
        };
        match source {
            KeySource::Secret(secret) => {
                let key = DecodingKey::from_secret(&secret).map_err(bad_key)?;
                Ok(Keys::One(Arc::new(key)))
            }
            KeySource::PublicKey(pem) => {
                let key = public_key(algorithm, &pem).map_err(bad_key)?;
                Ok(Keys::One(Arc::new(key)))
            }
            KeySource::JwksFile(_) | KeySource::JwksUrl { .. } => {
                Ok(Keys::Set(Jwks::of(source, algorithm)?))
            }
        }
    }

    pub async fn start(&self) {
        if let Keys::Set(set) = self {
            set.start().await;
        }
    }

    /// Which keys they are: another number after they changed.
    pub fn generation(&self) -> u64 {
        match self {
            Keys::One(_) => 0,
            Keys::Set(set) => set.generation(),
        }
    }

    /// Has a set asked for anew when it is old. Nobody waits for it.
    pub fn keep_fresh(&self, now: u64) {
        if let Keys::Set(set) = self {
            set.keep_fresh(now);
        }
    }

    /// The key that a token names, and which keys it is of.
    pub async fn find(
        &self,
        id: Option<&str>,
    ) -> std::result::Result<(Arc<DecodingKey>, u64), TokenError> {
        match self {
            // Its name means nothing where there is but one.
            Keys::One(key) => Ok((key.clone(), 0)),
            Keys::Set(set) => set.find(id).await,
        }
    }
}

fn public_key(algorithm: Algorithm, pem: &[u8]) -> Result<DecodingKey> {
    let key = match algorithm {
        Algorithm::Hs256 => DecodingKey::from_secret(pem),
        Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
        Algorithm::Es256 => DecodingKey::from_ec_pem(pem),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
    }?;
    crypto::check(algorithm.of_crate(), &key)?;
    Ok(key)
}
