//! The way of a query: prepare → bind → load → write.
//!
//! What of it needs no database is `planner`; a mutation goes it for each of its fields, once that has acted (`mutation`).

mod heeded;
mod mutation;
mod own;
mod own_writing;
mod planner;
mod writing;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apollo_compiler::response::JsonMap;
use serde::Deserialize;

use crate::error::{Code, Error};
use crate::graph::{Catalog, Principal};
use crate::identity::accounts::Accounts;
use crate::read::load::{self, Database, DatabaseError, Learnt, Loaded, Wanted, Writers};
use crate::read::plan::{BoundPlan, Part, Variables};
use crate::read::respond::Answered;
use crate::write::Turns;

use planner::Shared;
pub use planner::{Asked, Planner, Prepared};

/// Answers GraphQL requests over one database.
pub struct Engine {
    planner: Arc<Planner>,
    database: Database,
    /// Where it is written, if it is.
    writers: Option<Writers>,
    /// Whose turn it is at rows that several requests change.
    turns: Arc<Turns>,
    /// For how long the answers of requests are kept that are done once.
    keep: Duration,
    /// When those were last looked at that have been kept long enough.
    swept: Mutex<Option<Instant>>,
    /// Where somebody can sign in.
    accounts: Option<Arc<Accounts>>,
    /// What a request may take, its database's work included.
    timeout: Duration,
}

/// A GraphQL request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The document in GraphQL's language: operations and fragments.
    pub query: String,
    /// Which of the document's operations is asked; it must be said where there are several.
    #[serde(default)]
    pub operation_name: Option<String>,
    /// The values of the operation's variables, by their names without `$`.
    #[serde(default)]
    pub variables: Variables,
    /// For protocols on top of GraphQL; none is served yet, but it must be an object.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub extensions: JsonMap,
    /// Whether the answer says what it cost, in `extensions.backref`.
    #[serde(skip)]
    pub explain: bool,
    /// The address that it comes from, where that is known.
    #[serde(skip)]
    pub from: Option<IpAddr>,
    /// Of all requests that have this, and are the same, one is done.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
    /// Whether it may ask for the schema, where the server lets anybody.
    #[serde(skip)]
    pub introspection: Introspection,
}

/// Whether a request may ask for the schema by `__schema` and `__type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Introspection {
    /// It may.
    #[default]
    Allowed,
    /// It is refused, and no error suggests a name of the schema.
    Refused,
    /// It may ask for nothing else.
    Only,
}

impl Request {
    /// One that has nothing but its document.
    pub fn new(query: impl Into<String>) -> Self {
        Request {
            query: query.into(),
            ..Request::default()
        }
    }

    /// With the values of its variables, as anything that is a JSON object: `json!({ "id": 1 })`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn with_variables(
        self,
        variables: impl serde::Serialize,
    ) -> Result<Self, serde_json::Error> {
        let variables = serde_json::from_value(serde_json::to_value(variables)?)?;
        Ok(Request { variables, ..self })
    }

    /// Whether it may ask for the schema.
    pub fn with_introspection(self, introspection: Introspection) -> Self {
        Request {
            introspection,
            ..self
        }
    }

    /// Which of the document's operations is asked, where it has several.
    pub fn with_operation_name(self, operation_name: Option<String>) -> Self {
        Request {
            operation_name,
            ..self
        }
    }
}

fn null_as_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<JsonMap, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// That a request names its document by a hash alone. Clients know it by this text, and by its code, and ask again with
/// the document.
pub fn not_persisted() -> Error {
    let code = Code::PersistedQueryNotSupported;
    Error::new(code, "PersistedQueryNotSupported")
}

