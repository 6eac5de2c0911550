//! How many statements a field runs at most, which follows from its input.
//!
//! It is the number of those that are explained (`write::plan`), counted without writing them, since it is asked of every request.
//! What tests send is held against both: what runs is among what is explained, and that is as many as are counted here.

use std::collections::BTreeSet;

use sea_orm::sea_query::ForeignKeyAction;

use super::agreements::asked_entities;
use super::delete::{ROUNDS, is_owned};
use super::find::referring;
use super::held::Deletes;
use super::instead;
use super::references;
use super::renew;
use super::within::{Rest, is_exact, is_only_attached, rests_of};
use crate::graph::rules::{Rules, Visibility};
use crate::graph::{Catalog, ColumnIx, EntityId, Link, Relation, RelationId};
use crate::read::sql::Dialect;
use crate::write::order::{GroupKey, Operation, Order};
use crate::write::unit::{Act, Given, Node, NodeId, Origin, Set};

/// The most statements that a field runs before its payload is read.
pub fn statements(
    catalog: &Catalog,
    rules: &Rules,
    dialect: Dialect,
    nodes: &[Node],
    act: &Act,
    order: &Order,
) -> u64 {
    let mut counting = Counting {
        catalog,
        rules,
        dialect,
        nodes,
        act,
        saved: BTreeSet::new(),
    };
    let all = [
        counting.found(),
        references::statements(catalog, nodes, act),
        counting.deleted(),
        counting.written(order),
        counting.renewed(),
        counting.checked(),
    ];
    all.iter().sum::<u64>() + counting.saved.len() as u64
}

struct Counting<'a> {
    catalog: &'a Catalog,
    rules: &'a Rules,
    dialect: Dialect,
    nodes: &'a [Node],
    act: &'a Act,
    /// The entities with hooks that run behind what is written.
    saved: BTreeSet<EntityId>,
}

