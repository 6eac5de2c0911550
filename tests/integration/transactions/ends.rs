//! How a transaction ends, on every database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backref::graph::keys::KeyValue;
use backref::graph::{Kind, Principal};
use backref::read::load::change::{Abort, Transaction, Work};
use backref::read::load::{self, Failures};
use backref::read::sql::BindValue;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::Notify;

use super::{Refused, Scene, Script, Step, add, change, error, far, script, sql};
use crate::harness::{Backend, Statements, TestApp, TestDatabase};

const ROWS: [&str; 2] = ["1 0 one 0", "2 0 two 0"];

#[tokio::test]
async fn what_is_done_is_committed_whole_and_gives_its_rows() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let insert =
            "INSERT INTO counter (id, n, name) VALUES (3, $1, $2), (4, 7, NULL) RETURNING id, name";
        let values = [BindValue::Int(5), BindValue::Text("thr\"ee".into())];
        let inserts = Step::Change(change(insert, values, [Kind::Int, Kind::Text]));
        let done = scene.run(script([inserts, add(3, 1)])).await;
        let text = |text: &str| Some(KeyValue::Text(text.into()));
        let (three, four) = (Some(KeyValue::Int(3)), Some(KeyValue::Int(4)));
        let rows = vec![vec![three, text("thr\"ee")], vec![four, None]];
        assert_eq!(done.expect("it is done"), [rows, vec![]]);
        assert_eq!(scene.rows().await[2..], ["3 6 thr\"ee 0", "4 7 - 0"]);
    }
}

#[tokio::test]
async fn what_is_refused_or_fails_leaves_no_trace_whichever_statement_it_is() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        for k in 0..4 {
            for fails in [|| Step::Refuse, || sql("UPDATE counter SET n = NULL")] {
                let mut steps: Vec<Step> = (0..3).map(|i| add(1 + i % 2, 1)).collect();
                steps.insert(k, fails());
                match scene.run(script(steps)).await {
                    Err(Abort::Refused(Refused)) | Err(Abort::Database(_)) => {}
                    Ok(_) => panic!("it is done"),
                }
                assert_eq!(scene.rows().await, ROWS, "{backend:?}, {k}");
            }
        }
        scene.run(script([add(1, 1)])).await.expect("it is done");
    }
}

/// Goes on after a failure, as nobody should.
struct Stubborn;

impl Work for Stubborn {
    type Done = ();
    type Refused = Refused;

    fn is_brief(&self) -> bool {
        true
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<(), Abort<Refused>> {
        let good = change("UPDATE counter SET n = 5", [], []);
        let bad = change("UPDATE counter SET n = NULL", [], []);
        on.change(&good).await?;
        assert!(on.change(&bad).await.is_err());
        assert!(on.is_over());
        Ok(())
    }
}

#[tokio::test]
async fn nothing_is_committed_after_a_failure() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let done = scene.writers.run(Arc::new(Stubborn), far()).await;
        assert!(matches!(done, Err(Abort::Database(_))), "{done:?}");
        assert_eq!(scene.rows().await, ROWS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_has_nothing_done() {
    let slow = |backend| match backend {
        Backend::Postgres => sql("SELECT FROM pg_sleep(60)"),
        Backend::Sqlite => sql(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) UPDATE counter SET n = (SELECT count(*) FROM c)",
        ),
    };
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        // While nothing runs, and while something does.
        for last in [Step::Wait(Duration::from_secs(60)), slow(backend)] {
            let there = Arc::new(Notify::new());
            let tell = there.clone();
            let is_there = Step::Do(Box::new(move |_| {
                tell.notify_one();
                Box::pin(async {})
            }));
            let work = script([add(1, 1), add(2, 1), is_there, last]);
            tokio::select! {
                done = scene.run(work) => panic!("it has ended: {done:?}"),
                () = there.notified() => {}
            }
            // Who waits for the same rows has his turn soon.
            let began = Instant::now();
            let done = scene.run(script([add(1, 2), add(1, -2)])).await;
            done.expect("it is done");
            assert!(began.elapsed() < Duration::from_secs(20));
            assert_eq!(scene.rows().await, ROWS, "{backend:?}");
        }
    }
}

#[tokio::test]
async fn what_is_late_is_not_done() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let soon = Instant::now() + Duration::from_millis(300);
        let work = script([add(1, 1), Step::Wait(Duration::from_secs(60))]);
        let late = error(scene.writers.run(Arc::new(work), soon).await);
        assert!(late.is_timeout(), "{late:?}");
        scene.run(script([add(2, 0)])).await.expect("it is done");
        assert_eq!(scene.rows().await, ROWS, "{backend:?}");
    }
}

