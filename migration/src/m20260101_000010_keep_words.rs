//! Who has written something stays as long as that does, and so does what others have answered: these foreign keys no longer
//! delete by the way.

use crate::support::set_on_delete;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// A table, its column, and the table to which that refers by `id`.
const KEPT: [(&str, &str, &str); 3] = [
    ("post", "author_id", "user"),
    ("comment", "author_id", "user"),
    ("comment", "parent_id", "comment"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column, target) in KEPT {
            let actions = [ForeignKeyAction::Cascade, ForeignKeyAction::NoAction];
            set_on_delete(manager, table, column, (target, "id"), actions).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column, target) in KEPT {
            let actions = [ForeignKeyAction::NoAction, ForeignKeyAction::Cascade];
            set_on_delete(manager, table, column, (target, "id"), actions).await?;
        }
        Ok(())
    }
}
