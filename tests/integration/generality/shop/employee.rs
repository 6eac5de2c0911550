//! CamelCase names, keys of 32 bits, a self-relation whose key is called as the relation, and a key that only this side declares.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "Employee")]
pub struct Model {
    #[sea_orm(column_name = "EmployeeId", primary_key)]
    pub employee_id: i32,
    #[sea_orm(column_name = "FullName")]
    pub full_name: String,
    #[sea_orm(column_name = "ReportsTo")]
    pub reports_to: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "Entity",
        from = "Column::ReportsTo",
        to = "Column::EmployeeId"
    )]
    SelfRef,
    #[sea_orm(has_one = "super::badge::Entity")]
    Badge,
}

impl ActiveModelBehavior for ActiveModel {}
