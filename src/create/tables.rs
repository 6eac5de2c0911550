//! What a database has, as its own catalog says it: tables and views, their columns, keys and references.
//!
//! sea-schema's discovery is not used, of whose types only those of SQLite are: it ends the program at a foreign key
//! that names no column (`REFERENCES artist`), sees no key of PostgreSQL without rights beyond `SELECT`, no view, and
//! no schema that a reference leads to.

use sea_orm::sea_query::{ColumnType, ForeignKeyAction};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, QueryResult, Statement, Value};

/// All that was found, in the order of names.
#[derive(Debug, Default)]
pub struct Tables {
    pub tables: Vec<Table>,
    pub enums: Vec<Enum>,
    /// Schemas with tables that were not looked at.
    pub other_schemas: Vec<String>,
    /// What the database itself cannot read.
    pub broken: Vec<Broken>,
}

/// A view of what is gone, or a table of a module that is not there.
#[derive(Debug, Clone)]
pub struct Broken {
    pub name: String,
    pub form: Form,
    /// In the database's words.
    pub why: String,
}

#[derive(Debug, Clone)]
pub struct Table {
    /// `None` where the table's name alone is understood.
    pub schema: Option<String>,
    /// The schema that it is in, whether it has to be said or not.
    pub home: String,
    pub name: String,
    pub form: Form,
    pub comment: Option<String>,
    pub columns: Vec<Column>,
    pub primary_key: Vec<String>,
    /// The database makes the values of the primary key.
    pub makes_key: bool,
    /// Columns that are unique together, or one alone.
    pub unique: Vec<Unique>,
    pub foreign_keys: Vec<ForeignKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Table,
    View,
    Materialized,
    /// Another server's table.
    Foreign,
    /// A module's table of SQLite, such as a full-text index.
    Virtual,
    /// Kept by something else: an extension, a full-text index, a migration.
    Kept,
    /// A part of another table.
    Partition,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub of: Type,
    pub nullable: bool,
    /// SQL of the value that is put in where none is given.
    pub default: Option<String>,
    /// How the database makes its values, where that is no default: `GENERATED ALWAYS AS IDENTITY`.
    pub extra: Option<String>,
    pub comment: Option<String>,
}

/// A column's type.
#[derive(Debug, Clone)]
pub struct Type {
    /// As the entity declares it.
    pub declared: ColumnType,
    /// As the database writes it, for messages.
    pub shown: String,
    /// Rust has it as the database's text for it, since SeaORM has no type for it: what it is cast to and from.
    pub cast: Option<Cast>,
    /// Which of [`Tables::enums`] it is, or its elements are.
    pub enumeration: Option<usize>,
    /// What was declared does not say it, and there is no value yet that would.
    pub is_assumed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    pub select: String,
    pub save: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Enum {
    pub schema: Option<String>,
    pub name: String,
    pub values: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Unique {
    pub name: String,
    pub columns: Vec<String>,
    /// Whether it is asked of each row as it is written. What may wait for the end of a transaction can be no aim of
    /// `ON CONFLICT`.
    pub is_immediate: bool,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    pub schema: Option<String>,
    pub table: String,
    pub to_columns: Vec<String>,
    pub on_delete: Option<ForeignKeyAction>,
    pub on_update: Option<ForeignKeyAction>,
}

impl Broken {
    pub fn is_called(&self, name: &str) -> bool {
        name == self.name || name == shown(Some(MAIN), &self.name)
    }
}

/// What SQLite calls the file itself.
pub const MAIN: &str = "main";

impl Form {
    /// What people call it.
    pub fn shown(self) -> &'static str {
        match self {
            Form::View => "view",
            Form::Materialized => "materialized view",
            Form::Foreign => "foreign table",
            Form::Virtual => "virtual table",
            Form::Table | Form::Kept | Form::Partition => "table",
        }
    }
}

impl Table {
    /// The table as people write it: with its schema, where that has to be said.
    pub fn shown(&self) -> String {
        shown(self.schema.as_deref(), &self.name)
    }

    /// Whether somebody means it by this name: that by which it is shown, or the one with its schema.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.shown() || name == shown(Some(&self.home), &self.name)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether at most one row can have these values.
    pub fn is_unique(&self, columns: &[String]) -> bool {
        let within = |key: &[String]| !key.is_empty() && key.iter().all(|c| columns.contains(c));
        within(&self.primary_key) || self.unique.iter().any(|unique| within(&unique.columns))
    }
}

pub fn shown(schema: Option<&str>, table: &str) -> String {
    match schema {
        Some(schema) => format!("{schema}.{table}"),
        None => table.to_owned(),
    }
}

impl Column {
    /// The database makes every value of it.
    pub fn is_generated(&self) -> bool {
        let extra = self.extra.as_deref().unwrap_or_default();
        extra.starts_with("GENERATED ALWAYS")
    }

    /// The database makes a value of it where none is given.
    pub fn has_default(&self) -> bool {
        self.default.is_some() || (self.extra.is_some() && !self.is_generated())
    }
}

impl Type {
    pub fn plain(declared: ColumnType, shown: &str) -> Self {
        Type {
            declared,
            shown: shown.to_owned(),
            cast: None,
            enumeration: None,
            is_assumed: false,
        }
    }

    pub fn is_list(&self) -> bool {
        matches!(self.declared, ColumnType::Array(_))
    }
}

/// What a word of the catalog means for the rows that refer to one that goes.
pub fn action(word: &str) -> Option<ForeignKeyAction> {
    match word {
        "CASCADE" | "c" => Some(ForeignKeyAction::Cascade),
        "SET NULL" | "n" => Some(ForeignKeyAction::SetNull),
        "SET DEFAULT" | "d" => Some(ForeignKeyAction::SetDefault),
        "RESTRICT" | "r" => Some(ForeignKeyAction::Restrict),
        _ => None,
    }
}

/// Reads the catalog in one transaction, so that it is of one moment.
pub async fn read(db: &DatabaseConnection, schemas: &[String]) -> Result<Tables, DbErr> {
    use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};
    let transaction = db.begin().await?;
    let tables = match transaction.get_database_backend() {
        DbBackend::Postgres => super::postgres::read(&transaction, schemas).await?,
        _ => super::sqlite::read(&transaction).await?,
    };
    transaction.rollback().await?;
    Ok(tables)
}

pub(super) async fn ask(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    use sea_orm::ConnectionTrait;
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    transaction.query_all_raw(statement).await
}
