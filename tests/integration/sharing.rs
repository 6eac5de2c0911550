//! Requests share PostgreSQL's connections; none waits for another's slow statement, and none leaves a
//! connection unusable.

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use super::harness::{Backend, TestApp, TestDatabase};

const QUICK: &str = "{ tags { name } users { name } }";
const SLOW: &str = "{ comments { body } }";

/// Makes reads of `comment` wait until the transaction ends.
async fn lock(database: &TestDatabase) -> sea_orm::DatabaseTransaction {
    let transaction = database.connection.begin().await.expect("a transaction");
    transaction
        .execute_unprepared("LOCK TABLE comment IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    transaction
}

async fn statements_that_wait(database: &TestDatabase) -> i64 {
    let ask = sea_orm::Statement::from_string(
        sea_orm::DbBackend::Postgres,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    let row = database.connection.query_one_raw(ask).await;
    let row = row.expect("an answer").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

#[tokio::test]
async fn quick_requests_do_not_wait_behind_slow_ones() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    // It may open eight connections. A slow statement takes two at most, where it was asked and asked again.
    let app = TestApp::blog(&database);
    let quick = app.query(QUICK).await.data();
    let slow = app.query(SLOW).await.data();

    let locked = lock(&database).await;
    // All come at once, so quick ones are sent behind slow ones before anybody knows how slow they are.
    let is_slow = |i: usize| i % 20 == 7;
    let ask = async |i: usize| (i, app.query(if is_slow(i) { SLOW } else { QUICK }).await);
    let mut running: FuturesUnordered<_> = (0..60).map(ask).collect();
    for _ in 0..57 {
        let (i, answer) = running.next().await.expect("a request");
        assert!(!is_slow(i), "it read through a lock");
        assert_eq!(answer.data(), quick);
    }
    assert!((3..=6).contains(&statements_that_wait(&database).await));
    locked.rollback().await.expect("the lock's end");
    while let Some((i, answer)) = running.next().await {
        assert!(is_slow(i));
        assert_eq!(answer.data(), slow);
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled_and_leaves_its_connection_usable() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let app = TestApp::blog(&database);
    let locked = lock(&database).await;
    for _ in 0..8 {
        let mut gone = std::pin::pin!(app.query(SLOW));
        // It is dropped when its statement waits for the lock.
        while statements_that_wait(&database).await == 0 {
            assert!(futures_util::poll!(&mut gone).is_pending());
            tokio::task::yield_now().await;
        }
    }
    // The lock is held still, so they have ended because they were cancelled.
    while statements_that_wait(&database).await > 0 {
        tokio::task::yield_now().await;
    }
    locked.rollback().await.expect("the lock's end");
    for answer in join_all((0..40).map(|_| app.query(SLOW))).await {
        assert!(
            !answer.data()["comments"]
                .as_array()
                .is_none_or(Vec::is_empty)
        );
    }
}

#[tokio::test]
async fn a_statement_prepared_before_its_table_changed_is_prepared_again() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let app = TestApp::blog(&database);
    let before: Value = app.query("{ tags { name } }").await.data();
    assert_ne!(before["tags"], json!([]));
    let change = "ALTER TABLE tag ALTER COLUMN name TYPE varchar(200)";
    database
        .connection
        .execute_unprepared(change)
        .await
        .expect("a wider column");
    assert_eq!(app.query("{ tags { name } }").await.data(), before);
}
