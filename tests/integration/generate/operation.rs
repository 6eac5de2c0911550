//! Random operations that are valid by construction.
//!
//! A [`Seed`] is a tree of small numbers that knows no types. [`Builder`] reads it from the root
//! type downwards, and every number chooses among what is possible at its place. What can only be
//! seen from the whole document, `repair` sets right.

use super::{
    Case,
    document::{
        Argument, Directive, Document, Field, Fragment, Inline, Operation, Selection, Spread, Value,
    },
    refine::Choices,
    repair,
    value::{
        Input, NODE_TYPES, Presence, Role, VariableSeed, ids, key_literal, limit, node, pick, text,
        text_literal, variable_seed,
    },
};
use crate::reference::{SURFACE, named_type};
use async_graphql::parser::types::BaseType;
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value as Json, json};

const FRAGMENT_NAMES: [&str; 5] = ["A", "Parts", "onNode", "fragment", "true"];
const OPERATION_NAMES: [&str; 3] = ["First", "query", "_3"];
const ALIASES: [&str; 10] = [
    "a", "b", "id", "name", "title", "on", "type", "null", "_0", "posts",
];

/// Ways to refine a list, and the first of them that is one.
const FORMS: u8 = 20;
const REFINED: u8 = 5;
/// So many ways to define a variable in one document, taken in turn.
const VARIABLE_SEEDS: usize = 24;

/// Valid requests in which no field fails.
pub fn case() -> impl Strategy<Value = Case> {
    prop_oneof![
        2 => program(false, true).boxed(),
        1 => lists().boxed(),
    ]
    .prop_map(|program| program.case())
}

/// Valid requests in which fields may fail: lookups by nothing, by two things at once, by an id of
/// another type or none, by what is not for everyone, and negative limits.
pub fn failing_case() -> impl Strategy<Value = Case> {
    program(true, true).prop_map(|program| program.case())
}

/// A document and what to send with it.
#[derive(Clone, Debug)]
pub struct Program {
    pub document: Document,
    operation_name: Option<String>,
    variables: Json,
}

impl Program {
    fn case(&self) -> Case {
        Case {
            query: self.document.to_string(),
            operation_name: self.operation_name.clone(),
            variables: self.variables.clone(),
        }
    }
}

/// One selection, as numbers.
#[derive(Clone, Debug)]
struct Seed {
    kind: u8,
    choice: u8,
    alias: u8,
    arguments: (u8, u8),
    /// For `where` and `orderBy`.
    refinement: (u8, u8),
    directive: u8,
    children: Vec<Seed>,
}

fn seeds(depth: usize) -> BoxedStrategy<Vec<Seed>> {
    let children = match depth {
        0 => Just(Vec::new()).boxed(),
        _ => seeds(depth - 1),
    };
    let numbers = (0..16_u8, any::<u8>(), 0..30_u8, 0..48_u8);
    let pairs = any::<((u8, u8), (u8, u8))>();
    let seed = (numbers, pairs, children).prop_map(
        |((kind, choice, alias, directive), (arguments, refinement), children)| Seed {
            kind,
            choice,
            alias,
            arguments,
            refinement,
            directive,
            children,
        },
    );
    vec(seed, 1..=(2 + depth / 2)).boxed()
}

