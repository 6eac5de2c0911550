//! The tables of the graph as the database really has them, in the catalog's own numbering.
//!
//! What the graph does not know (other tables, other columns, expressions) leaves no trace here but a
//! gap, so nothing after this compares names again.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, QueryResult, Statement, TransactionTrait, Value,
};

use super::rights::Rights;
use super::search::Search;
use super::{postgres, sqlite};
use crate::graph::{Catalog, ColumnIx, Entity, EntityId};
use crate::read::sql::Dialect;

/// The database's side of a catalog.
#[derive(Debug)]
pub struct Structure {
    pub dialect: Dialect,
    /// By [`EntityId`]; `None` where there is no such table.
    pub tables: Vec<Option<Table>>,
    /// By [`EntityId`]; `None` where the graph has no full-text index.
    pub searches: Vec<Option<Search>>,
    pub rights: Rights,
    /// For tables that are not there a schema in which one is that is called so, quoted where SQL wants it.
    pub elsewhere: HashMap<EntityId, String>,
    /// Names that a new index or constraint cannot have.
    pub names: HashSet<String>,
}

#[derive(Debug)]
pub struct Table {
    pub form: Form,
    /// By [`ColumnIx`]; `None` where the table has no such column.
    pub columns: Vec<Option<Column>>,
    /// Those that every query can use: valid, of all rows, and sorted.
    pub indexes: Vec<Index>,
    /// The columns of which an index says at once whether they hold a value in another form than is written.
    pub told: Vec<ColumnIx>,
    /// Whether it has a primary key, whatever its columns.
    pub has_primary_key: bool,
    pub foreign_keys: Vec<ForeignKey>,
    /// The columns of constraints that are unique, and may be looked at only when all is done.
    pub deferrable: Vec<Vec<ColumnIx>>,
}

/// What a table is to the database, which decides what can be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Table,
    /// Has columns and indexes, but no constraints.
    Materialized,
    /// A view, or a table of another server: has columns alone.
    View,
}

#[derive(Debug)]
pub struct Column {
    /// As the database writes it, for messages.
    pub type_name: String,
    /// What decides how it is read: PostgreSQL's own name of the base type, SQLite's affinity. Empty where
    /// that is unknown.
    pub base: String,
    pub nullable: bool,
}

#[derive(Debug)]
pub struct Index {
    pub columns: Vec<IndexColumn>,
    /// How many of the leading columns hold each combination once; 0 for an index that is not unique.
    pub unique: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexColumn {
    /// `None` for an expression, a column that no entity has, or one sorted otherwise than it is compared.
    pub column: Option<ColumnIx>,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Debug)]
pub struct ForeignKey {
    pub name: String,
    pub to: EntityId,
    /// The columns here and there.
    pub pairs: Vec<(ColumnIx, ColumnIx)>,
    /// False where the rows that were there before it were never checked.
    pub validated: bool,
}

/// Reads what there is of `catalog`, all of it from one moment, and changes nothing.
pub async fn read(catalog: &Catalog, connection: &DatabaseConnection) -> Result<Structure, DbErr> {
    match connection.get_database_backend() {
        DbBackend::Postgres => {
            let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
            let transaction = connection
                .begin_with_config(Some(isolation), Some(access))
                .await?;
            postgres::read(catalog, &transaction).await
        }
        _ => sqlite::read(catalog, &connection.begin().await?).await,
    }
}

/// Runs a query of the database's own catalog.
pub(super) async fn ask(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    transaction.query_all_raw(statement).await
}

/// Gathers rows that come one for each column of an index, sorted by index.
#[derive(Default)]
pub(super) struct Indexes {
    found: Vec<Index>,
    last: Option<String>,
}

impl Indexes {
    pub fn push(&mut self, index: String, column: IndexColumn, unique: bool) {
        if self.last.as_ref() != Some(&index) {
            self.found.push(Index {
                columns: Vec::new(),
                unique: 0,
            });
            self.last = Some(index);
        }
        if let Some(index) = self.found.last_mut() {
            index.columns.push(column);
            index.unique += usize::from(unique);
        }
    }

    pub fn finish(self) -> Vec<Index> {
        self.found
    }
}

/// Gathers rows that come one for each column of a foreign key, sorted by key. One that involves a column
/// unknown to the graph is none of its own.
#[derive(Default)]
pub(super) struct ForeignKeys {
    found: Vec<(String, Option<ForeignKey>)>,
}

impl ForeignKeys {
    pub fn push(
        &mut self,
        id: String,
        name: String,
        to: EntityId,
        pair: Option<(ColumnIx, ColumnIx)>,
        validated: bool,
    ) {
        if self.found.last().is_none_or(|(last, _)| *last != id) {
            let key = ForeignKey {
                name,
                to,
                pairs: Vec::new(),
                validated,
            };
            self.found.push((id, Some(key)));
        }
        if let Some((_, key)) = self.found.last_mut() {
            match (pair, key.as_mut()) {
                (Some(pair), Some(key)) => key.pairs.push(pair),
                _ => *key = None,
            }
        }
    }

    pub fn finish(self) -> Vec<ForeignKey> {
        self.found.into_iter().filter_map(|(_, key)| key).collect()
    }
}

/// The column called so, as SQLite (`fold`) or PostgreSQL compares names.
pub(super) fn column_called(entity: &Entity, name: &str, fold: bool) -> Option<ColumnIx> {
    entity.columns.iter().position(|c| match fold {
        true => c.name.eq_ignore_ascii_case(name),
        false => c.name == name,
    })
}
