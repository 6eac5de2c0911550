//! Errors as a client sees them.
//!
//! | what went wrong | where it goes |
//! |---|---|
//! | the document, its variables or arguments | a request error: no `data`, nothing ran |
//! | who asks is not believed, or cannot be told | a request error of status 401, or 503: nothing ran |
//! | there is no capacity for the request | a request error that says when to come back: nothing ran |
//! | one field (an id that is none, a row missing behind a non-null field, too many groups) | a field error with its path; null propagates by the specification |
//! | a field of a mutation, whatever it is | field errors with its path and, in `extensions.field`, the place in its input; `data` is null, since nothing was done |
//! | a rule keeps whoever asks from writing | the same: `FORBIDDEN`, or of nobody, who might if he signed in, `UNAUTHENTICATED` |
//! | a policy of PostgreSQL's own (`ROW LEVEL SECURITY`) keeps the server from it, whoever asks | the same: `FORBIDDEN`; the log has it as well, for it may be meant otherwise |
//! | a statement (it failed, the time was over, the database out of reach) | a field error wherever one of its rows, or a value of it, was to be written |
//!
//! **An error is as small as its cause.** A statement is the rows of one level, so its failure empties the fields of
//! that level: each is null, or empties the nearest nullable field above it. What becomes of the others depends on why:
//!
//! | a statement | its code | the others |
//! |---|---|---|
//! | failed | `INTERNAL_SERVER_ERROR`, or `LIMIT_EXCEEDED` where it was more than the database takes | are answered |
//! | was stopped by the database (`statement_timeout`) or an operator | `TIMEOUT` | are answered |
//! | ran when the request's time was over | `TIMEOUT` | that are not loaded yet fail alike, without being asked |
//! | was prepared for tables that were altered since | its own, if it has one when it is prepared anew | begin again together with it, once |
//! | was hit by what others did: their failure, a standby's recovery | `UNAVAILABLE`, if that happens time and again | begin again together with it |
//! | waited behind others, for a lock it may be | `TIMEOUT`, once the request's time is over | begin again together with it |
//! | lost its connection, or found no database | `UNAVAILABLE`, if a new connection does not help | that are not loaded yet fail alike |
//!
//! Where nothing is loaded, each root field is an error. A field for which there was nothing to ask (a relation whose key
//! is null, a page of no rows) is what it is without the database.
//!
//! What the database said goes to the log, without values, under an id that all who are hit by the same cause are given;
//! the client gets the id and a code, never the text. A cursor, a key or a condition that holds what no value of its
//! column can be is the client's own error, which only the database can find.

use apollo_compiler::parser::LineColumn;
use serde::Serialize;
use serde::ser::SerializeMap;

/// Errors of fields that an answer lists; a last one says how many more there were.
pub const MAX_ERRORS: usize = 100;

/// `extensions.code`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    BadUserInput,
    NotFound,
    Unauthenticated,
    Forbidden,
    Conflict,
    LimitExceeded,
    Timeout,
    Unavailable,
    InternalServerError,
    GraphqlParseFailed,
    GraphqlValidationFailed,
    /// What clients that send hashes of queries know a server by that keeps none.
    PersistedQueryNotSupported,
}

/// One entry of a response's `errors`.
#[derive(Debug, Clone)]
pub struct Error {
    pub message: String,
    pub code: Code,
    /// Where in the document, 1-based.
    pub locations: Vec<LineColumn>,
    /// Where in `data`; empty for a request error.
    pub path: Vec<PathSegment>,
    /// `extensions.field`: the path into the input, `limit`.
    pub field: Option<String>,
    /// `extensions.retryAfter`: when it may do, in seconds.
    pub retry_after: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PathSegment {
    Key(Box<str>),
    Index(u32),
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message = message.into();
        truncate(&mut message);
        Error {
            message,
            code,
            locations: Vec::new(),
            path: Vec::new(),
            field: None,
            retry_after: None,
        }
    }

    pub fn input(message: impl Into<String>) -> Self {
        Error::new(Code::BadUserInput, message)
    }

    /// That a rule keeps whoever asks from doing something: `FORBIDDEN`; of nobody, who might if he signed in,
    /// `UNAUTHENTICATED`.
    pub fn refused(is_somebody: bool, message: String) -> Self {
        match is_somebody {
            true => Error::new(Code::Forbidden, message),
            false => {
                let message = format!("{message}; nobody is signed in");
                Error::new(Code::Unauthenticated, message)
            }
        }
    }

    pub fn at(mut self, location: Option<LineColumn>) -> Self {
        self.locations.extend(location);
        self
    }

    /// With the place in the input that it is about; the whole of it has none.
    pub fn of_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into()).filter(|field| !field.is_empty());
        self
    }
}

/// Messages echo names from the document; one of 100 KB would come back as often as it is wrong.
fn truncate(message: &mut String) {
    const LONGEST: usize = 600;
    if message.len() > LONGEST {
        let end = (0..=LONGEST)
            .rev()
            .find(|&i| message.is_char_boundary(i))
            .unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Extensions<'a> {
            code: Code,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'a str>,
            #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
            retry_after: Option<u64>,
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", &self.message)?;
        if !self.locations.is_empty() {
            map.serialize_entry("locations", &self.locations)?;
        }
        if !self.path.is_empty() {
            map.serialize_entry("path", &self.path)?;
        }
        let extensions = Extensions {
            code: self.code,
            field: self.field.as_deref(),
            retry_after: self.retry_after,
        };
        map.serialize_entry("extensions", &extensions)?;
        map.end()
    }
}
