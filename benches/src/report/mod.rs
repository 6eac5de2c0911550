//! From results to what is read: the terminal's tables, `results.md` and `results.svg`.

mod chart;
mod markdown;
mod targets;
mod terminal;

use crate::{Result, results::Results};
use std::{path::Path, process::Command};

pub use terminal::print;

/// What the section of `results.md` begins with that `writes` writes.
pub const WRITING: &str = "## Writing";

/// Writes the files that the README shows. The section of another command stays.
pub fn write(results: &Results, folder: &Path) -> Result<()> {
    let file = folder.join("results.md");
    let mut text = markdown::render(results);
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    if let Some(at) = before.find(WRITING) {
        text.push('\n');
        text.push_str(&before[at..]);
    }
    std::fs::write(file, text)?;
    std::fs::write(folder.join("results.svg"), chart::render(results))?;
    Ok(())
}

/// What the figures depend on besides the programs: processors, databases, compiler.
pub fn machine(databases: &[String]) -> Result<String> {
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    let mut words = vec![format!("{} CPUs", std::thread::available_parallelism()?)];
    words.extend_from_slice(databases);
    // `rustc 1.94.0 (4a4ef493e 2026-03-02)`: the date says nothing that the number does not.
    words.extend(compiler.split(" (").next().map(str::to_owned));
    words.retain(|word| !word.is_empty());
    Ok(words.join(", "))
}

pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

fn megabytes(bytes: Option<u64>) -> String {
    number(bytes.map(|bytes| bytes as f64 / f64::from(1 << 20)), 0)
}
