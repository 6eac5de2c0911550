//! Comments on posts, and answers to comments.

use crate::support::{create_index, drop_table, foreign_key};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("comment")
            .col(big_pk_auto("id"))
            .col(big_integer("post_id"))
            .col(big_integer("author_id"))
            .col(big_integer_null("parent_id"))
            .col(text("body"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(&mut foreign_key("comment", "post_id", "post", "id"))
            .foreign_key(&mut foreign_key("comment", "author_id", "user", "id"))
            .foreign_key(&mut foreign_key("comment", "parent_id", "comment", "id"))
            .to_owned();
        manager.create_table(table).await?;
        create_index(manager, "comment", &["created_at", "id"]).await?;
        create_index(manager, "comment", &["post_id", "created_at", "id"]).await?;
        create_index(manager, "comment", &["author_id", "created_at", "id"]).await?;
        create_index(manager, "comment", &["parent_id", "created_at", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "comment").await
    }
}
