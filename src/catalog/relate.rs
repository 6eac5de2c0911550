//! Completes a graph: resolves relations, derives backrefs and many-to-many fields, names everything,
//! and checks the result.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{Alias, DynIden, Expr, IntoIden, PostgresQueryBuilder, Query};

use super::graph::{ColumnKey, Graph, GraphError, RelationKey};
use super::reflect::{RawEntity, RawRelation, Shape, TableKey};
use super::{
    Cardinality, Catalog, Column, ColumnIx, Direction, Entity, EntityId, Field, FieldSource,
    ForeignKey, JoinCondition, Kind, Link, Relation, RelationId, names,
};

pub(super) fn complete(graph: Graph) -> Result<Catalog, GraphError> {
    let mut work = Work::new(&graph);
    work.entities();
    work.declared();
    work.backrefs();
    work.undeclared_keys();
    work.junctions();
    work.policies();
    work.searches();
    work.nullability();
    work.fields();
    work.unused_definitions();
    if work.mistakes.is_empty() {
        let by_type = work
            .catalog_entities
            .iter()
            .enumerate()
            .filter(|(_, e)| e.exposed)
            .map(|(id, e)| (e.type_name.clone(), id))
            .collect();
        Ok(Catalog {
            entities: work.catalog_entities,
            relations: work.relations.into_iter().map(|r| r.relation).collect(),
            by_type,
        })
    } else {
        Err(GraphError {
            mistakes: work.mistakes,
        })
    }
}

struct Work<'g> {
    graph: &'g Graph,
    by_table: HashMap<TableKey, EntityId>,
    catalog_entities: Vec<Entity>,
    relations: Vec<Draft>,
    by_key: HashMap<(EntityId, String), RelationId>,
    used: HashSet<RelationKey>,
    mistakes: Vec<String>,
}

/// A relation whose name may still be open.
struct Draft {
    relation: Relation,
    /// Where the field comes in its type: declared relations, then backrefs, then junctions.
    naming: Naming,
}

enum Naming {
    Given,
    /// An inverse that nobody named: `plain` unless several claim it, then `built`.
    Derived {
        plain: String,
        built: String,
        prefers_plain: bool,
    },
}

/// What a type's name is followed by in the names of the types that are made for it.
const GENERATED_TYPES: [&str; 14] = [
    "Where",
    "ListWhere",
    "Order",
    "Filter",
    "Connection",
    "Edge",
    "Column",
    "Aggregate",
    "AggregateGroup",
    "AggregateKey",
    "AggregateMin",
    "AggregateMax",
    "AggregateSum",
    "AggregateAvg",
];

const RESERVED_TYPES: [&str; 18] = [
    "Query",
    "Mutation",
    "Subscription",
    "Node",
    "PageInfo",
    "String",
    "Int",
    "Float",
    "Boolean",
    "ID",
    "DateTime",
    "Date",
    "Time",
    "Decimal",
    "BigInt",
    "JSON",
    "UUID",
    "Bytes",
];

impl<'g> Work<'g> {
    fn new(graph: &'g Graph) -> Self {
        Work {
            graph,
            by_table: HashMap::new(),
            catalog_entities: Vec::new(),
            relations: Vec::new(),
            by_key: HashMap::new(),
            used: HashSet::new(),
            mistakes: Vec::new(),
        }
    }

