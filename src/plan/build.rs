//! From a validated operation to a plan.
//!
//! Fields are collected by the specification's CollectFields and merged by CollectSubfields, with the
//! Booleans of `@skip` and `@include` known, so a plan has no conditions left in it.

use std::collections::HashSet;
use std::sync::OnceLock;

use apollo_compiler::ast::Value;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{Field, Operation, Selection as Syntax, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};
use sea_orm::sea_query::{Alias, IntoIden};

use super::{
    Cell, Choice, Count, Document, Form, Level, LevelId, Limits, Lookup, Output, Page, Plan, Read,
    RootField, RootOutput, SelectedField, Selection, Source,
};
use crate::catalog::{Cardinality, Catalog, ColumnIx, EntityId, FieldSource, Link, RelationId};
use crate::error::{Code, Error};
use crate::policy::{Principal, Row, Visibility};
use crate::schema::DEFAULT_LIMIT;

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
        root,
        introspects: builder.introspects,
    })
}

struct Builder<'a> {
    catalog: &'a Catalog,
    document: &'a Document,
    conditions: &'a [(Name, bool)],
    principal: Principal,
    limits: &'a Limits,
    levels: Vec<Level>,
    introspects: bool,
    /// Set once a limit is passed; nothing more is planned then.
    refused: Option<Error>,
}

