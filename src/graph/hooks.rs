//! SeaORM's hooks of an entity (`ActiveModelBehavior`), of which nothing but its name is left to be known here.
//!
//! A hook's statements run on the transaction that writes: they are asked through a channel, at whose other end somebody
//! has the transaction.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue, ConnectionTrait, DbBackend, DbErr,
    EntityTrait, ExecResult, IntoActiveModel, Iterable, MockDatabase, MockExecResult, QueryResult,
    RuntimeErr, Statement, TryIntoModel, Value,
};
use tokio::sync::{mpsc, oneshot};

use super::ColumnIx;

/// A row as hooks have it: for each column what SeaORM's model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<ActiveValue<Value>>);

/// What runs for each row of an entity that is written.
pub trait Hooks: Send + Sync {
    /// What is written in place of a row, which is new or was there.
    fn before_save<'a>(
        &self,
        row: Row,
        is_new: bool,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<Row, DbErr>>;

    fn after_save<'a>(
        &self,
        row: Row,
        is_new: bool,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<(), DbErr>>;

    fn before_delete<'a>(
        &self,
        row: Row,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<Row, DbErr>>;

    fn after_delete<'a>(
        &self,
        row: Row,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<(), DbErr>>;
}

impl fmt::Debug for dyn Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// Whether a value is of the type that a column has in Rust.
pub type Fits = fn(ColumnIx, &Value) -> bool;

pub(super) fn fits<E: EntityTrait>(column: ColumnIx, value: &Value) -> bool {
    let mut model = <E::ActiveModel as ActiveModelTrait>::default();
    let column = E::Column::iter().nth(column);
    column.is_some_and(|column| model.try_set(column, value.clone()).is_ok())
}

/// The hooks of an entity.
pub(super) struct Of<E>(PhantomData<fn(E)>);

impl<E> Of<E> {
    pub fn new(_: E) -> Self {
        Of(PhantomData)
    }
}

impl<E> Hooks for Of<E>
where
    E: EntityTrait,
    E::ActiveModel: ActiveModelBehavior + TryIntoModel<E::Model> + Send + 'static,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
{
    fn before_save<'a>(
        &self,
        row: Row,
        is_new: bool,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<Row, DbErr>> {
        Box::pin(async move {
            let model = match is_new {
                true => new_model::<E>(row)?,
                false => model::<E>(row)?,
            };
            Ok(row_of(&model.before_save(db, is_new).await?))
        })
    }

    fn after_save<'a>(
        &self,
        row: Row,
        is_new: bool,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<(), DbErr>> {
        Box::pin(async move {
            let model = model::<E>(row)?.try_into_model()?;
            <E::ActiveModel as ActiveModelBehavior>::after_save(model, db, is_new).await?;
            Ok(())
        })
    }

    fn before_delete<'a>(
        &self,
        row: Row,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<Row, DbErr>> {
        Box::pin(async move { Ok(row_of(&model::<E>(row)?.before_delete(db).await?)) })
    }

    fn after_delete<'a>(
        &self,
        row: Row,
        db: &'a HookConnection,
    ) -> BoxFuture<'a, Result<(), DbErr>> {
        Box::pin(async move {
            model::<E>(row)?.after_delete(db).await?;
            Ok(())
        })
    }
}

/// A row that is made, beside what the entity itself begins with.
fn new_model<E: EntityTrait>(row: Row) -> Result<E::ActiveModel, DbErr> {
    let mut model = <E::ActiveModel as ActiveModelBehavior>::new();
    set::<E>(&mut model, row)?;
    Ok(model)
}

/// A row that is there, and what of it is to be changed.
fn model<E>(row: Row) -> Result<E::ActiveModel, DbErr>
where
    E: EntityTrait,
    E::ActiveModel: TryIntoModel<E::Model>,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let mut there = <E::ActiveModel as ActiveModelTrait>::default();
    for (column, value) in E::Column::iter().zip(&row.0) {
        if let ActiveValue::Set(value) | ActiveValue::Unchanged(value) = value {
            there.try_set(column, value.clone())?;
        }
    }
    let is_whole = row.0.iter().all(|value| !value.is_not_set());
    if !is_whole {
        return Ok(there);
    }
    let mut model = there.try_into_model()?.into_active_model();
    set::<E>(&mut model, row)?;
    Ok(model)
}

fn set<E: EntityTrait>(model: &mut E::ActiveModel, row: Row) -> Result<(), DbErr> {
    for (column, value) in E::Column::iter().zip(row.0) {
        if let ActiveValue::Set(value) = value {
            model.try_set(column, value)?;
        }
    }
    Ok(())
}

fn row_of<A: ActiveModelTrait>(model: &A) -> Row {
    let columns = <A::Entity as EntityTrait>::Column::iter();
    Row(columns.map(|column| model.get(column)).collect())
}

/// What a hook's statements run on: the transaction that writes.
pub struct HookConnection {
    backend: DbBackend,
    asks: mpsc::UnboundedSender<HookAsk>,
}

/// A statement of a hook's, on its way to the transaction.
pub struct HookAsk {
    pub statement: Statement,
    answer: oneshot::Sender<Option<HookAnswer>>,
}

/// What came of a statement: its rows, how many it has changed, and the key of the last that SQLite has made.
#[derive(Debug, Default)]
pub struct HookAnswer {
    pub rows: Vec<BTreeMap<String, Value>>,
    pub changed: u64,
    pub last_key: u64,
}

impl HookConnection {
    /// One, and what is asked through it.
    pub fn new(backend: DbBackend) -> (Self, mpsc::UnboundedReceiver<HookAsk>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (HookConnection { backend, asks }, asked)
    }

    async fn ask(&self, statement: Statement) -> Result<HookAnswer, DbErr> {
        let (answer, answered) = oneshot::channel();
        let ask = HookAsk { statement, answer };
        let _ = self.asks.send(ask);
        let refused = || {
            let why = "the transaction has failed with this statement";
            DbErr::Exec(RuntimeErr::Internal(why.to_owned()))
        };
        answered.await.ok().flatten().ok_or_else(refused)
    }
}

impl HookAsk {
    /// `None` where the database refused it.
    pub fn answer(self, answer: Option<HookAnswer>) {
        // Who does not wait for it has no use for it.
        let _ = self.answer.send(answer);
    }
}

#[async_trait]
impl ConnectionTrait for HookConnection {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let answer = self.ask(statement.clone()).await?;
        let result = MockExecResult {
            last_insert_id: answer.last_key,
            rows_affected: answer.changed,
        };
        let answers = MockDatabase::new(self.backend).append_exec_results([result]);
        answers.into_connection().execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.backend, sql))
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let rows = self.query_all_raw(statement).await?;
        Ok(rows.into_iter().next())
    }

    /// SeaORM lets nobody make results but its mock.
    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self.ask(statement.clone()).await?.rows;
        let answers = MockDatabase::new(self.backend).append_query_results([rows]);
        answers.into_connection().query_all_raw(statement).await
    }
}
