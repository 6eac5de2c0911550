//! How rows are written: what the entities say of it, and what the graph declares.

use std::collections::HashSet;

use sea_orm::Value;

use super::Work;
use super::policies::text;
use crate::graph::definition::writing::{Operation, Put, When};
use crate::graph::definition::{ColumnKey, RelationKey, short};
use crate::graph::keys::{KeyValue, key_value};
use crate::graph::names::{self, Named};
use crate::graph::reflect::{Made, TableKey};
use crate::graph::writing::{KeyMaker, Operations, Preset, PresetValue, UniqueKey};
use crate::graph::{ColumnIx, Entity, EntityId, Kind};

impl Work<'_> {
    /// What is known of each entity, and of each column by itself.
    pub(super) fn writing(&mut self) {
        for id in 0..self.catalog_entities.len() {
            let operations = self.declared_operations(id);
            let key = self.key_maker(id);
            let entity = &mut self.catalog_entities[id];
            entity.writing.operations = operations;
            entity.writing.key = key;
            entity.writing.has_alias = entity.field("as").is_none();
        }
        self.presets();
        self.versions();
        for id in 0..self.catalog_entities.len() {
            self.free_columns(id);
        }
        self.owned();
        self.linking();
        self.unique_keys();
        self.possible_operations();
        self.ways();
        self.hidden_columns();
        self.checks();
        self.hooks();
    }

    /// What is in no schema is given by relations alone.
    fn hidden_columns(&mut self) {
        let columns = self.catalog_entities.iter_mut();
        let columns = columns.flat_map(|entity| &mut entity.columns);
        for column in columns.filter(|c| c.hidden) {
            column.written.on_create = false;
            column.written.on_update = false;
        }
    }

    fn declared_operations(&self, id: EntityId) -> Operations {
        let declared = &self.graph.writing;
        let table = &self.graph.entities[id].table;
        let is_there = |operation| {
            let mut without = declared.without.iter();
            let is_without = without.any(|(of, without)| of == table && *without == operation);
            !declared.no_mutations && !is_without
        };
        Operations {
            create: is_there(Operation::Create),
            update: is_there(Operation::Update),
            delete: is_there(Operation::Delete),
        }
    }

    fn key_maker(&self, id: EntityId) -> KeyMaker {
        let entity = &self.catalog_entities[id];
        let [key] = entity.primary_key[..] else {
            return KeyMaker::Given;
        };
        let refers = entity.foreign_keys.iter().any(|k| k.columns.contains(&key));
        match entity.columns[key].kind {
            _ if refers => KeyMaker::Given,
            Kind::Uuid => KeyMaker::Uuid,
            Kind::Int | Kind::BigInt if self.graph.entities[id].makes_key => KeyMaker::Database,
            _ => KeyMaker::Given,
        }
    }

    fn presets(&mut self) {
        let graph = self.graph;
        for (key, when, preset) in &graph.writing.presets {
            let Some((id, column)) = self.place(key) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            let value = match preset_value(&preset.0, &entity.columns[column].kind) {
                Ok(value) => value,
                Err(why) => {
                    let mistake = format!("a preset of column `{key}`: {why}");
                    self.mistakes.push(mistake);
                    continue;
                }
            };
            let preset = Preset {
                value,
                replaceable: *when == When::CreateWithout,
            };
            let presets = match when {
                When::Update => &mut entity.writing.on_update,
                When::Create | When::CreateWithout => &mut entity.writing.on_create,
            };
            presets.retain(|(c, _)| *c != column);
            presets.push((column, preset));
        }
    }

    fn versions(&mut self) {
        let graph = self.graph;
        for key in &graph.writing.versions {
            let Some((id, column)) = self.place(key) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            let of = &entity.columns[column];
            let fits = matches!(of.kind, Kind::Int) && !of.nullable && !of.hidden && !of.has_rule;
            if !fits || entity.writing.version.is_some() {
                self.mistakes.push(format!(
                    "`.version({key})`: it must be the one column of its entity that is, a whole number of 32 bits, never null, that everybody may see"
                ));
                continue;
            }
            entity.writing.version = Some(column);
            let first = Preset {
                value: PresetValue::Value(KeyValue::Int(1)),
                replaceable: false,
            };
            entity.writing.on_create.retain(|(c, _)| *c != column);
            entity.writing.on_create.push((column, first));
        }
    }

    /// When values can be given, whoever may see the columns: `Written` with that, for now.
    fn free_columns(&mut self, id: EntityId) {
        let raw = &self.graph.entities[id];
        let read_only = &self.graph.writing.read_only_columns;
        let entity = &mut self.catalog_entities[id];
        for (column, raw_column) in raw.columns.iter().enumerate() {
            let writing = &entity.writing;
            let is_key = entity.primary_key.contains(&column);
            let is_read_only = read_only
                .iter()
                .any(|key| key.table == raw.table && key.column == raw_column.name);
            let put = |is_new| {
                let preset = writing.preset(column, is_new);
                preset.is_some_and(|preset| !preset.replaceable)
            };
            let never = is_read_only
                || raw_column.made == Made::Always
                || writing.version == Some(column)
                || put(true)
                || (is_key && writing.key == KeyMaker::Database);
            let written = &mut entity.columns[column].written;
            written.on_create = !never;
            written.on_update = !never && !is_key && !put(false);
            written.max_length = raw_column.max_length;
            written.range = raw_column.range;
            written.whole_digits = raw_column.whole_digits;
        }
    }

    fn owned(&mut self) {
        let graph = self.graph;
        for key in &graph.writing.owned {
            let inverse = self.forward(key).and_then(|forward| {
                let relation = &self.relations[forward].relation;
                let plain = relation.holds_key && relation.condition.is_none();
                relation.inverse.filter(|_| plain)
            });
            match inverse {
                Some(inverse) => {
                    let owner = self.relations[inverse].relation.from;
                    self.catalog_entities[owner].writing.owned.push(inverse);
                }
                None => self.mistakes.push(format!(
                    "`.owns({})` needs a variant that holds a foreign key, without `on_condition`, between two types; rows of a junction go with either end",
                    key.path
                )),
            }
        }
    }

    fn forward(&self, key: &RelationKey) -> Option<usize> {
        let entity = *self.by_table.get(&key.table)?;
        self.by_key.get(&(entity, key.variant.clone())).copied()
    }

    /// Whether every row that is made can have what its columns need; `required` of those that must be given.
    fn possible_operations(&mut self) {
        for id in 0..self.catalog_entities.len() {
            let linked = self.linked_columns(id);
            let raw = &self.graph.entities[id];
            let entity = &mut self.catalog_entities[id];
            let mut possible = true;
            for (ix, raw_column) in raw.columns.iter().enumerate() {
                let by_hooks = self.graph.writing.made_by_hooks.iter();
                let is_made = raw_column.made != Made::Nothing
                    || by_hooks
                        .filter(|key| key.table == raw.table)
                        .any(|key| key.column == raw_column.name)
                    || entity.writing.preset(ix, true).is_some()
                    || (entity.primary_key == [ix] && entity.writing.key != KeyMaker::Given);
                let column = &mut entity.columns[ix];
                column.written.has_default = raw_column.made != Made::Nothing;
                let needed = !column.nullable && !is_made && !linked.contains(&ix);
                let given = column.written.on_create && !column.hidden;
                column.written.required = needed && given;
                possible &= !needed || given;
            }
            entity.writing.operations.create &= possible;
        }
    }

    fn unique_keys(&mut self) {
        for id in 0..self.catalog_entities.len() {
            let unique = self.unique_of(id);
            self.catalog_entities[id].writing.unique = unique;
        }
        let graph = self.graph;
        for (table, name, columns) in &graph.writing.unique_keys {
            let Some(id) = self.entity_of(table) else {
                continue;
            };
            let entity = &self.catalog_entities[id];
            let place = |name: &String| entity.columns.iter().position(|c| c.name == *name);
            let columns: Vec<ColumnIx> = columns.iter().filter_map(place).collect();
            let taken = entity.writing.unique.iter().any(|key| key.name == *name);
            let is_known = columns.iter().all(|&column| self.is_known(id, column));
            let fault = match names::fault(name, Named::Value) {
                None if columns.is_empty() => Some("is of no column"),
                None if taken => Some("is the name of another key already"),
                None if !is_known => Some(
                    "has a column that no new row is given: nothing is put into it, and no input has it",
                ),
                fault => fault,
            };
            let entity = &mut self.catalog_entities[id];
            if let Some(fault) = fault {
                self.mistakes.push(format!(
                    "{}: `.unique_key(…)`: `{name}` {fault}",
                    entity.module
                ));
                continue;
            }
            entity.writing.unique.push(UniqueKey {
                name: name.clone(),
                columns,
            });
        }
        for (table, name) in &graph.writing.without_keys {
            let Some(id) = self.entity_of(table) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            let keys = &mut entity.writing.unique;
            match keys.iter().position(|key| key.name == *name) {
                Some(at) => drop(keys.remove(at)),
                None => self.mistakes.push(format!(
                    "{}: `.without_key(…)`: it has no key `{name}`; leave it out",
                    entity.module
                )),
            }
        }
    }

    /// Whether every new row has a value in a column: it is given, or put in.
    fn is_known(&self, id: EntityId, column: ColumnIx) -> bool {
        let entity = &self.catalog_entities[id];
        let of = &entity.columns[column];
        let is_shown = || !of.hidden || self.linked_columns(id).contains(&column);
        (of.written.on_create && is_shown()) || entity.writing.preset(column, true).is_some()
    }

    /// The keys that a new row can be found by: all their columns are given, or put in.
    fn unique_of(&self, id: EntityId) -> Vec<UniqueKey> {
        let entity = &self.catalog_entities[id];
        let mut keys: Vec<(String, Vec<ColumnIx>)> = Vec::new();
        if entity.writing.key != KeyMaker::Database && entity.exposed {
            keys.push(("id".to_owned(), entity.primary_key.clone()));
        }
        for (ix, column) in entity.columns.iter().enumerate() {
            if column.unique && entity.primary_key != [ix] {
                keys.push((column.field.clone(), vec![ix]));
            }
        }
        for (name, columns) in &self.graph.entities[id].unique_keys {
            let place = |name: &String| entity.columns.iter().position(|c| c.name == *name);
            let columns: Vec<ColumnIx> = columns.iter().filter_map(place).collect();
            if !keys.iter().any(|(_, known)| same(known, &columns)) {
                keys.push((name.clone(), columns));
            }
        }
        keys.retain(|(_, columns)| {
            !columns.is_empty() && columns.iter().all(|&c| self.is_known(id, c))
        });
        let (names, columns): (Vec<String>, Vec<_>) = keys.into_iter().unzip();
        let names = names::enum_values(&names).into_iter();
        let keys = names.zip(columns);
        keys.map(|(name, columns)| UniqueKey { name, columns })
            .collect()
    }

    fn checks(&mut self) {
        let graph = self.graph;
        for (key, check) in &graph.writing.checks {
            let Some((id, column)) = self.place(key) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            match check.misfit(&entity.columns[column]) {
                None => entity.writing.checks.push((column, check.clone())),
                Some(why) => self
                    .mistakes
                    .push(format!("`.validate({key}, …)`: {why}; leave it out")),
            }
        }
        for (table, check) in &graph.writing.row_checks {
            if let Some(id) = self.entity_of(table) {
                let writing = &mut self.catalog_entities[id].writing;
                writing.row_checks.push(check.clone());
            }
        }
        for key in &graph.writing.read_only_columns {
            self.place(key);
        }
        for (table, _) in &graph.writing.without {
            self.entity_of(table);
        }
    }

    fn hooks(&mut self) {
        let graph = self.graph;
        let raw = graph.entities.iter().map(|raw| raw.fits);
        for (entity, fits) in self.catalog_entities.iter_mut().zip(raw) {
            entity.writing.fits = Some(fits);
        }
        for (table, hooks) in &graph.writing.hooks {
            let Some(id) = self.entity_of(table) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            let mut columns = entity.columns.iter();
            match columns.find(|column| column.kind.element().is_some()) {
                Some(list) => self.mistakes.push(format!(
                    "{}: `.hooks(…)`: its column `{}` is a list, which hooks are not given yet; leave it out",
                    entity.module, list.name
                )),
                None => entity.writing.hooks = Some(hooks.clone()),
            }
        }
        for key in &graph.writing.made_by_hooks {
            let Some((id, column)) = self.place(key) else {
                continue;
            };
            let entity = &mut self.catalog_entities[id];
            entity.writing.made_by_hooks.push(column);
            if entity.writing.hooks.is_none() {
                self.mistakes.push(format!(
                    "`.made_by_hooks({key})` needs `.hooks({}::Entity)`",
                    short(&entity.module)
                ));
            }
        }
    }

    /// A column that a declaration names.
    pub(super) fn place(&mut self, key: &ColumnKey) -> Option<(EntityId, ColumnIx)> {
        let id = self.entity_of(&key.table)?;
        let columns = &self.catalog_entities[id].columns;
        let column = columns.iter().position(|c| c.name == key.column)?;
        Some((id, column))
    }

    /// An entity that a declaration names.
    pub(super) fn entity_of(&mut self, table: &TableKey) -> Option<EntityId> {
        let found = self.by_table.get(table).copied();
        if found.is_none() {
            let mistake = format!(
                "a definition names table `{}`, whose entity is not on the graph; register it with `.entity(…)`",
                table.table
            );
            if !self.mistakes.contains(&mistake) {
                self.mistakes.push(mistake);
            }
        }
        found
    }

    /// The columns of a foreign key that a relation in the input of a new row can give.
    fn linked_columns(&self, id: EntityId) -> HashSet<ColumnIx> {
        let own = self.relations.iter().map(|draft| &draft.relation);
        let own = own.filter(|r| r.from == id && r.holds_key && r.linking.on_create.connect);
        own.flat_map(|r| r.from_columns.iter().copied()).collect()
    }
}

