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
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait, IsolationLevel, QueryOrder,
    TransactionTrait,
};
use std::collections::BTreeSet;

/// What the error begins with of whoever asks by what is not for him.
pub const FORBIDDEN: &str = "not everybody may ask for";

/// The primary key of a row, of which most have one part.
struct Key(i64, i64);

impl From<i64> for Key {
    fn from(key: i64) -> Self {
        Key(key, 0)
    }
}

impl From<(i64, i64)> for Key {
    fn from((one, other): (i64, i64)) -> Self {
        Key(one, other)
    }
}

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
    /// Of a copy for one reader, from which all is gone that he may not see; without it the reader is anybody, who sees
    /// what is published and no addresses.
    pub seen: Option<Seen>,
}

/// What is gone from a copy beside its rows. Columns are named by their type and field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Values, by the key of their row too: they are null.
    pub nulls: BTreeSet<(&'static str, (i64, i64), &'static str)>,
    /// Columns of which there is no value, by which nothing may be asked.
    pub forbidden: BTreeSet<(&'static str, &'static str)>,
}

impl Data {
    /// A value, if it is not gone.
    fn shown<T>(
        &self,
        ty: &'static str,
        key: impl Into<Key>,
        field: &'static str,
        value: T,
    ) -> Option<T> {
        (!self.is_gone(ty, key, field)).then_some(value)
    }

    fn is_gone(&self, ty: &'static str, key: impl Into<Key>, field: &str) -> bool {
        let Key(one, other) = key.into();
        let seen = self.seen.as_ref();
        seen.is_some_and(|seen| seen.nulls.contains(&(ty, (one, other), field)))
    }

    /// Refuses what is asked by a column of which there is no value.
    fn permit(&self, ty: &str, field: &str) -> Result<(), String> {
        let forbidden = match &self.seen {
            Some(seen) => seen.forbidden.iter().any(|column| *column == (ty, field)),
            None => field == "email",
        };
        match forbidden {
            true => Err(format!("{FORBIDDEN} {ty} by {field}")),
            false => Ok(()),
        }
    }

    /// Reads all tables at one moment: others may still write, though their server has gone. Panics where one cannot be read:
    /// this is a test.
    pub async fn load(db: &DatabaseConnection) -> Self {
        async fn all<E: EntityTrait>(db: &DatabaseTransaction, key: &[E::Column]) -> Vec<E::Model> {
            let mut rows = E::find();
            for column in key {
                rows = rows.order_by_asc(*column);
            }
            rows.all(db).await.expect("the table can be read")
        }
        // A transaction of SQLite always has one moment.
        let is_postgres = db.get_database_backend() == DbBackend::Postgres;
        let isolation = is_postgres.then_some(IsolationLevel::RepeatableRead);
        let begun = db.begin_with_config(isolation, None).await;
        let db = &begun.expect("a transaction begins");
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
            seen: None,
        }
    }
}
