//! SQL of writers: rows that are to be changed, and the statements that change them.
//!
//! Rows of any number are one bind, JSON: so a statement's text does not depend on how many there are. PostgreSQL makes
//! rows of the table's own type of it (`json_populate_record`), so no type is named; SQLite gets lists.
//!
//! | | PostgreSQL | SQLite |
//! |---|---|---|
//! | rows to be changed, by one integer | `unnest($1) WITH ORDINALITY e(k, ord) JOIN t ON t.key = e.k … FOR UPDATE` | `json_each(?1) k CROSS JOIN t ON t.key = k.value ->> 0` |
//! | by any other key | `json_array_elements($1) … json_populate_record(NULL::t, v) r JOIN t ON t.key = r.key … FOR UPDATE` | the same |
//! | insert | `INSERT INTO t (…) SELECT r.… … ORDER BY ord RETURNING …` | the same |
//! | update | `UPDATE t SET … FROM … WHERE t.key = r.key` | the same |
//! | delete | `DELETE FROM t USING … WHERE t.key = r.key` | `DELETE FROM t WHERE key IN (SELECT …)` |
//!
//! **Invariant:** what changes rows names them by their keys, which `find` has given out with what the rules say of each.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use super::forms::ColumnRef;
use super::list;
use super::value::{sqlite_text, sqlite_value};
use super::{BindValue, Dialect, Established, Table, Writer, quoted};
use crate::graph::condition::Filter;
use crate::graph::keys::KeyValue;
use crate::graph::rules::Rules;
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, Kind, Principal};

/// A value that is written into a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Is(KeyValue),
    List(Vec<Option<KeyValue>>),
}

/// A statement of a writer's.
#[derive(Debug, Clone)]
pub struct ChangeSql {
    pub text: Arc<str>,
    /// Bound behind the rows.
    pub values: Arc<[BindValue]>,
    /// What its rows give.
    pub gives: Arc<[Kind]>,
    /// The columns that are compared as they are written, where SQLite may hold other forms.
    pub compared: Arc<[ColumnRef]>,
}

impl ChangeSql {
    /// All that is bound, on behalf of a principal.
    pub fn bound(
        &self,
        dialect: Dialect,
        rows: Option<BindValue>,
        principal: &Principal,
    ) -> Vec<BindValue> {
        let values = super::mine::values_for(&self.values, dialect, principal);
        rows.into_iter().chain(values.into_owned()).collect()
    }
}

/// Rows that are looked at by a writer.
pub struct Find<'a> {
    pub entity: EntityId,
    pub by: By<'a>,
    /// The columns that are read, as they are.
    pub reads: &'a [ColumnIx],
    /// What is to be known of each row: 1 where it holds.
    pub asks: &'a [Ask<'a>],
    /// Only those that whoever asks sees.
    pub seen: bool,
    pub lock: Lock,
}

