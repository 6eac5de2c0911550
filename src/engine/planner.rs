//! What of a request needs no database: documents, plans and what they are bound to.
//!
//! Documents are prepared once per text, and plans once per operation, condition and shape of rules; both caches are
//! bounded.

use std::borrow::Cow;
use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::executable::Operation;
use apollo_compiler::introspection;
use apollo_compiler::request::{RequestError, coerce_variable_values};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::{Introspection, Request};
use crate::error::{Code, Error};
use crate::graph::rules::Shape;
use crate::graph::{Catalog, EntityId, Principal};
use crate::read::explain::{self, Explained};
use crate::read::load::{Learnt, Loaded};
use crate::read::own::{Answering, Given};
use crate::read::plan::{self, AllDigits, BoundPlan, Document, DocumentLimits, Limits, Part, Plan};
use crate::read::respond::{Answer, Answered};
use crate::read::sql::Dialect;
use crate::schema::Schema;
use crate::write::Kept;

/// The part of the way that needs no database.
pub struct Planner {
    pub(super) shared: Arc<Shared>,
    pub(super) limits: Limits,
    documents: Cache<Box<str>, Arc<Document>, DocumentWeight>,
    plans: Cache<PlanKey, Known, PlanWeight>,
}

/// What outlives a request on the threads that run it.
pub(super) struct Shared {
    pub catalog: Catalog,
    schema: Schema,
    /// Statements of mutations.
    pub changes: Kept,
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
    pub(super) token: Option<String>,
    explain: bool,
}

impl Prepared {
    /// Whether a statement failed that several fields share: perhaps only what one of them reads of it is at fault.
    pub(super) fn has_failed_together(&self, loaded: &[Loaded]) -> bool {
        let mut levels = self.bound.plan.levels.iter().zip(loaded).enumerate();
        levels.any(|(i, (level, loaded))| {
            let failed = loaded.failed.as_ref().filter(|_| level.shared);
            failed.is_some_and(|f| f.level == Some(i) && f.error.is_of_what_is_read())
        })
    }

    /// The same, for whoever has signed in by this token.
    pub fn with_token(&self, token: String) -> Self {
        Prepared {
            document: self.document.clone(),
            bound: self.bound.clone(),
            learnt: self.learnt.clone(),
            introspection: self.introspection.clone(),
            token: Some(token),
            explain: self.explain,
        }
    }
}

/// What a request asks, before it is known for whom.
pub struct Asked<'r> {
    pub(super) document: Arc<Document>,
    pub(super) operation: Node<Operation>,
    /// By the rules of coercion; mostly those of the request itself.
    pub(super) variables: Cow<'r, JsonMap>,
    /// Of the variables of a mutation: what is written as JSON keeps them.
    pub(super) digits: AllDigits,
}

impl Asked<'_> {
    /// Whether it may change something.
    pub fn mutates(&self) -> bool {
        self.operation.is_mutation()
    }
}

impl Planner {
    pub fn new(catalog: Catalog, schema: Schema, limits: Limits) -> Self {
        Planner {
            shared: Arc::new(Shared {
                catalog,
                schema,
                changes: Kept::default(),
            }),
            limits,
            documents: Cache::with_weighter(1024, CACHE, DocumentWeight),
            plans: Cache::with_weighter(1024, CACHE, PlanWeight),
        }
    }

