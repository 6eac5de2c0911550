//! A junction with a column of its own.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "Credit")]
pub struct Model {
    #[sea_orm(column_name = "AlbumId", primary_key, auto_increment = false)]
    pub album_id: i64,
    #[sea_orm(column_name = "EmployeeId", primary_key, auto_increment = false)]
    pub employee_id: i32,
    pub role: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::album::Entity",
        from = "Column::AlbumId",
        to = "super::album::Column::Id"
    )]
    Album,
    #[sea_orm(
        belongs_to = "super::employee::Entity",
        from = "Column::EmployeeId",
        to = "super::employee::Column::EmployeeId"
    )]
    Employee,
}

impl ActiveModelBehavior for ActiveModel {}
