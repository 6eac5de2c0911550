//! Rows that are named: whether they are there, and what the rules say of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sea_orm::sea_query::ForeignKeyAction;

use super::held::{self, Deletes};
use super::references;
use super::{Doubt, Stop, Writer, holds, place};
use crate::error::{Code, Error};
use crate::graph::keys::KeyValue;
use crate::graph::rules::{Rules, Visibility};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId, ForeignKey, Link};
use crate::read::load::change::{Given as Row, Transaction};
use crate::read::sql::change::{Ask, BoundRows, Deed, Find, Lock, Look, Task, Value};
use crate::write::unit::{Found, Given, Key, Matching, Node, NodeId, Origin, Uses};

/// A question to a row, and what it is for.
pub(super) enum Question<'c> {
    Update,
    Delete,
    Connect,
    Write(ColumnIx),
    /// Whether the value of this column is seen.
    Sees(ColumnIx),
    /// Rows refer to it, of which whoever asks sees some, or none.
    Held {
        from: EntityId,
        key: &'c ForeignKey,
        seen: bool,
    },
}

/// Rows of an entity that are named, and how they are found.
pub(super) struct Finding<'c> {
    pub named: Vec<(Vec<KeyValue>, NodeId)>,
    questions: Vec<Question<'c>>,
    pub find: Find,
}

impl Question<'_> {
    pub(super) fn ask(&self) -> Ask {
        match self {
            Question::Update => Ask::May(Deed::Update),
            Question::Delete => Ask::May(Deed::Delete),
            Question::Connect => Ask::May(Deed::Connect),
            Question::Write(column) => Ask::May(Deed::Write(*column)),
            Question::Sees(column) => Ask::Sees(*column),
            Question::Held { from, key, seen } => Ask::Referred {
                from: *from,
                columns: key.columns.clone(),
                to_columns: key.to_columns.clone(),
                seen: *seen,
                other: true,
            },
        }
    }
}

/// What is to be known of the rows of an entity that are used so. Where nobody like whoever asks may do it, the answer is no for
/// each row: what that is perhaps not done to any is known only then.
pub(super) fn questions<'c>(
    catalog: &'c Catalog,
    rules: &Rules,
    entity: EntityId,
    uses: Uses,
    written: impl IntoIterator<Item = ColumnIx>,
    deletes: &Deletes,
) -> Vec<Question<'c>> {
    let mut questions = Vec::new();
    for (wanted, rule, question) in [
        (uses.update, rules.update(entity), Question::Update),
        (uses.delete, rules.delete(entity), Question::Delete),
        (uses.connect, rules.connect(entity), Question::Connect),
    ] {
        if wanted && *rule != Visibility::All {
            questions.push(question);
        }
    }
    let mut written: Vec<_> = written.into_iter().collect();
    written.sort_unstable();
    written.dedup();
    for column in written {
        if *rules.write_column(entity, column) != Visibility::All {
            questions.push(Question::Write(column));
        }
    }
    if uses.delete {
        let held =
            restricting(catalog, entity).filter(|(from, _)| !deletes.may_take(entity, *from));
        questions.extend(
            held.flat_map(|(from, key)| {
                [true, false].map(|seen| Question::Held { from, key, seen })
            }),
        );
    }
    questions
}

/// The keys of other rows that keep a row of an entity from being deleted.
pub(super) fn restricting(
    catalog: &Catalog,
    entity: EntityId,
) -> impl Iterator<Item = (EntityId, &ForeignKey)> {
    referring(catalog, entity).filter(|(_, key)| {
        !matches!(
            key.on_delete,
            Some(ForeignKeyAction::Cascade | ForeignKeyAction::SetNull)
        )
    })
}

/// The keys that refer to rows of an entity.
pub(super) fn referring(
    catalog: &Catalog,
    entity: EntityId,
) -> impl Iterator<Item = (EntityId, &ForeignKey)> {
    let entities = catalog.entities.iter().enumerate();
    entities
        .flat_map(|(from, of)| of.foreign_keys.iter().map(move |key| (from, key)))
        .filter(move |(_, key)| key.to == entity)
}

