//! How many statements a field runs at most, which follows from its input.

use std::collections::{BTreeSet, HashSet};

use super::agreements::asked_entities;
use super::delete;
use super::held::Deletes;
use super::instead;
use super::references;
use super::within::is_exact;
use crate::graph::rules::{Rules, Visibility};
use crate::graph::{Catalog, ColumnIx, EntityId, Link, RelationId};
use crate::write::order::{GroupKey, Operation, Order};
use crate::write::unit::{Act, Node, NodeId, Origin};

/// The most statements that a field runs before its payload is read.
pub fn statements(
    catalog: &Catalog,
    rules: &Rules,
    nodes: &[Node],
    act: &Act,
    order: &Order,
) -> u64 {
    // What a hook is given of a row is read.
    let hooked = |entity: EntityId| u64::from(catalog.entities[entity].writing.hooks.is_some());
    let mut found = BTreeSet::new();
    let mut links = BTreeSet::new();
    let mut deleted = BTreeSet::new();
    let mut checked = BTreeSet::new();
    let mut compared = BTreeSet::new();
    for &id in &act.nodes {
        let node = &nodes[id];
        match &node.origin {
            Origin::Found(of) => {
                found.insert(node.entity);
                if of.uses.delete {
                    deleted.insert(node.entity);
                }
                for within in &of.within {
                    let relation = &catalog.relations[within.relation];
                    match &relation.link {
                        Link::Through { junction, .. } => drop(links.insert(*junction)),
                        Link::Direct { .. } if !is_exact(catalog, relation) => {
                            compared.insert(within.relation);
                        }
                        Link::Direct { .. } => {}
                    }
                }
            }
            Origin::Unlink => {
                links.insert(node.entity);
                deleted.insert(node.entity);
            }
            _ => {}
        }
        if node.is_written() && !node.trusted && is_checked(rules, node) {
            checked.insert(node.entity);
        }
    }
    checked.extend(asked_entities(catalog, nodes, act));
    let mut all = (found.len() + links.len() + compared.len()) as u64;
    // Those whose relations alone change are written as well.
    let expected = act.expected.iter().map(|node| nodes[*node].entity);
    let expected: BTreeSet<EntityId> = expected.collect();
    all += expected.iter().map(|&e| 1 + 2 * hooked(e)).sum::<u64>();
    let set = act.sets.iter().map(|set| nodes[set.parent].entity);
    all += set.collect::<BTreeSet<_>>().len() as u64;
    let relations: HashSet<_> = act.sets.iter().map(|set| set.relation).collect();
    for relation in relations {
        let relation = &catalog.relations[relation];
        all += 1;
        match &relation.link {
            Link::Through { junction, .. } => {
                deleted.insert(*junction);
            }
            Link::Direct { columns } => {
                let of = &catalog.entities[relation.to].columns;
                match columns.iter().any(|&c| of[c].nullable) {
                    true => {
                        all += 1 + 2 * hooked(relation.to);
                        checked.insert(relation.to);
                    }
                    false => {
                        deleted.insert(relation.to);
                    }
                }
            }
        }
    }
    if let Some(matching) = &act.matching {
        all += 1;
        match &matching.changes {
            Some(changes) => {
                all += 1 + 2 * hooked(matching.entity);
                let written = changes.iter().map(|(column, _)| *column);
                if asks(
                    rules,
                    matching.entity,
                    rules.update(matching.entity),
                    written,
                ) {
                    checked.insert(matching.entity);
                }
            }
            None => {
                deleted.insert(matching.entity);
            }
        }
    }
    all += deleted
        .iter()
        .map(|&entity| delete::statements(catalog, entity))
        .sum::<u64>();
    all += Deletes::of(catalog, nodes, act).statements(catalog);
    all += order
        .groups
        .keys()
        .map(|key| match key.operation {
            // Where it neither makes a row nor changes one, that is looked at.
            Operation::Upsert(_) if is_at_once(catalog, rules, nodes, key, &order.groups[key]) => 2,
            // What is there instead is changed by what is said of it.
            Operation::InsertUnless(_) | Operation::Upsert(_) => {
                2 + changes_instead(nodes, &order.groups[key], hooked(key.entity))
            }
            Operation::Update => 1 + hooked(key.entity),
            // Which of them are there, and hidden.
            Operation::Link if catalog.entities[key.entity].policy.can_hide() => 2,
            _ => 1,
        })
        .sum::<u64>();
    for (key, group) in &order.groups {
        let parts: BTreeSet<_> = group
            .iter()
            .flat_map(|&id| leaving_in_part(catalog, &nodes[id]))
            .collect();
        all += parts.len() as u64 * (1 + hooked(key.entity));
    }
    all += references::statements(catalog, nodes, act);
    let saved: BTreeSet<EntityId> = order.groups.keys().map(|key| key.entity).collect();
    all += saved.into_iter().map(hooked).sum::<u64>();
    let patches: HashSet<(EntityId, ColumnIx)> = order
        .patches
        .iter()
        .map(|(id, column, _)| (nodes[*id].entity, *column))
        .collect();
    all + (patches.len() + checked.len()) as u64
}

fn is_at_once(
    catalog: &Catalog,
    rules: &Rules,
    nodes: &[Node],
    key: &GroupKey,
    group: &[NodeId],
) -> bool {
    match group {
        [id] => instead::is_at_once(catalog, rules, *id, &nodes[*id], key),
        _ => false,
    }
}

/// The statements that change rows which are there instead of new ones: one for each set of columns, or with hooks for each
/// row, which is read before.
fn changes_instead(nodes: &[Node], group: &[NodeId], hooked: u64) -> u64 {
    let changes = group.iter().map(|&id| nodes[id].instead());
    let changes = changes.filter(|changes| !changes.is_empty());
    let changes = changes.map(|changes| {
        let mut columns: Vec<_> = changes.iter().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        columns
    });
    match hooked {
        0 => changes.collect::<BTreeSet<_>>().len() as u64,
        _ => 2 * changes.count() as u64,
    }
}

/// The relations that a row leaves, if something else is said of it: where it is not in them, only that is written.
fn leaving_in_part<'n>(
    catalog: &'n Catalog,
    node: &'n Node,
) -> impl Iterator<Item = RelationId> + use<'n> {
    let found = node.found().filter(|found| found.detached);
    let relations = found.into_iter().flat_map(|found| &found.within);
    let presets = &catalog.entities[node.entity].writing.on_update;
    relations
        .map(|within| within.relation)
        .filter(move |&relation| {
            let Link::Direct { columns } = &catalog.relations[relation].link else {
                return false;
            };
            let is_preset = |column| presets.iter().any(|(preset, _)| *preset == column);
            let mut changes = node.changes.iter();
            changes.any(|(column, _)| !columns.contains(column) && !is_preset(*column))
        })
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
