//! What is wrong with a request whatever there is.

use std::collections::BTreeSet;

use super::model::{BAD_USER_INPUT, Codes, FORBIDDEN, INVALID};
use super::request::{Act, Id, Input, Link, Many, Request, Value};
use super::rules::{self, Actor};
use super::tables::{Relation, Table, Way};
use super::unit::KEY;

/// The codes of what is wrong, or may be done to no row by whoever asks; none, if nothing is. And whether he may do
/// to no row what perhaps is not to be done.
pub fn of(request: &Request, actor: Actor) -> (Codes, bool) {
    let mut faults = Faults {
        actor,
        codes: Codes::new(),
        perhaps: false,
        unsure: 0,
        names: BTreeSet::new(),
    };
    for field in &request.fields {
        // Names are known in the field that gives them and after it.
        faults.field(&field.act);
    }
    (faults.codes, faults.perhaps)
}

struct Faults {
    actor: Actor,
    codes: Codes,
    perhaps: bool,
    /// Within what is perhaps not done.
    unsure: usize,
    names: BTreeSet<String>,
}

impl Faults {
    fn bad(&mut self) {
        self.codes.insert(BAD_USER_INPUT);
    }

    /// What the types say may be found before the input is looked at.
    fn invalid(&mut self) {
        self.codes.extend([BAD_USER_INPUT, INVALID]);
    }

    /// What he may do to no row.
    fn never(&mut self, act: rules::Act, table: Table) {
        if self.actor.may_ever(act, table) {
            return;
        }
        match self.unsure {
            0 => drop(self.codes.insert(FORBIDDEN)),
            _ => self.perhaps = true,
        }
    }

    fn perhaps(&mut self, of: impl FnOnce(&mut Self)) {
        self.unsure += 1;
        of(self);
        self.unsure -= 1;
    }

    fn field(&mut self, act: &Act) {
        let table = act.table();
        match act {
            Act::Update(..) | Act::UpdateAll(..) => self.never(rules::Act::Update, table),
            Act::Delete(..) | Act::DeleteAll(..) => self.never(rules::Act::Delete, table),
            Act::Follow(_) => self.never(rules::Act::Create, Table::Follow),
            Act::Unfollow(_) => self.never(rules::Act::Delete, Table::Follow),
            _ => {}
        }
        match act {
            Act::Create(new) => self.made(new),
            Act::CreateAll(_, all) => {
                all.iter().for_each(|new| self.names(new));
                all.iter().for_each(|new| self.create(new, None));
            }
            Act::Update(_, id, change, _) => {
                self.names(change);
                self.id(id, table);
                self.input(change, false);
            }
            Act::Upsert(_, new, change) => {
                self.perhaps(|faults| {
                    faults.made(new);
                    faults.never(rules::Act::Update, table);
                    faults.input(change, false);
                });
                if creates(new) || creates(change) {
                    self.bad();
                } else if !new.lists.is_empty() || !change.lists.is_empty() {
                    self.perhaps = true;
                }
            }
            Act::UpdateAll(_, _, change) => self.input(change, false),
            Act::Delete(_, id, _) | Act::Follow(id) | Act::Unfollow(id) => self.id(id, table),
            Act::DeleteAll(..) => {}
        }
    }

    fn made(&mut self, new: &Input) {
        self.names(new);
        self.create(new, None);
    }

    fn names(&mut self, input: &Input) {
        if let Some(name) = &input.name {
            self.names.insert(name.clone());
        }
        for (_, link) in &input.links {
            if let Link::Create(new) | Link::ConnectOrCreate(_, new) = link {
                self.names(new);
            }
        }
        for (_, many) in &input.lists {
            many.create.iter().for_each(|new| self.names(new));
            many.update.iter().for_each(|(_, new, _)| self.names(new));
        }
    }

    fn id(&mut self, id: &Id, table: Table) {
        match id {
            Id::Row(of, _) if *of != table => self.bad(),
            Id::Garbage => self.bad(),
            Id::New(name) if !self.names.contains(name) => self.bad(),
            _ => {}
        }
    }

