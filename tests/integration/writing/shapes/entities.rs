//! Keys of every kind, and rows that refer to each other in a circle.

/// A team has players, and one of them is its captain.
pub mod team {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "team")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique)]
        pub name: String,
        pub captain_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::player::Entity",
            from = "Column::CaptainId",
            to = "super::player::Column::Id"
        )]
        Captain,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod player {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "player")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub nick: String,
        pub team_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::team::Entity",
            from = "Column::TeamId",
            to = "super::team::Column::Id"
        )]
        Team,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Its key is a text that somebody gives.
pub mod club {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "club")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        pub region_country: Option<String>,
        pub region_code: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::region::Entity",
            from = "(Column::RegionCountry, Column::RegionCode)",
            to = "(super::region::Column::Country, super::region::Column::Code)"
        )]
        Region,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Its key has two columns.
pub mod region {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "region")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub country: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A junction that says more than its keys.
pub mod membership {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "membership")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub player_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub club_code: String,
        pub since: Date,
        pub note: Option<String>,
        pub sponsor_name: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::player::Entity",
            from = "Column::PlayerId",
            to = "super::player::Column::Id",
            on_delete = "Cascade"
        )]
        Player,
        #[sea_orm(
            belongs_to = "super::club::Entity",
            from = "Column::ClubCode",
            to = "super::club::Column::Code",
            on_delete = "Cascade"
        )]
        Club,
        #[sea_orm(
            belongs_to = "super::team::Entity",
            from = "Column::SponsorName",
            to = "super::team::Column::Name"
        )]
        Sponsor,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Neither is there without the other.
pub mod hen {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "hen")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub egg_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::egg::Entity",
            from = "Column::EggId",
            to = "super::egg::Column::Id"
        )]
        Egg,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod egg {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "egg")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub hen_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::hen::Entity",
            from = "Column::HenId",
            to = "super::hen::Column::Id"
        )]
        Hen,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A player has one at most, and it may be nobody's.
pub mod passport {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "passport")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub number: String,
        #[sea_orm(unique)]
        pub player_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::player::Entity",
            from = "Column::PlayerId",
            to = "super::player::Column::Id"
        )]
        Player,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Nothing of it need be given.
pub mod ticket {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "ticket")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub note: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
