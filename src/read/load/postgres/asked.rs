//! A statement on its way to PostgreSQL, whoever asks it: prepared by its text, where a session keeps what is prepared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio_postgres::RowStream;
use tokio_postgres::types::Type;

use super::session::{Prepared, Session};
use super::values::Parameter;
use crate::read::load::DatabaseError;

pub struct Asked<'a> {
    session: &'a Session,
    sql: &'a Arc<str>,
    parameters: Vec<Parameter<'a>>,
    /// What it begins with where it is not prepared.
    mark: Option<String>,
    prepared: OnceLock<Prepared>,
    /// Whether it was prepared for a request before this one.
    was_prepared: bool,
    /// Whether it has begun to run.
    runs: AtomicBool,
}

impl<'a> Asked<'a> {
    /// `since` is when another statement, or this one, was found to be prepared for what is no more: nothing is asked then
    /// that was prepared before.
    pub fn new(
        session: &'a Session,
        sql: &'a Arc<str>,
        parameters: Vec<Parameter<'a>>,
        since: Option<Instant>,
        mark: impl FnOnce() -> String,
    ) -> Self {
        let found = session.prepared(sql, since);
        Asked {
            session,
            sql,
            parameters,
            mark: (!session.keeps(sql)).then(mark),
            was_prepared: found.is_some() && since.is_none(),
            prepared: found.map_or_else(OnceLock::new, OnceLock::from),
            runs: AtomicBool::new(false),
        }
    }

    pub fn sql(&self) -> &Arc<str> {
        self.sql
    }

    pub fn is_prepared(&self) -> bool {
        self.prepared.get().is_some()
    }

    pub fn is_to_be_prepared(&self) -> bool {
        self.mark.is_none() && self.prepared.get().is_none()
    }

    pub async fn prepare(&self) -> Result<(), DatabaseError> {
        let types: Vec<Type> = self.types().collect();
        let prepared = self.session.prepare(self.sql, &types).await?;
        let _ = self.prepared.set(prepared);
        Ok(())
    }

    /// Asks it, and gives its rows as they come.
    pub async fn found(&self) -> Result<RowStream, DatabaseError> {
        let client = self.session.client();
        let found = match self.prepared.get() {
            Some(prepared) => {
                let statement = &prepared.statement;
                client.query_raw(statement, &self.parameters).await?
            }
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

    /// Whether an error may be that what was prepared is not what it was. Then that is forgotten, and it is to be asked
    /// again: what fails as it was just prepared has an error of its own.
    ///
    /// See PostgreSQL's manual, appendix A.
    pub fn is_stale(&self, error: &DatabaseError) -> bool {
        let (Some(prepared), Some(code)) = (self.prepared.get(), error.sql_state()) else {
            return false;
        };
        let is_stale = match code.code() {
            // A pooler between us and the server took another of its sessions.
            "26000" => true,
            // Rights are looked at whenever it runs.
            "42501" => false,
            // It would give other columns; the type of a parameter is gone.
            "0A000" | "XX000" => self.was_prepared,
            // It is read anew with the types of before, which do not fit what is there: no such operator, no such cast.
            code => self.was_prepared && code.starts_with("42"),
        };
        if is_stale {
            self.session.forget(self.sql, prepared);
        }
        is_stale
    }

    fn types(&self) -> impl Iterator<Item = Type> {
        self.parameters.iter().map(Parameter::sql_type)
    }
}
