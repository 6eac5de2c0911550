//! A GraphQL request out of a body or a URL.

use std::borrow::Cow;

use apollo_compiler::response::{JsonMap, JsonValue};
use percent_encoding::percent_decode_str;

use super::flaws::{DEEPEST, Flaw, flaw};
use crate::engine::{Introspection, Request};
use crate::read::plan::Variables;

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
    // Where serde passes over something it does not look at its bytes.
    let text = std::str::from_utf8(body).map_err(|cause| {
        let at = cause.valid_up_to();
        let problem = format!("the body is no UTF-8, from its byte {at} on; JSON is sent as UTF-8");
        NoRequest::Malformed(problem)
    })?;
    match serde_json::from_str::<Request>(text) {
        Ok(request) => match flaw(text) {
            None => with_query(request),
            Some(flaw) => Err(flawed("the body", flaw)),
        },
        Err(_) if has_only_hash(text) => Err(NoRequest::OnlyHash),
        Err(cause) => Err(NoRequest::Malformed(problem(text, &cause))),
    }
}

fn flawed(whose: &str, flaw: Flaw) -> NoRequest {
    NoRequest::Malformed(match flaw {
        Flaw::Twice(name) => {
            format!("an object of {whose} has `{name}` twice; give each name once")
        }
        Flaw::TooDeep => {
            format!("{whose} is nested more than {DEEPEST} deep; send what is less deep")
        }
    })
}

/// Why a body is no request, by the name of what is wrong in it.
fn problem(body: &str, cause: &serde_json::Error) -> String {
    const SEND: &str = "send a JSON object with a string `query`";
    if body.trim_ascii().is_empty() {
        return format!("the body is empty; {SEND}");
    }
    if body.starts_with('\u{FEFF}') {
        return "the body begins with a byte order mark; send JSON without one".to_owned();
    }
    let fields = match serde_json::from_str::<JsonValue>(body) {
        Ok(JsonValue::Object(fields)) => fields,
        Ok(other) => return format!("the body is {}; {SEND}", kind(&other)),
        Err(cause) => return format!("the body cannot be read as JSON: {cause}; {SEND}"),
    };
    let wrong = |name: &str, expected: &str, fits: fn(&JsonValue) -> bool| {
        let value = fields.get(name)?;
        let found = kind(value);
        (!fits(value)).then(|| format!("`{name}` of the body is {found}; it must be {expected}"))
    };
    let is_text = |value: &JsonValue| value.is_string() || value.is_null();
    let is_object = |value: &JsonValue| value.is_object() || value.is_null();
    wrong("query", "the text of a GraphQL document", |v| v.is_string())
        .or_else(|| wrong("operationName", "a string or null", is_text))
        .or_else(|| wrong("variables", "a JSON object or null", is_object))
        .or_else(|| wrong("extensions", "a JSON object or null", is_object))
        .unwrap_or_else(|| match fields.contains_key("query") {
            true => format!("the body is no GraphQL request: {cause}"),
            false => format!("the body has no `query`; {SEND}"),
        })
}

fn kind(value: &JsonValue) -> &'static str {
    match value {
        JsonValue::Null => "null",
        JsonValue::Bool(_) => "a boolean",
        JsonValue::Number(_) => "a number",
        JsonValue::String(_) => "a string",
        JsonValue::Array(_) => "a list",
        JsonValue::Object(_) => "an object",
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

fn has_only_hash(body: &str) -> bool {
    let Ok(fields) = serde_json::from_str::<JsonMap>(body) else {
        return false;
    };
    let extensions = fields.get("extensions").and_then(|e| e.as_object());
    let asks = fields.get("query").is_some_and(|query| !query.is_null());
    !asks && extensions.is_some_and(names_hash)
}

/// A request as a URL carries it: variables and extensions are JSON.
#[derive(Debug, Default)]
pub struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Parameters {
    /// Those of a URL's query. What is no text, or comes twice, is refused rather than guessed at; what is
    /// not GraphQL's is anybody's.
    pub fn of_url(query: &str) -> Result<Self, NoRequest> {
        let mut parameters = Parameters::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decoded(name) else {
                continue;
            };
            let Some(place) = parameters.named(&name) else {
                continue;
            };
            let malformed = |problem: &str| {
                let problem = format!("the parameter `{name}` {problem}");
                Err(NoRequest::Malformed(problem))
            };
            if place.is_some() {
                return malformed("comes more than once; give it once");
            }
            match decoded(value) {
                Some(value) => *place = Some(value.into_owned()),
                None => {
                    return malformed(
                        "is not percent-encoded UTF-8: write `%25` for a `%`, and bytes of UTF-8 as `%` and two digits",
                    );
                }
            }
        }
        Ok(parameters)
    }

    /// Whether a URL has one of them.
    pub fn are_in(query: &str) -> bool {
        let mut pairs = query.split('&');
        let mut parameters = Parameters::default();
        pairs.any(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            decoded(name).is_some_and(|name| parameters.named(&name).is_some())
        })
    }

    fn named(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "query" => Some(&mut self.query),
            "operationName" => Some(&mut self.operation_name),
            "variables" => Some(&mut self.variables),
            "extensions" => Some(&mut self.extensions),
            _ => None,
        }
    }

    pub fn request(self) -> Result<Request, NoRequest> {
        for (name, text) in [
            ("variables", &self.variables),
            ("extensions", &self.extensions),
        ] {
            if let Some(flaw) = text.as_deref().and_then(flaw) {
                return Err(flawed(&format!("the parameter `{name}`"), flaw));
            }
        }
        let object = |name: &str, text: Option<String>| match text.filter(|t| !t.is_empty()) {
            None => Ok(Variables::default()),
            Some(text) => Variables::parse(&text).map_err(|cause| {
                let problem = format!("the parameter `{name}` is no JSON object: {cause}");
                NoRequest::Malformed(problem)
            }),
        };
        let extensions = object("extensions", self.extensions)?.values;
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
            from: None,
            idempotency_key: None,
            introspection: Introspection::Allowed,
        })
    }
}

/// A name or a value as a form writes it; `None` where it is malformed, or no UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let is_escape = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    match text.contains('+') {
        false => percent_decode_str(text).decode_utf8().ok(),
        true => {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
            Some(decoded.into_owned().into())
        }
    }
}
