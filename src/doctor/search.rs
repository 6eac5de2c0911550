//! Full-text indexes: what the database has of one, what that lacks, and what the lack costs.
//!
//! An index is what `backref_migration::create_search` makes, and its parts are known by the names that this
//! gives them. What a trigger does is judged by the columns it reads and no further.

use std::collections::HashSet;

use super::remedy::{Remedies, Remedy};
use super::structure::Form;
use super::{Finding, Severity, Subject};
use crate::graph::Entity;

/// What the database has of one full-text index.
#[derive(Debug)]
pub struct Search {
    pub table: State,
    /// The columns that the table is declared with, where they are those of the entity.
    pub columns: Option<Vec<String>>,
    pub triggers: Vec<Trigger>,
    /// Of PostgreSQL's table, whose parts can be gone one by one.
    pub constraints: Constraints,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Missing,
    /// Something else has its name.
    Other,
    There,
}

/// A trigger that keeps the index.
#[derive(Debug)]
pub struct Trigger {
    pub name: String,
    pub event: Event,
    pub found: Option<Found>,
}

#[derive(Debug)]
pub struct Found {
    /// Whether it runs at each write of the columns.
    pub runs: bool,
    /// What it does, as it was written.
    pub text: String,
}

/// What a trigger passes on to the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Insert,
    Delete,
    Update,
    /// Inserts and updates.
    Write,
}

#[derive(Debug, Clone, Copy)]
pub struct Constraints {
    /// One row an id.
    pub unique: bool,
    /// A row goes with the entity's.
    pub follows: bool,
    /// The documents have a GIN index.
    pub indexed: bool,
}

impl Constraints {
    /// Those of FTS5, which are the table's own.
    pub const KEPT: Self = Constraints {
        unique: true,
        follows: true,
        indexed: true,
    };
}

/// What is missing, and its cost.
struct Lack {
    severity: Severity,
    missing: String,
    cost: String,
}

/// What the index lacks, all in one: it is made anew as a whole, since a row that was written meanwhile is in
/// none of its parts.
pub fn finding(
    entity: &Entity,
    form: Form,
    search: &Search,
    remedies: &Remedies,
) -> Option<Finding> {
    let lacks = lacks(entity, search);
    let severity = match lacks.iter().any(|l| l.severity == Severity::Error) {
        true => Severity::Error,
        false => Severity::Warning,
    };
    if lacks.is_empty() {
        return None;
    }
    let index = entity.search_table();
    let remedy = match (search.table, form) {
        (State::Other, _) => Remedy::Words(format!(
            "rename what is called `{index}`, and write the migration that creates the index by `create_search`"
        )),
        (_, Form::Table) => {
            let has_triggers = search.triggers.iter().any(|t| t.found.is_some());
            remedies.search(entity, search.table == State::There || has_triggers)
        }
        _ => Remedy::Words(format!(
            "create `{index}` and what keeps it in a migration: `create_search` needs triggers, which `{}`, a view, cannot have",
            entity.table
        )),
    };
    let mut said = HashSet::new();
    let (missing, costs): (Vec<_>, Vec<_>) = lacks.into_iter().map(|l| (l.missing, l.cost)).unzip();
    let costs = costs.into_iter().filter(|cost| said.insert(cost.clone()));
    Some(Finding {
        severity,
        subject: Subject::Search,
        table: String::new(),
        missing: missing.join("; "),
        needed_by: vec![format!(
            "`search` of each list of {} (`.search(…)` of {})",
            entity.many(),
            entity.module
        )],
        costs: costs.collect(),
        remedy,
    })
}