/// A response's body, and whether execution began.
#[derive(Debug)]
pub struct Response {
    /// JSON in UTF-8, with `data` and `errors` as GraphQL has them.
    pub body: Vec<u8>,
    /// False for a request error, whose body has no `data`.
    pub executed: bool,
    /// For a request that was turned away for want of capacity, or that tries something too often: when to come back.
    pub retry_after: Option<Duration>,
    /// Its idempotency key is that of another request.
    pub key_is_taken: bool,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Engine {
    pub fn new(planner: Planner, database: Database, timeout: Duration) -> Self {
        Engine {
            planner: Arc::new(planner),
            database,
            writers: None,
            turns: Arc::default(),
            keep: KEEP,
            swept: Mutex::default(),
            accounts: None,
            timeout,
        }
    }

    /// Lets people write.
    pub fn with_writers(self, writers: Writers) -> Self {
        Engine {
            writers: Some(writers),
            ..self
        }
    }

    /// Keeps the answers of requests that are done once for so long.
    pub fn keeping_answers(self, keep: Duration) -> Self {
        Engine { keep, ..self }
    }

    /// Lets people sign in and up.
    pub fn with_accounts(self, accounts: Arc<Accounts>) -> Self {
        Engine {
            accounts: Some(accounts),
            ..self
        }
    }

    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Answers a request. Every problem is in the response.
    pub async fn execute(&self, request: &Request, principal: Principal) -> Response {
        let started = Instant::now();
        let asked = match self.planner.read(request) {
            Ok(asked) if asked.mutates() => {
                // Boxed, so that each query does not have the memory that it takes to write.
                return Box::pin(self.mutate(request, &asked, principal, started)).await;
            }
            asked => asked,
        };
        let explain = request.explain;
        let prepared = asked.and_then(|asked| {
            let prepared = self
                .planner
                .query(&asked, Part::Query, principal, explain)?;
            Ok((asked, Arc::new(prepared)))
        });
        let (asked, prepared) = match prepared {
            Ok(prepared) => prepared,
            Err(errors) => {
                note_refused(&errors);
                return refuse(&errors);
            }
        };
        let bound = prepared.bound.bound;
        // Perhaps it is more than may be asked.
        let apart = || {
            let principal = prepared.bound.principal.clone();
            let apart = self.planner.query(&asked, Part::Apart, principal, explain);
            apart.ok().map(Arc::new)
        };
        let deadline = started + self.timeout;
        match self.run(prepared.clone(), deadline, &apart).await {
            Ok(answered) => {
                let body = answered.body();
                tracing::debug!(
                    operation = request.operation_name.as_deref(),
                    statements_at_most = bound.statements,
                    micros = started.elapsed().as_micros() as u64,
                    bytes = body.len(),
                    "answered"
                );
                Response {
                    body,
                    executed: true,
                    retry_after: None,
                    key_is_taken: false,
                }
            }
            Err(Refused { retry_after }) => {
                let message = "the server has more to do than it can; try again later";
                Response {
                    retry_after: Some(retry_after),
                    ..refuse(&[Error::new(Code::Unavailable, message)])
                }
            }
        }
    }

    /// The answer. Where nothing could be asked, every field that needed it is an error; where a statement failed that several
    /// fields share, they are asked again, each by itself, if `apart` says how.
    async fn run(
        &self,
        mut prepared: Arc<Prepared>,
        deadline: Instant,
        apart: &(impl Fn() -> Option<Arc<Prepared>> + Sync),
    ) -> Result<Answered, Refused> {
        loop {
            match self.attempt(&prepared, deadline, apart).await? {
                Ok(answered) => return Ok(answered),
                // Nothing is shared in that one.
                Err(Apart(others)) => prepared = others,
            }
        }
    }

    async fn attempt(
        &self,
        prepared: &Arc<Prepared>,
        deadline: Instant,
        apart: &(impl Fn() -> Option<Arc<Prepared>> + Sync),
    ) -> Result<Result<Answered, Apart>, Refused> {
        let shared = &self.planner.shared;
        if prepared.bound.plan.own.is_some() {
            return self.run_own(prepared, deadline, apart).await;
        }
        if prepared.bound.bound.statements == 0 {
            let levels = prepared.bound.plan.levels.iter();
            let loaded: Vec<_> = levels.map(|_| Loaded::default()).collect();
            return Ok(Ok(shared.write(prepared, &loaded)));
        }
        let query = Query {
            shared: shared.clone(),
            prepared: prepared.clone(),
        };
        let loaded = match self.database.load(query, deadline).await {
            Err(DatabaseError::Overloaded { retry_after }) => return Err(Refused { retry_after }),
            Err(error) => load::unasked(&prepared.bound, error),
            Ok(Ok(answered)) => return Ok(Ok(answered)),
            Ok(Err(together)) => match apart() {
                Some(apart) => return Ok(Err(Apart(apart))),
                None => together,
            },
        };
        Ok(Ok(shared.write(prepared, &loaded)))
    }
}

/// A query whose rows become its answer where they are loaded.
struct Query {
    shared: Arc<Shared>,
    prepared: Arc<Prepared>,
}

impl Wanted for Query {
    /// The rows, where they are perhaps better asked for in another way.
    type Done = Result<Answered, Vec<Loaded>>;

    fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    fn bound(&self) -> &BoundPlan {
        &self.prepared.bound
    }

    fn learnt(&self) -> &Arc<Learnt> {
        &self.prepared.learnt
    }

    fn done(&self, loaded: Vec<Loaded>) -> Result<Answered, Vec<Loaded>> {
        match self.prepared.has_failed_together(&loaded) {
            true => Err(loaded),
            false => Ok(self.shared.write(&self.prepared, &loaded)),
        }
    }
}

/// How a request is to be asked again, each of its fields by itself.
struct Apart(Arc<Prepared>);

/// A request was turned away for want of capacity, before anything was asked.
struct Refused {
    retry_after: Duration,
}

/// For how long answers are kept unless it is said.
pub const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

fn note_refused(errors: &[Error]) {
    let first = errors.first();
    tracing::debug!(
        code = ?first.map(|e| e.code),
        message = first.map(|e| e.message.as_str()),
        "refused"
    );
}

/// The body of a request error.
pub fn refuse(errors: &[Error]) -> Response {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        errors: &'a [Error],
    }
    let body = serde_json::to_vec(&Body { errors }).unwrap_or_else(|_| b"{\"errors\":[]}".to_vec());
    Response {
        body,
        executed: false,
        retry_after: None,
        key_is_taken: false,
    }
}
