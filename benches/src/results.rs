//! What a trial found: samples, and the medians that the reports show.

use crate::{client::Run, contender::Role, curves::Curves, database::Kind};
use std::time::Duration;

/// A whole trial.
pub struct Results {
    /// The machine and the programs, in one line.
    pub machine: String,
    /// Rounds, seconds and connections, in one line.
    pub method: String,
    pub fields: Vec<Field>,
}

/// All servers of one database.
pub struct Field {
    pub kind: Kind,
    pub standings: Vec<Standing>,
    pub curves: Option<Curves>,
}

/// One server of a field.
pub struct Standing {
    pub name: String,
    pub about: String,
    pub role: Role,
    /// Bytes resident: the most after any run, and after the last round.
    pub peak_memory: Option<u64>,
    pub end_memory: Option<u64>,
    /// One for each query of the trial.
    pub cells: Vec<Cell>,
}

/// One query on one server.
pub struct Cell {
    pub query: &'static str,
    /// With all connections.
    pub busy: Vec<Sample>,
    /// With one connection.
    pub alone: Vec<Sample>,
    /// Why there is no sample, or why there are no more.
    pub absent: Option<String>,
}

/// One measured run of one query on one server. CPU times in microseconds a request.
#[derive(Clone)]
pub struct Sample {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub server_cpu: f64,
    pub database_cpu: Option<f64>,
    pub statements: Option<f64>,
}

impl Sample {
    pub fn new(
        run: &Run,
        server_cpu: Duration,
        database_cpu: Option<Duration>,
        statements: Option<i64>,
    ) -> Self {
        let requests = run.latencies.len();
        let per_request = |time: Duration| time.as_secs_f64() * 1e6 / requests as f64;
        let percentile = |percent: usize| {
            let latency = run.latencies[(requests - 1) * percent / 100];
            latency.as_secs_f64() * 1e3
        };
        Self {
            requests_per_second: requests as f64 / run.elapsed.as_secs_f64(),
            p50_ms: percentile(50),
            p99_ms: percentile(99),
            server_cpu: per_request(server_cpu),
            database_cpu: database_cpu.map(per_request),
            statements: statements.map(|count| count as f64 / requests as f64),
        }
    }

    pub fn total_cpu(&self) -> Option<f64> {
        Some(self.server_cpu + self.database_cpu?)
    }
}

impl Field {
    pub fn cell(&self, server: &str, query: &str) -> Option<&Cell> {
        let standing = self.standing(server)?;
        standing.cells.iter().find(|cell| cell.query == query)
    }

    pub fn standing(&self, server: &str) -> Option<&Standing> {
        self.standings.iter().find(|found| found.name == server)
    }

    /// The names of the queries.
    pub fn queries(&self) -> impl Iterator<Item = &'static str> {
        let first = self.standings.first();
        first
            .into_iter()
            .flat_map(|standing| standing.cells.iter().map(|cell| cell.query))
    }
}

impl Cell {
    pub fn requests_per_second(&self) -> Option<f64> {
        median(&self.busy, |sample| Some(sample.requests_per_second))
    }

    /// Of the server and of the database, in microseconds a request.
    pub fn total_cpu(&self) -> Option<f64> {
        median(&self.busy, Sample::total_cpu)
    }

    /// At one connection, in milliseconds.
    pub fn latency(&self) -> Option<f64> {
        median(&self.alone, |sample| Some(sample.p50_ms))
    }

    /// The lowest and the highest total.
    pub fn range(&self) -> Option<(f64, f64)> {
        let totals = sorted(self.busy.iter().filter_map(Sample::total_cpu));
        Some((*totals.first()?, *totals.last()?))
    }
}

pub fn median(samples: &[Sample], value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    middle(&sorted(samples.iter().filter_map(value)))
}

/// The median of the ratios that two servers' figures have in the same round. The machine's pace changes
/// from one round to the next, and takes both along.
pub fn median_ratio(
    above: &[Sample],
    below: &[Sample],
    value: impl Fn(&Sample) -> Option<f64>,
) -> Option<f64> {
    let rounds = above.iter().zip(below);
    let ratios = rounds.filter_map(|(above, below)| Some(value(above)? / value(below)?));
    middle(&sorted(ratios))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
    Some((sorted[low] + sorted[high]) / 2.0)
}
