//! Which of the databases' types can be read as which kinds.

use super::structure::Column as Found;
use crate::graph::Kind;
use crate::read::sql::Dialect;
use crate::schema::type_name;

/// Whether values of a column can be what `load` reads for this kind. Only types that plainly cannot be are
/// held against it.
pub fn readable(kind: &Kind, found: &Found, dialect: Dialect) -> bool {
    let base = found.base.as_str();
    if dialect == Dialect::Sqlite {
        let number = matches!(
            kind,
            Kind::Int | Kind::BigInt | Kind::Float { .. } | Kind::Boolean
        );
        return !(number && base == "text");
    }
    let known = KNOWN.iter().find(|(_, types)| types.contains(&base));
    let Some((family, _)) = known else {
        return true;
    };
    let families: &[&str] = match kind {
        Kind::Int | Kind::BigInt => &["integer"],
        Kind::Float { .. } => &["float"],
        Kind::Boolean => &["boolean"],
        Kind::Text => &["text", "enum", "json"],
        Kind::DateTime { .. } => &["timestamp", "date"],
        Kind::Date => &["date"],
        Kind::Time => &["time"],
        Kind::Json => &["json", "text"],
        Kind::Uuid => &["uuid", "bytes"],
        Kind::Bytes => &["bytes", "text", "json", "uuid", "enum"],
        Kind::Decimal { .. } => &["integer", "float", "numeric", "text", "json"],
        Kind::Array(_) => &["array"],
        // Read as the text that any type has.
        Kind::Enum(_) | Kind::Other => return true,
    };
    families.contains(family)
}

/// PostgreSQL's types by how their values are sent.
const KNOWN: [(&str, &[&str]); 13] = [
    ("integer", &["int2", "int4", "int8"]),
    ("float", &["float4", "float8"]),
    ("numeric", &["numeric", "money"]),
    ("boolean", &["bool"]),
    ("text", &["text", "varchar", "bpchar", "name"]),
    ("enum", &["enum"]),
    ("json", &["json", "jsonb"]),
    ("timestamp", &["timestamp", "timestamptz"]),
    ("date", &["date"]),
    ("time", &["time", "timetz"]),
    ("uuid", &["uuid"]),
    ("bytes", &["bytea"]),
    ("array", &["array"]),
];

/// A kind by its scalar's name, where it has one of its own.
pub fn called(kind: &Kind) -> &str {
    match kind {
        Kind::Enum(_) => "enum",
        Kind::Other => "text",
        Kind::Array(_) => "list",
        kind => type_name(kind),
    }
}
