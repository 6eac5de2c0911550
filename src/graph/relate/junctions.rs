//! Many-to-many relations, found from junctions.

use super::{Naming, Work};
use crate::graph::reflect::{RawEntity, RawRelation, Shape};
use crate::graph::writing::Linking;
use crate::graph::{Cardinality, EntityId, Link, Relation, names};

impl Work<'_> {
    /// Both many-to-many fields of every junction.
    pub(super) fn junctions(&mut self) {
        let graph = self.graph;
        for (junction, raw) in graph.entities.iter().enumerate() {
            let Some([a, b]) = junction_sides(raw) else {
                continue;
            };
            let first = self.relations.len();
            for (near, far) in [(a, b), (b, a)] {
                self.many_to_many(junction, raw, near, far);
            }
            if self.relations.len() == first + 2 {
                self.relations[first].relation.inverse = Some(first + 1);
                self.relations[first + 1].relation.inverse = Some(first);
            }
        }
    }

    pub(super) fn many_to_many(
        &mut self,
        junction: EntityId,
        raw: &RawEntity,
        near: &RawRelation,
        far: &RawRelation,
    ) {
        let (Some(&from), Some(&to)) = (self.by_table.get(&near.to), self.by_table.get(&far.to))
        else {
            return;
        };
        if near.condition.is_some() || far.condition.is_some() {
            self.mistakes.push(format!(
                "{}: a junction's relations cannot carry `on_condition`; remove it, or give the junction a key of its own",
                far.declared
            ));
            return;
        }
        let (Some((near_columns, from_columns)), Some((far_columns, to_columns))) = (
            self.columns(junction, from, near),
            self.columns(junction, to, far),
        ) else {
            return;
        };
        let given = self
            .graph
            .through
            .iter()
            .find(|(k, _)| k.table == raw.table && k.variant == far.variant);
        if let Some((key, _)) = given {
            self.used.insert(key.clone());
        }
        let target = &self.catalog_entities[to];
        let variant = names::plural(&match names::made_up(&far.variant, &far.to.table) {
            true => names::of_key(&far.from_columns, &far.to_columns, &target.single),
            false => names::field(&far.variant),
        });
        let naming = match given {
            Some(_) => Naming::Given,
            // A junction of a table with itself is named by its two ends.
            None if from == to => Naming::Derived {
                plain: variant.clone(),
                built: format!("{variant}By{}", target.type_name),
                prefers_plain: false,
            },
            None => Naming::Derived {
                plain: target.plural.clone(),
                built: format!(
                    "{}Through{}",
                    target.plural,
                    heck::ToUpperCamelCase::to_upper_camel_case(
                        self.catalog_entities[junction].plural.as_str()
                    )
                ),
                prefers_plain: false,
            },
        };
        let name = match (given, &naming) {
            (Some((_, name)), _) => name.clone(),
            (None, Naming::Derived { plain, .. }) => plain.clone(),
            (None, Naming::Given) => variant,
        };
        self.push(
            Relation {
                name,
                from,
                to,
                cardinality: Cardinality::Many,
                from_columns,
                link: Link::Through {
                    junction,
                    near: near_columns,
                    far: far_columns,
                    columns: to_columns,
                },
                condition: None,
                declared: format!("{} through {}", far.declared, raw.module),
                inverse: None,
                holds_key: false,
                linking: Linking::default(),
                description: None,
            },
            naming,
        );
    }
}

pub(super) fn is_junction(raw: &RawEntity) -> bool {
    junction_sides(raw).is_some()
}

/// The two foreign keys that together are the primary key.
pub(super) fn junction_sides(raw: &RawEntity) -> Option<[&RawRelation; 2]> {
    let keys: Vec<_> = raw
        .relations
        .iter()
        .filter(|r| r.shape == Shape::BelongsTo)
        .filter(|r| r.from_columns.iter().all(|c| raw.primary_key.contains(c)))
        .collect();
    let [a, b] = keys[..] else { return None };
    let disjoint = a.from_columns.iter().all(|c| !b.from_columns.contains(c));
    let covers = a.from_columns.len() + b.from_columns.len() == raw.primary_key.len();
    (disjoint && covers).then_some([a, b])
}
