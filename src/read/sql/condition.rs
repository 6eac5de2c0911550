//! `where` in SQL: relations as `EXISTS`, never as joins, so that no row is doubled.
//!
//! Texts compare and sort by their bytes on both databases (PostgreSQL's `COLLATE "C"`), enums by their
//! text. Where case does not count, the database folds both sides, by one expression (`folded`).

use super::value::{can_be, postgres_value, postgres_values, sqlite_text, sqlite_value};
use super::{BindValue, Dialect, Established, Form, Table, Writer, join_conditions};
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, Kind, Link, RelationId, moment};
use crate::read::decimal::Decimal;
use crate::read::plan::{Compare, Filter, Quantifier, TextPart};

/// The way from a row along a relation.
struct Way {
    target: Table,
    /// The junction it leads through, and how the target joins it.
    junction: Option<(String, String)>,
    /// What ties its first table to the row.
    near: Vec<String>,
    /// What is asked of the target.
    conditions: Vec<String>,
}

impl Writer<'_> {
    /// The condition that a row of `t` is asked for; its values become binds.
    pub(super) fn condition(&mut self, t: Table, filter: &Filter) -> String {
        match filter {
            Filter::All(filters) if filters.is_empty() => "TRUE".to_owned(),
            Filter::Any(filters) if filters.is_empty() => "FALSE".to_owned(),
            Filter::All(filters) => self.combined(t, filters, " AND "),
            Filter::Any(filters) => self.combined(t, filters, " OR "),
            // Of what is unknown the complement is true.
            Filter::Not(inner) => format!("({}) IS NOT TRUE", self.condition(t, inner)),
            Filter::Compare {
                column,
                compare,
                value,
            } => self.compare(t, *column, *compare, value),
            Filter::In {
                column,
                negated,
                values,
            } => self.within(t, *column, *negated, values),
            Filter::IsNull { column, is } => {
                let not = if *is { "" } else { "NOT " };
                format!("{} IS {not}NULL", self.column(t, *column))
            }
            Filter::List {
                column,
                compare,
                items,
            } => self.list(t, *column, *compare, items),
            Filter::IsEmpty { column, is } => self.is_empty(t, *column, *is),
            Filter::Text {
                column,
                part,
                fold,
                text,
            } => self.text(t, *column, *part, *fold, text),
            Filter::Related {
                relation,
                quantifier,
                filter,
            } => self.related(t, *relation, *quantifier, filter),
        }
    }

    /// Of many the halves, as SQLite bounds how deep an expression is and reads a chain as a ladder.
    fn combined(&mut self, t: Table, filters: &[Filter], with: &str) -> String {
        if filters.len() > 8 {
            let (left, right) = filters.split_at(filters.len() / 2);
            let left = self.combined(t, left, with);
            return format!("({left}{with}{})", self.combined(t, right, with));
        }
        let parts: Vec<_> = filters.iter().map(|f| self.condition(t, f)).collect();
        format!("({})", parts.join(with))
    }

    fn compare(&mut self, t: Table, ix: ColumnIx, compare: Compare, value: &KeyValue) -> String {
        let operator = match compare {
            Compare::Eq => "=",
            Compare::Ne => "<>",
            Compare::Lt => "<",
            Compare::Lte => "<=",
            Compare::Gt => ">",
            Compare::Gte => ">=",
        };
        let kind = &self.kind(t, ix).clone();
        if self.dialect == Dialect::Postgres
            && let KeyValue::Text(text) = value
            && matches!(kind, Kind::DateTime { .. } | Kind::Time)
            && moment::is_finer_than_microseconds(text)
        {
            return self.compare_between(t, ix, compare, text);
        }
        let ordered = !matches!(compare, Compare::Eq | Compare::Ne);
        if let Some(form) = self.compared_form(t, ix, ordered.then_some(value)) {
            let column = form.comparable(&self.column(t, ix));
            let n = self.bind_key(kind, value);
            return format!("{column} {operator} {}", form.bound(&format!("?{n}")));
        }
        let column = self.comparable(t, ix);
        let collate = if ordered { self.collation(kind) } else { "" };
        let value = self.value(kind, value);
        format!("{column}{collate} {operator} {value}")
    }

    /// Compares with a time that lies between two of PostgreSQL's, which would round it.
    fn compare_between(&mut self, t: Table, ix: ColumnIx, compare: Compare, text: &str) -> String {
        let compare = match compare {
            Compare::Eq => return "FALSE".to_owned(),
            Compare::Ne => return format!("{} IS NOT NULL", self.column(t, ix)),
            Compare::Lt | Compare::Lte => Compare::Lte,
            Compare::Gt | Compare::Gte => Compare::Gt,
        };
        let before = KeyValue::Text(moment::whole_microseconds(text).into());
        self.compare(t, ix, compare, &before)
    }

    fn within(&mut self, t: Table, ix: ColumnIx, negated: bool, values: &[KeyValue]) -> String {
        let kind = &self.kind(t, ix).clone();
        let column = self.comparable(t, ix);
        let values = BindValue::list(kind.is_integer(), values, |text| match self.dialect {
            Dialect::Postgres => can_be(kind, text).then(|| text.into()),
            Dialect::Sqlite => Some(sqlite_text(kind, text)),
        });
        let n = self.first_value + self.values.len();
        let array = match &values {
            BindValue::Texts(texts) => postgres_values(kind, texts, format!("${n}")),
            _ => format!("${n}::bigint[]"),
        };
        self.bind(values);
        match self.dialect {
            Dialect::Postgres => match negated {
                true => format!("{column} <> ALL({array})"),
                false => format!("{column} = ANY({array})"),
            },
            Dialect::Sqlite => {
                let not = if negated { "NOT " } else { "" };
                if let Some(form) = self.compared_form(t, ix, None) {
                    let (column, item) = (form.comparable(&column), form.bound("value"));
                    return format!("{column} {not}IN (SELECT {item} FROM json_each(?{n}))");
                }
                let item = sqlite_value(kind, "value".to_owned());
                format!("{column} {not}IN (SELECT {item} FROM json_each(?{n}))")
            }
        }
    }

    fn text(&mut self, t: Table, ix: ColumnIx, part: TextPart, fold: bool, text: &str) -> String {
        let mut column = self.comparable(t, ix);
        if fold {
            column = self.folded(&column);
        }
        let asked = |writer: &Self, bind: String| match fold {
            true => writer.folded(&bind),
            false => bind,
        };
        if self.dialect == Dialect::Postgres {
            let (before, after) = match part {
                TextPart::Whole => ("", ""),
                TextPart::Anywhere => ("%", "%"),
                TextPart::Start => ("", "%"),
                TextPart::End => ("%", ""),
            };
            let literal = text
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            let n = self.bind(BindValue::Text(format!("{before}{literal}{after}").into()));
            return format!("{column} LIKE {}", asked(self, format!("${n}")));
        }
        let n = self.bind(BindValue::Text(text.into()));
        let asked = asked(self, format!("?{n}"));
        match part {
            TextPart::Whole => format!("{column} = {asked}"),
            TextPart::Anywhere => format!("instr({column}, {asked}) > 0"),
            TextPart::Start => format!("substr({column}, 1, length({asked})) = {asked}"),
            TextPart::End => {
                format!(
                    "CASE ?{n} WHEN '' THEN {column} IS NOT NULL ELSE substr({column}, -length({asked})) = {asked} END"
                )
            }
        }
    }

    /// A text without the difference of upper and lower case, each character by itself: then what is a part of a
    /// text is a part of the folded one, too.
    ///
    /// PostgreSQL folds by the database's locale, whatever the column's. Its ICU looks around in places: at the
    /// end of a word for Σ, at dots above I and J in Turkish and Lithuanian. These characters are folded before or
    /// after it, alike everywhere.
    fn folded(&self, text: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!(
                "replace(lower(replace(replace(translate({text}::text COLLATE \"default\", 'IJ', 'ij'), 'İ', 'i'), 'Į', 'į')), 'ς', 'σ')"
            ),
            Dialect::Sqlite => format!("backref_fold({text})"),
        }
    }

    fn related(
        &mut self,
        t: Table,
        id: RelationId,
        quantifier: Quantifier,
        filter: &Filter,
    ) -> String {
        let way = self.way(t, id);
        // PostgreSQL joins a plain EXISTS, and with some dozens of tables takes seconds to find an order.
        let apart = match self.dialect {
            Dialect::Postgres if self.aliases > 12 => " IS TRUE",
            _ => "",
        };
        let condition = self.condition(way.target, filter);
        let asked = match quantifier {
            Quantifier::Every => format!("({condition}) IS NOT TRUE"),
            Quantifier::Some | Quantifier::None => condition,
        };
        let not = if quantifier == Quantifier::Some {
            ""
        } else {
            "NOT "
        };
        let exists = match way.junction {
            // Joined, the target is looked up for every row of the junction. Apart, PostgreSQL chooses
            // between that and finding the rows that meet the condition once.
            Some((junction, on)) if self.keyed && self.dialect == Dialect::Postgres => {
                let mut of_target = vec![on];
                of_target.extend(way.conditions);
                of_target.push(asked);
                let name = self.name(way.target);
                let mut conditions = way.near;
                conditions.push(format!("{} IS TRUE", self.exists(&name, &of_target)));
                self.exists(&junction, &conditions)
            }
            junction => {
                let from = self.joined_tables(way.target, junction);
                let mut conditions = way.near;
                conditions.extend(way.conditions);
                conditions.push(asked);
                self.exists(&from, &conditions)
            }
        };
        format!("{not}{exists}{apart}")
    }

    /// `EXISTS (…)`. SQLite 3.51 turns a plain one into a join, and with an OFFSET then skips a row for each
    /// match; one with a LIMIT it leaves alone.
    pub(super) fn exists(&self, from: &str, conditions: &[String]) -> String {
        let conditions = join_conditions(conditions);
        let limit = match self.dialect {
            Dialect::Postgres => "",
            Dialect::Sqlite => " LIMIT 1",
        };
        format!("EXISTS (SELECT 1 FROM {from} WHERE {conditions}{limit})")
    }

    /// The visible rows that a relation leads to from a row of `t`: their table, what to select them from
    /// and under which conditions.
    pub(super) fn reached(&mut self, t: Table, id: RelationId) -> (Table, String, Vec<String>) {
        let way = self.way(t, id);
        let from = self.joined_tables(way.target, way.junction);
        let mut conditions = way.near;
        conditions.extend(way.conditions);
        (way.target, from, conditions)
    }

    fn joined_tables(&self, target: Table, junction: Option<(String, String)>) -> String {
        let target = self.name(target);
        match junction {
            None => target,
            Some((junction, on)) => format!("{junction} JOIN {target} ON {on}"),
        }
    }

    fn way(&mut self, t: Table, id: RelationId) -> Way {
        let relation = &self.catalog.relations[id];
        let target = self.table(relation.to);
        let mut near = Vec::new();
        let mut conditions = Vec::new();
        let junction = match &relation.link {
            Link::Direct { columns } => {
                let pairs = columns.iter().zip(&relation.from_columns);
                near.extend(pairs.map(|(&c, &f)| self.equal((target, c), (t, f))));
                conditions.push(self.joined(relation, None, target));
                None
            }
            Link::Through {
                junction,
                near: near_columns,
                far,
                columns,
            } => {
                let j = self.table(*junction);
                let pairs = near_columns.iter().zip(&relation.from_columns);
                near.extend(pairs.map(|(&c, &f)| self.equal((j, c), (t, f))));
                let on = columns.iter().zip(far);
                let on = on.map(|(&c, &f)| self.equal((target, c), (j, f)));
                let on = on.collect::<Vec<_>>().join(" AND ");
                match relation.condition {
                    Some(_) => conditions.push(self.joined(relation, Some(j), target)),
                    None => near.push(self.visible(j, Established::Nothing)),
                }
                Some((self.name(j), on))
            }
        };
        conditions.push(self.visible(target, self.established(id)));
        Way {
            target,
            junction,
            near,
            conditions,
        }
    }

    fn kind(&self, t: Table, ix: ColumnIx) -> &Kind {
        &self.entity(t).columns[ix].kind
    }

    /// The column in the type that its values are bound as.
    fn comparable(&self, t: Table, ix: ColumnIx) -> String {
        match self.kind(t, ix) {
            Kind::Other if self.dialect == Dialect::Postgres => {
                format!("{}::text", self.column(t, ix))
            }
            _ => self.key_column(t, ix),
        }
    }

    /// The column as what a key is compared with. What is money reads numbers by its locale, and rounds them.
    pub(super) fn key_column(&self, t: Table, ix: ColumnIx) -> String {
        let column = self.column(t, ix);
        match (self.dialect, self.kind(t, ix)) {
            (Dialect::Postgres, Kind::Decimal { money: true, .. }) => {
                format!("{column}::numeric")
            }
            _ => column,
        }
    }

    pub(super) fn collation(&self, kind: &Kind) -> &'static str {
        let text = matches!(kind, Kind::Text | Kind::Enum(_) | Kind::Other);
        if text && self.dialect == Dialect::Postgres {
            " COLLATE \"C\""
        } else {
            ""
        }
    }

    pub(super) fn bind(&mut self, value: BindValue) -> usize {
        self.values.push(value);
        self.first_value + self.values.len() - 1
    }

    /// How a column and a value are made comparable that are not as they are. No float is as far from another as
    /// decimals may be from each other: one that lies between floats is neither greater than these nor less.
    fn compared_form(&self, t: Table, ix: ColumnIx, ordered: Option<&KeyValue>) -> Option<Form> {
        if let Some(form) = self.other_form(t.entity, ix) {
            return Some(form);
        }
        match (self.dialect, self.kind(t, ix), ordered) {
            (Dialect::Sqlite, kind @ Kind::Decimal { .. }, Some(KeyValue::Text(text))) => {
                let decimal = Decimal::of_text(sqlite_text(kind, text).as_bytes());
                match decimal.and_then(|d| d.number()) {
                    Some(_) => None,
                    None => Form::of(kind),
                }
            }
            _ => None,
        }
    }

    /// A bind of SQLite's.
    fn bind_key(&mut self, kind: &Kind, value: &KeyValue) -> usize {
        self.bind(match value {
            KeyValue::Int(i) => BindValue::Int(*i),
            KeyValue::Text(text) => BindValue::Text(sqlite_text(kind, text)),
        })
    }

    fn value(&mut self, kind: &Kind, value: &KeyValue) -> String {
        match (value, self.dialect) {
            (KeyValue::Int(i), Dialect::Postgres) => {
                let n = self.bind(BindValue::Int(*i));
                format!("${n}")
            }
            (KeyValue::Text(text), Dialect::Postgres) => {
                let n = self.bind(BindValue::Text(text.clone()));
                postgres_value(kind, text, format!("${n}"))
            }
            (_, Dialect::Sqlite) => {
                let n = self.bind_key(kind, value);
                sqlite_value(kind, format!("?{n}"))
            }
        }
    }
}
