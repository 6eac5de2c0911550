//! The unit of work of one field: what it deletes, updates and inserts, and whether that may be.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{CONFLICT, Codes, FIRST_NEW, FORBIDDEN, Model, NOT_FOUND, Not};
use super::request::{Id, Input, Link, Many, Value};
use super::rules::Act;
use super::tables::{Cell, Key, Relation, Row, State, Table, Way};

pub struct Unit<'m> {
    pub model: &'m mut Model,
    /// Problems of the rows that are named, as they are before.
    pub codes: Codes,
    open: Option<&'static str>,
    deletes: BTreeSet<(Table, Key)>,
    updates: BTreeMap<(Table, Key), BTreeMap<&'static str, Cell>>,
    inserts: BTreeMap<(Table, Key), Row>,
    /// Whether something is made that nobody like him may make.
    never: bool,
    /// Whether something is made only where it is not there.
    or_creates: bool,
    /// Whether a key is taken that is given.
    taken: bool,
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
            never: false,
            or_creates: false,
            taken: false,
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
        let key = match id {
            Id::Row(_, key) | Id::Bare(key) => *key,
            Id::New(name) => self.model.names.get(name).map(|(_, key)| *key)?,
            Id::Garbage => return None,
        };
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
            let to = refers.map_or(Table::User, |refers| refers.1);
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
        self.taken |= there || self.inserts.contains_key(&(table, key));
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

    fn list(&mut self, key: Key, relation: &Relation, many: &Many) {
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
            let gone: Vec<_> = seen.filter(|far| !wanted.contains(far)).copied().collect();
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
            if let Some(far) = self.among(&current, id, relation.to) {
                self.update(relation.to, far, change, *expected);
            }
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

    fn among(&mut self, current: &[Key], id: &Id, table: Table) -> Option<Key> {
        let far = self.found(id, table)?;
        if !current.contains(&far) {
            self.codes.insert(NOT_FOUND);
            return None;
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

    /// What there is when it is done.
    pub fn done(mut self) -> Result<State, Not> {
        if !self.codes.is_empty() {
            if self.never {
                self.codes.insert(FORBIDDEN);
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
        let forbidden = self.never || !self.may_be(&after);
        match (forbidden, restricted) {
            (true, true) => return Err(Not::Refused([FORBIDDEN, CONFLICT].into())),
            (true, false) => return Err(Not::Refused([FORBIDDEN].into())),
            (false, true) => return Err(Not::Refused([CONFLICT].into())),
            (false, false) => {}
        }
        if dangles(&after) {
            return Err(Not::Open("a key leads nowhere"));
        }
        if self.taken || is_double(&after) {
            return Err(match self.or_creates {
                true => Not::Open("what is created is there by then"),
                false => Not::Refused([CONFLICT].into()),
            });
        }
        match shifts {
            true => Err(Not::Open("unique values move from row to row")),
            false => Ok(after),
        }
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
        let actor = self.model.actor;
        let updated = self
            .updates
            .iter()
            .filter(|(_, columns)| !columns.is_empty());
        let mut updated = updated.map(|((table, key), _)| (Act::Update, table, key));
        let inserted = self.inserts.keys();
        let mut inserted = inserted.map(|(table, key)| (Act::Create, table, key));
        updated.all(|(act, table, key)| actor.may(act, after, *table, *key))
            && inserted.all(|(act, table, key)| actor.may(act, after, *table, *key))
    }
}

fn pair(near: Key, far: Key, first: bool) -> Key {
    match first {
        true => (near.0, far.0),
        false => (far.0, near.0),
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

/// What changes with every update.
fn touch(row: &mut Row) {
    if let Some(updated) = row.get_mut("updatedAt") {
        *updated = Cell::Now;
    }
    if let Some(Cell::Int(version)) = row.get_mut("version") {
        *version += 1;
    }
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

/// Whether two rows have what one may have.
fn is_double(state: &State) -> bool {
    Table::ALL.iter().any(|table| {
        table.unique().iter().any(|column| {
            let rows = state.of(*table).values();
            let values: Vec<_> = rows.filter_map(|row| row.get(column)).collect();
            let distinct: BTreeSet<_> = values.iter().collect();
            distinct.len() < values.len()
        })
    })
}
