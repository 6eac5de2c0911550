//! `/readyz`: it says in time whether a request would be answered, and why not.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use backref::serve::http::{self, ServerOptions};

use super::*;
use crate::harness::LATE;

async fn readyz(app: &TestApp) -> (StatusCode, String) {
    get(app, "/readyz").await
}

async fn get(app: &TestApp, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = app.send(request).await;
    (answer.status, answer.text)
}

fn is_ready(answer: &(StatusCode, String)) {
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
}

/// However busy the machine is.
async fn becomes_ready(app: &TestApp) {
    let since = Instant::now();
    loop {
        let answer = readyz(app).await;
        if answer.0 == StatusCode::OK {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{}", answer.1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Brings all of the log into the file. A reader may be in its way for a while.
async fn without_log(database: &TestDatabase, file: &std::path::Path) {
    let log = file.with_extension("db-wal");
    let since = Instant::now();
    while log.metadata().is_ok_and(|log| log.len() > 0) {
        assert!(since.elapsed() < PATIENCE, "the log stays");
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let done = database.connection.execute_unprepared(checkpoint).await;
        done.expect("SQLite's own statement");
    }
}

/// Not ready, for a reason in which this is said.
fn is_not(answer: &(StatusCode, String), says: &str) {
    assert_eq!(answer.0, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.1);
    assert!(answer.1.contains(says), "{}", answer.1);
    assert!(answer.1.len() < 300, "{}", answer.1);
}

/// Becomes not ready for this reason, however busy the machine is: who does not hear of it in his two seconds asks again.
async fn becomes_unready(app: &TestApp, says: &str) -> String {
    let since = Instant::now();
    loop {
        let answer = readyz(app).await;
        if !answer.1.contains(LATE) || since.elapsed() > PATIENCE {
            is_not(&answer, says);
            return answer.1;
        }
    }
}

#[tokio::test]
async fn while_the_database_hangs_probes_are_answered_in_time_and_do_not_pile_up() {
    let Some(mut database) = postgres().await else {
        return;
    };
    let proxy = Proxy::before(&mut database).await;
    let app = TestApp::blog(&database);
    app.query(QUERY).await.data();
    becomes_ready(&app).await;
    proxy.is(Way::Stopped);
    let before = proxy.connections();
    for _ in 0..2 {
        let since = Instant::now();
        for answer in join_all((0..200).map(|_| readyz(&app))).await {
            is_not(&answer, LATE);
        }
        assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
        is_ready(&get(&app, "/healthz").await);
    }
    assert!(proxy.connections() <= before + 2, "{}", proxy.connections());
    proxy.is(Way::Open);
    becomes_ready(&app).await;
    app.query(QUERY).await.data();
}

#[tokio::test]
async fn a_database_out_of_reach_is_named_without_anything_secret() {
    let Some(mut database) = postgres().await else {
        return;
    };
    let proxy = Proxy::before(&mut database).await;
    let app = TestApp::blog(&database);
    becomes_ready(&app).await;
    proxy.is(Way::Cut);
    becomes_unready(&app, "the database cannot be reached").await;
    proxy.is(Way::Open);
    becomes_ready(&app).await;

    let gone = database
        .url
        .shown()
        .replace(&database.name(), "a_secret_name");
    database.url = gone.parse().expect("a URL");
    let answer = becomes_unready(&TestApp::blog(&database), "3D000").await;
    assert!(!answer.contains("secret"), "{answer}");
}

#[tokio::test]
async fn a_file_that_is_gone_or_is_none_is_not_ready() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let file = database.url.shown();
    let file = std::path::Path::new(file.trim_start_matches("sqlite://"));
    without_log(&database, file).await;
    let app = TestApp::blog(&database);
    becomes_ready(&app).await;
    let kept = std::fs::read(file).expect("the file");
    let replace = |content: &[u8]| {
        let other = file.with_extension("new");
        std::fs::write(&other, content).expect("another file");
        std::fs::rename(&other, file).expect("in its place");
    };

    std::fs::rename(file, file.with_extension("away")).expect("the file goes");
    let gone = "the database file cannot be used: No such file";
    becomes_unready(&app, gone).await;
    std::fs::rename(file.with_extension("away"), file).expect("the file comes");
    becomes_ready(&app).await;
    for none in [&b""[..], &kept[..4096], &[b'x'; 8192][..]] {
        replace(none);
        let answer = becomes_unready(&app, "the database file cannot be used").await;
        assert!(!answer.contains("test.db"), "{answer}");
        assert_eq!(app.query("{ tags { id } }").await.code(), "UNAVAILABLE");
        replace(&kept);
        becomes_ready(&app).await;
        app.query("{ tags { id } }").await.data();
    }
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let options = ServerOptions::default();
    let app = TestApp {
        router: http::router(app.engine.clone(), &options),
        engine: app.engine,
    };
    becomes_ready(&app).await;
    options.stop.begin();
    is_not(&readyz(&app).await, "stopping");
}
