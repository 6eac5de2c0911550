//! The graph's definition: which entities it has, and what their `Relation` enums leave unsaid.

pub(super) mod writing;

use std::any::type_name;
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use sea_orm::{ColumnTrait, EntityName, EntityTrait, IdenStatic, RelationTrait};

use super::accounts::Accounts;
use super::reflect::{self, RawEntity, TableKey};
use super::{Catalog, relate};
use crate::graph::policy::{Declared, Me, Policy, Row, Rule};

/// Declares a graph; [`Graph::check`] checks it as a whole.
///
/// ```
/// # use backref::Graph;
/// let checked = Graph::new()
///     .entity(entity::user::Entity)
///     .entity(entity::post::Entity)
///     .entity(entity::profile::Entity)
///     .entity(entity::comment::Entity)
///     .backref(entity::comment::Relation::Parent, "replies")
///     .check();
/// assert!(checked.is_ok());
/// ```
#[derive(Default)]
pub struct Graph {
    pub(super) entities: Vec<RawEntity>,
    pub(super) backrefs: HashMap<RelationKey, String>,
    pub(super) through: HashMap<RelationKey, String>,
    pub(super) relation_names: HashMap<RelationKey, String>,
    pub(super) column_names: HashMap<ColumnKey, String>,
    pub(super) enum_names: HashMap<ColumnKey, String>,
    /// By a column and a value of the database's.
    pub(super) value_names: Vec<(ColumnKey, String, String)>,
    pub(super) type_names: HashMap<TableKey, String>,
    pub(super) hidden: Vec<ColumnKey>,
    pub(super) exposed: Vec<TableKey>,
    pub(super) policies: HashMap<TableKey, Policy>,
    pub(super) policies_of_all: Vec<Declared>,
    pub(super) visible_through: HashMap<TableKey, RelationKey>,
    pub(super) column_policies: HashMap<ColumnKey, Declared>,
    pub(super) accounts: Option<Accounts<ColumnKey>>,
    pub(super) searches: HashMap<TableKey, Vec<String>>,
    pub(super) descriptions: HashMap<TableKey, String>,
    pub(super) column_descriptions: HashMap<ColumnKey, String>,
    pub(super) relation_descriptions: HashMap<RelationKey, String>,
    pub(super) writing: writing::Declarations,
    pub(super) owns: Vec<super::own::Declared>,
}

/// A relation by the table that declares it and its variant's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RelationKey {
    pub table: TableKey,
    pub variant: String,
    /// `comment::Relation::Parent`, for messages; not part of the identity in practice.
    pub path: String,
}

/// A column by its table's and its own name in the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ColumnKey {
    pub table: TableKey,
    pub column: String,
}

impl Display for ColumnKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table.table, self.column)
    }
}

impl Graph {
    /// No entity yet: [`Graph::entity`] puts them on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an entity on the graph. Its relations, and the inverses of the relations that lead to it,
    /// become fields.
    pub fn entity<E: EntityTrait>(mut self, entity: E) -> Self {
        self.entities.push(reflect::read(entity));
        self
    }

    /// Names the field that walks a foreign key backwards: `.backref(comment::Relation::Parent, "replies")`.
    pub fn backref<R: RelationTrait>(mut self, relation: R, name: &str) -> Self {
        self.backrefs
            .insert(relation_key(&relation), name.to_owned());
        self
    }

    /// Names the list reached through a junction: `.through(follow::Relation::Followee, "following")` is the
    /// list of followees of a follower.
    pub fn through<R: RelationTrait>(mut self, relation: R, name: &str) -> Self {
        self.through
            .insert(relation_key(&relation), name.to_owned());
        self
    }

    /// Names the field of a declared relation otherwise than its variant.
    pub fn rename<R: RelationTrait>(mut self, relation: R, name: &str) -> Self {
        self.relation_names
            .insert(relation_key(&relation), name.to_owned());
        self
    }

    /// Names the field of a column otherwise than the column.
    pub fn rename_column<C: ColumnTrait>(mut self, column: C, name: &str) -> Self {
        self.column_names
            .insert(column_key(&column), name.to_owned());
        self
    }

    /// Names the type of a column's enum otherwise than the database does: `.name_enum(post::Column::Status,
    /// "Stage")`. Other columns of that enum have the same type.
    pub fn name_enum<C: ColumnTrait>(mut self, column: C, name: &str) -> Self {
        self.enum_names.insert(column_key(&column), name.to_owned());
        self
    }

    /// Names a value of a column's enum otherwise than the database does: `.name_value(person::Column::Sex, "女",
    /// "FEMALE")`.
    pub fn name_value<C: ColumnTrait>(mut self, column: C, value: &str, name: &str) -> Self {
        self.value_names
            .push((column_key(&column), value.to_owned(), name.to_owned()));
        self
    }

    /// Names an entity's type otherwise than its table.
    pub fn type_name<E: EntityTrait>(mut self, entity: E, name: &str) -> Self {
        self.type_names
            .insert(TableKey::of(&entity.table_ref()), name.to_owned());
        self
    }

    /// Says what an entity is, in place of its `comment = "…"`: the description of its type.
    pub fn describe<E: EntityTrait>(mut self, entity: E, text: &str) -> Self {
        self.descriptions
            .insert(TableKey::of(&entity.table_ref()), text.to_owned());
        self
    }

