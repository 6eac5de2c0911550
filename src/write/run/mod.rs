//! Runs units of work on a transaction.
//!
//! A field's rows are found first (`find`), with all that rules say of them; then its payload is read if they are to be
//! deleted; then they are written (`apply`), and looked at once more.

mod absent;
mod agreements;
mod ahead;
mod alone;
mod check;
mod count;
mod delete;
mod doubt;
pub mod failure;
mod find;
mod foregone;
mod foreign;
mod held;
mod hooks;
pub mod inquiry;
mod instead;
mod levels;
mod references;
mod renew;
mod sets;
mod unwritten;
mod within;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::account::{self, Account, Names};
use super::kept::{self, Kept};
use super::preset;
use super::unit::{Act, Given, Gives, Node, NodeId, Units};
use crate::error::Error;
use crate::graph::condition::Mine;
use crate::graph::keys::KeyValue;
use crate::graph::rules::{Rules, Shape};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, Kind, Principal};
use crate::read::load::change::{Abort, Change, Given as Row, Transaction};
use crate::read::load::{DatabaseError, Ran};
use crate::read::sql::Dialect;
use crate::read::sql::change::{BoundRows, ChangeSql, Changes, Task, Value};
use crate::read::sql::forms::ColumnRef;

pub use agreements::asks_of_agreements;
pub use ahead::ahead;
pub use alone::{Alone, alone};
pub use count::statements;
pub use doubt::Doubt;
use held::Deletes;

/// Why nothing is written.
#[derive(Debug)]
pub enum Refused {
    /// What is wrong with the input, as far as the rows that are there say.
    Errors(Vec<Error>),
    /// The database would not have it.
    Statement(Box<Failed>),
    /// A policy of a table's own keeps rows as they are.
    Policy(Vec<Error>),
}

/// A statement that the database refused.
#[derive(Debug)]
pub struct Failed {
    pub error: DatabaseError,
    pub entity: EntityId,
    pub rows: Vec<FailedRow>,
    pub deed: FailedDeed,
}

/// What a statement did to rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailedDeed {
    /// It made them, but not those that have the same in these columns as one that is there, if these are any.
    Insert {
        unless: Vec<ColumnIx>,
    },
    Update,
    Delete,
}

/// A row of it.
#[derive(Debug)]
pub struct FailedRow {
    /// Where in the input it stands.
    pub path: Box<str>,
    /// Its primary key, where it is there already.
    pub key: Option<Vec<KeyValue>>,
    pub values: Vec<FailedValue>,
    /// It is what was to become of the row before, where that one was there already.
    pub is_instead: bool,
}

/// What was written into a column of it.
#[derive(Debug)]
pub struct FailedValue {
    pub column: ColumnIx,
    pub value: Value,
    /// Where in the input it stands.
    pub place: String,
    /// It is that of a row which the same request makes.
    pub is_of_new: bool,
    /// It is what the input says, and nobody else has put it there.
    pub is_given: bool,
}

/// A column of a row, as its value is kept.
type Known = HashMap<(NodeId, ColumnIx), Option<KeyValue>, RandomState>;

