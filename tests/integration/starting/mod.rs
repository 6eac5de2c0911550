//! Starting and migrating: what the program does to a database before it serves it, and what it refuses to do.

mod killed;
mod left;
mod migrating;
mod newer;
mod others;
mod places;
mod remedies;
mod replaced;
mod rights;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
struct Serving {
    child: Child,
    /// Where it listens.
    address: String,
    /// What it said until it served.
    said: String,
    /// What it has logged since.
    log: Arc<Mutex<String>>,
}

impl Serving {
    fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// What it answers to a document: the whole response.
    fn ask(&self, query: &str) -> std::io::Result<String> {
        let body = serde_json::json!({ "query": query }).to_string();
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server, until it serves or ends with what it says then.
fn serve(folder: &Path, arguments: &[&str]) -> Result<Serving, String> {
    up(backref(folder, arguments))
}

fn up(mut command: Command) -> Result<Serving, String> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut serving = Serving {
        child,
        address: String::new(),
        said: String::new(),
        log: Arc::default(),
    };
    let mut said = String::new();
    let mut line = String::new();
    while stderr.read_line(&mut line).expect("UTF-8") > 0 {
        if let Some((_, address)) = line.split_once("GraphQL at http://") {
            let end = address.find('/').expect("a path");
            serving.address = address[..end].to_owned();
            said.push_str(&line);
            serving.said = said;
            let log = serving.log.clone();
            std::thread::spawn(move || keep(stderr, &log));
            return Ok(serving);
        }
        said.push_str(&line);
        line.clear();
    }
    Err(said)
}

/// Keeps what is logged until the end.
fn keep(stderr: BufReader<ChildStderr>, log: &Mutex<String>) {
    for line in stderr.lines().map_while(Result::ok) {
        let mut log = log.lock().expect("the log");
        log.push_str(&line);
        log.push('\n');
    }
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
