//! Orders in SQL: what rows are sorted by, where a page of them begins, and what its cursors are made of.
//!
//! Values of related rows are scalar subqueries, never joins, so that no row is doubled. A cursor's place is
//! found by comparing with the same expressions that the rows are sorted by, nulls included.

use super::value::cursor_type;
use super::{BindValue, Dialect, Form, Table, Writer};
use crate::graph::condition::Reach;
use crate::graph::{ColumnIx, Direction, EntityId, Kind, Nulls, RelationId};
use crate::read::cursor::CursorValue;
use crate::read::plan::{BoundPage, OrderTerm, OrderValue, default_terms};

/// One of the expressions that rows are sorted by.
#[derive(Debug, Clone)]
pub(super) struct SortKey {
    sql: String,
    nullable: bool,
    descending: bool,
    nulls: Nulls,
    pub integer: bool,
    /// PostgreSQL's type that the expression is compared as; `None` where it finds it out.
    compared_as: Option<String>,
    /// What SQLite's values were made comparable by.
    form: Option<Form>,
}

impl SortKey {
    fn reversed(&self) -> Self {
        SortKey {
            descending: !self.descending,
            nulls: match self.nulls {
                Nulls::First => Nulls::Last,
                Nulls::Last => Nulls::First,
            },
            ..self.clone()
        }
    }

    fn order_by(&self) -> String {
        let direction = if self.descending { " DESC" } else { "" };
        // The databases disagree on where nulls belong.
        let nulls = match (self.nullable, self.nulls) {
            (false, _) => "",
            (true, Nulls::First) => " NULLS FIRST",
            (true, Nulls::Last) => " NULLS LAST",
        };
        format!("{}{direction}{nulls}", self.sql)
    }
}

/// What a page is sorted by: as the client has it, and as it is read.
pub(super) struct PageOrder {
    pub keys: Vec<SortKey>,
    pub read: Vec<SortKey>,
}

impl PageOrder {
    pub fn new(keys: Vec<SortKey>, page: &BoundPage) -> Self {
        let read = match page.seek.backward {
            true => keys.iter().map(SortKey::reversed).collect(),
            false => keys.clone(),
        };
        PageOrder { keys, read }
    }
}

/// An ORDER BY without the words.
pub(super) fn order_by(keys: &[SortKey]) -> String {
    let terms: Vec<_> = keys.iter().map(SortKey::order_by).collect();
    terms.join(", ")
}

