//! Inputs as they are given: coerced JSON, and where it was written in the document the literal, which has all digits.

use std::borrow::Cow;

use apollo_compiler::ast::Value;
use apollo_compiler::response::{JsonMap, JsonValue};

use crate::read::plan::{AllDigits, Digits, evaluate, json_text};

/// The coerced variables of a request, with the digits of their numbers.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    pub values: &'a JsonMap,
    pub digits: &'a AllDigits,
}

/// A part of an argument.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    json: Cow<'a, JsonValue>,
    /// `None` where it came in a variable, or was left out.
    literal: Option<&'a Value>,
    /// Those of numbers in it of which a float loses something, where it came in a variable.
    digits: Option<&'a Digits>,
    variables: Variables<'a>,
}

/// A field of it, with its name.
pub type Field<'a> = (Cow<'a, str>, Input<'a>);

impl<'a> Input<'a> {
    /// That of an argument; null where it was left out.
    pub fn of(argument: Option<&'a Value>, variables: Variables<'a>) -> Self {
        let json = argument.and_then(|value| evaluate(value, variables.values));
        Input {
            json: json.unwrap_or(Cow::Borrowed(&super::ABSENT)),
            literal: argument.filter(|value| !matches!(value, Value::Variable(_))),
            digits: argument.and_then(|value| variables.digits_of(value)),
            variables,
        }
    }

    pub fn json(&self) -> &JsonValue {
        &self.json
    }

    pub fn is_null(&self) -> bool {
        self.json.is_null()
    }

    /// The fields that are given.
    pub fn fields(&self) -> Vec<Field<'a>> {
        match (&self.literal, &self.json) {
            (Some(Value::Object(fields)), _) => fields
                .iter()
                .filter(|(_, value)| evaluate(value, self.variables.values).is_some())
                .map(|(name, value)| {
                    let name = Cow::Borrowed(name.as_str());
                    (name, Input::of(Some(value), self.variables))
                })
                .collect(),
            (_, Cow::Borrowed(json)) => {
                let fields = json.as_object().into_iter().flatten();
                let fields = fields.map(|(name, value)| (name.as_str(), Cow::Borrowed(value)));
                fields
                    .map(|(n, v)| (n.into(), self.part(v, self.digits.and_then(|d| d.field(n)))))
                    .collect()
            }
            (_, Cow::Owned(json)) => {
                let fields = json.as_object().into_iter().flatten();
                let fields = fields.map(|(name, value)| (name.as_str(), Cow::Owned(value.clone())));
                fields
                    .map(|(n, v)| {
                        let digits = self.digits.and_then(|d| d.field(n));
                        (n.to_owned().into(), self.part(v, digits))
                    })
                    .collect()
            }
        }
    }

    /// The items of a list; one value alone stands for a list of it.
    pub fn items(&self) -> Vec<Input<'a>> {
        if let Some(Value::List(items)) = self.literal {
            let items = items.iter();
            return items
                .map(|item| Input::of(Some(item), self.variables))
                .collect();
        }
        match &self.json {
            Cow::Borrowed(JsonValue::Array(items)) => {
                let items = items.iter().map(Cow::Borrowed).enumerate();
                items.map(|(at, item)| self.item(at, item)).collect()
            }
            Cow::Owned(JsonValue::Array(items)) => {
                let items = items.iter().cloned().map(Cow::Owned).enumerate();
                items.map(|(at, item)| self.item(at, item)).collect()
            }
            _ => vec![self.clone()],
        }
    }

    fn item(&self, at: usize, json: Cow<'a, JsonValue>) -> Self {
        self.part(json, self.digits.and_then(|digits| digits.item(at)))
    }

    fn part(&self, json: Cow<'a, JsonValue>, digits: Option<&'a Digits>) -> Self {
        Input {
            json,
            literal: None,
            digits,
            variables: self.variables,
        }
    }

    /// The value as JSON, of which nothing is changed.
    pub fn text(&self) -> String {
        match self.literal {
            Some(literal) => literal_text(literal, self.variables),
            None => json_text(&self.json, self.digits),
        }
    }
}

impl<'a> Variables<'a> {
    /// The digits of a value that is a variable.
    fn digits_of(&self, value: &Value) -> Option<&'a Digits> {
        match value {
            Value::Variable(name) => self.digits.of(name.as_str()),
            _ => None,
        }
    }
}

/// A literal as JSON, with its numbers as they are written.
fn literal_text(value: &Value, variables: Variables<'_>) -> String {
    match value {
        Value::Int(number) => number.as_str().to_owned(),
        Value::Float(number) => number.as_str().to_owned(),
        Value::List(items) => {
            let items = items.iter().map(|item| literal_text(item, variables));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| {
                evaluate(value, variables.values)?;
                let name = serde_json::Value::from(name.as_str());
                Some(format!("{name}:{}", literal_text(value, variables)))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        value => match evaluate(value, variables.values) {
            Some(json) => json_text(&json, variables.digits_of(value)),
            None => "null".to_owned(),
        },
    }
}
