//! Units of work: the rows that a request names and makes, and what is to become of them.

use super::order::Order;
use crate::graph::condition::Filter;
use crate::graph::keys::KeyValue;
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, RelationId};
use crate::read::sql::change::Value;

pub type NodeId = usize;

/// What all fields of a request do.
#[derive(Debug, Default)]
pub struct Units {
    pub nodes: Vec<Node>,
    /// One for each field, in their order.
    pub acts: Vec<Act>,
    /// When the request began, in whatever row it is written.
    pub now: String,
}

impl Units {
    /// How many rows a field gives at most, where a condition may match so many.
    pub fn rows(&self, act: usize, most: u32) -> usize {
        match &self.acts[act].gives {
            Gives::One(_) => 1,
            Gives::Many(nodes) => nodes.len(),
            Gives::Matching => most as usize,
        }
    }
}

impl Units {
    /// Whether every row that is written is known before, and written by nobody's own code.
    pub fn is_all_named(&self, catalog: &Catalog) -> bool {
        let named = |act: &Act| act.matching.is_none() && act.sets.is_empty();
        // With what is deleted more may go.
        let deleted = |node: &Node| node.found().is_some_and(|found| found.uses.delete);
        let hooked = |node: &Node| catalog.entities[node.entity].writing.hooks.is_some();
        let mut nodes = self.nodes.iter();
        self.acts.iter().all(named) && !nodes.any(|node| deleted(node) || hooked(node))
    }

    /// Has each row be looked for before it is changed.
    pub fn look_first(&mut self) {
        self.acts.iter_mut().for_each(|act| act.alone = None);
    }

    /// Says what the account holds that a field makes.
    pub fn fill_account(&mut self, act: usize, values: Vec<(ColumnIx, KeyValue)>) {
        if let Gives::One(node) = self.acts[act].gives {
            let changes = &mut self.nodes[node].changes;
            for (column, value) in values {
                changes.retain(|(c, _)| *c != column);
                changes.push((column, Given::Is(Value::Is(value))));
            }
            self.acts[act].order = None;
        }
    }
}

/// What one field does.
#[derive(Debug)]
pub struct Act {
    /// Its nodes, in the order of the input.
    pub nodes: Vec<NodeId>,
    pub sets: Vec<Set>,
    /// Rows of which a version is expected.
    pub expected: Vec<NodeId>,
    /// Rows that are found by a condition.
    pub matching: Option<Matching>,
    pub gives: Gives,
    /// In which order its rows are written, where nothing turns out to be otherwise than its input says.
    pub order: Option<Order>,
    /// The most statements that it runs.
    pub statements: u64,
    /// Whether it may ask for keys that agree with others'.
    pub agrees: bool,
    /// Its row, where it only changes one, and nothing need be known of that before.
    pub alone: Option<NodeId>,
    /// The first row that it makes, where that can be written before it is known what is there of the rows that it names.
    pub ahead: Option<NodeId>,
}

/// What a field's payload is of.
#[derive(Debug, Clone, PartialEq)]
pub enum Gives {
    One(NodeId),
    Many(Vec<NodeId>),
    /// The rows that match.
    Matching,
}

/// All rows that match a condition, which are to be changed or deleted.
#[derive(Debug)]
pub struct Matching {
    pub entity: EntityId,
    pub filter: Filter,
    /// `None` deletes them.
    pub changes: Option<Vec<(ColumnIx, Given)>>,
    /// Where these stand in the input.
    pub places: Places,
}

/// A row.
#[derive(Debug)]
pub struct Node {
    /// Which field it is of.
    pub act: usize,
    pub entity: EntityId,
    pub origin: Origin,
    /// What is written of it.
    pub changes: Vec<(ColumnIx, Given)>,
    /// Where in the input it is named, or made.
    pub path: Box<str>,
    /// Where what is written of it stands.
    pub places: Places,
    /// It is not whoever asks that writes it, but the server: no rule is asked.
    pub trusted: bool,
}

/// Where in the input the columns stand that are written of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places {
    /// Below this; of a row that is made at its own place, below that.
    pub input: Option<Box<str>>,
    /// Those that stand elsewhere: keys that are given where another row is named.
    pub others: Vec<(ColumnIx, Box<str>)>,
    /// Those that stand nowhere: keys that agree with those of another row, and are taken from there.
    pub taken: Vec<ColumnIx>,
}

#[derive(Debug)]
pub enum Origin {
    /// It is there, and named.
    Found(Found),
    /// It is made.
    New,
    /// It is made, unless one is there that has the same in a unique key, which then is meant, and is changed by what
    /// others say of it: the keys by which it is connected.
    NewUnless {
        unique: usize,
        changes: Vec<(ColumnIx, Given)>,
    },
    /// It is made, unless one is there that has the same in a unique key, which is then changed so.
    Upsert {
        unique: usize,
        changes: Vec<(ColumnIx, Given)>,
        /// Where these stand in the input.
        places: Places,
    },
    /// A junction's row, made unless it is there.
    Link,
    /// A junction's row, taken away if it is there.
    Unlink,
    /// Somebody has named it, and nobody has made it yet.
    Unknown,
    /// It only stood for what was made of it.
    Nothing,
}

#[derive(Debug)]
pub struct Found {
    pub key: Key,
    pub uses: Uses,
    /// As what it is named at its node's place.
    pub named: As,
    /// Where else it is named.
    pub again: Vec<(As, Box<str>)>,
    /// The version that its writer has read, and where in the input he says so.
    pub version: Option<(i64, Box<str>)>,
    /// The relations in which it must be.
    pub within: Vec<Within>,
    /// It is only detached where it is in one of these.
    pub detached: bool,
    /// The relations in which it is to be; where it is in them already, nothing is written for that.
    pub attached: Vec<Within>,
    /// Rows that are there are to refer to it, if they do not already; who may have them do so a rule says.
    pub joined: bool,
}

