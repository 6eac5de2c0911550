//! Leads to a junction, which is a type of its own then.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "royalty")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub album_id: i64,
    pub employee_id: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::credit::Entity",
        from = "(Column::AlbumId, Column::EmployeeId)",
        to = "(super::credit::Column::AlbumId, super::credit::Column::EmployeeId)"
    )]
    Credit,
}

impl ActiveModelBehavior for ActiveModel {}
