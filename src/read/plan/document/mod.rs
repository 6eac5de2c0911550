//! A document's text, parsed, bounded and validated: everything about it that no request changes.

mod merging;
mod position;
mod rules;
mod size;
mod syntax;
mod unknown;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use apollo_compiler::ast;
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::{LineColumn, Parser, SourceSpan};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::{DiagnosticList, Valid, WithErrors};
use apollo_compiler::{ExecutableDocument, Name, Node};

use super::place::Arguments;
use crate::error::{Code, Error};
use crate::schema::Schema;

pub use size::DocumentLimits;

/// apollo-parser's own bound on how deep it goes: above that of `size`, which says what to do about it.
const MAX_RECURSION: usize = 4 * size::MAX_NESTING;
/// Errors reported for one document.
const MAX_ERRORS: usize = 10;
/// Errors that are perhaps none: each is looked for from the document's beginning. Who has more gives them as variables.
const MAX_DOUBTS: usize = 100;

/// A valid document.
#[derive(Debug)]
pub struct Document {
    /// Distinguishes documents in the plan cache.
    pub id: u64,
    pub executable: Valid<ExecutableDocument>,
    /// Bytes of its text.
    pub len: usize,
    /// Whether it asks for the schema, in whichever of its operations.
    pub introspects: bool,
}

impl Document {
    pub fn parse(schema: &Schema, text: &str, limits: &DocumentLimits) -> Result<Self, Vec<Error>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let refused = |error| vec![error];
        syntax::check(text, limits).map_err(refused)?;
        let plain = syntax::without_commas(text, limits).map_err(refused)?;
        let ast = Parser::new()
            .recursion_limit(MAX_RECURSION)
            .parse_ast(plain, "request")
            .map_err(|e| errors(Code::GraphqlParseFailed, &e.errors))?;
        size::check_expanded(&ast, limits).map_err(refused)?;
        rules::check(&ast, limits.introspection)
            .map_err(|broken| vec![broken_rule(schema, &ast, broken)])?;
        let validate = |ast: &ast::Document| match ast.to_executable_validate(&schema.types) {
            Err(broken) if is_valid(schema, &broken) => Ok(Valid::assume_valid(broken.partial)),
            Err(broken) => Err(broken_rules(schema, ast, &broken, limits.introspection)),
            Ok(valid) => Ok(valid),
        };
        if let Some(without) = rules::without_null_defaults(&ast) {
            validate(&without)?;
        }
        let executable = validate(&ast)?;
        if executable.operations.is_empty() {
            return Err(vec![Error::new(
                Code::GraphqlValidationFailed,
                "the document has no operation to run",
            )]);
        }
        if let Some(field) = merging::differing(&executable, &schema.types) {
            let key = field.response_name();
            let message = format!(
                "fields named `{key}` differ in their arguments; use an alias for one of them"
            );
            let at = field.location();
            let at = at.and_then(|span| position::of_span(&executable.sources, span));
            let error = Error::new(Code::GraphqlValidationFailed, message);
            return Err(vec![error.at(at)]);
        }
        Ok(Document {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            introspects: rules::introspected(&ast).is_some(),
            executable,
            len: text.len(),
        })
    }

    /// The operation to run, by the rules of GetOperation.
    pub fn operation(&self, name: Option<&str>) -> Result<&Node<Operation>, Error> {
        self.executable.operations.get(name).map_err(|_| {
            Error::input(match name {
                Some(name) => format!("the document has no operation named `{name}`"),
                None => {
                    "the document has several operations; say which with `operationName`".to_owned()
                }
            })
            .of_field("operationName")
        })
    }

    pub fn line_column(&self, span: Option<SourceSpan>) -> Option<LineColumn> {
        position::of_span(&self.executable.sources, span?)
    }

    /// The values of the Booleans that `@skip` and `@include` read in this operation, by which plans differ.
    pub fn conditions(
        &self,
        operation: &Operation,
        variables: &JsonMap,
    ) -> Result<Vec<(Name, bool)>, Error> {
        let mut names = BTreeSet::new();
        if !operation.variables.is_empty() {
            self.condition_variables(&operation.selection_set, &mut BTreeSet::new(), &mut names);
        }
        let value = |name: Name| match variables.get(name.as_str()).and_then(|v| v.as_bool()) {
            Some(value) => Ok((name, value)),
            None => Err(Error::input(format!(
                "variable `${name}` decides an `@skip` or `@include` and must not be null"
            ))
            .of_field(name.as_str())),
        };
        names.into_iter().map(value).collect()
    }

    fn condition_variables(
        &self,
        set: &apollo_compiler::executable::SelectionSet,
        visited: &mut BTreeSet<Name>,
        names: &mut BTreeSet<Name>,
    ) {
        use apollo_compiler::executable::Selection;
        for selection in &set.selections {
            for directive in selection.directives().iter() {
                if let ("skip" | "include", Some(value)) = (
                    directive.name.as_str(),
                    directive.specified_argument_by_name("if"),
                ) && let ast::Value::Variable(name) = &**value
                {
                    names.insert(name.clone());
                }
            }
            match selection {
                Selection::Field(f) => {
                    if let Some(set) = &f.selection_set {
                        self.condition_variables(set, visited, names);
                    }
                }
                Selection::InlineFragment(f) => {
                    self.condition_variables(&f.selection_set, visited, names)
                }
                Selection::FragmentSpread(s) => {
                    if visited.insert(s.fragment_name.clone())
                        && let Some(f) = self.executable.fragments.get(&s.fragment_name)
                    {
                        self.condition_variables(&f.selection_set, visited, names);
                    }
                }
            }
        }
    }
}

