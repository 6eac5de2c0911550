//! A naive executor for the reading part of the blog, to compare the server's answers with.
//!
//! It follows the algorithms of the GraphQL specification (September 2025), section 6, step by step
//! and under their names: one row at a time, over tables held in vectors. It shares nothing with the
//! server: neither its parser nor its types, and it never sees SQL. It expects a valid document.

mod aggregate;
mod condition;
mod connection;
mod execute;
mod input;
mod order;
mod resolve;
mod rows;
mod surface;
mod tests;

pub use execute::{execute, respond};
pub use surface::{SURFACE, named_type};

use entity::{comment, follow, post, post_tag, profile, tag, user};
use sea_orm::{DatabaseConnection, EntityTrait, QueryOrder};

/// Every row of the blog, each table by its primary key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    pub users: Vec<user::Model>,
    pub profiles: Vec<profile::Model>,
    pub posts: Vec<post::Model>,
    pub tags: Vec<tag::Model>,
    pub post_tags: Vec<post_tag::Model>,
    pub comments: Vec<comment::Model>,
    pub follows: Vec<follow::Model>,
}

impl Data {
    /// Reads all tables. Panics where one cannot be read: this is a test.
    pub async fn load(db: &DatabaseConnection) -> Self {
        async fn all<E: EntityTrait>(db: &DatabaseConnection, key: &[E::Column]) -> Vec<E::Model> {
            let mut rows = E::find();
            for column in key {
                rows = rows.order_by_asc(*column);
            }
            rows.all(db).await.expect("the table can be read")
        }
        Self {
            users: all::<user::Entity>(db, &[user::Column::Id]).await,
            profiles: all::<profile::Entity>(db, &[profile::Column::UserId]).await,
            posts: all::<post::Entity>(db, &[post::Column::Id]).await,
            tags: all::<tag::Entity>(db, &[tag::Column::Id]).await,
            post_tags: all::<post_tag::Entity>(
                db,
                &[post_tag::Column::PostId, post_tag::Column::TagId],
            )
            .await,
            comments: all::<comment::Entity>(db, &[comment::Column::Id]).await,
            follows: all::<follow::Entity>(
                db,
                &[follow::Column::FollowerId, follow::Column::FolloweeId],
            )
            .await,
        }
    }
}
