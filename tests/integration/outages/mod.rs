//! A database that stops statements, hangs, goes away and comes back: what is answered meanwhile, what the log says, and
//! that all is well afterwards.

mod log;
mod ready;
mod stopping;

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use serde_json::{Value, json};

use crate::harness::{Answer, Backend, Proxy, TestApp, TestDatabase, Way, own_server};

/// So long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The database that the tests here are about, if it is there.
async fn postgres() -> Option<TestDatabase> {
    match Backend::all().contains(&Backend::Postgres) {
        true => Some(TestDatabase::sample(Backend::Postgres).await),
        false => None,
    }
}

/// Makes reads of `comment` wait until the transaction ends.
async fn lock(database: &TestDatabase) -> DatabaseTransaction {
    let transaction = database.connection.begin().await.expect("a transaction");
    transaction
        .execute_unprepared("LOCK TABLE comment IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    transaction
}

/// How many statements have waited for a lock for some time, after this was done to their processes.
async fn waiting(database: &TestDatabase, done: &str) -> usize {
    let ask = format!(
        "SELECT {done} FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
         AND query_start < clock_timestamp() - interval '300 ms'"
    );
    let ask = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, ask);
    let found = database.connection.query_all_raw(ask).await;
    found.expect("an answer").len()
}

/// One field that is to wait for `comment`, among others.
const QUERY: &str = "{ tags(limit: 2) { id } post(id: 1) { id comments { id } } user(id: 1) { id posts(limit: 1) { id } } }";

/// The others are answered, and it is not, for this reason.
fn only_comments_are_missing(answer: &Answer, code: &str) {
    let json = answer.json();
    let data = &json["data"];
    assert_eq!(
        data["tags"].as_array().map(Vec::len),
        Some(2),
        "{}",
        answer.text
    );
    assert_eq!(data["post"], Value::Null, "{}", answer.text);
    assert_eq!(
        data["user"]["posts"].as_array().map(Vec::len),
        Some(1),
        "{}",
        answer.text
    );
    assert_eq!(
        json["errors"].as_array().map(Vec::len),
        Some(1),
        "{}",
        answer.text
    );
    assert_eq!(json["errors"][0]["path"], json!(["post", "comments"]));
    assert_eq!(answer.code(), code, "{}", answer.text);
}

