//! What else somebody may have meant by a name that is none: of a field, an argument, a type, an enum's value, an input
//! field, a directive, a fragment.
//!
//! apollo-compiler says that a name is none, and where. Here the document is walked once more, when it is refused
//! already, for the few places that are reported: what they cost does not grow with how much is wrong.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{self, Definition, Selection, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};

use crate::read::plan::suggest::did_you_mean;
use crate::schema::Schema;

/// What is known of an unknown name beyond what is reported.
#[derive(Debug)]
pub struct Unknown {
    /// Where the error belongs: at the name.
    pub at: Option<SourceSpan>,
    /// What is to follow the message; may be empty.
    pub suggestion: String,
}

/// Of the unknown names those that are reported at one of these offsets.
pub fn find(
    schema: &Schema,
    ast: &ast::Document,
    reported: impl Iterator<Item = usize>,
) -> BTreeMap<usize, Unknown> {
    let fragments = ast.definitions.iter().filter_map(|d| match d {
        Definition::FragmentDefinition(fragment) => Some(fragment.name.as_str()),
        _ => None,
    });
    let mut finder = Finder {
        schema,
        fragments: fragments.collect(),
        found: reported.map(|offset| (offset, None)).collect(),
    };
    for definition in &ast.definitions {
        match definition {
            Definition::OperationDefinition(operation) => finder.operation(operation),
            Definition::FragmentDefinition(fragment) => {
                finder.directives(&fragment.directives);
                let on = &fragment.type_condition;
                finder.composite(on);
                finder.selections(on, &fragment.selection_set);
            }
            _ => {}
        }
    }
    let found = finder.found.into_iter();
    found.filter_map(|(at, of)| Some((at, of?))).collect()
}

struct Finder<'a> {
    schema: &'a Schema,
    fragments: BTreeSet<&'a str>,
    found: BTreeMap<usize, Option<Unknown>>,
}

