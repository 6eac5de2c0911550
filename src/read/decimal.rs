//! Decimals of any size, by their digits: as text, as keys that sort as they do, and their sums.
//!
//! SQLite has no decimals. A column of them holds integers, floats and texts: a float is the decimal of fewest digits
//! that is read as that float, which is the one that was written; and where arithmetic has left more digits than the
//! column's scale, and the first 15 fit it, those.

/// A decimal: its digits, of which so many stand after the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// From 0 to 9, the first of them not 0; empty for zero.
    digits: Vec<u8>,
    scale: usize,
}

/// What a power of ten may add to a number's digits: more than PostgreSQL's `numeric` has.
const LONGEST: i64 = 150_000;

impl Decimal {
    /// `-12.50`, `+.5`, `1e3`
    pub fn of_text(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (number, power) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => {
                let power: i64 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
                (&text[..at], power)
            }
            None => (text, 0),
        };
        let mut digits = Vec::with_capacity(number.len());
        let mut scale = None;
        for b in number {
            match b {
                b'0'..=b'9' => digits.push(b - b'0'),
                b'.' if scale.is_none() => scale = Some(digits.len()),
                _ => return None,
            }
        }
        if digits.is_empty() || power.abs() > LONGEST {
            return None;
        }
        let scale = scale.map_or(0, |at| digits.len() - at) as i64 - power;
        if scale < 0 && digits.iter().any(|d| *d != 0) {
            digits.resize(digits.len() + scale.unsigned_abs() as usize, 0);
        }
        Some(Decimal::new(negative, digits, scale.max(0) as usize))
    }

    fn new(negative: bool, mut digits: Vec<u8>, scale: usize) -> Self {
        let zeros = digits.iter().take_while(|d| **d == 0).count();
        digits.drain(..zeros);
        Decimal {
            negative: negative && !digits.is_empty(),
            digits,
            scale,
        }
    }

    pub fn of_integer(integer: i64) -> Self {
        let digits = integer.unsigned_abs().to_string();
        let digits = digits.bytes().map(|b| b - b'0').collect();
        Decimal::new(integer < 0, digits, 0)
    }

    /// What a float stands for in a column of this scale.
    pub fn of_float(float: f64, scale: Option<u32>) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        let shortest = Decimal::of_text(float.to_string().as_bytes())?;
        if let Some(scale) = scale
            && shortest.scale > scale as usize
        {
            let first = Decimal::of_text(format!("{float:.14e}").as_bytes())?.trimmed(0);
            if first.scale <= scale as usize {
                return Some(first);
            }
        }
        Some(shortest)
    }

    /// Without zeros at its end, as far as a scale leaves them out.
    fn trimmed(mut self, scale: usize) -> Self {
        while self.scale > scale && self.digits.last().is_none_or(|d| *d == 0) {
            self.digits.pop();
            self.scale -= 1;
        }
        self
    }

    /// With the digits that a column's scale wants, and with all that it has beyond.
    pub fn show(self, out: &mut Vec<u8>, scale: Option<u32>) {
        let this = match scale {
            Some(scale) => self.trimmed(scale as usize),
            None => self,
        };
        if this.negative {
            out.push(b'-');
        }
        let whole = this.digits.len().saturating_sub(this.scale);
        if whole == 0 {
            out.push(b'0');
        }
        let ascii = |d: &u8| b'0' + d;
        out.extend(this.digits[..whole].iter().map(ascii));
        let wanted = scale.map_or(0, |s| s as usize).max(this.scale);
        if wanted == 0 {
            return;
        }
        out.push(b'.');
        let zeros = this.scale.saturating_sub(this.digits.len());
        out.resize(out.len() + zeros, b'0');
        out.extend(this.digits[whole..].iter().map(ascii));
        out.resize(out.len() + wanted - this.scale, b'0');
    }

    pub fn text(self, scale: Option<u32>) -> String {
        let mut out = Vec::new();
        self.show(&mut out, scale);
        out.into_iter().map(char::from).collect()
    }

    /// Its text, if it is a whole number.
    pub fn whole(self) -> Option<String> {
        let plain = self.trimmed(0);
        (plain.scale == 0).then(|| plain.text(None))
    }

    /// The number that SQLite holds for just this decimal, if there is one.
    pub fn number(&self) -> Option<Number> {
        let plain = self.clone().trimmed(0);
        let text = plain.clone().text(None);
        if plain.scale == 0
            && let Ok(integer) = text.parse()
        {
            return Some(Number::Integer(integer));
        }
        let float: f64 = text.parse().ok()?;
        let back = Decimal::of_float(float, None)?.trimmed(0);
        (back == plain).then_some(Number::Float(float))
    }

    /// Bytes that sort as the decimals do, and are equal where they are: a sign, the place of the point, the digits.
    pub fn key(self) -> Vec<u8> {
        let plain = self.trimmed(0);
        if plain.digits.is_empty() {
            return vec![ZERO];
        }
        let place = plain.digits.len() as i64 - plain.scale as i64;
        let place = (place + (1 << 31)) as u32;
        let mut key = Vec::with_capacity(plain.digits.len() + 6);
        key.push(POSITIVE);
        key.extend_from_slice(&place.to_be_bytes());
        // Zeros at the end of a whole number count for its place only.
        let end = plain
            .digits
            .iter()
            .rposition(|d| *d != 0)
            .map_or(0, |i| i + 1);
        key.extend(plain.digits[..end].iter().map(|d| d + 1));
        key.push(0);
        if plain.negative {
            key.iter_mut().for_each(|b| *b = !*b);
            key[0] = NEGATIVE;
        }
        key
    }

    /// Of a key again.
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let (sign, rest) = key.split_first()?;
        let negative = match *sign {
            ZERO => return Some(Decimal::new(false, Vec::new(), 0)),
            POSITIVE => false,
            NEGATIVE => true,
            _ => return None,
        };
        let rest: Vec<u8> = rest
            .iter()
            .map(|b| if negative { !b } else { *b })
            .collect();
        let (place, digits) = rest.split_first_chunk::<4>()?;
        let place = i64::from(u32::from_be_bytes(*place)) - (1 << 31);
        let digits = digits.strip_suffix(&[0])?;
        let mut digits: Vec<u8> = digits
            .iter()
            .map(|b| b.checked_sub(1).filter(|d| *d < 10))
            .collect::<Option<_>>()?;
        let scale = digits.len() as i64 - place;
        if scale < 0 {
            digits.resize(digits.len() + scale.unsigned_abs() as usize, 0);
        }
        Some(Decimal::new(negative, digits, scale.max(0) as usize))
    }
}

