//! The command line: a thin shell over the library.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use backref::blog::{self, sample, seed};
use backref::doctor::{self, Remedy, Subject};
use backref::engine::{Engine, Planner, Request};
use backref::graph::{Catalog, Principal};
use backref::identity::accounts::{Accounts, AttemptLimits};
use backref::identity::tokens::Tokens;
use backref::identity::{Authentication, Bearer};
use backref::log;
use backref::read::load::admission::busy;
use backref::read::plan::Limits;
use backref::schema::Schema;
use backref::serve::config::{
    Cli, Command, Doctor, Explain, Migrate, MigrateAction, Seed, Serve, Token,
};
use backref::serve::connections::{self, Server, UnderWay};
use backref::serve::database::{self, Connect, EMBEDDED_FILE, SetupError, Url};
use backref::serve::descriptors;
use backref::serve::http::{self, Lack, ServerOptions};
use backref::serve::identity;
use backref::serve::migrate::{self, Runner};
use backref::serve::stop::Stop;
use clap::Parser;
use migration::Migrator;
use sea_orm::DatabaseConnection;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_unpark(busy::begins)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => failed(&error, 1),
    }
}

async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        None => return served(serve(cli.serve).await),
        Some(Command::Serve(args)) => return served(serve(*args).await),
        Some(Command::Migrate(args)) => migrate(args).await,
        Some(Command::Seed(args)) => fill(args).await,
        Some(Command::Schema) => print_schema(),
        Some(Command::Token(args)) => print_token(args).await,
        Some(Command::Explain(args)) => print_plan(&args),
        // As `diff` does, it tells by its status what it found from not having been able to look.
        Some(Command::Doctor(args)) => match examine(args).await {
            Ok(clean) => return ExitCode::from(u8::from(!clean)),
            Err(error) => return failed(&*error, 2),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error, 1),
    }
}

fn served(ended: Result<ExitCode>) -> ExitCode {
    ended.unwrap_or_else(|error| failed(&*error, 1))
}

fn failed(error: &dyn std::error::Error, status: u8) -> ExitCode {
    eprintln!("backref: {error}");
    ExitCode::from(status)
}

async fn serve(args: Serve) -> Result<ExitCode> {
    start_logging(args.log_json);
    let planner = planner(args.limits.limits())?;
    let connections = args.database.database_max_connections;
    let url = match &args.database.database_url {
        Some(text) => text.parse::<Url>()?,
        None => database::embedded(Path::new(EMBEDDED_FILE), sample::fill).await?,
    };
    if args.migrate {
        let runner = Runner::open::<Migrator>(&url, url.creates()).await?;
        runner.up(args.others.others()).await?;
        runner.close().await?;
    }
    warn_of_open_writing(planner.catalog());
    let tokens = tokens(&args).await?;
    let timeout = Duration::from_secs(args.request_timeout);
    let connection = url.connect(Connect::reading()).await?;
    database::require_migrated(&url, &connection).await?;
    let readers = url.readers(connections, Some(timeout))?;
    readers.ping().await.map_err(SetupError::from)?;
    let accounts = accounts(&args, &url, planner.catalog(), tokens.clone()).await?;
    let bearer = bearer(&args, tokens, accounts.clone())?;
    let writers = url.writers(&readers, connections, Some(timeout))?;
    let engine = Engine::new(planner, readers, timeout)
        .with_writers(writers)
        .keeping_answers(Duration::from_secs(args.idempotency_hours * 3600));
    let engine = Arc::new(match accounts {
        Some(accounts) => engine.with_accounts(accounts),
        None => engine,
    });
    let mut signals = Signals::hear()?;
    let listeners = args.listen.bind().await?;
    let addresses: Vec<_> = listeners.iter().flat_map(TcpListener::local_addr).collect();
    let is_local = addresses.iter().all(|address| address.ip().is_loopback());
    let is_embedded = args.database.database_url.is_none();
    let explain = args.explain.unwrap_or(is_local && is_embedded);
    let lacks = match explain && args.graphiql {
        true => lacks(engine.planner().catalog(), &connection).await,
        false => Vec::new(),
    };
    connection.close().await?;
    let options = ServerOptions {
        authentication: Authentication::by_bearer(bearer),
        client_address: args.client_address_header.clone(),
        max_body_bytes: args.max_body_bytes,
        body_timeout: Duration::from_secs(args.connections.body_timeout),
        graphiql: args.graphiql,
        explain,
        lacks,
        require_preflight: args.require_preflight,
        stop: Stop::default(),
    };
    let settings = connection_settings(&args);
    let router = http::router(engine, &options);
    let mut server = Server::start(listeners, router, settings, options.stop.clone());
    if let [address, others @ ..] = &addresses[..] {
        let others = others
            .iter()
            .map(|a| format!(" and {a}"))
            .collect::<String>();
        tracing::info!(
            database = url.shown(),
            "GraphQL at http://{address}/graphql, GraphiQL at http://{address}/{others}"
        );
    }
    signals.next().await;
    tracing::info!("stopping; requests that run are answered first");
    options.stop.begin();
    let status = tokio::select! {
        () = server.ended() => {
            log::flush();
            tracing::info!("stopped");
            return Ok(ExitCode::SUCCESS);
        }
        () = tokio::time::sleep(timeout) => FORCED,
        status = signals.next() => status,
    };
    log::flush();
    let UnderWay {
        connections,
        requests,
    } = server.under_way();
    tracing::warn!(
        requests,
        connections,
        "stopped at once: what was not answered in time is cut off"
    );
    Ok(ExitCode::from(status))
}

