//! A composite foreign key, nullable.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "station", comment = "Where trains stop.")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub region_country: Option<String>,
    #[sea_orm(comment = "Within its country.", renamed_from = "region")]
    pub region_number: Option<i32>,
    #[sea_orm(
        belongs_to,
        from = "(region_country, region_number)",
        to = "(country_code, number)"
    )]
    pub region: BelongsTo<Option<super::region::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
