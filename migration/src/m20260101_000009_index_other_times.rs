//! On SQLite, the indexes by which a server knows at once that all times are in the form that is written.

use crate::support::{create_other_times, drop_other_times};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const COLUMNS: [(&str, &str); 8] = [
    ("user", "created_at"),
    ("user", "updated_at"),
    ("post", "published_at"),
    ("post", "created_at"),
    ("post", "updated_at"),
    ("comment", "created_at"),
    ("comment", "updated_at"),
    ("follow", "created_at"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in COLUMNS {
            create_other_times(manager, table, column).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in COLUMNS {
            drop_other_times(manager, table, column).await?;
        }
        Ok(())
    }
}
