//! Argument values, and the variables that may stand for them.

use super::{
    content::{key, unique_text},
    document::{Value, Variable},
    refine::Choices,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

pub const NODE_TYPES: [&str; 5] = ["User", "Profile", "Post", "Tag", "Comment"];

/// What a variable stands for. Every use of a name is in positions of one type.
#[derive(Clone, Copy)]
pub enum Role {
    Limit(u8),
    Offset,
    /// The condition of a directive.
    Flag(u8),
    /// A global id that is not null.
    Node,
    Ids,
    /// A key of this node type.
    Key(usize),
    /// The value of a unique column.
    Text,
    /// An id that is never given, beside another argument that is.
    NoKey,
    NoText,
    /// Something in `where` or `orderBy`.
    Input(Presence, Input),
}

/// Whether a variable has a value.
#[derive(Clone, Copy)]
pub enum Presence {
    /// Always: it is in a list, or in an object that takes exactly one of its fields.
    Given,
    /// It may be left out, and then the field that it is the value of counts as not given. Null
    /// would be refused there.
    Perhaps,
    /// It is an argument, and may be null.
    OrNull,
}

/// A type of which there are values in `where` and `orderBy`, with the node type that they are about.
#[derive(Clone, Copy)]
pub enum Input {
    Where(usize),
    Order(usize),
    Orders(usize),
    Id(usize),
    Ids(usize),
    Text,
    Texts,
    Int,
    Time,
    Flag,
    Enum(&'static str),
}

impl Input {
    fn all() -> Vec<Self> {
        let about_nodes = [Self::Where, Self::Order, Self::Orders, Self::Id, Self::Ids];
        let about_nodes = about_nodes
            .into_iter()
            .flat_map(|input| (0..NODE_TYPES.len()).map(input));
        let enums = ["PostStatus", "UserRole", "OrderDirection"].map(Self::Enum);
        about_nodes
            .chain([Self::Text, Self::Texts, Self::Int, Self::Time, Self::Flag])
            .chain(enums)
            .collect()
    }

    fn type_name(self) -> String {
        match self {
            Input::Where(node) => format!("{}Where", NODE_TYPES[node]),
            Input::Order(node) => format!("{}Order", NODE_TYPES[node]),
            Input::Orders(node) => format!("[{}Order!]", NODE_TYPES[node]),
            Input::Id(_) => "ID".to_owned(),
            Input::Ids(_) => "[ID!]".to_owned(),
            Input::Text => "String".to_owned(),
            Input::Texts => "[String!]".to_owned(),
            Input::Int => "Int".to_owned(),
            Input::Time => "DateTime".to_owned(),
            Input::Flag => "Boolean".to_owned(),
            Input::Enum(name) => name.to_owned(),
        }
    }

    /// The part of a variable's name.
    fn name(self) -> String {
        match self {
            Input::Id(node) => format!("{}Id", NODE_TYPES[node]),
            Input::Ids(node) => format!("{}Ids", NODE_TYPES[node]),
            Input::Orders(node) => format!("{}Orders", NODE_TYPES[node]),
            Input::Texts => "Strings".to_owned(),
            _ => self.type_name(),
        }
    }

    fn is_order(self) -> bool {
        matches!(self, Input::Order(_) | Input::Enum("OrderDirection"))
    }

    /// The definition of a variable, and what is sent for it.
    fn define(
        self,
        presence: Presence,
        form: usize,
        default: &[u8],
        value: &[u8],
    ) -> (String, Option<Value>, Option<Json>) {
        let ty = self.type_name();
        let default = Choices::constant(default).input(presence, self);
        let value = Choices::constant(value).input(presence, self).json();
        let forms: &[u8] = match presence {
            // Only a type that is not null will do in an object that takes exactly one field.
            Presence::Given if self.is_order() => &[0, 1, 2],
            Presence::Given => &[0, 1, 2, 5, 6],
            Presence::Perhaps => &[0, 1, 2, 3, 4, 5, 6],
            Presence::OrNull => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        };
        match forms[form % forms.len()] {
            0 => (format!("{ty}!"), None, Some(value)),
            1 => (format!("{ty}!"), Some(default), None),
            2 => (format!("{ty}!"), Some(default), Some(value)),
            3 => (ty, None, None),
            4 => (ty, None, Some(value)),
            5 => (ty, Some(default), None),
            6 => (ty, Some(default), Some(value)),
            7 => (ty, None, Some(Json::Null)),
            8 => (ty, Some(default), Some(Json::Null)),
            _ => (ty, Some(Value::Null), None),
        }
    }
}

impl Role {
    pub fn all() -> Vec<Self> {
        let presences = [Presence::Given, Presence::Perhaps, Presence::OrNull];
        let inputs = presences.into_iter().flat_map(|presence| {
            let inputs = Input::all().into_iter();
            inputs.map(move |input| Self::Input(presence, input))
        });
        let roles = [
            Self::Limit(0),
            Self::Limit(1),
            Self::Offset,
            Self::Flag(0),
            Self::Flag(1),
            Self::Flag(2),
            Self::Node,
            Self::Ids,
            Self::Key(0),
            Self::Key(1),
            Self::Key(2),
            Self::Key(3),
            Self::Key(4),
            Self::Text,
            Self::NoKey,
            Self::NoText,
        ];
        roles.into_iter().chain(inputs).collect()
    }

    pub fn name(self) -> String {
        match self {
            Role::Limit(number) => format!("limit{number}"),
            Role::Offset => "offset".to_owned(),
            Role::Flag(number) => format!("if{number}"),
            Role::Node => "id".to_owned(),
            Role::Ids => "ids".to_owned(),
            Role::Key(ty) => format!("{}Key", NODE_TYPES[ty]),
            Role::Text => "text".to_owned(),
            Role::NoKey => "noKey".to_owned(),
            Role::NoText => "noText".to_owned(),
            Role::Input(presence, input) => {
                let presence = match presence {
                    Presence::Given => "the",
                    Presence::Perhaps => "some",
                    Presence::OrNull => "any",
                };
                format!("{presence}{}", input.name())
            }
        }
    }

    pub fn variable(self) -> Value {
        Value::Variable(self.name())
    }

    /// The definition of the variable in the operation of this number, and what is sent for it.
    /// Conditions and orders are read from one of the refinements.
    pub fn define(
        self,
        seed: VariableSeed,
        operation: usize,
        refinements: &[Vec<u8>],
    ) -> (Variable, Option<Json>) {
        let form = usize::from(seed.form) + operation;
        if let Role::Input(presence, input) = self {
            let default = pick(refinements, seed.default);
            let value = pick(refinements, seed.value);
            let (ty, default, value) = input.define(presence, form, default, value);
            let name = self.name();
            return (Variable { name, ty, default }, value);
        }
        let (ty, default, value) = match self {
            Role::Limit(_) | Role::Offset => {
                // An offset is small, or there would be nothing behind it.
                let number = |value| match self {
                    Role::Offset => i64::from(value % 3),
                    _ => limit(value),
                };
                let default = Value::Int(number(seed.default));
                let value = json!(number(seed.value));
                match form % 8 {
                    0 => ("Int!", None, Some(value)),
                    1 => ("Int", None, Some(value)),
                    2 => ("Int", Some(default), Some(value)),
                    3 => ("Int", Some(default), None),
                    4 => ("Int", None, None),
                    5 => ("Int", None, Some(Json::Null)),
                    6 => ("Int", Some(default), Some(Json::Null)),
                    _ => ("Int!", Some(default), None),
                }
            }
            Role::Flag(_) => {
                let default = Value::Boolean(seed.default.is_multiple_of(2));
                let value = json!(seed.value.is_multiple_of(2));
                match form % 4 {
                    0 => ("Boolean!", None, Some(value)),
                    1 => ("Boolean", Some(default), Some(value)),
                    2 => ("Boolean", Some(default), None),
                    _ => ("Boolean!", Some(default), None),
                }
            }
            Role::Node => {
                let default = Value::String(global_id(seed.default));
                let value = json!(global_id(seed.value));
                match form % 4 {
                    0 => ("ID!", None, Some(value)),
                    1 => ("ID", Some(default), Some(value)),
                    2 => ("ID", Some(default), None),
                    _ => ("ID!", Some(default), None),
                }
            }
            Role::Ids => {
                let default = Value::String(global_id(seed.default));
                let value = global_id(seed.value);
                match form % 6 {
                    0 => (
                        "[ID!]!",
                        None,
                        Some(json!([value, global_id(seed.default)])),
                    ),
                    1 => ("[ID!]!", None, Some(json!(value))),
                    2 => ("[ID!]", Some(Value::List(vec![default])), None),
                    3 => (
                        "[ID!]",
                        Some(Value::List(vec![])),
                        Some(json!([value, value])),
                    ),
                    4 => ("[ID!]!", Some(default), None),
                    _ => ("[ID!]!", None, Some(json!([]))),
                }
            }
            Role::Key(ty) => {
                let default = key_literal(NODE_TYPES[ty], seed.default);
                let value = match key_literal(NODE_TYPES[ty], seed.value) {
                    Value::Int(key) => json!(key),
                    Value::String(id) => json!(id),
                    _ => Json::Null,
                };
                match form % 4 {
                    0 => ("ID!", None, Some(value)),
                    1 => ("ID", None, Some(value)),
                    2 => ("ID", Some(default), Some(value)),
                    _ => ("ID", Some(default), None),
                }
            }
            Role::Text => {
                let default = text_literal(seed.default);
                let value = json!(text(seed.value));
                match form % 4 {
                    0 => ("String!", None, Some(value)),
                    1 => ("String", None, Some(value)),
                    2 => ("String", Some(default), None),
                    _ => ("String!", Some(default), Some(value)),
                }
            }
            Role::NoKey | Role::NoText => {
                let ty = if let Role::NoKey = self {
                    "ID"
                } else {
                    "String"
                };
                match form % 3 {
                    0 => (ty, None, None),
                    1 => (ty, None, Some(Json::Null)),
                    _ => (ty, Some(Value::Null), None),
                }
            }
            Role::Input(..) => unreachable!("defined above"),
        };
        let definition = Variable {
            name: self.name(),
            ty: ty.to_owned(),
            default,
        };
        (definition, value)
    }
}

/// One variable, as numbers: how it is defined, and what is sent for it.
#[derive(Clone, Copy, Debug)]
pub struct VariableSeed {
    form: u8,
    default: u8,
    value: u8,
}

pub fn variable_seed() -> impl Strategy<Value = VariableSeed> {
    any::<(u8, u8, u8)>().prop_map(|(form, default, value)| VariableSeed {
        form,
        default,
        value,
    })
}

/// From 0 to 6, seldom nothing.
pub fn limit(value: u8) -> i64 {
    i64::from(*pick(&[2, 1, 3, 4, 5, 6, 2, 3, 4, 5, 6, 3, 0], value))
}

/// A global id; about half of them belong to a row that a reader may see.
fn global_id(value: u8) -> String {
    let ty = pick(&NODE_TYPES, value);
    format!("{ty}:{}", row_key(value / 5))
}

pub fn node(form: u8, value: u8) -> Value {
    match form % 3 {
        0 | 1 => Value::String(global_id(value)),
        _ => Role::Node.variable(),
    }
}

pub fn ids(form: u8, value: u8) -> Value {
    match form % 6 {
        0 => Role::Ids.variable(),
        1 => Value::String(global_id(value)),
        2 => Value::List(vec![Role::Node.variable(), Value::String(global_id(value))]),
        length => {
            let values = (0..length).map(|index| value.wrapping_add(index.wrapping_mul(7)));
            let mut ids: Vec<_> = values
                .map(|value| Value::String(global_id(value)))
                .collect();
            ids.extend(ids.first().filter(|_| value.is_multiple_of(3)).cloned());
            Value::List(ids)
        }
    }
}

/// The three ways to write a key where the type is known.
pub fn key_literal(ty: &str, value: u8) -> Value {
    let key = row_key(value / 3);
    match value % 3 {
        0 => Value::Int(key),
        1 => Value::String(key.to_string()),
        _ => Value::String(format!("{ty}:{key}")),
    }
}

pub fn text(value: u8) -> String {
    unique_text(row(value))
}

/// The index of a row, more often of one that is there even in a small table.
pub fn row(value: u8) -> usize {
    *pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 0, 1, 2], value)
}

fn row_key(value: u8) -> i64 {
    key(row(value))
}

pub fn text_literal(value: u8) -> Value {
    let text = text(value);
    match value > 127 && text.starts_with('n') {
        true => Value::Raw(format!("\"\"\"\n    {text}\n  \"\"\"")),
        false => Value::String(text),
    }
}

pub fn pick<T>(from: &[T], choice: u8) -> &T {
    &from[usize::from(choice) % from.len()]
}
