//! What the documentation shows is what the graph in the box answers, and what its commands do.

mod commands;
mod named;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase};
use crate::writing::somebody;

/// The README, and the chapters of the book.
fn files(root: &Path) -> Vec<PathBuf> {
    let docs = fs::read_dir(root.join("docs")).expect("a folder");
    let mut files: Vec<_> = docs.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "md"));
    files.push(root.join("README.md"));
    files.sort();
    files
}

/// What a text shows of a language, each piece with the number of its first line.
fn pieces(text: &str, language: &str) -> Vec<(usize, String)> {
    let opens = format!("```{language}");
    let mut all = Vec::new();
    let mut piece: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut piece, line.trim_end()) {
            (None, line) if line == opens => piece = Some((number + 2, String::new())),
            (Some(_), "```") => all.extend(piece.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    all
}

/// Each piece is answered without an error, to somebody who may do it: on a database of its own, since some of them write.
#[tokio::test]
async fn every_query_and_mutation_of_the_documentation_is_answered() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut asked = 0;
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, backref::blog::graph(), Default::default());
        for file in &files(root) {
            let text = fs::read_to_string(file).expect("a text");
            for (line, piece) in pieces(&text, "graphql") {
                // Signing up needs a server that signs tokens, which has tests of its own.
                if piece.contains("signUp") || piece.contains("signIn") {
                    continue;
                }
                let answer = app.ask(&somebody("admin", 1), &piece, &json!({})).await;
                let answer = answer.json();
                let fine = answer.get("errors").is_none();
                assert!(fine, "{}:{line}, {backend:?}: {answer}", file.display());
                asked += 1;
            }
        }
    }
    assert!(asked > 5, "{asked}");
}
