//! Rows, kept as the JSON they will be written as.
//!
//! A value is encoded once, when its row arrives, however many times it is written (an author of a
//! thousand posts is one row). Where only one field writes it, so is the field's name, and a row's fields are
//! one piece. Keys are kept as values beside it.

use std::ops::Range;

use super::Statement;
use super::learnt::Size;
use crate::graph::keys::{KeyColumn, Nullable};
use crate::graph::{Catalog, Kind};
use crate::read::cursor;
use crate::read::encode::{self, NULL, Raw, UNREPRESENTABLE};
use crate::read::plan::{Cell, Expression, Form, Lead, Level};

/// All rows of a level.
#[derive(Debug, Default)]
pub struct Rows {
    len: usize,
    width: usize,
    /// The end of each cell in `json`, row by row.
    ends: Vec<u32>,
    json: Vec<u8>,
    /// A value that is kept with its name cannot be written.
    broken: bool,
    /// For each read of the level its values, if they are (parts of) keys.
    keys: Vec<Option<KeyColumn<Nullable>>>,
    /// For each row the key it belongs to, from 0; empty where the statement carries none.
    pub ordinals: Vec<u32>,
}

/// A cell's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellValue<'a> {
    Json(&'a [u8]),
    Null,
    Unrepresentable,
}

impl Rows {
    pub fn count(&self) -> usize {
        self.len
    }

    /// A cell's value, which stands `lead` bytes after the beginning of what is kept.
    pub fn cell(&self, row: u32, cell: usize, lead: usize) -> CellValue<'_> {
        match &self.kept(row, cell, 1)[lead..] {
            [NULL] => CellValue::Null,
            [UNREPRESENTABLE] => CellValue::Unrepresentable,
            json => CellValue::Json(json),
        }
    }

    /// So many cells with their names; `None` where they must be written one by one, because a value of the
    /// level cannot be.
    pub fn piece(&self, row: u32, first: usize, cells: usize) -> Option<&[u8]> {
        (!self.broken).then(|| self.kept(row, first, cells))
    }

    fn kept(&self, row: u32, first: usize, cells: usize) -> &[u8] {
        let i = row as usize * self.width + first;
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.json[start..self.ends[i + cells - 1] as usize]
    }

    /// What no rows come to, for a level of totals: counts are 0, and there is nothing else.
    pub fn add_empty_totals(&mut self, level: &Level) {
        self.width = level.cells.len();
        for cell in &level.cells {
            let count = matches!(cell, Cell::Read { read, .. } if level.reads[*read].value == Expression::Count);
            self.json.push(if count { b'0' } else { NULL });
            self.ends.push(self.json.len() as u32);
        }
        self.len += 1;
    }

    /// Takes a row's keys away, so that nothing is loaded below it.
    pub fn forget_keys(&mut self, row: u32) {
        for column in self.keys.iter_mut().flatten() {
            match column {
                KeyColumn::Int(keys) => keys[row as usize] = None,
                KeyColumn::Text(keys) => keys[row as usize] = None,
            }
        }
    }

    /// The values of a read, where nothing is loaded by them any more.
    pub fn take_key(&mut self, read: usize) -> Option<KeyColumn<Nullable>> {
        self.keys.get_mut(read)?.take()
    }

    /// The values of a read as keys; `None` if it is not one.
    pub fn key(&self, read: usize) -> Option<&KeyColumn<Nullable>> {
        self.keys.get(read)?.as_ref()
    }
}

/// Builds [`Rows`] as they come from a driver.
pub struct RowsBuilder<'a> {
    rows: Rows,
    size: &'a Size,
    /// For each column of the SELECT list its kind.
    pub kinds: Vec<&'a Kind>,
    cells: Vec<(Encoding<'a>, Option<&'a Lead>)>,
    /// The reads that are (parts of) keys.
    keyed: Vec<usize>,
    /// The digest of the order that cursors are of.
    digest: u32,
}

/// How a cell is made of the columns at these places.
enum Encoding<'a> {
    Value(usize),
    Id { prefix: &'a str, at: usize },
    IdPart(usize),
    WholeSum(usize),
    Mean { sum: usize, count: usize },
    Cursor(Range<usize>),
}

