//! What rows are now that they are written: whether whoever asks may have them so, and whether their keys agree with others'.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::agreements::Asked;
use super::find::{Question, questions};
use super::{Doubt, Stop, Writer, holds, place};
use crate::error::Error;
use crate::graph::rules::Visibility;
use crate::graph::{ColumnIx, EntityId};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Ask, Deed, Find, Lock, Look, Task, Value};
use crate::write::unit::{Given, NodeId, Uses};

impl<'a, T: Transaction> Writer<'a, T> {
    /// Asks the rules of rows that were written, and for agreements of keys, by one statement a table.
    pub(super) async fn check(&mut self, written: &[NodeId]) -> Result<(), Stop> {
        let mut by_entity: BTreeMap<EntityId, Vec<(NodeId, Asked)>> = BTreeMap::new();
        for &id in written {
            let is_as_it_was = self.done.contains(&id) || self.is_found_instead(id);
            if is_as_it_was || self.key(id).is_none() {
                continue;
            }
            let agreements = self.asked_agreements(id);
            if !self.node(id).trusted || !agreements.is_empty() {
                let rows = by_entity.entry(self.node(id).entity).or_default();
                rows.push((id, agreements));
            }
        }
        // Rules first: where a row may not be as it is, it is not told what else is wrong.
        let mut disagreeing = Vec::new();
        for (entity, rows) in by_entity {
            disagreeing.extend(self.check_rows(entity, rows).await?);
        }
        self.refuse(disagreeing)
    }

    /// Whether a row was to be made, and there was one, which stays as it is.
    fn is_found_instead(&self, id: NodeId) -> bool {
        self.instead.contains(&id) && !self.updated.contains(&id)
    }

    fn is_new(&self, id: NodeId) -> bool {
        !self.updated.contains(&id) && self.node(id).found().is_none()
    }

    /// What is asked of rows that were written, and whether they are asked as new ones too.
    fn asked(&self, entity: EntityId, nodes: &[NodeId]) -> (Vec<Question<'a>>, Option<Ask>) {
        let some_new = nodes.iter().any(|&id| self.is_new(id));
        // Where no database is asked, it may be either.
        let is_changed = |id: NodeId| match self.dry {
            true => !self.is_new(id) || !self.node(id).instead().is_empty(),
            false => !self.is_new(id),
        };
        let uses = Uses {
            update: nodes.iter().any(|&id| is_changed(id)),
            ..Uses::default()
        };
        let written = nodes.iter().flat_map(|&id| {
            let instead = self.dry.then(|| self.node(id).instead());
            let written = self.written_of(id).iter();
            written.chain(instead.unwrap_or_default())
        });
        let written = written.map(|(column, _)| *column).filter(|&column| {
            // Where nobody like him gives it, nobody has: it is what the graph puts there by default.
            matches!(
                self.rules.write_column(entity, column),
                Visibility::Where(_)
            )
        });
        let written: Vec<ColumnIx> = written.collect();
        let questions = questions(
            self.catalog,
            self.rules,
            entity,
            uses,
            written,
            &self.deletes,
        );
        let create = match self.rules.create(entity) {
            Visibility::Where(_) if some_new => Some(Ask::May(Deed::Create)),
            _ => None,
        };
        (questions, create)
    }

    /// Whether anything may be asked of what was written.
    fn is_asked(&self, entity: EntityId, nodes: &[NodeId]) -> bool {
        let (questions, create) = self.asked(entity, nodes);
        !questions.is_empty() || create.is_some()
    }

