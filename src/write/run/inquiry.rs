//! Which rows a database has refused, and by which of their keys: it names one key, if any, and no row. So it is asked once
//! all that was written is taken back.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Failed, FailedDeed, FailedRow, place};
use crate::graph::keys::KeyValue;
use crate::graph::rules::Rules;
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, ForeignKey, Principal};
use crate::read::load::change::{Change, Given as Row};
use crate::read::load::refusal::Refusal;
use crate::read::sql::Dialect;
use crate::read::sql::change::{BoundRows, Changes, Find, Lock, Look, Task, Unless, Value};
use crate::write::unit::Units;

/// What is asked of a statement that was refused.
pub struct Inquiry<'c> {
    dialect: Dialect,
    questions: Vec<Question<'c>>,
    attempt: Option<Change>,
}

/// Which rows there are with the values that rows of the statement have in these columns.
struct Question<'c> {
    columns: Vec<ColumnIx>,
    /// Those of the rows that they refer to, or else of rows like these.
    key: Option<&'c ForeignKey>,
    /// Of which rows that is asked, with their values.
    rows: Vec<(usize, Vec<KeyValue>)>,
    change: Change,
}

/// What was found of it: rows of the statement, by their places in it.
#[derive(Debug, Default)]
pub struct Findings<'c> {
    /// Others have the same in these columns.
    pub taken: Vec<(usize, Vec<ColumnIx>)>,
    /// These keys lead to nothing.
    pub missing: Vec<(usize, &'c ForeignKey)>,
    /// Whether the row is refused that was to be made, were it not there, by what it is itself; nothing where that is not
    /// known. Else it is what was to become of the one that is there.
    pub is_made_refused: Option<bool>,
}

impl<'c> Inquiry<'c> {
    /// What there is to ask: of all keys that can have been broken, since of several each database names another.
    pub fn of(
        catalog: &'c Catalog,
        dialect: Dialect,
        rules: &Rules,
        failed: &Failed,
        refusal: &Refusal,
    ) -> Self {
        let of = &catalog.entities[failed.entity];
        let asked = match (refusal, &failed.deed) {
            (Refusal::Unique { .. }, deed) => {
                let mut keys = unique_keys(of);
                keys.extend(refused_key(of, refusal));
                if let FailedDeed::Insert { unless } = deed {
                    keys.push(unless.clone());
                }
                for key in &mut keys {
                    key.sort_unstable();
                }
                keys.sort();
                keys.dedup();
                keys.into_iter().map(|key| (key, None)).collect()
            }
            (Refusal::ForeignKey { .. }, FailedDeed::Insert { .. } | FailedDeed::Update) => {
                let keys = of.foreign_keys.iter();
                keys.map(|key| (key.columns.clone(), Some(key))).collect()
            }
            _ => Vec::new(),
        };
        let changes = Changes {
            catalog,
            dialect,
            rules,
        };
        let questions = asked
            .into_iter()
            .filter_map(|(columns, key)| question(&changes, failed, columns, key));
        Inquiry {
            dialect,
            questions: questions.collect(),
            attempt: attempt(&changes, failed, refusal),
        }
    }

    /// The row of an upsert that was to be made, by a statement that does nothing where it is there: both databases look at
    /// what it is before they look whether it is there, and do not say which of the two they have refused. Whatever comes of
    /// it is to be taken back.
    pub fn attempt(&self) -> Option<Change> {
        self.attempt.clone()
    }

    /// The statements that ask it.
    pub fn changes(&self) -> Vec<Change> {
        self.questions.iter().map(|q| q.change.clone()).collect()
    }

