//! `results.svg`: the CPU of every server relative to Backref's, a panel for each database and a plot for
//! each query. The colours are such that they can be read on white and on black.

use crate::{
    contender::Role,
    queries::QUERIES,
    results::{Field, Results, Sample, Standing, median_ratio},
};
use std::fmt::{Result, Write};

const WIDTH: f64 = 960.0;
const COLUMNS: usize = 3;
const COLUMN: f64 = WIDTH / COLUMNS as f64;
/// Height of a bar with the space around it.
const ROW: f64 = 16.0;
/// Above the bars of a plot, for its title, and below, for its scale.
const HEAD: f64 = 26.0;
const FOOT: f64 = 30.0;
/// Above the plots of a database, for its name.
const NAME: f64 = 30.0;
/// Above everything, for the title and the legend.
const TOP: f64 = 64.0;
/// Left of a plot's bars, for the names of the servers, and right of them, for their figures.
const LABELS: f64 = 136.0;
const FIGURES: f64 = 46.0;

const TEXT: &str = "#7a838d";
const LINE: &str = "#8b949e";
const BACKREF: &str = "#d9572b";
const FLOOR: &str = "#2f9e8f";
const TEXTBOOK: &str = "#b8860b";
const PEER: &str = "#5b83c9";

/// Q7 is asked of too few servers to be drawn.
const PLOTS: usize = 6;

pub fn render(results: &Results) -> String {
    let mut body = String::new();
    let mut y = TOP;
    let scale = Scale::of(results);
    // Writing to a string does not fail.
    let _ = write_legend(&mut body);
    for field in &results.fields {
        let _ = write_field(&mut body, field, &scale, &mut y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"ui-sans-serif, system-ui, -apple-system, 'Segoe UI', sans-serif\" font-size=\"11\" \
         fill=\"{TEXT}\" role=\"img\" aria-label=\"CPU per request relative to Backref\">\n{body}</svg>\n"
    )
}

/// The logarithmic scale that all plots share.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(results: &Results) -> Self {
        let mut scale = Self {
            low: 0.5,
            high: 2.0,
        };
        for field in &results.fields {
            for standing in &field.standings {
                for query in QUERIES.iter().take(PLOTS) {
                    if let Some(ratio) = ratio(field, standing, query.name) {
                        scale.low = scale.low.min(ratio * 0.9);
                        scale.high = scale.high.max(ratio * 1.1);
                    }
                }
            }
        }
        scale
    }

    /// Where a ratio is, right of the names.
    fn place(&self, ratio: f64) -> f64 {
        let width = COLUMN - LABELS - FIGURES;
        LABELS + width * (ratio / self.low).ln() / (self.high / self.low).ln()
    }

    /// 1, and then what is far enough apart for its label.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        [0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0]
            .into_iter()
            .filter(|tick| (self.low..=self.high).contains(tick))
    }
}

fn write_legend(out: &mut String) -> Result {
    writeln!(
        out,
        "<text x=\"0\" y=\"18\" font-size=\"15\" font-weight=\"600\">CPU per request, server and database \
         together, relative to Backref</text>\n<text x=\"{WIDTH}\" y=\"18\" text-anchor=\"end\">logarithmic \
         scale; a shorter bar is less CPU</text>"
    )?;
    let mut x = 0.0;
    for (colour, label) in [
        (BACKREF, "Backref = 1"),
        (FLOOR, "the query written by hand"),
        (TEXTBOOK, "the textbook: async-graphql, SeaORM, DataLoader"),
        (PEER, "other GraphQL servers"),
    ] {
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"34\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"43\">{label}</text>",
            x + 15.0
        )?;
        x += 45.0 + label.chars().count() as f64 * 6.0;
    }
    Ok(())
}

fn write_field(out: &mut String, field: &Field, scale: &Scale, y: &mut f64) -> Result {
    writeln!(
        out,
        "<text x=\"0\" y=\"{}\" font-size=\"13\" font-weight=\"600\">{}</text>\n\
         <line x1=\"0\" x2=\"{WIDTH}\" y1=\"{}\" y2=\"{}\" stroke=\"{LINE}\" stroke-opacity=\"0.4\"/>",
        *y + 14.0,
        field.kind,
        *y + 21.0,
        *y + 21.0
    )?;
    *y += NAME;
    let height = HEAD + field.standings.len() as f64 * ROW + FOOT;
    let mut drawn = 0;
    for query in QUERIES.iter().take(PLOTS) {
        if field.cell("backref", query.name).is_none() {
            continue;
        }
        let (x, row) = ((drawn % COLUMNS) as f64 * COLUMN, drawn / COLUMNS);
        writeln!(
            out,
            "<g transform=\"translate({x:.0} {:.0})\">",
            *y + row as f64 * height
        )?;
        writeln!(
            out,
            "<text x=\"0\" y=\"14\"><tspan font-weight=\"600\">{}</tspan> {}</text>",
            query.name, query.about
        )?;
        write_plot(out, field, query.name, scale)?;
        writeln!(out, "</g>")?;
        drawn += 1;
    }
    *y += drawn.div_ceil(COLUMNS) as f64 * height;
    Ok(())
}

fn write_plot(out: &mut String, field: &Field, query: &str, scale: &Scale) -> Result {
    let bottom = HEAD + field.standings.len() as f64 * ROW;
    for tick in scale.ticks() {
        let x = scale.place(tick);
        let opacity = if tick == 1.0 { 0.9 } else { 0.3 };
        writeln!(
            out,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{bottom}\" stroke=\"{LINE}\" \
             stroke-opacity=\"{opacity}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" \
             font-size=\"10\">{tick}×</text>",
            bottom + 12.0
        )?;
    }
    for (row, standing) in field.standings.iter().enumerate() {
        let y = HEAD + row as f64 * ROW;
        let base = y + ROW - 4.5;
        writeln!(
            out,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>",
            LABELS - 8.0,
            escaped(&standing.name)
        )?;
        let one = scale.place(1.0);
        let Some(ratio) = ratio(field, standing, query) else {
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{base}\" font-style=\"italic\" fill-opacity=\"0.8\">not run</text>",
                one + 5.0
            )?;
            continue;
        };
        let end = scale.place(ratio);
        let (left, right) = (one.min(end), one.max(end));
        let (colour, label) = match standing.role {
            Role::Backref => {
                let cpu = field
                    .cell("backref", query)
                    .and_then(|cell| cell.total_cpu());
                (BACKREF, format!("{} µs", thousands(cpu.unwrap_or(0.0))))
            }
            Role::Floor => (FLOOR, times(ratio)),
            Role::Textbook => (TEXTBOOK, times(ratio)),
            Role::Peer => (PEER, times(ratio)),
        };
        let (left, width) = match standing.role {
            Role::Backref => (one - 2.0, 4.0),
            _ => (left, (right - left).max(1.0)),
        };
        writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" rx=\"1.5\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{label}</text>",
            y + 2.5,
            ROW - 5.0,
            right + 6.0
        )?;
    }
    Ok(())
}

/// A server's CPU per request over Backref's.
fn ratio(field: &Field, standing: &Standing, query: &str) -> Option<f64> {
    let of = |server: &str| Some(&field.cell(server, query)?.busy);
    median_ratio(of(&standing.name)?, of("backref")?, Sample::total_cpu)
}

fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 1.995 => format!("{ratio:.2}×"),
        ratio if ratio < 9.95 => format!("{ratio:.1}×"),
        ratio => format!("{}×", thousands(ratio)),
    }
}

/// A whole number, its thousands set apart.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
