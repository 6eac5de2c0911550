//! Two ways to join one level to its parents, without a database: Backref's own, with all keys in hand,
//! and the `dataloader` crate given all keys at once. What they share, the statement, is left out.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use backref::graph::keys::{KeyColumn, Keys, Nullable};
use dataloader::BatchFn;
use dataloader::cached::Loader;

const ROUNDS: usize = 9;

/// The rows that the statement would return: a key's row is the one at its position.
struct Rows(HashMap<i64, u32>);

impl BatchFn<i64, u32> for Rows {
    async fn load(&mut self, keys: &[i64]) -> HashMap<i64, u32> {
        keys.iter().map(|key| (*key, self.0[key])).collect()
    }
}

/// Prints the microseconds a level takes either way, for the fan-ins of the queries.
pub async fn compare() {
    println!("µs a level   own keys   dataloader crate   ratio");
    for (name, parents, distinct) in [("Q2", 50, 50), ("Q4", 150, 140), ("Q6", 1000, 900)] {
        let foreign: Vec<i64> = (0..parents)
            .map(|i| (i * 7919 % distinct) * 31 + 1)
            .collect();
        let primary: Vec<i64> = (0..distinct).map(|i| i * 31 + 1).collect();
        let (mut own, mut crates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(time(|| join(&foreign, &primary)));
            crates.push(time_loader(&foreign, &primary).await);
        }
        let (own, crates) = (median(own), median(crates));
        println!(
            "{name:<12} {own:>8.1}   {crates:>16.1}   {:>5.1}",
            crates / own
        );
    }
}

/// Distinct keys of the parents, then for each parent its row.
fn join(foreign: &[i64], primary: &[i64]) -> u64 {
    let parents: KeyColumn<Nullable> = KeyColumn::Int(foreign.iter().copied().map(Some).collect());
    let (keys, key_of) = Keys::distinct(&[&parents]);
    let rows: KeyColumn<Nullable> = KeyColumn::Int(primary.iter().copied().map(Some).collect());
    let row_of = keys.match_rows(&[&rows]);
    key_of
        .iter()
        .map(|&key| u64::from(row_of[key as usize]))
        .sum()
}

async fn time_loader(foreign: &[i64], primary: &[i64]) -> f64 {
    let rows: HashMap<i64, u32> = primary.iter().copied().zip(0..).collect();
    let mut spent = Duration::ZERO;
    let mut runs = 0u32;
    while spent < Duration::from_millis(40) {
        let batch = Rows(rows.clone());
        let start = Instant::now();
        // One loader a request, as both its own rules and the crate's demand.
        let loader = Loader::new(batch)
            .with_max_batch_size(usize::MAX)
            .with_yield_count(0);
        let found = loader
            .try_load_many(foreign.to_vec())
            .await
            .unwrap_or_default();
        let sum: u64 = foreign.iter().map(|key| u64::from(found[key])).sum();
        black_box(sum);
        spent += start.elapsed();
        runs += 1;
    }
    spent.as_secs_f64() * 1e6 / f64::from(runs)
}

fn time(mut work: impl FnMut() -> u64) -> f64 {
    let start = Instant::now();
    let mut runs = 0u32;
    while start.elapsed() < Duration::from_millis(40) {
        black_box(work());
        runs += 1;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(runs)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
