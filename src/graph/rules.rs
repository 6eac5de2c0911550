//! Rules as they are asked: what each class of principals sees, on every entity and column, as conditions.
//!
//! They are made once, at start, from what the graph declares (`policy`). A plan is made for a [`Shape`], so everybody
//! to whom the same rules apply shares it; what tells them apart is bound ([`Mine`]).

use std::collections::HashMap;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat};

use super::condition::{Filter, Mine};
use super::keys::{KeyValue, key_value};
use super::writing::Operations;
use super::{Catalog, Claim, ColumnIx, Entity, EntityId, Kind, Principal};

/// Principals that no rule tells apart but by what they bring along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    Anonymous,
    /// A subject of a role that some rule asks for.
    Role(String),
    /// Any other subject.
    Other,
}

/// Which rules apply: few, however many principals there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape(usize);

/// The rows, or the values of a column, that may be seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Visibility {
    All,
    Nothing,
    Where(Filter),
}

/// What one class of principals sees, and may do.
#[derive(Debug, PartialEq)]
pub struct Rules {
    /// For each entity its rows, whatever they are reached through.
    pub(super) rows: Vec<Visibility>,
    /// The columns of which not every value is seen.
    pub(super) columns: HashMap<(EntityId, ColumnIx), Visibility>,
    /// For each entity what may be done to its rows.
    pub(super) writes: Vec<WriteRules>,
    /// The columns that may not be written in every row that may be.
    pub(super) written_columns: HashMap<(EntityId, ColumnIx), Visibility>,
}

/// What may be done to the rows of one entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WriteRules {
    pub create: Visibility,
    pub update: Visibility,
    pub delete: Visibility,
    pub connect: Visibility,
}

impl Rules {
    /// What the entity's own rule says of its rows; `through` is for the caller to follow.
    pub fn rows(&self, entity: EntityId) -> &Visibility {
        &self.rows[entity]
    }

    pub fn column(&self, entity: EntityId, column: ColumnIx) -> &Visibility {
        const ALL: &Visibility = &Visibility::All;
        self.columns.get(&(entity, column)).unwrap_or(ALL)
    }

    /// The rows, as they will be, that may be made.
    pub fn create(&self, entity: EntityId) -> &Visibility {
        &self.writes[entity].create
    }

    /// The rows that may be changed: as they were, and as they will be.
    pub fn update(&self, entity: EntityId) -> &Visibility {
        &self.writes[entity].update
    }

    /// The rows that may be deleted.
    pub fn delete(&self, entity: EntityId) -> &Visibility {
        &self.writes[entity].delete
    }

    /// The rows that others may be made to refer to, beside that they are seen.
    pub fn connect(&self, entity: EntityId) -> &Visibility {
        &self.writes[entity].connect
    }

    /// The rows, as they were and will be, whose column may be given a value.
    pub fn write_column(&self, entity: EntityId, column: ColumnIx) -> &Visibility {
        const ALL: &Visibility = &Visibility::All;
        self.written_columns.get(&(entity, column)).unwrap_or(ALL)
    }
}

/// The rules of all classes.
#[derive(Debug)]
pub(super) struct Classes {
    shapes: Vec<Rules>,
    classes: Vec<(Class, Shape)>,
}

impl Classes {
    /// Classes to which the same rules apply are of one shape.
    pub fn new(rules: impl IntoIterator<Item = (Class, Rules)>) -> Self {
        let mut shapes: Vec<Rules> = Vec::new();
        let mut classes = Vec::new();
        for (class, rules) in rules {
            let known = shapes.iter().position(|r| *r == rules);
            let shape = known.unwrap_or_else(|| {
                shapes.push(rules);
                shapes.len() - 1
            });
            classes.push((class, Shape(shape)));
        }
        Classes { shapes, classes }
    }
}

impl Catalog {
    /// Which rules apply to a principal.
    pub fn shape(&self, principal: &Principal) -> Shape {
        let classes = &self.classes.classes;
        let found = match principal.known() {
            None => classes.iter().find(|(class, _)| *class == Class::Anonymous),
            Some(subject) => {
                let is_its = |class: &Class| match (class, &subject.role) {
                    (Class::Role(role), Some(own)) => **role == **own,
                    _ => false,
                };
                let its = classes.iter().find(|(class, _)| is_its(class));
                its.or_else(|| classes.iter().find(|(class, _)| *class == Class::Other))
            }
        };
        // There are always nobody and others among them.
        found.map_or(Shape::default(), |(_, shape)| *shape)
    }

    /// The entities whose rows anybody may make, change or delete, as far as he sees them: no rule for writing says who may.
    pub fn written_by_anybody(&self) -> impl Iterator<Item = &Entity> {
        let rules = self.rules(self.shape(&Principal::Anonymous));
        let entities = self.entities.iter().enumerate();
        let open = entities.filter(|(id, entity)| {
            let Operations {
                create,
                update,
                delete,
            } = entity.writing.operations;
            let may = &rules.writes[*id];
            let all = |is_there: bool, may: &Visibility| is_there && *may == Visibility::All;
            all(create, &may.create) || all(update, &may.update) || all(delete, &may.delete)
        });
        open.map(|(_, entity)| entity)
    }

    /// Every shape that there is.
    pub fn shapes(&self) -> impl Iterator<Item = Shape> {
        (0..self.classes.shapes.len()).map(Shape)
    }

    pub fn rules(&self, shape: Shape) -> &Rules {
        &self.classes.shapes[shape.0]
    }
}

impl Mine {
    /// What it is for a principal, as a value of a column; nothing if it has none.
    pub fn value(&self, kind: &Kind, principal: &Principal) -> Option<KeyValue> {
        let text = match self {
            Mine::Now => now(),
            Mine::Id => principal.known()?.id.to_string(),
            Mine::Claim(name) => text_of(principal.known()?.claims.get(name)?)?,
        };
        value_of(kind, &text)
    }

    /// A moment, as a value of a column.
    pub fn moment(kind: &Kind, moment: &str) -> Option<KeyValue> {
        value_of(kind, moment)
    }

    /// What it is for a principal, as values of a column: those of a list, or the one.
    pub fn values(&self, kind: &Kind, principal: &Principal) -> Vec<KeyValue> {
        let list = match (self, principal.known()) {
            (Mine::Claim(name), Some(subject)) => match subject.claims.get(name) {
                Some(Claim::List(items)) => Some(items),
                _ => None,
            },
            _ => None,
        };
        match list {
            None => self.value(kind, principal).into_iter().collect(),
            Some(items) => {
                let texts = items.iter().filter_map(text_of);
                texts.filter_map(|text| value_of(kind, &text)).collect()
            }
        }
    }
}

fn value_of(kind: &Kind, text: &str) -> Option<KeyValue> {
    let value = key_value(kind, text).ok()?;
    Some(value.in_microseconds(kind))
}

fn text_of(claim: &Claim) -> Option<String> {
    match claim {
        Claim::Boolean(is) => Some(is.to_string()),
        Claim::Integer(number) => Some(number.to_string()),
        Claim::Text(text) => Some(text.to_string()),
        Claim::List(_) => None,
    }
}

/// The time, in the form of [`Mine::moment`].
pub fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros() as i64);
    DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}
