//! Backref: a GraphQL server whose API is the `Relation` enums of SeaORM entities.
//!
//! Start with `blog`, where the graph in the box is declared, then follow a query through `engine`, which
//! prepares, binds, loads and writes it: `plan`, `sql`, `load` and `respond` do one step each.

pub mod blog;
pub mod catalog;
pub mod policy;
pub mod schema;

pub mod engine;
pub mod error;
pub mod load;
pub mod plan;
pub mod respond;
pub mod sql;

pub mod config;
pub mod database;
pub mod doctor;
pub mod explain;
pub mod server;

pub mod sample;
pub mod seed;

pub use catalog::{Catalog, Graph};
pub use engine::{Engine, Request, Response};
