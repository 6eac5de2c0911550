//! What a principal may not see it cannot see, count, infer, order by, search or page over.

mod blog;
mod columns;
mod declared;
mod kinds;
mod proof;
mod shared;
mod tenants;

use backref::graph::{Principal, Subject};
use serde_json::{Value, json};

use crate::harness::TestApp;

pub fn user(id: i64) -> Principal {
    Principal::subject(Subject::new(id.to_string()).with_role("author"))
}

pub fn admin() -> Principal {
    Principal::subject(Subject::new("1").with_role("admin"))
}

/// The data that somebody gets, without errors.
pub async fn data(app: &TestApp, who: &Principal, query: &str) -> Value {
    app.ask(who, query, &json!({})).await.data()
}

/// How many rows, or values, a list in an answer has.
pub fn len(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}
