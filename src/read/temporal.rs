//! Dates and times as text: the one form in which they are shown, and the one in which SeaORM writes them to SQLite,
//! whose texts sort as the instants do. SQLite has no such types, so its columns hold other forms too.
//!
//! A time is `12:30`, with seconds and a fraction of any length if there is one, of which nine digits count; what
//! follows `T` or a space behind a date may end in a zone. Without one it is UTC.

use crate::graph::Kind;

const DAY: i64 = 86_400;

/// A time of some day, by days and seconds since 1970 in UTC, and nanoseconds beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    days: i64,
    seconds: i64,
    nanos: u32,
}

impl Instant {
    fn new(days: i64, seconds: i64, nanos: u32) -> Option<Self> {
        let days = days.checked_add(seconds.div_euclid(DAY))?;
        DAYS.contains(&days).then_some(Instant {
            days,
            seconds: seconds.rem_euclid(DAY),
            nanos,
        })
    }

    pub fn of_text(text: &[u8]) -> Option<Self> {
        let (days, rest) = day(text)?;
        if rest.is_empty() {
            return Instant::new(days, 0, 0);
        }
        let rest = match rest {
            [b'T' | b't', rest @ ..] => rest,
            [b' ', ..] => rest.trim_ascii_start(),
            _ => return None,
        };
        let (seconds, nanos, rest) = clock(rest)?;
        Instant::new(days, seconds - zone(rest)?, nanos)
    }

    /// As SeaORM reads an integer: seconds since 1970.
    pub fn of_seconds(seconds: i64) -> Option<Self> {
        Instant::new(seconds.div_euclid(DAY), seconds.rem_euclid(DAY), 0)
    }

    /// As SeaORM reads a float: a Julian day.
    pub fn of_julian_day(day: f64) -> Option<Self> {
        let since = (day - 2_440_587.5) * DAY as f64;
        // What a float tells of a day's time ends at some tens of microseconds.
        let millis = (since * 1e3).round();
        if millis.is_nan() || millis.abs() >= 1e15 {
            return None;
        }
        let millis = millis as i64;
        let nanos = millis.rem_euclid(1000) as u32 * 1_000_000;
        let seconds = millis.div_euclid(1000);
        Instant::new(seconds.div_euclid(DAY), seconds.rem_euclid(DAY), nanos)
    }

    /// `2024-02-29T12:30:00.500Z`
    pub fn show(self, out: &mut Vec<u8>) {
        self.write(out, b'T', b"Z");
    }

    fn write(self, out: &mut Vec<u8>, between: u8, zone: &[u8]) {
        if date(out, self.days).is_some() {
            out.push(between);
            time_of_day(out, self.seconds, self.nanos);
            out.extend_from_slice(zone);
        }
    }
}

/// Shows the instant of a text.
pub fn show_text(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    // As most are written, its digits are shown as they stand.
    if let Some((written, b"+00:00" | b"" | b"Z")) = text.split_at_checked(19)
        && let (date, [b'T' | b' ', clocks @ ..]) = written.split_at(10)
        && let (Some(_), Some((seconds, 0, []))) = (day(date), clock(clocks))
        && seconds < DAY
        && clocks[6] < b'6'
    {
        out.extend_from_slice(date);
        out.push(b'T');
        out.extend_from_slice(clocks);
        out.push(b'Z');
        return Some(());
    }
    Instant::of_text(text)?.show(out);
    Some(())
}

/// The time of a text that is one without a date. A zone says nothing of it, and is passed over, as SeaORM does.
pub fn time_of_text(text: &[u8]) -> Option<(i64, u32)> {
    let (seconds, nanos, rest) = clock(text)?;
    zone(rest)?;
    (seconds < DAY).then_some((seconds, nanos))
}

/// The date that a text begins with; its time, if it has one, says nothing of it.
pub fn date_of_text(text: &[u8]) -> Option<&[u8]> {
    Instant::of_text(text)?;
    text.get(..10)
}

