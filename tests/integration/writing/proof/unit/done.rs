//! What there is when a unit of work is done, and whether it may be.

use std::collections::BTreeSet;

use super::super::model::{BAD_USER_INPUT, CONFLICT, FORBIDDEN, Not};
use super::super::rules::Act;
use super::super::tables::{Cell, Key, Row, State, Table};
use super::{KEY, Unit};

impl Unit<'_> {
    /// What there is when it is done.
    pub fn done(mut self) -> Result<State, Not> {
        if !self.codes.is_empty() {
            if self.never {
                self.codes.insert(FORBIDDEN);
            }
            if let Ok(true) = self.deleted(&mut self.model.state.clone()) {
                self.codes.insert(CONFLICT);
            }
            return Err(Not::Refused(self.codes));
        }
        if let Some(why) = self.open {
            return Err(Not::Open(why));
        }
        let mut after = self.model.state.clone();
        let restricted = self.deleted(&mut after)?;
        let shifts = self.shifts();
        for ((table, key), columns) in &self.updates {
            let Some(row) = after.of_mut(*table).get_mut(key) else {
                return Err(Not::Open("updated and deleted"));
            };
            if !columns.is_empty() {
                row.extend(columns.clone());
                touch(row);
            }
        }
        for ((table, key), row) in &self.inserts {
            after.of_mut(*table).insert(*key, row.clone());
        }
        self.renew(&mut after)?;
        let forbidden = self.never || !self.may_be(&after);
        let mut clashing = doubles(&after);
        clashing.extend(&self.taken);
        // Rules first: whoever may not write a row is not told which of its values are taken.
        let told = clashing.iter().any(|row| self.may_be_written(row, &after));
        match (forbidden, restricted || (forbidden && told)) {
            (true, true) => return Err(Not::Refused([FORBIDDEN, CONFLICT].into())),
            (true, false) => return Err(Not::Refused([FORBIDDEN].into())),
            (false, true) => return Err(Not::Refused([CONFLICT].into())),
            (false, false) => {}
        }
        if dangles(&after) {
            return Err(Not::Open("a key leads nowhere"));
        }
        if !clashing.is_empty() {
            return Err(match self.or_creates {
                true => Not::Open("what is created is there by then"),
                false => Not::Refused([CONFLICT].into()),
            });
        }
        match (shifts, disagree(&after)) {
            (true, _) => Err(Not::Open("unique values move from row to row")),
            (false, true) => Err(Not::Refused([BAD_USER_INPUT].into())),
            (false, false) => Ok(after),
        }
    }

    /// Changes rows of which only relations have changed, where a version of them was expected.
    fn renew(&self, after: &mut State) -> Result<(), Not> {
        for row in &self.expected {
            let columns = self.updates.get(row);
            let is_written = columns.is_some_and(|columns| !columns.is_empty());
            let before = leading_to(&self.model.state, *row);
            let now = leading_to(after, *row);
            if is_written || before == now {
                continue;
            }
            let mut moved = before.symmetric_difference(&now);
            if moved.any(|(table, key, _)| self.updates.contains_key(&(*table, *key))) {
                return Err(Not::Open("a row is moved, and perhaps by its own key"));
            }
            if let Some(row) = after.of_mut(row.0).get_mut(&row.1) {
                touch(row);
            }
        }
        Ok(())
    }

    /// Takes rows away, with those that go with them; whether others hold them.
    fn deleted(&self, after: &mut State) -> Result<bool, Not> {
        let mut gone: Vec<_> = self.deletes.iter().copied().collect();
        while let Some((table, key)) = gone.pop() {
            if self.updates.contains_key(&(table, key)) {
                return Err(Not::Open("updated and deleted"));
            }
            after.of_mut(table).remove(&key);
            match table {
                Table::Post => {
                    let comments = after.having(Table::Comment, "postId", &Cell::Int(key.0));
                    gone.extend(comments.into_iter().map(|c| (Table::Comment, c)));
                    after.of_mut(Table::PostTag).retain(|row, _| row.0 != key.0);
                }
                Table::Tag => after.of_mut(Table::PostTag).retain(|row, _| row.1 != key.0),
                Table::User => {
                    after.of_mut(Table::Profile).remove(&key);
                    let follows = after.of_mut(Table::Follow);
                    follows.retain(|row, _| row.0 != key.0 && row.1 != key.0);
                }
                _ => {}
            }
        }
        let held = dangling(after);
        let is_mended = |(table, key, column): &(Table, Key, &'static str)| {
            let columns = self.updates.get(&(*table, *key));
            columns.is_some_and(|columns| columns.contains_key(column))
        };
        match held.iter().any(is_mended) {
            true => Err(Not::Open("a row is let go of and deleted")),
            false => Ok(!held.is_empty()),
        }
    }

    /// Whether a row is given a unique value that another row gives up.
    fn shifts(&self) -> bool {
        let updated = self.updates.iter();
        let mut values = updated.flat_map(|((table, key), columns)| {
            let unique = table.unique().iter();
            unique.filter_map(move |c| Some((*table, *key, *c, columns.get(c)?)))
        });
        values.any(|(table, key, column, value)| {
            let holders = self.model.state.having(table, column, value);
            let mut others = holders.into_iter().filter(|other| *other != key);
            others.any(|other| self.updates.contains_key(&(table, other)))
        })
    }

    /// Whether rows may be as they are now.
    fn may_be(&self, after: &State) -> bool {
        let updated = self.updates.iter();
        let updated = updated.filter(|(_, columns)| !columns.is_empty());
        let mut written = updated.map(|(row, _)| row).chain(self.inserts.keys());
        written.all(|row| self.may_be_written(row, after))
    }

    /// Whether a row that is written may be as it is now.
    fn may_be_written(&self, row: &(Table, Key), after: &State) -> bool {
        let act = match self.inserts.contains_key(row) {
            true => Act::Create,
            false if self.updates.contains_key(row) => Act::Update,
            false => return false,
        };
        self.model.actor.may(act, after, row.0, row.1)
    }
}

