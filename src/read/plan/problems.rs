//! What is wrong with a request's variables, once it is known that something is: each value that is not of its type,
//! by its variable and the path in it.

use std::fmt::Write as _;

use apollo_compiler::ast::Type;
use apollo_compiler::executable::Operation;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Name, Node};

use super::Document;
use super::bind::shortened;
use super::place::Arguments;
use super::suggest::did_you_mean;
use crate::error::Error;
use crate::schema::Schema;

/// Problems reported of one request.
const MAX_PROBLEMS: usize = 10;

/// Where floats begin to leave out whole numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Each problem of the values, in the order of the definitions and of the values: at most ten. The field of each begins where
/// the variable is used first; what only directives use, by its own name. With `suggests` they say which names of the schema
/// were perhaps meant.
pub fn of_variables(
    schema: &Schema,
    document: &Document,
    operation: &Operation,
    values: &JsonMap,
    suggests: bool,
) -> Vec<Error> {
    let arguments = Arguments {
        schema,
        document: &document.executable,
    };
    let mut errors = Vec::new();
    for variable in &operation.variables {
        let mut checker = Checker {
            schema,
            suggests,
            variable: shortened(&variable.name),
            path: Vec::new(),
            most: MAX_PROBLEMS - errors.len(),
            problems: Vec::new(),
        };
        match values.get(variable.name.as_str()) {
            Some(value) => checker.value(&variable.ty, value),
            None if variable.ty.is_non_null() && variable.default_value.is_none() => {
                let ty = &variable.ty;
                checker.problem(format!("a value of `{ty}` is expected, and none is given"));
            }
            None => {}
        }
        let Checker {
            variable: name,
            problems,
            ..
        } = checker;
        if problems.is_empty() {
            continue;
        }
        let at = document.line_column(variable.location());
        let used = arguments.of_variable(operation, &variable.name);
        let used = used.unwrap_or_else(|| vec![name]);
        errors.extend(problems.into_iter().map(|Problem { message, path }| {
            let steps = used.iter().chain(path.iter().map(|step| &step.name));
            let steps: Vec<_> = steps.map(String::as_str).collect();
            Error::input(message).of_field(steps.join(".")).at(at)
        }));
    }
    errors
}

/// `$w.and[0].title`, of steps as they stand in `extensions.field`.
pub fn place<'a>(variable: &str, steps: impl Iterator<Item = &'a str>) -> String {
    let mut place = format!("${}", shortened(variable));
    for step in steps {
        // Writing to a string does not fail.
        let _ = match is_index(step) {
            true => write!(place, "[{step}]"),
            false => write!(place, ".{step}"),
        };
    }
    place
}

/// Whether a step is into a list; a name begins with no digit.
pub fn is_index(step: &str) -> bool {
    step.starts_with(|c: char| c.is_ascii_digit())
}

struct Checker<'a> {
    schema: &'a Schema,
    suggests: bool,
    variable: String,
    /// Where in the variable's value.
    path: Vec<Step>,
    most: usize,
    problems: Vec<Problem>,
}

#[derive(Clone)]
struct Step {
    name: String,
    /// Nobody has written it: one value that stands for a list is its first.
    is_implied: bool,
}

