//! What is known of a graph: its tables, columns, keys and relations.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{Condition, DynIden, ForeignKeyAction};

use super::accounts::AccountColumns;
use super::policy::Policy;
use super::writing::{Agreement, Linking, Pair, Writes, Writing, Written};
use super::{names, own, rules};

/// Index of an entity in [`Catalog::entities`].
pub type EntityId = usize;
/// Index of a relation in [`Catalog::relations`].
pub type RelationId = usize;
/// Index of a column among those of its entity.
pub type ColumnIx = usize;

/// All that is known of the registered entities, immutable after start.
///
/// What a graph is made into once it is checked.
#[derive(Debug)]
pub struct Catalog {
    /// In registration order; an [`EntityId`] is a place in it.
    pub entities: Vec<Entity>,
    /// Each direction of a relation by itself; a [`RelationId`] is a place in it.
    pub relations: Vec<Relation>,
    /// Whose rows may sign in.
    pub(crate) accounts: Option<AccountColumns>,
    /// The mutations by which whoever asks relates himself with others.
    pub pairs: Vec<Pair>,
    /// Which keys of rows agree with those of the rows that they refer to; an
    /// [`AgreementId`](super::writing::AgreementId) is a place in it.
    pub agreements: Vec<Agreement>,
    /// Fields of one's own.
    pub(crate) owns: own::Owns,
    pub(super) by_type: HashMap<String, EntityId>,
    pub(super) classes: rules::Classes,
}

impl Catalog {
    /// The entity behind a GraphQL object type, `None` for a junction or an unknown name.
    pub fn entity_of_type(&self, type_name: &str) -> Option<EntityId> {
        self.by_type.get(type_name).copied()
    }

    /// The entity whose rows the code of a field means.
    pub fn entity_of_row(&self, row: &own::RowOf) -> Option<EntityId> {
        let mut exposed = self.exposed();
        exposed.find_map(|(id, of)| {
            (of.table == row.0.table && of.schema == row.0.schema).then_some(id)
        })
    }

    /// By which relation a column of a new row may be taken from another, with which it is to agree: one that is never null, and
    /// that nobody else makes.
    pub fn taken_over(&self, entity: EntityId, column: ColumnIx) -> Option<&Relation> {
        let of = &self.entities[entity].columns[column];
        let agreements = self.agreements.iter().filter(|of| of.own.contains(&column));
        let mut over = agreements.map(|agreement| &self.relations[agreement.over]);
        let over = over.find(|over| over.from == entity);
        over.filter(|_| !of.nullable && !of.written.has_default)
    }

    /// The columns that a junction has beyond its two keys: fields of the edges of this relation's connection.
    pub fn edge_columns(&self, relation: &Relation) -> impl Iterator<Item = (ColumnIx, &Column)> {
        let junction = relation
            .edge_junction()
            .map(|junction| &self.entities[junction]);
        junction.into_iter().flat_map(Entity::edge_columns)
    }

    /// The order of a relation's rows where the client gives none, in columns of the target: through a
    /// junction that of its key, so that its index serves the page.
    pub fn order_of(&self, relation: &Relation) -> Vec<(ColumnIx, Direction)> {
        let target = &self.entities[relation.to];
        match &relation.link {
            Link::Through { columns, .. } if relation.condition.is_none() => {
                let direction = match target.newest_first() {
                    true => Direction::Desc,
                    false => Direction::Asc,
                };
                columns.iter().map(|&c| (c, direction)).collect()
            }
            _ => target.default_order.clone(),
        }
    }

    /// Whether a relation to one row may find several, of which it shows the first: nothing that is known here makes the
    /// columns unique by which they are found.
    pub fn can_find_several(&self, relation: &Relation) -> bool {
        let (Link::Direct { columns } | Link::Through { columns, .. }) = &relation.link;
        let is_one = matches!(relation.cardinality, Cardinality::One { .. });
        is_one && !self.entities[relation.to].is_unique(columns)
    }