impl<'a, T: Transaction> Writer<'a, T> {
    /// Finds the rows that a field names, and refuses what may not be done to them.
    pub async fn find(&mut self, act: usize) -> Result<(), Stop> {
        self.matching.clear();
        self.unjoinable.clear();
        self.deferred.clear();
        self.parted.clear();
        self.ahead = None;
        let of_act = self.act(act);
        self.deletes = Deletes::of(self.catalog, &self.units.nodes, of_act);
        let mut by_entity: BTreeMap<EntityId, Vec<(Vec<KeyValue>, NodeId)>> = BTreeMap::new();
        for &id in &of_act.nodes {
            let Some(found) = self.node(id).found() else {
                continue;
            };
            let key = match &found.key {
                Key::Is(key) => Some(key.clone()),
                Key::Of(made, _) => self.key(*made),
            };
            let entity = self.node(id).entity;
            by_entity
                .entry(entity)
                .or_default()
                .push((key.unwrap_or_default(), id));
        }
        let named = by_entity.into_iter().map(|(entity, mut named)| {
            // Locks are taken in the order of keys, by everybody.
            named.sort_by(|a, b| order_of(&a.0).cmp(&order_of(&b.0)));
            self.finding(entity, named)
        });
        let findings: Vec<_> = named.collect();
        let found = self.find_all(act, &findings).await?;
        // All that is wrong with them is told at once.
        let mut errors = Vec::new();
        for (finding, rows) in findings.iter().zip(found) {
            let (refused, missing) = self.note_found(finding, rows);
            errors.extend(refused);
            self.refuse_unlocked(finding, &missing).await?;
            errors.extend(missing.into_iter().flat_map(|id| self.absent(id)));
        }
        self.refuse(errors)?;
        self.check_relations(act).await?;
        self.find_members(act).await?;
        self.check_references(act).await?;
        if let Some(matching) = &of_act.matching {
            self.find_matching(act, matching).await?;
        }
        Ok(())
    }