/// Writes on a transaction what a request asks.
pub struct Writer<'a, T> {
    catalog: &'a Catalog,
    shape: Shape,
    rules: &'a Rules,
    principal: &'a Principal,
    units: &'a Units,
    most: u32,
    on: &'a T,
    /// Statements that were written before.
    kept: Option<&'a Kept>,
    /// Rows that only the database could name.
    more: Vec<Node>,
    known: Known,
    /// For each entity the columns that others refer to.
    wanted: HashMap<EntityId, BTreeSet<ColumnIx>>,
    /// The rows of the field at hand that a condition has found.
    matching: Vec<NodeId>,
    /// Of which entities it deletes rows.
    deletes: Deletes,
    /// Rows to which others may not be made to refer.
    unjoinable: HashSet<NodeId>,
    /// Columns of rows whose values are hidden from whoever asks: to him these rows are in no relation by them.
    unseen: HashSet<(NodeId, ColumnIx)>,
    /// Rows whose relations are `set`, each with a row that leaves them.
    parted: Vec<(NodeId, NodeId)>,
    /// What is wrong with rows to which perhaps nothing is done.
    deferred: Vec<(NodeId, Error)>,
    /// A new row that was written before it was known what was found, and what came of it.
    ahead: Option<(NodeId, Result<Vec<Row>, DatabaseError>)>,
    /// Rows that a statement has left alone which was to change them.
    left: HashSet<NodeId>,
    /// Rows that need not be written after all.
    done: HashSet<NodeId, RandomState>,
    /// Those of them of which something else is written.
    rewritten: HashSet<NodeId>,
    /// Rows that were to be made and were there: those that are meant instead, and those that were changed.
    instead: HashSet<NodeId>,
    updated: HashSet<NodeId>,
    /// Links that were there, and are hidden from whoever asks.
    linked: HashSet<NodeId>,
    /// Rows that were made or changed, by a statement that does not tell which.
    upserted: HashSet<NodeId>,
    /// What is written of rows whose entity has hooks, once these have seen it.
    hooked: HashMap<NodeId, Vec<(ColumnIx, Value)>>,
    /// Rows of such entities that are written, and whether they are new.
    saved: Vec<(NodeId, bool)>,
    /// Whether no database is asked, and all is to be done that one could have done (`doubt`).
    dry: bool,
    /// Rows of which it is not known then what becomes of them.
    doubts: HashMap<NodeId, Doubt>,
    pub ran: Vec<RanOf>,
}

/// What was run, with the place in the input that it was for, and the table.
pub struct RanOf {
    pub path: String,
    pub entity: EntityId,
    pub doubt: Doubt,
    pub ran: Ran,
}

type Stop = Abort<Refused>;

impl<'a, T: Transaction> Writer<'a, T> {
    pub fn new(
        catalog: &'a Catalog,
        principal: &'a Principal,
        units: &'a Units,
        most: u32,
        on: &'a T,
    ) -> Self {
        let shape = catalog.shape(principal);
        let mut wanted: HashMap<EntityId, BTreeSet<ColumnIx>> = HashMap::new();
        for node in &units.nodes {
            for (to, column) in node.refers_to() {
                let entity = units.nodes[to].entity;
                wanted.entry(entity).or_default().insert(column);
            }
        }
        // Who has signed up is somebody of a role.
        if let Some(accounts) = &catalog.accounts
            && units.nodes.iter().any(|node| node.trusted)
        {
            let of = wanted.entry(accounts.entity).or_default();
            of.insert(accounts.role);
        }
        Writer {
            catalog,
            shape,
            rules: catalog.rules(shape),
            principal,
            units,
            most,
            on,
            kept: None,
            more: Vec::new(),
            known: HashMap::default(),
            wanted,
            matching: Vec::new(),
            deletes: Deletes::default(),
            unjoinable: HashSet::new(),
            unseen: HashSet::new(),
            parted: Vec::new(),
            deferred: Vec::new(),
            ahead: None,
            left: HashSet::new(),
            done: HashSet::default(),
            rewritten: HashSet::new(),
            instead: HashSet::new(),
            updated: HashSet::new(),
            linked: HashSet::new(),
            upserted: HashSet::new(),
            hooked: HashMap::new(),
            saved: Vec::new(),
            dry: false,
            doubts: HashMap::new(),
            ran: Vec::new(),
        }
    }

    /// The same with statements that were written before.
    pub fn keeping(self, kept: &'a Kept) -> Self {
        Writer {
            kept: Some(kept),
            ..self
        }
    }

    /// The same where no database is asked, and all is done that one could have done.
    pub fn dry(self) -> Self {
        Writer { dry: true, ..self }
    }

    /// The keys of the rows that a field gives.
    pub fn keys(&self, act: usize) -> Vec<Vec<KeyValue>> {
        let nodes = match &self.units.acts[act].gives {
            Gives::One(node) => std::slice::from_ref(node),
            Gives::Many(nodes) => nodes,
            Gives::Matching => &self.matching,
        };
        let keys = nodes.iter().filter_map(|&node| self.key(node));
        keys.collect()
    }

    /// A column of the row that a field gives.
    pub fn of_row(&self, act: usize, column: ColumnIx) -> Option<&KeyValue> {
        match self.units.acts[act].gives {
            Gives::One(node) => self.known.get(&(node, column))?.as_ref(),
            _ => None,
        }
    }

