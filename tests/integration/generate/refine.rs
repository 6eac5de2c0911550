//! Random `where` and `orderBy`, read off the input types of the surface.
//!
//! What is built here is decided by a string of bytes, each of which chooses among what is possible
//! at its place. Where the bytes end, the first of every kind is chosen, which is the simplest: so
//! a short string makes a small value.

use super::{
    content::{ALIKE, AWKWARD, TIMES, folds_unlike, unique_text},
    document::Value,
    value::{GUARDED, NODE_TYPES, key_literal, pick, row},
    variable::{Input, Presence, Role},
};
use crate::reference::{SURFACE, named_type};

/// Relations followed, or conditions nested in each other.
const DEPTH: usize = 3;
/// Columns whose texts are unique.
const UNIQUE: [&str; 2] = ["username", "slug"];

/// A reader of the bytes.
pub struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Whether variables may stand for values.
    variables: bool,
}

/// What an operand is compared with.
#[derive(Clone, Copy)]
enum Operand {
    /// A key of this node type.
    Id(usize),
    /// A text, one of those that are unique or any.
    Text {
        unique: bool,
    },
    Int,
    Time,
    Enum(&'static str),
}

impl<'a> Choices<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.iter();
        Self {
            bytes,
            variables: true,
        }
    }

    /// For values in which there cannot be variables.
    pub fn constant(bytes: &'a [u8]) -> Self {
        Self {
            variables: false,
            ..Self::new(bytes)
        }
    }

    fn next(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    /// Whether something happens that happens once in so many times.
    fn seldom(&mut self, times: u8) -> bool {
        self.next() % times == times - 1
    }

    /// The variable of this role, once in a while.
    fn variable(&mut self, presence: Presence, input: Input) -> Option<Value> {
        (self.variables && self.seldom(5)).then(|| Role::Input(presence, input).variable())
    }

    /// A value for a variable of this type.
    pub fn input(&mut self, presence: Presence, input: Input) -> Value {
        // In the middle of a condition there is less room than at its top.
        let depth = match presence {
            Presence::OrNull => DEPTH,
            _ => 1,
        };
        match input {
            Input::Where(node) => self.condition(NODE_TYPES[node], depth),
            Input::Order(node) => self.order(NODE_TYPES[node], depth),
            Input::Orders(node) => self.orders(NODE_TYPES[node]),
            Input::Id(node) => self.literal(Operand::Id(node), "eq"),
            Input::Ids(node) => self.list(|choices| choices.literal(Operand::Id(node), "eq")),
            Input::Text => self.free_text("eq"),
            Input::Texts => self.list(|choices| choices.free_text("eq")),
            Input::Int => self.literal(Operand::Int, "eq"),
            Input::Time => self.literal(Operand::Time, "eq"),
            Input::Flag => self.flag(),
            Input::Enum(name) => self.literal(Operand::Enum(name), "eq"),
        }
    }

    fn free_text(&mut self, operator: &str) -> Value {
        let unique = self.seldom(2);
        self.literal(Operand::Text { unique }, operator)
    }

    // Conditions.

    /// A `…Where` of a node type, at the top.
    pub fn whole_condition(&mut self, ty: &str) -> Value {
        self.condition(ty, DEPTH)
    }

    fn condition(&mut self, ty: &str, depth: usize) -> Value {
        let count = *pick(&[0, 1, 1, 1, 1, 1, 2, 3], self.next());
        self.object(count, |choices| choices.condition_entry(ty, depth))
    }

    fn condition_entry(&mut self, ty: &str, depth: usize) -> (String, Value) {
        let kind = if depth == 0 { 0 } else { self.next() % 16 };
        let entry = |name: &str, value| (name.to_owned(), value);
        match kind {
            0..=7 => self.column_condition(ty),
            8..=11 => self.relation_condition(ty, depth - 1),
            12..=13 => {
                let list = self.list(|choices| {
                    let variable = choices.variable(Presence::Given, Input::Where(index_of(ty)));
                    variable.unwrap_or_else(|| choices.condition(ty, depth - 1))
                });
                entry(if kind == 12 { "and" } else { "or" }, list)
            }
            _ => entry("not", self.inner_condition(ty, depth - 1)),
        }
    }

    /// A condition where it may be left out.
    fn inner_condition(&mut self, ty: &str, depth: usize) -> Value {
        self.variable(Presence::Perhaps, Input::Where(index_of(ty)))
            .unwrap_or_else(|| self.condition(ty, depth))
    }

    fn relation_condition(&mut self, ty: &str, depth: usize) -> (String, Value) {
        let relations: Vec<_> = fields(&format!("{ty}Where"))
            .into_iter()
            .filter(|(name, ty)| ty.ends_with("Where") && !["and", "or", "not"].contains(name))
            .collect();
        let (name, target) = *pick(&relations, self.next());
        let value = match target.strip_suffix("ListWhere") {
            Some(target) => {
                let count = *pick(&[1, 1, 1, 1, 2, 0], self.next());
                self.object(count, |choices| {
                    let quantifier = *pick(&["some", "none", "every"], choices.next());
                    let condition = choices.inner_condition(target, depth);
                    (quantifier.to_owned(), condition)
                })
            }
            None => self.inner_condition(target.trim_end_matches("Where"), depth),
        };
        (name.to_owned(), value)
    }

    fn column_condition(&mut self, ty: &str) -> (String, Value) {
        let mut columns: Vec<_> = fields(&format!("{ty}Where"))
            .into_iter()
            .filter(|(name, ty)| ty.ends_with("Filter") && !GUARDED.contains(name))
            .collect();
        // There is more to try on texts.
        let texts = columns.iter().filter(|(_, ty)| *ty == "StringFilter");
        columns.extend(texts.copied().collect::<Vec<_>>());
        let (column, filter) = *pick(&columns, self.next());
        let mut operators: Vec<_> = fields(filter).into_iter().map(|(name, _)| name).collect();
        // There is more to get wrong about the parts of texts.
        let parts = operators.iter().filter(|name| is_for_parts(name));
        operators.extend(parts.copied().collect::<Vec<_>>());
        if folds_unlike(column) {
            operators.retain(|operator| !ignores_case(operator));
        }
        let operand = operand(ty, column, filter);
        let count = *pick(&[1, 1, 1, 1, 2, 1, 2, 0], self.next());
        let filter = self.object(count, |choices| {
            let operator = *pick(&operators, choices.next());
            (operator.to_owned(), choices.operand(operand, operator))
        });
        (column.to_owned(), filter)
    }

    fn operand(&mut self, operand: Operand, operator: &str) -> Value {
        let input = match operand {
            Operand::Id(node) => Input::Id(node),
            Operand::Text { .. } => Input::Text,
            Operand::Int => Input::Int,
            Operand::Time => Input::Time,
            Operand::Enum(name) => Input::Enum(name),
        };
        match operator {
            "isNull" => self
                .variable(Presence::Perhaps, Input::Flag)
                .unwrap_or_else(|| self.flag()),
            "in" | "notIn" => {
                let whole = match operand {
                    Operand::Id(node) => self.variable(Presence::Perhaps, Input::Ids(node)),
                    Operand::Text { .. } => self.variable(Presence::Perhaps, Input::Texts),
                    _ => None,
                };
                whole.unwrap_or_else(|| {
                    self.list(|choices| {
                        let variable = choices.variable(Presence::Given, input);
                        variable.unwrap_or_else(|| choices.literal(operand, "eq"))
                    })
                })
            }
            _ => self
                .variable(Presence::Perhaps, input)
                .unwrap_or_else(|| self.literal(operand, operator)),
        }
    }

    /// An operand that is likely to be met by some row.
    fn literal(&mut self, operand: Operand, operator: &str) -> Value {
        match operand {
            Operand::Id(node) => key_literal(NODE_TYPES[node], self.next()),
            Operand::Text { unique } => {
                let text = match unique {
                    true => unique_text(row(self.next())),
                    false => {
                        let texts = [ALIKE, ALIKE].concat();
                        let texts: Vec<_> = texts.into_iter().chain(AWKWARD).collect();
                        (*pick(&texts, self.next())).to_owned()
                    }
                };
                Value::String(self.part(text, operator))
            }
            Operand::Int => Value::Int(*pick(&[1, 2, i64::from(i32::MAX), 0, -1], self.next())),
            Operand::Time => {
                // Moments that rows have, the same written otherwise, and others.
                let others = [
                    "2025-03-01T12:00:00.000000Z",
                    "2025-03-01T12:00:00.500Z",
                    "2025-03-01T12:00:00.25Z",
                    "1900-01-01T00:00:00Z",
                    "9999-12-31T23:59:59.999999Z",
                ];
                let times: Vec<_> = TIMES.into_iter().chain(others).collect();
                Value::String((*pick(&times, self.next())).to_owned())
            }
            Operand::Enum(name) => {
                let values = SURFACE.enum_values(name);
                Value::Enum((*pick(&values, self.next())).to_owned())
            }
        }
    }

    /// The part of the text that the operator looks for, in other letters where case is ignored.
    fn part(&mut self, text: String, operator: &str) -> String {
        let length = |choices: &mut Self| *pick(&[1_usize, 2, 3, 5, 0], choices.next());
        let part: String = match operator.trim_start_matches('i').to_lowercase().as_str() {
            "contains" => {
                let (skip, take) = (self.next() % 4, length(self));
                text.chars().skip(skip.into()).take(take).collect()
            }
            "startswith" => text.chars().take(length(self)).collect(),
            "endswith" => {
                let skip = text.chars().count().saturating_sub(length(self));
                text.chars().skip(skip).collect()
            }
            _ => text,
        };
        match ignores_case(operator) && self.seldom(2) {
            true => part.chars().map(other_case).collect(),
            false => part,
        }
    }

    fn flag(&mut self) -> Value {
        Value::Boolean(self.next().is_multiple_of(2))
    }

    // Orders.

    /// What `orderBy` takes: a list, or one order in place of it.
    pub fn orders(&mut self, ty: &str) -> Value {
        self.list(|choices| {
            let variable = choices.variable(Presence::Given, Input::Order(index_of(ty)));
            variable.unwrap_or_else(|| choices.order(ty, DEPTH))
        })
    }

    fn order(&mut self, ty: &str, depth: usize) -> Value {
        let fields = fields(&format!("{ty}Order"));
        let fields = fields.into_iter().filter(|(name, kind)| {
            !GUARDED.contains(name) && (depth > 0 || *kind == "OrderDirection")
        });
        let (columns, relations): (Vec<_>, Vec<_>) =
            fields.partition(|(_, kind)| *kind == "OrderDirection");
        let (name, kind) = match relations.is_empty() || !self.seldom(3) {
            true => *pick(&columns, self.next()),
            false => *pick(&relations, self.next()),
        };
        let value = match kind {
            "OrderDirection" => self.direction(),
            "CountOrder" => Value::Object(vec![("count".to_owned(), self.direction())]),
            _ => {
                let target = kind.trim_end_matches("Order");
                self.variable(Presence::Given, Input::Order(index_of(target)))
                    .unwrap_or_else(|| self.order(target, depth - 1))
            }
        };
        Value::Object(vec![(name.to_owned(), value)])
    }

    fn direction(&mut self) -> Value {
        let direction = "OrderDirection";
        self.variable(Presence::Given, Input::Enum(direction))
            .unwrap_or_else(|| self.literal(Operand::Enum(direction), "eq"))
    }

    // Lists and objects.

    /// A list of up to three, or one item that stands for a list of it.
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Value) -> Value {
        let count = *pick(&[1, 1, 2, 2, 3, 0], self.next());
        let mut items: Vec<_> = (0..count).map(|_| item(self)).collect();
        // A variable is not of the list's type.
        let can_stand = matches!(items[..], [ref one] if !matches!(one, Value::Variable(_)));
        match can_stand && self.seldom(3) {
            true => items.remove(0),
            false => Value::List(items),
        }
    }

    /// An object of at most so many entries, no two of one name.
    fn object(
        &mut self,
        count: usize,
        mut entry: impl FnMut(&mut Self) -> (String, Value),
    ) -> Value {
        let mut entries = Vec::<(String, Value)>::new();
        for _ in 0..count {
            let (name, value) = entry(self);
            if !entries.iter().any(|(other, _)| *other == name) {
                entries.push((name, value));
            }
        }
        Value::Object(entries)
    }
}

