//! A column of every type, and one of each that is null.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "state")]
pub enum State {
    #[sea_orm(string_value = "as new")]
    AsNew,
    #[sea_orm(string_value = "used")]
    Used,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "specimen")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub bytes: Vec<u8>,
    #[sea_orm(column_type = "Decimal(Some((10, 2)))")]
    pub price: Decimal,
    pub date: Date,
    pub time: Time,
    pub stamp: DateTimeUtc,
    pub local: DateTime,
    pub json: Json,
    pub flag: bool,
    pub ratio: f64,
    pub small: i16,
    pub int: i32,
    pub big: i64,
    pub state: State,
    pub uuid: Uuid,
    pub no_bytes: Option<Vec<u8>>,
    pub no_price: Option<Decimal>,
    pub no_date: Option<Date>,
    pub no_stamp: Option<DateTimeUtc>,
    pub no_json: Option<Json>,
    pub no_flag: Option<bool>,
    pub no_big: Option<i64>,
    pub no_state: Option<State>,
    pub no_uuid: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
