//! Binds a plan to a request: its variables become page sizes and keys, and the request's cost is known
//! before anything runs.

use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::ast::Value;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::{JsonMap, JsonValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::conditions::Conditions;
use super::filter::{self, Filter, evaluate};
use super::order::{self, OrderTerm};
use super::{
    Choice, Count, Document, DocumentLimits, Level, Lookup, Page, Plan, RootOutput, Source,
};
use crate::catalog::{Catalog, Entity, EntityId, Kind};
use crate::error::{Code, Error};
use crate::load::encode::{self, Raw};
use crate::load::keys::{KeyValue, Keys, key_value, parse_key};

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
    /// How deep a condition or an order may nest: relations, `and`, `or` and `not`.
    pub condition_depth: usize,
    /// Orders in one `orderBy`.
    pub orders: usize,
    pub document: DocumentLimits,
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
#[derive(Debug)]
pub struct BoundPlan {
    pub plan: Arc<Plan>,
    pub pages: Vec<BoundPage>,
    /// For each level of `Source::Keys` the keys asked for; empty where none is.
    pub keys: Vec<Keys>,
    /// For each root field what its arguments came to.
    pub roots: Vec<BoundRoot>,
    pub bound: Bound,
}

/// For a list which of its rows are asked for; for a single row the one there is.
#[derive(Debug)]
pub struct BoundPage {
    pub limit: u32,
    pub offset: u32,
    pub filter: Option<Filter>,
    /// Empty for the default order.
    pub order: Vec<OrderTerm>,
}

/// The most a request can cost, whatever the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bound {
    pub statements: u64,
    pub rows: u64,
}

#[derive(Debug)]
pub enum BoundRoot {
    /// Nothing to look up.
    Plain,
    /// The choice whose keys are asked for.
    Chosen(usize),
    /// For each id its choice and the index of its key there.
    Each(Vec<Result<(usize, u32), Error>>),
    Failed(Error),
}

pub fn bind(
    catalog: &Catalog,
    plan: Arc<Plan>,
    document: &Document,
    variables: &JsonMap,
    limits: &Limits,
) -> Result<BoundPlan, Error> {
    let located = |span: Option<SourceSpan>| document.line_column(span);
    let mut pages = Vec::with_capacity(plan.levels.len());
    let mut conditions = Conditions::default();
    for (i, level) in plan.levels.iter().enumerate() {
        let page = match &level.page {
            Some(page) => {
                let (limit, offset) = bind_counts(page, variables, limits)
                    .map_err(|e| e.of_level(&plan.path(i)).at(located(level.location)))?;
                let (filter, order) = bind_rows(catalog, &plan, level, page, variables)
                    .map_err(|e| e.at(located(level.location)))?;
                let key = catalog.entities[level.entity].primary_key.len();
                conditions
                    .add(&plan.path(i), filter.as_ref(), &order, key, limits)
                    .map_err(|e| e.at(located(level.location)))?;
                BoundPage {
                    limit,
                    offset,
                    filter,
                    order,
                }
            }
            None => BoundPage {
                limit: 1,
                offset: 0,
                filter: None,
                order: Vec::new(),
            },
        };
        pages.push(page);
    }
    let mut keys: Vec<Keys> = plan.levels.iter().map(|_| Keys::default()).collect();
    let mut roots = Vec::with_capacity(plan.root.len());
    let mut asked_ids = 0u64;
    for field in &plan.root {
        roots.push(match &field.value {
            RootOutput::Typename(_) | RootOutput::Introspection | RootOutput::Page { .. } => {
                BoundRoot::Plain
            }
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
                    Err(error) => BoundRoot::Failed(error.of_field("id")),
                }
            }
            RootOutput::Nodes { choices, ids } => {
                let ids = argument(ids, variables);
                let ids = ids
                    .as_array()
                    .map_or(std::slice::from_ref(&ids), Vec::as_slice);
                if ids.len() as u64 > u64::from(limits.page) {
                    return Err(Error::new(
                        Code::LimitExceeded,
                        format!(
                            "`{}` asks for {} ids; at most {} are allowed",
                            field.key,
                            ids.len(),
                            limits.page
                        ),
                    )
                    .of_field("ids")
                    .at(located(field.location)));
                }
                asked_ids = asked_ids.saturating_add(ids.len() as u64);
                bind_nodes(catalog, choices, ids, &mut keys)
            }
        });
    }
    let mut bound = bound(&plan, &pages, &keys);
    // An id costs its place in the answer whether there is such a row or not.
    bound.rows = bound.rows.max(asked_ids);
    check(&plan, &pages, &keys, bound, limits)?;
    Ok(BoundPlan {
        plan,
        pages,
        keys,
        roots,
        bound,
    })
}

