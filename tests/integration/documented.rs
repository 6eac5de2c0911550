//! What the documentation shows is what the graph in the box answers.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase};
use crate::writing::somebody;

/// The GraphQL in a text, each piece with the number of its first line.
fn pieces(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut piece: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut piece, line.trim_end()) {
            (None, "```graphql") => piece = Some((number + 2, String::new())),
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
    let mut files = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).expect("a folder");
    files.extend(docs.map(|entry| entry.expect("an entry").path()));
    files.retain(|file| file.extension().is_some_and(|e| e == "md"));
    let mut asked = 0;
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, backref::blog::graph(), Default::default());
        for file in &files {
            let text = fs::read_to_string(file).expect("a text");
            for (line, piece) in pieces(&text) {
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
