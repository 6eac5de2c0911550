//! From a validated operation to a plan.
//!
//! Fields are collected by the specification's CollectFields and merged by CollectSubfields, with the
//! Booleans of `@skip` and `@include` known, so a plan has no conditions left in it.

mod aggregate;
mod collect;
mod connection;

use std::sync::OnceLock;

use apollo_compiler::ast::Value;
use apollo_compiler::executable::{Field, Operation, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};
use sea_orm::sea_query::{Alias, IntoIden};

use super::{
    Cell, Choice, Count, Document, Expression, FieldPath, Form, Level, LevelId, Limits, Lookup,
    Output, Page, Plan, Read, RootField, RootOutput, SelectedField, Selection, Source, Window,
};
use crate::catalog::{
    Cardinality, Catalog, Column, ColumnIx, EntityId, FieldSource, Link, RelationId,
};
use crate::error::{Code, Error};
use crate::policy::{Principal, Row, Visibility};

/// Levels in a plan beyond the statements allowed: those of the types that a `node` turns out not to be.
const SPARE_LEVELS: usize = 1000;

/// Plans one operation for one principal. A plan that could never be bound is refused before it grows.
pub fn build(
    catalog: &Catalog,
    document: &Document,
    operation: &Operation,
    conditions: &[(Name, bool)],
    principal: Principal,
    limits: &Limits,
) -> Result<Plan, Error> {
    let mut builder = Builder {
        catalog,
        document,
        conditions,
        principal,
        limits,
        levels: Vec::new(),
        paths: Vec::new(),
        introspects: false,
        refused: None,
    };
    let root = builder.root(&operation.selection_set);
    if let Some(refused) = builder.refused {
        return Err(refused);
    }
    Ok(Plan {
        principal: builder.principal,
        levels: builder.levels,
        paths: builder.paths,
        root,
        introspects: builder.introspects,
    })
}

/// Where a field that gives rows stands, and what they are.
#[derive(Clone)]
struct Place<'f> {
    /// The path of the field it stands below.
    parent: Option<usize>,
    name: String,
    field: &'f Node<Field>,
    entity: EntityId,
    source: Source,
}

impl Place<'_> {
    /// What a field of the object here gives of the same rows.
    fn within(&self, field: &Name) -> Self {
        Place {
            name: format!("{}.{field}", self.name),
            ..self.clone()
        }
    }
}

struct Builder<'a> {
    catalog: &'a Catalog,
    document: &'a Document,
    conditions: &'a [(Name, bool)],
    principal: Principal,
    limits: &'a Limits,
    levels: Vec<Level>,
    paths: Vec<FieldPath>,
    introspects: bool,
    /// Set once a limit is passed; nothing more is planned then.
    refused: Option<Error>,
}

