//! Queries with fields of one's own: what is loaded, and the code between it, in turns.

use std::sync::Arc;
use std::time::Instant;

use super::planner::Shared;
use super::{Apart, Engine, Prepared, Refused};
use crate::graph::Catalog;
use crate::read::load::{self, DatabaseError, Learnt, Loaded, Wanted};
use crate::read::own::Answering;
use crate::read::plan::BoundPlan;
use crate::read::respond::Answered;

impl Engine {
    /// The answer. Each phase is one moment of the database; all but what fields give as rows is the first.
    pub(super) async fn run_own(
        &self,
        prepared: &Arc<Prepared>,
        deadline: Instant,
        apart: &(impl Fn() -> Option<Arc<Prepared>> + Sync),
    ) -> Result<Result<Answered, Apart>, Refused> {
        let shared = &self.planner.shared;
        let bound = &prepared.bound;
        let mut answering = Answering::new(bound);
        let later = bound.plan.own.as_ref().map_or(0, |own| own.later.len());
        for phase in 0..=later {
            let bound = answering.bound(bound, phase);
            if bound.asks_something() {
                let bound = Arc::new(bound.clone());
                match self.load(prepared, bound.clone(), deadline).await {
                    Ok(loaded) => {
                        // Later the code of own fields has run, and is not to run again.
                        if phase == 0
                            && prepared.has_failed_together(&loaded)
                            && let Some(apart) = apart()
                        {
                            return Ok(Err(Apart(apart)));
                        }
                        answering.take(&bound, loaded);
                    }
                    Err(DatabaseError::Overloaded { retry_after }) if phase == 0 => {
                        return Err(Refused { retry_after });
                    }
                    Err(error) => answering.take(&bound, load::unasked(&bound, error)),
                }
            }
            answering.call(&shared.catalog, &bound, deadline).await;
        }
        Ok(Ok(shared.write_own(prepared, bound, &answering)))
    }

    /// What a phase loads.
    async fn load(
        &self,
        prepared: &Arc<Prepared>,
        bound: Arc<BoundPlan>,
        deadline: Instant,
    ) -> Result<Vec<Loaded>, DatabaseError> {
        let phase = Phase {
            shared: self.planner.shared.clone(),
            bound,
            learnt: prepared.learnt.clone(),
        };
        self.database.load(phase, deadline).await
    }
}

/// A part of a query whose rows are handed on as they are.
struct Phase {
    shared: Arc<Shared>,
    bound: Arc<BoundPlan>,
    learnt: Arc<Learnt>,
}

impl Wanted for Phase {
    type Done = Vec<Loaded>;

    fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    fn bound(&self) -> &BoundPlan {
        &self.bound
    }

    fn learnt(&self) -> &Arc<Learnt> {
        &self.learnt
    }

    fn done(&self, loaded: Vec<Loaded>) -> Vec<Loaded> {
        loaded
    }
}
