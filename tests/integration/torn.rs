//! An answer is one moment of the database, and none before its request was sent, whatever is written meanwhile.
//!
//! Some thousand requests each time. To search longer, `TORN_REQUESTS=100000 cargo test --release --test integration torn`,
//! and behind PgBouncer the same with `one_moment`.

#[path = "../../benches/src/torn/attack/mod.rs"]
mod attack;

use std::sync::Arc;

use backref::serve::database::Url;

use super::harness::{Backend, TestApp, TestDatabase};

const CLIENTS: usize = 32;
const REQUESTS: usize = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_torn_or_stale_on_sqlite() {
    on(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_torn_or_stale_on_postgres() {
    if Backend::all().contains(&Backend::Postgres) {
        on(Backend::Postgres).await;
    }
}

async fn on(backend: Backend) {
    let database = TestDatabase::sample(backend).await;
    let app = Arc::new(TestApp::blog(&database));
    is_right_throughout(&database.url, app, REQUESTS).await;
}

/// Lets the writers loose on a database, and so many requests on an app that reads it, or as many as are asked for.
pub async fn is_right_throughout(writers: &Url, app: Arc<TestApp>, requests: usize) {
    let asked = std::env::var("TORN_REQUESTS").ok();
    let requests = asked.and_then(|n| n.parse().ok()).unwrap_or(requests);
    let clients = (0..CLIENTS).map(|_| InProcess(app.clone())).collect();
    let tally = attack::run(writers, clients, requests).await;
    let tally = tally.expect("the attack runs");
    eprintln!("{tally}");
    assert_eq!(tally.wrong(), 0, "{tally}");
    // Those whose clients left are not judged.
    assert!(tally.asked() > requests as u64 * 9 / 10, "{tally}");
}

struct InProcess(Arc<TestApp>);

impl attack::Client for InProcess {
    async fn ask(&mut self, document: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.query(document).await.text.into_bytes())
    }

    async fn renew(&mut self) -> Result<(), String> {
        Ok(())
    }
}
