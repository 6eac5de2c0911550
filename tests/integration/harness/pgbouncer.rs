//! PgBouncer in transaction mode before the PostgreSQL of the tests.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backref::serve::database::Url;
use tempfile::TempDir;

use super::TestDatabase;
use super::postgres::{as_server_user, is_root};

/// A pooler, which ends with the test.
pub struct PgBouncer {
    /// Ends it when its input is closed, however the test process ends.
    guard: Child,
    port: u16,
    _folder: TempDir,
}

impl PgBouncer {
    /// One with so many sessions for each database of the server that this one is of; none where it is not installed.
    pub fn before(database: &TestDatabase, sessions: usize) -> Option<Self> {
        let Some(binary) = binary() else {
            let required = std::env::var("REQUIRE_PGBOUNCER").is_ok_and(|v| v == "1");
            assert!(
                !required,
                "REQUIRE_PGBOUNCER is set, but there is no PgBouncer: install pgbouncer"
            );
            eprintln!("PgBouncer is not installed: it is not tested");
            return None;
        };
        let url = database.url.shown();
        let (_, place) = url.split_once('@').expect("a user");
        let (address, _) = place.split_once('/').expect("a name");
        let (host, server) = address.split_once(':').expect("a port");
        let folder = tempfile::tempdir().expect("a folder");
        // Another user than this one runs it.
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).expect("our own folder");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let pid = folder.path().join("pid");
        let settings = format!(
            "[databases]\n* = host={host} port={server} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 500\npidfile = {pid}\n",
            pid = pid.display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("its settings");
        let log = folder.path().join("log");
        let script = format!(
            "{prefix} {binary} {file} >{log} 2>&1 & pooler=$!; cat >/dev/null; kill -TERM $(cat {pid}); wait $pooler",
            pid = pid.display(),
            prefix = as_server_user(is_root()).join(" "),
            binary = binary.display(),
            file = file.display(),
            log = log.display(),
        );
        let guard = Command::new("sh")
            .args(["-c", &script])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        let pooler = PgBouncer {
            guard,
            port,
            _folder: folder,
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "PgBouncer did not start: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(pooler)
    }

    /// The URL of a database behind it, without saying that it is a pooler.
    pub fn text(&self, database: &TestDatabase) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{}",
            self.port,
            database.name()
        )
    }

    pub fn url(&self, database: &TestDatabase) -> Url {
        let text = format!("{}?pgbouncer=true", self.text(database));
        text.parse().expect("a URL")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn binary() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian has it where the path of a user who is not root does not lead.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let mut found = folders.map(|folder: PathBuf| folder.join("pgbouncer"));
    found.find(|file: &PathBuf| Path::is_file(file))
}
