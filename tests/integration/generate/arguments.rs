//! The arguments of fields.

use super::{
    document::{Argument, Value},
    operation::{Builder, Seed},
    refine::Choices,
    value::{NODE_TYPES, columns, ids, key_literal, limit, node, pick, text, text_literal},
    variable::{Input, Presence, Role},
};
use crate::reference::{SURFACE, named_type};

/// Ways to refine a list, and the first of them that is one.
pub const FORMS: u8 = 20;
pub const REFINED: u8 = 5;

impl Builder {
    pub fn arguments(&self, parent: &str, field: &str, seed: &Seed) -> Vec<Argument> {
        let (form, value) = seed.arguments;
        let Some(definition) = SURFACE.field(parent, field) else {
            return Vec::new();
        };
        let takes = definition.arguments.iter();
        let takes: Vec<_> = takes
            .map(|argument| {
                let argument = &argument.node;
                (argument.name.node.as_str(), named_type(&argument.ty.node))
            })
            .collect();
        let names: Vec<_> = takes.iter().map(|(name, _)| *name).collect();
        match takes[..] {
            [] => Vec::new(),
            [("where", condition), ..] => {
                let ty = condition.trim_end_matches("Where");
                let mut arguments = self.refinement(ty, seed.refinement);
                arguments.retain(|argument| names.contains(&argument.name.as_str()));
                arguments.extend(match names[..] {
                    [_, _, "limit", "offset"] => self.page(form, value),
                    [_, _, "first", ..] => self.connection_page(form, value),
                    _ => vec![],
                });
                arguments
            }
            [("by", column), ..] => self.groups(column.trim_end_matches("Column"), seed),
            [("ids", _)] => vec![Argument::new("ids", ids(form, value))],
            [("id", _)] if field == "node" => vec![Argument::new("id", node(form, value))],
            _ => self.lookup(named_type(&definition.ty.node), &names, form, value),
        }
    }

    /// What the rows of this type are to be, and in which order.
    pub fn refinement(&self, ty: &str, (form, choice): (u8, u8)) -> Vec<Argument> {
        let node = NODE_TYPES.iter().position(|name| *name == ty).unwrap_or(0);
        let condition = |value| Argument::new("where", value);
        let order = |value| Argument::new("orderBy", value);
        let choices = |choice| Choices::new(pick::<Vec<u8>>(&self.refinements, choice));
        let some_condition = || condition(choices(choice).whole_condition(ty));
        let some_order = || order(choices(choice / 8).orders(ty));
        let any_condition =
            || condition(Role::Input(Presence::OrNull, Input::Where(node)).variable());
        let any_order = || order(Role::Input(Presence::OrNull, Input::Orders(node)).variable());
        match form % FORMS {
            0..REFINED => vec![],
            REFINED..=10 => vec![some_condition()],
            11..=12 => vec![some_order()],
            13..=14 => vec![some_condition(), some_order()],
            15 => vec![any_condition()],
            16 => vec![any_order()],
            17 => vec![any_condition(), some_order()],
            18 => vec![any_order(), some_condition()],
            _ => vec![order(Value::Null), condition(Value::Null)],
        }
    }

    fn page(&self, form: u8, value: u8) -> Vec<Argument> {
        let literal = Value::Int(limit(value));
        let variable = Role::Limit(value % 2).variable();
        let limit = |value| Argument::new("limit", value);
        let offset = |value| Argument::new("offset", value);
        let skip = Value::Int(i64::from(value / 16 % 4));
        match form % 16 {
            0..=1 => vec![],
            2..=5 => vec![limit(literal)],
            6..=8 => vec![limit(variable)],
            9 => vec![limit(literal), offset(skip)],
            10 => vec![offset(skip), limit(variable)],
            11 => vec![limit(literal), offset(Role::Offset.variable())],
            12 => vec![offset(Role::Offset.variable())],
            13 => vec![limit(Value::Null), offset(Value::Null)],
            14 if self.may_fail => vec![limit(Value::Int(-1))],
            _ => vec![offset(skip)],
        }
    }

