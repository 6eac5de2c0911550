//! Values as JSON, and as the text of keys. Both databases arrive here in one form, so their answers agree
//! to the byte.

pub mod wire;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sea_orm::prelude::Uuid;

use super::decimal::{self, Decimal};
use super::temporal::{self, Instant};
use crate::graph::{Kind, moment};

/// A value that cannot be written: what stands in its place, since no JSON begins with it.
pub const NULL: u8 = 0;
/// A value that the field's type cannot represent.
pub const UNREPRESENTABLE: u8 = 1;

/// A value as a driver gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raw<'a> {
    Null,
    Int(i64),
    Float(f64),
    Boolean(bool),
    /// UTF-8, as far as the database keeps its word: what is no text is found where it is written.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// Microseconds since 2000 in UTC, as PostgreSQL counts them.
    Micros(i64),
    /// Days since 1970.
    Days(i64),
    /// After all dates, or before them.
    Infinity {
        negative: bool,
    },
    /// Microseconds since midnight.
    TimeOfDay(i64),
    /// The same in a zone so many seconds east of Greenwich.
    ZonedTime {
        micros: i64,
        east: i32,
    },
    Uuid([u8; 16]),
    /// PostgreSQL's array as it sends it.
    Array(&'a [u8]),
    /// What the driver cannot read as the column's kind.
    Strange,
}

/// Appends a column's scalar.
pub fn value(out: &mut Vec<u8>, kind: &Kind, raw: &Raw<'_>) {
    let start = out.len();
    if let Raw::Null = raw {
        return out.push(NULL);
    }
    if scalar(out, kind, raw).is_none() {
        out.truncate(start);
        out.push(UNREPRESENTABLE);
    }
}

fn scalar(out: &mut Vec<u8>, kind: &Kind, raw: &Raw<'_>) -> Option<()> {
    match (kind, raw) {
        // It is no time by RFC 3339; a key can be it all the same.
        (_, Raw::Infinity { .. }) => return None,
        (Kind::Text | Kind::Other, Raw::Text(s)) => string(out, s)?,
        (Kind::Int, Raw::Int(i)) => integer(out, i64::from(i32::try_from(*i).ok()?)),
        (Kind::BigInt, Raw::Int(i)) => quoted(out, |out| integer(out, *i)),
        (Kind::Int | Kind::BigInt, Raw::Float(f)) => {
            scalar(out, kind, &Raw::Int(whole(*f)?))?;
        }
        (Kind::Float { .. }, Raw::Float(f)) => float(out, *f)?,
        (Kind::Float { .. }, Raw::Int(i)) => float(out, *i as f64)?,
        (Kind::Boolean, Raw::Boolean(b)) => {
            out.extend_from_slice(if *b { b"true" } else { b"false" })
        }
        (Kind::Boolean, Raw::Int(i)) => {
            out.extend_from_slice(if *i != 0 { b"true" } else { b"false" })
        }
        (Kind::Enum(of), Raw::Text(s)) => {
            let at = of.values.iter().position(|v| v.as_bytes() == *s)?;
            quoted(out, |out| out.extend_from_slice(of.names[at].as_bytes()));
        }
        (Kind::Json, Raw::Text(s)) => {
            let json = std::str::from_utf8(s).ok()?;
            serde_json::from_str::<serde::de::IgnoredAny>(json).ok()?;
            out.extend_from_slice(s);
        }
        (Kind::Json, Raw::Int(i)) => integer(out, *i),
        (Kind::Json, Raw::Float(f)) => float(out, *f)?,
        (Kind::Bytes, Raw::Bytes(b) | Raw::Text(b)) => quoted(out, |out| {
            out.extend_from_slice(BASE64.encode(b).as_bytes())
        }),
        (Kind::Array(of), Raw::Array(bytes)) => {
            let elements = wire::elements(bytes)?;
            let elements = elements.map(|element| element.map_or(Raw::Null, |e| wire::raw(of, e)));
            list(out, of, elements)?;
        }
        // SQLite has no arrays, and JSON in their place.
        (Kind::Array(of), Raw::Text(json)) => {
            let elements: Vec<serde_json::Value> = serde_json::from_slice(json).ok()?;
            list(out, of, elements.iter().map(of_json))?;
        }
        (Kind::Text | Kind::Other, raw) => {
            // A loosely typed column (SQLite) holds something else than text: its text will do.
            let text = plain_text(kind, raw)?;
            string(out, text.as_bytes())?;
        }
        _ => {
            let start = out.len();
            out.push(b'"');
            if plain(out, kind, raw).is_none() {
                out.truncate(start);
                return None;
            }
            out.push(b'"');
        }
    }
    Some(())
}

