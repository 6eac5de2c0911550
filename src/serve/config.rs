//! The command line and the environment. Flags win over the environment; `--help` explains each.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderName;
use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};

use super::connections::Settings;
use super::listen::Listen;
use super::migrate::Others;
use super::open::usual_connections;
use crate::identity::tokens::{Algorithm, ClaimPath};
use crate::read::plan::{DocumentLimits, Limits};

/// The longest that anything is waited for, in seconds: a day. PostgreSQL counts milliseconds, and up to 24 days.
const LONGEST: u64 = 24 * 60 * 60;
/// The longest that a token is believed, in seconds: ten years.
const LONGEST_TOKEN: u64 = 10 * 365 * 24 * 60 * 60;
/// The largest body that may be allowed, in bytes: 1 GiB, which is in memory as a whole.
const LARGEST_BODY: u64 = 1 << 30;
/// As many connections PostgreSQL can have at most.
const MOST_CONNECTIONS: i64 = 262_143;

/// A GraphQL server for related data. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "backref", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: Serve,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve GraphQL over HTTP (what happens without a command, too)
    Serve(Box<Serve>),
    /// Create, inspect or remove the database's tables
    Migrate(Migrate),
    /// Fill an empty, migrated database with bulk content: the same seed gives the same rows everywhere
    Seed(Seed),
    /// Print a token that a user of the database is known by, for development and tests
    Token(Token),
    /// Print the GraphQL schema, as it stands in schema.graphql
    Schema,
    /// Print what a document's operation would run: its SQL, level by level, and the most it can cost
    Explain(Explain),
    /// Check the database against the graph, and print what is missing and what mends it
    ///
    /// Missing rights, tables, columns, keys, foreign keys and the indexes of each relation and order are found, each
    /// with what it costs and the statement that mends it; a migration with all that migrations can do comes last. The
    /// database is only read. Exits with 0 if nothing is missing, with 1 if something is, and with 2 if the
    /// check could not be made.
    Doctor(Doctor),
    /// Write a project that serves a database which is there already: `backref new my-api --database-url …`
    ///
    /// It has the entities of all tables, with both ends of their relations, and the graph of them; `cargo run` in it
    /// serves. What is odd in the database is told, with what was done about it. The database is only looked at.
    #[cfg(feature = "new")]
    New(New),
    /// Bring the entities of a project that `backref new` wrote up to its database
    ///
    /// What a person wrote is left alone: src/main.rs, and each file of entities that was edited.
    #[cfg(feature = "new")]
    Sync(Sync),
}

#[cfg(feature = "new")]
#[derive(Debug, Args)]
pub struct New {
    /// The project's folder, which is made; its last part is the project's name
    pub folder: PathBuf,
    /// postgres://… or sqlite://FILE, a database that is there
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    #[command(flatten)]
    pub choices: ChoiceArgs,
    /// A folder with Backref's sources, for the project to depend on; without it that of the registry
    #[arg(long, env = "BACKREF_PATH", value_name = "FOLDER")]
    pub backref_path: Option<PathBuf>,
}

#[cfg(feature = "new")]
#[derive(Debug, Args)]
pub struct Sync {
    /// The project's folder
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// postgres://… or sqlite://FILE; without it that of .cargo/config.toml in the project
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    #[command(flatten)]
    pub choices: ChoiceArgs,
    /// Write files anew that somebody has edited, too; the edits are lost
    #[arg(long)]
    pub force: bool,
}

#[cfg(feature = "new")]
#[derive(Debug, Clone, Args)]
pub struct ChoiceArgs {
    /// Take in the tables of this schema of PostgreSQL, and of no other that is not named, too; without it those of the
    /// search path
    #[arg(long, value_name = "SCHEMA")]
    pub schema: Vec<String>,
    /// What tells the rows of a view, or of a table without a primary key, apart: `film_list=fid`
    #[arg(long, value_name = "TABLE=COLUMN,…", value_parser = table_and_columns)]
    pub key: Vec<String>,
    /// Leave this table out
    #[arg(long, value_name = "TABLE")]
    pub without: Vec<String>,
    /// Do not hide this column, though it looks like a secret: `user.token_count`
    #[arg(long, value_name = "TABLE.COLUMN")]
    pub show: Vec<String>,
}

#[cfg(feature = "new")]
fn table_and_columns(text: &str) -> Result<String, &'static str> {
    match text.split_once('=') {
        Some((table, columns)) if !table.is_empty() && !columns.is_empty() => Ok(text.to_owned()),
        _ => Err(
            "name a table and the columns by which its rows are told apart: TABLE=COLUMN,COLUMN",
        ),
    }
}

