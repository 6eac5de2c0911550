//! Mutations of one's own take their turn at the rows that they write, as Backref's own do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backref::Graph;
use backref::graph::own::{Key, Needs};
use entity::post;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::harness::{Backend, TestApp, TestDatabase};
use crate::rules::admin;

/// What stops the code of a mutation when it has written, and goes on when it may.
#[derive(Clone)]
struct Gate {
    written: Arc<Semaphore>,
    may_go_on: Arc<Semaphore>,
    runs: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> Self {
        Gate {
            written: Arc::new(Semaphore::new(0)),
            may_go_on: Arc::new(Semaphore::new(0)),
            runs: Arc::default(),
        }
    }

    fn graph(&self) -> Graph {
        let gate = self.clone();
        let id = || Needs::root().argument::<i64>("id", "Which.");
        backref::blog::graph()
            .mutation_field("hold", id(), move |cx| {
                let gate = gate.clone();
                async move {
                    let post = Key::<post::Entity>::new(cx.argument("id")?);
                    let post = cx.update(&post, json!({ "title": "Held" })).await?;
                    gate.runs.fetch_add(1, Ordering::SeqCst);
                    gate.written.add_permits(1);
                    gate.may_go_on.acquire().await?.forget();
                    Ok(post)
                }
            })
            .mutation_field("touch", id(), async |cx| {
                let post = Key::<post::Entity>::new(cx.argument("id")?);
                cx.update(&post, json!({ "title": "Touched" })).await
            })
    }
}

const HOLD: &str = "mutation { hold(id: \"1\") { version } }";
const TOUCH: &str = "mutation { touch(id: \"1\") { version } }";
const UPDATE: &str = "mutation { updatePost(id: 1, input: { title: \"T\" }) { version } }";

async fn asked(app: &TestApp, query: &str) -> Value {
    app.ask(&admin(), query, &json!({})).await.data()
}

async fn version(app: &TestApp) -> i64 {
    let post = asked(app, "{ post(id: 1) { version } }").await;
    post["post"]["version"].as_i64().expect("a version")
}

/// How many sessions wait in the database for others.
async fn waiting(database: &TestDatabase) -> i64 {
    let connection = &database.connection;
    let waiting = Statement::from_string(
        connection.get_database_backend(),
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    let row = connection.query_one_raw(waiting).await.expect("an answer");
    let row = row.expect("a row");
    row.try_get_by_index(0).expect("a number")
}

/// Whoever comes to a row that an own mutation is writing waits for it without a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_wait_for_the_rows_that_it_has_written() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let gate = Gate::new();
        let app = Arc::new(TestApp::new(&database, gate.graph(), Default::default()));
        let before = version(&app).await;
        let ask = |query: &'static str| {
            let app = app.clone();
            tokio::spawn(async move { asked(&app, query).await })
        };
        let holds = ask(HOLD);
        gate.written.acquire().await.expect("it is open").forget();
        let updates = ask(UPDATE);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!updates.is_finished(), "{backend:?}");
        if backend == Backend::Postgres {
            assert_eq!(waiting(&database).await, 0);
        }
        gate.may_go_on.add_permits(1);
        let held = holds.await.expect("no panic");
        assert_eq!(held["hold"]["version"], json!(before + 1), "{backend:?}");
        let updated = updates.await.expect("no panic");
        assert_eq!(updated["updatePost"]["version"], json!(before + 2));
        assert_eq!(gate.runs.load(Ordering::SeqCst), 1, "{backend:?}");
    }
}

/// What is in another's way waits for its turn, and is done again then.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_refused_and_no_update_is_lost() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let gate = Gate::new();
        let app = Arc::new(TestApp::new(&database, gate.graph(), Default::default()));
        let before = version(&app).await;
        gate.may_go_on.add_permits(1_000);
        let queries = [HOLD, TOUCH, UPDATE, TOUCH].into_iter().cycle().take(48);
        let all = queries.map(|query| {
            let app = app.clone();
            tokio::spawn(async move { asked(&app, query).await })
        });
        for one in futures_util::future::join_all(all).await {
            one.expect("no panic");
        }
        assert_eq!(version(&app).await, before + 48, "{backend:?}");
    }
}
