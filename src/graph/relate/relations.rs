//! Relations that the enums declare.

use sea_orm::sea_query::{Alias, DynIden, Expr, IntoIden, PostgresQueryBuilder, Query};

use super::{Draft, Naming, Work};
use crate::graph::reflect::{RawRelation, Shape};
use crate::graph::writing::Linking;
use crate::graph::{
    Cardinality, ColumnIx, Entity, EntityId, ForeignKey, JoinCondition, Link, Relation, RelationId,
    names,
};

impl Work<'_> {
    /// The relations that the enums declare.
    pub(super) fn declared(&mut self) {
        let graph = self.graph;
        for (from, raw) in graph.entities.iter().enumerate() {
            for relation in &raw.relations {
                let Some(to) = self.target(relation) else {
                    continue;
                };
                let Some((from_columns, to_columns)) = self.columns(from, to, relation) else {
                    continue;
                };
                if relation.widens {
                    self.mistakes.push(format!(
                        "{}: a condition of type `any` joins rows that share no key, so they cannot be read in batches; declare it with `condition_type = \"all\"`",
                        relation.declared
                    ));
                    continue;
                }
                if relation.shape == Shape::BelongsTo {
                    // A condition may say which of several tables a key is of.
                    let leads_elsewhere = raw.relations.iter().any(|other| {
                        other.shape == Shape::BelongsTo
                            && other.from_columns == relation.from_columns
                            && other.to != relation.to
                    });
                    if relation.condition.is_none() || !leads_elsewhere {
                        self.mark_reference(from, to, &from_columns, &to_columns);
                    }
                    self.foreign_key(from, to, &from_columns, &to_columns, relation);
                }
                // The rows of a junction are no type's, but rules can look at what they link.
                let is_link = !self.catalog_entities[from].exposed;
                let is_end = relation.shape == Shape::BelongsTo;
                if !self.catalog_entities[to].exposed || (is_link && !is_end) {
                    continue;
                }
                // What the generator made up for the far side is better named as a backref.
                let made_up = names::made_up(&relation.variant, &relation.to.table);
                if made_up
                    && relation.shape != Shape::BelongsTo
                    && self.has_key_side(from, relation)
                {
                    continue;
                }
                let given = self.given(from, &relation.variant);
                let mark = match given {
                    Some(_) => None,
                    None => names::mark(&relation.variant),
                };
                let name = given.unwrap_or_else(|| {
                    if made_up {
                        names::of_key(
                            &relation.from_columns,
                            &relation.to_columns,
                            &self.catalog_entities[to].single,
                        )
                    } else if relation.shape == Shape::HasMany {
                        names::list(&relation.variant)
                    } else {
                        names::field(&relation.variant)
                    }
                });
                let id = self.push(
                    Relation {
                        name,
                        from,
                        to,
                        cardinality: match relation.shape {
                            Shape::HasMany => Cardinality::Many,
                            _ => Cardinality::One { nullable: true },
                        },
                        from_columns,
                        link: Link::Direct {
                            columns: to_columns,
                        },
                        condition: relation.condition.clone(),
                        declared: relation.declared.clone(),
                        inverse: None,
                        holds_key: relation.shape == Shape::BelongsTo,
                        linking: Linking::default(),
                        description: None,
                    },
                    Naming::Given,
                );
                self.relations[id].mark = mark;
                if !is_link {
                    self.by_key.insert((from, relation.variant.clone()), id);
                }
            }
        }
    }

    pub(super) fn target(&mut self, relation: &RawRelation) -> Option<EntityId> {
        let target = self.by_table.get(&relation.to).copied();
        if target.is_none() {
            self.mistakes.push(format!(
                "{} leads to table `{}`, which is not on the graph; register its entity with `.entity(…::Entity)` or remove the variant",
                relation.declared, relation.to.table
            ));
        }
        target
    }

    pub(super) fn columns(
        &mut self,
        from: EntityId,
        to: EntityId,
        relation: &RawRelation,
    ) -> Option<(Vec<ColumnIx>, Vec<ColumnIx>)> {
        let find = |entity: &Entity, names: &[String]| -> Result<Vec<ColumnIx>, String> {
            names
                .iter()
                .map(|n| {
                    let found = entity.columns.iter().position(|c| c.name == *n);
                    found.ok_or_else(|| format!("`{}` has no column `{n}`", entity.table))
                })
                .collect()
        };
        let found = find(&self.catalog_entities[from], &relation.from_columns).and_then(|from| {
            let to = find(&self.catalog_entities[to], &relation.to_columns)?;
            if from.len() == to.len() {
                Ok((from, to))
            } else {
                Err("it joins a different number of columns on its two sides".to_owned())
            }
        });
        found
            .inspect_err(|problem| {
                let message = format!("{}: {problem}; correct `from` and `to`", relation.declared);
                self.mistakes.push(message);
            })
            .ok()
    }

    pub(super) fn mark_reference(
        &mut self,
        from: EntityId,
        to: EntityId,
        from_columns: &[ColumnIx],
        to_columns: &[ColumnIx],
    ) {
        let target = &self.catalog_entities[to];
        if let ([column], true, true) = (
            from_columns,
            target.exposed,
            target.primary_key == to_columns,
        ) {
            let column = &mut self.catalog_entities[from].columns[*column];
            column.refers_to.get_or_insert(to);
        }
    }

    /// Notes the constraint that a relation declares, once for the columns it joins.
    pub(super) fn foreign_key(
        &mut self,
        from: EntityId,
        to: EntityId,
        columns: &[ColumnIx],
        to_columns: &[ColumnIx],
        declared: &RawRelation,
    ) {
        let keys = &mut self.catalog_entities[from].foreign_keys;
        let known = keys.iter().any(|k| k.joins(columns, to, to_columns));
        if known || declared.condition.is_some() || declared.skip_fk {
            return;
        }
        keys.push(ForeignKey {
            columns: columns.to_vec(),
            to,
            to_columns: to_columns.to_vec(),
            on_delete: declared.on_delete,
            on_update: declared.on_update,
            declared: declared.declared.clone(),
            held: true,
        });
    }

    /// Whether the other table declares the foreign key that this `has_…` walks backwards.
    pub(super) fn has_key_side(&self, from: EntityId, relation: &RawRelation) -> bool {
        let from_table = &self.graph.entities[from].table;
        let target = &self.graph.entities[self.by_table[&relation.to]];
        target.relations.iter().any(|other| {
            other.shape == Shape::BelongsTo
                && &other.to == from_table
                && other.from_columns == relation.to_columns
                && other.to_columns == relation.from_columns
        })
    }

    pub(super) fn given(&mut self, from: EntityId, variant: &str) -> Option<String> {
        let table = &self.graph.entities[from].table;
        let (key, name) = self
            .graph
            .relation_names
            .iter()
            .find(|(k, _)| &k.table == table && k.variant == variant)?;
        self.used.insert(key.clone());
        Some(name.clone())
    }

    pub(super) fn push(&mut self, mut relation: Relation, naming: Naming) -> RelationId {
        if let (Some(condition), Link::Direct { columns }) = (&relation.condition, &relation.link)
            && self.names_source(condition, relation.from, relation.to)
        {
            // The condition reads the source's own columns, so the source takes part in the statement, and
            // the batch's key is the source's primary key.
            let near = self.catalog_entities[relation.from].primary_key.clone();
            relation.link = Link::Through {
                junction: relation.from,
                near: near.clone(),
                far: std::mem::replace(&mut relation.from_columns, near),
                columns: columns.clone(),
            };
        }
        self.relations.push(Draft {
            relation,
            naming,
            mark: None,
        });
        self.relations.len() - 1
    }

    /// Whether a join condition speaks of the source's columns and not of the target's alone: by the alias
    /// it is given, or by the table's own name as the attribute `on_condition = "…"` does.
    pub(super) fn names_source(
        &self,
        condition: &JoinCondition,
        from: EntityId,
        to: EntityId,
    ) -> bool {
        const SOURCE: &str = "backref_source";
        let source: DynIden = Alias::new(SOURCE).into_iden();
        let target: DynIden = Alias::new("backref_target").into_iden();
        let text = Query::select()
            .expr(Expr::from(condition.between(source, target)))
            .to_string(PostgresQueryBuilder);
        let table = &self.catalog_entities[from].table;
        let by_name = text.contains(&format!("\"{table}\"."));
        // The one table of a self-relation means its far end, as declared.
        let of_source = *table != self.catalog_entities[to].table || condition.reversed;
        text.contains(SOURCE) || (by_name && of_source)
    }
}