    /// Which of the rows of a connection. There are no cursors to begin at before something was asked.
    pub fn connection_page(&self, form: u8, value: u8) -> Vec<Argument> {
        let literal = Value::Int(limit(value));
        let variable = Role::Limit(value % 2).variable();
        let first = |value| Argument::new("first", value);
        let last = |value| Argument::new("last", value);
        let after = |value| Argument::new("after", value);
        let before = |value| Argument::new("before", value);
        let no_number = Role::NoNumber.variable();
        let no_text = Role::NoText.variable();
        if self.may_fail {
            let what = Value::String("what".to_owned());
            match form % 32 {
                0 => return vec![first(Value::Int(-1))],
                1 => return vec![last(Value::Int(-1)), first(Value::Null)],
                2 => return vec![first(literal.clone()), last(literal)],
                3 => return vec![after(what)],
                4 => return vec![last(literal), before(what)],
                _ => {}
            }
        }
        match form % 16 {
            0..=1 => vec![],
            2..=5 => vec![first(literal)],
            6..=8 => vec![last(literal)],
            9..=10 => vec![first(variable)],
            11 => vec![last(variable)],
            12 => vec![last(no_number), first(literal)],
            13 => vec![first(Value::Null), last(literal), after(no_text)],
            14 => vec![before(Value::Null), first(variable), after(Value::Null)],
            _ => vec![before(no_text), last(variable), first(no_number)],
        }
    }

    /// The columns of this type that rows are grouped by, and which of the groups.
    fn groups(&self, ty: &str, seed: &Seed) -> Vec<Argument> {
        let (form, value) = seed.arguments;
        let (by_form, by_value) = seed.refinement;
        let node = NODE_TYPES.iter().position(|name| *name == ty).unwrap_or(0);
        let by = match by_form {
            0..=3 if self.may_fail => Value::List(vec![]),
            4..=15 if self.may_fail && ty == "User" => Value::Enum("EMAIL".to_owned()),
            _ if by_form % 5 == 4 => Role::Columns(node).variable(),
            _ => columns(ty, by_form / 5, by_value),
        };
        let mut arguments = self.page(form, value);
        arguments.push(Argument::new("by", by));
        arguments
    }

    /// Arguments that find one row of the type: by id, or by its unique column if it has one.
    fn lookup(&self, ty: &'static str, names: &[&str], form: u8, value: u8) -> Vec<Argument> {
        let role = NODE_TYPES.iter().position(|name| *name == ty);
        let variable = Role::Key(role.unwrap_or(0)).variable();
        let id = |value| Argument::new("id", value);
        if self.may_fail {
            let wrong = Value::String("Nothing:1".to_owned());
            match form % 16 {
                10 => return vec![],
                11 => return vec![id(wrong)],
                12 => return vec![id(Value::String("what".to_owned()))],
                13 => return vec![id(Role::NoKey.variable())],
                14 => return vec![id(Value::Null)],
                15 if names.contains(&"email") => {
                    let email = Value::String("user0@example.org".to_owned());
                    return vec![Argument::new("email", email)];
                }
                15 if names.len() > 1 => {
                    let text = Value::String(text(value));
                    return vec![id(Value::Int(1)), Argument::new(names[1], text)];
                }
                _ => {}
            }
        }
        let Some(unique) = names.get(1) else {
            return match form % 2 {
                0 => vec![id(key_literal(ty, value))],
                _ => vec![id(variable)],
            };
        };
        let unique = |value| Argument::new(unique, value);
        match form % 8 {
            0..=1 => vec![id(key_literal(ty, value))],
            2 => vec![id(variable)],
            3 => vec![unique(text_literal(value))],
            4 => vec![unique(Role::Text.variable())],
            5 => vec![unique(Role::NoText.variable()), id(variable)],
            6 => vec![id(Role::NoKey.variable()), unique(text_literal(value))],
            _ => vec![unique(Value::Null), id(key_literal(ty, value))],
        }
    }
}
