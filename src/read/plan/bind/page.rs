//! Pages: which rows of a list a request asks for, once its variables are known.

use apollo_compiler::Node;
use apollo_compiler::ast::Value;
use apollo_compiler::response::{JsonMap, JsonValue};

use super::{Limits, text_of};
use crate::error::{Code, Error};
use crate::graph::condition::Filter;
use crate::graph::{Catalog, Column, ColumnIx, Direction, Kind};
use crate::read::cursor::{self, Cursor, NoCursor};
use crate::read::plan::filter::{self, evaluate};
use crate::read::plan::order::{self, OrderTerm};
use crate::read::plan::search::Search;
use crate::read::plan::{Count, Level, Page, Plan, Source, Window};

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

/// Why a page cannot be bound.
pub(super) enum Problem {
    /// One of its own arguments is wrong.
    Argument(ArgumentProblem),
    Error(Error),
}

pub(super) struct ArgumentProblem {
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

    pub(super) fn of_level(self, path: &str) -> Error {
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

pub(super) fn bind_page(
    catalog: &Catalog,
    plan: &Plan,
    level: &Level,
    page: &Page,
    variables: &JsonMap,
    limits: &Limits,
) -> Result<BoundPage, Problem> {
    let rules = catalog.rules(plan.shape);
    let given = |argument: &Option<Node<Value>>| {
        let value = evaluate(argument.as_ref()?, variables)?;
        (!value.is_null()).then_some(value)
    };
    let filter = given(&page.filter)
        .map(|value| filter::bind(catalog, rules, level.entity, &value))
        .transpose()?;
    let order = given(&page.order)
        .map(|value| order::bind(catalog, rules, level.entity, &value))
        .transpose()?;
    let search = given(&page.search).map(|text| Search::read(&text_of(&text)));
    let search = search.transpose()?;
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
                let text = given(argument);
                let cursor = text.map(|text| cursor::read(&text_of(&text), digest, terms.len()));
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
                limit: first.or(last).unwrap_or_else(|| limits.default_page()),
                seek,
                ..bound
            }
        }
        Window::Groups { by, limit, offset } => {
            let entity = &catalog.entities[level.entity];
            let by = given(by).unwrap_or_default();
            let by = by
                .as_array()
                .map_or(std::slice::from_ref(&*by), Vec::as_slice);
            let mut columns = Vec::with_capacity(by.len());
            for name in by {
                let named = |(of, _): &&(String, ColumnIx)| Some(of.as_str()) == name.as_str();
                if let Some(&(_, column)) = entity.groupings.iter().find(named)
                    && !columns.contains(&column)
                {
                    filter::require_visible(catalog, rules, level.entity, column)
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
                // Of all there are one more shows that they are too many, or that the database holds values
                // which the entity does not know.
                fetch: (limit + u32::from(all)).min(possible.saturating_add(1)),
                offset: count("offset", offset, variables)?,
                by: columns,
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
    values.saturating_add(u32::from(column.can_be_null()))
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
