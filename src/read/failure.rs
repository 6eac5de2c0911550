//! A failed statement as a client sees it: a code, and an id that the log knows.

use crate::error::{Code, Error};
use crate::log;
use crate::read::load::{LevelError, Loaded};
use crate::read::plan::BoundPlan;

/// The error of a field that a failed level was to give.
pub fn shown(failed: &LevelError, bound: &BoundPlan) -> Error {
    let code = code(failed, bound);
    let id = match forged_cursor(failed, bound) {
        Some(argument) => {
            let message = "a cursor holds a value that its order cannot have; give cursors as an edge or `pageInfo` gave them";
            return Error::new(code, message).of_field(argument);
        }
        None => report(failed, bound),
    };
    let message = match code {
        Code::Timeout => {
            format!("the request took too long and was stopped; ask for less (error {id})")
        }
        Code::LimitExceeded => {
            format!("the request is more than the database can take; ask for less (error {id})")
        }
        Code::Unavailable => format!("the database cannot be reached; try again (error {id})"),
        _ => format!("internal error {id}"),
    };
    Error::new(code, message)
}

pub fn code(failed: &LevelError, bound: &BoundPlan) -> Code {
    let error = &failed.error;
    match error {
        _ if forged_cursor(failed, bound).is_some() => Code::BadUserInput,
        _ if error.is_timeout() => Code::Timeout,
        _ if error.is_too_complex() => Code::LimitExceeded,
        _ if error.is_unavailable() => Code::Unavailable,
        _ => Code::InternalServerError,
    }
}

/// Logs what has failed of a request, each failure once, also where nothing shows it.
pub fn report_all(loaded: &[Loaded], bound: &BoundPlan) {
    for failed in loaded.iter().filter_map(|level| level.failed.as_ref()) {
        if forged_cursor(failed, bound).is_none() {
            report(failed, bound);
        }
    }
}

/// The argument whose cursor the database refused: what it holds was made up, which is the client's error.
fn forged_cursor(failed: &LevelError, bound: &BoundPlan) -> Option<&'static str> {
    let seek = &bound.pages[failed.level?].seek;
    let argument = match (&seek.after, &seek.before) {
        (Some(_), _) => "after",
        (None, Some(_)) => "before",
        (None, None) => return None,
    };
    failed.error.is_bad_value().then_some(argument)
}

/// Logs a failure, when it is first shown, and gives the id under which it is found.
fn report<'f>(failed: &'f LevelError, bound: &BoundPlan) -> &'f str {
    failed.id.get_or_init(|| {
        let ran = failed.ran.as_ref();
        let said = failed.error.said(ran.map_or("", |ran| &ran.sql));
        let path = failed.level.map(|level| bound.plan.path(level));
        let statement = ran.map(|ran| log::Statement {
            sql: &ran.sql,
            position: said.position,
        });
        let cause = log::Cause {
            weight: log::Weight::Error,
            what: "a statement failed",
            code: said.code.as_deref(),
            why: &said.why,
            path: path.as_deref(),
            statement,
        };
        // What is no statement's fault is one cause, whichever it hits.
        log::report(&match failed.error.is_of_others() {
            true => log::Cause {
                path: None,
                statement: None,
                ..cause
            },
            false => cause,
        })
    })
}