impl<'a> Builder<'a> {
    fn root(&mut self, set: &'a SelectionSet) -> Vec<RootField> {
        let grouped = self.collect("Query", &[set]);
        let mut root = Vec::with_capacity(grouped.len());
        for (key, fields) in grouped {
            self.check_merged(key, &fields);
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
            _ => {}
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
            let columns = column.map_or_else(|| of.primary_key.clone(), |c| vec![c]);
            Lookup {
                argument: a.name.clone(),
                column,
                value: a.value.clone(),
                forbidden: column.is_some_and(|c| !self.sees_all(entity, c)),
                choice: self.keyed(key.to_string(), entity, columns, field, subsets),
            }
        });
        RootOutput::Lookup {
            type_name: of.type_name.clone(),
            lookups: lookups.collect(),
        }
    }

    /// Whether the principal sees every value of a column, so that searching by it tells nothing.
    fn sees_all(&self, entity: EntityId, column: ColumnIx) -> bool {
        let policy = self.catalog.entities[entity].columns[column]
            .policy
            .as_ref();
        let row = Row(Alias::new("row").into_iden());
        policy.is_none_or(|p| matches!(p.visibility(&self.principal, &row), Visibility::All))
    }

    /// One level per type a node can have.
    fn choices(
        &mut self,
        key: &Name,
        field: &Node<Field>,
        subsets: &[&'a SelectionSet],
    ) -> Vec<Choice> {
        let exposed: Vec<_> = self
            .catalog
            .exposed()
            .map(|(id, e)| (id, e.type_name.clone(), e.primary_key.clone()))
            .collect();
        exposed
            .into_iter()
            .map(|(entity, name, primary_key)| {
                self.keyed(
                    format!("{key}({name})"),
                    entity,
                    primary_key,
                    field,
                    subsets,
                )
            })
            .collect()
    }

    fn keyed(
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

    /// What is asked of each row of a level.
    fn selection(&mut self, level: LevelId, path: usize, sets: &[&'a SelectionSet]) -> Selection {
        let entity = &self.catalog.entities[self.levels[level].entity];
        self.object(&entity.type_name, sets, |builder, key, fields| {
            builder.output(level, path, key, fields)
        })
    }

    /// The fields of an object, each answered by `output`; `__typename` is answered here.
    fn object(
        &mut self,
        type_name: &str,
        sets: &[&'a SelectionSet],
        mut output: impl FnMut(&mut Self, &Name, &[&'a Node<Field>]) -> Output,
    ) -> Selection {
        if self.refused.is_some() {
            return Selection { fields: Vec::new() };
        }
        let grouped = self.collect(type_name, sets);
        let mut fields: Vec<SelectedField> = Vec::with_capacity(grouped.len());
        for (key, of_key) in grouped {
            self.check_merged(key, &of_key);
            let value = match of_key[0].name.as_str() {
                "__typename" => Output::Typename(json(type_name)),
                _ => output(self, key, &of_key),
            };
            fields.push(SelectedField {
                prefix: prefix(key, fields.is_empty()),
                key: key.clone(),
                value,
                location: of_key[0].location(),
            });
        }
        Selection { fields }
    }

    fn output(
        &mut self,
        level: LevelId,
        path: usize,
        key: &Name,
        fields: &[&'a Node<Field>],
    ) -> Output {
        let field = fields[0];
        let entity_id = self.levels[level].entity;
        let entity = &self.catalog.entities[entity_id];
        // Validation has let only the type's fields through.
        let Some(found) = entity.field(&field.name) else {
            return Output::Null;
        };
        let relation = match found.source {
            FieldSource::Id => return self.id(level, entity_id),
            FieldSource::Column(column) => return self.column(level, column),
            FieldSource::Relation(id)
            | FieldSource::Connection(id)
            | FieldSource::Aggregate(id) => id,
        };
        let subsets = subselections(fields);
        if let Some(output) = self.enclosing(level, path, key, relation, &subsets) {
            return output;
        }
        let place = self.below(level, path, key, field, relation);
        match found.source {
            FieldSource::Connection(_) => Output::Object(self.connection(&place, &subsets)),
            FieldSource::Aggregate(_) => Output::Object(self.aggregate(&place, &subsets)),
            _ => self.relation(&place, relation, &subsets),
        }
    }

    fn id(&mut self, level: LevelId, entity_id: EntityId) -> Output {
        let entity = &self.catalog.entities[entity_id];
        let masked = false;
        if let [column] = entity.primary_key[..] {
            let value = Expression::Column { column, masked };
            let cell = self.cell(level, value, Form::Id(entity_id));
            return Output::Cell {
                cell,
                nullable: false,
            };
        }
        let cells = entity
            .primary_key
            .iter()
            .map(|&column| {
                let value = Expression::Column { column, masked };
                self.cell(level, value, Form::IdPart)
            })
            .collect();
        let prefix = format!("\"{}:", entity.type_name).into_bytes().into();
        Output::CompositeId { prefix, cells }
    }

    fn column(&mut self, level: LevelId, ix: ColumnIx) -> Output {
        let column = &self.catalog.entities[self.levels[level].entity].columns[ix];
        self.column_of(level, column, |masked| Expression::Column {
            column: ix,
            masked,
        })
    }

    fn column_of(
        &mut self,
        level: LevelId,
        column: &Column,
        value: impl Fn(bool) -> Expression,
    ) -> Output {
        let form = column.refers_to.map_or(Form::Value, Form::Id);
        let mut masked = false;
        if let Some(policy) = &column.policy {
            let row = Row(Alias::new("row").into_iden());
            match policy.visibility(&self.principal, &row) {
                Visibility::All => {}
                Visibility::Nothing => return Output::Null,
                Visibility::Where(_) => masked = true,
            }
        }
        let nullable = column.nullable || column.policy.is_some();
        let cell = self.cell(level, value(masked), form);
        Output::Cell { cell, nullable }
    }

    /// A belongs-to whose row the field stands below already, since its parent's rows were found by walking
    /// the same key from that row: `user { posts { author } }` asks for no author.
    fn enclosing(
        &mut self,
        level: LevelId,
        path: usize,
        key: &Name,
        id: RelationId,
        subsets: &[&'a SelectionSet],
    ) -> Option<Output> {
        let Source::Relation {
            relation: way,
            parent,
            ..
        } = self.levels[level].source
        else {
            return None;
        };
        let relation = &self.catalog.relations[id];
        let Link::Direct { columns } = &relation.link else {
            return None;
        };
        let way = &self.catalog.relations[way];
        let back = relation.holds_key
            && way.inverse == Some(id)
            && relation.condition.is_none()
            && way.condition.is_none()
            && self.catalog.entities[relation.to].is_unique(columns);
        if !back {
            return None;
        }
        let path = self.path(key.to_string(), Some(path), parent, true, None);
        let selection = self.selection(parent, path, subsets);
        Some(Output::Enclosing {
            level: parent,
            selection,
            nullable: matches!(relation.cardinality, Cardinality::One { nullable: true }),
        })
    }

    /// Where the rows of a relation stand.
    fn below<'f>(
        &mut self,
        parent: LevelId,
        path: usize,
        key: &Name,
        field: &'f Node<Field>,
        id: RelationId,
    ) -> Place<'f> {
        let relation = &self.catalog.relations[id];
        let parent_reads = relation
            .from_columns
            .iter()
            .map(|&c| self.key_read(parent, c))
            .collect();
        Place {
            parent: Some(path),
            name: key.to_string(),
            field,
            entity: relation.to,
            source: Source::Relation {
                relation: id,
                parent,
                parent_reads,
            },
        }
    }

    fn relation(
        &mut self,
        place: &Place<'_>,
        id: RelationId,
        subsets: &[&'a SelectionSet],
    ) -> Output {
        let relation = &self.catalog.relations[id];
        let target = &self.catalog.entities[relation.to];
        // A to-one relation whose target cannot be told apart by the key is a page of one.
        let page = match (relation.cardinality, &relation.link) {
            (Cardinality::Many, _) => Some(page(place.field, self.limits)),
            (_, Link::Direct { columns }) if target.is_unique(columns) => None,
            _ => Some(Page::first()),
        };
        let (level, path) = self.level(place, page);
        if let (None, Link::Direct { columns }) = (&self.levels[level].page, &relation.link) {
            for &c in columns {
                self.key_read(level, c);
            }
        }
        let selection = self.selection(level, path, subsets);
        match relation.cardinality {
            Cardinality::One { nullable } => Output::One {
                level,
                selection,
                nullable,
            },
            Cardinality::Many => Output::Many { level, selection },
        }
    }

    /// The level with this source and page, made if no branch has asked for it yet, and the path to it from
    /// here.
    fn level(&mut self, place: &Place<'_>, page: Option<Page>) -> (LevelId, usize) {
        let (level, path) = self.idle_level(place, page);
        self.levels[level].runs = true;
        (level, path)
    }

    /// The same, where perhaps nothing is asked of the rows: alone it does not run, but its arguments are
    /// checked.
    fn idle_level(&mut self, place: &Place<'_>, page: Option<Page>) -> (LevelId, usize) {
        let shared =
            |l: &Level| l.entity == place.entity && l.source == place.source && l.page == page;
        if let Some(level) = self.levels.iter().position(shared) {
            let location = place.field.location();
            let path = self.path(place.name.clone(), place.parent, level, false, location);
            return (level, path);
        }
        let (level, path) = self.new_level(
            place.name.clone(),
            place.parent,
            place.entity,
            place.source.clone(),
            page,
            place.field.location(),
        );
        self.levels[level].runs = false;
        (level, path)
    }

    fn new_level(
        &mut self,
        name: String,
        parent: Option<usize>,
        entity: EntityId,
        source: Source,
        page: Option<Page>,
        location: Option<SourceSpan>,
    ) -> (LevelId, usize) {
        let level = self.levels.len();
        let path = self.path(name, parent, level, false, location);
        self.levels.push(Level {
            path,
            entity,
            source,
            reads: Vec::new(),
            cells: Vec::new(),
            page,
            runs: true,
            looks_ahead: [false; 2],
            location,
            sql: [OnceLock::new(), OnceLock::new()],
        });
        let most = usize::try_from(self.limits.statements).unwrap_or(usize::MAX);
        if level >= most.saturating_add(SPARE_LEVELS) {
            let problem = format!(
                "the request would run more than the {most} statements that are allowed; ask for fewer relations"
            );
            self.refuse(problem, location);
        }
        (level, path)
    }

    fn path(
        &mut self,
        name: String,
        parent: Option<usize>,
        level: LevelId,
        enclosing: bool,
        location: Option<SourceSpan>,
    ) -> usize {
        let path = self.paths.len();
        self.paths.push(FieldPath {
            parent,
            name,
            level,
            enclosing,
        });
        let depth = std::iter::successors(Some(path), |&i| self.paths[i].parent).count();
        if depth > self.limits.depth {
            let most = self.limits.depth;
            let path = super::path(&self.paths, path);
            let problem = format!(
                "`{path}` nests relations deeper than {most} levels; ask in several requests"
            );
            self.refuse(problem, location);
        }
        path
    }

    fn refuse(&mut self, problem: String, location: Option<SourceSpan>) {
        let error = Error::new(Code::LimitExceeded, problem);
        self.refused
            .get_or_insert_with(|| error.at(self.document.line_column(location)));
    }

    fn read(&mut self, level: LevelId, value: Expression) -> usize {
        let reads = &mut self.levels[level].reads;
        let found = reads.iter().position(|r| r.value == value);
        found.unwrap_or_else(|| {
            reads.push(Read { value, key: false });
            reads.len() - 1
        })
    }

    fn key_read(&mut self, level: LevelId, column: ColumnIx) -> usize {
        let masked = false;
        let read = self.read(level, Expression::Column { column, masked });
        self.levels[level].reads[read].key = true;
        read
    }

    fn cell(&mut self, level: LevelId, value: Expression, form: Form) -> usize {
        let read = self.read(level, value);
        self.add_cell(level, Cell::Read { read, form })
    }

    fn add_cell(&mut self, level: LevelId, cell: Cell) -> usize {
        let cells = &mut self.levels[level].cells;
        cells.iter().position(|c| *c == cell).unwrap_or_else(|| {
            cells.push(cell);
            cells.len() - 1
        })
    }
}

fn subselections<'a>(fields: &[&'a Node<Field>]) -> Vec<&'a SelectionSet> {
    fields
        .iter()
        .filter_map(|f| f.selection_set.as_ref())
        .collect()
}

fn argument(field: &Field, name: &str) -> Option<Node<Value>> {
    field.specified_argument_by_name(name).cloned()
}

fn page(field: &Field, limits: &Limits) -> Page {
    Page {
        window: Window::Offset {
            limit: count(field, "limit", limits.default_page().into()),
            offset: count(field, "offset", 0),
        },
        filter: argument(field, "where"),
        order: argument(field, "orderBy"),
        search: argument(field, "search"),
    }
}

fn count(field: &Field, name: &str, default: i64) -> Count {
    match field.specified_argument_by_name(name).map(|v| &**v) {
        Some(Value::Int(i)) => Count::Literal(i.try_to_i32().map_or(i64::MAX, i64::from)),
        Some(Value::Variable(v)) => Count::Variable(v.clone(), default),
        _ => Count::Literal(default),
    }
}

fn prefix(key: &Name, first: bool) -> Box<[u8]> {
    let comma = if first { "" } else { "," };
    format!("{comma}\"{key}\":").into_bytes().into()
}

fn json(name: &str) -> Box<[u8]> {
    format!("\"{name}\"").into_bytes().into()
}
