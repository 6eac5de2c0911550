//! How a graph is told of fields of one's own.

use std::any::type_name;
use std::collections::HashMap;
use std::hash::Hash;

use sea_orm::EntityTrait;
use sea_orm::sea_query::Expr;

use super::context::Context;
use super::needs::Needs;
use super::output::{Output, Shape};
use super::row::Row;
use super::run::{self, Run};
use super::{Argument, FieldError, OwnKind, Walk};
use crate::graph::Graph;
use crate::graph::reflect::TableKey;

/// A field as it is declared, before its names are looked for.
pub struct Declared {
    pub(in crate::graph) on: On,
    pub(in crate::graph) name: String,
    pub(in crate::graph) kind: OwnKind,
    pub(in crate::graph) columns: Vec<String>,
    pub(in crate::graph) walks: Vec<Walk>,
    pub(in crate::graph) arguments: Vec<Argument>,
    pub(in crate::graph) description: Option<String>,
    pub(in crate::graph) at_most: Option<u32>,
    pub(in crate::graph) statements: u32,
    pub(in crate::graph) sql: Option<Expr>,
    pub(in crate::graph) gives: Shape,
    pub(in crate::graph) run: Run,
}

/// The type that a field is of.
#[derive(Debug, Clone)]
pub(in crate::graph) enum On {
    Rows { table: TableKey, module: String },
    Query,
    Mutation,
}

impl Graph {
    /// A field of an entity's type that is computed from columns of its row.
    ///
    /// ```
    /// use backref::Graph;
    /// use backref::graph::own::Needs;
    /// use entity::post;
    ///
    /// let graph = Graph::new().entity(post::Entity).entity(entity::user::Entity).field(
    ///     post::Entity,
    ///     "readingTime",
    ///     Needs::columns([post::Column::Body]).describe("Minutes that it takes to read."),
    ///     |post, _| {
    ///         let body: String = post.get(post::Column::Body)?;
    ///         Ok(body.split_whitespace().count() as i32 / 200 + 1)
    ///     },
    /// );
    /// ```
    pub fn field<E, T, F>(self, entity: E, name: &str, needs: Needs<E>, compute: F) -> Self
    where
        E: EntityTrait,
        T: Output,
        F: Fn(&Row<E>, &Context) -> Result<T, FieldError> + Send + Sync + 'static,
    {
        let run = run::computed(compute);
        self.own(entity, name, OwnKind::Computed, needs, T::shape(), run)
    }

    /// A field whose code is written for one row and awaits related rows. It is called for all rows of a level at once,
    /// and each relation that it declares is one statement for all of them.
    ///
    /// ```
    /// use backref::Graph;
    /// use backref::graph::own::{Needs, Row};
    /// use entity::{post, user};
    ///
    /// let graph = Graph::new().entity(post::Entity).entity(user::Entity).lazy_field(
    ///     user::Entity,
    ///     "drafts",
    ///     Needs::nothing().related(user::Relation::Posts, Needs::columns([post::Column::Status])),
    ///     async |user, cx| {
    ///         let posts: Vec<Row<post::Entity>> = cx.related(&user, user::Relation::Posts).await?;
    ///         let mut drafts = 0;
    ///         for post in posts {
    ///             let status: post::Status = post.get(post::Column::Status)?;
    ///             drafts += i32::from(status == post::Status::Draft);
    ///         }
    ///         Ok(drafts)
    ///     },
    /// );
    /// ```
    pub fn lazy_field<E, T, F, A>(self, entity: E, name: &str, needs: Needs<E>, field: F) -> Self
    where
        E: EntityTrait,
        T: Output,
        F: Fn(Row<E>, Context) -> A + Send + Sync + 'static,
        A: Future<Output = Result<T, FieldError>> + Send + 'static,
    {
        let run = run::lazy(field);
        self.own(entity, name, OwnKind::Lazy, needs, T::shape(), run)
    }

