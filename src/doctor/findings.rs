//! Holds what the database has against what the graph needs.
//!
//! Speaks of a table only where it is sure: what it cannot judge, it passes over.

use super::kinds::{called, readable};
use super::remedy::{Remedies, Remedy, names_sql};
use super::rights::Lack;
use super::search::{self, State};
use super::structure::{Form, Index, Structure, Table};
use super::wants::{Service, Want, wants};
use super::{Finding, Severity, Subject};
use crate::graph::writing::Mutation;
use crate::graph::{Catalog, Column, ColumnIx, Entity, EntityId, ForeignKey, Link, Relation};
use crate::read::sql::{Dialect, forms};

/// `migrate` is the command that applies migrations.
pub(super) fn find(catalog: &Catalog, structure: &Structure, migrate: &str) -> Vec<Finding> {
    let mut all = Findings {
        catalog,
        structure,
        remedies: Remedies::new(structure.dialect, &structure.names),
        found: catalog.entities.iter().map(|_| Vec::new()).collect(),
    };
    all.rights();
    for (id, (entity, table)) in catalog.entities.iter().zip(&structure.tables).enumerate() {
        match table {
            None if structure.rights.is_closed_to(id) => {}
            None => all.missing_table(id, entity, migrate),
            Some(table) => {
                all.columns(id, entity, table);
                all.foreign_keys(id, entity, table);
                all.forms(id, entity, table);
                all.deferrable(id, entity, table);
            }
        }
    }
    all.indexes();
    for (id, entity) in catalog.entities.iter().enumerate() {
        all.search(id, entity);
    }
    all.found.into_iter().flatten().collect()
}

struct Findings<'a> {
    catalog: &'a Catalog,
    structure: &'a Structure,
    remedies: Remedies,
    /// By entity.
    found: Vec<Vec<Finding>>,
}

