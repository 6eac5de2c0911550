//! A primary key of bytes, a foreign key to it, and unique columns of types whose text has several forms.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recording")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub remix_of: Option<Vec<u8>>,
    #[sea_orm(unique)]
    pub released: Date,
    #[sea_orm(unique)]
    pub mastered: DateTimeUtc,
    #[sea_orm(unique)]
    pub cover: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "Entity", from = "Column::RemixOf", to = "Column::Hash")]
    SelfRef,
}

impl ActiveModelBehavior for ActiveModel {}
