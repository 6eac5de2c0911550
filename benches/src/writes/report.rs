//! What the writes cost: tables on the terminal, the section of `results.md`, and the targets.

use super::{field::Field, works::WORKS};
use crate::{
    Result,
    contender::Role,
    database::Kind,
    report::{WRITING, number},
    results::{Sample, median, median_ratio},
};
use std::{fmt::Write, path::Path};

/// What was measured on one database.
pub struct Figures {
    kind: Kind,
    version: String,
    rows: Vec<Row>,
    absent: Vec<String>,
}

/// A server and a work.
struct Row {
    work: usize,
    name: String,
    role: Role,
    samples: Vec<Sample>,
    /// CPU relative to Backref's, within a round.
    ratio: Option<f64>,
}

impl Figures {
    pub fn of(field: &Field) -> Self {
        let mut rows = Vec::new();
        for w in 0..WORKS.len() {
            let ours = field.contenders.first().map(|first| &first.cells[w]);
            let Some(Ok(ours)) = ours else { continue };
            for contender in &field.contenders {
                if let Ok(samples) = &contender.cells[w] {
                    rows.push(Row {
                        work: w,
                        name: contender.name.clone(),
                        role: contender.role,
                        samples: samples.clone(),
                        ratio: median_ratio(samples, ours, Sample::total_cpu),
                    });
                }
            }
        }
        let absent = absent(field);
        Self {
            kind: field.kind,
            version: field.version.clone(),
            rows,
            absent,
        }
    }

    pub fn version(&self) -> String {
        format!("{} {}", self.kind, self.version)
    }

    pub fn print(&self) {
        println!("\n{}\n", self.kind);
        for row in self.table() {
            let [work, server, rest @ ..] = &row;
            print!("{work:5} {server:13}");
            rest.iter().for_each(|cell| print!(" {cell:>12}"));
            println!();
        }
        self.absent
            .iter()
            .for_each(|line| println!("not run: {line}"));
    }

    /// With a head.
    fn table(&self) -> Vec<[String; 11]> {
        let head = [
            "",
            "server",
            "requests/s",
            "server µs",
            "database µs",
            "CPU µs",
            "range",
            "to Backref",
            "statements",
            "p50 ms",
            "p99 ms",
        ];
        let mut table = vec![head.map(str::to_owned)];
        table.extend(self.rows.iter().map(Row::cells));
        table
    }

    /// How often the database's share of the cheapest goes into all that a server takes: what no server is beyond.
    fn at_most(&self, work: usize, name: &str) -> Option<f64> {
        let of_work = || self.rows.iter().filter(|row| row.work == work);
        let of = |row: &Row, value: fn(&Sample) -> Option<f64>| median(&row.samples, value);
        let alone = of_work().filter_map(|row| of(row, |sample| sample.database_cpu));
        let alone = alone.min_by(f64::total_cmp).filter(|alone| *alone > 0.0)?;
        let all = of_work().find(|row| row.name == name)?;
        Some(of(all, Sample::total_cpu)? / alone)
    }

    fn ratio(&self, work: usize, of: impl Fn(&Row) -> bool) -> impl Iterator<Item = (&str, f64)> {
        let rows = self
            .rows
            .iter()
            .filter(move |row| row.work == work && of(row));
        rows.filter_map(|row| Some((&*row.name, row.ratio?)))
    }
}

impl Row {
    fn cells(&self) -> [String; 11] {
        let of = |value: fn(&Sample) -> Option<f64>, digits| {
            number(median(&self.samples, value), digits)
        };
        let mut totals: Vec<f64> = self.samples.iter().filter_map(Sample::total_cpu).collect();
        totals.sort_by(f64::total_cmp);
        let range = totals.first().zip(totals.last());
        [
            WORKS[self.work].name.to_owned(),
            self.name.clone(),
            of(|sample| Some(sample.requests_per_second), 1),
            of(|sample| Some(sample.server_cpu), 0),
            of(|sample| sample.database_cpu, 0),
            of(Sample::total_cpu, 0),
            range.map_or("-".to_owned(), |(low, high)| format!("{low:.0}–{high:.0}")),
            number(self.ratio, 2),
            of(|sample| sample.statements, 1),
            of(|sample| Some(sample.p50_ms), 2),
            of(|sample| Some(sample.p99_ms), 2),
        ]
    }
}

