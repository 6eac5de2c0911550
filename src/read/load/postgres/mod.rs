//! PostgreSQL through tokio-postgres, on connections that requests share; values are read in the binary
//! format, where they lie in what was received.

mod asked;
mod collations;
mod connect;
mod error;
mod foreign;
mod pool;
mod session;
mod tls;
mod transaction;
mod values;
mod writers;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::admission::Cost;
use super::change::{Change, Given};
use super::learnt::Learnt;
use super::rows::Rows;
use super::{Connection, DatabaseError, Failures, LevelError, Loaded, Restart, Statement, Wanted};
use crate::graph::Catalog;
use crate::read::plan::{BoundPlan, Level};
use crate::read::sql::Dialect;
use crate::read::sql::forms::ColumnRef;

use asked::Asked;
pub use connect::{Connector, Ours, Purpose};
pub use error::PostgresError;
pub use pool::PostgresPool;
use pool::{Company, Look, Member, PATIENCE, Wish};
use values::Parameter;
pub use writers::PostgresWriters;

impl PostgresPool {
    pub fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    /// Whether a statement is answered in time.
    pub async fn ping(&self, patience: Duration) -> Result<(), DatabaseError> {
        let late = |_| DatabaseError::Unreachable(format!("no answer in {patience:?}"));
        let answered = tokio::time::timeout(patience, self.is_answered()).await;
        answered.map_err(late)?
    }

    /// See [`Database::ask`](super::Database::ask).
    pub async fn ask(
        &self,
        question: Change,
        deadline: Instant,
    ) -> Result<Vec<Given>, DatabaseError> {
        let asking = async {
            let began = Instant::now();
            match self.ask_once(&question, None).await {
                Err(error) if error.is_cut_off() => {
                    self.distrust(began);
                    self.ask_once(&question, None).await
                }
                Err(error) if error.restart() == Some(Restart::Stale) => {
                    self.ask_once(&question, Some(Instant::now())).await
                }
                answered => answered,
            }
        };
        within(deadline, asking).await
    }

    async fn ask_once(
        &self,
        question: &Change,
        since: Option<Instant>,
    ) -> Result<Vec<Given>, DatabaseError> {
        let wish = Wish {
            snapshot: false,
            company: Company::Shared,
        };
        let member = self.enter(wish, 1).await?;
        let parameters = question.values.iter().map(Parameter::of).collect();
        let mark = || member.mark();
        let asked = Asked::new(&member.session, &question.sql, parameters, since, mark);
        let asking = async {
            if asked.is_to_be_prepared() {
                member.ask(asked.prepare()).await?;
            }
            let found = async { values::given(&question.gives, asked.found().await?).await };
            member.ask(found).await
        };
        let answered = asking.await;
        answered.map_err(|error| match asked.is_stale(&error) {
            true => stale(error),
            false => asked.explain(error),
        })
    }

    /// See [`Database::load`](super::Database::load).
    pub async fn answer<W: Wanted>(
        &self,
        wanted: W,
        deadline: Instant,
    ) -> Result<W::Done, DatabaseError> {
        let (catalog, bound, learnt) = (wanted.catalog(), wanted.bound(), wanted.learnt());
        let loaded = self.load(catalog, bound, learnt, deadline).await?;
        Ok(wanted.done(loaded))
    }

