//! Random inputs: new rows, changes, and what they relate.

use super::super::request::{Id, Input, Link, Many, Value};
use super::super::tables::{Cell, Key, Table, Way};
use super::{Draw, ROLES, STATUSES, TIMES};

impl Draw<'_> {
    /// A new row; `given` is the relation that gives it its foreign key.
    pub(super) fn create(&mut self, table: Table, depth: usize, given: Option<Way>) -> Input {
        let mut new = Input::of(table);
        if depth > 0 && self.once_in(4) && table != Table::Profile {
            let name = self.fresh();
            self.named.push((table, name.clone()));
            new.name = Some(name);
        }
        self.columns(&mut new, true);
        if self.wild && self.once_in(20) && !new.columns.is_empty() {
            new.columns.remove(0);
        }
        self.references(&mut new, depth, given, true);
        if depth > 0 {
            let post = match (table, given) {
                (Table::Comment, Some(Way::Many("postId"))) => self.post.clone(),
                (Table::Comment, _) => post_of(&new),
                _ => new.name.clone().map(Id::New),
            };
            self.lists(&mut new, depth, true, post);
        }
        new
    }

    /// What is said of a row that is there, if it is known which.
    pub(super) fn change(&mut self, table: Table, depth: usize, row: Option<&Id>) -> Input {
        let mut change = Input::of(table);
        self.columns(&mut change, false);
        if self.once_in(3) {
            self.references(&mut change, depth, None, false);
        }
        if depth > 0 && self.once_in(2) {
            let post = match (table, row) {
                (Table::Comment, Some(Id::Row(_, key) | Id::Bare(key))) => {
                    match self.state.cell(table, *key, "postId") {
                        Cell::Int(post) => Some(Id::Row(Table::Post, (post, 0))),
                        _ => None,
                    }
                }
                (_, row) => row.cloned(),
            };
            let post = post_of(&change).or(post);
            self.lists(&mut change, depth, false, post);
        }
        change
    }

    fn columns(&mut self, input: &mut Input, is_new: bool) {
        let table = input.table;
        let all: &[(&'static str, bool)] = match table {
            Table::User => &[
                ("username", true),
                ("name", true),
                ("email", true),
                ("role", false),
            ],
            Table::Post => &[
                ("title", true),
                ("slug", true),
                ("body", true),
                ("status", false),
                ("publishedAt", false),
            ],
            Table::Tag => &[("name", true)],
            Table::Comment => &[("body", true)],
            _ => &[("bio", false), ("website", false), ("location", false)],
        };
        for (column, required) in all {
            let wanted = match is_new {
                true => *required || self.once_in(2),
                false => self.once_in(3),
            };
            let role = *column == "role" && !self.actor.is_admin() && !self.wild;
            if !wanted || role {
                continue;
            }
            let value = self.value(table, column);
            input.columns.push((column, value));
        }
    }

    fn value(&mut self, table: Table, column: &str) -> Value {
        if self.wild && self.once_in(60) {
            return Value::Null;
        }
        match column {
            "email" => {
                let text = self.unique(table, column);
                let is_whole = text.contains('@');
                Value::Text(if is_whole {
                    text
                } else {
                    format!("{text}@example.org")
                })
            }
            "username" | "slug" => Value::Text(self.unique(table, column)),
            "name" if table == Table::Tag => Value::Text(self.unique(table, column)),
            "role" => Value::Enum(self.pick(&ROLES)),
            "status" => Value::Enum(self.pick(&STATUSES)),
            "publishedAt" => match self.below(3) {
                0 => Value::Null,
                _ => Value::Time(self.pick(&TIMES)),
            },
            "bio" | "website" | "location" if self.once_in(3) => Value::Null,
            _ => self.word(),
        }
    }

    /// The foreign keys of an input, as columns or as relations.
    fn references(&mut self, input: &mut Input, depth: usize, given: Option<Way>, is_new: bool) {
        let table = input.table;
        for relation in table.relations() {
            let column = match relation.way {
                Way::One(column) => column,
                Way::Same if is_new => "userId",
                _ => continue,
            };
            let above = match given {
                Some(Way::Many(given)) => given == column,
                Some(Way::Same) => relation.way == Way::Same,
                _ => false,
            };
            let post = match given {
                Some(Way::Many("postId")) => self.post.clone(),
                _ => post_of(input),
            };
            // Nothing that is there is of a new post.
            let is_there = matches!(post, Some(Id::Row(..) | Id::Bare(_)));
            let is_vain = is_new && column == "parentId" && !is_there && !self.wild;
            if above || is_vain {
                continue;
            }
            let required = is_new && (column == "postId" || table == Table::Profile);
            if !required && !self.once_in(3) {
                continue;
            }
            if relation.to == Table::Profile {
                if depth > 0 {
                    let profile = self.create(Table::Profile, 0, Some(Way::Same));
                    let link = Link::Create(Box::new(profile));
                    input.links.push((relation.field, link));
                }
                continue;
            }
            let own = column == "authorId" && !self.actor.is_admin() && !self.wild;
            let id = match self.actor.id() {
                Some(me) if own => Id::Row(Table::User, (me, 0)),
                _ if column == "parentId" => self.comment_of(post, false),
                _ if column == "postId" && given == Some(Way::Many("parentId")) => {
                    let post = self.post.clone().filter(|_| !self.wild);
                    post.unwrap_or_else(|| self.id(Table::Post, false))
                }
                _ => self.id(relation.to, false),
            };
            let twice = self.wild && self.once_in(20);
            // It is of the post above, where there is one.
            let is_above = column == "postId" && self.post.as_ref() == Some(&id);
            match self.below(if is_above { 3 } else { 6 }) {
                1 | 2 => input.links.push((relation.field, Link::Connect(id))),
                3 if depth > 0 && !own => {
                    let new = Box::new(self.create(relation.to, depth - 1, None));
                    input.links.push((relation.field, Link::Create(new)));
                }
                4 if depth > 0 && !own => {
                    let link = self.or_create(relation.to, depth, id);
                    input.links.push((relation.field, link));
                }
                5 if column == "parentId" => input.links.push((relation.field, Link::Null)),
                5 if self.wild && self.once_in(4) => input.ids.push((column, None)),
                _ => {
                    if twice {
                        let link = Link::Connect(id.clone());
                        input.links.push((relation.field, link));
                    }
                    input.ids.push((column, Some(id)));
                }
            }
        }
    }

    /// A comment of a post, most often.
    fn comment_of(&mut self, post: Option<Id>, writes: bool) -> Id {
        let Some(Id::Row(_, post) | Id::Bare(post)) = post else {
            return self.id(Table::Comment, writes);
        };
        let post = Cell::Int(post.0);
        let good = self.keys(Table::Comment, writes && !self.wild).into_iter();
        let of_post = |key: &Key| self.state.cell(Table::Comment, *key, "postId") == post;
        let there: Vec<_> = good.filter(of_post).collect();
        match there.is_empty() || (self.wild && self.once_in(3)) {
            true => self.id(Table::Comment, writes),
            false => Id::Row(Table::Comment, self.pick(&there)),
        }
    }

    fn or_create(&mut self, table: Table, depth: usize, id: Id) -> Link {
        let Some(on) = table.unique().first() else {
            return Link::Connect(id);
        };
        let mut new = self.create(table, depth.saturating_sub(2).min(1), None);
        new.name = None;
        if self.once_in(2) {
            let keys = self.keys(table, false);
            let key = if keys.is_empty() {
                (0, 0)
            } else {
                self.pick(&keys)
            };
            let columns = new.columns.iter_mut();
            for (_, value) in columns.filter(|(column, _)| column == on) {
                if let Cell::Text(text) = self.state.cell(table, key, on) {
                    *value = Value::Text(text);
                }
            }
        }
        Link::ConnectOrCreate(on, Box::new(new))
    }

    fn lists(&mut self, input: &mut Input, depth: usize, is_new: bool, post: Option<Id>) {
        let above = std::mem::replace(&mut self.post, post);
        for relation in input.table.relations() {
            if !matches!(relation.way, Way::Many(_) | Way::Through(..)) || !self.once_in(3) {
                continue;
            }
            // Of no post that could be said are no answers.
            if relation.way == Way::Many("parentId") && self.post.is_none() && !self.wild {
                continue;
            }
            let mut many = Many::default();
            let parts = 1 + self.below(2);
            for _ in 0..parts {
                self.part(&mut many, relation.to, relation.way, depth, is_new);
            }
            if !many.is_empty() {
                input.lists.push((relation.field, many));
            }
        }
        self.post = above;
    }

    fn part(&mut self, many: &mut Many, to: Table, way: Way, depth: usize, is_new: bool) {
        let through = matches!(way, Way::Through(..));
        let n = 1 + self.below(2);
        match self.below(if is_new { 3 } else { 8 }) {
            0 | 1 => {
                let all = (0..n).map(|_| self.create(to, depth - 1, Some(way)));
                let all: Vec<_> = all.collect();
                many.create.extend(all);
            }
            2 => many.connect.push(self.related(to, way)),
            3 if through || way == Way::Many("parentId") => {
                many.disconnect.push(self.id(to, !through));
            }
            4 if through || way != Way::Many("authorId") => {
                let n = self.below(3);
                let ids = (0..n).map(|_| self.related(to, way)).collect();
                many.set = Some(ids);
            }
            5 | 6 => {
                let id = self.id(to, true);
                let expected = self.expected(to, &id);
                let change = self.change(to, depth - 1, Some(&id));
                many.update.push((id, change, expected));
            }
            _ => many.delete.push(self.id(to, true)),
        }
    }

    /// A row that is to be in a relation.
    fn related(&mut self, to: Table, way: Way) -> Id {
        match way {
            Way::Many("parentId") => self.comment_of(self.post.clone(), true),
            _ => self.id(to, !matches!(way, Way::Through(..))),
        }
    }
}

/// The post that an input of a comment says, as others can say it.
fn post_of(input: &Input) -> Option<Id> {
    let by_column = input.ids.iter().find(|(column, _)| *column == "postId");
    let by_relation = input.links.iter().find(|(field, _)| *field == "post");
    match (by_column, by_relation) {
        (Some((_, Some(id))), _) | (_, Some((_, Link::Connect(id)))) => Some(id.clone()),
        (_, Some((_, Link::Create(new)))) => new.name.clone().map(Id::New),
        _ => None,
    }
}
