//! Values between the databases and their statements: casts of what is read, types of what is bound.

use std::borrow::Cow;

use super::{Dialect, KeySql, Writer};
use crate::graph::keys::KeyColumn;
use crate::graph::{Catalog, ColumnIx, EntityId, Kind, moment};
use crate::read::plan::{Level, Source};

/// A column of a key, where its values come from: the row above, or the column that is searched itself.
#[derive(Clone, Copy)]
pub(super) struct KeyPart<'c> {
    pub entity: EntityId,
    pub column: ColumnIx,
    pub kind: &'c Kind,
}

impl KeyPart<'_> {
    /// Whether it is equal to a value of the other's kind where their bytes are, so that rows can be told apart
    /// by the key that they hold. Otherwise only the database knows: texts are equal by their column's collation
    /// (`NOCASE`, an ICU one, `citext`, `char(n)`), numbers whatever their digits.
    pub(super) fn by_value(self, dialect: Dialect, other: &Kind) -> bool {
        match (self.kind, other) {
            (Kind::Int | Kind::BigInt, Kind::Int | Kind::BigInt) => true,
            (Kind::Uuid, Kind::Uuid) => dialect == Dialect::Postgres,
            _ => false,
        }
    }
}

/// Whether PostgreSQL is left to find out the type of what is bound, from the column that it is compared with. The
/// declared type does not say: a `String` may be `char(3)` or `citext`, a float `real`, and an enum of any schema.
pub(super) fn is_inferred(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Text | Kind::Enum(_) | Kind::Float { .. } | Kind::Time | Kind::Other
    )
}

/// The type that PostgreSQL compares a cursor's value as; `None` where it finds it out, since the declared one does not
/// say: a `Time` may be `time with time zone`, an enum of any schema.
pub(super) fn cursor_type(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Text | Kind::Enum(_) | Kind::Time | Kind::Other => None,
        kind => Some(key_type(kind)),
    }
}

/// A value that is compared on PostgreSQL, and whether as one of another type than the column's.
pub(super) fn postgres_value(kind: &Kind, text: &str, bind: String) -> KeySql {
    match kind {
        Kind::Time if has_zone(text) => format!("{bind}::text::timetz"),
        Kind::Time => format!("{bind}::text::time"),
        // What a `real` cannot be is more or less than every one of them.
        Kind::Float { single: true } if !fits_single(text) => {
            format!("{bind}::text::double precision")
        }
        kind if is_inferred(kind) => bind,
        kind => format!("{bind}::text::{}", key_type(kind)),
    }
}

/// The type of an array of values on PostgreSQL.
pub(super) fn postgres_values(kind: &Kind, texts: &[Box<str>], bind: String) -> KeySql {
    match kind {
        Kind::Time if texts.iter().any(|text| has_zone(text)) => {
            format!("{bind}::text[]::timetz[]")
        }
        Kind::Time => format!("{bind}::text[]::time[]"),
        kind if is_inferred(kind) => bind,
        kind => format!("{bind}::text[]::{}[]", key_type(kind)),
    }
}

fn has_zone(time: &str) -> bool {
    time.contains(['+', '-'])
}

/// Whether a column of PostgreSQL can be equal to a value.
pub(super) fn can_be(kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::Float { single: true } => fits_single(text),
        Kind::DateTime { .. } | Kind::Time => !moment::is_finer_than_microseconds(text),
        _ => true,
    }
}

fn fits_single(text: &str) -> bool {
    let double: f64 = text.parse().unwrap_or_default();
    let single = double as f32;
    single.is_finite() && (single != 0.0 || double == 0.0)
}

/// The keys that a request names as they are bound: on SQLite by the texts that values are compared as.
pub fn asked_keys<'k>(
    catalog: &Catalog,
    dialect: Dialect,
    level: &Level,
    keys: &'k [KeyColumn],
) -> Cow<'k, [KeyColumn]> {
    let (Source::Keys { columns }, Dialect::Sqlite) = (&level.source, dialect) else {
        return Cow::Borrowed(keys);
    };
    let kinds = columns.iter();
    let kinds = kinds.map(|&c| &catalog.entities[level.entity].columns[c].kind);
    let bound = kinds.zip(keys).map(|(kind, keys)| match keys {
        KeyColumn::Int(keys) => KeyColumn::Int(keys.clone()),
        KeyColumn::Text(keys) => {
            let texts = keys.iter().map(|key| sqlite_text(kind, key).into());
            KeyColumn::Text(texts.collect())
        }
    });
    Cow::Owned(bound.collect())
}

