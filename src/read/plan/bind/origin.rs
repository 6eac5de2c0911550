//! Which variable gave the value that an argument is refused for.

use apollo_compiler::Name;
use apollo_compiler::ast::Value;

use crate::error::Error;
use crate::read::plan::problems::{is_index, place};
use crate::read::plan::{Count, Page, Window};

/// An error of an argument whose path is in its `field`, with the variable that gave what is there.
pub(super) fn named(error: Error, argument: &Value) -> Error {
    with(error, |steps| variable_of(argument, steps))
}

/// The same for an error of one of the arguments of a page.
pub(super) fn in_page(error: Error, page: &Page) -> Error {
    let argument = error.field.as_deref().unwrap_or_default();
    let argument = argument.split('.').next().unwrap_or_default();
    let value = match (argument, &page.window) {
        ("where", _) => &page.filter,
        ("orderBy", _) => &page.order,
        ("search", _) => &page.search,
        ("first", Window::Cursors { first, .. }) => first,
        ("after", Window::Cursors { after, .. }) => after,
        ("last", Window::Cursors { last, .. }) => last,
        ("before", Window::Cursors { before, .. }) => before,
        ("by", Window::Groups { by, .. }) => by,
        ("limit", Window::Groups { limit, .. }) => limit,
        ("limit", Window::Offset { limit: count, .. })
        | ("offset", Window::Offset { offset: count, .. })
        | ("offset", Window::Groups { offset: count, .. }) => {
            return match count {
                Count::Variable(name, _) => with(error, |_| Some(place(name, std::iter::empty()))),
                Count::Literal(_) => error,
            };
        }
        _ => &None,
    };
    match value {
        Some(value) => named(error, value),
        None => error,
    }
}

fn with(mut error: Error, place: impl FnOnce(&[&str]) -> Option<String>) -> Error {
    let field = error.field.as_deref().unwrap_or_default();
    let steps: Vec<_> = field.split('.').skip(1).collect();
    if let Some(place) = place(&steps) {
        error.message += &format!(" (given by `{place}`)");
    }
    error
}

/// The place in a variable that these steps into an argument lead to.
fn variable_of(argument: &Value, steps: &[&str]) -> Option<String> {
    match (argument, steps) {
        (Value::Variable(name), _) => Some(of_variable(name, steps)),
        (Value::List(items), [step, rest @ ..]) => {
            variable_of(items.get(step.parse::<usize>().ok()?)?, rest)
        }
        // One value that stands for a list of it.
        (Value::Object(_), [step, rest @ ..]) if is_index(step) => variable_of(argument, rest),
        (Value::Object(fields), [step, rest @ ..]) => {
            match fields.iter().find(|(name, _)| name == step) {
                Some((_, value)) => variable_of(value, rest),
                None => None,
            }
        }
        _ => None,
    }
}

fn of_variable(name: &Name, steps: &[&str]) -> String {
    place(name, steps.iter().copied())
}
