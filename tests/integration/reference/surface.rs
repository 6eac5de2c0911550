//! The types of `surface.graphql`, looked up by name.

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
        TypeSystemDefinition,
    },
};
use std::{collections::HashMap, sync::LazyLock};

pub static SURFACE: LazyLock<Surface> = LazyLock::new(|| {
    let document = parse_schema(include_str!("surface.graphql")).expect("the surface parses");
    let types = document.definitions.into_iter().filter_map(|definition| {
        let TypeSystemDefinition::Type(definition) = definition else {
            return None;
        };
        Some((definition.node.name.node.to_string(), definition.node))
    });
    Surface {
        types: types.collect(),
    }
});

pub struct Surface {
    types: HashMap<String, TypeDefinition>,
}

impl Surface {
    fn kind(&self, type_name: &str) -> Option<&TypeKind> {
        self.types.get(type_name).map(|definition| &definition.kind)
    }

    /// The fields of an object or interface type in the order of the file; none for a leaf type.
    pub fn fields(&self, type_name: &str) -> Vec<&FieldDefinition> {
        let fields = match self.kind(type_name) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => return Vec::new(),
        };
        fields.iter().map(|field| &field.node).collect()
    }

    pub fn field(&self, type_name: &str, field_name: &str) -> Option<&FieldDefinition> {
        self.fields(type_name)
            .into_iter()
            .find(|field| field.name.node == *field_name)
    }

    /// The fields of an input object type in the order of the file; none for another type.
    pub fn input_fields(&self, type_name: &str) -> Vec<&InputValueDefinition> {
        match self.kind(type_name) {
            Some(TypeKind::InputObject(object)) => {
                object.fields.iter().map(|field| &field.node).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the input object type takes exactly one of its fields.
    pub fn is_one_of(&self, type_name: &str) -> bool {
        self.types.get(type_name).is_some_and(|definition| {
            let mut directives = definition.directives.iter();
            directives.any(|directive| directive.node.name.node == *"oneOf")
        })
    }

    /// The values of an enum type in the order of the file; none for another type.
    pub fn enum_values(&self, type_name: &str) -> Vec<&str> {
        match self.kind(type_name) {
            Some(TypeKind::Enum(definition)) => {
                let values = definition.values.iter();
                values.map(|value| value.node.value.node.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn is_object(&self, type_name: &str) -> bool {
        matches!(self.kind(type_name), Some(TypeKind::Object(_)))
    }

    pub fn is_composite(&self, type_name: &str) -> bool {
        !self.fields(type_name).is_empty()
    }

    /// Whether the type is an object that is no row, but a part of a connection or an aggregate.
    pub fn is_part(&self, type_name: &str) -> bool {
        self.is_object(type_name) && type_name != "Query" && !self.implements(type_name, "Node")
    }

    /// Whether the object type declares the interface.
    pub fn implements(&self, object: &str, interface: &str) -> bool {
        match self.kind(object) {
            Some(TypeKind::Object(object)) => {
                object.implements.iter().any(|name| name.node == *interface)
            }
            _ => false,
        }
    }

    /// Whether some object can be of both types, so that a fragment on one may stand in the other.
    pub fn overlap(&self, one: &str, other: &str) -> bool {
        one == other || self.implements(one, other) || self.implements(other, one)
    }
}

/// The name inside all list and non-null wrappers.
pub fn named_type(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => named_type(item),
    }
}
