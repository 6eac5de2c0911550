//! `where`: from the argument of a list to a condition on its rows.

use std::borrow::Cow;

use apollo_compiler::ast::Value;
use apollo_compiler::response::{JsonMap, JsonValue};

use super::bind::{column_key, key_of_text, no_value, text_of};
use crate::error::{Code, Error};
use crate::graph::condition::{Compare, Filter, ListCompare, Quantifier, Reach, TextPart};
use crate::graph::keys::{KeyValue, NoValue};
use crate::graph::rules::{Rules, Visibility};
use crate::graph::{Cardinality, Catalog, ColumnIx, EntityId, FieldSource, Kind, RelationId};

/// Binds a `where` to its value, which GraphQL has coerced.
pub fn bind(
    catalog: &Catalog,
    rules: &Rules,
    entity: EntityId,
    value: &JsonValue,
) -> Result<Filter, Error> {
    let mut binder = Binder {
        catalog,
        rules,
        path: vec![Step::Name("where")],
    };
    binder.entity(entity, value)
}

struct Binder<'a> {
    catalog: &'a Catalog,
    rules: &'a Rules,
    /// Where in the argument.
    path: Vec<Step<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl std::fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Name(name) => f.write_str(name),
            Step::Index(i) => write!(f, "{i}"),
        }
    }
}

impl<'a> Binder<'a> {
    /// Binds what stands below a step, with the path leading there.
    fn below<T>(
        &mut self,
        step: Step<'a>,
        bind: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.path.push(step);
        let bound = bind(self);
        self.path.pop();
        bound
    }

