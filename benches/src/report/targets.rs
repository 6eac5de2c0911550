//! The targets: how Backref is to stand to each of the others.

use crate::{
    database::Kind,
    results::{Field, Results, Sample, median_ratio},
};
use std::fmt;

/// A ratio of Backref's figure and another's.
struct Target {
    other: &'static str,
    measure: Measure,
    /// For Q1 to Q6.
    bounds: [Option<f64>; 6],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Backref's CPU over the other's, at most.
    AtMostCpu,
    /// Backref's latency at one connection over the other's, at most.
    AtMostLatency,
    /// The other's CPU over Backref's, at least.
    LessCpu,
    /// Backref's requests per second over the other's, at least.
    MoreRequests,
}

use Measure::{AtMostCpu, AtMostLatency, LessCpu, MoreRequests};

const TARGETS: [Target; 13] = [
    bounds("sqlx", AtMostCpu, [1.0, 1.0, 1.0, 1.0, 1.15, 1.0]),
    each("sqlx-snapshot", AtMostCpu, 0.85),
    each("tokio-postgres", AtMostCpu, 1.7),
    shown("tokio-postgres-snapshot", AtMostCpu),
    each("sqlx", AtMostLatency, 1.3),
    shown("sqlx-snapshot", AtMostLatency),
    bounds("rusqlite", AtMostCpu, [1.3, 1.3, 1.3, 1.3, 1.5, 1.0]),
    each("rusqlite", AtMostLatency, 1.3),
    shown("rusqlite-stepped", AtMostCpu),
    bounds("textbook", LessCpu, [2.0, 3.0, 3.0, 3.0, 1.5, 10.0]),
    bounds("mercurius", MoreRequests, [1.5, 3.0, 2.0, 3.0, 1.1, 7.0]),
    bounds("postgraphile", MoreRequests, [1.5, 3.0, 2.0, 3.0, 1.1, 7.0]),
    Target {
        other: "seaography",
        measure: MoreRequests,
        bounds: [
            Some(10.0),
            Some(10.0),
            Some(10.0),
            Some(10.0),
            None,
            Some(25.0),
        ],
    },
];

/// Megabytes of Backref that may be resident after the trial.
const MEMORY: f64 = 64.0;

/// A ratio that is shown and has no bound.
const fn shown(other: &'static str, measure: Measure) -> Target {
    Target {
        other,
        measure,
        bounds: [None; 6],
    }
}

const fn each(other: &'static str, measure: Measure, bound: f64) -> Target {
    bounds(other, measure, [bound; 6])
}

const fn bounds(other: &'static str, measure: Measure, bounds: [f64; 6]) -> Target {
    let [q1, q2, q3, q4, q5, q6] = bounds;
    Target {
        other,
        measure,
        bounds: [Some(q1), Some(q2), Some(q3), Some(q4), Some(q5), Some(q6)],
    }
}

/// A target of one database and what came of it.
pub struct Verdict {
    pub kind: Kind,
    /// `CPU / sqlx`, say.
    pub name: String,
    /// For Q1 to Q6; one for what is not asked of each query.
    pub ratios: Vec<Ratio>,
}

/// A ratio, where both figures are known, and its bound, where there is one.
pub struct Ratio {
    pub query: &'static str,
    pub value: Option<f64>,
    pub bound: Option<Bound>,
}

#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

impl Ratio {
    /// Whether the target is met, where that can be said.
    pub fn is_met(&self) -> Option<bool> {
        Some(self.bound?.holds(self.value?))
    }
}

/// Every target that a trial says something about.
pub fn verdicts(results: &Results) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for field in &results.fields {
        for target in &TARGETS {
            let ratios: Vec<Ratio> = ["Q1", "Q2", "Q3", "Q4", "Q5", "Q6"]
                .into_iter()
                .zip(target.bounds)
                .map(|(query, bound)| Ratio {
                    query,
                    value: target.ratio(field, query),
                    bound: bound.map(|bound| target.measure.bound(bound)),
                })
                .collect();
            if ratios.iter().any(|ratio| ratio.value.is_some()) {
                verdicts.push(Verdict {
                    kind: field.kind,
                    name: target.measure.name(target.other),
                    ratios,
                });
            }
        }
        let memory = field
            .standing("backref")
            .and_then(|standing| standing.end_memory);
        verdicts.extend(memory.map(|bytes| Verdict {
            kind: field.kind,
            name: "memory at the end, MB".to_owned(),
            ratios: vec![Ratio {
                query: "",
                value: Some(bytes as f64 / f64::from(1 << 20)),
                bound: Some(Bound::AtMost(MEMORY)),
            }],
        }));
    }
    verdicts
}

impl Target {
    fn ratio(&self, field: &Field, query: &str) -> Option<f64> {
        let (own, other) = (
            field.cell("backref", query)?,
            field.cell(self.other, query)?,
        );
        match self.measure {
            AtMostCpu => median_ratio(&own.busy, &other.busy, Sample::total_cpu),
            LessCpu => median_ratio(&other.busy, &own.busy, Sample::total_cpu),
            AtMostLatency => median_ratio(&own.alone, &other.alone, |sample| Some(sample.p50_ms)),
            MoreRequests => median_ratio(&own.busy, &other.busy, |sample| {
                Some(sample.requests_per_second)
            }),
        }
    }
}

impl Measure {
    fn bound(self, bound: f64) -> Bound {
        match self {
            AtMostCpu | AtMostLatency => Bound::AtMost(bound),
            LessCpu | MoreRequests => Bound::AtLeast(bound),
        }
    }

    fn name(self, other: &str) -> String {
        match self {
            AtMostCpu => format!("CPU: backref / {other}"),
            AtMostLatency => format!("p50 at 1 connection: backref / {other}"),
            LessCpu => format!("CPU: {other} / backref"),
            MoreRequests => format!("requests/s: backref / {other}"),
        }
    }
}
