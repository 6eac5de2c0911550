//! A mutation: each of its fields acts and is read, one after the other. What is read of it is planned and read as a
//! query is, on behalf of whoever it is then.
//!
//! Whether it can be read is looked at before anything acts, so that nobody signs up and is told that he asked for
//! too much.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use apollo_compiler::response::{JsonMap, JsonValue};

use super::{Asked, Engine, Planner, Refused, Request, Response, note_refused, refuse};
use crate::error::{Code, Error, PathSegment};
use crate::graph::{Kind, Principal, Subject};
use crate::identity::accounts::{self, AccountError, Accounts, Session, SignUp};
use crate::log;
use crate::read::plan::{self, Acting, Action, Bound, Part};
use crate::read::respond::{Answered, with_errors};

impl Engine {
    /// Does what a mutation asks. Every problem is in the response.
    pub(super) async fn mutate(
        &self,
        request: &Request,
        asked: &Asked,
        started: Instant,
    ) -> Response {
        let acting = match self.planner.acting(asked) {
            Ok(acting) => acting,
            Err(error) => {
                note_refused(std::slice::from_ref(&error));
                return refuse(&[error]);
            }
        };
        let deadline = started + self.timeout;
        let mut done = Done::default();
        for (at, field) in acting.iter().enumerate() {
            let written = self.field(request, asked, field, at, deadline).await;
            // What comes after a field that is never null, and was none, is not done.
            if !done.take(asked, field, written) {
                break;
            }
        }
        tracing::debug!(
            operation = request.operation_name.as_deref(),
            fields = acting.len(),
            errors = done.errors.len(),
            micros = started.elapsed().as_micros() as u64,
            "did a mutation"
        );
        done.response()
    }

    async fn field(
        &self,
        request: &Request,
        asked: &Asked,
        field: &Acting,
        at: usize,
        deadline: Instant,
    ) -> Result<Answered, Error> {
        let (principal, token) = match field.action {
            Action::Typename => (Principal::Anonymous, None),
            action => {
                let arguments = Arguments::of(field, &asked.variables);
                let acting = self.act(request, action, arguments);
                let acted = tokio::time::timeout_at(deadline.into(), acting).await;
                let late = |_| Err(Error::new(Code::Timeout, "the request's time was over"));
                let Session { token, principal } = acted.unwrap_or_else(late)?;
                (principal, Some(token))
            }
        };
        let shape = self.planner.shared.catalog.shape(&principal);
        let mut prepared = self
            .planner
            .part(asked, Part::Payload(at), shape, principal)?;
        prepared.token = token;
        let read = self.run(Arc::new(prepared), deadline).await;
        read.map_err(|Refused { retry_after }| {
            let message = "it was done, but the server has more to do than to read what came of it";
            let mut error = Error::new(Code::Unavailable, message);
            error.retry_after = Some(retry_after.as_secs().max(1));
            error
        })
    }

    async fn act(
        &self,
        request: &Request,
        action: Action,
        arguments: Arguments,
    ) -> Result<Session, Error> {
        let accounts = self.accounts.as_deref();
        let accounts = accounts.ok_or_else(|| told(AccountError::NoKey))?;
        let acted = arguments.act(action, accounts, request).await;
        acted.map_err(told)
    }
}

/// What has come of a mutation so far.
#[derive(Default)]
struct Done {
    /// The fields of `data`, without its braces; `None` once one that is never null was none.
    data: Option<Vec<u8>>,
    failed: bool,
    errors: Vec<Error>,
}

