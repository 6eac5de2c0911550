//! Two entities whose columns are of whatever type a test declares, since what Backref knows of a type is what the
//! entity's traits say when the graph is made.

use std::cell::RefCell;

use backref::Graph;
use sea_orm::sea_query::ColumnType;
use sea_orm::{ColumnDef, ColumnTypeTrait};

thread_local! {
    static DECLARED: RefCell<ColumnType> = const { RefCell::new(ColumnType::Text) };
}

fn declared() -> ColumnDef {
    DECLARED.with_borrow(|of| of.clone()).def()
}

/// Marks are keyed by a value of the type, and spots refer to them.
pub fn graph(of: ColumnType) -> Graph {
    DECLARED.set(of);
    Graph::new().entity(mark::Entity).entity(spot::Entity)
}

/// Spots alone, where the type can be no key.
pub fn spots(of: ColumnType) -> Graph {
    DECLARED.set(of);
    Graph::new().entity(dot::Entity)
}

pub mod mark {
    use sea_orm::entity::prelude::*;

    #[derive(Copy, Clone, Default, Debug, DeriveEntity)]
    pub struct Entity;

    impl EntityName for Entity {
        fn table_name(&self) -> &'static str {
            "mark"
        }
    }

    #[derive(Clone, Debug, PartialEq, DeriveModel, DeriveActiveModel)]
    pub struct Model {
        pub value: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveColumn)]
    pub enum Column {
        Value,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DerivePrimaryKey)]
    pub enum PrimaryKey {
        Value,
    }

    impl PrimaryKeyTrait for PrimaryKey {
        type ValueType = String;

        fn auto_increment() -> bool {
            false
        }
    }

    impl ColumnTrait for Column {
        type EntityName = Entity;

        fn def(&self) -> ColumnDef {
            super::declared()
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod spot {
    use sea_orm::entity::prelude::*;

    #[derive(Copy, Clone, Default, Debug, DeriveEntity)]
    pub struct Entity;

    impl EntityName for Entity {
        fn table_name(&self) -> &'static str {
            "spot"
        }
    }

    #[derive(Clone, Debug, PartialEq, DeriveModel, DeriveActiveModel)]
    pub struct Model {
        pub id: i64,
        pub marked: Option<String>,
        pub plain: Option<String>,
        pub single: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveColumn)]
    pub enum Column {
        Id,
        Marked,
        Plain,
        Single,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DerivePrimaryKey)]
    pub enum PrimaryKey {
        Id,
    }

    impl PrimaryKeyTrait for PrimaryKey {
        type ValueType = i64;

        fn auto_increment() -> bool {
            true
        }
    }

    impl ColumnTrait for Column {
        type EntityName = Entity;

        fn def(&self) -> ColumnDef {
            match self {
                Column::Id => ColumnType::BigInteger.def(),
                Column::Marked | Column::Plain => super::declared().nullable(),
                Column::Single => super::declared().nullable().unique(),
            }
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::mark::Entity",
            from = "Column::Marked",
            to = "super::mark::Column::Value"
        )]
        Mark,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod dot {
    use sea_orm::entity::prelude::*;

    #[derive(Copy, Clone, Default, Debug, DeriveEntity)]
    pub struct Entity;

    impl EntityName for Entity {
        fn table_name(&self) -> &'static str {
            "spot"
        }
    }

    #[derive(Clone, Debug, PartialEq, DeriveModel, DeriveActiveModel)]
    pub struct Model {
        pub id: i64,
        pub plain: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveColumn)]
    pub enum Column {
        Id,
        Plain,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DerivePrimaryKey)]
    pub enum PrimaryKey {
        Id,
    }

    impl PrimaryKeyTrait for PrimaryKey {
        type ValueType = i64;

        fn auto_increment() -> bool {
            true
        }
    }

    impl ColumnTrait for Column {
        type EntityName = Entity;

        fn def(&self) -> ColumnDef {
            match self {
                Column::Id => ColumnType::BigInteger.def(),
                Column::Plain => super::declared().nullable(),
            }
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
