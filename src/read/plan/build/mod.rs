//! From a validated operation to a plan.
//!
//! Fields are collected by the specification's CollectFields and merged by CollectSubfields, with the
//! Booleans of `@skip` and `@include` known, so a plan has no conditions left in it.

mod aggregate;
mod collect;
mod connection;
mod level;
mod mutation;
mod own;
mod pieces;
mod root;

use apollo_compiler::ast::Value;
use apollo_compiler::executable::{Field, Operation, SelectionSet};
use apollo_compiler::{Name, Node};

use super::own::{OwnLevel, OwnPlan};
use super::{
    Count, Document, Expression, FieldPath, Form, Level, LevelId, Limits, Output, Page, Part, Plan,
    SelectedField, Selection, Source, Window,
};
use crate::error::Error;
use crate::graph::rules::{Shape, Visibility};
use crate::graph::{Cardinality, Catalog, ColumnIx, EntityId, FieldSource, Link, RelationId};

pub use mutation::{Acting, Action, mutation};

/// Plans one operation, or a part of it, for all to whom the same rules apply. A plan that could never be bound is refused before it grows.
pub fn build(
    catalog: &Catalog,
    document: &Document,
    operation: &Operation,
    conditions: &[(Name, bool)],
    shape: Shape,
    part: Part,
    limits: &Limits,
) -> Result<Plan, Error> {
    let mut builder = Builder::new(catalog, document, conditions, shape, limits);
    builder.apart = part == Part::Apart;
    let mut root = match part {
        Part::Query | Part::Apart => builder.root(&operation.selection_set),
        Part::Payload(at) => builder.payload(&operation.selection_set, at),
    };
    if let Some(refused) = builder.refused {
        return Err(refused);
    }
    pieces::join(&mut root, &mut builder.levels);
    let own = builder.own_plan();
    let mut plan = Plan {
        shape,
        stages: stages(&builder.levels),
        own,
        levels: builder.levels,
        paths: builder.paths,
        root,
        introspects: builder.introspects,
        weight: 0,
    };
    plan.weight = plan.weigh(document);
    Ok(plan)
}

fn stages(levels: &[Level]) -> Vec<Vec<LevelId>> {
    let mut stages: Vec<Vec<LevelId>> = Vec::new();
    let mut stage_of = Vec::with_capacity(levels.len());
    // What waits for fields of one's own is not among them.
    let mut later_of: Vec<bool> = Vec::with_capacity(levels.len());
    for (i, level) in levels.iter().enumerate() {
        let stage = match level.source {
            Source::Relation { parent, .. } => stage_of[parent] + 1,
            Source::List | Source::Keys { .. } => 0,
        };
        let later = match (level.own, &level.source) {
            (Some(OwnLevel::Given { .. }), _) => true,
            (_, Source::Relation { parent, .. }) => later_of[*parent],
            _ => false,
        };
        later_of.push(later);
        stage_of.push(stage);
        if level.runs && !later {
            stages.resize_with(stages.len().max(stage + 1), Vec::new);
            stages[stage].push(i);
        }
    }
    stages
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
    shape: Shape,
    limits: &'a Limits,
    levels: Vec<Level>,
    paths: Vec<FieldPath>,
    own: OwnPlan,
    introspects: bool,
    /// Whether each field has levels of its own.
    apart: bool,
    /// Set once a limit is passed; nothing more is planned then.
    refused: Option<Error>,
}

impl<'a> Builder<'a> {
    fn new(
        catalog: &'a Catalog,
        document: &'a Document,
        conditions: &'a [(Name, bool)],
        shape: Shape,
        limits: &'a Limits,
    ) -> Self {
        Builder {
            catalog,
            document,
            conditions,
            shape,
            limits,
            levels: Vec::new(),
            paths: Vec::new(),
            own: OwnPlan::default(),
            introspects: false,
            apart: false,
            refused: None,
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
            FieldSource::Own(own) => return self.own(level, path, own, key, fields),
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
        if let [column] = entity.primary_key[..] {
            let cell = self.cell(level, Expression::Column(column), Form::Id(entity_id));
            return Output::Cell {
                cell,
                nullable: false,
                piece: 0,
            };
        }
        let cells = entity
            .primary_key
            .iter()
            .map(|&column| self.cell(level, Expression::Column(column), Form::IdPart))
            .collect();
        let prefix = format!("\"{}:", entity.type_name).into_bytes().into();
        Output::CompositeId { prefix, cells }
    }

    fn column(&mut self, level: LevelId, ix: ColumnIx) -> Output {
        self.column_of(level, self.levels[level].entity, ix, Expression::Column(ix))
    }

    fn column_of(
        &mut self,
        level: LevelId,
        entity: EntityId,
        ix: ColumnIx,
        value: Expression,
    ) -> Output {
        if *self.catalog.rules(self.shape).column(entity, ix) == Visibility::Nothing {
            return Output::Null;
        }
        let column = &self.catalog.entities[entity].columns[ix];
        let form = column.refers_to.map_or(Form::Value, Form::Id);
        let cell = self.cell(level, value, form);
        Output::Cell {
            cell,
            nullable: column.can_be_null(),
            piece: 0,
        }
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
        if !back || self.apart {
            return None;
        }
        self.levels[parent].shared = true;
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
