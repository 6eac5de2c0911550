//! Users and their role.

use crate::support::{Enumeration, create_index, drop_table};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

const ROLE: Enumeration = Enumeration {
    name: "user_role",
    values: &["reader", "author", "admin"],
};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ROLE.create(manager).await?;
        let table = Table::create()
            .table("user")
            .col(big_pk_auto("id"))
            .col(string_uniq("username"))
            .col(string("name"))
            .col(string_uniq("email"))
            .col(string_null("password_hash"))
            .col(ROLE.column(manager, "role").default("author"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(table).await?;
        create_index(manager, "user", &["created_at", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "user").await?;
        ROLE.drop(manager).await
    }
}