/// What changes with every update.
fn touch(row: &mut Row) {
    if let Some(updated) = row.get_mut("updatedAt") {
        *updated = Cell::Now;
    }
    if let Some(Cell::Int(version)) = row.get_mut("version") {
        *version += 1;
    }
}

/// The foreign keys that lead to a row.
fn leading_to(state: &State, (to, at): (Table, Key)) -> BTreeSet<(Table, Key, &'static str)> {
    let mut all = BTreeSet::new();
    for table in Table::ALL {
        for (key, row) in state.of(table) {
            for (column, target, _) in table.refers() {
                if *target == to && row.get(column) == Some(&Cell::Int(at.0)) {
                    all.insert((table, *key, *column));
                }
            }
            let parts = [key.0, key.1].into_iter().zip(table.key_refers());
            for (part, target) in parts {
                if target == Some(to) && part == at.0 {
                    all.insert((table, *key, KEY));
                }
            }
        }
    }
    all
}

/// The foreign keys that lead nowhere.
fn dangling(state: &State) -> Vec<(Table, Key, &'static str)> {
    let mut all = Vec::new();
    for table in Table::ALL {
        for (key, row) in state.of(table) {
            for (column, to, _) in table.refers() {
                if let Some(Cell::Int(target)) = row.get(column)
                    && state.row(*to, (*target, 0)).is_none()
                {
                    all.push((table, *key, *column));
                }
            }
            let parts = [key.0, key.1].into_iter().zip(table.key_refers());
            for (part, to) in parts {
                if to.is_some_and(|to| state.row(to, (part, 0)).is_none()) {
                    all.push((table, *key, KEY));
                }
            }
        }
    }
    all
}

fn dangles(state: &State) -> bool {
    !dangling(state).is_empty()
}

/// Whether a comment answers one of another post: there was none before.
fn disagree(state: &State) -> bool {
    let comments = state.of(Table::Comment).values();
    let mut answers = comments.filter_map(|row| match row.get("parentId") {
        Some(Cell::Int(parent)) => Some((row, (*parent, 0))),
        _ => None,
    });
    answers.any(|(row, parent)| {
        let post = state.cell(Table::Comment, parent, "postId");
        row.get("postId") != Some(&post)
    })
}

/// The rows that have what only one may have.
fn doubles(state: &State) -> Vec<(Table, Key)> {
    let mut doubles = Vec::new();
    for table in Table::ALL {
        for column in table.unique() {
            for (key, row) in state.of(table) {
                let value = row.get(column);
                if value.is_some_and(|value| state.having(table, column, value).len() > 1) {
                    doubles.push((table, *key));
                }
            }
        }
    }
    doubles
}