const NEGATIVE: u8 = 0x7F;
const ZERO: u8 = 0x80;
const POSITIVE: u8 = 0x81;

/// A number of SQLite's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Integer(i64),
    Float(f64),
}

/// Whether a text is what is shown of it, as PostgreSQL's are.
pub fn is_shown(text: &[u8], scale: Option<u32>) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let point = digits.iter().position(|b| *b == b'.');
    let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
    let fraction = fraction.strip_prefix(b".");
    let plain = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let zero = text.starts_with(b"-") && digits.iter().all(|b| matches!(b, b'0' | b'.'));
    plain(whole)
        && fraction.is_none_or(plain)
        && (whole.len() == 1 || whole[0] != b'0')
        && scale.is_none_or(|s| s as usize == fraction.map_or(0, <[u8]>::len))
        && !zero
}

/// A sum, exact whatever is added: 18 digits a place, from the point to the left and to the right.
#[derive(Debug, Default)]
pub struct Sum {
    whole: Vec<i128>,
    fraction: Vec<i128>,
    scale: usize,
}

const PLACE: usize = 18;
const UNIT: i128 = 1_000_000_000_000_000_000;

impl Sum {
    pub fn add_integer(&mut self, integer: i64) {
        let integer = i128::from(integer);
        // Places may overflow into each other; a billion sums of billions are far from what they hold.
        add(&mut self.whole, 0, integer);
    }

