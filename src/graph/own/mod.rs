//! Fields of one's own: values that no column holds, in typed Rust, declared beside the entities.
//!
//! | | its code is called | for |
//! |---|---|---|
//! | [`Graph::field`] | for each row | what follows from columns of the row |
//! | [`Graph::lazy_field`] | for each row, all of a level at once | what follows from related rows, which it awaits |
//! | [`Graph::batch_field`] | once for all rows of a level | any other source: a service, a file, a cache |
//! | [`Graph::query_field`] | once | a field of `Query` |
//! | [`Graph::mutation_field`] | once, in the request's transaction | a field of `Mutation` |
//!
//! What a field needs is declared ([`Needs`]), so it is read with the level, by the statements that are known before
//! anything runs, on the snapshot of the whole answer, and through the rules. When a field's code runs, its request
//! holds no connection.
//!
//! **Invariant:** nothing here names a database, a plan or a document.
//!
//! [`Graph::field`]: crate::Graph::field
//! [`Graph::lazy_field`]: crate::Graph::lazy_field
//! [`Graph::batch_field`]: crate::Graph::batch_field
//! [`Graph::query_field`]: crate::Graph::query_field
//! [`Graph::mutation_field`]: crate::Graph::mutation_field

mod context;
mod declare;
mod enumeration;
mod error;
mod expression;
mod input;
mod loader;
mod needs;
mod output;
mod row;
mod run;
mod writes;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::ColumnIx;

pub use context::Context;
pub(super) use declare::On;
pub use enumeration::{Enum, EnumOf};
pub use error::{FieldError, Why};
pub(super) use expression::{Fault, parts};
pub use input::Input;
pub use needs::{Needs, Way};
pub use output::{
    Key, Object, ObjectField, ObjectOf, ObjectShape, ObjectType, Of, Output, RowKey, RowOf, Shape,
    Value,
};
pub use row::Row;
pub use writes::Change;

pub(crate) use declare::Declared;
pub(crate) use expression::{Expression, Part};
pub(crate) use input::Argument;
pub(crate) use loader::{Family, Find, Relatives, relatives};
pub(crate) use needs::Walk;
pub(crate) use output::KeyOf;
pub(crate) use row::{ColumnOf, RowSet, RowsOf, WalkOf};
pub(crate) use run::{Call, Run, Values};
pub(crate) use writes::{Does, Write};

/// Index of a field in [`Owns::fields`].
pub(crate) type OwnId = usize;

/// All fields of one's own of a graph.
#[derive(Debug, Default)]
pub(crate) struct Owns {
    pub fields: Vec<OwnField>,
    /// The plain objects that they give, by their names.
    pub objects: BTreeMap<String, ObjectShape>,
    /// Those of `Query`, by their names.
    pub queries: BTreeMap<String, OwnId>,
    /// Those of `Mutation`, by their names.
    pub mutations: BTreeMap<String, OwnId>,
}

/// A field of one's own.
pub(crate) struct OwnField {
    pub name: String,
    pub kind: OwnKind,
    /// What is read of the rows that it is a field of; `None` for one of a root.
    pub rows: Option<Arc<RowsOf>>,
    pub gives: Shape,
    /// How many rows it gives at most for each, in a list or several objects; `None` for as many as a page has where nothing is said.
    pub at_most: Option<u32>,
    /// Of a mutation how many statements it may write by.
    pub statements: u32,
    pub arguments: Vec<Argument>,
    pub description: Option<String>,
    /// What rows are searched and sorted by, if they can be: a place behind the columns of the entity.
    pub sql: Option<ColumnIx>,
    pub run: Run,
}

/// When the code of a field is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnKind {
    /// For each row, and it waits for nothing.
    Computed,
    /// For each row, all of a level at once.
    Lazy,
    /// Once for all rows of a level.
    Batch,
    /// Once: it is a field of `Query`.
    Root,
    /// Once, in the request's transaction.
    Mutation,
}

impl OwnField {
    /// As it is told of: `User.karma`.
    pub fn told(&self) -> String {
        match &self.rows {
            Some(rows) => rows.field.clone(),
            None if self.kind == OwnKind::Mutation => format!("Mutation.{}", self.name),
            None => format!("Query.{}", self.name),
        }
    }
}

impl fmt::Debug for OwnField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnField")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("gives", &self.gives)
            .finish_non_exhaustive()
    }
}

/// What the documentation shows is compiled.
#[cfg(all(doctest, feature = "blog"))]
#[doc = include_str!("../../../docs/own-fields.md")]
struct Documented;