/// Each has looked at what it changes, and each changes it in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_updates_end_without_an_error_and_none_is_lost() {
    for backend in Backend::all() {
        let scene = Arc::new(Scene::new(backend).await);
        let clients = (0..8).map(|client| {
            let scene = scene.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    let steps = match client % 2 {
                        0 => [Step::Increment(1), Step::Increment(2)],
                        _ => [Step::Increment(2), Step::Increment(1)],
                    };
                    scene.run(script(steps)).await.expect("it is done");
                }
            })
        });
        try_join_all(clients).await.expect("no panic");
        assert_eq!(
            scene.rows().await,
            ["1 200 one 0", "2 200 two 0"],
            "{backend:?}"
        );
    }
}

/// A statement is heard once, however often it was run; what begins and ends a transaction is none.
#[tokio::test]
async fn its_statements_are_heard() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let statements = Statements::listen();
        let work = script([add(1, 1), Step::Increment(2)]);
        scene.run(work).await.expect("it is done");
        let heard = statements.read();
        assert_eq!(heard.len(), 3, "{backend:?} {heard:?}");
        scene
            .run(script([add(1, 1), Step::Refuse]))
            .await
            .expect_err("it is refused");
        assert_eq!(statements.read().len(), 4, "{backend:?}");
    }
}

/// Counts, and makes of every error what it calls a refusal.
struct Opaque;

impl Work for Opaque {
    type Done = ();
    type Refused = Refused;

    fn is_brief(&self) -> bool {
        true
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<(), Abort<Refused>> {
        let counts = script([Step::Increment(1)]);
        let done = counts.attempt(on).await;
        done.map(drop).map_err(|_| Abort::Refused(Refused))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_others_were_in_the_way_of_is_done_again_whatever_it_makes_of_that() {
    for backend in Backend::all() {
        let scene = Arc::new(Scene::new(backend).await);
        let clients = (0..4).map(|_| {
            let scene = scene.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    let done = scene.writers.run(Arc::new(Opaque), far()).await;
                    done.expect("it is done");
                }
            })
        });
        try_join_all(clients).await.expect("no panic");
        assert_eq!(scene.rows().await[0], "1 100 one 0", "{backend:?}");
    }
}

/// Changes a title, and reads it through a plan.
struct Payload {
    app: TestApp,
    query: &'static str,
}

impl Work for Payload {
    type Done = String;
    type Refused = Refused;

    fn is_brief(&self) -> bool {
        true
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<String, Abort<Refused>> {
        let update = "UPDATE post SET title = title || '!' WHERE id = $1";
        on.change(&change(update, [BindValue::Int(1)], [])).await?;
        let planner = self.app.engine.planner();
        let request = backref::Request {
            query: self.query.to_owned(),
            ..backref::Request::default()
        };
        let prepared = planner.prepare(&request, Principal::default());
        let prepared = prepared.unwrap_or_else(|e| panic!("{e:?}"));
        let (bound, learnt) = (&prepared.bound, &prepared.learnt);
        let failures = Failures::default();
        let loaded = load::load(planner.catalog(), bound, learnt, &failures, far(), on).await;
        assert!(loaded.iter().all(|level| level.failed.is_none()));
        let title = loaded[0].rows.piece(0, 0, 1).expect("a title");
        Ok(String::from_utf8(title.to_vec()).expect("UTF-8"))
    }
}

#[tokio::test]
async fn what_is_read_in_it_is_as_it_was_written() {
    for backend in Backend::all() {
        let scene = Scene::over(TestDatabase::sample(backend).await);
        let query =
            "{ post(id: 1) { title author { posts { title comments { body } } } } tags { name } }";
        let app = TestApp::blog(&scene.database);
        let work = Arc::new(Payload { app, query });
        let read = scene.writers.run(work.clone(), far()).await;
        let read = read.unwrap_or_else(|e| panic!("{e:?}"));
        let title = work.app.query(query).await.data()["post"]["title"].to_string();
        assert!(title.ends_with("!\""), "{title}");
        assert!(read.contains(&title), "{backend:?}: {read}, {title}");
    }
}

/// More come than there are connections.
#[tokio::test]
async fn many_writers_share_few_connections() {
    for backend in Backend::all() {
        let scene = Scene::new(backend).await;
        let all = (0..64).map(|_| scene.run(script([add(1, 1)])));
        for done in join_all(all).await {
            done.expect("it is done");
        }
        assert_eq!(scene.rows().await[0], "1 64 one 0", "{backend:?}");
    }
}

#[test]
fn work_may_be_given_by_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    fn check(scene: &Scene) {
        is_send(&scene.writers.run(Arc::new(Script::default()), far()));
    }
    let _ = check;
}
