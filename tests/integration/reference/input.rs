//! Input coercion: variables and arguments to values of their declared types.

use super::execute::Variables;
use async_graphql::{
    Name, Value as ConstValue,
    parser::{
        Positioned,
        types::{BaseType, Field, FieldDefinition, OperationDefinition, Type},
    },
};
use async_graphql_value::Value;
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
            Some(Value::Variable(variable)) => variables.get(variable).cloned(),
            Some(literal) => Some(substitute(literal, variables)),
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

/// Puts the values of variables into a list or object literal. Inside a list, a variable without
/// a value stands for null.
fn substitute(literal: &Value, variables: &Variables) -> ConstValue {
    let value = literal.clone().into_const_with(|name| {
        Ok::<_, std::convert::Infallible>(variables.get(&name).cloned().unwrap_or_default())
    });
    value.unwrap_or_else(|never| match never {})
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
            _ => Err(format!("{value} is no {ty}")),
        },
    }
}