/// What everybody may write is seldom meant.
fn warn_of_open_writing(catalog: &Catalog) {
    let entities: Vec<&str> = catalog
        .written_by_anybody()
        .map(|entity| entity.table.as_str())
        .collect();
    if !entities.is_empty() {
        tracing::warn!(
            entities = entities.join(", "),
            "anybody may write these: give them a `.write_policy(…)`, or make them `.read_only(…)`"
        );
    }
}

/// The tokens that are believed. Keys of a URL are asked for now, so that no request waits for them.
async fn tokens(args: &Serve) -> Result<Option<Arc<Tokens>>> {
    let embedded = args.database.database_url.is_none();
    let embedded = embedded.then_some(Path::new(EMBEDDED_FILE));
    let Some(tokens) = identity::tokens(&args.identity, embedded)? else {
        return Ok(None);
    };
    tokens.start().await;
    Ok(Some(Arc::new(tokens)))
}

/// The accounts of the database, where somebody can sign in or roles are asked for.
async fn accounts(
    args: &Serve,
    url: &Url,
    catalog: &Catalog,
    tokens: Option<Arc<Tokens>>,
) -> Result<Option<Arc<Accounts>>> {
    let signs = tokens.as_ref().is_some_and(|tokens| tokens.can_sign());
    if !signs && !args.role_from_database {
        return Ok(None);
    }
    let connection = url.connect(Connect::writing(WRITERS)).await?;
    let accounts = Accounts::of(catalog, connection, tokens, AttemptLimits::default());
    Ok(accounts.map(Arc::new))
}

/// Connections for what is written, and asked of accounts.
const WRITERS: u32 = 4;

fn bearer(
    args: &Serve,
    tokens: Option<Arc<Tokens>>,
    accounts: Option<Arc<Accounts>>,
) -> Result<Bearer> {
    let Some(tokens) = tokens else {
        return Ok(Bearer::without_key());
    };
    let bearer = Bearer::of(tokens);
    match (args.role_from_database, accounts) {
        (false, _) => Ok(bearer),
        (true, Some(accounts)) => Ok(bearer.with_roles_of(accounts)),
        (true, None) => Err("ROLE_FROM_DATABASE: the graph has no accounts, whose role could be asked for; declare them with `.accounts(…)`".into()),
    }
}