    /// What a field of `Mutation` writes.
    pub fn written_by(&self, name: &str) -> Option<Writes> {
        let rows = self.exposed().find_map(|(id, entity)| {
            let mut own = entity.mutations().into_iter();
            let (_, mutation) = own.find(|(called, _)| called == name)?;
            Some(Writes::Rows(id, mutation))
        });
        rows.or_else(|| {
            self.pairs.iter().find_map(|pair| {
                let joins = pair.connect == name;
                (joins || pair.disconnect == name).then_some(Writes::Link {
                    relation: pair.relation,
                    joins,
                })
            })
        })
    }

    /// The relations that are fields. Those of a junction's rows are for rules alone.
    pub fn walked(&self) -> impl Iterator<Item = &Relation> {
        let relations = self.relations.iter();
        relations.filter(|r| self.entities[r.from].exposed)
    }

    /// The entities that are types of their own, in registration order. Junctions are not.
    pub fn exposed(&self) -> impl Iterator<Item = (EntityId, &Entity)> {
        self.entities.iter().enumerate().filter(|(_, e)| e.exposed)
    }
}

/// One registered entity: a table and the GraphQL type it appears as.
#[derive(Debug)]
pub struct Entity {
    /// The Rust module of the entity, for messages: `entity::post`.
    pub module: String,
    pub schema: Option<String>,
    pub table: String,
    /// `Post`
    pub type_name: String,
    /// `post`, the root field that reads one.
    pub single: String,
    /// `posts`, the root field that reads a page.
    pub plural: String,
    pub columns: Vec<Column>,
    /// What else its rows are searched and sorted by. A [`ColumnIx`] behind those of `columns` is a place here.
    pub(crate) expressions: Vec<own::Expression>,
    pub primary_key: Vec<ColumnIx>,
    /// The constraints that the database is to hold, as the relations declare them.
    pub foreign_keys: Vec<ForeignKey>,
    /// Newest first where there is a `createdAt`, else the primary key ascending; the primary key
    /// always breaks ties.
    pub default_order: Vec<(ColumnIx, Direction)>,
    /// The fields of the type, in the order of the SDL.
    pub fields: Vec<Field>,
    /// What its rows can be grouped by, as the values of an enum: `AUTHOR_ID`.
    pub groupings: Vec<(String, ColumnIx)>,
    /// The columns that its full-text index holds, the weightiest first; empty where it has none.
    pub searched: Vec<ColumnIx>,
    /// False for a junction: its rows appear only as links between two other types.
    pub exposed: bool,
    pub(crate) policy: Policy,
    /// How its rows are written.
    pub writing: Writing,
    /// What somebody wrote of it.
    pub description: Option<String>,
}

impl Entity {
    /// A column, or an expression as if it were one.
    pub fn column(&self, ix: ColumnIx) -> &Column {
        self.expression(ix)
            .map_or_else(|| &self.columns[ix], |expression| &expression.column)
    }