impl Found {
    pub fn new(key: Key, uses: Uses) -> Self {
        Found {
            key,
            uses,
            named: As::Argument,
            again: Vec::new(),
            version: None,
            within: Vec::new(),
            detached: false,
            attached: Vec::new(),
            joined: false,
        }
    }

    /// The row of this key, to be changed.
    pub fn changed(key: Vec<KeyValue>) -> Self {
        let uses = Uses {
            update: true,
            ..Uses::default()
        };
        Found::new(Key::Is(key), uses)
    }
}

#[derive(Debug)]
pub enum Key {
    Is(Vec<KeyValue>),
    /// That of a row which an earlier field has made, and what the input calls it.
    Of(NodeId, Box<str>),
}

/// As what a row is named in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// By an argument of the field.
    Argument,
    /// By a column that refers to it.
    Column(EntityId, ColumnIx),
    /// As one that a relation is to lead to, or no longer.
    Along(RelationId),
    /// As one to which a relation leads.
    Member(Within),
    /// By nobody: it is that of whoever asks.
    Viewer,
}

/// What a row that is found is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uses {
    pub update: bool,
    pub delete: bool,
    pub connect: bool,
}

/// Being reached from a row along a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Within {
    pub relation: RelationId,
    pub parent: NodeId,
}

/// Exactly these are to be reached from a row along a relation.
#[derive(Debug)]
pub struct Set {
    pub relation: RelationId,
    pub parent: NodeId,
    pub members: Vec<NodeId>,
    /// What is put into rows that are in it no longer, and stay.
    pub presets: Vec<(ColumnIx, Given)>,
    pub path: Box<str>,
}

/// A value to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    Is(Value),
    /// The value of another row's column.
    Of(NodeId, ColumnIx),
}

impl Node {
    pub fn found(&self) -> Option<&Found> {
        match &self.origin {
            Origin::Found(found) => Some(found),
            _ => None,
        }
    }

    /// Whether something of it is written.
    pub fn is_written(&self) -> bool {
        match &self.origin {
            Origin::Found(found) => !self.changes.is_empty() && !found.uses.delete,
            Origin::New | Origin::NewUnless { .. } | Origin::Upsert { .. } | Origin::Link => true,
            Origin::Unlink | Origin::Unknown | Origin::Nothing => false,
        }
    }

    /// Whether it is a row that the request makes, whose values are known only then.
    pub fn is_made(&self) -> bool {
        matches!(
            self.origin,
            Origin::New | Origin::NewUnless { .. } | Origin::Upsert { .. }
        )
    }

    /// What is written of the row that is there, where this one was to be made.
    pub fn instead(&self) -> &[(ColumnIx, Given)] {
        match &self.origin {
            Origin::Upsert { changes, .. } | Origin::NewUnless { changes, .. } => changes,
            _ => &[],
        }
    }

    /// Where what is written of it stands.
    pub fn input(&self) -> &str {
        self.places.input.as_deref().unwrap_or(&self.path)
    }

    /// Where what is written of the row that is there stands, where this one was to be made.
    pub fn input_instead(&self) -> &str {
        match &self.origin {
            Origin::Upsert { places, .. } => places.input.as_deref().unwrap_or(&self.path),
            _ => &self.path,
        }
    }

    /// The key of a row that was there before the request.
    pub fn named_key(&self) -> Option<&Vec<KeyValue>> {
        match &self.found()?.key {
            Key::Is(key) => Some(key),
            Key::Of(..) => None,
        }
    }

    /// Where the value of a column stands; what the graph itself puts there, where the row does.
    pub fn place_of(&self, of: &Entity, column: ColumnIx) -> String {
        let is_new = self.found().is_none();
        // Of a row that is only named nothing stands below its own place.
        match is_new || self.places.input.is_some() {
            true => self.places.of(of, column, is_new, &self.path),
            false => self.places.elsewhere(column).unwrap_or(&self.path).into(),
        }
    }

    /// The same of what is written of the row that is there, where this one was to be made.
    pub fn place_instead(&self, of: &Entity, column: ColumnIx) -> String {
        match &self.origin {
            Origin::Upsert { places, .. } => places.of(of, column, false, &self.path),
            _ => self.place_of(of, column),
        }
    }

    pub fn refers_to(&self) -> impl Iterator<Item = (NodeId, ColumnIx)> {
        let all = self.changes.iter().chain(self.instead());
        all.filter_map(|(_, given)| match given {
            Given::Of(node, column) => Some((*node, *column)),
            Given::Is(_) => None,
        })
    }
}

impl Places {
    fn of(&self, of: &Entity, column: ColumnIx, is_new: bool, own: &str) -> String {
        if let Some(place) = self.elsewhere(column) {
            return place.to_owned();
        }
        let input = self.input.as_deref().unwrap_or(own);
        let preset = of.writing.preset(column, is_new);
        let is_put = preset.is_some_and(|preset| !preset.replaceable);
        match is_put || self.taken.contains(&column) || input.is_empty() {
            true => input.to_owned(),
            false => format!("{input}.{}", of.columns[column].field),
        }
    }

    fn elsewhere(&self, column: ColumnIx) -> Option<&str> {
        let mut others = self.others.iter();
        let found = others.find(|(c, _)| *c == column);
        found.map(|(_, place)| &**place)
    }
}