    fn create(&mut self, new: &Input, given: Option<&str>) {
        self.never(rules::Act::Create, new.table);
        self.input(new, true);
        let required: &[&str] = match new.table {
            Table::User => &["username", "name", "email"],
            Table::Post => &["title", "slug", "body"],
            Table::Tag => &["name"],
            Table::Comment => &["body"],
            _ => &[],
        };
        let has = |column: &&&str| new.columns.iter().any(|(name, _)| name == *column);
        if !required.iter().all(|column| has(&column)) {
            self.invalid();
        }
        let link = match new.table {
            Table::Comment => Some(("postId", "post")),
            Table::Profile if given != Some(KEY) => Some(("userId", "user")),
            _ => None,
        };
        if let Some((column, field)) = link {
            let is_given = given == Some(column)
                || new.ids.iter().any(|(name, _)| *name == column)
                || new.links.iter().any(|(name, _)| *name == field);
            if !is_given {
                self.bad();
            }
        }
    }

    fn input(&mut self, input: &Input, is_new: bool) {
        for (column, value) in &input.columns {
            let nullable = ["publishedAt", "bio", "website", "location"].contains(column);
            match value {
                Value::Null if !nullable && is_new => self.invalid(),
                Value::Null if !nullable => self.bad(),
                _ => {}
            }
            if !self.actor.may_write(input.table, column) {
                match self.unsure {
                    0 => drop(self.codes.insert(FORBIDDEN)),
                    _ => self.perhaps = true,
                }
            }
        }
        for (column, id) in &input.ids {
            let refers = input.table.refers().iter().find(|r| r.0 == *column);
            let (to, nullable) = refers.map_or((Table::User, false), |r| (r.1, r.2));
            match id {
                None if !nullable => self.bad(),
                None => {}
                Some(id) => self.id(id, to),
            }
            let way = |field: &str| input.table.relation(field).way;
            let twice = |field: &str| way(field) == Way::One(column) || *column == "userId";
            let mut links = input.links.iter().filter(|(field, _)| twice(field));
            match (links.next(), id) {
                (None, _) => {}
                // The same twice.
                (Some((_, Link::Connect(other))), Some(id)) if other == id => self.perhaps = true,
                (Some(_), _) => self.bad(),
            }
        }
        for (field, link) in &input.links {
            let to = input.table.relation(field).to;
            match link {
                Link::Null if *field != "parent" => self.bad(),
                Link::Null => {}
                Link::Connect(id) => self.id(id, to),
                Link::Create(new) => {
                    let same = to == Table::Profile;
                    self.create(new, same.then_some(KEY));
                }
                Link::ConnectOrCreate(_, new) => {
                    self.perhaps(|faults| faults.create(new, None));
                    if creates(new) || !new.lists.is_empty() {
                        self.bad();
                    }
                }
            }
        }
        for (field, many) in &input.lists {
            let relation = input.table.relation(field);
            let given = match relation.way {
                Way::Many(column) => Some(column),
                _ => None,
            };
            self.list(many, relation);
            many.create.iter().for_each(|new| self.create(new, given));
            let named = [&many.connect, &many.disconnect, &many.delete];
            let set = many.set.iter();
            let ids = named.into_iter().chain(set).flatten();
            ids.for_each(|id| self.id(id, relation.to));
            for (id, change, _) in &many.update {
                self.id(id, relation.to);
                self.input(change, false);
            }
        }
    }

    /// What may be done to no related row.
    fn list(&mut self, many: &Many, relation: &Relation) {
        use rules::Act::{Create, Delete, Update};
        let (comes, goes, table) = match relation.way {
            Way::Through(junction, _) => (Create, Delete, junction),
            _ => (Update, Update, relation.to),
        };
        let through = matches!(relation.way, Way::Through(..));
        if !many.connect.is_empty() || (through && !many.create.is_empty()) {
            self.never(comes, table);
        }
        if !many.disconnect.is_empty() {
            self.never(goes, table);
        }
        if many.set.is_some() {
            self.perhaps(|faults| {
                faults.never(comes, table);
                faults.never(goes, table);
            });
        }
        if !many.update.is_empty() {
            self.never(Update, relation.to);
        }
        if !many.delete.is_empty() {
            self.never(Delete, relation.to);
        }
    }
}

fn creates(input: &Input) -> bool {
    let link =
        |(_, link): &(&str, Link)| matches!(link, Link::Create(_) | Link::ConnectOrCreate(..));
    input.links.iter().any(link) || input.lists.iter().any(|(_, many)| !many.create.is_empty())
}
