//! The variables of a request: JSON, whose numbers may have more digits than a float keeps.
//!
//! Coercion by GraphQL's rules needs numbers that are numbers, so the digits travel beside them, and take their place
//! once it is done: a number that is written in a document is its digits from the beginning.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use apollo_compiler::ast::{Type, Value, VariableDefinition};
use apollo_compiler::executable::Operation;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use super::coerced::are_coerced;
use crate::graph::decimal;

/// What a request gives for its variables.
#[derive(Debug, Default)]
pub struct Variables {
    pub(crate) values: JsonMap,
    digits: Option<Digits>,
    /// Whether there is perhaps a whole number that no float is.
    wide: bool,
}

/// Where numbers stand of which a float would lose something, and how they are written.
#[derive(Debug, Clone)]
pub enum Digits {
    Number(Box<str>),
    /// By their places, ascending.
    Items(Vec<(usize, Digits)>),
    /// By their names, ascending.
    Fields(Vec<(Box<str>, Digits)>),
}

impl Variables {
    /// Those of a JSON object, or of `null`.
    pub fn parse(json: &str) -> serde_json::Result<Self> {
        Self::received(serde_json::from_str(json)?)
    }

    /// Its texts are not copied: they share what they stand in.
    fn received(json: Box<RawValue>) -> serde_json::Result<Self> {
        let bytes = Bytes::from(String::from(Box::<str>::from(json)));
        // It was a text before.
        let json = std::str::from_utf8(&bytes).unwrap_or_default();
        let mut readable = String::new();
        let mut copied = 0;
        let (mut loses, mut wide) = (false, false);
        for number in numbers(json) {
            let text = &json[number.clone()];
            wide |= text.len() > 15 || text.contains(['e', 'E']);
            if !may_lose(text) || serde_json::from_str::<&RawValue>(text).is_err() {
                continue;
            }
            let whole = decimal::whole(text);
            // A JSON scalar keeps even these digits: `2.0` is no `2` there.
            let whole = whole.map(|whole| whole.to_string());
            loses |= whole.as_deref() != Some(text);
            // JSON has one type of numbers: `2.0` is the whole number that an `Int` may hold. What is beyond all
            // floats is refused where a float is meant, by its digits.
            let instead = match whole {
                Some(whole) => whole,
                None if text.parse().is_ok_and(f64::is_finite) => continue,
                None => "1e308".to_owned(),
            };
            readable.push_str(&json[copied..number.start]);
            readable.push_str(&instead);
            copied = number.end;
        }
        let values = JsonValue::from_bytes(match copied {
            0 => bytes.clone(),
            _ => (readable + &json[copied..]).into(),
        })?;
        // What has been read is JSON, and not nested too deep.
        let digits = loses.then(|| Reader { json, at: 0 }.value()).flatten();
        Ok(Variables {
            values: match values {
                JsonValue::Object(values) => values,
                JsonValue::Null => JsonMap::new(),
                // This says what it is instead.
                _ => serde_json::from_str(json)?,
            },
            digits,
            wide,
        })
    }

    /// All that they are, as a text by which they are told from others.
    pub(crate) fn text(&self) -> String {
        let values = serde_json::to_string(&self.values).unwrap_or_default();
        match &self.digits {
            Some(digits) => format!("{values} {digits:?}"),
            None => values,
        }
    }

    /// Whether they are what coercion would make of them, to the last digit.
    pub(crate) fn are_coerced(&self, schema: &Schema, operation: &Operation) -> bool {
        !self.wide && self.digits.is_none() && are_coerced(schema, operation, &self.values)
    }

