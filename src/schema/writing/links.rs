//! What inputs say of relations: `UserLink`, `UserPostsCreate`, `UserPostsUpdate` and what these take.

use async_graphql::dynamic::{InputObject, InputValue, SchemaBuilder, TypeRef};

use super::inputs::{create_name, left_to, update_one_name};
use super::{NEW, on};
use crate::graph::writing::Ways;
use crate::graph::{Cardinality, Catalog, Entity, FieldSource, Relation};
use crate::schema::named_type;

/// Registers what leads to an entity, and what its own relations take.
pub(super) fn register(
    mut schema: SchemaBuilder,
    catalog: &Catalog,
    entity: &Entity,
) -> SchemaBuilder {
    let creates = entity.writing.operations.create;
    let has_key = !entity.writing.unique.is_empty();
    schema = schema.register(link(
        &link_name(entity),
        entity,
        Ways {
            connect: true,
            create: creates,
            connect_or_create: creates && has_key,
            ..Ways::default()
        },
    ));
    if creates && has_key {
        schema = schema.register(connect_or_create(entity));
    }
    for field in &entity.fields {
        if let FieldSource::Relation(r) = field.source {
            schema = of_relation(schema, catalog, &catalog.relations[r]);
        }
    }
    schema
}

fn of_relation(mut schema: SchemaBuilder, catalog: &Catalog, relation: &Relation) -> SchemaBuilder {
    let linking = &relation.linking;
    let stem = &linking.stem;
    let target = &catalog.entities[relation.to];
    let (on_create, on_update) = (linking.on_create, linking.on_update);
    if let Cardinality::One { .. } = relation.cardinality {
        let ways = match on_create.any() {
            true => on_create,
            false => on_update,
        };
        return match relation.holds_key || !ways.any() {
            true => schema,
            false => schema.register(link(&format!("{stem}Link"), target, ways)),
        };
    }
    if on_create.any() {
        let input = InputObject::new(format!("{stem}Create"))
            .description(format!("Which {} a new row has.", target.many()));
        schema = schema.register(many(input, stem, target, on_create));
    }
    if on_update.any() {
        let input = InputObject::new(format!("{stem}Update")).description(format!(
            "What becomes of the {}: first those that are set, or no longer related, then those that are changed, then those that come.",
            target.many()
        ));
        schema = schema.register(many(input, stem, target, on_update));
    }
    let (connect, create) = (
        on_create.connect_with || on_update.connect_with,
        on_create.create_with || on_update.create_with,
    );
    if connect || create {
        schema = schema.register(edge_input(catalog, relation));
    }
    if connect {
        schema = schema.register(with_edge(stem, "ConnectWith", target, related_id()));
    }
    if create {
        let node = InputValue::new("node", TypeRef::named_nn(create_name(target)));
        let node = node.description(format!("The new {}.", target.one()));
        schema = schema.register(with_edge(stem, "CreateWith", target, node));
    }
    schema
}

/// The field of a relation in the input of a new row.
pub(super) fn on_create(catalog: &Catalog, relation: &Relation) -> Option<InputValue> {
    let ways = relation.linking.on_create;
    ways.any().then(|| value(catalog, relation, "Create", ways))
}

/// The same, of a row that is changed.
pub(super) fn on_update(catalog: &Catalog, relation: &Relation) -> Option<InputValue> {
    let ways = relation.linking.on_update;
    ways.any().then(|| value(catalog, relation, "Update", ways))
}

fn value(catalog: &Catalog, relation: &Relation, suffix: &str, ways: Ways) -> InputValue {
    let target = &catalog.entities[relation.to];
    let stem = &relation.linking.stem;
    let (of_type, says) = match relation.cardinality {
        Cardinality::One { .. } => {
            let says = match ways.disconnect {
                true => format!("The {}; null where there is none.", target.one()),
                false => format!("The {}.", target.one()),
            };
            match relation.holds_key {
                true => (link_name(target), says),
                false => (format!("{stem}Link"), says),
            }
        }
        Cardinality::Many => (format!("{stem}{suffix}"), format!("The {}.", target.many())),
    };
    let mut key = relation.from_columns.iter();
    let taken = match suffix {
        "Create" if relation.holds_key => key.find_map(|&c| catalog.taken_over(relation.from, c)),
        _ => None,
    };
    let says = match taken {
        Some(over) => format!("{says} {}", left_to(over)),
        None => says,
    };
    InputValue::new(&relation.name, TypeRef::named(of_type)).description(says)
}

fn link_name(entity: &Entity) -> String {
    format!("{}Link", entity.type_name)
}

