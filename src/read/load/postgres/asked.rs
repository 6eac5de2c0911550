//! A statement on its way to PostgreSQL, whoever asks it: prepared by its text, where a session keeps what is prepared.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::RowStream;
use tokio_postgres::types::Type;

use super::session::Session;
use super::values::Parameter;
use crate::read::load::DatabaseError;

pub struct Asked<'a> {
    session: &'a Session,
    sql: &'a Arc<str>,
    parameters: Vec<Parameter<'a>>,
    /// What it begins with where nothing is prepared.
    mark: Option<String>,
    /// Whether it has begun to run.
    runs: AtomicBool,
}

impl<'a> Asked<'a> {
    pub fn new(
        session: &'a Session,
        sql: &'a Arc<str>,
        parameters: Vec<Parameter<'a>>,
        mark: impl FnOnce() -> String,
    ) -> Self {
        Asked {
            session,
            sql,
            parameters,
            mark: (!session.keeps_statements()).then(mark),
            runs: AtomicBool::new(false),
        }
    }

    pub fn is_to_be_prepared(&self) -> bool {
        self.mark.is_none() && self.session.prepared(self.sql).is_none()
    }

    pub async fn prepare(&self) -> Result<(), DatabaseError> {
        let types: Vec<Type> = self.types().collect();
        self.session.prepare(self.sql, &types).await
    }

    /// Asks it, and gives its rows as they come.
    pub async fn found(&self) -> Result<RowStream, DatabaseError> {
        let client = self.session.client();
        let found = match self.session.prepared(self.sql) {
            Some(prepared) => client.query_raw(&prepared, &self.parameters).await?,
            None => {
                let typed = self.parameters.iter().zip(self.types());
                let marked = self.mark.clone().unwrap_or_default() + self.sql;
                client.query_typed_raw(&marked, typed).await?
            }
        };
        self.runs.store(true, Ordering::Relaxed);
        Ok(found)
    }

    /// What an error of it says of the statement as it was given.
    pub fn explain(&self, error: DatabaseError) -> DatabaseError {
        let error = match (error, &self.mark) {
            (DatabaseError::Postgres(error), Some(mark)) => {
                DatabaseError::Postgres(error.behind(mark))
            }
            (other, _) => other,
        };
        match self.runs.load(Ordering::Relaxed) {
            true => error,
            false => error.before_rows(),
        }
    }

    fn types(&self) -> impl Iterator<Item = Type> {
        self.parameters.iter().map(Parameter::sql_type)
    }
}
