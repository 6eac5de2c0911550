//! Keys that agree with those of the rows that they lead to, as the graph declares it (`.agrees(…)`): whoever writes one is asked
//! when all of a field is written, by the statement that asks the rules of it.
//!
//! Rows of which no such key is written are not asked, and so may stay as they are. On PostgreSQL a snapshot does not show who
//! refers to a row meanwhile, and that he has locked it is forgotten when he is done: so where one is asked, the transaction is
//! `SERIALIZABLE` (`Work::is_serial`).

use std::collections::BTreeSet;

use super::Writer;
use super::within::{Rest, rests_of};
use crate::error::Error;
use crate::graph::writing::{AgreementId, End};
use crate::graph::{Catalog, ColumnIx, EntityId, Link};
use crate::read::load::change::Transaction;
use crate::read::sql::change::Value;
use crate::write::unit::{Act, Given, Node, NodeId};

/// Agreements that are asked of a row, each from the end at which it stands.
pub(super) type Asked = BTreeSet<(AgreementId, End)>;

/// What is written of a row: a column, and whether it will be null.
type Written = (ColumnIx, bool);

/// Whether a field may ask for an agreement.
pub fn asks_of_agreements(catalog: &Catalog, nodes: &[Node], act: &Act) -> bool {
    !asked_entities(catalog, nodes, act).is_empty()
}

/// The entities of whose rows a field may ask for agreements.
pub(super) fn asked_entities(catalog: &Catalog, nodes: &[Node], act: &Act) -> BTreeSet<EntityId> {
    let mut all = BTreeSet::new();
    if catalog.agreements.is_empty() {
        return all;
    }
    // What a hook writes is known only then.
    let hooked = |entity: EntityId| catalog.entities[entity].writing.hooks.is_some();
    let mut note = |entity: EntityId, asked: Asked| {
        if !asked.is_empty() {
            all.insert(entity);
        }
    };
    let changed = |entity: EntityId, changes: &[(ColumnIx, Given)]| match hooked(entity) {
        true => of_any(catalog, entity),
        false => of_changed(catalog, entity, changes.iter().map(written)),
    };
    for &id in &act.nodes {
        let node = &nodes[id];
        if node.is_written() {
            let asked = match hooked(node.entity) {
                true => of_any(catalog, node.entity),
                false => of_node(catalog, node),
            };
            note(node.entity, asked);
        }
    }
    for set in &act.sets {
        let relation = &catalog.relations[set.relation];
        if let Link::Direct { columns } = &relation.link {
            let of = &catalog.entities[relation.to].columns;
            let nullable = columns.iter().filter(|&&c| of[c].nullable);
            let nulls = nullable.map(|&column| (column, Given::Is(Value::Null)));
            let changes: Vec<_> = nulls.chain(set.presets.iter().cloned()).collect();
            note(relation.to, changed(relation.to, &changes));
        }
    }
    if let Some(matching) = &act.matching {
        let changes = matching.changes.as_deref().unwrap_or_default();
        note(matching.entity, changed(matching.entity, changes));
    }
    all
}

/// What may be asked of a row, whatever becomes of it.
pub(super) fn of_node(catalog: &Catalog, node: &Node) -> Asked {
    let changes = node.changes.iter().map(written);
    if node.found().is_some() {
        let mut asked = of_changed(catalog, node.entity, changes);
        // What it is to leave, it is perhaps not in, and then refers to what it did.
        for rest in rests_of(catalog, node) {
            if let Rest::Some(changes) = rest {
                let changes = changes.iter().map(written);
                asked.extend(of_changed(catalog, node.entity, changes));
            }
        }
        return asked;
    }
    let mut asked = of_new(catalog, node.entity, changes);
    // Or one that is there is changed instead.
    asked.extend(of_changed(
        catalog,
        node.entity,
        node.instead().iter().map(written),
    ));
    asked
}

fn written((column, given): &(ColumnIx, Given)) -> Written {
    (*column, *given == Given::Is(Value::Null))
}

/// What is asked of a new row: nobody refers to it but rows that are written beside it.
fn of_new(
    catalog: &Catalog,
    entity: EntityId,
    written: impl IntoIterator<Item = Written>,
) -> Asked {
    let written: Vec<Written> = written.into_iter().collect();
    let columns = &catalog.entities[entity].columns;
    let is_null = |column: &ColumnIx| match written.iter().find(|(c, _)| c == column) {
        Some((_, is_null)) => *is_null,
        None => !columns[*column].written.has_default,
    };
    let agreements = catalog.agreements.iter().enumerate();
    let asked = agreements.filter(|(_, agreement)| {
        let over = &catalog.relations[agreement.over];
        over.from == entity && !over.from_columns.iter().any(is_null)
    });
    asked.map(|(id, _)| (id, End::Referring)).collect()
}

