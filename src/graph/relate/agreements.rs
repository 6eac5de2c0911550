//! Keys of rows that agree with those of the rows that they refer to.

use super::Work;
use crate::graph::definition::{RelationKey, short};
use crate::graph::reflect::Made;
use crate::graph::writing::Agreement;
use crate::graph::{ColumnIx, EntityId, Link, Relation, RelationId};

impl Work<'_> {
    pub(super) fn agreements(&mut self) -> Vec<Agreement> {
        let graph = self.graph;
        let mut agreements = Vec::new();
        for (over, key) in &graph.writing.agreements {
            if self.entity_of(&over.table).is_none() {
                continue;
            }
            let found = self.agreement(over, key);
            let found = found.and_then(|found| match agreements.contains(&found) {
                true => Err("it is declared twice; leave one out".to_owned()),
                false => Ok(found),
            });
            match found {
                Ok(agreement) => agreements.push(agreement),
                Err(why) => {
                    let (over, key) = (&over.path, &key.path);
                    self.mistakes
                        .push(format!("`.agrees({over}, {key})`: {why}"));
                }
            }
        }
        agreements
    }

    fn agreement(&self, over: &RelationKey, key: &RelationKey) -> Result<Agreement, String> {
        let (way, here) = (self.holding(over)?, self.holding(key)?);
        let there = self.namesake(way, here, &key.variant)?;
        self.is_left(there)?;
        let (of_way, of_here) = (
            &self.relations[way].relation,
            &self.relations[here].relation,
        );
        let own = of_here.from_columns.clone();
        let theirs = columns_like(of_here, &self.relations[there].relation);
        let theirs = theirs.unwrap_or_default();
        // Whether what the row refers to is found by the very columns that are to agree.
        let is_given = own.iter().zip(&theirs).all(|pair| {
            let (from, to) = (&of_way.from_columns, target_columns(of_way));
            from.iter().zip(to).any(|of_way| of_way == pair)
        });
        if way == here || is_given {
            return Err(format!(
                "it holds by the key of `{}` itself; leave it out",
                over.path
            ));
        }
        Ok(Agreement {
            over: way,
            here,
            there,
            own,
            theirs,
        })
    }

    /// A relation whose key is its own rows'.
    fn holding(&self, key: &RelationKey) -> Result<RelationId, String> {
        let from = self.by_table.get(&key.table);
        let found = from.and_then(|&from| self.holding_of(from, &key.variant));
        let found = found.ok_or_else(|| {
            format!(
                "`{}` is none that holds a foreign key, without `on_condition`, of a type or a junction; name one that is",
                key.path
            )
        })?;
        let relation = &self.relations[found].relation;
        let raw = &self.graph.entities[relation.from].columns;
        let mut columns = relation.from_columns.iter().map(|&c| &raw[c]);
        match columns.find(|column| column.made == Made::Always) {
            None => self.is_left(found).map(|()| found),
            Some(column) => Err(format!(
                "the database makes every value of `{}`, and nobody is told when it changes; name a relation by other columns",
                column.name
            )),
        }
    }

    /// The same by the variant of an entity, or of a junction.
    fn holding_of(&self, from: EntityId, variant: &str) -> Option<RelationId> {
        let mut raw = self.graph.entities[from].relations.iter();
        let declared = &raw.find(|raw| raw.variant == variant)?.declared;
        self.relations.iter().position(|draft| {
            let relation = &draft.relation;
            let holds = relation.holds_key && relation.condition.is_none();
            holds && relation.from == from && relation.declared == *declared
        })
    }

    /// Whether nothing is put into the key of a relation by the way, where no input says anything of it.
    fn is_left(&self, id: RelationId) -> Result<(), String> {
        let relation = &self.relations[id].relation;
        let of = &self.catalog_entities[relation.from];
        let mut columns = relation.from_columns.iter();
        match columns.find(|&&column| of.writing.preset(column, false).is_some()) {
            None => Ok(()),
            Some(&column) => Err(format!(
                "`{}.{}` is put in whenever a row is changed, and so is changed by the way; put it in by `.on_create(…)` or `.by_default(…)` alone",
                of.table, of.columns[column].name
            )),
        }
    }

    /// The relation of what a way leads to that leads to the same rows as one of its own.
    fn namesake(
        &self,
        way: RelationId,
        here: RelationId,
        name: &str,
    ) -> Result<RelationId, String> {
        let here = &self.relations[here].relation;
        let target = self.relations[way].relation.to;
        let fits = |id: &RelationId| {
            let there = &self.relations[*id].relation;
            let holds = there.from == target && there.holds_key && there.condition.is_none();
            holds && there.to == here.to && columns_like(here, there).is_some()
        };
        let called = self.holding_of(target, name);
        if let Some(id) = called.filter(fits) {
            return Ok(id);
        }
        let all: Vec<RelationId> = (0..self.relations.len()).filter(fits).collect();
        let module = |entity: usize| short(&self.catalog_entities[entity].module);
        match all[..] {
            [id] => Ok(id),
            [] => Err(format!(
                "`{}` refers to no row of `{}` by the same columns, so there is nothing to compare with; declare a relation there, or leave this out",
                module(target),
                module(here.to)
            )),
            _ => Err(format!(
                "`{}` has several relations to `{}`, none of which is called `{name}`; call the one that is meant so",
                module(target),
                module(here.to)
            )),
        }
    }
}

/// The columns by which a relation leads to the same as another, in the order of that one's own; none if it does not.
fn columns_like(here: &Relation, there: &Relation) -> Option<Vec<ColumnIx>> {
    let (wanted, found) = (target_columns(here), target_columns(there));
    let place = |column: &ColumnIx| found.iter().position(|other| other == column);
    let columns = wanted.iter().map(|c| Some(there.from_columns[place(c)?]));
    columns
        .collect::<Option<Vec<_>>>()
        .filter(|_| wanted.len() == found.len())
}

fn target_columns(relation: &Relation) -> &[ColumnIx] {
    match &relation.link {
        Link::Direct { columns } => columns,
        Link::Through { .. } => &[],
    }
}