fn bind_counts(page: &Page, variables: &JsonMap, limits: &Limits) -> Result<(u32, u32), PageError> {
    let limit = count("limit", &page.limit, variables)?;
    let offset = count("offset", &page.offset, variables)?;
    if limit > i64::from(limits.page) {
        return Err(PageError {
            code: Code::LimitExceeded,
            argument: "limit",
            problem: format!(
                "is {limit}, and at most {} is allowed; read further pages with `offset`",
                limits.page
            ),
        });
    }
    // `count` has refused what is negative, and GraphQL's Int what is above 2^31.
    Ok((limit as u32, offset as u32))
}

/// Which rows, in which order.
fn bind_rows(
    catalog: &Catalog,
    plan: &Plan,
    level: &Level,
    page: &Page,
    variables: &JsonMap,
) -> Result<(Option<Filter>, Vec<OrderTerm>), Error> {
    let given = |argument: &Option<Node<Value>>| {
        let value = evaluate(argument.as_ref()?, variables)?;
        (!value.is_null()).then_some(value)
    };
    let filter = given(&page.filter)
        .map(|value| filter::bind(catalog, &plan.principal, level.entity, &value))
        .transpose()?;
    let order = given(&page.order)
        .map(|value| order::bind(catalog, &plan.principal, level.entity, &value))
        .transpose()?;
    Ok((filter, order.unwrap_or_default()))
}

struct PageError {
    code: Code,
    argument: &'static str,
    problem: String,
}

impl PageError {
    fn of_level(self, path: &str) -> Error {
        let message = format!("`{}` of `{}` {}", self.argument, path, self.problem);
        Error::new(self.code, message).of_field(self.argument)
    }
}

fn count(argument: &'static str, count: &Count, variables: &JsonMap) -> Result<i64, PageError> {
    let value = match count {
        Count::Literal(value) => *value,
        Count::Variable(name, default) => variables
            .get(name.as_str())
            .and_then(JsonValue::as_i64)
            .unwrap_or(*default),
    };
    if value < 0 {
        return Err(PageError {
            code: Code::BadUserInput,
            argument,
            problem: format!("is {value}; it must be 0 or more"),
        });
    }
    Ok(value)
}

fn bind_lookup(
    catalog: &Catalog,
    type_name: &str,
    lookups: &[Lookup],
    variables: &JsonMap,
    keys: &mut [Keys],
) -> BoundRoot {
    let given: Vec<_> = lookups
        .iter()
        .enumerate()
        .map(|(i, l)| (i, l, argument(&l.value, variables)))
        .filter(|(_, _, value)| !value.is_null())
        .collect();
    let [(i, lookup, value)] = &given[..] else {
        let names = given
            .iter()
            .map(|(_, l, _)| format!("`{}`", l.argument))
            .collect::<Vec<_>>();
        return BoundRoot::Failed(Error::input(match names.len() {
            0 => format!(
                "give exactly one argument that says which {type_name} is meant; none was given"
            ),
            _ => format!(
                "give exactly one argument that says which {type_name} is meant, not {}",
                names.join(" and ")
            ),
        }));
    };
    if lookup.forbidden {
        let message = format!(
            "you may not search {type_name} by `{}`, which you may not see",
            lookup.argument
        );
        return BoundRoot::Failed(
            Error::new(Code::Forbidden, message).of_field(lookup.argument.as_str()),
        );
    }
    let entity = lookup.choice.entity;
    let key = match lookup.column {
        None => bind_node(
            catalog,
            std::slice::from_ref(&lookup.choice),
            value,
            Some(entity),
        )
        .map(|(_, key)| key),
        Some(column) => {
            let column = &catalog.entities[entity].columns[column];
            match column.refers_to {
                Some(to) => key_of_text(catalog, to, &text_of(value)),
                None => column_key(&column.kind, value),
            }
            .map_err(|text| Error::input(format!("`{text}` is no value of `{}`", lookup.argument)))
        }
    };
    match key {
        Ok(key) => {
            keys[lookup.choice.level] = Keys::from_rows(&[key]);
            BoundRoot::Chosen(*i)
        }
        Err(error) => BoundRoot::Failed(error.of_field(lookup.argument.as_str())),
    }
}

/// Which of the choices an id is of, and its key. With `only`, a bare key will do.
fn bind_node(
    catalog: &Catalog,
    choices: &[Choice],
    id: &JsonValue,
    only: Option<EntityId>,
) -> Result<(usize, Vec<KeyValue>), Error> {
    let text = text_of(id);
    let shown = shortened(&text);
    let shape = |entity: &Entity| {
        let parts: Vec<_> = entity
            .primary_key
            .iter()
            .map(|&c| format!("<{}>", entity.columns[c].field))
            .collect();
        format!("{}:{}", entity.type_name, parts.join(":"))
    };
    let named = text
        .split_once(':')
        .and_then(|(name, key)| Some((catalog.entity_of_type(name)?, key)));
    if let Some((entity, key)) = named {
        let of = &catalog.entities[entity];
        let Some(choice) = choices.iter().position(|c| c.entity == entity) else {
            let wanted = only.map_or("node", |e| &catalog.entities[e].type_name);
            return Err(Error::input(format!(
                "`{shown}` is the id of a {}, not of a {wanted}",
                of.type_name
            )));
        };
        return match parse_key(of, key) {
            Some(key) => Ok((choice, key)),
            None => Err(Error::input(format!(
                "`{shown}` is no id; one of this type looks like `{}`",
                shape(of)
            ))),
        };
    }
    match only {
        Some(entity) => match parse_key(&catalog.entities[entity], &text) {
            Some(key) => Ok((0, key)),
            None => Err(Error::input(format!(
                "`{shown}` is no id; one of this type looks like `{}`",
                shape(&catalog.entities[entity])
            ))),
        },
        None => Err(Error::input(format!(
            "`{shown}` is no global id; one looks like `{}`",
            shape(&catalog.entities[choices[0].entity])
        ))),
    }
}

