//! Rows, kept as the JSON they will be written as.
//!
//! A value is encoded once, when its row arrives, however many times it is written (an author of a
//! thousand posts is one row). Keys are kept as values beside it.

use super::encode::{self, Raw};
use super::keys::{KeyColumn, Nullable};
use crate::catalog::{Catalog, Kind};
use crate::plan::{Form, Level};

/// A value that cannot be written: what stands in its place, since no JSON begins with it.
pub const NULL: u8 = 0;
/// A value that the field's type cannot represent.
pub const UNREPRESENTABLE: u8 = 1;

/// All rows of a level.
#[derive(Debug, Default)]
pub struct Rows {
    len: usize,
    width: usize,
    /// The end of each cell in `json`, row by row.
    ends: Vec<u32>,
    json: Vec<u8>,
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

    pub fn cell(&self, row: u32, cell: usize) -> CellValue<'_> {
        let i = row as usize * self.width + cell;
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        match &self.json[start..self.ends[i] as usize] {
            [NULL] => CellValue::Null,
            [UNREPRESENTABLE] => CellValue::Unrepresentable,
            json => CellValue::Json(json),
        }
    }

    /// The values of a read as keys; `None` if it is not one.
    pub fn key(&self, read: usize) -> Option<&KeyColumn<Nullable>> {
        self.keys.get(read)?.as_ref()
    }
}

/// Builds [`Rows`] as they come from a driver.
pub struct RowsBuilder<'a> {
    rows: Rows,
    /// For each read its column's kind, in the order of the SELECT list.
    pub kinds: Vec<&'a Kind>,
    /// For each cell its read, and the global id's prefix where it is one.
    cells: Vec<(usize, Encoding<'a>)>,
}

enum Encoding<'a> {
    Value(&'a Kind),
    Id { prefix: &'a str, kind: &'a Kind },
    IdPart(&'a Kind),
}

impl<'a> RowsBuilder<'a> {
    pub fn new(catalog: &'a Catalog, level: &Level) -> Self {
        let columns = &catalog.entities[level.entity].columns;
        let kinds: Vec<&Kind> = level
            .reads
            .iter()
            .map(|r| &columns[r.column].kind)
            .collect();
        let cells = level
            .cells
            .iter()
            .map(|cell| {
                let kind = kinds[cell.read];
                let encoding = match cell.form {
                    Form::Value => Encoding::Value(kind),
                    Form::Id(entity) => Encoding::Id {
                        prefix: &catalog.entities[entity].type_name,
                        kind,
                    },
                    Form::IdPart => Encoding::IdPart(kind),
                };
                (cell.read, encoding)
            })
            .collect();
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
            keys: keys.collect(),
            ..Rows::default()
        };
        RowsBuilder { rows, kinds, cells }
    }

    /// Adds a row, whose `i`th read `value` gives.
    pub fn push<'r, E>(
        &mut self,
        ordinal: Option<u32>,
        mut value: impl FnMut(usize) -> Result<Raw<'r>, E>,
    ) -> Result<(), E> {
        let rows = &mut self.rows;
        rows.ordinals.extend(ordinal);
        for (read, key) in rows.keys.iter_mut().enumerate() {
            match key {
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
        for (read, encoding) in &self.cells {
            let raw = value(*read)?;
            match encoding {
                Encoding::Value(kind) => encode::value(&mut rows.json, kind, &raw),
                Encoding::Id { prefix, kind } => encode::id(&mut rows.json, prefix, kind, &raw),
                Encoding::IdPart(kind) => encode::id_part(&mut rows.json, kind, &raw),
            }
            rows.ends.push(rows.json.len() as u32);
        }
        rows.len += 1;
        Ok(())
    }

    /// The rows, unless they outgrow what one level can hold.
    pub fn finish(self) -> Result<Rows, super::DatabaseError> {
        if u32::try_from(self.rows.json.len()).is_err() {
            return Err(super::DatabaseError::Shape(
                "a level's rows exceed 4 GiB".to_owned(),
            ));
        }
        Ok(self.rows)
    }
}
