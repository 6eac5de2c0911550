//! The rows of a page as one value of SQLite's: fewer, fatter rows.

use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::ValueRef;

use super::super::DatabaseError;

/// `backref_rows(…)`: its arguments of all rows, one after the other, as a blob; null of no rows.
pub(super) struct PackRows;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

impl Aggregate<Vec<u8>, Option<Vec<u8>>> for PackRows {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Vec<u8>> {
        Ok(Vec::with_capacity(512))
    }

    fn step(&self, context: &mut Context<'_>, out: &mut Vec<u8>) -> rusqlite::Result<()> {
        for i in 0..context.len() {
            let mut sized = |kind, bytes: &[u8]| {
                out.push(kind);
                // SQLite's values end at 2 GiB.
                out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                out.extend_from_slice(bytes);
            };
            match context.get_raw(i) {
                ValueRef::Null => out.push(NULL),
                ValueRef::Text(text) => sized(TEXT, text),
                ValueRef::Blob(bytes) => sized(BLOB, bytes),
                ValueRef::Integer(i) => {
                    out.push(INTEGER);
                    out.extend_from_slice(&i.to_le_bytes());
                }
                ValueRef::Real(f) => {
                    out.push(REAL);
                    out.extend_from_slice(&f.to_le_bytes());
                }
            }
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        out: Option<Vec<u8>>,
    ) -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(out)
    }
}

/// Reads the next `row.len()` values of what was packed; false at its end.
pub(super) fn unpack<'p>(
    packed: &mut &'p [u8],
    row: &mut [ValueRef<'p>],
) -> Result<bool, DatabaseError> {
    if packed.is_empty() {
        return Ok(false);
    }
    for value in row {
        *value = next(packed)
            .ok_or_else(|| DatabaseError::Shape("a packed page ends within a row".to_owned()))?;
    }
    Ok(true)
}

fn next<'p>(packed: &mut &'p [u8]) -> Option<ValueRef<'p>> {
    let kind = *packed.split_off_first()?;
    Some(match kind {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Integer(i64::from_le_bytes(fixed(packed)?)),
        REAL => ValueRef::Real(f64::from_le_bytes(fixed(packed)?)),
        _ => {
            let len = u32::from_le_bytes(fixed(packed)?) as usize;
            let bytes = packed.split_off(..len)?;
            match kind {
                TEXT => ValueRef::Text(bytes),
                BLOB => ValueRef::Blob(bytes),
                _ => return None,
            }
        }
    })
}

fn fixed<const N: usize>(packed: &mut &[u8]) -> Option<[u8; N]> {
    packed.split_off(..N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use rusqlite::functions::FunctionFlags;

    use super::*;

    #[test]
    fn what_is_packed_is_read_again_in_its_order() {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        connection
            .create_aggregate_function("backref_rows", -1, FunctionFlags::SQLITE_UTF8, PackRows)
            .expect("a function");
        let sql = "SELECT backref_rows(a, b, c) FROM (SELECT value AS a, NULL AS b, x'00ff' AS c \
                   FROM json_each('[7, 1.5, \"ü\", \"\", -9223372036854775808]') ORDER BY key DESC LIMIT 4)";
        let packed: Vec<u8> = connection
            .query_row(sql, [], |row| row.get(0))
            .expect("a value");
        let mut rest = &packed[..];
        let mut row = [ValueRef::Null; 3];
        for first in [
            ValueRef::Integer(i64::MIN),
            ValueRef::Text(b""),
            ValueRef::Text("ü".as_bytes()),
            ValueRef::Real(1.5),
        ] {
            assert!(unpack(&mut rest, &mut row).expect("whole rows"));
            assert_eq!(row, [first, ValueRef::Null, ValueRef::Blob(&[0, 255])]);
        }
        assert!(!unpack(&mut rest, &mut row).expect("the end"));
        assert!(unpack(&mut &packed[..packed.len() - 1], &mut [ValueRef::Null; 100]).is_err());
        let nothing: Option<Vec<u8>> = connection
            .query_row(
                "SELECT backref_rows(1) FROM (SELECT 1 LIMIT 0)",
                [],
                |row| row.get(0),
            )
            .expect("a value");
        assert_eq!(nothing, None);
    }
}