impl Counting<'_> {
    /// What finds rows.
    fn found(&self) -> u64 {
        let mut found = BTreeSet::new();
        let mut links = BTreeSet::new();
        let mut compared = BTreeSet::new();
        for node in self.own() {
            match &node.origin {
                Origin::Found(of) => {
                    found.insert(node.entity);
                    for within in &of.within {
                        let relation = &self.catalog.relations[within.relation];
                        match &relation.link {
                            Link::Through { junction, .. } => drop(links.insert(*junction)),
                            Link::Direct { .. }
                                if !is_exact(self.catalog, relation) && self.is_seen(relation) =>
                            {
                                compared.insert(within.relation);
                            }
                            Link::Direct { .. } => {}
                        }
                    }
                }
                Origin::Unlink => drop(links.insert(node.entity)),
                _ => {}
            }
        }
        let relations: BTreeSet<RelationId> = self.sets().map(|set| set.relation).collect();
        let all = found.len() + links.len() + compared.len() + relations.len();
        all as u64 + u64::from(self.act.matching.is_some())
    }

    /// What deletes rows, with those that go along.
    fn deleted(&mut self) -> u64 {
        let own = self.own().filter(|node| match &node.origin {
            Origin::Found(found) => found.uses.delete,
            origin => matches!(origin, Origin::Unlink),
        });
        let mut next: BTreeSet<EntityId> = own.map(|node| node.entity).collect();
        next.extend(self.parting().filter_map(|set| {
            let relation = &self.catalog.relations[set.relation];
            match &relation.link {
                Link::Through { junction, .. } => Some(*junction),
                Link::Direct { columns } => {
                    let nullable = self.nullable(relation, columns);
                    nullable.is_empty().then_some(relation.to)
                }
            }
        }));
        let matching = self.act.matching.as_ref();
        let matching = matching.filter(|matching| matching.changes.is_none());
        next.extend(matching.map(|matching| matching.entity));
        if next.is_empty() {
            return 0;
        }
        let mut all = 0;
        let mut reached = BTreeSet::new();
        // Rows of one entity may be come to in several rounds, by ways of different lengths or in a circle.
        for _ in 0..ROUNDS {
            let mut found = BTreeSet::new();
            for (from, key) in next.iter().flat_map(|&e| referring(self.catalog, e)) {
                match key.on_delete {
                    Some(ForeignKeyAction::Cascade) => {
                        all += 1;
                        let goes = *self.rules.delete(from) != Visibility::Nothing;
                        if goes || is_owned(self.catalog, from, key) {
                            found.insert(from);
                        }
                    }
                    Some(ForeignKeyAction::SetNull) => {
                        all += 2 + self.hooked(from);
                        self.saves(from);
                    }
                    _ => {}
                }
            }
            reached.extend(std::mem::replace(&mut next, found));
        }
        reached.extend(next);
        let deletes = Deletes::of(self.catalog, self.nodes, self.act);
        for &entity in &reached {
            all += 1 + self.hooked(entity) + deletes.keeping(self.catalog, entity).count() as u64;
        }
        all
    }

    /// What makes and changes rows.
    fn written(&mut self, order: &Order) -> u64 {
        let mut all = 0;
        let mut others = BTreeSet::new();
        for (key, group) in &order.groups {
            all += self.group(key, group);
            self.saves(key.entity);
            let rests = group.iter();
            let rests = rests.flat_map(|&id| rests_of(self.catalog, &self.nodes[id]));
            others.extend(rests.filter_map(|rest| match rest {
                Rest::Some(changes) => Some(GroupKey {
                    columns: columns(&changes),
                    ..key.clone()
                }),
                Rest::All | Rest::Nothing => None,
            }));
        }
        others.extend(self.leaving());
        others.extend(self.matching());
        others.retain(|key| !order.groups.contains_key(key));
        for key in others {
            all += 1 + self.hooked(key.entity);
            self.saves(key.entity);
        }
        let patches = order.patches.iter();
        let patches: BTreeSet<(EntityId, ColumnIx)> = patches
            .map(|(id, column, _)| (self.nodes[*id].entity, *column))
            .collect();
        all + patches.len() as u64
    }

    fn group(&self, key: &GroupKey, group: &[NodeId]) -> u64 {
        let (catalog, rules, nodes) = (self.catalog, self.rules, self.nodes);
        match (key.operation, group) {
            // Where it neither makes a row nor changes one, that is looked at.
            (Operation::Upsert(_), [id])
                if instead::is_at_once(catalog, rules, *id, &nodes[*id], key) =>
            {
                1 + u64::from(instead::is_conditional(catalog, rules, &nodes[*id]))
            }
            // What is there instead is changed by what is said of it.
            (Operation::InsertUnless(_) | Operation::Upsert(_), _) => {
                2 + self.changed_instead(key, group)
            }
            (Operation::Update, _) => 1 + self.hooked(key.entity),
            // Which of them are there, and hidden.
            (Operation::Link, _) if catalog.entities[key.entity].policy.can_hide() => 2,
            (Operation::Insert | Operation::Link, _) => 1,
        }
    }

    /// The statements that change rows which are there instead of new ones: one for each set of columns, or with hooks for each
    /// row, which is read before.
    fn changed_instead(&self, key: &GroupKey, group: &[NodeId]) -> u64 {
        let changes = group.iter().map(|&id| {
            let node = &self.nodes[id];
            let changes = instead::changes(node, key);
            columns(&changes.cloned().collect::<Vec<_>>())
        });
        let changes = changes.filter(|columns| !columns.is_empty());
        match self.hooked(key.entity) {
            0 => changes.collect::<BTreeSet<_>>().len() as u64,
            _ => 2 * changes.count() as u64,
        }
    }

    /// Rows that match a condition, and are changed.
    fn matching(&self) -> Option<GroupKey> {
        let matching = self.act.matching.as_ref()?;
        let changes = matching.changes.as_ref()?;
        (!changes.is_empty()).then(|| updated(matching.entity, columns(changes)))
    }

    /// Rows that leave relations which are `set`, and stay.
    fn leaving(&self) -> Vec<GroupKey> {
        let leaving = self.parting().filter_map(|set| {
            let relation = &self.catalog.relations[set.relation];
            let Link::Direct { columns: key } = &relation.link else {
                return None;
            };
            let mut written = self.nullable(relation, key);
            if written.is_empty() {
                return None;
            }
            written.extend(columns(&set.presets));
            written.sort_unstable();
            Some(updated(relation.to, written))
        });
        leaving.collect()
    }

    /// What writes rows of which only relations change.
    fn renewed(&mut self) -> u64 {
        let relied: BTreeSet<_> = renew::relied_on(self.act, self.dialect).collect();
        if relied.is_empty() {
            return 0;
        }
        // Whether a row is in a relation already is known only then.
        let changed = self.own();
        let changed = changed.flat_map(|node| renew::changed_by(self.catalog, node, |_, _| false));
        let parted = self.parting().map(|set| set.parent);
        let parents: BTreeSet<NodeId> = changed.chain(parted).collect();
        let parents = parents.intersection(&relied).copied();
        let parents = parents.filter(|&id| !self.is_written_anyhow(&self.nodes[id]));
        let renewed: BTreeSet<(bool, EntityId)> = parents
            .map(|id| (self.act.expected.contains(&id), self.nodes[id].entity))
            .collect();
        let mut all = 0;
        for (is_expected, entity) in renewed {
            all += 1;
            if is_expected {
                all += self.hooked(entity);
                self.saves(entity);
            }
        }
        all
    }

    /// Whether a row is changed, whatever relations it is in.
    fn is_written_anyhow(&self, node: &Node) -> bool {
        let is_left = |rest: &Rest| !matches!(rest, Rest::Nothing);
        let is_idle = |found| is_only_attached(self.catalog, node, found, |_, _| true);
        node.is_written()
            && !node.found().is_some_and(is_idle)
            && rests_of(self.catalog, node).iter().all(is_left)
    }

    /// What looks at rows that were written.
    fn checked(&self) -> u64 {
        let own = self.own();
        let own = own.filter(|n| n.is_written() && !n.trusted && is_checked(self.rules, n));
        let mut checked: BTreeSet<EntityId> = own.map(|node| node.entity).collect();
        checked.extend(asked_entities(self.catalog, self.nodes, self.act));
        for key in self.matching().into_iter().chain(self.leaving()) {
            let rule = self.rules.update(key.entity);
            if asks(self.rules, key.entity, rule, key.columns) {
                checked.insert(key.entity);
            }
        }
        checked.len() as u64
    }

    fn own(&self) -> impl Iterator<Item = &Node> {
        self.act.nodes.iter().map(|&id| &self.nodes[id])
    }

    /// The sets of rows that are there, as far as they are related to any to whoever asks.
    fn sets(&self) -> impl Iterator<Item = &Set> {
        let sets = self.act.sets.iter();
        sets.filter(|set| {
            let relation = &self.catalog.relations[set.relation];
            self.nodes[set.parent].found().is_some() && self.is_seen(relation)
        })
    }

    /// Those from which whoever asks may take something.
    fn parting(&self) -> impl Iterator<Item = &Set> {
        self.sets().filter(|set| {
            let relation = &self.catalog.relations[set.relation];
            let may = |rule: &Visibility| *rule != Visibility::Nothing;
            let (key, to) = match &relation.link {
                Link::Through { junction, .. } => return may(self.rules.delete(*junction)),
                Link::Direct { columns } => (self.nullable(relation, columns), relation.to),
            };
            let writing = &self.catalog.entities[to].writing;
            let is_given = |column: &ColumnIx| {
                let preset = writing.preset(*column, false);
                preset.is_none_or(|preset| preset.replaceable)
            };
            let mut given = key.iter().filter(|column| is_given(column));
            match key.is_empty() {
                true => may(self.rules.delete(to)),
                false => {
                    may(self.rules.update(to))
                        && given.all(|&c| may(self.rules.write_column(to, c)))
                }
            }
        })
    }

    /// Whether anybody like whoever asks sees by what its rows are related.
    fn is_seen(&self, relation: &Relation) -> bool {
        let mut columns = relation.from_columns.iter();
        columns.all(|&c| *self.rules.column(relation.from, c) != Visibility::Nothing)
    }

    /// Those columns of a key that can be null.
    fn nullable(&self, relation: &Relation, key: &[ColumnIx]) -> Vec<ColumnIx> {
        let of = &self.catalog.entities[relation.to].columns;
        let key = key.iter().copied();
        key.filter(|&column| of[column].nullable).collect()
    }

    /// What a hook is given of a row is read.
    fn hooked(&self, entity: EntityId) -> u64 {
        let hooks = &self.catalog.entities[entity].writing.hooks;
        u64::from(hooks.is_some())
    }

    fn saves(&mut self, entity: EntityId) {
        if self.hooked(entity) > 0 {
            self.saved.insert(entity);
        }
    }
}