/// The indexes that the doctor misses, for GraphiQL to show at the fields that want them.
async fn lacks(catalog: &Catalog, connection: &DatabaseConnection) -> Vec<Lack> {
    let findings = match doctor::examine(catalog, connection, "").await {
        Ok(report) => report.findings,
        Err(error) => {
            tracing::debug!(%error, "the database was not examined");
            return Vec::new();
        }
    };
    let indexes = findings
        .into_iter()
        .filter(|f| matches!(f.subject, Subject::Unique | Subject::Index));
    indexes
        .map(|finding| Lack {
            fields: finding.fields().map(str::to_owned).collect(),
            says: format!(
                "{}: {}; {}",
                finding.table,
                finding.missing,
                finding.costs.join("; ")
            ),
            mended_by: match finding.remedy {
                Remedy::Statements(step) => step.sql,
                Remedy::Grant(words) | Remedy::Words(words) => vec![words],
            },
        })
        .collect()
}

/// The status of a server that was stopped before it had answered everything.
const FORCED: u8 = 1;

fn connection_settings(args: &Serve) -> connections::Settings {
    let descriptors = descriptors::raise();
    let usual =
        descriptors::connections(descriptors, args.database.database_max_connections as usize);
    let settings = args.connections.settings(usual);
    if settings.max_connections > usual.max(descriptors / 4 * 3) {
        tracing::warn!(
            max_connections = settings.max_connections,
            descriptors,
            "there are too few file descriptors for so many connections; raise their limit (ulimit -n) or lower MAX_CONNECTIONS"
        );
    }
    settings
}

/// An interrupt, or a request to terminate. They are heard from the start, so that none is missed.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn hear() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The status that a process ends with by the next of them, as shells have it.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn hear() -> std::io::Result<Self> {
        Ok(Signals {})
    }

    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}

fn start_logging(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "info,sea_orm_migration=warn,sqlx::postgres::notice=warn,tokio_postgres=warn",
        )
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        subscriber.json().init();
    } else {
        subscriber
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init();
    }
}

async fn migrate(args: Migrate) -> Result {
    start_logging(false);
    let url = named(&args.database_url)?;
    match args.action {
        MigrateAction::Status => {}
        MigrateAction::Up(others) => {
            let runner = Runner::open::<Migrator>(&url, true).await?;
            runner.up(others.others()).await?;
            runner.close().await?;
        }
        MigrateAction::Down => {
            let runner = Runner::open::<Migrator>(&url, false).await?;
            runner.down().await?;
            runner.close().await?;
        }
        MigrateAction::Fresh { yes } => {
            let runner = Runner::open::<Migrator>(&url, true).await?;
            if !yes {
                agree_to_lose(&url, &runner).await?;
            }
            runner.fresh().await?;
            runner.close().await?;
        }
    }
    let connection = url.connect(Connect::reading()).await?;
    for (name, is_applied) in migrate::status::<Migrator>(&url, &connection).await? {
        let status = if is_applied { "applied" } else { "pending" };
        println!("{status:<8} {name}");
    }
    Ok(())
}

/// Asks whether the content of a database may go. Where nobody can be asked, or others have tables in it, `--yes`
/// has to be said.
async fn agree_to_lose(url: &Url, runner: &Runner) -> Result {
    let (own, others) = runner.tables().await?;
    if !others.is_empty() {
        let names = migrate::listed(others.iter().map(String::as_str));
        return Err(format!(
            "{} has tables that no migration makes, and `migrate fresh` drops every table: {names}\nSay --yes if they may go.",
            url.shown()
        )
        .into());
    }
    if own.is_empty() {
        return Ok(());
    }
    let question = format!(
        "`migrate fresh` drops every table of {} with its content: {}",
        url.shown(),
        migrate::listed(own.iter().map(String::as_str))
    );
    if !std::io::stdin().is_terminal() {
        return Err(format!("{question}\nSay --yes if they may go.").into());
    }
    eprint!("{question}\nGo on? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err("nothing was changed".into()),
    }
}

async fn fill(args: Seed) -> Result {
    let url = named(&args.database_url)?;
    let connection = url.connect(Connect::with(1)).await?;
    database::require_migrated(&url, &connection).await?;
    let options = seed::Options {
        users: args.users,
        posts: args.posts,
        comments: args.comments,
        tags: args.tags,
        seed: args.seed,
    };
    let style = indicatif::ProgressStyle::with_template("{bar:40} {percent:>3} % {msg} {elapsed}")?;
    let progress = indicatif::ProgressBar::no_length().with_style(style);
    seed::run(&connection, &options, &progress).await?;
    progress.finish();
    println!(
        "{} users, {} posts, {} comments, {} tags in {:.1?}",
        args.users,
        args.posts,
        args.comments,
        args.tags,
        progress.elapsed()
    );
    Ok(())
}

