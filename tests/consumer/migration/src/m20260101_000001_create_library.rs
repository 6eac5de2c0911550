use backref_migration::{create_answers, drop_table};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let author = Table::create()
            .table("author")
            .col(pk_auto("id"))
            .col(string("name"))
            .to_owned();
        manager.create_table(author).await?;
        let to_author = ForeignKey::create()
            .from("book", "author_id")
            .to("author", "id")
            .to_owned();
        let book = Table::create()
            .table("book")
            .col(pk_auto("id"))
            .col(string("title"))
            .col(integer("author_id"))
            .foreign_key(&mut to_author.clone())
            .to_owned();
        manager.create_table(book).await?;
        // The answers of requests that have an Idempotency-Key.
        create_answers(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["backref_answer", "book", "author"] {
            drop_table(manager, table).await?;
        }
        Ok(())
    }
}
