//! Each migration is one transaction with its record, and those who migrate at once take turns.

use std::thread;

use backref::serve::migrate::{Migrations, Others, Runner};
use migration::{DbErr, MigrationTrait, Migrator, MigratorTrait, SchemaManager};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::prelude::MigrationName;

use super::{done, empty, execute, run, serve};
use crate::harness::Backend;

#[tokio::test]
async fn those_who_migrate_at_once_wait_for_each_other() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_database, url) = empty(backend).await;
        let arguments = ["migrate", "up", "--database-url", &url];
        thread::scope(|scope| {
            let all: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| run(folder.path(), &arguments)))
                .collect();
            for one in all {
                let output = one.join().expect("it runs");
                assert!(output.status.success(), "{backend:?}: {output:?}");
            }
        });
        done(folder.path(), &["doctor", "--database-url", &url]);
    }
}

#[test]
fn those_who_make_the_embedded_file_at_once_wait_for_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    thread::scope(|scope| {
        let all: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| serve(folder.path(), &[])))
            .collect();
        let all: Vec<_> = all
            .into_iter()
            .map(|one| one.join().expect("it runs"))
            .collect();
        for one in &all {
            assert!(one.is_ok(), "{:?}", one.as_ref().err());
        }
    });
    done(folder.path(), &["doctor"]);
}

/// A migration that does this, in a migrator of its own.
struct Does(&'static str, &'static [&'static str], Option<bool>);

impl MigrationName for Does {
    fn name(&self) -> &str {
        self.0
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Does {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in self.1 {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.up(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        self.2
    }
}

const PARENTS: &[&str] = &[
    "CREATE TABLE parent (id integer PRIMARY KEY)",
    "CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent (id) ON DELETE CASCADE)",
    "INSERT INTO parent VALUES (1), (2)",
    "INSERT INTO child VALUES (1, 1), (2, 2), (3, 2)",
];

/// The way to change a column that SQLite's documentation gives.
const REBUILD: &[&str] = &[
    "PRAGMA foreign_keys = OFF",
    "CREATE TABLE new_parent (id integer PRIMARY KEY, name text)",
    "INSERT INTO new_parent SELECT id, NULL FROM parent",
    "DROP TABLE parent",
    "ALTER TABLE new_parent RENAME TO parent",
    "PRAGMA foreign_keys = ON",
];

macro_rules! migrator {
    ($name:ident, $($does:expr),*) => {
        struct $name;
        impl MigratorTrait for $name {
            fn migrations() -> Vec<Box<dyn MigrationTrait>> {
                vec![$(Box::new($does)),*]
            }
        }
    };
}

migrator!(
    Fails,
    Does("m1", PARENTS, None),
    Does(
        "m2",
        &[
            "CREATE TABLE other (id integer)",
            "CREATE TABLE parent (id integer)"
        ],
        None
    )
);
migrator!(
    Rebuilds,
    Does("m1", PARENTS, None),
    Does("m2", REBUILD, None)
);
migrator!(
    Breaks,
    Does("m1", PARENTS, None),
    Does("m2", &["DELETE FROM parent WHERE id = 2"], None)
);
migrator!(
    Outside,
    Does("m1", PARENTS, Some(false)),
    Does("m2", &["VACUUM"], Some(false)),
    Does("m3", &["CREATE TABLE last (id integer)"], None)
);

async fn count(db: &impl ConnectionTrait, of: &str) -> i64 {
    let ask = Statement::from_string(
        db.get_database_backend(),
        format!("SELECT count(*) FROM {of}"),
    );
    let row = db
        .query_one_raw(ask)
        .await
        .expect("an answer")
        .expect("a row");
    row.try_get_by_index(0).expect("a number")
}

#[tokio::test]
async fn of_a_migration_that_fails_nothing_is_kept() {
    for backend in Backend::all() {
        let (database, _) = empty(backend).await;
        let runner = Runner::open(Migrations::of::<Fails>(), &database.url, true)
            .await
            .expect("a connection");
        let error = runner
            .up(Others::Refused)
            .await
            .expect_err("it fails")
            .to_string();
        assert!(error.contains("m2") && error.contains("parent"), "{error}");
        assert_eq!(count(&database.connection, "seaql_migrations").await, 1);
        let other = database
            .connection
            .execute_unprepared("SELECT * FROM other")
            .await;
        assert!(other.is_err(), "{backend:?}: a part of it stands");
    }
}

#[tokio::test]
async fn a_table_is_rebuilt_with_the_rows_that_refer_to_it() {
    let (database, _) = empty(Backend::Sqlite).await;
    let runner = Runner::open(Migrations::of::<Rebuilds>(), &database.url, true)
        .await
        .expect("a connection");
    runner.up(Others::Refused).await.expect("it migrates");
    assert_eq!(count(&database.connection, "child").await, 3);
    assert_eq!(count(&database.connection, "seaql_migrations").await, 2);
}

#[tokio::test]
async fn a_migration_that_leaves_rows_without_what_they_refer_to_is_taken_back() {
    let (database, _) = empty(Backend::Sqlite).await;
    let runner = Runner::open(Migrations::of::<Breaks>(), &database.url, true)
        .await
        .expect("a connection");
    let error = runner
        .up(Others::Refused)
        .await
        .expect_err("it is refused")
        .to_string();
    assert!(
        error.contains("m2") && error.contains("child -> parent") && error.contains("2 rows"),
        "{error}"
    );
    assert_eq!(count(&database.connection, "parent").await, 2);
}

#[tokio::test]
async fn a_migration_may_forbid_its_transaction() {
    for backend in Backend::all() {
        let (database, _) = empty(backend).await;
        let runner = Runner::open(Migrations::of::<Outside>(), &database.url, true)
            .await
            .expect("a connection");
        runner.up(Others::Refused).await.expect("it migrates");
        assert_eq!(count(&database.connection, "seaql_migrations").await, 3);
        assert_eq!(count(&database.connection, "last").await, 0);
        runner.close().await.expect("it closes");
    }
}

#[tokio::test]
async fn down_takes_back_one_and_fresh_begins_again() {
    for backend in Backend::all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, url) = empty(backend).await;
        let all = Migrator::migrations().len();
        done(folder.path(), &["migrate", "up", "--database-url", &url]);
        backref::blog::sample::fill(&database.connection)
            .await
            .expect("content");
        let listed = done(folder.path(), &["migrate", "down", "--database-url", &url]);
        assert_eq!(
            listed.matches("applied").count(),
            all - 1,
            "{backend:?}: {listed}"
        );
        done(folder.path(), &["migrate", "up", "--database-url", &url]);
        done(folder.path(), &["doctor", "--database-url", &url]);
        execute(&database, "CREATE VIEW readers AS SELECT id FROM \"user\"").await;
        done(
            folder.path(),
            &["migrate", "fresh", "--yes", "--database-url", &url],
        );
        done(folder.path(), &["doctor", "--database-url", &url]);
        assert_eq!(count(&database.connection, "\"user\"").await, 0);
        for _ in 0..=all {
            done(folder.path(), &["migrate", "down", "--database-url", &url]);
        }
        let status = done(
            folder.path(),
            &["migrate", "status", "--database-url", &url],
        );
        assert!(!status.contains("applied"), "{backend:?}: {status}");
    }
}