/// Whether the database has all that the graph needs.
async fn examine(args: Doctor) -> Result<bool> {
    let catalog = blog::graph().build()?;
    let url = named(&args.database_url)?;
    let connection = url.connect(Connect::reading()).await?;
    let pending = database::pending_migrations(&url, &connection).await?;
    // The embedded file is what commands use where none is named.
    let option = args.database_url.as_ref().map(|_| url.option());
    let option = option.unwrap_or_default();
    let report = doctor::examine(&catalog, &connection, &option).await;
    connection.close().await?;
    let report = report.map_err(|e| url.refused(e))?.with_pending(pending);
    std::io::stdout().write_all(report.to_string().as_bytes())?;
    Ok(report.is_clean())
}

/// A database by its URL, or the embedded file.
fn named(url: &Option<String>) -> Result<Url> {
    Ok(match url {
        Some(text) => text.parse()?,
        None => Url::file(Path::new(EMBEDDED_FILE)),
    })
}

fn planner(limits: Limits) -> Result<Planner> {
    let catalog = blog::graph().build()?;
    let schema = Schema::new(&catalog, limits.default_page())?;
    Ok(Planner::new(catalog, schema, limits))
}

fn print_schema() -> Result {
    print!("{}", planner(Limits::default())?.schema().sdl);
    Ok(())
}

/// A token for a user, with the role that the database says.
async fn print_token(args: Token) -> Result {
    let url = named(&args.database_url)?;
    let embedded = args.database_url.is_none();
    let embedded = embedded.then_some(Path::new(EMBEDDED_FILE));
    let tokens = identity::tokens(&args.identity, embedded)?
        .filter(Tokens::can_sign)
        .ok_or("there is no secret to sign by; give the server's with --jwt-secret (JWT_SECRET)")?;
    let catalog = blog::graph().build()?;
    let connection = url.connect(Connect::reading()).await?;
    let accounts = Accounts::of(&catalog, connection, None, AttemptLimits::default());
    let accounts = accounts.ok_or("the graph has no accounts; declare them with `.accounts(…)`")?;
    let id = args.user.rsplit(':').next().unwrap_or_default();
    let subject = accounts.subject(id).await.map_err(|e| url.refused(e))?;
    let subject = subject.ok_or_else(|| format!("{} has no user {id}", url.shown()))?;
    let ttl = args.ttl.map(Duration::from_secs);
    let token = tokens.sign(&subject, ttl).ok_or("no token was signed")?;
    println!("{token}");
    Ok(())
}

fn print_plan(args: &Explain) -> Result {
    let mut query = String::new();
    if args.file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut query)?;
    } else {
        query = std::fs::read_to_string(&args.file)
            .map_err(|e| format!("cannot read {}: {e}", args.file.display()))?;
    }
    let request = Request {
        query,
        operation_name: args.operation.clone(),
        variables: serde_json::from_str(&args.variables)
            .map_err(|e| format!("--variables is no JSON object: {e}"))?,
        ..Request::default()
    };
    let dialect = named(&args.database_url)?.dialect();
    let planner = planner(args.limits.limits())?;
    // Whoever it is, what he brings along is bound and not in the plan.
    let subject = |role: &String| Principal::subject(planner.an_account().with_role(role.as_str()));
    let principal = args.role.as_ref().map_or(Principal::Anonymous, subject);
    let shown = planner.explain(&request, principal, dialect, |plan| plan.to_string());
    let shown = shown.map_err(|errors| {
        let lines: Vec<_> = errors
            .iter()
            .map(|e| match e.locations.first() {
                Some(at) => format!("{}:{}: {}", at.line, at.column, e.message),
                None => e.message.clone(),
            })
            .collect();
        lines.join("\n")
    })?;
    print!("{shown}");
    Ok(())
}
