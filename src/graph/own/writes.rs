//! Writing by the code of a mutation: each write goes the way of Backref's own mutations, in the request's transaction,
//! so rules, validators and presets hold.

use sea_orm::EntityTrait;
use sea_orm::prelude::Json;
use tokio::sync::{mpsc, oneshot};

use super::FieldError;
use super::context::Context;
use super::output::{Key, KeyOf, RowOf};
use crate::graph::reflect::TableKey;

/// A write on its way to the transaction.
#[doc(hidden)]
pub struct WriteAsk {
    pub write: Write,
    answer: oneshot::Sender<Result<KeyOf, FieldError>>,
}

/// What is to be written.
#[doc(hidden)]
#[derive(Debug)]
pub struct Write {
    pub of: RowOf,
    pub does: Does,
    /// The row that is meant, if it is there.
    pub key: Option<KeyOf>,
    /// As the mutation of the same kind takes it.
    pub input: Json,
}

#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Create,
    Update,
    Delete,
}

/// Where writes are asked for.
#[doc(hidden)]
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
    /// Where the code is of no mutation, and for whatever the entity's own mutation would refuse: rules, validators,
    /// keys that are taken. Nothing of the request is kept then, whatever the code makes of the error.
    pub async fn create<E: EntityTrait>(&self, _: E, input: Json) -> Result<Key<E>, FieldError> {
        self.write(Does::Create, None, input).await
    }

    /// Changes a row, of an input as the entity's own mutation takes it. In code of a mutation alone.
    ///
    /// # Errors
    /// As [`Context::create`], and where there is no such row to be seen.
    pub async fn update<E: EntityTrait>(
        &self,
        key: &Key<E>,
        input: Json,
    ) -> Result<Key<E>, FieldError> {
        self.write(Does::Update, Some(key), input).await
    }

    /// Deletes a row. In code of a mutation alone.
    ///
    /// # Errors
    /// As [`Context::create`], and where there is no such row to be seen or others refer to it.
    pub async fn delete<E: EntityTrait>(&self, key: &Key<E>) -> Result<(), FieldError> {
        self.write(Does::Delete, Some(key), Json::Null)
            .await
            .map(drop)
    }

    async fn write<E: EntityTrait>(
        &self,
        does: Does,
        key: Option<&Key<E>>,
        input: Json,
    ) -> Result<Key<E>, FieldError> {
        let Some(writes) = self.writes() else {
            return Err(FieldError::mistake(format!(
                "`{}` writes, which only fields of Mutation do; declare it with `.mutation_field(…)`",
                self.field()
            )));
        };
        let (answer, answered) = oneshot::channel();
        let write = Write {
            of: RowOf(TableKey::of(&E::default().table_ref())),
            does,
            key: key.map(Key::inner),
            input,
        };
        let _ = writes.send(WriteAsk { write, answer });
        let gone = |_| FieldError::mistake("the transaction has ended before this was written");
        answered.await.map_err(gone)?.map(Key::of_inner)
    }
}
