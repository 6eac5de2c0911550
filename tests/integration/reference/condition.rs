//! What the argument `where` means.
//!
//! There are two truth values. A comparison with null is false, also one for difference, and `not`
//! turns whatever comes out around: it holds where the comparison was with null.

use super::{
    Data,
    resolve::{key, string},
    rows::{Column, Property, Row, property},
};
use async_graphql::{Name, Value as ConstValue};
use async_graphql_value::indexmap::IndexMap;
use chrono::DateTime;

type Entries = IndexMap<Name, ConstValue>;
type Truth = Result<bool, String>;

/// Whether the row meets all entries of a coerced `…Where`. The error is the message of an execution
/// error; the server may refuse such a request before it runs.
pub fn matches(data: &Data, row: Row, condition: &ConstValue) -> Truth {
    all(entries(condition)?, |(name, value)| {
        holds(data, row, name, value)
    })
}

fn holds(data: &Data, row: Row, name: &str, value: &ConstValue) -> Truth {
    match name {
        "and" => return all(items(value)?, |item| matches(data, row, item)),
        "or" => return any(items(value)?, |item| matches(data, row, item)),
        "not" => return matches(data, row, value).map(|truth| !truth),
        _ => {}
    }
    match property(data, row, name) {
        Some(Property::Column(column)) => {
            data.permit(row.type_name(), name)?;
            all(entries(value)?, |(operator, operand)| {
                compare(column, operator, operand)
            })
        }
        Some(Property::One(None)) => entries(value).map(|_| false),
        Some(Property::One(Some(related))) => matches(data, related, value),
        Some(Property::Many(related)) => all(entries(value)?, |(quantifier, condition)| {
            let matching = |related: &Row| matches(data, *related, condition);
            match quantifier.as_str() {
                "some" => any(&related, matching),
                "none" => any(&related, matching).map(|truth| !truth),
                "every" => all(&related, matching),
                _ => Err(format!("there is no quantifier {quantifier}")),
            }
        }),
        None => Err(format!("{} has no field {name}", row.type_name())),
    }
}

/// Whether a column's value stands in this relation to the operand.
fn compare(column: Option<Column>, operator: &str, operand: &ConstValue) -> Truth {
    match (operator, operand) {
        (_, ConstValue::Null) => return Err(format!("{operator} takes no null")),
        ("isNull", operand) => return Ok(ConstValue::Boolean(column.is_none()) == *operand),
        _ => {}
    }
    let Some(column) = column else {
        return Ok(false);
    };
    let equals = |operand: &ConstValue| Ok(column == read(column, operand)?);
    match operator {
        "eq" => equals(operand),
        "ne" => equals(operand).map(|truth| !truth),
        "in" => any(items(operand)?, equals),
        "notIn" => any(items(operand)?, equals).map(|truth| !truth),
        "lt" => Ok(column < read(column, operand)?),
        "lte" => Ok(column <= read(column, operand)?),
        "gt" => Ok(column > read(column, operand)?),
        "gte" => Ok(column >= read(column, operand)?),
        _ => compare_text(column, operator, string(operand)),
    }
}

fn compare_text(column: Column, operator: &str, operand: &str) -> Truth {
    let Column::Text(text) = column else {
        return Err(format!("{operator} is for texts"));
    };
    let text_lower = folded(text);
    let operand_lower = &*folded(operand);
    Ok(match operator {
        "contains" => text.contains(operand),
        "startsWith" => text.starts_with(operand),
        "endsWith" => text.ends_with(operand),
        "iEq" => text_lower == operand_lower,
        "iContains" => text_lower.contains(operand_lower),
        "iStartsWith" => text_lower.starts_with(operand_lower),
        "iEndsWith" => text_lower.ends_with(operand_lower),
        _ => return Err(format!("there is no operator {operator}")),
    })
}

/// Without upper and lower case, each character by itself.
fn folded(text: &str) -> String {
    let one = text.chars().map(|c| match c {
        'ς' => 'σ',
        'İ' => 'i',
        c => c,
    });
    one.flat_map(char::to_lowercase).collect()
}

/// A coerced operand as a value of the same kind as the column's.
fn read<'a>(column: Column, operand: &'a ConstValue) -> Result<Column<'a>, String> {
    match (column, operand) {
        (Column::Id(type_name, _), ConstValue::String(id)) => {
            Ok(Column::Id(type_name, key(type_name, id)?))
        }
        (Column::Text(_), ConstValue::String(text)) => Ok(Column::Text(text)),
        (Column::Int(_), ConstValue::Number(number)) => {
            number.as_i64().map(Column::Int).ok_or("no integer".into())
        }
        (Column::Time(_), ConstValue::String(text)) => {
            let time = DateTime::parse_from_rfc3339(text).map_err(|e| e.to_string())?;
            Ok(Column::Time(time.to_utc()))
        }
        (Column::Enum(_), ConstValue::Enum(name)) => {
            let values = [
                "draft",
                "published",
                "archived",
                "reader",
                "author",
                "admin",
            ];
            let value = values
                .into_iter()
                .find(|value| value.to_uppercase() == *name);
            value.map(Column::Enum).ok_or(format!("there is no {name}"))
        }
        _ => Err(format!("{operand} cannot be compared with the column")),
    }
}

fn entries(value: &ConstValue) -> Result<&Entries, String> {
    match value {
        ConstValue::Object(entries) => Ok(entries),
        _ => Err(format!("{value} is no condition")),
    }
}

fn items(value: &ConstValue) -> Result<&[ConstValue], String> {
    match value {
        ConstValue::List(items) => Ok(items),
        _ => Err(format!("{value} is no list")),
    }
}

/// Whether it is true of every item. The first error ends it.
fn all<T>(items: impl IntoIterator<Item = T>, mut truth: impl FnMut(T) -> Truth) -> Truth {
    for item in items {
        if !truth(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether it is true of some item. The first error ends it.
fn any<T>(items: impl IntoIterator<Item = T>, mut truth: impl FnMut(T) -> Truth) -> Truth {
    for item in items {
        if truth(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}
