//! The variables that may stand for argument values.

use super::{
    document::{Value, Variable},
    refine::Choices,
    value::{NODE_TYPES, columns, global_id, key_literal, limit, pick, text, text_literal},
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

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
    /// An id that is never given, where it need not be.
    NoKey,
    NoText,
    NoNumber,
    /// Columns of this node type that rows are grouped by.
    Columns(usize),
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
            Self::NoNumber,
        ];
        let columns = (0..NODE_TYPES.len()).map(Self::Columns);
        roles.into_iter().chain(columns).chain(inputs).collect()
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
            Role::NoNumber => "noNumber".to_owned(),
            Role::Columns(node) => format!("{}Columns", NODE_TYPES[node]),
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
        if let Role::Columns(node) = self {
            let ty = format!("[{}Column!]", NODE_TYPES[node]);
            let default = columns(NODE_TYPES[node], seed.form, seed.default);
            let value = columns(NODE_TYPES[node], seed.form, seed.value).json();
            let (ty, default, value) = match form % 5 {
                0 => (format!("{ty}!"), None, Some(value)),
                1 => (format!("{ty}!"), Some(default), None),
                2 => (format!("{ty}!"), Some(default), Some(value)),
                3 => (ty, Some(default), None),
                _ => (ty, Some(default), Some(value)),
            };
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
            Role::NoKey | Role::NoText | Role::NoNumber => {
                let ty = match self {
                    Role::NoKey => "ID",
                    Role::NoText => "String",
                    _ => "Int",
                };
                match form % 3 {
                    0 => (ty, None, None),
                    1 => (ty, None, Some(Json::Null)),
                    _ => (ty, Some(Value::Null), None),
                }
            }
            Role::Columns(_) | Role::Input(..) => unreachable!("defined above"),
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