    /// Those whose rules are asked.
    fn ruled<'r>(&self, rows: impl Iterator<Item = &'r (NodeId, Asked)>) -> Vec<NodeId> {
        let ruled = rows.map(|(id, _)| *id);
        ruled.filter(|&id| !self.node(id).trusted).collect()
    }

    /// Gives what is wrong with the keys of rows.
    async fn check_rows(
        &mut self,
        entity: EntityId,
        mut rows: Vec<(NodeId, Asked)>,
    ) -> Result<Vec<Error>, Stop> {
        let of = self.entity(entity);
        let (questions, create) = self.asked(entity, &self.ruled(rows.iter()));
        let has_create = create.is_some();
        if questions.is_empty() && !has_create {
            rows.retain(|(_, agreements)| !agreements.is_empty());
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let doubt = match self.dry {
            true => {
                let certain = || rows.iter().filter(|(id, _)| self.is_certain(*id));
                let perhaps = certain().all(|(_, agreements)| agreements.is_empty())
                    && !self.is_asked(entity, &self.ruled(certain()));
                let all: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
                self.doubt_of(&all).if_at_all(perhaps)
            }
            false => Doubt::NONE,
        };
        let agreements = rows.iter().flat_map(|(_, agreements)| agreements).copied();
        let agreements: BTreeSet<_> = agreements.collect();
        let agree = agreements.iter().map(|(id, end)| Ask::Agrees(*id, *end));
        let asks = questions.iter().map(Question::ask).chain(create);
        let asks: Vec<_> = asks.chain(agree).collect();
        let key = &of.primary_key;
        let keys = rows.iter().map(|(id, _)| {
            let own = self.key(*id).unwrap_or_default().into_iter();
            own.map(|part| Cow::Owned(Value::Is(part))).collect()
        });
        let bound = self.rows(entity, key, keys);
        let find = Task::Find(Find {
            entity,
            by: key.clone(),
            look: Look {
                reads: Vec::new(),
                asks,
                seen: false,
                lock: Lock::None,
            },
        });
        let path = self.node(rows[0].0).path.to_string();
        let found = self.statement(&path, doubt, find, bound).await?;
        let (mut errors, mut disagreeing) = (Vec::new(), Vec::new());
        for row in found {
            let Some((id, asked)) = rows.get(place(T::DIALECT, &row[0])) else {
                continue;
            };
            let (id, node) = (*id, self.node(*id));
            let (answers, agree) = row[1..].split_at(questions.len() + usize::from(has_create));
            let disagree = agreements.iter().zip(agree);
            let disagree = disagree.filter(|(of, agrees)| asked.contains(of) && !holds(agrees));
            disagreeing.extend(disagree.map(|((of, end), _)| self.disagrees(id, *of, *end)));
            if node.trusted {
                continue;
            }
            let new = self.is_new(id);
            if new && has_create && !answers.last().is_none_or(holds) {
                let does = match self.upserted.contains(&id) {
                    true => "create or change",
                    false => "create",
                };
                let message = format!("you may not {does} such a {}", of.one());
                errors.push(self.forbidden(message, &node.path));
                continue;
            }
            for (question, answer) in questions.iter().zip(answers) {
                match question {
                    Question::Update if !new && !holds(answer) => {
                        let message = format!("you may not change this {} so", of.one());
                        errors.push(self.forbidden(message, &node.path));
                    }
                    // What the graph itself puts there needs no leave.
                    Question::Write(column) if !holds(answer) && self.is_given(id, *column) => {
                        let field = &of.columns[*column].field;
                        let message = format!("you may not write `{field}` of this {}", of.one());
                        let place = match self.updated.contains(&id) {
                            true => node.place_instead(of, *column),
                            false => node.place_of(of, *column),
                        };
                        errors.push(self.forbidden(message, &place));
                    }
                    _ => {}
                }
            }
        }
        self.refuse(errors)?;
        Ok(disagreeing)
    }

    /// What is written of a row: of one that was there instead of a new one, what it is changed by.
    fn written_of(&self, id: NodeId) -> &[(ColumnIx, Given)] {
        let node = self.node(id);
        match self.updated.contains(&id) {
            true => node.instead(),
            false => &node.changes,
        }
    }

    /// Whether a column of a row is given a value by its writer, and not by the graph.
    pub(super) fn is_given(&self, id: NodeId, column: ColumnIx) -> bool {
        let writing = &self.entity(self.node(id).entity).writing;
        let preset = writing.preset(column, self.is_new(id));
        let is_preset = preset.is_some_and(|preset| !preset.replaceable);
        !is_preset && self.written_of(id).iter().any(|(c, _)| *c == column)
    }
}