/// The text that is bound of a value on SQLite, which compares texts where PostgreSQL has types.
pub(super) fn sqlite_text<'t>(kind: &Kind, text: &'t str) -> Cow<'t, str> {
    match kind {
        Kind::Date | Kind::DateTime { .. } => moment::among_texts(text).into(),
        Kind::Time => moment::among_times(text).into(),
        Kind::Decimal { .. } => match text {
            "-Infinity" => "-9e999".into(),
            "Infinity" | "NaN" => "9e999".into(),
            number => number.into(),
        },
        _ => text.into(),
    }
}

impl Writer<'_> {
    /// The bind of the array of a key's `i`th column on PostgreSQL.
    pub(super) fn array_bind(&self, i: usize, part: KeyPart<'_>) -> String {
        match part.kind {
            kind if kind.is_integer() => format!("${}::bigint[]", i + 1),
            kind if is_inferred(kind) => self.typed_as(
                (part.entity, part.column),
                "array_agg(s.{})",
                &format!("${}", i + 1),
            ),
            kind => format!("${}::text[]::{}[]", i + 1, key_type(kind)),
        }
    }

    /// The bind of one key's `i`th column. SQLite gets a key of several columns as one JSON array, as it
    /// gets many keys.
    pub(super) fn one_key(&self, i: usize, of: usize, part: KeyPart<'_>) -> KeySql {
        match (self.dialect, part.kind) {
            (Dialect::Postgres, kind) if kind.is_integer() => format!("${}", i + 1),
            (Dialect::Postgres, kind) if is_inferred(kind) => {
                self.typed_as((part.entity, part.column), "s.{}", &format!("${}", i + 1))
            }
            (Dialect::Postgres, kind) => format!("${}::text::{}", i + 1, key_type(kind)),
            (Dialect::Sqlite, kind) if of > 1 => sqlite_value(kind, format!("?1 ->> {i}")),
            (Dialect::Sqlite, kind) => sqlite_value(kind, "?1".to_owned()),
        }
    }
}

/// The cast that makes PostgreSQL send a value in a form `load` reads.
pub(super) fn read_cast(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Decimal { .. } => Some("numeric::text"),
        // An enum's own type would cost each connection a query of the catalog to learn it.
        Kind::Other | Kind::Enum(_) => Some("text"),
        Kind::Array(of) => match **of {
            Kind::Decimal { .. } => Some("numeric[]::text[]"),
            Kind::Other | Kind::Enum(_) => Some("text[]"),
            _ => None,
        },
        _ => None,
    }
}

/// PostgreSQL's name of a key column's type, to which its text is cast.
pub(super) fn key_type(kind: &Kind) -> String {
    match kind {
        Kind::Int | Kind::BigInt => "bigint".to_owned(),
        Kind::Float { .. } => "double precision".to_owned(),
        Kind::Decimal { .. } => "numeric".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::DateTime { zoned: true } => "timestamptz".to_owned(),
        Kind::DateTime { zoned: false } => "timestamp".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Json => "jsonb".to_owned(),
        Kind::Uuid => "uuid".to_owned(),
        Kind::Bytes => "bytea".to_owned(),
        Kind::Text | Kind::Enum(_) | Kind::Other => "text".to_owned(),
        Kind::Array(of) => format!("{}[]", key_type(of)),
    }
}

/// PostgreSQL's name of the type of what is written in a column's place.
pub(super) fn expression_type(kind: &Kind) -> String {
    match kind {
        Kind::Int => "integer".to_owned(),
        kind => key_type(kind),
    }
}

/// The `i`th column of a key among many in SQLite's JSON: an array of keys, or of arrays.
pub(super) fn json_key(i: usize, of: usize, kind: &Kind, value: &str) -> KeySql {
    sqlite_value(
        kind,
        if of > 1 {
            format!("{value} ->> {i}")
        } else {
            value.to_owned()
        },
    )
}

/// SQLite has no type for these: a value bound as text becomes what the column holds. JSON has no bytes, so they
/// travel as hexadecimal digits, PostgreSQL's way: after `\x`.
pub(super) fn sqlite_value(kind: &Kind, value: String) -> KeySql {
    match kind {
        Kind::Float { .. } => format!("backref_real({value})"),
        Kind::Decimal { .. } => format!("backref_number({value})"),
        Kind::Boolean => format!("({value} = 'true')"),
        Kind::Uuid => format!("unhex({value}, '-')"),
        Kind::Bytes => format!("unhex({value}, '\\x')"),
        _ => value,
    }
}
