//! A composite primary key of which a part is a foreign key.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "region")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub country_code: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub name: String,
    #[sea_orm(belongs_to, from = "country_code", to = "code")]
    pub country: BelongsTo<super::country::Entity>,
    #[sea_orm(has_many)]
    pub stations: HasMany<super::station::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
