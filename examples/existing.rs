//! An SQLite file that is there already (two tables of Chinook, <https://github.com/lerocha/chinook-database>), as a program
//! with the whole command line: `--help` tells what it can do.
//!
//!     cargo run --example existing -- --database-url sqlite://Chinook.db

use std::process::ExitCode;

use backref::{Graph, Program};

mod artist {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "Artist")]
    pub struct Model {
        #[sea_orm(primary_key, column_name = "ArtistId")]
        pub artist_id: i32,
        #[sea_orm(column_name = "Name")]
        pub name: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "super::album::Entity")]
        Albums,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod album {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "Album")]
    pub struct Model {
        #[sea_orm(primary_key, column_name = "AlbumId")]
        pub album_id: i32,
        #[sea_orm(column_name = "Title")]
        pub title: String,
        #[sea_orm(column_name = "ArtistId")]
        pub artist_id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::artist::Entity",
            from = "Column::ArtistId",
            to = "super::artist::Column::ArtistId"
        )]
        Artist,
    }

    impl Related<super::artist::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Artist.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() -> ExitCode {
    // Nobody writes to somebody else's file.
    let graph = Graph::new()
        .entity(artist::Entity)
        .entity(album::Entity)
        .without_mutations();
    Program::new(graph).named("existing").main()
}
