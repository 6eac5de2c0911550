//! Entities: their types, columns, keys and default orders.

use std::collections::HashMap;
use std::sync::Arc;

use super::Work;
use super::junctions::is_junction;
use super::types::{Called, Enums, enum_key};
use crate::graph::definition::ColumnKey;
use crate::graph::reflect::{RawColumn, RawEntity};
use crate::graph::writing::{Writing, Written};
use crate::graph::{Column, ColumnIx, Direction, Entity, Kind, names};

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
        let called = self.called();
        let enums = self.enums(&called);
        for (raw, called) in self.graph.entities.iter().zip(called) {
            let entity = self.entity(raw, called, &enums);
            self.catalog_entities.push(entity);
        }
        self.check_types();
        self.check_given_names();
    }

    fn entity(&self, raw: &RawEntity, called: Called, enums: &Enums) -> Entity {
        let fields = self.column_fields(raw, &called);
        let columns = raw.columns.iter().zip(fields).map(|(column, field)| {
            let key = column_key(raw, column);
            let named = match column.kind.single() {
                Kind::Enum(of) => Kind::Enum(enums.get(&enum_key(of)).unwrap_or(of).clone()),
                other => other.clone(),
            };
            let kind = match column.kind {
                Kind::Array(_) => Kind::Array(Arc::new(named)),
                _ => named,
            };
            Column {
                name: column.name.clone(),
                field,
                kind,
                nullable: column.nullable,
                unique: column.unique,
                hidden: self.graph.hidden.contains(&key),
                refers_to: None,
                has_rule: self.graph.column_policies.contains_key(&key),
                written: Written::default(),
                description: self
                    .graph
                    .column_descriptions
                    .get(&key)
                    .or(column.comment.as_ref())
                    .cloned(),
            }
        });
        let columns: Vec<Column> = columns.collect();
        let index = |name: &str| raw.columns.iter().position(|c| c.name == name);
        let primary_key: Vec<ColumnIx> = raw.primary_key.iter().filter_map(|k| index(k)).collect();
        let created = columns.iter().position(|c| {
            // What may not be seen must not order either: a cursor holds what it is ordered by.
            let seen = !c.hidden && !c.has_rule;
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
            type_name: called.type_name,
            single: called.single,
            plural: called.plural,
            columns,
            expressions: Vec::new(),
            foreign_keys: Vec::new(),
            default_order,
            fields: Vec::new(),
            groupings: Vec::new(),
            searched: Vec::new(),
            exposed: self.is_exposed(raw),
            writing: Writing::default(),
            policy: self
                .graph
                .policies
                .get(&raw.table)
                .cloned()
                .unwrap_or_default(),
            description: self
                .graph
                .descriptions
                .get(&raw.table)
                .or(raw.comment.as_ref())
                .cloned(),
            primary_key,
        }
    }

    /// The fields of an entity's columns, in their order.
    fn column_fields(&self, raw: &RawEntity, called: &Called) -> Vec<String> {
        let given = |column: &RawColumn| self.graph.column_names.get(&column_key(raw, column));
        let taken = raw.columns.iter().filter_map(given).cloned().collect();
        let is_free = |&column: &&RawColumn| {
            given(column).is_none() && !self.graph.hidden.contains(&column_key(raw, column))
        };
        let own = |column: &RawColumn| {
            let field = match is_junction(raw) {
                true => names::edge_field(&column.name),
                false => names::field(&column.name),
            };
            match field.as_str() {
                // `id` is the global id. A part of a composite key may be called so too.
                "id" if raw.primary_key != [column.name.as_str()] => format!("{}Id", called.single),
                _ => field,
            }
        };
        let free: Vec<_> = raw.columns.iter().filter(is_free).collect();
        let texts = free.iter().map(|&c| (c.name.as_str(), own(c)));
        let texts: Vec<_> = texts.collect();
        let named = names::distinct(&texts, &taken);
        let named: HashMap<&str, String> = texts.iter().map(|(text, _)| *text).zip(named).collect();
        let columns = raw.columns.iter();
        columns
            .map(|column| {
                let named = given(column).or_else(|| named.get(column.name.as_str()));
                named.cloned().unwrap_or_else(|| own(column))
            })
            .collect()
    }
}

fn column_key(raw: &RawEntity, column: &RawColumn) -> ColumnKey {
    ColumnKey {
        table: raw.table.clone(),
        column: column.name.clone(),
    }
}
