//! What a database refuses to write, as an error that says where in the input the reason is.

use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::graph::rules::Rules;
use crate::graph::{Catalog, ColumnIx, Entity, Principal};
use crate::read::load::change::Change;
use crate::read::load::refusal::Refusal;
use crate::read::sql::Dialect;
use crate::read::sql::change::{Changes, Find, Lock, Look, Task, Value};

use super::{Failed, held};
use crate::read::load::DatabaseError;
use crate::write::unit::{Node, Units};

/// The error of a statement that the database refused.
/// `at` is the row whose fault it is, where that is known.
pub fn explain(catalog: &Catalog, failed: &Failed, refusal: &Refusal, at: Option<usize>) -> Error {
    let of = &catalog.entities[failed.entity];
    match refusal {
        Refusal::Unique { columns, .. } => taken(of, failed, columns, at),
        Refusal::ForeignKey { .. } => reference(of, failed),
        Refusal::NotNull { column, .. } => {
            let column = column.as_ref().and_then(|name| place(of, name));
            of_column(of, failed, column, "is never null; give it a value")
        }
        Refusal::Check { constraint, .. } => {
            let column = column_of_check(of, constraint.as_deref());
            let name = constraint.as_deref().unwrap_or("a check");
            let why = format!("does not fit: the database checks `{name}`");
            of_column(of, failed, column, &why)
        }
        Refusal::TooLong => of_column(of, failed, None, "is longer than its column takes"),
        Refusal::OutOfRange => of_column(of, failed, None, "is out of range for its column"),
        Refusal::Malformed => of_column(of, failed, None, "is no value of its column"),
        Refusal::Raised => {
            let message = format!("the database refuses this {}", of.one());
            Error::new(Code::Conflict, message).of_field(path(failed, 0, None))
        }
    }
}

/// A constraint that the database looked at when all was done, as if the statement that wrote these rows had failed;
/// with the field that it is of.
///
/// # Errors
/// The same, where no row of the input's is known to have broken it.
pub fn uncommitted(
    catalog: &Catalog,
    units: &Units,
    error: DatabaseError,
) -> Result<(usize, Failed), DatabaseError> {
    let table = match Refusal::of(&error) {
        Some(Refusal::Unique { table, .. } | Refusal::ForeignKey { table, .. }) => table,
        _ => None,
    };
    let is_of = |node: &&Node| {
        let of = &catalog.entities[node.entity];
        node.is_written() && Some(&of.table) == table.as_ref()
    };
    let nodes: Vec<&Node> = units.nodes.iter().filter(is_of).collect();
    match &nodes[..] {
        [] => Err(error),
        [first, others @ ..] => {
            let mut path = &*first.path;
            for other in others {
                path = shared_path(path, &other.path);
            }
            let failed = Failed {
                error,
                entity: first.entity,
                paths: vec![path.into()],
                rows: Vec::new(),
                deletes: false,
            };
            Ok((first.act, failed))
        }
    }
}

/// The part of the input that both of these are in.
fn shared_path<'p>(one: &'p str, other: &str) -> &'p str {
    let mut end = 0;
    for (place, _) in one.match_indices('.').chain([(one.len(), "")]) {
        let is_in = other.strip_prefix(&one[..place]);
        if is_in.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('.')) {
            break;
        }
        end = place;
    }
    &one[..end]
}

/// That what was written does not fit together, and no row of it is known to be the one.
pub fn broken() -> Error {
    let message = "the database refuses what was written as a whole: a constraint that it looks at when all is done does not hold";
    Error::new(Code::Conflict, message)
}

/// That another row has something that only one may have.
fn taken(of: &Entity, failed: &Failed, names: &[String], at: Option<usize>) -> Error {
    let columns: Vec<ColumnIx> = names.iter().filter_map(|name| place(of, name)).collect();
    let at = at
        .or_else(|| repeated(failed, &columns))
        .unwrap_or_default();
    let fields: Vec<_> = columns
        .iter()
        .map(|&c| format!("`{}`", of.columns[c].field))
        .collect();
    let message = match &fields[..] {
        [] => format!(
            "another {} has something of this that must be its own",
            of.one()
        ),
        [field] => format!("this {field} is taken; choose another"),
        fields => format!(
            "these {} are taken together; choose others",
            fields.join(" and ")
        ),
    };
    let column = columns.first().map(|&c| of.columns[c].field.as_str());
    Error::new(Code::Conflict, message).of_field(path(failed, at, column))
}