    /// The account of this name, as it is now.
    pub async fn account(&mut self, names: &Names) -> Result<Option<Account>, Stop> {
        let Some((find, rows)) = account::by_name(&self.changes(), names) else {
            return Ok(None);
        };
        let found = self
            .statement(account::USERNAME, Doubt::NONE, find, rows)
            .await?;
        Ok(account::found(&found))
    }

    /// Whether a field deletes what it gives, so that it must be read before.
    pub fn deletes(&self, act: usize) -> bool {
        let act = &self.units.acts[act];
        match &act.gives {
            Gives::One(node) => {
                let found = self.node(*node).found();
                found.is_some_and(|found| found.uses.delete)
            }
            Gives::Many(_) => false,
            Gives::Matching => act.matching.as_ref().is_some_and(|m| m.changes.is_none()),
        }
    }

    /// What is put into rows that are changed.
    fn update_presets(&self, entity: EntityId) -> Vec<(ColumnIx, Value)> {
        let of = self.entity(entity);
        let presets = of.writing.on_update.iter().filter_map(|(column, preset)| {
            let now = |kind: &Kind| Mine::moment(kind, &self.units.now);
            let value = preset::value(&of.columns[*column], preset, self.principal, now)?;
            Some((*column, value))
        });
        presets.collect()
    }

