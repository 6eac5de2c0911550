//! A mutation: its fields sign in, and write, one after the other and in one transaction. What they give is planned and read
//! as a query is, on the same transaction: on behalf of whoever asks, or of whoever has signed in.
//!
//! Whether it can be written and read is looked at before anything acts, so that what is refused has done nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use apollo_compiler::response::{JsonMap, JsonValue};

use super::heeded::Runs;
use super::planner::Shared;
use super::writing::{Doing, Failure, Step};
use super::{Asked, Engine, Planner, Prepared, Refused, Request, Response, note_refused, refuse};
use crate::error::{Code, Error, MAX_ERRORS, PathSegment};
use crate::graph::keys::KeyValue;
use crate::graph::rules::Shape;
use crate::graph::{ColumnIx, Kind, Principal, Subject};
use crate::identity::accounts::{self, Account, AccountError, Accounts, Session, SignUp, names_of};
use crate::log;
use crate::read::explain::{self, Explained};
use crate::read::load::Writers;
use crate::read::plan::{self, Acting, Action, Bound, Part};
use crate::read::respond::{Answered, with_errors};
use crate::read::sql::Dialect;
use crate::write::account;
use crate::write::once::{Forget, Once};
use crate::write::{self, Binding, Bounds, Turn, Units};

/// A mutation of which all is known that can be before it acts.
pub(super) struct Planned {
    pub(super) fields: Vec<Acting>,
    pub(super) units: Units,
    /// What is read of each field; `None` where that depends on who signs in.
    payloads: Vec<Option<Prepared>>,
    pub(super) bound: Bound,
}

impl Engine {
    /// Does what a mutation asks. Every problem is in the response.
    pub(super) async fn mutate(
        &self,
        request: &Request,
        asked: &Asked<'_>,
        principal: Principal,
        started: Instant,
    ) -> Response {
        let is_once = request.idempotency_key.is_some();
        let dialect = self.database.dialect();
        let planned = match self.planner.mutation(asked, &principal, dialect, is_once) {
            Ok(planned) => planned,
            Err(Unplanned::Request(error)) => {
                note_refused(std::slice::from_ref(&error));
                return refuse(&[error]);
            }
            Err(Unplanned::Field(field, errors)) => {
                note_refused(&errors);
                return failed(asked, &field, errors).response();
            }
        };
        let deadline = started + self.timeout;
        let count = planned.fields.len();
        let done = self
            .act_all(request, asked, principal, planned, deadline)
            .await;
        tracing::debug!(
            operation = request.operation_name.as_deref(),
            fields = count,
            errors = done.errors.len(),
            micros = started.elapsed().as_micros() as u64,
            "did a mutation"
        );
        done.response()
    }

