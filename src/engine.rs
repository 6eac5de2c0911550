//! The way of a query: prepare → bind → load → write.
//!
//! Documents are prepared once per text, as a database prepares statements, and plans once per operation
//! and condition; both caches are bounded. A mutation goes it for each of its fields, once that has acted (`mutation`).

mod mutation;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::Node;
use apollo_compiler::executable::Operation;
use apollo_compiler::introspection;
use apollo_compiler::request::{RequestError, coerce_variable_values};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;

use crate::error::{Code, Error};
use crate::graph::rules::Shape;
use crate::graph::{Catalog, Principal};
use crate::identity::accounts::Accounts;
use crate::read::load::postgres::PostgresPool;
use crate::read::load::sqlite::{Sqlite, SqlitePool};
use crate::read::load::{self, Database, DatabaseError, Failures, Learnt, Loaded};
use crate::read::plan::{self, BoundPlan, Document, Limits, Part, Plan, Variables};
use crate::read::respond::{Answer, Answered};
use crate::schema::Schema;

/// Answers GraphQL requests over one database.
pub struct Engine {
    planner: Planner,
    database: Database,
    /// Where somebody can sign in.
    accounts: Option<Arc<Accounts>>,
    /// What a request may take, its database's work included.
    timeout: Duration,
}

/// The part of the way that needs no database.
pub struct Planner {
    shared: Arc<Shared>,
    limits: Limits,
    documents: Cache<Box<str>, Arc<Document>, DocumentWeight>,
    plans: Cache<PlanKey, Known, PlanWeight>,
}

/// What outlives a request on the threads that run it.
struct Shared {
    catalog: Catalog,
    schema: Schema,
}

/// A GraphQL request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub query: String,
    #[serde(default)]
    pub operation_name: Option<String>,
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
}

fn null_as_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<JsonMap, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A response's body, and whether execution began.
#[derive(Debug)]
pub struct Response {
    pub body: Vec<u8>,
    /// False for a request error, whose body has no `data`.
    pub executed: bool,
    /// For a request that was turned away for want of capacity, or that tries something too often: when to come back.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PlanKey {
    document: u64,
    operation: Option<Box<str>>,
    conditions: Vec<bool>,
    shape: Shape,
    part: Part,
}

/// About what a parsed document costs, in bytes: its tree is some thirty times its text.
#[derive(Clone)]
struct DocumentWeight;

impl Weighter<Box<str>, Arc<Document>> for DocumentWeight {
    fn weight(&self, text: &Box<str>, _: &Arc<Document>) -> u64 {
        30 * text.len() as u64 + 1024
    }
}

/// A plan in use.
#[derive(Clone)]
struct Known {
    plan: Arc<Plan>,
    learnt: Arc<Learnt>,
}

#[derive(Clone)]
struct PlanWeight;

impl Weighter<PlanKey, Known> for PlanWeight {
    fn weight(&self, _: &PlanKey, known: &Known) -> u64 {
        known.plan.weight
    }
}

/// Documents and plans kept, in bytes each.
const CACHE: u64 = 64 << 20;

/// A request ready to run.
pub struct Prepared {
    pub document: Arc<Document>,
    pub bound: BoundPlan,
    pub learnt: Arc<Learnt>,
    introspection: Option<JsonMap>,
    /// That of whoever has signed in by it.
    token: Option<String>,
    explain: bool,
}

/// What a request asks, before it is known for whom.
pub struct Asked {
    document: Arc<Document>,
    operation: Node<Operation>,
    variables: Valid<JsonMap>,
}

impl Asked {
    /// Whether it may change something.
    pub fn mutates(&self) -> bool {
        self.operation.is_mutation()
    }
}

