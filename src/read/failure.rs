//! A failed statement as a client sees it: a code, and an id that the log knows.

use crate::error::{Code, Error};
use crate::log;
use crate::read::load::{LevelError, Loaded};
use crate::read::plan::{BoundPlan, Source};

/// The error of a field that a failed level was to give.
pub fn shown(failed: &LevelError, bound: &BoundPlan) -> Error {
    let code = code(failed, bound);
    let id = report(failed, bound);
    if let Some((argument, message)) = refused(failed, bound) {
        return Error::new(code, message).of_field(argument);
    }
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
        _ if refused(failed, bound).is_some() => Code::BadUserInput,
        _ if error.is_timeout() => Code::Timeout,
        _ if error.is_too_complex() => Code::LimitExceeded,
        _ if error.is_unavailable() => Code::Unavailable,
        _ => Code::InternalServerError,
    }
}

/// The error of a field whose value, which was read, cannot be written, for a reason that names none. What the database
/// holds is the operator's to mend.
pub fn unwritable(why: &str, path: &str) -> Error {
    let id = log::report(&log::Cause {
        weight: log::Weight::Error,
        what: "a value cannot be written",
        code: None,
        why,
        path: Some(path),
        statement: None,
    });
    Error::new(Code::InternalServerError, format!("{why} (error {id})"))
}

/// Logs what has failed of a request, each failure once, also where nothing shows it.
pub fn report_all(loaded: &[Loaded], bound: &BoundPlan) {
    for failed in loaded.iter().filter_map(|level| level.failed.as_ref()) {
        report(failed, bound);
    }
}

/// The argument whose value the database refused, and what to say of it: some types only the database knows, and what a
/// cursor holds may be made up. It is the client's error.
fn refused(failed: &LevelError, bound: &BoundPlan) -> Option<(&'static str, &'static str)> {
    let level = failed.level.filter(|_| failed.error.is_bad_value())?;
    let page = &bound.pages[level];
    let cursor = "a cursor holds a value that its order cannot have; give cursors as an edge or `pageInfo` gave them";
    match (&page.seek.after, &page.seek.before) {
        (Some(_), _) => return Some(("after", cursor)),
        (None, Some(_)) => return Some(("before", cursor)),
        (None, None) => {}
    }
    if page.filter.is_some() {
        return Some(("where", "`where` has a value that its column cannot have"));
    }
    match bound.plan.levels[level].source {
        Source::Keys { .. } => Some(("id", "the key is none that its column can have")),
        _ => None,
    }
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
        let (weight, what) = match refused(failed, bound) {
            Some(_) => (log::Weight::Warning, "a value was refused"),
            None => (log::Weight::Error, "a statement failed"),
        };
        let cause = log::Cause {
            weight,
            what,
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