impl Writer<'_> {
    pub(super) fn sort_keys(&self, t: Table, terms: &[OrderTerm]) -> Vec<SortKey> {
        let key = |term: &OrderTerm| {
            let (sql, nullable, kind, form) = self.order_value(t, &term.path, term.by, term.native);
            SortKey {
                sql,
                nullable,
                descending: term.direction == Direction::Desc,
                nulls: term.nulls,
                integer: kind.is_integer(),
                compared_as: cursor_type(&kind),
                form,
            }
        };
        terms.iter().map(key).collect()
    }

    /// Sorted by how well rows answer a search, the best first.
    pub(super) fn rank_key(&self, sql: String) -> SortKey {
        SortKey {
            sql,
            nullable: false,
            descending: true,
            nulls: Nulls::Last,
            integer: false,
            compared_as: Some("double precision".to_owned()),
            form: None,
        }
    }

    /// Sorted by an entity's columns alone, called as given; never null.
    pub(super) fn plain_keys(
        &self,
        entity: EntityId,
        columns: impl Iterator<Item = (String, ColumnIx)>,
        descending: bool,
    ) -> Vec<SortKey> {
        let key = |(sql, column): (String, ColumnIx)| {
            let kind = &self.catalog.entities[entity].columns[column].kind;
            let form = self.other_form(entity, column);
            SortKey {
                sql: match form {
                    Some(form) => form.comparable(&sql),
                    None => self.sortable(sql, kind),
                },
                nullable: false,
                descending,
                nulls: Nulls::Last,
                integer: kind.is_integer(),
                compared_as: cursor_type(kind),
                form,
            }
        };
        columns.map(key).collect()
    }

    fn order_value(
        &self,
        t: Table,
        path: &[RelationId],
        by: OrderValue,
        native: bool,
    ) -> (String, bool, Kind, Option<Form>) {
        if let [first, rest @ ..] = path {
            let (target, rows) = self.reached(t, *first);
            let (inner, _, kind, form) = self.order_value(target, rest, by, native);
            let order = match self
                .catalog
                .can_find_several(&self.catalog.relations[*first])
            {
                true => self.own_order(target, *first),
                false => String::new(),
            };
            let sql = format!("(SELECT {inner}{}{order} LIMIT 1)", rows.written());
            return (sql, true, kind, form);
        }
        match by {
            OrderValue::Column(ix) => self.order_column(t, ix, native),
            OrderValue::Count(id) => {
                let (_, rows) = self.reached(t, id);
                let sql = format!("(SELECT count(*){})", rows.written());
                (sql, false, Kind::BigInt, None)
            }
        }
    }

    /// ` ORDER BY …` of the rows that a relation leads to where nobody gives an order.
    fn own_order(&self, target: Table, id: RelationId) -> String {
        let terms = default_terms(&self.catalog.order_of(&self.catalog.relations[id]));
        let keys = self.sort_keys(target, &terms);
        format!(" ORDER BY {}", order_by(&keys))
    }

    /// The condition that `target` is the row that a relation to one shows for a row of `t`, where its key can find several:
    /// the first of them. Empty where it cannot.
    pub(super) fn is_first(&self, t: Table, id: RelationId, reach: Reach, target: Table) -> String {
        if !self.catalog.can_find_several(&self.catalog.relations[id]) {
            return String::new();
        }
        let (other, rows) = self.reached_within(t, id, reach);
        let key = &self.entity(target).primary_key;
        let of = |t: Table| self.passed_on(t, key).join(", ");
        let (first, order) = (rows.written(), self.own_order(other, id));
        format!(
            "({}) = (SELECT {}{first}{order} LIMIT 1)",
            of(target),
            of(other)
        )
    }

    pub(super) fn order_column(
        &self,
        t: Table,
        ix: ColumnIx,
        native: bool,
    ) -> (String, bool, Kind, Option<Form>) {
        let column = self.entity(t).column(ix);
        let kind = column.kind.clone();
        let mut sql = self.sortable(self.compared(t, ix), &kind);
        let as_text = match kind {
            Kind::Enum(_) => !native,
            // A type that has no name here is compared by its text.
            Kind::Other => true,
            _ => false,
        };
        if as_text && self.dialect == Dialect::Postgres {
            sql.push_str("::text");
        }
        if !native || as_text {
            sql.push_str(self.collation(&kind));
        }
        let nullable = column.can_be_null();
        (sql, nullable, kind, self.other_form(t.entity, ix))
    }

    /// A column as what rows are sorted by: what is money is the number, as which a cursor keeps it.
    fn sortable(&self, column: String, kind: &Kind) -> String {
        match (self.dialect, kind) {
            (Dialect::Postgres, Kind::Decimal { money: true, .. }) => format!("{column}::numeric"),
            _ => column,
        }
    }

    /// The value of a key as a cursor keeps it: what comes back compares equal to it.
    pub(super) fn cursor_value(&self, key: &SortKey) -> String {
        let sql = &key.sql;
        match self.dialect {
            Dialect::Sqlite => match key.form {
                Some(form) => form.shown(sql.clone()),
                None => sql.clone(),
            },
            Dialect::Postgres if key.integer => sql.clone(),
            Dialect::Postgres if key.compared_as.as_deref() == Some("double precision") => {
                format!("({sql})::double precision::text")
            }
            Dialect::Postgres => format!("({sql})::text"),
        }
    }

    /// The conditions that a row stands between a page's cursors.
    pub(super) fn between(&mut self, keys: &[SortKey], page: &BoundPage) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(after) = &page.seek.after {
            conditions.push(self.beyond(keys, after));
        }
        if let Some(before) = &page.seek.before {
            let keys: Vec<_> = keys.iter().map(SortKey::reversed).collect();
            conditions.push(self.beyond(&keys, before));
        }
        conditions
    }

    /// The condition that a row comes after a place in an order.
    fn beyond(&mut self, keys: &[SortKey], place: &[CursorValue]) -> String {
        let values = keys.iter().zip(place);
        let values: Vec<_> = values
            .map(|(key, value)| self.cursor_bind(key, value))
            .collect();
        let operator = |key: &SortKey| if key.descending { "<" } else { ">" };
        // A comparison of rows is what an index can seek by.
        let alike = keys
            .iter()
            .all(|k| !k.nullable && k.descending == keys[0].descending);
        if alike && values.iter().all(Option::is_some) {
            let columns: Vec<_> = keys.iter().map(|k| k.sql.as_str()).collect();
            let values: Vec<_> = values.iter().flatten().map(String::as_str).collect();
            return match (&columns[..], &values[..]) {
                ([column], [value]) => format!("{column} {} {value}", operator(&keys[0])),
                _ => format!(
                    "({}) {} ({})",
                    columns.join(", "),
                    operator(&keys[0]),
                    values.join(", ")
                ),
            };
        }
        let mut alternatives = Vec::with_capacity(keys.len());
        let mut equal: Vec<String> = Vec::new();
        for (key, value) in keys.iter().zip(&values) {
            let sql = &key.sql;
            let past = match (value, key.nulls) {
                (None, Nulls::Last) => None,
                (None, Nulls::First) => Some(format!("{sql} IS NOT NULL")),
                (Some(value), Nulls::Last) if key.nullable => Some(format!(
                    "({sql} {} {value} OR {sql} IS NULL)",
                    operator(key)
                )),
                (Some(value), _) => Some(format!("{sql} {} {value}", operator(key))),
            };
            if let Some(past) = past {
                let all = equal.iter().cloned().chain([past]);
                alternatives.push(all.collect::<Vec<_>>().join(" AND "));
            }
            equal.push(match value {
                None => format!("{sql} IS NULL"),
                Some(value) => format!("{sql} = {value}"),
            });
        }
        if alternatives.is_empty() {
            return "FALSE".to_owned();
        }
        let any = format!("({})", alternatives.join(" OR "));
        match (&keys[0], &values[0]) {
            // What follows from the rest already, but an index can seek by it.
            (first, Some(value))
                if alternatives.len() > 1 && !(first.nullable && first.nulls == Nulls::Last) =>
            {
                format!("{} {}= {value} AND {any}", first.sql, operator(first))
            }
            _ => any,
        }
    }

    /// The bind of a cursor's value; `None` for null.
    fn cursor_bind(&mut self, key: &SortKey, value: &CursorValue) -> Option<String> {
        let value = match value {
            CursorValue::Null => return None,
            CursorValue::Int(i) => BindValue::Int(*i),
            CursorValue::Float(f) => BindValue::Float(*f),
            CursorValue::Text(text) => BindValue::Text(text.clone()),
            CursorValue::Bytes(bytes) => BindValue::Bytes(bytes.clone()),
        };
        if self.dialect == Dialect::Sqlite {
            let bind = format!("?{}", self.bind(value));
            return Some(key.form.map_or(bind.clone(), |form| form.bound(&bind)));
        }
        let text = match value {
            BindValue::Int(_) if key.integer => return Some(format!("${}", self.bind(value))),
            BindValue::Text(text) => text,
            // A cursor of SQLite's, or a forged one: PostgreSQL says whether it is a value of the type.
            BindValue::Int(i) => i.to_string().into(),
            BindValue::Float(f) => f.to_string().into(),
            _ => "\\x".into(),
        };
        let n = self.bind(BindValue::Text(text));
        Some(match &key.compared_as {
            None => format!("${n}"),
            // PostgreSQL's own text of the value, or a forged one, which it refuses before it looks at a row: a cast would
            // be made when there is one.
            Some(of_type) => format!("${n}::{of_type}"),
        })
    }
}
