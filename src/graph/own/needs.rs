//! What a field of one's own needs: columns, relations, arguments. Nothing else is read for it.

use std::any::type_name;
use std::marker::PhantomData;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, RelationTrait};

use super::input::{Argument, Input};
use crate::graph::definition::short;
use crate::graph::reflect::TableKey;

/// What a field needs of the rows of an entity, what it takes, and what it says of itself.
///
/// ```
/// use backref::graph::own::{Needs, Way};
/// use entity::{post, user};
///
/// let needs = Needs::columns([user::Column::CreatedAt])
///     .related(user::Relation::Posts, Needs::columns([post::Column::Status]))
///     .count(Way::called("followers"))
///     .argument::<Option<i32>>("perPost", "What a post is worth; 10 unless it is said.")
///     .describe("What somebody is held to be worth.");
/// ```
pub struct Needs<E> {
    pub(in crate::graph) columns: Vec<String>,
    pub(in crate::graph) walks: Vec<Walk>,
    pub(in crate::graph) arguments: Vec<Argument>,
    pub(in crate::graph) description: Option<String>,
    pub(in crate::graph) at_most: Option<u32>,
    pub(in crate::graph) statements: u32,
    pub(in crate::graph) sql: Option<Expr>,
    of: PhantomData<fn(E)>,
}

/// A relation that a field may walk.
#[derive(Debug, Clone)]
pub struct Walk {
    pub(in crate::graph) way: Way,
    /// The entity whose rows it leads to; `None` where they are only counted.
    pub(in crate::graph) to: Option<TableKey>,
    pub(in crate::graph) columns: Vec<String>,
    pub(in crate::graph) walks: Vec<Walk>,
    pub(in crate::graph) at_most: Option<u32>,
}

/// Which relation is walked: a variant of a `Relation` enum, from either of its sides, or the name of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// `post::Relation::Author`
    Declared(String),
    /// `followers`
    Called(String),
}

impl Way {
    /// By the name of its field: `Way::called("followers")`. So are those named that no enum has a variant for, as
    /// lists through a junction.
    pub fn called(name: &str) -> Self {
        Way::Called(name.to_owned())
    }

    /// As somebody wrote it.
    pub(in crate::graph) fn shown(&self) -> &str {
        match self {
            Way::Declared(name) | Way::Called(name) => name,
        }
    }
}

impl<R: RelationTrait> From<R> for Way {
    fn from(relation: R) -> Self {
        let path = type_name::<R>();
        Way::Declared(format!("{}::{}", short(path), relation.name()))
    }
}

impl<E: EntityTrait> Needs<E> {
    /// Nothing but the row's key.
    pub fn nothing() -> Self {
        Self::empty()
    }

    /// These columns of each row. Where a rule may hide one, the field is null for those to whom it is null.
    pub fn columns<C: ColumnTrait<EntityName = E>>(columns: impl IntoIterator<Item = C>) -> Self {
        let columns = columns.into_iter().map(|c| c.as_str().to_owned());
        Needs {
            columns: columns.collect(),
            ..Self::empty()
        }
    }

    /// The rows that a relation leads to, with what is needed of each: by one statement for all rows of the level.
    /// Without [`at_most`](Needs::at_most) they are all read, and are an error where they are more than the largest
    /// page; with it they are a page.
    pub fn related<T: EntityTrait>(mut self, way: impl Into<Way>, needs: Needs<T>) -> Self {
        self.walks.push(Walk {
            way: way.into(),
            to: Some(TableKey::of(&T::default().table_ref())),
            columns: needs.columns,
            walks: needs.walks,
            at_most: needs.at_most,
        });
        self
    }

    /// How many rows a relation leads to.
    pub fn count(mut self, way: impl Into<Way>) -> Self {
        self.walks.push(Walk {
            way: way.into(),
            to: None,
            columns: Vec::new(),
            walks: Vec::new(),
            at_most: None,
        });
        self
    }
}

impl<E: EntityTrait> Needs<E> {
    /// The same value in SQL, of the columns that are needed. With it the field is in `where` and `orderBy`, by the
    /// operators of its type; without it it is not. It must be what the code gives, on every database that the graph is
    /// for, and nothing that a database can fail at. Of a field with arguments it is the value without them.
    ///
    /// ```
    /// use backref::graph::own::Needs;
    /// use entity::post;
    /// use sea_orm::sea_query::{Expr, Func};
    ///
    /// let needs = Needs::columns([post::Column::Title])
    ///     .sql(Func::char_length(Expr::col(post::Column::Title)));
    /// ```
    pub fn sql(mut self, expression: impl Into<Expr>) -> Self {
        self.sql = Some(expression.into());
        self
    }
}

impl Needs<()> {
    /// For a field of a root, which is about no row.
    pub fn root() -> Self {
        Self::empty()
    }

    /// Of a mutation by how many statements it may write; 20 unless it is said. So many count before it begins, and
    /// with one more everything is taken back.
    pub fn statements(mut self, most: u32) -> Self {
        self.statements = most;
        self
    }
}

/// By how many statements a mutation may write where it does not say.
const STATEMENTS: u32 = 20;

impl<E> Needs<E> {
    fn empty() -> Self {
        Needs {
            columns: Vec::new(),
            walks: Vec::new(),
            arguments: Vec::new(),
            description: None,
            at_most: None,
            statements: STATEMENTS,
            sql: None,
            of: PhantomData,
        }
    }

    /// Of related rows, how many at most for each; of rows that the field gives, how many at most it gives for each.
    pub fn at_most(mut self, rows: u32) -> Self {
        self.at_most = Some(rows);
        self
    }

    /// An argument, with what it says in the schema.
    pub fn argument<T: Input>(mut self, name: &str, description: &str) -> Self {
        self.arguments.push(Argument::of::<T>(name, description));
        self
    }

    /// Says what the field is, for the schema.
    pub fn describe(mut self, text: &str) -> Self {
        self.description = Some(text.to_owned());
        self
    }
}