    async fn act_all(
        &self,
        request: &Request,
        asked: &Asked<'_>,
        principal: Principal,
        planned: Planned,
        deadline: Instant,
    ) -> Done {
        let Planned {
            fields,
            mut units,
            payloads,
            bound,
        } = planned;
        let mut steps = Vec::with_capacity(fields.len());
        for (at, (field, payload)) in fields.iter().zip(payloads).enumerate() {
            let step = match (field.action, payload) {
                (Action::Write(_), Some(payload)) => Ok(Step::Write(payload)),
                (Action::Own(own), Some(payload)) => Ok(Step::Own(own, payload)),
                (_, Some(payload)) => Ok(Step::Read(payload)),
                (Action::SignUp, None) => {
                    let signing = self.sign_up(request, asked, field, at, &mut units);
                    in_time(deadline, signing).await
                }
                (_, None) if steps.iter().any(|step| !matches!(step, Step::Read(_))) => {
                    let step = self.sign_in_later(request, asked, field, at);
                    step.map_err(|error| vec![error])
                }
                (_, None) => {
                    let signing = self.sign_in(request, asked, field, at, deadline);
                    let signing = async { signing.await.map_err(|error| vec![error]) };
                    in_time(deadline, signing).await
                }
            };
            match step {
                Ok(step) => steps.push(step),
                Err(errors) => return failed(asked, field, errors),
            }
        }
        let writes = steps.iter().any(|step| !matches!(step, Step::Read(_)));
        if !writes {
            return self.read_all(asked, &fields, steps, deadline).await;
        }
        let Some(writers) = &self.writers else {
            let message = "this server does not write to its database";
            let error = Error::new(Code::Forbidden, message);
            return failed(asked, &fields[0], vec![error]);
        };
        let once = match self.once(request, &principal, &steps) {
            Ok(once) => once,
            Err(error) => return failed(asked, &fields[0], vec![error]),
        };
        if once.is_some() {
            self.sweep(writers);
        }
        let doing = Arc::new(Doing {
            planner: self.planner.clone(),
            principal,
            units,
            steps,
            keys: fields.iter().map(|field| field.key.clone()).collect(),
            deadline,
            most: self.planner.limits.page,
            bound,
            explain: request.explain,
            once,
            turn: Turn::new(&self.turns),
            runs: Runs::default(),
            looks_first: AtomicBool::new(false),
        });
        match doing.run(writers).await {
            Ok(written) => Done {
                data: Some(written.data),
                extensions: written.extensions,
                ..Done::default()
            },
            Err(Failure::KeyIsTaken) => {
                let message = "this Idempotency-Key was sent with another request, or with another role or other claims; send each request with a key of its own";
                Done {
                    key_is_taken: true,
                    ..failed(asked, &fields[0], vec![Error::input(message)])
                }
            }
            Err(Failure::Field { at, mut errors }) => match &errors[..] {
                // They have their places already.
                [error, ..] if !error.path.is_empty() => Done {
                    failed: true,
                    errors,
                    ..Done::default()
                },
                _ => {
                    let field = &fields[at.min(fields.len() - 1)];
                    // Those of somebody's own code are about the inputs of what it writes.
                    if !matches!(field.action, Action::Own(_)) {
                        let arguments = &field.arguments;
                        write::in_order_of_input(&mut errors, arguments, &asked.variables);
                    }
                    failed(asked, field, errors)
                }
            },
        }
    }

    /// What has a request done once, if its client wants that.
    fn once(
        &self,
        request: &Request,
        principal: &Principal,
        steps: &[Step],
    ) -> Result<Option<Once>, Error> {
        let Some(key) = &request.idempotency_key else {
            return Ok(None);
        };
        let signs = |step: &Step| match step {
            Step::SignUp(..) | Step::SignIn { .. } => true,
            Step::Read(prepared) => prepared.token.is_some(),
            Step::Write(_) | Step::Own(..) => false,
        };
        if steps.iter().any(signs) {
            // A token is not stored.
            let message = "whoever signs in or up does so without an Idempotency-Key, since answers with one are stored; send it without";
            return Err(Error::input(message));
        }
        let operation = request.operation_name.as_deref().unwrap_or_default();
        let parts = [&*request.query, operation, &*request.variables.text()];
        Ok(Some(Once::new(principal, key, &parts, self.keep)))
    }

    /// Has answers go that were kept long enough, now and then.
    fn sweep(&self, writers: &Writers) {
        const EVERY: Duration = Duration::from_secs(60);
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        *swept = Some(Instant::now());
        let (writers, keep) = (writers.clone(), self.keep);
        tokio::spawn(async move {
            let deadline = Instant::now() + EVERY;
            if writers
                .run(Arc::new(Forget { keep }), deadline)
                .await
                .is_err()
            {
                tracing::debug!("answers that were kept long enough stay for now");
            }
        });
    }

    /// Reads what fields give that write nothing.
    async fn read_all(
        &self,
        asked: &Asked<'_>,
        fields: &[Acting],
        steps: Vec<Step>,
        deadline: Instant,
    ) -> Done {
        let mut done = Done::default();
        for (field, step) in fields.iter().zip(steps) {
            let Step::Read(prepared) = step else {
                continue;
            };
            let read = self.run(Arc::new(prepared), deadline, &|| None).await;
            let read = read.map_err(|Refused { retry_after }| {
                let message =
                    "it was done, but the server has more to do than to read what came of it";
                let mut error = Error::new(Code::Unavailable, message);
                error.retry_after = Some(retry_after.as_secs().max(1));
                error
            });
            // What comes after a field that is never null, and was none, is not done.
            if !done.take(asked, field, read) {
                break;
            }
        }
        done
    }

