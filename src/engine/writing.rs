//! What a mutation does in its transaction.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use apollo_compiler::Name;

use super::heeded::{Heeded, Runs};
use super::mutation::{join, told};
use super::{Planner, Prepared};
use crate::error::{Code, Error};
use crate::graph::Principal;
use crate::graph::keys::KeyValue;
use crate::graph::own::OwnId;
use crate::graph::rules::Shape;
use crate::identity::accounts::{Account, AccountError, Accounts, Session, names_of};
use crate::log;
use crate::read::explain;
use crate::read::load::admission::{Cost, Costs};
use crate::read::load::change::{Abort, Change, Given, Transaction, Work};
use crate::read::load::refusal::Refusal;
use crate::read::load::{self, DatabaseError, Failures, Loaded, Ran, Writers};
use crate::read::own::Answering;
use crate::read::plan::{Bound, BoundPlan};
use crate::read::respond::Answered;
use crate::read::sql::Dialect;
use crate::write::once::{self, Begun, Once};
use crate::write::{self, Alone, Refused, Turn, Units, Writer};

/// The fields of a mutation, all of which are done or none.
pub struct Doing {
    pub planner: Arc<Planner>,
    pub principal: Principal,
    pub units: Units,
    /// One for each field.
    pub steps: Vec<Step>,
    /// As the answer calls the fields.
    pub keys: Vec<Name>,
    pub deadline: Instant,
    /// Rows that a condition may match at most.
    pub most: u32,
    /// What it takes at most.
    pub bound: Bound,
    /// Whether to say what it cost.
    pub explain: bool,
    /// It is done once, however often it comes.
    pub once: Option<Once>,
    /// Its turn at the rows that it changes, on PostgreSQL.
    pub turn: Turn,
    pub runs: Runs,
    /// Whether each row is looked for before it is changed, though it may come alone.
    pub looks_first: AtomicBool,
}

/// What one field does.
pub enum Step {
    /// It only reads.
    Read(Prepared),
    /// It writes what its unit of work says, and reads what was written.
    Write(Prepared),
    /// It does what somebody's own code says, and reads what that gives.
    Own(OwnId, Prepared),
    /// It makes an account and signs in by it, as one of these shapes.
    SignUp(Vec<(Shape, Prepared)>, Arc<Accounts>),
    /// It signs in by an account that an earlier field may have made.
    SignIn {
        payloads: Vec<(Shape, Prepared)>,
        accounts: Arc<Accounts>,
        username: String,
        password: String,
    },
}

/// What came of a mutation.
pub struct Written {
    /// The fields of `data`, without its braces.
    pub data: Vec<u8>,
    pub extensions: Option<Vec<u8>>,
}

/// Why nothing was done.
pub enum Failure {
    /// By the field whose fault it is.
    Field {
        at: usize,
        errors: Vec<Error>,
    },
    KeyIsTaken,
}

/// Why it was not done.
pub enum Undone {
    Field {
        at: usize,
        why: Refused,
    },
    /// Its key is that of another request.
    KeyIsTaken,
    /// It is to be done again, and looked at first.
    Unclear,
}

pub(super) type Stop = Abort<Undone>;

/// What work may take that others' may wait for: rows written, and what is run and read at most.
const BRIEF_WRITTEN: usize = 100;
const BRIEF: Bound = Bound {
    statements: 32,
    rows: 5_000,
};

/// What a row takes of which nothing is known, at a guess.
const A_ROW: Duration = Duration::from_micros(100);

impl Work for Doing {
    type Done = Written;
    type Refused = Undone;

    fn is_brief(&self) -> bool {
        // Somebody's own code may wait for anything, and so does whoever signs in.
        let only_asks = |step: &Step| match step {
            Step::Read(prepared) | Step::Write(prepared) => prepared.bound.plan.own.is_none(),
            Step::Own(..) | Step::SignUp(..) | Step::SignIn { .. } => false,
        };
        self.bound.statements <= BRIEF.statements
            && self.bound.rows <= BRIEF.rows
            && self.units.nodes.len() <= BRIEF_WRITTEN
            && self.steps.iter().all(only_asks)
            && self.units.is_all_named(&self.planner.shared.catalog)
    }

