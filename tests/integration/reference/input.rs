//! Input coercion: variables and arguments to values of their declared types.

use super::{execute::Variables, surface::SURFACE};
use async_graphql::{
    Name, Value as ConstValue,
    parser::{
        Positioned,
        types::{BaseType, Field, FieldDefinition, OperationDefinition, Type},
    },
};
use async_graphql_value::{Value, indexmap::IndexMap};
use chrono::DateTime;
use std::collections::HashMap;

/// The argument values of one field. An argument that is missing here was not given.
pub type Arguments = HashMap<Name, ConstValue>;

/// CoerceVariableValues(schema, operation, variableValues). An error is a request error.
pub fn coerce_variable_values(
    operation: &OperationDefinition,
    provided: &serde_json::Value,
) -> Result<Variables, String> {
    let mut coerced = Variables::new();
    for Positioned {
        node: definition, ..
    } in &operation.variable_definitions
    {
        let name = &definition.name.node;
        let ty = &definition.var_type.node;
        let value = match provided.get(name.as_str()) {
            Some(json) => Some(ConstValue::from_json(json.clone()).map_err(|e| e.to_string())?),
            None => None,
        };
        match (value, &definition.default_value) {
            (None, Some(default)) => {
                coerced.insert(name.clone(), coerce_value(&default.node, ty)?);
            }
            (None, None) if ty.nullable => {}
            (None, None) => return Err(format!("variable ${name} of type {ty} has no value")),
            (Some(value), _) => {
                coerced.insert(name.clone(), coerce_value(&value, ty)?);
            }
        }
    }
    Ok(coerced)
}

/// CoerceArgumentValues(objectType, field, variableValues). An error is an execution error.
pub fn coerce_argument_values(
    definition: &FieldDefinition,
    field: &Field,
    variables: &Variables,
) -> Result<Arguments, String> {
    let mut coerced = Arguments::new();
    for Positioned { node: argument, .. } in &definition.arguments {
        let name = &argument.name.node;
        let ty = &argument.ty.node;
        let given = field.get_argument(name).map(|value| &value.node);
        let value = match given {
            Some(literal) => substitute(literal, variables),
            None => None,
        };
        match (value, &argument.default_value) {
            (None, Some(default)) => {
                coerced.insert(name.clone(), default.node.clone());
            }
            (None | Some(ConstValue::Null), _) if !ty.nullable => {
                return Err(format!("argument {name} of type {ty} has no value"));
            }
            (None, None) => {}
            (Some(value), _) => {
                // A variable's value is coerced already, and coercing it again changes nothing.
                coerced.insert(name.clone(), coerce_value(&value, ty)?);
            }
        }
    }
    Ok(coerced)
}

/// Puts the values of variables into a literal. A variable without a value leaves the position as if
/// nothing were written there: an argument or a field of an input object is not given. In a list
/// there has to be something, and it stands for null.
fn substitute(literal: &Value, variables: &Variables) -> Option<ConstValue> {
    Some(match literal {
        Value::Variable(name) => variables.get(name)?.clone(),
        Value::List(items) => {
            let items = items.iter();
            let items = items.map(|item| substitute(item, variables).unwrap_or_default());
            ConstValue::List(items.collect())
        }
        Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| {
                let value = substitute(value, variables)?;
                Some((name.clone(), value))
            });
            ConstValue::Object(fields.collect())
        }
        leaf => leaf.clone().into_const()?,
    })
}

/// The input coercion rules of section 3, for the input types of the surface.
fn coerce_value(value: &ConstValue, ty: &Type) -> Result<ConstValue, String> {
    if *value == ConstValue::Null {
        return match ty.nullable {
            true => Ok(ConstValue::Null),
            false => Err(format!("null is no {ty}")),
        };
    }
    match &ty.base {
        BaseType::List(item) => {
            let coerced: Result<Vec<_>, _> = match value {
                ConstValue::List(values) => values
                    .iter()
                    .map(|value| coerce_value(value, item))
                    .collect(),
                one => coerce_value(one, item).map(|value| vec![value]),
            };
            coerced.map(ConstValue::List)
        }
        BaseType::Named(name) => match (name.as_str(), value) {
            ("Int", ConstValue::Number(number))
                if number
                    .as_i64()
                    .is_some_and(|int| i32::try_from(int).is_ok()) =>
            {
                Ok(value.clone())
            }
            ("Boolean", ConstValue::Boolean(_)) => Ok(value.clone()),
            ("String" | "ID", ConstValue::String(_)) => Ok(value.clone()),
            ("ID", ConstValue::Number(number)) if !number.is_f64() => {
                Ok(ConstValue::String(number.to_string()))
            }
            ("DateTime", ConstValue::String(text))
                if DateTime::parse_from_rfc3339(text).is_ok() =>
            {
                Ok(value.clone())
            }
            (input, ConstValue::Object(given)) => coerce_input_object(given, input),
            // A document writes an enum's value as a name, JSON as a string.
            (input, ConstValue::Enum(given)) => coerce_enum(given, input),
            (input, ConstValue::String(given)) => coerce_enum(given, input),
            _ => Err(format!("{value} is no {ty}")),
        },
    }
}

/// Section 3.10, Input Coercion. No field of the surface's input objects has a default.
fn coerce_input_object(
    given: &IndexMap<Name, ConstValue>,
    type_name: &str,
) -> Result<ConstValue, String> {
    let fields = SURFACE.input_fields(type_name);
    let mut coerced = IndexMap::new();
    for (name, value) in given {
        let field = fields.iter().find(|field| field.name.node == *name);
        let field = field.ok_or_else(|| format!("{type_name} has no field {name}"))?;
        coerced.insert(name.clone(), coerce_value(value, &field.ty.node)?);
    }
    let missing = fields
        .iter()
        .find(|field| !field.ty.node.nullable && !coerced.contains_key(&field.name.node));
    if let Some(field) = missing {
        return Err(format!("{type_name} lacks {}", field.name.node));
    }
    let is_one = coerced.len() == 1 && !coerced.values().any(|value| *value == ConstValue::Null);
    match is_one || !SURFACE.is_one_of(type_name) {
        true => Ok(ConstValue::Object(coerced)),
        false => Err(format!("{type_name} takes exactly one of its fields")),
    }
}

fn coerce_enum(given: &str, type_name: &str) -> Result<ConstValue, String> {
    match SURFACE.enum_values(type_name).contains(&given) {
        true => Ok(ConstValue::Enum(Name::new(given))),
        false => Err(format!("{given} is no {type_name}")),
    }
}
