//! What makes a document valid and affordable, and can only be seen from the whole of it.

use super::{
    document::{Argument, Document, Field, Operation, Selection, Value},
    merge::{find_conflict, meaning},
};
use crate::reference::{SURFACE, named_type};
use async_graphql::parser::types::Type;
use std::collections::{BTreeSet, HashMap, HashSet};

/// At most so many rows can be asked for: page sizes multiplied along a path, summed over the paths.
const MAX_ROWS: usize = 50_000;
/// At most so many relation fields, fragments expanded.
const MAX_RELATIONS: usize = 60;
/// Response names on the longest path.
const MAX_DEPTH: usize = 12;
/// The page that a field without a limit may return, and the groups.
const DEFAULT_PAGE: usize = 20;
const DEFAULT_GROUPS: usize = 1000;
/// The most groups by a column that is an enum, of which each has three values, and null.
const ENUM_GROUPS: usize = 4;

/// Makes the document small enough to be answered by any server: first by smaller pages, from the
/// last field backwards, then by fewer selections.
pub fn bound(document: &mut Document) {
    number(document);
    let mut lists = Vec::new();
    each_typed_field(document, &mut |parent, field| {
        if takes_page(parent, field) {
            lists.push(field.id);
        }
    });
    while !fits(document) {
        let Some(id) = lists.pop() else { break };
        document.each_field(&mut |field| {
            if field.id == id {
                let small = i64::try_from(id % 3).unwrap_or(0) + 1;
                let pages = ["limit", "first", "last"];
                let page = field
                    .arguments
                    .extract_if(.., |argument| pages.contains(&&*argument.name));
                let page = page.last().map(|argument| argument.name);
                let name = match page {
                    Some(name) => name,
                    None if field.name.ends_with("Connection") => "first".to_owned(),
                    None => "limit".to_owned(),
                };
                field
                    .arguments
                    .push(Argument::new(&name, Value::Int(small)));
            }
        });
    }
    if !fits(document) {
        for fragment in &mut document.fragments {
            drop_spreads(&mut fragment.selections);
        }
    }
    while !fits(document) {
        let mut shrunk = false;
        document.each_selection_set(&mut |selections| {
            if selections.len() > 1 {
                selections.truncate(selections.len().div_ceil(2));
                shrunk = true;
            }
        });
        // What is still too much is so by how deep it is.
        if !shrunk {
            let operations = document.operations.iter_mut().map(|o| &mut o.selections);
            let fragments = document.fragments.iter_mut().map(|f| &mut f.selections);
            let cut = operations.chain(fragments).map(|s| drop_innermost(s));
            assert!(
                cut.fold(false, |any, one| any | one),
                "a document of nothing fits"
            );
        }
    }
}

/// Puts `__typename` for a selection that has selections without any of their own; false where there is none.
fn drop_innermost(selections: &mut [Selection]) -> bool {
    selections.iter_mut().any(|selection| {
        let inner = match selection {
            Selection::Field(field) if !field.selections.is_empty() => &mut field.selections,
            Selection::Inline(inline) => &mut inline.selections,
            _ => return false,
        };
        if !drop_innermost(inner) {
            *selection = Selection::Field(Field::leaf("__typename"));
        }
        true
    })
}

/// Gives fields other aliases until no two of one response name conflict, by the rule Field
/// Selection Merging of the specification.
pub fn resolve_conflicts(document: &mut Document) {
    number(document);
    let mut safe = HashMap::new();
    let mut aliases = BTreeSet::new();
    each_typed_field(document, &mut |parent, field| {
        aliases.insert(meaning(parent, field));
    });
    each_typed_field(document, &mut |parent, field| {
        // The same alias for the same meaning, so that these never conflict with each other.
        let number = aliases.range(..meaning(parent, field)).count();
        safe.insert(field.id, format!("{}_{number}", field.name));
    });
    let mut renamed = HashSet::new();
    while let Some((one, other)) = find_conflict(document) {
        let id = if renamed.insert(other) { other } else { one };
        renamed.insert(id);
        document.each_field(&mut |field| {
            if field.id == id {
                field.alias = safe.get(&id).cloned();
            }
        });
    }
}

/// Drops the fragments that no operation spreads.
pub fn drop_unused_fragments(document: &mut Document) {
    let mut used = HashSet::new();
    for operation in &document.operations {
        each_reachable(document, &operation.selections, &mut used, &mut |_| {});
    }
    let used: HashSet<String> = used.into_iter().map(str::to_owned).collect();
    document
        .fragments
        .retain(|fragment| used.contains(&fragment.name));
}

