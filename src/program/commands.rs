//! The commands that only look.

use std::io::Read;
use std::time::Duration;

use super::{Program, Result, say};
use crate::doctor;
use crate::engine::Request;
use crate::graph::Principal;
use crate::identity::accounts::{Accounts, AttemptLimits};
use crate::identity::tokens::Tokens;
use crate::read::plan::Limits;
use crate::serve::config::{Doctor, Explain, Token};
use crate::serve::database::{self, Connect};
use crate::serve::{identity, migrate};

/// Whether the database has all that the graph needs.
pub async fn examine(program: Program, args: Doctor) -> Result<bool> {
    let named = args.database_url.as_ref();
    let url = program.database_of(named)?;
    let migrations = program.migrations;
    let is_named = program.own_file(named).is_none();
    let catalog = program.graph.build()?;
    let connection = url.connect(Connect::reading()).await?;
    let pending = database::pending_migrations(migrations, &url, &connection).await?;
    let unknown = migrate::unknown(migrations, &url, &connection).await?;
    // The program's own file is what commands use where none is named.
    let option = match is_named {
        true => url.option(),
        false => String::new(),
    };
    let report = doctor::examine(&catalog, &connection, &option).await;
    connection.close().await?;
    let report = report.map_err(|e| url.refused(e))?;
    let report = report.with_pending(pending).with_unknown(unknown);
    say::output(&report.to_string())?;
    Ok(report.is_clean())
}

/// The graph as it is served, in GraphQL's schema language.
pub fn print_schema(program: Program) -> Result {
    let planner = super::planner(program.graph, Limits::default())?;
    Ok(say::output(&planner.schema().sdl)?)
}

/// A token for a user, with the role that the database says.
pub async fn print_token(program: Program, args: Token) -> Result {
    let named = args.database_url.as_ref();
    let url = program.database_of(named)?;
    let tokens = identity::tokens(&args.identity, program.own_file(named))?
        .filter(Tokens::can_sign)
        .ok_or("there is no secret to sign by; give the server's with --jwt-secret (JWT_SECRET)")?;
    let catalog = program.graph.build()?;
    let connection = url.connect(Connect::reading()).await?;
    let accounts = Accounts::of(&catalog, connection, None, AttemptLimits::default());
    let accounts = accounts.ok_or("the graph has no accounts; declare them with `.accounts(…)`")?;
    let id = args.user.rsplit(':').next().unwrap_or_default();
    let subject = accounts.subject(id).await.map_err(|e| url.refused(e))?;
    let subject = subject.ok_or_else(|| format!("{} has no user {id}", url.shown()))?;
    let ttl = args.ttl.map(Duration::from_secs);
    let token = tokens.sign(&subject, ttl).ok_or("no token was signed")?;
    Ok(say::output(&format!("{token}\n"))?)
}

/// What a document would run.
pub fn print_plan(program: Program, args: &Explain) -> Result {
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
    let dialect = program.database_of(args.database_url.as_ref())?.dialect();
    let planner = super::planner(program.graph, args.limits.limits())?;
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
    Ok(say::output(&shown)?)
}
