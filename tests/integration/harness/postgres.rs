//! A temporary PostgreSQL cluster on a loopback port, shared by the tests of a run and gone with it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database};

pub struct Server {
    /// A URL of a database in which databases can be created.
    url: String,
    /// Where it was started, if it was.
    place: Option<Place>,
    /// Stops the cluster when the pipe to it closes, which it does however the test process ends.
    _guard: Option<Child>,
}

struct Place {
    binaries: PathBuf,
    data: PathBuf,
}

/// A server of a test's own, to be done with as it likes.
pub fn own_server() -> Option<Server> {
    binaries().map(|folder| start(&folder))
}

/// The server to test on, if there is one.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
                return Some(Server {
                    url,
                    place: None,
                    _guard: None,
                });
            }
            let server = binaries().map(|folder| start(&folder));
            let required = std::env::var("REQUIRE_POSTGRES").is_ok_and(|v| v == "1");
            assert!(
                server.is_some() || !required,
                "REQUIRE_POSTGRES is set, but there is no PostgreSQL: install postgresql-15 or set TEST_DATABASE_URL"
            );
            if server.is_none() {
                eprintln!("PostgreSQL is not installed: these tests run on SQLite alone");
            }
            server
        })
        .as_ref()
}

impl Server {
    /// Ends it as a crash would, and starts it again.
    pub fn crash(&self) {
        let Place { binaries, data } = self.place.as_ref().expect("a server of its own");
        let prefix = as_server_user(is_root());
        let mut words: Vec<String> = prefix.iter().map(|s| (*s).to_owned()).collect();
        words.push(binaries.join("pg_ctl").display().to_string());
        let log = data.join("log").display().to_string();
        let data = data.display().to_string();
        words.extend(
            ["-D", &data, "-l", &log, "-m", "immediate", "-w", "restart"].map(str::to_owned),
        );
        let done = Command::new(&words[0])
            .args(&words[1..])
            .current_dir("/")
            .stdout(Stdio::null())
            .status();
        assert!(done.expect("pg_ctl runs").success());
    }

    /// The URL of a new database with these options of `CREATE DATABASE`.
    pub async fn create_database(&self, options: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("backref_test_{}_{number}", std::process::id());
        let admin = Database::connect(&self.url)
            .await
            .expect("the test server answers");
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name} {options}"))
            .await
            .expect("a database for the test");
        admin.close().await.expect("the connection closes");
        let (server, _) = self
            .url
            .rsplit_once('/')
            .expect("a URL with a database name");
        format!("{server}/{name}")
    }
}

fn binaries() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|v| v.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = installed.chain(std::env::split_paths(&path)).collect();
    folders.retain(|f| f.join("initdb").is_file() && f.join("postgres").is_file());
    folders.into_iter().next()
}

/// PostgreSQL refuses to run as root; root becomes another user for it.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

pub fn as_server_user(root: bool) -> Vec<&'static str> {
    if root {
        vec!["runuser", "-u", server_user(), "--"]
    } else {
        Vec::new()
    }
}

fn server_user() -> &'static str {
    let passwords = fs::read_to_string("/etc/passwd").unwrap_or_default();
    if passwords.lines().any(|l| l.starts_with("postgres:")) {
        "postgres"
    } else {
        "nobody"
    }
}

fn start(binaries: &Path) -> Server {
    let folder = tempfile::Builder::new()
        .prefix("backref-postgres-")
        .tempdir()
        .expect("a temporary folder")
        .keep();
    let root = is_root();
    if root {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("our own folder");
    }
    let data = folder.join("data");
    let prefix = as_server_user(root);
    let mut words: Vec<String> = prefix.iter().map(|s| (*s).to_owned()).collect();
    words.push(binaries.join("initdb").display().to_string());
    let arguments = [
        "-D",
        &data.display().to_string(),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ];
    words.extend(arguments.map(str::to_owned));
    let made = Command::new(&words[0])
        .args(&words[1..])
        .current_dir("/")
        .output()
        .expect("initdb runs");
    assert!(
        made.status.success(),
        "initdb failed: {}",
        String::from_utf8_lossy(&made.stderr)
    );

    // Not before that, which takes long: somebody else would have it by then.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port();
    let settings = format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off -c synchronous_commit=off \
         -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB -c logging_collector=off"
    );
    // The shell waits for its input to end, which it does when this process ends, however that happens.
    let script = format!(
        "{prefix} {postgres} -D {data} {settings} >{log} 2>&1 & server=$!; cat >/dev/null; \
         kill -INT $(head -1 {data}/postmaster.pid) 2>/dev/null; wait $server; rm -rf {folder}",
        prefix = prefix.join(" "),
        postgres = binaries.join("postgres").display(),
        data = data.display(),
        log = folder.join("log").display(),
        folder = folder.display(),
    );
    let guard = Command::new("sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    let started = Instant::now();
    while !is_ready(binaries, port) {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "PostgreSQL did not start: {}",
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Server {
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        place: Some(Place {
            binaries: binaries.to_path_buf(),
            data,
        }),
        _guard: Some(guard),
    }
}

fn is_ready(binaries: &Path, port: u16) -> bool {
    let check = Command::new(binaries.join("pg_isready"))
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-U",
            "postgres",
            "-q",
        ])
        .current_dir("/")
        .status();
    check.is_ok_and(|s| s.success())
}