fn lacks(entity: &Entity, search: &Search) -> Vec<Lack> {
    let (index, table) = (entity.search_table(), &entity.table);
    let rows = entity.many();
    let lack = |severity, missing: String, cost: String| Lack {
        severity,
        missing,
        cost,
    };
    let error = |missing, cost| lack(Severity::Error, missing, cost);
    let wanted: Vec<_> = entity.searched_names().collect();
    match search.table {
        State::There => {}
        State::Other => {
            return vec![error(
                format!("`{index}` is not a full-text index"),
                format!("each `search` of {rows} fails"),
            )];
        }
        State::Missing => {
            let cost = match search.triggers.iter().any(|t| t.found.is_some()) {
                true => format!(
                    "each `search` of {rows} fails, and each write that would have kept the index"
                ),
                false => format!("each `search` of {rows} fails"),
            };
            return vec![error(
                format!("the full-text index `{index}` is missing"),
                cost,
            )];
        }
    }
    let mut lacks = Vec::new();
    if let Some(columns) = &search.columns
        && !same(columns, &wanted)
    {
        lacks.push(error(
            format!(
                "the full-text index `{index}` is of ({}), and the graph searches ({})",
                columns.join(", "),
                wanted.join(", ")
            ),
            format!("`search` of {rows} finds other words than those of the graph's columns"),
        ));
    }
    for Trigger { name, event, found } in &search.triggers {
        let cost = match event {
            Event::Insert => format!("{rows} that are added are not found"),
            Event::Delete => {
                "what is deleted stays in the index, and what gets its id next is found by it"
                    .to_owned()
            }
            Event::Update => format!("{rows} that are changed are found by what they were"),
            Event::Write => {
                format!(
                    "{rows} that are added are not found, those that are changed by what they were"
                )
            }
        };
        let reads = found.as_ref().map(|f| reads(entity, &f.text));
        let missing = match (found, reads) {
            (None, _) => format!("the trigger `{name}` of `{table}` is missing"),
            (Some(found), _) if !found.runs => {
                format!("the trigger `{name}` of `{table}` does not run at each write")
            }
            (_, Some(reads)) if !reads.is_empty() && !same(&reads, &wanted) => format!(
                "the trigger `{name}` of `{table}` reads ({}), and the graph searches ({})",
                reads.join(", "),
                wanted.join(", ")
            ),
            _ => continue,
        };
        lacks.push(error(missing, cost));
    }
    let Constraints {
        unique,
        follows,
        indexed,
    } = search.constraints;
    if !unique {
        lacks.push(error(
            format!("nothing keeps `id` of `{index}` unique"),
            "each write that would have kept the index fails".to_owned(),
        ));
    }
    if !follows {
        lacks.push(lack(
            Severity::Warning,
            format!("no foreign key has the rows of `{index}` follow those of `{table}`"),
            format!("the index keeps {rows} that are gone, and loses those whose id changes"),
        ));
    }
    if !indexed {
        lacks.push(lack(
            Severity::Warning,
            format!("there is no GIN index on `document` of `{index}`"),
            format!("each `search` of {rows} reads the words of all of them"),
        ));
    }
    lacks
}

fn same(found: &[String], wanted: &[&str]) -> bool {
    let pairs = found.iter().zip(wanted);
    found.len() == wanted.len() && pairs.into_iter().all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// The columns that a trigger takes from the row it runs for, without the key, in the order in which it first
/// names them; none where it takes the row by other means.
fn reads(entity: &Entity, text: &str) -> Vec<String> {
    let key = &entity.columns[entity.primary_key[0]].name;
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut columns: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('.') {
        let before = text[..at].rsplit(|c| !in_word(c)).next();
        let is = |row| before.is_some_and(|b| b.eq_ignore_ascii_case(row));
        if !is("new") && !is("old") {
            continue;
        }
        let rest = &text[at + 1..];
        let column = match rest.strip_prefix('"') {
            Some(name) => name.split('"').next(),
            None => rest.split(|c| !in_word(c)).next(),
        };
        let Some(column) = column.filter(|c| !c.is_empty() && !c.eq_ignore_ascii_case(key)) else {
            continue;
        };
        if !columns.iter().any(|c| c.eq_ignore_ascii_case(column)) {
            columns.push(column.to_owned());
        }
    }
    columns
}
