//! The reference implementation of GraphQL as a judge of documents, in a process of its own.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use tempfile::NamedTempFile;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/graphql-js");

/// A running `verdicts.mjs`. It ends when this is dropped.
pub struct GraphqlJs {
    /// It reads it once it has started.
    _schema: NamedTempFile,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Debug, Deserialize)]
pub struct Verdict {
    pub valid: bool,
    /// Messages of the syntax error, of the rules that the document breaks, or of what is wrong with variables.
    pub errors: Vec<String>,
    /// Of a document.
    #[serde(default)]
    pub kind: Kind,
    /// Line and column of a syntax error.
    pub at: Option<(usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Valid,
    Parse,
    Validation,
}

impl GraphqlJs {
    /// None where Node.js is not installed, or `npm install` was not run in `tests/integration/graphql-js`.
    fn start(sdl: &str) -> Option<Self> {
        let folder = Path::new(FOLDER);
        if !folder.join("node_modules/graphql").is_dir() {
            return None;
        }
        let mut schema = NamedTempFile::new().ok()?;
        schema.write_all(sdl.as_bytes()).ok()?;
        let mut process = Command::new("node")
            .arg(folder.join("verdicts.mjs"))
            .arg(schema.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let questions = process.stdin.take()?;
        let answers = BufReader::new(process.stdout.take()?);
        Some(Self {
            _schema: schema,
            process,
            questions,
            answers,
        })
    }

    /// Panics where the judge is gone; what it said last is on standard error.
    pub fn verdict(&mut self, query: &str) -> Verdict {
        self.ask(&json!({ "query": query }));
        self.answer()
    }

    /// Of the values for the variables of this document's one operation.
    pub fn verdict_of_variables(&mut self, query: &str, variables: &Value) -> Verdict {
        self.ask(&json!({ "query": query, "variables": variables }));
        self.answer()
    }

    /// Of many documents, while this process does something else.
    pub fn verdicts<T>(
        &mut self,
        queries: &[String],
        meanwhile: impl FnOnce() -> T,
    ) -> (Vec<Verdict>, T) {
        self.ask(&json!({ "queries": queries }));
        let done = meanwhile();
        (self.answer(), done)
    }

    fn ask(&mut self, question: &Value) {
        writeln!(self.questions, "{question}").expect("graphql-js listens");
    }

    fn answer<T: DeserializeOwned>(&mut self) -> T {
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("graphql-js answers");
        serde_json::from_str(&answer).expect("graphql-js answers with a verdict")
    }

    /// The judge for a schema. Without Node.js and its `graphql` package there is nobody to compare with;
    /// continuous integration demands them with `REQUIRE_GRAPHQL_JS=1`.
    pub fn of(sdl: &str) -> Option<Self> {
        let required = std::env::var("REQUIRE_GRAPHQL_JS").is_ok_and(|v| v == "1");
        let peer = Self::start(sdl);
        if peer.is_none() {
            assert!(
                !required,
                "REQUIRE_GRAPHQL_JS is set; run: npm ci --prefix tests/integration/graphql-js"
            );
            eprintln!("graphql-js is not installed: nothing is compared with it");
        }
        peer
    }
}

impl Drop for GraphqlJs {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
