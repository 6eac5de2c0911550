//! Where the log of a program goes, and how it looks.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Lines to standard error, by `RUST_LOG` if that is set.
pub fn start(json: bool) {
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
