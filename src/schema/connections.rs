//! Connections: lists with cursors, by the Relay specification of cursor connections.
//!
//! <https://relay.dev/graphql/connections.htm>

use std::collections::BTreeSet;

use async_graphql::dynamic::{self, InputValue, Object, SchemaBuilder, TypeRef};
use heck::ToUpperCamelCase;

use super::{column_field, field as plain_field, inputs, order};
use crate::graph::{Catalog, Entity, FieldSource, Relation, RelationId};

const PAGE_INFO: &str = "PageInfo";

/// Registers the connections of every type, and of every relation whose edges carry more.
pub(super) fn register(mut schema: SchemaBuilder, catalog: &Catalog) -> SchemaBuilder {
    schema = schema.register(page_info());
    let mut own = BTreeSet::new();
    for (_, entity) in catalog.exposed() {
        let name = &entity.type_name;
        schema = schema
            .register(connection(name, entity))
            .register(edge(name, entity));
        for field in &entity.fields {
            if let FieldSource::Connection(id) = field.source
                && let relation = &catalog.relations[id]
                && has_own_type(catalog, relation)
                && own.insert(id)
            {
                schema = own_types(schema, catalog, relation);
            }
        }
    }
    schema
}

/// `postsConnection`
pub(super) fn root_field(entity: &Entity, limit: u32) -> dynamic::Field {
    let name = format!("{}Connection", entity.plural);
    let of_type = format!("{}Connection", entity.type_name);
    let description = format!(
        "The {} with cursors, {} unless ordered otherwise.",
        entity.many(),
        order(entity)
    );
    paged(
        plain_field(&name, TypeRef::named_nn(of_type)).description(description),
        entity,
        limit,
    )
}

/// The connection of a to-many relation.
pub(super) fn field(catalog: &Catalog, name: &str, id: RelationId, limit: u32) -> dynamic::Field {
    let relation = &catalog.relations[id];
    let target = &catalog.entities[relation.to];
    let of_type = format!("{}Connection", stem(catalog, relation));
    let description = format!("The {} of `{}` with cursors.", target.many(), relation.name);
    paged(
        plain_field(name, TypeRef::named_nn(of_type)).description(description),
        target,
        limit,
    )
}

/// What the names of a relation's connection and edge begin with: the target's type, or where the edges
/// carry columns of the junction the owner's type and the field.
fn stem(catalog: &Catalog, relation: &Relation) -> String {
    match has_own_type(catalog, relation) {
        true => {
            let owner = &catalog.entities[relation.from].type_name;
            format!("{owner}{}", relation.name.to_upper_camel_case())
        }
        false => catalog.entities[relation.to].type_name.clone(),
    }
}

fn has_own_type(catalog: &Catalog, relation: &Relation) -> bool {
    catalog.edge_columns(relation).next().is_some()
}

fn own_types(schema: SchemaBuilder, catalog: &Catalog, relation: &Relation) -> SchemaBuilder {
    let target = &catalog.entities[relation.to];
    let stem = stem(catalog, relation);
    let edge = catalog
        .edge_columns(relation)
        .fold(edge(&stem, target), |edge, (_, column)| {
            edge.field(column_field(catalog, junction(catalog, relation), column))
        });
    schema.register(connection(&stem, target)).register(edge)
}

fn junction<'c>(catalog: &'c Catalog, relation: &Relation) -> &'c Entity {
    match relation.link {
        crate::graph::Link::Through { junction, .. } => &catalog.entities[junction],
        crate::graph::Link::Direct { .. } => &catalog.entities[relation.to],
    }
}

fn paged(field: dynamic::Field, entity: &Entity, limit: u32) -> dynamic::Field {
    let int = || TypeRef::named(TypeRef::INT);
    let cursor = || TypeRef::named(TypeRef::STRING);
    let arguments = [
        InputValue::new("first", int())
            .description(format!("How many at most, from the beginning or after `after`; {limit} where neither it nor `last` is given.")),
        InputValue::new("after", cursor()).description("Only what comes after the edge with this cursor."),
        InputValue::new("last", int())
            .description("How many at most, from the end or before `before`; in the same order."),
        InputValue::new("before", cursor()).description("Only what comes before the edge with this cursor."),
    ];
    inputs::choosing(entity)
        .into_iter()
        .chain([inputs::order_argument(entity, false)])
        .chain(arguments)
        .fold(field, dynamic::Field::argument)
}

fn connection(stem: &str, target: &Entity) -> Object {
    Object::new(format!("{stem}Connection"))
        .description(format!("A page of {}, with cursors.", target.many()))
        .field(
            plain_field("edges", TypeRef::named_nn_list_nn(format!("{stem}Edge"))).description(
                format!("The {} of the page, each with its cursor.", target.many()),
            ),
        )
        .field(
            plain_field("nodes", TypeRef::named_nn_list_nn(&target.type_name))
                .description(format!("The {} of the page.", target.many())),
        )
        .field(
            plain_field("pageInfo", TypeRef::named_nn(PAGE_INFO))
                .description("Where the page stands."),
        )
        .field(
            plain_field("totalCount", TypeRef::named_nn(TypeRef::INT))
                .description("How many there are on all pages; counted only where it is asked."),
        )
}

fn edge(stem: &str, target: &Entity) -> Object {
    Object::new(format!("{stem}Edge"))
        .description(format!("One of the {} in a connection.", target.many()))
        .field(
            plain_field("cursor", TypeRef::named_nn(TypeRef::STRING))
                .description("Its place in the connection's order, for `after` and `before`."),
        )
        .field(
            plain_field("node", TypeRef::named_nn(&target.type_name))
                .description(format!("The {}.", target.one())),
        )
}

fn page_info() -> Object {
    let boolean = || TypeRef::named_nn(TypeRef::BOOLEAN);
    let cursor = || TypeRef::named(TypeRef::STRING);
    Object::new(PAGE_INFO)
        .description("Where a page stands among the others.")
        .field(
            plain_field("hasNextPage", boolean())
                .description("Whether more follows; paging backwards, whether `before` was given."),
        )
        .field(
            plain_field("hasPreviousPage", boolean()).description(
                "Whether more comes before; paging forwards, whether `after` was given.",
            ),
        )
        .field(plain_field("startCursor", cursor()).description("The first edge's cursor."))
        .field(plain_field("endCursor", cursor()).description("The last edge's cursor."))
}
