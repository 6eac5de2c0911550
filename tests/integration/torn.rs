//! An answer is one moment of the database, and none before its request was sent, whatever is written meanwhile.

#[path = "../../benches/src/torn/attack/mod.rs"]
mod attack;

use std::sync::Arc;

use backref::serve::database::Connect;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::harness::{Backend, TestApp, TestDatabase};

const CLIENTS: usize = 32;
const REQUESTS: usize = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_torn_or_stale_on_sqlite() {
    attack(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_torn_or_stale_on_postgres() {
    if Backend::all().contains(&Backend::Postgres) {
        attack(Backend::Postgres).await;
    }
}

async fn attack(backend: Backend) {
    let database = TestDatabase::sample(backend).await;
    attack::set_up(&database.connection)
        .await
        .expect("the attack's rows");
    let mut writers = Vec::new();
    for _ in 0..5 {
        writers.push(writer(&database).await);
    }
    let writers = writers.try_into().expect("as many writers as there were");
    let app = Arc::new(TestApp::blog(&database));
    let clients = (0..CLIENTS).map(|_| InProcess(app.clone())).collect();
    let tally = attack::run(writers, clients, REQUESTS).await;
    let tally = tally.expect("the attack runs");
    assert_eq!(tally.wrong(), 0, "{tally}");
    // Those whose clients left are not judged.
    assert!(tally.asked() > REQUESTS as u64 * 9 / 10, "{tally}");
}

async fn writer(database: &TestDatabase) -> DatabaseConnection {
    let connection = database.url.connect(Connect::with(1)).await;
    let connection = connection.expect("a connection for a writer");
    let settings = match connection.get_database_backend() {
        sea_orm::DatabaseBackend::Sqlite => "PRAGMA synchronous = OFF; PRAGMA busy_timeout = 60000",
        _ => "SET synchronous_commit = off",
    };
    let set = connection.execute_unprepared(settings).await;
    set.expect("a writer's settings");
    connection
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
