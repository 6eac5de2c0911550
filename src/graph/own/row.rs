//! Rows as fields of one's own have them: the columns that were declared, by their types in Rust.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::sea_query::ValueType;
use sea_orm::{EntityTrait, IdenStatic, Value as OrmValue};

use super::FieldError;
use super::loader::Relatives;
use super::output::{Key, KeyOf};
use crate::graph::keys::{KeyColumn, KeyValue, Nullable};
use crate::graph::{ColumnIx, EntityId, Kind, RelationId, orm};

/// A row of an entity. Cheap to clone.
pub struct Row<E> {
    pub(super) rows: Arc<RowSet>,
    pub(super) at: u32,
    of: PhantomData<fn() -> E>,
}

/// What is read of rows, decided when the graph is built.
#[derive(Debug)]
pub struct RowsOf {
    pub entity: EntityId,
    /// `Post`
    pub type_name: String,
    pub table: String,
    pub schema: Option<String>,
    /// What they are read for, for messages: `Post.readingTime`.
    pub field: String,
    /// What is declared, and then what the key needs.
    pub columns: Vec<ColumnOf>,
    /// Those of the key, in its order.
    pub key: Vec<usize>,
    pub walks: Vec<WalkOf>,
}

impl RowsOf {
    /// Whether they are those of an entity.
    pub fn is_of<E: EntityTrait>(&self) -> bool {
        let entity = E::default();
        self.table == entity.table_name() && self.schema.as_deref() == entity.schema_name()
    }
}

#[derive(Debug)]
pub struct ColumnOf {
    pub ix: ColumnIx,
    pub name: String,
    pub kind: Kind,
    /// A rule may hide its values.
    pub has_rule: bool,
    /// It was asked for, and not only as a part of the key.
    pub declared: bool,
}

/// A relation that is walked from rows.
#[derive(Debug)]
pub struct WalkOf {
    pub relation: RelationId,
    /// Whether the rows are counted and not read.
    pub counts: bool,
    /// How many of each row at most; `None` for all.
    pub at_most: Option<u32>,
    /// The names by which it is asked for.
    pub called: String,
    pub declared: String,
    pub rows: Arc<RowsOf>,
}

/// The rows of a level.
pub struct RowSet {
    pub of: Arc<RowsOf>,
    /// For each column of `of` its values; `None` where whoever asks sees none of them.
    pub columns: Vec<Option<Arc<KeyColumn<Nullable>>>>,
    /// For each walk of `of` what it leads to.
    pub walks: Vec<Relatives>,
}

impl RowSet {
    /// Of a field that is about no row.
    pub fn nothing(field: &str) -> Self {
        RowSet {
            of: Arc::new(RowsOf {
                entity: 0,
                type_name: String::new(),
                table: String::new(),
                schema: None,
                field: field.to_owned(),
                columns: Vec::new(),
                key: Vec::new(),
                walks: Vec::new(),
            }),
            columns: Vec::new(),
            walks: Vec::new(),
        }
    }

    /// Whether a column of a row has a value for whoever asks.
    pub fn has(&self, row: u32, column: usize) -> bool {
        let values = self.columns.get(column).and_then(Option::as_ref);
        values.is_some_and(|values| values.has(row as usize))
    }

    /// A value of a row; `None` for null, and for what is hidden.
    pub fn value(&self, row: u32, column: usize) -> Option<KeyValue> {
        let values = self.columns.get(column)?.as_ref()?;
        values.get(row as usize)
    }

    /// The key of a row, if it is one that somebody is given.
    pub fn key(&self, row: u32) -> Option<Vec<KeyValue>> {
        let columns = self.of.key.iter();
        columns.map(|&column| self.value(row, column)).collect()
    }
}

impl<E: EntityTrait> Row<E> {
    pub(super) fn new(rows: Arc<RowSet>, at: u32) -> Self {
        Row {
            rows,
            at,
            of: PhantomData,
        }
    }

    /// The value of a column, which must be among those that were declared. One that whoever asks may not see is null:
    /// take an `Option` of a column that a rule may hide.
    ///
    /// # Errors
    /// [`Why::Forbidden`](super::Why::Forbidden) where it is hidden and `V` has no null;
    /// [`Why::Mistake`](super::Why::Mistake) where the column was not declared, or `V` is not its type.
    pub fn get<V: ValueType>(&self, column: E::Column) -> Result<V, FieldError> {
        let (name, of) = (column.as_str(), &self.rows.of);
        let Some(at) = of.columns.iter().position(|c| c.name == name) else {
            return Err(FieldError::mistake(format!(
                "`{}` reads the column `{name}` of {}, which it does not declare; add it to the columns that it needs",
                of.field, of.type_name
            )));
        };
        let held = &of.columns[at];
        let value = self.rows.value(self.at, at);
        let fits = |value: &OrmValue| V::try_from(value.clone()).is_ok();
        let found = match &value {
            // What most values are.
            Some(KeyValue::Int(number)) if matches!(held.kind, Kind::BigInt) => {
                V::try_from(OrmValue::BigInt(Some(*number))).ok()
            }
            Some(KeyValue::Text(text)) if matches!(held.kind, Kind::Text) => {
                V::try_from(OrmValue::String(Some(text.to_string()))).ok()
            }
            _ => None,
        };
        let slowly = || V::try_from(orm::value(&held.kind, value.as_ref(), fits)?).ok();
        found.or_else(slowly).ok_or_else(|| match value {
            None if held.has_rule => FieldError::forbidden(format!(
                "`{}` needs the column `{name}` of {}, which you may not see",
                of.field, of.type_name
            )),
            _ => FieldError::mistake(format!(
                "`{}` reads the column `{name}` of {} as {}, which it is not",
                of.field,
                of.type_name,
                V::type_name()
            )),
        })
    }

    /// Its key: what a field gives to give this row.
    pub fn key(&self) -> Key<E> {
        Key::of_inner(KeyOf::Known(self.rows.key(self.at).unwrap_or_default()))
    }
}

impl<E> Clone for Row<E> {
    fn clone(&self) -> Self {
        Row {
            rows: self.rows.clone(),
            at: self.at,
            of: PhantomData,
        }
    }
}

/// Two are the same that were read as one.
impl<E> PartialEq for Row<E> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows) && self.at == other.at
    }
}

impl<E> Eq for Row<E> {}

impl<E> Hash for Row<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
    }
}

impl<E> fmt::Debug for Row<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.rows.of.type_name, self.rows.key(self.at))
    }
}