/// The form in which SeaORM writes a value that SQLite holds as this text, if it is one.
pub fn written(kind: &Kind, text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(40);
    match kind {
        Kind::DateTime { zoned } => written_instant(&mut out, *zoned, Instant::of_text(text)?),
        Kind::Date => out.extend_from_slice(date_of_text(text)?),
        Kind::Time => {
            let (seconds, nanos) = time_of_text(text)?;
            time_of_day(&mut out, seconds, nanos);
        }
        _ => return None,
    }
    Some(out)
}

/// `2024-02-29T12:30:00.500+00:00`, or with a space and no zone.
pub fn written_instant(out: &mut Vec<u8>, zoned: bool, instant: Instant) {
    match zoned {
        true => instant.write(out, b'T', b"+00:00"),
        false => instant.write(out, b' ', b""),
    }
}

/// Days since 1970, and what follows.
fn day(text: &[u8]) -> Option<(i64, &[u8])> {
    let (date, rest) = text.split_at_checked(10)?;
    let (&[y, e, a, r, b'-', m, n, b'-', d, e2], rest) = (date, rest) else {
        return None;
    };
    let year = number(&[y, e, a, r])?;
    let (month, day) = (number(&[m, n])?, number(&[d, e2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Hinnant's `days_from_civil`: a year begins in March, so that a leap day is its last.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some((days + of_year - 719_468, rest))
}

/// Seconds since midnight, nanoseconds beyond, and what follows.
fn clock(text: &[u8]) -> Option<(i64, u32, &[u8])> {
    let (&[h, o, b':', m, n], rest) = text.split_at_checked(5)? else {
        return None;
    };
    let (hours, minutes) = (number(&[h, o])?, number(&[m, n])?);
    let (seconds, fraction, rest) = match rest {
        [b':', s, e, rest @ ..] => {
            let (fraction, rest) = fraction(rest)?;
            (number(&[*s, *e])?, fraction, rest)
        }
        _ => (0, 0, rest),
    };
    // A leap second is the next minute's first, and 24:00 the next day's, as PostgreSQL reads them.
    let in_day = hours < 24 && minutes < 60 && seconds <= 60;
    let is_end = (hours, minutes, seconds, fraction) == (24, 0, 0, 0);
    (in_day || is_end).then_some((hours * 3600 + minutes * 60 + seconds, fraction, rest))
}

/// Nanoseconds, of as many digits as there are after a point.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let [b'.', rest @ ..] = text else {
        return Some((0, text));
    };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let nanos = (0..9).fold(0, |nanos, i| {
        let digit = match i < digits {
            true => u32::from(rest[i] - b'0'),
            false => 0,
        };
        nanos * 10 + digit
    });
    Some((nanos, &rest[digits..]))
}

/// Seconds east of UTC: `Z`, `+05:30`, `-0530`, `+05`, or nothing.
fn zone(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (sign, hours, minutes) = match *text {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, a, b] => (sign, [a, b], [b'0', b'0']),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, [a, b], [c, d]),
        _ => return None,
    };
    let (hours, minutes) = (number(&hours)?, number(&minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(hours * 3600 + minutes * 60),
        b'-' => Some(-(hours * 3600 + minutes * 60)),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, &b| {
        b.is_ascii_digit()
            .then(|| number * 10 + i64::from(b - b'0'))
    })
}

/// Of the years 0 to 9999, since 1970.
const DAYS: std::ops::Range<i64> = -719_528..2_932_897;

/// `YYYY-MM-DD` for the years 0 to 9999, from days since 1970 (Hinnant's `civil_from_days`).
pub fn date(out: &mut Vec<u8>, days: i64) -> Option<()> {
    if !DAYS.contains(&days) {
        return None;
    }
    // From the first of March 400 years before the year 0, when a cycle of the calendar begins; so nothing is
    // negative.
    let days = (days + 719_468 + 146_097) as u32;
    let (cycles, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, next_year) = match month_from_march {
        0..10 => (month_from_march + 3, 0),
        _ => (month_from_march - 9, 1),
    };
    let year = year + cycles * 400 + next_year - 400;
    let [a, b] = pair(year / 100);
    let [c, d] = pair(year % 100);
    let [e, f] = pair(month);
    let [g, h] = pair(day);
    out.extend_from_slice(&[a, b, c, d, b'-', e, f, b'-', g, h]);
    Some(())
}

