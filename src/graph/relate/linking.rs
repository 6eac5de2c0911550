//! What inputs can say of relations.

use std::collections::HashSet;

use heck::ToUpperCamelCase;

use super::Work;
use super::types::made_of;
use super::writing::needs_no_more;
use crate::graph::definition::RelationKey;
use crate::graph::names::{self, Named};
use crate::graph::writing::{Pair, Ways};
use crate::graph::{Cardinality, ColumnIx, Entity, EntityId, Kind, Link, Relation, RelationId};

/// What follows a relation's stem in the names of its input types.
const MADE_OF_STEMS: [&str; 6] = [
    "Link",
    "Create",
    "Update",
    "ConnectWith",
    "CreateWith",
    "EdgeInput",
];

impl Work<'_> {
    /// Which foreign keys a row's own input can give: others build on it.
    pub(super) fn linking(&mut self) {
        for id in 0..self.relations.len() {
            let relation = &self.relations[id].relation;
            if relation.holds_key && self.is_in_inputs(relation) {
                let columns = relation.from_columns.clone();
                let source = &self.catalog_entities[relation.from];
                let on_create = can_be_given(source, &columns);
                let on_update = can_be_changed(source, &columns);
                let linking = &mut self.relations[id].relation.linking;
                linking.on_create.connect = on_create;
                linking.on_update.connect = on_update;
            }
        }
    }

    fn is_in_inputs(&self, relation: &Relation) -> bool {
        relation.condition.is_none()
            && self.catalog_entities[relation.from].exposed
            && self.catalog_entities[relation.to].exposed
    }

    /// What can be done along each relation, and which entities have something to change then.
    pub(super) fn ways(&mut self) {
        for id in 0..self.relations.len() {
            let relation = &self.relations[id].relation;
            if !self.is_in_inputs(relation) {
                continue;
            }
            let ways = match (&relation.link, relation.cardinality) {
                (Link::Direct { .. }, _) if relation.holds_key => self.to_one(relation),
                (Link::Direct { columns }, Cardinality::One { .. }) => {
                    self.back_to_one(id, relation, columns)
                }
                (Link::Direct { columns }, Cardinality::Many) => {
                    self.back_to_many(id, relation, columns)
                }
                (Link::Through { junction, .. }, _) => self.through(relation, *junction),
            };
            let source = &self.catalog_entities[relation.from].writing.operations;
            let (creates, updates) = (source.create, source.update);
            let linking = &mut self.relations[id].relation.linking;
            let kept = |is_there: bool, ways: Ways| match is_there {
                true => ways,
                false => Ways::default(),
            };
            linking.on_create = kept(creates, ways.0);
            linking.on_update = kept(updates, ways.1);
        }
        self.changeable();
        self.stems();
    }

    fn to_one(&self, relation: &Relation) -> (Ways, Ways) {
        let source = &self.catalog_entities[relation.from];
        let target = &self.catalog_entities[relation.to].writing;
        let creates = target.operations.create;
        let ways = |connect: bool, disconnect: bool| Ways {
            connect,
            create: connect && creates,
            connect_or_create: connect && creates && !target.unique.is_empty(),
            disconnect: connect && disconnect,
            ..Ways::default()
        };
        let linking = &relation.linking;
        (
            ways(linking.on_create.connect, false),
            ways(
                linking.on_update.connect,
                is_nullable(source, &relation.from_columns),
            ),
        )
    }

    /// To the one row that holds the key.
    fn back_to_one(
        &self,
        id: RelationId,
        relation: &Relation,
        columns: &[ColumnIx],
    ) -> (Ways, Ways) {
        let target = &self.catalog_entities[relation.to];
        let operations = target.writing.operations;
        let create = operations.create && can_be_given(target, columns);
        let connect = operations.update && can_be_changed(target, columns);
        if !create && !connect {
            return Default::default();
        }
        let on_create = Ways {
            connect,
            create,
            connect_or_create: connect && create && !target.writing.unique.is_empty(),
            ..Ways::default()
        };
        // A row whose key can be null stays, and any other goes.
        let disconnect = match is_nullable(target, columns) {
            true => connect,
            false => operations.delete && self.is_owned(id, relation),
        };
        let on_update = Ways {
            disconnect,
            ..on_create
        };
        (on_create, on_update)
    }

    /// To the rows that hold the key.
    fn back_to_many(
        &self,
        id: RelationId,
        relation: &Relation,
        columns: &[ColumnIx],
    ) -> (Ways, Ways) {
        let target = &self.catalog_entities[relation.to];
        let operations = target.writing.operations;
        let on_create = Ways {
            connect: operations.update && can_be_changed(target, columns),
            create: operations.create && can_be_given(target, columns),
            ..Ways::default()
        };
        let disconnect = on_create.connect && is_nullable(target, columns);
        let parts = operations.delete && self.is_owned(id, relation);
        let on_update = Ways {
            disconnect,
            set: on_create.connect && (disconnect || parts),
            update: operations.update,
            delete: operations.delete,
            ..on_create
        };
        (on_create, on_update)
    }

    fn through(&self, relation: &Relation, junction: EntityId) -> (Ways, Ways) {
        let target = self.catalog_entities[relation.to].writing.operations;
        let junction = &self.catalog_entities[junction];
        let links = junction.writing.operations;
        let plain = links.create && needs_no_more(junction);
        let more = junction.edge_columns().any(|(_, c)| c.written.on_create);
        let on_create = Ways {
            connect: plain,
            create: plain && target.create,
            connect_with: links.create && more,
            create_with: links.create && more && target.create,
            ..Ways::default()
        };
        let on_update = Ways {
            disconnect: links.delete,
            set: plain && links.delete,
            update: target.update,
            delete: target.delete,
            ..on_create
        };
        (on_create, on_update)
    }

    fn is_owned(&self, id: RelationId, relation: &Relation) -> bool {
        let owner = &self.catalog_entities[relation.from];
        owner.writing.owned.contains(&id)
    }

    /// An entity can be changed where its input has a field: a column, a relation, or one to rows that can be changed.
    fn changeable(&mut self) {
        let has_column = |entity: &Entity| {
            let mut columns = entity.field_columns();
            columns.any(|(_, column)| column.written.on_update)
        };
        let entities = self.catalog_entities.iter();
        let mut changes: Vec<bool> = entities.map(has_column).collect();
        loop {
            let grows = self.relations.iter().find_map(|draft| {
                let relation = &draft.relation;
                let update = relation.linking.on_update.update && changes[relation.to];
                let ways = Ways {
                    update,
                    ..relation.linking.on_update
                };
                (ways.any() && !changes[relation.from]).then_some(relation.from)
            });
            match grows {
                Some(id) => changes[id] = true,
                None => break,
            }
        }
        for draft in &mut self.relations {
            let relation = &mut draft.relation;
            relation.linking.on_update.update &= changes[relation.to];
        }
        for (entity, changes) in self.catalog_entities.iter_mut().zip(changes) {
            // The links of a junction are not changed, but made and deleted.
            entity.writing.operations.update &= changes || !entity.exposed;
        }
    }

    /// What the names of a relation's input types begin with, so that none is that of another type.
    fn stems(&mut self) {
        let exposed = self.catalog_entities.iter().filter(|e| e.exposed);
        let mut taken: HashSet<String> = exposed.clone().flat_map(made_of).collect();
        taken.extend(exposed.map(Entity::changed_type));
        let columns = self.catalog_entities.iter().flat_map(|e| &e.columns);
        taken.extend(columns.filter_map(|c| match c.kind.single() {
            Kind::Enum(of) if !c.hidden => Some(of.type_name.clone()),
            _ => None,
        }));
        for draft in &self.relations {
            if draft.relation.edge_junction().is_some() {
                let stem = self.stem(&draft.relation);
                taken.extend(["Connection", "Edge"].map(|made| format!("{stem}{made}")));
            }
        }
        for id in 0..self.relations.len() {
            let linking = &self.relations[id].relation.linking;
            if !linking.on_create.any() && !linking.on_update.any() {
                continue;
            }
            let mut stem = self.stem(&self.relations[id].relation);
            while made_of_stem(&stem).any(|name| taken.contains(&name)) {
                stem.push('_');
            }
            taken.extend(made_of_stem(&stem));
            self.relations[id].relation.linking.stem = stem;
        }
    }

    fn stem(&self, relation: &Relation) -> String {
        let owner = &self.catalog_entities[relation.from].type_name;
        format!("{owner}{}", relation.name.to_upper_camel_case())
    }

    /// The mutations that relate whoever asks with others.
    pub(super) fn pairs(&mut self) -> Vec<Pair> {
        let graph = self.graph;
        let mut pairs = Vec::new();
        let mut taken = self.mutations();
        for (key, connect, disconnect) in &graph.writing.pairs {
            if graph.writing.no_mutations {
                continue;
            }
            let Some(relation) = self.related_by(key) else {
                self.mistakes.push(format!(
                    "`.pair({}, …)` needs a variant of a junction whose links can be made and deleted, need no columns of their own, and begin at a key of one column, which the id of whoever asks is",
                    key.path
                ));
                continue;
            };
            for name in [connect, disconnect] {
                let fault = match names::fault(name, Named::Field) {
                    None if !taken.insert(name.clone()) => Some("is another mutation already"),
                    fault => fault,
                };
                if let Some(fault) = fault {
                    let mistake = format!("`.pair({}, …)`: `{name}` {fault}", key.path);
                    self.mistakes.push(mistake);
                }
            }
            pairs.push(Pair {
                relation,
                connect: connect.clone(),
                disconnect: disconnect.clone(),
            });
        }
        pairs
    }

    /// The relation through a junction whose far end a variant is.
    fn related_by(&mut self, key: &RelationKey) -> Option<RelationId> {
        let junction = self.entity_of(&key.table)?;
        let raw = self.graph.entities[junction].relations.iter();
        let variant = raw.clone().find(|r| r.variant == key.variant)?;
        let of = &self.catalog_entities[junction];
        let names = |columns: &[ColumnIx]| -> Vec<String> {
            let columns = columns.iter();
            columns.map(|&c| of.columns[c].name.clone()).collect()
        };
        let found = self.relations.iter().position(|draft| {
            let relation = &draft.relation;
            let is_far = match &relation.link {
                Link::Through { far, .. } => names(far) == variant.from_columns,
                Link::Direct { .. } => false,
            };
            relation.edge_junction() == Some(junction) && is_far
        })?;
        let relation = &self.relations[found].relation;
        let operations = of.writing.operations;
        let fits = operations.create
            && operations.delete
            && needs_no_more(of)
            && relation.from_columns.len() == 1;
        fits.then_some(found)
    }

    /// The names of all mutations that are made of entities.
    fn mutations(&self) -> HashSet<String> {
        let exposed = self.catalog_entities.iter().filter(|e| e.exposed);
        let own = exposed.flat_map(|e| e.mutations());
        let own = own.map(|(name, _)| name);
        let accounts = ["signUp", "signIn"].map(str::to_owned);
        own.chain(accounts).collect()
    }
}

fn made_of_stem(stem: &str) -> impl Iterator<Item = String> {
    MADE_OF_STEMS
        .iter()
        .map(move |made| format!("{stem}{made}"))
}

/// Whether all of a key's columns can be given in a new row.
fn can_be_given(entity: &Entity, columns: &[ColumnIx]) -> bool {
    let mut columns = columns.iter().map(|&c| entity.columns[c].written);
    columns.all(|written| written.on_create)
}

fn can_be_changed(entity: &Entity, columns: &[ColumnIx]) -> bool {
    let mut columns = columns.iter().map(|&c| entity.columns[c].written);
    columns.all(|written| written.on_update)
}

fn is_nullable(entity: &Entity, columns: &[ColumnIx]) -> bool {
    columns.iter().any(|&c| entity.columns[c].nullable)
}
