//! Backrefs: the other end of every relation that declares one end only.

use super::{Naming, Work};
use crate::graph::reflect::{RawRelation, Shape};
use crate::graph::writing::Linking;
use crate::graph::{
    Cardinality, ColumnIx, Entity, EntityId, JoinCondition, Link, Relation, RelationId, names,
};

impl Work<'_> {
    /// For each foreign key, finds the declared inverse or derives it.
    pub(super) fn backrefs(&mut self) {
        let graph = self.graph;
        for (owner, raw) in graph.entities.iter().enumerate() {
            for raw_relation in raw.relations.iter().filter(|r| r.shape == Shape::BelongsTo) {
                let Some(&forward) = self.by_key.get(&(owner, raw_relation.variant.clone())) else {
                    continue;
                };
                let target = self.relations[forward].relation.to;
                let key = graph
                    .backrefs
                    .iter()
                    .find(|(k, _)| k.table == raw.table && k.variant == raw_relation.variant);
                if let Some((key, _)) = key {
                    self.used.insert(key.clone());
                }
                let declared = self.declared_inverse(owner, target, raw_relation);
                if let Some(inverse) = declared {
                    self.relations[forward].relation.inverse = Some(inverse);
                    self.relations[inverse].relation.inverse = Some(forward);
                    if let Some((_, name)) = key {
                        self.relations[inverse].relation.name = name.clone();
                    }
                    continue;
                }
                self.derive_inverse(forward, raw_relation, key.map(|(_, name)| name.clone()));
            }
        }
    }

    pub(super) fn declared_inverse(
        &self,
        owner: EntityId,
        target: EntityId,
        relation: &RawRelation,
    ) -> Option<RelationId> {
        if relation.condition.is_some() {
            return None;
        }
        self.relations.iter().position(|d| {
            let r = &d.relation;
            let names = |entity: EntityId, columns: &[ColumnIx]| -> Vec<String> {
                let columns = columns.iter();
                columns
                    .map(|&c| self.catalog_entities[entity].columns[c].name.clone())
                    .collect()
            };
            let Link::Direct { columns } = &r.link else {
                return false;
            };
            !r.holds_key
                && r.from == target
                && r.to == owner
                && r.condition.is_none()
                && names(target, &r.from_columns) == relation.to_columns
                && names(owner, columns) == relation.from_columns
        })
    }

    pub(super) fn derive_inverse(
        &mut self,
        forward: RelationId,
        raw: &RawRelation,
        name: Option<String>,
    ) {
        let f = &self.relations[forward].relation;
        let (owner, target) = (f.from, f.to);
        let owner_entity = &self.catalog_entities[owner];
        let find = |entity: &Entity, names: &[String]| -> Vec<ColumnIx> {
            let position = |n: &String| entity.columns.iter().position(|c| c.name == *n);
            names.iter().filter_map(position).collect()
        };
        let key_columns = find(owner_entity, &raw.from_columns);
        let unique = owner_entity.is_unique(&key_columns);
        let base = if unique {
            owner_entity.single.clone()
        } else {
            owner_entity.plural.clone()
        };
        let columns: Vec<_> = raw.from_columns.iter().map(String::as_str).collect();
        let by = names::foreign_key(&columns);
        let built = format!(
            "{base}By{}",
            heck::ToUpperCamelCase::to_upper_camel_case(f.name.as_str())
        );
        let naming = match &name {
            Some(_) => Naming::Given,
            None => Naming::Derived {
                plain: base.clone(),
                built,
                // `Film.language` is *the* language of a film; `originalLanguage` is another.
                prefers_plain: by == self.catalog_entities[target].single,
            },
        };
        let relation = Relation {
            name: name.unwrap_or(base),
            from: target,
            to: owner,
            cardinality: if unique {
                Cardinality::One { nullable: true }
            } else {
                Cardinality::Many
            },
            from_columns: find(&self.catalog_entities[target], &raw.to_columns),
            link: Link::Direct {
                columns: key_columns,
            },
            condition: raw.condition.clone().map(|c| JoinCondition {
                reversed: true,
                ..c
            }),
            declared: format!("the inverse of {}", raw.declared),
            inverse: Some(forward),
            holds_key: false,
            linking: Linking::default(),
            description: None,
        };
        let inverse = self.push(relation, naming);
        self.relations[forward].relation.inverse = Some(inverse);
    }

    /// A foreign key that only its far side declares (`has_many` with nothing to answer it) is a field too.
    pub(super) fn undeclared_keys(&mut self) {
        let graph = self.graph;
        let declared = graph.entities.iter().enumerate();
        let mut unanswered: Vec<_> = declared
            .flat_map(|(from, raw)| raw.relations.iter().map(move |r| (from, r)))
            .filter(|(_, r)| r.shape != Shape::BelongsTo)
            .collect();
        // Of several relations along one key, the one without a condition tells what the key means.
        unanswered.sort_by_key(|(_, r)| r.condition.is_some());
        for (from, raw) in unanswered {
            let Some(&id) = self.by_key.get(&(from, raw.variant.clone())) else {
                continue;
            };
            if self.has_key_side(from, raw) || self.relations[id].relation.inverse.is_some() {
                continue;
            }
            let owner = self.relations[id].relation.to;
            let Some((to_columns, key_columns)) = self.columns(from, owner, raw) else {
                continue;
            };
            let known = self.relations.iter().any(|d| {
                let r = &d.relation;
                r.holds_key && (r.from, r.to) == (owner, from) && r.from_columns == key_columns
            });
            if known {
                continue;
            }
            self.mark_reference(owner, from, &key_columns, &to_columns);
            self.foreign_key(owner, from, &key_columns, &to_columns, raw);
            let table = &graph.entities[from].table;
            let named = graph
                .backrefs
                .iter()
                .find(|(k, _)| &k.table == table && k.variant == raw.variant);
            self.used.extend(named.map(|(key, _)| key.clone()));
            let plain = self.catalog_entities[from].single.clone();
            let of_key = names::of_key(&raw.to_columns, &raw.from_columns, &plain);
            let naming = match named {
                Some(_) => Naming::Given,
                None => Naming::Derived {
                    plain: plain.clone(),
                    prefers_plain: of_key == plain,
                    built: match of_key == plain {
                        true => format!(
                            "{plain}By{}",
                            heck::ToUpperCamelCase::to_upper_camel_case(raw.variant.as_str())
                        ),
                        false => of_key,
                    },
                },
            };
            let forward = self.push(
                Relation {
                    name: named.map_or(plain, |(_, name)| name.clone()),
                    from: owner,
                    to: from,
                    cardinality: Cardinality::One { nullable: true },
                    from_columns: key_columns,
                    link: Link::Direct {
                        columns: to_columns,
                    },
                    condition: raw.condition.clone().map(|c| JoinCondition {
                        reversed: true,
                        ..c
                    }),
                    declared: format!("the inverse of {}", raw.declared),
                    inverse: Some(id),
                    holds_key: true,
                    linking: Linking::default(),
                    description: None,
                },
                naming,
            );
            self.relations[id].relation.inverse = Some(forward);
        }
    }
}