    /// Signs somebody in, and plans what is read on his behalf.
    async fn sign_in(
        &self,
        request: &Request,
        asked: &Asked<'_>,
        field: &Acting,
        at: usize,
        deadline: Instant,
    ) -> Result<Step, Error> {
        let arguments = Arguments::of(field, &asked.variables);
        let (username, password) = (arguments.text("username"), arguments.text("password"));
        let accounts = self.accounts()?;
        accounts.let_try(&username, request.from).map_err(told)?;
        let catalog = &self.planner.shared.catalog;
        let names = names_of(&username);
        let find = account::statement(catalog, self.database.dialect(), &names);
        let found = match find {
            Some(find) => {
                let sql = find.sql.clone();
                let found = self.database.ask(find, deadline).await;
                found.map_err(|error| {
                    let said = error.said(&sql);
                    let (sql, position) = (&*sql, said.position);
                    let statement = log::Statement { sql, position };
                    let of = Some((field.key.as_str(), statement));
                    let of = of.filter(|_| !error.is_of_others());
                    internal(said.code.as_deref(), &said.why, of)
                })?
            }
            None => Vec::new(),
        };
        let found = account::found(&found);
        let found = found.map(|(id, hash, role)| Account { id, hash, role });
        let signing = accounts.sign_in_as(found, password).await;
        let Session { token, principal } = signing.map_err(told)?;
        let shape = catalog.shape(&principal);
        let mut prepared = self
            .planner
            .part(asked, Part::Payload(at), shape, principal)?;
        prepared.token = Some(token);
        Ok(Step::Read(prepared))
    }

    /// Makes what is needed for a new account but the account, and plans what is read of it for whoever it may be.
    async fn sign_up(
        &self,
        request: &Request,
        asked: &Asked<'_>,
        field: &Acting,
        at: usize,
        units: &mut Units,
    ) -> Result<Step, Vec<Error>> {
        let accounts = self.accounts().map_err(|error| vec![error])?;
        let input = Arguments::of(field, &asked.variables).sign_up();
        let values = accounts.new_account(input, request.from).await;
        let values = values.map_err(|all| all.into_iter().map(told).collect::<Vec<_>>())?;
        units.fill_account(at, values);
        let payloads = self.planner.for_whoever(asked, at);
        Ok(Step::SignUp(payloads, accounts.clone()))
    }

    /// Signs somebody in by what an earlier field may have written.
    fn sign_in_later(
        &self,
        request: &Request,
        asked: &Asked<'_>,
        field: &Acting,
        at: usize,
    ) -> Result<Step, Error> {
        let arguments = Arguments::of(field, &asked.variables);
        let (username, password) = (arguments.text("username"), arguments.text("password"));
        let accounts = self.accounts()?;
        accounts.let_try(&username, request.from).map_err(told)?;
        Ok(Step::SignIn {
            payloads: self.planner.for_whoever(asked, at),
            accounts: accounts.clone(),
            username,
            password,
        })
    }

    fn accounts(&self) -> Result<&Arc<Accounts>, Error> {
        let accounts = self.accounts.as_ref();
        accounts.ok_or_else(|| told(AccountError::NoKey))
    }
}

async fn in_time(
    deadline: Instant,
    signing: impl Future<Output = Result<Step, Vec<Error>>>,
) -> Result<Step, Vec<Error>> {
    let signed = tokio::time::timeout_at(deadline.into(), signing).await;
    let late = |_| {
        Err(vec![Error::new(
            Code::Timeout,
            "the request's time was over",
        )])
    };
    signed.unwrap_or_else(late)
}

/// Errors of a field, which is never null: nothing else is answered.
fn failed(asked: &Asked<'_>, field: &Acting, mut errors: Vec<Error>) -> Done {
    // Of many rows that are changed alike it is told once.
    let mut said = HashSet::new();
    errors.retain(|error| said.insert((error.message.clone(), error.field.clone())));
    let more = errors.len().saturating_sub(MAX_ERRORS);
    errors.truncate(MAX_ERRORS);
    if more > 0 {
        let message = format!("{more} more errors are not listed");
        errors.push(Error::new(Code::LimitExceeded, message));
    }
    let errors = errors.into_iter().map(|error| {
        let mut error = error.at(asked.document.line_column(field.location));
        error.path = vec![PathSegment::Key(field.key.as_str().into())];
        error
    });
    Done {
        failed: true,
        errors: errors.collect(),
        ..Done::default()
    }
}

