//! The schema of the publishing database, step by step, for SQLite and PostgreSQL.
//!
//! A migration states tables, columns and indexes in its own words and never through the `entity`
//! crate: entities change, and a migration that has run must go on meaning what it meant. That the
//! two agree at the end is what the `migrations` integration test checks.
//!
//! Timestamps have no default. SQLite keeps them as text, and its `CURRENT_TIMESTAMP` is written in
//! another format than the server's. Texts in two formats do not sort by time, so no index serves the
//! order of a column that holds both. Where one may come to, [`support::create_other_times`] makes it
//! cheap to know that none has.
//!
//! # Adding a table
//!
//! 1. Copy the migration nearest to yours to `src/m<date>_<number>_<what>.rs` and change it. Give
//!    each foreign key an index that starts with it and goes on with the default order's columns
//!    and the primary key: pages of that relation are then read straight from the index.
//! 2. Add its `mod` line and its line in [`Migrator::migrations`], last.

pub use backref_migration as support;
pub use sea_orm_migration::prelude::{DbErr, MigrationTrait, MigratorTrait, SchemaManager};

mod m20260101_000001_create_user;
mod m20260101_000002_create_profile;
mod m20260101_000003_create_post;
mod m20260101_000004_create_tag;
mod m20260101_000005_create_post_tag;
mod m20260101_000006_create_comment;
mod m20260101_000007_create_follow;
mod m20260101_000008_create_post_search;
mod m20260101_000009_index_other_times;
mod m20260101_000010_keep_words;
mod m20260101_000011_create_backref_answer;

/// Runs the migrations below in their order, and back.
pub struct Migrator;

#[sea_orm_migration::async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_create_user::Migration),
            Box::new(m20260101_000002_create_profile::Migration),
            Box::new(m20260101_000003_create_post::Migration),
            Box::new(m20260101_000004_create_tag::Migration),
            Box::new(m20260101_000005_create_post_tag::Migration),
            Box::new(m20260101_000006_create_comment::Migration),
            Box::new(m20260101_000007_create_follow::Migration),
            Box::new(m20260101_000008_create_post_search::Migration),
            Box::new(m20260101_000009_index_other_times::Migration),
            Box::new(m20260101_000010_keep_words::Migration),
            Box::new(m20260101_000011_create_backref_answer::Migration),
        ]
    }
}
