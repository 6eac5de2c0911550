//! Starting and migrating: what the program does to a database before it serves it, and what it refuses to do.

mod killed;
mod left;
mod migrating;
mod others;
mod rights;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use sea_orm::ConnectionTrait;

use crate::harness::{Backend, TestDatabase};

/// The program, started in a folder, where its embedded file would be.
fn backref(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backref"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("LISTEN", "127.0.0.1:0")
        .env_remove("DATABASE_URL")
        .env_remove("RUST_LOG");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    backref(folder, arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it says when it refuses, which it must.
fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let serves = arguments
        .first()
        .is_none_or(|first| first.starts_with("--"));
    if serves {
        return match serve(folder, arguments) {
            Ok(_serving) => panic!("{arguments:?}: it serves"),
            Err(said) => said,
        };
    }
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    text(&output.stderr)
}

/// What it prints when it does what it is asked.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

/// A server that is up, and killed when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server, until it serves or ends with what it says then.
fn serve(folder: &Path, arguments: &[&str]) -> Result<Serving, String> {
    let mut child = backref(folder, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stderr = child.stderr.take().expect("its stderr");
    let serving = Serving(child);
    let mut said = String::new();
    for line in BufReader::new(stderr).lines() {
        let line = line.expect("UTF-8");
        if line.contains("GraphQL at http://") {
            return Ok(serving);
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(said)
}

/// An empty database, by its URL.
async fn empty(backend: Backend) -> (TestDatabase, String) {
    let database = TestDatabase::empty(backend).await;
    let url = database.url.shown();
    (database, url)
}

async fn execute(database: &TestDatabase, statement: &str) {
    let done = database.connection.execute_unprepared(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
