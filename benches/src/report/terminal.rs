//! The tables on the terminal.

use super::{
    megabytes, number,
    targets::{Verdict, verdicts},
};
use crate::{
    curves::{Curves, Point},
    results::{Cell, Field, Results, Standing, median},
};

/// Prints the medians, the ratios and, as the last lines, whether the targets are met.
pub fn print(results: &Results, quick: bool) {
    println!("{}", results.machine);
    println!("{}", results.method);
    for field in &results.fields {
        print_field(field);
    }
    if quick {
        println!("\nall servers run and give the same answers; too short to say more");
        return;
    }
    print_targets(&verdicts(results));
}

fn print_field(field: &Field) {
    println!(
        "\n{}\n{:5} {:23} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>15} {:>10}",
        field.kind,
        "query",
        "server",
        "requests",
        "p50",
        "p99",
        "p50 at 1",
        "p99 at 1",
        "server",
        "database",
        "total",
        "total, range",
        "statements"
    );
    println!(
        "{:5} {:23} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>15} {:>10}",
        "", "", "/s", "ms", "ms", "ms", "ms", "CPU µs", "CPU µs", "CPU µs", "CPU µs", "/request"
    );
    for (q, _) in field.queries().enumerate() {
        for standing in &field.standings {
            print_cell(standing, &standing.cells[q]);
        }
    }
    println!("\n{:23} {:>10} {:>10}", "memory", "highest", "at the end");
    for standing in &field.standings {
        println!(
            "{:23} {:>7} MB {:>7} MB",
            standing.name,
            megabytes(standing.peak_memory),
            megabytes(standing.end_memory)
        );
    }
    if let Some(curves) = &field.curves {
        print_curves(curves);
    }
}

fn print_curves(curves: &Curves) {
    let line = curves.line();
    println!("\nCPU µs of backref, by posts returned");
    for Point { count, cpu } in &curves.rows {
        let each = cpu / *count as f64;
        println!("{count:>6} {cpu:>8.0} {each:>8.1} a post");
    }
    println!("  line {:>8.0} {:>8.2} a post", line.base, line.slope);
    if let Some(fan_out) = &curves.fan_out {
        println!("CPU µs of backref, by posts that each of 20 users has, 5 returned");
        for Point { count, cpu } in fan_out {
            println!("{count:>6} {cpu:>8.0}");
        }
    }
}

fn print_cell(standing: &Standing, cell: &Cell) {
    if cell.busy.is_empty() {
        let reason = cell.absent.as_deref().unwrap_or("not run");
        println!(
            "{:5} {:23} not run: {reason:.120}",
            cell.query, standing.name
        );
        return;
    }
    let range = cell.range();
    let range = range.map_or("-".to_owned(), |(low, high)| format!("{low:.0}–{high:.0}"));
    println!(
        "{:5} {:23} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>15} {:>10}",
        cell.query,
        standing.name,
        number(cell.requests_per_second(), 0),
        number(median(&cell.busy, |sample| Some(sample.p50_ms)), 2),
        number(median(&cell.busy, |sample| Some(sample.p99_ms)), 2),
        number(cell.latency(), 2),
        number(median(&cell.alone, |sample| Some(sample.p99_ms)), 2),
        number(median(&cell.busy, |sample| Some(sample.server_cpu)), 0),
        number(median(&cell.busy, |sample| sample.database_cpu), 0),
        number(cell.total_cpu(), 0),
        range,
        number(median(&cell.busy, |sample| sample.statements), 2),
    );
}

fn print_targets(verdicts: &[Verdict]) {
    println!("\nratios, and the targets where there are any");
    let (mut checked, mut missed) = (0, Vec::new());
    for verdict in verdicts {
        print!("{:10} {:40}", verdict.kind.to_string(), verdict.name);
        for ratio in &verdict.ratios {
            let bound = ratio.bound.map_or(String::new(), |bound| bound.to_string());
            print!(
                "  {:2} {:>5} {bound:6}",
                ratio.query,
                number(ratio.value, 2)
            );
            if let (Some(met), Some(value)) = (ratio.is_met(), ratio.value) {
                checked += 1;
                if !met {
                    missed.push(format!(
                        "{}, {} {}: {value:.2}, not {bound}",
                        verdict.kind, ratio.query, verdict.name
                    ));
                }
            }
        }
        println!();
    }
    println!();
    match (checked, missed.len()) {
        (0, _) => println!("targets: nothing to check"),
        (_, 0) => println!("targets: all {checked} met"),
        (_, count) => {
            println!("targets: missed {count} of {checked}");
            for target in missed {
                println!("  {target}");
            }
        }
    }
}
