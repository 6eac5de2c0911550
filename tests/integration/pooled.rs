//! Behind PgBouncer in transaction mode, where each transaction may be given another session.

use std::sync::Arc;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::harness::{Backend, PgBouncer, Program, TestApp, TestDatabase};
use crate::torn::is_right_throughout;

/// A database and a pooler with so many sessions before it, if both are there.
async fn pooled(sessions: usize) -> Option<(TestDatabase, PgBouncer)> {
    if !Backend::all().contains(&Backend::Postgres) {
        return None;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let pooler = PgBouncer::before(&database, sessions)?;
    Some((database, pooler))
}

const NESTED: &str = "{ users(limit: 5) { name posts(limit: 2) { title comments(limit: 2) { body author { name } } } } tags { name } }";

/// Another client of the pooler.
async fn client(pooler: &PgBouncer, database: &TestDatabase) -> tokio_postgres::Client {
    let plain = pooler.text(database);
    let connected = tokio_postgres::connect(&plain, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("the pooler answers");
    tokio::spawn(connection);
    client
}

/// What the sessions behind the pooler have prepared by name.
async fn prepared(pooler: &PgBouncer, database: &TestDatabase) -> i64 {
    let client = client(pooler, database).await;
    let ask = "SELECT count(*) FROM pg_prepared_statements";
    let found = client.simple_query(ask).await.expect("an answer");
    let count = found.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    count.expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_is_one_moment_whatever_session_it_is_given() {
    let Some((mut database, pooler)) = pooled(4).await else {
        return;
    };
    let writers = database.url.clone();
    database.url = pooler.url(&database);
    let app = Arc::new(TestApp::blog(&database));
    is_right_throughout(&writers, app, 2_000).await;
}

#[tokio::test]
async fn no_statement_is_prepared_by_name() {
    let Some((mut database, pooler)) = pooled(1).await else {
        return;
    };
    let direct = TestApp::blog(&database);
    let whole = direct.query(NESTED).await.data();
    database.url = pooler.url(&database);
    let app = TestApp::blog(&database);
    for _ in 0..3 {
        for answer in join_all((0..20).map(|_| app.query(NESTED))).await {
            assert_eq!(answer.data(), whole);
        }
    }
    assert_eq!(prepared(&pooler, &database).await, 0);
}

/// A session has what others have left on it: names that sqlx would give its own statements, too.
#[tokio::test]
async fn it_starts_again_and_again_whatever_others_have_left() {
    let Some((database, pooler)) = pooled(1).await else {
        return;
    };
    let left = "PREPARE sqlx_s_1 AS SELECT 1; PREPARE sqlx_s_2 AS SELECT 2; PREPARE s0 AS SELECT 3";
    let client = client(&pooler, &database).await;
    client.batch_execute(left).await.expect("names");
    assert_eq!(prepared(&pooler, &database).await, 3);
    let url = pooler.url(&database);
    for _ in 0..2 {
        let first = Program::serve_at(&url.shown(), &[]);
        let second = Program::serve_at(&url.shown(), &[]);
        for program in [&first, &second] {
            let answer = program.ask(NESTED);
            assert!(answer.get("errors").is_none(), "{answer}");
            program.assert_ready();
        }
        for program in [first, second] {
            let (status, log) = program.stop();
            assert!(status.success(), "{log}");
        }
    }
}

/// A statement that fails, and one that is stopped, leave the session to others as it was.
#[tokio::test]
async fn what_fails_there_is_as_small_as_elsewhere() {
    let Some((mut database, pooler)) = pooled(2).await else {
        return;
    };
    let away = "ALTER TABLE profile RENAME TO elsewhere";
    let renamed = database.connection.execute_unprepared(away).await;
    renamed.expect("the table can be renamed");
    database.url = pooler.url(&database);
    let app = TestApp::blog(&database);
    let mut query = "{ tags(limit: 1) { id }".to_owned();
    for i in 1..=9 {
        query += &format!(" u{i}: users(limit: {i}) {{ id profile {{ bio }} }}");
    }
    query += " posts(limit: 1) { id } }";
    for _ in 0..3 {
        let answer = app.query(&query).await;
        let data = &answer.json()["data"];
        assert!(
            data["tags"].is_array() && data["posts"].is_array(),
            "{}",
            answer.text
        );
        assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
        app.query("{ users { id } }").await.data();
    }
}

/// What nobody waits for is found in whatever session it runs, and stopped there.
#[tokio::test]
async fn what_nobody_waits_for_is_cancelled_and_nothing_else() {
    let Some((mut database, pooler)) = pooled(3).await else {
        return;
    };
    database.url = pooler.url(&database);
    let app = TestApp::blog(&database);
    let other = TestApp::blog(&database);
    let slow = "{ comments { body } }";
    let whole = other.query(slow).await.data();
    let locked = database.connection.begin().await.expect("a transaction");
    let lock = "LOCK TABLE comment IN ACCESS EXCLUSIVE MODE";
    locked.execute_unprepared(lock).await.expect("a lock");
    let waits = async || {
        let ask = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let ask = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, ask);
        let found = database.connection.query_all_raw(ask).await;
        found.expect("an answer").len()
    };
    // Another process waits for the same, and is left to it.
    let mut stays = std::pin::pin!(other.query(slow));
    while waits().await < 1 {
        assert!(futures_util::poll!(&mut stays).is_pending());
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        let mut gone = Box::pin(app.query(slow));
        while waits().await < 2 {
            assert!(futures_util::poll!(&mut gone).is_pending());
            assert!(futures_util::poll!(&mut stays).is_pending());
            tokio::task::yield_now().await;
        }
        drop(gone);
        while waits().await > 1 {
            assert!(futures_util::poll!(&mut stays).is_pending());
            tokio::task::yield_now().await;
        }
    }
    locked.rollback().await.expect("the lock's end");
    assert_eq!(stays.await.data(), whole);
    assert_eq!(app.query(slow).await.data(), whole);
}
