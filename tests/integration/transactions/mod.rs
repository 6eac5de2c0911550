//! Transactions that write: what is committed is there whole, and of what is not there is no trace.

mod ends;
mod postgres;
mod refusals;
mod sqlite;
mod together;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backref::graph::Kind;
use backref::graph::keys::KeyValue;
use backref::read::load::change::{Abort, Change, Given, Transaction, Work};
use backref::read::load::{Database, DatabaseError, Writers};
use backref::read::sql::BindValue;
use futures_util::future::BoxFuture;
use sea_orm::ConnectionTrait;
use tokio::sync::Semaphore;

use crate::harness::{Backend, TestDatabase};

/// So long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn far() -> Instant {
    Instant::now() + PATIENCE
}

/// A database with a table, and where it is written.
struct Scene {
    database: TestDatabase,
    readers: Database,
    writers: Writers,
}

/// Counters that may refer to each other.
const TABLE: &str = "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 1000000), \
    name VARCHAR(40) UNIQUE, of INTEGER REFERENCES counter (id))";

impl Scene {
    async fn new(backend: Backend) -> Self {
        Self::of(TestDatabase::empty(backend).await).await
    }

    async fn of(database: TestDatabase) -> Self {
        for sql in [
            TABLE,
            "INSERT INTO counter (id, n, name) VALUES (1, 0, 'one'), (2, 0, 'two')",
        ] {
            let done = database.connection.execute_unprepared(sql).await;
            done.expect("the table");
        }
        Self::over(database)
    }

    fn over(database: TestDatabase) -> Self {
        let (readers, writers) = database.url.open(8, None).expect("it opens");
        Scene {
            database,
            readers,
            writers,
        }
    }

    async fn run(&self, script: Script) -> Result<Vec<Vec<Given>>, Abort<Refused>> {
        self.writers.run(Arc::new(script), far()).await
    }

    /// All rows, as text.
    async fn rows(&self) -> Vec<String> {
        let sql = "SELECT id || ' ' || n || ' ' || coalesce(name, '-') || ' ' || coalesce(of, 0) FROM counter ORDER BY id";
        let backend = self.database.connection.get_database_backend();
        let ask = sea_orm::Statement::from_string(backend, sql);
        let found = self.database.connection.query_all_raw(ask).await;
        let text = |row: sea_orm::QueryResult| row.try_get_by_index(0).expect("a text");
        found.expect("rows").into_iter().map(text).collect()
    }
}

/// Work that is a list of steps.
#[derive(Default)]
struct Script {
    steps: Vec<Step>,
    attempts: Arc<AtomicU32>,
}

enum Step {
    Change(Change),
    /// Writes one more than what is there, as one who has looked.
    Increment(i64),
    Wait(Duration),
    /// Waits until it is open.
    Until(Gate),
    Do(Box<dyn Fn(u32) -> BoxFuture<'static, ()> + Send + Sync>),
    Refuse,
}

#[derive(Debug, PartialEq)]
struct Refused;

impl Work for Script {
    type Done = Vec<Vec<Given>>;
    type Refused = Refused;

    fn is_brief(&self) -> bool {
        let waits = |step: &Step| matches!(step, Step::Wait(_) | Step::Until(_));
        !self.steps.iter().any(waits)
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<Self::Done, Abort<Refused>> {
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = Vec::new();
        for step in &self.steps {
            match step {
                Step::Change(change) => done.push(on.change(change).await?),
                Step::Increment(id) => {
                    let select = "SELECT n FROM counter WHERE id = $1";
                    let found = on
                        .change(&change(select, [BindValue::Int(*id)], [Kind::BigInt]))
                        .await?;
                    let Some([Some(KeyValue::Int(n))]) = found.first().map(Vec::as_slice) else {
                        panic!("no counter: {found:?}");
                    };
                    let update = "UPDATE counter SET n = $1 WHERE id = $2";
                    let values = [BindValue::Int(n + 1), BindValue::Int(*id)];
                    on.change(&change(update, values, [])).await?;
                }
                Step::Wait(time) => tokio::time::sleep(*time).await,
                Step::Until(gate) => gate.is_open().await,
                Step::Do(done) => done(attempt).await,
                Step::Refuse => return Err(Abort::Refused(Refused)),
            }
        }
        Ok(done)
    }
}

fn change<const V: usize, const G: usize>(
    sql: &str,
    values: [BindValue; V],
    gives: [Kind; G],
) -> Change {
    Change {
        sql: sql.into(),
        values: values.into(),
        rows: 0,
        gives: gives.into(),
    }
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script {
        steps: steps.into_iter().collect(),
        ..Script::default()
    }
}

fn sql(sql: &str) -> Step {
    Step::Change(change(sql, [], []))
}

fn add(id: i64, n: i64) -> Step {
    let values = [BindValue::Int(n), BindValue::Int(id)];
    Step::Change(change(
        "UPDATE counter SET n = n + $1 WHERE id = $2",
        values,
        [],
    ))
}

fn error(done: Result<Vec<Vec<Given>>, Abort<Refused>>) -> DatabaseError {
    match done {
        Err(Abort::Database(error)) => error,
        other => panic!("no error of the database's: {other:?}"),
    }
}

/// What holds up work until a test has it go on, however busy the machine is.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn closed() -> Self {
        Gate(Arc::new(Semaphore::new(0)))
    }

    fn open(&self) {
        self.0.add_permits(1);
    }

    /// Waits until it is. It stays so.
    async fn is_open(&self) {
        let passed = self.0.acquire().await;
        drop(passed.expect("it is there"));
    }

    /// Opens it when the steps before have been done.
    fn opens(&self) -> Step {
        let gate = self.clone();
        Step::Do(Box::new(move |_| {
            gate.open();
            Box::pin(async {})
        }))
    }
}

/// Takes down in which order things are done.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<usize>>>);

impl Order {
    fn note(&self, which: usize) -> Step {
        let order = self.0.clone();
        Step::Do(Box::new(move |_| {
            order.lock().expect("the order").push(which);
            Box::pin(async {})
        }))
    }

    fn taken(&self) -> Vec<usize> {
        self.0.lock().expect("the order").clone()
    }
}
