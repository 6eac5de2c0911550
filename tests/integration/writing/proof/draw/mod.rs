//! Random requests. Bytes choose among what is possible where they are read, and where they end the first is chosen: so
//! less is asked by fewer of them.

mod inputs;

use super::model::{Verdict, verdict};
use super::request::{Act, Field, Id, Request, Value, Where};
use super::rules::Actor;
use super::select::selection;
use super::tables::{Cell, Key, State, Table};

/// So deep a row is in rows.
const DEPTH: usize = 3;

const STATUSES: [&str; 3] = ["published", "draft", "archived"];
const ROLES: [&str; 3] = ["author", "reader", "admin"];
const TIMES: [&str; 3] = [
    "2025-03-01T12:00:00Z",
    "2031-01-01T00:00:00.25Z",
    "1969-07-20T20:17:40.000001Z",
];

pub struct Draw<'a> {
    bytes: &'a [u8],
    state: &'a State,
    actor: Actor,
    /// Makes texts that nobody else has.
    count: usize,
    /// Whether mistakes are made.
    wild: bool,
    /// New rows that have names.
    named: Vec<(Table, String)>,
    /// The post of the row whose lists are drawn: what answers a comment is of the same.
    post: Option<Id>,
}

/// Who asks what, where this is there. `at` tells requests of a sequence apart.
pub fn request(bytes: &[u8], state: &State, at: usize) -> (Actor, Request) {
    let users = state.of(Table::User);
    let mut draw = Draw {
        bytes,
        state,
        actor: Actor::Anonymous,
        count: at * 1000,
        wild: false,
        named: Vec::new(),
        post: None,
    };
    let actors: Vec<_> = [Actor::Admin(1)]
        .into_iter()
        .chain([2, 2, 3].map(Actor::Author))
        .chain([Actor::Reader(4), Actor::Admin(1), Actor::Admin(5)])
        .chain([Actor::Author(3), Actor::Anonymous])
        .filter(|actor| actor.id().is_none_or(|id| users.contains_key(&(id, 0))))
        .collect();
    draw.actor = actors[draw.below(actors.len())];
    draw.wild = draw.below(4) == 3;
    let tries = if draw.wild { 1 } else { 6 };
    let mut request = Request::default();
    for _ in 0..tries {
        draw.named.clear();
        request = draw.request();
        if matches!(verdict(state, draw.actor, &request), Verdict::Done(..)) {
            break;
        }
    }
    (draw.actor, request)
}