impl Engine {
    pub fn new(planner: Planner, database: Database, timeout: Duration) -> Self {
        Engine {
            planner,
            database,
            accounts: None,
            timeout,
        }
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
            Ok(asked) if asked.mutates() => return self.mutate(request, &asked, started).await,
            asked => asked,
        };
        let explain = request.explain;
        let prepared = asked.and_then(|asked| self.planner.query(&asked, principal, explain));
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(errors) => {
                note_refused(&errors);
                return refuse(&errors);
            }
        };
        let bound = prepared.bound.bound;
        match self.run(Arc::new(prepared), started + self.timeout).await {
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

    /// The answer. Where nothing could be asked, every field that needed it is an error.
    async fn run(&self, prepared: Arc<Prepared>, deadline: Instant) -> Result<Answered, Refused> {
        let shared = &self.planner.shared;
        if prepared.bound.bound.statements == 0 {
            let levels = prepared.bound.plan.levels.iter();
            let loaded: Vec<_> = levels.map(|_| Loaded::default()).collect();
            return Ok(shared.write(&prepared, &loaded));
        }
        let ran = match &self.database {
            Database::Postgres(pool) => self.run_on_postgres(pool, &prepared, deadline).await,
            Database::Sqlite(pool) => self.run_on_sqlite(pool, &prepared, deadline).await,
        };
        match ran {
            Err(DatabaseError::Overloaded { retry_after }) => Err(Refused { retry_after }),
            Err(error) => Ok(shared.write(&prepared, &load::unasked(&prepared.bound, error))),
            Ok(answered) => Ok(answered),
        }
    }

    async fn run_on_postgres(
        &self,
        pool: &PostgresPool,
        prepared: &Prepared,
        deadline: Instant,
    ) -> Result<Answered, DatabaseError> {
        let shared = &self.planner.shared;
        let Prepared { bound, learnt, .. } = prepared;
        let loaded = pool.load(&shared.catalog, bound, learnt, deadline).await?;
        Ok(shared.write(prepared, &loaded))
    }

    async fn run_on_sqlite(
        &self,
        pool: &SqlitePool,
        prepared: &Arc<Prepared>,
        deadline: Instant,
    ) -> Result<Answered, DatabaseError> {
        let (shared, learnt) = (self.planner.shared.clone(), &prepared.learnt);
        let of_request = prepared.clone();
        let work = move |connection: &mut Sqlite| {
            let Prepared { bound, learnt, .. } = &*of_request;
            let (catalog, failures) = (&shared.catalog, Failures::default());
            let loading = load::load(catalog, bound, learnt, &failures, deadline, connection);
            let loaded = Sqlite::complete(loading)?;
            match connection.is_unfinished() {
                true => Err(DatabaseError::TimedOut),
                false => Ok(shared.write(&of_request, &loaded)),
            }
        };
        // Its statements stop at the deadline, and what was loaded by then is written after it.
        let ends = tokio::time::Instant::from_std(deadline) + WRITING;
        let ran = tokio::time::timeout_at(ends, pool.run(deadline, learnt, work)).await;
        ran.unwrap_or(Err(DatabaseError::TimedOut))
    }
}

/// A request was turned away for want of capacity, before anything was asked.
struct Refused {
    retry_after: Duration,
}

/// How long what a request has loaded when its time is over may take to be written.
const WRITING: Duration = Duration::from_millis(200);