    fn entity(&mut self, entity: EntityId, value: &'a JsonValue) -> Result<Filter, Error> {
        let Some(fields) = value.as_object() else {
            return Err(self.null("leave it out"));
        };
        let mut all = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let name = name.as_str();
            let bound = self.below(Step::Name(name), |b| b.field(entity, name, value))?;
            all.push(bound);
        }
        Ok(only(all, Filter::All))
    }

    fn field(
        &mut self,
        entity: EntityId,
        name: &str,
        value: &'a JsonValue,
    ) -> Result<Filter, Error> {
        match name {
            "and" => return Ok(only(self.list(entity, value)?, Filter::All)),
            "or" => return Ok(only(self.list(entity, value)?, Filter::Any)),
            "not" => return Ok(Filter::Not(Box::new(self.entity(entity, value)?))),
            _ => {}
        }
        let of = &self.catalog.entities[entity];
        match of.field(name).map(|f| f.source) {
            Some(FieldSource::Id) => self.id(entity, value),
            Some(FieldSource::Column(column)) => self.column(entity, column, value),
            Some(FieldSource::Relation(relation)) => self.relation(relation, value),
            Some(FieldSource::Own(own)) => match self.catalog.owns.fields[own].sql {
                Some(expression) => self.column(entity, expression, value),
                None => Err(self.null("leave it out")),
            },
            Some(FieldSource::Connection(_) | FieldSource::Aggregate(_)) | None => {
                Err(self.null("leave it out"))
            }
        }
    }

    fn list(&mut self, entity: EntityId, value: &'a JsonValue) -> Result<Vec<Filter>, Error> {
        let Some(items) = value.as_array() else {
            // By GraphQL's list coercion one value stands for a list of it.
            let bound = self.below(Step::Index(0), |b| b.entity(entity, value))?;
            return Ok(vec![bound]);
        };
        let bind = |(i, item)| self.below(Step::Index(i), |b| b.entity(entity, item));
        items.iter().enumerate().map(bind).collect()
    }

    fn relation(&mut self, id: RelationId, value: &'a JsonValue) -> Result<Filter, Error> {
        let relation = &self.catalog.relations[id];
        if let Cardinality::One { .. } = relation.cardinality {
            return Ok(Filter::Related {
                relation: id,
                quantifier: Quantifier::Some,
                filter: Box::new(self.entity(relation.to, value)?),
                reach: Reach::Visible,
            });
        }
        let Some(quantifiers) = value.as_object() else {
            return Err(self.null("leave it out"));
        };
        let mut all = Vec::with_capacity(quantifiers.len());
        for (name, value) in quantifiers {
            let quantifier = match name.as_str() {
                "some" => Quantifier::Some,
                "none" => Quantifier::None,
                _ => Quantifier::Every,
            };
            let step = Step::Name(name.as_str());
            let filter = self.below(step, |b| b.entity(relation.to, value))?;
            all.push(Filter::Related {
                relation: id,
                quantifier,
                filter: Box::new(filter),
                reach: Reach::Visible,
            });
        }
        Ok(only(all, Filter::All))
    }

    /// Conditions on a global id: on each column of the primary key.
    fn id(&mut self, entity: EntityId, value: &'a JsonValue) -> Result<Filter, Error> {
        let columns = &self.catalog.entities[entity].primary_key;
        let equals = |key: Vec<KeyValue>| {
            let parts = columns
                .iter()
                .zip(key)
                .map(|(&column, value)| Filter::Compare {
                    column,
                    compare: Compare::Eq,
                    value,
                });
            only(parts.collect(), Filter::All)
        };
        self.operators(value, |b, operator, value| {
            let key = |b: &Self, value: &JsonValue| {
                let text = text_of(value);
                key_of_text(b.catalog, entity, &text).map_err(|why| b.no_value(value, why))
            };
            Ok(match operator {
                "eq" => equals(key(b, value)?),
                "ne" => Filter::Not(Box::new(equals(key(b, value)?))),
                "isNull" => negated_if(Filter::NEVER, value.as_bool() == Some(false)),
                _ => {
                    let keys: Vec<_> = b.items(value, key)?;
                    let negated = operator == "notIn";
                    match &columns[..] {
                        [column] => Filter::In {
                            column: *column,
                            negated,
                            values: keys.into_iter().flatten().collect(),
                        },
                        _ => {
                            negated_if(Filter::Any(keys.into_iter().map(equals).collect()), negated)
                        }
                    }
                }
            })
        })
    }

    fn column(
        &mut self,
        entity: EntityId,
        ix: ColumnIx,
        value: &'a JsonValue,
    ) -> Result<Filter, Error> {
        require_visible(self.catalog, self.rules, entity, ix)
            .map_err(|e| e.of_field(self.path()))?;
        let column = self.catalog.entities[entity].column(ix);
        if let Kind::Array(of) = &column.kind {
            return self.list_column(ix, of, value);
        }
        let parse = |b: &Self, value: &JsonValue| {
            let parsed = match column.refers_to {
                Some(to) => key_of_text(b.catalog, to, &text_of(value)),
                None => column_key(&column.kind, value),
            };
            let parsed = parsed.map_err(|why| b.no_value(value, why))?;
            parsed
                .into_iter()
                .next()
                .ok_or_else(|| b.no_value(value, NoValue::Malformed))
        };
        self.operators(value, |b, operator, value| {
            let compare = |compare: Compare, value: KeyValue| Filter::Compare {
                column: ix,
                compare,
                value,
            };
            let part = |b: &Self, part: TextPart, fold: bool| {
                let text = text_of(value);
                if text.contains('\0') {
                    return Err(b.no_value(value, NoValue::Malformed));
                }
                Ok(Filter::Text {
                    column: ix,
                    part,
                    fold,
                    text: text.into_owned(),
                })
            };
            Ok(match operator {
                "eq" => compare(Compare::Eq, parse(b, value)?),
                "ne" => compare(Compare::Ne, parse(b, value)?),
                "lt" => compare(Compare::Lt, parse(b, value)?),
                "lte" => compare(Compare::Lte, parse(b, value)?),
                "gt" => compare(Compare::Gt, parse(b, value)?),
                "gte" => compare(Compare::Gte, parse(b, value)?),
                "isNull" => Filter::IsNull {
                    column: ix,
                    is: value.as_bool() == Some(true),
                },
                "contains" => part(b, TextPart::Anywhere, false)?,
                "startsWith" => part(b, TextPart::Start, false)?,
                "endsWith" => part(b, TextPart::End, false)?,
                "iEq" => part(b, TextPart::Whole, true)?,
                "iContains" => part(b, TextPart::Anywhere, true)?,
                "iStartsWith" => part(b, TextPart::Start, true)?,
                "iEndsWith" => part(b, TextPart::End, true)?,
                _ => {
                    let values: Vec<_> = b.items(value, parse)?;
                    match (operator, values.is_empty()) {
                        // To a database everything is none of nothing, null too.
                        ("notIn", true) => Filter::IsNull {
                            column: ix,
                            is: false,
                        },
                        _ => Filter::In {
                            column: ix,
                            negated: operator == "notIn",
                            values,
                        },
                    }
                }
            })
        })
    }

    /// Conditions on a column of lists.
    fn list_column(
        &mut self,
        column: ColumnIx,
        of: &Kind,
        value: &'a JsonValue,
    ) -> Result<Filter, Error> {
        self.operators(value, |b, operator, value| {
            let compare = match operator {
                "eq" => ListCompare::Eq,
                "ne" => ListCompare::Ne,
                "contains" => ListCompare::Contains,
                _ => {
                    let is = value.as_bool() == Some(true);
                    return Ok(match operator {
                        "isEmpty" => Filter::IsEmpty { column, is },
                        _ => Filter::IsNull { column, is },
                    });
                }
            };
            let item = |b: &Self, item: &JsonValue| {
                if item.is_null() {
                    return Ok(None);
                }
                let parsed = column_key(of, item).map_err(|why| b.no_value(item, why))?;
                Ok(parsed.into_iter().next())
            };
            Ok(Filter::List {
                column,
                compare,
                items: b.items(value, item)?,
            })
        })
    }

    /// All operators of a filter object, none of whose values may be null.
    fn operators(
        &mut self,
        value: &'a JsonValue,
        mut bind: impl FnMut(&mut Self, &str, &'a JsonValue) -> Result<Filter, Error>,
    ) -> Result<Filter, Error> {
        let Some(operators) = value.as_object() else {
            return Err(self.null("ask `{ isNull: true }`, or leave it out"));
        };
        let mut all = Vec::with_capacity(operators.len());
        for (name, value) in operators {
            let name = name.as_str();
            let bound = self.below(Step::Name(name), |b| match value.is_null() {
                true => Err(b.null("ask `{ isNull: true }`, or leave it out")),
                false => bind(b, name, value),
            })?;
            all.push(bound);
        }
        Ok(only(all, Filter::All))
    }

    fn items<T>(
        &mut self,
        value: &JsonValue,
        bind: impl Fn(&Self, &JsonValue) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let Some(items) = value.as_array() else {
            return Ok(vec![self.below(Step::Index(0), |b| bind(b, value))?]);
        };
        let bind = |(i, item)| self.below(Step::Index(i), |b| bind(b, item));
        items.iter().enumerate().map(bind).collect()
    }

    /// `where.and.0.author.name`
    fn path(&self) -> String {
        let steps: Vec<_> = self.path.iter().map(Step::to_string).collect();
        steps.join(".")
    }

    fn null(&self, remedy: &str) -> Error {
        let path = self.path();
        Error::input(format!("`{path}` is null, which is no condition; {remedy}")).of_field(path)
    }

    fn no_value(&self, value: &JsonValue, why: NoValue) -> Error {
        let path = self.path();
        no_value(value, why, "for", &path).of_field(path)
    }
}

