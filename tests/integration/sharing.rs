//! Requests share PostgreSQL's connections; none waits for another's slow statement, and none leaves a
//! connection unusable.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use super::harness::{Backend, TestApp, TestDatabase};

const QUICK: &str = "{ tags { name } users { name } }";
const SLOW: &str = "{ comments { body } }";

/// Makes reads of a table wait until the transaction ends.
async fn lock(database: &TestDatabase, table: &str) -> sea_orm::DatabaseTransaction {
    let transaction = database.connection.begin().await.expect("a transaction");
    transaction
        .execute_unprepared(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
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
    // By one alone, which may have been held up, it is not known how quick they are.
    for _ in 0..5 {
        app.query(QUICK).await.data();
    }

    let locked = lock(&database, "comment").await;
    // All come at once, so quick ones are sent behind slow ones before anybody knows how slow they are.
    let is_slow = |i: usize| i % 20 == 7;
    let ask = async |i: usize| (i, app.query(if is_slow(i) { SLOW } else { QUICK }).await);
    let mut running: FuturesUnordered<_> = (0..60).map(ask).collect();
    for _ in 0..57 {
        let (i, answer) = running.next().await.expect("a request");
        assert!(!is_slow(i), "it read through a lock");
        assert_eq!(answer.data(), quick);
    }
    // What was quick is done; a slow one may be between two connections still, or have its turn last.
    let mut waiting = 0;
    while waiting < 3 {
        assert!(
            futures_util::poll!(running.next()).is_pending(),
            "it read through a lock"
        );
        waiting = statements_that_wait(&database).await;
        assert!(waiting <= 6, "{waiting} wait for three requests");
    }
    locked.rollback().await.expect("the lock's end");
    while let Some((i, answer)) = running.next().await {
        assert!(is_slow(i));
        assert_eq!(answer.data(), slow);
    }
}

/// On a busy machine what is quick takes long now and then. It does not stand in the line of what does so always.
#[tokio::test]
async fn what_is_quick_and_was_held_up_once_does_not_wait_for_all_that_is_slow() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let app = TestApp::blog(&database);
    let quick = app.query(QUICK).await.data();
    for _ in 0..5 {
        app.query(QUICK).await.data();
    }
    let locked = lock(&database, "comment").await;
    let slow = join_all((0..40).map(|_| app.query(SLOW)));
    let held_up = async {
        // All connections for what takes long are taken, and more wait for them.
        while statements_that_wait(&database).await < 2 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let others = lock(&database, "tag").await;
        let began = Instant::now();
        let ends = async {
            tokio::time::sleep(Duration::from_millis(120)).await;
            others.rollback().await.expect("the lock's end");
            // Somebody else is answered now, too.
            database.execute("SELECT name FROM tag").await;
            began.elapsed()
        };
        let asked = async {
            let asked = app.query(QUICK);
            let long = Duration::from_secs(15);
            tokio::time::timeout(long, asked).await.ok()
        };
        let (answer, held) = tokio::join!(asked, ends);
        // Of a machine that needs half a second for 120 ms nothing is learnt.
        if held < Duration::from_millis(400) {
            assert_eq!(answer.expect("it waits for what is slow").data(), quick);
        }
        locked.rollback().await.expect("the lock's end");
    };
    let (slow, ()) = tokio::join!(slow, held_up);
    for answer in slow {
        assert!(answer.data()["comments"].is_array());
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled_and_leaves_its_connection_usable() {
    if !Backend::all().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDatabase::sample(Backend::Postgres).await;
    let app = TestApp::blog(&database);
    let locked = lock(&database, "comment").await;
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
