//! Rows that must be in a relation, or are in it already.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Doubt, Stop, Writer, place};
use crate::error::Error;
use crate::graph::{Catalog, ColumnIx, Kind, Link, Relation, RelationId};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Find, Lock, Look, Task, Value};
use crate::write::unit::{Found, Given, Key, Node, NodeId, Origin, Uses, Within};

/// Whether the keys of a relation are equal only where their bytes are. Others their database compares: `ab` and `AB`
/// may be one.
pub(super) fn is_exact(catalog: &Catalog, relation: &Relation) -> bool {
    let of = &catalog.entities[relation.from];
    let mut columns = relation.from_columns.iter();
    columns.all(|&c| matches!(of.columns[c].kind, Kind::Int | Kind::BigInt | Kind::Uuid))
}

impl<T: Transaction> Writer<'_, T> {
    /// Refuses rows that are not in the relation in which they are named.
    pub(super) async fn check_relations(&mut self, act: usize) -> Result<(), Stop> {
        let mut linked: Vec<(NodeId, Within)> = Vec::new();
        // Rows to which nothing is done.
        let mut idle = Vec::new();
        let mut apart = Vec::new();
        let mut unjoined = Vec::new();
        for &id in &self.act(act).nodes {
            let Some(found) = self.node(id).found() else {
                continue;
            };
            match self.is_attached_already(id, found) {
                true => idle.push(id),
                false => unjoined.extend(self.unjoined(id, found)),
            }
            for within in &found.within {
                match &self.catalog.relations[within.relation].link {
                    Link::Through { .. } => linked.push((id, *within)),
                    Link::Direct { columns } if !self.is_within(id, within, columns) => {
                        apart.push((id, *within));
                    }
                    Link::Direct { .. } => {}
                }
            }
        }
        let alike = self.alike(&apart).await?;
        // Where no database is asked, they may be.
        apart.retain(|within| self.dry || !alike.contains(within));
        let mut errors = unjoined;
        let mut detached = BTreeSet::new();
        for &(id, within) in &apart {
            match self.node(id).found().is_some_and(|found| found.detached) {
                true => drop(detached.insert(id)),
                false => errors.extend(self.not_within(id, within)),
            }
        }
        for id in detached {
            match self.dry {
                true => self.leave_some_attached(act, id, &mut idle),
                false => self.leave_attached(act, id, &apart, &mut idle),
            }
        }
        let deferred = std::mem::take(&mut self.deferred).into_iter();
        let deferred = deferred.filter(|(id, _)| !idle.contains(id));
        errors.extend(deferred.map(|(_, error)| error));
        self.refuse(errors)?;
        idle.into_iter().for_each(|id| self.spare(id));
        self.check_links(act, linked).await
    }

    /// Of a row that was to leave relations in which it is not, only the rest is written, if there is one.
    fn leave_attached(
        &mut self,
        act: usize,
        id: NodeId,
        apart: &[(NodeId, Within)],
        idle: &mut Vec<NodeId>,
    ) {
        let is_out = |within: &Within| apart.contains(&(id, *within));
        let rest = rest_of(self.catalog, self.node(id), is_out);
        if let Rest::Some(_) = rest {
            self.rewritten.insert(id);
        }
        self.write_rest(act, id, rest, idle);
    }

    /// The same where it is not known in which of them it is.
    fn leave_some_attached(&mut self, act: usize, id: NodeId, idle: &mut Vec<NodeId>) {
        let rests = rests_of(self.catalog, self.node(id));
        if !rests.iter().any(|rest| matches!(rest, Rest::Nothing)) {
            self.rewritten.insert(id);
        }
        for rest in rests {
            self.write_rest(act, id, rest, idle);
        }
    }

    fn write_rest(&mut self, act: usize, id: NodeId, rest: Rest, idle: &mut Vec<NodeId>) {
        match rest {
            Rest::All => {}
            Rest::Nothing => idle.push(id),
            Rest::Some(changes) => self.write_instead(act, id, changes),
        }
    }

    /// Has other changes be written of a row that is there.
    fn write_instead(&mut self, act: usize, id: NodeId, changes: Vec<(ColumnIx, Given)>) {
        let node = self.node(id);
        let entity = node.entity;
        let uses = Uses {
            update: true,
            ..Uses::default()
        };
        let found = Found::new(Key::Is(self.key(id).unwrap_or_default()), uses);
        let other = Node {
            act,
            entity,
            origin: Origin::Found(found),
            changes,
            path: node.path.clone(),
            places: node.places.clone(),
            trusted: node.trusted,
        };
        let other = self.add(other);
        self.doubt(other, Doubt::PERHAPS);
        for column in 0..self.entity(entity).columns.len() {
            if let Some(value) = self.known.get(&(id, column)).cloned() {
                self.known.insert((other, column), value);
            }
        }
        self.spare(id);
    }

    /// Whether a row is perhaps as it is to be already, so that whoever asks need not be allowed anything.
    pub(super) fn is_perhaps_idle(&self, id: NodeId) -> bool {
        let found = self.node(id).found();
        found.is_some_and(|found| found.detached || !found.attached.is_empty())
    }

    /// Those rows whose key is their parent's to the database, though they are written differently.
    async fn alike(
        &mut self,
        apart: &[(NodeId, Within)],
    ) -> Result<HashSet<(NodeId, Within)>, Stop> {
        let mut by_relation: BTreeMap<RelationId, Vec<(NodeId, Within)>> = BTreeMap::new();
        for (id, within) in apart {
            let relation = &self.catalog.relations[within.relation];
            let is_seen = self.sees_all_of(within.parent, &relation.from_columns);
            if is_seen && !is_exact(self.catalog, relation) {
                let of = by_relation.entry(within.relation).or_default();
                of.push((*id, *within));
            }
        }
        let mut alike = HashSet::new();
        for (relation, rows) in by_relation {
            alike.extend(self.alike_in(relation, rows).await?);
        }
        Ok(alike)
    }

    async fn alike_in(
        &mut self,
        id: RelationId,
        rows: Vec<(NodeId, Within)>,
    ) -> Result<Vec<(NodeId, Within)>, Stop> {
        let relation = &self.catalog.relations[id];
        let Link::Direct { columns } = &relation.link else {
            return Ok(Vec::new());
        };
        let entity = relation.to;
        // A row by its own key, and by that which it is to have of its parent.
        let own = self.entity(entity).primary_key.iter();
        let own: Vec<_> = own.copied().filter(|c| !columns.contains(c)).collect();
        let all: Vec<_> = own.iter().chain(columns).copied().collect();
        let bound = rows.iter().map(|(node, within)| {
            let own = own.iter().map(|&c| (*node, c));
            let of_parent = relation.from_columns.iter().map(|&c| (within.parent, c));
            let values = own.chain(of_parent).map(|key| {
                let value = self.known.get(&key).cloned().flatten();
                Cow::Owned(value.map_or(Value::Null, Value::Is))
            });
            values.collect()
        });
        let bound = self.rows(entity, &all, bound);
        let find = Task::Find(Find {
            entity,
            by: all,
            look: Look {
                reads: Vec::new(),
                asks: Vec::new(),
                seen: true,
                lock: Lock::None,
            },
        });
        let path = rows
            .first()
            .map(|(node, _)| self.node(*node).path.to_string());
        let path = path.unwrap_or_default();
        let found = self.statement(&path, Doubt::PERHAPS, find, bound).await?;
        let found = found
            .iter()
            .filter_map(|row| rows.get(place(T::DIALECT, &row[0])));
        Ok(found.copied().collect())
    }

    /// Whether these columns of a row are seen by whoever asks.
    pub(super) fn sees_all_of(&self, id: NodeId, columns: &[ColumnIx]) -> bool {
        let mut columns = columns.iter();
        columns.all(|&column| !self.unseen.contains(&(id, column)))
    }

    /// Whether a row refers to the parent of a relation by these columns, as far as whoever asks sees.
    pub(super) fn is_within(&self, id: NodeId, within: &Within, columns: &[ColumnIx]) -> bool {
        let relation = &self.catalog.relations[within.relation];
        let mut pairs = columns.iter().zip(&relation.from_columns);
        self.sees_all_of(id, columns)
            && self.sees_all_of(within.parent, &relation.from_columns)
            && pairs.all(|(&own, &of)| {
                let own = self.known.get(&(id, own)).cloned().flatten();
                let of = self.known.get(&(within.parent, of)).cloned().flatten();
                own.is_some() && own == of
            })
    }

    /// That a row is to refer to one to which it may not be made to.
    fn unjoined(&self, id: NodeId, found: &Found) -> Option<Error> {
        let within = found.attached.iter().find(|within| {
            let relation = &self.catalog.relations[within.relation];
            let is_within = match &relation.link {
                Link::Direct { columns } => self.is_within(id, within, columns),
                Link::Through { .. } => false,
            };
            self.unjoinable.contains(&within.parent) && !is_within
        })?;
        let relation = &self.catalog.relations[within.relation];
        let parent = self.entity(relation.from).one();
        let message = format!("you may not have this refer to this {parent}");
        Some(self.forbidden(message, &self.node(id).path))
    }

    /// Whether nothing is to become of a row but that it is in relations in which it is.
    fn is_attached_already(&self, id: NodeId, found: &Found) -> bool {
        let is_within = |within: &Within, columns: &[ColumnIx]| {
            // Where no database is asked, it may be.
            self.dry || self.is_within(id, within, columns)
        };
        is_only_attached(self.catalog, self.node(id), found, is_within)
    }
}

