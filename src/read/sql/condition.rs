//! `where` in SQL: relations as `EXISTS`, never as joins, so that no row is doubled.
//!
//! Texts compare and sort by their bytes on both databases (PostgreSQL's `COLLATE "C"`), enums by their
//! text. Where case does not count, the database folds both sides, by one expression (`folded`).

use super::list::literal;
use super::value::{can_be, postgres_value, postgres_values, sqlite_text, sqlite_value};
use super::visible::Rows;
use super::{BindValue, Dialect, Established, Form, Table, Writer};
use crate::graph::condition::{Compare, Filter, Mine, Quantifier, Reach, TextPart};
use crate::graph::keys::KeyValue;
use crate::graph::{ColumnIx, Kind, Link, RelationId, moment};
use crate::read::decimal::Decimal;

/// How PostgreSQL compares texts by their bytes.
const BY_BYTES: &str = " COLLATE \"C\"";

/// The way from a row along a relation.
struct Way {
    target: Table,
    rows: Rows,
    /// The junction it leads through, tied to the row, and how the target joins it.
    junction: Option<(Rows, String)>,
}

impl Writer<'_> {
    /// The condition that a row of `t` is asked for; its values become binds.
    pub(super) fn condition(&self, t: Table, filter: &Filter) -> String {
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
            Filter::Mine {
                column,
                compare,
                value,
            } => self.compare_brought(t, *column, *compare, value),
            Filter::AmongMine { column, value } => self.among_brought(t, *column, value),
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
                reach,
            } => self.related(t, *relation, *quantifier, filter, *reach),
        }
    }

    /// Of many the halves, as SQLite bounds how deep an expression is and reads a chain as a ladder.
    fn combined(&self, t: Table, filters: &[Filter], with: &str) -> String {
        if filters.len() > 8 {
            let (left, right) = filters.split_at(filters.len() / 2);
            let left = self.combined(t, left, with);
            return format!("({left}{with}{})", self.combined(t, right, with));
        }
        let parts: Vec<_> = filters.iter().map(|f| self.condition(t, f)).collect();
        format!("({})", parts.join(with))
    }

    fn compare(&self, t: Table, ix: ColumnIx, compare: Compare, value: &KeyValue) -> String {
        let operator = operator(compare);
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
            let value = self.bind_key(kind, value);
            return format!("{column} {operator} {}", form.bound(&value));
        }
        let mut column = self.comparable(t, ix);
        if ordered && self.dialect == Dialect::Postgres && matches!(kind, Kind::Enum(_)) {
            // A type of its own has no collation.
            column.push_str("::text");
        }
        let collate = if ordered { self.collation(kind) } else { "" };
        let value = self.value(kind, value);
        format!("{column}{collate} {operator} {value}")
    }

    /// The same with a value that whoever asks brings along.
    fn compare_brought(&self, t: Table, ix: ColumnIx, compare: Compare, value: &Mine) -> String {
        let (kind, operator) = (self.kind(t, ix), operator(compare));
        let brought = self.brought(kind, value);
        if let Some(form) = self.compared_form(t, ix, None) {
            let column = form.comparable(&self.column(t, ix));
            return format!("{column} {operator} {}", form.bound(&brought));
        }
        format!("{} {operator} {brought}", self.comparable(t, ix))
    }

    /// Compares with a time that lies between two of PostgreSQL's, which would round it.
    fn compare_between(&self, t: Table, ix: ColumnIx, compare: Compare, text: &str) -> String {
        let compare = match compare {
            Compare::Eq => return "FALSE".to_owned(),
            Compare::Ne => return format!("{} IS NOT NULL", self.column(t, ix)),
            Compare::Lt | Compare::Lte => Compare::Lte,
            Compare::Gt | Compare::Gte => Compare::Gt,
        };
        let before = KeyValue::Text(moment::whole_microseconds(text).into());
        self.compare(t, ix, compare, &before)
    }

    fn within(&self, t: Table, ix: ColumnIx, negated: bool, values: &[KeyValue]) -> String {
        let kind = &self.kind(t, ix).clone();
        let column = self.comparable(t, ix);
        let values = BindValue::list(kind.is_integer(), values, |text| match self.dialect {
            Dialect::Postgres => can_be(kind, text).then(|| text.into()),
            Dialect::Sqlite => Some(sqlite_text(kind, text).into()),
        });
        let texts = match &values {
            // What no value of the column can be is none of them.
            BindValue::Texts(texts) if texts.is_empty() && negated => {
                return format!("{column} IS NOT NULL");
            }
            BindValue::Texts(texts) => texts.clone(),
            _ => Vec::new(),
        };
        let (integers, bound) = (kind.is_integer(), self.bound(values));
        match self.dialect {
            Dialect::Postgres => {
                let array = match integers {
                    true => format!("{bound}::bigint[]"),
                    false => postgres_values(kind, &texts, bound),
                };
                match negated {
                    true => format!("{column} <> ALL({array})"),
                    false => format!("{column} = ANY({array})"),
                }
            }
            Dialect::Sqlite => {
                let not = if negated { "NOT " } else { "" };
                if let Some(form) = self.compared_form(t, ix, None) {
                    let (column, item) = (form.comparable(&column), form.bound("value"));
                    return format!("{column} {not}IN (SELECT {item} FROM json_each({bound}))");
                }
                let item = sqlite_value(kind, "value".to_owned());
                format!("{column} {not}IN (SELECT {item} FROM json_each({bound}))")
            }
        }
    }

    fn text(&self, t: Table, ix: ColumnIx, part: TextPart, fold: bool, text: &str) -> String {
        let mut column = self.comparable(t, ix);
        let mut and = String::new();
        if fold {
            // A cast would take the blanks of `char(n)` away, which are shown. Of null this makes an empty text.
            if self.dialect == Dialect::Postgres {
                and = format!(" AND {column} IS NOT NULL");
                column = format!("concat({column})");
            }
            column = self.folded(&column);
        } else if self.dialect == Dialect::Postgres && self.is_other(t.entity, ix) {
            // Only where it must be: an index for parts of texts is of the column's own collation.
            column.push_str(BY_BYTES);
        }
        let asked = |writer: &Self, bind: String| match (fold, writer.dialect) {
            // Once, not for each row.
            (true, Dialect::Postgres) => {
                format!("(SELECT {})", writer.folded(&format!("{bind}::text")))
            }
            (true, Dialect::Sqlite) => writer.folded(&bind),
            (false, _) => bind,
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
            return format!("{column} LIKE {}{and}", asked(self, format!("${n}")));
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
    /// after it, alike everywhere. ASCII, which then is folded alike everywhere, is folded byte by byte, in a fifth of
    /// the time.
    fn folded(&self, text: &str) -> String {
        match self.dialect {
            Dialect::Postgres => {
                let text = format!("{text} COLLATE");
                let mut dotless = format!("{text} \"default\"");
                for (from, to) in [("I", "i"), ("J", "j"), ("İ", "i"), ("Į", "į")] {
                    dotless = format!("replace({dotless}, '{from}', '{to}')");
                }
                format!(
                    "CASE WHEN {text} \"default\" ~ '[^[:ascii:]]' THEN replace(lower({dotless}), 'ς', 'σ') ELSE lower({text} \"C\") COLLATE \"default\" END"
                )
            }
            Dialect::Sqlite => format!("backref_fold({text})"),
        }
    }

    fn related(
        &self,
        t: Table,
        id: RelationId,
        quantifier: Quantifier,
        filter: &Filter,
        reach: Reach,
    ) -> String {
        let mut way = self.way(t, id, reach);
        way.rows = way.rows.only(self.is_first(t, id, reach, way.target));
        // PostgreSQL joins a plain EXISTS, and with some dozens of tables takes seconds to find an order.
        let apart = self.dialect == Dialect::Postgres && self.aliases.get() > 12;
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
        let rows = match way.junction {
            // Joined, the target is looked up for every row of the junction. Apart, PostgreSQL chooses
            // between that and finding the rows that meet the condition once.
            Some((junction, on)) if self.keyed && self.dialect == Dialect::Postgres => {
                let targets = way.rows.tied([on]).only(asked);
                junction.only(match apart {
                    true => targets.exist_apart(),
                    false => format!("{} IS TRUE", targets.exist(self.dialect)),
                })
            }
            Some((junction, on)) => junction.join(way.rows, &on).only(asked),
            None => way.rows.only(asked),
        };
        match apart {
            true => format!("{not}{}", rows.exist_apart()),
            false => format!("{not}{}", rows.exist(self.dialect)),
        }
    }

    /// The visible rows that a relation leads to from a row of `t`, and their table.
    pub(super) fn reached(&self, t: Table, id: RelationId) -> (Table, Rows) {
        self.reached_within(t, id, Reach::Visible)
    }

    /// The same, where a rule may look at hidden rows too.
    pub(super) fn reached_within(&self, t: Table, id: RelationId, reach: Reach) -> (Table, Rows) {
        let way = self.way(t, id, reach);
        let rows = match way.junction {
            None => way.rows,
            Some((junction, on)) => junction.join(way.rows, &on),
        };
        (way.target, rows)
    }

    fn way(&self, t: Table, id: RelationId, reach: Reach) -> Way {
        let relation = &self.catalog.relations[id];
        let target = self.table(relation.to);
        let rows = self.rows_of(target, self.established_within(id, reach));
        match &relation.link {
            Link::Direct { columns } => {
                let tied = self.all_equal((target, columns), (t, &relation.from_columns));
                let rows = rows.tied([tied, self.joined(relation, None, target)]);
                Way {
                    target,
                    rows,
                    junction: None,
                }
            }
            Link::Through {
                junction,
                near,
                far,
                columns,
            } => {
                let j = self.table(*junction);
                let established = match (relation.condition.is_some(), reach) {
                    // The junction is the source itself.
                    (true, _) | (_, Reach::All) => Established::Row,
                    (false, Reach::Visible) => Established::Nothing,
                };
                let tied = self.all_equal((j, near), (t, &relation.from_columns));
                let links = self.rows_of(j, established).tied([tied]);
                let on = self.all_equal((target, columns), (j, far));
                Way {
                    target,
                    rows: rows.tied([self.joined(relation, Some(j), target)]),
                    junction: Some((links, on)),
                }
            }
        }
    }

    fn kind(&self, t: Table, ix: ColumnIx) -> &Kind {
        &self.entity(t).column(ix).kind
    }

    /// The column in the type that its values are bound as.
    pub(super) fn comparable(&self, t: Table, ix: ColumnIx) -> String {
        match self.kind(t, ix) {
            Kind::Other if self.dialect == Dialect::Postgres => {
                format!("{}::text", self.column(t, ix))
            }
            _ => self.as_key(t, ix, self.column(t, ix)),
        }
    }

    /// The column as what a key is compared with. What is money reads numbers by its locale, and rounds them.
    pub(super) fn as_key(&self, t: Table, ix: ColumnIx, column: String) -> String {
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
            BY_BYTES
        } else {
            ""
        }
    }

    /// Binds a value, and gives the number of the bind.
    pub(super) fn bind(&self, value: BindValue) -> usize {
        let mut values = self.values.borrow_mut();
        values.push(value);
        self.first_value + values.len() - 1
    }

    /// The bind of a value. In a rule, which is the same for every request, it is a literal: an index may be for those
    /// rows alone.
    fn bound(&self, value: BindValue) -> String {
        if self.of_rule.get() {
            return literal(self.dialect, &value);
        }
        let n = self.bind(value);
        match self.dialect {
            Dialect::Postgres => format!("${n}"),
            Dialect::Sqlite => format!("?{n}"),
        }
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
    fn bind_key(&self, kind: &Kind, value: &KeyValue) -> String {
        self.bound(match value {
            KeyValue::Int(i) => BindValue::Int(*i),
            KeyValue::Text(text) => BindValue::Text(sqlite_text(kind, text).into()),
        })
    }

    fn value(&self, kind: &Kind, value: &KeyValue) -> String {
        match (value, self.dialect) {
            (KeyValue::Int(i), Dialect::Postgres) => self.bound(BindValue::Int(*i)),
            (KeyValue::Text(text), Dialect::Postgres) => {
                let bound = self.bound(BindValue::Text(text.clone()));
                postgres_value(kind, text, bound)
            }
            (_, Dialect::Sqlite) => sqlite_value(kind, self.bind_key(kind, value)),
        }
    }
}

fn operator(compare: Compare) -> &'static str {
    match compare {
        Compare::Eq => "=",
        Compare::Ne => "<>",
        Compare::Lt => "<",
        Compare::Lte => "<=",
        Compare::Gt => ">",
        Compare::Gte => ">=",
    }
}
