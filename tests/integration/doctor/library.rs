//! A table in a schema of its own, whose times may be null: their place in an order must be the index's too.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "library", table_name = "shelf")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub inside_id: Option<i64>,
    pub label: String,
    pub created_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "Entity",
        from = "Column::InsideId",
        to = "Column::Id",
        on_delete = "SetNull"
    )]
    Inside,
}

impl ActiveModelBehavior for ActiveModel {}