    /// What was found; where nothing could be asked, what the statement itself tells.
    pub fn findings(
        &self,
        catalog: &Catalog,
        units: &Units,
        failed: &Failed,
        refusal: &Refusal,
        answers: Option<Vec<Vec<Row>>>,
        is_made_refused: Option<bool>,
    ) -> Findings<'c> {
        let mut findings = Findings {
            is_made_refused,
            ..Findings::default()
        };
        let is_answered = answers.is_some();
        let mut answers = answers.unwrap_or_default().into_iter();
        let found = self.questions.iter().map(|question| {
            let rows = answers.next().unwrap_or_default();
            (question, self.found(question, rows))
        });
        let (unique, foreign): (Vec<_>, Vec<_>) = found.partition(|(q, _)| q.key.is_none());
        for (question, found) in foreign {
            let Some(key) = question.key.filter(|_| is_answered) else {
                continue;
            };
            let rows = question.rows.iter().map(|(row, _)| *row);
            let missing = rows.filter(|row| !found.contains_key(row));
            findings.missing.extend(missing.map(|row| (row, key)));
        }
        findings.missing.sort_by_key(|(row, _)| *row);
        findings.taken = taken(catalog, units, failed, refusal, &unique);
        findings
    }

    /// The primary keys of the rows that were found, by the row of the statement that is like them.
    fn found(&self, question: &Question<'_>, rows: Vec<Row>) -> HashMap<usize, Vec<KeyValue>> {
        let found = rows.into_iter().filter_map(|row| {
            let (at, key) = row.split_first()?;
            let (row, _) = question.rows.get(place(self.dialect, at))?;
            Some((*row, key.iter().cloned().collect::<Option<_>>()?))
        });
        found.collect()
    }
}

/// The keys that tell rows of an entity apart, as far as the graph knows them.
fn unique_keys(of: &Entity) -> Vec<Vec<ColumnIx>> {
    let columns = of.columns.iter().enumerate();
    let single = columns.filter(|(_, column)| column.unique);
    let mut keys = vec![of.primary_key.clone()];
    keys.extend(single.map(|(ix, _)| vec![ix]));
    keys.extend(of.writing.unique.iter().map(|key| key.columns.clone()));
    keys
}

/// The columns of the key of which a database says that it is broken.
fn refused_key(of: &Entity, refusal: &Refusal) -> Option<Vec<ColumnIx>> {
    let Refusal::Unique { columns, .. } = refusal else {
        return None;
    };
    let place = |name: &String| of.columns.iter().position(|c| c.name == *name);
    let columns: Option<Vec<_>> = columns.iter().map(place).collect();
    columns.filter(|columns| !columns.is_empty())
}

/// See [`Inquiry::attempt`].
fn attempt(changes: &Changes<'_>, failed: &Failed, refusal: &Refusal) -> Option<Change> {
    let FailedDeed::Insert { unless } = &failed.deed else {
        return None;
    };
    let (instead, made): (Vec<_>, Vec<_>) = failed.rows.iter().partition(|row| row.is_instead);
    let ([row], [_]) = (&made[..], &instead[..]) else {
        return None;
    };
    if refusal.is_of_others() {
        return None;
    }
    let columns: Vec<_> = row.values.iter().map(|value| value.column).collect();
    let value = |_: usize, i: usize| Cow::Borrowed(&row.values[i].value);
    let rows = changes.rows(failed.entity, &columns, 1, value);
    let insert = Task::Insert {
        entity: failed.entity,
        columns,
        unless: Unless::Taken(unless.clone()),
        reads: Vec::new(),
    };
    Some(written(changes, &insert, rows))
}

/// Asks for rows with the values that those of the statement have in these columns; nothing where none has them all.
fn question<'c>(
    changes: &Changes<'_>,
    failed: &Failed,
    columns: Vec<ColumnIx>,
    key: Option<&'c ForeignKey>,
) -> Option<Question<'c>> {
    let rows = failed.rows.iter().enumerate();
    let rows = rows.filter_map(|(at, row)| {
        let values = columns.iter().map(|&c| known(row, c));
        Some((at, values.collect::<Option<Vec<_>>>()?))
    });
    let rows: Vec<(usize, Vec<KeyValue>)> = rows.collect();
    if rows.is_empty() || columns.is_empty() {
        return None;
    }
    let (entity, by) = match key {
        Some(key) => (key.to, &key.to_columns),
        None => (failed.entity, &columns),
    };
    let value = |row: usize, i: usize| Cow::Owned(Value::Is(rows[row].1[i].clone()));
    let change = find(changes, entity, by, rows.len(), value);
    Some(Question {
        columns,
        key,
        rows,
        change,
    })
}

