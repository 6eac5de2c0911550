//! A JWK set that its owner may change at any time (RFC 7517): keys are added before tokens are signed by them, and left out
//! when they are no longer to be believed.
//!
//! It is asked for anew when a token names a key that is not in it, and when it is old. Whoever sends tokens of made-up keys
//! has it asked for once in a while and no more; where it cannot be had, the keys that are known stay.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::fetch::Endpoint;
use super::settings::{Algorithm, KeySource, SettingsError};
use super::{TokenError, crypto, now};

pub struct Jwks {
    source: Source,
    algorithm: Algorithm,
    known: RwLock<Arc<Known>>,
    /// One asks at a time: when a token last had it done.
    asked: Mutex<Option<Instant>>,
    /// When it is old, in seconds since 1970.
    due: AtomicU64,
}

enum Source {
    File(PathBuf),
    Url(Endpoint),
}

#[derive(Default)]
struct Known {
    /// 0 before there are any.
    generation: u64,
    keys: Vec<Key>,
    text: Vec<u8>,
}

struct Key {
    id: Option<String>,
    key: Arc<DecodingKey>,
}

/// Unknown keys have the set asked for so often at most.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// How old a set becomes, in seconds.
const OLD: u64 = 10 * 60;
/// More keys than that nobody has.
const MOST_KEYS: usize = 100;

impl Jwks {
    pub fn of(source: KeySource, algorithm: Algorithm) -> Result<Arc<Self>, SettingsError> {
        let bad = |place: &str| {
            let place = place.to_owned();
            move |cause: String| SettingsError::BadJwks { place, cause }
        };
        let (source, known) = match source {
            KeySource::JwksFile(path) => {
                let bad = bad(&path.display().to_string());
                let read = std::fs::read(&path).map_err(|cause| cause.to_string());
                let known = read.and_then(|text| Known::read(text, algorithm, 1));
                let known = known.and_then(|known| match known.keys.is_empty() {
                    true => Err(no_key(algorithm)),
                    false => Ok(known),
                });
                (Source::File(path), known.map_err(bad)?)
            }
            KeySource::JwksUrl { url, authority } => {
                let endpoint = Endpoint::of(&url, authority.as_deref()).map_err(bad(&url))?;
                (Source::Url(endpoint), Known::default())
            }
            KeySource::Secret(_) | KeySource::PublicKey(_) => {
                return Err(bad("")("it is no set of keys".to_owned()));
            }
        };
        Ok(Arc::new(Jwks {
            source,
            algorithm,
            known: RwLock::new(Arc::new(known)),
            asked: Mutex::new(None),
            due: AtomicU64::new(now() + OLD),
        }))
    }

    /// Asks for the keys of a URL.
    pub async fn start(self: &Arc<Self>) {
        if self.generation() == 0 {
            self.ask().await;
        }
    }

    pub fn generation(&self) -> u64 {
        self.known().generation
    }

    pub fn keep_fresh(self: &Arc<Self>, now: u64) {
        let due = self.due.load(Relaxed);
        let is_first = || {
            let next = now + OLD;
            let changed = self.due.compare_exchange(due, next, Relaxed, Relaxed);
            changed.is_ok()
        };
        if now >= due && is_first() {
            let set = self.clone();
            tokio::spawn(async move { set.ask().await });
        }
    }

    pub async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
    ) -> Result<(Arc<DecodingKey>, u64), TokenError> {
        self.keep_fresh(now());
        match self.known().find(id) {
            Err(TokenError::UnknownKey | TokenError::KeysOutOfReach) => {
                self.ask_for_unknown().await;
                self.known().find(id)
            }
            found => found,
        }
    }

    /// Whoever comes while somebody asks waits for that answer. It is asked for to the end, also where nobody waits any
    /// more.
    async fn ask_for_unknown(self: &Arc<Self>) {
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|at| at.elapsed() >= AT_MOST_EVERY) {
            *asked = Some(Instant::now());
            let set = self.clone();
            let _ = tokio::spawn(async move { set.ask().await }).await;
        }
    }

    async fn ask(&self) {
        let text = match &self.source {
            Source::File(path) => tokio::fs::read(path).await.map_err(|e| e.to_string()),
            Source::Url(endpoint) => endpoint.get().await,
        };
        let old = self.known();
        let generation = old.generation + 1;
        let known = match text {
            Ok(text) if generation > 1 && text == old.text => return,
            Ok(text) => Known::read(text, self.algorithm, generation),
            Err(cause) => Err(cause),
        };
        match known {
            Ok(known) => {
                match known.keys.is_empty() {
                    true => tracing::warn!(
                        place = self.source.place(),
                        cause = no_key(self.algorithm),
                        "no token is believed"
                    ),
                    false => {
                        tracing::info!(keys = known.keys.len(), "the keys of tokens were read")
                    }
                }
                let mut place = self.known.write().unwrap_or_else(PoisonError::into_inner);
                *place = Arc::new(known);
            }
            Err(cause) => tracing::warn!(
                place = self.source.place(),
                cause,
                "the keys of tokens cannot be had; those that are known stay"
            ),
        }
    }

    fn known(&self) -> Arc<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

fn no_key(algorithm: Algorithm) -> String {
    format!("it has no key of {algorithm}; JWT_ALGORITHM says which are meant")
}

impl Source {
    fn place(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Url(endpoint) => endpoint.shown(),
        }
    }
}

impl Known {
    /// The keys of a set that are for the signatures of an algorithm. Others it may have too, and perhaps none of these:
    /// what was taken out is believed no longer, whatever is left.
    fn read(text: Vec<u8>, algorithm: Algorithm, generation: u64) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(&text)
            .map_err(|cause| format!("it is no JWK set (a JSON object with `keys`): {cause}"))?;
        let keys: Vec<Key> = set
            .keys
            .into_iter()
            .take(MOST_KEYS)
            .filter_map(|key| Key::of(key, algorithm))
            .collect();
        Ok(Known {
            generation,
            keys,
            text,
        })
    }

    fn find(&self, id: Option<&str>) -> Result<(Arc<DecodingKey>, u64), TokenError> {
        let found = match (id, &self.keys[..]) {
            (_, []) if self.generation == 0 => return Err(TokenError::KeysOutOfReach),
            (None, [only]) => Some(only),
            (None, _) => return Err(TokenError::NoKeyId),
            (Some(_), keys) => keys.iter().find(|key| key.id.as_deref() == id),
        };
        let found = found.ok_or(TokenError::UnknownKey)?;
        Ok((found.key.clone(), self.generation))
    }
}

impl Key {
    fn of(value: Value, algorithm: Algorithm) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let own = algorithm.of_crate();
        let is_for_signatures = matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        );
        let is_of_algorithm = jwk.common.key_algorithm.is_none_or(|a| a == own.into());
        if !is_for_signatures || !is_of_algorithm {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        crypto::check(own, &key).ok()?;
        Some(Key {
            id: jwk.common.key_id,
            key: Arc::new(key),
        })
    }
}