/// `HH:MM:SS`, and a fraction of 3, 6 or 9 digits where it is not zero.
pub fn time_of_day(out: &mut Vec<u8>, seconds: i64, nanos: u32) {
    let seconds = seconds as u32;
    let [a, b] = pair(seconds / 3600);
    let [c, d] = pair(seconds / 60 % 60);
    let [e, f] = pair(seconds % 60);
    out.extend_from_slice(&[a, b, b':', c, d, b':', e, f]);
    if nanos == 0 {
        return;
    }
    let three = |n: u32| {
        let [a, b] = pair(n / 10);
        [a, b, b'0' + (n % 10) as u8]
    };
    out.push(b'.');
    out.extend_from_slice(&three(nanos / 1_000_000));
    if !nanos.is_multiple_of(1_000_000) {
        out.extend_from_slice(&three(nanos / 1000 % 1000));
    }
    if !nanos.is_multiple_of(1000) {
        out.extend_from_slice(&three(nanos % 1000));
    }
}

/// Two digits.
fn pair(n: u32) -> [u8; 2] {
    let n = n as u8;
    [b'0' + n / 10 % 10, b'0' + n % 10]
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        let mut out = Vec::new();
        Instant::of_text(text.as_bytes())?.show(&mut out);
        String::from_utf8(out).ok()
    }

    proptest! {
        #[test]
        fn instants_are_read_and_written_as_chrono_does(seconds in -62_167_219_200i64..253_402_300_800, nanos in 0..1_000_000_000u32) {
            for nanos in [0, nanos, nanos / 1000 * 1000, nanos / 1_000_000 * 1_000_000] {
                let time = DateTime::from_timestamp(seconds, nanos).unwrap();
                let text = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                let full = time.to_rfc3339_opts(SecondsFormat::Nanos, false);
                for form in [text.clone(), full.clone(), full.replace('T', " "), full.replace("+00:00", "")] {
                    prop_assert_eq!(shown(&form), Some(text.clone()), "{}", form);
                }
                for (kind, zoned) in [(Kind::DateTime { zoned: true }, true), (Kind::DateTime { zoned: false }, false)] {
                    let as_seaorm = match zoned {
                        true => time.to_rfc3339_opts(SecondsFormat::AutoSi, false),
                        false => time.format("%F %T%.f").to_string(),
                    };
                    let found = written(&kind, full.as_bytes()).map(|w| String::from_utf8(w).unwrap());
                    prop_assert_eq!(found, Some(as_seaorm));
                }
            }
        }

        #[test]
        fn zones_are_taken_off(seconds in -62_167_132_800i64..253_402_214_400, minutes in -1439i32..1440) {
            let zone = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let there = time.with_timezone(&zone);
            let text = there.to_rfc3339();
            let wanted = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            for form in [text.clone(), text.replace('T', " "), there.format("%F %T %:z").to_string(), there.format("%FT%T%z").to_string()] {
                prop_assert_eq!(shown(&form), Some(wanted.clone()), "{}", form);
            }
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "2024-02-30 00:00:00",
            "2023-02-29",
            "2024-13-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T24:00:01",
            "2024-01-01T12:60",
            "2024-01-01T12:00:00.",
            "2024-01-01T12:00:00+24:00",
            "2024-01-01x12:00",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(shown("2024-01-01 24:00").unwrap(), "2024-01-02T00:00:00Z");
        assert_eq!(
            shown("2016-12-31T23:59:60Z").unwrap(),
            "2017-01-01T00:00:00Z"
        );
        assert_eq!(
            shown("2024-01-01T00:00:00.1234567899+01").unwrap(),
            "2023-12-31T23:00:00.123456789Z"
        );
    }
}
