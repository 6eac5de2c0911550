//! Random rules and principals. As in `generate`, bytes choose among what is possible, and where they end the first is
//! chosen: so less is hidden by fewer of them.

use std::collections::{BTreeMap, BTreeSet};

use backref::Graph;
use backref::graph::condition::{Compare, Quantifier};
use backref::graph::{Claim, Principal, Subject};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use proptest::collection::vec;
use proptest::prelude::*;

use super::rule::{ALWAYS, NEVER, Rule};
use super::tables::{Cell, Column, Kind, Link, Table, with_column};
use crate::generate::{ALIKE, AWKWARD, TIMES, key, unique_text};

/// The rules of a graph.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub rows: BTreeMap<Table, Rule>,
    pub columns: BTreeMap<(Table, &'static str), Rule>,
    /// Whose rows are seen only where those are that they belong to.
    pub through: BTreeSet<Table>,
    /// Whether posts are searched, so that everybody sees their words.
    pub search: bool,
}

pub fn rules() -> impl Strategy<Value = Rules> {
    let rows = vec(vec(any::<u8>(), 0..=40), Table::ALL.len());
    let columns = vec((any::<u8>(), vec(any::<u8>(), 0..=30)), 0..=5);
    let order = Just(Table::ALL.to_vec()).prop_shuffle();
    (rows, columns, order, 0..4_u8, any::<bool>()).prop_map(
        |(rows, columns, order, through, search)| {
            let mut rules = Rules {
                search,
                ..Rules::default()
            };
            // A rule looks at the visible rows of those before it, which look at none of its own.
            for (at, (table, bytes)) in order.iter().zip(&rows).enumerate() {
                let mut draw = Draw::new(bytes, &order[..at]);
                if draw.below(3) > 0 {
                    rules.rows.insert(*table, draw.rule(*table, 2, false));
                }
                let stands_with = table.through().map(|field| table.relation(field).to);
                if stands_with.is_some_and(|to| order[..at].contains(&to)) && through > 1 {
                    rules.through.insert(*table);
                }
            }
            for (choice, bytes) in &columns {
                let columns = Table::ALL.iter().flat_map(|&table| {
                    let hideable = table.columns().iter().filter(|c| c.can_be_hidden);
                    hideable.map(move |column| (table, column.name))
                });
                let is_searched = |(table, name): &(Table, &str)| {
                    search && *table == Table::Post && ["title", "body"].contains(name)
                };
                let columns: Vec<_> = columns.filter(|c| !is_searched(c)).collect();
                let column = columns[usize::from(*choice) % columns.len()];
                let mut draw = Draw::new(bytes, &order);
                let rule = match draw.below(24) {
                    1 => NEVER,
                    _ => draw.rule(column.0, 2, false),
                };
                rules.columns.insert(column, rule);
            }
            rules
        },
    )
}

impl Rules {
    /// The blog under these rules alone.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new()
            .entity(user::Entity)
            .entity(profile::Entity)
            .entity(post::Entity)
            .entity(tag::Entity)
            .entity(post_tag::Entity)
            .entity(comment::Entity)
            .entity(follow::Entity)
            .backref(comment::Relation::Parent, "replies")
            .through(follow::Relation::Follower, "followers")
            .through(follow::Relation::Followee, "following")
            .hide(user::Column::PasswordHash);
        for (&table, rule) in &self.rows {
            let rule = rule.clone();
            let rule = move |me: backref::graph::policy::Me<'_>, row| rule.declared(table, me, row);
            graph = match table {
                Table::User => graph.policy(user::Entity, rule),
                Table::Profile => graph.policy(profile::Entity, rule),
                Table::Post => graph.policy(post::Entity, rule),
                Table::Tag => graph.policy(tag::Entity, rule),
                Table::Comment => graph.policy(comment::Entity, rule),
                Table::PostTag => graph.policy(post_tag::Entity, rule),
                Table::Follow => graph.policy(follow::Entity, rule),
            };
        }
        for (&(table, name), rule) in &self.columns {
            let rule = rule.clone();
            let rule = move |me: backref::graph::policy::Me<'_>, row| rule.declared(table, me, row);
            graph = with_column!(table, name, c => graph.column_policy(c, rule));
        }
        for table in &self.through {
            graph = match table {
                Table::Comment => graph.visible_through(comment::Relation::Post),
                _ => graph.visible_through(profile::Relation::User),
            };
        }
        match self.search {
            true => graph.search(post::Entity, [post::Column::Title, post::Column::Body]),
            false => graph,
        }
    }
}

/// Claims that rules and principals know.
const CLAIMS: [&str; 3] = ["tenant", "team", "names"];
const ROLES: [&str; 4] = ["reader", "author", "admin", "nobody's"];

pub fn principal() -> impl Strategy<Value = Principal> {
    let claims = vec(prop::option::of(claim()), CLAIMS.len());
    let known = (0..10_usize, 0..6_usize, claims).prop_map(|(id, role, claims)| {
        let id = match id {
            8 => "nobody".to_owned(),
            9 => unique_text(0),
            id => key(id).to_string(),
        };
        let mut subject = Subject::new(id);
        subject.role = ROLES.get(role).map(|role| (*role).into());
        for (name, claim) in CLAIMS.iter().zip(claims) {
            if let Some(claim) = claim {
                subject = subject.with_claim(*name, claim);
            }
        }
        Principal::subject(subject)
    });
    prop_oneof![1 => Just(Principal::Anonymous), 4 => known]
}

