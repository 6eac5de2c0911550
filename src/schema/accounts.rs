//! Accounts: who asks, and how to become somebody.

use async_graphql::dynamic::{self, InputObject, InputValue, Object, TypeRef};

use super::field;
use crate::graph::accounts::PASSWORD;
use crate::graph::{Catalog, Entity};

/// The types of what signing up and in takes and gives.
pub fn register(schema: dynamic::SchemaBuilder, catalog: &Catalog) -> dynamic::SchemaBuilder {
    let Some(accounts) = &catalog.accounts else {
        return schema;
    };
    let entity = &catalog.entities[accounts.entity];
    let password = InputValue::new("password", TypeRef::named_nn(TypeRef::STRING))
        .description(format!("A password of {PASSWORD}."));
    let input = InputObject::new("SignUp").description(format!("A new {}.", entity.one()));
    let input = accounts.asked_of(entity).fold(input, |input, asked| {
        let value = InputValue::new(&asked.field, TypeRef::named_nn(TypeRef::STRING));
        input.field(value.description(format!("Must be {}.", asked.kind.check().words())))
    });
    schema
        .register(session(entity))
        .register(input.field(password))
}

/// The field of `Query` that is who asks.
pub fn viewer(entity: &Entity) -> dynamic::Field {
    field("viewer", TypeRef::named(&entity.type_name)).description(format!(
        "The {} who asks; null where nobody is signed in.",
        entity.one()
    ))
}

/// The fields of `Mutation` by which somebody signs up and in.
pub(super) fn mutations(entity: &Entity) -> [dynamic::Field; 2] {
    let text = |name: &str, says: &str| {
        InputValue::new(name, TypeRef::named_nn(TypeRef::STRING)).description(says)
    };
    [
        field("signUp", TypeRef::named_nn("Session"))
            .description(format!("Makes a {}, and signs in as it.", entity.one()))
            .argument(
                InputValue::new("input", TypeRef::named_nn("SignUp"))
                    .description("What is to be known of it."),
            ),
        field("signIn", TypeRef::named_nn("Session"))
            .description("Signs in by a password. Whether there is such a user at all is not told.")
            .argument(text("username", "What the user is called."))
            .argument(text("password", "The user's password.")),
    ]
}

fn session(entity: &Entity) -> Object {
    Object::new("Session")
        .description("Somebody who has signed in.")
        .field(
            field("token", TypeRef::named_nn(TypeRef::STRING)).description(
                "What shows who asks: send it with each request, `Authorization: Bearer …`.",
            ),
        )
        .field(
            field("viewer", TypeRef::named_nn(&entity.type_name))
                .description(format!("The {} that has signed in.", entity.one())),
        )
}