pub enum By<'a> {
    /// These columns are equal to those of a row that is bound; the first value of what is found is its place.
    Columns(&'a [ColumnIx]),
    /// A condition of the client's, for so many rows at most.
    Filter(&'a Filter, u64),
}

pub enum Ask<'a> {
    /// A rule for its row.
    Rule(&'a Filter),
    /// Rows refer to it by these columns, and to these of its own; whether whoever asks sees one, or there is one.
    Referred {
        from: EntityId,
        columns: &'a [ColumnIx],
        to_columns: &'a [ColumnIx],
        seen: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    None,
    /// Nobody changes it before this transaction ends.
    Share,
    /// It is to be changed.
    Update,
}

/// What becomes of a row to insert that there is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unless<'a> {
    /// It is an error.
    Never,
    /// It is left out, where these columns are those of another.
    Taken(&'a [ColumnIx]),
}

/// Writes changes of one catalog for one database.
#[derive(Clone, Copy)]
pub struct Changes<'a> {
    pub catalog: &'a Catalog,
    pub dialect: Dialect,
    pub rules: &'a Rules,
}

impl Changes<'_> {
    /// Finds rows, where these columns hold values in `others` than the written form.
    pub fn find(&self, find: &Find<'_>, others: &[ColumnRef]) -> ChangeSql {
        let bound = match find.by {
            By::Columns(_) => 1,
            By::Filter(..) => 0,
        };
        let writer = Writer::to_change(self, bound, others);
        let mut gives = Vec::new();
        let t = writer.table(find.entity);
        let of = writer.entity(t);
        let mut reads: Vec<String> = Vec::new();
        let established = match find.seen {
            true => Established::Nothing,
            false => Established::Row,
        };
        let mut rows = writer.rows_of(t, established);
        match find.by {
            By::Columns(columns) => {
                let place = match self.dialect {
                    Dialect::Postgres => "e.ord",
                    Dialect::Sqlite => "k.key",
                };
                reads.push(place.to_owned());
                gives.push(Kind::BigInt);
                let is_array = self.is_array(find.entity, columns);
                let equal = columns.iter().enumerate().map(|(i, &c)| {
                    let value = match is_array {
                        true => "e.k".to_owned(),
                        false => self.given(of, c, i),
                    };
                    writer.as_rule(|w| format!("{} = {value}", w.column(t, c)))
                });
                let equal: Vec<_> = equal.collect();
                rows = rows.between(
                    &self.source(find.entity, is_array),
                    &format!(" ON {}", equal.join(" AND ")),
                );
            }
            By::Filter(filter, _) => rows = rows.only(writer.condition(t, filter)),
        }
        for &c in find.reads {
            reads.push(writer.as_rule(|w| w.readable(t, c)));
            gives.push(of.columns[c].kind.clone());
        }
        for ask in find.asks {
            let holds = writer.asked_of(t, ask);
            reads.push(format!("CASE WHEN {holds} THEN 1 ELSE 0 END"));
            gives.push(Kind::Int);
        }
        if reads.is_empty() {
            reads.push("1".to_owned());
            gives.push(Kind::Int);
        }
        let mut text = format!("SELECT {}{}", reads.join(", "), rows.written());
        match (find.by_columns(), self.dialect) {
            // Locks are taken in the order of the rows.
            (true, Dialect::Postgres) => text.push_str(" ORDER BY e.ord"),
            (true, Dialect::Sqlite) => {}
            (false, _) => {
                let key: Vec<_> = of
                    .primary_key
                    .iter()
                    .map(|&c| writer.as_rule(|w| w.column(t, c)))
                    .collect();
                let _ = write!(text, " ORDER BY {}", key.join(", "));
            }
        }
        if let By::Filter(_, most) = find.by {
            let _ = write!(text, " LIMIT {most}");
        }
        if self.dialect == Dialect::Postgres {
            text.push_str(match find.lock {
                Lock::None => "",
                Lock::Share => " FOR SHARE OF t0",
                Lock::Update => " FOR UPDATE OF t0",
            });
        }
        writer.changed(text, gives)
    }

    /// Inserts rows of these columns, and gives `reads` of each that is new.
    pub fn insert(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        unless: Unless<'_>,
        reads: &[ColumnIx],
    ) -> ChangeSql {
        let writer = Writer::to_change(self, 1, &[]);
        let of = &self.catalog.entities[entity];
        let given = columns.iter().enumerate();
        let given: Vec<_> = given.map(|(i, &c)| self.given(of, c, i)).collect();
        let target = writer.qualified(entity);
        let into = match columns {
            [] => String::new(),
            columns => format!(" ({})", names(of, columns)),
        };
        let values = match (&given[..], self.dialect) {
            ([], _) => "DEFAULT VALUES".to_owned(),
            (given, Dialect::Postgres) => format!(
                "SELECT {} FROM json_array_elements($1::text::json) WITH ORDINALITY AS e(v, ord) CROSS JOIN LATERAL json_populate_record(NULL::{target}, e.v) AS r ORDER BY e.ord",
                given.join(", ")
            ),
            // A condition, so that SQLite does not take `ON CONFLICT` for that of a join.
            (given, Dialect::Sqlite) => format!(
                "SELECT {} FROM json_each(?1) k WHERE TRUE ORDER BY k.key",
                given.join(", ")
            ),
        };
        let conflict = match unless {
            Unless::Never => String::new(),
            Unless::Taken(columns) => {
                format!(" ON CONFLICT ({}) DO NOTHING", names(of, columns))
            }
        };
        let (returning, gives) = writer.returning(entity, reads);
        let text = format!("INSERT INTO {target}{into} {values}{conflict}{returning}");
        writer.changed(text, gives)
    }

    /// Updates rows by their keys, which are bound before `columns`; `grows` grows by one.
    pub fn update(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        grows: Option<ColumnIx>,
    ) -> ChangeSql {
        let writer = Writer::to_change(self, 1, &[]);
        let of = &self.catalog.entities[entity];
        let key = &of.primary_key;
        let target = writer.qualified(entity);
        let given = |i: usize, c: ColumnIx| match self.dialect {
            Dialect::Postgres => self.given(of, c, i),
            Dialect::Sqlite => format!("k.c{i}"),
        };
        let mut sets: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, &c)| {
                let column = quoted(&of.columns[c].name);
                format!("{column} = {}", given(key.len() + i, c))
            })
            .collect();
        if let Some(grows) = grows {
            let column = quoted(&of.columns[grows].name);
            sets.push(format!("{column} = t0.{column} + 1"));
        }
        let from = match self.dialect {
            Dialect::Postgres => format!(
                "json_array_elements($1::text::json) AS e(v) CROSS JOIN LATERAL json_populate_record(NULL::{target}, e.v) AS r"
            ),
            Dialect::Sqlite => {
                let all = key.iter().chain(columns).enumerate();
                let values = all.map(|(i, &c)| format!("{} AS c{i}", self.given(of, c, i)));
                let values: Vec<_> = values.collect();
                format!("(SELECT {} FROM json_each(?1) k) k", values.join(", "))
            }
        };
        let equal = key
            .iter()
            .enumerate()
            .map(|(i, &c)| format!("t0.{} = {}", quoted(&of.columns[c].name), given(i, c)));
        let equal: Vec<_> = equal.collect();
        let text = format!(
            "UPDATE {target} AS t0 SET {} FROM {from} WHERE {}",
            sets.join(", "),
            equal.join(" AND ")
        );
        writer.changed(text, Vec::new())
    }

    /// Deletes rows by their keys.
    pub fn delete(&self, entity: EntityId) -> ChangeSql {
        let writer = Writer::to_change(self, 1, &[]);
        let of = &self.catalog.entities[entity];
        let target = writer.qualified(entity);
        let text = match self.dialect {
            Dialect::Postgres if self.is_array(entity, &of.primary_key) => {
                let key = names(of, &of.primary_key);
                format!("DELETE FROM {target} WHERE {key} = ANY($1::bigint[])")
            }
            Dialect::Postgres => {
                let equal = of.primary_key.iter().map(|&c| {
                    let column = quoted(&of.columns[c].name);
                    format!("t0.{column} = r.{column}")
                });
                let equal: Vec<_> = equal.collect();
                format!(
                    "DELETE FROM {target} AS t0 USING json_array_elements($1::text::json) AS e(v) CROSS JOIN LATERAL json_populate_record(NULL::{target}, e.v) AS r WHERE {}",
                    equal.join(" AND ")
                )
            }
            Dialect::Sqlite => {
                let key = of.primary_key.iter().enumerate();
                let values: Vec<_> = key.map(|(i, &c)| self.given(of, c, i)).collect();
                let columns = names(of, &of.primary_key);
                let columns = match of.primary_key.len() {
                    1 => columns,
                    _ => format!("({columns})"),
                };
                format!(
                    "DELETE FROM {target} WHERE {columns} IN (SELECT {} FROM json_each(?1) k)",
                    values.join(", ")
                )
            }
        };
        writer.changed(text, Vec::new())
    }

    /// Whether rows are found by these columns of theirs in an array: a key of one integer, on PostgreSQL.
    fn is_array(&self, entity: EntityId, columns: &[ColumnIx]) -> bool {
        let of = &self.catalog.entities[entity];
        let is_integer = |c: &ColumnIx| of.columns[*c].kind.is_integer();
        self.dialect == Dialect::Postgres
            && columns == of.primary_key
            && columns.len() == 1
            && columns.iter().all(is_integer)
    }

    /// The keys to bind by which rows are found or deleted.
    pub fn keys<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        rows: impl IntoIterator<Item = Vec<Cow<'v, Value>>>,
    ) -> BindValue {
        if !self.is_array(entity, columns) {
            return self.rows(entity, columns, rows);
        }
        let keys = rows.into_iter().map(|row| match row.first().map(|v| &**v) {
            Some(Value::Is(KeyValue::Int(key))) => *key,
            // Of no row.
            _ => i64::MIN,
        });
        BindValue::Ints(keys.collect())
    }

    /// The rows to bind that are inserted, or what others become: for each the values of these columns.
    pub fn rows<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        rows: impl IntoIterator<Item = Vec<Cow<'v, Value>>>,
    ) -> BindValue {
        BindValue::Text(self.json(entity, columns, rows).into())
    }

    fn json<'v>(
        &self,
        entity: EntityId,
        columns: &[ColumnIx],
        rows: impl IntoIterator<Item = Vec<Cow<'v, Value>>>,
    ) -> String {
        let of = &self.catalog.entities[entity];
        let mut out = "[".to_owned();
        let [open, close] = match self.dialect {
            Dialect::Postgres => ['{', '}'],
            Dialect::Sqlite => ['[', ']'],
        };
        for row in rows {
            if out.len() > 1 {
                out.push(',');
            }
            out.push(open);
            for (i, (&c, value)) in columns.iter().zip(&row).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                let column = &of.columns[c];
                if self.dialect == Dialect::Postgres {
                    push_text(&mut out, &column.name);
                    out.push(':');
                }
                self.push(&mut out, &column.kind, value);
            }
            out.push(close);
        }
        out.push(']');
        out
    }

    fn push(&self, out: &mut String, kind: &Kind, value: &Value) {
        match (value, self.dialect) {
            (Value::Null, _) => out.push_str("null"),
            (Value::Is(KeyValue::Int(number)), _) => {
                out.push_str(itoa::Buffer::new().format(*number));
            }
            // A value of JSON is JSON in it.
            (Value::Is(KeyValue::Text(text)), Dialect::Postgres) if matches!(kind, Kind::Json) => {
                out.push_str(text);
            }
            (Value::Is(KeyValue::Text(text)), Dialect::Postgres) => push_text(out, text),
            (Value::Is(KeyValue::Text(text)), Dialect::Sqlite) => {
                push_text(out, &sqlite_text(kind, text));
            }
            (Value::List(items), Dialect::Postgres) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    let item = item.clone().map_or(Value::Null, Value::Is);
                    self.push(out, kind.single(), &item);
                }
                out.push(']');
            }
            (Value::List(items), Dialect::Sqlite) => {
                push_text(out, &list::json(kind.single(), items));
            }
        }
    }

    /// What is bound for the `i`th column of a row.
    fn given(&self, of: &Entity, c: ColumnIx, i: usize) -> String {
        let column = &of.columns[c];
        match self.dialect {
            Dialect::Postgres => format!("r.{}", quoted(&column.name)),
            Dialect::Sqlite => sqlite_value(&column.kind, format!("k.value ->> {i}")),
        }
    }

    /// The bound rows, before the table that they are joined to.
    fn source(&self, entity: EntityId, is_array: bool) -> String {
        match self.dialect {
            Dialect::Postgres if is_array => {
                "unnest($1::bigint[]) WITH ORDINALITY AS e(k, ord) JOIN ".to_owned()
            }
            Dialect::Postgres => {
                let target = Writer::to_change(self, 1, &[]).qualified(entity);
                format!(
                    "json_array_elements($1::text::json) WITH ORDINALITY AS e(v, ord) CROSS JOIN LATERAL json_populate_record(NULL::{target}, e.v) AS r JOIN "
                )
            }
            Dialect::Sqlite => "json_each(?1) k CROSS JOIN ".to_owned(),
        }
    }
}