    /// What finds the rows of an entity that are named.
    fn finding(&self, entity: EntityId, named: Vec<(Vec<KeyValue>, NodeId)>) -> Finding<'a> {
        let of = self.entity(entity);
        let uses = named.iter().filter_map(|(_, id)| self.node(*id).found());
        let uses = uses.fold(Uses::default(), |all, found| Uses {
            update: all.update | found.uses.update,
            delete: all.delete | found.uses.delete,
            connect: all.connect | found.uses.connect | found.joined,
        });
        let written = named
            .iter()
            .flat_map(|(_, id)| self.node(*id).changes.iter().map(|(c, _)| *c));
        let written: Vec<_> = written.collect();
        let mut questions = questions(
            self.catalog,
            self.rules,
            entity,
            uses,
            written,
            &self.deletes,
        );
        let more = self.compared(entity, &named);
        questions.extend(self.masked(entity, &more));
        let mut reads = match uses.delete {
            true => self.keys_of(entity),
            false => self.reads(entity),
        };
        reads.extend(
            more.into_iter()
                .filter(|c| !reads.contains(c))
                .collect::<Vec<_>>(),
        );
        let hides = self.catalog.entities[entity].policy.can_hide();
        let lock = match uses {
            _ if self.locks_itself(&named) => Lock::None,
            Uses { update: true, .. } | Uses { delete: true, .. } => Lock::Update,
            _ if hides || !questions.is_empty() => Lock::Share,
            _ => Lock::None,
        };
        let find = Find {
            entity,
            by: of.primary_key.clone(),
            look: Look {
                reads,
                asks: questions.iter().map(Question::ask).collect(),
                seen: true,
                lock,
            },
        };
        Finding {
            named,
            questions,
            find,
        }
    }

    /// Finds all rows of a field that are named, and may write the first that it makes: what refuses any of them takes that back.
    async fn find_all(
        &mut self,
        act: usize,
        findings: &[Finding<'_>],
    ) -> Result<Vec<Vec<Row>>, Stop> {
        let ahead = match findings.is_empty() {
            true => None,
            false => self.ahead_of(act),
        };
        let mut all = Vec::with_capacity(findings.len());
        if ahead.is_none() && (findings.len() < 2 || self.dry) {
            for finding in findings {
                let (path, doubt) = self.place_of_finding(finding);
                let rows = self.bound_to_find(finding);
                let find = Task::Find(finding.find.clone());
                all.push(self.statement(&path, doubt, find, rows).await?);
            }
            return Ok(all);
        }
        let mut changes = Vec::with_capacity(findings.len() + 1);
        for finding in findings {
            let rows = self.bound_to_find(finding);
            let key = self.kept_as(Task::Find(finding.find.clone()), &rows);
            changes.push(self.change(self.writing(&key), rows)?);
        }
        if let Some(ahead) = ahead {
            changes.push(self.change_ahead(act, ahead)?);
        }
        let started = Instant::now();
        let done = self.on.change_all(&changes).await;
        let took = started.elapsed();
        let own = ahead.map(|id| (self.node(id).path.to_string(), self.node(id).entity));
        let places = findings.iter().map(|finding| {
            let (path, _) = self.place_of_finding(finding);
            (path, finding.find.entity)
        });
        let places: Vec<_> = places.chain(own).collect();
        for (((path, entity), change), done) in places.into_iter().zip(&changes).zip(done) {
            let rows = done.as_ref().map_or(0, Vec::len);
            self.tell(&path, entity, Doubt::NONE, change, rows, took);
            match ahead {
                Some(id) if all.len() == findings.len() => self.ahead = Some((id, done)),
                _ => all.push(done?),
            }
        }
        Ok(all)
    }

    fn place_of_finding(&self, finding: &Finding<'_>) -> (String, Doubt) {
        let nodes = finding.named.iter().map(|(_, id)| *id);
        let nodes: Vec<_> = nodes.collect();
        let path = nodes.first().map(|&id| self.node(id).path.to_string());
        (path.unwrap_or_default(), self.doubt_of(&nodes))
    }

    fn bound_to_find(&self, finding: &Finding<'_>) -> BoundRows {
        let keys = finding.named.iter().map(|(key, _)| {
            let parts = key.iter().cloned();
            parts.map(|part| Cow::Owned(Value::Is(part))).collect()
        });
        self.rows(finding.find.entity, &finding.find.by, keys)
    }

    /// Takes note of what was found, and gives what is wrong with it, and what is missing.
    fn note_found(&mut self, finding: &Finding<'_>, rows: Vec<Row>) -> (Vec<Error>, Vec<NodeId>) {
        let Finding {
            named,
            questions,
            find,
        } = finding;
        let reads = &find.look.reads;
        let mut errors = Vec::new();
        let mut is_there = vec![false; named.len()];
        for row in rows {
            let at = place(T::DIALECT, &row[0]);
            let Some((_, id)) = named.get(at) else {
                continue;
            };
            is_there[at] = true;
            self.remember(*id, reads, &row[1..]);
            let answers = &row[1 + reads.len()..];
            self.note_unseen(*id, questions, answers);
            if self.node(*id).found().is_some_and(|found| found.joined) {
                let mut asked = questions.iter().zip(answers);
                if asked.any(|(q, answer)| matches!(q, Question::Connect) && !holds(answer)) {
                    self.unjoinable.insert(*id);
                }
            }
            let refused = self.refusals(*id, questions, answers);
            match self.is_perhaps_idle(*id) {
                true => self.deferred.extend(refused.into_iter().map(|e| (*id, e))),
                false => errors.extend(refused),
            }
        }
        let missing = named.iter().zip(is_there);
        let missing = missing.filter(|(_, is_there)| !is_there);
        (errors, missing.map(|((_, id), _)| *id).collect())
    }

    /// Whether what is found is one row that is changed in any case. Its update locks it, and fails if somebody has
    /// changed it since it was looked at; so it need not be locked before.
    fn locks_itself(&self, named: &[(Vec<KeyValue>, NodeId)]) -> bool {
        let [(_, id)] = named else {
            return false;
        };
        let node = self.node(*id);
        let is_left = |found: &Found| {
            let related = found.within.iter().chain(&found.attached);
            found.uses.connect || found.joined || found.detached || related.count() > 0
        };
        let is_changed =
            node.is_written() && !node.found().is_some_and(is_left) && !self.left.contains(id);
        // Hooks may leave it as it is, and are to see it as it stays.
        is_changed && self.hooks(node.entity).is_none()
    }

    /// The columns that are compared of rows which are found: their version, and their keys in relations.
    fn compared(&self, entity: EntityId, named: &[(Vec<KeyValue>, NodeId)]) -> Vec<ColumnIx> {
        let mut columns = Vec::new();
        for (_, id) in named {
            let node = self.node(*id);
            let keys = references::plain_keys(self.catalog, entity, &node.changes, false);
            columns.extend(keys.flat_map(|key| &key.columns));
            let Some(found) = node.found() else { continue };
            if found.version.is_some() {
                columns.extend(self.entity(entity).writing.version);
            }
            for within in found.within.iter().chain(&found.attached) {
                if let Link::Direct { columns: key } = &self.catalog.relations[within.relation].link
                {
                    columns.extend(key);
                }
            }
        }
        // Parents are compared with, too.
        for relation in &self.catalog.relations {
            if relation.from == entity {
                columns.extend(&relation.from_columns);
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Asks which of the columns that are compared whoever asks sees: by a value that is hidden from him no row is in a
    /// relation, so that nothing tells him whether it is.
    pub(super) fn masked<'c>(&self, entity: EntityId, compared: &[ColumnIx]) -> Vec<Question<'c>> {
        let is_masked = |column: &ColumnIx| *self.rules.column(entity, *column) != Visibility::All;
        let columns = compared.iter().copied().filter(is_masked);
        columns.map(Question::Sees).collect()
    }

    pub(super) fn note_unseen(
        &mut self,
        id: NodeId,
        questions: &[Question<'_>],
        answers: &[Option<KeyValue>],
    ) {
        for (question, answer) in questions.iter().zip(answers) {
            if let (Question::Sees(column), false) = (question, holds(answer)) {
                self.unseen.insert((id, *column));
            }
        }
    }

    pub(super) fn refusals(
        &self,
        id: NodeId,
        questions: &[Question<'_>],
        answers: &[Option<KeyValue>],
    ) -> Vec<Error> {
        let node = self.node(id);
        let of = self.entity(node.entity);
        let Some(found) = node.found() else {
            return Vec::new();
        };
        let mut errors = Vec::new();
        let mut held: Option<(bool, String)> = None;
        for (question, answer) in questions.iter().zip(answers) {
            let holds = holds(answer);
            let refused = match question {
                Question::Update if found.uses.update && !holds => "change",
                Question::Delete if found.uses.delete && !holds => "delete",
                Question::Connect if found.uses.connect && !holds => "refer to",
                Question::Write(column) if !holds => {
                    if self.is_given(id, *column) {
                        let field = &of.columns[*column].field;
                        let message = format!("you may not write `{field}` of this {}", of.one());
                        errors.push(self.forbidden(message, &node.place_of(of, *column)));
                    }
                    continue;
                }
                Question::Held { from, key, seen } if found.uses.delete && holds => {
                    if held.as_ref().is_none_or(|(known, _)| *seen && !known) {
                        held = Some((*seen, self.holder(*from, key)));
                    }
                    continue;
                }
                _ => continue,
            };
            let message = format!("you may not {refused} this {}", of.one());
            errors.push(self.forbidden(message, &node.path));
        }
        if errors.is_empty()
            && let (Some((wanted, place)), Some(version)) = (&found.version, of.writing.version)
        {
            let now = self.known.get(&(id, version)).cloned().flatten();
            if now != Some(KeyValue::Int(*wanted)) {
                errors.push(outdated(of, *wanted, now).of_field(&**place));
            }
        }
        if let (true, Some((seen, holder))) = (errors.is_empty(), held) {
            errors.push(held::conflict(of, seen.then_some(holder)).of_field(&*node.path));
        }
        errors
    }

    async fn find_matching(&mut self, act: usize, matching: &Matching) -> Result<(), Stop> {
        let entity = matching.entity;
        let of = self.entity(entity);
        let uses = Uses {
            update: matching.changes.is_some(),
            delete: matching.changes.is_none(),
            connect: false,
        };
        let written = matching.changes.iter().flatten().map(|(column, _)| *column);
        let questions = questions(
            self.catalog,
            self.rules,
            entity,
            uses,
            written,
            &self.deletes,
        );
        let asks: Vec<_> = questions.iter().map(Question::ask).collect();
        let mut reads = match uses.delete {
            true => self.keys_of(entity),
            false => self.reads(entity),
        };
        let changes = matching.changes.as_deref().unwrap_or_default();
        references::add_columns(self.catalog, entity, changes, &mut reads);
        let changes = self.changes();
        let most = u64::from(self.most) + 1;
        let look = Look {
            reads: reads.clone(),
            asks,
            seen: true,
            lock: Lock::Update,
        };
        let write = |others: &[_]| {
            let sql = changes.matching(entity, &matching.filter, most, &look, others);
            Arc::new(sql)
        };
        let change = self.change(write, BoundRows::default())?;
        let found = self.written_statement("where", Doubt::NONE, entity, change);
        let rows = found.await?;
        if rows.len() as u64 >= most {
            let message = format!(
                "more than {} {} match; choose fewer with `where`",
                self.most,
                of.many()
            );
            let error = Error::new(Code::LimitExceeded, message).of_field("where");
            self.refuse(vec![error])?;
        }
        let mut errors = Vec::new();
        for row in rows {
            let key = of.primary_key.iter().filter_map(|c| {
                let at = reads.iter().position(|r| r == c)?;
                row[at].clone()
            });
            let found = Found::new(Key::Is(key.collect()), uses);
            let id = self.add(Node {
                act,
                entity,
                origin: Origin::Found(found),
                changes: matching.changes.clone().unwrap_or_default(),
                path: "where".into(),
                places: matching.places.clone(),
                trusted: false,
            });
            self.remember(id, &reads, &row);
            self.doubt(id, Doubt::PERHAPS);
            self.matching.push(id);
            errors.extend(self.refusals(id, &questions, &row[reads.len()..]));
        }
        errors.truncate(1);
        self.refuse(errors)?;
        self.check_references_of_matching(matching).await
    }
}

/// That a row is of another version than its writer has read.
fn outdated(of: &Entity, wanted: i64, now: Option<KeyValue>) -> Error {
    let now = match now {
        Some(KeyValue::Int(now)) => now.to_string(),
        _ => "none".to_owned(),
    };
    let message = format!(
        "this {} is of version {now} now, and not {wanted}: somebody has changed it since; read it again",
        of.one()
    );
    Error::new(Code::Conflict, message)
}

/// Keys in an order that everybody takes them in.
pub(super) fn order_of(key: &[KeyValue]) -> Vec<(i64, &str)> {
    let parts = key.iter().map(|part| match part {
        KeyValue::Int(number) => (*number, ""),
        KeyValue::Text(text) => (0, &**text),
    });
    parts.collect()
}

/// That a given value is another row's.
pub(super) fn is_of(given: &Given) -> Option<(NodeId, ColumnIx)> {
    match given {
        Given::Of(node, column) => Some((*node, *column)),
        Given::Is(_) => None,
    }
}