/// What finds the rows whose values others have already, of several that were to be written.
pub fn taken_by(
    catalog: &Catalog,
    dialect: Dialect,
    rules: &Rules,
    failed: &Failed,
    refusal: &Refusal,
) -> Option<Change> {
    let Refusal::Unique { columns, .. } = refusal else {
        return None;
    };
    let of = &catalog.entities[failed.entity];
    let columns: Vec<ColumnIx> = columns.iter().filter_map(|name| place(of, name)).collect();
    if failed.rows.len() < 2 || columns.is_empty() || repeated(failed, &columns).is_some() {
        return None;
    }
    let changes = Changes {
        catalog,
        dialect,
        rules,
    };
    let value = |row: usize, i: usize| {
        let mut values = failed.rows[row].iter();
        let found = values.find(|(c, _)| *c == columns[i]);
        found.map_or(Cow::Owned(Value::Null), |(_, value)| Cow::Borrowed(value))
    };
    let rows = changes.rows(failed.entity, &columns, failed.rows.len(), value);
    let find = Task::Find(Find {
        entity: failed.entity,
        by: columns,
        look: Look {
            reads: Vec::new(),
            asks: Vec::new(),
            // Whoever has them may be hidden: that they are taken is told anyhow.
            seen: false,
            lock: Lock::None,
        },
    });
    let sql = changes.write(&find, rows.packing, &[]);
    Some(Change {
        values: sql.bound(dialect, rows.binds, &Principal::Anonymous),
        rows: rows.count,
        sql: sql.text,
        gives: sql.gives,
    })
}

/// The row of several that has the same in these columns as one before it.
fn repeated(failed: &Failed, columns: &[ColumnIx]) -> Option<usize> {
    let values = |row: &[(ColumnIx, Value)]| -> Vec<Option<Value>> {
        let value = |column: &ColumnIx| row.iter().find(|(c, _)| c == column);
        columns
            .iter()
            .map(|c| value(c).map(|(_, v)| v.clone()))
            .collect()
    };
    let rows: Vec<_> = failed.rows.iter().map(|row| values(row)).collect();
    (1..rows.len()).find(|&i| rows[..i].contains(&rows[i]))
}

/// That a row refers to none, or others refer to one that was to go: they came in between, and may be hidden.
fn reference(of: &Entity, failed: &Failed) -> Error {
    if failed.deletes {
        return held::conflict(of, None).of_field(path(failed, 0, None));
    }
    let message = format!("this {} refers to something that is not there", of.one());
    Error::new(Code::NotFound, message).of_field(path(failed, 0, None))
}

fn of_column(of: &Entity, failed: &Failed, column: Option<ColumnIx>, why: &str) -> Error {
    let field = column.map(|c| of.columns[c].field.as_str());
    let message = match field {
        Some(field) => format!("`{field}` {why}"),
        None => format!("a value of this {} {why}", of.one()),
    };
    Error::input(message).of_field(path(failed, 0, field))
}

/// The column that a check is about, if its name says so as PostgreSQL's own names do: `post_title_check`.
fn column_of_check(of: &Entity, constraint: Option<&str>) -> Option<ColumnIx> {
    let name = constraint?.strip_prefix(&format!("{}_", of.table))?;
    place(of, name.strip_suffix("_check")?)
}

fn place(of: &Entity, name: &str) -> Option<ColumnIx> {
    of.columns.iter().position(|c| c.name == name)
}

/// Where a row stands in the input; of several that the database does not tell apart, the list that they are in.
fn path(failed: &Failed, at: usize, field: Option<&str>) -> String {
    let path = failed.paths.get(at).map_or("", |path| &**path);
    match field {
        Some(field) if !path.is_empty() => format!("{path}.{field}"),
        _ => path.to_owned(),
    }
}
