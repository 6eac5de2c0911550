//! A primary key of text, and a unique column that is none.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "country")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub code: String,
    #[sea_orm(unique)]
    pub iso3: Option<String>,
    #[sea_orm(has_many)]
    pub regions: HasMany<super::region::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
