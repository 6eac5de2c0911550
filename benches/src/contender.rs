//! Who takes part: Backref, the floors, the textbook and the peers, each with the way it is asked.

use crate::{
    Options, Result,
    client::{Question, UserForm},
    database::{Database, Kind},
    peers::Peer,
    process::{Server, free_port},
    queries::{QUERIES, Query},
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// What a contender is to Backref.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Backref,
    /// Gives the same bytes, or the trial has no meaning.
    Floor,
    /// Gives the same answers, or the trial has no meaning.
    Textbook,
    /// Gives the same answers after a reduction, or is not measured.
    Peer,
}

/// A server of this repository: its name, what it is and the databases it knows.
pub struct Own {
    pub name: &'static str,
    pub role: Role,
    pub about: &'static str,
    databases: &'static [Kind],
}

pub const OWN: [Own; 8] = [
    Own {
        name: "backref",
        role: Role::Backref,
        about: "the program beside this one",
        databases: &[Kind::Postgres, Kind::Sqlite],
    },
    Own {
        name: "tokio-postgres",
        role: Role::Floor,
        about: "by hand: axum, tokio-postgres, pipelined statements",
        databases: &[Kind::Postgres],
    },
    Own {
        name: "sqlx",
        role: Role::Floor,
        about: "by hand: axum, sqlx, batched SQL",
        databases: &[Kind::Postgres],
    },
    Own {
        name: "tokio-postgres-snapshot",
        role: Role::Floor,
        about: "the same on lent connections, a snapshot for each request",
        databases: &[Kind::Postgres],
    },
    Own {
        name: "sqlx-snapshot",
        role: Role::Floor,
        about: "as sqlx, a snapshot for each request",
        databases: &[Kind::Postgres],
    },
    Own {
        name: "rusqlite",
        role: Role::Floor,
        about: "by hand: axum, rusqlite in the handler's thread, batched SQL",
        databases: &[Kind::Sqlite],
    },
    Own {
        name: "rusqlite-stepped",
        role: Role::Floor,
        about: "by hand: axum, rusqlite, rows written as they are stepped to",
        databases: &[Kind::Sqlite],
    },
    Own {
        name: "textbook",
        role: Role::Textbook,
        about: "async-graphql, SeaORM, its DataLoader per request",
        databases: &[Kind::Postgres, Kind::Sqlite],
    },
];

/// A server on one database, or why there is none.
pub struct Contender {
    pub name: String,
    pub role: Role,
    pub about: String,
    pub server: Result<Server, String>,
    /// How it is asked each query of the trial, or why it is not.
    pub questions: Vec<Result<Question, String>>,
}

/// Why a query is not asked.
pub const NO_SUCH_QUERY: &str = "it does not have this query";

/// The programs, and where things are put while the trial runs.
pub struct Programs<'a> {
    pub own: &'a Path,
    pub backref: &'a Path,
    pub directory: &'a Path,
}

/// Starts all that were chosen and know the database, the peers among them.
pub async fn start_all(
    options: &Options,
    programs: &Programs<'_>,
    peers: &[Peer],
    queries: &[&'static Query],
    database: &Database,
) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    for own in &OWN {
        if options.has_server(own.name) && own.databases.contains(&database.kind) {
            let server = start_own(own, options, programs, database).await?;
            contenders.push(Contender {
                name: own.name.to_owned(),
                role: own.role,
                about: own.about.to_owned(),
                server: Ok(server),
                questions: queries.iter().map(|query| own.question(query)).collect(),
            });
        }
    }
    for peer in peers {
        if peer.databases.contains(&database.kind) {
            let log = programs.directory.join(format!("{}.log", peer.name));
            contenders.push(Contender {
                name: peer.name.clone(),
                role: Role::Peer,
                about: peer.about.clone(),
                server: peer.start(&database.url, options.pool, &log).await,
                questions: queries.iter().map(|query| peer.question(query)).collect(),
            });
        }
    }
    Ok(contenders)
}

async fn start_own(
    own: &Own,
    options: &Options,
    programs: &Programs<'_>,
    database: &Database,
) -> Result<Server> {
    if own.role == Role::Backref {
        let settings = [("RUST_LOG", "warn")];
        return start_backref(programs.backref, database, options.pool, &settings).await;
    }
    start_floor(programs.own, own.name, database, options.pool).await
}

/// This program as one of the servers that it is.
pub async fn start_floor(
    program: &Path,
    name: &str,
    database: &Database,
    pool: u32,
) -> Result<Server> {
    let mut command = Command::new(program);
    command.arg(name).env_clear();
    command.args(["--pool", &pool.to_string()]);
    start(command, name, database).await
}

/// The `backref` program with settings of its environment.
pub async fn start_backref(
    program: &Path,
    database: &Database,
    pool: u32,
    settings: &[(&str, &str)],
) -> Result<Server> {
    let mut command = Command::new(program);
    command.arg("serve").env_clear();
    command.env("DATABASE_MAX_CONNECTIONS", pool.to_string());
    command.envs(settings.iter().copied());
    start(command, "backref", database).await
}

async fn start(mut command: Command, name: &str, database: &Database) -> Result<Server> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    command
        .args(["--database-url", &database.url])
        .args(["--listen", &address.to_string()]);
    Server::start(command, address)
        .await
        .map_err(|error| format!("{name}: {error}").into())
}

impl Own {
    /// The floors have a path for each query, the others the query. The textbook's schema has no
    /// conditions, and so no Q7.
    fn question(&self, query: &Query) -> Result<Question, String> {
        if self.role == Role::Textbook && query.name == QUERIES[6].name {
            return Err(NO_SUCH_QUERY.to_owned());
        }
        Ok(Question {
            path: match self.role {
                Role::Floor => format!("/{}", query.name.to_lowercase()),
                _ => "/graphql".to_owned(),
            },
            document: query.document.to_owned(),
            user: query.takes_user.then_some(UserForm::Global),
            token: None,
        })
    }
}

/// The release build of `backref`: the one that was named, or the one beside this program.
pub fn backref(named: Option<&Path>) -> Result<PathBuf> {
    Ok(match named {
        Some(named) => named.to_owned(),
        None => std::env::current_exe()?.with_file_name("backref"),
    })
}
