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
use super::cursor::{self, Cursor, NoCursor};
use super::filter::{self, Filter, evaluate};
use super::order::{self, OrderTerm};
use super::search::Search;
use super::{
    Choice, Count, Document, DocumentLimits, Level, Lookup, Page, Plan, RootOutput, Source, Window,
};
use crate::catalog::{Catalog, Column, ColumnIx, Direction, Entity, EntityId, Kind};
use crate::error::{Code, Error};
use crate::load::encode::{self, Raw};
use crate::load::keys::{KeyValue, Keys, key_value, parse_key};
use crate::schema::DEFAULT_LIMIT;

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
    /// For each of the plan's paths the most rows read there.
    pub rows: Vec<u64>,
    pub bound: Bound,
}

/// For a list which of its rows are asked for; for a single row the one there is.
#[derive(Debug, Default)]
pub struct BoundPage {
    /// Rows, or groups, given at most.
    pub limit: u32,
    /// Rows read at most: one more where it is asked whether there is one.
    pub fetch: u32,
    pub offset: u32,
    pub filter: Option<Filter>,
    pub search: Option<Search>,
    /// Empty for the default order, or the best found first.
    pub order: Vec<OrderTerm>,
    pub seek: Seek,
    /// What groups are made by.
    pub by: Vec<ColumnIx>,
    /// More groups than `limit` are an error.
    pub all: bool,
}

/// Where in its order a connection's page stands.
#[derive(Debug, Default)]
pub struct Seek {
    pub after: Option<Cursor>,
    pub before: Option<Cursor>,
    /// The page is read from its end, so its rows come the other way round.
    pub backward: bool,
    /// What the cursors of the order are told by.
    pub digest: u32,
}

/// The most a request can cost, whatever the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Bound {
    pub statements: u64,
    pub rows: u64,
}

