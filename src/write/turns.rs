//! Turns at rows that several requests of this server change at a time: taken before a transaction begins, so that it neither waits
//! for another in a circle nor finds that its snapshot is old.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::unit::{Given, Key, Node, Origin, Units};
use crate::graph::Catalog;

/// As many rows can be waited for apart; two may share a place, which costs no more than their waiting for each other.
const PLACES: usize = 4096;

/// Whose turn it is.
pub struct Turns {
    places: Vec<Arc<Mutex<()>>>,
    hasher: std::hash::RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Turns {
            places: (0..PLACES).map(|_| Arc::default()).collect(),
            hasher: std::hash::RandomState::new(),
        }
    }
}

impl Turns {
    /// Waits for all rows that a request is to change, in an order that everybody waits in.
    pub async fn take(&self, catalog: &Catalog, units: &Units) -> Vec<OwnedMutexGuard<()>> {
        let places = units.nodes.iter();
        let places = places.filter_map(|node| self.place(catalog, node));
        let mut places: Vec<usize> = places.collect();
        places.sort_unstable();
        places.dedup();
        let mut taken = Vec::with_capacity(places.len());
        for place in places {
            taken.push(self.places[place].clone().lock_owned().await);
        }
        taken
    }

    fn place(&self, catalog: &Catalog, node: &Node) -> Option<usize> {
        let hash = match &node.origin {
            Origin::Found(found) if found.uses.update || found.uses.delete => match &found.key {
                Key::Is(key) => self.hash((node.entity, usize::MAX, key)),
                Key::Of(_) => return None,
            },
            Origin::NewUnless { unique } | Origin::Upsert { unique, .. } => {
                let key = &catalog.entities[node.entity].writing.unique[*unique];
                let value = |column: &usize| {
                    let (_, given) = node.changes.iter().find(|(c, _)| c == column)?;
                    match given {
                        Given::Is(value) => Some(format!("{value:?}")),
                        Given::Of(..) => None,
                    }
                };
                let values: Vec<_> = key.columns.iter().map(value).collect();
                self.hash((node.entity, *unique, values))
            }
            _ => return None,
        };
        Some(hash as usize % PLACES)
    }

    fn hash(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }
}
