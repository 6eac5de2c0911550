//! Fields of one's own: what they name is looked for, and held against what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Work;
use crate::graph::names::{self, Named};
use crate::graph::own::{
    Argument, ColumnOf, Declared, ObjectShape, On, OwnField, OwnKind, Owns, RowsOf, Shape, Walk,
    WalkOf, Way,
};
use crate::graph::reflect::TableKey;
use crate::graph::writing::Pair;
use crate::graph::{ColumnIx, EntityId, Field, FieldSource, Kind, RelationId};

impl Work<'_> {
    pub(super) fn own(&mut self) -> Owns {
        let graph = self.graph;
        let mut owns = Owns::default();
        for declared in &graph.owns {
            match self.own_field(declared, &mut owns.objects) {
                Ok((on, mut field)) => {
                    let id = owns.fields.len();
                    if let (Some(entity), Some(sql)) = (on, &declared.sql) {
                        field.sql = self.expression(entity, &field, sql);
                    }
                    match on {
                        Some(entity) => self.catalog_entities[entity].fields.push(Field {
                            name: field.name.clone(),
                            source: FieldSource::Own(id),
                        }),
                        None if field.kind == OwnKind::Mutation => {
                            owns.mutations.insert(field.name.clone(), id);
                        }
                        None => drop(owns.queries.insert(field.name.clone(), id)),
                    }
                    owns.fields.push(field);
                }
                Err(mistake) => self.mistakes.push(mistake),
            }
        }
        self.check_objects(&owns.objects);
        owns
    }

    fn own_field(
        &self,
        declared: &Declared,
        objects: &mut BTreeMap<String, ObjectShape>,
    ) -> Result<(Option<EntityId>, OwnField), String> {
        let name = &declared.name;
        let entity = match &declared.on {
            On::Rows { table, module } => Some(self.exposed(table).ok_or_else(|| {
                format!("the field `{name}` is of {module}, which is no type of the graph; register it with `.entity({module}::Entity)`")
            })?),
            On::Query | On::Mutation => None,
        };
        let told = match entity {
            Some(entity) => format!("{}.{name}", self.catalog_entities[entity].type_name),
            None if declared.kind == OwnKind::Mutation => format!("Mutation.{name}"),
            None => format!("Query.{name}"),
        };
        if let Some(fault) = names::fault(name, Named::Field) {
            return Err(format!("the field `{told}`: `{name}` {fault}"));
        }
        for argument in &declared.arguments {
            if let Some(fault) = names::fault(&argument.name, Named::Type) {
                return Err(format!(
                    "an argument of `{told}`: `{}` {fault}",
                    argument.name
                ));
            }
        }
        if let Some(other) = self.called_so(entity, declared) {
            return Err(format!(
                "`{told}` would be a second field of that name beside {other}; call one of the two otherwise"
            ));
        }
        let rows = match entity {
            Some(entity) => {
                Some(self.rows_of(entity, &declared.columns, &declared.walks, &told)?)
            }
            None => None,
        };
        let gives = self.resolved(&declared.gives, &told)?;
        self.add_objects(&gives, &told, objects)?;
        let arguments = declared.arguments.iter().map(|argument| {
            Ok(Argument {
                shape: self.resolved(&argument.shape, &told)?,
                ..argument.clone()
            })
        });
        let arguments = arguments.collect::<Result<_, String>>()?;
        // What it is computed from may be hidden from somebody.
        let ruled = rows.as_ref().is_some_and(|rows| {
            let mut columns = rows.columns.iter();
            columns.any(|column| column.declared && column.has_rule)
        });
        let gives = Shape {
            nullable: gives.nullable || ruled,
            ..gives
        };
        let field = OwnField {
            name: name.clone(),
            kind: declared.kind,
            rows: rows.map(Arc::new),
            gives,
            at_most: declared.at_most,
            statements: declared.statements,
            arguments,
            description: declared.description.clone(),
            sql: None,
            run: declared.run.clone(),
        };
        Ok((entity, field))
    }

    pub(super) fn exposed(&self, table: &TableKey) -> Option<EntityId> {
        let entity = self.by_table.get(table).copied();
        entity.filter(|&entity| self.catalog_entities[entity].exposed)
    }

    /// What is called so already.
    fn called_so(&self, entity: Option<EntityId>, declared: &Declared) -> Option<String> {
        let name = &declared.name;
        let Some(entity) = entity else {
            let own = self.graph.owns.iter().filter(|d| d.name == *name);
            let twice = own.filter(|d| d.kind == declared.kind).count() > 1;
            // Backref's own mutations are looked at when they are known.
            if twice || declared.kind == OwnKind::Mutation {
                return twice.then(|| "another of one's own".to_owned());
            }
            let is_root = |root: &str| {
                let rest = name.strip_prefix(root);
                rest.is_some_and(|rest| matches!(rest, "" | "Connection" | "Aggregate"))
            };
            let mut exposed = self.catalog_entities.iter().filter(|e| e.exposed);
            let found = exposed.find(|e| e.single == *name || is_root(&e.plural));
            let reserved = ["node", "nodes", "viewer"].contains(&name.as_str());
            return match found {
                Some(of) => Some(format!("that which reads {}", of.module)),
                None if reserved => Some("Backref's own".to_owned()),
                None => None,
            };
        };
        let of = &self.catalog_entities[entity];
        Some(match of.field(name)?.source {
            FieldSource::Id => "the global id".to_owned(),
            FieldSource::Column(c) => {
                format!("the column `{}` of `{}`", of.columns[c].name, of.table)
            }
            FieldSource::Relation(r) | FieldSource::Connection(r) | FieldSource::Aggregate(r) => {
                format!("the relation {}", self.relations[r].relation.declared)
            }
            FieldSource::Own(_) => "another of one's own".to_owned(),
        })
    }

    /// What is read of the rows of an entity.
    fn rows_of(
        &self,
        entity: EntityId,
        columns: &[String],
        walks: &[Walk],
        told: &str,
    ) -> Result<RowsOf, String> {
        let of = &self.catalog_entities[entity];
        let mut read: Vec<ColumnOf> = Vec::new();
        for name in columns {
            let ix = of.columns.iter().position(|c| c.name == *name);
            let ix = ix.ok_or_else(|| {
                format!(
                    "`{told}` needs a column `{name}`, which {} has not",
                    of.module
                )
            })?;
            let column = &of.columns[ix];
            if column.hidden {
                return Err(format!(
                    "`{told}` needs the column `{name}` of {}, which is hidden from everybody (`.hide(…)`); a field that is computed from it would show it: give it a `.column_policy(…)` in place of `.hide(…)`, or leave it out",
                    of.module
                ));
            }
            if matches!(column.kind, Kind::Array(_)) {
                return Err(format!(
                    "`{told}` needs the column `{name}` of {}, which is an array; fields of one's own read single values",
                    of.module
                ));
            }
            if read.iter().all(|c| c.ix != ix) {
                read.push(self.column_of(entity, ix, true));
            }
        }
        let mut key = Vec::new();
        for &ix in &of.primary_key {
            let at = read.iter().position(|c| c.ix == ix).unwrap_or(read.len());
            if at == read.len() {
                read.push(self.column_of(entity, ix, false));
            }
            key.push(at);
        }
        let walks = walks.iter().map(|walk| self.walk_of(entity, walk, told));
        Ok(RowsOf {
            entity,
            type_name: of.type_name.clone(),
            table: of.table.clone(),
            schema: of.schema.clone(),
            field: told.to_owned(),
            columns: read,
            key,
            walks: walks.collect::<Result<_, _>>()?,
        })
    }

    fn column_of(&self, entity: EntityId, ix: ColumnIx, declared: bool) -> ColumnOf {
        let column = &self.catalog_entities[entity].columns[ix];
        ColumnOf {
            ix,
            name: column.name.clone(),
            kind: column.kind.clone(),
            has_rule: column.has_rule,
            declared,
        }
    }

    fn walk_of(&self, from: EntityId, walk: &Walk, told: &str) -> Result<WalkOf, String> {
        let of = &self.catalog_entities[from];
        let id = self.way(from, &walk.way).ok_or_else(|| {
            let names = of.fields.iter().filter_map(|f| match f.source {
                FieldSource::Relation(_) => Some(format!("`{}`", f.name)),
                _ => None,
            });
            format!(
                "`{told}` walks `{}` from {}, which is no relation of it; its relations are {}",
                walk.way.shown(),
                of.module,
                names.collect::<Vec<_>>().join(", ")
            )
        })?;
        let relation = &self.relations[id].relation;
        let to = &self.catalog_entities[relation.to];
        let meant = walk.to.as_ref().and_then(|table| self.by_table.get(table));
        if walk.to.is_some() && meant != Some(&relation.to) {
            return Err(format!(
                "`{told}` walks `{}` from {}, which leads to {}; say so where it is declared: `.related(…, Needs::<{}::Entity>::…)`",
                walk.way.shown(),
                of.module,
                to.module,
                to.module
            ));
        }
        let declared = match &walk.way {
            Way::Declared(path) => path.clone(),
            Way::Called(_) => relation.declared.clone(),
        };
        Ok(WalkOf {
            relation: id,
            counts: walk.to.is_none(),
            at_most: walk.at_most,
            called: relation.name.clone(),
            declared,
            rows: Arc::new(self.rows_of(relation.to, &walk.columns, &walk.walks, told)?),
        })
    }

    /// The relation that is meant, from this of its sides.
    fn way(&self, from: EntityId, way: &Way) -> Option<RelationId> {
        let of = |id: &RelationId| &self.relations[*id].relation;
        let mut own = (0..self.relations.len()).filter(|id| of(id).from == from);
        match way {
            Way::Called(name) => own.find(|id| of(id).name == *name),
            Way::Declared(path) => {
                let backwards = format!("the inverse of {path}");
                let own: Vec<RelationId> = own.collect();
                let forwards = own.iter().find(|id| of(id).declared == *path);
                let inverse = own.iter().find(|id| {
                    let inverse = of(id).inverse.map(|inverse| &of(&inverse).declared);
                    of(id).declared == backwards || inverse == Some(path)
                });
                forwards.or(inverse).copied()
            }
        }
    }

    /// Whether mutations of one's own are called as none of Backref's.
    pub(super) fn check_mutations(&mut self, owns: &Owns, pairs: &[Pair]) {
        for name in owns.mutations.keys() {
            let mut exposed = self.catalog_entities.iter().filter(|e| e.exposed);
            let writes = exposed.find(|e| e.mutations().iter().any(|(called, _)| called == name));
            let pair = pairs
                .iter()
                .any(|p| p.connect == *name || p.disconnect == *name);
            let signs = ["signUp", "signIn"].contains(&name.as_str());
            let other = match writes {
                Some(of) => format!("that which writes {}", of.module),
                None if pair => "that of a `.pair(…)`".to_owned(),
                None if signs => "Backref's own".to_owned(),
                None => continue,
            };
            self.mistakes.push(format!(
                "`Mutation.{name}` would be a second field of that name beside {other}; call one of the two otherwise"
            ));
        }
    }
}
