//! Rows as one value of SQLite's. Those of a page: fewer, fatter rows. Those that are written: nothing takes them apart
//! but what knows how they were put together.

use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::{Value, ValueRef};

use super::super::DatabaseError;
use crate::read::sql::packed::{
    BLOB, INTEGER, NULL, REAL, TEXT, push_integer, push_null, push_sized,
};

/// `backref_rows(…)`: its arguments of all rows, one after the other, as a blob; null of no rows.
pub(super) struct PackRows;

impl Aggregate<Vec<u8>, Option<Vec<u8>>> for PackRows {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Vec<u8>> {
        Ok(Vec::with_capacity(512))
    }

    fn step(&self, context: &mut Context<'_>, out: &mut Vec<u8>) -> rusqlite::Result<()> {
        for i in 0..context.len() {
            match context.get_raw(i) {
                ValueRef::Null => push_null(out),
                ValueRef::Text(text) => push_sized(out, TEXT, text),
                ValueRef::Blob(bytes) => push_sized(out, BLOB, bytes),
                ValueRef::Integer(i) => push_integer(out, i),
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

/// `backref_part(packed, start, i)`: the `i`th value of the row that begins at `start`; null where there is none.
pub(super) fn part(context: &Context<'_>) -> rusqlite::Result<Value> {
    let (ValueRef::Blob(packed), ValueRef::Integer(start), ValueRef::Integer(i)) =
        (context.get_raw(0), context.get_raw(1), context.get_raw(2))
    else {
        return Ok(Value::Null);
    };
    let mut rest = usize::try_from(start)
        .ok()
        .and_then(|start| packed.get(start..));
    let rest = rest.get_or_insert_default();
    for _ in 0..i {
        next(rest);
    }
    next(rest).map_or(Ok(Value::Null), |value| Ok(value.try_into()?))
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
    use crate::read::sql::packed::push_text;

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

    #[test]
    fn each_part_of_a_row_is_what_was_put_there() {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        connection
            .create_scalar_function("backref_part", 3, FunctionFlags::SQLITE_UTF8, part)
            .expect("a function");
        let mut packed = Vec::new();
        push_integer(&mut packed, i64::MIN);
        let second = packed.len() as i64;
        push_text(&mut packed, "a\0ü");
        push_null(&mut packed);
        push_text(&mut packed, "");
        let at = |start: i64, i: i64| -> Value {
            let row = connection.query_row(
                "SELECT backref_part(?1, ?2, ?3)",
                (&packed, start, i),
                |row| row.get(0),
            );
            row.expect("a value")
        };
        assert_eq!(at(0, 0), Value::Integer(i64::MIN));
        assert_eq!(at(second, 0), Value::Text("a\0ü".to_owned()));
        assert_eq!(at(second, 1), Value::Null);
        assert_eq!(at(second, 2), Value::Text(String::new()));
        for (start, i) in [(second, 3), (1 << 40, 0), (-1, 0)] {
            assert_eq!(at(start, i), Value::Null);
        }
    }
}
