//! Values between the databases and their statements: casts of what is read, types of what is bound.

use super::{KeySql, quoted};
use crate::graph::Kind;

/// The cast that makes PostgreSQL send a value in a form `load` reads.
pub(super) fn read_cast(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Decimal { .. } => Some("numeric::text"),
        // An enum's own type would cost each connection a query of the catalog to learn it.
        Kind::Other | Kind::Enum(_) => Some("text"),
        _ => None,
    }
}

/// The bind of the `i`th key column's array on PostgreSQL.
pub(super) fn array_bind(i: usize, kind: &Kind) -> String {
    if kind.is_integer() {
        format!("${}::bigint[]", i + 1)
    } else {
        format!("${}::text[]::{}[]", i + 1, key_type(kind))
    }
}

/// PostgreSQL's name of a key column's type, to which its text is cast.
pub(super) fn key_type(kind: &Kind) -> String {
    match kind {
        Kind::Int | Kind::BigInt => "bigint".to_owned(),
        Kind::Float => "double precision".to_owned(),
        Kind::Decimal { .. } => "numeric".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Enum(of) => quoted(&of.name),
        Kind::DateTime { zoned: true } => "timestamptz".to_owned(),
        Kind::DateTime { zoned: false } => "timestamp".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Json => "jsonb".to_owned(),
        Kind::Uuid => "uuid".to_owned(),
        Kind::Bytes => "bytea".to_owned(),
        Kind::Text | Kind::Other => "text".to_owned(),
    }
}

/// The `i`th column of a key among many in SQLite's JSON: an array of keys, or of arrays.
pub(super) fn json_key(i: usize, of: usize, kind: &Kind, value: &str) -> KeySql {
    blob(
        kind,
        if of > 1 {
            format!("{value} ->> {i}")
        } else {
            value.to_owned()
        },
    )
}

/// JSON has no bytes, so they travel as hexadecimal digits, PostgreSQL's way: after `\x`.
pub(super) fn blob(kind: &Kind, value: String) -> KeySql {
    match kind {
        Kind::Uuid => format!("unhex({value}, '-')"),
        Kind::Bytes => format!("unhex({value}, '\\x')"),
        _ => value,
    }
}