type Grouped<'a> = IndexMap<&'a Name, Vec<&'a Node<Field>>>;

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
        let Some((entity, of)) = entities.find(|(_, e)| e.single == name || e.plural == name)
        else {
            // Validation has let only the schema's fields through: what is not the catalog's is GraphQL's.
            return RootOutput::Introspection;
        };
        if of.plural == name {
            let level = self.level(
                key.to_string(),
                0,
                entity,
                Source::List,
                Some(page(field)),
                field.location(),
            );
            let selection = self.selection(level, &subsets);
            return RootOutput::Page { level, selection };
        }
        self.lookup(key, field, entity, &subsets)
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
                choice: self.keyed(key.to_string(), entity, columns, field.location(), subsets),
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
                    field.location(),
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
        location: Option<SourceSpan>,
        subsets: &[&'a SelectionSet],
    ) -> Choice {
        let level = self.level(
            name,
            0,
            entity,
            Source::Keys {
                columns: columns.clone(),
            },
            None,
            location,
        );
        for column in columns {
            self.key_read(level, column);
        }
        let selection = self.selection(level, subsets);
        Choice {
            entity,
            level,
            selection,
        }
    }

    fn selection(&mut self, level: LevelId, sets: &[&'a SelectionSet]) -> Selection {
        if self.refused.is_some() {
            return Selection { fields: Vec::new() };
        }
        let entity = &self.catalog.entities[self.levels[level].entity];
        let grouped = self.collect(&entity.type_name, sets);
        let mut fields: Vec<SelectedField> = Vec::with_capacity(grouped.len());
        for (key, of_key) in grouped {
            self.check_merged(key, &of_key);
            let value = self.output(level, key, &of_key);
            fields.push(SelectedField {
                prefix: prefix(key, fields.is_empty()),
                key: key.clone(),
                value,
                location: of_key[0].location(),
            });
        }
        Selection { fields }
    }

    /// Fields of one key have the same arguments, or validation would have refused the document; but it
    /// takes a list for another that it is the beginning of.
    fn check_merged(&mut self, key: &Name, fields: &[&'a Node<Field>]) {
        let same = |other: &&Node<Field>| {
            fields[0].arguments.iter().all(|argument| {
                let other = other.specified_argument_by_name(&argument.name);
                other.is_some_and(|other| same_lengths(&argument.value, other))
            })
        };
        if let Some(other) = fields[1..].iter().find(|f| !same(f)) {
            let message = format!(
                "fields named `{key}` differ in their arguments; use an alias for one of them"
            );
            let error = Error::new(Code::GraphqlValidationFailed, message)
                .at(self.document.line_column(other.location()));
            self.refused.get_or_insert(error);
        }
    }

    fn output(&mut self, level: LevelId, key: &Name, fields: &[&'a Node<Field>]) -> Output {
        let field = fields[0];
        let entity_id = self.levels[level].entity;
        let entity = &self.catalog.entities[entity_id];
        if field.name == "__typename" {
            return Output::Typename(json(&entity.type_name));
        }
        // Validation has let only the type's fields through.
        let Some(found) = entity.field(&field.name) else {
            return Output::Null;
        };
        match found.source {
            FieldSource::Id => self.id(level, entity_id),
            FieldSource::Column(column) => self.column(level, column),
            FieldSource::Relation(relation) => {
                let subsets = subselections(fields);
                self.relation(level, key, field, relation, &subsets)
            }
        }
    }

    fn id(&mut self, level: LevelId, entity_id: EntityId) -> Output {
        let entity = &self.catalog.entities[entity_id];
        if let [column] = entity.primary_key[..] {
            let cell = self.cell(level, column, Form::Id(entity_id), false);
            return Output::Cell {
                cell,
                nullable: false,
            };
        }
        let cells = entity
            .primary_key
            .iter()
            .map(|&c| self.cell(level, c, Form::IdPart, false))
            .collect();
        let prefix = format!("\"{}:", entity.type_name).into_bytes().into();
        Output::CompositeId { prefix, cells }
    }

    fn column(&mut self, level: LevelId, ix: ColumnIx) -> Output {
        let column = &self.catalog.entities[self.levels[level].entity].columns[ix];
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
        let cell = self.cell(level, ix, form, masked);
        Output::Cell { cell, nullable }
    }

    fn relation(
        &mut self,
        parent: LevelId,
        key: &Name,
        field: &Node<Field>,
        id: RelationId,
        subsets: &[&'a SelectionSet],
    ) -> Output {
        let relation = &self.catalog.relations[id];
        let target = &self.catalog.entities[relation.to];
        let parent_reads = relation
            .from_columns
            .iter()
            .map(|&c| self.key_read(parent, c))
            .collect();
        let source = Source::Relation {
            relation: id,
            parent,
            parent_reads,
        };
        let depth = self.levels[parent].depth + 1;
        // A to-one relation whose target cannot be told apart by the key is a page of one.
        let page = match (relation.cardinality, &relation.link) {
            (Cardinality::Many, _) => Some(page(field)),
            (_, Link::Direct { columns }) if target.is_unique(columns) => None,
            _ => Some(Page::first()),
        };
        let level = self.level(
            key.to_string(),
            depth,
            relation.to,
            source,
            page,
            field.location(),
        );
        if let (None, Link::Direct { columns }) = (&self.levels[level].page, &relation.link) {
            for &c in columns {
                self.key_read(level, c);
            }
        }
        let selection = self.selection(level, subsets);
        match relation.cardinality {
            Cardinality::One { nullable } => Output::One {
                level,
                selection,
                nullable,
            },
            Cardinality::Many => Output::Many { level, selection },
        }
    }

    /// The level with this source and page, made if no branch has asked for it yet.
    fn level(
        &mut self,
        name: String,
        depth: usize,
        entity: EntityId,
        source: Source,
        page: Option<Page>,
        location: Option<SourceSpan>,
    ) -> LevelId {
        let shared = |l: &Level| l.source == source && l.page == page;
        if matches!(source, Source::Relation { .. })
            && let Some(found) = self.levels.iter().position(shared)
        {
            return found;
        }
        self.levels.push(Level {
            name,
            depth,
            entity,
            source,
            reads: Vec::new(),
            cells: Vec::new(),
            page,
            location,
            sql: [OnceLock::new(), OnceLock::new()],
        });
        let level = self.levels.len() - 1;
        let most = usize::try_from(self.limits.statements).unwrap_or(usize::MAX);
        let problem = if depth >= self.limits.depth {
            let most = self.limits.depth;
            let path = super::path(&self.levels, level);
            format!("`{path}` nests relations deeper than {most} levels; ask in several requests")
        } else if level >= most.saturating_add(SPARE_LEVELS) {
            format!(
                "the request would run more than the {most} statements that are allowed; ask for fewer relations"
            )
        } else {
            return level;
        };
        let error = Error::new(Code::LimitExceeded, problem);
        self.refused
            .get_or_insert_with(|| error.at(self.document.line_column(location)));
        level
    }

    fn read(&mut self, level: LevelId, column: ColumnIx, masked: bool) -> usize {
        let reads = &mut self.levels[level].reads;
        let found = reads
            .iter()
            .position(|r| r.column == column && r.masked == masked);
        found.unwrap_or_else(|| {
            reads.push(Read {
                column,
                masked,
                key: false,
            });
            reads.len() - 1
        })
    }

    fn key_read(&mut self, level: LevelId, column: ColumnIx) -> usize {
        let read = self.read(level, column, false);
        self.levels[level].reads[read].key = true;
        read
    }

    fn cell(&mut self, level: LevelId, column: ColumnIx, form: Form, masked: bool) -> usize {
        let cell = Cell {
            read: self.read(level, column, masked),
            form,
        };
        let cells = &mut self.levels[level].cells;
        cells.iter().position(|c| *c == cell).unwrap_or_else(|| {
            cells.push(cell);
            cells.len() - 1
        })
    }

    /// CollectFields over several selection sets of one object type. A fragment is visited once: a second
    /// visit would add fields to groups that have them.
    fn collect(&self, type_name: &str, sets: &[&'a SelectionSet]) -> Grouped<'a> {
        let mut grouped = Grouped::default();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect_into(type_name, set, &mut visited, &mut grouped);
        }
        grouped
    }

    fn collect_into(
        &self,
        type_name: &str,
        set: &'a SelectionSet,
        visited: &mut HashSet<&'a Name>,
        grouped: &mut Grouped<'a>,
    ) {
        for selection in &set.selections {
            if !self.included(selection) {
                continue;
            }
            match selection {
                Syntax::Field(field) => grouped
                    .entry(field.response_name())
                    .or_default()
                    .push(field),
                Syntax::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|c| applies(c, type_name)) {
                        self.collect_into(type_name, &fragment.selection_set, visited, grouped);
                    }
                }
                Syntax::FragmentSpread(spread) => {
                    if visited.insert(&spread.fragment_name)
                        && let Some(fragment) = self
                            .document
                            .executable
                            .fragments
                            .get(&spread.fragment_name)
                        && applies(fragment.type_condition(), type_name)
                    {
                        self.collect_into(type_name, &fragment.selection_set, visited, grouped);
                    }
                }
            }
        }
    }

    fn included(&self, selection: &Syntax) -> bool {
        let condition = |name: &str| {
            let directive = selection.directives().get(name)?;
            match &**directive.specified_argument_by_name("if")? {
                Value::Boolean(b) => Some(*b),
                Value::Variable(v) => self
                    .conditions
                    .iter()
                    .find(|(n, _)| n == v)
                    .map(|(_, b)| *b),
                _ => None,
            }
        };
        condition("skip") != Some(true) && condition("include") != Some(false)
    }
}

/// Whether a fragment on `condition` applies to an object type. The only abstract type is `Node`, which
/// every object type but the root implements.
fn applies(condition: &Name, type_name: &str) -> bool {
    condition == type_name || (condition == "Node" && type_name != "Query")
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

fn page(field: &Field) -> Page {
    Page {
        limit: count(field, "limit", DEFAULT_LIMIT.into()),
        offset: count(field, "offset", 0),
        filter: argument(field, "where"),
        order: argument(field, "orderBy"),
    }
}

fn count(field: &Field, name: &str, default: i64) -> Count {
    match field.specified_argument_by_name(name).map(|v| &**v) {
        Some(Value::Int(i)) => Count::Literal(i.try_to_i32().map_or(i64::MAX, i64::from)),
        Some(Value::Variable(v)) => Count::Variable(v.clone(), default),
        _ => Count::Literal(default),
    }
}

fn same_lengths(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_lengths(a, b))
        }
        (Value::Object(one), Value::Object(other)) => one.iter().all(|(name, a)| {
            let b = other.iter().find(|(n, _)| n == name);
            b.is_some_and(|(_, b)| same_lengths(a, b))
        }),
        _ => true,
    }
}

fn prefix(key: &Name, first: bool) -> Box<[u8]> {
    let comma = if first { "" } else { "," };
    format!("{comma}\"{key}\":").into_bytes().into()
}

fn json(name: &str) -> Box<[u8]> {
    format!("\"{name}\"").into_bytes().into()
}