    pub fn add(&mut self, decimal: &Decimal) {
        self.scale = self.scale.max(decimal.scale);
        let signed = |digits: &[u8]| {
            let value = digits.iter().fold(0, |n, d| n * 10 + i128::from(*d));
            if decimal.negative { -value } else { value }
        };
        let whole = decimal.digits.len().saturating_sub(decimal.scale);
        for (i, digits) in decimal.digits[..whole].rchunks(PLACE).enumerate() {
            add(&mut self.whole, i, signed(digits));
        }
        if decimal.scale == 0 {
            return;
        }
        let zeros = decimal.scale.saturating_sub(decimal.digits.len());
        let mut fraction = vec![0; zeros % PLACE];
        fraction.extend_from_slice(&decimal.digits[whole..]);
        for (i, digits) in fraction.chunks(PLACE).enumerate() {
            let value = signed(digits) * 10i128.pow((PLACE - digits.len()) as u32);
            add(&mut self.fraction, i + zeros / PLACE, value);
        }
    }

    pub fn total(mut self) -> Decimal {
        let negative = self.carry() < 0;
        if negative {
            let places = self.whole.iter_mut().chain(&mut self.fraction);
            places.for_each(|place| *place = -*place);
            self.carry();
        }
        let mut digits = Vec::new();
        let places = self.whole.iter().rev().chain(&self.fraction);
        places.for_each(|place| digits.extend(format!("{place:018}").bytes().map(|b| b - b'0')));
        let has = self.fraction.len() * PLACE;
        digits.resize(digits.len() + self.scale.saturating_sub(has), 0);
        digits.truncate(digits.len() - has.saturating_sub(self.scale));
        Decimal::new(negative, digits, self.scale)
    }

    /// Leaves each place between 0 and its unit, but for the highest, whose sign is the whole's.
    fn carry(&mut self) -> i128 {
        self.whole.extend([0, 0]);
        let mut carried = 0;
        let last = self.whole.len() - 1;
        let fraction = self.fraction.iter_mut().rev();
        for place in fraction.chain(&mut self.whole[..last]) {
            *place += carried;
            carried = place.div_euclid(UNIT);
            *place = place.rem_euclid(UNIT);
        }
        self.whole[last] += carried;
        self.whole[last]
    }
}

fn add(places: &mut Vec<i128>, place: usize, value: i128) {
    if places.len() <= place {
        places.resize(place + 1, 0);
    }
    places[place] += value;
}

