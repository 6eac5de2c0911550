//! `serve`: from the command line to listeners, and to their end.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;
use tokio::net::TcpListener;

use super::signals::Signals;
use super::{Program, Result, Unnamed, logging};
use crate::doctor::{self, Remedy, Subject};
use crate::graph::Catalog;
use crate::identity::accounts::Accounts;
use crate::identity::tokens::Tokens;
use crate::identity::{Authentication, Bearer};
use crate::log;
use crate::serve::config::Serve;
use crate::serve::connections::{self, Server, UnderWay};
use crate::serve::cors::Origins;
use crate::serve::database::{self, Connect};
use crate::serve::http::{self, Lack, ServerOptions};
use crate::serve::migrate::Runner;
use crate::serve::open::{Opened, Opening};
use crate::serve::stop::Stop;
use crate::serve::{descriptors, identity};

/// Serves until it is told to stop.
pub async fn serve(program: Program, args: Serve) -> Result<ExitCode> {
    logging::start(args.log_json);
    let named = args.database.database_url.as_ref();
    let migrations = program.migrations;
    let url = program.database_of(named)?;
    if let (None, Unnamed::Embedded { file, fill }) = (named, &program.unnamed) {
        database::embedded(migrations, Path::new(file), async |new| fill(new).await).await?;
    }
    if args.migrate && !migrations.is_none() {
        let runner = Runner::open(migrations, &url, url.creates()).await?;
        runner.up(args.others.or(program.others)).await?;
        runner.close().await?;
    }
    let own_file = program.own_file(named);
    let planner = super::planner(program.graph, args.limits.limits())?;
    warn_of_open_writing(planner.catalog());
    let tokens = tokens(&args, own_file).await?;
    let timeout = Duration::from_secs(args.request_timeout);
    let connection = url.connect(Connect::reading()).await?;
    database::require_migrated(migrations, &url, &connection).await?;
    let opening = Opening {
        url: url.clone(),
        planner,
        max_connections: args.database.database_max_connections,
        timeout,
        keep: Duration::from_secs(args.idempotency_hours * 3600),
        tokens: tokens.clone(),
        asks_for_roles: args.role_from_database,
    };
    let Opened { engine, accounts } = opening.open().await?;
    let bearer = bearer(&args, tokens, accounts)?;
    let mut signals = Signals::hear()?;
    let listeners = args.listen.bind().await?;
    let addresses: Vec<_> = listeners.iter().flat_map(TcpListener::local_addr).collect();
    let is_local = addresses.iter().all(|address| address.ip().is_loopback());
    let explain = args.explain.unwrap_or(is_local && own_file.is_some());
    let lacks = match explain && args.graphiql {
        true => lacks(engine.planner().catalog(), &connection).await,
        false => Vec::new(),
    };
    connection.close().await?;
    let options = ServerOptions {
        authentication: Authentication::by_bearer(bearer),
        client_address: args.client_address_header.clone(),
        max_body_bytes: args.max_body_bytes as usize,
        body_timeout: Duration::from_secs(args.connections.body_timeout),
        graphiql: args.graphiql,
        explain,
        lacks,
        require_preflight: args.require_preflight,
        origins: Origins::of(&args.cors_origins)
            .map_err(|e| format!("--cors-origins (CORS_ORIGINS): {e}"))?,
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
async fn tokens(args: &Serve, embedded: Option<&Path>) -> Result<Option<Arc<Tokens>>> {
    let Some(tokens) = identity::tokens(&args.identity, embedded)? else {
        return Ok(None);
    };
    tokens.start().await;
    Ok(Some(Arc::new(tokens)))
}

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
        (true, Some(accounts)) => Ok(accounts.tell_roles_to(bearer)),
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
