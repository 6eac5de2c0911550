//! `backref explain`: the plan of a request, as a person reads it.

use std::fmt::Write;

use crate::engine::{Planner, Prepared};
use crate::load::statement_sql;
use crate::plan::{BoundRoot, Source};
use crate::sql::Dialect;

/// The plan as text: a tree of levels, each with its SQL, and the bound on statements and rows.
pub fn explain(planner: &Planner, prepared: &Prepared, dialect: Dialect) -> String {
    let mut out = String::new();
    let bound = &prepared.bound;
    for (i, level) in bound.plan.levels.iter().enumerate() {
        let keys = match &level.source {
            Source::List => 0,
            Source::Keys { .. } => bound.keys[i].len,
            // The parents are not known before running; two keys give the shape that serves any number.
            Source::Relation { .. } => 2,
        };
        if matches!(level.source, Source::Keys { .. }) && keys == 0 {
            continue;
        }
        let indent = "  ".repeat(level.depth);
        let entity = &planner.catalog().entities[level.entity];
        let page = &bound.pages[i];
        let page = match (&level.page, page.limit, page.offset) {
            (None, _, _) => String::new(),
            (Some(_), limit, 0) => format!(", at most {limit} each"),
            (Some(_), limit, offset) => format!(", at most {limit} each after {offset}"),
        };
        let page = if level.depth == 0 {
            page.replace(" each", "")
        } else {
            page
        };
        let _ = writeln!(
            out,
            "{indent}{}: {}{page}",
            bound.plan.path(i),
            entity.type_name
        );
        let sql = statement_sql(planner.catalog(), bound, i, keys, dialect);
        let _ = writeln!(out, "{indent}  {}", sql.text);
    }
    for (field, root) in bound.plan.root.iter().zip(&bound.roots) {
        if let BoundRoot::Failed(error) = root {
            let _ = writeln!(out, "{}: error: {}", field.key, error.message);
        }
    }
    let _ = writeln!(
        out,
        "at most {} statement(s) and {} row(s), whatever the data",
        bound.bound.statements, bound.bound.rows
    );
    out
}