    /// Loads every level of a request from one snapshot. A statement that fails ends the transaction with it: the others
    /// are asked again without it, on another snapshot, and each apart from the others, so that what else fails
    /// takes nothing with it.
    pub async fn load(
        &self,
        catalog: &Catalog,
        bound: &BoundPlan,
        learnt: &Learnt,
        deadline: Instant,
    ) -> Result<Vec<Loaded>, DatabaseError> {
        let statements: usize = bound.stages().iter().map(Vec::len).sum();
        let mut wish = Wish {
            snapshot: bound.bound.statements > 1,
            company: company(learnt),
        };
        // One that has failed lately is taken to fail again.
        let mut apart = !learnt.trust.is_given();
        let mut failures = Failures::default();
        let mut permit = None;
        let mut best: Option<Vec<Loaded>> = None;
        let mut before = Attempts::default();
        // When a statement was found to be prepared for what is no more.
        let mut since = None;
        loop {
            let entering = async {
                if permit.is_none() {
                    permit = Some(self.admit(learnt.cost.expected(), deadline).await?);
                }
                self.enter(wish, statements).await
            };
            let member = match (within(deadline, entering).await, best.take()) {
                (Ok(member), before) => {
                    best = before;
                    member
                }
                (Err(error @ DatabaseError::Overloaded { .. }), _) | (Err(error), None) => {
                    return Err(error);
                }
                (Err(error), Some(before)) => return Ok(cut_short(before, error)),
            };
            let turn = Turn {
                since,
                ..Turn::new(member, deadline, &learnt.cost, apart)
            };
            let began = Instant::now();
            let loaded = super::load(catalog, bound, learnt, &failures, deadline, &turn).await;
            let again = Again::after(&loaded, &mut failures);
            let may = |again: &Again| again.may_follow(before) && Instant::now() < deadline;
            let Some(again) = again.filter(may) else {
                turn.tell();
                match loaded.iter().all(|level| level.failed.is_none()) {
                    true => {
                        learnt.cost.learn(turn.member.took());
                        learnt.trust.has_run();
                    }
                    false => learnt.trust.has_failed(),
                }
                let mut failed = loaded.iter().filter_map(|level| level.failed.as_deref());
                // What others broke before that is not asked again: its time is over.
                let best = match failed.any(|f| matches!(f.error, DatabaseError::TimedOut)) {
                    true => best.map(|best| cut_short(best, DatabaseError::TimedOut)),
                    false => best,
                };
                let loaded = richer(best, loaded);
                return Ok(match again.is_some_and(Again::waits) {
                    true => cut_short(loaded, DatabaseError::TimedOut),
                    false => loaded,
                });
            };
            tracing::debug!(?again, ?before, "a request begins again");
            best = Some(richer(best, loaded));
            match again {
                Again::CutOff => {
                    before.cut_off += 1;
                    self.distrust(began);
                }
                Again::Restart(Restart::Slow) => {
                    wish.company = Company::Slow;
                    permit = None;
                }
                Again::Failure => apart = true,
                Again::Restart(Restart::Stale) => since = Some(Instant::now()),
                Again::Restart(_) => {}
            }
            match again {
                Again::Restart(Restart::Aborted) => before.aborted += 1,
                Again::Restart(Restart::Stale) => before.stale += 1,
                // By time, and by the request's own levels.
                Again::Restart(_) | Again::Failure | Again::CutOff => {}
            }
            if wish.company != Company::Slow && again != Again::CutOff {
                wish.company = Company::Again;
            }
        }
    }
}

/// Of two attempts the later one, unless others have broken it too or its time was over, and it has loaded less. One that was
/// not broken may have asked fewer levels, because there are fewer rows now.
fn richer(before: Option<Vec<Loaded>>, after: Vec<Loaded>) -> Vec<Loaded> {
    let answered = |loaded: &[Loaded]| loaded.iter().filter(|level| level.ran.is_some()).count();
    let is_over = |error: &DatabaseError| matches!(error, DatabaseError::TimedOut);
    let broken = |error: &DatabaseError| error.is_of_others() || is_over(error);
    let mut failed = after.iter().filter_map(|level| level.failed.as_deref());
    match before {
        Some(before)
            if failed.any(|f| broken(&f.error)) && answered(&before) > answered(&after) =>
        {
            before
        }
        _ => after,
    }
}

/// What there is of a request that was to begin again and cannot: what was not asked, or only in vain because of
/// others, fails like this.
fn cut_short(mut loaded: Vec<Loaded>, error: DatabaseError) -> Vec<Loaded> {
    let failed = Arc::new(LevelError::unasked(error));
    for (i, level) in loaded.iter_mut().enumerate() {
        level.failed = level.failed.take().map(|own| {
            let was_its_own = own.level == Some(i) && !own.error.is_of_others();
            if was_its_own { own } else { failed.clone() }
        });
    }
    loaded
}

/// As the error of a statement that was prepared for what is no more.
fn stale(error: DatabaseError) -> DatabaseError {
    DatabaseError::Restart {
        why: Restart::Stale,
        cause: Some(Box::new(error)),
    }
}

async fn within<T>(
    deadline: Instant,
    waiting: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let waited = tokio::time::timeout_at(deadline.into(), waiting).await;
    waited.unwrap_or(Err(DatabaseError::TimedOut))
}

/// Attempts at a request that came to nothing because of others.
#[derive(Debug, Default, Clone, Copy)]
struct Attempts {
    aborted: usize,
    stale: usize,
    cut_off: usize,
}

/// Why a request begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Restart(Restart),
    /// A statement of its own failed, and others could not be asked then.
    Failure,
    /// The other side has closed a connection, and others too perhaps.
    CutOff,
}

impl Again {
    /// After an attempt, whose failures are remembered; `None` if nothing is to be gained.
    fn after(loaded: &[Loaded], failures: &mut Failures) -> Option<Self> {
        let failed = || loaded.iter().filter_map(|level| level.failed.as_deref());
        failed().next()?;
        if failed().any(|f| f.error.is_cut_off()) {
            return Some(Again::CutOff);
        }
        let restart = failed().find_map(|f| f.error.restart());
        let mut levels = loaded.iter().enumerate();
        let unasked = levels.any(|(i, level)| {
            let failed = level.failed.as_deref();
            failed.is_some_and(|f| f.level != Some(i) && failures.of(i).is_none())
        });
        let new = failures.remember(loaded);
        match restart {
            _ if new && (unasked || restart.is_some()) => Some(Again::Failure),
            Some(why) => Some(Again::Restart(why)),
            None => None,
        }
    }