/// The value of a column that is known without the request, since that is taken back.
fn known(row: &FailedRow, column: ColumnIx) -> Option<KeyValue> {
    let value = row.values.iter().find(|value| value.column == column)?;
    match &value.value {
        Value::Is(known) if !value.is_of_new => Some(known.clone()),
        _ => None,
    }
}

fn find<'v>(
    changes: &Changes<'_>,
    entity: EntityId,
    by: &[ColumnIx],
    count: usize,
    value: impl Fn(usize, usize) -> Cow<'v, Value>,
) -> Change {
    let rows = changes.rows(entity, by, count, value);
    let find = Task::Find(Find {
        entity,
        by: by.to_vec(),
        look: Look {
            reads: changes.catalog.entities[entity].primary_key.clone(),
            asks: Vec::new(),
            // Whoever has them may be hidden: that they are taken is told anyhow.
            seen: false,
            lock: Lock::None,
        },
    });
    written(changes, &find, rows)
}

fn written(changes: &Changes<'_>, task: &Task, rows: BoundRows) -> Change {
    let sql = changes.write(task, rows.packing, &[]);
    Change {
        values: sql.bound(changes.dialect, rows.binds, &Principal::Anonymous),
        rows: rows.count,
        sql: sql.text,
        gives: sql.gives,
    }
}

/// The rows that have in a key what others have: such as are there, or stand before them in the statement.
fn taken(
    catalog: &Catalog,
    units: &Units,
    failed: &Failed,
    refusal: &Refusal,
    questions: &[(&Question<'_>, HashMap<usize, Vec<KeyValue>>)],
) -> Vec<(usize, Vec<ColumnIx>)> {
    let of = &catalog.entities[failed.entity];
    let mut refused = refused_key(of, refusal).unwrap_or_default();
    refused.sort_unstable();
    let mut unless = match &failed.deed {
        FailedDeed::Insert { unless } => unless.clone(),
        _ => Vec::new(),
    };
    unless.sort_unstable();
    let touched = touched(units, failed.entity);
    let there = questions.iter().find(|(q, _)| q.columns == unless);
    let there = there.map(|(_, found)| found);
    let mut left_out = HashSet::new();
    let mut taken = Vec::new();
    for (question, found) in questions {
        let mut before = HashSet::new();
        let rows = question.rows.iter().filter(|(row, values)| {
            let of_row = &failed.rows[*row];
            let own = match of_row.is_instead {
                true => there.and_then(|there| there.get(&(row - failed.rows.len() / 2))),
                false => of_row.key.as_ref(),
            };
            if of_row.is_instead && own.is_none() {
                // There was none to change.
                return false;
            }
            let is_repeated = !before.insert((of_row.is_instead, values));
            let is_there = found.get(row).is_some_and(|key| {
                // Others that the request writes are not as they were when this was written.
                let is_itself = own == Some(key);
                !is_itself && (question.columns == refused || !touched.contains(key))
            });
            is_repeated || is_there
        });
        for (row, _) in rows {
            match question.columns == unless && !failed.rows[*row].is_instead {
                true => drop(left_out.insert(*row)),
                false => taken.push((*row, question.columns.clone())),
            }
        }
    }
    taken.retain(|(row, _)| !left_out.contains(row));
    taken.sort();
    taken
}

/// The keys of rows of an entity that a request changes or deletes.
fn touched(units: &Units, entity: EntityId) -> HashSet<&Vec<KeyValue>> {
    let nodes = units.nodes.iter().filter(|node| node.entity == entity);
    let keys = nodes.filter_map(|node| {
        let found = node.found()?;
        let is_touched = found.uses.delete || node.is_written();
        node.named_key().filter(|_| is_touched)
    });
    keys.collect()
}