    /// The values to be coerced. That takes no number beyond 64 bits for an `ID`, and none of more than 53 that is whole
    /// for a `Float`, which both are by the specification.
    pub(crate) fn to_coerce(
        &self,
        schema: &Schema,
        definitions: &[Node<VariableDefinition>],
    ) -> Cow<'_, JsonMap> {
        if !self.wide {
            return Cow::Borrowed(&self.values);
        }
        let mut values = self.values.clone();
        for definition in definitions {
            let name = definition.name.as_str();
            if let Some(value) = values.get_mut(name) {
                let digits = self.digits.as_ref().and_then(|d| d.field(name));
                fit(schema, &definition.ty, value, digits);
            }
        }
        Cow::Owned(values)
    }

    /// Puts the digits of numbers in the place of floats, in coerced values. Numbers in JSON stay numbers.
    pub(crate) fn restore(
        &self,
        schema: &Schema,
        coerced: &mut JsonMap,
        definitions: &[Node<VariableDefinition>],
    ) {
        for definition in definitions {
            let name = definition.name.as_str();
            let Some(value) = coerced.get_mut(name) else {
                continue;
            };
            if let Some(digits) = self.of(definition) {
                restore(value, &digits, Some((schema, &definition.ty)));
            }
        }
    }

    /// The digits of all variables.
    pub(crate) fn digits(&self, definitions: &[Node<VariableDefinition>]) -> AllDigits {
        let all = definitions.iter().filter_map(|definition| {
            let digits = self.of(definition)?.into_owned();
            Some((definition.name.as_str().into(), digits))
        });
        AllDigits(all.collect())
    }

    fn of(&self, definition: &VariableDefinition) -> Option<Cow<'_, Digits>> {
        let name = definition.name.as_str();
        let default = definition.default_value.as_ref();
        let of_default = default
            .filter(|_| !self.values.contains_key(name))
            .and_then(|default| of_literal(default));
        let given = || self.digits.as_ref().and_then(|digits| digits.field(name));
        of_default
            .map(Cow::Owned)
            .or_else(|| given().map(Cow::Borrowed))
    }
}

/// The digits of each variable of a request, as it was given or by its default.
#[derive(Debug, Default)]
pub struct AllDigits(HashMap<Box<str>, Digits>);

impl AllDigits {
    pub fn of(&self, variable: &str) -> Option<&Digits> {
        self.0.get(variable)
    }
}

/// A value as JSON, whose numbers are written as they were given.
pub fn json_text(value: &JsonValue, digits: Option<&Digits>) -> String {
    match (value, digits) {
        (JsonValue::Number(_), Some(Digits::Number(text))) => text.to_string(),
        (JsonValue::Array(items), Some(digits @ Digits::Items(_))) => {
            let items = items.iter().enumerate();
            let items = items.map(|(at, item)| json_text(item, digits.item(at)));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        (JsonValue::Object(fields), Some(digits @ Digits::Fields(_))) => {
            let fields = fields.iter().map(|(name, value)| {
                let digits = digits.field(name.as_str());
                let name = JsonValue::from(name.as_str());
                format!("{name}:{}", json_text(value, digits))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        (value, _) => value.to_string(),
    }
}

impl From<JsonMap> for Variables {
    fn from(values: JsonMap) -> Self {
        Variables {
            values,
            digits: None,
            wide: true,
        }
    }
}

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Variables::received(json).map_err(D::Error::custom)
    }
}

impl Digits {
    pub fn field(&self, name: &str) -> Option<&Digits> {
        let Digits::Fields(fields) = self else {
            return None;
        };
        let at = fields.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        Some(&fields[at].1)
    }

    /// Those of an item of a list, or of the one value that stands for a list of it.
    pub fn item(&self, at: usize) -> Option<&Digits> {
        let Digits::Items(items) = self else {
            return (at == 0).then_some(self);
        };
        let at = items.binary_search_by_key(&at, |(i, _)| *i).ok()?;
        Some(&items[at].1)
    }
}

fn fit(schema: &Schema, ty: &Type, value: &mut JsonValue, digits: Option<&Digits>) {
    match value {
        JsonValue::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                let digits = digits.and_then(|d| d.item(at));
                fit(schema, ty.item_type(), item, digits);
            }
        }
        JsonValue::Object(fields) => {
            let of = schema.types.get(ty.inner_named_type());
            if let Some(ExtendedType::InputObject(of)) = of {
                for (name, value) in fields {
                    let digits = digits.and_then(|d| d.field(name.as_str()));
                    if let Some(field) = of.fields.get(name.as_str()) {
                        fit(schema, &field.ty, value, digits);
                    }
                }
            }
        }
        JsonValue::Number(number) => match (ty.inner_named_type().as_str(), digits) {
            ("ID", Some(Digits::Number(text))) if !text.contains(['.', 'e', 'E']) => {
                *value = JsonValue::from(&**text);
            }
            ("Float", _) if !number.is_f64() => {
                *value = number.as_f64().map_or(JsonValue::Null, JsonValue::from);
            }
            _ => {}
        },
        _ => {}
    }
}

/// What a value is of, where that is known.
type Of<'s> = Option<(&'s Schema, &'s Type)>;