impl BoundPlan {
    /// Whether a client's cursors are in it.
    pub fn seeks(&self) -> bool {
        let cursors = |p: &BoundPage| p.seek.after.is_some() || p.seek.before.is_some();
        self.pages.iter().any(cursors)
    }
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
        let mut page = match &level.page {
            Some(page) => {
                let bound = bind_page(catalog, &plan, level, page, variables, limits);
                let bound = bound.map_err(|e| match e {
                    Problem::Argument(e) => e.of_level(&plan.path(i)),
                    Problem::Error(e) => e,
                });
                let key = catalog.entities[level.entity].primary_key.len();
                let counted = bound.and_then(|page| {
                    let filter = page.filter.as_ref();
                    conditions.add(&plan.path(i), filter, &page.order, key, limits)?;
                    Ok(page)
                });
                counted.map_err(|e| e.at(located(level.location)))?
            }
            None => BoundPage {
                limit: 1,
                ..BoundPage::default()
            },
        };
        let ahead = level.looks_ahead[usize::from(page.seek.backward)];
        page.fetch = page.fetch.max(page.limit) + u32::from(ahead);
        pages.push(page);
    }
    let mut keys: Vec<Keys> = plan.levels.iter().map(|_| Keys::default()).collect();
    let mut roots = Vec::with_capacity(plan.root.len());
    let mut asked_ids = 0u64;
    for field in &plan.root {
        roots.push(match &field.value {
            RootOutput::Typename(_)
            | RootOutput::Introspection
            | RootOutput::Page { .. }
            | RootOutput::Object(_) => BoundRoot::Plain,
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
    let rows = path_rows(&plan, &pages, &keys);
    let mut bound = Bound {
        statements: statements(&plan, &keys),
        rows: rows.iter().fold(0, |sum, n| sum.saturating_add(*n)),
    };
    // An id costs its place in the answer whether there is such a row or not.
    bound.rows = bound.rows.max(asked_ids);
    check(&plan, &rows, bound, limits)?;
    Ok(BoundPlan {
        plan,
        pages,
        keys,
        roots,
        rows,
        bound,
    })
}

/// Why a page cannot be bound.
enum Problem {
    /// One of its own arguments is wrong.
    Argument(ArgumentProblem),
    Error(Error),
}

struct ArgumentProblem {
    code: Code,
    argument: &'static str,
    problem: String,
}

impl ArgumentProblem {
    fn input(argument: &'static str, problem: impl Into<String>) -> Self {
        ArgumentProblem {
            code: Code::BadUserInput,
            argument,
            problem: problem.into(),
        }
    }

    fn of_level(self, path: &str) -> Error {
        let message = format!("`{}` of `{}` {}", self.argument, path, self.problem);
        Error::new(self.code, message).of_field(self.argument)
    }
}

impl From<ArgumentProblem> for Problem {
    fn from(problem: ArgumentProblem) -> Self {
        Problem::Argument(problem)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::Error(error)
    }
}

fn bind_page(
    catalog: &Catalog,
    plan: &Plan,
    level: &Level,
    page: &Page,
    variables: &JsonMap,
    limits: &Limits,
) -> Result<BoundPage, Problem> {
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
    let search = given(&page.search).map(|text| Search::parse(&text_of(&text)));
    let bound = BoundPage {
        filter,
        search,
        order: order.unwrap_or_default(),
        ..BoundPage::default()
    };
    Ok(match &page.window {
        Window::Totals => BoundPage { limit: 1, ..bound },
        Window::Offset { limit, offset } => BoundPage {
            limit: within("limit", count("limit", limit, variables)?, limits)?,
            offset: count("offset", offset, variables)?,
            ..bound
        },
        Window::Cursors {
            first,
            after,
            last,
            before,
        } => {
            let number = |name, argument| {
                let value = given(argument).map(|v| whole(name, &v)).transpose()?;
                value.map(|v| within(name, v, limits)).transpose()
            };
            let (first, last) = (number("first", first)?, number("last", last)?);
            if first.is_some() && last.is_some() {
                let problem = "is given together with `first`; give one of the two";
                return Err(ArgumentProblem::input("last", problem).into());
            }
            let default = || order::default(&default_order(catalog, level));
            let terms = match bound.order.is_empty() {
                true => &default(),
                false => &bound.order,
            };
            let digest = cursor::digest(&order::described(catalog, level.entity, terms));
            let place = |name, argument| {
                let text = given(argument).map(|v| text_of(&v));
                let cursor = text.map(|text| cursor::read(&text, digest, terms.len()));
                cursor.transpose().map_err(|cause| {
                    ArgumentProblem::input(
                        name,
                        match cause {
                            NoCursor::Broken => "is no cursor; give one as an edge or `pageInfo` gave it",
                            NoCursor::OtherOrder => {
                                "is a cursor of another list or order; give it with the `orderBy` it was read with"
                            }
                        },
                    )
                })
            };
            let seek = Seek {
                after: place("after", after)?,
                before: place("before", before)?,
                backward: last.is_some(),
                digest,
            };
            BoundPage {
                limit: first
                    .or(last)
                    .unwrap_or(DEFAULT_LIMIT.unsigned_abs().min(limits.page)),
                seek,
                ..bound
            }
        }
        Window::Groups { by, limit, offset } => {
            let entity = &catalog.entities[level.entity];
            let by = given(by).unwrap_or_default();
            let by = by
                .as_array()
                .map_or(std::slice::from_ref(&by), Vec::as_slice);
            let mut columns = Vec::with_capacity(by.len());
            for name in by {
                let named = |(of, _): &&(String, ColumnIx)| Some(of.as_str()) == name.as_str();
                if let Some(&(_, column)) = entity.groupings.iter().find(named)
                    && !columns.contains(&column)
                {
                    filter::require_visible(catalog, &plan.principal, level.entity, column)
                        .map_err(|e| e.of_field("by"))?;
                    columns.push(column);
                }
            }
            if columns.is_empty() {
                return Err(
                    ArgumentProblem::input("by", "names no column; name at least one").into(),
                );
            }
            let limit = given(limit).map(|v| whole("limit", &v)).transpose()?;
            let all = limit.is_none();
            let limit = match limit {
                Some(limit) => within("limit", limit, limits)?,
                None => limits.page,
            };
            let possible = columns.iter().map(|&c| values_of(&entity.columns[c]));
            let possible = possible.fold(1u32, u32::saturating_mul);
            BoundPage {
                limit: limit.min(possible),
                // Of all there are one more shows that they are too many.
                fetch: (limit + u32::from(all)).min(possible),
                offset: count("offset", offset, variables)?,
                by: columns,
                all,
                ..bound
            }
        }
    })
}

/// The order of a level's rows where the client gives none.
pub fn default_order(catalog: &Catalog, level: &Level) -> Vec<(ColumnIx, Direction)> {
    match level.source {
        Source::Relation { relation, .. } => catalog.order_of(&catalog.relations[relation]),
        _ => catalog.entities[level.entity].default_order.clone(),
    }
}

/// How many values a column can have, null among them.
fn values_of(column: &Column) -> u32 {
    let values = match &column.kind {
        Kind::Enum(of) => of.values.len() as u32,
        Kind::Boolean => 2,
        _ => u32::MAX,
    };
    values.saturating_add(u32::from(column.nullable))
}

/// A number of rows that a page may have.
fn within(argument: &'static str, number: u32, limits: &Limits) -> Result<u32, ArgumentProblem> {
    if number > limits.page {
        let further = match argument {
            "limit" => "read further pages with `offset`",
            "first" => "read further pages with `after`",
            _ => "read further pages with `before`",
        };
        return Err(ArgumentProblem {
            code: Code::LimitExceeded,
            argument,
            problem: format!(
                "is {number}, and at most {} is allowed; {further}",
                limits.page
            ),
        });
    }
    Ok(number)
}

fn count(
    argument: &'static str,
    count: &Count,
    variables: &JsonMap,
) -> Result<u32, ArgumentProblem> {
    let value = match count {
        Count::Literal(value) => *value,
        Count::Variable(name, default) => variables
            .get(name.as_str())
            .and_then(JsonValue::as_i64)
            .unwrap_or(*default),
    };
    not_negative(argument, value)
}

/// The value of an argument of type Int.
fn whole(argument: &'static str, value: &JsonValue) -> Result<u32, ArgumentProblem> {
    // What GraphQL's Int cannot hold is above every limit.
    not_negative(argument, text_of(value).parse().unwrap_or(i64::MAX))
}

fn not_negative(argument: &'static str, value: i64) -> Result<u32, ArgumentProblem> {
    if value < 0 {
        let problem = format!("is {value}; it must be 0 or more");
        return Err(ArgumentProblem::input(argument, problem));
    }
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
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

/// The most rows at each path, saturating: a page of a page multiplies.
fn path_rows(plan: &Plan, pages: &[BoundPage], keys: &[Keys]) -> Vec<u64> {
    // What is below a row is multiplied by the rows given, and what is read may be one more for each page.
    let mut given: Vec<u64> = Vec::with_capacity(plan.paths.len());
    let mut read: Vec<u64> = Vec::with_capacity(plan.paths.len());
    for path in &plan.paths {
        let level = &plan.levels[path.level];
        let parent = path.parent.map_or(1, |parent| given[parent]);
        let page = &pages[path.level];
        let [each, fetched] = match (&level.source, &level.page) {
            _ if path.enclosing => [1, 0],
            _ if !level.runs => [0, 0],
            (Source::Keys { .. }, _) => [keys[path.level].len as u64; 2],
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
            Source::Keys { .. } => keys[i].len > 0,
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
