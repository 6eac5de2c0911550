//! Values as PostgreSQL sends them, in its binary format.

use super::Raw;
use crate::graph::Kind;

/// PostgreSQL's epoch is 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;

/// A value as it was received.
pub fn raw<'r>(kind: &Kind, bytes: &'r [u8]) -> Raw<'r> {
    match kind {
        Kind::Int | Kind::BigInt => integer(bytes).map_or(Raw::Strange, Raw::Int),
        Kind::Float { .. } => match bytes.len() {
            4 => bytes.try_into().map_or(Raw::Strange, |b| {
                Raw::Float(short_float(f32::from_be_bytes(b)))
            }),
            _ => bytes
                .try_into()
                .map_or(Raw::Strange, |b| Raw::Float(f64::from_be_bytes(b))),
        },
        Kind::Boolean => Raw::Boolean(bytes == [1]),
        Kind::Text | Kind::Enum(_) | Kind::Decimal { .. } | Kind::Other => Raw::Text(bytes),
        // `jsonb` has a version before its text.
        Kind::Json => Raw::Text(bytes.strip_prefix(&[1]).unwrap_or(bytes)),
        Kind::DateTime { .. } | Kind::Date => match (bytes.len(), integer(bytes)) {
            (8, Some(i64::MAX)) => Raw::Infinity { negative: false },
            (8, Some(i64::MIN)) => Raw::Infinity { negative: true },
            (8, Some(micros)) => Raw::Micros(micros),
            (4, Some(days)) if days == i64::from(i32::MAX) => Raw::Infinity { negative: false },
            (4, Some(days)) if days == i64::from(i32::MIN) => Raw::Infinity { negative: true },
            (4, Some(days)) => Raw::Days(days + EPOCH_DAYS),
            _ => Raw::Strange,
        },
        Kind::Time => time(bytes).unwrap_or(Raw::Strange),
        Kind::Uuid => bytes.try_into().map_or(Raw::Strange, Raw::Uuid),
        Kind::Bytes => Raw::Bytes(bytes),
        Kind::Array(_) => Raw::Array(bytes),
    }
}

/// A time of day, and after it how far west its zone is, where it has one.
fn time(bytes: &[u8]) -> Option<Raw<'static>> {
    let (micros, zone) = bytes.split_first_chunk::<8>()?;
    let micros = i64::from_be_bytes(*micros);
    Some(match zone {
        [] => Raw::TimeOfDay(micros),
        zone => Raw::ZonedTime {
            micros,
            east: -i32::from_be_bytes(zone.try_into().ok()?),
        },
    })
}

/// The shortest decimal of a single-precision float, not the double's digits of it.
fn short_float(f: f32) -> f64 {
    f.to_string().parse().unwrap_or(f64::from(f))
}

fn integer(bytes: &[u8]) -> Option<i64> {
    Some(match bytes.len() {
        2 => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        8 => i64::from_be_bytes(bytes.try_into().ok()?),
        _ => return None,
    })
}

/// The elements of an array, `None` those that are null; `None` of what is no list: it has several dimensions.
///
/// <https://doxygen.postgresql.org/arrayfuncs_8c.html>, `array_send`
pub fn elements(bytes: &[u8]) -> Option<impl Iterator<Item = Option<&[u8]>>> {
    let mut rest = bytes;
    let dimensions = number(&mut rest)?;
    // Whether an element is null, and their type.
    rest = rest.get(8..)?;
    let mut len = match dimensions {
        0 => 0,
        1 => {
            let len = number(&mut rest)?;
            number(&mut rest)?;
            len
        }
        _ => return None,
    };
    Some(std::iter::from_fn(move || {
        len = len.checked_sub(1).filter(|left| *left >= 0)?;
        let bytes = usize::try_from(number(&mut rest)?);
        Some(match bytes {
            Err(_) => None,
            Ok(bytes) => {
                let (element, behind) = rest.split_at_checked(bytes)?;
                rest = behind;
                Some(element)
            }
        })
    }))
}

fn number(bytes: &mut &[u8]) -> Option<i32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*number))
}
