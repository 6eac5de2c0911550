//! What rows are given: `PostCreate`, `PostUpdate`, `PostUpdateOne`, and the keys of `PostKey`.

use async_graphql::dynamic::{Enum, EnumItem, InputObject, InputValue, SchemaBuilder, TypeRef};

use super::{NEW, expected_version, id, links};
use crate::graph::writing::{Operations, Preset, PresetValue};
use crate::graph::{Catalog, Column, ColumnIx, Entity, FieldSource, Relation};
use crate::schema::{described, named_type};

pub(super) fn create_name(entity: &Entity) -> String {
    format!("{}Create", entity.type_name)
}

pub(super) fn update_name(entity: &Entity) -> String {
    format!("{}Update", entity.type_name)
}

pub(super) fn update_one_name(entity: &Entity) -> String {
    format!("{}UpdateOne", entity.type_name)
}

pub(super) fn key_name(entity: &Entity) -> String {
    format!("{}Key", entity.type_name)
}

/// Registers the inputs of an entity's own rows.
pub(super) fn register(
    mut schema: SchemaBuilder,
    catalog: &Catalog,
    entity: &Entity,
) -> SchemaBuilder {
    let Operations { create, update, .. } = entity.writing.operations;
    if create {
        schema = schema.register(create_input(catalog, entity));
    }
    if update {
        schema = schema
            .register(update_input(catalog, entity))
            .register(update_one(entity));
    }
    match entity.writing.unique.is_empty() {
        true => schema,
        false => schema.register(keys(entity)),
    }
}

fn create_input(catalog: &Catalog, entity: &Entity) -> InputObject {
    let mut input = InputObject::new(create_name(entity))
        .description(format!("A new row of {}.", entity.many()));
    if entity.writing.has_alias {
        let says = format!(
            "A name by which other inputs of this request refer to the new row: `{NEW}NAME`, wherever an id of its type is taken."
        );
        let alias = InputValue::new("as", TypeRef::named(TypeRef::STRING));
        input = input.field(alias.description(says));
    }
    for field in &entity.fields {
        let value = match field.source {
            FieldSource::Id => own_key(entity),
            FieldSource::Column(c) if entity.columns[c].written.on_create => {
                Some(column_value(catalog, entity, c, true))
            }
            FieldSource::Relation(r) => links::on_create(catalog, &catalog.relations[r]),
            _ => None,
        };
        input = value.into_iter().fold(input, InputObject::field);
    }
    input
}

fn update_input(catalog: &Catalog, entity: &Entity) -> InputObject {
    let input = InputObject::new(update_name(entity)).description(format!(
        "What is changed of {}: what is left out stays as it is, and null is null.",
        entity.many()
    ));
    entity.fields.iter().fold(input, |input, field| {
        let value = match field.source {
            FieldSource::Column(c) if entity.columns[c].written.on_update => {
                Some(column_value(catalog, entity, c, false))
            }
            FieldSource::Relation(r) => links::on_update(catalog, &catalog.relations[r]),
            _ => None,
        };
        value.into_iter().fold(input, InputObject::field)
    })
}

/// The primary key of a new row, where it is `id` alone and the database does not make it.
fn own_key(entity: &Entity) -> Option<InputValue> {
    let [key] = entity.primary_key[..] else {
        return None;
    };
    let written = entity.columns[key].written;
    let is_field = entity.field_columns().any(|(c, _)| c == key);
    if !written.on_create || is_field {
        return None;
    }
    let of_type = match written.required {
        true => TypeRef::named_nn(TypeRef::ID),
        false => TypeRef::named(TypeRef::ID),
    };
    let says = format!(
        "The key, or the global id `{}:…` with it.",
        entity.type_name
    );
    let says = match written.required {
        true => says,
        false => format!("{says} One is made where it is left out."),
    };
    Some(InputValue::new("id", of_type).description(says))
}

fn column_value(catalog: &Catalog, entity: &Entity, column: ColumnIx, is_new: bool) -> InputValue {
    let of = &entity.columns[column];
    let named = named_type(of);
    let of_type = match (of.kind.element(), is_new && of.written.required) {
        (None, true) => TypeRef::named_nn(named),
        (None, false) => TypeRef::named(named),
        (Some(_), true) => TypeRef::named_list_nn(named),
        (Some(_), false) => TypeRef::named_list(named),
    };
    let preset = entity.writing.preset(column, true).filter(|_| is_new);
    let says = match of.refers_to {
        Some(to) => format!(
            "The id of the {} that `{}` refers to.",
            catalog.entities[to].one(),
            of.name
        ),
        None => format!("The column `{}`.", of.name),
    };
    let taken = column_over(catalog, entity, column).filter(|_| is_new);
    let says = match (preset, taken) {
        (Some(preset), _) => format!("{says} {}", without(preset)),
        (None, Some(over)) => format!("{says} {}", left_to(over)),
        (None, None) => says,
    };
    let says = format!("{says}{}", must_be(entity, column, of));
    InputValue::new(&of.field, of_type).description(described(&of.description, says))
}

/// From where a column of a new row is taken, where it is left out.
fn column_over<'c>(
    catalog: &'c Catalog,
    entity: &Entity,
    column: ColumnIx,
) -> Option<&'c Relation> {
    let id = catalog.entity_of_type(&entity.type_name)?;
    catalog.taken_over(id, column)
}

pub(super) fn left_to(over: &Relation) -> String {
    format!("Where it is left out, that of `{}`.", over.name)
}

/// What is put in where nothing is given.
fn without(preset: &Preset) -> String {
    let put = match &preset.value {
        PresetValue::Now => "the time of the request".to_owned(),
        PresetValue::Me => "whoever asks".to_owned(),
        PresetValue::Claim(name) => format!("the claim `{name}` of whoever asks"),
        PresetValue::Value(_) => "what the graph says".to_owned(),
    };
    format!("Where it is left out, {put}.")
}

fn must_be(entity: &Entity, column: ColumnIx, of: &Column) -> String {
    let checks = entity.writing.checks.iter();
    let checks = checks.filter(|(c, _)| *c == column);
    let says = checks.map(|(_, check)| format!(" Must be {}.", check.words()));
    let length = of.written.max_length;
    let length = length.map(|most| format!(" At most {most} characters."));
    says.chain(length).collect()
}

fn update_one(entity: &Entity) -> InputObject {
    let rows = entity.many();
    let input = TypeRef::named_nn(update_name(entity));
    let input = InputValue::new("input", input).description("What is changed.");
    let one = InputObject::new(update_one_name(entity))
        .description(format!("One of the {rows}, and what is changed of it."))
        .field(id(entity))
        .field(input);
    expected_version(entity)
        .into_iter()
        .fold(one, InputObject::field)
}

fn keys(entity: &Entity) -> Enum {
    let keys = Enum::new(key_name(entity)).description(format!(
        "What tells one of the {} from all others.",
        entity.many()
    ));
    entity.writing.unique.iter().fold(keys, |keys, key| {
        let columns = key.columns.iter().map(|&c| &entity.columns[c]);
        let names: Vec<_> = columns.map(|c| format!("`{}`", c.name)).collect();
        let says = match names.len() {
            1 => format!("The column {}.", names.join(", ")),
            _ => format!("The columns {}, together.", names.join(", ")),
        };
        keys.item(EnumItem::new(&key.name).description(says))
    })
}
