//! Fields: what each type has, by names that do not clash.

use std::collections::{HashMap, HashSet};

use super::types::made_of;
use super::{Draft, Naming, Work};
use crate::graph::definition::ColumnKey;
use crate::graph::{
    Cardinality, ColumnIx, EntityId, Field, FieldSource, Link, Relation, RelationId, names,
};

impl Work<'_> {
    /// A foreign key's field is non-null where neither the key nor a rule can leave it empty.
    pub(super) fn nullability(&mut self) {
        for id in 0..self.relations.len() {
            let r = &self.relations[id].relation;
            if !r.holds_key || matches!(r.cardinality, Cardinality::Many) {
                continue;
            }
            let source = &self.catalog_entities[r.from];
            let implied = source.policy.through == Some(id);
            let hidden = self.can_hide(r.to) && !implied;
            let nullable = hidden
                || r.condition.is_some()
                || r.from_columns
                    .iter()
                    .any(|&c| source.columns[c].can_be_null());
            self.relations[id].relation.cardinality = Cardinality::One { nullable };
        }
    }

    /// Whether there is anyone from whom a rule may hide a row.
    fn can_hide(&self, entity: EntityId) -> bool {
        !self.graph.policies_of_all.is_empty() || self.catalog_entities[entity].policy.can_hide()
    }

    pub(super) fn fields(&mut self) {
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

    /// The types of connections whose edges carry a junction's columns are named from owner and field, which
    /// another type may be called as, or come to in the same way.
    pub(super) fn edge_types(&mut self) {
        let exposed = self.catalog_entities.iter().filter(|e| e.exposed);
        let mut taken: HashSet<String> = exposed.flat_map(made_of).collect();
        for draft in &self.relations {
            let relation = &draft.relation;
            if !self.has_edge_columns(relation) {
                continue;
            }
            let owner = &self.catalog_entities[relation.from];
            let field = heck::ToUpperCamelCase::to_upper_camel_case(relation.name.as_str());
            for suffix in ["Connection", "Edge"] {
                let name = format!("{}{field}{suffix}", owner.type_name);
                if !taken.insert(name.clone()) {
                    self.mistakes.push(format!(
                        "{}: the connection of `{}` needs a type `{name}`, which is there already; name the list with `.through(…, \"…\")` or the other type with `.type_name(…)`",
                        owner.module, relation.name
                    ));
                }
            }
        }
    }

    fn has_edge_columns(&self, relation: &Relation) -> bool {
        let junction = relation.edge_junction().map(|j| &self.catalog_entities[j]);
        junction.is_some_and(|junction| junction.edge_columns().next().is_some())
    }

    /// What a list brings along (`postsConnection`, `postsAggregate`) may be called as a field that is declared.
    pub(super) fn made_of_lists(&mut self, id: EntityId, fields: &[Field]) {
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
    pub(super) fn edges(&mut self, id: EntityId) {
        for draft in &self.relations {
            let Some(junction) = draft.relation.edge_junction() else {
                continue;
            };
            if draft.relation.from != id {
                continue;
            }
            let of = &self.catalog_entities[junction];
            let mut names = vec!["cursor", "node"];
            for (_, column) in of.edge_columns() {
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
    pub(super) fn key_columns_give_way(&mut self, id: EntityId) {
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
                let table = &self.graph.entities[id].table;
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

    pub(super) fn own_fields(&mut self, id: EntityId) -> Vec<Field> {
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

    pub(super) fn claim(&mut self, taken: &mut HashSet<String>, id: RelationId) {
        let Draft { relation, mark, .. } = &mut self.relations[id];
        if let Some(mark) = mark
            && taken.contains(&relation.name)
        {
            relation.name = format!("{}_{mark}", relation.name);
        }
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
    pub(super) fn name_derived(&mut self, of_entity: &[RelationId], taken: &HashSet<String>) {
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
}