fn negated_if(filter: Filter, negated: bool) -> Filter {
    match negated {
        true => Filter::Not(Box::new(filter)),
        false => filter,
    }
}

/// A list of one is that one.
fn only(mut filters: Vec<Filter>, combine: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match filters.len() {
        1 => filters.remove(0),
        _ => combine(filters),
    }
}

/// By a column of which somebody sees no value he may not search or sort either: the answer would tell. Where some are
/// hidden from him, those are null to him.
pub fn require_visible(
    catalog: &Catalog,
    rules: &Rules,
    entity: EntityId,
    column: ColumnIx,
) -> Result<(), Error> {
    let of = &catalog.entities[entity];
    let is_hidden = |column| *rules.column(entity, column) == Visibility::Nothing;
    let hidden = match of.expression(column) {
        Some(expression) => expression.ruled.iter().any(|&column| is_hidden(column)),
        None => is_hidden(column),
    };
    match hidden {
        false => Ok(()),
        true => Err(Error::new(
            Code::Forbidden,
            format!(
                "you may not search, sort or aggregate {} by `{}`, which you may not see",
                of.type_name,
                of.column(column).field
            ),
        )),
    }
}

/// The value of an argument with its variables filled in; `None` where it comes to an absent variable,
/// which is as if it had not been written.
pub fn evaluate<'v>(value: &Value, variables: &'v JsonMap) -> Option<Cow<'v, JsonValue>> {
    // As text, which keeps every digit.
    filled_in(value, variables, |number| number.into())
}

/// The same of an argument that is JSON, whose numbers are numbers.
pub fn evaluate_json<'v>(value: &Value, variables: &'v JsonMap) -> Option<Cow<'v, JsonValue>> {
    let number = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
    filled_in(value, variables, number)
}

fn filled_in<'v>(
    value: &Value,
    variables: &'v JsonMap,
    number: impl Fn(&str) -> JsonValue + Copy,
) -> Option<Cow<'v, JsonValue>> {
    let literal: JsonValue = match value {
        // The whole of an argument is one most often, and can be long.
        Value::Variable(name) => return variables.get(name.as_str()).map(Cow::Borrowed),
        Value::String(s) => s.as_str().into(),
        Value::Enum(name) => name.as_str().into(),
        Value::Int(i) => number(i.as_str()),
        Value::Float(f) => number(f.as_str()),
        Value::Boolean(b) => (*b).into(),
        Value::List(items) => items
            .iter()
            .map(|v| filled_in(v, variables, number).map_or(JsonValue::Null, Cow::into_owned))
            .collect(),
        Value::Null => JsonValue::Null,
        Value::Object(fields) => {
            let given = fields.iter().filter_map(|(name, v)| {
                let value = filled_in(v, variables, number)?;
                Some((name.as_str().into(), value.into_owned()))
            });
            given.collect::<JsonMap>().into()
        }
    };
    Some(Cow::Owned(literal))
}