/// What is asked of a row that was there, and of which these columns are written.
fn of_changed(
    catalog: &Catalog,
    entity: EntityId,
    written: impl IntoIterator<Item = Written>,
) -> Asked {
    let written: Vec<Written> = written.into_iter().collect();
    let is_written = |column: &ColumnIx| written.iter().any(|(c, _)| c == column);
    let is_null = |column: &ColumnIx| written.contains(&(*column, true));
    let mut asked = Asked::new();
    for (id, agreement) in catalog.agreements.iter().enumerate() {
        let over = &catalog.relations[agreement.over];
        let mut keys = over.from_columns.iter().chain(&agreement.own);
        let refers = !over.from_columns.iter().any(is_null);
        if over.from == entity && refers && keys.any(is_written) {
            asked.insert((id, End::Referring));
        }
        if over.to == entity && agreement.theirs.iter().any(is_written) {
            asked.insert((id, End::Referred));
        }
    }
    asked
}

/// All that can be asked of rows of an entity.
fn of_any(catalog: &Catalog, entity: EntityId) -> Asked {
    let mut asked = Asked::new();
    for (id, agreement) in catalog.agreements.iter().enumerate() {
        let over = &catalog.relations[agreement.over];
        if over.from == entity {
            asked.insert((id, End::Referring));
        }
        if over.to == entity {
            asked.insert((id, End::Referred));
        }
    }
    asked
}

impl<T: Transaction> Writer<'_, T> {
    /// The agreements that are asked of a row that was written.
    pub(super) fn asked_agreements(&self, id: NodeId) -> Asked {
        let (catalog, node) = (self.catalog, self.node(id));
        if catalog.agreements.is_empty() {
            return Asked::new();
        }
        let entity = node.entity;
        let is_updated = self.updated.contains(&id);
        // Where no database is asked, it may be either, and be whatever a hook makes of it.
        if self.dry {
            return match self.entity(entity).writing.hooks.is_some() {
                true => of_any(catalog, entity),
                false if node.found().is_some() => {
                    of_changed(catalog, entity, node.changes.iter().map(written))
                }
                false => of_node(catalog, node),
            };
        }
        match self.hooked.get(&id) {
            // What its hook made of what it was changed by is not kept.
            Some(_) if is_updated => of_any(catalog, entity),
            Some(values) => {
                let written = values.iter().map(|(c, value)| (*c, *value == Value::Null));
                match node.found() {
                    Some(_) => of_changed(catalog, entity, written),
                    None => of_new(catalog, entity, written),
                }
            }
            None if is_updated => of_changed(catalog, entity, node.instead().iter().map(written)),
            None if node.found().is_some() => {
                of_changed(catalog, entity, node.changes.iter().map(written))
            }
            None => of_new(catalog, entity, node.changes.iter().map(written)),
        }
    }

    /// That an agreement does not hold of a row, where in the input the key is given that is most its own.
    pub(super) fn disagrees(&self, id: NodeId, agreement: AgreementId, end: End) -> Error {
        let agreement = &self.catalog.agreements[agreement];
        let relation = |relation: usize| &self.catalog.relations[relation];
        let over = relation(agreement.over);
        let node = self.node(id);
        let of = self.entity(node.entity);
        let (message, columns) = match end {
            End::Referring => (
                format!(
                    "`{}` of this {} must be that of its `{}`",
                    relation(agreement.here).name,
                    of.one(),
                    over.name
                ),
                [&over.from_columns[..], &agreement.own].concat(),
            ),
            End::Referred => (
                format!(
                    "`{}` of this {} must be that of the {} whose `{}` it is",
                    relation(agreement.there).name,
                    of.one(),
                    self.entity(over.from).many(),
                    over.name
                ),
                agreement.theirs.clone(),
            ),
        };
        let given = columns.into_iter().filter(|&c| self.is_given(id, c));
        let places = given.map(|column| match self.updated.contains(&id) {
            true => node.place_instead(of, column),
            false => node.place_of(of, column),
        });
        // A key that is given by where its row stands has no place of its own.
        let mut places = places.filter(|place| of.exposed && **place != *node.path);
        let place = places.next();
        Error::input(message).of_field(place.unwrap_or_else(|| node.path.to_string()))
    }
}