/// A sum divided by a number of values, as the nearest float.
pub fn quotient(sum: &Decimal, count: u64) -> Option<f64> {
    const DIGITS: usize = 40;
    let mut text = String::with_capacity(DIGITS + 8);
    if sum.negative {
        text.push('-');
    }
    let (mut rest, count) = (0u128, u128::from(count));
    let mut found = 0;
    let mut power = sum.digits.len() as i64 - sum.scale as i64;
    let mut digits = sum.digits.iter();
    text.push('.');
    while found < DIGITS {
        let digit = match digits.next() {
            Some(digit) => u128::from(*digit),
            None if rest == 0 => break,
            None => 0,
        };
        rest = rest * 10 + digit;
        let digit = rest.checked_div(count)?;
        rest %= count;
        match (found, digit) {
            // Before its first digit that is not zero.
            (0, 0) => power -= 1,
            _ => {
                found += 1;
                text.push(char::from(b'0' + digit as u8));
            }
        }
    }
    if rest != 0 || digits.any(|d| *d != 0) {
        // It lies beyond what was written, and not between two floats.
        text.push('1');
    }
    if found == 0 {
        return Some(0.0);
    }
    format!("{text}e{power}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Decimal {
        Decimal::of_text(text.as_bytes()).unwrap_or_else(|| panic!("{text} is none"))
    }

    fn total<'t>(all: impl IntoIterator<Item = &'t str>) -> String {
        let mut sum = Sum::default();
        all.into_iter().for_each(|text| sum.add(&of(text)));
        sum.total().text(None)
    }

    #[test]
    fn texts_are_shown_plainly() {
        for (text, scale, shown) in [
            ("12.50", None, "12.50"),
            ("-0.00", None, "0.00"),
            ("+.5", Some(2), "0.50"),
            ("1e3", None, "1000"),
            ("1.5E-3", None, "0.0015"),
            ("1.5", Some(2), "1.50"),
            ("1.500", Some(2), "1.50"),
            ("1.505", Some(2), "1.505"),
            ("007", Some(0), "7"),
            ("0e9", None, "0"),
        ] {
            assert_eq!(of(text).text(scale), shown, "{text}");
            assert!(!is_shown(text.as_bytes(), scale) || text == shown, "{text}");
            assert!(is_shown(shown.as_bytes(), None), "{text}");
        }
        for text in ["", ".", "-", "1e", "e5", "1.2.3", "NaN", "1e999999999"] {
            assert_eq!(Decimal::of_text(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn floats_are_the_decimals_that_were_written() {
        let shown = |float, scale| Decimal::of_float(float, scale).expect("finite").text(scale);
        assert_eq!(shown(0.1 + 0.2, Some(2)), "0.30");
        assert_eq!(shown(0.1 + 0.2, None), "0.30000000000000004");
        assert_eq!(shown(0.125, Some(2)), "0.125");
        assert_eq!(shown(99_999_999_999_999.98, Some(2)), "99999999999999.98");
        assert_eq!(shown(3.0, Some(2)), "3.00");
    }

    #[test]
    fn sums_are_exact() {
        assert_eq!(total(["0.1", "0.2"]), "0.3");
        assert_eq!(total(["-0.05", "0.01"]), "-0.04");
        let long = "0.1234567890123456789012345678901234567891";
        assert_eq!(
            total([long, long]),
            "0.2469135780246913578024691357802469135782"
        );
        let nines = "99999999999999999999999999999999999999999999.9";
        assert_eq!(total([nines, "0.1"]), format!("1{}.0", "0".repeat(44)));
        assert_eq!(
            total([nines, "-99999999999999999999999999999999999999999999.9"]),
            "0.0"
        );
        let mut sum = Sum::default();
        (0..4).for_each(|_| sum.add_integer(i64::MIN));
        assert_eq!(sum.total().text(None), "-36893488147419103232");
    }

    #[test]
    fn quotients_are_the_nearest_floats() {
        assert_eq!(quotient(&of("1"), 3), Some(1.0 / 3.0));
        assert_eq!(quotient(&of("0.3"), 3), Some(0.1));
        assert_eq!(quotient(&of("-10"), 4), Some(-2.5));
        assert_eq!(quotient(&of("0.00"), 4), Some(0.0));
        assert_eq!(quotient(&of("1e-30"), 7), Some(1e-30 / 7.0));
        // The sum as a float is 9007199254740992.
        assert_eq!(
            quotient(&of("9007199254740993"), 9_007_199_254_740_993),
            Some(1.0)
        );
        assert_eq!(quotient(&of("1"), 0), None);
    }

    fn texts() -> impl Strategy<Value = String> {
        "-?[0-9]{1,25}(\\.[0-9]{1,25})?"
    }

    proptest! {
        #[test]
        fn keys_sort_as_decimals_do(a in texts(), b in texts(), shift in 0..4usize) {
            let (a, b) = (of(&a), of(&format!("{b}{}", &"0000"[..shift])));
            let mut difference = Sum::default();
            difference.add(&a);
            let mut minus = b.clone();
            minus.negative = !b.negative && !b.digits.is_empty();
            difference.add(&minus);
            let difference = difference.total();
            let wanted = match (difference.digits.is_empty(), difference.negative) {
                (true, _) => std::cmp::Ordering::Equal,
                (_, true) => std::cmp::Ordering::Less,
                (_, false) => std::cmp::Ordering::Greater,
            };
            prop_assert_eq!(a.clone().key().cmp(&b.clone().key()), wanted);
            prop_assert_eq!(Decimal::of_key(&a.clone().key()), Some(a.trimmed(0)));
        }

        #[test]
        fn a_float_is_the_number_of_its_decimal(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
            let number = Decimal::of_float(float, None).and_then(|d| d.number());
            match number {
                Some(Number::Float(found)) => prop_assert_eq!(found, float),
                Some(Number::Integer(found)) => prop_assert_eq!(found as f64, float),
                None => prop_assert!(false, "{} has none", float),
            }
        }

        #[test]
        fn quotients_of_whole_numbers_are_those_of_floats(sum in -(1i64 << 53)..(1i64 << 53), count in 1u64..(1 << 30)) {
            prop_assert_eq!(quotient(&Decimal::of_integer(sum), count), Some(sum as f64 / count as f64));
        }
    }
}