/// What has come of a mutation so far.
#[derive(Default)]
struct Done {
    /// The fields of `data`, without its braces; `None` once one that is never null was none.
    data: Option<Vec<u8>>,
    failed: bool,
    errors: Vec<Error>,
    /// What it cost, as JSON.
    extensions: Option<Vec<u8>>,
    key_is_taken: bool,
}

impl Done {
    /// Whether there is still an answer to add to.
    fn take(&mut self, asked: &Asked<'_>, field: &Acting, read: Result<Answered, Error>) -> bool {
        let answered = match read {
            Ok(answered) => answered,
            Err(error) => {
                let Done { errors, .. } = failed(asked, field, vec![error]);
                self.errors.extend(errors);
                self.failed = true;
                return false;
            }
        };
        match answered.fields() {
            Some(fields) => join(self.data.get_or_insert_default(), fields),
            None => self.failed = true,
        }
        self.errors.extend(answered.errors);
        !self.failed
    }

    fn response(self) -> Response {
        let mut rest = b"\"data\":".to_vec();
        match (self.failed, self.data) {
            (true, _) => rest.extend_from_slice(b"null"),
            (false, data) => {
                rest.push(b'{');
                rest.extend(data.unwrap_or_default());
                rest.push(b'}');
            }
        }
        if let Some(cost) = self.extensions {
            rest.extend_from_slice(b",\"extensions\":{\"backref\":");
            rest.extend(cost);
            rest.push(b'}');
        }
        rest.push(b'}');
        let retry_after = self.errors.iter().find_map(|e| e.retry_after);
        let body = match self.errors.is_empty() {
            true => [b"{", &rest[..]].concat(),
            false => with_errors(&self.errors, &rest),
        };
        Response {
            body,
            executed: true,
            retry_after: retry_after.map(Duration::from_secs),
            key_is_taken: self.key_is_taken,
        }
    }
}

/// Adds fields of an object to others.
pub(super) fn join(data: &mut Vec<u8>, fields: &[u8]) {
    if !data.is_empty() && !fields.is_empty() {
        data.push(b',');
    }
    data.extend_from_slice(fields);
}

/// Why a mutation is not begun.
pub(super) enum Unplanned {
    /// The document or its variables.
    Request(Error),
    /// The input of a field.
    Field(Box<Acting>, Vec<Error>),
}

impl From<Error> for Unplanned {
    fn from(error: Error) -> Self {
        Unplanned::Request(error)
    }
}

