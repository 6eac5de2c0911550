//! The commands that the documentation shows, line by line as a reader types them: one folder for each file, and the
//! program of this build wherever they say `cargo run` or `backref`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pieces;
use crate::harness::{Backend, Program, TestDatabase};

/// What compiles. CI runs the tests, the bench's guard, and what `backref new` writes is compiled by a test of its own.
const COMPILES: [&str; 3] = [
    "cargo test",
    "cargo build --release && cargo run --release -p backref-bench",
    "cd my-api && cargo run",
];

/// The reader of a file, in a folder of his own.
struct Reader {
    folder: tempfile::TempDir,
    /// What was started last.
    server: Option<Program>,
    postgres: Option<TestDatabase>,
}

impl Reader {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let reader = Reader {
            server: None,
            postgres: match Backend::all().contains(&Backend::Postgres) {
                true => Some(TestDatabase::empty(Backend::Postgres).await),
                false => None,
            },
            folder,
        };
        fs::create_dir_all(reader.here()).expect("a folder");
        fs::create_dir_all(reader.programs()).expect("a folder");
        let backref = env!("CARGO_BIN_EXE_backref");
        reader.program("backref", &format!("exec {backref} \"$@\""));
        // `cargo run -q -- token --user 1`
        let cargo = format!("while [ \"$1\" != -- ]; do shift; done; shift; exec {backref} \"$@\"");
        reader.program("cargo", &cargo);
        let shop = rusqlite::Connection::open(reader.here().join("shop.db")).expect("a file");
        let tables = "CREATE TABLE shop (id INTEGER PRIMARY KEY, name TEXT NOT NULL); \
            CREATE TABLE ware (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL REFERENCES shop (id))";
        shop.execute_batch(tables).expect("tables");
        reader
    }

    fn here(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.programs().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a program");
        let may_run = fs::Permissions::from_mode(0o755);
        fs::set_permissions(file, may_run).expect("rights");
    }

    /// Types a line. Whether it could be done here.
    fn types(&mut self, line: &str) -> bool {
        let mut line = line.to_owned();
        if line.contains("postgres://user@host/database") {
            let Some(database) = &self.postgres else {
                return false;
            };
            line = line.replace("postgres://user@host/database", &database.url.shown());
        }
        if COMPILES.contains(&line.as_str()) {
            return false;
        }
        if let Some(arguments) = serves(&line) {
            self.server = None;
            self.server = Some(Program::serve_in(&self.here(), &arguments));
            return true;
        }
        if line.contains("curl") && Command::new("curl").arg("-V").output().is_err() {
            return false;
        }
        if let Some(server) = &self.server {
            line = line.replace("127.0.0.1:8000", server.address());
        }
        let checkout = format!("--backref-path {}", env!("CARGO_MANIFEST_DIR"));
        line = line.replace("--backref-path .", &checkout);
        let path = std::env::var("PATH").unwrap_or_default();
        let done = Command::new("sh")
            .args(["-euc", &line])
            .current_dir(self.here())
            .env("PATH", format!("{}:{path}", self.programs().display()))
            .env_remove("DATABASE_URL")
            .env_remove("RUST_LOG")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&done.stdout);
        let fine = done.status.success() && !said.contains("\"errors\"");
        let complaint = String::from_utf8_lossy(&done.stderr);
        assert!(fine, "{line}\n{said}{complaint}");
        true
    }
}

/// What a line gives to a program that serves, if that is what it starts.
fn serves(line: &str) -> Option<Vec<String>> {
    let words: Vec<_> = line.split_whitespace().collect();
    let arguments = match &words[..] {
        ["cargo", "run"] => &[],
        ["cargo", "run", "--release", "--", rest @ ..] | ["backref", rest @ ..] => rest,
        _ => return None,
    };
    let plain = arguments
        .first()
        .is_none_or(|first| first.starts_with("--"));
    plain.then(|| arguments.iter().map(|word| (*word).to_owned()).collect())
}

/// The lines of a piece, without comments, each whole.
fn lines(piece: &str) -> Vec<String> {
    let whole = piece.replace("\\\n", " ");
    let line = |line: &str| {
        line.split("  #")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    whole
        .lines()
        .map(line)
        .filter(|line| !line.is_empty())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_documentation_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut typed = 0;
    for file in super::files(root) {
        let text = fs::read_to_string(&file).expect("a text");
        let pieces = pieces(&text, "sh");
        if pieces.is_empty() {
            continue;
        }
        let mut reader = Reader::new().await;
        for (_, piece) in pieces {
            for line in lines(&piece) {
                typed += usize::from(reader.types(&line));
            }
        }
    }
    assert!(typed > 8, "{typed}");
}
