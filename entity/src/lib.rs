//! The publishing database as SeaORM entities, one file per table.
//!
//! This crate knows of tables, columns and foreign keys, and of nothing that is built on them. A
//! relation is declared on the side that reads best; it does not have to be repeated on the other.
//!
//! # Adding an entity
//!
//! 1. Write `src/<table>.rs` with a `Model`, a `Relation` enum that has a `belongs_to` for each
//!    foreign key, and an `ActiveModelBehavior`. A file that `sea-orm-cli generate entity` writes
//!    will do as it is.
//! 2. Add its `pub mod` line below.
//! 3. Write the migration that creates the table (see the `migration` crate).

pub mod comment;
pub mod follow;
pub mod post;
pub mod post_tag;
pub mod profile;
pub mod tag;
pub mod user;
