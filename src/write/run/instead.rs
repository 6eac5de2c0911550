//! Rows that are made unless they are there: they are inserted first, and what is there is found only then.
//!
//! An upsert is one statement wherever it need not be known which of the two it has done.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::agreements;
use super::find::{Question, questions};
use super::references;
use super::unwritten::told_as;
use super::{Doubt, Stop, Writer, holds, place};
use crate::error::{Code, Error};
use crate::graph::rules::{Rules, Visibility};
use crate::graph::{Catalog, ColumnIx, EntityId, Kind};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Deed, Find, Instead, Lock, Look, Task, Unless, Value};
use crate::write::order::{GroupKey, Operation};
use crate::write::unit::{Given, Node, NodeId, Origin, Uses};

/// Whether an upsert is one statement of the database's own, which does not tell whether it has made a row or changed one:
/// the same is asked of either then, and nothing else follows from it.
pub(super) fn is_at_once(
    catalog: &Catalog,
    rules: &Rules,
    id: NodeId,
    node: &Node,
    key: &GroupKey,
) -> bool {
    let entity = node.entity;
    let of = &catalog.entities[entity];
    let instead = node.instead();
    let mut written = node.changes.iter().chain(instead);
    // Lists are bound as parts of whole rows, and of what is made here nothing is known yet.
    let is_bound = |(column, given): &(ColumnIx, Given)| {
        let is_single = !matches!(of.columns[*column].kind, Kind::Array(_) | Kind::Other);
        is_single && !matches!(given, Given::Of(own, _) if *own == id)
    };
    // A row of which nothing is to change is not written, so that no trigger runs and no version grows.
    !instead.is_empty()
        && of.writing.hooks.is_none()
        && written.all(is_bound)
        // Nothing of it is written behind other rows, because they refer to each other.
        && node.changes.len() == key.columns.len()
        && references::plain_keys(catalog, entity, instead, false).next().is_none()
        // Where a key does not agree, it is told which of the two has given it.
        && agreements::of_node(catalog, node).is_empty()
        && rules.create(entity) == rules.update(entity)
        && asked(catalog, rules, node, true) == asked(catalog, rules, node, false)
}

/// What is written of a row that is there instead of a new one, but what is written behind, because rows refer to each other.
pub(super) fn changes<'n>(
    node: &'n Node,
    key: &'n GroupKey,
) -> impl Iterator<Item = &'n (ColumnIx, Given)> {
    let is_left = |column: &ColumnIx| {
        matches!(node.origin, Origin::NewUnless { .. })
            && node.changes.iter().any(|(c, _)| c == column)
            && !key.columns.contains(column)
    };
    let changes = node.instead().iter();
    changes.filter(move |(column, _)| !is_left(column))
}

/// Whether the one statement of an upsert may leave a row alone that is there: one that is not seen, or may not be changed.
pub(super) fn is_conditional(catalog: &Catalog, rules: &Rules, node: &Node) -> bool {
    let entity = node.entity;
    let of = &catalog.entities[entity];
    let is_masked = |column: &ColumnIx| *rules.column(entity, *column) != Visibility::All;
    let is_told_by_masked = match &node.origin {
        Origin::Upsert { unique, .. } => of.writing.unique[*unique].columns.iter().any(is_masked),
        _ => false,
    };
    *rules.rows(entity) != Visibility::All
        || of.policy.through.is_some()
        || is_told_by_masked
        || *rules.update(entity) != Visibility::All
        || !asked(catalog, rules, node, false).is_empty()
}

/// The columns of an upsert that are given, and not in every row may be: of a row that is made, or of one that is there.
fn asked(catalog: &Catalog, rules: &Rules, node: &Node, is_new: bool) -> BTreeSet<ColumnIx> {
    let writing = &catalog.entities[node.entity].writing;
    let written = match is_new {
        true => &node.changes,
        false => node.instead(),
    };
    let is_asked = |column: &ColumnIx| {
        let preset = writing.preset(*column, is_new);
        let is_given = preset.is_none_or(|preset| preset.replaceable);
        let rule = rules.write_column(node.entity, *column);
        is_given && matches!(rule, Visibility::Where(_))
    };
    let columns = written.iter().map(|(column, _)| *column);
    columns.filter(is_asked).collect()
}

