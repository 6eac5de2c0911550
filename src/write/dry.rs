//! What a unit of work would run, without a database: everything that is named is taken to be there, and everything is allowed.

use std::cell::RefCell;

use futures_util::FutureExt;

use super::run::Writer;
use super::unit::Units;
use crate::graph::keys::KeyValue;
use crate::graph::{Catalog, EntityId, Kind, Principal};
use crate::read::load::change::{Change, Foreign, ForeignRows, Given, Transaction};
use crate::read::load::rows::Rows;
use crate::read::load::{Connection, DatabaseError, Statement};
use crate::read::plan::Level;
use crate::read::sql::Dialect;

/// A statement that would be run.
#[derive(Debug)]
pub struct Planned {
    /// The place of the input that it is for.
    pub path: String,
    pub entity: EntityId,
    /// How many rows are bound to it; none where a condition finds them.
    pub rows: usize,
    pub sql: String,
}

/// The statements of each field, in their order.
pub fn plan(
    catalog: &Catalog,
    principal: &Principal,
    units: &Units,
    dialect: Dialect,
) -> Vec<Vec<Planned>> {
    match dialect {
        Dialect::Postgres => planned(catalog, principal, units, &Dry::<true>::default()),
        Dialect::Sqlite => planned(catalog, principal, units, &Dry::<false>::default()),
    }
}

fn planned<T: Transaction>(
    catalog: &Catalog,
    principal: &Principal,
    units: &Units,
    on: &T,
) -> Vec<Vec<Planned>> {
    let mut writer = Writer::new(catalog, principal, units, 1, on).dry();
    let acts = 0..units.acts.len();
    let each = acts.map(|act| {
        let doing = async {
            // Nothing refuses anything here, and nothing waits.
            let found = writer.find(act).await.is_ok();
            found && writer.apply(act).await.is_ok()
        };
        let _ = doing.now_or_never();
        let ran = writer.ran.drain(..);
        ran.map(|ran| Planned {
            path: ran.path,
            entity: ran.entity,
            rows: ran.ran.keys,
            sql: ran.ran.sql.to_string(),
        })
        .collect()
    });
    each.collect()
}

/// A transaction with nothing behind it.
#[derive(Default)]
struct Dry<const POSTGRES: bool> {
    keys: RefCell<i64>,
}

impl<const POSTGRES: bool> Connection for Dry<POSTGRES> {
    const DIALECT: Dialect = match POSTGRES {
        true => Dialect::Postgres,
        false => Dialect::Sqlite,
    };

    async fn run(&self, _: &Catalog, _: &Level, _: &Statement<'_>) -> Result<Rows, DatabaseError> {
        Ok(Rows::default())
    }
}

impl<const POSTGRES: bool> Transaction for Dry<POSTGRES> {
    /// A row for each that is bound: its place, and values of which no two are alike.
    async fn change(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        let rows = change.rows.max(1);
        if change.gives.is_empty() {
            return Ok(Vec::new());
        }
        let first = i64::from(POSTGRES);
        let row = |at: usize| {
            let values = change.gives.iter().enumerate();
            values
                .map(|(i, kind)| self.value(i, kind, first + at as i64))
                .collect()
        };
        Ok((0..rows).map(row).collect())
    }

    /// No hook runs here.
    async fn foreign(
        &self,
        _: &Foreign,
        _: impl Fn(&str) -> Option<Kind> + Send,
    ) -> Result<ForeignRows, DatabaseError> {
        Ok(ForeignRows::default())
    }
}

impl<const POSTGRES: bool> Dry<POSTGRES> {
    fn value(&self, i: usize, kind: &Kind, place: i64) -> Option<KeyValue> {
        if i == 0 && kind.is_integer() {
            return Some(KeyValue::Int(place));
        }
        let mut next = self.keys.borrow_mut();
        *next += 1;
        Some(match kind.is_integer() {
            true => KeyValue::Int(*next),
            false => KeyValue::Text(next.to_string().into()),
        })
    }
}
