//! What a request does, by the contract: to tables in memory, one field after the other, all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::faults;
use super::request::{Act, Field, Id, Input, Request, Where};
use super::rules::{self, Actor};
use super::tables::{Cell, Key, State, Table};
use super::unit::Unit;

pub type Codes = BTreeSet<&'static str>;

pub const NOT_FOUND: &str = "NOT_FOUND";
pub const FORBIDDEN: &str = "FORBIDDEN";
pub const CONFLICT: &str = "CONFLICT";
pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
pub const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

/// Rows that the model makes are numbered from here until their ids are known.
pub const FIRST_NEW: i64 = 1 << 40;

#[derive(Debug)]
pub enum Verdict {
    /// What each field shows, and what there is then.
    Done(Vec<Shown>, State),
    /// With one of these codes.
    Refused(Codes),
    /// The contract does not say: all or nothing.
    Open(&'static str),
}

/// The rows that a field gives, in the state in which they are read.
#[derive(Debug, Clone)]
pub struct Shown {
    pub table: Table,
    pub rows: Vec<Key>,
    pub state: State,
}

pub struct Model {
    pub actor: Actor,
    pub state: State,
    /// What inputs call rows that the request makes.
    pub names: BTreeMap<String, (Table, Key)>,
    next: i64,
}

/// Why a field is not done.
pub enum Not {
    Refused(Codes),
    Open(&'static str),
}

pub fn verdict(state: &State, actor: Actor, request: &Request) -> Verdict {
    let (mut codes, perhaps) = faults::of(request, actor);
    if !codes.is_empty() {
        if perhaps || actor == Actor::Anonymous {
            codes.insert(FORBIDDEN);
        }
        return Verdict::Refused(told(codes, actor));
    }
    let mut model = Model {
        actor,
        state: state.clone(),
        names: BTreeMap::new(),
        next: FIRST_NEW,
    };
    let mut shown = Vec::new();
    for field in &request.fields {
        match model.field(field) {
            Ok(one) => shown.push(one),
            Err(Not::Refused(mut codes)) => {
                if perhaps {
                    codes.insert(FORBIDDEN);
                }
                if actor == Actor::Anonymous {
                    codes.extend([FORBIDDEN, BAD_USER_INPUT]);
                }
                return Verdict::Refused(told(codes, actor));
            }
            Err(Not::Open(why)) => return Verdict::Open(why),
        }
    }
    match perhaps {
        true => Verdict::Open("what he never may is perhaps not to be done"),
        false => Verdict::Done(shown, model.state),
    }
}

/// Whom a rule keeps from something is told so; nobody, that he is not signed in.
fn told(mut codes: Codes, actor: Actor) -> Codes {
    if actor == Actor::Anonymous && codes.remove(FORBIDDEN) {
        codes.insert(UNAUTHENTICATED);
    }
    codes
}

impl Model {
    pub fn number(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    /// The key that an id names.
    pub fn key_of(&self, id: &Id) -> Option<Key> {
        match id {
            Id::Row(_, key) | Id::Bare(key) => Some(*key),
            Id::New(name) => self.names.get(name).map(|(_, key)| *key),
            Id::Garbage => None,
        }
    }

    fn field(&mut self, field: &Field) -> Result<Shown, Not> {
        let before = self.state.clone();
        let table = field.act.table();
        let mut unit = Unit::new(self);
        let mut reads_before = false;
        let rows = match &field.act {
            Act::Create(new) => {
                unit.name(new);
                vec![unit.create(new, None)]
            }
            Act::CreateAll(_, all) => {
                all.iter().for_each(|new| unit.name(new));
                all.iter().map(|new| unit.create(new, None)).collect()
            }
            Act::Update(_, id, change, expected) => {
                unit.name(change);
                let row = unit.found(id, table);
                unit.update_if_there(table, row, change, *expected);
                row.into_iter().collect()
            }
            Act::Delete(_, id, expected) => {
                reads_before = true;
                let row = unit.found(id, table);
                if let Some(row) = row {
                    unit.delete(table, row, *expected);
                }
                row.into_iter().collect()
            }
            Act::Upsert(on, new, change) => {
                unit.name(new);
                vec![unit.upsert(on, new, change)]
            }
            Act::UpdateAll(_, which, change) => {
                let rows = unit.matched(table, which);
                // Also where nothing matches.
                if !unit.resolves(change) {
                    unit.codes.insert(NOT_FOUND);
                }
                for row in &rows {
                    unit.update(table, *row, change, None);
                }
                rows
            }
            Act::DeleteAll(_, which) => {
                reads_before = true;
                let rows = unit.matched(table, which);
                for row in &rows {
                    unit.delete(table, *row, None);
                }
                rows
            }
            Act::Follow(id) => unit.follow(id, true),
            Act::Unfollow(id) => unit.follow(id, false),
        };
        let after = unit.done()?;
        let seen = match reads_before {
            true => &before,
            false => &after,
        };
        if rows.iter().any(|row| !self.actor.sees(seen, table, *row)) {
            return Err(Not::Refused([FORBIDDEN].into()));
        }
        let state = seen.clone();
        self.state = after;
        Ok(Shown { table, rows, state })
    }
}

impl Unit<'_> {
    fn matched(&self, table: Table, which: &Where) -> Vec<Key> {
        let state = &self.model.state;
        let rows = state.of(table).iter();
        let matching = rows.filter(|(key, row)| match which {
            Where::Ids(keys) => keys.contains(key),
            Where::Author(id) => row.get("authorId") == Some(&Cell::Int(*id)),
            Where::Status(status) => row.get("status") == Some(&Cell::Text((*status).to_owned())),
        });
        let keys = matching.map(|(key, _)| *key);
        let actor = self.model.actor;
        keys.filter(|key| actor.sees(state, table, *key)).collect()
    }

    fn follow(&mut self, id: &Id, follows: bool) -> Vec<Key> {
        let found = self.found(id, Table::User);
        let me = self.model.actor.id();
        if let (Some(user), Some(me)) = (found, me) {
            let row = (me, user.0);
            match follows {
                true => self.link(Table::Follow, row),
                false => self.unlink(Table::Follow, row),
            }
        } else if me.is_none() {
            self.codes.insert(FORBIDDEN);
        }
        found.into_iter().collect()
    }

    fn upsert(&mut self, on: &'static str, new: &Input, change: &Input) -> Key {
        let table = new.table;
        let actor = self.model.actor;
        let Some(row) = self.having(table, on, new.text(on)) else {
            if !self.resolves(change) {
                self.open("a branch that is not taken names what is not there");
            }
            return self.create(new, None);
        };
        // Somebody else's hidden row is told of no more than that the value is taken.
        if !actor.sees(&self.model.state, table, row) {
            return self.create(new, None);
        }
        self.update(table, row, change, None);
        let may_create = actor.may_ever(rules::Act::Create, table) && new.ids.is_empty();
        if !may_create && !actor.is_admin() {
            self.open("who may not create upserts what is there");
        }
        if !self.resolves(new) {
            self.open("a branch that is not taken names what is not there");
        }
        for column in table.unique() {
            let taken = self.having(table, column, new.text(column));
            if taken.is_some_and(|other| other != row) {
                self.open("two unique keys of two rows");
            }
        }
        row
    }

    pub fn having(&self, table: Table, column: &'static str, text: Option<&str>) -> Option<Key> {
        let value = Cell::Text(text?.to_owned());
        let having = self.model.state.having(table, column, &value);
        having.first().copied()
    }
}
