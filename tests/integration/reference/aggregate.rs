//! What aggregates mean: numbers and extremes of all rows of a list, or of each group of them.

use super::{
    Data,
    input::Arguments,
    resolve::{MAX_LIMIT, Object, Resolution, Resolved, count, given, leaf, unknown},
    rows::{Column, Property, Row, property},
};
use async_graphql::Value as ConstValue;
use std::collections::BTreeMap;

/// The rows of a list that agree in some columns, or simply all of them.
#[derive(Clone)]
pub struct Group<'a> {
    key: Key<'a>,
    rows: Vec<Row<'a>>,
}

/// The columns that the rows of a group agree in, by the names of their fields.
#[derive(Clone, Default)]
pub struct Key<'a>(Vec<(String, Option<Column<'a>>)>);

#[derive(Clone, Copy)]
pub enum Function {
    Min,
    Max,
    Sum,
    Avg,
}

impl<'a> Group<'a> {
    pub fn whole(rows: Vec<Row<'a>>) -> Self {
        let key = Key::default();
        Self { key, rows }
    }

    pub fn resolve(&self, data: &'a Data, field: &str, arguments: &Arguments) -> Resolution<'a> {
        let values = |function| Resolved::Object(Object::Values(function, self.rows.clone()));
        Ok(match field {
            "count" => Resolved::Leaf(self.rows.len().into()),
            "min" => values(Function::Min),
            "max" => values(Function::Max),
            "sum" => values(Function::Sum),
            "avg" => values(Function::Avg),
            "key" => Resolved::Object(Object::GroupKey(self.key.clone())),
            "groups" => {
                let groups = groups(data, &self.rows, arguments)?.into_iter();
                Resolved::List(groups.map(Object::Group).map(Resolved::Object).collect())
            }
            _ => return unknown("an aggregate", field),
        })
    }
}

impl<'a> Key<'a> {
    /// The value of a column that the rows are grouped by; none for another column.
    pub fn column(&self, field: &str) -> Option<Column<'a>> {
        let mut columns = self.0.iter();
        columns.find(|(name, _)| name == field)?.1
    }
}

fn groups<'a>(
    data: &'a Data,
    rows: &[Row<'a>],
    arguments: &Arguments,
) -> Result<Vec<Group<'a>>, String> {
    let Some(ConstValue::List(by)) = given(arguments, "by") else {
        return Err("by is no list".to_owned());
    };
    let limit = count(arguments, "limit")?;
    let offset = count(arguments, "offset")?.unwrap_or(0);
    let mut fields = Vec::new();
    for column in by {
        let field = field_of(column)?;
        for_everyone(data, &field)?;
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    if fields.is_empty() {
        return Err("groups need a column that they are by".to_owned());
    }

    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        let mut columns = Vec::new();
        for field in &fields {
            let value = column(data, *row, field)?;
            // Null is after all values.
            columns.push((value.is_none(), value));
        }
        groups.entry(columns).or_default().push(*row);
    }
    if limit.is_none() && groups.len().saturating_sub(offset) > MAX_LIMIT {
        return Err(format!("there are more than {MAX_LIMIT} groups"));
    }
    let groups = groups.into_iter().map(|(columns, rows)| {
        let columns = columns.into_iter().map(|(_, column)| column);
        let key = Key(fields.iter().cloned().zip(columns).collect());
        Group { key, rows }
    });
    let limit = limit.unwrap_or(MAX_LIMIT);
    Ok(groups.skip(offset).take(limit).collect())
}

/// The name of the field that a value of a `…Column` enum means: `publishedAt` for `PUBLISHED_AT`.
fn field_of(column: &ConstValue) -> Result<String, String> {
    let ConstValue::Enum(column) = column else {
        return Err(format!("{column} is no column"));
    };
    let words = column.split('_').enumerate().map(|(index, word)| {
        let first = if index == 0 { 0 } else { 1 };
        let (first, rest) = word.split_at(first);
        format!("{first}{}", rest.to_lowercase())
    });
    Ok(words.collect())
}

/// The value of a column of the rows, as the function makes it of those that are not null.
pub fn value<'a>(
    data: &'a Data,
    function: Function,
    rows: &[Row<'a>],
    field: &str,
) -> Resolution<'a> {
    for_everyone(data, field)?;
    let mut columns = Vec::new();
    for row in rows {
        columns.extend(column(data, *row, field)?);
    }
    let extreme = match function {
        Function::Min => columns.into_iter().min(),
        Function::Max => columns.into_iter().max(),
        Function::Sum | Function::Avg => return number(function, &columns),
    };
    Ok(extreme.map_or(Resolved::Null, leaf))
}

/// Sums are texts, being too large for an `Int`. An average is a number, and JSON writes a whole one
/// without a fraction.
fn number<'a>(function: Function, columns: &[Column]) -> Resolution<'a> {
    let mut sum = 0_i64;
    for column in columns {
        let Column::Int(number) = column else {
            return Err(format!("{column:?} is no number"));
        };
        sum += number;
    }
    if columns.is_empty() {
        return Ok(Resolved::Null);
    }
    let average = sum as f64 / columns.len() as f64;
    Ok(Resolved::Leaf(match function {
        Function::Avg if average.fract() == 0.0 => (average as i64).into(),
        Function::Avg => average.into(),
        _ => sum.to_string().into(),
    }))
}

/// Refuses, whether there are rows or not.
fn for_everyone(data: &Data, field: &str) -> Result<(), String> {
    match data.seen {
        None => data.permit("User", field),
        Some(_) => Ok(()),
    }
}

fn column<'a>(data: &'a Data, row: Row<'a>, field: &str) -> Result<Option<Column<'a>>, String> {
    data.permit(row.type_name(), field)?;
    match property(data, row, field) {
        Some(Property::Column(column)) => Ok(column),
        _ => Err(format!("{} has no column {field}", row.type_name())),
    }
}
