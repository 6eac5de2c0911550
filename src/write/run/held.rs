//! Rows that cannot be deleted since others refer to them, which stay.
//!
//! Where what refers to a row may be deleted by the same field, that is known only when all is found that goes. Else it
//! is asked of the row itself, in the statement that finds it.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::ForeignKeyAction;

use super::delete::{Going, Parent};
use super::find::{Question, referring, restricting};
use super::{Stop, Writer, holds};
use crate::error::{Code, Error};
use crate::graph::{Catalog, Entity, EntityId, ForeignKey, Link};
use crate::read::load::change::Transaction;
use crate::read::sql::change::Ask;
use crate::write::unit::{Act, Node, NodeId, Origin};

/// Of which entities a field deletes rows, whatever there is.
#[derive(Default)]
pub(super) struct Deletes {
    /// Those of which it names or finds some, and whether these may be several.
    named: BTreeMap<EntityId, bool>,
    /// Those of which rows go with others.
    along: BTreeSet<EntityId>,
}

impl Deletes {
    pub fn of(catalog: &Catalog, nodes: &[Node], act: &Act) -> Self {
        let mut deletes = Deletes::default();
        for &id in &act.nodes {
            if is_deleted(nodes, id) {
                let several = deletes.named.contains_key(&nodes[id].entity);
                deletes.named.insert(nodes[id].entity, several);
            }
        }
        for set in &act.sets {
            let relation = &catalog.relations[set.relation];
            let entity = match &relation.link {
                Link::Through { junction, .. } => *junction,
                Link::Direct { .. } => relation.to,
            };
            deletes.named.insert(entity, true);
        }
        let matching = act.matching.as_ref();
        if let Some(matching) = matching.filter(|matching| matching.changes.is_none()) {
            deletes.named.insert(matching.entity, true);
        }
        let mut open: Vec<_> = deletes.named.keys().copied().collect();
        while let Some(next) = open.pop() {
            for (from, key) in referring(catalog, next) {
                let goes = matches!(key.on_delete, Some(ForeignKeyAction::Cascade));
                if goes && deletes.along.insert(from) {
                    open.push(from);
                }
            }
        }
        deletes
    }

    /// Whether rows of `from` that refer to one of an entity may be deleted with it.
    pub fn may_take(&self, entity: EntityId, from: EntityId) -> bool {
        let named = self.named.get(&from);
        let named = named.is_some_and(|several| *several || from != entity);
        named || self.along.contains(&from)
    }

    /// All of them.
    pub fn all(&self) -> BTreeSet<EntityId> {
        let named = self.named.keys().copied();
        named.chain(self.along.iter().copied()).collect()
    }

    /// The keys that may keep a row which is to go, and of which it itself was not asked.
    pub fn keeping<'c>(
        &self,
        catalog: &'c Catalog,
        entity: EntityId,
    ) -> impl Iterator<Item = (EntityId, &'c ForeignKey)> {
        let keeping = restricting(catalog, entity);
        keeping
            .filter(move |(from, _)| self.along.contains(&entity) || self.may_take(entity, *from))
    }
}

fn is_deleted(nodes: &[Node], id: NodeId) -> bool {
    match &nodes[id].origin {
        Origin::Found(found) => found.uses.delete,
        Origin::Unlink => true,
        _ => false,
    }
}

impl<T: Transaction> Writer<'_, T> {
    /// Refuses to delete what is referred to by rows that stay.
    pub(super) async fn refuse_held(
        &mut self,
        going: &BTreeMap<EntityId, Going>,
    ) -> Result<(), Stop> {
        for (&entity, goes) in going {
            let keeping: Vec<_> = self.deletes.keeping(self.catalog, entity).collect();
            for (from, key) in keeping {
                let stays = self.staying(from, key, &goes.parents, going.get(&from));
                let Some((parent, seen)) = stays.await? else {
                    continue;
                };
                let of = self.entity(entity);
                let holder = seen.then(|| self.holder(from, key));
                let error = match parent.along {
                    true => conflict_along(of, holder),
                    false => conflict(of, holder),
                };
                self.refuse(vec![error.of_field(&*parent.path)])?;
            }
        }
        Ok(())
    }

    /// A row that is kept by one which does not go, and whether whoever asks sees that.
    async fn staying<'p>(
        &mut self,
        from: EntityId,
        key: &ForeignKey,
        parents: &'p [Parent],
        going: Option<&Going>,
    ) -> Result<Option<(&'p Parent, bool)>, Stop> {
        let own = &self.entity(from).primary_key;
        let is_seen = Ask::Referred {
            from,
            columns: own.clone(),
            to_columns: own.clone(),
            seen: true,
            other: false,
        };
        // By a key that is hidden from him it is not seen either.
        let masked = self.masked(from, &key.columns);
        let masked = masked.iter().map(Question::ask);
        let asks = [is_seen].into_iter().chain(masked).collect();
        let rows = self.referring_rows(from, key, parents, own, asks);
        let rows = rows.await?.into_iter().filter_map(|(parent, mut row)| {
            let seen = row.split_off(own.len()).iter().all(holds);
            let row: Option<Vec<_>> = row.into_iter().collect();
            let goes = going.is_some_and(|going| going.keys.contains(&row.unwrap_or_default()));
            (!goes).then_some((parent, seen))
        });
        // What can be named is.
        Ok(rows.max_by_key(|(_, seen)| *seen))
    }

    /// The relation by which rows hold another: `posts`.
    pub(super) fn holder(&self, from: EntityId, key: &ForeignKey) -> String {
        let relation = self.catalog.relations.iter().find(|r| {
            let direct = match &r.link {
                Link::Direct { columns } => *columns == key.columns,
                Link::Through { .. } => false,
            };
            r.from == key.to && r.to == from && !r.holds_key && direct
        });
        match relation {
            Some(relation) => format!("`{}`", relation.name),
            None => self.entity(from).many(),
        }
    }
}

/// That a row stays, since others refer to it: those of this relation, if that may be told.
pub(super) fn conflict(of: &Entity, holder: Option<String>) -> Error {
    let of = of.one();
    let message = match holder {
        Some(holder) => {
            format!("this {of} cannot be deleted: it still has {holder}; delete those first")
        }
        None => format!("this {of} cannot be deleted: something else refers to it"),
    };
    Error::new(Code::Conflict, message)
}

/// The same of a row that would go with another.
fn conflict_along(of: &Entity, holder: Option<String>) -> Error {
    let of = of.many();
    let message = match holder {
        Some(holder) => format!(
            "this cannot be deleted: with it would go {of} that still have {holder}; delete those first"
        ),
        None => {
            format!("this cannot be deleted: with it would go {of} that something else refers to")
        }
    };
    Error::new(Code::Conflict, message)
}
