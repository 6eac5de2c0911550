//! What only PostgreSQL has: connections that are lost, poolers, and many who write at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backref::read::load::DatabaseError;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

use super::{Scene, Script, Step, add, error, script, sql};
use crate::harness::{Backend, PgBouncer, Proxy, TestDatabase, Way};

/// A database, if there is one of this kind.
async fn postgres() -> Option<TestDatabase> {
    match Backend::all().contains(&Backend::Postgres) {
        true => Some(TestDatabase::empty(Backend::Postgres).await),
        false => None,
    }
}

async fn through_a_proxy() -> Option<(Arc<Scene>, Arc<Proxy>)> {
    let mut database = postgres().await?;
    let proxy = Proxy::before(&mut database).await;
    Some((Arc::new(Scene::of(database).await), Arc::new(proxy)))
}

#[tokio::test]
async fn what_was_cut_off_before_its_end_is_done_again() {
    let Some((scene, proxy)) = through_a_proxy().await else {
        return;
    };
    let cut = Step::Do(Box::new(move |attempt| {
        let proxy = proxy.clone();
        Box::pin(async move {
            if attempt == 1 {
                proxy.is(Way::Cut);
                tokio::time::sleep(Duration::from_millis(100)).await;
                proxy.is(Way::Open);
            }
        })
    }));
    let work = script([add(1, 1), cut, add(2, 1)]);
    let attempts = work.attempts.clone();
    scene.run(work).await.expect("it is done");
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
    assert_eq!(scene.rows().await, ["1 1 one 0", "2 1 two 0"]);
}

#[tokio::test]
async fn what_is_cut_off_again_and_again_is_an_error() {
    let Some((scene, proxy)) = through_a_proxy().await else {
        return;
    };
    let cut = Step::Do(Box::new(move |_| {
        let proxy = proxy.clone();
        Box::pin(async move {
            proxy.is(Way::Cut);
            tokio::time::sleep(Duration::from_millis(100)).await;
            proxy.is(Way::Open);
        })
    }));
    let work = script([add(1, 1), cut, add(2, 1)]);
    let attempts = work.attempts.clone();
    let cut_off = error(scene.run(work).await);
    assert!(cut_off.is_cut_off(), "{cut_off:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
    assert_eq!(scene.rows().await, ["1 0 one 0", "2 0 two 0"]);
}

/// Has every COMMIT after a change wait for whoever has the lock.
const HELD_COMMIT: &str = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()";

/// Whether a COMMIT waits for it.
async fn is_held(database: &TestDatabase) -> bool {
    let ask = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query = 'COMMIT'";
    let ask = Statement::from_string(DbBackend::Postgres, ask);
    let found = database.connection.query_one_raw(ask).await;
    found.expect("an answer").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_off_while_it_is_committed_is_unknown_and_not_done_again() {
    let Some((scene, proxy)) = through_a_proxy().await else {
        return;
    };
    scene.database.execute(HELD_COMMIT).await;
    let held = scene.database.connection.begin().await;
    let held = held.expect("a transaction");
    let lock = "SELECT pg_advisory_xact_lock(7)";
    held.execute_unprepared(lock).await.expect("the lock");
    let work = script([add(1, 1)]);
    let attempts = work.attempts.clone();
    let running = tokio::spawn({
        let scene = scene.clone();
        async move { scene.run(work).await }
    });
    let began = Instant::now();
    while !is_held(&scene.database).await {
        assert!(began.elapsed() < super::PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.is(Way::Cut);
    let unknown = error(running.await.expect("no panic"));
    assert!(matches!(unknown, DatabaseError::Unknown(_)), "{unknown:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    proxy.is(Way::Open);
    held.rollback().await.expect("the lock's end");
    scene.run(script([add(2, 1)])).await.expect("it is done");
}

#[tokio::test]
async fn what_may_only_be_read_is_not_written_and_said_to_be_so() {
    let Some(database) = postgres().await else {
        return;
    };
    let scene = Scene::of(database).await;
    let name = scene.database.name();
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    let done = scene.database.connection.execute_unprepared(&set).await;
    done.expect("a setting");
    let refused = error(scene.run(script([add(1, 1)])).await);
    assert!(matches!(refused, DatabaseError::ReadOnly(_)), "{refused:?}");
    assert_eq!(scene.rows().await, ["1 0 one 0", "2 0 two 0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_a_transaction_is_one_all_the_same() {
    let Some(database) = postgres().await else {
        return;
    };
    let Some(pooler) = PgBouncer::before(&database, 3) else {
        return;
    };
    let mut scene = Scene::of(database).await;
    scene.database.url = pooler.url(&scene.database);
    let scene = Arc::new(Scene::over(scene.database));
    let clients = (0..4).map(|client| {
        let scene = scene.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                let (one, other) = (1 + client % 2, 2 - client % 2);
                let work = script([Step::Increment(one), Step::Increment(other)]);
                scene.run(work).await.expect("it is done");
                let fails = script([add(1, 1), sql("UPDATE counter SET n = NULL")]);
                error(scene.run(fails).await);
            }
        })
    });
    futures_util::future::try_join_all(clients)
        .await
        .expect("no panic");
    assert_eq!(scene.rows().await, ["1 80 one 0", "2 80 two 0"]);
}

/// A table that was changed is met by statements that were prepared before.
#[tokio::test]
async fn what_was_prepared_for_another_table_is_prepared_again() {
    let Some(database) = postgres().await else {
        return;
    };
    let scene = Scene::of(database).await;
    let all = || -> Script {
        let select = "SELECT * FROM counter WHERE id = 1";
        script([Step::Change(super::change(
            select,
            [],
            [backref::graph::Kind::Int],
        ))])
    };
    scene.run(all()).await.expect("it is done");
    let changed = scene
        .database
        .connection
        .execute_unprepared("ALTER TABLE counter ADD COLUMN more TEXT")
        .await;
    changed.expect("another column");
    scene.run(all()).await.expect("it is done");
}
