//! What `backref doctor` found missing.

use backref_migration::{create_search, drop_search};
use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("profile")
            .add_column(text_null("website"))
            .to_owned();
        manager.alter_table(table).await?;
        let index = Index::create()
            .if_not_exists()
            .unique()
            .name("tag_name_key")
            .table("tag")
            .col("name")
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .if_not_exists()
            .name("comment_created_at_id_idx")
            .table("comment")
            .col("created_at")
            .col("id")
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .if_not_exists()
            .name("follow_followee_id_follower_id_idx")
            .table("follow")
            .col("followee_id")
            .col("follower_id")
            .to_owned();
        manager.create_index(index).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            connection
                .execute_unprepared(r#"ALTER TABLE "post" ALTER COLUMN "title" SET NOT NULL"#)
                .await?;
            connection
                .execute_unprepared(r#"ALTER TABLE "follow" ADD CONSTRAINT "follow_pkey" PRIMARY KEY ("follower_id", "followee_id")"#)
                .await?;
            connection
                .execute_unprepared(r#"ALTER TABLE "post" ADD CONSTRAINT "post_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "user" ("id")"#)
                .await?;
        }
        create_search(manager, "post", "id", &["title", "body"]).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_search(manager, "post").await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            connection
                .execute_unprepared(r#"ALTER TABLE "post" DROP CONSTRAINT "post_author_id_fkey""#)
                .await?;
            connection
                .execute_unprepared(r#"ALTER TABLE "follow" DROP CONSTRAINT "follow_pkey""#)
                .await?;
            connection
                .execute_unprepared(r#"ALTER TABLE "post" ALTER COLUMN "title" DROP NOT NULL"#)
                .await?;
        }
        let index = Index::drop()
            .name("follow_followee_id_follower_id_idx")
            .table("follow")
            .to_owned();
        manager.drop_index(index).await?;
        let index = Index::drop()
            .name("comment_created_at_id_idx")
            .table("comment")
            .to_owned();
        manager.drop_index(index).await?;
        let index = Index::drop().name("tag_name_key").table("tag").to_owned();
        manager.drop_index(index).await?;
        let table = Table::alter()
            .table("profile")
            .drop_column("website")
            .to_owned();
        manager.alter_table(table).await?;
        Ok(())
    }
}
