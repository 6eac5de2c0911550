//! What the argument `orderBy` means.

use super::{
    Data,
    rows::{Column, Property, Row, property},
};
use async_graphql::Value as ConstValue;
use std::cmp::Ordering;

/// The rows by the coerced orders, the first before the second, and where all of them are equal by
/// the primary key.
pub fn sort<'a>(
    data: &'a Data,
    rows: Vec<Row<'a>>,
    orders: &[ConstValue],
) -> Result<Vec<Row<'a>>, String> {
    let mut placed = Vec::new();
    for row in rows {
        placed.push((Position::of(data, row, orders)?, row));
    }
    placed.sort_by(|(one, _), (other, _)| one.compare(other));
    Ok(placed.into_iter().map(|(_, row)| row).collect())
}

/// Where a row stands in an order: what the orders compare, with their directions, and the key.
#[derive(Debug)]
pub struct Position<'a> {
    terms: Vec<(Option<Column<'a>>, &'a str)>,
    key: i64,
}

impl<'a> Position<'a> {
    pub fn of(data: &'a Data, row: Row<'a>, orders: &'a [ConstValue]) -> Result<Self, String> {
        let terms: Result<_, _> = orders.iter().map(|order| term(data, row, order)).collect();
        Ok(Self {
            terms: terms?,
            key: row.key(),
        })
    }

    /// Less where this one comes first. Both must be of one order.
    pub fn compare(&self, other: &Self) -> Ordering {
        let pairs = self.terms.iter().zip(&other.terms);
        let orderings = pairs.map(|((a, direction), (b, _))| compare(*a, *b, direction));
        let ordering = orderings.fold(Ordering::Equal, Ordering::then);
        ordering.then(self.key.cmp(&other.key))
    }
}

/// The value of a row that a coerced `…Order` compares, and the direction. Where there is no related
/// row there is no value either, not even a count of what it would be related to.
fn term<'a>(
    data: &'a Data,
    row: Row<'a>,
    order: &'a ConstValue,
) -> Result<(Option<Column<'a>>, &'a str), String> {
    let (name, value) = entry(order)?;
    match property(data, row, name) {
        Some(Property::Column(column)) => {
            data.permit(row.type_name(), name)?;
            Ok((column, direction(value)?))
        }
        Some(Property::One(Some(related))) => term(data, related, value),
        Some(Property::One(None)) => Ok((None, direction(value)?)),
        Some(Property::Many(related)) => {
            let count = i64::try_from(related.len()).map_err(|error| error.to_string())?;
            Ok((Some(Column::Int(count)), direction(value)?))
        }
        None => Err(format!("{} has no field {name}", row.type_name())),
    }
}

/// The direction at the end of the path that an order is.
fn direction(value: &ConstValue) -> Result<&str, String> {
    match value {
        ConstValue::Enum(direction) => Ok(direction),
        _ => direction(entry(value)?.1),
    }
}

/// The one entry of a coerced `@oneOf` object.
fn entry(value: &ConstValue) -> Result<(&str, &ConstValue), String> {
    let entry = match value {
        ConstValue::Object(entries) => entries.first(),
        _ => None,
    };
    let (name, value) = entry.ok_or_else(|| format!("{value} is no order"))?;
    Ok((name, value))
}

/// Null is the largest value, unless the direction places it.
fn compare(a: Option<Column>, b: Option<Column>, direction: &str) -> Ordering {
    let nulls_first = match direction {
        "ASC_NULLS_FIRST" | "DESC_NULLS_FIRST" => true,
        "ASC_NULLS_LAST" | "DESC_NULLS_LAST" => false,
        direction => direction == "DESC",
    };
    match (a, b) {
        (Some(a), Some(b)) if direction.starts_with("DESC") => b.cmp(&a),
        (Some(a), Some(b)) => a.cmp(&b),
        _ if nulls_first => a.is_some().cmp(&b.is_some()),
        _ => a.is_none().cmp(&b.is_none()),
    }
}
