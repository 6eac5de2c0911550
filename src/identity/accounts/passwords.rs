//! Passwords: argon2id with the parameters that OWASP advises, on threads that no request waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use super::{AccountError, spelling};
use crate::identity::tokens::random;

/// 19 MiB, twice over, in one lane.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes that wait for a processor; for more there is no time.
const MOST_WAITING: usize = 256;

pub struct Passwords {
    shared: Arc<Shared>,
    /// As many are computed at a time as there are processors, each with its memory.
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

struct Shared {
    argon2: Argon2<'static>,
    /// The hash of no password, for whoever has none.
    nobodys: Option<String>,
    runs: AtomicU64,
}

/// What comes of a password and a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right {
        /// The hash is of weaker parameters than new ones are.
        weak: bool,
    },
}

impl Passwords {
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let params = Params::new(MEMORY, PASSES, LANES, None).unwrap_or_default();
        Passwords {
            shared: Arc::new(Shared {
                argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
                nobodys: nobodys(),
                runs: AtomicU64::new(0),
            }),
            permits: Arc::new(Semaphore::new(processors)),
            waiting: AtomicUsize::new(0),
        }
    }

    pub async fn hash(&self, password: String) -> Result<String, AccountError> {
        let hashed = self.run(move |shared| {
            shared.runs.fetch_add(1, Relaxed);
            let password = spelling::composed(&password);
            let hashed = shared.argon2.hash_password(password.as_bytes());
            hashed.map(|hash| hash.to_string())
        });
        hashed.await?.map_err(|_| AccountError::Hash)
    }

    /// Whether the hash is the password's. As much is done where there is no hash, or none that can be read. What was typed in
    /// another form than new hashes are of is tried as it is, too: somebody else may have hashed it so.
    pub async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<Verdict, AccountError> {
        let verified = self.run(move |shared| {
            let composed = spelling::composed(&password);
            match shared.verify(&composed, hash.as_deref()) {
                Verdict::Wrong if *composed != *password => {
                    shared.verify(&password, hash.as_deref())
                }
                verdict => verdict,
            }
        });
        verified.await
    }

    #[cfg(feature = "internals")]
    pub fn runs(&self) -> u64 {
        self.shared.runs.load(Relaxed)
    }

    /// A hash that was begun is computed to its end, and holds its place until then, also where nobody waits any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let waiting = Waiting::among(&self.waiting).ok_or(AccountError::Overloaded)?;
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| AccountError::Hash)?;
        drop(waiting);
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&shared)
        });
        done.await.map_err(|_| AccountError::Hash)
    }
}

impl Shared {
    fn verify(&self, password: &str, hash: Option<&str>) -> Verdict {
        self.runs.fetch_add(1, Relaxed);
        let own = hash.and_then(|hash| PasswordHash::new(hash).ok());
        let own = own.filter(is_argon2);
        let nobodys = self.nobodys.as_deref();
        let nobodys = nobodys.and_then(|hash| PasswordHash::new(hash).ok());
        let Some(compared) = own.as_ref().or(nobodys.as_ref()) else {
            return Verdict::Wrong;
        };
        let verified = self.argon2.verify_password(password.as_bytes(), compared);
        match (&own, verified) {
            (Some(hash), Ok(())) => Verdict::Right {
                weak: is_weak(hash),
            },
            _ => Verdict::Wrong,
        }
    }
}

fn is_argon2(hash: &PasswordHash) -> bool {
    Algorithm::try_from(hash.algorithm.as_str()).is_ok() && hash.hash.is_some()
}

fn is_weak(hash: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(hash) else {
        return true;
    };
    hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
        || hash.version != Some(Version::V0x13.into())
        || params.m_cost() < MEMORY
        || params.t_cost() < PASSES
}

/// A hash of the same parameters that no password has: what is in it is random.
fn nobodys() -> Option<String> {
    let salt = STANDARD_NO_PAD.encode(random::<16>().ok()?);
    let hash = STANDARD_NO_PAD.encode(random::<32>().ok()?);
    Some(format!(
        "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${hash}"
    ))
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(all: &'a AtomicUsize) -> Option<Self> {
        let place = Waiting(all);
        match all.fetch_add(1, Relaxed) < MOST_WAITING {
            true => Some(place),
            false => None,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
