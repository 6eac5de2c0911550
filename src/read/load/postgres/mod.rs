//! PostgreSQL through tokio-postgres, on connections that requests share; values are read in the binary
//! format, where they lie in what was received.

mod connect;
mod pool;
mod session;
mod tls;

use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::TryStreamExt;
use tokio_postgres::RowStream;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::admission::Cost;
use super::learnt::Learnt;
use super::rows::{Rows, RowsBuilder};
use super::{Connection, DatabaseError, Failures, Loaded, Restart, Statement};
use crate::graph::keys::KeyColumn;
use crate::graph::{Catalog, Kind};
use crate::read::encode::{Raw, wire};
use crate::read::plan::{BoundPlan, Level};
use crate::read::sql::{BindValue, Dialect};

pub use connect::{Connector, without_pgbouncer};
pub use pool::PostgresPool;
use pool::{Company, Look, Member, PATIENCE, Wish};

impl PostgresPool {
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
        let statements: usize = bound.plan.stages.iter().map(Vec::len).sum();
        let mut wish = Wish {
            snapshot: bound.bound.statements > 1,
            company: company(learnt),
        };
        // One that has failed lately is taken to fail again.
        let mut apart = !learnt.trust.is_given();
        let mut failures = Failures::default();
        let mut permit = None;
        let mut best: Option<Vec<Loaded>> = None;
        let mut broken = 0;
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
                (Err(error), Some(before)) => return Ok(super::cut_short(before, error)),
            };
            let turn = Turn::new(member, deadline, &learnt.cost, apart);
            let began = Instant::now();
            let loaded = super::load(catalog, bound, learnt, &failures, deadline, &turn).await;
            let again = Again::after(&loaded, &mut failures);
            let may = |again: &Again| again.may_follow(broken) && Instant::now() < deadline;
            let Some(again) = again.filter(may) else {
                turn.tell();
                match loaded.iter().all(|level| level.failed.is_none()) {
                    true => {
                        learnt.cost.learn(turn.member.took());
                        learnt.trust.has_run();
                    }
                    false => learnt.trust.has_failed(),
                }
                return Ok(richer(best, loaded));
            };
            tracing::debug!(?again, broken, "a request begins again");
            best = Some(richer(best, loaded));
            broken += usize::from(again != Again::Failure);
            match again {
                Again::CutOff => self.distrust(began),
                Again::Restart(Restart::Slow) => {
                    wish.company = Company::Slow;
                    permit = None;
                }
                Again::Failure => apart = true,
                Again::Restart(_) => {}
            }
            if wish.company != Company::Slow && again != Again::CutOff {
                wish.company = Company::Again;
            }
        }
    }
}

/// Of two attempts the one that has loaded more, the later one if both have loaded as much.
fn richer(before: Option<Vec<Loaded>>, after: Vec<Loaded>) -> Vec<Loaded> {
    let answered = |loaded: &[Loaded]| loaded.iter().filter(|level| level.ran.is_some()).count();
    match before {
        Some(before) if answered(&before) > answered(&after) => before,
        _ => after,
    }
}

async fn within<T>(
    deadline: Instant,
    waiting: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let waited = tokio::time::timeout_at(deadline.into(), waiting).await;
    waited.unwrap_or(Err(DatabaseError::TimedOut))
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

    /// Whether a request begins again of which so many attempts were broken by others. Its own failures are no more than
    /// its levels, so they need no such end.
    fn may_follow(self, broken: usize) -> bool {
        match self {
            Again::Failure => true,
            Again::CutOff => broken < 1,
            Again::Restart(_) => broken < 5,
        }
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
    /// Whether each statement is asked apart from the others, so that its failure does not end their transaction.
    apart: bool,
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
            member,
            deadline,
            cost,
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
            catalog,
            level,
            statement,
            parameters: parameters(statement),
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
            match self.member.look() {
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
    catalog: &'a Catalog,
    level: &'a Level,
    statement: &'a Statement<'a>,
    parameters: Vec<Parameter<'a>>,
}

impl Query<'_> {
    async fn ask(&self) -> Result<Rows, DatabaseError> {
        let (session, sql) = (&self.member.session, &self.statement.sql.text);
        let types = || self.parameters.iter().map(Parameter::sql_type);
        if session.keeps_statements() && session.prepared(sql).is_none() {
            let types: Vec<Type> = types().collect();
            let prepare = session.prepare(sql, &types);
            let (prepared, _) = self.send(|| {}, prepare).await;
            prepared.map_err(|error| self.restart(error))?;
        }
        let runs = AtomicBool::new(false);
        let asking = async {
            let found = match session.prepared(sql) {
                Some(prepared) => {
                    session
                        .client()
                        .query_raw(&prepared, &self.parameters)
                        .await?
                }
                None => {
                    let typed = self.parameters.iter().zip(types());
                    let marked = self.member.mark() + sql;
                    session.client().query_typed_raw(&marked, typed).await?
                }
            };
            runs.store(true, Ordering::Relaxed);
            self.read(found).await
        };
        let (rows, took) = self.send(|| self.member.done(), asking).await;
        self.member.add(took);
        rows.map_err(|error| {
            let error = match self.restart(error) {
                DatabaseError::Postgres(error) if !session.keeps_statements() => {
                    DatabaseError::Marked {
                        error,
                        before: self.member.mark().len() as u32,
                    }
                }
                other => other,
            };
            match runs.load(Ordering::Relaxed) {
                true => error,
                false => error.before_rows(),
            }
        })
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

    /// What to do about an error: where another's statement is its cause, the request begins again.
    fn restart(&self, error: DatabaseError) -> DatabaseError {
        let session = &self.member.session;
        let why = match error.sql_state() {
            Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => Restart::Aborted,
            Some(&SqlState::QUERY_CANCELED) if session.was_cancelled() => Restart::Aborted,
            // Class 40: it was in the way of others, as reads are of a standby's recovery.
            Some(code) if code.code().starts_with("40") => Restart::Aborted,
            // Its tables have changed, or a pooler between us and the server took another of its sessions.
            Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME)
                if session.forget(&self.statement.sql.text) =>
            {
                Restart::Stale
            }
            _ => return error,
        };
        DatabaseError::Restart {
            why,
            cause: Some(Box::new(error)),
        }
    }

    async fn read(&self, found: RowStream) -> Result<Rows, DatabaseError> {
        let mut found = pin!(found);
        let mut rows = RowsBuilder::new(self.catalog, self.level, self.statement, |integer| {
            match integer {
                true => &Kind::BigInt,
                // A cursor's other values are sent as PostgreSQL's text of them.
                false => &Kind::Text,
            }
        });
        let kinds = rows.kinds.clone();
        let ordinals = self.statement.sql.ordinal;
        let skip = usize::from(ordinals);
        while let Some(row) = found.try_next().await? {
            let ordinal = match ordinals {
                true => Some(row.try_get::<_, i64>(0)? as u32 - 1),
                false => None,
            };
            rows.push(ordinal, |read| {
                let Wire(value) = row.try_get(read + skip)?;
                let value = value.map(|bytes| wire::raw(kinds[read], bytes));
                Ok::<_, DatabaseError>(value.unwrap_or(Raw::Null))
            })?;
        }
        rows.finish()
    }
}

/// A value of any type as it was received.
struct Wire<'r>(Option<&'r [u8]>);