    /// Has no plan rely on these foreign keys, each by its entity and its place there: the database does not hold to them.
    pub fn without_keys(mut self, missing: &[(EntityId, usize)]) -> Self {
        // Nobody else has it before there is an engine.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            for &(entity, key) in missing {
                shared.catalog.entities[entity].foreign_keys[key].held = false;
            }
        }
        self
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
    #[cfg(feature = "internals")]
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// Parses, validates, plans and binds a query: everything before the first statement.
    pub fn prepare(&self, request: &Request, principal: Principal) -> Result<Prepared, Vec<Error>> {
        let asked = self.read(request)?;
        if asked.mutates() {
            let problem =
                "a mutation has a plan for each of its fields; ask for the plan of a query";
            return Err(vec![Error::input(problem)]);
        }
        self.query(&asked, Part::Query, principal, request.explain)
    }

    /// Shows what a request would run, which is not run.
    pub fn explain<R>(
        &self,
        request: &Request,
        principal: Principal,
        dialect: Dialect,
        show: impl FnOnce(&Explained<'_>) -> R,
    ) -> Result<R, Vec<Error>> {
        let asked = self.read(request)?;
        if asked.mutates() {
            return self.explain_mutation(&asked, &principal, dialect, show);
        }
        let prepared = self.query(&asked, Part::Query, principal, request.explain)?;
        let catalog = &self.shared.catalog;
        Ok(show(&explain::explain(catalog, &prepared.bound, dialect)))
    }

    /// Parses and validates, whoever asks.
    pub fn read<'r>(&self, request: &'r Request) -> Result<Asked<'r>, Vec<Error>> {
        let document = self.document(request)?;
        let operation = document.operation(request.operation_name.as_deref());
        let operation = operation.map_err(|e| vec![e])?.clone();
        if request.introspection == Introspection::Only {
            only_introspects(&document, &operation).map_err(|e| vec![e])?;
        }
        let variables = self.variables(&document, &operation, request)?;
        let digits = match operation.is_mutation() {
            true => request.variables.digits(&operation.variables),
            false => AllDigits::default(),
        };
        Ok(Asked {
            document,
            operation,
            variables,
            digits,
        })
    }

    /// Whether a request is for a mutation. What is wrong with it is told when it is run.
    pub fn mutates(&self, request: &Request) -> bool {
        let Ok(document) = self.document(request) else {
            return false;
        };
        let operation = document.operation(request.operation_name.as_deref());
        operation.is_ok_and(|operation| operation.is_mutation())
    }

    pub(super) fn query(
        &self,
        asked: &Asked<'_>,
        part: Part,
        principal: Principal,
        explain: bool,
    ) -> Result<Prepared, Vec<Error>> {
        let shape = self.shared.catalog.shape(&principal);
        let prepared = self.part(asked, part, shape, principal);
        let mut prepared = prepared.map_err(|e| vec![e])?;
        prepared.explain = explain;
        Ok(prepared)
    }

    /// Plans and binds a part of an operation.
    pub(super) fn part(
        &self,
        asked: &Asked<'_>,
        part: Part,
        shape: Shape,
        principal: Principal,
    ) -> Result<Prepared, Error> {
        let Asked {
            document,
            operation,
            variables,
            ..
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

    fn document(&self, request: &Request) -> Result<Arc<Document>, Vec<Error>> {
        let text = request.query.as_str();
        let may_introspect = self.may_introspect(request);
        if let Some(found) = self.documents.get(text)
            && (may_introspect || !found.introspects)
        {
            return Ok(found);
        }
        let limits = DocumentLimits {
            introspection: may_introspect,
            ..self.limits.document
        };
        let document = Document::parse(&self.shared.schema, text, &limits)?;
        let document = Arc::new(document);
        self.documents.insert(text.into(), document.clone());
        Ok(document)
    }

    /// Whether the schema is told to it, by errors too.
    fn may_introspect(&self, request: &Request) -> bool {
        self.limits.document.introspection && request.introspection != Introspection::Refused
    }

    fn variables<'r>(
        &self,
        document: &Document,
        operation: &Operation,
        request: &'r Request,
    ) -> Result<Cow<'r, JsonMap>, Vec<Error>> {
        let given = &request.variables;
        if operation.variables.is_empty() {
            return Ok(Cow::Owned(JsonMap::new()));
        }
        let schema = &self.shared.schema;
        if given.are_coerced(&schema.types, operation) {
            return Ok(Cow::Borrowed(&given.values));
        }
        let values = given.to_coerce(&schema.types, &operation.variables);
        let coerced = coerce_variable_values(&schema.types, operation, &values).map_err(|e| {
            let suggests = self.may_introspect(request);
            let found = plan::problems_of_variables(schema, document, operation, &values, suggests);
            match found.is_empty() {
                true => vec![request_error(document, Code::BadUserInput, &e)],
                false => found,
            }
        })?;
        let mut values = coerced.into_inner();
        given.restore(&schema.types, &mut values, &operation.variables);
        Ok(Cow::Owned(values))
    }

    fn plan(&self, asked: &Asked<'_>, part: Part, shape: Shape) -> Result<Known, Error> {
        let Asked {
            document,
            operation,
            variables,
            ..
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
        variables: &JsonMap,
    ) -> Result<JsonMap, Error> {
        let schema = &self.shared.schema;
        introspection::check_max_depth(&document.executable, operation)
            .map_err(|e| request_error(document, Code::LimitExceeded, &e))?;
        let response = introspection::partial_execute(
            &schema.types,
            &schema.implementers,
            &document.executable,
            operation,
            Valid::assume_valid_ref(variables),
        )
        .map_err(|e| request_error(document, Code::BadUserInput, &e))?;
        Ok(response.data.unwrap_or_default())
    }
}

impl Shared {
    /// The same where fields of one's own were called.
    pub fn write_own(
        &self,
        prepared: &Prepared,
        bound: &BoundPlan,
        answering: &Answering,
    ) -> Answered {
        self.write_bound(prepared, bound, &answering.loaded, &answering.given)
    }

    pub fn write(&self, prepared: &Prepared, loaded: &[Loaded]) -> Answered {
        self.write_bound(prepared, &prepared.bound, loaded, &[])
    }

    /// The same for what a mutation has written, whose keys are known only then.
    pub fn write_bound(
        &self,
        prepared: &Prepared,
        bound: &BoundPlan,
        loaded: &[Loaded],
        given: &[Given],
    ) -> Answered {
        Answer {
            catalog: &self.catalog,
            document: &prepared.document,
            bound,
            learnt: &prepared.learnt,
            loaded,
            given,
            introspection: prepared.introspection.as_ref(),
            token: prepared.token.as_deref(),
            explain: prepared.explain,
        }
        .write()
    }
}

fn only_introspects(document: &Document, operation: &Operation) -> Result<(), Error> {
    let mut fields = operation.root_fields(&document.executable);
    let Some(other) = fields.find(|field| !field.name.starts_with("__")) else {
        return Ok(());
    };
    let message = format!(
        "`{}` asks for data, and this request may ask for the schema alone, by `__schema` and `__type`",
        other.name
    );
    let at = document.line_column(other.name.location());
    Err(Error::new(Code::GraphqlValidationFailed, message).at(at))
}

fn request_error(document: &Document, code: Code, error: &RequestError) -> Error {
    Error::new(code, error.message().to_string()).at(document.line_column(error.location()))
}