    /// Says what a column holds, in place of its `comment = "…"`: the description of its field.
    pub fn describe_column<C: ColumnTrait>(mut self, column: C, text: &str) -> Self {
        self.column_descriptions
            .insert(column_key(&column), text.to_owned());
        self
    }

    /// Says what a declared relation is: the description of its field.
    pub fn describe_relation<R: RelationTrait>(mut self, relation: R, text: &str) -> Self {
        self.relation_descriptions
            .insert(relation_key(&relation), text.to_owned());
        self
    }

    /// Makes a junction a type of its own, beside the many-to-many fields it carries.
    pub fn expose<E: EntityTrait>(mut self, entity: E) -> Self {
        self.exposed.push(TableKey::of(&entity.table_ref()));
        self
    }

    /// Keeps a column out of the schema, for everyone.
    pub fn hide<C: ColumnTrait>(mut self, column: C) -> Self {
        self.hidden.push(column_key(&column));
        self
    }

    /// Which rows of an entity a principal sees. Every statement on the entity passes through it.
    pub fn policy<E: EntityTrait>(
        mut self,
        entity: E,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        let key = TableKey::of(&entity.table_ref());
        self.policies.entry(key).or_default().rule = Some(Arc::new(rule));
        self
    }

    /// A rule for the rows of every entity, junctions too, beside what is declared for each:
    /// `.policy_of_all(|me, _| me.claim("tenant").is_called("tenant_id"))`.
    pub fn policy_of_all(
        mut self,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.policies_of_all.push(Arc::new(rule));
        self
    }

    /// A row is visible only where the row this relation leads to is:
    /// `.visible_through(comment::Relation::Post)`. Comments reached through a visible post are not
    /// checked again.
    pub fn visible_through<R: RelationTrait>(mut self, relation: R) -> Self {
        let key = relation_key(&relation);
        self.visible_through.insert(key.table.clone(), key);
        self
    }

    /// Whose values of a column a principal sees; those of others are null to it.
    pub fn column_policy<C: ColumnTrait>(
        mut self,
        column: C,
        rule: impl Fn(Me<'_>, Row) -> Rule + Send + Sync + 'static,
    ) -> Self {
        self.column_policies
            .insert(column_key(&column), Arc::new(rule));
        self
    }

    /// Whose rows may sign in, by which columns: `viewer`, `signIn` and `signUp` are fields then.
    pub fn accounts<C: ColumnTrait>(mut self, accounts: Accounts<C>) -> Self {
        let keys = |columns: Vec<C>| columns.iter().map(column_key).collect();
        self.accounts = Some(Accounts {
            username: column_key(&accounts.username),
            password_hash: column_key(&accounts.password_hash),
            role: column_key(&accounts.role),
            email: column_key(&accounts.email),
            asked: keys(accounts.asked),
            made_at: keys(accounts.made_at),
        });
        self
    }

    /// Makes an entity's rows searchable by the words in these columns, the weightiest first. The database
    /// keeps the index, a table called as the entity's with `_search` behind it, which a migration creates
    /// with `backref_migration::create_search`.
    pub fn search<E: EntityTrait>(
        mut self,
        entity: E,
        columns: impl IntoIterator<Item = E::Column>,
    ) -> Self {
        let columns = columns.into_iter().map(|c| c.as_str().to_owned());
        self.searches
            .insert(TableKey::of(&entity.table_ref()), columns.collect());
        self
    }

    /// Checks the graph as a whole. A server does so by itself when it starts; a test can do it without one.
    ///
    /// # Errors
    /// Where something declared is not there, contradicts another or has a name that is taken. The error lists every
    /// mistake, each with its remedy.
    pub fn check(self) -> Result<(), GraphError> {
        relate::complete(self).map(drop)
    }

    #[cfg(not(feature = "internals"))]
    pub(crate) fn build(self) -> Result<Catalog, GraphError> {
        relate::complete(self)
    }

    /// What is checked, and what it comes to.
    #[cfg(feature = "internals")]
    pub fn build(self) -> Result<Catalog, GraphError> {
        relate::complete(self)
    }
}

/// Mistakes in a graph's definition, found at start.
#[derive(Debug, thiserror::Error)]
#[error("the graph has {} mistake(s):\n{}", mistakes.len(), mistakes.iter().map(|m| format!("  - {m}")).collect::<Vec<_>>().join("\n"))]
pub struct GraphError {
    /// One sentence each, with the remedy. All that were found, so that they can be mended at once.
    pub mistakes: Vec<String>,
}

fn relation_key<R: RelationTrait>(relation: &R) -> RelationKey {
    RelationKey {
        table: TableKey::of(&relation.def().from_tbl),
        variant: relation.name(),
        path: format!("{}::{}", short(type_name::<R>()), relation.name()),
    }
}

fn column_key<C: ColumnTrait>(column: &C) -> ColumnKey {
    ColumnKey {
        table: TableKey::of(&C::EntityName::default().table_ref()),
        column: column.as_str().to_owned(),
    }
}

/// `entity::post::Relation` → `post::Relation`.
pub(super) fn short(path: &str) -> &str {
    path.split_once("::").map_or(path, |(_, rest)| rest)
}
