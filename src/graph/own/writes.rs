//! Writing by the code of a mutation: each write goes the way of Backref's own mutations, in the request's transaction,
//! so rules, validators and presets hold.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::prelude::Json;
use sea_orm::{EntityTrait, IdenStatic};
use tokio::sync::{mpsc, oneshot};

use super::FieldError;
use super::context::Context;
use super::output::{Key, KeyOf, RowOf};
use crate::graph::reflect::TableKey;

/// A write on its way to the transaction.
pub struct WriteAsk {
    pub write: Write,
    answer: oneshot::Sender<Result<KeyOf, FieldError>>,
}

/// What is to be written.
#[derive(Debug)]
pub struct Write {
    pub of: RowOf,
    pub does: Does,
}

/// What is done to rows, with inputs as the mutation of the same kind takes them.
#[derive(Debug)]
pub enum Does {
    Create {
        input: Json,
    },
    Update {
        key: KeyOf,
        input: Json,
        /// The version that the row is to have.
        expected: Option<i32>,
    },
    Upsert {
        /// The columns of the key.
        on: Vec<String>,
        create: Json,
        update: Json,
    },
    Delete {
        key: KeyOf,
        expected: Option<i32>,
    },
}

/// Where writes are asked for.
pub type Writes = mpsc::UnboundedSender<WriteAsk>;

impl WriteAsk {
    pub fn answer(self, answer: Result<KeyOf, FieldError>) {
        // Who does not wait for it has no use for it.
        let _ = self.answer.send(answer);
    }
}

impl Context {
    /// Makes a row, of an input as the entity's own mutation takes it: `json!({ "title": "Low water", … })`. In code of
    /// a mutation alone.
    ///
    /// # Errors
    /// Where the code is of no mutation, and for whatever the entity's own mutation would refuse, with its code: rules,
    /// validators, keys that are taken. Nothing of the request is kept then, whatever the code makes of the error.
    pub async fn create<E: EntityTrait>(&self, _: E, input: Json) -> Result<Key<E>, FieldError> {
        let key = self.write::<E>(Does::Create { input }).await?;
        Ok(Key::of_inner(key))
    }

    /// Changes a row, of an input as the entity's own mutation takes it. It is done when it is awaited, and fails as
    /// [`Context::create`] does, and where there is no such row to be seen. In code of a mutation alone.
    pub fn update<E: EntityTrait>(&self, key: &Key<E>, input: Json) -> Change<Key<E>> {
        let (key, expected) = (key.inner(), None);
        let does = Does::Update {
            key,
            input,
            expected,
        };
        Change::new::<E>(self, does, Key::of_inner)
    }

    /// Changes the row that has the same key as the new one, a unique one of these columns, or else makes that. In code
    /// of a mutation alone.
    ///
    /// ```
    /// use backref::graph::own::{Context, FieldError, Key};
    /// use entity::tag;
    /// use serde_json::json;
    ///
    /// async fn tagged(cx: &Context, name: &str) -> Result<Key<tag::Entity>, FieldError> {
    ///     let named = json!({ "name": name });
    ///     cx.upsert(tag::Entity, [tag::Column::Name], named.clone(), named).await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Context::create`], and where the columns are those of no unique key.
    pub async fn upsert<E: EntityTrait>(
        &self,
        _: E,
        on: impl IntoIterator<Item = E::Column>,
        create: Json,
        update: Json,
    ) -> Result<Key<E>, FieldError> {
        let on = on.into_iter().map(|column| column.as_str().to_owned());
        let does = Does::Upsert {
            on: on.collect(),
            create,
            update,
        };
        Ok(Key::of_inner(self.write::<E>(does).await?))
    }

    /// Deletes a row. It is done when it is awaited, and fails as [`Context::create`] does, and where there is no such
    /// row to be seen or others refer to it. In code of a mutation alone.
    pub fn delete<E: EntityTrait>(&self, key: &Key<E>) -> Change<()> {
        let (key, expected) = (key.inner(), None);
        Change::new::<E>(self, Does::Delete { key, expected }, drop)
    }

    async fn write<E: EntityTrait>(&self, does: Does) -> Result<KeyOf, FieldError> {
        let of = RowOf(TableKey::of(&E::default().table_ref()));
        self.ask(Write { of, does }).await
    }

    async fn ask(&self, write: Write) -> Result<KeyOf, FieldError> {
        let Some(writes) = self.writes() else {
            return Err(FieldError::mistake(format!(
                "`{}` writes, which only fields of Mutation do; declare it with `.mutation_field(…)`",
                self.field()
            )));
        };
        let (answer, answered) = oneshot::channel();
        let _ = writes.send(WriteAsk { write, answer });
        let gone = |_| FieldError::mistake("the transaction has ended before this was written");
        answered.await.map_err(gone)?
    }
}

/// A change of a row, which is done when it is awaited.
#[must_use = "nothing is changed until it is awaited"]
pub struct Change<T> {
    context: Context,
    write: Write,
    give: fn(KeyOf) -> T,
}

impl<T> Change<T> {
    fn new<E: EntityTrait>(context: &Context, does: Does, give: fn(KeyOf) -> T) -> Self {
        let of = RowOf(TableKey::of(&E::default().table_ref()));
        Change {
            context: context.clone(),
            write: Write { of, does },
            give,
        }
    }

    /// Only where the row is of this version: `CONFLICT` where it is another by now. For entities with a
    /// [`.version(…)`](crate::Graph::version).
    ///
    /// ```
    /// use backref::graph::own::{Context, FieldError, Key};
    /// use entity::post;
    /// use serde_json::json;
    ///
    /// async fn publish(cx: &Context, post: Key<post::Entity>, read: i32) -> Result<Key<post::Entity>, FieldError> {
    ///     cx.update(&post, json!({ "status": "PUBLISHED" })).expecting(read).await
    /// }
    /// ```
    pub fn expecting(mut self, version: i32) -> Self {
        if let Does::Update { expected, .. } | Does::Delete { expected, .. } = &mut self.write.does
        {
            *expected = Some(version);
        }
        self
    }
}

impl<T: 'static> IntoFuture for Change<T> {
    type Output = Result<T, FieldError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.context.ask(self.write).await.map(self.give) }.boxed()
    }
}
