//! Dates and times as text, in all the years that PostgreSQL has.
//!
//! A year from 0000 to 9999 is written with four digits, as RFC 3339 has it; any other with a sign and six digits, as
//! ECMAScript has it, counting through zero: `-000043` is 44 BC. Beyond all dates are `infinity` and `-infinity`, which are asked for but not
//! shown: to be one of them is an error of its field.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike};

use super::Kind;
use super::keys::NoValue;

/// The dates that PostgreSQL holds, as days since 1970.
const DATES: std::ops::RangeInclusive<i64> = -2_440_588..=2_145_042_905;
/// The days of the points in time that it holds.
const INSTANTS: std::ops::RangeInclusive<i64> = -2_440_588..=106_762_939;

const DATE_BOUNDS: &str = "dates are from -004713-11-24 to +5874897-12-31";
const INSTANT_BOUNDS: &str =
    "points in time are from -004713-11-24T00:00:00Z to +294276-12-31T23:59:59.999999Z";
const ZONE_BOUNDS: &str = "zones are from -15:59:59 to +15:59:59";

/// The days in a cycle of the calendar, and its years.
const CYCLE: i64 = 146_097;
const CYCLE_YEARS: i64 = 400;

/// The nanoseconds of a second. chrono counts on within a leap second.
const NANOS: u32 = 1_000_000_000;

/// A time of day that ends it: `24:00:00`.
pub const END_OF_DAY: &str = "24:00:00";

/// Year, month and day of so many days since 1970.
pub fn civil(days: i64) -> (i64, u32, u32) {
    let (cycles, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    // A cycle from 1970 on is well within what chrono knows.
    let date = NaiveDate::from_epoch_days(day as i32).unwrap_or_default();
    let year = i64::from(date.year()) + cycles * CYCLE_YEARS;
    (year, date.month(), date.day())
}

/// Appends a date as clients see it.
pub fn show_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil(days);
    let text = match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+07}-{month:02}-{day:02}"),
    };
    out.extend_from_slice(text.as_bytes());
}

/// A date as the databases write it, of what a client wrote.
pub fn date(text: &str) -> Result<String, NoValue> {
    if is_infinite(text) {
        return Ok(text.to_owned());
    }
    let (text, cycles) = within_a_cycle(text)?;
    let date: NaiveDate = text.parse().map_err(|_| NoValue::Malformed)?;
    let days = i64::from(date.to_epoch_days()) + cycles * CYCLE;
    if !DATES.contains(&days) {
        return Err(NoValue::Beyond(DATE_BOUNDS));
    }
    let (date, era) = written_date(days);
    Ok(format!("{date}{era}"))
}

/// A point in time as the databases write it, of what a client wrote.
pub fn instant(text: &str, zoned: bool) -> Result<String, NoValue> {
    if is_infinite(text) {
        return Ok(text.to_owned());
    }
    let (text, cycles) = within_a_cycle(text)?;
    let time = DateTime::parse_from_rfc3339(&text).map_err(|_| NoValue::Malformed)?;
    let mut time = time.to_utc();
    // As PostgreSQL reads a leap second.
    if let Some(second) = time.nanosecond().checked_sub(NANOS) {
        time = time.with_nanosecond(second).unwrap_or(time) + TimeDelta::seconds(1);
    }
    let days = i64::from(time.date_naive().to_epoch_days()) + cycles * CYCLE;
    if !INSTANTS.contains(&days) {
        return Err(NoValue::Beyond(INSTANT_BOUNDS));
    }
    let (date, era) = written_date(days);
    let (between, zone) = if zoned { ("T", "+00:00") } else { (" ", "") };
    Ok(format!("{date}{between}{}{zone}{era}", time.time()))
}

/// A time of day as the databases write it, of what a client wrote: with a zone, if he wrote one.
pub fn time(text: &str) -> Result<String, NoValue> {
    let (clock, zone) = split_zone(text);
    let clock = match clock {
        END_OF_DAY => clock.to_owned(),
        _ => {
            let clock: NaiveTime = clock.parse().map_err(|_| NoValue::Malformed)?;
            match clock.nanosecond().checked_sub(NANOS) {
                None => clock.to_string(),
                Some(nanos) => after_leap(clock, nanos)?,
            }
        }
    };
    let zone = match zone {
        None => String::new(),
        Some(zone) => show_zone(seconds_east(zone)?),
    };
    Ok(clock + &zone)
}

/// A leap second, so many nanoseconds into it: the next minute's first.
fn after_leap(clock: NaiveTime, nanos: u32) -> Result<String, NoValue> {
    let second = clock.num_seconds_from_midnight() + 1;
    match NaiveTime::from_num_seconds_from_midnight_opt(second, nanos) {
        Some(clock) => Ok(clock.to_string()),
        None if nanos == 0 => Ok(END_OF_DAY.to_owned()),
        None => Err(NoValue::Malformed),
    }
}

