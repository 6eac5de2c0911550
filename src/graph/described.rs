//! Entities that data tells of, in place of SeaORM's traits: what is known of tables before there is code for them.
//!
//! **Invariant:** what is told of here becomes the same catalog as the entity whose traits say it.

use sea_orm::sea_query::{ColumnType, ForeignKeyAction};

use super::definition::writing::Operation;
use super::definition::{ColumnKey, Graph};
use super::reflect::{self, Made, RawColumn, RawEntity, RawRelation, Shape, TableKey};

/// An entity, and what the graph says of it.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its Rust module: `entity::post`.
    pub module: String,
    pub schema: Option<String>,
    pub table: String,
    pub comment: Option<String>,
    pub columns: Vec<DescribedColumn>,
    pub primary_key: Vec<String>,
    /// The database makes the values of the primary key.
    pub makes_key: bool,
    pub relations: Vec<DescribedRelation>,
    /// Columns that are unique together, by a name.
    pub unique_keys: Vec<(String, Vec<String>)>,
    /// The name of its type, where it is not the table's.
    pub type_name: Option<String>,
    pub read_only: bool,
}

#[derive(Debug, Clone)]
pub struct DescribedColumn {
    pub name: String,
    pub comment: Option<String>,
    pub column_type: ColumnType,
    pub nullable: bool,
    pub unique: bool,
    pub has_default: bool,
    /// The database makes every value of it.
    pub generated: bool,
    pub hidden: bool,
    /// The name of its field, where it is not the column's.
    pub field: Option<String>,
}

#[derive(Debug, Clone)]
pub struct DescribedRelation {
    pub variant: String,
    pub end: End,
    pub schema: Option<String>,
    pub table: String,
    pub from_columns: Vec<String>,
    pub to_columns: Vec<String>,
    pub on_delete: Option<ForeignKeyAction>,
    pub on_update: Option<ForeignKeyAction>,
}

/// Which end of a foreign key a relation begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    BelongsTo,
    HasOne,
    HasMany,
}

impl Graph {
    /// Puts an entity on the graph that is told of by data.
    pub(crate) fn described(mut self, entity: Described) -> Self {
        let table = TableKey {
            schema: entity.schema,
            table: entity.table,
        };
        let key = |column: &DescribedColumn| ColumnKey {
            table: table.clone(),
            column: column.name.clone(),
        };
        let columns = entity.columns.iter();
        self.hidden
            .extend(columns.clone().filter(|c| c.hidden).map(key));
        self.column_names
            .extend(columns.filter_map(|c| Some((key(c), c.field.clone()?))));
        let type_name = entity.type_name.map(|name| (table.clone(), name));
        self.type_names.extend(type_name);
        if entity.read_only {
            let operations = Operation::WRITING.map(|operation| (table.clone(), operation));
            self.writing.without.extend(operations);
        }
        let module = &entity.module;
        let relations = entity.relations.into_iter();
        self.entities.push(RawEntity {
            relations: relations.map(|of| relation(module, of)).collect(),
            columns: entity.columns.into_iter().map(column).collect(),
            primary_key: entity.primary_key,
            makes_key: entity.makes_key,
            unique_keys: entity.unique_keys,
            comment: entity.comment.as_deref().and_then(reflect::written),
            // No row of it is written before it is code.
            fits: |_, _| true,
            module: entity.module,
            table,
        });
        if let Some(raw) = self.entities.last_mut() {
            raw.keys_are_no_lists();
        }
        self
    }
}

fn column(of: DescribedColumn) -> RawColumn {
    RawColumn {
        kind: reflect::kind(&of.column_type),
        max_length: reflect::max_length(&of.column_type),
        range: reflect::range(&of.column_type),
        whole_digits: reflect::whole_digits(&of.column_type),
        made: match (of.generated, of.has_default) {
            (true, _) => Made::Always,
            (false, true) => Made::Default,
            (false, false) => Made::Nothing,
        },
        name: of.name,
        comment: of.comment.as_deref().and_then(reflect::of_column),
        nullable: of.nullable,
        unique: of.unique,
    }
}

fn relation(module: &str, of: DescribedRelation) -> RawRelation {
    let path = format!("{module}::Relation::{}", of.variant);
    RawRelation {
        declared: super::definition::short(&path).to_owned(),
        variant: of.variant,
        shape: match of.end {
            End::BelongsTo => Shape::BelongsTo,
            End::HasOne => Shape::HasOne,
            End::HasMany => Shape::HasMany,
        },
        to: TableKey {
            schema: of.schema,
            table: of.table,
        },
        from_columns: of.from_columns,
        to_columns: of.to_columns,
        condition: None,
        widens: false,
        skip_fk: false,
        on_delete: of.on_delete,
        on_update: of.on_update,
    }
}