    /// A field whose code is called once for all rows of a level, with their distinct keys. What it has no value for is
    /// null.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use backref::Graph;
    /// use backref::graph::own::Needs;
    /// use entity::{post, user};
    ///
    /// let graph = Graph::new().entity(post::Entity).entity(user::Entity).batch_field(
    ///     post::Entity,
    ///     "cover",
    ///     Needs::columns([post::Column::Slug]),
    ///     |post| post.get(post::Column::Slug),
    ///     async |slugs: Vec<String>, _| {
    ///         let url = |slug: &String| format!("https://pictures.example/{slug}.jpg");
    ///         let covers: HashMap<String, String> = slugs.iter().map(|slug| (slug.clone(), url(slug))).collect();
    ///         Ok(covers)
    ///     },
    /// );
    /// ```
    pub fn batch_field<E, K, T, G, F, A>(
        self,
        entity: E,
        name: &str,
        needs: Needs<E>,
        key: G,
        field: F,
    ) -> Self
    where
        E: EntityTrait,
        K: Clone + Eq + Hash + Send + Sync + 'static,
        T: Output + Clone,
        G: Fn(&Row<E>) -> Result<K, FieldError> + Send + Sync + 'static,
        F: Fn(Vec<K>, Context) -> A + Send + Sync + 'static,
        A: Future<Output = Result<HashMap<K, T>, FieldError>> + Send + 'static,
    {
        let gives = Option::<T>::shape();
        let run = run::batch(key, field);
        self.own(entity, name, OwnKind::Batch, needs, gives, run)
    }

    /// A field of `Query`, whose code is called once. What it gives as keys are rows, below which selections go on.
    ///
    /// ```
    /// use backref::Graph;
    /// use backref::graph::own::{Key, Needs};
    /// use entity::{post, user};
    ///
    /// let graph = Graph::new().entity(post::Entity).entity(user::Entity).query_field(
    ///     "trending",
    ///     Needs::root().argument::<Option<i32>>("hours", "Of how many hours; 24 unless it is said.").at_most(10),
    ///     async |cx| {
    ///         let hours = cx.argument::<Option<i32>>("hours")?.unwrap_or(24);
    ///         let ids = if hours > 1 { vec![3, 1, 2] } else { Vec::new() };
    ///         Ok(ids.into_iter().map(Key::<post::Entity>::new).collect::<Vec<_>>())
    ///     },
    /// );
    /// ```
    pub fn query_field<T, F, A>(mut self, name: &str, needs: Needs<()>, field: F) -> Self
    where
        T: Output,
        F: Fn(Context) -> A + Send + Sync + 'static,
        A: Future<Output = Result<T, FieldError>> + Send + 'static,
    {
        let run = run::root(field);
        let declared = Declared::new(On::Query, name, OwnKind::Root, needs, T::shape(), run);
        self.owns.push(declared);
        self
    }

    /// A field of `Mutation`, whose code is called once, in the request's transaction and in the order of its fields.
    /// What it writes goes the way of Backref's own mutations. Where something is refused, or the code fails, nothing
    /// is done. The code may be called again where others were in its way: what it does elsewhere it should be able to
    /// do twice.
    ///
    /// ```
    /// use backref::Graph;
    /// use backref::graph::own::{Key, Needs};
    /// use entity::{post, user};
    /// use serde_json::json;
    ///
    /// let graph = Graph::new().entity(post::Entity).entity(user::Entity).mutation_field(
    ///     "publishPost",
    ///     Needs::root().argument::<i64>("id", "Which."),
    ///     async |cx| {
    ///         let post = Key::<post::Entity>::new(cx.argument("id")?);
    ///         cx.update(&post, json!({ "status": "PUBLISHED" })).await
    ///     },
    /// );
    /// ```
    pub fn mutation_field<T, F, A>(mut self, name: &str, needs: Needs<()>, field: F) -> Self
    where
        T: Output,
        F: Fn(Context) -> A + Send + Sync + 'static,
        A: Future<Output = Result<T, FieldError>> + Send + 'static,
    {
        let (on, kind, run) = (On::Mutation, OwnKind::Mutation, run::root(field));
        let declared = Declared::new(on, name, kind, needs, T::shape(), run);
        self.owns.push(declared);
        self
    }

    fn own<E: EntityTrait>(
        mut self,
        entity: E,
        name: &str,
        kind: OwnKind,
        needs: Needs<E>,
        gives: Shape,
        run: Run,
    ) -> Self {
        let module = type_name::<E>().trim_end_matches("::Entity").to_owned();
        let table = TableKey::of(&entity.table_ref());
        let on = On::Rows { table, module };
        self.owns
            .push(Declared::new(on, name, kind, needs, gives, run));
        self
    }
}

impl Declared {
    fn new<E>(on: On, name: &str, kind: OwnKind, needs: Needs<E>, gives: Shape, run: Run) -> Self {
        Declared {
            on,
            name: name.to_owned(),
            kind,
            columns: needs.columns,
            walks: needs.walks,
            arguments: needs.arguments,
            description: needs.description,
            at_most: needs.at_most,
            statements: needs.statements,
            sql: needs.sql,
            gives,
            run,
        }
    }
}
