//! Figures, and the file that says what they should be.

use crate::Result;
use std::{collections::BTreeMap, fmt::Write as _, path::Path, process::Command};

/// By how many percent a figure may differ from the file's. Beyond chance, it leaves room for another machine's
/// libc.
const KNOWN: f64 = 3.0;
/// The same for new texts. Parsing and planning look more up in tables, and how long that takes depends on
/// the random number that hashes begin with in each process.
const NEW: f64 = 4.0;
/// By how many instructions any figure may differ. Some are made of few lookups.
const ANY: f64 = 400.0;

/// Instructions of a request, or of a part of one.
#[derive(Debug)]
pub struct Figure {
    pub name: String,
    pub instructions: u64,
}

/// Writes the file.
pub fn write(file: &Path, found: &[Figure]) -> Result<()> {
    let mut text = format!(
        "\
# Instructions per request as callgrind counts them, {builder}.
# CI fails where one differs by more than {KNOWN} % (a miss: {NEW} %) and by more than {ANY}. What they are, and
# how to renew them: README.md, \"What guards it\".
",
        builder = builder()
    );
    for Figure { name, instructions } in found {
        writeln!(text, "{name:<15} {instructions:>8}")?;
    }
    Ok(std::fs::write(file, text)?)
}

/// Fails where figures differ from the file's, with the command that renews it: where there are fewer
/// instructions too, so that what was gained is kept. Prints both, side by side.
pub fn compare(file: &Path, found: &[Figure], renew: &str) -> Result<()> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{}: {error}; make it: {renew}", file.display()))?;
    let expected = read(&text)?;
    println!(
        "{:<15} {:>8} {:>8} {:>8}",
        "instructions", "expected", "found", "change"
    );
    for Figure { name, instructions } in found {
        match expected.get(name.as_str()) {
            Some(&expected) => println!(
                "{name:<15} {expected:>8} {instructions:>8} {:>+7.2}%",
                change(expected, *instructions)
            ),
            None => println!("{name:<15} {:>8} {instructions:>8}", "-"),
        }
    }
    let mut reasons = differences(expected, found);
    if reasons.is_empty() {
        return Ok(());
    }
    let builder = builder();
    if !text.contains(&builder) {
        reasons.push(format!(
            "the file is of another compiler: this program is {builder}"
        ));
    }
    let reasons = reasons.join("\n");
    Err(format!(
        "{reasons}\nWhere that is meant, gains included, renew benches/instructions.txt in the same change:\n{renew}"
    )
    .into())
}

/// By name.
fn read(text: &str) -> Result<BTreeMap<&str, u64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let figure = line.rsplit_once(' ');
            let (name, instructions) = figure.ok_or(format!("`{line}` is no figure"))?;
            Ok((name.trim_end(), instructions.parse()?))
        })
        .collect()
}

/// What is not as expected, each in a line.
fn differences(mut expected: BTreeMap<&str, u64>, found: &[Figure]) -> Vec<String> {
    let mut reasons = Vec::new();
    for Figure { name, instructions } in found {
        let Some(expected) = expected.remove(name.as_str()) else {
            reasons.push(format!("{name}: not in the file"));
            continue;
        };
        let percent = if name.ends_with("miss") { NEW } else { KNOWN };
        let allowed = ANY.max(expected as f64 * percent / 100.0);
        let change = change(expected, *instructions);
        if expected.abs_diff(*instructions) as f64 > allowed {
            let way = if change > 0.0 { "more" } else { "fewer" };
            reasons.push(format!(
                "{name}: {:.1} % {way} instructions than expected",
                change.abs()
            ));
        }
    }
    reasons.extend(expected.keys().map(|name| format!("{name}: not counted")));
    reasons
}

/// In percent.
fn change(expected: u64, found: u64) -> f64 {
    100.0 * (found as f64 / expected as f64 - 1.0)
}

/// What decides about instructions besides the sources.
fn builder() -> String {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.map_or("an unknown compiler".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    format!("built by {version} for {}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let found = [
            ("same", 103_000),
            ("small", 1_400),
            ("worse", 103_100),
            ("plan miss", 104_000),
            ("better", 90_000),
            ("new", 1),
        ];
        let found = found.map(|(name, instructions)| Figure {
            name: name.to_owned(),
            instructions,
        });
        let text = "# A head.\nsame   100000\nsmall 1000\nworse 100000\nplan miss 100000\nbetter 100000\ngone hit 1\n";
        let expected = read(text).expect("figures");
        assert_eq!(
            differences(expected, &found),
            [
                "worse: 3.1 % more instructions than expected",
                "better: 10.0 % fewer instructions than expected",
                "new: not in the file",
                "gone hit: not counted",
            ]
        );
    }
}
