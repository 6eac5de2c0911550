//! A database with the app over it, for properties: these are functions that cannot wait.

use std::future::Future;

use backref::Graph;
use backref::read::plan::Limits;
use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::app::Answer;
use super::{Backend, TestApp, TestDatabase};

pub struct Stage {
    pub database: TestDatabase,
    pub app: TestApp,
    runtime: Runtime,
}

impl Stage {
    pub fn new(backend: Backend) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let database = runtime.block_on(TestDatabase::migrated(backend));
        let app = {
            let _inside = runtime.enter();
            TestApp::blog(&database)
        };
        Stage {
            database,
            app,
            runtime,
        }
    }

    /// The same database under another graph and limits.
    pub fn of(mut self, graph: Graph, limits: Limits) -> Self {
        self.app = {
            let _inside = self.runtime.enter();
            TestApp::new(&self.database, graph, limits)
        };
        self
    }

    pub fn wait_for<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Does what needs the runtime around it.
    pub fn enter<T>(&self, of: impl FnOnce() -> T) -> T {
        let _inside = self.runtime.enter();
        of()
    }

    pub fn ask(&self, query: &str, operation_name: Option<&str>, variables: &Value) -> Answer {
        self.wait_for(self.app.request(query, operation_name, variables))
    }
}

/// Holds a property on every database, each with migrated tables that are as the case before left them.
pub fn on_every_database<S: Strategy>(
    config: &Config,
    cases: &S,
    check: impl Fn(&Stage, S::Value) -> Result<(), TestCaseError>,
) {
    for backend in Backend::all() {
        let stage = Stage::new(backend);
        let outcome = TestRunner::new(config.clone()).run(cases, |case| check(&stage, case));
        outcome.unwrap_or_else(|e| panic!("{backend:?}: {e}"));
    }
}
