//! What only SQLite has: one writer, who has a queue, and a file that others use too.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backref::read::load::DatabaseError;
use backref::serve::database::Url;
use futures_util::future::join_all;

use super::{Gate, Order, Scene, Step, add, error, script};
use crate::harness::{Backend, TestDatabase};

fn file(scene: &Scene) -> PathBuf {
    let url = scene.database.url.shown();
    url.trim_start_matches("sqlite://").into()
}

#[tokio::test]
async fn who_comes_first_has_his_turn_first_and_readers_wait_for_nobody() {
    let scene = Scene::new(Backend::Sqlite).await;
    let order = Order::default();
    let (written, may_end) = (Gate::closed(), Gate::closed());
    let holds = Step::Until(may_end.clone());
    let first = scene.run(script([add(1, 1), written.opens(), holds, order.note(0)]));
    let others = join_all((1..20).map(|i| scene.run(script([order.note(i), add(1, 1)]))));
    let reads = async {
        written.is_open().await;
        // The first ends after this alone.
        scene.readers.ping().await.expect("it answers");
        assert_eq!(order.taken(), [0; 0]);
        may_end.open();
    };
    let (first, others, ()) = tokio::join!(first, others, reads);
    first.expect("it is done");
    for done in others {
        done.expect("it is done");
    }
    assert_eq!(order.taken(), (0..20).collect::<Vec<_>>());
    assert_eq!(scene.rows().await[0], "1 20 one 0");
}

#[tokio::test]
async fn who_left_or_is_late_before_his_turn_is_not_begun() {
    let scene = Scene::new(Backend::Sqlite).await;
    let (order, may_end) = (Order::default(), Gate::closed());
    let first = scene.run(script([Step::Until(may_end.clone()), order.note(0)]));
    let late = async {
        let soon = Instant::now() + Duration::from_millis(100);
        let work = Arc::new(script([order.note(1)]));
        let late = error(scene.writers.run(work, soon).await);
        assert!(late.is_timeout(), "{late:?}");
        assert_eq!(order.taken(), [0; 0]);
    };
    let leaves = async {
        let work = scene.run(script([order.note(2)]));
        let left = tokio::time::timeout(Duration::from_millis(100), work).await;
        assert!(left.is_err());
    };
    let others = async {
        tokio::join!(late, leaves);
        may_end.open();
    };
    let (first, ()) = tokio::join!(first, others);
    first.expect("it is done");
    scene
        .run(script([order.note(3)]))
        .await
        .expect("it is done");
    assert_eq!(order.taken(), [0, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_writes_is_waited_for_as_long_as_there_is_time() {
    let scene = Scene::new(Backend::Sqlite).await;
    let other = rusqlite::Connection::open(file(&scene)).expect("the file");
    other.execute_batch("BEGIN IMMEDIATE").expect("its turn");
    let soon = Instant::now() + Duration::from_millis(200);
    let work = Arc::new(script([add(1, 1)]));
    let busy = error(scene.writers.run(work, soon).await);
    assert!(busy.is_unavailable() || busy.is_timeout(), "{busy:?}");
    let ends = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        other.execute_batch("ROLLBACK").expect("its end");
    });
    scene.run(script([add(1, 1)])).await.expect("it is done");
    ends.join().expect("no panic");
    assert_eq!(scene.rows().await[0], "1 1 one 0");
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_not_and_that_is_said() {
    for parameter in ["mode=ro", "immutable=1"] {
        let database = TestDatabase::empty(Backend::Sqlite).await;
        let mut scene = Scene::of(database).await;
        let emptied = rusqlite::Connection::open(file(&scene)).expect("the file");
        emptied
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("a checkpoint");
        drop(emptied);
        let text = format!("sqlite://{}?{parameter}", file(&scene).display());
        let url: Url = text.parse().expect("a URL");
        (scene.readers, scene.writers) = url.open(2, None).expect("it opens");
        let refused = error(scene.run(script([add(1, 1)])).await);
        assert!(matches!(refused, DatabaseError::ReadOnly(_)), "{refused:?}");
    }
}

/// What is written after another file was put in its place is in that one, and read from it. (Of one that is copied over it,
/// `starting::replaced` asks the server.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_in_the_file_that_is_there() {
    let scene = Scene::new(Backend::Sqlite).await;
    scene
        .database
        .connection
        .close_by_ref()
        .await
        .expect("it closes");
    let served = file(&scene);
    let backup = served.with_extension("backup");
    scene.run(script([add(1, 1)])).await.expect("it is done");
    scene.readers.ping().await.expect("it answers");
    let other = rusqlite::Connection::open(&served).expect("the file");
    other
        .execute("VACUUM INTO ?1", [backup.to_str()])
        .expect("a backup");
    scene.run(script([add(1, 1)])).await.expect("it is done");
    other
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("a checkpoint");
    drop(other);
    fs::rename(&backup, &served).expect("a move over it");
    for _ in 0..3 {
        let work = Arc::new(script([add(1, 10)]));
        let done = scene.writers.run(work, super::far()).await;
        done.unwrap_or_else(|e| panic!("{e:?}"));
        scene.readers.ping().await.expect("it answers");
    }
    let other = rusqlite::Connection::open(&served).expect("the file");
    let n: i64 = other
        .query_row("SELECT n FROM counter WHERE id = 1", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(n, 31);
    let sound: String = other
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(sound, "ok");
    // With a log again, as the file before.
    let mode: String = other
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .expect("a mode");
    assert_eq!(mode, "wal");
}

/// Writers and readers of a file without a log are in each other's way.
#[tokio::test]
async fn a_file_that_is_written_keeps_a_log_unless_somebody_else_uses_it() {
    let scene = Scene::new(Backend::Sqlite).await;
    let served = file(&scene);
    let Scene {
        database,
        readers,
        writers,
    } = scene;
    drop((readers, writers));
    let closed = database.connection.close_by_ref().await;
    closed.expect("it closes");
    let other = rusqlite::Connection::open(&served).expect("the file");
    let mode = || -> String {
        let asked = other.query_row("PRAGMA journal_mode", [], |row| row.get(0));
        asked.expect("a mode")
    };
    let began = Instant::now();
    // The threads of those who have read let go of it soon.
    while let Err(error) = other.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())) {
        assert!(began.elapsed() < super::PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (readers, writers) = database.url.open(4, None).expect("it opens");
    other
        .execute_batch("BEGIN; SELECT * FROM counter")
        .expect("it reads");
    let soon = Instant::now() + Duration::from_millis(500);
    let busy = writers.run(Arc::new(script([add(1, 1)])), soon).await;
    error(busy);
    other.execute_batch("ROLLBACK").expect("its end");
    assert_eq!(mode(), "delete");
    for _ in 0..3 {
        let done = writers
            .run(Arc::new(script([add(1, 1)])), super::far())
            .await;
        done.expect("it is done");
        readers.ping().await.expect("it answers");
    }
    let n: i64 = other
        .query_row("SELECT n FROM counter WHERE id = 1", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(n, 3);
}
