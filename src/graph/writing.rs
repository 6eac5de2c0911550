//! What may be written of an entity, and what the graph makes of it: read from SeaORM's traits, and declared beside the
//! rules for reading.

use super::keys::KeyValue;
use super::{ColumnIx, RelationId};

/// How rows of an entity are written.
#[derive(Debug, Default)]
pub struct Writing {
    /// Which mutations there are.
    pub operations: Operations,
    pub key: KeyMaker,
    /// What tells a row from all others, beside a primary key that the database makes.
    pub unique: Vec<UniqueKey>,
    /// Grows by one with each update; a writer can say which he has read.
    pub version: Option<ColumnIx>,
    /// What is put into columns when a row is made.
    pub on_create: Vec<(ColumnIx, Preset)>,
    /// What is put into columns when a row is changed.
    pub on_update: Vec<(ColumnIx, Preset)>,
    /// The relations to rows that are a part of one of these: deleted with it, whatever is said of them alone.
    pub owned: Vec<RelationId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    pub create: bool,
    pub update: bool,
    pub delete: bool,
}

impl Default for Operations {
    fn default() -> Self {
        Operations {
            create: true,
            update: true,
            delete: true,
        }
    }
}

/// Who makes the primary key of a new row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyMaker {
    /// The database, and it is not given.
    Database,
    /// Backref draws a UUID where none is given.
    Uuid,
    /// It is given, or made of the rows that the new one refers to.
    #[default]
    Given,
}

/// Columns whose values, together, at most one row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// `SLUG`
    pub name: String,
    pub columns: Vec<ColumnIx>,
}

/// What is put into a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    pub value: PresetValue,
    /// Whether a client may give another.
    pub replaceable: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PresetValue {
    /// The time at which the request began.
    Now,
    /// The id of whoever asks.
    Me,
    /// A claim of whoever asks.
    Claim(Box<str>),
    Value(KeyValue),
}

/// How a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// It may be given when a row is made.
    pub on_create: bool,
    /// It must be, since nothing else makes it and it is never null.
    pub required: bool,
    /// It may be given when a row is changed.
    pub on_update: bool,
    /// The most characters that it holds.
    pub max_length: Option<u32>,
}
