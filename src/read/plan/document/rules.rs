//! The rules of the specification of September 2025 that apollo-compiler does not hold documents to, and the one that
//! keeps the schema to itself where introspection is off.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{self, Definition};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

use crate::read::plan::suggest::did_you_mean;

/// That a document breaks such a rule, and where.
#[derive(Debug)]
pub struct Broken {
    pub message: String,
    pub at: Option<SourceSpan>,
}

/// Refuses a document for the first such rule that it breaks.
pub fn check(ast: &ast::Document, introspection: bool) -> Result<(), Broken> {
    let broken = |at: Option<SourceSpan>, message: String| Err(Broken { message, at });
    if !introspection && let Some(name) = introspected(ast) {
        let message = format!(
            "`{name}` asks for the schema, and introspection is off (INTROSPECTION); read the schema where the server's developers keep it"
        );
        return broken(name.location(), message);
    }
    if let Some(name) = ast.definitions.iter().find_map(repeated_input_field) {
        let message = format!("an input object has two fields named `{name}`");
        return broken(name.location(), message);
    }
    if let Some(Undefined {
        name,
        at,
        operation,
    }) = undefined_variable(ast)
    {
        let defined = operation.variables.iter().map(|v| v.name.as_str());
        let suggestion = match introspection {
            true => did_you_mean(name, defined),
            false => String::new(),
        };
        let message = format!("variable `${name}` is not defined by the operation that uses it");
        return broken(at, message + &suggestion);
    }
    Ok(())
}

/// A field that is answered by the schema itself, wherever it stands.
pub fn introspected(ast: &ast::Document) -> Option<&Name> {
    fn in_selections(set: &[ast::Selection]) -> Option<&Name> {
        set.iter().find_map(|selection| match selection {
            ast::Selection::Field(f) if matches!(f.name.as_str(), "__schema" | "__type") => {
                Some(&f.name)
            }
            ast::Selection::Field(f) => in_selections(f.selection_set.as_deref()?),
            ast::Selection::InlineFragment(f) => in_selections(&f.selection_set),
            ast::Selection::FragmentSpread(_) => None,
        })
    }
    ast.definitions
        .iter()
        .find_map(|definition| match definition {
            Definition::OperationDefinition(o) => in_selections(&o.selection_set),
            Definition::FragmentDefinition(f) => in_selections(&f.selection_set),
            _ => None,
        })
}

/// The document without the defaults that are null, if it has any. By IsVariableUsageAllowed such a default
/// does not make a nullable variable fit a non-null position; apollo-compiler thinks it does.
pub fn without_null_defaults(ast: &ast::Document) -> Option<ast::Document> {
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

/// A variable where it is used in an operation that does not define it.
struct Undefined<'a> {
    name: &'a Name,
    at: Option<SourceSpan>,
    operation: &'a ast::OperationDefinition,
}

/// The rule that all variable uses are defined, also inside the values of custom scalars, where
/// apollo-compiler does not look.
fn undefined_variable(ast: &ast::Document) -> Option<Undefined<'_>> {
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
        let defined: HashSet<&Name> = operation.variables.iter().map(|v| &v.name).collect();
        let mut used = uses.variables.into_iter();
        let (name, at) = used.find(|(name, _)| !defined.contains(name))?;
        Some(Undefined {
            name,
            at,
            operation,
        })
    })
}

/// What a definition uses by itself.
#[derive(Default)]
struct Uses<'a> {
    variables: Vec<(&'a Name, Option<SourceSpan>)>,
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

    fn value(&mut self, value: &'a Node<ast::Value>) {
        match &**value {
            ast::Value::Variable(name) => self.variables.push((name, value.location())),
            ast::Value::List(items) => items.iter().for_each(|v| self.value(v)),
            ast::Value::Object(fields) => fields.iter().for_each(|(_, v)| self.value(v)),
            _ => {}
        }
    }
}
