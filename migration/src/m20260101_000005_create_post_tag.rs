//! The junction of posts and tags.

use crate::support::{create_index, drop_table, foreign_key};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("post_tag")
            .col(big_integer("post_id"))
            .col(big_integer("tag_id"))
            .primary_key(Index::create().col("post_id").col("tag_id"))
            .foreign_key(&mut foreign_key("post_tag", "post_id", "post", "id"))
            .foreign_key(&mut foreign_key("post_tag", "tag_id", "tag", "id"))
            .to_owned();
        manager.create_table(table).await?;
        create_index(manager, "post_tag", &["tag_id", "post_id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "post_tag").await
    }
}