impl Planner {
    /// The fields of a mutation, what they write, and what is read of each; `is_once` says that its answer is to be kept.
    pub(super) fn mutation(
        &self,
        asked: &Asked<'_>,
        principal: &Principal,
        dialect: Dialect,
        is_once: bool,
    ) -> Result<Planned, Unplanned> {
        let Asked {
            document,
            operation,
            variables,
            digits,
        } = asked;
        let conditions = document.conditions(operation, variables)?;
        let Shared { catalog, .. } = &*self.shared;
        let limits = &self.limits;
        let mut fields = plan::mutation(catalog, document, operation, &conditions, limits)?;
        let shape = catalog.shape(principal);
        let bindings = fields.iter().map(|field| match field.action {
            Action::Write(writes) => Some(Binding::Rows {
                writes,
                arguments: &field.arguments,
            }),
            Action::SignUp => Some(Binding::Account),
            Action::SignIn | Action::Typename | Action::Own(_) => None,
        });
        let bindings: Vec<_> = bindings.collect();
        let bounds = Bounds {
            rows: limits.page,
            depth: limits.depth,
            dialect,
        };
        let rules = catalog.rules(shape);
        let given = write::Variables {
            values: variables,
            digits,
        };
        let bound = write::bind(catalog, rules, principal, bounds, &bindings, given);
        let mut units = match bound {
            Ok(units) => units,
            Err((at, mut errors)) => {
                let field = Box::new(fields.swap_remove(at));
                write::in_order_of_input(&mut errors, &field.arguments, variables);
                return Err(Unplanned::Field(field, errors));
            }
        };
        let mut all = Bound::default();
        let writes = |field: &Acting| !matches!(field.action, Action::Typename | Action::SignIn);
        if is_once && fields.iter().any(writes) {
            all.statements = Once::STATEMENTS;
        }
        let mut payloads = Vec::with_capacity(fields.len());
        for (at, field) in fields.iter().enumerate() {
            let (bound, payload) = match field.action {
                Action::Write(_) => {
                    let part = Part::Payload(at);
                    let mut payload = self.part(asked, part, shape, principal.clone())?;
                    let rows = units.rows(at, limits.page);
                    payload.bound = payload.bound.written(rows, None);
                    (payload.bound.bound, Some(payload))
                }
                Action::Typename | Action::Own(_) => {
                    let part = Part::Payload(at);
                    let payload = self.part(asked, part, shape, principal.clone())?;
                    (payload.bound.bound, Some(payload))
                }
                Action::SignUp | Action::SignIn => {
                    let payload = self.as_somebody(asked, at)?;
                    let bound = payload.map(|payload| payload.bound.bound);
                    (bound.unwrap_or_default(), None)
                }
            };
            let writes = units.acts.get(at).map_or(0, |act| act.statements);
            let more = match field.action {
                Action::Own(own) => catalog.owns.fields[own].statements.into(),
                // The account is looked for.
                Action::SignIn => 1,
                _ => 0,
            };
            let statements = bound.statements.saturating_add(writes).saturating_add(more);
            all.statements = all.statements.saturating_add(statements);
            all.rows = all.rows.saturating_add(bound.rows);
            payloads.push(payload);
        }
        // Nobody's code is called twice because something is clear only then.
        let calls = |field: &Acting| match field.action {
            Action::Own(_) | Action::SignUp | Action::SignIn => true,
            Action::Write(_) | Action::Typename => false,
        };
        let mut read = payloads.iter().flatten();
        if fields.iter().any(calls) || read.any(|payload| payload.bound.plan.own.is_some()) {
            units.look_first();
        }
        for (of, asked, allowed) in [
            ("statements", all.statements, limits.statements),
            ("rows", all.rows, limits.rows),
        ] {
            if asked > allowed {
                let message = format!(
                    "the fields of the mutation could take {asked} {of} altogether, and {allowed} are allowed; ask for less of each, or send them one by one"
                );
                return Err(Error::new(Code::LimitExceeded, message).into());
            }
        }
        Ok(Planned {
            fields,
            units,
            payloads,
            bound: all,
        })
    }

    /// What is read of a field, for each to whom other rules apply.
    fn for_whoever(&self, asked: &Asked<'_>, at: usize) -> Vec<(Shape, Prepared)> {
        let somebody = self.somebody();
        let shapes = self.shared.catalog.shapes();
        let payloads = shapes.filter_map(|shape| {
            let payload = self.part(asked, Part::Payload(at), shape, somebody.clone());
            Some((shape, payload.ok()?))
        });
        payloads.collect()
    }

