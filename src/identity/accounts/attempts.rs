//! How often somebody may try: for each account, against guessing its password, and for each address, against
//! guessing everybody's.
//!
//! They are counted in this process: several servers allow as many times as much together.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use quick_cache::sync::Cache;
use ring::digest::{SHA256, digest};

use super::spelling;

/// So many attempts at once, and then one more each time that this has passed.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub at_once: NonZeroU32,
    pub then_every: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    pub of_account: Allowance,
    pub of_address: Allowance,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        AttemptLimits {
            of_account: Allowance {
                at_once: NonZeroU32::MIN.saturating_add(9),
                then_every: Duration::from_secs(30),
            },
            of_address: Allowance {
                at_once: NonZeroU32::MIN.saturating_add(99),
                then_every: Duration::from_secs(3),
            },
        }
    }
}

type Limiter = Arc<DefaultDirectRateLimiter>;

pub struct Attempts {
    limits: AttemptLimits,
    clock: DefaultClock,
    /// By a digest: names are as long as clients make them.
    accounts: Cache<[u8; 32], Limiter>,
    addresses: Cache<IpAddr, Limiter>,
}

/// Accounts, and addresses, that are counted at a time. What is met often stays, whatever else comes by.
const COUNTED: usize = 50_000;

impl Attempts {
    pub fn new(limits: AttemptLimits) -> Self {
        Attempts {
            limits,
            clock: DefaultClock::default(),
            accounts: Cache::new(COUNTED),
            addresses: Cache::new(COUNTED),
        }
    }

    /// Counts an attempt at an account, by whatever spelling of its name. One too many is told when the next may be.
    pub fn of_account(&self, username: &str) -> Result<(), Duration> {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, spelling::folded(username).as_bytes()).as_ref());
        let limiter = found(&self.accounts, key, self.limits.of_account);
        self.count(&limiter)
    }

    /// Counts an attempt from an address, where it is known.
    pub fn of_address(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let Some(address) = address else {
            return Ok(());
        };
        let limiter = found(&self.addresses, site(address), self.limits.of_address);
        self.count(&limiter)
    }

    fn count(&self, limiter: &DefaultDirectRateLimiter) -> Result<(), Duration> {
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            // In whole seconds, as it is told.
            Duration::from_secs(wait.as_secs() + 1)
        })
    }
}

fn found<K: Eq + std::hash::Hash + Clone>(
    counted: &Cache<K, Limiter>,
    key: K,
    allowance: Allowance,
) -> Limiter {
    let made = || {
        let quota = Quota::with_period(allowance.then_every);
        let quota = quota.unwrap_or(Quota::per_second(NonZeroU32::MIN));
        Arc::new(RateLimiter::direct(quota.allow_burst(allowance.at_once)))
    };
    match counted.get_or_insert_with(&key, || Ok::<_, std::convert::Infallible>(made())) {
        Ok(limiter) => limiter,
        Err(never) => match never {},
    }
}

/// Where an address is: whoever has one of IPv6 has as many as a network holds.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}
