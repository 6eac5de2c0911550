//! From the rules that a graph declares to conditions by columns and relations, for each class of principals.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use sea_orm::Value;

use super::Work;
use crate::graph::condition::{Filter, Reach};
use crate::graph::keys::{KeyValue, NoValue, key_value};
use crate::graph::policy::{Declared, Me, Named, Row, Term};
use crate::graph::rules::{Class, Classes, Rules, Visibility};
use crate::graph::{ColumnIx, EntityId, FieldSource, Kind, Link, RelationId, orm};

impl Work<'_> {
    /// Asks every rule on behalf of every class of principals: nobody, and each role that some rule asks for.
    pub(super) fn rules(&mut self) -> Classes {
        self.columns_with_rules();
        self.write_rules_match();
        let asked = RefCell::new(BTreeSet::new());
        let mut classes = vec![Class::Anonymous, Class::Other];
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(class) = classes.get(next).cloned() {
            next += 1;
            let me = Me {
                class: &class,
                asked: &asked,
            };
            let rules = self.rules_of(me);
            found.push((class.clone(), rules));
            for role in asked.take() {
                let role = Class::Role(role);
                if !classes.contains(&role) {
                    classes.push(role);
                }
            }
        }
        self.circles(&found);
        Classes::new(found)
    }

    fn columns_with_rules(&mut self) {
        let keys = self.graph.column_policies.keys();
        let mut mistakes = Vec::new();
        for key in keys {
            let Some(entity) = self.by_table.get(&key.table) else {
                continue;
            };
            let of = &self.catalog_entities[*entity];
            let column = of.columns.iter().position(|c| c.name == key.column);
            if column.is_some_and(|c| of.primary_key.contains(&c)) {
                mistakes.push(format!(
                    "`.column_policy({key}, …)`: the primary key makes the ids of its rows; hide the rows with a `.policy(…)`"
                ));
            }
        }
        self.mistakes.extend(mistakes);
    }

    fn rules_of(&mut self, me: Me<'_>) -> Rules {
        let graph = self.graph;
        let mut rows = Vec::with_capacity(self.catalog_entities.len());
        let mut columns = HashMap::new();
        for entity in 0..self.catalog_entities.len() {
            let own = self.catalog_entities[entity].policy.rule.clone();
            let rules = graph.policies_of_all.iter().chain(&own);
            let all = rules.map(|rule| self.asked(entity, rule, me)).collect();
            rows.push(visibility(Filter::All(all)));
        }
        for (key, rule) in &graph.column_policies {
            let Some(&entity) = self.by_table.get(&key.table) else {
                continue;
            };
            let of = &self.catalog_entities[entity].columns;
            let Some(column) = of.iter().position(|c| c.name == key.column) else {
                continue;
            };
            let seen = visibility(self.asked(entity, rule, me));
            if seen != Visibility::All {
                columns.insert((entity, column), seen);
            }
        }
        Rules {
            rows,
            columns,
            writes: self.write_rules(me),
            written_columns: self.column_write_rules(me),
        }
    }

    pub(super) fn asked(&mut self, entity: EntityId, rule: &Declared, me: Me<'_>) -> Filter {
        let rule = rule(me, Row::new());
        self.filter(entity, rule.0).unwrap_or_else(|mistake| {
            let of = &self.catalog_entities[entity];
            let mistake = format!("a rule for {}: {mistake}", of.module);
            if !self.mistakes.contains(&mistake) {
                self.mistakes.push(mistake);
            }
            Filter::NEVER
        })
    }

    fn filter(&self, entity: EntityId, term: Term) -> Result<Filter, String> {
        let all = |terms: Vec<Term>| -> Result<Vec<Filter>, String> {
            terms.into_iter().map(|t| self.filter(entity, t)).collect()
        };
        Ok(match term {
            Term::All(terms) => Filter::All(all(terms)?),
            Term::Any(terms) => Filter::Any(all(terms)?),
            Term::Not(term) => Filter::Not(Box::new(self.filter(entity, *term)?)),
            Term::Compare(named, compare, value) => {
                let column = self.column(entity, &named)?;
                let value = self.constant(entity, column, value)?;
                Filter::Compare {
                    column,
                    compare,
                    value,
                }
            }
            Term::In(named, values) => {
                let column = self.column(entity, &named)?;
                let values = values.into_iter();
                let values = values.map(|value| self.constant(entity, column, value));
                Filter::In {
                    column,
                    negated: false,
                    values: values.collect::<Result<_, _>>()?,
                }
            }
            Term::IsNull(named) => Filter::IsNull {
                column: self.column(entity, &named)?,
                is: true,
            },
            Term::Mine(named, compare, value) => Filter::Mine {
                column: self.single(entity, &named)?,
                compare,
                value,
            },
            Term::AmongMine(named, value) => Filter::AmongMine {
                column: self.single(entity, &named)?,
                value,
            },
            Term::Related {
                field,
                quantifier,
                reach,
                rule,
            } => {
                let relation = self.relation(entity, &field)?;
                let to = self.relations[relation].relation.to;
                Filter::Related {
                    relation,
                    quantifier,
                    reach,
                    filter: Box::new(simplified(self.filter(to, *rule)?)),
                }
            }
        })
    }

    /// A column of one value, which is what principals bring along.
    fn single(&self, entity: EntityId, named: &Named) -> Result<ColumnIx, String> {
        let column = self.column(entity, named)?;
        let of = &self.catalog_entities[entity].columns[column];
        match of.kind {
            Kind::Array(_) | Kind::Json => Err(format!(
                "column `{}` holds lists or JSON, which equal nothing that somebody brings along; compare another column",
                of.name
            )),
            _ => Ok(column),
        }
    }

    fn column(&self, entity: EntityId, named: &Named) -> Result<ColumnIx, String> {
        let of = &self.catalog_entities[entity];
        let (name, is_its) = match named {
            Named::Called(name) => (name, true),
            Named::Column(key) => (&key.column, self.by_table.get(&key.table) == Some(&entity)),
        };
        let found = of.columns.iter().position(|c| c.name == *name);
        match (found, named) {
            (Some(column), _) if is_its => Ok(column),
            (_, Named::Column(key)) if !is_its => Err(format!(
                "column `{key}` is not of `{}`, whose rows it is about; name a column of these, or reach the others by a relation",
                of.table
            )),
            _ => Err(format!(
                "`{}` has no column `{name}`; give the entity another rule, or the table the column",
                of.table
            )),
        }
    }

    fn relation(&self, entity: EntityId, field: &str) -> Result<RelationId, String> {
        let of = &self.catalog_entities[entity];
        let mut own = (0..self.relations.len()).filter(|&r| {
            let relation = &self.relations[r].relation;
            relation.from == entity && relation.name == field
        });
        if let Some(relation) = own.next() {
            return Ok(relation);
        }
        let names = of.fields.iter().filter_map(|f| match f.source {
            FieldSource::Relation(_) => Some(format!("`{}`", f.name)),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        Err(format!(
            "`{}` has no relation `{field}`; its relations are {}",
            of.type_name,
            names.join(", ")
        ))
    }

    fn constant(
        &self,
        entity: EntityId,
        column: ColumnIx,
        value: Value,
    ) -> Result<KeyValue, String> {
        let of = &self.catalog_entities[entity].columns[column];
        let shown = format!("{value:?}");
        let text = text(value);
        let value = text.and_then(|text| key_value(&of.kind, &text).map_err(Some));
        value.map_err(|why| {
            let bounds = match why {
                Some(NoValue::Beyond(bounds)) => format!(": {bounds}"),
                _ => String::new(),
            };
            format!(
                "{shown} is no value of column `{}`{bounds}; to find nulls ask `is_null`",
                of.name
            )
        })
    }

    /// Rules that look at each other's visible rows have no end.
    fn circles(&mut self, classes: &[(Class, Rules)]) {
        for start in 0..self.catalog_entities.len() {
            let mut reached = BTreeSet::new();
            let mut open = vec![start];
            while let Some(entity) = open.pop() {
                for next in self.looks_at(entity, classes) {
                    if reached.insert(next) {
                        open.push(next);
                    }
                }
            }
            if reached.contains(&start) {
                let module = &self.catalog_entities[start].module;
                self.mistakes.push(format!(
                    "{module}: whether one of its rows is visible depends on which of its rows are; let a rule look at hidden rows, too, with `row.with_hidden()`"
                ));
            }
        }
    }

    /// The entities on whose visible rows the rule of an entity's rows looks.
    fn looks_at(&self, entity: EntityId, classes: &[(Class, Rules)]) -> BTreeSet<EntityId> {
        let mut found = BTreeSet::new();
        if let Some(through) = self.catalog_entities[entity].policy.through {
            found.insert(self.relations[through].relation.to);
        }
        for (_, rules) in classes {
            if let Visibility::Where(filter) = rules.rows(entity) {
                self.reached_by(filter, &mut found);
            }
        }
        found
    }

    fn reached_by(&self, filter: &Filter, found: &mut BTreeSet<EntityId>) {
        match filter {
            Filter::All(filters) | Filter::Any(filters) => {
                filters.iter().for_each(|f| self.reached_by(f, found));
            }
            Filter::Not(filter) => self.reached_by(filter, found),
            Filter::Related {
                relation,
                filter,
                reach,
                ..
            } => {
                let relation = &self.relations[*relation].relation;
                if *reach == Reach::Visible {
                    found.insert(relation.to);
                    if let Link::Through { junction, .. } = relation.link {
                        found.insert(junction);
                    }
                }
                self.reached_by(filter, found);
            }
            _ => {}
        }
    }
}

pub(super) fn visibility(filter: Filter) -> Visibility {
    match simplified(filter) {
        filter if filter == Filter::ALWAYS => Visibility::All,
        filter if filter == Filter::NEVER => Visibility::Nothing,
        filter => Visibility::Where(filter),
    }
}

/// Without what holds always or never.
fn simplified(filter: Filter) -> Filter {
    match filter {
        Filter::All(filters) => joined(filters, Filter::ALWAYS, Filter::NEVER, Filter::All),
        Filter::Any(filters) => joined(filters, Filter::NEVER, Filter::ALWAYS, Filter::Any),
        Filter::Not(inner) => match simplified(*inner) {
            inner if inner == Filter::ALWAYS => Filter::NEVER,
            inner if inner == Filter::NEVER => Filter::ALWAYS,
            inner => Filter::Not(Box::new(inner)),
        },
        filter => filter,
    }
}

fn joined(
    filters: Vec<Filter>,
    nothing: Filter,
    everything: Filter,
    join: impl Fn(Vec<Filter>) -> Filter,
) -> Filter {
    let filters = filters.into_iter().map(simplified);
    let mut some: Vec<_> = filters.filter(|f| *f != nothing).collect();
    if some.contains(&everything) {
        return everything;
    }
    match some.len() {
        1 => some.remove(0),
        _ => join(some),
    }
}

/// A value as the text that ids and conditions have of it; the error of null is without words.
pub(super) fn text(value: Value) -> Result<String, Option<NoValue>> {
    orm::text(&value).ok_or(None)
}
