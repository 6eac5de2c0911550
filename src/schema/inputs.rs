//! The input types of lists: `PostWhere`, `PostOrder`, and the operators of each scalar.

use std::collections::BTreeMap;

use async_graphql::dynamic::{Enum, EnumItem, InputObject, InputValue, SchemaBuilder, TypeRef};

use super::named_type;
use crate::graph::{Cardinality, Catalog, Column, Direction, Entity, FieldSource, Kind, Nulls};

const DIRECTION: &str = "OrderDirection";
const COUNT_ORDER: &str = "CountOrder";

/// Registers every input type of the catalog.
pub(super) fn register(mut schema: SchemaBuilder, catalog: &Catalog) -> SchemaBuilder {
    let mut filters: BTreeMap<String, InputObject> = BTreeMap::new();
    filters.insert(
        "IDFilter".to_owned(),
        filter("IDFilter", TypeRef::ID, Operators::Equality),
    );
    for (_, entity) in catalog.exposed() {
        let expressions = entity.expressions.iter().map(|of| &of.column);
        let columns = entity.field_columns().map(|(_, column)| column);
        for column in columns.chain(expressions) {
            let name = filter_name(column);
            let of = match &column.kind {
                Kind::Array(of) => list_filter(&name, named_type(column), of),
                _ => filter(&name, named_type(column), operators(column)),
            };
            filters.entry(name).or_insert(of);
        }
        schema = schema
            .register(where_input(catalog, entity))
            .register(list_where(entity))
            .register(order_input(catalog, entity));
    }
    for of in filters.into_values() {
        schema = schema.register(of);
    }
    schema.register(directions()).register(count_order())
}

/// The arguments that choose the rows of a list.
pub(super) fn choosing(entity: &Entity) -> Vec<InputValue> {
    let mut arguments = vec![
        InputValue::new("where", TypeRef::named(where_name(entity)))
            .description("Which rows; all where it is left out."),
    ];
    if !entity.searched.is_empty() {
        let names = entity
            .searched
            .iter()
            .map(|&c| format!("`{}`", entity.columns[c].field));
        let names: Vec<_> = names.collect();
        let description = format!(
            "Only rows that have all of these words in {}. `\"…\"` is for words side by side, `*` ends the beginning of a word.",
            names.join(" or ")
        );
        arguments.push(
            InputValue::new("search", TypeRef::named(TypeRef::STRING)).description(description),
        );
    }
    arguments
}

/// The argument that orders the rows of a list.
pub(super) fn order_argument(entity: &Entity, best_first: bool) -> InputValue {
    let found = match best_first && !entity.searched.is_empty() {
        true => " Without it, what `search` finds comes best first.",
        false => "",
    };
    InputValue::new("orderBy", TypeRef::named_nn_list(order_name(entity))).description(format!(
        "In which order; ties are broken by the primary key.{found}"
    ))
}

pub(super) fn where_name(entity: &Entity) -> String {
    format!("{}Where", entity.type_name)
}

fn order_name(entity: &Entity) -> String {
    format!("{}Order", entity.type_name)
}

fn list_where_name(entity: &Entity) -> String {
    format!("{}ListWhere", entity.type_name)
}

fn where_input(catalog: &Catalog, entity: &Entity) -> InputObject {
    let name = where_name(entity);
    let logic = [
        (
            "and",
            TypeRef::named_nn_list(&name),
            "Every one of these holds.",
        ),
        (
            "or",
            TypeRef::named_nn_list(&name),
            "At least one of these holds.",
        ),
        ("not", TypeRef::named(&name), "This does not hold."),
    ];
    let mut input = InputObject::new(&name).description(format!(
        "A condition on {}: everything given holds.",
        entity.many()
    ));
    for (field, of_type, description) in logic {
        input = input.field(InputValue::new(field, of_type).description(description));
    }
    for field in &entity.fields {
        let (of_type, description) = match field.source {
            FieldSource::Id => ("IDFilter".to_owned(), "The global id.".to_owned()),
            FieldSource::Column(c) => {
                let column = &entity.columns[c];
                (
                    filter_name(column),
                    format!("The column `{}`.", column.name),
                )
            }
            FieldSource::Relation(r) => {
                let relation = &catalog.relations[r];
                let target = &catalog.entities[relation.to];
                match relation.cardinality {
                    Cardinality::One { .. } => (
                        where_name(target),
                        "There is one that you may see, and it is like this.".to_owned(),
                    ),
                    Cardinality::Many => (
                        list_where_name(target),
                        format!("The {} that you may see are like this.", target.many()),
                    ),
                }
            }
            FieldSource::Own(own) => match catalog.owns.fields[own].sql {
                Some(expression) => (
                    filter_name(entity.column(expression)),
                    "What this server computes, as the database does.".to_owned(),
                ),
                None => continue,
            },
            FieldSource::Connection(_) | FieldSource::Aggregate(_) => continue,
        };
        input = input
            .field(InputValue::new(&field.name, TypeRef::named(of_type)).description(description));
    }
    input
}

