//! `orderBy`: the client's order, then the primary key, so that no two rows ever tie.

use apollo_compiler::response::JsonValue;

use super::filter::require_visible;
use crate::error::Error;
use crate::graph::rules::Rules;
use crate::graph::{
    Cardinality, Catalog, ColumnIx, Direction, EntityId, FieldSource, Nulls, RelationId,
};
use crate::schema::DIRECTIONS;

/// One of the things that rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerm {
    /// The to-one relations that lead to the row whose value counts.
    pub path: Vec<RelationId>,
    pub by: OrderValue,
    pub direction: Direction,
    pub nulls: Nulls,
    /// As the database itself sorts the column, so that an index serves; else texts by their bytes.
    pub native: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderValue {
    Column(ColumnIx),
    /// How many visible rows a to-many relation leads to.
    Count(RelationId),
}

/// Binds an `orderBy` to its value, which GraphQL has coerced; empty for the default order.
pub fn bind(
    catalog: &Catalog,
    rules: &Rules,
    entity: EntityId,
    value: &JsonValue,
) -> Result<Vec<OrderTerm>, Error> {
    let one = std::slice::from_ref(value);
    let items = value.as_array().map_or(one, Vec::as_slice);
    let mut terms = Vec::with_capacity(items.len() + 1);
    for (i, item) in items.iter().enumerate() {
        if !item.is_null() {
            terms.extend(bind_term(catalog, rules, entity, i, item)?);
        }
    }
    if terms.is_empty() {
        return Ok(terms);
    }
    for &column in &catalog.entities[entity].primary_key {
        let by = OrderValue::Column(column);
        if !terms.iter().any(|t| t.path.is_empty() && t.by == by) {
            terms.push(OrderTerm {
                path: Vec::new(),
                by,
                direction: Direction::Asc,
                nulls: Nulls::Last,
                native: false,
            });
        }
    }
    Ok(terms)
}

/// The order of a list where the client gives none.
pub fn default(order: &[(ColumnIx, Direction)]) -> Vec<OrderTerm> {
    let term = |&(column, direction)| OrderTerm {
        path: Vec::new(),
        by: OrderValue::Column(column),
        direction,
        nulls: Nulls::Last,
        native: true,
    };
    order.iter().map(term).collect()
}

/// What an order is, as text: equal for equal orders of one entity, in any process.
pub fn described(catalog: &Catalog, entity: EntityId, terms: &[OrderTerm]) -> String {
    let mut text = catalog.entities[entity].type_name.clone();
    for term in terms {
        let mut of = entity;
        for &step in &term.path {
            text.push('.');
            text.push_str(&catalog.relations[step].name);
            of = catalog.relations[step].to;
        }
        text.push('.');
        text.push_str(match term.by {
            OrderValue::Column(column) => &catalog.entities[of].column(column).name,
            OrderValue::Count(relation) => &catalog.relations[relation].name,
        });
        text.push_str(match (term.direction, term.nulls, term.native) {
            (Direction::Asc, Nulls::First, _) => " asc first",
            (Direction::Asc, Nulls::Last, false) => " asc last",
            (Direction::Asc, Nulls::Last, true) => " asc",
            (Direction::Desc, Nulls::First, _) => " desc first",
            (Direction::Desc, Nulls::Last, false) => " desc last",
            (Direction::Desc, Nulls::Last, true) => " desc",
        });
    }
    text
}

fn bind_term(
    catalog: &Catalog,
    rules: &Rules,
    mut entity: EntityId,
    index: usize,
    mut value: &JsonValue,
) -> Result<Vec<OrderTerm>, Error> {
    let mut path = Vec::new();
    let mut names = Vec::new();
    let place = |names: &[&str]| {
        let index = index.to_string();
        let steps = ["orderBy", &index].into_iter().chain(names.iter().copied());
        steps.collect::<Vec<_>>().join(".")
    };
    let incomplete = |names: &[&str]| {
        let at = place(names);
        Error::input(format!("`{at}` needs a direction, ASC or DESC")).of_field(at.clone())
    };
    loop {
        // By @oneOf there is exactly one.
        let Some((name, inner)) = value.as_object().and_then(|o| o.iter().next()) else {
            return Err(incomplete(&names));
        };
        names.push(name.as_str());
        let field = catalog.entities[entity].field(name.as_str());
        let by_column = |column| {
            require_visible(catalog, rules, entity, column)
                .map_err(|e| e.of_field(place(&names)))?;
            Ok(vec![OrderValue::Column(column)])
        };
        let by: Vec<OrderValue> = match field.map(|f| f.source) {
            Some(FieldSource::Id) => {
                let key = &catalog.entities[entity].primary_key;
                key.iter().map(|&c| OrderValue::Column(c)).collect()
            }
            Some(FieldSource::Column(column)) => by_column(column)?,
            Some(FieldSource::Own(own)) => match catalog.owns.fields[own].sql {
                Some(expression) => by_column(expression)?,
                None => return Err(incomplete(&names)),
            },
            Some(FieldSource::Relation(id)) => {
                let relation = &catalog.relations[id];
                match relation.cardinality {
                    Cardinality::One { .. } => {
                        path.push(id);
                        entity = relation.to;
                        value = inner;
                        continue;
                    }
                    Cardinality::Many => vec![OrderValue::Count(id)],
                }
            }
            Some(FieldSource::Connection(_) | FieldSource::Aggregate(_)) | None => {
                return Err(incomplete(&names));
            }
        };
        let direction = match inner.as_object() {
            Some(of_count) => of_count.get("count").and_then(JsonValue::as_str),
            None => inner.as_str(),
        };
        let Some((direction, nulls)) = direction.and_then(parse) else {
            return Err(incomplete(&names));
        };
        let term = |by| OrderTerm {
            path: path.clone(),
            by,
            direction,
            nulls,
            native: false,
        };
        return Ok(by.into_iter().map(term).collect());
    }
}

fn parse(name: &str) -> Option<(Direction, Nulls)> {
    let found = DIRECTIONS.iter().find(|d| d.0 == name)?;
    Some((found.1, found.2))
}
