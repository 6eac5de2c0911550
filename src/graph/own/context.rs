//! What a field of one's own has at hand beside its row: who asks, its arguments, and related rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use sea_orm::EntityTrait;
use sea_orm::prelude::Json;

use super::FieldError;
use super::input::Input;
use super::loader::Family;
use super::needs::Way;
use super::row::{Row, WalkOf};
use super::writes::Writes;
use crate::graph::Principal;

/// What a field has at hand. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    field: String,
    principal: Principal,
    arguments: BTreeMap<String, Json>,
    /// Where it may write, if it may.
    writes: Option<Writes>,
}

impl Context {
    pub(crate) fn new(
        field: String,
        principal: Principal,
        arguments: BTreeMap<String, Json>,
        writes: Option<Writes>,
    ) -> Self {
        Context(Arc::new(Inner {
            field,
            principal,
            arguments,
            writes,
        }))
    }

    pub(super) fn field(&self) -> &str {
        &self.0.field
    }

    pub(super) fn writes(&self) -> Option<&Writes> {
        self.0.writes.as_ref()
    }

    /// On whose behalf the request runs.
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The value of an argument that was declared. One that may be left out is an `Option`.
    ///
    /// # Errors
    /// Where `T` cannot be made of it ([`Why::Input`](super::Why::Input)), or it was not declared
    /// ([`Why::Mistake`](super::Why::Mistake)).
    pub fn argument<T: Input>(&self, name: &str) -> Result<T, FieldError> {
        let value = self.0.arguments.get(name).ok_or_else(|| {
            FieldError::mistake(format!(
                "`{}` reads the argument `{name}`, which it does not declare; add it with `.argument::<…>(\"{name}\", …)`",
                self.0.field
            ))
        })?;
        T::read(value).map_err(|why| {
            FieldError::input(format!(
                "the argument `{name}` of `{}`: {why}",
                self.0.field
            ))
        })
    }

    /// The rows that a relation leads to from a row, as far as whoever asks may see them.
    ///
    /// # Errors
    /// Where the relation is not among what was declared by [`Needs::related`](super::Needs::related), or its rows
    /// could not be read: too many without [`Needs::at_most`](super::Needs::at_most), a database out of reach.
    pub async fn related<T: EntityTrait, E: EntityTrait>(
        &self,
        row: &Row<E>,
        way: impl Into<Way>,
    ) -> Result<Vec<Row<T>>, FieldError> {
        match self.walk(row, way.into(), false).await? {
            Family::Rows(set, _) if !set.of.is_of::<T>() => Err(FieldError::mistake(format!(
                "`{}` takes rows of {} for those of the table `{}`; ask for them by their own entity",
                self.0.field,
                set.of.type_name,
                T::default().table_name()
            ))),
            Family::Rows(set, rows) => {
                let rows = rows.iter().map(|&at| Row::new(set.clone(), at));
                Ok(rows.collect())
            }
            Family::Count(_) => Ok(Vec::new()),
        }
    }

    /// The one row that a relation leads to, if there is one to be seen.
    ///
    /// # Errors
    /// As [`Context::related`].
    pub async fn related_one<T: EntityTrait, E: EntityTrait>(
        &self,
        row: &Row<E>,
        way: impl Into<Way>,
    ) -> Result<Option<Row<T>>, FieldError> {
        let rows = self.related(row, way).await?;
        Ok(rows.into_iter().next())
    }

    /// The rows that a relation leads to from each of several rows, in their order.
    ///
    /// # Errors
    /// As [`Context::related`], for the first row that has one.
    pub async fn related_each<T: EntityTrait, E: EntityTrait>(
        &self,
        rows: &[Row<E>],
        way: impl Into<Way>,
    ) -> Result<Vec<Vec<Row<T>>>, FieldError> {
        let way = way.into();
        let each = rows.iter().map(|row| self.related(row, way.clone()));
        join_all(each).await.into_iter().collect()
    }

    /// How many rows a relation leads to from a row, of those that whoever asks may see.
    ///
    /// # Errors
    /// Where it is not among what was declared by [`Needs::count`](super::Needs::count), or could not be counted.
    pub async fn count<E: EntityTrait>(
        &self,
        row: &Row<E>,
        way: impl Into<Way>,
    ) -> Result<u64, FieldError> {
        match self.walk(row, way.into(), true).await? {
            Family::Count(count) => Ok(count),
            Family::Rows(_, rows) => Ok(rows.len() as u64),
        }
    }

    async fn walk<E: EntityTrait>(
        &self,
        row: &Row<E>,
        way: Way,
        counts: bool,
    ) -> Result<Family, FieldError> {
        let of = &row.rows.of;
        let is_meant = |walk: &&WalkOf| {
            walk.counts == counts
                && match &way {
                    Way::Declared(path) => walk.declared == *path,
                    Way::Called(name) => walk.called == *name,
                }
        };
        let walks = of.walks.iter().zip(&row.rows.walks);
        let found = walks.into_iter().find(|(walk, _)| is_meant(walk));
        let Some((_, relatives)) = found else {
            let (what, remedy) = match counts {
                true => ("counts", "count"),
                false => ("walks", "related"),
            };
            return Err(FieldError::mistake(format!(
                "`{}` {what} `{}` from {}, which it does not declare; add it to what it needs with `.{remedy}(…)`",
                self.0.field,
                way.shown(),
                of.type_name
            )));
        };
        relatives.of(row.at).await
    }
}