impl Planner {
    pub fn new(catalog: Catalog, schema: Schema, limits: Limits) -> Self {
        Planner {
            shared: Arc::new(Shared { catalog, schema }),
            limits,
            documents: Cache::with_weighter(1024, CACHE, DocumentWeight),
            plans: Cache::with_weighter(1024, CACHE, PlanWeight),
        }
    }

    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    pub fn schema(&self) -> &Schema {
        &self.shared.schema
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many plans are kept.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// Parses, validates, plans and binds a query: everything before the first statement.
    pub fn prepare(&self, request: &Request, principal: Principal) -> Result<Prepared, Vec<Error>> {
        let asked = self.read(request)?;
        if asked.mutates() {
            let problem =
                "what a mutation reads is planned when it has acted; ask for the plan of a query";
            return Err(vec![Error::input(problem)]);
        }
        self.query(&asked, principal, request.explain)
    }

    /// Parses and validates, whoever asks.
    pub fn read(&self, request: &Request) -> Result<Asked, Vec<Error>> {
        let document = self.document(&request.query)?;
        let operation = document.operation(request.operation_name.as_deref());
        let operation = operation.map_err(|e| vec![e])?.clone();
        let variables = self.variables(&document, &operation, &request.variables)?;
        Ok(Asked {
            document,
            operation,
            variables,
        })
    }

    /// Whether a request is for a mutation. What is wrong with it is told when it is run.
    pub fn mutates(&self, request: &Request) -> bool {
        let Ok(document) = self.document(&request.query) else {
            return false;
        };
        let operation = document.operation(request.operation_name.as_deref());
        operation.is_ok_and(|operation| operation.is_mutation())
    }

    fn query(
        &self,
        asked: &Asked,
        principal: Principal,
        explain: bool,
    ) -> Result<Prepared, Vec<Error>> {
        let shape = self.shared.catalog.shape(&principal);
        let prepared = self.part(asked, Part::Query, shape, principal);
        let mut prepared = prepared.map_err(|e| vec![e])?;
        prepared.explain = explain;
        Ok(prepared)
    }

    /// Plans and binds a part of an operation.
    fn part(
        &self,
        asked: &Asked,
        part: Part,
        shape: Shape,
        principal: Principal,
    ) -> Result<Prepared, Error> {
        let Asked {
            document,
            operation,
            variables,
        } = asked;
        let Known { plan, learnt } = self.plan(asked, part, shape)?;
        let introspection = match plan.introspects {
            true => Some(self.introspect(document, operation, variables)?),
            false => None,
        };
        let catalog = &self.shared.catalog;
        let bound = plan::bind(catalog, plan, document, variables, principal, &self.limits)?;
        Ok(Prepared {
            document: document.clone(),
            bound,
            learnt,
            introspection,
            token: None,
            explain: false,
        })
    }

    fn document(&self, text: &str) -> Result<Arc<Document>, Vec<Error>> {
        if let Some(found) = self.documents.get(text) {
            return Ok(found);
        }
        let document = Document::parse(&self.shared.schema, text, &self.limits.document)?;
        let document = Arc::new(document);
        self.documents.insert(text.into(), document.clone());
        Ok(document)
    }

    fn variables(
        &self,
        document: &Document,
        operation: &Operation,
        given: &Variables,
    ) -> Result<Valid<JsonMap>, Vec<Error>> {
        if operation.variables.is_empty() {
            return Ok(Valid::assume_valid(JsonMap::new()));
        }
        let schema = &self.shared.schema;
        let values = given.to_coerce(&schema.types, &operation.variables);
        let coerced = coerce_variable_values(&schema.types, operation, &values).map_err(|e| {
            let suggests = self.limits.document.introspection;
            let found = plan::problems_of_variables(schema, document, operation, &values, suggests);
            match found.is_empty() {
                true => vec![request_error(document, Code::BadUserInput, &e)],
                false => found,
            }
        })?;
        let mut values = coerced.into_inner();
        given.restore(&mut values, &operation.variables);
        Ok(Valid::assume_valid(values))
    }

    fn plan(&self, asked: &Asked, part: Part, shape: Shape) -> Result<Known, Error> {
        let Asked {
            document,
            operation,
            variables,
        } = asked;
        let conditions = document.conditions(operation, variables)?;
        let key = PlanKey {
            document: document.id,
            operation: operation.name.as_ref().map(|n| n.as_str().into()),
            conditions: conditions.iter().map(|(_, value)| *value).collect(),
            shape,
            part,
        };
        if let Some(found) = self.plans.get(&key) {
            return Ok(found);
        }
        let plan = plan::build(
            &self.shared.catalog,
            document,
            operation,
            &conditions,
            shape,
            part,
            &self.limits,
        )?;
        let known = Known {
            learnt: Arc::new(Learnt::of(&plan)),
            plan: Arc::new(plan),
        };
        self.plans.insert(key, known.clone());
        Ok(known)
    }

    fn introspect(
        &self,
        document: &Document,
        operation: &Operation,
        variables: &Valid<JsonMap>,
    ) -> Result<JsonMap, Error> {
        let schema = &self.shared.schema;
        introspection::check_max_depth(&document.executable, operation)
            .map_err(|e| request_error(document, Code::LimitExceeded, &e))?;
        let response = introspection::partial_execute(
            &schema.types,
            &schema.implementers,
            &document.executable,
            operation,
            variables,
        )
        .map_err(|e| request_error(document, Code::BadUserInput, &e))?;
        Ok(response.data.unwrap_or_default())
    }
}

impl Shared {
    fn write(&self, prepared: &Prepared, loaded: &[Loaded]) -> Answered {
        Answer {
            catalog: &self.catalog,
            document: &prepared.document,
            bound: &prepared.bound,
            learnt: &prepared.learnt,
            loaded,
            introspection: prepared.introspection.as_ref(),
            token: prepared.token.as_deref(),
            explain: prepared.explain,
        }
        .write()
    }
}

fn request_error(document: &Document, code: Code, error: &RequestError) -> Error {
    Error::new(code, error.message().to_string()).at(document.line_column(error.location()))
}

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
    }
}
