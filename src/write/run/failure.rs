//! What a database refuses to write, as an error that says where in the input the reason is.

use crate::error::{Code, Error};
use crate::graph::keys::KeyValue;
use crate::graph::writing::PresetValue;
use crate::graph::{Catalog, ColumnIx, Entity, ForeignKey};
use crate::read::load::refusal::Refusal;
use crate::read::sql::change::Value;

use super::absent::{absent, id_of, name_of, nobody};
use super::inquiry::Findings;
use super::{Failed, FailedDeed, FailedRow, FailedValue, held};
use crate::read::load::DatabaseError;
use crate::write::unit::{Given, Node, Units};

/// The errors of a statement that the database refused, with what was found of it.
pub fn explain(
    catalog: &Catalog,
    failed: &Failed,
    refusal: &Refusal,
    findings: &Findings<'_>,
) -> Vec<Error> {
    let of = &catalog.entities[failed.entity];
    let unfit = |column, why: &str| unfit(of, failed, findings, column, why);
    match refusal {
        Refusal::Unique { columns, .. } => taken(of, failed, columns, findings),
        Refusal::ForeignKey { .. } => references(catalog, of, failed, findings),
        Refusal::NotNull { column, .. } => {
            let column = column.as_ref().and_then(|name| place(of, name));
            let told = meant(failed, findings, column).into_iter().map(|rows| {
                let null = column.map(|c| without(&rows, c)).unwrap_or_default();
                let rows = if null.is_empty() { rows } else { null };
                of_column(of, &rows, column, "is never null; give it a value")
            });
            told.collect()
        }
        Refusal::Check { constraint, .. } => {
            let column = column_of_check(of, constraint.as_deref());
            let why = match constraint {
                Some(name) => format!("does not fit: the database checks `{name}`"),
                None => "does not fit: the database has a check of its own".to_owned(),
            };
            unfit(column, &why)
        }
        Refusal::TooLong => unfit(None, "is longer than its column takes"),
        Refusal::OutOfRange => unfit(None, "is out of range for its column"),
        Refusal::Malformed => unfit(None, "is no value of its column"),
        Refusal::Raised => as_a_whole(failed, findings, Code::Conflict, &refuses(of)),
        Refusal::Policy => {
            let message = format!(
                "the rules of the database do not let this {} be so",
                of.one()
            );
            as_a_whole(failed, findings, Code::Forbidden, &message)
        }
    }
}

/// What the database found when all was done, as if the statement that wrote these rows had failed; with the field that it
/// is of.
///
/// # Errors
/// The same, where no row of the input's is known to be the one.
pub fn uncommitted(
    catalog: &Catalog,
    units: &Units,
    error: DatabaseError,
) -> Result<(usize, Failed), DatabaseError> {
    let refusal = Refusal::of(&error);
    let is_of_others = refusal.as_ref().is_some_and(Refusal::is_of_others);
    let table = refusal.as_ref().and_then(Refusal::table);
    let is_deleted = |node: &Node| node.found().is_some_and(|found| found.uses.delete);
    let is_it = |node: &&Node| match table {
        Some(table) => node.is_written() && catalog.entities[node.entity].table == table,
        // Who raises an error need not say of which table it is. Where rows of one alone are written, it is that.
        None => !is_of_others && (node.is_written() || is_deleted(node)),
    };
    let nodes: Vec<&Node> = units.nodes.iter().filter(is_it).collect();
    let Some(first) = nodes.first() else {
        return Err(error);
    };
    if nodes.iter().any(|node| node.entity != first.entity) {
        return Err(error);
    }
    let of = &catalog.entities[first.entity];
    let rows = nodes.iter().map(|node| {
        let values = node.changes.iter().map(|(column, given)| {
            let place = node.place_of(of, *column);
            FailedValue {
                column: *column,
                value: match given {
                    Given::Is(value) => value.clone(),
                    Given::Of(..) => Value::Null,
                },
                is_of_new: matches!(given, Given::Of(..)),
                is_given: place != node.input(),
                place,
            }
        });
        FailedRow {
            path: match is_deleted(node) {
                true => node.path.clone(),
                false => node.input().into(),
            },
            key: node.named_key().cloned(),
            values: values.collect(),
            is_instead: false,
        }
    });
    let rows = rows.collect();
    let failed = Failed {
        error,
        entity: first.entity,
        rows,
        deed: match nodes.iter().all(|node| is_deleted(node)) {
            true => FailedDeed::Delete,
            false => FailedDeed::Update,
        },
    };
    Ok((first.act, failed))
}

