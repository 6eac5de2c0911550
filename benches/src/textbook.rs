//! The textbook: the same API as the libraries' own documentation teaches to write it.
//!
//! async-graphql's static types over SeaORM's models, `find()` for every entity, and the built-in
//! DataLoader with its default delay, one for each request, so that no request's rows reach another's.
//! A page of a user's posts comes from a loader that reads the posts of all users of the batch; the
//! resolver takes the page from them.

use crate::Result;
use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Error, ID, InputValueError, InputValueResult,
    Object, Scalar, ScalarType, Schema, Value,
    dataloader::{DataLoader, Loader},
};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{Router, extract::State, routing::post};
use chrono::{DateTime, SecondsFormat, Utc};
use entity::{comment, post, post_tag, tag, user};
use sea_orm::{
    ColumnTrait, ConnectOptions, Database, DatabaseConnection, DbErr, EntityTrait, JoinType,
    QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};
use std::{collections::HashMap, sync::Arc};

/// `POST /graphql`, on a pool of `connections`.
pub async fn router(database_url: &str, connections: u32) -> Result<Router> {
    let mut options = ConnectOptions::new(database_url);
    options.max_connections(connections).sqlx_logging(false);
    let database = Database::connect(options).await?;
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
        .data(database.clone())
        .finish();
    Ok(Router::new()
        .route("/graphql", post(graphql))
        .with_state((schema, database)))
}

type Blog = Schema<Query, EmptyMutation, EmptySubscription>;

async fn graphql(
    State((schema, database)): State<(Blog, DatabaseConnection)>,
    request: GraphQLRequest,
) -> GraphQLResponse {
    let loaders = DataLoader::new(Loaders(database), tokio::spawn);
    let request = request.into_inner().data(loaders);
    schema.execute(request).await.into()
}

struct Query;

#[Object]
impl Query {
    async fn posts(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20)] limit: u64,
    ) -> async_graphql::Result<Vec<Post>> {
        let posts = post::Entity::find()
            .filter(post::Column::Status.eq(post::Status::Published))
            .order_by_desc(post::Column::CreatedAt)
            .order_by_desc(post::Column::Id)
            .limit(limit)
            .all(context.data::<DatabaseConnection>()?)
            .await?;
        Ok(posts.into_iter().map(Post).collect())
    }

    async fn users(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20)] limit: u64,
    ) -> async_graphql::Result<Vec<User>> {
        let users = user::Entity::find()
            .order_by_desc(user::Column::CreatedAt)
            .order_by_desc(user::Column::Id)
            .limit(limit)
            .all(context.data::<DatabaseConnection>()?)
            .await?;
        Ok(users.into_iter().map(User).collect())
    }

    async fn user(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<User>> {
        let key: i64 = id
            .strip_prefix("User:")
            .and_then(|key| key.parse().ok())
            .ok_or("not the id of a user")?;
        let user = user::Entity::find_by_id(key)
            .one(context.data::<DatabaseConnection>()?)
            .await?;
        Ok(user.map(User))
    }
}

struct User(user::Model);

#[Object]
impl User {
    async fn id(&self) -> ID {
        ID(format!("User:{}", self.0.id))
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn posts(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20)] limit: usize,
    ) -> async_graphql::Result<Vec<Post>> {
        let posts = loaders(context)?.load_one(PostsOfUser(self.0.id)).await?;
        let page = posts.unwrap_or_default().into_iter().take(limit);
        Ok(page.map(Post).collect())
    }
}

struct Post(post::Model);

#[Object]
impl Post {
    async fn id(&self) -> ID {
        ID(format!("Post:{}", self.0.id))
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    async fn slug(&self) -> &str {
        &self.0.slug
    }

    async fn status(&self) -> Status {
        match self.0.status {
            post::Status::Draft => Status::Draft,
            post::Status::Published => Status::Published,
            post::Status::Archived => Status::Archived,
        }
    }

    async fn created_at(&self) -> Timestamp {
        Timestamp(self.0.created_at)
    }

    async fn version(&self) -> i32 {
        self.0.version
    }

    async fn author(&self, context: &Context<'_>) -> async_graphql::Result<User> {
        author(context, self.0.author_id).await
    }

    async fn tags(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20)] limit: usize,
    ) -> async_graphql::Result<Vec<Tag>> {
        let tags = loaders(context)?.load_one(TagsOfPost(self.0.id)).await?;
        let page = tags.unwrap_or_default().into_iter().take(limit);
        Ok(page.map(Tag).collect())
    }

    async fn comments(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20)] limit: usize,
    ) -> async_graphql::Result<Vec<Comment>> {
        let comments = loaders(context)?
            .load_one(CommentsOfPost(self.0.id))
            .await?;
        let page = comments.unwrap_or_default().into_iter().take(limit);
        Ok(page.map(Comment).collect())
    }
}

