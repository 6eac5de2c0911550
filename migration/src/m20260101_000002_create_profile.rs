//! Profiles, at most one per user.

use crate::support::{drop_table, foreign_key};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("profile")
            .col(big_integer("user_id").primary_key())
            .col(text_null("bio"))
            .col(string_null("website"))
            .col(string_null("location"))
            .foreign_key(&mut foreign_key("profile", "user_id", "user", "id"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "profile").await
    }
}