/// A key of `entity` from its global id or its bare form.
pub(super) fn key_of_text(
    catalog: &Catalog,
    entity: EntityId,
    text: &str,
) -> Result<Vec<KeyValue>, String> {
    let of = &catalog.entities[entity];
    let bare = text
        .strip_prefix(&of.type_name)
        .and_then(|rest| rest.strip_prefix(':'))
        .unwrap_or(text);
    parse_key(of, bare).ok_or_else(|| text.to_owned())
}

pub(super) fn column_key(kind: &Kind, value: &JsonValue) -> Result<Vec<KeyValue>, String> {
    let text = text_of(value);
    if let Kind::Enum(of) = kind {
        let at = of.names.iter().position(|n| *n == text).ok_or(text)?;
        return Ok(vec![KeyValue::Text(of.values[at].as_str().into())]);
    }
    if let Kind::Bytes = kind {
        // The scalar is base64, while an id holds hexadecimal digits.
        let bytes = BASE64.decode(&text).map_err(|_| text)?;
        return Ok(encode::key_text(kind, &Raw::Bytes(&bytes))
            .map(KeyValue::Text)
            .into_iter()
            .collect());
    }
    key_value(kind, &text).map(|v| vec![v]).ok_or(text)
}

fn bind_nodes(
    catalog: &Catalog,
    choices: &[Choice],
    ids: &[JsonValue],
    keys: &mut [Keys],
) -> BoundRoot {
    let mut of_choice: Vec<Vec<Vec<KeyValue>>> = vec![Vec::new(); choices.len()];
    let mut seen = std::collections::HashMap::new();
    let each = ids
        .iter()
        .map(|id| {
            let (choice, key) =
                bind_node(catalog, choices, id, None).map_err(|e| e.of_field("ids"))?;
            let at = *seen.entry((choice, key.clone())).or_insert_with(|| {
                of_choice[choice].push(key);
                of_choice[choice].len() as u32 - 1
            });
            Ok((choice, at))
        })
        .collect();
    for (choice, of) in choices.iter().zip(of_choice) {
        keys[choice.level] = Keys::from_rows(&of);
    }
    BoundRoot::Each(each)
}

/// Enough of an id to know it by.
fn shortened(id: &str) -> String {
    const LONGEST: usize = 80;
    match id.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

/// The value of an argument, null where it was left out.
fn argument(value: &Value, variables: &JsonMap) -> JsonValue {
    evaluate(value, variables).unwrap_or(JsonValue::Null)
}

pub(super) fn text_of(value: &JsonValue) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

/// The cost of each level, saturating: a page of a page multiplies.
fn level_rows(plan: &Plan, pages: &[BoundPage], keys: &[Keys]) -> Vec<u64> {
    let mut rows: Vec<u64> = Vec::with_capacity(plan.levels.len());
    for (i, level) in plan.levels.iter().enumerate() {
        let limit = u64::from(pages[i].limit);
        rows.push(match &level.source {
            Source::List => limit,
            Source::Keys { .. } => keys[i].len as u64,
            Source::Relation { parent, .. } => match level.page {
                Some(_) => rows[*parent].saturating_mul(limit),
                None => rows[*parent],
            },
        });
    }
    rows
}

fn bound(plan: &Plan, pages: &[BoundPage], keys: &[Keys]) -> Bound {
    let mut runs: Vec<bool> = Vec::with_capacity(plan.levels.len());
    for (i, level) in plan.levels.iter().enumerate() {
        runs.push(match &level.source {
            Source::List => true,
            Source::Keys { .. } => keys[i].len > 0,
            Source::Relation { parent, .. } => runs[*parent],
        });
    }
    Bound {
        statements: runs.iter().filter(|r| **r).count() as u64,
        rows: level_rows(plan, pages, keys)
            .iter()
            .fold(0, |sum, n| sum.saturating_add(*n)),
    }
}

fn check(
    plan: &Plan,
    pages: &[BoundPage],
    keys: &[Keys],
    bound: Bound,
    limits: &Limits,
) -> Result<(), Error> {
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
        let rows = level_rows(plan, pages, keys);
        let largest = (0..rows.len())
            .max_by_key(|&i| rows[i])
            .map_or_else(String::new, |i| plan.path(i));
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