#[tokio::test]
async fn a_statement_that_an_operator_cancels_takes_no_other_with_it() {
    let Some(database) = postgres().await else {
        return;
    };
    let app = TestApp::blog(&database);
    app.query(QUERY).await.data();
    let locked = lock(&database).await;
    let cancelling = async {
        loop {
            waiting(&database, "pg_cancel_backend(pid)").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let answer = tokio::select! {
        answer = app.query(QUERY) => answer,
        () = cancelling => unreachable!("it has no end"),
    };
    only_comments_are_missing(&answer, "TIMEOUT");
    locked.rollback().await.expect("the lock's end");
    app.query(QUERY).await.data();
}

#[tokio::test]
async fn a_statement_that_the_database_stops_takes_no_other_with_it() {
    let Some(mut database) = postgres().await else {
        return;
    };
    let bounded = format!(
        "{}?options=-c%20statement_timeout%3D3000",
        database.url.shown()
    );
    database.url = bounded.parse().expect("a URL");
    let app = TestApp::blog(&database);
    app.query(QUERY).await.data();
    let locked = lock(&database).await;
    only_comments_are_missing(&app.query(QUERY).await, "TIMEOUT");
    locked.rollback().await.expect("the lock's end");
    app.query(QUERY).await.data();
}

/// A lock is no outage: whoever waits for it is answered when it ends, or has been told at once to come again.
#[tokio::test]
async fn many_who_wait_for_a_lock_are_answered_when_it_ends() {
    let Some(database) = postgres().await else {
        return;
    };
    let app = TestApp::blog(&database);
    let locked = lock(&database).await;
    let texts =
        (1..=60).map(|i| format!("{{ comments(limit: {i}) {{ id }} tags(limit: {i}) {{ id }} }}"));
    let texts: Vec<String> = texts.collect();
    let asking = join_all(texts.iter().map(|text| app.query(text)));
    let release = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        locked.rollback().await.expect("the lock's end");
    };
    let (answers, ()) = tokio::join!(asking, release);
    for answer in answers {
        let is_refused = answer.status == StatusCode::SERVICE_UNAVAILABLE;
        assert!(is_refused || answer.code().is_empty(), "{}", answer.text);
    }
}

/// What was loaded before the database went away is answered.
#[tokio::test]
async fn a_database_that_is_cut_off_leaves_what_is_loaded() {
    let Some(mut database) = postgres().await else {
        return;
    };
    let proxy = Proxy::before(&mut database).await;
    let app = TestApp::blog(&database);
    app.query(QUERY).await.data();
    let locked = lock(&database).await;
    let cutting = async {
        while waiting(&database, "pid").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy.is(Way::Cut);
        std::future::pending().await
    };
    let answer = tokio::select! {
        answer = app.query(QUERY) => answer,
        () = cutting => unreachable!("it has no end"),
    };
    let json = answer.json();
    let data = &json["data"];
    assert_eq!(
        data["tags"].as_array().map(Vec::len),
        Some(2),
        "{}",
        answer.text
    );
    assert_eq!(data["post"], Value::Null, "{}", answer.text);
    // Others of its stage may have been behind it, on the same connection.
    for error in json["errors"].as_array().expect("errors") {
        assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{error}");
        assert_eq!(error["path"].as_array().map(Vec::len), Some(2), "{error}");
    }
    // And with nothing loaded each root field is an error.
    let answer = app
        .query("{ a: tag(id: 1) { id } b: tag(id: 2) { id } __typename }")
        .await;
    let whole = json!({ "a": null, "b": null, "__typename": "Query" });
    assert_eq!(answer.json()["data"], whole, "{}", answer.text);
    assert_eq!(answer.code(), "UNAVAILABLE");
    proxy.is(Way::Open);
    locked.rollback().await.expect("the lock's end");
    is_well_again(&app).await;
}

#[tokio::test]
async fn a_database_that_hangs_for_a_while_is_waited_for() {
    let Some(mut database) = postgres().await else {
        return;
    };
    let proxy = Proxy::before(&mut database).await;
    let app = TestApp::with_timeout(&database, Duration::from_secs(2));
    is_well_again(&app).await;
    proxy.is(Way::Stopped);
    let answers = join_all((0..20).map(|_| app.query(QUERY))).await;
    for answer in answers {
        let known = ["TIMEOUT", "UNAVAILABLE"].contains(&&*answer.code());
        assert!(known, "{}", answer.text);
    }
    proxy.is(Way::Open);
    is_well_again(&app).await;
}

/// As a crash of one of its processes makes it do.
#[tokio::test]
async fn a_database_that_is_restarted_is_used_again() {
    let Some(server) = own_server() else {
        return;
    };
    let database = TestDatabase::sample_on(&server).await;
    // The cluster does not wait for what it commits to be written, and a crash would lose it.
    let written = database.connection.execute_unprepared("CHECKPOINT").await;
    written.expect("a superuser may");
    let app = TestApp::blog(&database);
    let whole = app.query(QUERY).await.data();
    // It may be down for too short a time to be noticed: who meets it begins again by himself.
    let crash = tokio::task::spawn_blocking(move || {
        server.crash();
        server
    });
    while !crash.is_finished() {
        for answer in join_all((0..10).map(|_| app.query(QUERY))).await {
            let json = answer.json();
            match json.get("errors") {
                None => assert_eq!(json["data"], whole),
                Some(_) => assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.text),
            }
        }
    }
    let _server = crash.await.expect("it is restarted");
    is_well_again(&app).await;
}

/// Within a second or so of the end of whatever it was.
async fn is_well_again(app: &TestApp) {
    let since = Instant::now();
    loop {
        let answer = app.query(QUERY).await;
        if answer.json().get("errors").is_none() {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
