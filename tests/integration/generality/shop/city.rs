//! Relations to a text key and to a unique column, with the variants that sea-orm-cli makes up.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "city")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub country: String,
    pub iso3: Option<String>,
    #[sea_orm(belongs_to, relation_enum = "Country2", from = "iso3", to = "iso3")]
    pub country_2: BelongsTo<Option<super::country::Entity>>,
    #[sea_orm(belongs_to, relation_enum = "Country1", from = "country", to = "code")]
    pub country_1: BelongsTo<super::country::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
