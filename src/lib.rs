//! Backref: a GraphQL server whose API is the `Relation` enums of SeaORM entities.
//!
//! Entities are put on a [`Graph`], with what is said of them: names, rules, presets, fields of one's own. From there
//!
#![cfg_attr(
    feature = "cli",
    doc = "- [`Program`] is a server with its whole command line,"
)]
#![cfg_attr(
    not(feature = "cli"),
    doc = "- the feature `cli` brings a server with its whole command line,"
)]
//! - [`Backref`] is the graph in somebody's own application: its routes, requests in process, async-graphql's executor.
//!
//! Databases are features, `sqlite` and `postgres`, of which one at least is needed. Neither brings the other's driver.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use backref::{Backref, Graph, Principal, Request};
//!
//! mod product {
//!     use sea_orm::entity::prelude::*;
//!
//!     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
//!     #[sea_orm(table_name = "product")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i32,
//!         pub name: String,
//!     }
//!
//!     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//!     pub enum Relation {}
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! let graph = Graph::new().entity(product::Entity);
//! let api = Backref::builder(graph).database("sqlite://shop.db").open().await?;
//! let request = Request::new("{ products(limit: 5) { name } }");
//! println!("{}", api.execute(&request, Principal::Anonymous).await.json());
//! # Ok(())
//! # }
//! ```
//!
//! Within: follow a query through `engine`, which prepares, binds, loads and writes it; the parts of `read` do one
//! step each. ARCHITECTURE.md has the whole.

// What only tests and benches see needs no documentation; all else has its own, and can be named.
#![cfg_attr(not(feature = "internals"), warn(missing_docs, unnameable_types))]
#![cfg_attr(
    not(all(feature = "cli", feature = "postgres", feature = "sqlite")),
    expect(
        dead_code,
        reason = "what one database or the command line asks of the layers below it is a line here and there"
    )
)]

#[cfg(feature = "blog")]
pub mod blog;
pub mod graph;
pub mod identity;

// Open to the tests and the benches of this workspace, and to nobody else.
#[cfg(all(feature = "new", not(feature = "internals")))]
mod create;
#[cfg(all(feature = "new", feature = "internals"))]
pub mod create;
#[cfg(all(feature = "cli", not(feature = "internals")))]
mod doctor;
#[cfg(all(feature = "cli", feature = "internals"))]
pub mod doctor;
#[cfg(not(feature = "internals"))]
mod engine;
#[cfg(feature = "internals")]
pub mod engine;
#[cfg(not(feature = "internals"))]
mod error;
#[cfg(feature = "internals")]
pub mod error;
#[cfg(not(feature = "internals"))]
mod read;
#[cfg(feature = "internals")]
pub mod read;
#[cfg(not(feature = "internals"))]
mod schema;
#[cfg(feature = "internals")]
pub mod schema;
#[cfg(not(feature = "internals"))]
mod serve;
#[cfg(feature = "internals")]
pub mod serve;

mod embed;
mod log;
#[cfg(feature = "cli")]
mod program;
mod write;

pub use embed::{Backref, Builder, OpenError, UnusableDatabase};
pub use engine::{Introspection, Request, Response};
pub use graph::{Graph, Principal, Subject};
#[cfg(feature = "cli")]
pub use program::{Fill, Program, serve};
pub use read::plan::{DocumentLimits, Limits, Variables};
pub use schema::SchemaError;
pub use serve::cors::NoOrigin;
pub use {axum, sea_orm};

#[cfg(all(doctest, feature = "blog"))]
#[doc = include_str!("../docs/embedding.md")]
mod documentation {}
