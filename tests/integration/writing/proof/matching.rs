//! What the model leaves open, read from the database: the ids of new rows, and the moment of the request.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::model::FIRST_NEW;
use super::tables::{Cell, Key, Row, State, Table};

/// The ids that new rows have, by those of the model.
#[derive(Debug, Default)]
pub struct Ids(BTreeMap<(Table, i64), i64>);

impl Ids {
    fn of(&self, table: Table, id: i64) -> i64 {
        self.0.get(&(table, id)).copied().unwrap_or(id)
    }

    /// The ids of the rows of `model` in `database`, which was `before`.
    pub fn find(model: &State, before: &State, database: &State) -> Result<Self, String> {
        let mut ids = Ids::default();
        for table in [Table::User, Table::Tag, Table::Post] {
            ids.pair(table, model, before, database, &|row, _| {
                table.unique().iter().map(|c| row.get(c).cloned()).collect()
            })?;
        }
        // By what they say, where, and below what: comments that are alike in all of it are as good as each other.
        let depth = model.of(Table::Comment).len();
        ids.pair(Table::Comment, model, before, database, &|row, key| {
            let column = |name| row.get(name).cloned();
            let mut signature = vec![column("body"), column("postId"), column("authorId")];
            let state = if key.0 >= FIRST_NEW { model } else { database };
            // Of new rows the model's own numbers lead up.
            let mut above = Some(state.cell(Table::Comment, key, "parentId"));
            for _ in 0..depth {
                let Some(Cell::Int(parent)) = above else {
                    break;
                };
                let body = state.cell(Table::Comment, (parent, 0), "body");
                signature.push(Some(body));
                above = Some(state.cell(Table::Comment, (parent, 0), "parentId"));
            }
            signature
        })?;
        Ok(ids)
    }

    fn pair(
        &mut self,
        table: Table,
        model: &State,
        before: &State,
        database: &State,
        signature: &dyn Fn(&Row, Key) -> Vec<Option<Cell>>,
    ) -> Result<(), String> {
        let mut made: BTreeMap<Vec<Option<Cell>>, Vec<Key>> = BTreeMap::new();
        for (key, row) in database.of(table) {
            if before.row(table, *key).is_none() {
                made.entry(signature(row, *key)).or_default().push(*key);
            }
        }
        for (key, row) in model.of(table).range((FIRST_NEW, 0)..) {
            let row = self.renamed_row(table, row);
            let keys = made.get_mut(&signature(&row, *key));
            match keys.filter(|keys| !keys.is_empty()) {
                Some(keys) => self.0.insert((table, key.0), keys.remove(0).0),
                None => return Err(format!("there is no new {table:?} with {row:?}")),
            };
        }
        Ok(())
    }

    fn renamed_row(&self, table: Table, row: &Row) -> Row {
        let mut row = row.clone();
        for (column, to, _) in table.refers() {
            if let Some(Cell::Int(id)) = row.get_mut(column) {
                *id = self.of(*to, *id);
            }
        }
        row
    }

    pub fn key(&self, table: Table, key: Key) -> Key {
        if table.is_numbered() {
            return (self.of(table, key.0), 0);
        }
        let part = |id, to: Option<Table>| to.map_or(id, |to| self.of(to, id));
        let [one, other] = table.key_refers();
        (part(key.0, one), part(key.1, other))
    }

    /// The same state with these ids, and this moment.
    pub fn rename(&self, state: &State, now: Option<DateTime<Utc>>) -> State {
        let mut renamed = State::default();
        for table in Table::ALL {
            for (key, row) in state.of(table) {
                let mut row = self.renamed_row(table, row);
                for cell in row.values_mut() {
                    if let (Cell::Now, Some(now)) = (&cell, now) {
                        *cell = Cell::Time(now);
                    }
                }
                renamed.of_mut(table).insert(self.key(table, *key), row);
            }
        }
        renamed
    }
}

/// Whether all ids are known, and the moment: what was changed and then deleted has kept neither.
pub fn is_known(state: &State) -> bool {
    Table::ALL.iter().all(|table| {
        let mut rows = state.of(*table).iter();
        rows.all(|(key, row)| {
            let is_open = row.values().any(|cell| *cell == Cell::Now);
            key.0 < FIRST_NEW && key.1 < FIRST_NEW && !is_open
        })
    })
}

/// The moment of the request: one, wherever the model says that it is written.
pub fn moment(model: &State, database: &State) -> Result<Option<DateTime<Utc>>, String> {
    let mut moment = None;
    for table in Table::ALL {
        for (key, row) in model.of(table) {
            for (column, _) in row.iter().filter(|(_, cell)| **cell == Cell::Now) {
                let Cell::Time(time) = database.cell(table, *key, column) else {
                    return Err(format!("{table:?} {key:?} has no {column}"));
                };
                let known = moment.get_or_insert(time);
                if *known != time {
                    return Err(format!(
                        "{table:?} {key:?}: {column} is {time}, not {known}"
                    ));
                }
            }
        }
    }
    Ok(moment)
}

/// How they differ, in short.
pub fn difference(model: &State, database: &State) -> Option<String> {
    let mut lines = Vec::new();
    for table in Table::ALL {
        let (expected, got) = (model.of(table), database.of(table));
        let keys = expected.keys().chain(got.keys());
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let (expected, got) = (expected.get(key), got.get(key));
            if expected != got {
                lines.push(format!(
                    "{table:?} {key:?}:\n  model    {expected:?}\n  database {got:?}"
                ));
            }
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
