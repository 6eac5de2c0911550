//! The fields of `Query`: lists, and rows found by what the request gives.

use apollo_compiler::ast::Value;
use apollo_compiler::executable::{Field, SelectionSet};
use apollo_compiler::{Name, Node};

use super::{Builder, Place, argument, json, page, prefix, subselections};
use crate::graph::{ColumnIx, Entity, EntityId, FieldSource};
use crate::read::plan::filter::require_visible;
use crate::read::plan::{Choice, Lookup, RootField, RootOutput, Source};

impl<'a> Builder<'a> {
    pub(super) fn root(&mut self, set: &'a SelectionSet) -> Vec<RootField> {
        let grouped = self.collect("Query", &[set]);
        let mut root = Vec::with_capacity(grouped.len());
        for (key, fields) in grouped {
            let value = self.root_output(key, &fields);
            root.push(RootField {
                key: key.clone(),
                prefix: prefix(key, root.is_empty()),
                value,
                location: fields[0].location(),
            });
        }
        root
    }

    fn root_output(&mut self, key: &Name, fields: &[&'a Node<Field>]) -> RootOutput {
        let field = fields[0];
        let subsets = subselections(fields);
        match field.name.as_str() {
            "__typename" => return RootOutput::Typename(json("Query")),
            "__schema" | "__type" => {
                self.introspects = true;
                return RootOutput::Introspection;
            }
            "node" => {
                return RootOutput::Node {
                    choices: self.choices(key, field, &subsets),
                    id: argument(field, "id").unwrap_or_else(|| Value::Null.into()),
                };
            }
            "nodes" => {
                return RootOutput::Nodes {
                    choices: self.choices(key, field, &subsets),
                    ids: argument(field, "ids").unwrap_or_else(|| Value::Null.into()),
                };
            }
            "viewer" => {
                if let Some(viewer) = self.viewer(key.to_string(), field, &subsets) {
                    return viewer;
                }
            }
            name => {
                if let Some(&own) = self.catalog.owns.queries.get(name) {
                    return self.own_root(own, key, fields);
                }
            }
        }
        let mut entities = self.catalog.exposed();
        let name = field.name.as_str();
        let found = entities.find_map(|(id, e)| {
            if e.single == name {
                return Some((id, None));
            }
            let brought = name.strip_prefix(e.plural.as_str())?;
            matches!(brought, "" | "Connection" | "Aggregate").then_some((id, Some(brought)))
        });
        match found {
            // Validation has let only the schema's fields through: what is not the catalog's is GraphQL's.
            None => RootOutput::Introspection,
            Some((entity, None)) => self.lookup(key, field, entity, &subsets),
            Some((entity, Some(brought))) => {
                let place = Place {
                    parent: None,
                    name: key.to_string(),
                    field,
                    entity,
                    source: Source::List,
                };
                match brought {
                    "Connection" => RootOutput::Object(self.connection(&place, &subsets)),
                    "Aggregate" => RootOutput::Object(self.aggregate(&place, &subsets)),
                    _ => {
                        let (level, path) = self.level(&place, Some(page(field, self.limits)));
                        let selection = self.selection(level, path, &subsets);
                        RootOutput::Page { level, selection }
                    }
                }
            }
        }
    }

    fn lookup(
        &mut self,
        key: &Name,
        field: &Node<Field>,
        entity: EntityId,
        subsets: &[&'a SelectionSet],
    ) -> RootOutput {
        let of = &self.catalog.entities[entity];
        let lookups = field.arguments.iter().map(|a| {
            let column = match of.field(&a.name).map(|f| f.source) {
                Some(FieldSource::Column(column)) => Some(column),
                _ => None,
            };
            let sees = |c| {
                require_visible(self.catalog, self.catalog.rules(self.shape), entity, c).is_ok()
            };
            let columns = column.map_or_else(|| of.primary_key.clone(), |c| vec![c]);
            Lookup {
                argument: a.name.clone(),
                column,
                value: a.value.clone(),
                forbidden: column.is_some_and(|c| !sees(c)),
                choice: self.keyed(key.to_string(), entity, columns, field, subsets),
            }
        });
        RootOutput::Lookup {
            type_name: of.type_name.clone(),
            lookups: lookups.collect(),
        }
    }

    /// The row of whoever asks; `None` where a graph has no accounts, which is then no such field either.
    pub(super) fn viewer(
        &mut self,
        name: String,
        field: &Node<Field>,
        subsets: &[&'a SelectionSet],
    ) -> Option<RootOutput> {
        let accounts = self.catalog.accounts.as_ref()?;
        let key = vec![accounts.key];
        let choice = self.keyed(name, accounts.entity, key, field, subsets);
        Some(RootOutput::Viewer(choice))
    }

    /// One level per type a node can have.
    fn choices(
        &mut self,
        key: &Name,
        field: &Node<Field>,
        subsets: &[&'a SelectionSet],
    ) -> Vec<Choice> {
        let catalog = self.catalog;
        let choice = |(entity, of): (EntityId, &Entity)| {
            let name = format!("{key}({})", of.type_name);
            self.keyed(name, entity, of.primary_key.clone(), field, subsets)
        };
        catalog.exposed().map(choice).collect()
    }

    pub(super) fn keyed(
        &mut self,
        name: String,
        entity: EntityId,
        columns: Vec<ColumnIx>,
        field: &Node<Field>,
        subsets: &[&'a SelectionSet],
    ) -> Choice {
        let source = Source::Keys {
            columns: columns.clone(),
        };
        let (level, path) = self.new_level(name, None, entity, source, None, field.location());
        for column in columns {
            self.key_read(level, column);
        }
        let selection = self.selection(level, path, subsets);
        Choice {
            entity,
            level,
            selection,
        }
    }
}