impl Find<'_> {
    fn by_columns(&self) -> bool {
        matches!(self.by, By::Columns(_))
    }
}

impl<'a> Writer<'a> {
    /// A statement with so many binds before its values.
    fn to_change(changes: &Changes<'a>, bound: usize, others: &'a [ColumnRef]) -> Self {
        Writer::new(
            changes.catalog,
            changes.dialect,
            changes.rules,
            bound + 1,
            others,
        )
    }

    fn asked_of(&self, t: Table, ask: &Ask<'_>) -> String {
        match *ask {
            Ask::Rule(filter) => self.rule(t, filter),
            Ask::Referred {
                from,
                columns,
                to_columns,
                seen,
            } => {
                let referring = self.table(from);
                let established = match seen {
                    true => Established::Nothing,
                    false => Established::Row,
                };
                let tied = self.as_rule(|w| w.all_equal((referring, columns), (t, to_columns)));
                let rows = self.rows_of(referring, established).tied([tied]);
                rows.exist(self.dialect)
            }
        }
    }

    fn returning(&self, entity: EntityId, reads: &[ColumnIx]) -> (String, Vec<Kind>) {
        if reads.is_empty() {
            return (String::new(), Vec::new());
        }
        let of = &self.catalog.entities[entity];
        let columns = reads.iter().map(|&c| {
            let name = quoted(&of.columns[c].name);
            match super::read_cast(&of.columns[c].kind) {
                Some(cast) if self.dialect == Dialect::Postgres => format!("{name}::{cast}"),
                _ => name,
            }
        });
        let columns: Vec<_> = columns.collect();
        let kinds = reads.iter().map(|&c| of.columns[c].kind.clone());
        (
            format!(" RETURNING {}", columns.join(", ")),
            kinds.collect(),
        )
    }

    fn changed(self, text: String, gives: Vec<Kind>) -> ChangeSql {
        ChangeSql {
            text: text.into(),
            values: self.values.into_inner().into(),
            gives: gives.into(),
            compared: self.compared.into_inner().into(),
        }
    }
}

fn names(of: &Entity, columns: &[ColumnIx]) -> String {
    let names = columns.iter().map(|&c| quoted(&of.columns[c].name));
    names.collect::<Vec<_>>().join(", ")
}

fn push_text(out: &mut String, text: &str) {
    let start = out.len();
    match serde_json::to_string(text) {
        Ok(json) => out.push_str(&json),
        Err(_) => out.truncate(start),
    }
}
