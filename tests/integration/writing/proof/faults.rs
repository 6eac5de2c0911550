//! What is wrong with a request whatever there is.

use std::collections::BTreeSet;

use super::model::{BAD_USER_INPUT, Codes, INVALID};
use super::request::{Act, Id, Input, Link, Request, Value};
use super::tables::{Table, Way};
use super::unit::KEY;

/// The codes of what is wrong; none, if nothing is.
pub fn of(request: &Request) -> Codes {
    let mut faults = Faults::default();
    for field in &request.fields {
        // Names are known in the field that gives them and after it.
        faults.field(&field.act);
    }
    faults.codes
}

#[derive(Default)]
struct Faults {
    codes: Codes,
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

    fn field(&mut self, act: &Act) {
        let table = act.table();
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
                self.made(new);
                self.input(change, false);
                if creates(new) || creates(change) {
                    self.bad();
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
            if input.links.iter().any(|(field, _)| twice(field)) {
                self.bad();
            }
        }
        for (field, link) in &input.links {
            let to = input.table.relation(field).to;
            match link {
                Link::Null if *field != "parent" => self.bad(),
                Link::Null => {}
                Link::Connect(id) => self.id(id, to),
                Link::Create(new) | Link::ConnectOrCreate(_, new) => {
                    let same = to == Table::Profile;
                    self.create(new, same.then_some(KEY));
                }
            }
        }
        for (field, many) in &input.lists {
            let relation = input.table.relation(field);
            let given = match relation.way {
                Way::Many(column) => Some(column),
                _ => None,
            };
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
}

fn creates(input: &Input) -> bool {
    let link =
        |(_, link): &(&str, Link)| matches!(link, Link::Create(_) | Link::ConnectOrCreate(..));
    input.links.iter().any(link) || input.lists.iter().any(|(_, many)| !many.create.is_empty())
}
