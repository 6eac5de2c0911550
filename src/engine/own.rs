//! Queries with fields of one's own: what is loaded, and the code between it, in turns.

use std::sync::Arc;
use std::time::Instant;

use super::{Engine, Prepared, Refused, WRITING};
use crate::read::load::sqlite::Sqlite;
use crate::read::load::{self, Database, DatabaseError, Failures, Loaded};
use crate::read::own::Answering;
use crate::read::plan::BoundPlan;
use crate::read::respond::Answered;

impl Engine {
    /// The answer. Each phase is one moment of the database; all but what fields give as rows is the first.
    pub(super) async fn run_own(
        &self,
        prepared: &Arc<Prepared>,
        deadline: Instant,
    ) -> Result<Answered, Refused> {
        let shared = &self.planner.shared;
        let bound = &prepared.bound;
        let mut answering = Answering::new(bound);
        let later = bound.plan.own.as_ref().map_or(0, |own| own.later.len());
        for phase in 0..=later {
            let bound = answering.bound(bound, phase);
            if bound.asks_something() {
                let bound = Arc::new(bound.clone());
                match self.load(prepared, bound.clone(), deadline).await {
                    Ok(loaded) => answering.take(&bound, loaded),
                    Err(DatabaseError::Overloaded { retry_after }) if phase == 0 => {
                        return Err(Refused { retry_after });
                    }
                    Err(error) => answering.take(&bound, load::unasked(&bound, error)),
                }
            }
            answering.call(&shared.catalog, &bound, deadline).await;
        }
        Ok(shared.write_own(prepared, bound, &answering))
    }

    /// What a phase loads.
    async fn load(
        &self,
        prepared: &Arc<Prepared>,
        bound: Arc<BoundPlan>,
        deadline: Instant,
    ) -> Result<Vec<Loaded>, DatabaseError> {
        let (shared, learnt) = (self.planner.shared.clone(), &prepared.learnt);
        let pool = match &self.database {
            Database::Postgres(pool) => {
                return pool.load(&shared.catalog, &bound, learnt, deadline).await;
            }
            Database::Sqlite(pool) => pool,
        };
        let of_plan = learnt.clone();
        let work = move |connection: &mut Sqlite| {
            let (catalog, failures) = (&shared.catalog, Failures::default());
            let loading = load::load(catalog, &bound, &of_plan, &failures, deadline, connection);
            let loaded = Sqlite::complete(loading)?;
            match connection.is_unfinished() {
                true => Err(DatabaseError::TimedOut),
                false => Ok(loaded),
            }
        };
        let ends = tokio::time::Instant::from_std(deadline) + WRITING;
        let ran = tokio::time::timeout_at(ends, pool.run(deadline, learnt, work)).await;
        ran.unwrap_or(Err(DatabaseError::TimedOut))
    }
}