/// A zone by its seconds east of Greenwich: `+02:00`.
pub fn show_zone(east: i64) -> String {
    let sign = if east < 0 { '-' } else { '+' };
    let (minutes, seconds) = (east.abs() / 60, east.abs() % 60);
    let zone = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    match seconds {
        0 => zone,
        _ => format!("{zone}:{seconds:02}"),
    }
}

/// Whether a point in time, a date or a time of day is finer than PostgreSQL's microseconds: it lies between two of them.
pub fn is_finer_than_microseconds(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    fraction[..digits]
        .bytes()
        .skip(6)
        .any(|digit| digit != b'0')
}

/// The last microsecond that is not after what `is_finer_than_microseconds`, with as many digits as are written of it.
pub fn whole_microseconds(text: &str) -> String {
    let Some((whole, fraction)) = text.split_once('.') else {
        return text.to_owned();
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = fraction.split_at(digits);
    let micros = &digits[..digits.len().min(6)];
    match micros.as_bytes() {
        _ if micros.bytes().all(|digit| digit == b'0') => format!("{whole}{rest}"),
        [.., b'0', b'0', b'0'] if micros.len() == 6 => format!("{whole}.{}{rest}", &micros[..3]),
        _ => format!("{whole}.{micros}{rest}"),
    }
}

/// What PostgreSQL reads, in a form that compares with SQLite's texts as what it means: SQLite's years have four digits.
pub fn among_texts(text: &str) -> String {
    if let Some(before) = text.strip_suffix(" BC") {
        // The year before the first is 0000, and those before it sort before all digits.
        return match before.strip_prefix("0001") {
            Some(rest) => format!("0000{rest}"),
            None => format!("-{before}"),
        };
    }
    match text.bytes().take_while(u8::is_ascii_digit).count() {
        0 if text == "-infinity" => "-".to_owned(),
        // Above all digits.
        5.. => format!(":{text}"),
        _ => text.to_owned(),
    }
}

/// What SQLite keeps of a kind, where this is beyond it: it compares dates and times as texts, whose years have four digits.
pub fn beyond_texts(kind: &Kind, text: &str) -> Option<&'static str> {
    let is_kept = match kind {
        Kind::DateTime { .. } | Kind::Date => {
            let text = among_texts(text);
            text.bytes().take_while(u8::is_ascii_digit).count() == 4
        }
        Kind::Time => !text.starts_with(END_OF_DAY),
        _ => true,
    };
    (!is_kept).then_some(match kind {
        Kind::Date => "dates from 0000-01-01 to 9999-12-31",
        Kind::Time => "times of day from 00:00:00 to 23:59:59.999999",
        _ => "points in time from 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z",
    })
}

/// A time of day with a zone as SQLite's texts of times, in UTC; before and after the day, if it is.
pub fn among_times(text: &str) -> String {
    let (clock, zone) = split_zone(text);
    let Some(east) = zone.and_then(|zone| seconds_east(zone).ok()) else {
        return text.to_owned();
    };
    let (since, fraction) = match clock.parse::<NaiveTime>() {
        Ok(time) => (
            i64::from(time.num_seconds_from_midnight()) - east,
            clock.split_once('.').map_or("", |(_, fraction)| fraction),
        ),
        Err(_) => (86_400 - east, ""),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let before = if since < 0 { "-" } else { "" };
    let since = since.rem_euclid(172_800);
    format!(
        "{before}{:02}:{:02}:{:02}{point}{fraction}",
        since / 3600,
        since / 60 % 60,
        since % 60
    )
}

fn is_infinite(text: &str) -> bool {
    matches!(text, "infinity" | "-infinity")
}

/// A date as the databases write it, and the era that follows the time.
fn written_date(days: i64) -> (String, &'static str) {
    match civil(days) {
        (year @ 1.., month, day) => (format!("{year:04}-{month:02}-{day:02}"), ""),
        (year, month, day) => (format!("{:04}-{month:02}-{day:02}", 1 - year), " BC"),
    }
}

/// A date or a point in time with its year moved by so many cycles of the calendar that chrono reads it.
fn within_a_cycle(text: &str) -> Result<(String, i64), NoValue> {
    if !text.starts_with(['+', '-']) {
        return Ok((text.to_owned(), 0));
    }
    let end = text[1..].find('-').ok_or(NoValue::Malformed)? + 1;
    let digits = &text[1..end];
    if !(4..=7).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NoValue::Malformed);
    }
    let year: i64 = text[..end].parse().map_err(|_| NoValue::Malformed)?;
    let cycles = (year - 1970).div_euclid(CYCLE_YEARS);
    let year = year - cycles * CYCLE_YEARS;
    Ok((format!("{year:04}{}", &text[end..]), cycles))
}

