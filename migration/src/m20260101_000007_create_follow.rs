//! Who follows whom: the junction of users with themselves.

use crate::support::{create_index, drop_table, foreign_key};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("follow")
            .col(big_integer("follower_id"))
            .col(big_integer("followee_id"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().col("follower_id").col("followee_id"))
            .foreign_key(&mut foreign_key("follow", "follower_id", "user", "id"))
            .foreign_key(&mut foreign_key("follow", "followee_id", "user", "id"))
            .to_owned();
        manager.create_table(table).await?;
        create_index(manager, "follow", &["followee_id", "follower_id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "follow").await
    }
}
