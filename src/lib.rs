//! Backref: a GraphQL server whose API is the `Relation` enums of SeaORM entities.
//!
//! Start with `blog`, where the graph in the box is declared, then follow a query through `engine`, which
//! prepares, binds, loads and writes it; the parts of `read` do one step each.

pub mod blog;
pub mod graph;
pub mod schema;

pub mod engine;
pub mod error;
pub mod log;
pub mod read;
mod write;

pub mod doctor;
pub mod identity;
pub mod serve;

pub use engine::{Engine, Request, Response};
pub use graph::{Catalog, Graph};
