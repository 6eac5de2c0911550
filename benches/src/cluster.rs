//! A temporary PostgreSQL cluster.

use crate::{Result, process::free_port};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A PostgreSQL cluster that lives as long as this value, on loopback only.
pub struct Cluster {
    directory: PathBuf,
    bin: PathBuf,
    pub url: String,
}

impl Cluster {
    /// Makes and starts the cluster. Its database is empty. Durable, it has what was committed on the disk
    /// before it says so.
    pub fn start(is_durable: bool) -> Result<Self> {
        let port = free_port()?;
        let debian = Path::new("/usr/lib/postgresql/15/bin");
        let bin = if debian.is_dir() {
            debian
        } else {
            Path::new("")
        };
        let made = as_postgres("mktemp")
            .args(["-d", "-t", "backref-bench-XXXXXX"])
            .output()?;
        let directory = PathBuf::from(String::from_utf8(made.stdout)?.trim());
        if !directory.is_dir() {
            return Err("no temporary directory; as root, this needs a user postgres".into());
        }
        let cluster = Self {
            directory,
            bin: bin.to_owned(),
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        };
        let initdb = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ];
        cluster.run("initdb", &initdb)?;
        let fsync = if is_durable { "on" } else { "off" };
        // Nothing but the queries may use CPU time, hence no vacuum in the background, nor checkpoints.
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync={fsync} \
             -c checkpoint_timeout=1h -c autovacuum=off -c shared_buffers=256MB -c max_wal_size=4GB -c max_connections=300"
        );
        // Installations without the contributed modules refuse to start with one. The many lengths of
        // the textbook's IN lists are as many entries.
        let counting = format!(
            "{settings} -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.max=20000"
        );
        let start =
            |settings: &str| cluster.run("pg_ctl", &["-w", "-l", "log", "-o", settings, "start"]);
        if start(&counting).is_err() {
            start(&settings)?;
        }
        Ok(cluster)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let status = as_postgres(self.bin.join(program))
            .arg("-D")
            .arg(self.directory.join("data"))
            .args(arguments)
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("{program}: {status}").into());
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may not have been started, and there is nobody left to tell.
        let _ = self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A command of a user that PostgreSQL does not refuse to run as.
fn as_postgres(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    });
    let mut command = if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}
