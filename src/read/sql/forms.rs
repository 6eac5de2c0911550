//! SQLite's columns hold what they are given. Where a column's type has no counterpart there, its values are compared as
//! they are written (an index serves that) as long as all of them are in the form that SeaORM writes, which sorts as
//! the values do. Where one is not, a function of ours makes of each value one that does.
//!
//! Whether one is not is asked of the database by [`other_form`], which an index of just such rows answers at once.
//!
//! PostgreSQL's columns hold what they are of, but may have a collation by which no part of a text can be looked for.

use super::value::KeyPart;
use super::{Dialect, KeySql, Table, Writer, join_conditions, quoted};
use crate::graph::{Catalog, ColumnIx, EntityId, Kind};

/// A column of an entity.
pub type ColumnRef = (EntityId, ColumnIx);

/// How values are made comparable that are not in the form that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Its first argument is the value.
    function: &'static str,
    /// The further ones.
    scale: Option<Option<u32>>,
    /// What makes a value again of what is compared; without it that is one.
    shown: Option<&'static str>,
}

impl Form {
    /// `None` where values compare as they are.
    pub fn of(kind: &Kind) -> Option<Self> {
        let plain = |function| Form {
            function,
            scale: None,
            shown: None,
        };
        Some(match kind {
            Kind::DateTime { zoned: true } => plain("backref_zoned"),
            Kind::DateTime { zoned: false } => plain("backref_unzoned"),
            Kind::Date => plain("backref_date"),
            Kind::Time => plain("backref_time"),
            Kind::Decimal { scale, .. } => Form {
                function: "backref_decimal",
                scale: Some(*scale),
                shown: Some("backref_digits"),
            },
            _ => return None,
        })
    }

    pub fn comparable(self, value: &str) -> String {
        let function = self.function;
        match self.scale {
            None => format!("{function}({value})"),
            Some(None) => format!("{function}({value}, NULL)"),
            Some(Some(scale)) => format!("{function}({value}, {scale})"),
        }
    }

    /// Of a value that is bound, and has no digits but its own.
    pub fn bound(self, value: &str) -> String {
        let function = self.function;
        match self.scale {
            None => format!("{function}({value})"),
            Some(_) => format!("{function}({value}, NULL)"),
        }
    }

    /// Whether what both make comparable can be compared.
    fn is_like(self, other: Form) -> bool {
        self.function == other.function
    }

    pub fn shown(self, compared: String) -> String {
        match self.shown {
            Some(function) => format!("{function}({compared})"),
            None => compared,
        }
    }
}

impl Writer<'_> {
    /// How a column's values are made comparable, if they are known not to be as they are. Takes note that they are
    /// compared.
    pub(super) fn other_form(&self, entity: EntityId, column: ColumnIx) -> Option<Form> {
        let form = self.form(entity, column)?;
        if self.catalog.entities[entity].expression(column).is_some() {
            // No index says what forms its values have.
            return Some(form);
        }
        self.is_other(entity, column).then_some(form)
    }

    /// Whether a column's values are known not to be comparable as they stand. Takes note that they are compared.
    pub(super) fn is_other(&self, entity: EntityId, column: ColumnIx) -> bool {
        let column = (entity, column);
        let mut compared = self.compared.borrow_mut();
        if !compared.contains(&column) {
            compared.push(column);
        }
        self.others.contains(&column)
    }

    fn form(&self, entity: EntityId, column: ColumnIx) -> Option<Form> {
        match self.dialect {
            Dialect::Postgres => None,
            Dialect::Sqlite => Form::of(&self.catalog.entities[entity].column(column).kind),
        }
    }

    /// A column as it is compared, sorted and grouped by.
    pub(super) fn compared(&self, t: Table, column: ColumnIx) -> String {
        let sql = self.column(t, column);
        match self.other_form(t.entity, column) {
            Some(form) => form.comparable(&sql),
            None => sql,
        }
    }

    /// `a = b` of two columns that are seen.
    pub(super) fn equal(&self, a: (Table, ColumnIx), b: (Table, ColumnIx)) -> String {
        let bring = |form: Form, value: &str| form.comparable(value);
        let (column, seen) = self.found_by(a.0, a.1);
        let (other, other_seen) = self.found_by(b.0, b.1);
        let equal = self.equal_to((a.0.entity, a.1), column, (b.0.entity, b.1), other, bring);
        join_conditions(&[equal, seen, other_seen])
    }

    /// The condition that several columns of two tables are equal, each to its own.
    pub(super) fn all_equal(
        &self,
        (t, columns): (Table, &[ColumnIx]),
        (other, others): (Table, &[ColumnIx]),
    ) -> String {
        let pairs = columns.iter().zip(others);
        let equal: Vec<_> = pairs
            .map(|(&a, &b)| self.equal((t, a), (other, b)))
            .collect();
        equal.join(" AND ")
    }

    /// A column's being seen and equal to a value that is bound, and was read from another.
    pub(super) fn equal_to_key(
        &self,
        (t, a): (Table, ColumnIx),
        part: KeyPart<'_>,
        key: KeySql,
    ) -> String {
        let bring = |form: Form, value: &str| form.bound(value);
        let (column, seen) = self.found_by(t, a);
        let equal = self.equal_to(
            (t.entity, a),
            self.as_key(t, a, column),
            (part.entity, part.column),
            key,
            bring,
        );
        join_conditions(&[equal, seen])
    }

    fn equal_to(
        &self,
        a: ColumnRef,
        column: String,
        b: ColumnRef,
        sql: KeySql,
        bring: impl Fn(Form, &str) -> String,
    ) -> String {
        let (Some(form), Some(other)) = (self.form(a.0, a.1), self.form(b.0, b.1)) else {
            return format!("{column} = {sql}");
        };
        let known = [self.other_form(a.0, a.1), self.other_form(b.0, b.1)];
        let other = match form.is_like(other) {
            true if known == [None; 2] => return format!("{column} = {sql}"),
            true => other,
            // Written in two forms they are never equal as they are.
            false => form,
        };
        format!("{} = {}", form.comparable(&column), bring(other, &sql))
    }
}

