//! Backref as an executor of async-graphql's, so that its integrations serve it.

use std::any::TypeId;
use std::sync::Arc;

use async_graphql::{Data, IntrospectionMode, PathSegment, Pos, ServerError, Value};
use futures_util::stream::{BoxStream, StreamExt};
use serde::Deserialize;

use super::Backref;
use crate::engine::{Introspection, Request, not_persisted};
use crate::graph::Principal;

/// A request asks as the [`Principal`] among its data, which `request.data(principal)` puts there; without one as
/// nobody known. Its text, operation, variables and introspection mode count; what it holds beyond that and Backref has no
/// use for, uploads and a document without its text, is refused.
#[cfg_attr(feature = "boxed-trait", async_graphql::async_trait::async_trait)]
impl async_graphql::Executor for Backref {
    async fn execute(&self, request: async_graphql::Request) -> async_graphql::Response {
        let principal = principal_of(&request.data).unwrap_or_default();
        self.answer(request, principal).await
    }

    /// A query or a mutation, as the one answer of its stream.
    fn execute_stream(
        &self,
        request: async_graphql::Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, async_graphql::Response> {
        let of_session = || session_data.as_deref().and_then(principal_of);
        let principal = principal_of(&request.data).or_else(of_session);
        let backref = self.clone();
        let answer = async move { backref.answer(request, principal.unwrap_or_default()).await };
        futures_util::stream::once(answer).boxed()
    }
}

fn principal_of(data: &Data) -> Option<Principal> {
    let found = data.get(&TypeId::of::<Principal>())?;
    found.downcast_ref::<Principal>().cloned()
}

impl Backref {
    async fn answer(
        &self,
        mut request: async_graphql::Request,
        principal: Principal,
    ) -> async_graphql::Response {
        if let Some(why) = unusable(&mut request) {
            return failed(why.to_owned());
        }
        if request.query.is_empty() && request.extensions.contains_key("persistedQuery") {
            let errors = serde_json::json!({ "errors": [not_persisted()] });
            return of_body(errors.to_string().as_bytes());
        }
        let asked = Request::new(request.query)
            .with_operation_name(request.operation_name)
            .with_introspection(introspection(request.introspection_mode))
            .with_variables(request.variables);
        match asked {
            Ok(asked) => of_body(&self.execute(&asked, principal).await.body),
            Err(error) => failed(format!("the variables are no JSON: {error}")),
        }
    }
}

/// What a request holds that would change its answer elsewhere, and cannot here.
fn unusable(request: &mut async_graphql::Request) -> Option<&'static str> {
    if !request.uploads.is_empty() {
        return Some(
            "files cannot be uploaded to this graph; send them to a service of their own, and what names them as a value",
        );
    }
    // What is parsed of no text was put there.
    if request.query.is_empty() && request.parsed_query().is_ok() {
        return Some(
            "the request has a parsed document without its text, by which it is asked here; give it the text, `Request::new(text)`",
        );
    }
    None
}

fn introspection(mode: IntrospectionMode) -> Introspection {
    match mode {
        IntrospectionMode::Enabled => Introspection::Allowed,
        IntrospectionMode::Disabled => Introspection::Refused,
        IntrospectionMode::IntrospectionOnly => Introspection::Only,
    }
}

/// The parts of a response's body.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<BodyError>,
    #[serde(default)]
    extensions: std::collections::BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct BodyError {
    message: String,
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    path: Vec<Step>,
    #[serde(default)]
    extensions: std::collections::BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Location {
    line: usize,
    column: usize,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Index(usize),
    Field(String),
}

fn of_body(body: &[u8]) -> async_graphql::Response {
    let body: Body = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => return failed(format!("the response is no JSON: {error}")),
    };
    let mut response = async_graphql::Response::new(body.data);
    response.errors = body.errors.into_iter().map(error).collect();
    response.extensions = body.extensions;
    response
}

fn error(error: BodyError) -> ServerError {
    let locations = error.locations.into_iter();
    let steps = error.path.into_iter();
    let mut made = ServerError::new(error.message, None);
    made.locations = locations
        .map(|Location { line, column }| Pos { line, column })
        .collect();
    made.path = steps
        .map(|step| match step {
            Step::Index(index) => PathSegment::Index(index),
            Step::Field(name) => PathSegment::Field(name),
        })
        .collect();
    if !error.extensions.is_empty() {
        let mut extensions = async_graphql::ErrorExtensionValues::default();
        for (name, value) in error.extensions {
            extensions.set(name, value);
        }
        made.extensions = Some(extensions);
    }
    made
}

fn failed(message: String) -> async_graphql::Response {
    async_graphql::Response::from_errors(vec![ServerError::new(message, None)])
}
