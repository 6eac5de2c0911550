//! What a unit of work would run, without a database: the code that runs it goes every way that there is (`run/doubt.rs`).

use std::cell::Cell;

use futures_util::FutureExt;

use super::run::{Doubt, RanOf, Writer};
use super::unit::Units;
use crate::graph::keys::KeyValue;
use crate::graph::{Catalog, Kind, Principal};
use crate::read::explain::Writing;
use crate::read::load::change::{Change, Foreign, ForeignRows, Given, Transaction};
use crate::read::load::rows::Rows;
use crate::read::load::{Connection, DatabaseError, Statement};
use crate::read::plan::Level;
use crate::read::sql::Dialect;

/// The statements of a field, in their order.
#[derive(Debug, Default)]
pub struct Planned {
    /// Those that find what it names.
    pub found: Vec<Writing>,
    /// Those that write.
    pub written: Vec<Writing>,
    /// Whether what it gives is read between the two, since it is gone then.
    pub reads_between: bool,
}

/// The statements of each field. `most` rows match a condition.
pub fn plan(
    catalog: &Catalog,
    principal: &Principal,
    units: &Units,
    most: u32,
    dialect: Dialect,
) -> Vec<Planned> {
    let keys = Cell::new(i64::MIN);
    match dialect {
        Dialect::Postgres => planned(catalog, principal, units, &Dry::<true> { most, keys }),
        Dialect::Sqlite => planned(catalog, principal, units, &Dry::<false> { most, keys }),
    }
}

fn planned<const POSTGRES: bool>(
    catalog: &Catalog,
    principal: &Principal,
    units: &Units,
    on: &Dry<POSTGRES>,
) -> Vec<Planned> {
    let mut writer = Writer::new(catalog, principal, units, on.most, on).dry();
    let acts = 0..units.acts.len();
    let each = acts.map(|act| {
        // Nothing refuses anything here, and nothing waits.
        if writer.comes_alone(act) {
            let _ = writer.change_alone(act, async {}).now_or_never();
            return Planned {
                written: told(writer.ran.drain(..), on.most),
                ..Planned::default()
            };
        }
        let _ = writer.find(act).now_or_never();
        let found = told(writer.ran.drain(..), on.most);
        let _ = writer.apply(act).now_or_never();
        Planned {
            found,
            written: told(writer.ran.drain(..), on.most),
            reads_between: writer.deletes(act),
        }
    });
    each.collect()
}

/// Statements as they are told, each once where the next is the same.
fn told(ran: impl Iterator<Item = RanOf>, most: u32) -> Vec<Writing> {
    let mut all: Vec<Writing> = Vec::new();
    for RanOf {
        path,
        entity,
        doubt: Doubt { perhaps, many },
        ran,
    } in ran
    {
        // What is found by a condition has nothing bound to it but that.
        let matching = ran.keys == 0;
        let rows = if matching { most as usize } else { ran.keys };
        let rows = (!many).then_some(rows);
        if let Some(last) = all.last_mut()
            && last.perhaps
            && perhaps
            && *last.sql == *ran.sql
        {
            last.times += 1;
            last.rows = last.rows.zip(rows).map(|(last, rows)| last.max(rows));
            continue;
        }
        all.push(Writing {
            path,
            entity,
            rows,
            matching,
            perhaps,
            times: 1,
            sql: ran.sql.to_string(),
        });
    }
    all
}

/// A transaction with nothing behind it.
struct Dry<const POSTGRES: bool> {
    /// How many rows match a condition.
    most: u32,
    keys: Cell<i64>,
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
    /// A row for each that is bound, and one more: there may be others beside it. No two values are alike.
    async fn change(&self, change: &Change) -> Result<Vec<Given>, DatabaseError> {
        if change.gives.is_empty() {
            return Ok(Vec::new());
        }
        let rows = match change.rows {
            0 => self.most as usize,
            bound => bound + 1,
        };
        let row = |_| {
            let values = change.gives.iter();
            values.map(|kind| Some(self.value(kind))).collect()
        };
        Ok((0..rows).map(row).collect())
    }

    async fn change_before<R>(
        &self,
        _: &Change,
        behind: impl Future<Output = R>,
    ) -> Result<(u64, R), DatabaseError> {
        Ok((1, behind.await))
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
    fn value(&self, kind: &Kind) -> KeyValue {
        let next = self.keys.get() + 1;
        self.keys.set(next);
        match kind.is_integer() {
            true => KeyValue::Int(next),
            false => KeyValue::Text(next.to_string().into()),
        }
    }
}
