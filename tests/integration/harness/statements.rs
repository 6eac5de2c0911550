//! Counts statements: those asked on PostgreSQL's connections, and what SQLite says it runs.
//!
//! Both are told as tracing events. A test's own subscriber hears those of its thread (tests run on
//! current-thread runtimes) and, on SQLite, those of the jobs it sends to other threads.

use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Hears statements until dropped.
pub struct Statements {
    heard: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

impl Statements {
    pub fn listen() -> Self {
        // Somebody always hears everything, so that no event is ever taken for one that nobody wants to hear
        // while the subscribers of other tests come and go.
        static ALWAYS: Once = Once::new();
        ALWAYS.call_once(|| {
            let everything = tracing_subscriber::registry().with(Deaf);
            let _ = tracing::subscriber::set_global_default(everything);
        });
        let heard = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Ear(heard.clone()));
        Statements {
            heard,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The statements that read, without a transaction's own, and those by which a connection of SQLite's
    /// gets to know its full-text index when it first meets it.
    pub fn read(&self) -> Vec<String> {
        let heard = self
            .heard
            .lock()
            .expect("no test panicked while listening")
            .clone();
        heard
            .into_iter()
            .filter(|s| !matches!(s.as_str(), "BEGIN" | "COMMIT" | "ROLLBACK"))
            .filter(|s| !s.contains("_search_config'"))
            .collect()
    }
}

struct Deaf;

impl<S: Subscriber> Layer<S> for Deaf {}

struct Ear(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !matches!(
            event.metadata().target(),
            "backref::postgres" | "rusqlite::query"
        ) {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0
            .lock()
            .expect("no test panicked while listening")
            .push(text.0.trim().to_owned());
    }
}

struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            self.0 = value.to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
