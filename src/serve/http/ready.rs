//! `/readyz`: whether a request would be answered now.
//!
//! The database is asked a statement on a connection of those that requests use. Whoever probes waits for two seconds at
//! most. One question is under way at a time, and who comes meanwhile waits for its answer too: while the database
//! hangs, nothing piles up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::log;

/// How long a probe waits.
const WITHIN: Duration = Duration::from_secs(2);

/// Why nothing would be answered, for whoever asks.
type Ready = Result<(), Arc<str>>;

type Question = Shared<oneshot::Receiver<Ready>>;

pub struct Readiness {
    engine: Arc<Engine>,
    under_way: Arc<Mutex<Option<Question>>>,
}

impl Readiness {
    pub fn of(engine: Arc<Engine>) -> Self {
        Readiness {
            engine,
            under_way: Arc::default(),
        }
    }

    pub async fn now(&self) -> Ready {
        let answered = tokio::time::timeout(WITHIN, self.question()).await;
        match answered {
            Ok(Ok(ready)) => ready,
            _ => Err(late()),
        }
    }

    fn question(&self) -> Question {
        let mut under_way = lock(&self.under_way);
        if let Some(question) = &*under_way {
            return question.clone();
        }
        let (tell, told) = oneshot::channel();
        let question = told.shared();
        *under_way = Some(question.clone());
        drop(under_way);
        let engine = self.engine.clone();
        let over = Over(self.under_way.clone());
        tokio::spawn(async move {
            let answered = engine.database().ping().await;
            // The next one to come asks anew.
            drop(over);
            let _ = tell.send(answered.map_err(|error| {
                let said = error.said("");
                note(said.code.as_deref(), &said.why);
                error.in_public().into()
            }));
        });
        question
    }
}

fn late() -> Arc<str> {
    let why = format!("the database does not answer within {} s", WITHIN.as_secs());
    note(None, &why);
    why.into()
}

fn note(code: Option<&str>, why: &str) {
    log::report(&log::Cause {
        weight: log::Weight::Warning,
        what: "not ready",
        code,
        why,
        path: None,
        statement: None,
    });
}

/// A question that is under way, until it is dropped.
struct Over(Arc<Mutex<Option<Question>>>);

impl Drop for Over {
    fn drop(&mut self) {
        *lock(&self.0) = None;
    }
}

fn lock(under_way: &Mutex<Option<Question>>) -> MutexGuard<'_, Option<Question>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
