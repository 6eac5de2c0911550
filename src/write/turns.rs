//! Turns at rows that several requests of this server change at a time: taken before a transaction begins, so that it neither waits
//! for another in a circle nor finds that its snapshot is old.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::unit::{Given, Key, Node, Origin, Units};
use crate::graph::Catalog;

/// As many rows can be waited for apart; two may share a place, which costs no more than their waiting for each other.
const PLACES: usize = 4096;

/// Whose turn it is, of all requests.
pub struct Turns {
    places: Vec<Arc<tokio::sync::Mutex<()>>>,
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
    /// The places of all rows that a request is to change, in an order that everybody waits in.
    fn places(&self, catalog: &Catalog, units: &Units) -> Vec<usize> {
        let places = units.nodes.iter();
        let places = places.filter_map(|node| self.place(catalog, node));
        let mut places: Vec<usize> = places.collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn place(&self, catalog: &Catalog, node: &Node) -> Option<usize> {
        let hash = match &node.origin {
            Origin::Found(found) if found.uses.update || found.uses.delete => match &found.key {
                Key::Is(key) => self.hash((node.entity, usize::MAX, key)),
                Key::Of(..) => return None,
            },
            Origin::NewUnless { unique, .. } | Origin::Upsert { unique, .. } => {
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

/// The turn of one request. Which rows somebody's own code writes is known only as it does: where nobody has his turn at
/// one, it is taken then, and nobody is waited for within a transaction. Where that is in another's way it is done again,
/// and its turn at all of them is waited for before.
pub struct Turn {
    turns: Arc<Turns>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// In order.
    places: Vec<usize>,
    taken: Vec<OwnedMutexGuard<()>>,
    /// Whether some place was not free when it was come to.
    lacks: bool,
}

impl Turn {
    pub fn new(turns: &Arc<Turns>) -> Self {
        Turn {
            turns: turns.clone(),
            held: Mutex::default(),
        }
    }

    /// Waits for all rows that are known to be changed.
    pub async fn take(&self, catalog: &Catalog, units: &Units) {
        let places = self.turns.places(catalog, units);
        let taken = self.wait(&places).await;
        *self.held() = Held {
            places,
            taken,
            lacks: false,
        };
    }

    /// Takes the turn at further rows where it is free.
    pub fn come_to(&self, catalog: &Catalog, units: &Units) {
        let mut held = self.held();
        for place in self.turns.places(catalog, units) {
            let Err(at) = held.places.binary_search(&place) else {
                continue;
            };
            held.places.insert(at, place);
            match self.turns.places[place].clone().try_lock_owned() {
                Ok(turn) => held.taken.push(turn),
                Err(_) => held.lacks = true,
            }
        }
    }

    /// Waits for the rows that were come to and were another's, before all is done again.
    pub async fn again(&self) {
        let places = {
            let mut held = self.held();
            if !held.lacks {
                return;
            }
            // Whoever waits holds nothing that comes later.
            held.taken.clear();
            held.lacks = false;
            held.places.clone()
        };
        let taken = self.wait(&places).await;
        self.held().taken = taken;
    }

    /// Lets others have theirs.
    pub fn end(&self) {
        *self.held() = Held::default();
    }

    async fn wait(&self, places: &[usize]) -> Vec<OwnedMutexGuard<()>> {
        let mut taken = Vec::with_capacity(places.len());
        for &place in places {
            taken.push(self.turns.places[place].clone().lock_owned().await);
        }
        taken
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
