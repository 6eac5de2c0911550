//! Errors of fields of one's own, as a client is told of them.

use crate::error::{Code, Error};
use crate::graph::own::{FieldError, Why};
use crate::log;
use crate::read::plan::own::OwnCall;

/// What a client is told. Of what was not meant for it, it is told the id under which the log has it.
pub fn shown(error: &FieldError, call: &OwnCall) -> Error {
    let passed_on = error.passed_on.as_ref();
    if let Some(error) = passed_on.and_then(|any| any.downcast_ref::<Error>()) {
        return error.clone();
    }
    let code = match error.why {
        Why::Input => Code::BadUserInput,
        Why::NotFound => Code::NotFound,
        Why::Unauthenticated => Code::Unauthenticated,
        Why::Forbidden => Code::Forbidden,
        Why::Conflict => Code::Conflict,
        Why::LimitExceeded => Code::LimitExceeded,
        Why::Timeout => Code::Timeout,
        Why::Unavailable => Code::Unavailable,
        Why::Mistake | Why::Internal => Code::InternalServerError,
    };
    if error.why != Why::Internal {
        return Error::new(code, error.message.clone());
    }
    let id = log::report(&log::Cause {
        weight: log::Weight::Error,
        what: "a field of one's own failed",
        code: None,
        why: &error.message,
        path: Some(&call.path),
        statement: None,
    });
    Error::new(code, format!("internal error {id}"))
}