/// Whether nothing is to become of a row but that it is in relations in which it is, as `is_within` tells of each.
pub(super) fn is_only_attached(
    catalog: &Catalog,
    node: &Node,
    found: &Found,
    is_within: impl Fn(&Within, &[ColumnIx]) -> bool,
) -> bool {
    let presets = &catalog.entities[node.entity].writing.on_update;
    let mut keys = Vec::new();
    for within in &found.attached {
        match &catalog.relations[within.relation].link {
            Link::Direct { columns } if is_within(within, columns) => {
                keys.extend(columns);
            }
            _ => return false,
        }
    }
    let is_for_that = |column: &ColumnIx| {
        keys.contains(&column) || presets.iter().any(|(preset, _)| preset == column)
    };
    !keys.is_empty() && node.changes.iter().all(|(column, _)| is_for_that(column))
}

/// What is left to be written of a row that was to leave relations in which it is not.
pub(super) enum Rest {
    All,
    /// Of what is said of it, nothing.
    Nothing,
    Some(Vec<(ColumnIx, Given)>),
}

/// What is left of a row that is out of some of the relations which it was to leave.
pub(super) fn rest_of(catalog: &Catalog, node: &Node, is_out: impl Fn(&Within) -> bool) -> Rest {
    let withins = node.found().map_or(&[][..], |found| &found.within);
    let columns = |within: &Within| match &catalog.relations[within.relation].link {
        Link::Direct { columns } => &columns[..],
        Link::Through { .. } => &[],
    };
    let (out, still): (Vec<&Within>, Vec<_>) = withins.iter().partition(|within| is_out(within));
    let stays = |column: &ColumnIx| {
        let of = |all: &[&Within]| all.iter().any(|within| columns(within).contains(column));
        of(&out) && !of(&still)
    };
    let changes = node.changes.iter().filter(|(column, _)| !stays(column));
    let changes: Vec<_> = changes.cloned().collect();
    if changes.len() == node.changes.len() {
        return Rest::All;
    }
    let presets = &catalog.entities[node.entity].writing.on_update;
    let is_preset = |column: ColumnIx| presets.iter().any(|(preset, _)| *preset == column);
    match changes.iter().all(|(column, _)| is_preset(*column)) {
        true => Rest::Nothing,
        false => Rest::Some(changes),
    }
}

/// What may be left of a row, whichever of the relations it is in that it was to leave.
pub(super) fn rests_of(catalog: &Catalog, node: &Node) -> Vec<Rest> {
    let withins = node.found().filter(|found| found.detached);
    let withins = withins.map_or(&[][..], |found| &found.within);
    let is_direct = |within: &&Within| {
        let link = &catalog.relations[within.relation].link;
        matches!(link, Link::Direct { .. })
    };
    let direct: Vec<_> = withins.iter().filter(is_direct).collect();
    let subsets = 1..1_usize << direct.len().min(MOST_LEFT);
    let rests = subsets.map(|out| {
        let is_out = |within: &Within| {
            let mut places = direct.iter().enumerate();
            places.any(|(at, of)| *of == within && out & 1 << at != 0)
        };
        rest_of(catalog, node, is_out)
    });
    rests.collect()
}

/// Of more relations than these between two tables it is not asked which of them a row may leave.
const MOST_LEFT: usize = 8;
