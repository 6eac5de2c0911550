//! A UUID key, and lists of one entity narrowed by conditions on the target and on both ends.

use sea_orm::ExprTrait;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "artist")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub favourite_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_many = "super::album::Entity")]
    Album,
    #[sea_orm(
        has_many = "super::album::Entity",
        on_condition = r#"super::album::Column::Live.eq(true)"#
    )]
    LiveAlbums,
    #[sea_orm(
        has_many = "super::album::Entity",
        on_condition = r#"super::album::Column::Title.into_expr().equals((Entity, Column::Name))"#
    )]
    SelfTitledAlbums,
    #[sea_orm(
        belongs_to = "super::album::Entity",
        from = "Column::FavouriteId",
        to = "super::album::Column::Id",
        on_condition = r#"super::album::Column::Live.eq(true)"#,
        skip_fk
    )]
    LiveFavourite,
}

impl Related<super::album::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Album.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
