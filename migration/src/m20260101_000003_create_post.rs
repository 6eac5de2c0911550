//! Posts and their status.

use crate::support::{Enumeration, create_index, drop_table, foreign_key};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

const STATUS: Enumeration = Enumeration {
    name: "post_status",
    values: &["draft", "published", "archived"],
};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        STATUS.create(manager).await?;
        let table = Table::create()
            .table("post")
            .col(big_pk_auto("id"))
            .col(big_integer("author_id"))
            .col(string("title"))
            .col(string_uniq("slug"))
            .col(text("body"))
            .col(STATUS.column(manager, "status"))
            .col(timestamp_with_time_zone_null("published_at"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .col(integer("version").default(1))
            .foreign_key(&mut foreign_key("post", "author_id", "user", "id"))
            .to_owned();
        manager.create_table(table).await?;
        create_index(manager, "post", &["created_at", "id"]).await?;
        create_index(manager, "post", &["author_id", "created_at", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "post").await?;
        STATUS.drop(manager).await
    }
}