    fn is_serial(&self) -> bool {
        let catalog = &self.planner.shared.catalog;
        // What somebody's own code writes is known only as it does.
        let writes = |step: &Step| match step {
            Step::Own(own, _) => catalog.owns.fields[*own].statements > 0,
            _ => false,
        };
        let agrees = self.units.acts.iter().any(|act| act.agrees);
        agrees || (!catalog.agreements.is_empty() && self.steps.iter().any(writes))
    }

    fn cost(&self) -> Option<&Cost> {
        Some(self.learnt()?.of(self.units.nodes.len()))
    }

    fn guess(&self) -> Duration {
        Duration::from_millis(1) + A_ROW * self.units.nodes.len() as u32
    }

    async fn again(&self) {
        self.turn.again().await;
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<Written, Stop> {
        self.acting(&Heeded::new(on, &self.runs)).await
    }
}

impl Doing {
    /// On the heap, since it is large: else it would be in the state, and on the stack, of each that waits for it.
    fn acting<'a, T: Transaction>(
        &'a self,
        on: &'a T,
    ) -> Pin<Box<impl Future<Output = Result<Written, Stop>> + 'a>> {
        Box::pin(self.act_all(on))
    }

    async fn act_all<T: Transaction>(&self, on: &T) -> Result<Written, Stop> {
        let catalog = &self.planner.shared.catalog;
        let writer = Writer::new(catalog, &self.principal, &self.units, self.most, on);
        let mut writer = writer.keeping(&self.planner.shared.changes);
        // What was run, in its order.
        let mut cost = Vec::new();
        if let Some(once) = &self.once {
            let mut kept = Vec::new();
            let begun = once.begin(on, &mut kept).await?;
            cost.extend(kept.into_iter().map(of_key));
            match begun {
                Begun::New => {}
                Begun::Done(answer) => {
                    return Ok(Written {
                        data: answer.into_bytes(),
                        extensions: self.costs(cost),
                    });
                }
                Begun::Other => return Err(Abort::Refused(Undone::KeyIsTaken)),
            }
        }
        let mut data = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            self.runs.come_to(Some(at));
            let of_field = |abort: Abort<Refused>| match abort {
                Abort::Database(error) => Abort::Database(error),
                Abort::Refused(why) => Abort::Refused(Undone::Field { at, why }),
            };
            let answered = match step {
                Step::Read(prepared) => {
                    self.read(prepared, prepared.bound.clone(), &mut cost, on)
                        .await
                }
                Step::Own(own, prepared) => self.own(at, *own, prepared, &mut cost, on).await,
                Step::Write(prepared) if self.comes_alone(at, &mut writer) => {
                    let done = self.change_alone(at, prepared, &mut writer, &mut cost, on);
                    done.await
                }
                Step::Write(prepared) => {
                    writer.find(at).await.map_err(of_field)?;
                    let read = |writer: &Writer<'_, T>| {
                        let keys = writer.keys(at);
                        prepared.bound.clone().written(keys.len(), Some(&keys))
                    };
                    match writer.deletes(at) {
                        true => {
                            let bound = read(&writer);
                            self.note_written(&mut writer, &mut cost);
                            let answered = self.read(prepared, bound, &mut cost, on).await?;
                            // What cannot be shown is not deleted either.
                            if answered.fields().is_some() && answered.errors.is_empty() {
                                writer.apply(at).await.map_err(of_field)?;
                            }
                            Ok(answered)
                        }
                        false => {
                            writer.apply(at).await.map_err(of_field)?;
                            self.note_written(&mut writer, &mut cost);
                            self.read(prepared, read(&writer), &mut cost, on).await
                        }
                    }
                }
                Step::SignUp(payloads, accounts) => {
                    writer.find(at).await.map_err(of_field)?;
                    writer.apply(at).await.map_err(of_field)?;
                    let read = self.signed_up(at, &writer, payloads, accounts);
                    let (prepared, bound) = read.map_err(of_field)?;
                    self.note_written(&mut writer, &mut cost);
                    self.read(&prepared, bound, &mut cost, on).await
                }
                Step::SignIn {
                    payloads,
                    accounts,
                    username,
                    password,
                } => {
                    let found = writer
                        .account(&names_of(username))
                        .await
                        .map_err(of_field)?;
                    let found = found.map(|(id, hash, role)| Account { id, hash, role });
                    let session = accounts.sign_in_as(found, password.clone()).await;
                    let read = self.signed_in(session, payloads);
                    let (prepared, bound) = read.map_err(of_field)?;
                    self.note_written(&mut writer, &mut cost);
                    self.read(&prepared, bound, &mut cost, on).await
                }
            }?;
            self.note_written(&mut writer, &mut cost);
            match (answered.fields(), &answered.errors[..]) {
                (Some(fields), []) => join(&mut data, fields),
                _ => {
                    return Err(Abort::Refused(Undone::Field {
                        at,
                        why: Refused::Errors(once_each(answered.errors)),
                    }));
                }
            }
        }
        self.runs.come_to(None);
        if let Some(once) = &self.once {
            let answer = String::from_utf8_lossy(&data);
            let mut kept = Vec::new();
            once.end(on, &answer, &mut kept).await?;
            cost.extend(kept.into_iter().map(of_key));
        }
        let extensions = self.costs(cost);
        Ok(Written { data, extensions })
    }

    /// What was run, where somebody asks.
    fn costs(&self, ran: Vec<(String, Ran)>) -> Option<Vec<u8>> {
        self.explain.then(|| explain::of_mutation(self.bound, ran))
    }

    /// Takes down what has been written, where somebody asks.
    fn note_written<T: Transaction>(
        &self,
        writer: &mut Writer<'_, T>,
        cost: &mut Vec<(String, Ran)>,
    ) {
        if self.explain {
            let ran = writer.ran.drain(..);
            cost.extend(ran.map(|ran| (ran.path, ran.ran)));
        }
    }

    /// Does it, and says what is wrong where it is not done.
    pub async fn run(self: &Arc<Self>, writers: &Writers) -> Result<Written, Failure> {
        let done = match self.take_turn(writers).await {
            true => self.try_all(writers).await,
            false => Err(DatabaseError::TimedOut.into()),
        };
        self.turn.end();
        match done {
            Ok(written) => Ok(written),
            Err(Abort::Database(DatabaseError::Uncommitted(error))) => {
                let (at, error) = self.uncommitted(*error, writers).await;
                Err(Failure::Field {
                    at,
                    errors: vec![error],
                })
            }
            Err(Abort::Database(error)) => Err(Failure::Field {
                at: self.runs.at().unwrap_or_default(),
                errors: vec![self.shown(&error)],
            }),
            Err(Abort::Refused(Undone::KeyIsTaken)) => Err(Failure::KeyIsTaken),
            Err(Abort::Refused(Undone::Unclear)) => Err(Failure::Field {
                at: 0,
                errors: vec![write::broken(None)],
            }),
            Err(Abort::Refused(Undone::Field { at, why })) => {
                let errors = match why {
                    Refused::Errors(errors) => errors,
                    Refused::Statement(failed) => self.refused(&failed, writers).await,
                    Refused::Policy(errors) => {
                        let why = "PostgreSQL: the policies of a table (`pg_policies`) show the role, as which the server connects, rows that they do not let it change";
                        self.warn_of_policy(&DatabaseError::Shape(why.to_owned()));
                        errors
                    }
                };
                Err(Failure::Field { at, errors })
            }
        }
    }

    /// Whoever commits has time for that, and says what became of it, however late.
    async fn try_all(self: &Arc<Self>, writers: &Writers) -> Result<Written, Stop> {
        match writers.run(self.clone(), self.deadline).await {
            Err(Abort::Refused(Undone::Unclear)) => {
                self.looks_first.store(true, Ordering::Relaxed);
                writers.run(self.clone(), self.deadline).await
            }
            done => done,
        }
    }

    /// Waits until no other request of this server changes the same rows; whether that was before its time was over.
    async fn take_turn(&self, writers: &Writers) -> bool {
        // SQLite's writers take turns at all rows.
        if writers.dialect() == Dialect::Sqlite {
            return true;
        }
        let turn = self.turn.take(&self.planner.shared.catalog, &self.units);
        tokio::time::timeout_at(self.deadline.into(), turn)
            .await
            .is_ok()
    }

    /// What the writing is learnt of: its plan, by the rows that it writes.
    fn learnt(&self) -> Option<&Costs> {
        let prepared = match self.steps.first()? {
            Step::Read(prepared) | Step::Write(prepared) | Step::Own(_, prepared) => prepared,
            Step::SignUp(payloads, _) | Step::SignIn { payloads, .. } => &payloads.first()?.1,
        };
        Some(&prepared.learnt.writing)
    }

    /// What the database would not have, as errors of the input.
    async fn refused(&self, failed: &write::Failed, writers: &Writers) -> Vec<Error> {
        let catalog = &self.planner.shared.catalog;
        let Some(refusal) = Refusal::of(&failed.error) else {
            return vec![self.shown(&failed.error)];
        };
        let refusal = match refusal.complete(writers, self.deadline).await {
            Ok(refusal) => refusal,
            Err(error) => return vec![shown(&error, None, None)],
        };
        if refusal == Refusal::Policy {
            self.warn_of_policy(&failed.error);
        }
        let rules = catalog.rules(catalog.shape(&self.principal));
        let inquiry = write::Inquiry::of(catalog, writers.dialect(), rules, failed, &refusal);
        let look = Arc::new(Look(inquiry.changes()));
        let found = match look.0.is_empty() {
            true => None,
            false => writers.run(look, self.deadline).await.ok(),
        };
        let is_made_refused = match inquiry.attempt() {
            Some(insert) => is_refused(insert, writers, self.deadline).await,
            None => None,
        };
        let findings = inquiry.findings(
            catalog,
            &self.units,
            failed,
            &refusal,
            found,
            is_made_refused,
        );
        write::explain(catalog, failed, &refusal, &findings)
    }

    /// Whoever asks is told no more than that a policy refuses it; who runs the server may have meant otherwise.
    fn warn_of_policy(&self, error: &DatabaseError) {
        let key = self.runs.at().and_then(|at| self.keys.get(at));
        let sql = self.runs.sql();
        let key = key.map(Name::as_str);
        report(log::Weight::Warning, error, key, sql.as_deref());
    }

    /// What the database found when all was done, as an error of the field whose row it is.
    async fn uncommitted(&self, error: DatabaseError, writers: &Writers) -> (usize, Error) {
        match write::uncommitted(&self.planner.shared.catalog, &self.units, error) {
            Ok((at, failed)) => {
                let errors = self.refused(&failed, writers).await;
                let error = errors.into_iter().next();
                (at, error.unwrap_or_else(|| write::broken(None)))
            }
            Err(error) => {
                let refusal = Refusal::of(&error);
                if refusal == Some(Refusal::Policy) {
                    self.warn_of_policy(&error);
                }
                tracing::debug!(%error, "a mutation was not committed");
                (0, write::broken(refusal.as_ref()))
            }
        }
    }

    fn shown(&self, error: &DatabaseError) -> Error {
        match self.once.is_some() && once::has_no_table(error) {
            true => Error::input(format!(
                "this database keeps no answers, so nothing can be sent with an Idempotency-Key: it has no table `{}`",
                once::TABLE
            )),
            false => {
                let key = self.runs.at().and_then(|at| self.keys.get(at));
                let sql = self.runs.sql();
                shown(error, key.map(Name::as_str), sql.as_deref())
            }
        }
    }

    /// What is read of somebody who has signed up, on his behalf.
    fn signed_up<T: Transaction>(
        &self,
        at: usize,
        writer: &Writer<'_, T>,
        payloads: &[(Shape, Prepared)],
        accounts: &Accounts,
    ) -> Result<(Prepared, BoundPlan), Abort<Refused>> {
        let catalog = &self.planner.shared.catalog;
        let text = |column| match writer.of_row(at, column) {
            Some(KeyValue::Int(id)) => Some(id.to_string()),
            Some(KeyValue::Text(text)) => Some(text.to_string()),
            None => None,
        };
        let columns = catalog.accounts.as_ref();
        let id = columns.and_then(|c| text(c.key)).unwrap_or_default();
        let role = columns.and_then(|c| text(c.role));
        self.signed_in(accounts.session(id, role), payloads)
    }

    fn signed_in(
        &self,
        session: Result<Session, AccountError>,
        payloads: &[(Shape, Prepared)],
    ) -> Result<(Prepared, BoundPlan), Abort<Refused>> {
        let catalog = &self.planner.shared.catalog;
        let session =
            session.map_err(|error| Abort::Refused(Refused::Errors(vec![told(error)])))?;
        let shape = catalog.shape(&session.principal);
        let prepared = payloads.iter().find(|(of, _)| *of == shape);
        let Some((_, prepared)) = prepared else {
            let error = Error::new(Code::Forbidden, "you may not see what you would be");
            return Err(Abort::Refused(Refused::Errors(vec![error])));
        };
        let bound = prepared
            .bound
            .clone()
            .on_behalf_of(catalog, session.principal);
        Ok((prepared.with_token(session.token), bound))
    }

    async fn read<T: Transaction>(
        &self,
        prepared: &Prepared,
        bound: BoundPlan,
        cost: &mut Vec<(String, Ran)>,
        on: &T,
    ) -> Result<Answered, Stop> {
        let answering = self.load(prepared, &bound, on).await;
        Ok(self.answered(prepared, &bound, answering, cost))
    }

    /// What was loaded as it is answered.
    fn answered(
        &self,
        prepared: &Prepared,
        bound: &BoundPlan,
        mut answering: Answering,
        cost: &mut Vec<(String, Ran)>,
    ) -> Answered {
        name_cause(&mut answering.loaded);
        self.note_cost(bound, &answering.loaded, cost);
        self.planner.shared.write_own(prepared, bound, &answering)
    }

    /// Whether a field changes one row, and that need not be looked for first.
    fn comes_alone<T: Transaction>(&self, at: usize, writer: &mut Writer<'_, T>) -> bool {
        !self.looks_first.load(Ordering::Relaxed) && writer.comes_alone(at)
    }

    /// Changes the row of a field that need not be looked for first, and reads it. On the heap, since it would be in the state of
    /// every field.
    fn change_alone<'w, T: Transaction>(
        &'w self,
        at: usize,
        prepared: &'w Prepared,
        writer: &'w mut Writer<'_, T>,
        cost: &'w mut Vec<(String, Ran)>,
        on: &'w T,
    ) -> Pin<Box<impl Future<Output = Result<Answered, Stop>>>> {
        Box::pin(async move {
            let keys = writer.keys(at);
            let bound = prepared.bound.clone().written(keys.len(), Some(&keys));
            let load = self.load(prepared, &bound, on);
            let changed = writer.change_alone(at, load).await;
            let answering = changed.map_err(|why| match why {
                Alone::Stopped(Abort::Database(error)) => Abort::Database(error),
                Alone::Stopped(Abort::Refused(why)) => Abort::Refused(Undone::Field { at, why }),
                Alone::Unclear => Abort::Refused(Undone::Unclear),
            })?;
            self.note_written(writer, cost);
            Ok(self.answered(prepared, &bound, answering, cost))
        })
    }

    /// Takes down what was run, where somebody asks.
    pub(super) fn note_cost(
        &self,
        bound: &BoundPlan,
        loaded: &[Loaded],
        cost: &mut Vec<(String, Ran)>,
    ) {
        if self.explain {
            let ran = loaded.iter().enumerate();
            cost.extend(ran.filter_map(|(i, level)| {
                let ran = level.ran.clone()?;
                Some((bound.plan.path(i), ran))
            }));
        }
    }

    /// Loads what is read, and calls the fields of one's own in it.
    async fn load<T: Transaction>(
        &self,
        prepared: &Prepared,
        bound: &BoundPlan,
        on: &T,
    ) -> Answering {
        let (catalog, failures) = (&self.planner.shared.catalog, Failures::default());
        let (learnt, deadline) = (&prepared.learnt, self.deadline);
        let Some(own) = &bound.plan.own else {
            let loading = load::load(catalog, bound, learnt, &failures, deadline, on);
            return Answering {
                loaded: loading.await,
                given: Vec::new(),
            };
        };
        let mut answering = Answering::new(bound);
        for phase in 0..=own.later.len() {
            self.load_phase(prepared, bound, phase, &mut answering, on)
                .await;
        }
        answering
    }

    /// Loads what waits for so many fields of one's own, and calls those that are of it.
    pub(super) async fn load_phase<T: Transaction>(
        &self,
        prepared: &Prepared,
        bound: &BoundPlan,
        phase: usize,
        answering: &mut Answering,
        on: &T,
    ) {
        let (catalog, failures) = (&self.planner.shared.catalog, Failures::default());
        let (learnt, deadline) = (&prepared.learnt, self.deadline);
        let bound = answering.bound(bound, phase);
        let loaded = load::load(catalog, &bound, learnt, &failures, deadline, on).await;
        answering.take(&bound, loaded);
        answering.call(catalog, &bound, deadline).await;
    }
}

