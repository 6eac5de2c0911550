//! Two entities whose table, columns, enum and relation are called as a test says.

use std::cell::Cell;

/// What is called how.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub things: String,
    pub parts: String,
    /// Of the things: texts.
    pub columns: [String; 3],
    /// A column of the things that holds an enum, its name, and its values.
    pub kind: String,
    pub kinds: String,
    pub values: Vec<String>,
    /// A column of the parts that refers to a thing, and the variant that declares it.
    pub key: String,
    pub relation: String,
}

/// What the entities below say what they are called by.
#[derive(Debug, Clone, Copy)]
struct Kept {
    things: &'static str,
    parts: &'static str,
    columns: [&'static str; 3],
    kind: &'static str,
    kinds: &'static str,
    values: &'static [&'static str],
    key: &'static str,
    relation: &'static str,
}

thread_local! {
    static KEPT: Cell<Kept> = const {
        Cell::new(Kept {
            things: "things",
            parts: "parts",
            columns: ["a", "b", "c"],
            kind: "kind",
            kinds: "kinds",
            values: &[],
            key: "thing_id",
            relation: "Thing",
        })
    };
}

impl Drawn {
    /// The graph of the two. Names of entities are static, so these are never freed.
    pub fn graph(&self) -> backref::Graph {
        let keep = |text: &String| -> &'static str { text.clone().leak() };
        KEPT.set(Kept {
            things: keep(&self.things),
            parts: keep(&self.parts),
            columns: [0, 1, 2].map(|i| keep(&self.columns[i])),
            kind: keep(&self.kind),
            kinds: keep(&self.kinds),
            values: self.values.iter().map(keep).collect::<Vec<_>>().leak(),
            key: keep(&self.key),
            relation: keep(&self.relation),
        });
        backref::Graph::new()
            .entity(thing::Entity)
            .entity(part::Entity)
    }
}

fn kept() -> Kept {
    KEPT.get()
}

pub mod thing {
    use sea_orm::entity::prelude::*;
    use sea_orm::sea_query::{Alias, IntoIden};
    use sea_orm::{ColumnFromStrErr, Iden, IdenStatic, Iterable};

    use super::kept;

    #[derive(Copy, Clone, Default, Debug, DeriveEntity)]
    pub struct Entity;

    impl EntityName for Entity {
        fn table_name(&self) -> &'static str {
            kept().things
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveModel, DeriveActiveModel)]
    pub struct Model {
        pub id: i64,
        pub first: String,
        pub second: String,
        pub third: String,
        pub kind: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter)]
    pub enum Column {
        Id,
        First,
        Second,
        Third,
        Kind,
    }

    impl IdenStatic for Column {
        fn as_str(&self) -> &'static str {
            match self {
                Column::Id => "id",
                Column::First => kept().columns[0],
                Column::Second => kept().columns[1],
                Column::Third => kept().columns[2],
                Column::Kind => kept().kind,
            }
        }
    }

    impl Iden for Column {
        fn unquoted(&self) -> &str {
            self.as_str()
        }
    }

    impl std::str::FromStr for Column {
        type Err = ColumnFromStrErr;

        fn from_str(name: &str) -> Result<Self, ColumnFromStrErr> {
            let found = Column::iter().find(|c| c.as_str() == name);
            found.ok_or_else(|| ColumnFromStrErr(name.to_owned()))
        }
    }

    impl ColumnTrait for Column {
        type EntityName = Entity;

        fn def(&self) -> ColumnDef {
            match self {
                Column::Id => ColumnType::BigInteger.def(),
                Column::Kind => ColumnType::Enum {
                    name: Alias::new(kept().kinds).into_iden(),
                    variants: kept()
                        .values
                        .iter()
                        .map(|v| Alias::new(*v).into_iden())
                        .collect(),
                }
                .def()
                .nullable(),
                _ => ColumnType::Text.def(),
            }
        }
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

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod part {
    use sea_orm::entity::prelude::*;
    use sea_orm::{ColumnFromStrErr, Iden, IdenStatic, Iterable};

    use super::{kept, thing};

    #[derive(Copy, Clone, Default, Debug, DeriveEntity)]
    pub struct Entity;

    impl EntityName for Entity {
        fn table_name(&self) -> &'static str {
            kept().parts
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveModel, DeriveActiveModel)]
    pub struct Model {
        pub id: i64,
        pub key: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter)]
    pub enum Column {
        Id,
        Key,
    }

    impl IdenStatic for Column {
        fn as_str(&self) -> &'static str {
            match self {
                Column::Id => "id",
                Column::Key => kept().key,
            }
        }
    }

    impl Iden for Column {
        fn unquoted(&self) -> &str {
            self.as_str()
        }
    }

    impl std::str::FromStr for Column {
        type Err = ColumnFromStrErr;

        fn from_str(name: &str) -> Result<Self, ColumnFromStrErr> {
            let found = Column::iter().find(|c| c.as_str() == name);
            found.ok_or_else(|| ColumnFromStrErr(name.to_owned()))
        }
    }

    impl ColumnTrait for Column {
        type EntityName = Entity;

        fn def(&self) -> ColumnDef {
            ColumnType::BigInteger.def()
        }
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

    #[derive(Copy, Clone, Debug, EnumIter)]
    pub enum Relation {
        Whole,
    }

    impl RelationTrait for Relation {
        fn def(&self) -> RelationDef {
            Entity::belongs_to(thing::Entity)
                .from(Column::Key)
                .to(thing::Column::Id)
                .into()
        }

        fn name(&self) -> String {
            kept().relation.to_owned()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}