    /// Whether a request begins again after such attempts. Its own failures are no more than its levels, so they need no
    /// such end.
    fn may_follow(self, before: Attempts) -> bool {
        match self {
            Again::Failure => true,
            Again::CutOff => before.cut_off < 1,
            // Each cancellation that comes too late ends one attempt of somebody's, and where many clients leave there are many.
            Again::Restart(Restart::Aborted) => before.aborted < 50,
            Again::Restart(_) => self.waits() || before.stale < 5,
        }
    }

    /// Whether it is only for want of a place where to wait: for a lock of somebody else's, it may be. That is no fault, ends
    /// with the request's time, and has cost some of that each time.
    fn waits(self) -> bool {
        matches!(
            self,
            Again::Restart(Restart::HeldUp) | Again::Restart(Restart::Slow)
        )
    }
}

/// With whom a request of a plan shares its turn.
fn company(learnt: &Learnt) -> Company {
    match learnt.cost.expected() {
        Some(cost) if cost > PATIENCE => Company::Slow,
        Some(_) if learnt.trust.is_given() => Company::Shared,
        _ => Company::Alone,
    }
}

/// A turn on a connection, for one attempt at a request.
struct Turn<'a> {
    member: Member,
    deadline: Instant,
    cost: &'a Cost,
    /// Whether its plan is known to be quick.
    is_quick: bool,
    /// Whether each statement is asked apart from the others, so that its failure does not end their transaction.
    apart: bool,
    /// Statements that were prepared before this time are prepared anew.
    since: Option<Instant>,
    /// Whether a failure has ended its transaction.
    is_over: AtomicBool,
    /// What was asked, where somebody wants to hear of it: told once, however often the request began.
    asked: Option<Mutex<Vec<Arc<str>>>>,
}

impl<'a> Turn<'a> {
    fn new(member: Member, deadline: Instant, cost: &'a Cost, apart: bool) -> Self {
        let listened = tracing::enabled!(target: "backref::postgres", tracing::Level::TRACE);
        Turn {
            apart: apart && member.in_transaction(),
            is_quick: cost.expected().is_some_and(|cost| cost <= PATIENCE / 2),
            member,
            deadline,
            cost,
            since: None,
            is_over: AtomicBool::new(false),
            asked: listened.then(Mutex::default),
        }
    }

    fn tell(&self) {
        let asked = self.asked.iter();
        for sql in asked.flat_map(|all| std::mem::take(&mut *lock(all))) {
            tracing::trace!(target: "backref::postgres", sql = &*sql);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection for Turn<'_> {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        if let Some(asked) = &self.asked {
            lock(asked).push(statement.sql.text.clone());
        }
        let query = Query {
            member: &self.member,
            apart: self.apart,
            since: self.since,
            catalog,
            level,
            statement,
        };
        let done = self.wait_for(query.ask()).await;
        if let Err(error) = &done
            && self.member.in_transaction()
            && !(self.apart && error.restart().is_none())
        {
            self.is_over.store(true, Ordering::Relaxed);
        }
        done
    }

    fn other_forms(
        &self,
        catalog: &Catalog,
        compared: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        Ok(self.member.session.collations.among(catalog, compared))
    }

    fn skip(&self) {
        self.member.done();
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Turn<'_> {
    /// Waits for an answer as long as it may take, and as long as it is not in anybody's way nor they in its.
    async fn wait_for<T>(
        &self,
        asking: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        let mut asking = pin!(asking);
        loop {
            let until = self.deadline.min(Instant::now() + PATIENCE);
            if let Ok(asked) = tokio::time::timeout_at(until.into(), asking.as_mut()).await {
                return asked;
            }
            if Instant::now() >= self.deadline {
                return Err(DatabaseError::TimedOut);
            }
            match self.member.look(self.is_quick) {
                Look::Quick => {}
                Look::Slow => self.cost.exceeds(2 * PATIENCE),
                Look::Again(why) => {
                    if why == Restart::Slow {
                        self.cost.exceeds(2 * PATIENCE);
                    }
                    return Err(DatabaseError::Restart { why, cause: None });
                }
            }
        }
    }
}

/// A level's statement with all that is needed to ask it.
struct Query<'a> {
    member: &'a Member,
    apart: bool,
    since: Option<Instant>,
    catalog: &'a Catalog,
    level: &'a Level,
    statement: &'a Statement<'a>,
}