/// The fields of an input type with the names of their types.
fn fields(input: &str) -> Vec<(&'static str, &'static str)> {
    let fields = SURFACE.input_fields(input).into_iter();
    fields
        .map(|field| (field.name.node.as_str(), named_type(&field.ty.node)))
        .collect()
}

/// What the operators of this filter compare the column with.
fn operand(ty: &str, column: &str, filter: &'static str) -> Operand {
    match filter.trim_end_matches("Filter") {
        "ID" => Operand::Id(index_of(match column {
            "authorId" | "userId" => "User",
            "postId" => "Post",
            "parentId" => "Comment",
            _ => ty,
        })),
        "String" => Operand::Text {
            unique: UNIQUE.contains(&column) || ty == "Tag",
        },
        "Int" => Operand::Int,
        "DateTime" => Operand::Time,
        name => Operand::Enum(name),
    }
}

fn index_of(ty: &str) -> usize {
    let mut types = NODE_TYPES.iter();
    types.position(|name| *name == ty).expect("a node type")
}

fn is_for_parts(operator: &str) -> bool {
    let operator = operator.to_lowercase();
    ["contains", "startswith", "endswith"]
        .iter()
        .any(|name| operator.ends_with(name))
}

fn ignores_case(operator: &str) -> bool {
    ["iEq", "iContains", "iStartsWith", "iEndsWith"].contains(&operator)
}

/// The letter in the other case, where there is exactly one.
fn other_case(letter: char) -> char {
    match letter {
        'é' => 'É',
        'É' => 'é',
        'ü' => 'Ü',
        _ if letter.is_ascii_lowercase() => letter.to_ascii_uppercase(),
        _ => letter.to_ascii_lowercase(),
    }
}
