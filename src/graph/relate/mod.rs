//! Completes a graph: resolves relations, derives backrefs and many-to-many fields, names everything,
//! and checks the result.

mod accounts;
mod agreements;
mod entities;
mod expressions;
mod fields;
mod inverses;
mod junctions;
mod linking;
mod own;
mod policies;
mod relations;
mod rules;
mod shapes;
mod types;
mod write_rules;
mod writing;

use std::collections::{HashMap, HashSet};

use super::definition::{Graph, GraphError, RelationKey};
use super::reflect::TableKey;
use super::{Catalog, Entity, EntityId, Relation, RelationId};

pub(super) fn complete(graph: Graph) -> Result<Catalog, GraphError> {
    let mut work = Work::new(&graph);
    work.entities();
    work.declared();
    work.backrefs();
    work.undeclared_keys();
    work.junctions();
    work.policies();
    work.descriptions();
    work.searches();
    work.nullability();
    work.fields();
    work.edge_types();
    let owns = work.own();
    work.writing();
    let agreements = work.agreements();
    let accounts = work.accounts();
    let pairs = work.pairs();
    work.check_mutations(&owns, &pairs);
    let classes = work.rules();
    work.unused_definitions();
    if work.mistakes.is_empty() {
        let by_type = work
            .catalog_entities
            .iter()
            .enumerate()
            .filter(|(_, e)| e.exposed)
            .map(|(id, e)| (e.type_name.clone(), id))
            .collect();
        Ok(Catalog {
            entities: work.catalog_entities,
            relations: work.relations.into_iter().map(|r| r.relation).collect(),
            accounts,
            pairs,
            agreements,
            owns,
            by_type,
            classes,
        })
    } else {
        Err(GraphError {
            mistakes: work.mistakes,
        })
    }
}

struct Work<'g> {
    graph: &'g Graph,
    by_table: HashMap<TableKey, EntityId>,
    catalog_entities: Vec<Entity>,
    relations: Vec<Draft>,
    by_key: HashMap<(EntityId, String), RelationId>,
    used: HashSet<RelationKey>,
    mistakes: Vec<String>,
}

/// A relation whose name may still be open.
struct Draft {
    relation: Relation,
    /// Where the field comes in its type: declared relations, then backrefs, then junctions.
    naming: Naming,
    /// The code points of a variant that is not written in GraphQL's letters, for where its name is taken.
    mark: Option<String>,
}

enum Naming {
    Given,
    /// An inverse that nobody named: `plain` unless several claim it, then `built`.
    Derived {
        plain: String,
        built: String,
        prefers_plain: bool,
    },
}

impl<'g> Work<'g> {
    fn new(graph: &'g Graph) -> Self {
        Work {
            graph,
            by_table: HashMap::new(),
            catalog_entities: Vec::new(),
            relations: Vec::new(),
            by_key: HashMap::new(),
            used: HashSet::new(),
            mistakes: Vec::new(),
        }
    }
}