impl<'a> RowsBuilder<'a> {
    /// `cursor_kind` is what a cursor's values are read as, by whether they are integers.
    pub fn new(
        catalog: &'a Catalog,
        level: &'a Level,
        statement: &Statement<'a>,
        cursor_kind: fn(bool) -> &'static Kind,
    ) -> Self {
        let reads = level.reads.iter().map(|r| level.kind(catalog, r.value));
        let cursor = &statement.sql.cursor;
        let kinds: Vec<&Kind> = reads
            .chain(cursor.iter().map(|&i| cursor_kind(i)))
            .collect();
        let cells = level.cells.iter().map(|cell| match *cell {
            Cell::Read { read, form } => match form {
                Form::Value => Encoding::Value(read),
                Form::Id(entity) => Encoding::Id {
                    prefix: &catalog.entities[entity].type_name,
                    at: read,
                },
                Form::IdPart => Encoding::IdPart(read),
                Form::WholeSum => Encoding::WholeSum(read),
            },
            Cell::Mean { sum, count } => Encoding::Mean { sum, count },
            Cell::Cursor => Encoding::Cursor(level.reads.len()..kinds.len()),
        });
        let keys = level.reads.iter().zip(&kinds).map(|(read, kind)| {
            read.key.then(|| {
                if kind.is_integer() {
                    KeyColumn::Int(Vec::new())
                } else {
                    KeyColumn::Text(Vec::new())
                }
            })
        });
        let rows = Rows {
            width: level.cells.len(),
            json: statement.size.buffer(),
            keys: keys.collect(),
            ..Rows::default()
        };
        let reads = level.reads.iter().enumerate();
        let keyed = reads.filter(|(_, read)| read.key).map(|(i, _)| i);
        RowsBuilder {
            rows,
            size: statement.size,
            keyed: keyed.collect(),
            cells: cells.zip(level.leads.iter().map(Option::as_ref)).collect(),
            kinds,
            digest: statement.digest,
        }
    }

    /// Adds a row, whose `i`th column `value` gives.
    pub fn push<'r, E>(
        &mut self,
        ordinal: Option<u32>,
        mut value: impl FnMut(usize) -> Result<Raw<'r>, E>,
    ) -> Result<(), E> {
        let rows = &mut self.rows;
        rows.ordinals.extend(ordinal);
        for &read in &self.keyed {
            match &mut rows.keys[read] {
                Some(KeyColumn::Int(keys)) => keys.push(match value(read)? {
                    Raw::Int(i) => Some(i),
                    _ => None,
                }),
                Some(KeyColumn::Text(keys)) => {
                    keys.push(encode::key_text(self.kinds[read], &value(read)?))
                }
                None => {}
            }
        }
        let out = &mut rows.json;
        for (encoding, lead) in &self.cells {
            if let Some(lead) = lead {
                out.extend_from_slice(&lead.json);
            }
            let start = out.len();
            match encoding {
                Encoding::Value(at) => encode::value(out, self.kinds[*at], &value(*at)?),
                Encoding::Id { prefix, at } => {
                    encode::id(out, prefix, self.kinds[*at], &value(*at)?)
                }
                Encoding::IdPart(at) => encode::id_part(out, self.kinds[*at], &value(*at)?),
                Encoding::WholeSum(at) => encode::whole_sum(out, &value(*at)?),
                Encoding::Mean { sum, count } => encode::mean(out, &value(*sum)?, &value(*count)?),
                Encoding::Cursor(columns) => {
                    let values = columns.clone().map(&mut value);
                    let values: Vec<_> = values.collect::<Result<_, _>>()?;
                    if !cursor::write(out, self.digest, &values) {
                        out.truncate(start);
                        out.push(UNREPRESENTABLE);
                    }
                }
            }
            if let Some(lead) = lead
                && let [mark @ (NULL | UNREPRESENTABLE)] = out[start..]
            {
                if mark == NULL && lead.nullable {
                    out.truncate(start);
                    out.extend_from_slice(b"null");
                } else {
                    rows.broken = true;
                }
            }
            rows.ends.push(out.len() as u32);
        }
        rows.len += 1;
        Ok(())
    }

    /// The rows, unless they outgrow what one level can hold.
    pub fn finish(self) -> Result<Rows, super::DatabaseError> {
        self.size.remember(&self.rows.json);
        if u32::try_from(self.rows.json.len()).is_err() {
            return Err(super::DatabaseError::Shape(
                "a level's rows exceed 4 GiB".to_owned(),
            ));
        }
        Ok(self.rows)
    }
}
