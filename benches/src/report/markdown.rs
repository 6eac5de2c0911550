//! `results.md`: every figure of a trial.

use super::{
    number,
    targets::{Ratio, Verdict, verdicts},
};
use crate::{
    curves::{Curves, Point},
    queries::QUERIES,
    results::{Cell, Field, Results, Standing, median},
};
use std::fmt::Write;

/// A column: its head, and how a cell fills it.
type Column = (&'static str, fn(&Cell) -> Option<f64>);

const TABLES: [Column; 8] = [
    ("Requests per second", Cell::requests_per_second),
    ("CPU per request, µs: server and database", Cell::total_cpu),
    ("CPU per request, µs: server alone", |cell| {
        median(&cell.busy, |sample| Some(sample.server_cpu))
    }),
    ("Statements per request", |cell| {
        median(&cell.busy, |sample| sample.statements)
    }),
    ("Latency, p50 in ms", |cell| {
        median(&cell.busy, |sample| Some(sample.p50_ms))
    }),
    ("Latency, p99 in ms", |cell| {
        median(&cell.busy, |sample| Some(sample.p99_ms))
    }),
    ("Latency at one connection, p50 in ms", Cell::latency),
    ("Latency at one connection, p99 in ms", |cell| {
        median(&cell.alone, |sample| Some(sample.p99_ms))
    }),
];

pub fn render(results: &Results) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, results);
    out
}

fn write_all(out: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(out, "# The field trial: results\n")?;
    writeln!(
        out,
        "Written by `cargo run --release -p backref-bench -- --write`; [README.md](README.md) says what is \
         measured and how.\n\n{}. {}.\n",
        results.machine, results.method
    )?;
    writeln!(out, "![CPU per request relative to Backref](results.svg)\n")?;
    writeln!(out, "| query | asks |\n|---|---|")?;
    for query in &QUERIES {
        writeln!(out, "| {} | {} |", query.name, query.about)?;
    }
    for field in &results.fields {
        write_field(out, field)?;
    }
    write_targets(out, &verdicts(results))
}

fn write_field(out: &mut String, field: &Field) -> std::fmt::Result {
    writeln!(out, "\n## {}\n", field.kind)?;
    for standing in &field.standings {
        writeln!(out, "- **{}**: {}", standing.name, standing.about)?;
    }
    write_absent(out, &field.standings)?;
    for (title, value) in TABLES {
        let has = |standing: &&Standing| standing.cells.iter().any(|cell| value(cell).is_some());
        let standings: Vec<&Standing> = field.standings.iter().filter(has).collect();
        if standings.is_empty() {
            continue;
        }
        writeln!(out, "\n### {title}\n")?;
        let queries: Vec<&str> = field.queries().collect();
        writeln!(out, "| server | {} |", queries.join(" | "))?;
        writeln!(out, "|---|{}", "---:|".repeat(queries.len()))?;
        for standing in standings {
            write!(out, "| {} |", standing.name)?;
            for cell in &standing.cells {
                write!(out, " {} |", significant(value(cell)))?;
            }
            writeln!(out)?;
        }
    }
    writeln!(
        out,
        "\n### Resident memory, MB\n\n| server | highest | at the end |\n|---|---:|---:|"
    )?;
    for standing in &field.standings {
        let (peak, end) = (standing.peak_memory, standing.end_memory);
        if peak.is_some() {
            let (peak, end) = (super::megabytes(peak), super::megabytes(end));
            writeln!(out, "| {} | {peak} | {end} |", standing.name)?;
        }
    }
    match &field.curves {
        Some(curves) => write_curves(out, curves),
        None => Ok(()),
    }
}

/// What was not run, and why: in one line where it is the same for every query.
fn write_absent(out: &mut String, standings: &[Standing]) -> std::fmt::Result {
    let mut lines = String::new();
    for standing in standings {
        let mut rest = &standing.cells[..];
        while let Some(first) = rest.first() {
            let same = |cell: &&Cell| cell.absent == first.absent;
            let count = rest.iter().take_while(same).count();
            if let Some(reason) = &first.absent {
                let queries: Vec<&str> = rest[..count].iter().map(|cell| cell.query).collect();
                let queries = queries.join(", ");
                writeln!(lines, "- {}, {queries}: {reason}", standing.name)?;
            }
            rest = &rest[count..];
        }
    }
    if !lines.is_empty() {
        write!(out, "\nNot run:\n\n{lines}")?;
    }
    Ok(())
}

fn write_curves(out: &mut String, curves: &Curves) -> std::fmt::Result {
    writeln!(
        out,
        "\n### What a row costs\n\nBackref's CPU for posts with their authors, by the number of posts.\n\n\
         | posts | µs a request | µs a post |\n|---:|---:|---:|"
    )?;
    for Point { count, cpu } in &curves.rows {
        writeln!(out, "| {count} | {cpu:.0} | {:.1} |", cpu / *count as f64)?;
    }
    let line = curves.line();
    writeln!(
        out,
        "\nThe line that fits best: {:.0} µs a request and {:.2} µs a post.",
        line.base, line.slope
    )?;
    if let Some(fan_out) = &curves.fan_out {
        writeln!(
            out,
            "\n### What a row costs that is not returned\n\nBackref's CPU for 20 users and 5 posts of each, by \
             the number of posts that each has.\n\n| posts of a user | µs a request |\n|---:|---:|"
        )?;
        for Point { count, cpu } in fan_out {
            writeln!(out, "| {count} | {cpu:.0} |")?;
        }
    }
    Ok(())
}

fn write_targets(out: &mut String, verdicts: &[Verdict]) -> std::fmt::Result {
    writeln!(
        out,
        "\n## Ratios and targets\n\n| database | ratio | Q1 | Q2 | Q3 | Q4 | Q5 | Q6 |\n\
         |---|---|---:|---:|---:|---:|---:|---:|"
    )?;
    for verdict in verdicts {
        write!(out, "| {} | {} |", verdict.kind, verdict.name)?;
        for ratio in &verdict.ratios {
            write!(out, " {} |", judged(ratio))?;
        }
        writeln!(out, "{}", " |".repeat(6 - verdict.ratios.len()))?;
    }
    writeln!(
        out,
        "\nBehind each figure stands its target, where it has one; a figure in bold misses it."
    )
}

fn judged(ratio: &Ratio) -> String {
    let value = number(ratio.value, 2);
    match (ratio.bound, ratio.is_met()) {
        (Some(bound), Some(true)) => format!("{value} ({bound})"),
        (Some(bound), Some(false)) => format!("**{value}** ({bound})"),
        _ => value,
    }
}

/// Three digits, or all before the point.
fn significant(value: Option<f64>) -> String {
    let digits = match value {
        Some(value) if value >= 100.0 => 0,
        Some(value) if value >= 10.0 => 1,
        _ => 2,
    };
    number(value, digits)
}