fn restore(value: &mut JsonValue, digits: &Digits, of: Of<'_>) {
    if of.is_some_and(|(_, ty)| ty.inner_named_type() == "JSON") {
        return;
    }
    let item_of = of.map(|(schema, ty)| (schema, ty.item_type()));
    match (value, digits) {
        (JsonValue::Array(items), Digits::Items(of_items)) => {
            for (at, digits) in of_items {
                if let Some(item) = items.get_mut(*at) {
                    restore(item, digits, item_of);
                }
            }
        }
        // By GraphQL's list coercion one value stands for a list of it.
        (JsonValue::Array(items), digits) => {
            if let [item] = &mut items[..] {
                restore(item, digits, item_of);
            }
        }
        (JsonValue::Object(fields), Digits::Fields(of_fields)) => {
            for (name, digits) in of_fields {
                if let Some(value) = fields.get_mut(&**name) {
                    restore(value, digits, of.and_then(|of| field_of(of, name)));
                }
            }
        }
        (number @ JsonValue::Number(_), Digits::Number(text)) if number.is_f64() => {
            *number = JsonValue::from(&**text);
        }
        _ => {}
    }
}

fn field_of<'s>((schema, ty): (&'s Schema, &'s Type), name: &str) -> Of<'s> {
    match schema.types.get(ty.inner_named_type())? {
        ExtendedType::InputObject(of) => Some((schema, &*of.fields.get(name)?.ty)),
        _ => None,
    }
}

/// Whether a float, or a whole number of 64 bits, is perhaps not what a number is written as.
fn may_lose(number: &str) -> bool {
    number.len() > 18 || number == "-0" || number.contains(['.', 'e', 'E'])
}

fn of_literal(value: &Value) -> Option<Digits> {
    match value {
        Value::Int(number) => of_number(number.as_str()),
        Value::Float(number) => of_number(number.as_str()),
        Value::List(items) => {
            let items = items.iter().enumerate();
            let of_items: Vec<_> = items
                .filter_map(|(at, item)| Some((at, of_literal(item)?)))
                .collect();
            (!of_items.is_empty()).then_some(Digits::Items(of_items))
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            of_fields(
                fields
                    .map(|(name, value)| (name.as_str().into(), of_literal(value)))
                    .collect(),
            )
        }
        _ => None,
    }
}

fn of_fields(mut fields: Vec<(Box<str>, Option<Digits>)>) -> Option<Digits> {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut ordered: Vec<(Box<str>, Option<Digits>)> = Vec::with_capacity(fields.len());
    for field in fields {
        match ordered.last_mut() {
            // Of a name that stands twice the last counts.
            Some(last) if last.0 == field.0 => *last = field,
            _ => ordered.push(field),
        }
    }
    let ordered = ordered.into_iter();
    let ordered: Vec<_> = ordered
        .filter_map(|(name, digits)| Some((name, digits?)))
        .collect();
    (!ordered.is_empty()).then_some(Digits::Fields(ordered))
}

fn of_number(text: &str) -> Option<Digits> {
    may_lose(text).then(|| Digits::Number(text.into()))
}

/// Where the numbers stand in a text, if it is JSON.
fn numbers(json: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            match bytes[at] {
                b'"' => at = after_string(bytes, at),
                b'-' | b'0'..=b'9' => {
                    at = after_number(bytes, at);
                    return Some(start..at);
                }
                _ => at += 1,
            }
        }
        None
    })
}