/// The statement that says whether a column holds a value in another form than that which is written.
pub fn question(catalog: &Catalog, (entity, column): ColumnRef) -> Option<String> {
    let entity = &catalog.entities[entity];
    let column = &entity.columns[column];
    let other = other_form(&column.kind, &quoted(&column.name))?;
    let schema = entity.schema.as_ref();
    let schema = schema.map_or_else(String::new, |s| format!("{}.", quoted(s)));
    let table = quoted(&entity.table);
    Some(format!(
        "SELECT EXISTS (SELECT 1 FROM {schema}{table} WHERE {other})"
    ))
}

/// The condition that a column's value is in another form than that which is written. It is an index's, too, so it
/// has nothing of ours in it.
pub fn other_form(kind: &Kind, column: &str) -> Option<String> {
    const DATE: &str = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]";
    let text =
        |is: String| format!("NOT ({column} IS NULL OR (typeof({column}) = 'text' AND {is}))");
    Some(match kind {
        Kind::DateTime { zoned: true } => text(times(column, &format!("{DATE}T"), "+00:00")),
        Kind::DateTime { zoned: false } => text(times(column, &format!("{DATE} "), "")),
        Kind::Time => text(times(column, "", "")),
        Kind::Date => text(format!("{column} GLOB '{DATE}'")),
        // A text is none of SQLite's numbers, and a float that is no nearest one of its scale has more digits.
        Kind::Decimal { scale, .. } => {
            let real = match scale {
                Some(scale) => {
                    format!("typeof({column}) = 'real' AND {column} = round({column}, {scale})")
                }
                None => format!("typeof({column}) = 'real'"),
            };
            format!("NOT (typeof({column}) IN ('null', 'integer') OR ({real}))")
        }
        _ => return None,
    })
}

/// The condition that a text is a time of a day behind a head and before a zone, with a fraction of 3, 6 or 9 digits
/// of which the last three are not zero, if there is one.
fn times(column: &str, head: &str, zone: &str) -> String {
    let second = format!("{head}[0-2][0-9]:[0-5][0-9]:[0-5][0-9]");
    let fraction = |digits: usize| {
        let digits = "[0-9]".repeat(digits);
        format!("{column} GLOB '{second}.{digits}{zone}'")
    };
    let fractions = [3, 6, 9].map(fraction).join(" OR ");
    let hour = if head.is_empty() { 1 } else { 12 };
    format!(
        "({column} GLOB '{second}{zone}' OR (({fractions}) AND {column} NOT GLOB '*000{zone}')) AND substr({column}, {hour}, 2) < '24'"
    )
}