struct Tag(tag::Model);

#[Object]
impl Tag {
    async fn id(&self) -> ID {
        ID(format!("Tag:{}", self.0.id))
    }

    async fn name(&self) -> &str {
        &self.0.name
    }
}

struct Comment(comment::Model);

#[Object]
impl Comment {
    async fn id(&self) -> ID {
        ID(format!("Comment:{}", self.0.id))
    }

    async fn body(&self) -> &str {
        &self.0.body
    }

    async fn author(&self, context: &Context<'_>) -> async_graphql::Result<User> {
        author(context, self.0.author_id).await
    }
}

#[derive(async_graphql::Enum, Clone, Copy, PartialEq, Eq)]
enum Status {
    Draft,
    Published,
    Archived,
}

/// A time in the form of the contract; async-graphql's own scalar writes `+00:00` for `Z`.
struct Timestamp(DateTime<Utc>);

#[Scalar(name = "DateTime")]
impl ScalarType for Timestamp {
    fn parse(_: Value) -> InputValueResult<Self> {
        Err(InputValueError::custom("no argument has this type"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

fn loaders<'a>(context: &Context<'a>) -> async_graphql::Result<&'a DataLoader<Loaders>> {
    context.data::<DataLoader<Loaders>>()
}

async fn author(context: &Context<'_>, id: i64) -> async_graphql::Result<User> {
    let user = loaders(context)?.load_one(UserById(id)).await?;
    user.map(User).ok_or_else(|| Error::new("no such user"))
}

struct Loaders(DatabaseConnection);

#[derive(Clone, PartialEq, Eq, Hash)]
struct UserById(i64);

impl Loader<UserById> for Loaders {
    type Value = user::Model;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[UserById]) -> Result<HashMap<UserById, user::Model>, Arc<DbErr>> {
        let users = user::Entity::find()
            .filter(user::Column::Id.is_in(keys.iter().map(|key| key.0)))
            .all(&self.0)
            .await?;
        Ok(users
            .into_iter()
            .map(|user| (UserById(user.id), user))
            .collect())
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct PostsOfUser(i64);

impl Loader<PostsOfUser> for Loaders {
    type Value = Vec<post::Model>;
    type Error = Arc<DbErr>;

    async fn load(
        &self,
        keys: &[PostsOfUser],
    ) -> Result<HashMap<PostsOfUser, Vec<post::Model>>, Arc<DbErr>> {
        let posts = post::Entity::find()
            .filter(post::Column::AuthorId.is_in(keys.iter().map(|key| key.0)))
            .filter(post::Column::Status.eq(post::Status::Published))
            .order_by_desc(post::Column::CreatedAt)
            .order_by_desc(post::Column::Id)
            .all(&self.0)
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for post in posts {
            found
                .entry(PostsOfUser(post.author_id))
                .or_default()
                .push(post);
        }
        Ok(found)
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct TagsOfPost(i64);

impl Loader<TagsOfPost> for Loaders {
    type Value = Vec<tag::Model>;
    type Error = Arc<DbErr>;

    async fn load(
        &self,
        keys: &[TagsOfPost],
    ) -> Result<HashMap<TagsOfPost, Vec<tag::Model>>, Arc<DbErr>> {
        let pairs = post_tag::Entity::find()
            .join(JoinType::InnerJoin, post_tag::Relation::Tag.def())
            .select_also(tag::Entity)
            .filter(post_tag::Column::PostId.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(post_tag::Column::TagId)
            .all(&self.0)
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for (pair, tag) in pairs {
            found
                .entry(TagsOfPost(pair.post_id))
                .or_default()
                .extend(tag);
        }
        Ok(found)
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct CommentsOfPost(i64);

impl Loader<CommentsOfPost> for Loaders {
    type Value = Vec<comment::Model>;
    type Error = Arc<DbErr>;

    async fn load(
        &self,
        keys: &[CommentsOfPost],
    ) -> Result<HashMap<CommentsOfPost, Vec<comment::Model>>, Arc<DbErr>> {
        let comments = comment::Entity::find()
            .filter(comment::Column::PostId.is_in(keys.iter().map(|key| key.0)))
            .order_by_desc(comment::Column::CreatedAt)
            .order_by_desc(comment::Column::Id)
            .all(&self.0)
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for comment in comments {
            found
                .entry(CommentsOfPost(comment.post_id))
                .or_default()
                .push(comment);
        }
        Ok(found)
    }
}
