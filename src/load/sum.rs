//! Exact sums on SQLite, whose own end at 64 bits and take decimals for floats.

use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::ValueRef;

/// `backref_sum(value, scale)`: the sum of numbers with so many digits after the point, as text; null of none.
pub(super) struct ExactSum;

/// The sum so far in units of the last digit; `None` where no value was.
#[derive(Default)]
pub(super) struct Sum {
    units: Option<i128>,
    scale: u32,
}

impl Aggregate<Sum, Option<String>> for ExactSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sum> {
        Ok(Sum::default())
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Sum) -> rusqlite::Result<()> {
        sum.scale = context.get(1)?;
        let unit = 10i128.saturating_pow(sum.scale);
        let units = match context.get_raw(0) {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(i) => i128::from(i).saturating_mul(unit),
            // The scale brings back the digits that binary lost.
            ValueRef::Real(f) => (f * unit as f64).round() as i128,
            ValueRef::Text(text) => {
                let number = std::str::from_utf8(text)
                    .ok()
                    .and_then(|t| t.parse::<f64>().ok());
                (number.unwrap_or_default() * unit as f64).round() as i128
            }
            ValueRef::Blob(_) => return Ok(()),
        };
        sum.units = Some(sum.units.unwrap_or_default().saturating_add(units));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Sum>) -> rusqlite::Result<Option<String>> {
        Ok(sum.and_then(|s| Some(decimal(s.units?, s.scale))))
    }
}

/// `-5, 2` → `-0.05`
fn decimal(units: i128, scale: u32) -> String {
    if scale == 0 {
        return units.to_string();
    }
    let sign = if units < 0 { "-" } else { "" };
    let width = scale as usize + 1;
    let mut digits = format!("{:0width$}", units.unsigned_abs());
    digits.insert(digits.len() - scale as usize, '.');
    format!("{sign}{digits}")
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn units_become_decimals() {
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(1250, 2), "12.50");
        assert_eq!(decimal(0, 3), "0.000");
        assert_eq!(decimal(i128::from(i64::MAX) * 2, 0), "18446744073709551614");
    }
}