struct Problem {
    message: String,
    /// Where in the variable's value.
    path: Vec<Step>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, ty: &Type, value: &JsonValue) {
        if value.is_null() {
            if ty.is_non_null() {
                self.problem(format!("null is given, and `{ty}` is never null"));
            }
            return;
        }
        if ty.is_list() {
            let item_type = ty.item_type();
            match value.as_array() {
                None => self.below_step("0".to_owned(), true, |checker| {
                    checker.value(item_type, value);
                }),
                Some(items) => {
                    for (i, item) in items.iter().enumerate() {
                        if self.problems.len() == self.most {
                            return;
                        }
                        self.below(i.to_string(), |checker| checker.value(item_type, item));
                    }
                }
            }
            return;
        }
        let schema = self.schema;
        match schema.types.types.get(ty.inner_named_type()) {
            Some(ExtendedType::Scalar(of)) => self.scalar(&of.name, value),
            Some(ExtendedType::Enum(of)) => {
                let known = || of.values.keys().map(Name::as_str);
                match value.as_str() {
                    Some(name) if known().any(|k| k == name) => {}
                    Some(name) => {
                        let suggestion = self.suggestion(name, known());
                        let shown = shown(value);
                        let message = format!("{shown} is no value of `{}`", of.name);
                        self.problem(message + &suggestion);
                    }
                    None => self.other_kind(&of.name, value),
                }
            }
            Some(ExtendedType::InputObject(of)) => match value.as_object() {
                Some(fields) => self.object(of, fields),
                None => self.other_kind(&of.name, value),
            },
            // Validation lets no variable be of an output type.
            _ => {}
        }
    }

    fn scalar(&mut self, name: &Name, value: &JsonValue) {
        let fits = match name.as_str() {
            "Int" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            // A whole number is a float as far as floats tell one from the next.
            "Float" => value.is_f64() || value.as_f64().is_some_and(|f| f.abs() < EXACT),
            "String" => value.is_string(),
            "Boolean" => value.is_boolean(),
            "ID" => value.is_string() || value.is_i64(),
            // What the others take is theirs to say, when they are compared with a column.
            _ => true,
        };
        if fits {
            return;
        }
        match (name.as_str(), value.is_number()) {
            ("Int", true) => {
                let shown = shown(value);
                self.problem(format!(
                    "{shown} is given, and an `Int` is a whole number from -2147483648 to 2147483647"
                ));
            }
            ("ID", true) => {
                let shown = shown(value);
                self.problem(format!(
                    "{shown} is given, and an `ID` is a string or a whole number of 64 bits"
                ));
            }
            ("Float", true) => {
                let shown = shown(value);
                self.problem(format!(
                    "{shown} is given, and a `Float` is a whole number only below 9007199254740992"
                ));
            }
            _ => self.other_kind(name, value),
        }
    }

    fn object(&mut self, of: &Node<InputObjectType>, fields: &JsonMap) {
        for (name, value) in fields {
            if self.problems.len() == self.most {
                return;
            }
            let name = name.as_str();
            match of.fields.get(name) {
                Some(_) if of.is_one_of() && value.is_null() => self.below(shortened(name), |c| {
                    let ty = &of.name;
                    c.problem(format!(
                        "null is given, and the one field of `{ty}` is never null"
                    ));
                }),
                Some(field) => self.below(shortened(name), |c| c.value(&field.ty, value)),
                None => {
                    let known = of.fields.keys().map(Name::as_str);
                    let suggestion = self.suggestion(name, known);
                    let message = format!("`{}` has no field `{}`", of.name, shortened(name));
                    self.below(shortened(name), |c| c.problem(message + &suggestion));
                }
            }
        }
        if of.is_one_of() && fields.len() != 1 {
            let (ty, n) = (&of.name, fields.len());
            self.problem(format!("`{ty}` takes exactly one field, and {n} are given"));
        }
        for (name, field) in &of.fields {
            let required = field.ty.is_non_null() && field.default_value.is_none();
            if required && !fields.contains_key(name.as_str()) {
                let (ty, of) = (&field.ty, &of.name);
                let message = format!("`{of}` needs a value of `{ty}` here, and none is given");
                self.below(name.to_string(), |c| c.problem(message));
            }
        }
    }

    fn other_kind(&mut self, expected: &Name, value: &JsonValue) {
        let given = match value {
            JsonValue::Array(_) => "a list".to_owned(),
            JsonValue::Object(_) => "an object".to_owned(),
            _ => shown(value),
        };
        self.problem(format!(
            "{given} is given, and a value of `{expected}` is expected"
        ));
    }

    fn below(&mut self, name: String, check: impl FnOnce(&mut Self)) {
        self.below_step(name, false, check);
    }

    fn below_step(&mut self, name: String, is_implied: bool, check: impl FnOnce(&mut Self)) {
        self.path.push(Step { name, is_implied });
        check(self);
        self.path.pop();
    }

    fn suggestion<'n>(&self, typed: &str, known: impl Iterator<Item = &'n str>) -> String {
        match self.suggests {
            true => did_you_mean(typed, known),
            false => String::new(),
        }
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() == self.most {
            return;
        }
        let variable = self.variable.as_str();
        let written = self.path.iter().filter(|step| !step.is_implied);
        let mut steps = written.map(|step| step.name.as_str()).peekable();
        let message = match steps.peek() {
            None => format!("variable `${variable}` is wrong: {what}"),
            Some(_) => {
                let place = place(variable, steps);
                format!("variable `${variable}` is wrong at `{place}`: {what}")
            }
        };
        let path = self.path.clone();
        self.problems.push(Problem { message, path });
    }
}

/// A value as JSON.
fn shown(value: &JsonValue) -> String {
    match value.as_str() {
        Some(text) => JsonValue::from(shortened(text)).to_string(),
        None => value.to_string(),
    }
}