/// SQLite holds whole numbers as floats where a column's declared type is none of its own.
fn whole(f: f64) -> Option<i64> {
    (f == f.trunc() && f.abs() < 2f64.powi(53)).then_some(f as i64)
}

/// Appends a list of values, of which those that are null are written so.
fn list<'a>(out: &mut Vec<u8>, of: &Kind, elements: impl Iterator<Item = Raw<'a>>) -> Option<()> {
    out.push(b'[');
    for (i, element) in elements.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        match element {
            Raw::Null => out.extend_from_slice(b"null"),
            element => scalar(out, of, &element)?,
        }
    }
    out.push(b']');
    Some(())
}

fn of_json(value: &serde_json::Value) -> Raw<'_> {
    use serde_json::Value;
    match value {
        Value::Null => Raw::Null,
        Value::Bool(b) => Raw::Boolean(*b),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(whole), _) => Raw::Int(whole),
            (None, Some(float)) => Raw::Float(float),
            (None, None) => Raw::Strange,
        },
        Value::String(text) => Raw::Text(text.as_bytes()),
        Value::Array(_) | Value::Object(_) => Raw::Strange,
    }
}

/// Appends a sum of whole numbers from its text. Where SQLite holds others among them, it may be none.
pub fn whole_sum(out: &mut Vec<u8>, sum: &Raw<'_>) {
    let text = match sum {
        Raw::Null => return out.push(NULL),
        Raw::Text(text) => *text,
        _ => return out.push(UNREPRESENTABLE),
    };
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.iter().all(u8::is_ascii_digit) {
        return quoted(out, |out| out.extend_from_slice(text));
    }
    match Decimal::of_text(text).and_then(Decimal::whole) {
        Some(whole) => quoted(out, |out| out.extend_from_slice(whole.as_bytes())),
        None => out.push(UNREPRESENTABLE),
    }
}

/// Appends the mean of values from their exact sum and their number.
pub fn mean(out: &mut Vec<u8>, sum: &Raw<'_>, count: &Raw<'_>) {
    let Raw::Int(count @ 1..) = *count else {
        return out.push(NULL);
    };
    let mean = match sum {
        Raw::Float(f) => Some(f / count as f64),
        Raw::Int(i) => decimal::quotient(&Decimal::of_integer(*i), count as u64),
        Raw::Text(text) => {
            let sum = Decimal::of_text(text);
            sum.and_then(|sum| decimal::quotient(&sum, count as u64))
        }
        _ => None,
    };
    match mean {
        Some(mean) => value(out, &Kind::Float { single: false }, &Raw::Float(mean)),
        None => out.push(UNREPRESENTABLE),
    }
}

/// Appends a whole global id: `"Post:42"`.
pub fn id(out: &mut Vec<u8>, type_name: &str, kind: &Kind, raw: &Raw<'_>) {
    if let Raw::Null = raw {
        return out.push(NULL);
    }
    let start = out.len();
    out.push(b'"');
    out.extend_from_slice(type_name.as_bytes());
    out.push(b':');
    if part(out, kind, raw, false).is_none() {
        out.truncate(start);
        return out.push(UNREPRESENTABLE);
    }
    out.push(b'"');
}

/// Appends a part of a composite id, `:` in it percent-encoded.
pub fn id_part(out: &mut Vec<u8>, kind: &Kind, raw: &Raw<'_>) {
    if let Raw::Null = raw {
        return out.push(NULL);
    }
    let start = out.len();
    if part(out, kind, raw, true).is_none() {
        out.truncate(start);
        out.push(UNREPRESENTABLE);
    }
}

