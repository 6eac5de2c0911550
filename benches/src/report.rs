//! From samples to the tables: medians, ratios and the targets.

use crate::client::Run;
use std::time::Duration;

/// One measured run of one query on one server. CPU times in microseconds a request.
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

    fn total_cpu(&self) -> Option<f64> {
        Some(self.server_cpu + self.database_cpu?)
    }
}

/// The samples of one query on one server; none where the server does not have the query.
pub struct Cell {
    pub query: &'static str,
    pub server: &'static str,
    pub samples: Vec<Sample>,
}

impl Cell {
    fn sorted(&self, value: impl Fn(&Sample) -> Option<f64>) -> Vec<f64> {
        let mut values: Vec<f64> = self.samples.iter().filter_map(value).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    fn median(&self, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let values = self.sorted(value);
        let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
        Some((values[low] + values[high]) / 2.0)
    }

    fn total_cpu(&self) -> Option<f64> {
        self.median(Sample::total_cpu)
    }
}

/// At most this many times the floor's CPU, for every query.
const FLOOR_TARGET: f64 = 1.6;
/// At least this many times Backref's CPU in the textbook.
const TEXTBOOK_TARGETS: [(&str, f64); 3] = [("Q2", 2.0), ("Q4", 2.0), ("Q6", 6.0)];

/// Prints the medians, the ratios and, as the last line, whether the targets are met.
pub fn print(cells: &[Cell]) {
    println!(
        "\n{:5} {:9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>10} {:>15} {:>10}",
        "query",
        "server",
        "requests",
        "p50",
        "p99",
        "server",
        "database",
        "total",
        "total, range",
        "statements"
    );
    println!(
        "{:5} {:9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>10} {:>15} {:>10}",
        "", "", "/s", "ms", "ms", "CPU µs", "CPU µs", "CPU µs", "CPU µs", "/request"
    );
    for cell in cells {
        if cell.samples.is_empty() {
            println!(
                "{:5} {:9} does not have this query",
                cell.query, cell.server
            );
            continue;
        }
        let totals = cell.sorted(Sample::total_cpu);
        let range = match (totals.first(), totals.last()) {
            (Some(low), Some(high)) => format!("{low:.0}–{high:.0}"),
            _ => "-".to_owned(),
        };
        println!(
            "{:5} {:9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>10} {:>15} {:>10}",
            cell.query,
            cell.server,
            number(cell.median(|sample| Some(sample.requests_per_second)), 0),
            number(cell.median(|sample| Some(sample.p50_ms)), 2),
            number(cell.median(|sample| Some(sample.p99_ms)), 2),
            number(cell.median(|sample| Some(sample.server_cpu)), 0),
            number(cell.median(|sample| sample.database_cpu), 0),
            number(cell.total_cpu(), 0),
            range,
            number(cell.median(|sample| sample.statements), 2),
        );
    }

    let mut queries: Vec<&str> = cells.iter().map(|cell| cell.query).collect();
    queries.dedup();
    let mut checked = 0;
    let mut missed = Vec::new();
    println!("\nratios of total CPU");
    println!(
        "{:5} {:>15} {:>18}",
        "query", "backref/floor", "textbook/backref"
    );
    for query in queries {
        let total = |server: &str| {
            let cell = cells
                .iter()
                .find(|cell| cell.query == query && cell.server == server);
            cell?.total_cpu()
        };
        let ratio = |over: &str, under: &str| Some(total(over)? / total(under)?);
        let to_floor = ratio("backref", "floor");
        let to_textbook = ratio("textbook", "backref");
        println!(
            "{query:5} {:>15} {:>18}",
            number(to_floor, 2),
            number(to_textbook, 2)
        );

        if let Some(ratio) = to_floor {
            checked += 1;
            if ratio > FLOOR_TARGET {
                missed.push(format!("{query} backref/floor {ratio:.2} > {FLOOR_TARGET}"));
            }
        }
        let target = TEXTBOOK_TARGETS.iter().find(|(name, _)| *name == query);
        if let (Some(ratio), Some((_, target))) = (to_textbook, target) {
            checked += 1;
            if ratio < *target {
                missed.push(format!("{query} textbook/backref {ratio:.2} < {target}"));
            }
        }
    }
    let outcome = match (checked, missed.is_empty()) {
        (0, _) => "nothing to check".to_owned(),
        (_, true) => format!("all {checked} met"),
        (_, false) => format!(
            "missed {} of {checked}: {}",
            missed.len(),
            missed.join(", ")
        ),
    };
    println!("\ntargets: {outcome}");
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
