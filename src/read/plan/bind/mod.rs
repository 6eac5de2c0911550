//! Binds a plan to a request: its variables become page sizes and keys, and the request's cost is known
//! before anything runs.

mod key;
mod origin;
pub mod own;
mod page;

use std::borrow::Cow;
use std::sync::Arc;

use apollo_compiler::ast::Value;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::{JsonMap, JsonValue};

use super::conditions::Conditions;
use super::filter::evaluate;
use super::own::OwnLevel;
use super::{Document, DocumentLimits, Level, LevelId, Plan, RootOutput, Source};
use crate::error::{Code, Error};
use crate::graph::keys::{KeyValue, Keys};
use crate::graph::{Catalog, Principal};
use key::{bind_lookup, bind_node, bind_nodes, key_of_viewer};
use page::{Problem, bind_page};

pub use key::{column_key, key_of_id, key_of_text, no_value, shortened};
pub use page::{BoundPage, default_order};

/// What a request may cost. Beyond is an error, never a cut.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest `limit`.
    pub page: u32,
    /// How deep relations may nest.
    pub depth: usize,
    /// Rows a request may read: the product of the page sizes, summed over the paths.
    pub rows: u64,
    /// Statements a request may run.
    pub statements: u64,
    /// Conditions in all `where` of a request, `and`, `or`, `not` and relations among them.
    pub conditions: usize,
    /// How deep relations may nest in a condition or an order.
    pub condition_depth: usize,
    /// Orders in one `orderBy`.
    pub orders: usize,
    /// How large its document may be.
    pub document: DocumentLimits,
}

/// The size of a page that a client leaves to the server, where so many are allowed.
const DEFAULT_PAGE: u32 = 20;

impl Limits {
    /// How many rows a list or a connection has at most where a client says nothing.
    pub fn default_page(&self) -> u32 {
        self.page.min(DEFAULT_PAGE)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            page: 1000,
            depth: 15,
            rows: 250_000,
            statements: 100,
            conditions: 1000,
            condition_depth: 10,
            orders: 10,
            document: DocumentLimits::default(),
        }
    }
}

/// A plan with everything a request decides.
#[derive(Debug, Clone)]
pub struct BoundPlan {
    pub plan: Arc<Plan>,
    /// On whose behalf it runs: rules are bound to what he brings along.
    pub principal: Principal,
    pub pages: Vec<Arc<BoundPage>>,
    /// For each level of `Source::Keys` the keys asked for; empty where none is.
    pub keys: Vec<Keys>,
    /// For each root field what its arguments came to.
    pub roots: Vec<BoundRoot>,
    /// For each of the plan's paths the most rows read there.
    pub rows: Vec<u64>,
    pub bound: Bound,
    /// How many rows a mutation has written.
    pub count: usize,
    /// For each field of one's own that is called its arguments.
    pub arguments: Vec<Arc<own::Arguments>>,
    /// How many calls it waits for, one after the other: what is loaded first waits for none.
    pub phase: usize,
}

/// The most a request can cost, whatever the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Bound {
    pub statements: u64,
    pub rows: u64,
}

/// The choice that an id is of and the index of its key there. One that is none has an error, if an answer could list it.
pub type BoundId = Result<(usize, u32), Option<Box<Error>>>;

#[derive(Debug, Clone)]
pub enum BoundRoot {
    /// Nothing to look up.
    Plain,
    /// The choice whose keys are asked for.
    Chosen(usize),
    Each(Vec<BoundId>),
    Failed(Error),
}