    fn entities(&mut self) {
        for (id, raw) in self.graph.entities.iter().enumerate() {
            if self.by_table.insert(raw.table.clone(), id).is_some() {
                self.mistakes.push(format!(
                    "table `{}` is registered twice; remove one `.entity({}::Entity)`",
                    raw.table.table, raw.module
                ));
            }
        }
        for raw in &self.graph.entities {
            let entity = self.entity(raw);
            self.catalog_entities.push(entity);
        }
        let mut types: HashMap<String, &str> = HashMap::new();
        let mut enums: HashMap<String, &super::EnumType> = HashMap::new();
        for (entity, raw) in self.catalog_entities.iter().zip(&self.graph.entities) {
            for column in &entity.columns {
                let Kind::Enum(of) = &column.kind else {
                    continue;
                };
                if enums
                    .insert(of.type_name.clone(), of)
                    .is_some_and(|other| other != &**of)
                {
                    self.mistakes.push(format!(
                        "two different database enums are called `{}` in GraphQL; rename one of them in the database",
                        of.type_name
                    ));
                }
            }
            if !entity.exposed {
                continue;
            }
            let remedy = format!("name it with `.type_name({}::Entity, \"…\")`", raw.module);
            if RESERVED_TYPES.contains(&entity.type_name.as_str())
                || entity.type_name.starts_with("__")
            {
                self.mistakes.push(format!(
                    "{}: the type name `{}` is reserved; {remedy}",
                    raw.module, entity.type_name
                ));
            } else if let Some(other) = types.insert(entity.type_name.clone(), &raw.module) {
                self.mistakes.push(format!(
                    "{} and {other} would both be type `{}`; {remedy}",
                    raw.module, entity.type_name
                ));
            }
        }
        for of in enums.keys().chain(types.keys()) {
            let made = GENERATED_TYPES.iter().find_map(|suffix| {
                let stem = of.strip_suffix(suffix)?;
                types.contains_key(stem).then_some(stem)
            });
            if let Some(stem) = made {
                self.mistakes.push(format!(
                    "`{of}` is the name of a type that Backref makes for `{stem}`; name one of the two with `.type_name(…::Entity, \"…\")`, or the enum in the database"
                ));
            }
        }
        let mut roots: HashMap<String, &Entity> = HashMap::new();
        for entity in self.catalog_entities.iter().filter(|e| e.exposed) {
            let made = ["Connection", "Aggregate"].map(|s| format!("{}{s}", entity.plural));
            for root in [entity.single.clone(), entity.plural.clone()]
                .into_iter()
                .chain(made)
            {
                let other = roots.insert(root.clone(), entity);
                if let Some(other) = other.filter(|o| o.type_name != entity.type_name) {
                    self.mistakes.push(format!(
                        "{} and {} would both be read by `{root}`; name one with `.type_name({}::Entity, \"…\")`",
                        entity.module, other.module, entity.module
                    ));
                }
            }
        }
        for name in enums.keys() {
            if RESERVED_TYPES.contains(&name.as_str()) {
                self.mistakes.push(format!(
                    "a database enum would be called `{name}`, which is a type of GraphQL's or Backref's; rename it in the database"
                ));
            }
            if let Some(module) = types.get(name) {
                self.mistakes.push(format!(
                    "{module}: a database enum is called `{name}` too; name the type with `.type_name({module}::Entity, \"…\")`"
                ));
            }
        }
    }

    fn entity(&self, raw: &RawEntity) -> Entity {
        let type_name = self
            .graph
            .type_names
            .get(&raw.table)
            .cloned()
            .unwrap_or_else(|| names::object(&raw.table.table));
        let single = names::field(&type_name);
        let mut plural = names::plural(&single);
        if plural == single {
            plural.push_str("List");
        }
        let columns: Vec<Column> = raw
            .columns
            .iter()
            .map(|column| {
                let key = ColumnKey {
                    table: raw.table.table.clone(),
                    column: column.name.clone(),
                };
                let field = match names::field(&column.name) {
                    // `id` is the global id. A part of a composite key may be called so too.
                    id if id == "id" && raw.primary_key != [column.name.as_str()] => {
                        format!("{single}Id")
                    }
                    field => field,
                };
                Column {
                    name: column.name.clone(),
                    field: self.graph.column_names.get(&key).cloned().unwrap_or(field),
                    kind: column.kind.clone(),
                    nullable: column.nullable,
                    unique: column.unique,
                    hidden: self.graph.hidden.contains(&key),
                    refers_to: None,
                    policy: self.graph.column_policies.get(&key).cloned(),
                }
            })
            .collect();
        let index = |name: &str| raw.columns.iter().position(|c| c.name == name);
        let primary_key: Vec<ColumnIx> = raw.primary_key.iter().filter_map(|k| index(k)).collect();
        let created = columns
            .iter()
            .position(|c| c.field == "createdAt" && matches!(c.kind, Kind::DateTime { .. }));
        let default_order = match created {
            Some(created) => std::iter::once(created)
                .chain(primary_key.iter().copied())
                .map(|c| (c, Direction::Desc))
                .collect(),
            None => primary_key.iter().map(|&c| (c, Direction::Asc)).collect(),
        };
        Entity {
            module: raw.module.clone(),
            schema: raw.table.schema.clone(),
            table: raw.table.table.clone(),
            type_name,
            single,
            plural,
            columns,
            foreign_keys: Vec::new(),
            default_order,
            fields: Vec::new(),
            groupings: Vec::new(),
            searched: Vec::new(),
            exposed: self.graph.exposed.contains(&raw.table)
                || !is_junction(raw)
                || self.is_referred_to(raw),
            policy: self
                .graph
                .policies
                .get(&raw.table)
                .cloned()
                .unwrap_or_default(),
            primary_key,
        }
    }