fn columns(changes: &[(ColumnIx, Given)]) -> Vec<ColumnIx> {
    let mut columns: Vec<_> = changes.iter().map(|(column, _)| *column).collect();
    columns.sort_unstable();
    columns
}

/// Rows that only the database could name refer to nothing that is made beside them.
fn updated(entity: EntityId, columns: Vec<ColumnIx>) -> GroupKey {
    GroupKey {
        level: 0,
        operation: Operation::Update,
        entity,
        columns,
    }
}

fn is_checked(rules: &Rules, node: &Node) -> bool {
    let written = node.changes.iter().map(|(column, _)| *column);
    match &node.origin {
        Origin::Found(_) => asks(rules, node.entity, rules.update(node.entity), written),
        Origin::Upsert { .. } | Origin::NewUnless { .. } if !node.instead().is_empty() => {
            let instead = node.instead().iter().map(|(column, _)| *column);
            asks(rules, node.entity, rules.update(node.entity), instead)
                || asks(rules, node.entity, rules.create(node.entity), written)
        }
        _ => asks(rules, node.entity, rules.create(node.entity), written),
    }
}

fn asks(
    rules: &Rules,
    entity: EntityId,
    rule: &Visibility,
    written: impl IntoIterator<Item = ColumnIx>,
) -> bool {
    let is_asked = |rule: &Visibility| matches!(rule, Visibility::Where(_));
    let mut written = written.into_iter();
    is_asked(rule) || written.any(|column| is_asked(rules.write_column(entity, column)))
}
