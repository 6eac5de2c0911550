//! Writing: the fields of `Mutation` that a catalog has, and the types of what they take and give.
//!
//! An input's fields are called as those of the type are that it writes, so a name finds column or relation by
//! [`Entity::field`]. What the graph says of writing (`Writing`, `Written`, `Linking`) decides what is there.

mod inputs;
mod links;

use async_graphql::dynamic::{Field, InputValue, Object, SchemaBuilder, TypeRef};

use super::inputs::where_name;
use super::{accounts, field};
use crate::graph::writing::{Mutation, Pair};
use crate::graph::{Catalog, Entity};

/// What begins a reference to a row that another input of the request makes: `new:NAME`.
pub const NEW: &str = "new:";

/// Registers `Mutation` and all that its fields take, if there is anything to do.
pub(super) fn register(mut schema: SchemaBuilder, catalog: &Catalog) -> SchemaBuilder {
    let fields = fields(catalog);
    if fields.is_empty() {
        return schema;
    }
    let mutation = Object::new("Mutation").description(
        "Everything that can be done. Fields are done one after the other, all of them or none.",
    );
    let mutation = fields.into_iter().fold(mutation, Object::field);
    schema = schema.register(mutation);
    for (_, entity) in catalog.exposed() {
        schema = inputs::register(schema, catalog, entity);
        schema = links::register(schema, catalog, entity);
        schema = schema.register(changed(entity));
    }
    schema
}

/// The fields of `Mutation`; of none, there is no such type.
pub(super) fn fields(catalog: &Catalog) -> Vec<Field> {
    let accounts = catalog.accounts.iter();
    let mut fields: Vec<Field> = accounts
        .flat_map(|accounts| accounts::mutations(&catalog.entities[accounts.entity]))
        .collect();
    for (_, entity) in catalog.exposed() {
        let mutations = entity.mutations().into_iter();
        fields.extend(mutations.map(|(name, mutation)| of_rows(entity, &name, mutation)));
    }
    fields.extend(catalog.pairs.iter().flat_map(|pair| of_pair(catalog, pair)));
    let own = catalog.owns.mutations.values();
    fields.extend(own.map(|&own| super::own::field(catalog, &catalog.owns.fields[own])));
    fields
}

fn of_rows(entity: &Entity, name: &str, mutation: Mutation) -> Field {
    let one = || TypeRef::named_nn(&entity.type_name);
    let input = |of_type: TypeRef, says: &str| InputValue::new("input", of_type).description(says);
    let create = || TypeRef::named_nn(inputs::create_name(entity));
    let update = || TypeRef::named_nn(inputs::update_name(entity));
    let changed = || TypeRef::named_nn(entity.changed_type());
    let (row, rows) = (entity.one(), entity.many());
    match mutation {
        Mutation::Create => field(name, one())
            .description(format!("Makes a row of {rows}, and what its input relates with it."))
            .argument(input(create(), "What the row is.")),
        Mutation::CreateMany => {
            let inputs = TypeRef::named_nn_list_nn(inputs::create_name(entity));
            let inputs = InputValue::new("inputs", inputs);
            field(name, TypeRef::named_nn_list_nn(&entity.type_name))
                .description(format!("Makes {rows}, in the order given, all of them or none."))
                .argument(inputs.description("What each row is."))
        }
        Mutation::Update => versioned(
            entity,
            field(name, one())
                .description(format!(
                    "Changes the {row} with this id. What is left out stays as it is, and null is null."
                ))
                .argument(id(entity)),
            |field| field.argument(input(update(), "What is changed.")),
        ),
        Mutation::UpdateMany => field(name, changed())
            .description(format!(
                "Changes all {rows} of which a condition holds, in the same way. More than a list may have at most is refused."
            ))
            .argument(condition(entity))
            .argument(input(update(), "What is changed.")),
        Mutation::Upsert => field(name, one())
            .description(format!(
                "Changes the {row} that has the same key as the new one, or else makes that."
            ))
            .argument(
                InputValue::new("create", create()).description("What a new row is, with its key."),
            )
            .argument(
                InputValue::new("update", update())
                    .description("What is changed of a row that is there."),
            )
            .argument(on(entity)),
        Mutation::Delete => versioned(
            entity,
            field(name, one())
                .description(format!(
                    "Deletes the {row} with this id, with all that is a part of it, and gives what it was."
                ))
                .argument(id(entity)),
            |field| field,
        ),
        Mutation::DeleteMany => field(name, changed())
            .description(format!(
                "Deletes all {rows} of which a condition holds, and gives what they were. More than a list may have at most is refused."
            ))
            .argument(condition(entity)),
    }
}

/// The field with what comes next, and where rows have versions with that which is expected behind it.
fn versioned(entity: &Entity, field: Field, next: impl FnOnce(Field) -> Field) -> Field {
    expected_version(entity)
        .into_iter()
        .fold(next(field), Field::argument)
}

/// The argument, or field, that says which version of a row its writer has read.
fn expected_version(entity: &Entity) -> Option<InputValue> {
    let version = &entity.columns[entity.writing.version?].field;
    let says = format!(
        "The `{version}` that was read. Where it is another by now, nothing is done: the error's code is CONFLICT."
    );
    let value = InputValue::new("expectedVersion", TypeRef::named(TypeRef::INT));
    Some(value.description(says))
}

fn id(entity: &Entity) -> InputValue {
    InputValue::new("id", TypeRef::named_nn(TypeRef::ID)).description(format!(
        "The global id, `{}:…`, or the bare key.",
        entity.type_name
    ))
}

fn condition(entity: &Entity) -> InputValue {
    InputValue::new("where", TypeRef::named_nn(where_name(entity)))
        .description("Which rows; `{}` is all that you may see.")
}

/// By which key a row is looked for.
fn on(entity: &Entity) -> InputValue {
    InputValue::new("on", TypeRef::named_nn(inputs::key_name(entity)))
        .description("The key by which a row is the same.")
}

/// What a mutation of many rows gives.
fn changed(entity: &Entity) -> Object {
    let rows = entity.many();
    Object::new(entity.changed_type())
        .description(format!("What became of {rows}."))
        .field(field("count", TypeRef::named_nn(TypeRef::INT)).description("How many there were."))
        .field(
            field("nodes", TypeRef::named_nn_list_nn(&entity.type_name))
                .description(format!("The {rows}, in the order of their keys.")),
        )
}

/// Whoever asks, related with a row or no longer.
fn of_pair(catalog: &Catalog, pair: &Pair) -> [Field; 2] {
    let relation = &catalog.relations[pair.relation];
    let target = &catalog.entities[relation.to];
    let of = |name: &str, says: String| {
        let says = format!("{says} Where it is so already, nothing is done.");
        let id = InputValue::new(&target.single, TypeRef::named_nn(TypeRef::ID));
        field(name, TypeRef::named_nn(&target.type_name))
            .description(says)
            .argument(id.description(format!("The {}, by its id.", target.one())))
    };
    let (rows, list) = (target.many(), &relation.name);
    [
        of(
            &pair.connect,
            format!("Adds one of the {rows} to your `{list}`."),
        ),
        of(
            &pair.disconnect,
            format!("Takes one of the {rows} out of your `{list}`."),
        ),
    ]
}
