//! Backref: a GraphQL server whose API is the `Relation` enums of SeaORM entities.
//!
//! Start with `blog`, where the graph in the box is declared, then follow a query through `engine`, which
//! prepares, binds, loads and writes it; the parts of `read` do one step each.

#[cfg(feature = "blog")]
pub mod blog;
pub mod graph;
pub mod schema;

pub mod engine;
pub mod error;
pub mod log;
pub mod read;
mod write;

#[cfg(feature = "new")]
pub mod create;
pub mod doctor;
mod embed;
pub mod identity;
#[cfg(feature = "cli")]
mod program;
pub mod serve;

pub use embed::{Backref, Builder, OpenError};
pub use engine::{Engine, Request, Response};
pub use graph::{Catalog, Graph, Principal, Subject};
#[cfg(feature = "cli")]
pub use program::{Fill, Program, serve};
pub use read::plan::Limits;
pub use {axum, sea_orm};
