//! The phrases that several migrations share.
//!
//! A migration that has run depends on them, so they may be added to but must not change meaning.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend, sea_query::extension::postgres::Type};

/// An enumeration: a type of its own on PostgreSQL, checked text on SQLite.
pub struct Enumeration {
    pub name: &'static str,
    pub values: &'static [&'static str],
}

impl Enumeration {
    /// Creates the type, where the database has such types.
    pub async fn create(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let values = self.values.iter().copied();
        manager
            .create_type(Type::create().as_enum(self.name).values(values).to_owned())
            .await
    }

    /// Drops the type, once no column has it any longer.
    pub async fn drop(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        manager
            .drop_type(Type::drop().name(self.name).to_owned())
            .await
    }

    /// A non-null column that holds one of the values.
    pub fn column(&self, manager: &SchemaManager<'_>, column: &'static str) -> ColumnDef {
        let mut definition = ColumnDef::new(column);
        if manager.get_database_backend() == DbBackend::Postgres {
            definition.custom(self.name);
        } else {
            let values = self.values.iter().copied();
            definition.text().check(Expr::col(column).is_in(values));
        }
        definition.not_null().take()
    }
}

/// A foreign key of one column, whose rows go when the row they point at goes.
pub fn foreign_key(
    table: &'static str,
    column: &'static str,
    target: &'static str,
    target_column: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(target, target_column)
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

/// Creates the ascending index of these columns, named after them. Newest-first pages scan it
/// backwards.
pub async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    let mut index = Index::create();
    index
        .name(format!("{table}_{}_idx", columns.join("_")))
        .table(table);
    for column in columns {
        index.col(*column);
    }
    manager.create_index(index).await
}

/// Drops a table together with its indexes.
pub async fn drop_table(manager: &SchemaManager<'_>, table: &'static str) -> Result<(), DbErr> {
    manager
        .drop_table(Table::drop().table(table).to_owned())
        .await
}
