//! Entities: their types, columns, keys and default orders.

use std::collections::HashMap;

use super::Work;
use super::junctions::is_junction;
use crate::graph::definition::ColumnKey;
use crate::graph::reflect::{RawEntity, Shape};
use crate::graph::{Column, ColumnIx, Direction, Entity, EnumType, Kind, names};

/// What a type's name is followed by in the names of the types that are made for it.
pub(super) const GENERATED_TYPES: [&str; 14] = [
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

const RESERVED_TYPES: [&str; 20] = [
    "Query",
    "Mutation",
    "Subscription",
    "Node",
    "PageInfo",
    "OrderDirection",
    "CountOrder",
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

impl Work<'_> {
    pub(super) fn entities(&mut self) {
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
        let mut enums: HashMap<String, &EnumType> = HashMap::new();
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
                let filters = *suffix == "Filter"
                    && (RESERVED_TYPES.contains(&stem) || enums.contains_key(stem));
                (filters || types.contains_key(stem)).then_some(stem)
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

    pub(super) fn entity(&self, raw: &RawEntity) -> Entity {
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
        let created = columns.iter().position(|c| {
            // What may not be seen must not order either: a cursor holds what it is ordered by.
            let seen = !c.hidden && c.policy.is_none();
            seen && c.field == "createdAt" && matches!(c.kind, Kind::DateTime { .. })
        });
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
    pub(super) fn is_referred_to(&self, raw: &RawEntity) -> bool {
        let mut relations = self.graph.entities.iter().flat_map(|e| &e.relations);
        relations.any(|r| r.shape == Shape::BelongsTo && r.to == raw.table)
    }
}