#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// postgres://… or sqlite://FILE; without it the embedded file backref.db, which is created, migrated
    /// and filled with sample content when new
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// How many connections to the database at most; by default four a processor and at least eight. Requests
    /// share them: most of the time two a processor are enough, the others are for statements that take long.
    /// Mutations have half as many beside these
    #[arg(long, env = "DATABASE_MAX_CONNECTIONS", default_value_t = usual_connections(), hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=MOST_CONNECTIONS))]
    pub database_max_connections: u32,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: HOST:PORT, or PORT for this machine alone, or :PORT for all of its addresses. A name stands for all of
    /// its addresses, as localhost does for `127.0.0.1` and `[::1]`
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: Listen,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Apply pending migrations before serving
    #[arg(long, env = "MIGRATE", num_args = 0..=1, default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub migrate: bool,
    #[command(flatten)]
    pub others: OtherTables,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How long a request may take, in seconds; its database work is stopped then
    #[arg(long, env = "REQUEST_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub request_timeout: u64,
    /// How long the answer of a mutation with an Idempotency-Key is kept and given again, in hours
    #[arg(long, env = "IDEMPOTENCY_HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=8760))]
    pub idempotency_hours: u64,
    /// The largest request body, in bytes
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..=LARGEST_BODY))]
    pub max_body_bytes: u64,
    #[command(flatten)]
    pub connections: ConnectionArgs,
    /// Serve the GraphiQL page at /
    #[arg(long, env = "GRAPHIQL", default_value_t = true, value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub graphiql: bool,
    /// Answer a request that has the header `x-backref-explain: 1` with what it cost, its SQL among that, and show both in
    /// GraphiQL; without a word on it the embedded file does, where it is served to this machine alone
    #[arg(long, env = "EXPLAIN", num_args = 0..=1, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub explain: Option<bool>,
    /// Refuse a GET that has neither a header like `apollo-require-preflight: 1` nor `Sec-Fetch-Site: same-origin`.
    /// Without it a GET is refused if it says that another site's page made it
    #[arg(long, env = "REQUIRE_PREFLIGHT", num_args = 0..=1, default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub require_preflight: bool,
    /// The origins of other sites whose pages may ask, with cookies too: `https://app.example,https://admin.example`;
    /// or `*` for all, without cookies. By default there are none
    #[arg(
        long,
        env = "CORS_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub cors_origins: Vec<String>,
    /// Ask the database for the role of whoever shows a token, at each request: who is demoted is so at once, and who is
    /// deleted is refused. Without it a role holds as long as the token that has it
    #[arg(long, env = "ROLE_FROM_DATABASE", num_args = 0..=1, default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub role_from_database: bool,
    /// The header in which a proxy in front of the server says which address a request comes from, x-forwarded-for or one
    /// like it: attempts to sign in are counted by the last address in it. Without one by the connection's
    #[arg(long, env = "CLIENT_ADDRESS_HEADER", value_name = "HEADER")]
    pub client_address_header: Option<HeaderName>,
    /// Log lines as JSON objects
    #[arg(long, env = "LOG_JSON", num_args = 0..=1, default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub log_json: bool,
}

