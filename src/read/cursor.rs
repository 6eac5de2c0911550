//! Cursors: a row's place in an order, as opaque text.
//!
//! A cursor holds the values by which its row is ordered, as the database sent them, and a digest of the
//! order, so that it is refused under another. It grants nothing: who forges one chooses a place among the
//! rows he may see anyway.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::encode::Raw;

/// The values that a cursor holds, one for each term of its order.
pub type Cursor = Box<[CursorValue]>;

#[derive(Debug, Clone, PartialEq)]
pub enum CursorValue {
    Null,
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
}

/// Why a text is no cursor of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCursor {
    /// It was cut, changed or made up.
    Broken,
    OtherOrder,
}

/// A digest of an order's description, the same in every process (FNV-1a).
pub fn digest(described: &str) -> u32 {
    fnv(described.as_bytes())
}

fn fnv(bytes: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, step)
}

/// Appends a cursor as a JSON string; false where a value cannot be kept.
pub fn write(out: &mut Vec<u8>, order: u32, values: &[Raw<'_>]) -> bool {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&order.to_le_bytes());
    for value in values {
        match *value {
            Raw::Null => bytes.push(0),
            Raw::Int(i) => {
                bytes.push(1);
                bytes.extend_from_slice(&i.to_le_bytes());
            }
            Raw::Float(f) => {
                bytes.push(2);
                bytes.extend_from_slice(&f.to_bits().to_le_bytes());
            }
            // Read again it must be text, too.
            Raw::Text(text) if text.len() <= LONGEST && std::str::from_utf8(text).is_ok() => {
                variable(&mut bytes, 3, text);
            }
            Raw::Bytes(value) if value.len() <= LONGEST => variable(&mut bytes, 4, value),
            _ => return false,
        }
    }
    let check = fnv(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    out.push(b'"');
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
    out.push(b'"');
    true
}

/// The longest value that a cursor carries, in bytes.
const LONGEST: usize = u32::MAX as usize;

fn variable(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

/// The values of a cursor for an order of `terms` terms.
pub fn read(text: &str, order: u32, terms: usize) -> Result<Cursor, NoCursor> {
    let bytes = BASE64.decode(text).map_err(|_| NoCursor::Broken)?;
    let (bytes, check) = bytes.split_last_chunk::<4>().ok_or(NoCursor::Broken)?;
    if fnv(bytes) != u32::from_le_bytes(*check) {
        return Err(NoCursor::Broken);
    }
    let (of, mut rest) = bytes.split_first_chunk::<4>().ok_or(NoCursor::Broken)?;
    if u32::from_le_bytes(*of) != order {
        return Err(NoCursor::OtherOrder);
    }
    let mut values = Vec::with_capacity(terms);
    while !rest.is_empty() {
        let (value, after) = read_value(rest).ok_or(NoCursor::Broken)?;
        values.push(value);
        rest = after;
    }
    match values.len() == terms {
        true => Ok(values.into()),
        false => Err(NoCursor::Broken),
    }
}

fn read_value(bytes: &[u8]) -> Option<(CursorValue, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let eight = |rest: &[u8]| rest.first_chunk::<8>().copied();
    Some(match tag {
        0 => (CursorValue::Null, rest),
        1 => (
            CursorValue::Int(i64::from_le_bytes(eight(rest)?)),
            &rest[8..],
        ),
        2 => {
            let bits = u64::from_le_bytes(eight(rest)?);
            (CursorValue::Float(f64::from_bits(bits)), &rest[8..])
        }
        3 | 4 => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            let len = u32::from_le_bytes(*len) as usize;
            let value = rest.get(..len)?;
            let value = match tag {
                3 => CursorValue::Text(std::str::from_utf8(value).ok()?.into()),
                _ => CursorValue::Bytes(value.into()),
            };
            (value, &rest[len..])
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(order: u32, values: &[Raw<'_>]) -> String {
        let mut out = Vec::new();
        assert!(write(&mut out, order, values));
        String::from_utf8(out).unwrap().trim_matches('"').to_owned()
    }

    #[test]
    fn a_cursor_comes_back_under_its_own_order_alone() {
        let values = [
            Raw::Null,
            Raw::Int(-7),
            Raw::Float(0.1),
            Raw::Text("å".as_bytes()),
            Raw::Bytes(&[0, 255]),
        ];
        let text = written(1, &values);
        let expected: Cursor = [
            CursorValue::Null,
            CursorValue::Int(-7),
            CursorValue::Float(0.1),
            CursorValue::Text("å".into()),
            CursorValue::Bytes([0, 255].into()),
        ]
        .into();
        assert_eq!(read(&text, 1, 5), Ok(expected));
        assert_eq!(read(&text, 2, 5), Err(NoCursor::OtherOrder));
        assert_eq!(read(&text, 1, 4), Err(NoCursor::Broken));
    }

    #[test]
    fn what_is_cut_or_changed_is_no_cursor() {
        let text = written(1, &[Raw::Text(b"tide"), Raw::Int(42)]);
        for end in 0..text.len() {
            assert_eq!(read(&text[..end], 1, 2), Err(NoCursor::Broken), "{end}");
        }
        for at in 0..text.len() {
            let other = if text.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert!(read(&changed, 1, 2).is_err(), "{at}");
        }
    }
}
