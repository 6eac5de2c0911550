//! The unit of work of one field: what it deletes, updates and inserts, and whether that may be.

mod done;
mod lists;

use std::collections::{BTreeMap, BTreeSet};

use super::model::{CONFLICT, Codes, FIRST_NEW, FORBIDDEN, Model, NOT_FOUND};
use super::request::{Id, Input, Link, Value};
use super::rules::Act;
use super::tables::{Cell, Key, Relation, Row, Table, Way};

pub struct Unit<'m> {
    pub model: &'m mut Model,
    /// Problems of the rows that are named, as they are before.
    pub codes: Codes,
    open: Option<&'static str>,
    deletes: BTreeSet<(Table, Key)>,
    updates: BTreeMap<(Table, Key), BTreeMap<&'static str, Cell>>,
    inserts: BTreeMap<(Table, Key), Row>,
    /// Rows that are changed, of which a version is expected.
    expected: BTreeSet<(Table, Key)>,
    /// Whether something is made that nobody like him may make.
    never: bool,
    /// Whether something is made only where it is not there.
    or_creates: bool,
    /// New rows whose key, which is given, is taken.
    taken: Vec<(Table, Key)>,
}

/// A column that the row above gives to a new one, or its key.
pub type Given = Option<(&'static str, i64)>;

/// Where a new row's key is that of the row above.
pub const KEY: &str = "key";

impl<'m> Unit<'m> {
    pub fn new(model: &'m mut Model) -> Self {
        Unit {
            model,
            codes: Codes::new(),
            open: None,
            deletes: BTreeSet::new(),
            updates: BTreeMap::new(),
            inserts: BTreeMap::new(),
            expected: BTreeSet::new(),
            never: false,
            or_creates: false,
            taken: Vec::new(),
        }
    }

    pub fn open(&mut self, why: &'static str) {
        self.open.get_or_insert(why);
    }

    /// Knows the new rows that have names, before anything refers to them.
    pub fn name(&mut self, input: &Input) {
        if let Some(name) = &input.name {
            let key = (self.model.number(), 0);
            self.model.names.insert(name.clone(), (input.table, key));
        }
        for (_, link) in &input.links {
            if let Link::Create(new) | Link::ConnectOrCreate(_, new) = link {
                self.name(new);
            }
        }
        for (_, many) in &input.lists {
            many.create.iter().for_each(|new| self.name(new));
            many.update.iter().for_each(|(_, new, _)| self.name(new));
        }
    }

    /// The row of an id, if it is there for whoever asks.
    pub fn found(&mut self, id: &Id, table: Table) -> Option<Key> {
        let found = self.look(id, table);
        if found.is_none() {
            self.codes.insert(NOT_FOUND);
        }
        found
    }

    fn look(&self, id: &Id, table: Table) -> Option<Key> {
        let key = self.model.key_of(id)?;
        let is_new = key.0 >= FIRST_NEW && self.model.state.row(table, key).is_none();
        let sees = self.model.actor.sees(&self.model.state, table, key);
        (is_new || sees).then_some(key)
    }

    /// Whether all rows that it names are there.
    pub fn resolves(&self, input: &Input) -> bool {
        let ids = input.ids.iter().filter_map(|(column, id)| {
            let id = id.as_ref()?;
            let refers = input.table.refers().iter().find(|r| r.0 == *column);
            Some((id, refers.map_or(Table::User, |refers| refers.1)))
        });
        let links = input.links.iter().filter_map(|(field, link)| match link {
            Link::Connect(id) => Some((id, input.table.relation(field).to)),
            _ => None,
        });
        let lists = input.lists.iter().flat_map(|(field, many)| {
            let to = input.table.relation(field).to;
            many.connect.iter().map(move |id| (id, to))
        });
        let mut all = ids.chain(links).chain(lists);
        all.all(|(id, table)| self.look(id, table).is_some())
    }

    fn may(&mut self, act: Act, table: Table, key: Key) -> bool {
        let is_new = self.model.state.row(table, key).is_none();
        let may = is_new || self.model.actor.may(act, &self.model.state, table, key);
        if !may {
            self.codes.insert(FORBIDDEN);
        }
        may
    }

    fn expects(&mut self, table: Table, key: Key, expected: Option<i64>) {
        let version = self.model.state.cell(table, key, "version");
        if expected.is_some_and(|expected| version != Cell::Int(expected)) {
            self.codes.insert(CONFLICT);
        }
    }

    pub fn delete(&mut self, table: Table, key: Key, expected: Option<i64>) {
        if self.may(Act::Delete, table, key) {
            self.expects(table, key, expected);
        }
        self.deletes.insert((table, key));
    }

    pub fn update(&mut self, table: Table, key: Key, change: &Input, expected: Option<i64>) {
        if self.may(Act::Update, table, key) {
            self.expects(table, key, expected);
        }
        if expected.is_some() {
            self.expected.insert((table, key));
        }
        let cells = self.cells(change);
        for (column, cell) in cells {
            self.set(table, key, column, cell);
        }
        for (field, many) in &change.lists {
            self.list(key, change.table.relation(field), many);
        }
        for (field, link) in &change.links {
            if let (Way::Same, Link::Create(new)) = (change.table.relation(field).way, link) {
                self.create(new, Some((KEY, key.0)));
            }
        }
    }

    /// What is wrong with an input may be told before that there is no row for it.
    pub fn update_if_there(
        &mut self,
        table: Table,
        row: Option<Key>,
        change: &Input,
        expected: Option<i64>,
    ) {
        let key = row.unwrap_or_else(|| (self.model.number(), 0));
        self.update(table, key, change, row.and(expected));
    }

    fn set(&mut self, table: Table, key: Key, column: &'static str, cell: Cell) {
        let columns = self.updates.entry((table, key)).or_default();
        let other = columns.insert(column, cell.clone());
        if other.is_some_and(|other| other != cell) {
            self.open("a column is set twice");
        }
    }

    /// What an input says of the row's own columns.
    fn cells(&mut self, input: &Input) -> Vec<(&'static str, Cell)> {
        let mut cells = Vec::new();
        for (column, value) in &input.columns {
            if !self.model.actor.may_write(input.table, column) {
                self.codes.insert(FORBIDDEN);
            }
            cells.push((*column, cell(value)));
        }
        for (column, id) in &input.ids {
            let refers = input.table.refers().iter().find(|r| r.0 == *column);
            // What is a key is no column of the model.
            let Some(&(_, to, _)) = refers else {
                continue;
            };
            match id {
                None => cells.push((*column, Cell::Null)),
                Some(id) => {
                    let found = self.found(id, to);
                    cells.extend(found.map(|key| (*column, Cell::Int(key.0))));
                }
            }
        }
        for (field, link) in &input.links {
            let relation = input.table.relation(field);
            if let Way::One(column) = relation.way {
                let target = self.linked(relation, link);
                cells.extend(target.map(|target| (column, target)));
            }
        }
        cells
    }

    fn linked(&mut self, relation: &Relation, link: &Link) -> Option<Cell> {
        let key = match link {
            Link::Null => return Some(Cell::Null),
            Link::Connect(id) => self.found(id, relation.to)?,
            Link::Create(new) => self.create(new, None),
            Link::ConnectOrCreate(on, new) => {
                let row = self.having(new.table, on, new.text(on));
                let actor = self.model.actor;
                let seen = row.filter(|row| actor.sees(&self.model.state, new.table, *row));
                self.or_creates = true;
                match seen {
                    Some(row) => {
                        if !self.resolves(new) {
                            self.open("a branch that is not taken names what is not there");
                        }
                        row
                    }
                    None => self.create(new, None),
                }
            }
        };
        Some(Cell::Int(key.0))
    }

    pub fn create(&mut self, new: &Input, given: Given) -> Key {
        let table = new.table;
        self.never |= !self.model.actor.may_ever(Act::Create, table);
        let mut row: Row = presets(table);
        if let Some(me) = self.model.actor.id() {
            let own = table.refers().iter().any(|refers| refers.0 == "authorId");
            if own {
                row.insert("authorId", Cell::Int(me));
            }
        }
        row.extend(self.cells(new));
        let named = new
            .name
            .as_ref()
            .and_then(|name| self.model.names.get(name));
        let mut key = match named {
            Some((_, key)) => *key,
            None => (self.model.number(), 0),
        };
        match given {
            Some((KEY, above)) => key = (above, 0),
            Some((column, above)) => {
                row.insert(column, Cell::Int(above));
            }
            None => {}
        }
        if table == Table::Profile && given.is_none() {
            key = self.owner(new).unwrap_or(key);
        }
        let there = self.model.state.row(table, key).is_some();
        // A profile that its user has already.
        if there || self.inserts.contains_key(&(table, key)) {
            self.taken.push((table, key));
        }
        self.inserts.insert((table, key), row);
        for (field, many) in &new.lists {
            self.list(key, table.relation(field), many);
        }
        for (field, link) in &new.links {
            let relation = table.relation(field);
            if let (Way::Same, Link::Create(other), Table::User) = (relation.way, link, table) {
                self.create(other, Some((KEY, key.0)));
            }
        }
        key
    }

    /// Whose profile a new one is.
    fn owner(&mut self, new: &Input) -> Option<Key> {
        if let Some((_, Some(id))) = new.ids.iter().find(|(column, _)| *column == "userId") {
            return self.found(id, Table::User);
        }
        let link = new.links.iter().find(|(field, _)| *field == "user");
        match link {
            Some((field, link)) => match self.linked(Table::Profile.relation(field), link) {
                Some(Cell::Int(key)) => Some((key, 0)),
                _ => None,
            },
            None => None,
        }
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Text(text) => Cell::Text(text.clone()),
        Value::Enum(name) => Cell::Text((*name).to_owned()),
        Value::Time(time) => Cell::Time(time.parse().expect("a time")),
    }
}

/// What a new row has that nobody gives.
fn presets(table: Table) -> Row {
    let draft = Cell::Text("draft".to_owned());
    let author = Cell::Text("author".to_owned());
    let cells: &[(&'static str, Cell)] = match table {
        Table::User => &[
            ("passwordHash", Cell::Null),
            ("role", author),
            ("createdAt", Cell::Now),
            ("updatedAt", Cell::Now),
        ],
        Table::Post => &[
            ("status", draft),
            ("publishedAt", Cell::Null),
            ("version", Cell::Int(1)),
            ("createdAt", Cell::Now),
            ("updatedAt", Cell::Now),
        ],
        Table::Comment => &[
            ("parentId", Cell::Null),
            ("createdAt", Cell::Now),
            ("updatedAt", Cell::Now),
        ],
        Table::Profile => &[
            ("bio", Cell::Null),
            ("website", Cell::Null),
            ("location", Cell::Null),
        ],
        Table::Follow => &[("createdAt", Cell::Now)],
        Table::Tag | Table::PostTag => &[],
    };
    cells.iter().cloned().collect()
}
