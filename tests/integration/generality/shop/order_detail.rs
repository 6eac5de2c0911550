//! Spaces and SQL keywords for names; a composite primary key, a part of which is called `id`, that is no junction.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order details")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub group: Option<String>,
    #[sea_orm(column_name = "two words")]
    pub two_words: String,
    pub select: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::employee::Entity",
        from = "Column::Select",
        to = "super::employee::Column::EmployeeId"
    )]
    Clerk,
}

impl ActiveModelBehavior for ActiveModel {}
