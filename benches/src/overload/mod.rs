//! Drills: Backref with more to do than it can, a database that hangs, slow requests beside small ones, clients that
//! leave, and many who sign in. They say what comes of it, as ratios to the same server at rest on the same machine.

mod abandon;
mod capacity;
mod clients;
mod hang;
mod requests;
mod signing;
mod slow;

pub use abandon::{AbandonOptions, run as abandon};
pub use capacity::{OverloadOptions, run as overload};
pub use hang::{HangOptions, run as hang};
pub use signing::{SignInOptions, run as sign_in};
pub use slow::{SlowOptions, run as slow};

use crate::Result;
use clients::{Clients, End};
use std::time::{Duration, Instant};

/// Latencies, ascending.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn of(all: impl Iterator<Item = Duration>) -> Self {
        let mut all: Vec<Duration> = all.collect();
        all.sort_unstable();
        Self(all)
    }

    /// In milliseconds; 0 where there is none.
    fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let found = self.0.get(last * percent / 100);
        found.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    fn highest(&self) -> f64 {
        self.percentile(100)
    }
}

/// Asks small requests one after the other while nothing else runs, with pauses, as between those that come when they
/// come: a processor that rests takes its time to wake.
async fn at_rest(clients: &Clients) -> Result<Latencies> {
    let mut all = Vec::new();
    for number in 0..300 {
        let (end, took) = probe(clients).await;
        if end != End::Good {
            return Err(format!("at rest a small request is {end:?}").into());
        }
        // The first ones warm up.
        all.extend((number >= 100).then_some(took));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Latencies::of(all.into_iter()))
}

const PAUSE: Duration = Duration::from_millis(2);

/// One small request, with much time.
async fn probe(clients: &Clients) -> (End, Duration) {
    let start = Instant::now();
    let request = clients.request(requests::SMALL);
    let end = clients.ask(&request, start + Duration::from_secs(60)).await;
    (end, start.elapsed())
}

/// Prints a line for each target; an error if one is missed.
pub fn judge(targets: &[(String, bool)]) -> Result<()> {
    let mut missed = 0;
    for (target, met) in targets {
        println!("{} {target}", if *met { "met   " } else { "missed" });
        missed += usize::from(!met);
    }
    match missed {
        0 => Ok(()),
        _ => Err(format!("{missed} of {} targets are missed", targets.len()).into()),
    }
}