/// A statement for the key by which a request is done once.
fn of_key(ran: Ran) -> (String, Ran) {
    ("Idempotency-Key".to_owned(), ran)
}

/// Whatever else is asked when a statement fails fails with it, since the transaction is over: that is no cause of its
/// own.
fn name_cause(loaded: &mut [Loaded]) {
    let mut failed = loaded.iter().filter_map(|level| level.failed.as_ref());
    let Some(cause) = failed.find(|failed| !failed.error.is_of_others()).cloned() else {
        return;
    };
    for failed in loaded.iter_mut().filter_map(|level| level.failed.as_mut()) {
        if failed.error.is_of_others() {
            *failed = cause.clone();
        }
    }
}

/// Errors of which each says something else.
fn once_each(mut errors: Vec<Error>) -> Vec<Error> {
    let mut said = HashSet::new();
    errors.retain(|error| said.insert(error.message.clone()));
    errors
}

/// What went wrong with the database, of which no more than an id is told: beside this statement, of the field of this
/// key.
fn shown(error: &DatabaseError, key: Option<&str>, sql: Option<&str>) -> Error {
    if let DatabaseError::ReadOnly(_) = error {
        let message = "this server does not write to its database";
        return Error::new(Code::Forbidden, message);
    }
    if let DatabaseError::Overloaded { retry_after } = error {
        let message = "nothing was done: the server has more to do than it can; try again later";
        return Error {
            retry_after: Some(retry_after.as_secs().max(1)),
            ..Error::new(Code::Unavailable, message)
        };
    }
    let id = report(log::Weight::Error, error, key, sql);
    if error.is_timeout() {
        let message = format!("the request took too long, and nothing was done (error {id})");
        return Error::new(Code::Timeout, message);
    }
    if let DatabaseError::Unknown(_) = error {
        let message = format!(
            "the database was lost while it stored this, so it may be done or not: look before you send it again (error {id})"
        );
        return Error::new(Code::Unavailable, message);
    }
    if error.is_unavailable() {
        let message = format!("nothing was done; try again (error {id})");
        return Error {
            retry_after: Some(1),
            ..Error::new(Code::Unavailable, message)
        };
    }
    Error::new(
        Code::InternalServerError,
        format!("nothing was done: internal error {id}"),
    )
}

