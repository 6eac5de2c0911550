//! The peers: other people's servers, each a folder of `peers/` that says how to install, start and ask
//! it. One that cannot be installed is not run; the trial goes on without it.

use crate::{
    Result,
    client::{Question, UserForm},
    contender::NO_SUCH_QUERY,
    database::Kind,
    process::{Server, free_port},
    queries::Query,
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What `peer.json` says.
#[derive(Deserialize)]
struct Description {
    databases: Vec<Kind>,
    about: String,
    path: String,
    queries: HashMap<String, Asked>,
    /// For a query that the peer cannot express, why.
    #[serde(default)]
    missing: HashMap<String, String>,
    /// The documents of what it can write.
    #[serde(default)]
    writes: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Asked {
    document: String,
    #[serde(default)]
    user: Option<UserForm>,
}

/// A peer, installed or not.
pub struct Peer {
    pub name: String,
    pub about: String,
    pub databases: Vec<Kind>,
    folder: PathBuf,
    path: String,
    queries: HashMap<String, Asked>,
    missing: HashMap<String, String>,
    writes: HashMap<String, String>,
    /// Why it could not be installed.
    absent: Option<String>,
}

/// The peers with these names, or all, in the order of their names.
pub fn chosen(folder: &Path, wanted: Option<&[String]>, install: bool) -> Result<Vec<Peer>> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            folders.push(entry?.path());
        }
    }
    folders.retain(|folder| folder.join("peer.json").is_file());
    folders.sort();
    let mut peers = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = name.into_owned();
        if wanted.is_none_or(|wanted| wanted.contains(&name)) {
            peers.push(Peer::read(name, folder, install)?);
        }
    }
    if let Some(unknown) = wanted
        .unwrap_or_default()
        .iter()
        .find(|wanted| !peers.iter().any(|peer| peer.name == **wanted))
    {
        return Err(format!("there is no peer {unknown} in {}", folder.display()).into());
    }
    Ok(peers)
}

impl Peer {
    fn read(name: String, folder: PathBuf, install: bool) -> Result<Self> {
        let text = fs::read(folder.join("peer.json"))?;
        let description: Description =
            serde_json::from_slice(&text).map_err(|error| format!("{name}/peer.json: {error}"))?;
        let absent = if install {
            eprintln!("installing {name}");
            run_install(&folder).err().map(|error| error.to_string())
        } else {
            None
        };
        Ok(Self {
            name,
            about: description.about,
            databases: description.databases,
            folder,
            path: description.path,
            queries: description.queries,
            missing: description.missing,
            writes: description.writes,
            absent,
        })
    }

    /// How it is asked a query, or why it is not.
    pub fn question(&self, query: &Query) -> Result<Question, String> {
        let Some(asked) = self.queries.get(query.name) else {
            let reason = self.missing.get(query.name);
            return Err(reason.map_or(NO_SUCH_QUERY.to_owned(), String::clone));
        };
        Ok(Question {
            path: self.path.clone(),
            document: asked.document.clone(),
            user: asked.user,
            token: None,
        })
    }

    /// Where it takes requests.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The documents of what it can write, by the names of `writes`.
    pub fn writes(&self) -> &HashMap<String, String> {
        &self.writes
    }

    /// Starts it on a database; what it writes goes into a file. Fails with the reason why it is not run.
    pub async fn start(&self, url: &str, pool: u32, log: &Path) -> Result<Server, String> {
        if let Some(reason) = &self.absent {
            return Err(format!("not installed: {reason}"));
        }
        let started = self.try_start(url, pool, log).await;
        started.map_err(|error| match last_line(log) {
            Some(line) => format!("{error}: {line}"),
            None => error.to_string(),
        })
    }

    async fn try_start(&self, url: &str, pool: u32, log: &Path) -> Result<Server> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new(self.folder.join("start.sh"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("DATABASE_URL", url)
            .env("PORT", address.port().to_string())
            .env("POOL", pool.to_string())
            .stderr(File::create(log)?);
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        Server::start(command, address).await
    }
}

/// Runs `install.sh`. Fails with the last line it writes to stderr.
fn run_install(folder: &Path) -> Result<()> {
    let output = Command::new(folder.join("install.sh"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("install.sh: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    Err(match line {
        Some(line) => line.trim().into(),
        None => format!("install.sh: {}", output.status).into(),
    })
}

fn last_line(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(200).collect())
}