/// Programs whose fields may fail, or not. Without `can_merge` the fields of one response name may
/// conflict, which is the one thing that can then be wrong with the document.
pub fn program(may_fail: bool, can_merge: bool) -> impl Strategy<Value = Program> {
    let operations = prop_oneof![vec(seeds(5), 1), vec(seeds(5), 1..=3)];
    let fragments = vec((any::<u8>(), seeds(3)), 0..=FRAGMENT_NAMES.len());
    let variables = vec(variable_seed(), VARIABLE_SEEDS);
    let refinements = vec(vec(any::<u8>(), 0..=48), 1..=6);
    let values = (variables, refinements);
    let style = (any::<Index>(), 0..4_u8, any::<bool>(), any::<bool>());
    (operations, fragments, values, style).prop_map(
        move |(operations, fragments, values, (selected, naming, fragments_first, compact))| {
            let (variables, refinements) = values;
            let fragment_types = fragments.iter().map(|(on, _)| fragment_type(*on));
            let builder = Builder {
                fragments: FRAGMENT_NAMES.into_iter().zip(fragment_types).collect(),
                refinements,
                may_fail,
                can_merge,
            };
            let mut document = Document {
                operations: operations
                    .iter()
                    .map(|seeds| anonymous(builder.selections("Query", seeds, 0)))
                    .collect(),
                fragments: fragments
                    .iter()
                    .zip(&builder.fragments)
                    .enumerate()
                    .map(|(index, ((_, seeds), (name, on)))| Fragment {
                        name: (*name).to_owned(),
                        on: (*on).to_owned(),
                        directives: Vec::new(),
                        selections: builder.selections(on, seeds, index + 1),
                    })
                    .collect(),
                fragments_first,
                compact,
            };
            repair::bound(&mut document);
            repair::drop_unused_fragments(&mut document);
            if can_merge {
                repair::resolve_conflicts(&mut document);
            }

            let selected = selected.index(document.operations.len());
            builder.program(document, &variables, selected, naming)
        },
    )
}

/// Programs of nothing but lists, each with a condition or an order of its own: more of these than
/// in other programs come to be compared with rows.
fn lists() -> impl Strategy<Value = Program> {
    let list = (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..=48));
    let variables = vec(variable_seed(), VARIABLE_SEEDS);
    let style = (0..4_u8, any::<bool>());
    (vec(list, 1..=16), variables, style).prop_map(|(lists, variables, (naming, compact))| {
        let refinements = lists.iter().map(|(_, _, bytes)| bytes.clone());
        let builder = Builder {
            fragments: Vec::new(),
            refinements: refinements.collect(),
            may_fail: false,
            can_merge: true,
        };
        let fields = SURFACE.fields("Query").into_iter();
        let fields: Vec<_> = fields
            .filter(|field| matches!(field.ty.node.base, BaseType::List(_)))
            .map(|field| (field.name.node.as_str(), named_type(&field.ty.node)))
            .filter(|(_, ty)| *ty != "Node")
            .collect();
        let lists = (0_u8..).zip(&lists).map(|(index, (choice, form, _))| {
            let (name, ty) = *pick(&fields, *choice);
            Selection::Field(Field {
                alias: Some(format!("list{index}")),
                arguments: builder.refinement(ty, (REFINED + form % (FORMS - REFINED), index)),
                selections: vec![Selection::Field(Field::leaf("id"))],
                ..Field::leaf(name)
            })
        });
        let document = Document {
            operations: vec![anonymous(lists.collect())],
            compact,
            ..Document::default()
        };
        builder.program(document, &variables, 0, naming)
    })
}

fn anonymous(selections: Vec<Selection>) -> Operation {
    Operation {
        description: None,
        keyword: "query".to_owned(),
        name: None,
        variables: Vec::new(),
        directives: Vec::new(),
        selections,
    }
}

/// Names the operations where they need names, and says by which the selected one is asked for.
fn name_operations(document: &mut Document, selected: usize, naming: u8) -> Option<String> {
    let alone = document.operations.len() == 1;
    if alone && naming < 2 {
        let operation = &mut document.operations[0];
        if operation.variables.is_empty() {
            operation.keyword.clear();
        }
        return None;
    }
    for (operation, name) in document.operations.iter_mut().zip(OPERATION_NAMES) {
        operation.name = Some(name.to_owned());
    }
    match alone && naming == 2 {
        true => None,
        false => document.operations[selected].name.clone(),
    }
}

fn fragment_type(choice: u8) -> &'static str {
    match choice % 12 {
        0..=2 => "Post",
        3..=4 => "User",
        5..=6 => "Comment",
        7 => "Tag",
        8 => "Profile",
        9 => "Query",
        _ => "Node",
    }
}

