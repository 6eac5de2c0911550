//! A document's text, parsed, bounded and validated: everything about it that no request changes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use apollo_compiler::ast::{self, Definition};
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::{LineColumn, Parser, SourceSpan};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Name, Node};
use apollo_parser::{Lexer, TokenKind};

use crate::error::{Code, Error};
use crate::schema::Schema;

/// Tokens in a document; the parser stops there.
const MAX_TOKENS: usize = 50_000;
/// How deep selection sets and values may nest before a plan's own depth limit can speak.
const MAX_RECURSION: usize = 200;
/// Fields after every fragment spread is written out. A small text can spell out 2^30.
const MAX_FIELDS: u64 = 10_000;
/// Errors reported for one document.
const MAX_ERRORS: usize = 10;

/// A valid document.
#[derive(Debug)]
pub struct Document {
    /// Distinguishes documents in the plan cache.
    pub id: u64,
    pub executable: Valid<ExecutableDocument>,
}

impl Document {
    pub fn parse(schema: &Schema, text: &str) -> Result<Self, Vec<Error>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        check_strings(text).map_err(|e| vec![e])?;
        let mut parser = Parser::new()
            .token_limit(MAX_TOKENS)
            .recursion_limit(MAX_RECURSION);
        let ast = parser
            .parse_ast(text, "request")
            .map_err(|e| errors(Code::GraphqlParseFailed, &e.errors))?;
        if ast.definitions.iter().any(has_empty_selection) {
            // apollo-compiler allows them ahead of the specification of September 2025.
            let message = "syntax error: a selection set selects at least one field";
            return Err(vec![Error::new(Code::GraphqlParseFailed, message)]);
        }
        if let Some(name) = ast.definitions.iter().find_map(repeated_input_field) {
            let message = format!("an input object has two fields named `{name}`");
            return Err(vec![Error::new(Code::GraphqlValidationFailed, message)]);
        }
        if let Some(name) = undefined_variable(&ast) {
            let message =
                format!("variable `${name}` is not defined by the operation that uses it");
            return Err(vec![Error::new(Code::GraphqlValidationFailed, message)]);
        }
        if expanded_fields(&ast) > MAX_FIELDS {
            return Err(vec![Error::new(
                Code::LimitExceeded,
                format!(
                    "the document has more than {MAX_FIELDS} fields once its fragments are written out; ask for less in one request"
                ),
            )]);
        }
        let validate = |ast: &ast::Document| {
            ast.to_executable_validate(&schema.types)
                .map_err(|e| errors(Code::GraphqlValidationFailed, &e.errors))
        };
        if let Some(without) = without_null_defaults(&ast) {
            validate(&without)?;
        }
        let executable = validate(&ast)?;
        if executable.operations.is_empty() {
            return Err(vec![Error::new(
                Code::GraphqlValidationFailed,
                "the document has no operation to run",
            )]);
        }
        Ok(Document {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            executable,
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
        span?.line_column(&self.executable.sources)
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

fn errors(code: Code, list: &DiagnosticList) -> Vec<Error> {
    list.iter()
        .take(MAX_ERRORS)
        .map(|diagnostic| {
            let error = diagnostic.to_json();
            let mut made = Error::new(code, error.message);
            made.locations = error.locations;
            made
        })
        .collect()
}

fn has_empty_selection(definition: &Definition) -> bool {
    fn empty(set: &[ast::Selection]) -> bool {
        set.is_empty()
            || set.iter().any(|s| match s {
                ast::Selection::Field(f) => f.selection_set.as_deref().is_some_and(empty),
                ast::Selection::InlineFragment(f) => empty(&f.selection_set),
                ast::Selection::FragmentSpread(_) => false,
            })
    }
    match definition {
        Definition::OperationDefinition(o) => empty(&o.selection_set),
        Definition::FragmentDefinition(f) => empty(&f.selection_set),
        _ => false,
    }
}

/// The rule of unique input field names, which apollo-compiler does not check.
fn repeated_input_field(definition: &Definition) -> Option<&Name> {
    fn in_value(value: &ast::Value) -> Option<&Name> {
        match value {
            ast::Value::List(items) => items.iter().find_map(|v| in_value(v)),
            ast::Value::Object(fields) => {
                let mut seen = HashSet::new();
                fields.iter().find_map(|(name, v)| match seen.insert(name) {
                    true => in_value(v),
                    false => Some(name),
                })
            }
            _ => None,
        }
    }
    fn in_directives(directives: &ast::DirectiveList) -> Option<&Name> {
        let arguments = directives.iter().flat_map(|d| &d.arguments);
        arguments.map(|a| &a.value).find_map(|v| in_value(v))
    }
    fn in_selections(set: &[ast::Selection]) -> Option<&Name> {
        set.iter().find_map(|selection| match selection {
            ast::Selection::Field(f) => in_directives(&f.directives)
                .or_else(|| f.arguments.iter().find_map(|a| in_value(&a.value)))
                .or_else(|| in_selections(f.selection_set.as_deref().unwrap_or_default())),
            ast::Selection::InlineFragment(f) => {
                in_directives(&f.directives).or_else(|| in_selections(&f.selection_set))
            }
            ast::Selection::FragmentSpread(s) => in_directives(&s.directives),
        })
    }
    match definition {
        Definition::OperationDefinition(o) => {
            let defaults = o.variables.iter().filter_map(|v| v.default_value.as_ref());
            in_directives(&o.directives)
                .or_else(|| defaults.map(|v| in_value(v)).find_map(|found| found))
                .or_else(|| in_selections(&o.selection_set))
        }
        Definition::FragmentDefinition(f) => {
            in_directives(&f.directives).or_else(|| in_selections(&f.selection_set))
        }
        _ => None,
    }
}

/// The rule that all variable uses are defined, also inside the values of custom scalars, where
/// apollo-compiler does not look.
fn undefined_variable(ast: &ast::Document) -> Option<&Name> {
    let mut fragments: HashMap<&Name, Uses<'_>> = HashMap::new();
    for definition in &ast.definitions {
        if let Definition::FragmentDefinition(f) = definition {
            let uses = fragments.entry(&f.name).or_default();
            uses.directives(&f.directives);
            uses.selections(&f.selection_set);
        }
    }
    ast.definitions.iter().find_map(|definition| {
        let Definition::OperationDefinition(operation) = definition else {
            return None;
        };
        let mut uses = Uses::default();
        uses.directives(&operation.directives);
        uses.selections(&operation.selection_set);
        let mut reached: HashSet<&Name> = HashSet::new();
        while let Some(spread) = uses.spreads.pop() {
            if let (true, Some(of)) = (reached.insert(spread), fragments.get(spread)) {
                uses.variables.extend(&of.variables);
                uses.spreads.extend(&of.spreads);
            }
        }
        let defined = |name: &Name| operation.variables.iter().any(|v| v.name == *name);
        uses.variables.into_iter().find(|name| !defined(name))
    })
}

/// What a definition uses by itself.
#[derive(Default)]
struct Uses<'a> {
    variables: Vec<&'a Name>,
    spreads: Vec<&'a Name>,
}

impl<'a> Uses<'a> {
    fn selections(&mut self, set: &'a [ast::Selection]) {
        for selection in set {
            match selection {
                ast::Selection::Field(f) => {
                    self.directives(&f.directives);
                    f.arguments.iter().for_each(|a| self.value(&a.value));
                    self.selections(f.selection_set.as_deref().unwrap_or_default());
                }
                ast::Selection::InlineFragment(f) => {
                    self.directives(&f.directives);
                    self.selections(&f.selection_set);
                }
                ast::Selection::FragmentSpread(s) => {
                    self.directives(&s.directives);
                    self.spreads.push(&s.fragment_name);
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a ast::DirectiveList) {
        let arguments = directives.iter().flat_map(|d| &d.arguments);
        arguments.for_each(|a| self.value(&a.value));
    }

    fn value(&mut self, value: &'a ast::Value) {
        match value {
            ast::Value::Variable(name) => self.variables.push(name),
            ast::Value::List(items) => items.iter().for_each(|v| self.value(v)),
            ast::Value::Object(fields) => fields.iter().for_each(|(_, v)| self.value(v)),
            _ => {}
        }
    }
}

/// Fields in the document with every fragment written out, each fragment counted once per spread but
/// visited once in all.
fn expanded_fields(ast: &ast::Document) -> u64 {
    let fragments: HashMap<&Name, &[ast::Selection]> = ast
        .definitions
        .iter()
        .filter_map(|d| match d {
            Definition::FragmentDefinition(f) => Some((&f.name, f.selection_set.as_slice())),
            _ => None,
        })
        .collect();
    let mut known = HashMap::new();
    let mut total = 0u64;
    for definition in &ast.definitions {
        let set = match definition {
            Definition::OperationDefinition(o) => &o.selection_set,
            Definition::FragmentDefinition(f) => &f.selection_set,
            _ => continue,
        };
        total = total.saturating_add(count(set, &fragments, &mut known));
    }
    total
}

fn count<'a>(
    set: &'a [ast::Selection],
    fragments: &HashMap<&'a Name, &'a [ast::Selection]>,
    known: &mut HashMap<&'a Name, u64>,
) -> u64 {
    let mut sum = 0u64;
    for selection in set {
        let n = match selection {
            ast::Selection::Field(f) => {
                let set = f.selection_set.as_deref().unwrap_or_default();
                count(set, fragments, known).saturating_add(1)
            }
            ast::Selection::InlineFragment(f) => count(&f.selection_set, fragments, known),
            ast::Selection::FragmentSpread(s) => {
                match (known.get(&s.fragment_name), fragments.get(&s.fragment_name)) {
                    (Some(&n), _) => n,
                    (None, None) => 0,
                    (None, Some(set)) => {
                        // A cycle counts nothing here; validation names it.
                        known.insert(&s.fragment_name, 0);
                        let n = count(set, fragments, known);
                        known.insert(&s.fragment_name, n);
                        n
                    }
                }
            }
        };
        sum = sum.saturating_add(n);
    }
    sum
}

/// Refuses the strings that apollo-parser lets pass and graphql-js does not.
fn check_strings(text: &str) -> Result<(), Error> {
    if !text.contains('"') {
        return Ok(());
    }
    let (tokens, _) = Lexer::new(text).with_limit(MAX_TOKENS).lex();
    for token in tokens.iter().filter(|t| t.kind() == TokenKind::StringValue) {
        if let Some(problem) = string_problem(token.data()) {
            let message = format!("syntax error: {problem}");
            let location = line_column(text, token.index());
            return Err(Error::new(Code::GraphqlParseFailed, message).at(location));
        }
    }
    Ok(())
}

fn string_problem(token: &str) -> Option<&'static str> {
    if token.starts_with("\"\"\"") {
        return None;
    }
    if token.contains(['\n', '\r']) {
        return Some("a string ends on the line it begins on; use \\n, or a block string");
    }
    let mut rest = token;
    while let Some(at) = rest.find('\\') {
        let escape = rest.get(at + 1..)?;
        if let Some(digits) = escape.strip_prefix("u{")
            && digits.find('}').is_some_and(|end| end > 8)
        {
            return Some("a Unicode escape has at most 8 digits");
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    None
}

fn line_column(text: &str, index: usize) -> Option<LineColumn> {
    let before = text.get(..index)?;
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    Some(LineColumn {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    })
}

/// The document without the defaults that are null, if it has any. By IsVariableUsageAllowed such a default
/// does not make a nullable variable fit a non-null position; apollo-compiler thinks it does.
fn without_null_defaults(ast: &ast::Document) -> Option<ast::Document> {
    let null_default =
        |v: &Node<ast::VariableDefinition>| v.default_value.as_ref().is_some_and(|d| d.is_null());
    let has = |d: &Definition| matches!(d, Definition::OperationDefinition(o) if o.variables.iter().any(null_default));
    if !ast.definitions.iter().any(has) {
        return None;
    }
    let mut without = ast.clone();
    for definition in &mut without.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            for variable in &mut operation.make_mut().variables {
                if null_default(variable) {
                    variable.make_mut().default_value = None;
                }
            }
        }
    }
    Some(without)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::new(&crate::blog::graph().build().unwrap()).unwrap()
    }

    #[test]
    fn descriptions_of_operations_and_fragments_are_allowed() {
        let text = "\"What it \u{1F600} is\" query A(\"how many\" $n: Int = 1, $s: String = \"kept\" $t: Int) { posts(limit: $n, offset: $t) { ...F } user(username: $s) { id } }\n\"\"\"\nblock\n\"\"\" fragment F on Post { id }";
        Document::parse(&schema(), text).unwrap();
        assert!(Document::parse(&schema(), "\"no\" { posts { id } }").is_err());
    }

    #[test]
    fn a_fragment_bomb_is_refused_before_it_goes_off() {
        let mut text = "{ ...F0 }".to_owned();
        for i in 0..30 {
            text += &format!(" fragment F{i} on Query {{ ...F{n} ...F{n} }}", n = i + 1);
        }
        text += " fragment F30 on Query { posts { id } }";
        let errors = Document::parse(&schema(), &text).unwrap_err();
        assert_eq!(errors[0].code, Code::LimitExceeded);
    }
}
