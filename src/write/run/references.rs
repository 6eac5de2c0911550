//! Foreign keys that are given by their columns, and not as an id: those of several columns, and those to what is unique
//! and no primary key.
//!
//! So are those that a new row takes from another with which they agree.
//!
//! The row to which they lead must be seen, and may have to be one that others may refer to, as where it is connected. So it
//! is looked for before anything is written, and whether there is none or it is hidden is told alike.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::absent::{absent, id_of, name_of};
use super::find::{Question, order_of, questions};
use super::held::Deletes;
use super::{Doubt, Stop, Writer, holds, place};
use crate::error::{Code, Error};
use crate::graph::keys::KeyValue;
use crate::graph::writing::Writing;
use crate::graph::{Catalog, ColumnIx, EntityId, ForeignKey};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Find, Lock, Look, Task, Value};
use crate::write::unit::{Act, Given, Matching, Node, NodeId, Origin, Uses};

/// The rows to which keys lead: by their entity and the columns that are referred to.
type Targets<'c> = (EntityId, &'c [ColumnIx]);

/// A row that refers to another: by which key, where in the input it says so, and the other's values.
struct Reference<'c> {
    from: EntityId,
    key: &'c ForeignKey,
    path: String,
    values: Vec<KeyValue>,
    /// The input says all of the values.
    is_given: bool,
    doubt: Doubt,
}

/// The keys of an entity of which a writer gives some column by its value.
pub(super) fn plain_keys<'c>(
    catalog: &'c Catalog,
    entity: EntityId,
    changes: &[(ColumnIx, Given)],
    is_new: bool,
) -> impl Iterator<Item = &'c ForeignKey> {
    keys(catalog, entity, changes, is_new, &[])
}

/// The same, and those of which some column is taken from another row.
fn keys<'c>(
    catalog: &'c Catalog,
    entity: EntityId,
    changes: &[(ColumnIx, Given)],
    is_new: bool,
    taken: &[ColumnIx],
) -> impl Iterator<Item = &'c ForeignKey> {
    let of = &catalog.entities[entity];
    of.foreign_keys.iter().filter(move |key| {
        // As an id it is a row that is named, and a plain value is the graph's own.
        let is_named =
            matches!(key.columns[..], [column] if of.columns[column].refers_to == Some(key.to));
        let is_plain = !is_named && plain_column(&of.writing, key, changes, is_new).is_some();
        is_plain || taken_column(key, taken).is_some()
    })
}

fn taken_column(key: &ForeignKey, taken: &[ColumnIx]) -> Option<ColumnIx> {
    let mut columns = key.columns.iter().copied();
    columns.find(|column| taken.contains(column))
}

/// The first column of a key that a writer gives by its value.
fn plain_column(
    writing: &Writing,
    key: &ForeignKey,
    changes: &[(ColumnIx, Given)],
    is_new: bool,
) -> Option<ColumnIx> {
    let mut columns = key.columns.iter().copied();
    columns.find(|&column| is_plain(writing, column, changes, is_new))
}

fn is_plain(
    writing: &Writing,
    column: ColumnIx,
    changes: &[(ColumnIx, Given)],
    is_new: bool,
) -> bool {
    let preset = writing.preset(column, is_new);
    let is_preset = preset.is_some_and(|preset| !preset.replaceable);
    let mut changes = changes.iter();
    let given = changes.find(|(c, _)| *c == column).map(|(_, given)| given);
    !is_preset && matches!(given, Some(Given::Is(Value::Is(_))))
}

/// Adds the columns of such keys to those that are read of rows which are there: what is not given stays.
pub(super) fn add_columns(
    catalog: &Catalog,
    entity: EntityId,
    changes: &[(ColumnIx, Given)],
    reads: &mut Vec<ColumnIx>,
) {
    for key in plain_keys(catalog, entity, changes, false) {
        for column in &key.columns {
            if !reads.contains(column) {
                reads.push(*column);
            }
        }
    }
}

