//! Rules for writing: what one class of principals may do, by columns and relations.

use std::collections::HashMap;

use super::Work;
use super::policies::visibility;
use crate::graph::condition::Filter;
use crate::graph::definition::writing::Operation;
use crate::graph::policy::{Declared, Me};
use crate::graph::rules::{Visibility, WriteRules};
use crate::graph::{ColumnIx, EntityId};

impl Work<'_> {
    pub(super) fn write_rules(&mut self, me: Me<'_>) -> Vec<WriteRules> {
        let entities = 0..self.catalog_entities.len();
        let rules = entities.map(|entity| WriteRules {
            create: self.may(entity, Operation::Create, me),
            update: self.may(entity, Operation::Update, me),
            delete: self.may(entity, Operation::Delete, me),
            connect: self.may(entity, Operation::Connect, me),
        });
        rules.collect()
    }

    fn may(&mut self, entity: EntityId, operation: Operation, me: Me<'_>) -> Visibility {
        let graph = self.graph;
        let table = &graph.entities[entity].table;
        let own = graph.writing.rules.iter();
        let own = own.filter(|(of, what, _)| of == table && *what == operation);
        let own = own.map(|(_, _, rule)| rule);
        let of_all: &[Declared] = match operation {
            Operation::Connect => &[],
            _ => &graph.writing.rules_of_all,
        };
        let rules = of_all.iter().chain(own);
        let all = rules.map(|rule| self.asked(entity, rule, me)).collect();
        visibility(Filter::All(all))
    }

    /// The columns that a principal may not give a value in every row.
    pub(super) fn column_write_rules(
        &mut self,
        me: Me<'_>,
    ) -> HashMap<(EntityId, ColumnIx), Visibility> {
        let graph = self.graph;
        let mut all: HashMap<(EntityId, ColumnIx), Vec<Filter>> = HashMap::new();
        for (key, rule) in &graph.writing.column_rules {
            if let Some(place) = self.place(key) {
                let filter = self.asked(place.0, rule, me);
                all.entry(place).or_default().push(filter);
            }
        }
        let rules = all.into_iter();
        let rules = rules.map(|(place, filters)| (place, visibility(Filter::All(filters))));
        rules.filter(|(_, may)| *may != Visibility::All).collect()
    }

    /// Rules for what is not on the graph.
    pub(super) fn write_rules_match(&mut self) {
        let graph = self.graph;
        for (table, ..) in &graph.writing.rules {
            self.entity_of(table);
        }
    }
}
