//! The written projects themselves: they compile, serve, and pass their own tests, of which one holds that the schema
//! that was written before there was code is the one that the code makes.
//!
//! It takes minutes, so it is not run by the way: `cargo test --test integration create::compiled -- --ignored`.

use std::path::Path;
use std::process::Command;

use super::{
    CHINOOK, Created, EVERY_TYPE, ODD_POSTGRES, ODD_SQLITE, SAKILA_POSTGRES, SAKILA_SQLITE,
};
use crate::harness::Backend;

/// Where all projects are built, so that what they depend on is built once.
fn target() -> String {
    format!("{}/created", env!("CARGO_TARGET_TMPDIR"))
}

fn tested(created: &Created) {
    // The versions that Backref itself is tested with.
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    std::fs::copy(own, created.folder.join("Cargo.lock")).expect("it is copied");
    let done = Command::new(env!("CARGO"))
        .args(["test", "--workspace"])
        .current_dir(&created.folder)
        .env("CARGO_TARGET_DIR", target())
        .env("DATABASE_URL", created.database.url.settled())
        .output()
        .expect("cargo runs");
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    let warns = err.lines().any(|line| line.starts_with("warning"));
    assert!(done.status.success() && !warns, "{out}\n{err}");
}

#[tokio::test]
#[ignore = "it compiles six projects"]
async fn what_is_written_compiles_and_answers() {
    for (backend, sql) in [
        (Backend::Sqlite, CHINOOK),
        (Backend::Sqlite, SAKILA_SQLITE),
        (Backend::Sqlite, ODD_SQLITE),
        (Backend::Postgres, SAKILA_POSTGRES),
        (Backend::Postgres, EVERY_TYPE),
        (Backend::Postgres, ODD_POSTGRES),
    ] {
        if let Some(created) = Created::of(backend, sql).await {
            tested(&created);
        }
    }
}
