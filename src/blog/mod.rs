//! The graph in the box: a publishing database.
//!
//! # Adding an entity
//!
//! 1. Its entity file, and one line in `entity/src/lib.rs`.
//! 2. Its migration, and one line in `migration/src/lib.rs`.
//! 3. One `.entity(…)` line below; its relations, and the way back along each of them, are fields then.
//! 4. `cargo run -- schema > schema.graphql`.
//!
//! Who may see what is declared here too, entity by entity, and holds for every way to a row.

pub mod sample;
pub mod seed;

use entity::user::Role;
use entity::{comment, follow, post, post_tag, profile, tag, user};

use crate::graph::Graph;
use crate::graph::accounts::Accounts;
use crate::graph::policy::Rule;

pub fn graph() -> Graph {
    Graph::new()
        .entity(user::Entity)
        .entity(profile::Entity)
        .entity(post::Entity)
        .entity(tag::Entity)
        .entity(post_tag::Entity)
        .entity(comment::Entity)
        .entity(follow::Entity)
        .backref(comment::Relation::Parent, "replies")
        .through(follow::Relation::Follower, "followers")
        .through(follow::Relation::Followee, "following")
        .hide(user::Column::PasswordHash)
        .column_policy(user::Column::Email, |me, _| {
            me.is(user::Column::Id).or(Rule::when(me.has(Role::Admin)))
        })
        .policy(post::Entity, |me, post| {
            let published = post.is(post::Column::Status, post::Status::Published);
            let own = me.is(post::Column::AuthorId);
            published.or(own).or(Rule::when(me.has(Role::Admin)))
        })
        .visible_through(comment::Relation::Post)
        .search(post::Entity, [post::Column::Title, post::Column::Body])
        .accounts(Accounts {
            username: user::Column::Username,
            password_hash: user::Column::PasswordHash,
            role: user::Column::Role,
            email: user::Column::Email,
            asked: vec![user::Column::Name],
            made_at: vec![user::Column::CreatedAt, user::Column::UpdatedAt],
        })
}