fn after_string(json: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < json.len() {
        match json[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn after_number(json: &[u8], start: usize) -> usize {
    let number = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
    let rest = &json[start..];
    start + rest.iter().position(|b| !number(b)).unwrap_or(rest.len())
}

/// Reads the digits out of what is known to be JSON.
struct Reader<'j> {
    json: &'j str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Digits> {
        let bytes = self.json.as_bytes();
        let start = self.at + space(&bytes[self.at..]);
        self.at = start;
        match bytes.get(start)? {
            b'{' => {
                let mut fields = Vec::new();
                self.each(b'}', |reader| {
                    let name = reader.at;
                    reader.at = after_string(bytes, name);
                    let name = serde_json::from_str::<Box<str>>(&reader.json[name..reader.at]);
                    reader.at += space(&bytes[reader.at..]) + 1;
                    let digits = reader.value();
                    if let Ok(name) = name {
                        fields.push((name, digits));
                    }
                });
                of_fields(fields)
            }
            b'[' => {
                let (mut items, mut at) = (Vec::new(), 0);
                self.each(b']', |reader| {
                    items.extend(reader.value().map(|digits| (at, digits)));
                    at += 1;
                });
                (!items.is_empty()).then_some(Digits::Items(items))
            }
            b'"' => {
                self.at = after_string(bytes, start);
                None
            }
            b'-' | b'0'..=b'9' => {
                self.at = after_number(bytes, start);
                of_number(&self.json[start..self.at])
            }
            _ => {
                let rest = &bytes[start..];
                let end = rest.iter().position(|b| !b.is_ascii_alphabetic());
                self.at = start + end.unwrap_or(rest.len());
                None
            }
        }
    }

    /// Calls for each member of an object or list, at its beginning.
    fn each(&mut self, end: u8, mut member: impl FnMut(&mut Self)) {
        let bytes = self.json.as_bytes();
        loop {
            // Behind the bracket or the comma.
            self.at += 1;
            self.at += space(bytes.get(self.at..).unwrap_or_default());
            match bytes.get(self.at) {
                None => return,
                Some(byte) if *byte == end => {
                    self.at += 1;
                    return;
                }
                Some(_) => member(self),
            }
            self.at += space(bytes.get(self.at..).unwrap_or_default());
            if bytes.get(self.at) != Some(&b',') {
                self.at += 1;
                return;
            }
        }
    }
}

/// How much white space there is.
fn space(json: &[u8]) -> usize {
    let white = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
    json.iter().position(|b| !white(b)).unwrap_or(json.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    /// A value as the server has it: each number that was restored as a text.
    fn restored(json: &str) -> Json {
        let variables = Variables::parse(json).unwrap_or_else(|e| panic!("{json}: {e}"));
        let mut values = variables.values.clone();
        if let Some(Digits::Fields(fields)) = &variables.digits {
            for (name, digits) in fields {
                if let Some(value) = values.get_mut(&**name) {
                    restore(value, digits, None);
                }
            }
        }
        serde_json::to_value(values).unwrap()
    }

    #[test]
    fn every_digit_comes_back_where_it_stood() {
        let json = r#" { "a" : [ 1 , 0.12345678901234567890123456789012345,{"b\u0063":1e400, "}": "0.1"}, [] , true, -0 ],
            "n": 9007199254740993, "big": 1234567890123456789012345678901234567890, "w": 2.0, "x": 1E2, "\\": null, "s": "\"1.5" } "#;
        let expected = json!({
            "a": [1, "0.12345678901234567890123456789012345", { "bc": "1e400", "}": "0.1" }, [], true, 0],
            "n": 9007199254740993_i64, "big": "1234567890123456789012345678901234567890", "w": 2, "x": 100, "\\": null, "s": "\"1.5",
        });
        assert_eq!(restored(json), expected);
        // The last of equal names counts.
        assert_eq!(
            restored(r#"{"a": 0.12345678901234567890, "a": 0.5}"#),
            json!({ "a": "0.5" })
        );
        assert_eq!(
            restored(r#"{"a": 0.12345678901234567890, "a": 5}"#),
            json!({ "a": 5 })
        );
        assert_eq!(restored("null"), json!({}));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for json in [
            "",
            "{",
            "[]",
            "{\"a\": 1.}",
            "{\"a\": 01}",
            "{\"a\": -}",
            "{\"a\": 1.5e}",
            "{\"a\": \"\\",
            "{\"a\": 2.0.0}",
        ] {
            assert!(Variables::parse(json).is_err(), "{json}");
        }
        let deep = format!(
            "{{\"a\": {}0.5{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(Variables::parse(&deep).is_err());
    }

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            any::<bool>().prop_map(Json::from),
            any::<String>().prop_map(Json::from),
            Just(Json::Null),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::hash_map("[a-c\"\\\\{},\u{e9}]{0,3}", inner, 0..4)
                    .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Numbers alone may become others: whole ones whole, and floats their digits.
    fn alike(sent: &Json, got: &Json) -> bool {
        match (sent, got) {
            (Json::Number(n), got) if n.is_f64() => match got {
                Json::String(digits) => *digits == n.to_string(),
                got => got
                    .as_i64()
                    .is_some_and(|whole| n.as_f64() == Some(whole as f64)),
            },
            (Json::Array(a), Json::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
            }
            (Json::Object(a), Json::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| alike(a, b)))
            }
            (a, b) => a == b,
        }
    }

    proptest! {
        #[test]
        fn any_json_is_read_as_it_is(value in value(), pretty in any::<bool>()) {
            let sent = json!({ "v": value });
            let text = if pretty { serde_json::to_string_pretty(&sent) } else { serde_json::to_string(&sent) };
            let got = restored(&text.unwrap());
            prop_assert!(alike(&sent, &got), "{}", got);
        }
    }
}