/// A time of day without its zone, and that.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    match text.find(['+', '-', 'Z', 'z']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    }
}

fn seconds_east(zone: &str) -> Result<i64, NoValue> {
    if zone.eq_ignore_ascii_case("Z") {
        return Ok(0);
    }
    let two = |part: &str| match part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) {
        true => part.parse::<i64>().map_err(|_| NoValue::Malformed),
        false => Err(NoValue::Malformed),
    };
    let (sign, parts) = zone.split_at(1);
    let parts: Vec<i64> = parts.split(':').map(two).collect::<Result<_, _>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err(NoValue::Malformed),
    };
    if minutes > 59 || seconds > 59 {
        return Err(NoValue::Malformed);
    }
    if hours > 15 {
        return Err(NoValue::Beyond(ZONE_BOUNDS));
    }
    let since = hours * 3600 + minutes * 60 + seconds;
    Ok(if sign == "-" { -since } else { since })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(days: i64) -> String {
        let mut out = Vec::new();
        show_date(&mut out, days);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn a_date_is_read_as_it_is_shown(days in DATES) {
            let written = date(&shown(days));
            let (expected, era) = written_date(days);
            prop_assert_eq!(written, Ok(format!("{expected}{era}")));
        }

        #[test]
        fn chrono_agrees_where_it_reaches(days in -90_000_000i64..90_000_000) {
            let of_chrono = NaiveDate::from_epoch_days(days as i32).unwrap();
            prop_assert_eq!(civil(days), (i64::from(of_chrono.year()), of_chrono.month(), of_chrono.day()));
        }
    }

    #[test]
    fn years_of_any_number_of_digits_are_what_they_mean() {
        for (text, expected) in [
            ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00 BC"),
            ("9999-12-31T23:59:59-23:59", "10000-01-01T23:58:59+00:00"),
            ("0000-01-01T00:00:00+00:01", "0002-12-31T23:59:00+00:00 BC"),
            ("-000043-03-15T12:00:00Z", "0044-03-15T12:00:00+00:00 BC"),
            ("+002025-03-01T12:00:00Z", "2025-03-01T12:00:00+00:00"),
            (
                "2025-03-01T12:00:00.5+02:00",
                "2025-03-01T10:00:00.500+00:00",
            ),
            ("-infinity", "-infinity"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250+00:00"),
        ] {
            assert_eq!(instant(text, true).as_deref(), Ok(expected), "{text}");
        }
        for beyond in ["+294277-01-01T00:00:00Z", "-004713-11-23T23:59:59Z"] {
            assert_eq!(
                instant(beyond, true),
                Err(NoValue::Beyond(INSTANT_BOUNDS)),
                "{beyond}"
            );
        }
        assert!(instant("+294276-12-31T23:59:59.999999Z", true).is_ok());
        assert!(instant("-004713-11-24T00:00:00Z", true).is_ok());
        assert!(date("+5874897-12-31").is_ok());
        assert_eq!(date("+5874898-01-01"), Err(NoValue::Beyond(DATE_BOUNDS)));
        for nothing in [
            "",
            "-",
            "+2025",
            "2025",
            "-x-01-01",
            "+99999999-01-01",
            "1-2-3T",
        ] {
            assert!(
                date(nothing).is_err() && instant(nothing, true).is_err(),
                "{nothing}"
            );
        }
    }

    #[test]
    fn times_keep_their_zones() {
        for (text, expected) in [
            ("12:00:00", "12:00:00"),
            ("12:00:00.5Z", "12:00:00.500+00:00"),
            ("12:00:00-02:30", "12:00:00-02:30"),
            ("24:00:00", "24:00:00"),
            ("12:59:60.5", "13:00:00.500"),
            ("23:59:60", "24:00:00"),
            ("12:00:00+01:02:03", "12:00:00+01:02:03"),
        ] {
            assert_eq!(time(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(time("12:00:00+16:00"), Err(NoValue::Beyond(ZONE_BOUNDS)));
        for nothing in ["", "25:00:00", "12:00:00+2", "12:00:00+02:60", "+02:00"] {
            assert_eq!(time(nothing), Err(NoValue::Malformed), "{nothing}");
        }
    }

    #[test]
    fn among_texts_they_sort_as_what_they_mean() {
        let texts = [
            "-infinity",
            "-000043-03-15T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2025-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:59",
            "infinity",
        ];
        let sorted = texts.map(|text| among_texts(&instant(text, true).unwrap()));
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert_eq!(sorted[2], "0000-01-01T00:00:00+00:00");
        assert_eq!(among_times("12:00:00.500+02:00"), "10:00:00.500");
        assert_eq!(among_times("12:00:00"), "12:00:00");
    }
}