impl<T: Transaction> Writer<'_, T> {
    /// Whether these rows to upsert are one, of one statement.
    pub(super) fn is_at_once(&self, key: &GroupKey, nodes: &[NodeId]) -> bool {
        let at_once = |&id: &NodeId| is_at_once(self.catalog, self.rules, id, self.node(id), key);
        nodes.len() == 1 && nodes.iter().all(at_once)
    }

    /// Makes a row, or changes the one that is there, by one statement.
    pub(super) async fn upsert(
        &mut self,
        key: &GroupKey,
        id: NodeId,
        unique: usize,
    ) -> Result<(), Stop> {
        let entity = key.entity;
        let of = self.entity(entity);
        let unique = &of.writing.unique[unique].columns;
        let node = self.node(id);
        let mut instead: Vec<_> = node.instead().iter().collect();
        instead.sort_unstable_by_key(|(column, _)| *column);
        let columns: Vec<_> = instead.iter().map(|(column, _)| *column).collect();
        let all = [&key.columns[..], &columns].concat();
        let made = key.columns.iter().map(|&c| self.given(id, c));
        let changed = instead.iter().map(|(_, given)| self.value(given));
        let rows = self.rows(entity, &all, [made.chain(changed).collect()]);
        let update = (*self.rules.update(entity) != Visibility::All).then_some(Deed::Update);
        let asked = asked(self.catalog, self.rules, node, false);
        let deeds = update.into_iter().chain(asked.into_iter().map(Deed::Write));
        let reads = self.reads(entity);
        let insert = Task::Insert {
            entity,
            columns: key.columns.clone(),
            unless: Unless::Changed(Instead {
                key: unique.clone(),
                columns,
                grows: of.writing.version,
                deeds: deeds.collect(),
            }),
            reads: reads.clone(),
        };
        let found = self.run(&[id], Doubt::NONE, insert, rows).await?;
        if let Some(row) = found.first() {
            self.remember(id, &reads, row);
            self.upserted.insert(id);
            // Where no database is asked, it may be left alone.
            if !(self.dry && is_conditional(self.catalog, self.rules, self.node(id))) {
                return Ok(());
            }
        }
        // There is one that is not seen, or may not be changed: which of them, and what is told of it, is asked of it. Else a
        // trigger has left it as it is.
        let told = self.ran.len();
        self.find_instead(key, unique, &[id]).await?;
        if !is_conditional(self.catalog, self.rules, self.node(id)) {
            // Nothing but a trigger leaves it alone.
            let looks = self.ran[told..].iter_mut();
            looks.for_each(|ran| ran.path = told_as(&ran.path));
        }
        Ok(())
    }

    /// Inserts rows unless they are there. A link then is what it is; other rows are found, and perhaps changed.
    pub(super) async fn insert_unless(
        &mut self,
        key: &GroupKey,
        nodes: Vec<NodeId>,
        unique: Option<usize>,
    ) -> Result<(), Stop> {
        let of = self.entity(key.entity);
        let columns = match unique {
            Some(unique) => &of.writing.unique[unique].columns,
            None => &of.primary_key,
        };
        let mut returned = self.reads(key.entity);
        returned.extend(
            columns
                .iter()
                .filter(|c| !returned.contains(c))
                .copied()
                .collect::<Vec<_>>(),
        );
        let rows = self.values(key.entity, &key.columns, &nodes);
        let insert = Task::Insert {
            entity: key.entity,
            columns: key.columns.clone(),
            unless: Unless::Taken(columns.clone()),
            reads: returned.clone(),
        };
        let doubt = self.doubt_of(&nodes);
        let found = self.run(&nodes, doubt, insert, rows).await?;
        let made = self.remember_by_key(columns, &returned, &nodes, found);
        // Where no database is asked, each of them may be there.
        let is_there = |id: &NodeId| self.dry || !made.contains(id);
        let there: Vec<_> = nodes.into_iter().filter(is_there).collect();
        if unique.is_none() {
            // It was linked already. Where that is hidden it is asked what a new link is, so that nothing tells of it.
            let seen = self.seen_links(key.entity, &there).await?;
            let hidden = there.iter().filter(|id| !seen.contains(id));
            self.linked.extend(hidden);
            seen.into_iter().for_each(|link| self.spare(link));
            return Ok(());
        }
        match there.is_empty() {
            true => Ok(()),
            false => {
                let changed = self.find_instead(key, columns, &there).await?;
                if matches!(key.operation, Operation::Upsert(_)) {
                    self.check_references_instead(&changed).await?;
                }
                self.update_instead(key, changed).await
            }
        }
    }

    /// Those of a junction's rows that whoever asks sees.
    async fn seen_links(
        &mut self,
        junction: EntityId,
        nodes: &[NodeId],
    ) -> Result<Vec<NodeId>, Stop> {
        let of = self.entity(junction);
        if !of.policy.can_hide() {
            return Ok(nodes.to_vec());
        }
        let find = Task::Find(Find {
            entity: junction,
            by: of.primary_key.clone(),
            look: Look {
                reads: Vec::new(),
                asks: Vec::new(),
                seen: true,
                lock: Lock::None,
            },
        });
        let rows = self.values(junction, &of.primary_key, nodes);
        let doubt = self.doubt_of(nodes).if_at_all(true);
        let found = self.run(nodes, doubt, find, rows).await?;
        let places = found.iter().map(|row| place(T::DIALECT, &row[0]));
        Ok(places.filter_map(|at| nodes.get(at).copied()).collect())
    }

    /// Finds the rows that were there by a unique key, and gives those that are to be changed.
    async fn find_instead(
        &mut self,
        key: &GroupKey,
        columns: &[ColumnIx],
        nodes: &[NodeId],
    ) -> Result<Vec<NodeId>, Stop> {
        let entity = key.entity;
        let of = self.entity(entity);
        let upserts = matches!(key.operation, Operation::Upsert(_));
        let written = nodes.iter().flat_map(|&id| self.node(id).instead());
        let written: Vec<_> = written.map(|(column, _)| *column).collect();
        let updates = upserts || !written.is_empty();
        let uses = Uses {
            update: updates,
            delete: false,
            connect: !upserts,
        };
        let mut questions = questions(
            self.catalog,
            self.rules,
            entity,
            uses,
            written.iter().copied(),
            &self.deletes,
        );
        // What they are is compared with what they are to be.
        let compared = if upserts { &[][..] } else { &written };
        questions.extend(self.masked(entity, compared));
        let asks: Vec<_> = questions.iter().map(Question::ask).collect();
        let mut reads = self.reads(entity);
        match upserts {
            true => {
                let changes = nodes.iter().flat_map(|&id| self.node(id).instead());
                let changes: Vec<_> = changes.cloned().collect();
                references::add_columns(self.catalog, entity, &changes, &mut reads);
            }
            false => reads.extend(written),
        }
        reads.sort_unstable();
        reads.dedup();
        let keys = nodes
            .iter()
            .map(|&id| columns.iter().map(|&c| self.given(id, c)).collect());
        let rows = self.rows(entity, columns, keys);
        let lock = if updates { Lock::Update } else { Lock::Share };
        let find = Task::Find(Find {
            entity,
            by: columns.to_vec(),
            look: Look {
                reads: reads.clone(),
                asks,
                seen: true,
                lock,
            },
        });
        let path = self.node(nodes[0]).path.to_string();
        let rows = self.statement(&path, Doubt::PERHAPS, find, rows).await?;
        let mut errors = Vec::new();
        let mut changed = Vec::new();
        let mut is_there = vec![false; nodes.len()];
        for row in rows {
            let at = place(T::DIALECT, &row[0]);
            let Some(&id) = nodes.get(at) else { continue };
            is_there[at] = true;
            if !self.dry {
                self.instead.insert(id);
            }
            self.remember(id, &reads, &row[1..]);
            let answers = &row[1 + reads.len()..];
            self.note_unseen(id, &questions, answers);
            let changes = upserts || self.is_changed_instead(key, id);
            if changes {
                changed.push(id);
            }
            let answers = questions.iter().zip(answers);
            let mut refused = answers.filter(|(_, answer)| !holds(answer));
            let refused = refused.find_map(|(question, _)| match question {
                Question::Connect => Some("refer to"),
                Question::Update if changes => Some("change"),
                Question::Write(column) if changes && self.is_given_instead(id, *column) => {
                    Some("change")
                }
                _ => None,
            });
            if let Some(does) = refused {
                let message = format!("you may not {does} the {} that is there", of.one());
                errors.push(self.forbidden(message, &self.node(id).path));
            }
        }
        let hidden = nodes
            .iter()
            .zip(&is_there)
            .filter(|(_, is_there)| !**is_there);
        let hidden: Vec<_> = hidden.map(|(&id, _)| id).collect();
        let of_hidden = hidden.iter().map(|&id| {
            let key = columns.iter().filter_map(|&c| self.plain(id, c));
            (key.collect(), self.node(id).path.to_string())
        });
        let of_hidden: Vec<(Vec<_>, String)> = of_hidden.collect();
        let unlocked = of_hidden.iter().map(|(key, path)| (key.clone(), &**path));
        self.refuse_unlocked_by(entity, columns, lock, unlocked.collect())
            .await?;
        self.refuse_foregone(self.rules.create(entity), entity, &hidden, "create")?;
        for (&id, is_there) in nodes.iter().zip(&is_there) {
            if !is_there {
                // It has the key and is not seen, so all that can be told is that the key is taken.
                errors.push(self.taken(id, columns));
            }
        }
        self.refuse(errors)?;
        Ok(changed)
    }

    /// Whether a row that was there is not yet as others are to have it: what they do again needs no leave.
    fn is_changed_instead(&self, key: &GroupKey, id: NodeId) -> bool {
        let changes = self.node(id).instead().iter();
        let mut given = changes.filter(|(column, _)| self.is_given_instead(id, *column));
        given.any(|(column, given)| {
            let known = self.known.get(&(id, *column)).cloned().flatten();
            // What is written last, because rows refer to each other, is not known here.
            let is_known = key.columns.contains(column);
            let is_seen = !self.unseen.contains(&(id, *column));
            !is_known || !is_seen || *self.value(given) != known.map_or(Value::Null, Value::Is)
        })
    }

    fn is_given_instead(&self, id: NodeId, column: ColumnIx) -> bool {
        let node = self.node(id);
        let is_preset = self.entity(node.entity).writing.preset(column, false);
        is_preset.is_none() && node.instead().iter().any(|(c, _)| *c == column)
    }

    async fn update_instead(&mut self, key: &GroupKey, nodes: Vec<NodeId>) -> Result<(), Stop> {
        let entity = key.entity;
        let mut groups: BTreeMap<Vec<ColumnIx>, Vec<(NodeId, Vec<Value>)>> = BTreeMap::new();
        for id in nodes {
            let changes = changes(self.node(id), key);
            let changes = changes.map(|(c, given)| (*c, self.value(given).into_owned()));
            let changes: Vec<_> = changes.collect();
            if changes.is_empty() {
                continue;
            }
            let mut changes = match self.hooks(entity) {
                None => changes,
                Some(hooks) => Box::pin(self.before_instead(hooks, id, changes)).await?,
            };
            if changes.is_empty() {
                continue;
            }
            changes.sort_unstable_by_key(|(column, _)| *column);
            let (columns, values) = changes.into_iter().unzip();
            groups.entry(columns).or_default().push((id, values));
        }
        for (columns, changes) in groups {
            let of = self.entity(entity);
            let all: Vec<_> = of.primary_key.iter().chain(&columns).copied().collect();
            let rows = changes.iter().map(|(id, values)| {
                let key = self.key(*id).unwrap_or_default().into_iter();
                let key = key.map(|part| Cow::Owned(Value::Is(part)));
                key.chain(values.iter().map(Cow::Borrowed)).collect()
            });
            let rows = self.rows(entity, &all, rows);
            let update = Task::Update {
                entity,
                columns: columns.clone(),
                grows: of.writing.version,
                only: None,
            };
            let nodes: Vec<_> = changes.iter().map(|(id, _)| *id).collect();
            self.update_rows(&nodes, Doubt::PERHAPS, update, rows)
                .await?;
            if self.dry {
                continue;
            }
            for (id, values) in changes {
                // It was changed, and not made.
                self.updated.insert(id);
                for (&column, value) in columns.iter().zip(values) {
                    if let Some(known) = self.known.get_mut(&(id, column)) {
                        *known = match value {
                            Value::Is(value) => Some(value),
                            Value::Null | Value::List(_) => None,
                        };
                    }
                }
            }
        }
        Ok(())
    }

    fn taken(&self, id: NodeId, columns: &[ColumnIx]) -> Error {
        let node = self.node(id);
        let of = self.entity(node.entity);
        let field = columns
            .first()
            .map_or("", |&c| of.columns[c].field.as_str());
        let message = format!("this `{field}` is taken; choose another");
        let place = match columns.first() {
            Some(&column) => node.place_of(of, column),
            None => node.path.to_string(),
        };
        Error::new(Code::Conflict, message).of_field(place)
    }
}
