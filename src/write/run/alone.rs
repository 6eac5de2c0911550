//! A row that is all of a field, and is only changed: by one statement that finds it, with what rules and versions say of it, and
//! what is read of it right behind.
//!
//! What is wrong is told as of every other row. Where the statement changes none, the row is looked for (`find`) to learn why; and
//! where the database will not have the row, it is not known whether one was meant that may be changed, so all is done again, and
//! looked for first.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::agreements;
use super::references;
use super::{Doubt, Stop, Writer};
use crate::graph::keys::KeyValue;
use crate::graph::rules::Visibility;
use crate::graph::{Catalog, ColumnIx, EntityId, Kind};
use crate::read::load::DatabaseError;
use crate::read::load::change::{Abort, Transaction};
use crate::read::sql::change::{Deed, Only, Task, Value};
use crate::write::unit::{Act, Given, Gives, Key, Node, NodeId, Uses};

/// Why a row that is alone was not changed.
#[derive(Debug)]
pub enum Alone {
    Stopped(Stop),
    /// The database would not have it; what is to be told is found by looking first.
    Unclear,
}

impl From<Stop> for Alone {
    fn from(stop: Stop) -> Self {
        Alone::Stopped(stop)
    }
}

/// Whether what the database would not have is of the row, and not of others or of the time.
fn unclear(error: DatabaseError) -> Alone {
    match error.is_timeout() || error.is_conflict() || error.is_unavailable() {
        true => Alone::Stopped(Abort::Database(error)),
        false => Alone::Unclear,
    }
}

/// Whether the key of a row is what its client says: others the database compares, and `ab` may be there as `AB`.
pub(super) fn is_exact(catalog: &Catalog, entity: EntityId) -> bool {
    let of = &catalog.entities[entity];
    let mut key = of.primary_key.iter();
    key.all(|&c| matches!(of.columns[c].kind, Kind::Int | Kind::BigInt | Kind::Uuid))
}

/// The row of a field that only changes one, and to which nothing must be known before.
pub fn alone(catalog: &Catalog, nodes: &[Node], act: &Act) -> Option<NodeId> {
    let [id] = act.nodes[..] else {
        return None;
    };
    let node = &nodes[id];
    let of = &catalog.entities[node.entity];
    let found = node.found()?;
    let only_changed = Uses {
        update: true,
        ..Uses::default()
    };
    let is_related = !found.within.is_empty()
        || !found.attached.is_empty()
        || found.detached
        || found.joined
        || !act.sets.is_empty();
    let is_named = matches!(found.key, Key::Is(_)) && is_exact(catalog, node.entity);
    // Lists are bound as parts of whole rows.
    let is_plain = |(column, given): &(ColumnIx, Given)| {
        matches!(given, Given::Is(_))
            && !of.primary_key.contains(column)
            && of.writing.version != Some(*column)
            && !matches!(of.columns[*column].kind, Kind::Array(_) | Kind::Other)
    };
    let is_alone = act.gives == Gives::One(id)
        && act.matching.is_none()
        && found.uses == only_changed
        && !is_related
        && !node.trusted
        && is_named
        && !node.changes.is_empty()
        && node.changes.iter().all(is_plain)
        // Hooks are to see it as it was, and to what keys lead is looked at before they are written.
        && of.writing.hooks.is_none()
        && references::plain_keys(catalog, node.entity, &node.changes, false).next().is_none()
        && agreements::of_node(catalog, node).is_empty();
    is_alone.then_some(id)
}

impl<T: Transaction> Writer<'_, T> {
    /// Whether a field is one row that is only changed, which then is known by its key. Where it follows from the values alone
    /// that it may not be so, it is looked for first: who may not see it is told no more than that.
    pub fn comes_alone(&mut self, act: usize) -> bool {
        let Some(id) = self.act(act).alone else {
            return false;
        };
        let node = self.node(id);
        let (entity, key) = (node.entity, node.named_key().cloned());
        let rule = self.rules.update(entity);
        if self.refuse_foregone(rule, entity, &[id], "").is_err() {
            return false;
        }
        let key: Vec<_> = key.into_iter().flatten().map(Some).collect();
        self.remember(id, &self.entity(entity).primary_key, &key);
        true
    }

    /// Changes the row of a field that comes alone, and gives what `read` reads of it.
    pub async fn change_alone<R>(
        &mut self,
        act: usize,
        read: impl Future<Output = R>,
    ) -> Result<R, Alone> {
        let of_act = self.act(act);
        let Some(id) = of_act.alone else {
            return Err(Alone::Unclear);
        };
        let node = self.node(id);
        let (entity, path) = (node.entity, node.path.to_string());
        let of = self.entity(entity);
        let mut columns: Vec<_> = node.changes.iter().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        let expected = node.found().and_then(|found| found.version.as_ref());
        let expected = expected.zip(of.writing.version);
        let (version, expected) = match expected {
            Some(((expected, _), column)) => (Some(column), Some(*expected)),
            None => (None, None),
        };
        let all = of.primary_key.iter().chain(&columns).chain(&version);
        let all: Vec<_> = all.copied().collect();
        let is = |value| Cow::Owned(Value::Is(value));
        let key = self.key(id).unwrap_or_default().into_iter().map(is);
        let given = columns.iter().map(|&column| self.given(id, column));
        let expected = expected.map(|version| is(KeyValue::Int(version)));
        let row = key.chain(given).chain(expected).collect();
        let rows = self.rows(entity, &all, [row]);
        let is_asked = |rule: &Visibility| *rule != Visibility::All;
        let update = is_asked(self.rules.update(entity)).then_some(Deed::Update);
        let given = columns.iter().filter(|&&column| {
            is_asked(self.rules.write_column(entity, column)) && self.is_given(id, column)
        });
        let deeds = given.map(|&column| Deed::Write(column));
        let deeds = update.into_iter().chain(deeds).collect();
        let task = Task::Update {
            entity,
            columns,
            grows: of.writing.version,
            only: Some(Only { deeds, version }),
        };
        let key = self.kept_as(task, &rows);
        let change = self.change(self.writing(&key), rows).map_err(unclear)?;
        // It is told before what is behind it.
        let told = self.ran.len();
        self.tell(&path, entity, Doubt::NONE, &change, 0, Duration::ZERO);
        let (on, started) = (self.on, Instant::now());
        // On the heap, as what waits for it is large.
        let behind = Box::pin(async {
            self.check(&[id]).await?;
            Ok::<_, Stop>(read.await)
        });
        let done = on.change_before(&change, behind).await;
        let (changed, read) = done.map_err(unclear)?;
        self.ran[told].ran.took = started.elapsed();
        if changed == 0 || self.dry {
            // Where it is there and may be changed after all, the database has done something else instead.
            self.doubt(id, Doubt::PERHAPS);
            self.left.insert(id);
            self.find(act).await?;
        }
        Ok(read?)
    }
}
