//! What the page knows of the graph behind it: examples to begin with, and what a document would run.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::engine::{Engine, Request, refuse};
use crate::graph::Principal;
use crate::read::explain::Explained;
use crate::schema::examples::{Example, Variable, examples};
use crate::serve::http::negotiate::JSON;
use crate::serve::http::request::{self, NoRequest};
use crate::serve::http::{Lack, Served, answer, content};

#[derive(Serialize)]
struct Start {
    examples: Vec<FirstTab>,
    explains: bool,
    /// Where it explains: what the database lacks.
    lacks: Vec<Lack>,
}

#[derive(Serialize)]
struct FirstTab {
    name: &'static str,
    query: String,
    /// As they stand in the editor.
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<String>,
}

/// What the page begins with.
pub async fn start(State(served): State<Served>, request: axum::extract::Request) -> Response {
    let (head, _) = request.into_parts();
    let principal = match served.principal(&head).await {
        Ok(principal) => principal,
        Err(why) => return answer::unauthenticated(why, JSON),
    };
    let engine = &served.engine;
    let mut tabs = Vec::new();
    for example in examples(engine.planner().catalog()) {
        tabs.extend(first_tab(engine, &principal, example).await);
    }
    json(&Start {
        examples: tabs,
        explains: served.options.explain,
        lacks: match served.options.explain {
            true => served.options.lacks.clone(),
            false => Vec::new(),
        },
    })
}

/// An example with values for its variables; `None` where the server's limits forbid it.
async fn first_tab(engine: &Engine, principal: &Principal, example: Example) -> Option<FirstTab> {
    let mut variables = Map::new();
    if let Some(variable) = &example.variable {
        let value = match variable {
            Variable::After => Value::Null,
            Variable::Words { found_by } => word(engine, principal, found_by).await.into(),
        };
        variables.insert(variable.name().to_owned(), value);
    }
    let values = Value::Object(variables);
    let request = Request {
        query: example.query,
        variables: serde_json::from_value(values.clone()).ok()?,
        ..Request::default()
    };
    engine.planner().prepare(&request, principal.clone()).ok()?;
    let written = serde_json::to_string_pretty(&values).ok();
    Some(FirstTab {
        name: example.name,
        query: request.query,
        variables: written.filter(|_| example.variable.is_some()),
    })
}

/// A word that the principal may see, in a text that a document finds.
async fn word(engine: &Engine, principal: &Principal, found_by: &str) -> String {
    let request = Request {
        query: found_by.to_owned(),
        ..Request::default()
    };
    // The page is there also while the database has more to do than to answer this.
    let asked = engine.execute(&request, principal.clone());
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let found: Value = match answer {
        Ok(answer) => serde_json::from_slice(&answer.body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let text = first_text(&found["data"]).unwrap_or_default();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let long = words.clone().find(|w| w.chars().count() > 3);
    let any = long.or_else(|| words.find(|w| !w.is_empty()));
    any.unwrap_or("word").to_lowercase()
}

/// How long the page may wait for a word to search for.
const PATIENCE: Duration = Duration::from_millis(500);

fn first_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) => items.iter().find_map(first_text),
        Value::Object(fields) => fields.values().find_map(first_text),
        _ => None,
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    plan: Planned<'a>,
}

#[derive(Serialize)]
struct Planned<'a> {
    #[serde(flatten)]
    explained: &'a Explained<'a>,
    limits: Limits,
}

#[derive(Serialize)]
struct Limits {
    statements: u64,
    rows: u64,
}

/// What a request of whoever asks would run, which is not run: its plan, or the errors for which it has none. The status is that of
/// having looked.
pub async fn plan(State(served): State<Served>, request: axum::extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let options = &served.options;
    let read = async {
        content::check(&head.headers)?;
        content::read(body, options.max_body_bytes, options.body_timeout).await
    };
    let asked = match read.await {
        Ok(body) => request::of_body(&body),
        Err(refusal) => return answer::refused(refusal, JSON, true),
    };
    let request = match asked {
        Ok(request) => request,
        Err(NoRequest::Malformed(problem)) => return answer::bad_request(JSON, &problem),
        Err(NoRequest::OnlyHash) => {
            return answer::bad_request(JSON, "a plan is made of a document; send `query`");
        }
    };
    let principal = match served.principal(&head).await {
        Ok(principal) => principal,
        Err(why) => return answer::unauthenticated(why, JSON),
    };
    let planner = served.engine.planner();
    let dialect = served.engine.database().dialect();
    let limits = planner.limits();
    let shown = planner.explain(&request, principal, dialect, |explained| {
        json(&Answer {
            plan: Planned {
                explained,
                limits: Limits {
                    statements: limits.statements,
                    rows: limits.rows,
                },
            },
        })
    });
    match shown {
        Ok(shown) => shown,
        Err(errors) => ([(CONTENT_TYPE, JSON)], refuse(&errors).body).into_response(),
    }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(CONTENT_TYPE, JSON)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "no JSON could be made");
            answer::bad_request(JSON, "no JSON could be made")
        }
    }
}