pub fn bind(
    catalog: &Catalog,
    plan: Arc<Plan>,
    document: &Document,
    variables: &JsonMap,
    principal: Principal,
    limits: &Limits,
) -> Result<BoundPlan, Error> {
    let located = |span: Option<SourceSpan>| document.line_column(span);
    let mut pages = Vec::with_capacity(plan.levels.len());
    let mut conditions = Conditions::default();
    for (i, level) in plan.levels.iter().enumerate() {
        let bound = bind_level(catalog, &plan, level, variables, limits).map_err(|e| match e {
            Problem::Argument(e) => e.of_level(&plan.path(i)),
            Problem::Error(e) => e,
        });
        let key = catalog.entities[level.entity].primary_key.len();
        let counted = bound.and_then(|page| {
            let filter = page.filter.as_ref();
            conditions.add(|| plan.path(i), filter, &page.order, key, limits)?;
            Ok(page)
        });
        let named = |e: Error| match &level.page {
            Some(page) => origin::in_page(e, page),
            None => e,
        };
        pages.push(counted.map_err(|e| named(e).at(located(level.location)))?);
    }
    let mut keys: Vec<Keys> = plan.levels.iter().map(|_| Keys::default()).collect();
    let mut roots = Vec::with_capacity(plan.root.len());
    let mut asked_ids = 0u64;
    let mut listed = 0;
    for field in &plan.root {
        roots.push(match &field.value {
            RootOutput::Typename(_)
            | RootOutput::Introspection
            | RootOutput::Token
            | RootOutput::Page { .. }
            | RootOutput::Object(_)
            | RootOutput::Written(_)
            | RootOutput::WrittenMany(_)
            | RootOutput::Changed(_)
            | RootOutput::Own { .. }
            | RootOutput::Count => BoundRoot::Plain,
            RootOutput::Lookup { type_name, lookups } => {
                let root = bind_lookup(catalog, type_name, lookups, variables, &mut keys);
                if let BoundRoot::Chosen(choice) = root {
                    conditions.add_keys(&keys[lookups[choice].choice.level])?;
                }
                root
            }
            RootOutput::Node { choices, id } => {
                match bind_node(catalog, choices, &argument(id, variables), None) {
                    Ok((choice, key)) => {
                        keys[choices[choice].level] = Keys::from_rows(&[key]);
                        BoundRoot::Chosen(choice)
                    }
                    Err(error) => BoundRoot::Failed(origin::named(error.of_field("id"), id)),
                }
            }
            RootOutput::Session(fields) => {
                for field in fields {
                    if let RootOutput::Viewer(choice) = &field.value
                        && let Some(key) = key_of_viewer(catalog, choice, &principal)
                    {
                        keys[choice.level] = Keys::from_rows(&[vec![key]]);
                    }
                }
                BoundRoot::Plain
            }
            RootOutput::Viewer(choice) => match key_of_viewer(catalog, choice, &principal) {
                Some(key) => {
                    keys[choice.level] = Keys::from_rows(&[vec![key]]);
                    BoundRoot::Chosen(0)
                }
                None => BoundRoot::Plain,
            },
            RootOutput::Nodes {
                choices,
                ids: written,
            } => {
                let ids = argument(written, variables);
                let ids = ids
                    .as_array()
                    .map_or(std::slice::from_ref(&*ids), Vec::as_slice);
                if ids.len() as u64 > u64::from(limits.page) {
                    let message = format!(
                        "`{}` asks for {} ids; at most {} are allowed",
                        field.key,
                        ids.len(),
                        limits.page
                    );
                    let error = Error::new(Code::LimitExceeded, message).of_field("ids");
                    return Err(origin::named(error, written).at(located(field.location)));
                }
                asked_ids = asked_ids.saturating_add(ids.len() as u64);
                bind_nodes(catalog, choices, written, ids, &mut keys, &mut listed)
            }
        });
    }
    let rows = path_rows(&plan, &pages, &keys);
    let mut bound = Bound {
        statements: statements(&plan, &keys),
        rows: rows.iter().fold(0, |sum, n| sum.saturating_add(*n)),
    };
    // An id costs its place in the answer whether there is such a row or not.
    bound.rows = bound.rows.max(asked_ids);
    check(&plan, &rows, bound, limits)?;
    let arguments = own::arguments(catalog, &plan, document, variables)?;
    Ok(BoundPlan {
        plan,
        principal,
        pages,
        keys,
        roots,
        rows,
        bound,
        count: 0,
        arguments,
        phase: 0,
    })
}

impl BoundPlan {
    /// Whether any of them asks something: those below the first ask by the rows of those.
    pub fn asks_something(&self) -> bool {
        let asks = |&level: &LevelId| {
            let keyed = matches!(self.plan.levels[level].source, Source::Keys { .. });
            !keyed || self.keys[level].len > 0
        };
        self.stages().iter().take(1).flatten().any(asks)
    }

    /// The levels that are loaded together, stage by stage.
    pub fn stages(&self) -> &[Vec<LevelId>] {
        match (self.phase.checked_sub(1), &self.plan.own) {
            (Some(later), Some(own)) => own.later.get(later).map_or(&[], Vec::as_slice),
            _ => &self.plan.stages,
        }
    }

    /// The same for somebody else to whom the same rules apply, who sees himself as the viewer.
    pub fn on_behalf_of(mut self, catalog: &Catalog, principal: Principal) -> Self {
        for field in &self.plan.root {
            let RootOutput::Session(fields) = &field.value else {
                continue;
            };
            for field in fields {
                if let RootOutput::Viewer(choice) = &field.value
                    && let Some(key) = key_of_viewer(catalog, choice, &principal)
                {
                    self.keys[choice.level] = Keys::from_rows(&[vec![key]]);
                }
            }
        }
        self.principal = principal;
        self
    }

