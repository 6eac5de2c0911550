//! SQLite's columns hold dates, times and decimals in whatever form somebody wrote: what is shown alike is alike, and
//! stands in its order. Where the same values are in the form that SeaORM writes, and on PostgreSQL, answers are equal.

mod decimals;
mod entities;
mod times;

use backref::Graph;
use backref::read::plan::Limits;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::{Backend, TestApp, TestDatabase};
use entities::{amount, booking, moment, slot};

/// One database whose rows are renewed from case to case.
struct Subject {
    backend: Backend,
    /// Whether values are written in one form.
    plain: bool,
    database: TestDatabase,
    app: TestApp,
}

struct Subjects {
    runtime: Runtime,
    all: Vec<Subject>,
}

fn graph() -> Graph {
    Graph::new()
        .entity(moment::Entity)
        .entity(slot::Entity)
        .entity(booking::Entity)
        .entity(amount::Entity)
}

impl Subjects {
    /// SQLite with values in all forms first, then in one, then PostgreSQL.
    fn new(on_sqlite: &str, on_postgres: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let all = runtime.block_on(async {
            let mut all = Vec::new();
            let plain = Backend::all().into_iter().map(|backend| (backend, true));
            for (backend, plain) in [(Backend::Sqlite, false)].into_iter().chain(plain) {
                let database = TestDatabase::empty(backend).await;
                let tables = match backend {
                    Backend::Sqlite => on_sqlite,
                    Backend::Postgres => on_postgres,
                };
                execute(&database, tables).await;
                let app = TestApp::new(&database, graph(), Limits::default());
                all.push(Subject {
                    backend,
                    plain,
                    database,
                    app,
                });
            }
            all
        });
        Subjects { runtime, all }
    }

    /// Writes rows and asks; all answers must be equal, and are given.
    fn agree(
        &self,
        rows: impl Fn(&Subject) -> String,
        questions: &[(String, Value)],
    ) -> Result<Vec<Value>, String> {
        let mut first: Option<Vec<Value>> = None;
        for subject in &self.all {
            let rows = rows(subject);
            let answers = self.runtime.block_on(async {
                execute(&subject.database, &rows).await;
                let mut answers = Vec::new();
                for (query, variables) in questions {
                    let answer = subject.app.request(query, None, variables).await;
                    answers.push(answer.json());
                }
                answers
            });
            let whose = (subject.backend, subject.plain);
            for (answer, question) in answers.iter().zip(questions) {
                if answer.get("errors").is_some() {
                    return Err(format!("{whose:?} {question:?}: {answer}\n{rows}"));
                }
            }
            let Some(first) = &first else {
                first = Some(answers);
                continue;
            };
            for ((answer, wanted), question) in first.iter().zip(&answers).zip(questions) {
                if answer != wanted {
                    return Err(format!(
                        "{question:?}: {answer}\nand {whose:?}: {wanted}\n{rows}"
                    ));
                }
            }
        }
        first.ok_or_else(|| "nothing was asked".to_owned())
    }

    /// The ids that the pages of a connection hold, one row after the other.
    fn pages(&self, subject: &Subject, field: &str, order: &str) -> Vec<Value> {
        let query = format!(
            "query($after: String) {{ {field}(first: 1, after: $after, orderBy: {order}) {{
                nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }} }}"
        );
        let mut after = Value::Null;
        let mut ids = Vec::new();
        self.runtime.block_on(async {
            loop {
                let variables = json!({ "after": after });
                let answer = subject.app.request(&query, None, &variables).await.data();
                let page = &answer[field];
                ids.extend(page["nodes"].as_array().into_iter().flatten().cloned());
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] != true || ids.len() > 100 {
                    return ids;
                }
            }
        })
    }
}

async fn execute(database: &TestDatabase, statements: &str) {
    let done = database.connection.execute_unprepared(statements).await;
    done.unwrap_or_else(|error| panic!("{error}: {statements}"));
}
