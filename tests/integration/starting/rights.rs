//! What may not be read is told from what is not there, and who looks changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::{backref, done, execute, refusal};
use crate::harness::{Backend, TestDatabase};

/// A role that may log in and nothing else, with the URL by which it does.
async fn role(database: &TestDatabase) -> (String, String) {
    let name = format!("reader_of_{}", database.name());
    execute(
        database,
        &format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'"),
    )
    .await;
    let url = database.url.shown();
    let (_, host) = url.split_once('@').expect("a user");
    (name.clone(), format!("postgres://{name}:secret@{host}"))
}

#[tokio::test]
async fn a_role_that_may_not_read_the_record_is_not_told_to_migrate() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let database = TestDatabase::migrated(Backend::Postgres).await;
    let (role, url) = role(&database).await;
    let commands = [
        &["--database-url", &url][..],
        &["--migrate", "--database-url", &url],
        &["migrate", "status", "--database-url", &url],
        &["migrate", "up", "--database-url", &url],
        &["doctor", "--database-url", &url],
        &["seed", "--database-url", &url],
    ];
    let check = |grant: &str| {
        for arguments in commands {
            let said = refusal(folder.path(), arguments);
            assert!(
                said.contains(grant) && said.contains("seaql_migrations"),
                "{arguments:?}: {said}"
            );
            assert!(!said.contains("lacks"), "{arguments:?}: {said}");
            assert!(!said.contains("secret"), "{arguments:?}: {said}");
        }
    };
    check("GRANT SELECT ON seaql_migrations");
    execute(&database, "REVOKE USAGE ON SCHEMA public FROM PUBLIC").await;
    check("GRANT USAGE ON SCHEMA public");
    execute(
        &database,
        &format!("GRANT USAGE ON SCHEMA public TO {role}"),
    )
    .await;
    execute(
        &database,
        &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
    )
    .await;
    done(
        folder.path(),
        &["migrate", "status", "--database-url", &url],
    );
    // Who may only read can be told that there is nothing to do.
    done(folder.path(), &["migrate", "up", "--database-url", &url]);
    drop_role(&database, &role).await;
}

async fn drop_role(database: &TestDatabase, role: &str) {
    execute(database, &format!("DROP OWNED BY {role}")).await;
    execute(database, &format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn who_looks_writes_nothing() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = TestDatabase::empty(backend).await;
        let url = database.url.shown();
        for command in ["status", "doctor"] {
            let arguments = match command {
                "doctor" => vec!["doctor", "--database-url", &url],
                _ => vec!["migrate", "status", "--database-url", &url],
            };
            backref(folder.path(), &arguments)
                .output()
                .expect("it runs");
        }
        let found = sea_orm::ConnectionTrait::execute_unprepared(
            &database.connection,
            "SELECT * FROM seaql_migrations",
        )
        .await;
        assert!(found.is_err(), "{backend:?}: the record was made");
    }
}

/// Every file of the folder, byte by byte.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let files = entries.map(|e| e.expect("an entry"));
    let files = files.filter(|e| !e.file_name().to_string_lossy().ends_with("-shm"));
    files
        .map(|e| {
            (
                e.file_name().to_string_lossy().into_owned(),
                std::fs::read(e.path()).expect("a file"),
            )
        })
        .collect()
}

/// A file that was closed, and one whose server was killed, with the log of what it wrote last.
#[tokio::test]
async fn a_file_that_is_looked_at_stays_as_it_is() {
    for killed in [false, true] {
        let database = TestDatabase::sample(Backend::Sqlite).await;
        let path = database
            .url
            .shown()
            .trim_start_matches("sqlite://")
            .to_owned();
        let folder = tempfile::tempdir().expect("a folder");
        if !killed {
            execute(&database, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
        for end in ["", "-wal"] {
            let copy = folder.path().join(format!("backref.db{end}"));
            std::fs::copy(format!("{path}{end}"), copy).expect("a copy");
        }
        let log = folder.path().join("backref.db-wal");
        if !killed {
            std::fs::remove_file(log).expect("an empty log");
        }
        let before = content(folder.path());
        assert_eq!(before.len(), if killed { 2 } else { 1 });
        done(folder.path(), &["migrate", "status"]);
        done(folder.path(), &["doctor"]);
        let after = content(folder.path());
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            after.keys().collect::<Vec<_>>()
        );
        assert!(before == after, "it was changed (killed: {killed})");
    }
}