/// The variables in the operation and in the fragments that it spreads.
pub fn used_variables(document: &Document, operation: &Operation) -> BTreeSet<String> {
    fn collect(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Variable(name) => {
                names.insert(name.clone());
            }
            Value::List(items) => items.iter().for_each(|item| collect(item, names)),
            Value::Object(entries) => entries.iter().for_each(|(_, item)| collect(item, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    let selections = &operation.selections;
    each_reachable(
        document,
        selections,
        &mut HashSet::new(),
        &mut |selection| {
            let (arguments, directives) = match selection {
                Selection::Field(field) => (&field.arguments[..], &field.directives),
                Selection::Spread(spread) => (&[][..], &spread.directives),
                Selection::Inline(inline) => (&[][..], &inline.directives),
            };
            let conditions = directives.iter().flat_map(|directive| &directive.arguments);
            for argument in arguments.iter().chain(conditions) {
                collect(&argument.value, &mut names);
            }
        },
    );
    names
}

/// Calls the function with each selection, those of each fragment once.
fn each_reachable<'a>(
    document: &'a Document,
    selections: &'a [Selection],
    visited: &mut HashSet<&'a str>,
    visit: &mut dyn FnMut(&'a Selection),
) {
    for selection in selections {
        visit(selection);
        let inner = match selection {
            Selection::Field(field) => &field.selections,
            Selection::Inline(inline) => &inline.selections,
            Selection::Spread(spread) => match document.fragment(&spread.name) {
                Some(fragment) if visited.insert(&fragment.name) => &fragment.selections,
                _ => continue,
            },
        };
        each_reachable(document, inner, visited, visit);
    }
}

fn drop_spreads(selections: &mut Vec<Selection>) {
    selections.retain(|selection| !matches!(selection, Selection::Spread(_)));
    for selection in &mut *selections {
        match selection {
            Selection::Field(field) if !field.selections.is_empty() => {
                drop_spreads(&mut field.selections);
            }
            Selection::Inline(inline) => drop_spreads(&mut inline.selections),
            _ => {}
        }
    }
    if selections.is_empty() {
        selections.push(Selection::Field(Field::leaf("__typename")));
    }
}

fn number(document: &mut Document) {
    let mut next = 0;
    document.each_field(&mut |field| {
        field.id = next;
        next += 1;
    });
}

/// Calls the function with each field and the type that its selection set is on.
pub fn each_typed_field<'a>(document: &'a Document, visit: &mut dyn FnMut(&'a str, &'a Field)) {
    fn walk<'a>(
        parent: &'a str,
        selections: &'a [Selection],
        visit: &mut dyn FnMut(&'a str, &'a Field),
    ) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    visit(parent, field);
                    if let Some(ty) = field_type(parent, field) {
                        walk(named_type(ty), &field.selections, visit);
                    }
                }
                Selection::Inline(inline) => {
                    let on = inline.on.as_deref().unwrap_or(parent);
                    walk(on, &inline.selections, visit);
                }
                Selection::Spread(_) => {}
            }
        }
    }
    for operation in &document.operations {
        walk("Query", &operation.selections, visit);
    }
    for fragment in &document.fragments {
        walk(&fragment.on, &fragment.selections, visit);
    }
}

// What a document costs.

fn fits(document: &Document) -> bool {
    document.operations.iter().all(|operation| {
        let mut cost = Cost::default();
        cost.add(document, "Query", &operation.selections, 1, 1)
    })
}

#[derive(Default)]
struct Cost {
    rows: usize,
    relations: usize,
}

impl Cost {
    /// Adds a selection set that is executed for this many rows. False as soon as it is too much.
    fn add(
        &mut self,
        document: &Document,
        parent: &str,
        selections: &[Selection],
        rows: usize,
        depth: usize,
    ) -> bool {
        depth <= MAX_DEPTH
            && selections.iter().all(|selection| match selection {
                Selection::Inline(inline) => {
                    let on = inline.on.as_deref().unwrap_or(parent);
                    self.add(document, on, &inline.selections, rows, depth)
                }
                Selection::Spread(spread) => {
                    let fragment = document.fragment(&spread.name);
                    fragment.is_none_or(|fragment| {
                        self.add(document, &fragment.on, &fragment.selections, rows, depth)
                    })
                }
                Selection::Field(field) => {
                    let Some(ty) = field_type(parent, field) else {
                        return true;
                    };
                    let rows = rows.saturating_mul(page_size(parent, field));
                    if is_statement(parent, field) {
                        self.rows = self.rows.saturating_add(rows);
                        self.relations += 1;
                    }
                    self.rows <= MAX_ROWS
                        && self.relations <= MAX_RELATIONS
                        && self.add(document, named_type(ty), &field.selections, rows, depth + 1)
                }
            })
    }
}

/// Whether the field needs a statement of its own.
fn is_statement(parent: &str, field: &Field) -> bool {
    match SURFACE.is_part(parent) {
        true => ["groups", "totalCount"].contains(&field.name.as_str()),
        false => !field.selections.is_empty(),
    }
}

/// How many rows the field can return for one row. A variable may leave it to the default.
fn page_size(parent: &str, field: &Field) -> usize {
    let argument = |name: &str| {
        let mut arguments = field.arguments.iter();
        let argument = arguments.find(|argument| argument.name == name);
        argument.map(|argument| &argument.value)
    };
    let number = |name| match argument(name) {
        Some(Value::Int(number)) => usize::try_from(*number).ok(),
        _ => None,
    };
    if let Some(by) = argument("by") {
        return number("limit")
            .unwrap_or(DEFAULT_GROUPS)
            .min(most_groups(by));
    }
    if takes_page(parent, field) {
        let pages = ["limit", "first", "last"].into_iter();
        return pages.filter_map(number).max().unwrap_or(DEFAULT_PAGE);
    }
    match field.arguments.first().map(|argument| &argument.value) {
        Some(Value::List(ids)) => ids.len(),
        Some(Value::Variable(_)) if field.name == "nodes" => 4,
        _ => 1,
    }
}

/// How many groups there can be by these columns.
fn most_groups(by: &Value) -> usize {
    match by {
        Value::Enum(column) if ["STATUS", "ROLE"].contains(&column.as_str()) => ENUM_GROUPS,
        Value::List(columns) => columns.iter().map(most_groups).product(),
        _ => DEFAULT_GROUPS,
    }
}

fn takes_page(parent: &str, field: &Field) -> bool {
    let definition = SURFACE.field(parent, &field.name);
    definition.is_some_and(|definition| {
        let mut arguments = definition.arguments.iter();
        arguments.any(|argument| ["limit", "first"].contains(&argument.node.name.node.as_str()))
    })
}

/// None for `__typename`.
pub fn field_type(parent: &str, field: &Field) -> Option<&'static Type> {
    let definition = SURFACE.field(parent, &field.name)?;
    Some(&definition.ty.node)
}