impl<'r> FromSql<'r> for Wire<'r> {
    fn from_sql(_: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Wire(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Wire(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A value that is bound to a statement.
#[derive(Debug)]
enum Parameter<'a> {
    NoInt,
    NoText,
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Ints(&'a [i64]),
    Texts(&'a [Box<str>]),
}

fn parameters<'a>(statement: &Statement<'a>) -> Vec<Parameter<'a>> {
    let keys = statement
        .keys
        .iter()
        .map(|column| match (column, statement.len) {
            (KeyColumn::Int(v), 1) => Parameter::Int(v[0]),
            (KeyColumn::Text(v), 1) => Parameter::Text(&v[0]),
            (KeyColumn::Int(v), _) => Parameter::Ints(v),
            (KeyColumn::Text(v), _) => Parameter::Texts(v),
        });
    let offset = statement
        .sql
        .binds_offset
        .then(|| Parameter::Int(i64::from(statement.offset)));
    let values = statement.values.iter().map(|value| match value {
        BindValue::Null { integer: true } => Parameter::NoInt,
        // What is brought along has been filled in.
        BindValue::Null { .. } | BindValue::Brought(_) => Parameter::NoText,
        BindValue::Int(v) => Parameter::Int(*v),
        BindValue::Float(v) => Parameter::Float(*v),
        BindValue::Text(v) => Parameter::Text(v),
        BindValue::Bytes(v) => Parameter::Bytes(v),
        BindValue::Ints(v) => Parameter::Ints(v),
        BindValue::Texts(v) => Parameter::Texts(v),
    });
    keys.chain(offset).chain(values).collect()
}

impl Parameter<'_> {
    fn sql_type(&self) -> Type {
        match self {
            Parameter::Int(_) | Parameter::NoInt => Type::INT8,
            Parameter::Float(_) => Type::FLOAT8,
            // Of the type that PostgreSQL finds it is compared with or cast from.
            Parameter::Text(_) | Parameter::Texts(_) | Parameter::NoText => Type::UNKNOWN,
            Parameter::Bytes(_) => Type::BYTEA,
            Parameter::Ints(_) => Type::INT8_ARRAY,
        }
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Parameter::NoInt | Parameter::NoText => Ok(IsNull::Yes),
            Parameter::Int(v) => v.to_sql(of, out),
            Parameter::Float(v) => v.to_sql(of, out),
            Parameter::Text(v) => {
                out.extend_from_slice(v.as_bytes());
                Ok(IsNull::No)
            }
            Parameter::Bytes(v) => v.to_sql(of, out),
            Parameter::Ints(v) => v.to_sql(of, out),
            Parameter::Texts(v) => {
                array_text(v, out);
                Ok(IsNull::No)
            }
        }
    }

    /// Texts are sent as such, whatever type PostgreSQL takes them for.
    fn encode_format(&self, _: &Type) -> Format {
        match self {
            Parameter::Text(_) | Parameter::Texts(_) => Format::Text,
            _ => Format::Binary,
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// PostgreSQL's text of an array: `{"a","b"}`.
fn array_text(items: &[Box<str>], out: &mut BytesMut) {
    out.extend_from_slice(b"{");
    for (i, item) in items.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"\"" } else { b",\"" });
        for part in item.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(before) => {
                    out.extend_from_slice(before.as_bytes());
                    out.extend_from_slice(b"\\");
                    out.extend_from_slice(&part.as_bytes()[before.len()..]);
                }
                None => out.extend_from_slice(part.as_bytes()),
            }
        }
        out.extend_from_slice(b"\"");
    }
    out.extend_from_slice(b"}");
}
