//! `backref explain`: the plan of a request, as a person reads it.

use std::fmt::Write;

use crate::engine::{Planner, Prepared};
use crate::load::statement_sql;
use crate::plan::{BoundRoot, Level, LevelId, Source, Window};
use crate::sql::Dialect;

/// The plan as text: a tree of the fields that give rows, each with its SQL and the most it can read, and the
/// bound on the whole.
pub fn explain(planner: &Planner, prepared: &Prepared, dialect: Dialect) -> String {
    let mut tree = Tree {
        planner,
        prepared,
        dialect,
        out: String::new(),
    };
    let bound = &prepared.bound;
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
    planner: &'a Planner,
    prepared: &'a Prepared,
    dialect: Dialect,
    out: String,
}

impl Tree<'_> {
    /// The paths below another that something is loaded for, in the document's order.
    fn children(&self, parent: Option<usize>) -> Vec<usize> {
        let paths = &self.prepared.bound.plan.paths;
        let below = paths.iter().enumerate().filter(|(_, p)| p.parent == parent);
        below
            .filter(|(_, p)| self.is_asked(p.level))
            .map(|(i, _)| i)
            .collect()
    }

    /// Whether the level runs: a `node` is of one type, and a connection may be counted only.
    fn is_asked(&self, level: LevelId) -> bool {
        let of = &self.prepared.bound.plan.levels[level];
        let found =
            !matches!(of.source, Source::Keys { .. }) || self.prepared.bound.keys[level].len > 0;
        of.runs && found
    }

    /// Writes a field and what is below it; `first` begins its own line and `rest` all others.
    fn field(&mut self, at: usize, first: &str, rest: &str) {
        let bound = &self.prepared.bound;
        let path = &bound.plan.paths[at];
        let level = &bound.plan.levels[path.level];
        let name = &path.name;
        let entity = &self.planner.catalog().entities[level.entity].type_name;
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
                self.planner.catalog(),
                bound,
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
        let page = &self.prepared.bound.pages[id];
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