    /// Whether a foreign key leads to it: then it is more than a link, even if its own key is two of them.
    fn is_referred_to(&self, raw: &RawEntity) -> bool {
        let mut relations = self.graph.entities.iter().flat_map(|e| &e.relations);
        relations.any(|r| r.shape == Shape::BelongsTo && r.to == raw.table)
    }

    /// The relations that the enums declare.
    fn declared(&mut self) {
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
                    self.mark_reference(from, to, &from_columns, &to_columns);
                    self.foreign_key(from, to, &from_columns, &to_columns, relation);
                }
                if !self.catalog_entities[from].exposed || !self.catalog_entities[to].exposed {
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
                let name = given.unwrap_or_else(|| {
                    if made_up {
                        names::of_key(
                            &relation.from_columns,
                            &relation.to_columns,
                            &self.catalog_entities[to].single,
                        )
                    } else if relation.shape == Shape::HasMany {
                        names::plural(&names::field(&relation.variant))
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
                    },
                    Naming::Given,
                );
                self.by_key.insert((from, relation.variant.clone()), id);
            }
        }
    }

    fn target(&mut self, relation: &RawRelation) -> Option<EntityId> {
        let target = self.by_table.get(&relation.to).copied();
        if target.is_none() {
            self.mistakes.push(format!(
                "{} leads to table `{}`, which is not on the graph; register its entity with `.entity(…::Entity)` or remove the variant",
                relation.declared, relation.to.table
            ));
        }
        target
    }

    fn columns(
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

    fn mark_reference(
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
    fn foreign_key(
        &mut self,
        from: EntityId,
        to: EntityId,
        columns: &[ColumnIx],
        to_columns: &[ColumnIx],
        declared: &RawRelation,
    ) {
        let keys = &mut self.catalog_entities[from].foreign_keys;
        let known = keys
            .iter()
            .any(|k| k.to == to && k.columns == columns && k.to_columns == to_columns);
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
        });
    }

    /// Whether the other table declares the foreign key that this `has_…` walks backwards.
    fn has_key_side(&self, from: EntityId, relation: &RawRelation) -> bool {
        let from_table = &self.graph.entities[from].table;
        let target = &self.graph.entities[self.by_table[&relation.to]];
        target.relations.iter().any(|other| {
            other.shape == Shape::BelongsTo
                && &other.to == from_table
                && other.from_columns == relation.to_columns
                && other.to_columns == relation.from_columns
        })
    }

    fn given(&mut self, from: EntityId, variant: &str) -> Option<String> {
        let table = &self.graph.entities[from].table;
        let (key, name) = self
            .graph
            .relation_names
            .iter()
            .find(|(k, _)| &k.table == table && k.variant == variant)?;
        self.used.insert(key.clone());
        Some(name.clone())
    }

    fn push(&mut self, mut relation: Relation, naming: Naming) -> RelationId {
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
        self.relations.push(Draft { relation, naming });
        self.relations.len() - 1
    }

    /// Whether a join condition speaks of the source's columns and not of the target's alone: by the alias
    /// it is given, or by the table's own name as the attribute `on_condition = "…"` does.
    fn names_source(&self, condition: &JoinCondition, from: EntityId, to: EntityId) -> bool {
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

    /// For each foreign key, finds the declared inverse or derives it.
    fn backrefs(&mut self) {
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

    fn declared_inverse(
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

    fn derive_inverse(&mut self, forward: RelationId, raw: &RawRelation, name: Option<String>) {
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
        };
        let inverse = self.push(relation, naming);
        self.relations[forward].relation.inverse = Some(inverse);
    }

    /// A foreign key that only its far side declares (`has_many` with nothing to answer it) is a field too.
    fn undeclared_keys(&mut self) {
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
                },
                naming,
            );
            self.relations[id].relation.inverse = Some(forward);
        }
    }

    /// Both many-to-many fields of every junction.
    fn junctions(&mut self) {
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

    fn many_to_many(
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
            },
            naming,
        );
    }

    fn policies(&mut self) {
        let graph = self.graph;
        for (table, key) in &graph.visible_through {
            let Some(&entity) = self.by_table.get(table) else {
                continue;
            };
            match self.by_key.get(&(entity, key.variant.clone())) {
                Some(&id)
                    if self.relations[id].relation.condition.is_none()
                        && matches!(
                            self.relations[id].relation.cardinality,
                            Cardinality::One { .. }
                        ) =>
                {
                    self.catalog_entities[entity].policy.through = Some(id);
                }
                _ => self.mistakes.push(format!(
                    "`.visible_through({})` needs a relation to one row, without `on_condition`, that is on the graph",
                    key.path
                )),
            }
        }
        for start in 0..self.catalog_entities.len() {
            let mut seen = vec![start];
            while let Some(next) = self.catalog_entities[seen[seen.len() - 1]].policy.through {
                let to = self.relations[next].relation.to;
                if seen.contains(&to) {
                    self.mistakes.push(format!(
                        "{}: `.visible_through` leads back to itself; give one of the entities a `.policy` instead",
                        self.catalog_entities[start].module
                    ));
                    self.catalog_entities[start].policy.through = None;
                    break;
                }
                seen.push(to);
            }
        }
    }

    fn searches(&mut self) {
        for (table, columns) in &self.graph.searches {
            let Some(&id) = self.by_table.get(table) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            let key = &entity.primary_key;
            let mistake = match (&key[..], columns.len()) {
                ([key], 1..=4) if entity.columns[*key].kind.is_integer() => None,
                (_, 1..=4) => {
                    Some("its primary key must be one integer, by which the index finds its rows")
                }
                _ => Some("name one to four columns"),
            };
            if let Some(mistake) = mistake {
                self.mistakes
                    .push(format!("{}: `.search(…)`: {mistake}", entity.module));
                continue;
            }
            for name in columns {
                let found = entity.columns.iter().position(|c| c.name == *name);
                let text = found.filter(|&c| {
                    let column = &entity.columns[c];
                    matches!(column.kind, Kind::Text) && !column.hidden && column.policy.is_none()
                });
                match text {
                    Some(column) => entity.searched.push(column),
                    None => self.mistakes.push(format!(
                        "{}: `.search(…)`: column `{name}` must be a text that everybody may see; leave it out",
                        entity.module
                    )),
                }
            }
        }
    }

    /// A foreign key's field is non-null where neither the key nor a rule can leave it empty.
    fn nullability(&mut self) {
        for id in 0..self.relations.len() {
            let r = &self.relations[id].relation;
            if !r.holds_key || matches!(r.cardinality, Cardinality::Many) {
                continue;
            }
            let source = &self.catalog_entities[r.from];
            let implied = source.policy.through == Some(id);
            let hidden = self.catalog_entities[r.to].policy.can_hide() && !implied;
            let nullable = hidden
                || r.condition.is_some()
                || r.from_columns.iter().any(|&c| source.columns[c].nullable);
            self.relations[id].relation.cardinality = Cardinality::One { nullable };
        }
    }

    fn fields(&mut self) {
        for id in 0..self.catalog_entities.len() {
            if !self.catalog_entities[id].exposed {
                continue;
            }
            self.key_columns_give_way(id);
            let own = self.own_fields(id);
            let mut taken: HashSet<String> = own.iter().map(|f| f.name.clone()).collect();
            let of_entity: Vec<RelationId> = (0..self.relations.len())
                .filter(|&r| self.relations[r].relation.from == id)
                .collect();
            for &r in &of_entity {
                if matches!(self.relations[r].naming, Naming::Given) {
                    self.claim(&mut taken, r);
                }
            }
            self.name_derived(&of_entity, &taken);
            for &r in &of_entity {
                if matches!(self.relations[r].naming, Naming::Derived { .. }) {
                    self.claim(&mut taken, r);
                }
            }
            let mut fields = own;
            for r in of_entity {
                let relation = &self.relations[r].relation;
                let field = |suffix: &str, source| Field {
                    name: format!("{}{suffix}", relation.name),
                    source,
                };
                fields.push(field("", FieldSource::Relation(r)));
                if let Cardinality::Many = relation.cardinality {
                    fields.push(field("Connection", FieldSource::Connection(r)));
                    fields.push(field("Aggregate", FieldSource::Aggregate(r)));
                }
            }
            self.made_of_lists(id, &fields);
            self.edges(id);
            let entity = &mut self.catalog_entities[id];
            let columns = fields.iter().filter_map(|f| match f.source {
                FieldSource::Column(c) if entity.columns[c].can_group() => Some((&f.name, c)),
                _ => None,
            });
            let (names, columns): (Vec<String>, Vec<ColumnIx>) =
                columns.map(|(name, c)| (name.clone(), c)).unzip();
            entity.groupings = names::enum_values(&names)
                .into_iter()
                .zip(columns)
                .collect();
            entity.fields = fields;
        }
    }

    /// What a list brings along (`postsConnection`, `postsAggregate`) may be called as a field that is declared.
    fn made_of_lists(&mut self, id: EntityId, fields: &[Field]) {
        for field in fields {
            let (FieldSource::Connection(r) | FieldSource::Aggregate(r)) = field.source else {
                continue;
            };
            if fields.iter().filter(|f| f.name == field.name).count() > 1 {
                let entity = &self.catalog_entities[id];
                self.mistakes.push(format!(
                    "{}: `{}` is a field of its own, and what the list `{}` brings along would be called so too; name the one with `.rename_column(…)` or the other with `.rename(…)`, `.backref(…)` or `.through(…)`",
                    entity.module, field.name, self.relations[r].relation.name
                ));
            }
        }
    }

    /// The columns of a junction that become fields of edges.
    fn edges(&mut self, id: EntityId) {
        for draft in &self.relations {
            let Link::Through { junction, .. } = draft.relation.link else {
                continue;
            };
            if draft.relation.from != id || draft.relation.condition.is_some() {
                continue;
            }
            let of = &self.catalog_entities[junction];
            let columns = of.columns.iter().enumerate();
            let mut names = vec!["cursor", "node"];
            for (_, column) in columns.filter(|(ix, c)| !of.primary_key.contains(ix) && !c.hidden) {
                if names.contains(&column.field.as_str()) {
                    self.mistakes.push(format!(
                        "{}: column `{}` would be a second field `{}` of an edge; name it with `.rename_column({}::Column::…, \"…\")`",
                        of.module, column.name, column.field, of.module
                    ));
                }
                names.push(&column.field);
            }
        }
    }

    /// A foreign key called as its relation (`ReportsTo`) leaves the name to the relation and adds what it
    /// holds: `reportsToId`, or `countryCode` where it refers to a column `code` that is no primary key.
    fn key_columns_give_way(&mut self, id: EntityId) {
        for draft in &self.relations {
            let r = &draft.relation;
            if r.from != id || !r.holds_key {
                continue;
            }
            let (key, targets) = match &r.link {
                Link::Direct { columns } => (&r.from_columns, columns),
                Link::Through { far, columns, .. } => (far, columns),
            };
            for (&column, &target) in key.iter().zip(targets) {
                let of = &self.catalog_entities[r.to];
                let held = match of.primary_key == *targets && targets.len() == 1 {
                    true => "id",
                    false => of.columns[target].field.as_str(),
                };
                let own = &self.catalog_entities[id].columns[column];
                let table = &self.graph.entities[id].table.table;
                let named = ColumnKey {
                    table: table.clone(),
                    column: own.name.clone(),
                };
                if own.field == r.name && !self.graph.column_names.contains_key(&named) {
                    let field = names::field(&format!("{}_{held}", own.field));
                    self.catalog_entities[id].columns[column].field = field;
                }
            }
        }
    }

    fn own_fields(&mut self, id: EntityId) -> Vec<Field> {
        let entity = &self.catalog_entities[id];
        let mut fields = vec![Field {
            name: "id".to_owned(),
            source: FieldSource::Id,
        }];
        let mut mistakes = Vec::new();
        for (ix, column) in entity.columns.iter().enumerate() {
            let is_id = entity.primary_key == [ix] && column.refers_to.is_none();
            if column.hidden || is_id {
                continue;
            }
            if column.field == "id" && entity.primary_key == [ix] {
                continue;
            }
            if fields.iter().any(|f| f.name == column.field) {
                mistakes.push(format!(
                    "{}: column `{}` would be a second field `{}`; name it with `.rename_column({}::Column::…, \"…\")`",
                    entity.module, column.name, column.field, entity.module
                ));
                continue;
            }
            fields.push(Field {
                name: column.field.clone(),
                source: FieldSource::Column(ix),
            });
        }
        self.mistakes.extend(mistakes);
        fields
    }

    fn claim(&mut self, taken: &mut HashSet<String>, id: RelationId) {
        let relation = &self.relations[id].relation;
        if !taken.insert(relation.name.clone()) {
            let remedy = if relation.declared.starts_with("the inverse") {
                "name it with `.backref(…, \"…\")`"
            } else if relation.declared.contains(" through ") {
                "name it with `.through(…, \"…\")`"
            } else {
                "name it with `.rename(…, \"…\")`"
            };
            self.mistakes.push(format!(
                "{}: {} would be a second field `{}` of `{}`; {remedy}",
                self.catalog_entities[relation.from].module,
                relation.declared,
                relation.name,
                self.catalog_entities[relation.from].type_name,
            ));
        }
    }

    /// Gives each derived relation its plain name unless that is taken or claimed by several; one that
    /// prefers it wins among several.
    fn name_derived(&mut self, of_entity: &[RelationId], taken: &HashSet<String>) {
        let mut claims: HashMap<String, Vec<(RelationId, bool)>> = HashMap::new();
        for &r in of_entity {
            if let Naming::Derived {
                plain,
                prefers_plain,
                ..
            } = &self.relations[r].naming
            {
                claims
                    .entry(plain.clone())
                    .or_default()
                    .push((r, *prefers_plain));
            }
        }
        for (plain, claimants) in claims {
            let preferring: Vec<_> = claimants.iter().filter(|(_, prefers)| *prefers).collect();
            let winner = match (
                taken.contains(&plain),
                claimants.as_slice(),
                preferring.as_slice(),
            ) {
                (true, _, _) => None,
                (false, [(only, _)], _) | (false, _, [(only, _)]) => Some(*only),
                _ => None,
            };
            for (r, _) in claimants {
                if let (true, Naming::Derived { built, .. }) =
                    (Some(r) != winner, &self.relations[r].naming)
                {
                    self.relations[r].relation.name = built.clone();
                }
            }
        }
    }

    /// A definition that matches nothing is a mistake, not a silence.
    fn unused_definitions(&mut self) {
        let graph = self.graph;
        let known = |key: &RelationKey| self.used.contains(key);
        let mut mistakes = Vec::new();
        for (what, map) in [
            ("backref", &graph.backrefs),
            ("through", &graph.through),
            ("rename", &graph.relation_names),
        ] {
            let unused = map.keys().filter(|k| !known(k));
            mistakes.extend(unused.map(|k| {
                let need = match what {
                    "backref" => "a variant of a registered entity that is the only one to declare its foreign key, or a `belongs_to`",
                    "through" => "a variant of a registered junction (primary key = two foreign keys)",
                    _ => "a variant of a registered entity",
                };
                format!("`.{what}({}, …)` matches nothing; it needs {need}", k.path)
            }));
        }
        let columns = graph
            .column_names
            .keys()
            .chain(&graph.hidden)
            .chain(graph.column_policies.keys());
        for key in columns {
            if !graph.entities.iter().any(|e| e.table.table == key.table) {
                mistakes.push(format!(
                    "a definition names column `{}.{}`, whose entity is not on the graph; register it with `.entity(…)`",
                    key.table, key.column
                ));
            }
        }
        let tables = graph
            .type_names
            .keys()
            .chain(&graph.exposed)
            .chain(graph.policies.keys());
        let tables = tables.chain(graph.searches.keys());
        for key in tables.chain(graph.visible_through.keys()) {
            if !self.by_table.contains_key(key) {
                mistakes.push(format!(
                    "a definition names table `{}`, whose entity is not on the graph; register it with `.entity(…)`",
                    key.table
                ));
            }
        }
        mistakes.sort();
        mistakes.dedup();
        self.mistakes.extend(mistakes);
    }
}

fn is_junction(raw: &RawEntity) -> bool {
    junction_sides(raw).is_some()
}

/// The two foreign keys that together are the primary key.
fn junction_sides(raw: &RawEntity) -> Option<[&RawRelation; 2]> {
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