impl Findings<'_> {
    /// What the role may not read, of each table, and the schemas that it may not use.
    fn rights(&mut self) {
        let rights = &self.structure.rights;
        let role = &rights.role;
        let mut found = Vec::new();
        for (schema, ids) in &rights.closed {
            let users = ids.iter().map(|&id| self.rows(id)).collect();
            let missing = format!("the role {role} may not use the schema {schema}");
            let grant = format!("GRANT USAGE ON SCHEMA {schema} TO {role}");
            found.push((ids[0], missing, users, grant));
        }
        for (id, lack) in &rights.lacks {
            let entity = &self.catalog.entities[*id];
            let (missing, users, grant) = match lack {
                Lack::Table(table) => (
                    format!("the role {role} may not read {table}"),
                    vec![self.rows(*id)],
                    format!("GRANT SELECT ON {table} TO {role}"),
                ),
                Lack::Columns(table, columns) => {
                    let list = names_sql(entity, columns);
                    let users = columns
                        .iter()
                        .map(|&c| column_user(entity, &entity.columns[c]));
                    (
                        format!("the role {role} may not read ({list}) of {table}"),
                        users.collect(),
                        format!("GRANT SELECT ({list}) ON {table} TO {role}"),
                    )
                }
                // Which is meant where a server is only to be read.
                Lack::Writes(table, rights) => {
                    let rights = rights.join(", ");
                    let missing = format!("the role {role} may not {rights} on {table}");
                    let grant = format!("GRANT {rights} ON {table} TO {role}");
                    self.push(
                        *id,
                        Finding {
                            severity: Severity::Warning,
                            subject: Subject::Right,
                            table: String::new(),
                            missing,
                            needed_by: vec![format!(
                                "the mutations of {} ({})",
                                entity.type_name, entity.module
                            )],
                            costs: vec![
                                "each mutation that writes it so fails; where none is to, declare the entity `.read_only(…)`"
                                    .to_owned(),
                            ],
                            remedy: Remedy::Grant(grant),
                        },
                    );
                    continue;
                }
                Lack::Below {
                    role,
                    relation,
                    columns,
                } => {
                    let list = match columns.is_empty() {
                        true => String::new(),
                        false => format!(" ({})", columns.join(", ")),
                    };
                    (
                        format!(
                            "the view `{}` reads{list} of {relation} as the role {role}, which may not read that",
                            entity.table
                        ),
                        vec![self.rows(*id)],
                        format!("GRANT SELECT{list} ON {relation} TO {role}"),
                    )
                }
            };
            found.push((*id, missing, users, grant));
        }
        for (id, missing, needed_by, grant) in found {
            self.push(
                id,
                Finding {
                    severity: Severity::Error,
                    subject: Subject::Right,
                    table: String::new(),
                    missing,
                    needed_by,
                    costs: vec!["each query that reads it fails".to_owned()],
                    remedy: Remedy::Grant(grant),
                },
            );
        }
    }

    /// What needs an entity's table to be read.
    fn rows(&self, id: EntityId) -> String {
        let entity = &self.catalog.entities[id];
        match entity.exposed {
            true => format!("each {} ({})", entity.type_name, entity.module),
            false => format!("the links of `{}` ({})", entity.table, entity.module),
        }
    }

    fn missing_table(&mut self, id: EntityId, entity: &Entity, migrate: &str) {
        let mut needed_by = Vec::new();
        if entity.exposed {
            needed_by.push(format!("each {} ({})", entity.type_name, entity.module));
        }
        let relations = self.catalog.relations.iter();
        let through = relations.filter(|r| match &r.link {
            Link::Through { junction, .. } => *junction == id && r.from != id,
            Link::Direct { .. } => false,
        });
        needed_by.extend(through.map(|r| self.field(r)));
        let table = &entity.table;
        let (missing, remedy) = match self.structure.elsewhere.get(&id) {
            None => (
                format!("the table `{table}` is missing"),
                format!("`{migrate}` if a migration makes it; else write that migration"),
            ),
            Some(schema) => (
                format!(
                    "the table `{table}` is missing where it is looked for, and there is one in the schema {schema}"
                ),
                match &entity.schema {
                    Some(of) => format!(
                        "move it into the schema {of}, or name {schema} in {}",
                        entity.module
                    ),
                    None => format!(
                        "name that schema in the URL, `?options=-c%20search_path={schema},public`, or in {} (`schema_name`); or move the table",
                        entity.module
                    ),
                },
            ),
        };
        let remedy = Remedy::Words(remedy);
        self.push(
            id,
            Finding {
                severity: Severity::Error,
                subject: Subject::Table,
                table: String::new(),
                missing,
                needed_by,
                costs: vec!["each query of them fails".to_owned()],
                remedy,
            },
        );
    }

    fn columns(&mut self, id: EntityId, entity: &Entity, table: &Table) {
        for (column, found) in entity.columns.iter().zip(&table.columns) {
            let name = &column.name;
            let Some(found) = found else {
                let remedy = match table.form {
                    Form::Table => self.remedies.column(entity, column),
                    _ => Remedy::Words(format!("define the view anew, with a column `{name}`")),
                };
                let missing = format!("the column `{name}` is missing");
                let cost = "each query that reads it fails";
                self.column(id, column, Severity::Error, [&missing, cost], remedy);
                continue;
            };
            if !readable(&column.kind, found, self.structure.dialect) {
                let missing = format!(
                    "the column `{name}` is of type `{}`, which cannot be read as the entity's {}",
                    found.type_name,
                    called(&column.kind)
                );
                let remedy = Remedy::Words(format!(
                    "write the migration that changes the column's type, or correct it in {}",
                    entity.module
                ));
                let cost = "each value that is read is an error";
                self.column(id, column, Severity::Error, [&missing, cost], remedy);
            }
            if found.nullable && !column.nullable && table.form == Form::Table {
                let missing =
                    format!("the column `{name}` may be null, and the entity says it never is");
                let remedy = self.remedies.not_null(entity, column);
                let cost = "a null that is read is an error";
                self.column(id, column, Severity::Warning, [&missing, cost], remedy);
            }
        }
    }

    fn column(
        &mut self,
        id: EntityId,
        column: &Column,
        severity: Severity,
        [missing, cost]: [&str; 2],
        remedy: Remedy,
    ) {
        let entity = &self.catalog.entities[id];
        self.push(
            id,
            Finding {
                severity,
                subject: Subject::Column,
                table: String::new(),
                missing: missing.to_owned(),
                needed_by: vec![column_user(entity, column)],
                costs: vec![cost.to_owned()],
                remedy,
            },
        );
    }

    fn foreign_keys(&mut self, id: EntityId, entity: &Entity, table: &Table) {
        if table.form != Form::Table {
            return;
        }
        for key in &entity.foreign_keys {
            let target = &self.catalog.entities[key.to];
            let there = self.structure.tables[key.to].as_ref();
            let known = all_there(table, &key.columns)
                && there.is_some_and(|t| t.form == Form::Table && all_there(t, &key.to_columns));
            if !known {
                continue;
            }
            let mut pairs: Vec<_> = key
                .columns
                .iter()
                .copied()
                .zip(key.to_columns.iter().copied())
                .collect();
            pairs.sort_unstable();
            let found = table.foreign_keys.iter().filter(|found| {
                let mut of = found.pairs.clone();
                of.sort_unstable();
                found.to == key.to && of == pairs
            });
            let columns = names(entity, key.columns.iter().copied());
            let to = format!(
                "`{}` ({})",
                target.table,
                names(target, key.to_columns.iter().copied())
            );
            let (missing, remedy) = match found.max_by_key(|found| found.validated) {
                Some(found) if found.validated => continue,
                Some(found) => (
                    format!(
                        "the foreign key `{}` of ({columns}) to {to} was never checked against the rows that were there before it",
                        found.name
                    ),
                    self.remedies.validate(entity, &found.name),
                ),
                None => (
                    format!("there is no foreign key from ({columns}) to {to}"),
                    self.remedies.foreign_key(entity, key, target),
                ),
            };
            let needed_by = self.users(id, key);
            self.push(
                id,
                Finding {
                    severity: Severity::Warning,
                    subject: Subject::ForeignKey,
                    table: String::new(),
                    missing,
                    needed_by,
                    costs: vec![format!(
                        "a row of `{}` can refer to a row of `{}` that is not there",
                        entity.table, target.table
                    )],
                    remedy,
                },
            );
        }
    }

    /// The fields that walk a foreign key, and where it is declared.
    fn users(&self, id: EntityId, key: &ForeignKey) -> Vec<String> {
        let relations = self.catalog.walked().filter(|r| match &r.link {
            Link::Direct { .. } => {
                r.holds_key && r.from == id && r.to == key.to && r.from_columns == key.columns
            }
            Link::Through {
                junction,
                near,
                far,
                ..
            } => *junction == id && [near, far].contains(&&key.columns),
        });
        let fields: Vec<_> = relations.map(|r| self.field(r)).collect();
        match fields.is_empty() {
            true => vec![key.declared.clone()],
            false => fields,
        }
    }

    /// `User.posts (user::Relation::Posts)`
    fn field(&self, relation: &Relation) -> String {
        let from = &self.catalog.entities[relation.from].type_name;
        format!("{from}.{} ({})", relation.name, relation.declared)
    }

    /// One finding for all columns of a table whose rows a server has to look through to know how they compare.
    fn forms(&mut self, id: EntityId, entity: &Entity, table: &Table) {
        if self.structure.dialect != Dialect::Sqlite || table.form != Form::Table {
            return;
        }
        let asked = |&c: &ColumnIx| {
            let column = &entity.columns[c];
            let there = table.columns[c].is_some() && !table.told.contains(&c);
            there && !column.hidden && forms::Form::of(&column.kind).is_some()
        };
        let columns: Vec<_> = (0..entity.columns.len()).filter(asked).collect();
        if columns.is_empty() {
            return;
        }
        let users = columns
            .iter()
            .map(|&c| column_user(entity, &entity.columns[c]));
        let remedy = self.remedies.other_forms(entity, &columns);
        self.push(
            id,
            Finding {
                severity: Severity::Warning,
                subject: Subject::Index,
                table: String::new(),
                missing: format!(
                    "no index says whether ({}) holds values in another form than the server's",
                    names(entity, columns.iter().copied())
                ),
                needed_by: users.collect(),
                costs: vec![
                    "after each write, the first query that compares one reads the whole table"
                        .to_owned(),
                ],
                remedy,
            },
        );
    }

    /// Keys by which PostgreSQL finds no row to change instead of one that is inserted.
    fn deferrable(&mut self, id: EntityId, entity: &Entity, table: &Table) {
        let mutations = entity.mutations();
        let mut upserts = mutations
            .iter()
            .filter(|(_, mutation)| *mutation == Mutation::Upsert);
        let upsert = upserts.next().map(|(name, _)| name);
        let keys = entity.writing.unique.iter();
        let keys = keys.map(|key| {
            let by = match upsert {
                Some(upsert) => format!("{upsert}(on: {}) of {}", key.name, entity.module),
                None => format!("connectOrCreate(on: {}) of {}", key.name, entity.module),
            };
            let remedy = format!(
                "make the constraint again without DEFERRABLE, or leave the key out: `.without_key(…, \"{}\")`",
                key.name
            );
            (&key.columns, by, remedy)
        });
        let link = (!entity.exposed).then(|| {
            let by = format!("links by {}", entity.module);
            let remedy = "make the constraint again without DEFERRABLE".to_owned();
            (&entity.primary_key, by, remedy)
        });
        for (columns, by, remedy) in keys.chain(link) {
            let is_same = |of: &Vec<ColumnIx>| {
                of.len() == columns.len() && of.iter().all(|c| columns.contains(c))
            };
            if !table.deferrable.iter().any(is_same) {
                continue;
            }
            let list = names(entity, columns.iter().copied());
            self.push(
                id,
                Finding {
                    severity: Severity::Error,
                    subject: Subject::Unique,
                    table: String::new(),
                    missing: format!(
                        "the constraint that keeps ({list}) unique is DEFERRABLE, so no row is found by it when one is inserted"
                    ),
                    needed_by: vec![by],
                    costs: vec!["each of them fails".to_owned()],
                    remedy: Remedy::Words(remedy),
                },
            );
        }
    }

    /// One finding for each index that is missing, whatever it is for: of two where the one does the other's
    /// work, the one.
    fn indexes(&mut self) {
        let mut missing: Vec<Want> = wants(self.catalog, self.structure.dialect)
            .into_iter()
            .filter(|want| self.is_missing(want))
            .collect();
        missing.sort_by_key(|want| {
            (
                !want.primary,
                !want.unique,
                usize::MAX - want.key.len() - want.order.len(),
            )
        });
        let mut made: Vec<(EntityId, usize, Index)> = Vec::new();
        for want in missing {
            let entity = &self.catalog.entities[want.entity];
            let does_its_work = made.iter().find(|(of, _, index)| {
                *of == want.entity && want.service([index]) == Service::Whole
            });
            let service = self.service(&want);
            let needed_by: Vec<_> = want.uses.iter().map(|u| u.what.clone()).collect();
            let costs: Vec<_> = want.uses.iter().map(|u| u.cost(service)).collect();
            if let Some((of, at, _)) = does_its_work {
                let finding = &mut self.found[*of][*at];
                finding.needed_by.extend(needed_by);
                finding.costs.extend(costs);
                continue;
            }
            let columns = want.columns(self.structure.dialect);
            let list = names(entity, columns.iter().filter_map(|c| c.column));
            let has_primary = self.structure.tables[want.entity]
                .as_ref()
                .is_some_and(|t| t.has_primary_key || t.form != Form::Table);
            let (missing, remedy) = match (want.primary, want.unique) {
                (true, _) => (
                    format!("({list}) is not the primary key, and nothing keeps it unique"),
                    self.remedies.primary_key(entity, has_primary),
                ),
                (_, true) => (
                    format!("nothing keeps ({list}) unique"),
                    self.remedies.index(entity, &columns, true),
                ),
                _ => (
                    format!("there is no index on ({list})"),
                    self.remedies.index(entity, &columns, false),
                ),
            };
            let subject = match want.unique {
                true => Subject::Unique,
                false => Subject::Index,
            };
            let unique = if want.unique { columns.len() } else { 0 };
            made.push((
                want.entity,
                self.found[want.entity].len(),
                Index { columns, unique },
            ));
            self.push(
                want.entity,
                Finding {
                    severity: Severity::Warning,
                    subject,
                    table: String::new(),
                    missing,
                    needed_by,
                    costs,
                    remedy,
                },
            );
        }
    }

    /// Whether a table that is there, with the columns in question, has no index that serves.
    fn is_missing(&self, want: &Want) -> bool {
        let Some(table) = &self.structure.tables[want.entity] else {
            return false;
        };
        let order = want.order.iter().filter_map(|c| c.column);
        let columns: Vec<_> = want.key.iter().copied().chain(order).collect();
        table.form != Form::View
            && all_there(table, &columns)
            && self.service(want) != Service::Whole
    }

    fn service(&self, want: &Want) -> Service {
        let table = self.structure.tables[want.entity].as_ref();
        table.map_or(Service::Not, |t| want.service(&t.indexes))
    }

    /// Of a full-text index whose columns are there, from which it is made. That of a view is kept by means
    /// that are not known here.
    fn search(&mut self, id: EntityId, entity: &Entity) {
        let (table, has) = (&self.structure.tables[id], &self.structure.searches[id]);
        if let (Some(table), Some(has)) = (table, has)
            && all_there(table, &entity.primary_key)
            && all_there(table, &entity.searched)
            && (table.form == Form::Table || has.table != State::There)
            && let Some(finding) = search::finding(entity, table.form, has, &self.remedies)
        {
            self.push(id, finding);
        }
    }

    fn push(&mut self, id: EntityId, finding: Finding) {
        let entity = &self.catalog.entities[id];
        self.found[id].push(Finding {
            table: format!("{} ({})", entity.table, entity.module),
            ..finding
        });
    }
}

/// `Post.title of entity::post`
fn column_user(entity: &Entity, column: &Column) -> String {
    match column.hidden {
        true => format!("the hidden column `{}` of {}", column.name, entity.module),
        false => format!("{}.{} of {}", entity.type_name, column.field, entity.module),
    }
}

fn all_there(table: &Table, columns: &[ColumnIx]) -> bool {
    columns.iter().all(|&c| table.columns[c].is_some())
}

fn names(entity: &Entity, columns: impl Iterator<Item = ColumnIx>) -> String {
    let names: Vec<_> = columns.map(|c| entity.columns[c].name.as_str()).collect();
    names.join(", ")
}
