//! Rules as values: declared on a graph as applications do, and evaluated here one row at a time.

use backref::graph::condition::{Compare, Quantifier};
use backref::graph::policy::{self, Me};
use backref::graph::{Claim, Principal};
use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::seen::Reader;
use super::tables::{Cell, Kind, Row, Table, cell, related, with_column};

#[derive(Clone, Debug)]
pub enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Not(Box<Rule>),
    Compare(&'static str, Compare, Cell),
    In(&'static str, Vec<Cell>),
    IsNull(&'static str),
    IsMe(&'static str),
    Claim(&'static str, &'static str),
    /// One of the values of a claim.
    Among(&'static str, &'static str),
    IsPast(&'static str),
    IsFuture(&'static str),
    /// For nobody known, and for all others.
    Anonymous(Box<[Rule; 2]>),
    /// For this role, and for all others.
    Role(&'static str, Box<[Rule; 2]>),
    Related {
        field: &'static str,
        quantifier: Quantifier,
        /// Whether rows count that the reader may not see.
        hidden: bool,
        rule: Box<Rule>,
    },
}

pub const ALWAYS: Rule = Rule::All(Vec::new());
pub const NEVER: Rule = Rule::Any(Vec::new());

impl Rule {
    /// The rule as a graph is told it.
    pub fn declared(&self, table: Table, me: Me<'_>, row: policy::Row) -> policy::Rule {
        let inner = |rule: &Rule| rule.declared(table, me, row);
        match self {
            Rule::All(rules) => {
                let all = rules.iter().map(inner);
                all.fold(policy::Rule::ALWAYS, policy::Rule::and)
            }
            Rule::Any(rules) => {
                let all = rules.iter().map(inner);
                all.fold(policy::Rule::NEVER, policy::Rule::or)
            }
            Rule::Not(rule) => inner(rule).not(),
            Rule::Compare(name, compare, with) => {
                with_column!(table, name, c => row.compare(c, *compare, value(with)))
            }
            Rule::In(name, values) => {
                with_column!(table, name, c => row.is_in(c, values.iter().map(value)))
            }
            Rule::IsNull(name) => with_column!(table, name, c => row.is_null(c)),
            Rule::IsMe(name) => with_column!(table, name, c => me.is(c)),
            Rule::Claim(name, claim) => with_column!(table, name, c => me.claim(claim).is(c)),
            Rule::Among(name, claim) => with_column!(table, name, c => me.claim(claim).contains(c)),
            Rule::IsPast(name) => with_column!(table, name, c => row.is_past(c)),
            Rule::IsFuture(name) => with_column!(table, name, c => row.is_future(c)),
            Rule::Anonymous(rules) => inner(&rules[usize::from(!me.is_anonymous())]),
            Rule::Role(role, rules) => inner(&rules[usize::from(!me.has(*role))]),
            Rule::Related {
                field,
                quantifier,
                hidden,
                rule,
            } => {
                let to = table.relation(field).to;
                let row = match hidden {
                    true => row.with_hidden(),
                    false => row,
                };
                let rule = |row| rule.declared(to, me, row);
                match quantifier {
                    Quantifier::Some => row.some(field, rule),
                    Quantifier::None => row.none(field, rule),
                    Quantifier::Every => row.every(field, rule),
                }
            }
        }
    }

    /// Whether it holds for a row. What it compares is there, whatever the reader may see of it.
    pub fn holds(&self, reader: &Reader<'_>, row: Row) -> bool {
        self.holds_among(reader, row, false)
    }

    fn holds_among(&self, reader: &Reader<'_>, row: Row, all: bool) -> bool {
        let (data, me) = (reader.data, reader.principal);
        let here = |rule: &Rule| rule.holds_among(reader, row, all);
        let cell = |name: &str| cell(data, row, name);
        let kind = |name: &str| {
            let mut columns = row.0.columns().iter();
            columns.find(|c| c.name == name).expect("a column").kind
        };
        match self {
            Rule::All(rules) => rules.iter().all(here),
            Rule::Any(rules) => rules.iter().any(here),
            Rule::Not(rule) => !here(rule),
            Rule::Compare(name, compare, with) => cell(name).is_some_and(|own| match compare {
                Compare::Eq => own == *with,
                Compare::Ne => own != *with,
                Compare::Lt => own < *with,
                Compare::Lte => own <= *with,
                Compare::Gt => own > *with,
                Compare::Gte => own >= *with,
            }),
            Rule::In(name, values) => cell(name).is_some_and(|own| values.contains(&own)),
            Rule::IsNull(name) => cell(name).is_none(),
            Rule::IsMe(name) => {
                let id = me.known().and_then(|me| brought(kind(name), &me.id));
                id.is_some() && cell(name) == id
            }
            Rule::Claim(name, claim) => match claimed(me, claim) {
                Some(Claim::List(_)) | None => false,
                Some(one) => equals(cell(name), kind(name), one),
            },
            Rule::Among(name, claim) => match claimed(me, claim) {
                Some(Claim::List(items)) => {
                    let mut items = items.iter();
                    items.any(|item| equals(cell(name), kind(name), item))
                }
                Some(one) => equals(cell(name), kind(name), one),
                None => false,
            },
            Rule::IsPast(name) => matches!(cell(name), Some(Cell::Time(at)) if at <= Utc::now()),
            Rule::IsFuture(name) => matches!(cell(name), Some(Cell::Time(at)) if at > Utc::now()),
            Rule::Anonymous(rules) => here(&rules[usize::from(me.known().is_some())]),
            Rule::Role(role, rules) => here(&rules[usize::from(!has(me, role))]),
            Rule::Related {
                field,
                quantifier,
                hidden,
                rule,
            } => {
                let all = all || *hidden;
                let rows = related(data, row, row.0.relation(field)).into_iter();
                let mut rows = rows.filter(|(link, to)| {
                    all || (link.is_none_or(|link| reader.sees(link)) && reader.sees(*to))
                });
                let holds = |to| rule.holds_among(reader, to, all);
                match quantifier {
                    Quantifier::Some => rows.any(|(_, to)| holds(to)),
                    Quantifier::None => !rows.any(|(_, to)| holds(to)),
                    Quantifier::Every => rows.all(|(_, to)| holds(to)),
                }
            }
        }
    }

    /// Whether it holds for no row, as far as that can be known without any.
    pub fn is_never(&self, me: &Principal) -> bool {
        self.known(me) == Some(false)
    }

    fn known(&self, me: &Principal) -> Option<bool> {
        let any = |rules: &[Rule], is: bool| {
            let known: Vec<_> = rules.iter().map(|rule| rule.known(me)).collect();
            match known.contains(&Some(is)) {
                true => Some(is),
                false if known.contains(&None) => None,
                false => Some(!is),
            }
        };
        match self {
            Rule::All(rules) => any(rules, false),
            Rule::Any(rules) => any(rules, true),
            Rule::Not(rule) => rule.known(me).map(|holds| !holds),
            // Nobody is there to be it.
            Rule::IsMe(_) | Rule::Claim(..) | Rule::Among(..) if me.known().is_none() => {
                Some(false)
            }
            Rule::Anonymous(rules) => rules[usize::from(me.known().is_some())].known(me),
            Rule::Role(role, rules) => rules[usize::from(!has(me, role))].known(me),
            _ => None,
        }
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Int(number) => Value::BigInt(Some(*number)),
        Cell::Text(text) => Value::String(Some(text.clone())),
        Cell::Time(time) => Value::ChronoDateTimeUtc(Some(*time)),
    }
}

fn has(me: &Principal, role: &str) -> bool {
    me.known()
        .is_some_and(|me| me.role.as_deref() == Some(role))
}

fn claimed<'a>(me: &'a Principal, name: &str) -> Option<&'a Claim> {
    me.known()?.claims.get(name)
}

fn equals(cell: Option<Cell>, kind: Kind, claim: &Claim) -> bool {
    let text = match claim {
        Claim::Boolean(is) => is.to_string(),
        Claim::Integer(number) => number.to_string(),
        Claim::Text(text) => text.to_string(),
        Claim::List(_) => return false,
    };
    let brought = brought(kind, &text);
    brought.is_some() && cell == brought
}

/// What somebody brings along as a value of a column, if it is one.
fn brought(kind: Kind, text: &str) -> Option<Cell> {
    match kind {
        Kind::Key | Kind::Int => {
            let number: i64 = text.parse().ok()?;
            (number.to_string() == text).then_some(Cell::Int(number))
        }
        Kind::Text => Some(Cell::Text(text.to_owned())),
        Kind::Enum(values) => values.contains(&text).then(|| Cell::Text(text.to_owned())),
        Kind::Time => {
            let time = DateTime::parse_from_rfc3339(text).ok()?;
            Some(Cell::Time(time.to_utc()))
        }
    }
}