impl Draw<'_> {
    /// A number below this.
    pub fn below(&mut self, n: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        usize::from(*first) % n.max(1)
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn request(&mut self) -> Request {
        let fields = [1, 1, 2, 3][self.below(4)];
        Request {
            variables: self.once_in(2),
            fields: (0..fields).map(|_| self.field()).collect(),
        }
    }

    fn field(&mut self) -> Field {
        let table = self.pick(&[
            Table::Post,
            Table::Post,
            Table::Comment,
            Table::User,
            Table::Comment,
            Table::Tag,
            Table::Profile,
        ]);
        let act = match self.below(16) {
            0..=3 => Act::Create(self.create(table, DEPTH, None)),
            4..=8 => {
                let id = self.id(table, true);
                let expected = self.expected(table, &id);
                let change = self.change(table, DEPTH, Some(&id));
                Act::Update(table, id, change, expected)
            }
            9 => {
                let n = 1 + self.below(3);
                let all = (0..n).map(|_| self.create(table, 1, None)).collect();
                Act::CreateAll(table, all)
            }
            10 => {
                let id = self.id(table, true);
                let expected = self.expected(table, &id);
                Act::Delete(table, id, expected)
            }
            11 => self.upsert(table),
            12 => {
                let which = self.which(table);
                Act::UpdateAll(table, which, self.change(table, 0, None))
            }
            13 => Act::DeleteAll(table, self.which(table)),
            14 => Act::Follow(self.id(Table::User, false)),
            _ => Act::Unfollow(self.id(Table::User, false)),
        };
        let table = act.table();
        Field {
            act,
            selection: selection(self, table, 2),
        }
    }

    /// An id: of a row that is there, most often; of one that the actor may change, if it `writes`.
    fn id(&mut self, table: Table, writes: bool) -> Id {
        let how = match self.wild {
            true => self.below(60),
            false => 0,
        };
        match how {
            56 | 57 => return Id::Row(table, (999_999, 0)),
            58 => return Id::Row(other(table), (1, 0)),
            59 => return Id::Garbage,
            _ => {}
        }
        let named: Vec<_> = self.named.iter().filter(|(of, _)| *of == table).collect();
        if !named.is_empty() && !writes {
            let names: Vec<_> = named.iter().map(|(_, name)| name.clone()).collect();
            if self.once_in(3) {
                return Id::New(names[self.below(names.len())].clone());
            }
        }
        let keys = self.keys(table, writes && !self.wild);
        if keys.is_empty() {
            return Id::Row(table, (999_999, 0));
        }
        let key = self.pick(&keys);
        match self.once_in(5) {
            true => Id::Bare(key),
            false => Id::Row(table, key),
        }
    }

    fn keys(&self, table: Table, writes: bool) -> Vec<Key> {
        let (state, actor) = (self.state, self.actor);
        let all = state.of(table).keys().copied();
        let act = super::rules::Act::Update;
        let good = |key: &Key| {
            self.wild
                || actor.sees(state, table, *key) && (!writes || actor.may(act, state, table, *key))
        };
        all.filter(good).collect()
    }

    fn expected(&mut self, table: Table, id: &Id) -> Option<i64> {
        if table != Table::Post || !self.once_in(3) {
            return None;
        }
        let version = match id {
            Id::Row(_, key) | Id::Bare(key) => self.state.cell(table, *key, "version"),
            _ => Cell::Null,
        };
        let wrong = i64::from(self.wild && self.once_in(3));
        match version {
            Cell::Int(version) => Some(version + wrong),
            _ => Some(1),
        }
    }

    fn which(&mut self, table: Table) -> Where {
        let author = |draw: &mut Self| match draw.actor.id() {
            Some(me) if !draw.wild => Where::Author(me),
            _ => Where::Author(2),
        };
        match (table, self.below(3)) {
            (Table::Post | Table::Comment, 1) => author(self),
            (Table::Post, 2) => Where::Status(self.pick(&STATUSES)),
            _ => {
                let keys = self.keys(table, true);
                let n = self.below(4);
                let ids = (0..n).filter(|_| !keys.is_empty());
                Where::Ids(ids.map(|_| self.pick(&keys)).collect())
            }
        }
    }

    /// A text that no row has, or, seldom, one that some row has.
    fn unique(&mut self, table: Table, column: &str) -> String {
        if self.wild && self.once_in(8) {
            let rows = self.state.of(table).values();
            let texts: Vec<_> = rows
                .filter_map(|row| match row.get(column) {
                    Some(Cell::Text(text)) => Some(text.clone()),
                    _ => None,
                })
                .collect();
            if !texts.is_empty() {
                return texts[self.below(texts.len())].clone();
            }
        }
        self.fresh()
    }

    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    fn word(&mut self) -> Value {
        let odd = ["a \"b\" \\ c", "漢😀", "null", "%_'", "x"];
        match self.below(odd.len() + 3) {
            at if at < odd.len() => Value::Text(format!("{} {}", odd[at], self.fresh())),
            _ => Value::Text(self.fresh()),
        }
    }

    fn upsert(&mut self, table: Table) -> Act {
        let (table, on) = match table {
            Table::User => (Table::User, self.pick(&["username", "email"])),
            Table::Tag => (Table::Tag, "name"),
            _ => (Table::Post, "slug"),
        };
        let mut new = self.create(table, 0, None);
        if self.once_in(2) {
            let keys = self.keys(table, true);
            if !keys.is_empty() {
                let key = self.pick(&keys);
                for (column, value) in &mut new.columns {
                    let known = self.state.cell(table, key, column);
                    if let (true, Cell::Text(text)) = (table.unique().contains(column), known) {
                        *value = Value::Text(text);
                    }
                }
            }
        }
        let change = self.change(table, 0, None);
        Act::Upsert(on, new, change)
    }
}

fn other(table: Table) -> Table {
    match table {
        Table::Tag => Table::Post,
        _ => Table::Tag,
    }
}