    fn act(&self, act: usize) -> &'a Act {
        &self.units.acts[act]
    }

    fn node(&self, id: NodeId) -> &Node {
        let own = self.units.nodes.len();
        match id.checked_sub(own) {
            None => &self.units.nodes[id],
            Some(i) => &self.more[i],
        }
    }

    fn entity(&self, entity: EntityId) -> &'a Entity {
        &self.catalog.entities[entity]
    }

    /// Adds a row that only the database could name.
    fn add(&mut self, node: Node) -> NodeId {
        self.more.push(node);
        self.units.nodes.len() + self.more.len() - 1
    }

    fn changes(&self) -> Changes<'a> {
        Changes {
            catalog: self.catalog,
            dialect: T::DIALECT,
            rules: self.rules,
        }
    }

    /// The primary key of a row that is there, or was given one.
    fn key(&self, node: NodeId) -> Option<Vec<KeyValue>> {
        let of = self.entity(self.node(node).entity);
        let part = |&column: &ColumnIx| match self.known.get(&(node, column)) {
            Some(known) => known.clone(),
            None => self.plain(node, column),
        };
        of.primary_key.iter().map(part).collect()
    }

    /// The columns of an entity that are to be known of each of its rows.
    fn reads(&self, entity: EntityId) -> Vec<ColumnIx> {
        let mut columns = self.wanted.get(&entity).cloned().unwrap_or_default();
        columns.extend(&self.entity(entity).primary_key);
        columns.into_iter().collect()
    }

    fn remember(&mut self, node: NodeId, columns: &[ColumnIx], values: &[Option<KeyValue>]) {
        for (&column, value) in columns.iter().zip(values) {
            self.known.insert((node, column), value.clone());
        }
    }

    /// A value to write, now that what it refers to is known.
    fn value<'v>(&self, given: &'v Given) -> Cow<'v, Value> {
        match given {
            Given::Is(value) => Cow::Borrowed(value),
            Given::Of(node, column) => {
                let known = self.known.get(&(*node, *column)).cloned().flatten();
                Cow::Owned(known.map_or(Value::Null, Value::Is))
            }
        }
    }

    fn given(&self, node: NodeId, column: ColumnIx) -> Cow<'_, Value> {
        if let Some(changes) = self.hooked.get(&node) {
            let mut changes = changes.iter();
            let found = changes.find(|(c, _)| *c == column);
            return found.map_or(Cow::Owned(Value::Null), |(_, value)| Cow::Borrowed(value));
        }
        let mut changes = self.node(node).changes.iter();
        match changes.find(|(c, _)| *c == column) {
            Some((_, given)) => self.value(given),
            None => Cow::Owned(Value::Null),
        }
    }

    /// Runs a statement that does this to the rows that are bound; none where there are none.
    async fn statement(
        &mut self,
        path: &str,
        doubt: Doubt,
        task: Task,
        rows: BoundRows,
    ) -> Result<Vec<Row>, DatabaseError> {
        if rows.count == 0 {
            return Ok(Vec::new());
        }
        let entity = task.entity();
        let key = self.kept_as(task, &rows);
        let doubt = match (&key.task, self.dry) {
            (Task::Find(find), true) => self.doubt_of_found(doubt, find),
            _ => doubt,
        };
        let change = self.change(self.writing(&key), rows)?;
        let mut found = self.written_statement(path, doubt, entity, change).await?;
        if let (true, Task::Find(find)) = (self.dry, &key.task) {
            self.make_up(find, &mut found);
        }
        Ok(found)
    }

    fn kept_as(&self, task: Task, rows: &BoundRows) -> kept::Key {
        kept::Key {
            shape: self.shape,
            packing: rows.packing,
            task,
        }
    }

    /// What writes a statement, unless it was written before.
    fn writing<'k>(
        &self,
        key: &'k kept::Key,
    ) -> impl Fn(&[ColumnRef]) -> Arc<ChangeSql> + use<'a, 'k, T> {
        let (changes, kept) = (self.changes(), self.kept);
        move |others| {
            let write = || changes.write(&key.task, key.packing, others);
            match kept {
                // What SQLite holds in other forms need not be there the next time.
                Some(kept) if others.is_empty() => kept.get_or_write(key, write),
                _ => Arc::new(write()),
            }
        }
    }

    /// A statement with what is bound to it. Where SQLite holds values in other forms than are compared, it is written for
    /// them.
    fn change(
        &self,
        write: impl Fn(&[ColumnRef]) -> Arc<ChangeSql>,
        rows: BoundRows,
    ) -> Result<Change, DatabaseError> {
        let mut sql = write(&[]);
        if !sql.compared.is_empty() {
            let others = self.on.other_forms(self.catalog, &sql.compared)?;
            if !others.is_empty() {
                sql = write(&others);
            }
        }
        Ok(Change {
            values: sql.bound(T::DIALECT, rows.binds, self.principal),
            rows: rows.count,
            sql: sql.text.clone(),
            gives: sql.gives.clone(),
        })
    }

    async fn written_statement(
        &mut self,
        path: &str,
        doubt: Doubt,
        entity: EntityId,
        change: Change,
    ) -> Result<Vec<Row>, DatabaseError> {
        let started = Instant::now();
        let found = self.on.change(&change).await?;
        self.tell(path, entity, doubt, &change, found.len(), started.elapsed());
        Ok(found)
    }

    /// Tells of a statement that has run.
    fn tell(
        &mut self,
        path: &str,
        entity: EntityId,
        doubt: Doubt,
        change: &Change,
        rows: usize,
        took: Duration,
    ) {
        self.ran.push(RanOf {
            path: path.to_owned(),
            entity,
            doubt,
            ran: Ran {
                sql: change.sql.clone(),
                keys: change.rows,
                rows,
                took,
            },
        });
    }

    /// Rows of these columns to bind.
    fn rows<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        rows: impl IntoIterator<Item = Vec<Cow<'v, Value>>>,
    ) -> BoundRows {
        let rows: Vec<_> = rows.into_iter().collect();
        let value = |row: usize, i: usize| match rows.get(row).and_then(|row| row.get(i)) {
            Some(value) => Cow::Borrowed(&**value),
            None => Cow::Owned(Value::Null),
        };
        self.changes().rows(entity, columns, rows.len(), value)
    }

    /// That a rule keeps whoever asks from something.
    fn forbidden(&self, message: String, path: &str) -> Error {
        let is_somebody = self.principal.known().is_some();
        Error::refused(is_somebody, message).of_field(path)
    }

    /// Refuses what is wrong, if anything is.
    fn refuse(&self, errors: Vec<Error>) -> Result<(), Stop> {
        match errors.is_empty() || self.dry {
            true => Ok(()),
            false => Err(Abort::Refused(Refused::Errors(errors))),
        }
    }
}

/// Whether a flag of a row holds.
fn holds(value: &Option<KeyValue>) -> bool {
    *value == Some(KeyValue::Int(1))
}

/// The place of what was found among what was bound, from 0.
pub fn place(dialect: Dialect, value: &Option<KeyValue>) -> usize {
    match value {
        Some(KeyValue::Int(place)) => (place - first_place(dialect)).max(0) as usize,
        _ => 0,
    }
}

/// The number that a database has for the first of what is bound.
fn first_place(dialect: Dialect) -> i64 {
    match dialect {
        Dialect::Postgres => 1,
        Dialect::Sqlite => 0,
    }
}
