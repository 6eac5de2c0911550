//! Exact sums on SQLite, whose own end at 64 bits and take decimals for floats.

use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::ValueRef;

use crate::read::decimal::{Decimal, Sum};

/// `backref_sum(value, scale)`: the sum of a column's numbers, as text with as many digits after the point as the
/// scale says, or as they have; null of none.
pub(super) struct ExactSum;

#[derive(Default)]
pub(super) struct State {
    any: bool,
    sum: Sum,
    scale: Option<u32>,
}

impl Aggregate<State, Option<String>> for ExactSum {
    fn init(&self, context: &mut Context<'_>) -> rusqlite::Result<State> {
        Ok(State {
            scale: context.get(1)?,
            ..State::default()
        })
    }

    fn step(&self, context: &mut Context<'_>, state: &mut State) -> rusqlite::Result<()> {
        let value = context.get_raw(0);
        if let ValueRef::Integer(i) = value {
            state.sum.add_integer(i);
            state.any = true;
        } else if let Some(decimal) = decimal(value, state.scale) {
            state.sum.add(&decimal);
            state.any = true;
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        state: Option<State>,
    ) -> rusqlite::Result<Option<String>> {
        let state = state.filter(|s| s.any);
        Ok(state.map(|s| s.sum.total().text(s.scale)))
    }
}

/// The decimal that a value of a column with this scale stands for.
pub(super) fn decimal(value: ValueRef<'_>, scale: Option<u32>) -> Option<Decimal> {
    match value {
        ValueRef::Integer(i) => Some(Decimal::of_integer(i)),
        ValueRef::Real(f) => Decimal::of_float(f, scale),
        ValueRef::Text(text) | ValueRef::Blob(text) => Decimal::of_text(text),
        ValueRef::Null => None,
    }
}
