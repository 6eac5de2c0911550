//! The database that is measured: one that exists, or a temporary PostgreSQL cluster.

use crate::{
    Result,
    process::{cpu_with_children, free_port, parent_if_named},
};
use sqlx::{Connection, Executor, PgConnection};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The content that performance figures of this project are about.
const CONTENT: [&str; 10] = [
    "--users",
    "10000",
    "--posts",
    "100000",
    "--comments",
    "300000",
    "--tags",
    "500",
    "--seed",
    "1",
];

/// What the measurements ask of a database.
pub struct Database {
    connection: PgConnection,
    /// Parent of all backends; unknown when the database is on another machine.
    postmaster: Option<u32>,
    counts_statements: bool,
    pub version: String,
}

impl Database {
    pub async fn connect(url: &str) -> Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        let (version, backend): (String, i32) =
            sqlx::query_as("SELECT current_setting('server_version'), pg_backend_pid()")
                .fetch_one(&mut connection)
                .await?;
        let postmaster = parent_if_named(backend.try_into()?, "postgres");
        let counts_statements = connection
            .execute("SELECT 1 FROM pg_stat_statements")
            .await
            .is_ok();
        Ok(Self {
            connection,
            postmaster,
            counts_statements,
            version,
        })
    }

    pub async fn users(&mut self) -> Result<Vec<i64>> {
        let query = sqlx::query_scalar(r#"SELECT id FROM "user" ORDER BY id"#);
        Ok(query.fetch_all(&mut self.connection).await?)
    }

    /// CPU time that PostgreSQL has used so far, with all its backends.
    pub fn cpu(&self) -> Result<Option<Duration>> {
        self.postmaster.map(cpu_with_children).transpose()
    }

    /// Statements run so far, without those of this counter and those that only mark transactions or
    /// change settings.
    pub async fn statements(&mut self) -> Result<Option<i64>> {
        if !self.counts_statements {
            return Ok(None);
        }
        let count = sqlx::query_scalar(
            r"SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
              WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND query NOT LIKE '%pg_stat_statements%'
              AND query !~* '^\s*(begin|start|commit|end|rollback|set|reset|show|discard|deallocate)\M'",
        );
        Ok(Some(count.fetch_one(&mut self.connection).await?))
    }
}

/// A PostgreSQL cluster that lives as long as this value, on loopback only.
pub struct Cluster {
    directory: PathBuf,
    bin: PathBuf,
    pub url: String,
}

impl Cluster {
    /// Makes and starts the cluster; migrates and fills its database with the `backref` program.
    pub async fn start(backref: &Path) -> Result<Self> {
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
        // Nothing but the queries may use CPU time, hence no vacuum in the background.
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
             -c autovacuum=off -c shared_buffers=256MB -c max_wal_size=4GB -c max_connections=300"
        );
        // Installations without the contributed modules refuse to start with one. The many lengths of
        // the textbook's IN lists are as many entries.
        let counting = format!(
            "{settings} -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.max=20000"
        );
        let start =
            |settings: &str| cluster.run("pg_ctl", &["-w", "-l", "log", "-o", settings, "start"]);
        let counts_statements = start(&counting).is_ok();
        if !counts_statements {
            start(&settings)?;
        }
        for arguments in [&["migrate", "up"][..], &[&["seed"][..], &CONTENT].concat()] {
            let status = tokio::process::Command::new(backref)
                .args(arguments)
                .env("DATABASE_URL", &cluster.url)
                .kill_on_drop(true)
                .status()
                .await
                .map_err(|error| format!("{}: {error}", backref.display()))?;
            if !status.success() {
                return Err(format!("backref {}: {status}", arguments.join(" ")).into());
            }
        }
        let mut connection = PgConnection::connect(&cluster.url).await?;
        connection.execute("VACUUM ANALYZE").await?;
        if counts_statements {
            connection
                .execute("CREATE EXTENSION pg_stat_statements")
                .await?;
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