fn connect_or_create_name(entity: &Entity) -> String {
    format!("{}ConnectOrCreate", entity.type_name)
}

fn fields(
    input: InputObject,
    fields: impl IntoIterator<Item = (bool, &'static str, TypeRef, String)>,
) -> InputObject {
    let there = fields.into_iter().filter(|(is_there, ..)| *is_there);
    there.fold(input, |input, (_, name, of_type, says)| {
        input.field(InputValue::new(name, of_type).description(says))
    })
}

/// One related row.
fn link(name: &str, target: &Entity, ways: Ways) -> InputObject {
    let row = target.one();
    let input = InputObject::new(name)
        .description(format!(
            "One of the {}, which is there, or a new one.",
            target.many()
        ))
        .oneof();
    fields(
        input,
        [
            (
                ways.connect,
                "connect",
                TypeRef::named(TypeRef::ID),
                format!("The {row} with this id, or `{NEW}NAME` for one that the request makes."),
            ),
            (
                ways.create,
                "create",
                TypeRef::named(create_name(target)),
                format!("A new {row}."),
            ),
            (
                ways.connect_or_create,
                "connectOrCreate",
                TypeRef::named(connect_or_create_name(target)),
                format!("The {row} that has the same key as the new one, or else that."),
            ),
        ],
    )
}

fn connect_or_create(target: &Entity) -> InputObject {
    let rows = target.many();
    let create = InputValue::new("create", TypeRef::named_nn(create_name(target)));
    InputObject::new(connect_or_create_name(target))
        .description(format!(
            "One of the {rows}, which is there by its key, or else a new one."
        ))
        .field(on(target))
        .field(create.description("What the new row is, with its key."))
}

/// Several related rows.
fn many(input: InputObject, stem: &str, target: &Entity, ways: Ways) -> InputObject {
    let rows = target.many();
    let ids = || TypeRef::named_nn_list(TypeRef::ID);
    let list = |of: String| TypeRef::named_nn_list(of);
    fields(
        input,
        [
            (
                ways.set,
                "set",
                ids(),
                format!("These {rows} and no others."),
            ),
            (
                ways.disconnect,
                "disconnect",
                ids(),
                format!("These {rows} are related no more."),
            ),
            (
                ways.delete,
                "delete",
                ids(),
                format!("These {rows} are deleted."),
            ),
            (
                ways.update,
                "update",
                list(update_one_name(target)),
                format!("What is changed of these {rows}."),
            ),
            (
                ways.connect,
                "connect",
                ids(),
                format!(
                    "These {rows}, which are there, or `{NEW}NAME` for those that the request makes."
                ),
            ),
            (
                ways.connect_with,
                "connectWith",
                list(format!("{stem}ConnectWith")),
                format!("These {rows}, which are there, and what is said of the link to each."),
            ),
            (
                ways.create,
                "create",
                list(create_name(target)),
                format!("New {rows}."),
            ),
            (
                ways.create_with,
                "createWith",
                list(format!("{stem}CreateWith")),
                format!("New {rows}, and what is said of the link to each."),
            ),
        ],
    )
}

fn related_id() -> InputValue {
    InputValue::new("id", TypeRef::named_nn(TypeRef::ID)).description(format!(
        "The id of the row, or `{NEW}NAME` for one that the request makes."
    ))
}

fn with_edge(stem: &str, suffix: &str, target: &Entity, row: InputValue) -> InputObject {
    let edge = InputValue::new("edge", TypeRef::named_nn(format!("{stem}EdgeInput")));
    InputObject::new(format!("{stem}{suffix}"))
        .description(format!(
            "One of the {}, and what is said of the link to it.",
            target.many()
        ))
        .field(row)
        .field(edge.description("What is said of the link."))
}

/// The columns of a junction that can be given.
fn edge_input(catalog: &Catalog, relation: &Relation) -> InputObject {
    let input = InputObject::new(format!("{}EdgeInput", relation.linking.stem))
        .description("What is said of a link.");
    let columns = catalog.edge_columns(relation).map(|(_, column)| column);
    let given = columns.filter(|column| column.written.on_create);
    given.fold(input, |input, column| {
        let named = named_type(column);
        let of_type = match (column.kind.element(), column.written.required) {
            (None, true) => TypeRef::named_nn(named),
            (None, false) => TypeRef::named(named),
            (Some(_), true) => TypeRef::named_list_nn(named),
            (Some(_), false) => TypeRef::named_list(named),
        };
        let says = format!("The column `{}` of the link.", column.name);
        input.field(InputValue::new(&column.field, of_type).description(says))
    })
}
