//! Rows of statements that are not ours, read by the types that PostgreSQL says they have.

use std::fmt::Write as _;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::RowStream;
use tokio_postgres::types::{Kind as TypeKind, Type};

use super::values::Wire;
use crate::graph::Kind;
use crate::graph::keys::KeyValue;
use crate::read::encode::wire;
use crate::read::load::DatabaseError;
use crate::read::load::change::{self, ForeignRows};

pub async fn rows(found: RowStream) -> Result<ForeignRows, DatabaseError> {
    let mut found = pin!(found);
    let mut all = ForeignRows::default();
    while let Some(row) = found.try_next().await? {
        if all.columns.is_empty() {
            let columns = row.columns().iter();
            let columns =
                columns.map(|c| Ok((c.name().to_owned(), Some(kind(c.name(), c.type_())?))));
            all.columns = columns.collect::<Result<_, DatabaseError>>()?;
        }
        let value = |i: usize, kind: &Kind| {
            let Wire(value) = row.try_get(i)?;
            match (value, kind) {
                (None, _) => Ok(None),
                (Some(bytes), Kind::Decimal { .. }) => Ok(numeric(bytes).map(KeyValue::Text)),
                (Some(bytes), kind) => change::given(kind, &wire::raw(kind, bytes)),
            }
        };
        let kinds = all.columns.iter().enumerate();
        let values = kinds.map(|(i, (_, kind))| value(i, kind.as_ref().unwrap_or(&Kind::Text)));
        all.rows.push(values.collect::<Result<_, DatabaseError>>()?);
    }
    all.changed = found.rows_affected().unwrap_or_default();
    Ok(all)
}

fn kind(column: &str, of: &Type) -> Result<Kind, DatabaseError> {
    Ok(match *of {
        Type::BOOL => Kind::Boolean,
        Type::INT2 | Type::INT4 => Kind::Int,
        Type::INT8 => Kind::BigInt,
        Type::FLOAT4 => Kind::Float { single: true },
        Type::FLOAT8 => Kind::Float { single: false },
        Type::NUMERIC => Kind::Decimal {
            scale: None,
            money: false,
        },
        Type::UUID => Kind::Uuid,
        Type::BYTEA => Kind::Bytes,
        Type::DATE => Kind::Date,
        Type::TIME => Kind::Time,
        Type::TIMESTAMP => Kind::DateTime { zoned: false },
        Type::TIMESTAMPTZ => Kind::DateTime { zoned: true },
        Type::JSON | Type::JSONB => Kind::Json,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Kind::Text,
        _ if matches!(of.kind(), TypeKind::Enum(_)) => Kind::Text,
        _ => {
            let cause = format!("a hook reads column `{column}`, which is `{of}`; cast it to text");
            return Err(DatabaseError::Shape(cause));
        }
    })
}

/// A `numeric`: digits to the base of 10,000, and how many of its decimals are shown.
///
/// <https://doxygen.postgresql.org/backend_2utils_2adt_2numeric_8c.html>, `numeric_send`
fn numeric(bytes: &[u8]) -> Option<Box<str>> {
    let mut words = bytes
        .chunks_exact(2)
        .map(|word| i16::from_be_bytes([word[0], word[1]]));
    let (_, weight) = (words.next()?, i32::from(words.next()?));
    let (sign, scale) = (words.next()? as u16, words.next()?.max(0) as usize);
    let mut text = match sign {
        0 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Some("NaN".into()),
        0xD000 => return Some("Infinity".into()),
        _ => return Some("-Infinity".into()),
    };
    let digits: Vec<i16> = words.collect();
    let digit = |place: i32| {
        let at = usize::try_from(weight - place).ok();
        at.and_then(|at| digits.get(at))
            .copied()
            .unwrap_or_default()
    };
    let first = weight.max(0);
    let _ = write!(text, "{}", digit(first));
    for place in (0..first).rev() {
        let _ = write!(text, "{:04}", digit(place));
    }
    if scale > 0 {
        let mut decimals = String::new();
        let mut place = -1;
        while decimals.len() < scale {
            let _ = write!(decimals, "{:04}", digit(place));
            place -= 1;
        }
        decimals.truncate(scale);
        let _ = write!(text, ".{decimals}");
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::numeric;

    fn sent(words: &[i32]) -> String {
        let bytes: Vec<u8> = words
            .iter()
            .flat_map(|word| (*word as u16).to_be_bytes())
            .collect();
        numeric(&bytes).expect("a number").into()
    }

    #[test]
    fn numerics_are_read() {
        assert_eq!(sent(&[1, 0, 0, 0, 5]), "5");
        assert_eq!(sent(&[0, 0, 0, 0]), "0");
        assert_eq!(sent(&[0, 0, 0, 2]), "0.00");
        assert_eq!(sent(&[2, 1, 0, 0, 1, 2345]), "12345");
        assert_eq!(sent(&[1, 1, 0, 0, 2]), "20000");
        assert_eq!(sent(&[2, 0, 0x4000, 2, 12, 3400]), "-12.34");
        assert_eq!(sent(&[1, -1, 0, 3, 50]), "0.005");
        assert_eq!(sent(&[1, -2, 0, 6, 100]), "0.000001");
    }
}
