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
    lists::lists,
    repair,
    value::{GUARDED, NODE_TYPES, pick},
    variable::{Role, VariableSeed, variable_seed},
};
use crate::reference::{SURFACE, named_type};
use async_graphql::parser::types::BaseType;
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value as Json, json};

const FRAGMENT_NAMES: [&str; 5] = ["A", "Parts", "onNode", "fragment", "true"];
const FRAGMENT_TYPES: [&str; 16] = [
    "Post", "Post", "Post", "Post", "User", "User", "User", "Comment", "Comment", "Tag", "Profile",
    "Query", "Query", "Node", "Node", "Node",
];
const PART_TYPES: [&str; 11] = [
    "PostConnection",
    "UserConnection",
    "UserFollowersConnection",
    "PostEdge",
    "UserFollowersEdge",
    "PageInfo",
    "PostAggregate",
    "CommentAggregate",
    "PostAggregateGroup",
    "PostAggregateMax",
    "UserAggregateKey",
];
const OPERATION_NAMES: [&str; 3] = ["First", "query", "_3"];
/// Fields of which nobody knows what they are. Their response names begin with theirs.
pub const CURSORS: [&str; 3] = ["cursor", "startCursor", "endCursor"];
const ALIASES: [&str; 10] = [
    "a", "b", "id", "name", "title", "on", "type", "null", "_0", "posts",
];

/// So many ways to define a variable in one document, taken in turn.
pub const VARIABLE_SEEDS: usize = 24;

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

/// The text of a valid document.
pub fn valid_document() -> impl Strategy<Value = String> {
    program(false, true).prop_map(|program| program.document.to_string())
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
pub struct Seed {
    kind: u8,
    choice: u8,
    alias: u8,
    pub arguments: (u8, u8),
    /// For `where` and `orderBy`.
    pub refinement: (u8, u8),
    directive: u8,
    children: Vec<Seed>,
}

impl Seed {
    /// Another one made of the same numbers, which selects a field.
    fn turned(&self, children: &[Seed]) -> Self {
        Self {
            kind: 0,
            choice: self.arguments.1,
            alias: 0,
            arguments: self.refinement,
            refinement: (self.choice, self.arguments.0),
            directive: 0,
            children: children.to_vec(),
        }
    }
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

pub fn anonymous(selections: Vec<Selection>) -> Operation {
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
    match choice % 3 {
        0 => pick::<&str>(&PART_TYPES, choice / 3),
        _ => pick::<&str>(&FRAGMENT_TYPES, choice / 3),
    }
}

pub struct Builder {
    /// Names and type conditions. A fragment spreads only those after it, so there is no cycle.
    pub fragments: Vec<(&'static str, &'static str)>,
    /// The bytes that conditions and orders are read from, never none. They are few, so that several
    /// fields have the same.
    pub refinements: Vec<Vec<u8>>,
    pub may_fail: bool,
    /// Whether conflicts are resolved afterwards. If they are not, `__typename` keeps its name:
    /// graphql-js does not compare its type with that of other fields, as the specification does.
    pub can_merge: bool,
}

impl Builder {
    /// Defines the variables and names the operations, one of which is selected.
    pub fn program(
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
            selections.push(Selection::Field(Field::leaf(simplest_field(parent))));
        }
        selections
    }

    /// The selection set of a field of this type. The way through the parts of a connection or an
    /// aggregate is long, and few children are left at its end: so there is more than they choose.
    fn inside(&self, ty: &str, seed: &Seed, first_fragment: usize) -> Vec<Selection> {
        let seeds = match &seed.children[..] {
            children if ty.ends_with("Edge") => {
                vec![seed.turned(children), seed.turned(&[]).turned(&[])]
            }
            [] if SURFACE.is_part(ty) => vec![seed.turned(&[])],
            children => children.to_vec(),
        };
        self.selections(ty, &seeds, first_fragment)
    }

    fn field(&self, parent: &str, seed: &Seed, first_fragment: usize) -> Field {
        let fields = SURFACE.fields(parent).into_iter();
        let mut fields: Vec<_> = fields
            .map(|field| (field.name.node.as_str(), &field.ty.node))
            .collect();
        if parent == "Query" {
            // Lists find something more often than lookups.
            let lists = fields.iter().filter(|(_, ty)| {
                matches!(ty.base, BaseType::List(_)) || named_type(ty).ends_with("Connection")
            });
            fields.extend(lists.copied().collect::<Vec<_>>());
        }
        if SURFACE.is_part(parent) && !self.may_fail && !parent.ends_with("AggregateKey") {
            fields.retain(|(name, _)| !GUARDED.contains(name));
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
                .filter(|_| !CURSORS.contains(&name))
                .map(|alias| (*alias).to_owned()),
            arguments: self.arguments(parent, name, seed),
            directives: directives(seed.directive, seed.choice),
            selections: match SURFACE.is_composite(ty) {
                true => self.inside(ty, seed, first_fragment),
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
            Some(definition) if !field.selections.is_empty() => {
                self.inside(named_type(&definition.ty.node), seed, first_fragment)
            }
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
        let part = SURFACE.is_part(parent).then_some(parent);
        let types: Vec<_> = types
            .filter(|on| SURFACE.overlap(parent, on))
            .chain(part)
            .collect();
        let on = typed.then(|| *pick(&types, seed.choice));
        Selection::Inline(Inline {
            on: on.map(str::to_owned),
            directives: directives(seed.directive, seed.choice),
            selections: self.selections(on.unwrap_or(parent), &seed.children, first_fragment),
        })
    }
}

/// A field without arguments and selections.
fn simplest_field(parent: &str) -> &'static str {
    let fields = SURFACE.fields(parent).into_iter();
    let mut leaves = fields.filter(|field| !SURFACE.is_composite(named_type(&field.ty.node)));
    leaves.next().map_or("__typename", |field| &field.name.node)
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
