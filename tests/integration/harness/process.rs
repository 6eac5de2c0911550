//! The program itself, serving, with what it says in its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::TestDatabase;

/// So long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the tokens of tests are signed with.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What a probe is told that is not answered in its two seconds, be it that the machine stood still.
pub const LATE: &str = "the database does not answer within 2 s";

/// A token of the first user's, as the program makes it.
pub fn token(database: &TestDatabase) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_backref"))
        .args([
            "token",
            "--user",
            "1",
            "--jwt-secret",
            SECRET,
            "--database-url",
        ])
        .arg(database.url.shown())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A server over a database, which is killed when it is dropped.
pub struct Program {
    child: Child,
    address: String,
    log: Option<JoinHandle<String>>,
    _folder: Option<TempDir>,
}

impl Program {
    /// Starts it, with these arguments beside the database's, and waits until it serves.
    pub fn serve(database: &TestDatabase, arguments: &[&str]) -> Self {
        Self::serve_at(&database.url.shown(), arguments)
    }

    pub fn serve_at(url: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backref"));
        command.args(["--database-url", url]).args(arguments);
        Self::start(command)
    }

    /// One whose log nobody reads any more.
    pub fn unheard(database: &TestDatabase) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        drop(listener);
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_backref"))
            .args(["--database-url", &database.url.shown()])
            .env("LISTEN", &address)
            .current_dir(folder.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stderr.take());
        let program = Program {
            child,
            address,
            log: None,
            _folder: Some(folder),
        };
        let started = Instant::now();
        while !program.is_listening() {
            assert!(started.elapsed() < PATIENCE, "it does not serve");
            std::thread::sleep(Duration::from_millis(10));
        }
        program
    }

    /// With its arguments alone, in a folder.
    pub fn serve_in(folder: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backref"));
        command.args(arguments).env_remove("DATABASE_URL");
        Self::start_in(command, folder, None)
    }

    /// One of the examples, which `cargo test` builds, over a database if one is named.
    pub fn example(name: &str, url: Option<&str>, arguments: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_backref"));
        let mut command = Command::new(program.with_file_name("examples").join(name));
        command.args(arguments).env_remove("DATABASE_URL");
        if let Some(url) = url {
            command.env("DATABASE_URL", url);
        }
        Self::start(command)
    }

    fn start(command: Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        Self::start_in(command, &path, Some(folder))
    }

    fn start_in(mut command: Command, path: &Path, folder: Option<TempDir>) -> Self {
        let mut child = command
            .env("LISTEN", "127.0.0.1:0")
            .current_dir(path)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("its log"));
        let (tell, address) = mpsc::channel();
        let log = std::thread::spawn(move || {
            let mut all = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, after)) = line.split_once("GraphQL at http://") {
                    let address = after.split('/').next().unwrap_or_default();
                    let _ = tell.send(address.to_owned());
                }
                all += &line;
                all.push('\n');
            }
            all
        });
        let mut program = Program {
            child,
            address: String::new(),
            log: Some(log),
            _folder: folder,
        };
        match address.recv_timeout(PATIENCE) {
            Ok(address) => program.address = address,
            Err(_) => panic!("it does not serve: {}", program.end().1),
        }
        program
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn is_listening(&self) -> bool {
        TcpStream::connect(&self.address).is_ok()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        let patient = stream.set_read_timeout(Some(PATIENCE));
        patient.expect("a timeout");
        stream
    }

    /// Sends a query on a connection of its own, without waiting for the answer.
    pub fn send(&self, query: &str) -> TcpStream {
        self.send_with(query, "accept: */*")
    }

    /// With a header of the test's own.
    fn send_with(&self, query: &str, header: &str) -> TcpStream {
        let body = json!({ "query": query }).to_string();
        let mut stream = self.connect();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\ncontent-type: application/json"
        );
        write!(
            stream,
            "{head}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        stream
    }

    pub fn ask(&self, query: &str) -> Value {
        answer(self.send(query))
    }

    /// With a header: `authorization: Bearer …`.
    pub fn ask_with(&self, query: &str, header: &str) -> Value {
        answer(self.send_with(query, header))
    }

    /// The status of a GET.
    pub fn status_of(&self, path: &str) -> (String, String) {
        let mut stream = self.connect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let status = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = text.split_once("\r\n\r\n").unwrap_or_default().1.to_owned();
        (status, body)
    }

    /// That it is ready, however late it says so.
    pub fn assert_ready(&self) {
        let started = Instant::now();
        loop {
            let (status, says) = self.status_of("/readyz");
            if !says.contains(LATE) || started.elapsed() > PATIENCE {
                assert_eq!(status, "200", "{says}");
                return;
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// Asks it to stop, and waits for its end; its status, and all that it has said.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let started = Instant::now();
        while self.child.try_wait().expect("our child").is_none() {
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.end()
    }

    fn end(&mut self) -> (ExitStatus, String) {
        let _ = self.child.kill();
        let status = self.child.wait().expect("our child");
        let log = self.log.take().and_then(|log| log.join().ok());
        (status, log.unwrap_or_default())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a query that was sent.
pub fn answer(mut stream: TcpStream) -> Value {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (_, body) = text.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or_else(|e| panic!("no JSON: {e}: {text}"))
}