    /// The same for rows that a mutation has written, by their keys; `None` where it has to be known only what so many
    /// could cost.
    pub fn written(mut self, rows: usize, keys: Option<&[Vec<KeyValue>]>) -> Self {
        let fields = self.plan.root.iter().flat_map(|field| match &field.value {
            RootOutput::Changed(fields) => &fields[..],
            _ => std::slice::from_ref(field),
        });
        for field in fields {
            if let RootOutput::Written(choice) | RootOutput::WrittenMany(choice) = &field.value {
                self.keys[choice.level] = match keys {
                    Some(keys) => Keys::from_rows(keys),
                    None => Keys {
                        columns: Vec::new(),
                        len: rows,
                    },
                };
            }
        }
        self.rows = path_rows(&self.plan, &self.pages, &self.keys);
        self.bound = Bound {
            statements: statements(&self.plan, &self.keys),
            rows: self.rows.iter().fold(0, |sum, n| sum.saturating_add(*n)),
        };
        self.count = rows;
        self
    }
}

/// The page of a level: the one that every request asks for, bound once, or this request's.
fn bind_level(
    catalog: &Catalog,
    plan: &Plan,
    level: &Level,
    variables: &JsonMap,
    limits: &Limits,
) -> Result<Arc<BoundPage>, Problem> {
    if let Some(page) = level.constant.get() {
        return Ok(page.clone());
    }
    let mut page = match &level.page {
        Some(page) => bind_page(catalog, plan, level, page, variables, limits)?,
        None => BoundPage {
            limit: 1,
            ..BoundPage::default()
        },
    };
    let ahead = level.looks_ahead[usize::from(page.seek.backward)];
    page.fetch = page.fetch.max(page.limit) + u32::from(ahead);
    let page = Arc::new(page);
    if level.page.as_ref().is_none_or(|p| p.is_literal()) {
        let _ = level.constant.set(page.clone());
    }
    Ok(page)
}

/// The value of an argument, null where it was left out.
fn argument<'v>(value: &Value, variables: &'v JsonMap) -> Cow<'v, JsonValue> {
    evaluate(value, variables).unwrap_or(Cow::Owned(JsonValue::Null))
}

pub fn text_of(value: &JsonValue) -> Cow<'_, str> {
    match value.as_str() {
        Some(text) => text.into(),
        None => value.to_string().into(),
    }
}

/// The most rows at each path, saturating: a page of a page multiplies.
fn path_rows(plan: &Plan, pages: &[Arc<BoundPage>], keys: &[Keys]) -> Vec<u64> {
    // What is below a row is multiplied by the rows given, and what is read may be one more for each page.
    let mut given: Vec<u64> = Vec::with_capacity(plan.paths.len());
    let mut read: Vec<u64> = Vec::with_capacity(plan.paths.len());
    for path in &plan.paths {
        let level = &plan.levels[path.level];
        let parent = path.parent.map_or(1, |parent| given[parent]);
        let page = &pages[path.level];
        let [each, fetched] = match (&level.source, &level.page) {
            // Nothing is read for it, but what is below is written as often.
            _ if path.enclosing => [1, 1],
            _ if !level.runs => [0, 0],
            (Source::Keys { .. }, _) => match level.own {
                Some(OwnLevel::Given { most, .. }) => [most.into(); 2],
                _ => [keys[path.level].len as u64; 2],
            },
            (Source::Relation { .. }, None) => [1, 1],
            _ => [page.limit.into(), page.fetch.into()],
        };
        given.push(parent.saturating_mul(each));
        read.push(parent.saturating_mul(fetched.max(each)));
    }
    read
}

fn statements(plan: &Plan, keys: &[Keys]) -> u64 {
    let mut asked: Vec<bool> = Vec::with_capacity(plan.levels.len());
    for (i, level) in plan.levels.iter().enumerate() {
        let found = match &level.source {
            Source::List => true,
            Source::Keys { .. } => keys[i].len > 0 || level.own.is_some(),
            Source::Relation { parent, .. } => asked[*parent],
        };
        asked.push(found && level.runs);
    }
    asked.iter().filter(|asked| **asked).count() as u64
}

fn check(plan: &Plan, rows: &[u64], bound: Bound, limits: &Limits) -> Result<(), Error> {
    if bound.statements > limits.statements {
        return Err(Error::new(
            Code::LimitExceeded,
            format!(
                "the request would run up to {} statements, and {} are allowed; ask for fewer relations",
                bound.statements, limits.statements
            ),
        ));
    }
    if bound.rows > limits.rows {
        let largest = (0..rows.len())
            .max_by_key(|&i| rows[i])
            .map_or_else(String::new, |i| super::path(&plan.paths, i));
        return Err(Error::new(
            Code::LimitExceeded,
            format!(
                "the request could read up to {} rows, and {} are allowed; most of them by `{largest}`: give it, or what is above it, a smaller `limit`",
                bound.rows, limits.rows
            ),
        ));
    }
    Ok(())
}