/// How many statements find the rows to which the keys of a field lead, at most.
pub(super) fn statements(catalog: &Catalog, nodes: &[Node], act: &Act) -> u64 {
    let targets = |entity, changes, is_new, taken| {
        let keys = keys(catalog, entity, changes, is_new, taken);
        keys.filter_map(move |key| {
            let values = values_to_be(nodes, act, key, changes, is_new)?;
            Some((values, (key.to, &key.to_columns[..])))
        })
    };
    let mut own: BTreeMap<Targets<'_>, Vec<Option<Vec<KeyValue>>>> = BTreeMap::new();
    let mut others: HashSet<(Option<NodeId>, Targets<'_>)> = HashSet::new();
    for &id in &act.nodes {
        let node = &nodes[id];
        if !node.is_written() || node.trusted {
            continue;
        }
        let is_new = node.found().is_none();
        for (values, target) in targets(node.entity, &node.changes, is_new, &node.places.taken) {
            own.entry(target).or_default().push(values);
        }
        if let Origin::Upsert { changes, .. } = &node.origin {
            let targets = targets(node.entity, changes, false, &[]);
            others.extend(targets.map(|(_, target)| (Some(id), target)));
        }
    }
    if let Some(matching) = &act.matching {
        let changes = matching.changes.as_deref().unwrap_or_default();
        let targets = targets(matching.entity, changes, false, &[]);
        others.extend(targets.map(|(_, target)| (None, target)));
    }
    own.retain(|(to, columns), values| {
        let made = made(nodes, act, *to, columns);
        let is_made = |values: &Vec<KeyValue>| made.contains(values);
        !values
            .iter()
            .all(|values| values.as_ref().is_some_and(is_made))
    });
    (own.len() + others.len()) as u64
}

/// The values of a key as they will be, where they are known before anything is found; nothing where it will be null in part, or
/// that of a row which is made beside it.
fn values_to_be(
    nodes: &[Node],
    act: &Act,
    key: &ForeignKey,
    changes: &[(ColumnIx, Given)],
    is_new: bool,
) -> Option<Option<Vec<KeyValue>>> {
    let value = |column: &ColumnIx| match changes.iter().find(|(c, _)| c == column) {
        Some((_, Given::Is(Value::Is(value)))) => Some(Some(value.clone())),
        Some((_, Given::Is(_))) => None,
        Some((_, Given::Of(to, _))) => {
            let own = act.nodes.first().map(|&id| nodes[id].act);
            let is_there = nodes[*to].found().is_some() || Some(nodes[*to].act) != own;
            is_there.then_some(None)
        }
        None => (!is_new).then_some(None),
    };
    let values: Vec<_> = key.columns.iter().map(value).collect::<Option<_>>()?;
    Some(values.into_iter().collect())
}

/// The values that new rows of a field have in these columns.
fn made(
    nodes: &[Node],
    act: &Act,
    entity: EntityId,
    columns: &[ColumnIx],
) -> HashSet<Vec<KeyValue>> {
    let nodes = act.nodes.iter().map(|&id| &nodes[id]);
    let made = nodes.filter(|node| node.is_made() && node.entity == entity);
    let values = made.filter_map(|node| {
        let value = |column: &ColumnIx| {
            let (_, given) = node.changes.iter().find(|(c, _)| c == column)?;
            match given {
                Given::Is(Value::Is(value)) => Some(value.clone()),
                _ => None,
            }
        };
        columns.iter().map(value).collect()
    });
    values.collect()
}

impl<T: Transaction> Writer<'_, T> {
    /// Finds the rows to which those of a field are to refer, where their keys are given by columns.
    pub(super) async fn check_references(&mut self, act: usize) -> Result<(), Stop> {
        let mut all = BTreeMap::new();
        for &id in &self.act(act).nodes {
            let node = self.node(id);
            if node.is_written() && !node.trusted && !self.done.contains(&id) {
                let is_new = node.found().is_none();
                let of = self.entity(node.entity);
                let place = |column| node.place_of(of, column);
                let taken = &node.places.taken;
                self.references(id, &node.changes, is_new, taken, place, &mut all);
            }
        }
        // What the same field makes is there by then, and its maker's.
        for ((to, columns), references) in &mut all {
            let made = made(&self.units.nodes, self.act(act), *to, columns);
            references.retain(|reference| !made.contains(&reference.values));
        }
        self.find_references(all).await
    }

    /// The same of rows that match a condition: what is not changed of a key is each row's own.
    pub(super) async fn check_references_of_matching(
        &mut self,
        matching: &Matching,
    ) -> Result<(), Stop> {
        let changes = matching.changes.as_deref().unwrap_or_default();
        let mut all = BTreeMap::new();
        for &id in &self.matching {
            let node = self.node(id);
            let of = self.entity(node.entity);
            let place = |column| node.place_of(of, column);
            self.references(id, changes, false, &[], place, &mut all);
        }
        self.find_references(all).await
    }

    /// The same of rows that were there, and are changed instead of making new ones.
    pub(super) async fn check_references_instead(&mut self, nodes: &[NodeId]) -> Result<(), Stop> {
        let mut all = BTreeMap::new();
        for &id in nodes {
            let node = self.node(id);
            let of = self.entity(node.entity);
            let place = |column| node.place_instead(of, column);
            self.references(id, node.instead(), false, &[], place, &mut all);
        }
        self.find_references(all).await
    }

    /// Adds the rows to which a row is to refer by values. Of a key that is null in part it refers to none.
    fn references<'c>(
        &self,
        id: NodeId,
        changes: &[(ColumnIx, Given)],
        is_new: bool,
        taken: &[ColumnIx],
        place: impl Fn(ColumnIx) -> String,
        all: &mut BTreeMap<Targets<'c>, Vec<Reference<'c>>>,
    ) where
        Self: 'c,
    {
        let entity = self.node(id).entity;
        let of = self.entity(entity);
        for key in keys(self.catalog, entity, changes, is_new, taken) {
            let value = |column: &ColumnIx| match changes.iter().find(|(c, _)| c == column) {
                Some((_, given)) => match &*self.value(given) {
                    Value::Is(value) => Some(value.clone()),
                    Value::Null | Value::List(_) => None,
                },
                None => self.known.get(&(id, *column)).cloned().flatten(),
            };
            let Some(values) = key.columns.iter().map(value).collect() else {
                continue;
            };
            let column = plain_column(&of.writing, key, changes, is_new);
            let column = column.or(taken_column(key, taken));
            let path = match column {
                Some(column) if of.exposed => place(column),
                _ => self.node(id).path.to_string(),
            };
            // What stays of a key or is taken may be null, and what is changed instead of making a new one may not be there.
            let is_said = |column: &ColumnIx| changes.iter().any(|(c, _)| c == column);
            let is_instead = !is_new && self.node(id).found().is_none();
            let is_taken = taken_column(key, taken).is_some();
            let perhaps = is_instead || is_taken || !key.columns.iter().all(is_said);
            let mut columns = key.columns.iter();
            let references = all.entry((key.to, &key.to_columns[..])).or_default();
            references.push(Reference {
                from: entity,
                key,
                path,
                values,
                is_given: columns.all(|&c| is_plain(&of.writing, c, changes, is_new)),
                doubt: self.doubt_of_one(id).if_at_all(perhaps),
            });
        }
    }

    async fn find_references(
        &mut self,
        all: BTreeMap<Targets<'_>, Vec<Reference<'_>>>,
    ) -> Result<(), Stop> {
        let mut errors = Vec::new();
        for ((to, columns), references) in all {
            if references.is_empty() {
                continue;
            }
            let mut keys: Vec<&Vec<KeyValue>> = references.iter().map(|r| &r.values).collect();
            // Locks are taken in the order of keys, by everybody.
            keys.sort_by(|a, b| order_of(a).cmp(&order_of(b)));
            keys.dedup();
            let connect = Uses {
                connect: true,
                ..Uses::default()
            };
            let asked = questions(
                self.catalog,
                self.rules,
                to,
                connect,
                [],
                &Deletes::default(),
            );
            let asks: Vec<_> = asked.iter().map(Question::ask).collect();
            let of = self.entity(to);
            let lock = match of.policy.can_hide() || !asks.is_empty() {
                true => Lock::Share,
                false => Lock::None,
            };
            let bound = keys.iter().map(|key| {
                let parts = key.iter().cloned();
                parts.map(|part| Cow::Owned(Value::Is(part))).collect()
            });
            let rows = self.rows(to, columns, bound);
            let find = Task::Find(Find {
                entity: to,
                by: columns.to_vec(),
                look: Look {
                    reads: Vec::new(),
                    asks,
                    seen: true,
                    lock,
                },
            });
            let doubt = Doubt::of_all(references.iter().map(|of| of.doubt));
            let path = &references[0].path;
            let found = self.statement(path, doubt, find, rows).await?;
            let found = found.iter().filter_map(|row| {
                let key = keys.get(place(T::DIALECT, &row[0]))?;
                Some((*key, row[1..].iter().all(holds)))
            });
            let found: HashMap<_, _> = found.collect();
            for reference in &references {
                let path = &reference.path;
                match found.get(&reference.values) {
                    None => errors.push(self.refers_to_nothing(reference)),
                    Some(false) => {
                        let message = format!("you may not refer to this {}", of.one());
                        errors.push(self.forbidden(message, path));
                    }
                    Some(true) => {}
                }
            }
        }
        self.refuse(errors)
    }

    /// That there is no row which whoever asks sees for a key to lead to. Values that are not his own are not told.
    fn refers_to_nothing(&self, reference: &Reference<'_>) -> Error {
        let Reference {
            from,
            key,
            path,
            values,
            is_given,
            ..
        } = reference;
        let (of, to) = (self.entity(*from), self.entity(key.to));
        let name = name_of(self.catalog, of, key);
        if let (Some(name), true) = (name, is_given) {
            return absent(to, name, &id_of(to, key, values), path);
        }
        let message = match name {
            Some(name) => format!("`{name}` leads to no {} that you may see", to.one()),
            None => format!("this refers to no {} that you may see", to.one()),
        };
        Error::new(Code::NotFound, message).of_field(&**path)
    }
}
