//! A GraphQL request out of a body or a URL.

use apollo_compiler::response::JsonMap;
use serde::Deserialize;

use crate::engine::Request;

/// Why there is no request to run.
#[derive(Debug)]
pub enum NoRequest {
    /// It has only the hash of a query, for servers that keep queries. Clients that get this answer send the query.
    OnlyHash,
    Malformed(String),
}

pub fn of_body(body: &[u8]) -> Result<Request, NoRequest> {
    // serde reads a struct from an array, too, by the order of its fields.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let message = "the body is a list, and requests come one by one; send a JSON object with a string `query`";
        return Err(NoRequest::Malformed(message.to_owned()));
    }
    match serde_json::from_slice::<Request>(body) {
        Ok(request) => with_query(request),
        Err(_) if has_only_hash(body) => Err(NoRequest::OnlyHash),
        Err(cause) => Err(NoRequest::Malformed(format!(
            "the body is no GraphQL request, a JSON object with a string `query`: {cause}"
        ))),
    }
}

fn with_query(request: Request) -> Result<Request, NoRequest> {
    match request.query.is_empty() && names_hash(&request.extensions) {
        true => Err(NoRequest::OnlyHash),
        false => Ok(request),
    }
}

fn names_hash(extensions: &JsonMap) -> bool {
    extensions
        .get("persistedQuery")
        .is_some_and(|hash| hash.is_object())
}

fn has_only_hash(body: &[u8]) -> bool {
    let Ok(fields) = serde_json::from_slice::<JsonMap>(body) else {
        return false;
    };
    let extensions = fields.get("extensions").and_then(|e| e.as_object());
    let asks = fields.get("query").is_some_and(|query| !query.is_null());
    !asks && extensions.is_some_and(names_hash)
}

/// A request as a URL carries it: variables and extensions are JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Parameters {
    pub fn request(self) -> Result<Request, NoRequest> {
        let object = |name: &str, text: Option<String>| match text.filter(|t| !t.is_empty()) {
            None => Ok(JsonMap::new()),
            Some(text) => serde_json::from_str::<Option<JsonMap>>(&text)
                .map(Option::unwrap_or_default)
                .map_err(|cause| {
                    let problem = format!("the parameter `{name}` is no JSON object: {cause}");
                    NoRequest::Malformed(problem)
                }),
        };
        let extensions = object("extensions", self.extensions)?;
        let query = match self.query {
            Some(query) => query,
            None if names_hash(&extensions) => return Err(NoRequest::OnlyHash),
            None => {
                let problem = "the parameter `query` is missing";
                return Err(NoRequest::Malformed(problem.to_owned()));
            }
        };
        with_query(Request {
            query,
            operation_name: self.operation_name.filter(|n| !n.is_empty()),
            variables: object("variables", self.variables)?,
            extensions,
            explain: false,
        })
    }
}