    /// The expression that stands behind the columns, if it is one.
    pub(crate) fn expression(&self, ix: ColumnIx) -> Option<&own::Expression> {
        self.expressions.get(ix.checked_sub(self.columns.len())?)
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// What one of its rows is called in a sentence: `order detail`.
    pub fn one(&self) -> String {
        names::words(&self.single)
    }

    /// What its rows are called in a sentence: `order details`.
    pub fn many(&self) -> String {
        names::words(&self.plural)
    }

    /// The columns that are fields of the type.
    pub fn field_columns(&self) -> impl Iterator<Item = (ColumnIx, &Column)> {
        self.fields.iter().filter_map(|f| match f.source {
            FieldSource::Column(c) => Some((c, &self.columns[c])),
            _ => None,
        })
    }

    /// The columns that it has beyond its key, where it is a junction: fields of edges.
    pub fn edge_columns(&self) -> impl Iterator<Item = (ColumnIx, &Column)> {
        let columns = self.columns.iter().enumerate();
        columns.filter(|(ix, c)| !self.primary_key.contains(ix) && !c.hidden)
    }

    /// The names of the columns in [`Entity::searched`].
    pub fn searched_names(&self) -> impl Iterator<Item = &str> {
        self.searched.iter().map(|&c| self.columns[c].name.as_str())
    }

    /// The table of its full-text index: `post_search`.
    pub fn search_table(&self) -> String {
        format!("{}_search", self.table)
    }

    pub fn newest_first(&self) -> bool {
        self.default_order[0].1 == Direction::Desc
    }

    /// Whether the database holds that these columns, where none is null, are a row's of another.
    pub fn refers(&self, columns: &[ColumnIx], to: EntityId, to_columns: &[ColumnIx]) -> bool {
        let mut keys = self.foreign_keys.iter();
        keys.any(|key| key.held && key.joins(columns, to, to_columns))
    }

    /// Whether these columns, as a set, can match at most one row.
    pub fn is_unique(&self, columns: &[ColumnIx]) -> bool {
        let key = &self.primary_key;
        (key.len() == columns.len() && key.iter().all(|c| columns.contains(c)))
            || columns.iter().any(|&c| self.columns[c].unique)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Asc,
    Desc,
}

/// Without a word on it null is the largest value, as in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    First,
    Last,
}

#[derive(Debug)]
pub struct Column {
    /// The column's name in the database.
    pub name: String,
    /// The field's name, `createdAt`.
    pub field: String,
    pub kind: Kind,
    pub nullable: bool,
    pub unique: bool,
    /// Not in the schema at all.
    pub hidden: bool,
    /// The entity this column alone refers to by its whole primary key.
    pub refers_to: Option<EntityId>,
    /// A rule may hide its values from somebody: they are null then.
    pub has_rule: bool,
    pub written: Written,
    /// What somebody wrote of it.
    pub description: Option<String>,
}

impl Column {
    /// Whether somebody may find null in it.
    pub fn can_be_null(&self) -> bool {
        self.nullable || self.has_rule
    }

    /// Whether its values have a least and a greatest one to ask for.
    pub fn has_extremes(&self) -> bool {
        let ordered = matches!(
            self.kind,
            Kind::Text | Kind::DateTime { .. } | Kind::Date | Kind::Time
        );
        self.is_number() || (ordered && self.refers_to.is_none())
    }

    /// Whether its values can be added up.
    pub fn is_number(&self) -> bool {
        let number = matches!(
            self.kind,
            Kind::Int | Kind::BigInt | Kind::Float { .. } | Kind::Decimal { .. }
        );
        number && self.refers_to.is_none()
    }

    /// Whether rows can be sorted by it.
    pub fn can_order(&self) -> bool {
        !matches!(self.kind, Kind::Json | Kind::Array(_))
    }

    /// Whether rows can be grouped by it.
    pub fn can_group(&self) -> bool {
        self.can_order()
    }
}

/// What a column holds, as far as reading, writing JSON and binding keys are concerned.
#[derive(Debug, Clone)]
pub enum Kind {
    /// At most 32 bits signed: a GraphQL `Int`.
    Int,
    /// Wider: `BigInt`, a string in JSON.
    BigInt,
    Float {
        /// Of 32 bits, on PostgreSQL.
        single: bool,
    },
    Decimal {
        scale: Option<u32>,
        /// PostgreSQL's `money`, which is compared as the number that it is.
        money: bool,
    },
    Boolean,
    Text,
    Enum(Arc<EnumType>),
    /// Without a zone it is taken as UTC.
    DateTime {
        zoned: bool,
    },
    Date,
    Time,
    Json,
    Uuid,
    Bytes,
    /// PostgreSQL's array: a list of values, any of which may be null.
    Array(Arc<Kind>),
    /// A type that has no scalar of its own (`inet`, `interval`, …): read as the database's text for it.
    Other,
}

impl Kind {
    /// What the elements of an array are.
    pub fn element(&self) -> Option<&Kind> {
        match self {
            Kind::Array(of) => Some(of),
            _ => None,
        }
    }