fn claim() -> impl Strategy<Value = Claim> {
    let one = || {
        prop_oneof![
            3 => (0..8_usize).prop_map(|at| Claim::Integer(key(at))),
            1 => any::<bool>().prop_map(Claim::Boolean),
            2 => (0..ALIKE.len()).prop_map(|at| Claim::from(ALIKE[at])),
            1 => (0..6_usize).prop_map(|at| Claim::Text(unique_text(at).into())),
            1 => (0..TIMES.len()).prop_map(|at| Claim::from(TIMES[at])),
            1 => (0..ROLES.len()).prop_map(|at| Claim::from(ROLES[at])),
        ]
    };
    prop_oneof![2 => one(), 1 => vec(one(), 0..=4).prop_map(Claim::List)]
}

struct Draw<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Whose visible rows may be looked at.
    before: &'a [Table],
}

impl<'a> Draw<'a> {
    fn new(bytes: &'a [u8], before: &'a [Table]) -> Self {
        Draw {
            bytes: bytes.iter(),
            before,
        }
    }

    fn below(&mut self, number: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % number
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn rule(&mut self, table: Table, depth: usize, hidden: bool) -> Rule {
        let simple = depth == 0 || table.relations().is_empty();
        let inner = |draw: &mut Self| draw.rule(table, depth.saturating_sub(1), hidden);
        match self.below(if depth == 0 { 10 } else { 20 }) {
            0 => ALWAYS,
            1..=2 => self.compare(table),
            3 => Rule::In(self.column(table, |_| true).name, Vec::new()),
            4 => Rule::IsNull(self.column(table, |_| true).name),
            5..=6 => Rule::IsMe(self.key_or_any(table)),
            7 => Rule::Claim(self.key_or_any(table), self.pick(&CLAIMS)),
            8 => Rule::Among(self.key_or_any(table), self.pick(&CLAIMS)),
            9 => self.time(table),
            10..=11 => Rule::Any((0..self.below(2) + 2).map(|_| inner(self)).collect()),
            12 => Rule::All((0..self.below(2) + 2).map(|_| inner(self)).collect()),
            13 => Rule::Not(Box::new(inner(self))),
            14 => Rule::Role(self.pick(&ROLES), Box::new([inner(self), inner(self)])),
            15 => Rule::Anonymous(Box::new([inner(self), inner(self)])),
            _ if simple => self.compare(table),
            _ => self.related(table, depth, hidden),
        }
    }

    fn compare(&mut self, table: Table) -> Rule {
        let column = self.column(table, |_| true);
        if self.below(4) == 3 {
            let values = (0..self.below(3) + 1).map(|_| self.cell(column.kind));
            return Rule::In(column.name, values.collect());
        }
        let compares = [
            Compare::Ne,
            Compare::Eq,
            Compare::Lt,
            Compare::Lte,
            Compare::Gt,
            Compare::Gte,
        ];
        let compare = self.pick(&compares);
        Rule::Compare(column.name, compare, self.cell(column.kind))
    }

    fn time(&mut self, table: Table) -> Rule {
        if table.columns().iter().all(|c| c.kind != Kind::Time) {
            return self.compare(table);
        }
        let column = self.column(table, |kind| kind == Kind::Time).name;
        match self.below(3) {
            0 => Rule::IsFuture(column),
            _ => Rule::IsPast(column),
        }
    }

    fn related(&mut self, table: Table, depth: usize, hidden: bool) -> Rule {
        let relation = self.pick(table.relations());
        let mut looks_at = vec![relation.to];
        if let Link::Through(junction, ..) = relation.link {
            looks_at.push(junction);
        }
        let may = looks_at.iter().all(|table| self.before.contains(table));
        let hidden = hidden || !may || self.below(4) == 3;
        let quantifiers = [Quantifier::Some, Quantifier::None, Quantifier::Every];
        let quantifier = self.pick(&quantifiers);
        Rule::Related {
            field: relation.field,
            quantifier,
            hidden,
            rule: Box::new(self.rule(relation.to, depth - 1, hidden)),
        }
    }

    fn column(&mut self, table: Table, of: impl Fn(Kind) -> bool) -> Column {
        let columns = table.columns().iter().filter(|c| of(c.kind));
        let columns: Vec<Column> = columns.copied().collect();
        self.pick(&columns)
    }

    fn key_or_any(&mut self, table: Table) -> &'static str {
        let only_keys = self.below(4) > 0 && table.columns().iter().any(|c| c.kind == Kind::Key);
        self.column(table, |kind| !only_keys || kind == Kind::Key)
            .name
    }

    fn cell(&mut self, kind: Kind) -> Cell {
        match kind {
            Kind::Key => Cell::Int(key(self.below(8))),
            Kind::Int => Cell::Int([1, 2, 0, i64::from(i32::MAX)][self.below(4)]),
            Kind::Text => Cell::Text(match self.below(3) {
                0 => self.pick(&ALIKE).to_owned(),
                1 => self.pick(&AWKWARD).to_owned(),
                _ => unique_text(self.below(8)),
            }),
            Kind::Time => Cell::Time(self.pick(&TIMES).parse().expect("a time")),
            Kind::Enum(values) => Cell::Text(self.pick(&values).to_owned()),
        }
    }
}
