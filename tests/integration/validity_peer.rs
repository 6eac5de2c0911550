//! The reference implementation of GraphQL as a judge of documents, in a process of its own.

use serde::Deserialize;
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/graphql-js");

/// A running `verdicts.mjs`. It ends when this is dropped.
pub struct GraphqlJs {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Debug, Deserialize)]
pub struct Verdict {
    pub valid: bool,
    /// Messages of the syntax error, or of the rules that the document breaks.
    pub errors: Vec<String>,
}

impl GraphqlJs {
    /// Starts the judge for the schema in this file. None where Node.js is not installed, or
    /// `npm install` was not run in `tests/integration/graphql-js`.
    pub fn start(schema_path: impl AsRef<Path>) -> Option<Self> {
        let folder = Path::new(FOLDER);
        if !folder.join("node_modules/graphql").is_dir() {
            return None;
        }
        let mut process = Command::new("node")
            .arg(folder.join("verdicts.mjs"))
            .arg(schema_path.as_ref())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let questions = process.stdin.take()?;
        let answers = BufReader::new(process.stdout.take()?);
        Some(Self {
            process,
            questions,
            answers,
        })
    }

    /// Panics where the judge is gone; what it said last is on standard error.
    pub fn verdict(&mut self, query: &str) -> Verdict {
        writeln!(self.questions, "{}", json!({ "query": query })).expect("graphql-js listens");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("graphql-js answers");
        serde_json::from_str(&answer).expect("graphql-js answers with a verdict")
    }
}

impl Drop for GraphqlJs {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