    /// What one value is, of a list or alone.
    pub fn single(&self) -> &Kind {
        self.element().unwrap_or(self)
    }

    pub fn is_integer(&self) -> bool {
        matches!(self, Kind::Int | Kind::BigInt)
    }
}

/// A database enum. `values[i]` in the database is `names[i]` in GraphQL.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
    pub type_name: String,
    /// The enum's name in the database.
    pub name: String,
    pub values: Vec<String>,
    pub names: Vec<String>,
}

/// A foreign key of an entity's table. A relation with `on_condition` or `skip_fk` declares none.
#[derive(Debug)]
pub struct ForeignKey {
    pub columns: Vec<ColumnIx>,
    pub to: EntityId,
    /// The columns of `to`, in the order of `columns`.
    pub to_columns: Vec<ColumnIx>,
    pub on_delete: Option<ForeignKeyAction>,
    pub on_update: Option<ForeignKeyAction>,
    /// Where it was declared, for messages: `post::Relation::Author`.
    pub declared: String,
    /// Whether the database holds to it, as is thought until it was asked.
    pub held: bool,
}

impl ForeignKey {
    pub fn joins(&self, columns: &[ColumnIx], to: EntityId, to_columns: &[ColumnIx]) -> bool {
        self.to == to && self.columns == columns && self.to_columns == to_columns
    }
}

#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub source: FieldSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSource {
    /// The global id, made of the primary key.
    Id,
    Column(ColumnIx),
    Relation(RelationId),
    /// The rows of a to-many relation as a connection, with cursors.
    Connection(RelationId),
    /// What the rows of a to-many relation come to: their number, sums, groups.
    Aggregate(RelationId),
    /// One of one's own.
    Own(own::OwnId),
}

/// One direction of a relation: from the rows of one entity to rows of another (or the same).
#[derive(Debug)]
pub struct Relation {
    pub name: String,
    pub from: EntityId,
    pub to: EntityId,
    pub cardinality: Cardinality,
    /// The columns of `from` whose values are the key of a batch.
    pub from_columns: Vec<ColumnIx>,
    pub link: Link,
    pub condition: Option<JoinCondition>,
    /// Where it was declared, for messages: `post::Relation::Author`.
    pub declared: String,
    /// The same columns walked the other way, if that is a relation too.
    pub inverse: Option<RelationId>,
    /// True on the side that holds the foreign key.
    pub holds_key: bool,
    /// What can be said of it in inputs.
    pub linking: Linking,
    /// What somebody wrote of it.
    pub description: Option<String>,
}

impl Relation {
    /// The junction whose rows are the edges of its connection.
    pub fn edge_junction(&self) -> Option<EntityId> {
        match self.link {
            Link::Through { junction, .. } if self.condition.is_none() => Some(junction),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    One { nullable: bool },
    Many,
}

/// How the key columns reach the target.
#[derive(Debug)]
pub enum Link {
    /// `target.columns = key`
    Direct { columns: Vec<ColumnIx> },
    /// `junction.near = key and target.columns = junction.far`
    Through {
        junction: EntityId,
        near: Vec<ColumnIx>,
        far: Vec<ColumnIx>,
        columns: Vec<ColumnIx>,
    },
}

/// SeaORM's `on_condition`. It is called with the aliases of the declaring and of the other table.
#[derive(Clone)]
pub struct JoinCondition {
    pub condition: Arc<dyn Fn(DynIden, DynIden) -> Condition + Send + Sync>,
    /// True when the relation is walked against its declaration.
    pub reversed: bool,
}

impl std::fmt::Debug for JoinCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinCondition")
    }
}

impl JoinCondition {
    /// The condition for a walk from the table called `source` to the one called `target`.
    pub fn between(&self, source: DynIden, target: DynIden) -> Condition {
        if self.reversed {
            (self.condition)(target, source)
        } else {
            (self.condition)(source, target)
        }
    }
}
