//! Fields of one's own, and the plain objects that they give.

use async_graphql::dynamic::{self, InputValue, Object, SchemaBuilder, TypeRef};

use super::described;
use crate::graph::Catalog;
use crate::graph::own::{Of, OwnField, OwnKind, Shape};

pub(super) fn register(schema: SchemaBuilder, catalog: &Catalog) -> SchemaBuilder {
    let objects = catalog.owns.objects.values().map(|object| {
        let known = "A plain object, which this server computes.".to_owned();
        let shown = Object::new(&object.name).description(described(&object.description, known));
        object.fields.iter().fold(shown, |shown, field| {
            let of_type = type_ref(catalog, &field.shape);
            shown.field(super::field(&field.name, of_type).description(&field.description))
        })
    });
    objects.fold(schema, SchemaBuilder::register)
}

/// A field of a type, or of a root.
pub(super) fn field(catalog: &Catalog, own: &OwnField) -> dynamic::Field {
    let described = described(&own.description, known(own));
    let field = super::field(&own.name, type_ref(catalog, &own.gives)).description(described);
    own.arguments.iter().fold(field, |field, argument| {
        let of_type = type_ref(catalog, &argument.shape);
        let value = InputValue::new(&argument.name, of_type);
        field.argument(value.description(&argument.description))
    })
}

/// What is known of a field that nobody has described.
fn known(own: &OwnField) -> String {
    let mut known = match own.kind {
        OwnKind::Computed | OwnKind::Lazy => "Computed by this server.",
        OwnKind::Batch => "Looked up by this server, for all rows at once.",
        OwnKind::Root => "Answered by this server's own code.",
        OwnKind::Mutation => "Done by this server's own code.",
    }
    .to_owned();
    let mut columns = own.rows.iter().flat_map(|rows| &rows.columns);
    if columns.any(|column| column.declared && column.has_rule) {
        known += " Null to those who may not see what it is made of.";
    }
    known
}

/// A type. Of a list of rows those that may not be seen are left out, so none is null.
fn type_ref(catalog: &Catalog, shape: &Shape) -> TypeRef {
    let named = match &shape.of {
        Of::Scalar(name) => TypeRef::named(*name),
        Of::Enum(of) => TypeRef::named(of.of.as_ref().map_or("", |of| &of.type_name)),
        Of::Object(of) => TypeRef::named(of.name()),
        Of::Row(row) => {
            let entity = catalog.entity_of_row(row);
            TypeRef::named(entity.map_or("", |entity| &catalog.entities[entity].type_name))
        }
        Of::List(item) => {
            let never_null = matches!(item.of, Of::Row(_));
            let item = Shape {
                nullable: item.nullable && !never_null,
                of: item.of.clone(),
            };
            TypeRef::List(Box::new(type_ref(catalog, &item)))
        }
    };
    match shape.nullable {
        true => named,
        false => TypeRef::NonNull(Box::new(named)),
    }
}
