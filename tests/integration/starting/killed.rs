//! A process that is killed leaves nothing that stops the next one.
//!
//! `KILLS=100 cargo test killed` kills as often; without it each is tried a few times. The moments are drawn over
//! the time that the same takes undisturbed, the same each time; `KILLS_SEED=7` draws others.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use migration::{Migrator, MigratorTrait};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::{backref, done, run, serve, text};
use crate::harness::{Backend, TestDatabase, moments};

fn kills() -> u32 {
    let asked = std::env::var("KILLS").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(4)
}

/// Starts the program, kills it at a moment that is drawn from `within`, and returns what became of the next one; nothing
/// where the program had come to its end before.
fn killed(
    folder: &Path,
    arguments: &[&str],
    within: Duration,
    moments: &mut Pcg32,
) -> Option<Result<(), String>> {
    let mut child = backref(folder, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let share = f64::from(moments.next_u32()) / f64::from(u32::MAX);
    std::thread::sleep(within.mul_f64(share));
    if child.try_wait().expect("it is ours").is_some() {
        return None;
    }
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    Some(again(folder, arguments))
}

fn again(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    if arguments.first() == Some(&"migrate") {
        let output = run(folder, arguments);
        return match output.status.success() {
            true => Ok(()),
            false => Err(text(&output.stderr)),
        };
    }
    serve(folder, arguments).map(drop)
}

fn timed(work: impl FnOnce() -> Result<(), String>) -> Duration {
    let started = Instant::now();
    work().expect("it works undisturbed");
    started.elapsed()
}

/// Everything is there in the end, whatever was killed before.
fn check(folder: &Path, url: Option<&str>, refusals: &[String]) {
    assert!(
        refusals.is_empty(),
        "{} refusals, the first: {}",
        refusals.len(),
        refusals[0]
    );
    let mut arguments = vec!["doctor"];
    arguments.extend(url.into_iter().flat_map(|url| ["--database-url", url]));
    done(folder, &arguments);
}

#[test]
fn a_first_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let within = timed(|| again(folder.path(), &[]));
    let mut moments = moments(1);
    for _ in 0..kills() {
        let folder = tempfile::tempdir().expect("a folder");
        let outcome = killed(folder.path(), &[], within, &mut moments).expect("it serves");
        check(folder.path(), None, outcome.err().as_slice());
        let names = std::fs::read_dir(folder.path()).expect("a folder");
        let names = names.map(|e| {
            e.expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        });
        let strange: Vec<_> = names
            .filter(|n| !n.starts_with("backref.db") || n.contains("new"))
            .collect();
        assert_eq!(strange, Vec::<String>::new());
    }
}

/// As a container does that is restarted over one volume: each start meets what the killed ones before it left.
#[test]
fn one_start_after_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let within = timed(|| again(folder.path(), &[]));
    let folder = tempfile::tempdir().expect("a folder");
    let mut moments = moments(2);
    for _ in 0..kills() {
        let mut child = backref(folder.path(), &[])
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(
            within.mul_f64(0.6 * f64::from(moments.next_u32()) / f64::from(u32::MAX)),
        );
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    }
    let outcome = again(folder.path(), &[]);
    check(folder.path(), None, outcome.err().as_slice());
}

#[tokio::test]
async fn an_upgrade_of_the_embedded_file() {
    let mut moments = moments(3);
    for migrations in [2, all() - 1] {
        let old = older(Backend::Sqlite, migrations).await;
        let old = old.url.shown().trim_start_matches("sqlite://").to_owned();
        let copied = || {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::copy(&old, folder.path().join("backref.db")).expect("a copy");
            folder
        };
        let within = timed(|| again(copied().path(), &[]));
        for _ in 0..kills() {
            let folder = copied();
            let outcome = killed(folder.path(), &[], within, &mut moments).expect("it serves");
            check(folder.path(), None, outcome.err().as_slice());
        }
    }
}

fn all() -> u32 {
    u32::try_from(Migrator::migrations().len()).expect("a few")
}

#[tokio::test]
async fn migrate_up() {
    each(0, &["migrate", "up", "--database-url"], 4).await;
}

#[tokio::test]
async fn a_start_that_migrates() {
    each(0, &["--migrate", "--database-url"], 5).await;
    each(3, &["--migrate", "--database-url"], 6).await;
}

#[tokio::test]
async fn migrate_fresh() {
    each(all(), &["migrate", "fresh", "--yes", "--database-url"], 7).await;
}

/// The same on both databases, each time on one with so many migrations.
async fn each(migrations: u32, arguments: &[&str], seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    for backend in Backend::all() {
        let mut moments = moments(seed);
        let (mut within, mut left) = (None, kills());
        while left > 0 {
            let database = older(backend, migrations).await;
            let url = database.url.shown();
            let arguments = [arguments, &[url.as_str()][..]].concat();
            let Some(within) = within else {
                within = Some(timed(|| again(folder.path(), &arguments)));
                continue;
            };
            if let Some(outcome) = killed(folder.path(), &arguments, within, &mut moments) {
                check(folder.path(), Some(&url), outcome.err().as_slice());
                left -= 1;
            }
            database.connection.close().await.expect("it closes");
        }
    }
}

/// A database with the first migrations alone, as SeaORM itself applies them.
async fn older(backend: Backend, migrations: u32) -> TestDatabase {
    let database = TestDatabase::empty(backend).await;
    if migrations > 0 {
        Migrator::up(&database.connection, Some(migrations))
            .await
            .expect("migrations apply");
    }
    // What is copied is one file.
    if backend == Backend::Sqlite {
        super::execute(&database, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    }
    database
}
