//! The commands that make and fill tables.

use std::io::IsTerminal;

use super::{Program, Result, logging, say};
use crate::serve::config::{Migrate, MigrateAction, Seed};
use crate::serve::database::{self, Connect, Url};
use crate::serve::migrate::{self, Runner};

/// `migrate`.
pub async fn migrate(program: &Program, args: Migrate) -> Result {
    logging::start(false);
    let migrations = program.migrations;
    if migrations.is_none() {
        return Err("this program has no migrations: its tables are made elsewhere; give it some by `Program::migrations`".into());
    }
    let url = program.database_of(args.database_url.as_ref())?;
    match args.action {
        MigrateAction::Status => {}
        MigrateAction::Up(others) => {
            let runner = Runner::open(migrations, &url, true).await?;
            runner.up(others.or(program.others)).await?;
            runner.close().await?;
        }
        MigrateAction::Down => {
            let runner = Runner::open(migrations, &url, false).await?;
            runner.down().await?;
            runner.close().await?;
        }
        MigrateAction::Fresh { yes } => {
            let runner = Runner::open(migrations, &url, true).await?;
            if !yes {
                agree_to_lose(&url, &runner).await?;
            }
            runner.fresh().await?;
            runner.close().await?;
        }
    }
    let connection = url.connect(Connect::reading()).await?;
    let all = migrate::status(migrations, &url, &connection).await?;
    let lines = all.iter().map(|(name, is_applied)| {
        let status = if *is_applied { "applied" } else { "pending" };
        format!("{status:<8} {name}\n")
    });
    let mut lines: String = lines.collect();
    for name in migrate::unknown(migrations, &url, &connection).await? {
        lines += &format!("unknown  {name}\n");
    }
    Ok(say::output(&lines)?)
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
    say::aside(&format!("{question}\nGo on? [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err("nothing was changed".into()),
    }
}

/// `seed`, where the program has content to make.
pub async fn fill(program: &Program, args: Seed) -> Result {
    let Some(seeding) = program.seeding else {
        return Err(NO_CONTENT.into());
    };
    let url = program.database_of(args.database_url.as_ref())?;
    let connection = url.connect(Connect::with(1)).await?;
    database::require_migrated(program.migrations, &url, &connection).await?;
    seeding(&connection, &args).await
}

const NO_CONTENT: &str = "this program has no content to fill a database with; `seed` is a command of the graph in the box";
