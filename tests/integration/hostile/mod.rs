//! What a client sends that means harm: it is answered within the limits or refused by name, and never an
//! internal error. No test here looks at a clock; each would hang, or end the process, where a bound is missing.

mod conditions;
mod documents;

use axum::http::StatusCode;

use crate::harness::{Answer, Backend, TestApp, TestDatabase};

async fn app() -> (TestDatabase, TestApp) {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    (database, app)
}

fn repeat(n: usize, write: impl Fn(usize) -> String) -> String {
    (0..n).map(write).collect::<Vec<_>>().join(" ")
}

/// `inner` in so many of these brackets.
fn nest(n: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(n), close.repeat(n))
}

/// Refused for a limit, before anything ran, with these words in the message.
#[track_caller]
fn assert_refused(answer: &Answer, says: &[&str]) {
    assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
    assert!(answer.json().get("data").is_none(), "{}", answer.text);
    assert!(answer.text.len() < 2000, "{}", answer.text.len());
    for words in says {
        assert!(answer.message().contains(words), "{}", answer.text);
    }
}

/// `answered`, or the code of the first error.
fn outcome(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    match answer.json()["errors"].is_null() {
        true => "answered".to_owned(),
        false => answer.code(),
    }
}
