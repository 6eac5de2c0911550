//! Which rows of a table whoever asks sees, and which of their values.
//!
//! **Invariant:** a table is named, and its columns are, in this file alone. A table comes as [`Rows`], whose conditions
//! are written with it and can be added to but not left out; a column comes as it is seen.

use super::value::expression_type;
use super::{Dialect, Table, Writer, join_conditions, quoted};
use crate::graph::condition::{Filter, Reach};
use crate::graph::own::{Expression, Part};
use crate::graph::rules::Visibility;
use crate::graph::{ColumnIx, EntityId, Link, RelationId};

/// What the way to a row has established about its visibility.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Established {
    Nothing,
    /// The row that its policy's `through` leads to is visible.
    Through,
    /// The row itself is, or is looked at by a rule that may see all.
    Row,
}

/// Rows of one table or of several, with the conditions under which they are read.
pub(super) struct Rows {
    from: String,
    conditions: Vec<String>,
    /// How many of them say which rows are meant.
    tied: usize,
}

impl Rows {
    /// Adds what says which rows are meant, before what else is asked of them.
    pub fn tied(mut self, conditions: impl IntoIterator<Item = String>) -> Self {
        for condition in conditions {
            self.conditions.insert(self.tied, condition);
            self.tied += 1;
        }
        self
    }

    pub fn only(mut self, condition: String) -> Self {
        self.conditions.push(condition);
        self
    }

    /// `these JOIN those ON …`
    pub fn join(self, those: Rows, on: &str) -> Self {
        self.joined("JOIN", those, on)
    }

    /// `these CROSS JOIN those ON …`: SQLite reads these first.
    pub fn before(self, those: Rows, on: &str) -> Self {
        self.joined("CROSS JOIN", those, on)
    }

    fn joined(self, join: &str, those: Rows, on: &str) -> Self {
        let mut conditions = self.conditions;
        conditions.splice(
            self.tied..self.tied,
            those.conditions[..those.tied].iter().cloned(),
        );
        conditions.extend_from_slice(&those.conditions[those.tied..]);
        Rows {
            from: format!("{} {join} {} ON {on}", self.from, those.from),
            conditions,
            tied: self.tied + those.tied,
        }
    }

    /// With what has no rule of its own written before it (`unnest($1) k CROSS JOIN `) and behind it.
    pub fn between(self, before: &str, behind: &str) -> Self {
        Rows {
            from: format!("{before}{}{behind}", self.from),
            ..self
        }
    }

    /// ` FROM … WHERE …`
    pub fn written(&self) -> String {
        match join_conditions(&self.conditions) {
            conditions if conditions.is_empty() => format!(" FROM {}", self.from),
            conditions => format!(" FROM {} WHERE {conditions}", self.from),
        }
    }

    /// `EXISTS (…)`. SQLite 3.51 turns a plain one into a join, and with an OFFSET then skips a row for each
    /// match; one with a LIMIT it leaves alone.
    pub fn exist(&self, dialect: Dialect) -> String {
        let limit = match dialect {
            Dialect::Postgres => "",
            Dialect::Sqlite => " LIMIT 1",
        };
        format!("EXISTS (SELECT 1{}{limit})", self.written())
    }

    /// The same for PostgreSQL where it is neither to be joined nor hashed: it plans either way of an EXISTS, and so each
    /// of those within it twice for every level above it.
    pub fn exist_apart(&self) -> String {
        format!("(SELECT TRUE{} LIMIT 1) IS TRUE", self.written())
    }
}

