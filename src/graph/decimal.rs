//! Decimal numbers as text: every digit of them counts.

use std::ops::Range;

use super::keys::NoValue;

/// The digits before and after the point that PostgreSQL's `numeric` has at most.
const WHOLE: i64 = 131_072;
const FRACTION: i64 = 16_383;

const BOUNDS: &str = "decimals have at most 131072 digits before the point and 16383 after it";

/// A number as the databases write it, without an exponent, of what a client wrote. PostgreSQL holds three that have no
/// digits.
pub fn written(text: &str) -> Result<String, NoValue> {
    if is_no_number(text) {
        return Ok(text.to_owned());
    }
    let number = Number::of(text).ok_or(NoValue::Malformed)?;
    let Some(point) = number.point else {
        return match number.is_zero() {
            true => Ok("0".to_owned()),
            false => Err(NoValue::Beyond(BOUNDS)),
        };
    };
    let significant = number.significant();
    let (first, last) = (significant.start as i64, significant.end as i64);
    if !number.is_zero() && (point - first > WHOLE || last - point > FRACTION) {
        return Err(NoValue::Beyond(BOUNDS));
    }
    if !number.has_exponent && number.digits.len() as i64 - point <= FRACTION {
        return Ok(text.trim_start_matches('+').to_owned());
    }
    Ok(number.plain(point))
}

/// Whether it is one of those three.
pub fn is_no_number(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

/// Whether a number is whole and fits 64 bits, and which it is then.
pub fn whole(text: &str) -> Option<i64> {
    let number = Number::of(text)?;
    if number.is_zero() {
        return Some(0);
    }
    let point = number.point?;
    let Range { start, end } = number.significant();
    // Of 19 digits none has more than 19 before the point.
    let fits = end as i64 <= point && point - start as i64 <= 19;
    fits.then(|| number.plain(point).parse().ok())?
}

/// Whether a number that is rounded to so many digits after the point has no more than so many before it. Where these are
/// counted, none is infinite.
pub fn fits(text: &str, whole: u32, fraction: u32) -> bool {
    let Some(number) = Number::of(text) else {
        return text == "NaN";
    };
    let (Some(point), false) = (number.point, number.is_zero()) else {
        return number.is_zero();
    };
    if point - number.significant().start as i64 > i64::from(whole) {
        return false;
    }
    let digit = |at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| number.digits.get(at))
    };
    let (first, last) = (point - i64::from(whole), point + i64::from(fraction));
    let rounds_up = digit(last).is_some_and(|digit| *digit >= b'5');
    !(rounds_up && (first..last).all(|at| digit(at) == Some(&b'9')))
}

/// A number in parts: digits, and where among them the point stands, which an exponent may move out of them.
struct Number {
    negative: bool,
    digits: Vec<u8>,
    /// `None` where it is too far away to be said.
    point: Option<i64>,
    has_exponent: bool,
}

impl Number {
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let moved = match exponent {
            None => Some(0),
            Some(exponent) => {
                let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                exponent.parse::<i32>().ok()
            }
        };
        Some(Number {
            negative: mantissa.starts_with('-'),
            point: moved.map(|moved| whole.len() as i64 + i64::from(moved)),
            digits,
            has_exponent: exponent.is_some(),
        })
    }

    fn is_zero(&self) -> bool {
        self.digits.iter().all(|&digit| digit == b'0')
    }

    /// The digits from the first to the last that is not zero.
    fn significant(&self) -> Range<usize> {
        let first = self.digits.iter().position(|&digit| digit != b'0');
        let last = self.digits.iter().rposition(|&digit| digit != b'0');
        first
            .zip(last)
            .map_or(0..0, |(first, last)| first..last + 1)
    }

    /// The number without an exponent, and without zeros that say nothing.
    fn plain(&self, point: i64) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let Range { start, end } = self.significant();
        let digit = |at: i64| match usize::try_from(at) {
            Ok(at) if (start..end).contains(&at) => char::from(self.digits[at]),
            _ => '0',
        };
        let mut plain = String::new();
        if self.negative {
            plain.push('-');
        }
        match point > start as i64 {
            true => plain.extend((start as i64..point).map(digit)),
            false => plain.push('0'),
        }
        if end as i64 > point {
            plain.push('.');
            plain.extend((point..end as i64).map(digit));
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (text, expected) in [
            ("0.10", "0.10"),
            ("+1.5", "1.5"),
            (
                "-12345678901234567890123456789012345.12345",
                "-12345678901234567890123456789012345.12345",
            ),
            ("1e3", "1000"),
            ("1.25E-3", "0.00125"),
            ("-0.5e1", "-5"),
            ("12.50e1", "125"),
            (".5", ".5"),
            ("0e999999999999", "0"),
            ("0e5", "0"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(written(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["1e131072", "1e-16384", "1e99999999999", "-1e-99999999999"] {
            assert_eq!(written(text), Err(NoValue::Beyond(BOUNDS)), "{text}");
        }
        for text in ["1e131071", "1e-16383"] {
            assert!(written(text).is_ok(), "{text}");
        }
        for text in [
            "", "-", ".", "1_000", "1e", "1e+", "0x1", "1.2.3", "--1", "nan", " 1",
        ] {
            assert_eq!(written(text), Err(NoValue::Malformed), "{text}");
        }
        let long = format!("0.1{}", "0".repeat(20_000));
        assert_eq!(written(&long).as_deref(), Ok("0.1"));
    }

    #[test]
    fn a_number_fits_as_it_is_rounded() {
        for text in [
            "0", "-0.00", "999.99", "-999.99", "999.994", "1e2", "0.000001", "9.999", "NaN",
        ] {
            assert!(fits(text, 3, 2), "{text}");
        }
        for text in ["1000", "-1000.0", "999.995", "1e3", "Infinity", "-Infinity"] {
            assert!(!fits(text, 3, 2), "{text}");
        }
        assert!(fits("0.994", 0, 2) && !fits("0.995", 0, 2) && !fits("1", 0, 2));
    }

    proptest! {
        #[test]
        fn whole_numbers_are_known_in_every_spelling(number in any::<i64>(), zeros in 0..4usize) {
            for text in [
                number.to_string(),
                format!("{number}.{}", "0".repeat(zeros)),
                format!("{number}{}e-{zeros}", "0".repeat(zeros)),
            ] {
                prop_assert_eq!(whole(&text), Some(number), "{}", text);
            }
            prop_assert_eq!(whole(&format!("{number}.5")), None);
            prop_assert_eq!(whole(&format!("{number}99999999999999999999")), None);
        }

        #[test]
        fn an_exponent_moves_the_point(whole in 1u64..1_000_000, by in -12i32..12) {
            let plain = written(&format!("{whole}e{by}")).unwrap();
            let expected = whole as f64 * 10f64.powi(by);
            prop_assert!((plain.parse::<f64>().unwrap() / expected - 1.0).abs() < 1e-12, "{}", plain);
            prop_assert!(!plain.contains('e'));
        }
    }
}
