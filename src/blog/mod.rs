//! The graph in the box: a publishing database.
//!
//! # Adding an entity
//!
//! 1. Its entity file, and one line in `entity/src/lib.rs`.
//! 2. Its migration, and one line in `migration/src/lib.rs`.
//! 3. One `.entity(…)` line below; its relations, and the way back along each of them, are fields then.
//! 4. `cargo run -- schema > schema.graphql`.
//!
//! Who may see and write what is declared here too, entity by entity, and holds for every way to a row.
//!
//! What somebody has written is not deleted by the way: not with its author, and an answer not with what it answers. Comments
//! are a part of their post, and go with it; what answers one is of the same post.

#[cfg(feature = "cli")]
mod program;
pub mod sample;
pub mod seed;

#[cfg(feature = "cli")]
pub use program::program;

use entity::user::Role;
use entity::{comment, follow, post, post_tag, profile, tag, user};

use crate::graph::accounts::Accounts;
use crate::graph::policy::{Me, Rule};
use crate::graph::validate::Check;
use crate::graph::{Graph, Preset};

/// The graph of the publishing database.
pub fn graph() -> Graph {
    writing(reading())
}

fn reading() -> Graph {
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

fn writing(graph: Graph) -> Graph {
    let graph = presets(graph);
    graph
        // Users: whoever is none yet signs up.
        .create_policy(user::Entity, |me, _| admins(me))
        .update_policy(user::Entity, |me, _| me.is(user::Column::Id).or(admins(me)))
        .delete_policy(user::Entity, |me, _| admins(me))
        .column_write_policy(user::Column::Role, |me, _| admins(me))
        .write_policy(profile::Entity, |me, _| {
            me.is(profile::Column::UserId).or(admins(me))
        })
        .write_policy(follow::Entity, |me, _| {
            me.is(follow::Column::FollowerId).or(admins(me))
        })
        .pair(follow::Relation::Followee, "follow", "unfollow")
        // Posts, and what they are filed under.
        .write_policy(post::Entity, |me, _| {
            let own = me.is(post::Column::AuthorId);
            own.and(authors(me)).or(admins(me))
        })
        .write_policy(post_tag::Entity, |me, link| {
            let own = link.some("post", |_| me.is(post::Column::AuthorId));
            own.and(authors(me)).or(admins(me))
        })
        .create_policy(tag::Entity, |me, _| authors(me).or(admins(me)))
        .update_policy(tag::Entity, |me, _| admins(me))
        .delete_policy(tag::Entity, |me, _| admins(me))
        // Comments: of everybody who is somebody, on the posts that he sees.
        .write_policy(comment::Entity, |me, _| {
            me.is(comment::Column::AuthorId).or(admins(me))
        })
        .owns(comment::Relation::Post)
        // Else an answer elsewhere would keep a post from being deleted with its comments.
        .agrees(comment::Relation::Parent, comment::Relation::Post)
}

/// What is put in, and what must hold of what is given.
fn presets(graph: Graph) -> Graph {
    graph
        .on_create(user::Column::CreatedAt, Preset::now())
        .on_write(user::Column::UpdatedAt, Preset::now())
        .on_create(follow::Column::CreatedAt, Preset::now())
        .by_default(post::Column::AuthorId, Preset::me())
        .by_default(post::Column::Status, Preset::value(post::Status::Draft))
        .on_create(post::Column::CreatedAt, Preset::now())
        .on_write(post::Column::UpdatedAt, Preset::now())
        .version(post::Column::Version)
        .validate(post::Column::Title, Check::line(200))
        .validate(post::Column::Slug, Check::slug())
        .validate(post::Column::Slug, Check::length(1..=200))
        .by_default(comment::Column::AuthorId, Preset::me())
        .on_create(comment::Column::CreatedAt, Preset::now())
        .on_write(comment::Column::UpdatedAt, Preset::now())
        .validate(comment::Column::Body, Check::length(1..=10_000))
        .validate(tag::Column::Name, Check::line(50))
}

fn admins(me: Me<'_>) -> Rule {
    Rule::when(me.has(Role::Admin))
}

fn authors(me: Me<'_>) -> Rule {
    Rule::when(me.has(Role::Author))
}
