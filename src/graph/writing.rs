//! What may be written of an entity, and what the graph makes of it: read from SeaORM's traits, and declared beside the
//! rules for reading.

use std::sync::Arc;

use super::hooks::{Fits, Hooks};
use super::keys::KeyValue;
use super::validate::{Changed, Check, RowCheck};
use super::{ColumnIx, Entity, EntityId, Principal, RelationId, names};

/// How rows of an entity are written.
#[derive(Debug, Default)]
pub struct Writing {
    /// Which mutations there are. Without `update` nothing changes a row that is there, by relations neither.
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
    /// A name can be given to a new row, by which others in the request refer to it.
    pub has_alias: bool,
    /// What the values of columns must be.
    pub checks: Vec<(ColumnIx, Check)>,
    /// What rows must be.
    pub(crate) row_checks: Vec<RowCheck>,
    /// What SeaORM's entity has run for each row that is written.
    pub hooks: Option<Arc<dyn Hooks>>,
    /// The columns that need not be given, since its hooks do.
    pub made_by_hooks: Vec<ColumnIx>,
    /// Of which types its columns are in Rust.
    pub fits: Option<Fits>,
}

/// What is wrong with a row that was to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `None` where the row as a whole is meant.
    pub column: Option<ColumnIx>,
    pub message: String,
}

impl Writing {
    /// Whether the graph wants anything of the values that are written.
    pub fn has_checks(&self) -> bool {
        !self.checks.is_empty() || !self.row_checks.is_empty()
    }

    /// Everything that is wrong with a row that is to be written, as far as the graph's validators tell.
    pub fn problems(
        &self,
        entity: &Entity,
        values: &[(ColumnIx, Option<&KeyValue>)],
        is_new: bool,
        principal: &Principal,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (column, check) in &self.checks {
            let written = values.iter().find(|(ix, _)| ix == column);
            if let Some((_, Some(value))) = written
                && !check.holds(value)
            {
                let field = &entity.columns[*column].field;
                problems.push(Problem {
                    column: Some(*column),
                    message: format!("`{field}` must be {}", check.words()),
                });
            }
        }
        let changed = Changed {
            entity,
            values,
            is_new,
        };
        for check in &self.row_checks {
            let found = (check.0)(&changed, principal).err();
            let found = found.into_iter().flatten();
            problems.extend(found.map(|invalid| invalid.problem(entity)));
        }
        problems
    }

    /// The preset of a column for a new row, or for one that is changed.
    pub fn preset(&self, column: ColumnIx, is_new: bool) -> Option<&Preset> {
        let presets = match is_new {
            true => &self.on_create,
            false => &self.on_update,
        };
        let mut presets = presets.iter();
        presets
            .find(|(c, _)| *c == column)
            .map(|(_, preset)| preset)
    }
}

impl Entity {
    /// The fields of `Mutation` that write its rows, by their names.
    pub fn mutations(&self) -> Vec<(String, Mutation)> {
        let Operations {
            create,
            update,
            delete,
        } = self.writing.operations;
        let (one, many) = (names::capital(&self.single), names::capital(&self.plural));
        let upsert = create && update && !self.writing.unique.is_empty();
        let all = [
            (create, format!("create{one}"), Mutation::Create),
            (create, format!("create{many}"), Mutation::CreateMany),
            (update, format!("update{one}"), Mutation::Update),
            (update, format!("update{many}"), Mutation::UpdateMany),
            (upsert, format!("upsert{one}"), Mutation::Upsert),
            (delete, format!("delete{one}"), Mutation::Delete),
            (delete, format!("delete{many}"), Mutation::DeleteMany),
        ];
        let there = all.into_iter().filter(|(is_there, ..)| *is_there);
        there.map(|(_, name, mutation)| (name, mutation)).collect()
    }

    /// The type of what a mutation of many rows gives: `PostsChanged`.
    pub fn changed_type(&self) -> String {
        format!("{}Changed", names::capital(&self.plural))
    }
}

/// What a mutation does to rows of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    Create,
    CreateMany,
    Update,
    UpdateMany,
    Upsert,
    Delete,
    DeleteMany,
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
    /// The database makes a value where none is given.
    pub has_default: bool,
    /// The most characters that it holds.
    pub max_length: Option<u32>,
    /// The least and the greatest whole number of its declared type, where all that are in the schema are not.
    pub range: Option<(i64, i64)>,
    /// The most digits before a decimal's point.
    pub whole_digits: Option<u32>,
}

/// What can be said of a relation in the inputs of its owner's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linking {
    /// When a row is made.
    pub on_create: Ways,
    /// When a row is changed.
    pub on_update: Ways,
    /// What the names of its input types begin with: `UserPosts`.
    pub stem: String,
}

/// What can be done along a relation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// Rows that are there are related.
    pub connect: bool,
    /// New rows are.
    pub create: bool,
    /// A row that is there, or else a new one: of relations to one row.
    pub connect_or_create: bool,
    /// Rows are related no more: to-one by null.
    pub disconnect: bool,
    /// Those given, and no others, are related.
    pub set: bool,
    /// Related rows are changed.
    pub update: bool,
    /// Related rows are deleted.
    pub delete: bool,
    /// With columns of the junction's own.
    pub connect_with: bool,
    pub create_with: bool,
}

impl Ways {
    /// Whether there is something that an input can say; null, which says that nothing is related, is no more than that.
    pub fn any(self) -> bool {
        let Ways {
            connect,
            create,
            connect_or_create,
            disconnect,
            set,
            update,
            delete,
            connect_with,
            create_with,
        } = self;
        connect
            || create
            || connect_or_create
            || disconnect
            || set
            || update
            || delete
            || connect_with
            || create_with
    }
}

/// The row that a relation leads to has the same key as the row itself: what a comment answers is of the same post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// From the rows that must agree to those with which.
    pub over: RelationId,
    /// The relation that both have, as either calls it, and its columns, each with the other's.
    pub here: RelationId,
    pub there: RelationId,
    pub own: Vec<ColumnIx>,
    pub theirs: Vec<ColumnIx>,
}

/// Index of an agreement in [`Catalog::agreements`](super::Catalog::agreements).
pub type AgreementId = usize;

/// From which of its ends an agreement is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Of a row that refers to another, by that one.
    Referring,
    /// Of a row that others refer to, by all of those.
    Referred,
}

/// Two mutations by which whoever asks relates himself with a row, through a junction: `follow` and `unfollow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// From whoever asks, as a row, to those that he is related with.
    pub relation: RelationId,
    /// `follow`
    pub connect: String,
    /// `unfollow`
    pub disconnect: String,
}

/// What a field of `Mutation` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    Rows(EntityId, Mutation),
    /// Whoever asks is joined to a row, or parted from it.
    Link {
        relation: RelationId,
        joins: bool,
    },
}