impl Finder<'_> {
    /// Notes an unknown name if it is one that was reported.
    fn unknown(
        &mut self,
        reported: Option<SourceSpan>,
        at: Option<SourceSpan>,
        suggestion: impl FnOnce(&Self) -> String,
    ) {
        let Some(reported) = reported.map(|span| span.offset()) else {
            return;
        };
        if let Some(None) = self.found.get(&reported) {
            let suggestion = suggestion(self);
            self.found
                .insert(reported, Some(Unknown { at, suggestion }));
        }
    }

    fn operation(&mut self, operation: &ast::OperationDefinition) {
        for variable in &operation.variables {
            self.directives(&variable.directives);
            let name = variable.ty.inner_named_type();
            if !self.schema.types.types.contains_key(name) {
                self.unknown(variable.location(), name.location(), |finder| {
                    finder.types(name, ExtendedType::is_input_type)
                });
            }
            if let Some(value) = &variable.default_value {
                self.value(&variable.ty, value);
            }
        }
        self.directives(&operation.directives);
        if let Some(root) = self.schema.types.root_operation(operation.operation_type) {
            self.selections(root, &operation.selection_set);
        }
    }

    fn selections(&mut self, on: &Name, selections: &[Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => self.field(on, field),
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives);
                    let on = fragment.type_condition.as_ref().unwrap_or(on);
                    self.composite(on);
                    self.selections(on, &fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives);
                    let name = &spread.fragment_name;
                    if !self.fragments.contains(name.as_str()) {
                        self.unknown(spread.location(), name.location(), |finder| {
                            did_you_mean(name, finder.fragments.iter().copied())
                        });
                    }
                }
            }
        }
    }

    fn field(&mut self, on: &Name, field: &ast::Field) {
        self.directives(&field.directives);
        let schema = self.schema;
        let Ok(definition) = schema.types.type_field(on, &field.name) else {
            let name = &field.name;
            let at = name.location();
            self.unknown(at, at, |finder| finder.fields(on, name));
            return;
        };
        self.arguments(&definition.arguments, &field.arguments);
        let selections = field.selection_set.as_deref().unwrap_or_default();
        self.selections(definition.ty.inner_named_type(), selections);
    }

    fn directives(&mut self, directives: &ast::DirectiveList) {
        let schema = self.schema;
        for directive in directives.iter() {
            let name = &directive.name;
            match schema.types.directive_definitions.get(name) {
                Some(definition) => self.arguments(&definition.arguments, &directive.arguments),
                None => self.unknown(directive.location(), directive.location(), |_| {
                    let known = schema.types.directive_definitions.values();
                    let of_documents = known.filter(|d| d.locations.iter().any(is_executable));
                    did_you_mean(name, of_documents.map(|d| d.name.as_str()))
                }),
            }
        }
    }

    fn arguments(
        &mut self,
        known: &[Node<ast::InputValueDefinition>],
        arguments: &[Node<ast::Argument>],
    ) {
        for argument in arguments {
            let name = &argument.name;
            match known.iter().find(|definition| definition.name == *name) {
                Some(definition) => self.value(&definition.ty, &argument.value),
                None => self.unknown(argument.location(), name.location(), |_| {
                    did_you_mean(name, known.iter().map(|d| d.name.as_str()))
                }),
            }
        }
    }

    fn value(&mut self, ty: &ast::Type, value: &Node<Value>) {
        let schema = self.schema;
        match (&**value, schema.types.types.get(ty.inner_named_type())) {
            (Value::List(items), _) => {
                items.iter().for_each(|item| self.value(ty, item));
            }
            (Value::Enum(name), Some(ExtendedType::Enum(of))) if !of.values.contains_key(name) => {
                self.unknown(name.location(), name.location(), |_| {
                    did_you_mean(name, of.values.keys().map(Name::as_str))
                });
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(of))) => {
                for (name, value) in fields {
                    match of.fields.get(name) {
                        Some(field) => self.value(&field.ty, value),
                        // It is reported where its value is.
                        None => self.unknown(value.location(), name.location(), |_| {
                            did_you_mean(name, of.fields.keys().map(Name::as_str))
                        }),
                    }
                }
            }
            _ => {}
        }
    }

    /// A type that a fragment is on.
    fn composite(&mut self, name: &Name) {
        if !self.schema.types.types.contains_key(name) {
            self.unknown(name.location(), name.location(), |finder| {
                finder.types(name, is_composite)
            });
        }
    }

    fn types(&self, typed: &str, is_meant: impl Fn(&ExtendedType) -> bool) -> String {
        let types = self.schema.types.types.iter();
        let meant = types.filter(|(name, of)| !name.starts_with("__") && is_meant(of));
        did_you_mean(typed, meant.map(|(name, _)| name.as_str()))
    }

    /// Fields of this type, or what an interface's objects have of this name.
    fn fields(&self, on: &Name, typed: &Name) -> String {
        match self.schema.types.types.get(on) {
            Some(ExtendedType::Object(of)) => {
                did_you_mean(typed, of.fields.keys().map(Name::as_str))
            }
            Some(ExtendedType::Interface(of)) => {
                let objects = self.schema.implementers.get(on);
                let objects = objects.iter().flat_map(|of| &of.objects);
                let has = |object: &&Name| self.schema.types.type_field(object, typed).is_ok();
                let mut having: Vec<&str> = objects.filter(has).map(Name::as_str).collect();
                having.sort_unstable();
                match having.first() {
                    Some(object) => format!("; did you mean `... on {object} {{ {typed} }}`?"),
                    None => did_you_mean(typed, of.fields.keys().map(Name::as_str)),
                }
            }
            _ => String::new(),
        }
    }
}

fn is_composite(of: &ExtendedType) -> bool {
    of.is_object() || of.is_interface() || of.is_union()
}

fn is_executable(location: &ast::DirectiveLocation) -> bool {
    use ast::DirectiveLocation::*;
    matches!(
        location,
        Query
            | Mutation
            | Subscription
            | Field
            | FragmentDefinition
            | FragmentSpread
            | InlineFragment
            | VariableDefinition
    )
}
