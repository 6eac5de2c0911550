//! Rules, descriptions and searches, and definitions that match nothing.

use super::Work;
use crate::graph::definition::RelationKey;
use crate::graph::{Cardinality, Kind};

impl Work<'_> {
    pub(super) fn policies(&mut self) {
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
    }

    pub(super) fn descriptions(&mut self) {
        for (key, text) in &self.graph.relation_descriptions {
            let entity = self.by_table.get(&key.table);
            let relation = entity.and_then(|&e| self.by_key.get(&(e, key.variant.clone())));
            match relation {
                Some(&id) => self.relations[id].relation.description = Some(text.clone()),
                None => self.mistakes.push(format!(
                    "`.describe_relation({}, …)` matches nothing; it needs a variant of a registered entity that is a field",
                    key.path
                )),
            }
        }
    }

    pub(super) fn searches(&mut self) {
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
                    matches!(column.kind, Kind::Text) && !column.hidden && !column.has_rule
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

    /// A definition that matches nothing is a mistake, not a silence.
    pub(super) fn unused_definitions(&mut self) {
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
            .chain(graph.column_policies.keys())
            .chain(graph.column_descriptions.keys());
        let of_enums = graph.value_names.iter().map(|(column, ..)| column);
        let of_enums = of_enums.chain(graph.enum_names.keys());
        for key in columns.chain(of_enums.clone()) {
            if !self.by_table.contains_key(&key.table) {
                mistakes.push(format!(
                    "a definition names column `{key}`, whose entity is not on the graph; register it with `.entity(…)`"
                ));
            }
        }
        for key in of_enums {
            let entity = self.by_table.get(&key.table);
            let mut columns = entity
                .iter()
                .flat_map(|&&e| &self.catalog_entities[e].columns);
            if columns.any(|c| {
                c.name == key.column && (c.hidden || !matches!(c.kind.single(), Kind::Enum(_)))
            }) {
                mistakes.push(format!(
                    "`.name_enum` and `.name_value` need a column that is shown and holds an enum, which `{key}` is not; leave them out"
                ));
            }
        }
        let tables = graph
            .type_names
            .keys()
            .chain(&graph.exposed)
            .chain(graph.policies.keys())
            .chain(graph.descriptions.keys());
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