fn same(one: &[ColumnIx], other: &[ColumnIx]) -> bool {
    one.len() == other.len() && one.iter().all(|c| other.contains(c))
}

/// What a declared preset is in a column.
fn preset_value(put: &Put, kind: &Kind) -> Result<PresetValue, String> {
    let is_single = !matches!(kind, Kind::Array(_) | Kind::Json);
    match put {
        Put::Now if matches!(kind, Kind::DateTime { .. }) => Ok(PresetValue::Now),
        Put::Now => Err("it holds no date with a time, which now is".to_owned()),
        Put::Me if is_single => Ok(PresetValue::Me),
        Put::Claim(name) if is_single => Ok(PresetValue::Claim(name.clone())),
        Put::Me | Put::Claim(_) => {
            Err("it holds lists or JSON, which nothing that somebody brings along is".to_owned())
        }
        Put::Value(value) => {
            let shown = format!("{value:?}");
            let text = match value {
                Value::Json(Some(json)) => Some(json.to_string()),
                value => text(value.clone()).ok(),
            };
            let value = text.and_then(|text| key_value(kind, &text).ok());
            let value = value.ok_or_else(|| format!("{shown} is no value of it"))?;
            Ok(PresetValue::Value(value))
        }
    }
}

/// Whether a junction's rows can be made of their two keys alone.
pub(super) fn needs_no_more(junction: &Entity) -> bool {
    let mut columns = junction.edge_columns();
    columns.all(|(_, column)| !column.written.required)
}
