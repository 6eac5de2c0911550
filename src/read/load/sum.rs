//! Exact sums on SQLite, whose own end at 64 bits and take decimals for floats.

use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::ValueRef;

/// `backref_sum(value, scale)`: the sum of numbers with so many digits after the point, as text; null of none.
/// Without a scale whole numbers are added exactly, and others as floats.
pub(super) struct ExactSum;

/// The sum so far, in units of the last digit where there is a scale.
#[derive(Default)]
pub(super) struct Sum {
    any: bool,
    units: i128,
    floats: f64,
    scale: Option<u32>,
}

impl Aggregate<Sum, Option<String>> for ExactSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sum> {
        Ok(Sum::default())
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Sum) -> rusqlite::Result<()> {
        sum.scale = context.get(1)?;
        let value = match context.get_raw(0) {
            ValueRef::Integer(i) => {
                let unit = 10i128.saturating_pow(sum.scale.unwrap_or(0));
                sum.units = sum.units.saturating_add(i128::from(i).saturating_mul(unit));
                sum.any = true;
                return Ok(());
            }
            ValueRef::Real(f) => f,
            ValueRef::Text(text) => {
                let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
                number.unwrap_or_default()
            }
            ValueRef::Null | ValueRef::Blob(_) => return Ok(()),
        };
        sum.any = true;
        match sum.scale {
            // The scale brings back the digits that binary lost.
            Some(scale) => {
                let units = (value * 10f64.powi(scale as i32)).round() as i128;
                sum.units = sum.units.saturating_add(units);
            }
            None => sum.floats += value,
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Sum>) -> rusqlite::Result<Option<String>> {
        let sum = sum.filter(|s| s.any);
        Ok(sum.map(|s| match s.scale {
            Some(scale) => decimal(s.units, scale),
            None if s.floats == 0.0 => s.units.to_string(),
            None => (s.units as f64 + s.floats).to_string(),
        }))
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
