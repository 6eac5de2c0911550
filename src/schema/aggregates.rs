//! Aggregates: what the rows of a list come to, as a whole or by groups.

use async_graphql::dynamic::{self, Enum, EnumItem, InputValue, Object, SchemaBuilder, TypeRef};

use super::{field as plain_field, inputs, named_type};
use crate::graph::{Catalog, Column, Entity, Kind, RelationId};

/// Registers the aggregate types of every type.
pub(super) fn register(mut schema: SchemaBuilder, catalog: &Catalog) -> SchemaBuilder {
    for (_, entity) in catalog.exposed() {
        for object in functions(entity) {
            schema = schema.register(object);
        }
        if !entity.groupings.is_empty() {
            schema = schema
                .register(columns_enum(entity))
                .register(group(entity))
                .register(group_key(entity));
        }
        schema = schema.register(aggregate(entity));
    }
    schema
}

/// `postsAggregate`
pub(super) fn root_field(entity: &Entity) -> dynamic::Field {
    aggregate_field(&format!("{}Aggregate", entity.plural), entity).description(format!(
        "What the {} that you may see come to.",
        entity.many()
    ))
}

/// The aggregate of a to-many relation.
pub(super) fn field(catalog: &Catalog, name: &str, id: RelationId) -> dynamic::Field {
    let relation = &catalog.relations[id];
    aggregate_field(name, &catalog.entities[relation.to]).description(format!(
        "What the rows of `{}` that you may see come to.",
        relation.name
    ))
}

fn aggregate_field(name: &str, entity: &Entity) -> dynamic::Field {
    let field = plain_field(name, TypeRef::named_nn(type_name(entity, "")));
    let arguments = inputs::choosing(entity).into_iter();
    arguments.fold(field, dynamic::Field::argument)
}

fn type_name(entity: &Entity, suffix: &str) -> String {
    format!("{}Aggregate{suffix}", entity.type_name)
}

fn columns_name(entity: &Entity) -> String {
    format!("{}Column", entity.type_name)
}

/// The type of a column's sum, wide enough for every sum of its values.
fn sum_type(column: &Column) -> &'static str {
    match column.kind {
        Kind::Int => "BigInt",
        Kind::Float { .. } => TypeRef::FLOAT,
        _ => "Decimal",
    }
}

/// A function over columns: its field, the name of its type, which columns it takes and what it gives.
struct Function {
    field: &'static str,
    suffix: &'static str,
    description: &'static str,
    takes: fn(&Column) -> bool,
    gives: fn(&Column) -> &str,
}

const FUNCTIONS: [Function; 4] = [
    Function {
        field: "min",
        suffix: "Min",
        description: "The least values; null where there are none.",
        takes: Column::has_extremes,
        gives: named_type,
    },
    Function {
        field: "max",
        suffix: "Max",
        description: "The greatest values; null where there are none.",
        takes: Column::has_extremes,
        gives: named_type,
    },
    Function {
        field: "sum",
        suffix: "Sum",
        description: "The sums of the values; null where there are none.",
        takes: Column::is_number,
        gives: |column| sum_type(column),
    },
    Function {
        field: "avg",
        suffix: "Avg",
        description: "The means of the values; null where there are none.",
        takes: Column::is_number,
        gives: |_| TypeRef::FLOAT,
    },
];

fn taken<'e>(entity: &'e Entity, function: &Function) -> Vec<&'e Column> {
    let columns = entity.field_columns().map(|(_, column)| column);
    columns.filter(|c| (function.takes)(c)).collect()
}

fn functions(entity: &Entity) -> impl Iterator<Item = Object> {
    FUNCTIONS.iter().filter_map(move |function| {
        let columns = taken(entity, function);
        if columns.is_empty() {
            return None;
        }
        let object = Object::new(type_name(entity, function.suffix)).description(format!(
            "Of a set of {}: {}",
            entity.many(),
            function.description.to_lowercase()
        ));
        Some(columns.into_iter().fold(object, |object, column| {
            object.field(
                plain_field(&column.field, TypeRef::named((function.gives)(column)))
                    .description(format!("Of the column `{}`.", column.name)),
            )
        }))
    })
}

fn with_functions(object: Object, entity: &Entity) -> Object {
    let count =
        plain_field("count", TypeRef::named_nn(TypeRef::INT)).description("How many there are.");
    let used = FUNCTIONS.iter().filter(|f| !taken(entity, f).is_empty());
    used.fold(object.field(count), |object, function| {
        let of_type = TypeRef::named_nn(type_name(entity, function.suffix));
        object.field(plain_field(function.field, of_type).description(function.description))
    })
}

fn aggregate(entity: &Entity) -> Object {
    let object = Object::new(type_name(entity, ""))
        .description(format!("What a set of {} comes to.", entity.many()));
    let object = with_functions(object, entity);
    if entity.groupings.is_empty() {
        return object;
    }
    let groups = plain_field("groups", TypeRef::named_nn_list_nn(type_name(entity, "Group")))
        .description("The same by groups of equal values, in the order of these values, nulls last.")
        .argument(
            InputValue::new("by", TypeRef::named_nn_list_nn(columns_name(entity)))
                .description("The columns whose values make a group."),
        )
        .argument(
            InputValue::new("limit", TypeRef::named(TypeRef::INT)).description(
                "How many groups at most; all where it is left out, which is an error where they are too many.",
            ),
        )
        .argument(
            InputValue::new("offset", TypeRef::named(TypeRef::INT))
                .description("How many groups to skip first.")
                .default_value(0),
        );
    object.field(groups)
}

fn group(entity: &Entity) -> Object {
    let object = Object::new(type_name(entity, "Group"))
        .description(format!(
            "What the {} with equal values come to.",
            entity.many()
        ))
        .field(
            plain_field("key", TypeRef::named_nn(type_name(entity, "Key")))
                .description("The values they share."),
        );
    with_functions(object, entity)
}

fn group_key(entity: &Entity) -> Object {
    let object = Object::new(type_name(entity, "Key")).description(format!(
        "The values that a group of {} shares; null for what it is not grouped by.",
        entity.many()
    ));
    entity.groupings.iter().fold(object, |object, (_, c)| {
        let column = &entity.columns[*c];
        object.field(
            plain_field(&column.field, TypeRef::named(named_type(column)))
                .description(format!("The column `{}`.", column.name)),
        )
    })
}

fn columns_enum(entity: &Entity) -> Enum {
    let columns = Enum::new(columns_name(entity))
        .description(format!("What {} can be grouped by.", entity.many()));
    entity.groupings.iter().fold(columns, |columns, (name, c)| {
        let description = format!("The column `{}`.", entity.columns[*c].name);
        columns.item(EnumItem::new(name).description(description))
    })
}
