//! A server with its whole command line (serve, migrate, doctor, schema, explain, token), over any graph.

mod commands;
mod logging;
#[cfg(feature = "new")]
mod projects;
pub(crate) mod say;
mod serving;
mod signals;
mod tables;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use futures_util::future::BoxFuture;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use sea_orm_migration::MigratorTrait;

use crate::engine::Planner;
use crate::graph::Graph;
use crate::read::load::admission::busy;
use crate::read::plan::Limits;
use crate::schema::Schema;
use crate::serve::config::{Cli, Command, Seed};
use crate::serve::database::Url;
use crate::serve::migrate::{Migrations, Others};

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Puts content into a database that was just made, in the transaction that made it.
pub type Fill =
    for<'a> fn(&'a DatabaseTransaction) -> BoxFuture<'a, std::result::Result<(), DbErr>>;

/// Fills a migrated database with bulk content.
pub(crate) type Seeding = for<'a> fn(&'a DatabaseConnection, &'a Seed) -> BoxFuture<'a, Result>;

/// A program that serves a graph: its command line, its migrations, and the database that it uses where none is named.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     # let graph = backref::Graph::new();
///     backref::Program::new(graph)
///         .named("my-api")
///         .database("sqlite://shop.db")
///         .main()
/// }
/// ```
pub struct Program {
    graph: Graph,
    name: &'static str,
    version: &'static str,
    migrations: Migrations,
    others: Others,
    unnamed: Unnamed,
    /// What makes the content of `seed`.
    seeding: Option<Seeding>,
}

/// The database where neither `--database-url` nor `DATABASE_URL` names one.
enum Unnamed {
    Refused,
    Url(String),
    Embedded { file: &'static str, fill: Fill },
}

impl Program {
    /// One that serves this graph, with no migrations; a database has to be named.
    pub fn new(graph: Graph) -> Self {
        Program {
            graph,
            name: "backref",
            version: env!("CARGO_PKG_VERSION"),
            migrations: Migrations::none(),
            others: Others::Refused,
            unnamed: Unnamed::Refused,
            seeding: None,
        }
    }

    /// What it is called in its own messages.
    pub fn named(self, name: &'static str) -> Self {
        Program { name, ..self }
    }

    /// What `--version` says: most programs give `env!("CARGO_PKG_VERSION")`.
    pub fn version(self, version: &'static str) -> Self {
        Program { version, ..self }
    }

    /// The migrations that `migrate` and `--migrate` run, and without which nothing is served.
    pub fn migrations<M: MigratorTrait>(self) -> Self {
        let migrations = Migrations::of::<M>();
        Program { migrations, ..self }
    }

    /// The tables were there before the program: its migrations change them, and are applied without
    /// `--beside-other-tables`.
    pub fn tables_are_there(self) -> Self {
        let others = Others::Own;
        Program { others, ..self }
    }

    /// The database that is used where neither `--database-url` nor `DATABASE_URL` names one.
    pub fn database(self, url: impl Into<String>) -> Self {
        let unnamed = Unnamed::Url(url.into());
        Program { unnamed, ..self }
    }

    /// A file that is used where no database is named: made, migrated and filled when new.
    pub fn embedded(self, file: &'static str, fill: Fill) -> Self {
        let unnamed = Unnamed::Embedded { file, fill };
        Program { unnamed, ..self }
    }

    /// Has the command `seed`, whose options are those of the graph in the box.
    #[cfg(feature = "blog")]
    pub(crate) fn seeding(self, seeding: Seeding) -> Self {
        Program {
            seeding: Some(seeding),
            ..self
        }
    }

    /// Does what the command line says, and tells by its status how it went: 0 for well, 1 for an error, which stands
    /// on standard error with its remedy, 2 for a command line that says nothing known.
    pub fn main(self) -> ExitCode {
        crate::serve::name::set(self.name);
        let cli = match Cli::from_arg_matches(&self.arguments()) {
            Ok(cli) => cli,
            Err(error) => error.exit(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .on_thread_unpark(busy::begins)
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.run(cli)),
            Err(error) => failed(&error, 1),
        }
    }

    fn arguments(&self) -> ArgMatches {
        let command = without_empty(Cli::command());
        let command = command.name(self.name).version(self.version);
        let command = match self.seeding {
            Some(_) => command,
            None => command.mut_subcommand("seed", |seed| seed.hide(true)),
        };
        command.get_matches()
    }

    async fn run(self, mut cli: Cli) -> ExitCode {
        let done = match cli.command.take() {
            None => return served(serving::serve(self, cli.serve).await),
            Some(Command::Serve(args)) => return served(serving::serve(self, *args).await),
            Some(Command::Migrate(args)) => tables::migrate(&self, args).await,
            Some(Command::Seed(args)) => tables::fill(&self, args).await,
            Some(Command::Schema) => commands::print_schema(self),
            Some(Command::Token(args)) => commands::print_token(self, args).await,
            Some(Command::Explain(args)) => commands::print_plan(self, &args),
            #[cfg(feature = "new")]
            Some(Command::New(args)) => projects::new(args).await,
            #[cfg(feature = "new")]
            Some(Command::Sync(args)) => projects::sync(args).await,
            // As `diff` does, it tells by its status what it found from not having been able to look.
            Some(Command::Doctor(args)) => match commands::examine(self, args).await {
                Ok(clean) => return ExitCode::from(u8::from(!clean)),
                Err(error) => return failed(&*error, 2),
            },
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&*error, 1),
        }
    }

    /// The file that is used where no database is named, if it is one of the program's own.
    fn own_file(&self, named: Option<&String>) -> Option<&'static Path> {
        match (named, &self.unnamed) {
            (None, Unnamed::Embedded { file, .. }) => Some(Path::new(*file)),
            _ => None,
        }
    }

    /// A database by its URL, or the one that is used where none is named. Nothing is made.
    fn database_of(&self, named: Option<&String>) -> Result<Url> {
        let url: Url = match (named, &self.unnamed) {
            (Some(url), _) | (None, Unnamed::Url(url)) => url.parse()?,
            (None, Unnamed::Embedded { file, .. }) => Url::file(Path::new(file))?,
            (None, Unnamed::Refused) => return Err(
                "no database is named; give one by --database-url (DATABASE_URL): postgres://… or sqlite://FILE".into(),
            ),
        };
        url.check_log()?;
        Ok(url)
    }
}

/// Serves a graph: a [`Program`] without migrations, over the database that its command line or `DATABASE_URL` names.
pub fn serve(graph: Graph) -> ExitCode {
    Program::new(graph).main()
}

/// A command that takes a variable of the environment without a value for one that is not set, as files of containers leave
/// them. What says which tokens are believed is not among them: without it others might be, or none.
fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| {
        let of_tokens = name.to_string_lossy().starts_with("JWT_");
        !of_tokens && std::env::var_os(name).is_some_and(|value| value.is_empty())
    };
    let command = command.mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
        true => arg.env(Resettable::Reset),
        false => arg,
    });
    command.mut_subcommands(without_empty)
}

fn served(ended: Result<ExitCode>) -> ExitCode {
    ended.unwrap_or_else(|error| failed(&*error, 1))
}

fn failed(error: &dyn std::error::Error, status: u8) -> ExitCode {
    say::aside(&format!("{}: {error}\n", crate::serve::name::get()));
    ExitCode::from(status)
}

fn planner(graph: Graph, limits: Limits) -> Result<Planner> {
    let catalog = graph.build()?;
    let schema = Schema::new(&catalog, limits.default_page())?;
    Ok(Planner::new(catalog, schema, limits))
}
