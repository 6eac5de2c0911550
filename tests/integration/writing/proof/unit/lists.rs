//! What an input says of many related rows.

use super::super::model::NOT_FOUND;
use super::super::request::{Id, Many};
use super::super::rules::Act;
use super::super::tables::{Cell, Key, Relation, Table, Way};
use super::{Unit, presets};

impl Unit<'_> {
    pub(super) fn list(&mut self, key: Key, relation: &Relation, many: &Many) {
        let comes = many.connect.iter().chain(many.set.iter().flatten());
        let (model, goes) = (&self.model, &many.disconnect);
        let same = |one: &Id, other: &Id| model.key_of(one) == model.key_of(other);
        let mut both = comes.filter(|id| goes.iter().any(|other| same(id, other)));
        if both.next().is_some() {
            self.open("connected and disconnected");
        }
        for new in &many.create {
            match relation.way {
                Way::Many(column) => {
                    self.create(new, Some((column, key.0)));
                }
                Way::Through(junction, first) => {
                    let far = self.create(new, None);
                    self.link(junction, pair(key, far, first));
                }
                _ => {}
            }
        }
        for id in &many.connect {
            if let Some(far) = self.found(id, relation.to) {
                self.connect(key, relation, far);
            }
        }
        for id in &many.disconnect {
            if let Some(far) = self.found(id, relation.to) {
                self.disconnect(key, relation, far);
            }
        }
        let current = self.related(key, relation);
        if let Some(set) = &many.set {
            let wanted: Vec<_> = set
                .iter()
                .filter_map(|id| self.found(id, relation.to))
                .collect();
            let seen = current.iter().filter(|far| {
                let actor = self.model.actor;
                actor.sees(&self.model.state, relation.to, **far)
            });
            // What else is said of a row along the relation says what becomes of it.
            let updated = many.update.iter().map(|(id, ..)| id);
            let said = many.connect.iter().chain(updated);
            let said: Vec<_> = said.filter_map(|id| self.model.key_of(id)).collect();
            let gone = seen.filter(|far| !wanted.contains(far) && !said.contains(far));
            let gone: Vec<_> = gone.copied().collect();
            for far in gone {
                match relation.way {
                    Way::Many("postId") => self.orphan(relation.to, far),
                    _ => self.disconnect(key, relation, far),
                }
            }
            for far in wanted {
                self.connect(key, relation, far);
            }
        }
        for (id, change, expected) in &many.update {
            let far = self.among(&current, id, relation.to);
            self.update_if_there(relation.to, far, change, *expected);
        }
        for id in &many.delete {
            if let Some(far) = self.among(&current, id, relation.to) {
                self.delete(relation.to, far, None);
            }
        }
    }

    /// A comment that its post no longer has.
    fn orphan(&mut self, table: Table, key: Key) {
        let actor = self.model.actor;
        if !actor.may(Act::Delete, &self.model.state, table, key) {
            self.open("the rule for what is owned and set away");
        }
        self.deletes.insert((table, key));
    }

    /// A row that must be among those of a relation. What else is wrong with it, and with what is said below it, may be told
    /// first.
    fn among(&mut self, current: &[Key], id: &Id, table: Table) -> Option<Key> {
        let far = self.found(id, table)?;
        if !current.contains(&far) {
            self.codes.insert(NOT_FOUND);
        }
        Some(far)
    }

    /// The rows that a relation leads to before.
    fn related(&self, key: Key, relation: &Relation) -> Vec<Key> {
        let state = &self.model.state;
        match relation.way {
            Way::Many(column) => state.having(relation.to, column, &Cell::Int(key.0)),
            Way::Through(junction, first) => {
                let rows = state.of(junction).keys();
                let rows = rows.filter_map(|&(one, other)| match first {
                    true => (one == key.0).then_some((other, 0)),
                    false => (other == key.0).then_some((one, 0)),
                });
                rows.collect()
            }
            _ => Vec::new(),
        }
    }

    fn connect(&mut self, key: Key, relation: &Relation, far: Key) {
        match relation.way {
            Way::Through(junction, first) => self.link(junction, pair(key, far, first)),
            Way::Many(column) => self.give(relation.to, far, column, Cell::Int(key.0)),
            _ => {}
        }
    }

    fn disconnect(&mut self, key: Key, relation: &Relation, far: Key) {
        match relation.way {
            Way::Through(junction, first) => self.unlink(junction, pair(key, far, first)),
            Way::Many(column) => {
                let own = self.model.state.cell(relation.to, far, column) == Cell::Int(key.0);
                if own {
                    self.give(relation.to, far, column, Cell::Null);
                }
            }
            _ => {}
        }
    }

    /// Sets the foreign key of another row.
    fn give(&mut self, table: Table, key: Key, column: &'static str, cell: Cell) {
        if let Some(row) = self.inserts.get_mut(&(table, key)) {
            row.insert(column, cell);
            self.open("the foreign key of a new row is given from elsewhere");
            return;
        }
        if self.model.state.row(table, key).is_none() {
            self.open("a new row is connected before it is made");
            return;
        }
        if self.model.state.cell(table, key, column) == cell {
            return;
        }
        self.may(Act::Update, table, key);
        self.set(table, key, column, cell);
    }

    pub fn link(&mut self, junction: Table, row: Key) {
        if self.deletes.contains(&(junction, row)) {
            self.open("connected and disconnected");
        }
        if self.model.state.row(junction, row).is_none() {
            self.never |= !self.model.actor.may_ever(Act::Create, junction);
            self.inserts.insert((junction, row), presets(junction));
        }
    }

    pub fn unlink(&mut self, junction: Table, row: Key) {
        if self.inserts.contains_key(&(junction, row)) {
            self.open("connected and disconnected");
        }
        if self.model.state.row(junction, row).is_some() {
            self.may(Act::Delete, junction, row);
            self.deletes.insert((junction, row));
        }
    }
}

fn pair(near: Key, far: Key, first: bool) -> Key {
    match first {
        true => (near.0, far.0),
        false => (far.0, near.0),
    }
}
