//! An account by its name, for whoever signs in: no rule is asked, and nothing of it is shown.

use std::borrow::Cow;

use crate::graph::keys::KeyValue;
use crate::graph::{Catalog, Principal};
use crate::read::explain::Writing;
use crate::read::load::change::{Change, Given};
use crate::read::sql::Dialect;
use crate::read::sql::change::{BoundRows, Changes, Find, Lock, Look, Task, Value};

/// The argument that names it.
pub(super) const USERNAME: &str = "username";

/// An account's key, its hash and its role, as texts.
pub type Account = (String, Option<String>, Option<String>);

/// A name as it was given, and as it would be of whoever signs up. It is the first that counts, where both are of accounts.
pub type Names = [String; 2];

/// What finds the account of a name, in a graph that has accounts.
pub(super) fn by_name(changes: &Changes<'_>, names: &Names) -> Option<(Task, BoundRows)> {
    let accounts = changes.catalog.accounts.as_ref()?;
    // PostgreSQL takes no text with a zero in it, so there is no such account.
    let names = names.each_ref().map(|name| name.replace('\0', "\u{FFFD}"));
    let names = names.map(|name| Value::Is(KeyValue::Text(name.into())));
    let by = [accounts.username];
    let rows = changes.rows(accounts.entity, &by, names.len(), |row, _| {
        Cow::Borrowed(&names[row])
    });
    let find = Task::Find(Find {
        entity: accounts.entity,
        by: by.to_vec(),
        look: Look {
            reads: vec![accounts.key, accounts.password_hash, accounts.role],
            asks: Vec::new(),
            seen: false,
            lock: Lock::None,
        },
    });
    Some((find, rows))
}

/// The statement that finds it.
pub fn statement(catalog: &Catalog, dialect: Dialect, names: &Names) -> Option<Change> {
    let nobody = Principal::Anonymous;
    let changes = Changes {
        catalog,
        dialect,
        rules: catalog.rules(catalog.shape(&nobody)),
    };
    let (find, rows) = by_name(&changes, names)?;
    let sql = changes.write(&find, rows.packing, &[]);
    Some(Change {
        values: sql.bound(dialect, rows.binds, &nobody),
        rows: rows.count,
        sql: sql.text,
        gives: sql.gives,
    })
}

/// The same as it is explained.
pub fn explained(catalog: &Catalog, dialect: Dialect) -> Option<Writing> {
    let find = statement(catalog, dialect, &Names::default())?;
    Some(Writing {
        path: USERNAME.to_owned(),
        entity: catalog.accounts.as_ref()?.entity,
        rows: Some(find.rows),
        matching: false,
        perhaps: false,
        times: 1,
        sql: find.sql.to_string(),
    })
}

/// What it has found.
pub fn found(rows: &[Given]) -> Option<Account> {
    let text = |value: &Option<KeyValue>| match value {
        Some(KeyValue::Int(number)) => Some(number.to_string()),
        Some(KeyValue::Text(text)) => Some(text.to_string()),
        None => None,
    };
    let row = rows.iter().min_by_key(|row| match row.first() {
        Some(Some(KeyValue::Int(place))) => *place,
        _ => i64::MAX,
    })?;
    Some((text(row.get(1)?)?, text(row.get(2)?), text(row.get(3)?)))
}