fn part(out: &mut Vec<u8>, kind: &Kind, raw: &Raw<'_>, composite: bool) -> Option<()> {
    let text = match (kind, raw) {
        (kind, Raw::Int(i)) if kind.is_integer() => {
            integer(out, *i);
            return Some(());
        }
        (Kind::Text | Kind::Other | Kind::Enum(_) | Kind::Json, Raw::Text(s)) => {
            Cow::from(std::str::from_utf8(s).ok()?)
        }
        (_, Raw::Bytes(b)) => Cow::from(hex(b)),
        _ => Cow::from(plain_text(kind, raw)?),
    };
    if composite && text.contains([':', '%']) {
        let text = text.replace('%', "%25").replace(':', "%3A");
        escaped(out, text.as_bytes())
    } else {
        escaped(out, text.as_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The text of a key that is no integer.
pub fn key_text(kind: &Kind, raw: &Raw<'_>) -> Option<Box<str>> {
    match raw {
        Raw::Null | Raw::Strange => None,
        Raw::Text(s) => Some(std::str::from_utf8(s).ok()?.into()),
        Raw::Bytes(b) => Some(format!("\\x{}", hex(b)).into()),
        Raw::Micros(_) | Raw::Days(_) => {
            let text = plain_text(kind, raw)?;
            // In most years what is shown is what the database reads.
            if !text.starts_with(['+', '-']) && !text.starts_with("0000") {
                return Some(text.into());
            }
            let written = match kind {
                Kind::Date => moment::date(&text),
                _ => moment::instant(&text, true),
            };
            written.ok().map(Into::into)
        }
        _ => plain_text(kind, raw).map(Into::into),
    }
}

fn plain_text(kind: &Kind, raw: &Raw<'_>) -> Option<String> {
    let mut out = Vec::new();
    plain(&mut out, kind, raw)?;
    String::from_utf8(out).ok()
}

/// Appends the text of a value that needs no escaping in JSON.
fn plain(out: &mut Vec<u8>, kind: &Kind, raw: &Raw<'_>) -> Option<()> {
    match (kind, raw) {
        (Kind::DateTime { .. }, Raw::Micros(micros)) => date_time(out, *micros),
        (Kind::DateTime { .. }, Raw::Days(days)) => {
            date(out, *days);
            out.extend_from_slice(b"T00:00:00Z");
        }
        (Kind::DateTime { .. } | Kind::Date, Raw::Infinity { negative }) => {
            out.extend_from_slice(if *negative { b"-infinity" } else { b"infinity" })
        }
        (Kind::DateTime { .. }, Raw::Text(text)) => temporal::show_text(out, text)?,
        (Kind::DateTime { .. }, Raw::Int(seconds)) => Instant::of_seconds(*seconds)?.show(out),
        (Kind::DateTime { .. }, Raw::Float(day)) => Instant::of_julian_day(*day)?.show(out),
        (Kind::Date, Raw::Days(days)) => date(out, *days),
        (Kind::Date, Raw::Text(text)) => out.extend_from_slice(temporal::date_of_text(text)?),
        (Kind::Time, Raw::TimeOfDay(micros)) => time_of_day(out, *micros),
        (Kind::Time, Raw::ZonedTime { micros, east }) => {
            time_of_day(out, *micros);
            out.extend_from_slice(moment::show_zone(i64::from(*east)).as_bytes());
        }
        (Kind::Time, Raw::Text(text)) => {
            let (seconds, nanos) = temporal::time_of_text(text)?;
            temporal::time_of_day(out, seconds, nanos);
        }
        (Kind::Uuid, Raw::Uuid(bytes)) => {
            out.extend_from_slice(Uuid::from_bytes(*bytes).to_string().as_bytes())
        }
        (Kind::Uuid, Raw::Text(text)) => {
            out.extend_from_slice(Uuid::try_parse_ascii(text).ok()?.to_string().as_bytes())
        }
        (Kind::Decimal { .. }, Raw::Text(text @ (b"NaN" | b"Infinity" | b"-Infinity"))) => {
            out.extend_from_slice(text);
        }
        (Kind::Decimal { scale, .. }, Raw::Text(text)) => match decimal::is_shown(text, *scale) {
            true => out.extend_from_slice(text),
            false => Decimal::of_text(text)?.show(out, *scale),
        },
        (Kind::Decimal { scale, .. }, Raw::Int(i)) => Decimal::of_integer(*i).show(out, *scale),
        (Kind::Decimal { scale, .. }, Raw::Float(f)) => {
            Decimal::of_float(*f, *scale)?.show(out, *scale)
        }
        (Kind::Boolean, Raw::Boolean(b)) => {
            out.extend_from_slice(if *b { b"true" } else { b"false" })
        }
        (Kind::Boolean, Raw::Int(i)) => {
            out.extend_from_slice(if *i != 0 { b"true" } else { b"false" })
        }
        (Kind::Int | Kind::BigInt | Kind::Float { .. }, Raw::Int(i)) => integer(out, *i),
        (Kind::Float { .. }, Raw::Float(f)) if f.is_finite() => {
            out.extend_from_slice(f.to_string().as_bytes())
        }
        // What SQLite holds in columns of these kinds may be of any.
        (Kind::Text | Kind::Other | Kind::Json, raw) => match raw {
            Raw::Int(i) => integer(out, *i),
            Raw::Float(f) if f.is_finite() => out.extend_from_slice(f.to_string().as_bytes()),
            Raw::Boolean(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn integer(out: &mut Vec<u8>, i: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
}

/// A whole float is written without a fraction, as JavaScript does. JSON has no infinities.
fn float(out: &mut Vec<u8>, f: f64) -> Option<()> {
    if !f.is_finite() {
        return None;
    }
    if f == f.trunc() && f.abs() < 1e15 {
        integer(out, f as i64);
    } else {
        out.extend_from_slice(serde_json::Number::from_f64(f)?.to_string().as_bytes());
    }
    Some(())
}

/// Appends a JSON string; `None` of what is no UTF-8.
pub fn string(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escaped(out, text)?;
    out.push(b'"');
    Some(())
}

fn escaped(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    if stands_for_itself(text) {
        out.extend_from_slice(text);
        return Some(());
    }
    const HEX: &[u8; 16] = b"0123456789abcdef";
    std::str::from_utf8(text).ok()?;
    let (mut start, mut end) = (0, 0);
    for block in text.chunks(16) {
        if let Ok(block) = block.try_into()
            && stand_for_themselves::<false, 16>(block)
        {
            end += 16;
            continue;
        }
        for &byte in block {
            end += 1;
            let escape = ESCAPE[usize::from(byte)];
            if escape == 0 {
                continue;
            }
            out.extend_from_slice(&text[start..end - 1]);
            start = end;
            if escape == b'u' {
                let hex = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex);
            } else {
                out.extend_from_slice(&[b'\\', escape]);
            }
        }
    }
    out.extend_from_slice(&text[start..]);
    Some(())
}

/// Whether text is ASCII of which nothing must be escaped.
fn stands_for_itself(text: &[u8]) -> bool {
    /// Blocks, of which the last may overlap the one before; `None` where there is none.
    fn blocks<const N: usize>(text: &[u8]) -> Option<bool> {
        let (blocks, _) = text.as_chunks();
        let last = text.last_chunk()?;
        Some(
            blocks.iter().all(stand_for_themselves::<true, N>)
                && stand_for_themselves::<true, N>(last),
        )
    }
    blocks::<16>(text)
        .or_else(|| blocks::<8>(text))
        .or_else(|| blocks::<4>(text))
        .unwrap_or_else(|| text.iter().all(|&b| stand_for_themselves::<true, 1>(&[b])))
}

/// Whether a string's bytes, which are `ASCII` or any, need no escaping. Without branches, so that the compiler
/// looks at all of them at once.
fn stand_for_themselves<const ASCII: bool, const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(true, |all, &b| {
        all & (b >= b' ') & (b != b'"') & (b != b'\\') & (!ASCII | (b < 0x80))
    })
}

/// What follows the backslash; 0 for what stands for itself.
static ESCAPE: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 32 {
        table[i] = b'u';
        i += 1;
    }
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0A] = b'n';
    table[0x0C] = b'f';
    table[0x0D] = b'r';
    table
};

const DAY: i64 = 86_400_000_000;

/// From 1970 to PostgreSQL's epoch.
const EPOCH_DAYS: i64 = 10_957;

fn date_time(out: &mut Vec<u8>, micros: i64) {
    date(out, micros.div_euclid(DAY) + EPOCH_DAYS);
    out.push(b'T');
    time_of_day(out, micros.rem_euclid(DAY));
    out.push(b'Z');
}

/// `YYYY-MM-DD` from days since 1970, and years that have more digits as they are shown.
fn date(out: &mut Vec<u8>, days: i64) {
    if temporal::date(out, days).is_none() {
        moment::show_date(out, days);
    }
}

fn time_of_day(out: &mut Vec<u8>, micros: i64) {
    let nanos = (micros % 1_000_000) as u32 * 1000;
    temporal::time_of_day(out, micros / 1_000_000, nanos);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sea_orm::prelude::ChronoDateTimeUtc;

    use super::*;

    fn written(kind: Kind, raw: Raw<'_>) -> String {
        let mut out = Vec::new();
        value(&mut out, &kind, &raw);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_writes_them(
            text in prop_oneof![any::<String>(), "[a-z]{0,40}[a-z\"\\\\\n\u{7f}é]{1,2}[a-z]{0,40}"],
        ) {
            let mut out = Vec::new();
            prop_assert!(string(&mut out, text.as_bytes()).is_some());
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn what_is_no_text_is_not_written(text in "[a-z]{0,40}", at in 0..41usize) {
            let mut bytes = text.into_bytes();
            bytes.insert(at.min(bytes.len()), 0xFF);
            for kind in [Kind::Text, Kind::Json, Kind::Date, Kind::DateTime { zoned: true }, Kind::Uuid] {
                let mut out = b"before".to_vec();
                value(&mut out, &kind, &Raw::Text(&bytes));
                prop_assert_eq!(&out[..], b"before\x01");
            }
        }

        #[test]
        fn times_are_written_as_chrono_writes_them(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let time = ChronoDateTimeUtc::from_timestamp_micros(micros).unwrap();
            let text = time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            let since_2000 = Raw::Micros(micros - EPOCH_DAYS * DAY);
            prop_assert_eq!(written(Kind::DateTime { zoned: true }, since_2000), format!("\"{text}\""));
            for stored in [text.clone(), text.replace('T', " ").replace('Z', "+00:00"), text.replace('Z', "")] {
                prop_assert_eq!(written(Kind::DateTime { zoned: true }, Raw::Text(stored.as_bytes())), format!("\"{text}\""));
            }
        }
    }

    #[test]
    fn what_a_type_cannot_hold_is_marked() {
        assert_eq!(written(Kind::Int, Raw::Int(1 << 31)), "\u{1}");
        assert_eq!(written(Kind::Int, Raw::Null), "\0");
        assert_eq!(
            written(Kind::Float { single: false }, Raw::Float(f64::NAN)),
            "\u{1}"
        );
        assert_eq!(written(Kind::Json, Raw::Text(b"{")), "\u{1}");
        assert_eq!(
            written(Kind::DateTime { zoned: true }, Raw::Text(b"yesterday")),
            "\u{1}"
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(
            written(Kind::BigInt, Raw::Int(i64::MAX)),
            "\"9223372036854775807\""
        );
        assert_eq!(written(Kind::Float { single: false }, Raw::Float(3.0)), "3");
        assert_eq!(
            written(Kind::Float { single: false }, Raw::Float(0.1)),
            "0.1"
        );
        let money = Kind::Decimal {
            scale: Some(2),
            money: false,
        };
        assert_eq!(written(money.clone(), Raw::Float(0.99)), "\"0.99\"");
        assert_eq!(written(money.clone(), Raw::Int(3)), "\"3.00\"");
        assert_eq!(written(money, Raw::Text(b"12.50")), "\"12.50\"");
    }
}