struct Builder {
    /// Names and type conditions. A fragment spreads only those after it, so there is no cycle.
    fragments: Vec<(&'static str, &'static str)>,
    /// The bytes that conditions and orders are read from, never none. They are few, so that several
    /// fields have the same.
    refinements: Vec<Vec<u8>>,
    may_fail: bool,
    /// Whether conflicts are resolved afterwards. If they are not, `__typename` keeps its name:
    /// graphql-js does not compare its type with that of other fields, as the specification does.
    can_merge: bool,
}

impl Builder {
    /// Defines the variables and names the operations, one of which is selected.
    fn program(
        &self,
        mut document: Document,
        variables: &[VariableSeed],
        selected: usize,
        naming: u8,
    ) -> Program {
        let mut values = serde_json::Map::new();
        for index in 0..document.operations.len() {
            let used = repair::used_variables(&document, &document.operations[index]);
            for (role, seed) in Role::all().into_iter().zip(variables.iter().cycle()) {
                if !used.contains(&role.name()) {
                    continue;
                }
                let (definition, value) = role.define(*seed, index, &self.refinements);
                document.operations[index].variables.push(definition);
                if let Some(value) = value.filter(|_| index == selected) {
                    values.insert(role.name(), value);
                }
            }
        }
        let operation_name = name_operations(&mut document, selected, naming);
        if naming == 3 {
            values.insert("unknown".to_owned(), json!([1, null]));
        }
        Program {
            document,
            operation_name,
            variables: Json::Object(values),
        }
    }

    /// A selection set on this type, never empty.
    fn selections(&self, parent: &str, seeds: &[Seed], first_fragment: usize) -> Vec<Selection> {
        let mut selections = Vec::<Selection>::new();
        for seed in seeds {
            // An interface has few fields of its own: look behind it.
            let behind = parent == "Node" && !seed.children.is_empty() && seed.kind < 11;
            let selection = match if behind { 14 } else { seed.kind } {
                9..=10 => self.once_more(parent, &selections, seed, first_fragment),
                11..=13 => self.spread(parent, seed, first_fragment),
                14 => Some(self.inline(parent, seed, true, first_fragment)),
                15 => Some(self.inline(parent, seed, false, first_fragment)),
                _ => None,
            };
            selections.push(
                selection
                    .unwrap_or_else(|| Selection::Field(self.field(parent, seed, first_fragment))),
            );
        }
        if selections.is_empty() {
            let name = if parent == "Query" {
                "__typename"
            } else {
                "id"
            };
            selections.push(Selection::Field(Field::leaf(name)));
        }
        selections
    }

    fn field(&self, parent: &str, seed: &Seed, first_fragment: usize) -> Field {
        let fields = SURFACE.fields(parent).into_iter();
        let mut fields: Vec<_> = fields
            .map(|field| (field.name.node.as_str(), &field.ty.node))
            .collect();
        if parent == "Query" {
            // Lists find something more often than lookups.
            let lists = fields
                .iter()
                .filter(|(_, ty)| matches!(ty.base, BaseType::List(_)));
            fields.extend(lists.copied().collect::<Vec<_>>());
        }
        let names = fields.into_iter().map(|(name, ty)| (name, named_type(ty)));
        let mut names: Vec<_> = match seed.children.is_empty() || seed.choice.is_multiple_of(2) {
            true => names.chain([("__typename", "String")]).collect(),
            false => names.filter(|(_, ty)| SURFACE.is_composite(ty)).collect(),
        };
        if names.is_empty() {
            names.push(("__typename", "String"));
        }
        let (name, ty) = *pick(&names, seed.choice / 2);
        Field {
            alias: ALIASES
                .get(usize::from(seed.alias.wrapping_sub(20)))
                .filter(|_| self.can_merge || name != "__typename")
                .map(|alias| (*alias).to_owned()),
            arguments: self.arguments(parent, name, seed),
            directives: directives(seed.directive, seed.choice),
            selections: match SURFACE.is_composite(ty) {
                true => self.selections(ty, &seed.children, first_fragment),
                false => Vec::new(),
            },
            ..Field::leaf(name)
        }
    }

