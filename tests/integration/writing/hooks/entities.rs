//! Articles, what hangs on them, and what their hooks write down.

pub mod article {
    use sea_orm::entity::prelude::*;
    use sea_orm::{PaginatorTrait, Set};

    use super::audit;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "article")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub title: String,
        #[sea_orm(unique)]
        pub slug: String,
        pub stage: Option<Stage>,
        pub price: Option<Decimal>,
        pub made_at: Option<DateTimeUtc>,
        pub changed_at: Option<DateTimeWithTimeZone>,
        pub day: Option<Date>,
        pub seen: Option<bool>,
        pub data: Option<Json>,
        pub uid: Option<Uuid>,
        pub bytes: Option<Vec<u8>>,
        pub big: Option<i64>,
        pub small: Option<i16>,
        pub ratio: Option<f64>,
        #[sea_orm(has_many)]
        pub notes: HasMany<super::note::Entity>,
        #[sea_orm(has_many)]
        pub marks: HasMany<super::mark::Entity>,
        #[sea_orm(has_many, via = "labelled")]
        pub labels: HasMany<super::label::Entity>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "stage")]
    pub enum Stage {
        #[sea_orm(string_value = "draft")]
        Draft,
        #[sea_orm(string_value = "out")]
        Out,
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn before_save<C>(mut self, db: &C, insert: bool) -> Result<Self, DbErr>
        where
            C: ConnectionTrait,
        {
            let sea_orm::ActiveValue::Set(title) = self.title.clone() else {
                return Ok(self);
            };
            if title == "before" {
                return Err(DbErr::Custom("no title is `before`".to_owned()));
            }
            let slug = title.to_lowercase().replace(' ', "-");
            let mut others = Entity::find().filter(Column::Slug.starts_with(&slug));
            if !insert {
                others = others.filter(Column::Id.ne(self.id.clone().unwrap()));
            }
            let others = others.count(db).await?;
            self.slug = Set(match others {
                0 => slug,
                n => format!("{slug}-{}", n + 1),
            });
            if title == "Quiet" {
                self.title = sea_orm::ActiveValue::NotSet;
                self.slug = sea_orm::ActiveValue::NotSet;
            }
            Ok(self)
        }

        async fn after_save<C>(model: Model, db: &C, insert: bool) -> Result<Model, DbErr>
        where
            C: ConnectionTrait,
        {
            let found = Entity::find_by_id(model.id).one(db).await?;
            assert_eq!(found.as_ref(), Some(&model), "it is what is there");
            let did = if insert { "made" } else { "changed" };
            audit::note(db, format!("{did} {}", model.slug)).await?;
            match &*model.title {
                "after" => Err(DbErr::Custom("no title is `after`".to_owned())),
                "broken" => Err(DbErr::RecordNotFound("secret".to_owned())),
                "twice" => {
                    // The database refuses it, and the hook does not care.
                    let taken = audit::ActiveModel {
                        id: Set(1),
                        what: Set("again".to_owned()),
                    };
                    let _ = audit::Entity::insert(taken).exec(db).await;
                    Ok(model)
                }
                _ => Ok(model),
            }
        }
    }
}

pub mod note {
    use sea_orm::entity::prelude::*;

    use super::audit;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub body: String,
        pub article_id: i32,
        #[sea_orm(belongs_to, from = "article_id", to = "id", on_delete = "Cascade")]
        pub article: HasOne<super::article::Entity>,
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn before_delete<C>(self, db: &C) -> Result<Self, DbErr>
        where
            C: ConnectionTrait,
        {
            let body = self.body.clone().unwrap();
            let article = super::article::Entity::find_by_id(self.article_id.clone().unwrap());
            let article = article.one(db).await?;
            let title = article.map_or("nothing".to_owned(), |a| a.title);
            audit::note(db, format!("{body} leaves {title}")).await?;
            match &*body {
                "keep" => Err(DbErr::Custom("this note is kept".to_owned())),
                _ => Ok(self),
            }
        }

        async fn after_delete<C>(self, db: &C) -> Result<Self, DbErr>
        where
            C: ConnectionTrait,
        {
            let there = Entity::find_by_id(self.id.clone().unwrap()).one(db).await?;
            assert!(there.is_none(), "it has gone");
            let body = self.body.clone().unwrap();
            audit::note(db, format!("{body} has gone")).await?;
            match &*body {
                "late" => Err(DbErr::Custom("this note was kept".to_owned())),
                _ => Ok(self),
            }
        }
    }
}

/// It lets go of an article that goes.
pub mod mark {
    use sea_orm::entity::prelude::*;

    use super::audit;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "mark")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub article_id: Option<i32>,
        #[sea_orm(belongs_to, from = "article_id", to = "id", on_delete = "SetNull")]
        pub article: HasOne<super::article::Entity>,
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn after_save<C>(model: Model, db: &C, insert: bool) -> Result<Model, DbErr>
        where
            C: ConnectionTrait,
        {
            let did = if insert { "made" } else { "changed" };
            let article = model.article_id.is_some();
            audit::note(db, format!("{did} {} {article}", model.name)).await?;
            Ok(model)
        }
    }
}

pub mod label {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "label")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        #[sea_orm(has_many, via = "labelled")]
        pub articles: HasMany<super::article::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod labelled {
    use sea_orm::entity::prelude::*;

    use super::audit;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "labelled")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub article_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub label_name: String,
        #[sea_orm(belongs_to, from = "article_id", to = "id", on_delete = "Cascade")]
        pub article: HasOne<super::article::Entity>,
        #[sea_orm(belongs_to, from = "label_name", to = "name", on_delete = "Cascade")]
        pub label: HasOne<super::label::Entity>,
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn after_save<C>(model: Model, db: &C, _: bool) -> Result<Model, DbErr>
        where
            C: ConnectionTrait,
        {
            audit::note(db, format!("labelled {}", model.label_name)).await?;
            Ok(model)
        }

        async fn before_delete<C>(self, db: &C) -> Result<Self, DbErr>
        where
            C: ConnectionTrait,
        {
            let label = self.label_name.clone().unwrap();
            audit::note(db, format!("no longer {label}")).await?;
            Ok(self)
        }
    }
}

/// What hooks write down.
pub mod audit {
    use sea_orm::Set;
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub what: String,
    }

    impl ActiveModelBehavior for ActiveModel {}

    pub async fn note<C: ConnectionTrait>(db: &C, what: String) -> Result<(), DbErr> {
        let row = ActiveModel {
            what: Set(what),
            ..sea_orm::ActiveModelTrait::default()
        };
        row.insert(db).await?;
        Ok(())
    }
}