fn list_where(entity: &Entity) -> InputObject {
    let of = || TypeRef::named(where_name(entity));
    InputObject::new(list_where_name(entity))
        .description(format!("A condition on related {}.", entity.many()))
        .field(InputValue::new("some", of()).description("At least one is like this."))
        .field(InputValue::new("none", of()).description("Not one is like this."))
        .field(
            InputValue::new("every", of())
                .description("All are like this; so it is where there are none."),
        )
}

fn order_input(catalog: &Catalog, entity: &Entity) -> InputObject {
    let mut input = InputObject::new(order_name(entity))
        .description(format!("What {} are ordered by: one thing.", entity.many()))
        .oneof();
    for field in &entity.fields {
        let (of_type, description) = match field.source {
            FieldSource::Id => (DIRECTION.to_owned(), "By the primary key.".to_owned()),
            FieldSource::Column(c) if !entity.columns[c].can_order() => continue,
            FieldSource::Column(c) => (
                DIRECTION.to_owned(),
                format!("By the column `{}`.", entity.columns[c].name),
            ),
            FieldSource::Relation(r) => {
                let relation = &catalog.relations[r];
                let target = &catalog.entities[relation.to];
                match relation.cardinality {
                    Cardinality::One { .. } => (
                        order_name(target),
                        format!("By a value of the {}.", target.one()),
                    ),
                    Cardinality::Many => (
                        COUNT_ORDER.to_owned(),
                        format!("By the number of {}.", target.many()),
                    ),
                }
            }
            FieldSource::Own(own) => match catalog.owns.fields[own].sql {
                Some(expression) if entity.column(expression).can_order() => (
                    DIRECTION.to_owned(),
                    "By what this server computes, as the database does.".to_owned(),
                ),
                _ => continue,
            },
            FieldSource::Connection(_) | FieldSource::Aggregate(_) => continue,
        };
        input = input
            .field(InputValue::new(&field.name, TypeRef::named(of_type)).description(description));
    }
    input
}

/// The values of `OrderDirection`.
pub const DIRECTIONS: [(&str, Direction, Nulls, &str); 6] = [
    (
        "ASC",
        Direction::Asc,
        Nulls::Last,
        "Smallest first, nulls last.",
    ),
    (
        "DESC",
        Direction::Desc,
        Nulls::First,
        "Largest first, nulls before them.",
    ),
    (
        "ASC_NULLS_FIRST",
        Direction::Asc,
        Nulls::First,
        "Smallest first, nulls before them.",
    ),
    (
        "ASC_NULLS_LAST",
        Direction::Asc,
        Nulls::Last,
        "Smallest first, nulls last.",
    ),
    (
        "DESC_NULLS_FIRST",
        Direction::Desc,
        Nulls::First,
        "Largest first, nulls before them.",
    ),
    (
        "DESC_NULLS_LAST",
        Direction::Desc,
        Nulls::Last,
        "Largest first, nulls last.",
    ),
];

fn directions() -> Enum {
    let directions = Enum::new(DIRECTION).description("Which values come first.");
    DIRECTIONS
        .iter()
        .fold(directions, |e, (name, _, _, description)| {
            e.item(EnumItem::new(*name).description(*description))
        })
}