/// Which tokens are believed.
#[derive(Debug, Args)]
pub struct IdentityArgs {
    /// The secret that tokens (JWT) are signed by, HS256, of at least 32 bytes: the server signs those of its own users by
    /// it, too. Without any key, the embedded file has one beside it, made at random; every other server believes no token
    #[arg(long, env = "JWT_SECRET", hide_env_values = true, conflicts_with_all = ["jwt_public_key", "jwt_jwks"])]
    pub jwt_secret: Option<Secret>,
    /// The file of the public key, in PEM, that tokens are signed by
    #[arg(
        long,
        env = "JWT_PUBLIC_KEY",
        value_name = "FILE",
        conflicts_with = "jwt_jwks"
    )]
    pub jwt_public_key: Option<PathBuf>,
    /// The JWK set of an identity provider, whose keys tokens name by `kid`: a file, or an https URL. It is asked for anew
    /// when a token names a key that is not in it, every ten seconds at most, and every ten minutes
    #[arg(long, env = "JWT_JWKS", value_name = "FILE|URL")]
    pub jwt_jwks: Option<String>,
    /// A certificate in PEM to believe at JWT_JWKS, besides those of the web's authorities
    #[arg(long, env = "JWT_JWKS_CA", value_name = "FILE", requires = "jwt_jwks")]
    pub jwt_jwks_ca: Option<PathBuf>,
    /// What tokens are signed by: HS256, RS256, ES256 or EdDSA; without it HS256 by a secret, and RS256 by public keys.
    /// What a token says of its own algorithm is not heeded
    #[arg(long, env = "JWT_ALGORITHM")]
    pub jwt_algorithm: Option<Algorithm>,
    /// Whose tokens are believed: their `iss`
    #[arg(long, env = "JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// For whom tokens must be: one of these is in their `aud`. Without it, a token that has an `aud` is not believed
    #[arg(long, env = "JWT_AUDIENCE", value_delimiter = ',')]
    pub jwt_audience: Vec<String>,
    /// By how many seconds other clocks may differ from this one
    #[arg(long, env = "JWT_LEEWAY", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=3600))]
    pub jwt_leeway: u64,
    /// The claim with the subject's id, by its name or a path with dots: `ext.user_id`
    #[arg(long, env = "JWT_ID_CLAIM", default_value = "sub")]
    pub jwt_id_claim: ClaimPath,
    /// The claim with the subject's role, by its name or a path with dots: a text, or a list of one
    #[arg(long, env = "JWT_ROLE_CLAIM", default_value = "role")]
    pub jwt_role_claim: ClaimPath,
    /// Claims that rules know, by names or paths with dots, each perhaps with a name of its own before it:
    /// `tenant=org.id,groups`
    #[arg(long, env = "JWT_CLAIMS", value_delimiter = ',')]
    pub jwt_claims: Vec<NamedClaim>,
    /// How long tokens that the server signs are believed, in seconds
    #[arg(long, env = "JWT_TTL", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=LONGEST_TOKEN))]
    pub jwt_ttl: u64,
}

/// A text that is not shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A claim, and the name that rules know it by.
#[derive(Debug, Clone)]
pub struct NamedClaim {
    pub name: Box<str>,
    pub path: ClaimPath,
}

impl FromStr for NamedClaim {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, path) = text.split_once('=').unwrap_or((text, text));
        let (name, path) = (name.trim(), path.trim());
        if name.is_empty() || path.is_empty() {
            return Err("name a claim, or NAME=PATH");
        }
        Ok(NamedClaim {
            name: name.into(),
            path: ClaimPath::of(path),
        })
    }
}

#[derive(Debug, Clone, Copy, Args)]
pub struct OtherTables {
    /// Add the graph's tables to a database in which other programs have theirs, too; without it such a database is
    /// taken for a mistake
    #[arg(long, env = "BESIDE_OTHER_TABLES", num_args = 0..=1, default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub beside_other_tables: bool,
}

impl OtherTables {
    /// What was said, or else this.
    pub fn or(self, unsaid: Others) -> Others {
        match (self.beside_other_tables, unsaid) {
            (true, Others::Refused) => Others::Allowed,
            (_, unsaid) => unsaid,
        }
    }
}

#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// How many connections to clients at most; by default three quarters of the file descriptors that the process may
    /// have, and 10,000 at most. For one more the longest idle one is closed; where none is idle, it is refused
    #[arg(long, env = "MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,
    /// How long the head of a request may take to come, in seconds, and how long a new connection may be silent
    #[arg(long, env = "HEADER_TIMEOUT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub header_timeout: u64,
    /// How long the body of a request may take to come, in seconds
    #[arg(long, env = "BODY_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub body_timeout: u64,
    /// How long a connection may wait for its next request, in seconds
    #[arg(long, env = "IDLE_TIMEOUT", default_value_t = 75, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub idle_timeout: u64,
    /// How long a client may take to read 16 KiB of its answer, or what is left of it, in seconds
    #[arg(long, env = "WRITE_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub write_timeout: u64,
}

impl ConnectionArgs {
    /// With `usual` connections where nobody has said how many.
    pub fn settings(&self, usual: usize) -> Settings {
        Settings {
            max_connections: self.max_connections.map_or(usual, |most| most as usize),
            header_timeout: Duration::from_secs(self.header_timeout),
            idle_timeout: Duration::from_secs(self.idle_timeout),
            write_timeout: Duration::from_secs(self.write_timeout),
            ..Settings::default()
        }
    }
}