    /// Shows what a mutation would run, where nothing is refused.
    pub(super) fn explain_mutation<R>(
        &self,
        asked: &Asked<'_>,
        principal: &Principal,
        dialect: Dialect,
        show: impl FnOnce(&Explained<'_>) -> R,
    ) -> Result<R, Vec<Error>> {
        let planned = self
            .mutation(asked, principal, dialect, false)
            .map_err(|why| match why {
                Unplanned::Request(error) => vec![error],
                Unplanned::Field(_, errors) => errors,
            })?;
        let Planned {
            fields,
            mut units,
            mut payloads,
            bound,
        } = planned;
        for (at, (field, payload)) in fields.iter().zip(&mut payloads).enumerate() {
            if let Action::SignUp = field.action {
                units.fill_account(at, self.an_accounts_values());
            }
            if payload.is_none() {
                let somebody = self.as_somebody(asked, at);
                *payload = somebody.map_err(|error| vec![error])?;
            }
        }
        let (catalog, most) = (&self.shared.catalog, self.limits.page);
        let writes = write::plan(catalog, principal, &units, most, dialect);
        let mut all = Explained {
            bound,
            fields: Vec::new(),
            own: Vec::new(),
            errors: Vec::new(),
        };
        let read: Vec<_> = payloads
            .iter()
            .map(|payload| {
                let payload = payload.as_ref()?;
                Some(explain::explain(catalog, &payload.bound, dialect))
            })
            .collect();
        for ((field, read), writes) in fields.iter().zip(read).zip(writes) {
            let told = |writing| explain::Field::of_write(catalog, field.key.as_str(), writing);
            let account = match field.action {
                Action::SignIn => account::explained(catalog, dialect),
                _ => None,
            };
            let (read, own) = read.map_or_else(Default::default, |read| (read.fields, read.own));
            let found = account.into_iter().chain(writes.found).map(told);
            let written = writes.written.into_iter().map(told);
            all.fields.extend(found);
            match writes.reads_between {
                true => all.fields.extend(read.into_iter().chain(written)),
                false => all.fields.extend(written.chain(read)),
            }
            all.own.extend(own);
        }
        Ok(show(&all))
    }

    /// What is read by somebody. Who it will be is not known yet, so it will do if somebody can: rules change neither how many
    /// statements it is nor how many rows.
    fn as_somebody(&self, asked: &Asked<'_>, at: usize) -> Result<Option<Prepared>, Error> {
        let somebody = self.somebody();
        let mut why = None;
        for shape in self.shared.catalog.shapes() {
            match self.part(asked, Part::Payload(at), shape, somebody.clone()) {
                Ok(prepared) => return Ok(Some(prepared)),
                Err(error) => why = Some(error),
            }
        }
        why.map_or(Ok(None), Err)
    }

    /// A value for each column of a new account.
    fn an_accounts_values(&self) -> Vec<(ColumnIx, KeyValue)> {
        let accounts = self.shared.catalog.accounts.iter();
        let columns = accounts.flat_map(|accounts| accounts.of_new());
        columns
            .map(|column| (column, KeyValue::Text("".into())))
            .collect()
    }

    fn somebody(&self) -> Principal {
        Principal::subject(self.an_account())
    }

    /// A subject whose id could be an account's.
    pub fn an_account(&self) -> Subject {
        let catalog = &self.shared.catalog;
        let key = catalog.accounts.as_ref().map(|a| {
            let entity = &catalog.entities[a.entity];
            &entity.columns[a.key].kind
        });
        Subject::new(match key {
            Some(Kind::Uuid) => "00000000-0000-0000-0000-000000000000",
            _ => "0",
        })
    }
}

/// The arguments of a field, with a request's variables in them.
struct Arguments(JsonMap);

impl Arguments {
    fn of(field: &Acting, variables: &JsonMap) -> Self {
        let arguments = field.arguments.iter();
        let values = arguments.filter_map(|(name, value)| {
            let value = plan::evaluate(value, variables).map(Cow::into_owned)?;
            Some((name.as_str().into(), value))
        });
        Arguments(values.collect())
    }

    fn text(&self, name: &str) -> String {
        text(self.0.get(name))
    }

    fn sign_up(&self) -> SignUp {
        let input = self.0.get("input").and_then(|input| input.as_object());
        let fields = input.into_iter().flatten();
        let texts = fields.map(|(name, value)| (name.as_str().to_owned(), text(Some(value))));
        SignUp {
            password: text(input.and_then(|input| input.get("password"))),
            texts: texts.collect(),
        }
    }
}

fn text(value: Option<&JsonValue>) -> String {
    let text = value.and_then(|value| value.as_str());
    text.unwrap_or_default().to_owned()
}

/// Why nobody is signed in, for whoever asked.
pub(super) fn told(error: AccountError) -> Error {
    let message = error.to_string();
    match error {
        AccountError::Input { field, .. } => Error::input(message).of_field(field),
        AccountError::Wrong => Error::new(Code::Unauthenticated, message),
        AccountError::TooMany(wait) => Error {
            retry_after: Some(wait.as_secs()),
            ..Error::new(Code::LimitExceeded, message)
        },
        AccountError::Overloaded => Error {
            retry_after: Some(1),
            ..Error::new(Code::Unavailable, message)
        },
        AccountError::NoKey => Error::new(Code::Forbidden, message),
        AccountError::Hash => internal(None, "a hash was not computed", None),
        AccountError::Database(error) => {
            let code = accounts::code(&error);
            internal(code.as_deref(), "the statement failed", None)
        }
    }
}

/// What the database said is not told: it may quote values. `of` is the field and its statement, where one has failed.
fn internal(code: Option<&str>, why: &str, of: Option<(&str, log::Statement<'_>)>) -> Error {
    let (path, statement) = of.unzip();
    let id = log::report(&log::Cause {
        weight: log::Weight::Error,
        what: "accounts cannot be read or written",
        code,
        why,
        path,
        statement,
    });
    Error::new(Code::InternalServerError, format!("internal error {id}"))
}