/// That a trigger has left out some of the rows that were made at these places, and does not say which.
pub(super) fn left_out<'p>(of: &Entity, places: impl IntoIterator<Item = &'p str>) -> Error {
    Error::new(Code::Conflict, refuses(of)).of_field(shared(places))
}

fn refuses(of: &Entity) -> String {
    format!("the database refuses this {}", of.one())
}

/// That what was written is refused when all is done, and no row of it is known to be the one.
pub fn broken(refusal: Option<&Refusal>) -> Error {
    match refusal {
        Some(Refusal::Policy) => {
            let message = "the rules of the database do not let what was written be so";
            Error::new(Code::Forbidden, message)
        }
        Some(Refusal::Check {
            constraint: Some(name),
            ..
        }) => {
            let message = format!("what was written does not fit: the database checks `{name}`");
            Error::input(message)
        }
        Some(refusal) if refusal.is_of_values() => Error::input(
            "a value of what was written does not fit, as the database finds when all is done",
        ),
        _ => {
            let message = "the database refuses what was written as a whole: a constraint that it looks at when all is done does not hold";
            Error::new(Code::Conflict, message)
        }
    }
}

/// That others have something that only one may have.
fn taken(of: &Entity, failed: &Failed, names: &[String], findings: &Findings<'_>) -> Vec<Error> {
    if findings.taken.is_empty() {
        let columns: Vec<ColumnIx> = names.iter().filter_map(|name| place(of, name)).collect();
        return vec![taken_at(of, failed.rows.iter(), &columns)];
    }
    let taken = findings.taken.iter();
    let taken =
        taken.map(|(row, columns)| taken_at(of, std::iter::once(&failed.rows[*row]), columns));
    taken.collect()
}

fn taken_at<'f>(
    of: &Entity,
    rows: impl Iterator<Item = &'f FailedRow>,
    columns: &[ColumnIx],
) -> Error {
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
    Error::new(Code::Conflict, message).of_field(path(rows, columns.first().copied()))
}

/// That rows refer to none, or others refer to one that was to go: they came in between, and may be hidden.
fn references(
    catalog: &Catalog,
    of: &Entity,
    failed: &Failed,
    findings: &Findings<'_>,
) -> Vec<Error> {
    if failed.deed == FailedDeed::Delete {
        let row = failed.rows.iter().take(1);
        return vec![held::conflict(of, None).of_field(path(row, None))];
    }
    if findings.missing.is_empty() {
        let message = format!("this {} refers to something that is not there", of.one());
        return vec![Error::new(Code::NotFound, message).of_field(path(&failed.rows, None))];
    }
    let missing = findings.missing.iter().map(|(row, key)| {
        let row = &failed.rows[*row];
        let path = path(std::iter::once(row), key.columns.first().copied());
        let to = &catalog.entities[key.to];
        let given = given(row, key);
        let message = match (name_of(catalog, of, key), given) {
            (Some(name), Some(values)) => {
                return absent(to, name, &id_of(to, key, &values), &path);
            }
            _ if is_viewer(of, key) => return nobody(to, &path),
            (Some(name), None) => {
                format!(
                    "`{name}` of this {} is a {} that is not there",
                    of.one(),
                    to.one()
                )
            }
            (None, _) => format!("this {} refers to something that is not there", of.one()),
        };
        Error::new(Code::NotFound, message).of_field(path)
    });
    missing.collect()
}

/// What a row has in a foreign key, if all of that is its writer's.
fn given(row: &FailedRow, key: &ForeignKey) -> Option<Vec<KeyValue>> {
    let value = |column: &ColumnIx| {
        let value = row.values.iter().find(|value| value.column == *column)?;
        match &value.value {
            Value::Is(known) if value.is_given => Some(known.clone()),
            _ => None,
        }
    };
    key.columns.iter().map(value).collect()
}

