//! What rows are now that they are written: whether whoever asks may have them so.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::find::{Question, questions};
use super::{Stop, Writer, holds, place};
use crate::graph::rules::Visibility;
use crate::graph::{ColumnIx, EntityId};
use crate::read::load::change::Transaction;
use crate::read::sql::change::{Ask, Deed, Find, Lock, Look, Task, Value};
use crate::write::unit::{Given, NodeId, Uses};

impl<T: Transaction> Writer<'_, T> {
    /// Asks the rules of rows that were written, by one statement a table.
    pub(super) async fn check(&mut self, written: &[NodeId]) -> Result<(), Stop> {
        let mut by_entity: BTreeMap<EntityId, Vec<NodeId>> = BTreeMap::new();
        for &id in written {
            let is_as_it_was = self.done.contains(&id) || self.is_found_instead(id);
            let is_asked = !is_as_it_was && !self.node(id).trusted;
            if is_asked && self.key(id).is_some() {
                by_entity.entry(self.node(id).entity).or_default().push(id);
            }
        }
        for (entity, nodes) in by_entity {
            self.check_rows(entity, nodes).await?;
        }
        Ok(())
    }

    /// Whether a row was to be made, and there was one, which stays as it is.
    fn is_found_instead(&self, id: NodeId) -> bool {
        self.instead.contains(&id) && !self.updated.contains(&id)
    }

    fn is_new(&self, id: NodeId) -> bool {
        !self.updated.contains(&id) && self.node(id).found().is_none()
    }

    async fn check_rows(&mut self, entity: EntityId, nodes: Vec<NodeId>) -> Result<(), Stop> {
        let of = self.entity(entity);
        let some_new = nodes.iter().any(|&id| self.is_new(id));
        let uses = Uses {
            update: nodes.iter().any(|&id| !self.is_new(id)),
            ..Uses::default()
        };
        let written = nodes.iter().flat_map(|&id| self.written_of(id));
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
        if questions.is_empty() && create.is_none() {
            return Ok(());
        }
        let has_create = create.is_some();
        let asks: Vec<_> = questions.iter().map(Question::ask).chain(create).collect();
        let key = &of.primary_key;
        let rows = nodes.iter().map(|&id| {
            let own = self.key(id).unwrap_or_default().into_iter();
            own.map(|part| Cow::Owned(Value::Is(part))).collect()
        });
        let rows = self.rows(entity, key, rows);
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
        let path = self.node(nodes[0]).path.to_string();
        let found = self.statement(&path, find, rows).await?;
        let mut errors = Vec::new();
        for row in found {
            let Some(&id) = nodes.get(place(T::DIALECT, &row[0])) else {
                continue;
            };
            let node = self.node(id);
            let answers = &row[1..];
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
        self.refuse(errors)
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