/// Tells the log what went wrong beside a statement, of the field of a key, and gives the id under which it is found.
fn report(
    weight: log::Weight,
    error: &DatabaseError,
    key: Option<&str>,
    sql: Option<&str>,
) -> Arc<str> {
    let said = error.said(sql.unwrap_or_default());
    // What is no statement's fault is one cause, whichever it hits.
    let is_own = !error.is_of_others();
    let position = said.position;
    log::report(&log::Cause {
        weight,
        what: "a mutation was not done",
        code: said.code.as_deref(),
        why: &said.why,
        path: key.filter(|_| is_own),
        statement: sql
            .filter(|_| is_own)
            .map(|sql| log::Statement { sql, position }),
    })
}

/// Whether a row is refused by what it is itself; nothing where that is not known.
async fn is_refused(insert: Change, writers: &Writers, deadline: Instant) -> Option<bool> {
    match writers.run(Arc::new(Attempt(insert)), deadline).await {
        Err(Abort::Refused(is_refused)) => Some(is_refused),
        Err(Abort::Database(_)) => None,
        Ok(never) => match never {},
    }
}

/// A statement of which nothing stays: whether it is refused.
struct Attempt(Change);

impl Work for Attempt {
    type Done = Infallible;
    type Refused = bool;

    fn is_brief(&self) -> bool {
        false
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<Infallible, Abort<bool>> {
        match on.change(&self.0).await {
            Ok(_) => Err(Abort::Refused(false)),
            Err(error) => Err(match Refusal::of(&error) {
                Some(refusal) => Abort::Refused(!refusal.is_of_others()),
                None => Abort::Database(error),
            }),
        }
    }
}

/// A look at rows, when all that was written is taken back.
struct Look(Vec<Change>);

impl Work for Look {
    type Done = Vec<Vec<Given>>;
    type Refused = Infallible;

    fn is_brief(&self) -> bool {
        true
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<Self::Done, Abort<Infallible>> {
        let mut found = Vec::new();
        for change in &self.0 {
            found.push(on.change(change).await?);
        }
        Ok(found)
    }
}