impl Writer<'_> {
    /// The rows of a table that whoever asks sees.
    pub(super) fn rows_of(&self, t: Table, established: Established) -> Rows {
        let called = t.called();
        Rows {
            from: format!("{} {called}", self.qualified(t.entity)),
            conditions: vec![self.visible(t, established)],
            tied: 0,
        }
    }

    /// Whether whoever asks sees every row of an entity that he has come to like this.
    pub(super) fn sees_all(&self, entity: EntityId, established: Established) -> bool {
        let own = *self.rules.rows(entity) == Visibility::All;
        let through = self.catalog.entities[entity].policy.through;
        match (established, through) {
            (Established::Row, _) => true,
            (Established::Through, _) | (_, None) => own,
            (Established::Nothing, Some(relation)) => own && self.sees_all_through(relation),
        }
    }

    fn sees_all_through(&self, id: RelationId) -> bool {
        let relation = &self.catalog.relations[id];
        let of = &self.catalog.entities[relation.from].columns;
        self.sees_all(relation.to, Established::Nothing)
            && relation.from_columns.iter().all(|&c| !of[c].nullable)
    }

    /// The condition under which whoever asks sees a row of `t`; empty if always. For a table that is no [`Rows`]: one to
    /// which the statement inserts.
    pub(super) fn visible(&self, t: Table, established: Established) -> String {
        if self.sees_all(t.entity, established) {
            return String::new();
        }
        let own = match self.rules.rows(t.entity) {
            Visibility::All => String::new(),
            Visibility::Nothing => "FALSE".to_owned(),
            Visibility::Where(filter) => self.rule(t, filter),
        };
        let through = match self.catalog.entities[t.entity].policy.through {
            Some(relation) if established == Established::Nothing => {
                self.visible_through(t, relation)
            }
            _ => String::new(),
        };
        join_conditions(&[own, through])
    }

    fn visible_through(&self, t: Table, id: RelationId) -> String {
        if self.sees_all_through(id) {
            return String::new();
        }
        let relation = &self.catalog.relations[id];
        let Link::Direct { columns } = &relation.link else {
            return "FALSE".to_owned();
        };
        self.as_rule(|writer| {
            let target = writer.table(relation.to);
            let tied = writer.all_equal((target, columns), (t, &relation.from_columns));
            let rows = writer.rows_of(target, Established::Nothing);
            rows.tied([tied]).exist(writer.dialect)
        })
    }

    /// What walking a relation from a visible row says about the row it leads to.
    pub(super) fn established(&self, id: RelationId) -> Established {
        let relation = &self.catalog.relations[id];
        if self.catalog.entities[relation.from].policy.through == Some(id) {
            return Established::Row;
        }
        match self.catalog.entities[relation.to].policy.through {
            Some(through) if relation.inverse == Some(through) => Established::Through,
            _ => Established::Nothing,
        }
    }

    /// The same, where a rule may look at hidden rows too.
    pub(super) fn established_within(&self, id: RelationId, reach: Reach) -> Established {
        match reach {
            Reach::Visible => self.established(id),
            Reach::All => Established::Row,
        }
    }

    /// A rule's condition on a row of `t`.
    pub(super) fn rule(&self, t: Table, filter: &Filter) -> String {
        self.as_rule(|writer| writer.condition(t, filter))
    }

    /// Writes what a rule says: it knows every column, and its values are literals.
    pub(super) fn as_rule(&self, write: impl FnOnce(&Self) -> String) -> String {
        let outer = self.of_rule.replace(true);
        let written = write(self);
        self.of_rule.set(outer);
        written
    }

    /// A column as whoever asks sees it: null where a rule hides its value from him. Rules see it as it is.
    pub(super) fn column(&self, t: Table, column: ColumnIx) -> String {
        if let Some(expression) = self.entity(t).expression(column) {
            return self.expression(t, expression);
        }
        let plain = self.plain(t, column);
        match self.hides(t, column) {
            None => plain,
            Some(Visibility::Where(filter)) => {
                // By one text, as PostgreSQL wants of what is both grouped by and read.
                if let Some(known) = self.masked.borrow().get(&plain) {
                    return known.clone();
                }
                let masked = format!("(CASE WHEN {} THEN {plain} END)", self.rule(t, filter));
                self.masked.borrow_mut().insert(plain, masked.clone());
                masked
            }
            Some(_) => "NULL".to_owned(),
        }
    }

    /// What a field of one's own comes to in SQL, as whoever asks sees it: null where a column that it is made of is
    /// hidden from him, as the field itself is.
    fn expression(&self, t: Table, expression: &Expression) -> String {
        let parts = match self.dialect {
            Dialect::Postgres => &expression.postgres,
            Dialect::Sqlite => &expression.sqlite,
        };
        let written = parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Column(column) => self.plain(t, *column),
        });
        let written: String = written.collect();
        let value = match self.dialect {
            // PostgreSQL tells types apart that are one in GraphQL.
            Dialect::Postgres => {
                format!("({written})::{}", expression_type(&expression.column.kind))
            }
            Dialect::Sqlite => format!("({written})"),
        };
        let ruled = expression.ruled.iter();
        let seen: Vec<String> = ruled
            .map(|&column| format!("{} IS NOT NULL", self.column(t, column)))
            .collect();
        match seen.is_empty() {
            true => value,
            false => format!("(CASE WHEN {} THEN {value} END)", seen.join(" AND ")),
        }
    }

    /// Columns as they are, for a subquery that passes them on to where they are seen.
    pub(super) fn passed_on(&self, t: Table, columns: &[ColumnIx]) -> Vec<String> {
        columns.iter().map(|&c| self.plain(t, c)).collect()
    }

    /// A column as it is, and the condition under which it is seen; empty if always. Together they say that it is
    /// equal to something, as an index can find it.
    pub(super) fn found_by(&self, t: Table, column: ColumnIx) -> (String, String) {
        let condition = match self.hides(t, column) {
            None => String::new(),
            Some(Visibility::Where(filter)) => self.rule(t, filter),
            Some(_) => "FALSE".to_owned(),
        };
        (self.plain(t, column), condition)
    }

    fn plain(&self, t: Table, column: ColumnIx) -> String {
        let name = &self.entity(t).columns[column].name;
        format!("{}.{}", t.called(), quoted(name))
    }

    /// The rule that hides some of a column's values from whoever asks.
    fn hides(&self, t: Table, column: ColumnIx) -> Option<&Visibility> {
        let seen = self.rules.column(t.entity, column);
        (*seen != Visibility::All && !self.of_rule.get()).then_some(seen)
    }

    /// `CASE WHEN FALSE THEN (SELECT s.column FROM table s) ELSE bind END`: a bind of the very type and collation of a
    /// column, which nothing but PostgreSQL knows. It drops the branch that is never taken when it plans.
    pub(super) fn typed_as(
        &self,
        (entity, column): (EntityId, ColumnIx),
        expression: &str,
        bind: &str,
    ) -> String {
        let name = &self.catalog.entities[entity].columns[column].name;
        let value = expression.replace("{}", &quoted(name));
        let table = self.qualified(entity);
        format!("CASE WHEN FALSE THEN (SELECT {value} FROM {table} s) ELSE {bind} END")
    }

    /// `"schema"."table"`, for what changes it.
    pub(super) fn qualified(&self, entity: EntityId) -> String {
        let entity = &self.catalog.entities[entity];
        format!("{}{}", self.schema(entity), quoted(&entity.table))
    }
}
