//! How much a request's `where` and `orderBy` ask of the database, counted before a statement is written.
//!
//! Databases have limits of their own on how large an expression may be (SQLite: 1000 deep and 2000 terms of
//! an order; PostgreSQL: its stack), they take a subquery's time for each row and order, and a variable may
//! be used in many places: what is counted here keeps a request within those, and its values within memory.

use super::bind::Limits;
use super::order::OrderTerm;
use crate::error::{Code, Error};
use crate::graph::condition::Filter;
use crate::graph::keys::{KeyColumn, KeyValue, Keys};

/// Bytes of values in the conditions of one request, counted in each place they are used in.
const MAX_VALUES: usize = 32 << 20;

/// How deep conditions nest, relations or not: what SQLite's expressions have room for.
const MAX_DEPTH: usize = 60;

/// The conditions of a request so far.
#[derive(Debug, Default)]
pub struct Conditions {
    count: usize,
    values: usize,
}

impl Conditions {
    /// Adds those of the list at `path`, whose rows have a key of so many columns. The path is for messages
    /// alone.
    pub fn add(
        &mut self,
        path: impl Fn() -> String,
        filter: Option<&Filter>,
        order: &[OrderTerm],
        key: usize,
        limits: &Limits,
    ) -> Result<(), Error> {
        let filter = filter.map(Size::of).unwrap_or_default();
        self.count = self.count.saturating_add(filter.count);
        self.add_values(filter.values)?;
        let refused = |message| Err(Error::new(Code::LimitExceeded, message));
        // The key that every order ends with is not the client's.
        let (found, most) = (order.len().saturating_sub(key), limits.orders);
        if found > most {
            return refused(format!(
                "`orderBy` of `{}` has {found} orders, and {most} are allowed; leave out the last ones",
                path()
            ));
        }
        let (found, most) = (self.count, limits.conditions);
        if found > most {
            return refused(format!(
                "the request has {found} conditions by `{}`, and {most} are allowed; compare with many values by one `in`, or ask in several requests",
                path()
            ));
        }
        let of_order = order.iter().map(|term| term.path.len()).max();
        for (argument, found, most, what) in [
            ("where", filter.depth, MAX_DEPTH, "conditions"),
            (
                "where",
                filter.relations,
                limits.condition_depth,
                "relations",
            ),
            (
                "orderBy",
                of_order.unwrap_or(0),
                limits.condition_depth,
                "relations",
            ),
        ] {
            if found > most {
                let message = format!(
                    "`{argument}` of `{}` nests {what} {found} deep, and {most} is allowed; write `and` and `or` as one list, or ask in several requests",
                    path()
                );
                return Err(Error::new(Code::LimitExceeded, message).of_field(argument));
            }
        }
        Ok(())
    }

    /// Adds the keys that a root field looks up.
    pub fn add_keys(&mut self, keys: &Keys) -> Result<(), Error> {
        let of = |column: &KeyColumn| match column {
            KeyColumn::Int(keys) => keys.len() * size_of::<i64>(),
            KeyColumn::Text(keys) => keys.iter().map(|k| k.len() + size_of::<Box<str>>()).sum(),
        };
        self.add_values(keys.columns.iter().map(of).sum())
    }

    fn add_values(&mut self, bytes: usize) -> Result<(), Error> {
        self.values = self.values.saturating_add(bytes);
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        let (found, most) = (self.values, MAX_VALUES);
        Err(Error::new(
            Code::LimitExceeded,
            format!(
                "the values that the request searches by take {found} bytes or more, and {most} are allowed; a variable counts wherever it is used"
            ),
        ))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    count: usize,
    /// Of conditions in conditions, relations among them.
    depth: usize,
    relations: usize,
    values: usize,
}

impl Size {
    fn of(filter: &Filter) -> Size {
        let one = |values| Size {
            count: 1,
            depth: 1,
            relations: 0,
            values,
        };
        match filter {
            Filter::All(filters) | Filter::Any(filters) => {
                let inner = filters.iter().map(Size::of).reduce(Size::and);
                inner.unwrap_or_default().below()
            }
            Filter::Not(filter) => Size::of(filter).below(),
            Filter::Related { filter, .. } => {
                let inner = Size::of(filter).below();
                Size {
                    relations: inner.relations + 1,
                    ..inner
                }
            }
            Filter::Compare { value, .. } => one(bytes(value)),
            Filter::In { values, .. } => one(values.iter().map(bytes).sum()),
            Filter::List { items, .. } => one(items.iter().flatten().map(bytes).sum()),
            Filter::IsNull { .. }
            | Filter::IsEmpty { .. }
            | Filter::Mine { .. }
            | Filter::AmongMine { .. } => one(0),
            Filter::Text { text, .. } => one(text.len()),
        }
    }

    fn and(self, other: Size) -> Size {
        Size {
            count: self.count + other.count,
            depth: self.depth.max(other.depth),
            relations: self.relations.max(other.relations),
            values: self.values + other.values,
        }
    }

    fn below(self) -> Size {
        Size {
            count: self.count + 1,
            depth: self.depth + 1,
            ..self
        }
    }
}

fn bytes(value: &KeyValue) -> usize {
    let text = match value {
        KeyValue::Int(_) => 0,
        KeyValue::Text(text) => text.len(),
    };
    size_of::<KeyValue>() + text
}