/// Whether a foreign key is, by the graph, that of whoever asks.
fn is_viewer(of: &Entity, key: &ForeignKey) -> bool {
    let [column] = key.columns[..] else {
        return false;
    };
    let mut presets = [true, false].into_iter();
    presets.any(|is_new| {
        let preset = of.writing.preset(column, is_new);
        preset.is_some_and(|preset| preset.value == PresetValue::Me)
    })
}

/// That a value does not fit.
fn unfit(
    of: &Entity,
    failed: &Failed,
    findings: &Findings<'_>,
    column: Option<ColumnIx>,
    why: &str,
) -> Vec<Error> {
    let told = meant(failed, findings, column).into_iter();
    told.map(|rows| of_column(of, &rows, column, why)).collect()
}

/// That rows are refused as they are.
fn as_a_whole(failed: &Failed, findings: &Findings<'_>, code: Code, message: &str) -> Vec<Error> {
    let told = meant(failed, findings, None).into_iter();
    told.map(|rows| Error::new(code, message).of_field(path(rows, None)))
        .collect()
}

/// The rows that a database has refused by what they are: of an upsert that which was to be made, or what was to become of
/// the one that is there. Where both have the same value it is wrong in both, and where it is not known which is meant both
/// are told.
fn meant<'f>(
    failed: &'f Failed,
    findings: &Findings<'_>,
    column: Option<ColumnIx>,
) -> Vec<Vec<&'f FailedRow>> {
    let (instead, made): (Vec<_>, Vec<_>) = failed.rows.iter().partition(|row| row.is_instead);
    if instead.is_empty() {
        return vec![made];
    }
    let values = |rows: &[&FailedRow]| -> Vec<Value> {
        let values = rows.iter().flat_map(|row| &row.values);
        let own = values.filter(|value| Some(value.column) == column);
        own.map(|value| value.value.clone()).collect()
    };
    let is_alike = || {
        let own = values(&made);
        !own.is_empty() && own == values(&instead)
    };
    match findings.is_made_refused {
        Some(true) if is_alike() => vec![made, instead],
        Some(true) => vec![made],
        Some(false) => vec![instead],
        None => vec![made, instead],
    }
}

fn of_column(of: &Entity, rows: &[&FailedRow], column: Option<ColumnIx>, why: &str) -> Error {
    let message = match column {
        Some(column) => format!("`{}` {why}", of.columns[column].field),
        None => format!("a value of this {} {why}", of.one()),
    };
    Error::input(message).of_field(path(rows.iter().copied(), column))
}

/// Of several rows those that have nothing in a column.
fn without<'f>(rows: &[&'f FailedRow], column: ColumnIx) -> Vec<&'f FailedRow> {
    let has = |row: &&FailedRow| {
        let mut values = row.values.iter().filter(|value| value.column == column);
        values.any(|value| value.value != Value::Null)
    };
    rows.iter().copied().filter(|row| !has(row)).collect()
}

/// The column that a check is about, if its name says so as PostgreSQL's own names do: `post_title_check`.
fn column_of_check(of: &Entity, constraint: Option<&str>) -> Option<ColumnIx> {
    let name = constraint?.strip_prefix(&format!("{}_", of.table))?;
    place(of, name.strip_suffix("_check")?)
}

fn place(of: &Entity, name: &str) -> Option<ColumnIx> {
    of.columns.iter().position(|c| c.name == name)
}

/// Where rows, or a column of them, stand in the input; of several that the database does not tell apart, the part of it that
/// all of them are in.
fn path<'f>(rows: impl IntoIterator<Item = &'f FailedRow>, column: Option<ColumnIx>) -> String {
    let places = rows.into_iter().map(|row| {
        let value = row.values.iter().find(|value| Some(value.column) == column);
        value.map_or(&*row.path, |value| &value.place)
    });
    shared(places).to_owned()
}

/// The part of the input that all of these are in.
fn shared<'p>(places: impl IntoIterator<Item = &'p str>) -> &'p str {
    let places: Vec<&str> = places.into_iter().collect();
    let shared = places.iter().copied().reduce(shared_path);
    // What an upsert makes and what it changes are in no part of the input together.
    let shared = shared.filter(|shared| !shared.is_empty());
    shared.or(places.first().copied()).unwrap_or_default()
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