impl Done {
    /// Whether there is still an answer to add to.
    fn take(&mut self, asked: &Asked, field: &Acting, written: Result<Answered, Error>) -> bool {
        let answered = match written {
            Ok(answered) => answered,
            Err(error) => {
                let mut error = error.at(asked.document.line_column(field.location));
                error.path = vec![PathSegment::Key(field.key.as_str().into())];
                self.errors.push(error);
                self.failed = true;
                return false;
            }
        };
        let object = answered.data().strip_prefix(b"{");
        match object.and_then(|o| o.strip_suffix(b"}")) {
            Some(fields) => {
                let data = self.data.get_or_insert_default();
                if !data.is_empty() && !fields.is_empty() {
                    data.push(b',');
                }
                data.extend_from_slice(fields);
            }
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
        rest.push(b'}');
        let retry_after = self.errors.iter().find_map(|e| e.retry_after);
        let body = match self.errors.is_empty() {
            true => [b"{", &rest[..]].concat(),
            false => with_errors(&self.errors, &rest),
        };
        Response {
            body,
            executed: true,
            retry_after: retry_after.map(std::time::Duration::from_secs),
        }
    }
}

impl Planner {
    /// The fields of a mutation, each of which can be read by somebody once it has acted.
    fn acting(&self, asked: &Asked) -> Result<Vec<Acting>, Error> {
        let Asked {
            document,
            operation,
            variables,
        } = asked;
        let conditions = document.conditions(operation, variables)?;
        let catalog = &self.shared.catalog;
        let acting = plan::mutation(catalog, document, operation, &conditions, &self.limits)?;
        let mut all = Bound::default();
        for at in 0..acting.len() {
            let bound = self.can_be_read(asked, at)?;
            all.statements = all.statements.saturating_add(bound.statements);
            all.rows = all.rows.saturating_add(bound.rows);
        }
        let limits = &self.limits;
        for (of, asked, allowed) in [
            ("statements", all.statements, limits.statements),
            ("rows", all.rows, limits.rows),
        ] {
            if asked > allowed {
                let message = format!(
                    "the fields of the mutation could read {asked} {of} altogether, and {allowed} are allowed; ask for less of each, or send them one by one"
                );
                return Err(Error::new(Code::LimitExceeded, message));
            }
        }
        Ok(acting)
    }

    /// Who it will be is not known yet, so it will do if somebody can: rules change neither statements nor rows.
    fn can_be_read(&self, asked: &Asked, at: usize) -> Result<Bound, Error> {
        let somebody = self.somebody();
        let mut why = None;
        for shape in self.shared.catalog.shapes() {
            match self.part(asked, Part::Payload(at), shape, somebody.clone()) {
                Ok(prepared) => return Ok(prepared.bound.bound),
                Err(error) => why = Some(error),
            }
        }
        why.map_or(Ok(Bound::default()), Err)
    }

    /// A subject whose id could be an account's.
    fn somebody(&self) -> Principal {
        let catalog = &self.shared.catalog;
        let key = catalog.accounts.as_ref().map(|a| {
            let entity = &catalog.entities[a.entity];
            &entity.columns[a.key].kind
        });
        let id = match key {
            Some(Kind::Uuid) => "00000000-0000-0000-0000-000000000000",
            _ => "0",
        };
        Principal::subject(Subject::new(id))
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

    async fn act(
        &self,
        action: Action,
        accounts: &Accounts,
        request: &Request,
    ) -> Result<Session, AccountError> {
        match action {
            Action::SignUp => accounts.sign_up(self.sign_up(), request.from).await,
            _ => {
                let (username, password) = (self.text("username"), self.text("password"));
                accounts.sign_in(&username, password, request.from).await
            }
        }
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
fn told(error: AccountError) -> Error {
    let message = error.to_string();
    match error {
        AccountError::Input { field, .. } => Error::input(message).of_field(field),
        AccountError::Taken { field, .. } => Error::new(Code::Conflict, message).of_field(field),
        AccountError::Clash => Error::new(Code::Conflict, message),
        AccountError::Wrong => Error::new(Code::Unauthenticated, message),
        AccountError::TooMany(wait) => Error {
            retry_after: Some(wait.as_secs()),
            ..Error::new(Code::LimitExceeded, message)
        },
        AccountError::Overloaded | AccountError::Moved => Error {
            retry_after: Some(1),
            ..Error::new(Code::Unavailable, message)
        },
        AccountError::NoKey | AccountError::ReadOnly => Error::new(Code::Forbidden, message),
        AccountError::Hash => internal(None, "a hash was not computed"),
        AccountError::Database(error) => {
            let code = accounts::code(&error);
            internal(code.as_deref(), "the statement failed")
        }
    }
}

/// What the database said is not told: it may quote values.
fn internal(code: Option<&str>, why: &str) -> Error {
    let id = log::report(&log::Cause {
        weight: log::Weight::Error,
        what: "accounts cannot be read or written",
        code,
        why,
        path: None,
        statement: None,
    });
    Error::new(Code::InternalServerError, format!("internal error {id}"))
}
