//! Where the log of a program goes, and how it looks.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::EnvFilter;

use super::say;
use crate::serve::name;

/// What is told where nobody has said.
const USUAL: &str = "info,sea_orm_migration=warn,sqlx::postgres::notice=warn,tokio_postgres=warn";

/// Lines to standard error, by `RUST_LOG` if that says something.
pub fn start(json: bool) {
    let asked = std::env::var("RUST_LOG").ok().filter(|v| !v.is_empty());
    let parsed = asked.as_deref().map(EnvFilter::try_new);
    let misread = match &parsed {
        Some(Err(cause)) => Some(cause.to_string()),
        _ => None,
    };
    let filter = parsed.and_then(Result::ok);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(USUAL)))
        // By itself it says on standard error that it cannot write there, and panics in the midst of a request.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    if json {
        subscriber.json().init();
    } else {
        subscriber
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init();
    }
    let Some(asked) = asked else {
        return;
    };
    if let Some(cause) = misread {
        tracing::warn!("RUST_LOG `{asked}` cannot be read, and is not heeded: {cause}");
    } else if !tracing::enabled!(Level::ERROR) && asked.trim() != "off" {
        // What is no level is the name of some part of the program, of which alone is told then.
        say::aside(&format!(
            "{}: by RUST_LOG `{asked}` nothing is logged, not even errors; name a level (`info`), or say `off`\n",
            name::get()
        ));
    }
}
