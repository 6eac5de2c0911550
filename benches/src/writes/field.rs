//! Who takes part in the writes, each with a database of its own: they begin as copies of one, and are sent the same.

use super::{
    WritesOptions,
    works::{Ground, WORKS, Words, Work},
};
use crate::{
    Result,
    client::post,
    contender::{self, Role, start_backref},
    database::{Content, Database, Kind},
    peers,
    process::Server,
    results::Sample,
};
use backref::graph::Subject;
use backref::identity::tokens::{TokenSettings, Tokens};
use serde_json::{Value, json};
use std::{collections::HashMap, net::SocketAddr, path::Path};
use tempfile::TempDir;

/// A server with its database, and what was measured of it.
pub struct Contender {
    pub name: String,
    pub role: Role,
    pub asker: Asker,
    pub server: Server,
    pub database: Database,
    /// For each work: samples, or why there are none.
    pub cells: Vec<Result<Vec<Sample>, String>>,
}

/// Everybody on one database.
pub struct Field {
    pub kind: Kind,
    pub version: String,
    pub contenders: Vec<Contender>,
    /// Which works are.
    pub asked: Vec<bool>,
    /// Peers that are not run, and why.
    pub absent: Vec<(String, String)>,
    /// What they are copies of, which is stopped after them.
    _template: Database,
    _logs: TempDir,
}

/// How a server is asked.
#[derive(Clone)]
pub struct Asker {
    address: SocketAddr,
    how: How,
}

#[derive(Clone)]
enum How {
    Backref {
        token: String,
    },
    ByHand,
    Peer {
        path: String,
        words: Words,
        documents: HashMap<String, String>,
    },
}

pub const SECRET: &str = "for measurements alone, and for nothing else";

impl Asker {
    pub fn request(&self, work: &Work, ground: &Ground, number: u64) -> Result<Vec<u8>> {
        let body = |document: &str, variables: Value| {
            json!({ "query": document, "variables": variables }).to_string()
        };
        Ok(match &self.how {
            How::Backref { token } => {
                let body = body(work.document, work.variables(ground, number));
                post(self.address, "/graphql", Some(token), &body)
            }
            How::ByHand => {
                let path = format!("/{}", work.name.to_lowercase());
                let body = body(work.document, work.variables(ground, number));
                post(self.address, &path, None, &body)
            }
            How::Peer {
                path,
                words,
                documents,
            } => {
                let variables = work.peer_variables(ground, *words, number);
                let variables = variables.ok_or("it does not have this mutation")?;
                let document = documents.get(work.name);
                let document = document.ok_or("it is not told how to do this")?;
                post(self.address, path, None, &body(document, variables))
            }
        })
    }
}

impl Field {
    /// Starts them all.
    pub async fn start(options: &WritesOptions, kind: Kind) -> Result<Self> {
        let backref = contender::backref(options.backref.as_deref())?;
        eprintln!("{kind}: the rows are made");
        let content = Content {
            posts: options.posts,
            is_durable: true,
        };
        let mut template = Database::filled(kind, &backref, content).await?;
        let logs = tempfile::Builder::new()
            .prefix("backref-bench-")
            .tempdir()?;
        let floor = match kind {
            Kind::Postgres => "sqlx",
            Kind::Sqlite => "rusqlite",
        };
        let peers = options.peers()?.into_iter();
        let peers: Vec<_> = peers
            .filter(|peer| peer.databases.contains(&kind))
            .collect();
        let mut names = vec!["backref", floor];
        names.extend(peers.iter().map(|peer| &*peer.name));
        let mut databases = template.copies(&names).await?.into_iter();
        let mut database = || databases.next().ok_or("a database is missing");

        let mut contenders = Vec::new();
        let first = database()?;
        let settings = [
            ("RUST_LOG", "warn"),
            ("JWT_SECRET", SECRET),
            ("MAX_BODY_BYTES", "8388608"),
        ];
        let server = start_backref(&backref, &first, options.pool, &settings).await?;
        let token = administrator(&first)?;
        contenders.push(Contender::new(
            "backref",
            Role::Backref,
            How::Backref { token },
            server,
            first,
        ));
        let by_hand = database()?;
        let own = std::env::current_exe()?;
        let server = contender::start_floor(&own, floor, &by_hand, options.pool).await?;
        contenders.push(Contender::new(
            floor,
            Role::Floor,
            How::ByHand,
            server,
            by_hand,
        ));
        let mut absent = Vec::new();
        for peer in &peers {
            let database = database()?;
            let log = logs.path().join(format!("{}.log", peer.name));
            match peer.start(&database.url, options.pool, &log).await {
                Ok(server) => {
                    let how = peer_how(peer)?;
                    contenders.push(Contender::new(
                        &peer.name,
                        Role::Peer,
                        how,
                        server,
                        database,
                    ));
                }
                Err(reason) => absent.push((peer.name.clone(), reason)),
            }
        }
        Ok(Self {
            kind,
            version: template.version.clone(),
            contenders,
            asked: WORKS.iter().map(|work| options.has(work)).collect(),
            absent,
            _template: template,
            _logs: logs,
        })
    }
}

impl Contender {
    fn new(name: &str, role: Role, how: How, server: Server, database: Database) -> Self {
        let address = server.address;
        Self {
            name: name.to_owned(),
            role,
            asker: Asker { address, how },
            server,
            database,
            cells: WORKS.iter().map(|_| Ok(Vec::new())).collect(),
        }
    }

    pub fn is_asked(&self, work: usize) -> bool {
        self.cells[work].is_ok()
    }
}

fn peer_how(peer: &peers::Peer) -> Result<How> {
    let words = match &*peer.name {
        "postgraphile" => Words::PostGraphile,
        "seaography" => Words::Seaography,
        other => return Err(format!("{other} has no mutations").into()),
    };
    Ok(How::Peer {
        path: peer.path().to_owned(),
        words,
        documents: peer.writes().clone(),
    })
}

/// The token of somebody who may do everything.
pub fn administrator(database: &Database) -> Result<String> {
    let tokens = Tokens::new(TokenSettings::secret(SECRET))?;
    let user = database.users.first().ok_or("there are no users")?;
    let subject = Subject::new(user.to_string()).with_role("admin");
    Ok(tokens.sign(&subject, None).ok_or("no token is signed")?)
}

/// The peers that can write.
pub fn peers(folder: &Path, wanted: Option<&[String]>, install: bool) -> Result<Vec<peers::Peer>> {
    const WRITING: [&str; 2] = ["postgraphile", "seaography"];
    let wanted = match wanted {
        Some([none]) if none == "none" => return Ok(Vec::new()),
        Some(wanted) => wanted.to_vec(),
        None => WRITING.map(str::to_owned).to_vec(),
    };
    peers::chosen(folder, Some(&wanted), install)
}
