//! Random operations of nothing but lists.

use super::{
    arguments::{FORMS, REFINED},
    document::{Argument, Document, Field, Selection},
    operation::{Builder, Program, VARIABLE_SEEDS, anonymous},
    value::{GUARDED, columns, pick},
    variable::variable_seed,
};
use crate::reference::{SURFACE, named_type};
use async_graphql::parser::types::BaseType;
use proptest::{collection::vec, prelude::*};

/// Programs of nothing but lists, each with a condition or an order of its own, some of them as
/// connections and some as aggregates: more of these than in other programs come to be compared
/// with rows.
pub fn lists() -> impl Strategy<Value = Program> {
    let page = any::<(u8, u8)>();
    let list = (any::<u8>(), any::<u8>(), page, vec(any::<u8>(), 0..=48));
    let variables = vec(variable_seed(), VARIABLE_SEEDS);
    let style = (0..4_u8, any::<bool>());
    (vec(list, 1..=16), variables, style).prop_map(|(lists, variables, (naming, compact))| {
        let refinements = lists.iter().map(|(_, _, _, bytes)| bytes.clone());
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
        let lists = (0_u8..)
            .zip(&lists)
            .map(|(index, (choice, form, page, _))| {
                let (name, ty) = *pick(&fields, *choice);
                let arguments = builder.refinement(ty, (REFINED + form % (FORMS - REFINED), index));
                let (kind, page) = *page;
                let mut field = match kind % 8 {
                    0..=3 => with(name, [leaf("id")]),
                    4..=6 => connection(&format!("{name}Connection")),
                    _ => aggregate(ty, &format!("{name}Aggregate"), page),
                };
                field.alias = Some(format!("list{index}"));
                field.arguments = arguments;
                match kind % 8 {
                    0..=3 => {}
                    4..=6 => field
                        .arguments
                        .extend(builder.connection_page(kind / 8, page)),
                    _ => field.arguments.retain(|argument| argument.name == "where"),
                }
                Selection::Field(field)
            });
        let document = Document {
            operations: vec![anonymous(lists.collect())],
            compact,
            ..Document::default()
        };
        builder.program(document, &variables, 0, naming)
    })
}

fn connection(name: &str) -> Field {
    let info = ["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"];
    with(
        name,
        [
            leaf("totalCount"),
            nested("nodes", [leaf("id")]),
            nested("edges", [leaf("cursor"), nested("node", [leaf("id")])]),
            nested("pageInfo", info.map(leaf)),
        ],
    )
}

/// Everything that can be said of the rows of a type, as a whole and in groups.
fn aggregate(ty: &str, name: &str, choice: u8) -> Field {
    let functions = || {
        let functions = ["Min", "Max", "Sum", "Avg"].into_iter();
        let functions = functions.filter_map(|function| {
            let columns = SURFACE
                .fields(&format!("{ty}Aggregate{function}"))
                .into_iter();
            let columns: Vec<_> = columns
                .map(|field| field.name.node.as_str())
                .filter(|name| !GUARDED.contains(name))
                .map(leaf)
                .collect();
            (!columns.is_empty()).then(|| nested(&function.to_lowercase(), columns))
        });
        functions.chain([leaf("count")])
    };
    let key = SURFACE.fields(&format!("{ty}AggregateKey")).into_iter();
    let key = nested("key", key.map(|field| leaf(&field.name.node)));
    let mut groups = with("groups", functions().chain([key]));
    groups.arguments = vec![Argument::new("by", columns(ty, choice / 16, choice))];
    with(name, functions().chain([Selection::Field(groups)]))
}

fn leaf(name: &str) -> Selection {
    Selection::Field(Field::leaf(name))
}

fn nested(name: &str, selections: impl IntoIterator<Item = Selection>) -> Selection {
    Selection::Field(with(name, selections))
}

fn with(name: &str, selections: impl IntoIterator<Item = Selection>) -> Field {
    Field {
        selections: selections.into_iter().collect(),
        ..Field::leaf(name)
    }
}