/// What is not run, and why: in one line where it is the same for several.
fn absent(field: &Field) -> Vec<String> {
    let absent = field.absent.iter();
    let mut lines: Vec<_> = absent
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    for contender in &field.contenders {
        let mut reasons: Vec<(&str, String)> = Vec::new();
        let asked = WORKS.iter().zip(&contender.cells).zip(&field.asked);
        for ((work, cell), _) in asked.filter(|(_, asked)| **asked) {
            match (cell, reasons.last_mut()) {
                (Ok(_), _) => {}
                (Err(reason), Some((known, works))) if known == reason => {
                    works.push_str(", ");
                    works.push_str(work.name);
                }
                (Err(reason), _) => reasons.push((reason, work.name.to_owned())),
            }
        }
        let reasons = reasons.iter();
        lines.extend(
            reasons.map(|(reason, works)| format!("{}, {works}: {reason}", contender.name)),
        );
    }
    lines
}

/// Each target, and whether it is met.
pub fn targets(fields: &[Figures]) -> Vec<(String, bool)> {
    let mut targets = Vec::new();
    for figures in fields {
        for (w, work) in WORKS.iter().enumerate() {
            let kind = figures.kind;
            for (name, ratio) in figures.ratio(w, |row| row.role == Role::Floor) {
                if let Some(bound) = work.floor {
                    let ratio = 1.0 / ratio;
                    let text = format!(
                        "{kind}: {} backref / {name} {ratio:.2} ≤ {bound}",
                        work.name
                    );
                    targets.push((text, ratio <= bound));
                }
            }
            for (name, ratio) in figures.ratio(w, |row| row.role == Role::Peer) {
                if let Some(bound) = work.peers {
                    let mut text = format!(
                        "{kind}: {} {name} / backref {ratio:.2} ≥ {bound}",
                        work.name
                    );
                    let most = figures.at_most(w, name).filter(|most| *most < bound);
                    if let (true, Some(most)) = (ratio < bound, most) {
                        text += &format!(
                            " (a server that costs nothing would be at {most:.2}, by what the database takes alone)"
                        );
                    }
                    targets.push((text, ratio >= bound));
                }
            }
            let ours = figures
                .rows
                .iter()
                .find(|row| row.work == w && row.role == Role::Backref);
            let statements = ours.and_then(|row| median(&row.samples, |sample| sample.statements));
            if work.name == "W3"
                && let Some(statements) = statements
            {
                let text = format!("{kind}: W3 in {statements:.1} statements ≤ 6");
                targets.push((text, statements <= 6.05));
            }
        }
    }
    targets
}

/// Puts the section into `results.md`, in the place of the one that is there.
pub fn write(method: &str, fields: &[Figures]) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results.md");
    let text = std::fs::read_to_string(&file)?;
    let before = text.find(WRITING).map_or(&*text, |at| &text[..at]);
    let section = render(method, fields)?;
    std::fs::write(
        file,
        format!(
            "{}\n{section}",
            before.trim_end_matches('\n').to_owned() + "\n"
        ),
    )?;
    Ok(())
}

fn render(method: &str, fields: &[Figures]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "{WRITING}\n\nWritten by `cargo run --release -p backref-bench -- writes --write`.\n\n{method}.\n"
    )?;
    writeln!(out, "| | writes |\n|---|---|")?;
    for work in &WORKS {
        writeln!(out, "| {} | {} |", work.name, work.about)?;
    }
    for figures in fields {
        writeln!(out, "\n### {}\n", figures.version())?;
        for (place, row) in figures.table().iter().enumerate() {
            writeln!(out, "| {} |", row.join(" | "))?;
            if place == 0 {
                writeln!(out, "|---|---|{}", "---:|".repeat(row.len() - 2))?;
            }
        }
        for (place, line) in figures.absent.iter().enumerate() {
            writeln!(
                out,
                "{}- not run: {line}",
                if place == 0 { "\n" } else { "" }
            )?;
        }
    }
    writeln!(out, "\n### Targets of writing\n")?;
    for (text, is_met) in targets(fields) {
        writeln!(out, "- {}{text}", if is_met { "" } else { "**missed** " })?;
    }
    Ok(out)
}