/// Whether all that apollo-compiler has found is none.
fn is_valid(schema: &Schema, broken: &WithErrors<ExecutableDocument>) -> bool {
    let arguments = Arguments {
        schema,
        document: &broken.partial,
    };
    let is_none = |at: SourceSpan| arguments.is_null_in_scalar(at.offset());
    let mut errors = broken.errors.iter();
    broken.errors.len() <= MAX_DOUBTS && errors.all(|d| d.error.location().is_some_and(is_none))
}

/// The error of a document that breaks a rule which is ours to check.
fn broken_rule(schema: &Schema, ast: &ast::Document, broken: rules::Broken) -> Error {
    let document = match ast.to_executable(&schema.types) {
        Ok(document) => document,
        Err(e) => e.partial,
    };
    let arguments = Arguments {
        schema,
        document: &document,
    };
    let place = broken.at.and_then(|span| arguments.at(span.offset()));
    let at = broken
        .at
        .and_then(|span| position::of_span(&ast.sources, span));
    Error::new(Code::GraphqlValidationFailed, broken.message)
        .of_field(place.unwrap_or_default().join("."))
        .at(at)
}

/// The errors of a document that breaks rules, each with its place in the arguments of a field, if it has one there. With
/// `suggests` they say which names of the schema were perhaps meant.
fn broken_rules(
    schema: &Schema,
    ast: &ast::Document,
    broken: &WithErrors<ExecutableDocument>,
    suggests: bool,
) -> Vec<Error> {
    let list = &broken.errors;
    let mut errors = errors(Code::GraphqlValidationFailed, list);
    let arguments = Arguments {
        schema,
        document: &broken.partial,
    };
    for (error, place) in errors.iter_mut().zip(places(list, arguments)) {
        error.field = place;
    }
    if !suggests {
        return errors;
    }
    let unknown_names = || {
        let reported = list.iter().take(MAX_ERRORS).enumerate();
        reported.filter_map(|(i, diagnostic)| {
            let name = diagnostic.error.unstable_error_name()?;
            let offset = diagnostic.error.location()?.offset();
            name.starts_with("Undefined").then_some((i, offset))
        })
    };
    let unknown = unknown::find(schema, ast, unknown_names().map(|(_, offset)| offset));
    for (i, offset) in unknown_names() {
        if let Some(name) = unknown.get(&offset) {
            errors[i].message += &name.suggestion;
            let at = name
                .at
                .and_then(|span| position::of_span(&ast.sources, span));
            errors[i].locations = at.into_iter().collect();
        }
    }
    errors
}

/// Where in the arguments of a field each of these stands. What is missing stands nowhere: it is reported where it should be,
/// by the name of what it is missing from, one after the other.
fn places(list: &DiagnosticList, arguments: Arguments<'_>) -> Vec<Option<String>> {
    let mut reported: HashMap<_, usize> = HashMap::new();
    let reported = list.iter().take(MAX_ERRORS).map(|diagnostic| {
        let offset = diagnostic.error.location()?.offset();
        let rule = diagnostic.error.unstable_error_name();
        let before = reported.entry((rule, offset)).or_default();
        let place = match rule {
            Some("RequiredArgument") => arguments.missing_of(offset, *before),
            Some("RequiredField") => arguments.missing_in(offset, *before),
            _ => arguments.at(offset),
        };
        *before += 1;
        Some(place?.join("."))
    });
    reported.collect()
}

fn errors(code: Code, list: &DiagnosticList) -> Vec<Error> {
    list.iter()
        .take(MAX_ERRORS)
        .map(|diagnostic| {
            let location = diagnostic.error.location();
            let location = location.and_then(|span| position::of_span(diagnostic.sources, span));
            Error::new(code, diagnostic.error.to_string()).at(location)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::plan::Limits;

    fn parse(text: &str) -> Result<Document, Vec<Error>> {
        let catalog = crate::blog::graph().build().unwrap();
        let schema = Schema::new(&catalog, Limits::default().default_page()).unwrap();
        Document::parse(&schema, text, &DocumentLimits::default())
    }

    #[test]
    fn descriptions_of_operations_and_fragments_are_allowed() {
        let text = "\"What it \u{1F600} is\" query A(\"how many\" $n: Int = 1, $s: String = \"kept\" $t: Int) { posts(limit: $n, offset: $t) { ...F } user(username: $s) { id } }\n\"\"\"\nblock\n\"\"\" fragment F on Post { id }";
        parse(text).unwrap();
        assert!(parse("\"no\" { posts { id } }").is_err());
    }
}
