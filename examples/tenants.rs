//! One rule for every table: a tenant sees and writes its own rows. The tenant is a claim of the token.
//!
//!     cargo run --example tenants -- --jwt-secret a-secret-of-at-least-32-bytes-which-nobody-knows --jwt-claims tenant
//!
//! The tables are made in tenants.db; `migrate` is what a real program does.

use std::process::ExitCode;

use backref::graph::Preset;
use backref::{Graph, Program};
use sea_orm::sea_query::Table;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{pk_auto, string};

mod project {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "project")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub tenant_id: String,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn graph() -> Graph {
    Graph::new()
        .entity(project::Entity)
        // Whatever entities follow: what has another tenant is not there, and cannot be made.
        .policy_of_all(|me, _| me.claim("tenant").is_called("tenant_id"))
        .write_policy_of_all(|me, _| me.claim("tenant").is_called("tenant_id"))
        .on_create(project::Column::TenantId, Preset::claim("tenant"))
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateProject)]
    }
}

#[derive(DeriveMigrationName)]
struct CreateProject;

#[async_trait::async_trait]
impl MigrationTrait for CreateProject {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let project = Table::create()
            .table("project")
            .col(pk_auto("id"))
            .col(string("tenant_id"))
            .col(string("name"))
            .to_owned();
        manager.create_table(project).await
    }
}

fn main() -> ExitCode {
    Program::new(graph())
        .named("tenants")
        .migrations::<Migrator>()
        .embedded("tenants.db", |_| Box::pin(std::future::ready(Ok(()))))
        .main()
}