#[derive(Debug, Args)]
pub struct LimitArgs {
    /// The largest `limit` a page may have
    #[arg(long, env = "MAX_LIMIT", default_value_t = Limits::default().page, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_limit: u32,
    /// How deep relations may nest
    #[arg(long, env = "MAX_DEPTH", default_value_t = Limits::default().depth)]
    pub max_depth: usize,
    /// How many rows a request may read: the product of its page sizes, summed over its paths
    #[arg(long, env = "MAX_ROWS", default_value_t = Limits::default().rows)]
    pub max_rows: u64,
    /// How many statements a request may run
    #[arg(long, env = "MAX_STATEMENTS", default_value_t = Limits::default().statements)]
    pub max_statements: u64,
    /// How many conditions a request may have in all its `where`, with `and`, `or`, `not` and relations
    #[arg(long, env = "MAX_CONDITIONS", default_value_t = Limits::default().conditions)]
    pub max_conditions: usize,
    /// How deep relations may nest in a condition or an order
    #[arg(long, env = "MAX_CONDITION_DEPTH", default_value_t = Limits::default().condition_depth)]
    pub max_condition_depth: usize,
    /// How many orders an `orderBy` may have
    #[arg(long, env = "MAX_ORDERS", default_value_t = Limits::default().orders)]
    pub max_orders: usize,
    /// How many tokens a document may have
    #[arg(long, env = "MAX_TOKENS", default_value_t = Limits::default().document.tokens)]
    pub max_tokens: usize,
    /// How many fields and fragments a document may have once its fragments are written out
    #[arg(long, env = "MAX_FIELDS", default_value_t = Limits::default().document.fields)]
    pub max_fields: u64,
    /// How many aliases a document may have once its fragments are written out
    #[arg(long, env = "MAX_ALIASES", default_value_t = Limits::default().document.aliases)]
    pub max_aliases: u64,
    /// How many directives a document may have once its fragments are written out
    #[arg(long, env = "MAX_DIRECTIVES", default_value_t = Limits::default().document.directives)]
    pub max_directives: u64,
    /// Answer `__schema` and `__type`. Without it they are refused, and no error suggests a name of the schema
    #[arg(long, env = "INTROSPECTION", default_value_t = true, value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set)]
    pub introspection: bool,
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        Limits {
            page: self.max_limit,
            depth: self.max_depth,
            rows: self.max_rows,
            statements: self.max_statements,
            conditions: self.max_conditions,
            condition_depth: self.max_condition_depth,
            orders: self.max_orders,
            document: DocumentLimits {
                tokens: self.max_tokens,
                fields: self.max_fields,
                aliases: self.max_aliases,
                directives: self.max_directives,
                introspection: self.introspection,
            },
        }
    }
}

#[derive(Debug, Args)]
pub struct Migrate {
    #[command(subcommand)]
    pub action: MigrateAction,
    /// postgres://… or sqlite://FILE; without it the embedded file backref.db
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum MigrateAction {
    /// Apply every pending migration
    Up(OtherTables),
    /// Take back the last migration
    Down,
    /// List the migrations and which are applied; nothing is written
    Status,
    /// Drop every table and apply every migration anew; all content is lost
    Fresh {
        /// Do not ask, and drop the tables of other programs too
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub struct Seed {
    /// postgres://… or sqlite://FILE, migrated and empty; without it the embedded file backref.db
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    #[arg(long, default_value_t = 10_000, help = "How many users")]
    pub users: u64,
    #[arg(
        long,
        default_value_t = 100_000,
        help = "How many posts; 1 % of the users have 500 each, as far as they go"
    )]
    pub posts: u64,
    #[arg(long, default_value_t = 300_000, help = "How many comments")]
    pub comments: u64,
    #[arg(long, default_value_t = 200, help = "How many tags")]
    pub tags: u64,
    #[arg(long, default_value_t = 1, help = "What the content is made from")]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// postgres://… or sqlite://FILE; without it the embedded file backref.db, which must be there
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

#[derive(Debug, Args)]
pub struct Token {
    /// The user's id: `1` or `User:1`
    #[arg(long)]
    pub user: String,
    /// How long the token is believed, in seconds, rather than JWT_TTL
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=LONGEST_TOKEN))]
    pub ttl: Option<u64>,
    /// postgres://… or sqlite://FILE, which says the user's role; without it the embedded file backref.db
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    #[command(flatten)]
    pub identity: IdentityArgs,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The file with the document; - for standard input
    pub file: PathBuf,
    /// The variables, as a JSON object
    #[arg(long, default_value = "{}")]
    pub variables: String,
    /// Which operation, where the document has several
    #[arg(long)]
    pub operation: Option<String>,
    /// Whose SQL to print is told by its scheme; nothing is connected to
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Plan by the rules for somebody of this role; without it for nobody known
    #[arg(long)]
    pub role: Option<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
}
