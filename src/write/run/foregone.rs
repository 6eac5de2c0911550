//! What rules say of rows that are to be written, as far as it follows from the values that are written.
//!
//! It is asked before the database is, so that whoever may not write a row is told that, and not which of its values
//! others have already. What is not known here is asked of the row once it is written (`check`).

use std::borrow::Cow;

use super::{Stop, Writer};
use crate::graph::condition::{Compare, Filter};
use crate::graph::keys::KeyValue;
use crate::graph::rules::Visibility;
use crate::graph::{ColumnIx, EntityId, Kind};
use crate::read::load::change::Transaction;
use crate::read::sql::change::Value;
use crate::write::unit::{Given, NodeId};

impl<T: Transaction> Writer<'_, T> {
    /// Refuses rows that may not be as they are to be.
    pub(super) fn refuse_foregone(
        &self,
        rule: &Visibility,
        entity: EntityId,
        nodes: &[NodeId],
        does: &str,
    ) -> Result<(), Stop> {
        let Visibility::Where(filter) = rule else {
            return Ok(());
        };
        let nodes = nodes.iter().filter(|&&id| {
            let trusted = self.node(id).trusted;
            !trusted && self.foretold(filter, id) == Some(false)
        });
        let errors = nodes.map(|&id| {
            let message = format!("you may not {does} such a {}", self.entity(entity).one());
            self.forbidden(message, &self.node(id).path)
        });
        self.refuse(errors.collect())
    }

    /// Whether a condition will hold for a row; nothing where its values alone do not say.
    fn foretold(&self, filter: &Filter, id: NodeId) -> Option<bool> {
        match filter {
            Filter::All(all) => {
                let mut all = all.iter().map(|filter| self.foretold(filter, id));
                all.try_fold(Some(true), |known, next| match (known, next) {
                    (_, Some(false)) => Err(()),
                    (Some(true), Some(true)) => Ok(Some(true)),
                    _ => Ok(None),
                })
                .unwrap_or(Some(false))
            }
            Filter::Any(any) => {
                let mut any = any.iter().map(|filter| self.foretold(filter, id));
                any.try_fold(Some(false), |known, next| match (known, next) {
                    (_, Some(true)) => Err(()),
                    (Some(false), Some(false)) => Ok(Some(false)),
                    _ => Ok(None),
                })
                .unwrap_or(Some(true))
            }
            Filter::Not(filter) => self.foretold(filter, id).map(|holds| !holds),
            Filter::Compare {
                column,
                compare: Compare::Eq,
                value,
            } => self.equals(id, *column, std::slice::from_ref(value)),
            Filter::In {
                column,
                negated: false,
                values,
            } => self.equals(id, *column, values),
            Filter::Mine {
                column,
                compare: Compare::Eq,
                value,
            } => {
                let kind = self.kind(id, *column);
                let mine = value.value(kind, self.principal);
                self.equals(id, *column, mine.as_slice())
            }
            Filter::AmongMine { column, value } => {
                let mine = value.values(self.kind(id, *column), self.principal);
                self.equals(id, *column, &mine)
            }
            Filter::IsNull { column, is } => {
                let value = self.to_be(id, *column)?;
                Some(value.is_none() == *is)
            }
            _ => None,
        }
    }

    fn kind(&self, id: NodeId, column: ColumnIx) -> &Kind {
        &self.entity(self.node(id).entity).columns[column].kind
    }

    /// Whether a column will be one of these values. Texts that differ by their bytes may be alike to the database.
    fn equals(&self, id: NodeId, column: ColumnIx, values: &[KeyValue]) -> Option<bool> {
        let Some(value) = self.to_be(id, column)? else {
            return Some(false);
        };
        let exact = matches!(
            self.kind(id, column),
            Kind::Int | Kind::BigInt | Kind::Boolean | Kind::Enum(_) | Kind::Uuid
        );
        match values.contains(&value) {
            true => Some(true),
            false => (exact || values.is_empty()).then_some(false),
        }
    }

    /// What a column will be, if that is written: null, or a value.
    fn to_be(&self, id: NodeId, column: ColumnIx) -> Option<Option<KeyValue>> {
        let value = match self.hooked.get(&id) {
            Some(changes) => Cow::Borrowed(&changes.iter().find(|(c, _)| *c == column)?.1),
            None => {
                let mut changes = self.node(id).changes.iter();
                let (_, given) = changes.find(|(c, _)| *c == column)?;
                if let Given::Of(row, of) = given
                    && !self.known.contains_key(&(*row, *of))
                {
                    // The row that it refers to is made behind this one.
                    return None;
                }
                self.value(given)
            }
        };
        match &*value {
            Value::Null => Some(None),
            Value::Is(value) => Some(Some(value.clone())),
            Value::List(_) => None,
        }
    }
}
