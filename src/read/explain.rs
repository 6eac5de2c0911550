//! What a request costs: its plan as a person reads it (`backref explain`), and what ran, beside an answer
//! (`extensions.backref`).

use std::fmt::Write;

use serde::Serialize;

use crate::error::Code;
use crate::graph::Catalog;
use crate::read::failure;
use crate::read::load::{Learnt, Loaded, statement_sql};
use crate::read::plan::{Bound, BoundPlan, BoundRoot, Level, LevelId, Source, Window};
use crate::read::sql::Dialect;

/// `extensions.backref`: the bound that was known before running, and the statements that ran.
#[derive(Debug, Serialize)]
pub struct Cost<'a> {
    bound: Bound,
    statements: Vec<StatementCost<'a>>,
}

#[derive(Debug, Serialize)]
struct StatementCost<'a> {
    /// Where its rows first appear in the answer, without indexes.
    path: String,
    sql: &'a str,
    /// How many keys it was asked for; 0 for a root list.
    keys: usize,
    rows: usize,
    /// Milliseconds from sending it to its last row.
    ms: f64,
    /// Of one that failed: the code of the errors that come of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Code>,
}

/// What an answer has cost.
pub fn cost<'a>(bound: &BoundPlan, loaded: &'a [Loaded]) -> Cost<'a> {
    let ran = loaded.iter().enumerate().filter_map(|(i, level)| {
        match &level.failed {
            None => Some((i, level.ran.as_ref()?, None)),
            // Others were not asked because of one.
            Some(failed) if failed.level == Some(i) => {
                Some((i, failed.ran.as_ref()?, Some(failure::code(failed, bound))))
            }
            Some(_) => None,
        }
    });
    Cost {
        bound: bound.bound,
        statements: ran
            .map(|(i, ran, error)| StatementCost {
                path: bound.plan.path(i),
                sql: &ran.sql,
                keys: ran.keys,
                rows: ran.rows,
                ms: (ran.took.as_secs_f64() * 1e6).round() / 1e3,
                error,
            })
            .collect(),
    }
}

/// The plan as text: a tree of the fields that give rows, each with its SQL and the most it can read, and the
/// bound on the whole.
pub fn explain(catalog: &Catalog, bound: &BoundPlan, dialect: Dialect) -> String {
    let mut tree = Tree {
        catalog,
        bound,
        learnt: Learnt::of(&bound.plan),
        dialect,
        out: String::new(),
    };
    let roots = tree.children(None);
    for (i, &root) in roots.iter().enumerate() {
        if i > 0 {
            tree.out.push('\n');
        }
        tree.field(root, "", "");
    }
    for (field, root) in bound.plan.root.iter().zip(&bound.roots) {
        if let BoundRoot::Failed(error) = root {
            let _ = writeln!(tree.out, "{}: error: {}", field.key, error.message);
        }
    }
    let _ = writeln!(
        tree.out,
        "{}at most {} statement(s) and {} row(s), whatever the data",
        if roots.is_empty() { "" } else { "\n" },
        bound.bound.statements,
        bound.bound.rows
    );
    tree.out
}

struct Tree<'a> {
    catalog: &'a Catalog,
    bound: &'a BoundPlan,
    learnt: Learnt,
    dialect: Dialect,
    out: String,
}

impl Tree<'_> {
    /// The paths below another that something is loaded for, in the document's order.
    fn children(&self, parent: Option<usize>) -> Vec<usize> {
        let paths = &self.bound.plan.paths;
        let below = paths.iter().enumerate().filter(|(_, p)| p.parent == parent);
        below
            .filter(|(_, p)| self.is_asked(p.level))
            .map(|(i, _)| i)
            .collect()
    }

    /// Whether the level runs: a `node` is of one type, and a connection may be counted only.
    fn is_asked(&self, level: LevelId) -> bool {
        let of = &self.bound.plan.levels[level];
        let found = !matches!(of.source, Source::Keys { .. }) || self.bound.keys[level].len > 0;
        of.runs && found
    }

    /// Writes a field and what is below it; `first` begins its own line and `rest` all others.
    fn field(&mut self, at: usize, first: &str, rest: &str) {
        let bound = self.bound;
        let path = &bound.plan.paths[at];
        let level = &bound.plan.levels[path.level];
        let name = &path.name;
        let entity = &self.catalog.entities[level.entity].type_name;
        let children = self.children(Some(at));
        let bar = if children.is_empty() { " " } else { "│" };
        if path.enclosing {
            let outer = bound.plan.path(path.level);
            let _ = writeln!(
                self.out,
                "{first}{name}: {entity}, the row of `{outer}` it stands below"
            );
        } else if level.path == at {
            let what = self.what(path.level, level);
            let most = bound.rows[at];
            let _ = writeln!(
                self.out,
                "{first}{name}: {entity}, {what}; at most {most} row(s)"
            );
            let keys = match level.source {
                Source::List => 0,
                Source::Keys { .. } => bound.keys[path.level].len,
                // The parents are not known before running; two keys give the shape that serves any number.
                Source::Relation { .. } => 2,
            };
            let sql = statement_sql(
                self.catalog,
                bound,
                &self.learnt,
                path.level,
                keys,
                self.dialect,
            );
            let _ = writeln!(self.out, "{rest}{bar}    {}", sql.text);
        } else {
            let same = bound.plan.path(path.level);
            let _ = writeln!(self.out, "{first}{name}: {entity}, loaded with `{same}`");
        }
        for (i, &child) in children.iter().enumerate() {
            let (branch, below) = match i + 1 == children.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            self.field(child, &format!("{rest}{branch}"), &format!("{rest}{below}"));
        }
    }

    /// Which rows of a level are read.
    fn what(&self, id: LevelId, level: &Level) -> String {
        let page = &self.bound.pages[id];
        let each = match level.source {
            Source::Relation { .. } => " of each",
            _ => "",
        };
        match level.page.as_ref().map(|p| &p.window) {
            None => match each {
                "" => "by its key".to_owned(),
                _ => "one of each".to_owned(),
            },
            Some(Window::Totals) => format!("the totals{each}"),
            Some(Window::Groups { .. }) => format!("{} group(s){each}", page.limit),
            Some(Window::Offset { .. }) if page.offset > 0 => {
                format!("{}{each} after {}", page.limit, page.offset)
            }
            Some(Window::Offset { .. }) => format!("{}{each}", page.limit),
            Some(Window::Cursors { .. }) => {
                let end = match page.seek.backward {
                    true => "last",
                    false => "first",
                };
                format!("the {end} {}{each}", page.limit)
            }
        }
    }
}
