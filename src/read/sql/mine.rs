//! What whoever asks brings along, in SQL: binds that a request fills in, so that everybody shares the statement.

use std::borrow::Cow;

use super::value::{postgres_value, postgres_values, sqlite_text, sqlite_value};
use super::{BindValue, Dialect, PreparedSql, Table, Writer};
use crate::graph::condition::Mine;
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, Kind, Principal};

/// A bind that a request fills in.
#[derive(Debug, Clone)]
pub struct Brought {
    value: Mine,
    /// What it is compared with.
    kind: Kind,
    /// Whether all values of a list are meant.
    list: bool,
}

impl PreparedSql {
    /// The values to bind on behalf of a principal.
    pub fn values_for(&self, dialect: Dialect, principal: &Principal) -> Cow<'_, [BindValue]> {
        values_for(&self.values, dialect, principal)
    }
}

/// Values with those filled in that a principal brings along.
pub(super) fn values_for<'v>(
    values: &'v [BindValue],
    dialect: Dialect,
    principal: &Principal,
) -> Cow<'v, [BindValue]> {
    let brings = |value: &BindValue| matches!(value, BindValue::Brought(_));
    if !values.iter().any(brings) {
        return Cow::Borrowed(values);
    }
    let values = values.iter().map(|value| match value {
        BindValue::Brought(brought) => brought.by(dialect, principal),
        value => value.clone(),
    });
    Cow::Owned(values.collect())
}

impl Brought {
    fn by(&self, dialect: Dialect, principal: &Principal) -> BindValue {
        let kind = &self.kind;
        let bound = |text: &str| match dialect {
            Dialect::Postgres => text.into(),
            Dialect::Sqlite => sqlite_text(kind, text).into(),
        };
        if self.list {
            let values = self.value.values(kind, principal);
            return BindValue::list(kind.is_integer(), &values, |text| Some(bound(text)));
        }
        match self.value.value(kind, principal) {
            Some(KeyValue::Int(number)) => BindValue::Int(number),
            Some(KeyValue::Text(text)) => BindValue::Text(bound(&text)),
            None => BindValue::Null {
                integer: kind.is_integer(),
            },
        }
    }
}

impl Writer<'_> {
    /// The bind of a value that a column is compared with.
    pub(super) fn brought(&self, kind: &Kind, value: &Mine) -> String {
        let n = self.bring(kind, value, false);
        match self.dialect {
            Dialect::Postgres if kind.is_integer() => format!("${n}"),
            Dialect::Postgres => postgres_value(kind, "", format!("${n}")),
            Dialect::Sqlite => sqlite_value(kind, format!("?{n}")),
        }
    }

    /// A column's being one of the values of a list.
    pub(super) fn among_brought(&self, t: Table, ix: ColumnIx, value: &Mine) -> String {
        let kind = &self.entity(t).columns[ix].kind;
        let n = self.bring(kind, value, true);
        let column = self.comparable(t, ix);
        match self.dialect {
            Dialect::Postgres if kind.is_integer() => format!("{column} = ANY(${n}::bigint[])"),
            Dialect::Postgres => {
                let values = postgres_values(kind, &[], format!("${n}"));
                format!("{column} = ANY({values})")
            }
            Dialect::Sqlite => {
                let form = self.other_form(t.entity, ix);
                let column = form.map_or(column.clone(), |form| form.comparable(&column));
                let item = match form {
                    Some(form) => form.bound("value"),
                    None => sqlite_value(kind, "value".to_owned()),
                };
                format!("{column} IN (SELECT {item} FROM json_each(?{n}))")
            }
        }
    }

    fn bring(&self, kind: &Kind, value: &Mine, list: bool) -> usize {
        self.bind(BindValue::Brought(Brought {
            value: value.clone(),
            kind: kind.clone(),
            list,
        }))
    }
}
