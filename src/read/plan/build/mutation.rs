//! The fields of `Mutation`: what acts, and what is read when it has.

use apollo_compiler::ast::Value;
use apollo_compiler::executable::{Field, Operation, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

use super::{Builder, json, prefix, subselections};
use crate::error::Error;
use crate::graph::own::OwnId;
use crate::graph::rules::Shape;
use crate::graph::writing::{Mutation, Writes};
use crate::graph::{Catalog, EntityId};
use crate::read::plan::{Document, Limits, RootField, RootOutput};

/// A field of a mutation.
#[derive(Debug)]
pub struct Acting {
    pub key: Name,
    pub action: Action,
    pub arguments: Vec<(Name, Node<Value>)>,
    pub location: Option<SourceSpan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `__typename`: nothing is done.
    Typename,
    SignUp,
    SignIn,
    Write(Writes),
    /// The code of somebody's own.
    Own(OwnId),
}

/// What a mutation does, in its order.
pub fn mutation(
    catalog: &Catalog,
    document: &Document,
    operation: &Operation,
    conditions: &[(Name, bool)],
    limits: &Limits,
) -> Result<Vec<Acting>, Error> {
    let builder = Builder::new(catalog, document, conditions, Shape::default(), limits);
    let grouped = builder.collect("Mutation", &[&operation.selection_set]);
    let mut acting = Vec::with_capacity(grouped.len());
    for (key, fields) in grouped {
        acting.push(Acting::of(catalog, key, fields[0]));
    }
    match builder.refused {
        Some(refused) => Err(refused),
        None => Ok(acting),
    }
}

impl Acting {
    fn of(catalog: &Catalog, key: &Name, field: &Node<Field>) -> Self {
        let arguments = field.arguments.iter();
        Acting {
            key: key.clone(),
            action: match field.name.as_str() {
                "signUp" => Action::SignUp,
                "signIn" => Action::SignIn,
                name => match (catalog.written_by(name), catalog.owns.mutations.get(name)) {
                    (Some(writes), _) => Action::Write(writes),
                    (None, Some(&own)) => Action::Own(own),
                    (None, None) => Action::Typename,
                },
            },
            arguments: arguments
                .map(|a| (a.name.clone(), a.value.clone()))
                .collect(),
            location: field.location(),
        }
    }
}

impl<'a> Builder<'a> {
    /// What the field at this place gives, as if it were all there is.
    pub(super) fn payload(&mut self, set: &'a SelectionSet, at: usize) -> Vec<RootField> {
        let grouped = self.collect("Mutation", &[set]);
        let Some((key, fields)) = grouped.into_iter().nth(at) else {
            return Vec::new();
        };
        let value = match fields[0].name.as_str() {
            "__typename" => RootOutput::Typename(json("Mutation")),
            "signUp" | "signIn" => RootOutput::Session(self.session(key, &subselections(&fields))),
            name => match self.catalog.written_by(name) {
                Some(writes) => self.written(key, fields[0], writes, &subselections(&fields)),
                None => match self.catalog.owns.mutations.get(name) {
                    Some(&own) => self.own_root(own, key, &fields),
                    None => RootOutput::Introspection,
                },
            },
        };
        vec![RootField {
            key: key.clone(),
            prefix: prefix(key, true),
            value,
            location: fields[0].location(),
        }]
    }

    /// The rows that a field has written.
    fn written(
        &mut self,
        key: &Name,
        field: &'a Node<Field>,
        writes: Writes,
        sets: &[&'a SelectionSet],
    ) -> RootOutput {
        let (entity, many) = match writes {
            Writes::Rows(entity, Mutation::UpdateMany | Mutation::DeleteMany) => {
                return RootOutput::Changed(self.changed(key, entity, sets));
            }
            Writes::Rows(entity, mutation) => (entity, mutation == Mutation::CreateMany),
            Writes::Link { relation, .. } => (self.catalog.relations[relation].to, false),
        };
        let columns = self.catalog.entities[entity].primary_key.clone();
        let choice = self.keyed(key.to_string(), entity, columns, field, sets);
        match many {
            true => RootOutput::WrittenMany(choice),
            false => RootOutput::Written(choice),
        }
    }

    /// How many rows were changed, and which.
    fn changed(
        &mut self,
        of: &Name,
        entity: EntityId,
        sets: &[&'a SelectionSet],
    ) -> Vec<RootField> {
        let type_name = self.catalog.entities[entity].changed_type();
        let grouped = self.collect(&type_name, sets);
        let mut changed = Vec::with_capacity(grouped.len());
        for (key, fields) in grouped {
            let field = fields[0];
            let value = match field.name.as_str() {
                "__typename" => RootOutput::Typename(json(&type_name)),
                "nodes" => {
                    let columns = self.catalog.entities[entity].primary_key.clone();
                    let name = format!("{of}.{key}");
                    let sets = subselections(&fields);
                    RootOutput::WrittenMany(self.keyed(name, entity, columns, field, &sets))
                }
                _ => RootOutput::Count,
            };
            changed.push(RootField {
                key: key.clone(),
                prefix: prefix(key, changed.is_empty()),
                value,
                location: field.location(),
            });
        }
        changed
    }

    fn session(&mut self, of: &Name, sets: &[&'a SelectionSet]) -> Vec<RootField> {
        let grouped = self.collect("Session", sets);
        let mut session = Vec::with_capacity(grouped.len());
        for (key, fields) in grouped {
            let field = fields[0];
            let name = format!("{of}.{key}");
            let value = match field.name.as_str() {
                "__typename" => Some(RootOutput::Typename(json("Session"))),
                "viewer" => self.viewer(name, field, &subselections(&fields)),
                _ => Some(RootOutput::Token),
            };
            session.push(RootField {
                key: key.clone(),
                prefix: prefix(key, session.is_empty()),
                value: value.unwrap_or(RootOutput::Introspection),
                location: field.location(),
            });
        }
        session
    }
}