    /// A field that is in the selection set already, with selections of its own.
    fn once_more(
        &self,
        parent: &str,
        selections: &[Selection],
        seed: &Seed,
        first_fragment: usize,
    ) -> Option<Selection> {
        let fields = selections.iter().filter_map(|selection| match selection {
            Selection::Field(field) => Some(field),
            _ => None,
        });
        let fields: Vec<_> = fields.collect();
        if fields.is_empty() {
            return None;
        }
        let field = *pick(&fields, seed.choice);
        let mut arguments = field.arguments.clone();
        arguments.reverse();
        for argument in &mut arguments {
            argument.value.reverse_entries();
        }
        let selections = match SURFACE.field(parent, &field.name) {
            Some(definition) if !field.selections.is_empty() => self.selections(
                named_type(&definition.ty.node),
                &seed.children,
                first_fragment,
            ),
            _ => Vec::new(),
        };
        Some(Selection::Field(Field {
            alias: field.alias.clone(),
            arguments,
            directives: directives(seed.directive, seed.choice),
            selections,
            ..Field::leaf(&field.name)
        }))
    }

    fn spread(&self, parent: &str, seed: &Seed, first_fragment: usize) -> Option<Selection> {
        let fragments = self.fragments.iter().skip(first_fragment);
        let fragments: Vec<_> = fragments
            .filter(|(_, on)| SURFACE.overlap(parent, on))
            .collect();
        if fragments.is_empty() {
            return None;
        }
        let (name, _) = *pick(&fragments, seed.choice);
        Some(Selection::Spread(Spread {
            name: (*name).to_owned(),
            directives: directives(seed.directive, seed.choice),
        }))
    }

    fn inline(&self, parent: &str, seed: &Seed, typed: bool, first_fragment: usize) -> Selection {
        let types = NODE_TYPES.into_iter().chain(["Node", "Query"]);
        let types: Vec<_> = types.filter(|on| SURFACE.overlap(parent, on)).collect();
        let on = typed.then(|| *pick(&types, seed.choice));
        Selection::Inline(Inline {
            on: on.map(str::to_owned),
            directives: directives(seed.directive, seed.choice),
            selections: self.selections(on.unwrap_or(parent), &seed.children, first_fragment),
        })
    }

    fn arguments(&self, parent: &str, field: &str, seed: &Seed) -> Vec<Argument> {
        let (form, value) = seed.arguments;
        let Some(definition) = SURFACE.field(parent, field) else {
            return Vec::new();
        };
        let names = definition.arguments.iter();
        let names: Vec<_> = names
            .map(|argument| argument.node.name.node.as_str())
            .collect();
        match names[..] {
            [] => Vec::new(),
            ["where", "orderBy", "limit", "offset"] => {
                let ty = named_type(&definition.ty.node);
                let mut arguments = self.refinement(ty, seed.refinement);
                arguments.extend(self.page(form, value));
                arguments
            }
            ["ids"] => vec![Argument::new("ids", ids(form, value))],
            ["id"] if field == "node" => vec![Argument::new("id", node(form, value))],
            _ => self.lookup(named_type(&definition.ty.node), &names, form, value),
        }
    }

    /// What the rows of this type are to be, and in which order.
    fn refinement(&self, ty: &str, (form, choice): (u8, u8)) -> Vec<Argument> {
        let node = NODE_TYPES.iter().position(|name| *name == ty).unwrap_or(0);
        let condition = |value| Argument::new("where", value);
        let order = |value| Argument::new("orderBy", value);
        let choices = |choice| Choices::new(pick::<Vec<u8>>(&self.refinements, choice));
        let some_condition = || condition(choices(choice).whole_condition(ty));
        let some_order = || order(choices(choice / 8).orders(ty));
        let any_condition =
            || condition(Role::Input(Presence::OrNull, Input::Where(node)).variable());
        let any_order = || order(Role::Input(Presence::OrNull, Input::Orders(node)).variable());
        match form % FORMS {
            0..REFINED => vec![],
            REFINED..=10 => vec![some_condition()],
            11..=12 => vec![some_order()],
            13..=14 => vec![some_condition(), some_order()],
            15 => vec![any_condition()],
            16 => vec![any_order()],
            17 => vec![any_condition(), some_order()],
            18 => vec![any_order(), some_condition()],
            _ => vec![order(Value::Null), condition(Value::Null)],
        }
    }