fn count_order() -> InputObject {
    InputObject::new(COUNT_ORDER)
        .description("An order by related rows.")
        .oneof()
        .field(
            InputValue::new("count", TypeRef::named(DIRECTION))
                .description("By how many there are that you may see."),
        )
}

/// Which operators a type of values has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operators {
    /// Null or not.
    Presence,
    /// Equal or not, too.
    Equality,
    /// Less and greater, too.
    Order,
    /// Parts of a text, too.
    Text,
}

fn operators(column: &Column) -> Operators {
    if column.refers_to.is_some() {
        return Operators::Equality;
    }
    match column.kind {
        Kind::Json | Kind::Array(_) => Operators::Presence,
        Kind::Boolean | Kind::Uuid | Kind::Enum(_) => Operators::Equality,
        Kind::Text | Kind::Other => Operators::Text,
        _ => Operators::Order,
    }
}

fn filter_name(column: &Column) -> String {
    match column.kind.element() {
        Some(_) => format!("{}ListFilter", named_type(column)),
        None => format!("{}Filter", named_type(column)),
    }
}

fn filter(name: &str, of: &str, operators: Operators) -> InputObject {
    let one = || TypeRef::named(of);
    let many = || TypeRef::named_nn_list(of);
    let mut fields = Vec::new();
    if operators != Operators::Presence {
        fields.extend([
            ("eq", one(), "Equal to this."),
            ("ne", one(), "Not null, and not equal to this."),
            (
                "in",
                many(),
                "Equal to one of these; an empty list matches nothing.",
            ),
            ("notIn", many(), "Not null, and equal to none of these."),
        ]);
    }
    if matches!(operators, Operators::Order | Operators::Text) {
        fields.extend([
            ("lt", one(), "Less than this."),
            ("lte", one(), "Less than this or equal to it."),
            ("gt", one(), "Greater than this."),
            ("gte", one(), "Greater than this or equal to it."),
        ]);
    }
    fields.push((
        "isNull",
        TypeRef::named(TypeRef::BOOLEAN),
        "Null, or not null.",
    ));
    if operators == Operators::Text {
        fields.extend([
            (
                "contains",
                one(),
                "This stands somewhere in it; nothing in it is a wildcard.",
            ),
            ("startsWith", one(), "It begins with this."),
            ("endsWith", one(), "It ends with this."),
            ("iEq", one(), "Equal to this but for upper and lower case."),
            (
                "iContains",
                one(),
                "This stands somewhere in it, in upper or lower case.",
            ),
            (
                "iStartsWith",
                one(),
                "It begins with this, in upper or lower case.",
            ),
            (
                "iEndsWith",
                one(),
                "It ends with this, in upper or lower case.",
            ),
        ]);
    }
    let filter = InputObject::new(name).description(format!(
        "Conditions on a value of type {of}: all that are given hold."
    ));
    fields
        .into_iter()
        .fold(filter, |f, (name, of_type, description)| {
            f.field(InputValue::new(name, of_type).description(description))
        })
}

/// The operators of a list of values.
fn list_filter(name: &str, of: &str, element: &Kind) -> InputObject {
    let mut fields = Vec::new();
    if !matches!(element, Kind::Json) {
        fields.extend([
            (
                "eq",
                TypeRef::named_list(of),
                "Equal to this list: the same values in the same order.",
            ),
            (
                "ne",
                TypeRef::named_list(of),
                "Not null, and not equal to this list.",
            ),
            (
                "contains",
                TypeRef::named_nn_list(of),
                "All of these are in it, in any order; an empty list is in every one.",
            ),
        ]);
    }
    let presence = || TypeRef::named(TypeRef::BOOLEAN);
    fields.extend([
        ("isEmpty", presence(), "Without a value in it, or with one."),
        ("isNull", presence(), "Null, or not null."),
    ]);
    let filter = InputObject::new(name).description(format!(
        "Conditions on a list of values of type {of}: all that are given hold."
    ));
    fields
        .into_iter()
        .fold(filter, |f, (name, of_type, description)| {
            f.field(InputValue::new(name, of_type).description(description))
        })
}
