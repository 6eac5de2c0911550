//! A one-to-one relation that no variant of this side declares.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "badge")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub holder_id: i32,
    pub color: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl Related<super::employee::Entity> for Entity {
    fn to() -> RelationDef {
        Entity::belongs_to(super::employee::Entity)
            .from(Column::HolderId)
            .to(super::employee::Column::EmployeeId)
            .into()
    }
}

impl ActiveModelBehavior for ActiveModel {}