    fn page(&self, form: u8, value: u8) -> Vec<Argument> {
        let literal = Value::Int(limit(value));
        let variable = Role::Limit(value % 2).variable();
        let limit = |value| Argument::new("limit", value);
        let offset = |value| Argument::new("offset", value);
        let skip = Value::Int(i64::from(value / 16 % 4));
        match form % 16 {
            0..=1 => vec![],
            2..=5 => vec![limit(literal)],
            6..=8 => vec![limit(variable)],
            9 => vec![limit(literal), offset(skip)],
            10 => vec![offset(skip), limit(variable)],
            11 => vec![limit(literal), offset(Role::Offset.variable())],
            12 => vec![offset(Role::Offset.variable())],
            13 => vec![limit(Value::Null), offset(Value::Null)],
            14 if self.may_fail => vec![limit(Value::Int(-1))],
            _ => vec![offset(skip)],
        }
    }

    /// Arguments that find one row of the type: by id, or by its unique column if it has one.
    fn lookup(&self, ty: &'static str, names: &[&str], form: u8, value: u8) -> Vec<Argument> {
        let role = NODE_TYPES.iter().position(|name| *name == ty);
        let variable = Role::Key(role.unwrap_or(0)).variable();
        let id = |value| Argument::new("id", value);
        if self.may_fail {
            let wrong = Value::String("Nothing:1".to_owned());
            match form % 16 {
                10 => return vec![],
                11 => return vec![id(wrong)],
                12 => return vec![id(Value::String("what".to_owned()))],
                13 => return vec![id(Role::NoKey.variable())],
                14 => return vec![id(Value::Null)],
                15 if names.contains(&"email") => {
                    let email = Value::String("user0@example.org".to_owned());
                    return vec![Argument::new("email", email)];
                }
                15 if names.len() > 1 => {
                    let text = Value::String(text(value));
                    return vec![id(Value::Int(1)), Argument::new(names[1], text)];
                }
                _ => {}
            }
        }
        let Some(unique) = names.get(1) else {
            return match form % 2 {
                0 => vec![id(key_literal(ty, value))],
                _ => vec![id(variable)],
            };
        };
        let unique = |value| Argument::new(unique, value);
        match form % 8 {
            0..=1 => vec![id(key_literal(ty, value))],
            2 => vec![id(variable)],
            3 => vec![unique(text_literal(value))],
            4 => vec![unique(Role::Text.variable())],
            5 => vec![unique(Role::NoText.variable()), id(variable)],
            6 => vec![id(Role::NoKey.variable()), unique(text_literal(value))],
            _ => vec![unique(Value::Null), id(key_literal(ty, value))],
        }
    }
}

fn directives(form: u8, choice: u8) -> Vec<Directive> {
    let directive = |name: &str, value| Directive {
        name: name.to_owned(),
        arguments: vec![Argument::new("if", value)],
    };
    let flag = |choice: u8| Role::Flag(choice % 3).variable();
    match form {
        40 => vec![directive("skip", Value::Boolean(false))],
        41 => vec![directive("include", Value::Boolean(true))],
        42 => vec![directive("skip", Value::Boolean(true))],
        43 => vec![directive("include", Value::Boolean(false))],
        44 => vec![directive("skip", flag(choice))],
        45 => vec![directive("include", flag(choice))],
        46 => vec![
            directive("skip", flag(choice)),
            directive("include", flag(choice / 3)),
        ],
        47 => vec![
            directive("include", Value::Boolean(true)),
            directive("skip", flag(choice)),
        ],
        _ => Vec::new(),
    }
}
