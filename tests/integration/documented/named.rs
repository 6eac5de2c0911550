//! The flags, commands and variables that the documentation names are those of the command line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use backref::serve::config::Cli;
use clap::{Command, CommandFactory};
use heck::ToUpperCamelCase;

/// Variables that others read: SeaORM's drivers as libpq does, the log, the tests, the allocator.
const OF_OTHERS: [&str; 4] = [
    "PGPASSWORD",
    "RUST_LOG",
    "TEST_DATABASE_URL",
    "MIMALLOC_ALLOW_THP",
];

/// Flags of cargo's.
const OF_CARGO: [&str; 2] = ["--example", "--release"];

/// Of a command and all below it.
fn walk(command: &Command, all: &mut Vec<Command>) {
    all.push(command.clone());
    for below in command.get_subcommands() {
        walk(below, all);
    }
}

/// What stands between single backquotes, outside blocks of code.
fn quoted(text: &str) -> Vec<String> {
    let mut is_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            prose += line;
            prose.push('\n');
        }
    }
    let pieces = prose.split('`').skip(1).step_by(2);
    pieces.map(str::to_owned).collect()
}

/// A variable's name, where a piece of code is one or sets one; single words may be anything.
fn variable(piece: &str) -> Option<&str> {
    let name = piece.split('=').next()?;
    let fits = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
    let is_one = name.contains('_') || piece.contains('=');
    (is_one && name.len() > 2 && name.chars().all(fits)).then_some(name)
}

#[test]
fn every_flag_command_and_variable_of_the_documentation_is_there() {
    let mut command = Cli::command();
    command.build();
    let mut commands = Vec::new();
    walk(&command, &mut commands);
    let arguments: Vec<_> = commands.iter().flat_map(Command::get_arguments).collect();
    let flags: BTreeSet<String> = arguments
        .iter()
        .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
        .collect();
    let variables: BTreeSet<&str> = arguments
        .iter()
        .filter_map(|argument| argument.get_env()?.to_str())
        .collect();
    let names: BTreeSet<&str> = commands.iter().map(Command::get_name).collect();
    // What errors are called, too.
    let errors = include_str!("../../../src/error.rs");

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for file in super::files(root) {
        let text = fs::read_to_string(&file).expect("a text");
        for piece in quoted(&text) {
            let place = format!("{}: `{piece}`", file.display());
            if let Some(name) = variable(&piece) {
                let is_error = errors.contains(&format!("    {},", name.to_upper_camel_case()));
                let is_there = variables.contains(name) || OF_OTHERS.contains(&name) || is_error;
                assert!(is_there, "{place}: there is no variable {name}");
                found.insert(name.to_owned());
            }
            for word in piece.split_whitespace() {
                if word.starts_with("--") && word.len() > 2 {
                    let flag = word.split('=').next().unwrap_or_default();
                    let is_there = flags.contains(flag) || OF_CARGO.contains(&flag);
                    assert!(is_there, "{place}: there is no flag {flag}");
                    found.insert(flag.to_owned());
                }
            }
            let mut words = piece
                .split_whitespace()
                .skip_while(|word| *word != "backref");
            if let (Some(_), Some(name)) = (words.next(), words.next())
                && !name.starts_with('-')
            {
                assert!(names.contains(name), "{place}: there is no command {name}");
                found.insert(name.to_owned());
            }
        }
    }
    assert!(found.len() > 50, "{found:?}");
}
