//! What a refusal says: its own cause, nothing secret, and a remedy that works.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{backref, done, empty, execute, refusal, serve, text};
use crate::harness::{Backend, TestDatabase};

#[tokio::test]
async fn what_is_to_be_run_can_be_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, url) = empty(Backend::Sqlite).await;
    for query in ["?mode=ro", "?immutable=1"] {
        let asked = format!("{url}{query}");
        let remedy = format!("migrate up --database-url {url}");
        let said = refusal(folder.path(), &["--database-url", &asked]);
        assert!(said.contains(&format!("{remedy}`\n")), "{said}");
        let output = backref(folder.path(), &["doctor", "--database-url", &asked]).output();
        let said = text(&output.expect("it runs").stdout);
        assert!(said.contains(&format!("{remedy}\n")), "{said}");
    }
    done(folder.path(), &["migrate", "up", "--database-url", &url]);
}

#[tokio::test]
async fn who_migrates_is_not_sent_to_the_pooler() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, url) = empty(Backend::Postgres).await;
    let asked = format!("{url}?pgbouncer=true");
    let said = refusal(folder.path(), &["--database-url", &asked]);
    assert!(said.contains("BEHIND-THE-POOLER"), "{said}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_from_a_server_that_is_not() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, url) = empty(Backend::Postgres).await;
    let (server, _) = url.rsplit_once('/').expect("a name");
    let url = format!("{server}/not_there_4711");
    let said = refusal(folder.path(), &["--database-url", &url]);
    assert!(said.contains("createdb not_there_4711"), "{said}");
    assert!(!said.contains("at line"), "{said}");
}

#[tokio::test]
async fn what_postgres_says_ends_where_its_message_ends() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (database, url) = empty(Backend::Postgres).await;
    execute(&database, "CREATE TYPE post_status AS (a integer)").await;
    let said = refusal(folder.path(), &["migrate", "up", "--database-url", &url]);
    assert!(
        said.contains("\"post_status\" already exists (42710)"),
        "{said}"
    );
    assert!(!said.contains("at line"), "{said}");
}

#[tokio::test]
async fn a_url_may_say_how_long_to_wait_and_shout_its_scheme() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = TestDatabase::migrated(backend).await;
        let url = database.url.shown();
        let url = match backend {
            Backend::Sqlite => url.replace("sqlite:", "SQLite:"),
            Backend::Postgres => {
                url.replace("postgres:", "Postgres:") + "?connect_timeout=5&application_name=x"
            }
        };
        drop(serve(folder.path(), &["--database-url", &url]).expect("it serves"));
    }
}

#[test]
fn the_cause_is_that_of_the_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    fs::create_dir(folder.path().join("backref.db")).expect("a folder");
    for (url, name) in [(at("backref.db"), "backref.db"), (at(""), "")] {
        for arguments in [
            &["--database-url", &url][..],
            &["migrate", "up", "--database-url", &url],
        ] {
            let said = refusal(folder.path(), arguments);
            assert!(said.contains("it is a folder"), "{name}: {said}");
            assert!(!said.contains("immutable"), "{name}: {said}");
        }
    }
    let said = refusal(folder.path(), &[]);
    assert!(said.contains("it is a folder"), "{said}");
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe.db"))
        .status();
    assert!(made.expect("mkfifo").success());
    for url in [at("pipe.db"), "sqlite:///dev/null".to_owned()] {
        for arguments in [
            &["--database-url", &url][..],
            &["migrate", "up", "--database-url", &url],
            &["doctor", "--database-url", &url],
        ] {
            let said = refusal(folder.path(), arguments);
            assert!(said.contains("it is a pipe or a device"), "{url}: {said}");
        }
    }
    let url = at("none/a.db");
    let said = refusal(folder.path(), &["migrate", "up", "--database-url", &url]);
    assert!(said.contains("cannot be made: No such file"), "{said}");
}

/// Who is root may write everywhere.
#[test]
fn a_folder_that_cannot_be_written_is_said_to_be_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
    set(0o555).expect("it is ours");
    if fs::write(folder.path().join("probe"), "").is_err() {
        let said = refusal(folder.path(), &[]);
        assert!(said.contains("cannot be made: Permission denied"), "{said}");
        let said = refusal(
            folder.path(),
            &["migrate", "up", "--database-url", "sqlite://a.db"],
        );
        assert!(
            said.contains("cannot be made: Permission denied") && said.contains("--database-url"),
            "{said}"
        );
    }
    set(0o755).expect("it is ours");
}

#[test]
fn settings_have_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    for (flag, value) in [
        ("--request-timeout", "18446744073709551615"),
        ("--request-timeout", "3000000"),
        ("--header-timeout", "18446744073709551615"),
        ("--body-timeout", "18446744073709551615"),
        ("--idle-timeout", "18446744073709551615"),
        ("--write-timeout", "18446744073709551615"),
        ("--jwt-ttl", "18446744073709551615"),
        ("--max-body-bytes", "18446744073709551615"),
        ("--database-max-connections", "4294967295"),
    ] {
        let said = refusal(folder.path(), &[flag, value]);
        assert!(
            said.contains(value) && said.contains(".."),
            "{flag}: {said}"
        );
    }
    drop(serve(folder.path(), &["--request-timeout", "86400"]).expect("it serves"));
}

#[test]
fn a_variable_without_a_value_is_not_set_but_for_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = [
        "DATABASE_URL",
        "REQUEST_TIMEOUT",
        "MIGRATE",
        "CORS_ORIGINS",
        "CLIENT_ADDRESS_HEADER",
        "EXPLAIN",
    ];
    let mut command = backref(folder.path(), &[]);
    command.envs(empty.map(|name| (name, "")));
    drop(super::up(command).expect("it serves"));
    assert!(folder.path().join("backref.db").exists());
    let mut command = backref(folder.path(), &["migrate", "status"]);
    let output = command.env("DATABASE_URL", "").output().expect("it runs");
    assert!(text(&output.stdout).contains("applied"), "{output:?}");
    let mut command = backref(folder.path(), &[]);
    command.env("JWT_SECRET", "");
    assert!(super::up(command).is_err(), "it serves");
}

#[test]
fn a_log_that_is_asked_for_in_vain_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |asked: &str, arguments: &[&str]| {
        let mut command = backref(folder.path(), arguments);
        let output = command.env("RUST_LOG", asked).output().expect("it runs");
        text(&output.stderr)
    };
    let status = ["migrate", "status", "--database-url", "sqlite://none.db"];
    for asked in ["nonsense level", "bogus=["] {
        let said = said(asked, &status);
        assert!(said.contains("RUST_LOG") && said.contains(asked), "{said}");
    }
    for asked in ["", "off", "error", "backref=debug"] {
        assert!(!said(asked, &status).contains("RUST_LOG"), "{asked}");
    }
}

/// A reader that has read enough is no error.
#[test]
fn what_nobody_reads_on_is_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = backref(folder.path(), &["schema"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success(), "{output:?}");
}

/// A disk without room for what it says, from the first line on.
#[cfg(target_os = "linux")]
#[test]
fn a_start_with_a_log_that_is_full_leaves_nothing_half_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let mut command = backref(folder.path(), &["migrate", "up"]);
    let status = command.stderr(full.expect("it is there")).status();
    assert!(status.expect("it runs").success());
    let listed = done(folder.path(), &["migrate", "status"]);
    assert!(!listed.contains("pending"), "{listed}");
}