impl Query<'_> {
    async fn ask(&self) -> Result<Rows, DatabaseError> {
        let session = &self.member.session;
        let parameters = values::parameters(self.statement);
        let mark = || self.member.mark();
        let sql = &self.statement.sql.text;
        let asked = Asked::new(session, sql, parameters, self.since, mark);
        if asked.is_to_be_prepared() {
            let (prepared, _) = self.send(|| {}, asked.prepare()).await;
            prepared.map_err(|error| self.restart(error, &asked))?;
        }
        let asking = async {
            let found = asked.found().await?;
            values::rows(self.catalog, self.level, self.statement, found).await
        };
        let (rows, took) = self.send(|| self.member.done(), asking).await;
        self.member.add(took);
        rows.map_err(|error| asked.explain(self.restart(error, &asked)))
    }

    /// Runs a future of the driver's, which sends its statement when it is first polled. Apart from the others, whatever
    /// becomes of it is taken back right behind it: it only reads, and what it read is kept.
    async fn send<T>(&self, on_sent: impl Fn(), statement: impl Future<Output = T>) -> (T, u64) {
        let (session, owner) = (&self.member.session, self.member.id);
        if !self.apart {
            return session.ask(owner, on_sent, statement).await;
        }
        let apart = async {
            session.tell("SAVEPOINT apart");
            statement.await
        };
        let taken_back = || {
            session.tell("ROLLBACK TO SAVEPOINT apart; RELEASE SAVEPOINT apart");
            on_sent();
        };
        session.ask(owner, taken_back, apart).await
    }

    /// What to do about an error: where another's statement is its cause, or the statement was prepared for what is no
    /// more, the request begins again.
    fn restart(&self, error: DatabaseError, asked: &Asked<'_>) -> DatabaseError {
        let session = &self.member.session;
        let why = match error.sql_state() {
            Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => Restart::Aborted,
            Some(&SqlState::QUERY_CANCELED) if session.was_cancelled() => Restart::Aborted,
            // Class 40: it was in the way of others, as reads are of a standby's recovery.
            Some(code) if code.code().starts_with("40") => Restart::Aborted,
            _ if asked.is_stale(&error) => return stale(error),
            _ => return error,
        };
        DatabaseError::Restart {
            why,
            cause: Some(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_waits_goes_on_as_long_as_there_is_time() {
        for (again, most) in [
            (Again::Restart(Restart::Slow), None),
            (Again::Restart(Restart::HeldUp), None),
            (Again::Failure, None),
            (Again::Restart(Restart::Aborted), Some(50)),
            (Again::Restart(Restart::Stale), Some(5)),
            (Again::CutOff, Some(1)),
        ] {
            for so_often in 0..100 {
                let may = most.is_none_or(|most| so_often < most);
                let mut before = Attempts {
                    aborted: so_often,
                    stale: so_often,
                    cut_off: so_often,
                };
                assert_eq!(again.may_follow(before), may, "{again:?} {so_often}");
                match again {
                    Again::Restart(Restart::Aborted) => before.aborted = 0,
                    Again::Restart(Restart::Stale) => before.stale = 0,
                    Again::CutOff => before.cut_off = 0,
                    _ => {}
                }
                // Of another kind there may have been however many.
                assert!(again.may_follow(before), "{again:?} {so_often}");
            }
        }
    }

    /// The later one is of what there is now: with fewer rows there are fewer levels to ask.
    #[test]
    fn an_attempt_that_nobody_broke_is_the_answer() {
        let ran = || super::super::Ran {
            sql: "".into(),
            keys: 0,
            rows: 0,
            took: Duration::ZERO,
        };
        let asked = |n: usize| {
            (0..n).map(move |_| Loaded {
                ran: Some(ran()),
                ..Loaded::default()
            })
        };
        let broken = |n: usize| {
            let cause = None;
            let why = Restart::HeldUp;
            let error = DatabaseError::Restart { why, cause };
            let failed = Loaded {
                failed: Some(Arc::new(LevelError::new(error, Some(n), None))),
                ..Loaded::default()
            };
            asked(n).chain([failed]).collect::<Vec<_>>()
        };
        let is_broken = |loaded: &[Loaded]| loaded.iter().any(|level| level.failed.is_some());
        let whole: Vec<_> = asked(1)
            .chain([Loaded::default(), Loaded::default()])
            .collect();
        assert!(!is_broken(&richer(Some(broken(2)), whole)));
        // Of two that were broken, that which has loaded more.
        assert_eq!(richer(Some(broken(2)), broken(1)).len(), 3);
        assert_eq!(richer(Some(broken(1)), broken(2)).len(), 3);
    }
}
