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

#![warn(missing_docs)]

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!(
    "Backref needs the driver of a database: add the feature `postgres`, `sqlite` or both in Cargo.toml, backref = { …, features = [\"sqlite\"] }"
);

#[cfg(feature = "blog")]
pub mod blog;
pub mod graph;
pub mod identity;

// Open to the tests and the benches of this workspace, and to nobody else: they change without notice.
#[cfg(feature = "new")]
#[doc(hidden)]
pub mod create;
#[doc(hidden)]
pub mod doctor;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
pub mod log;
#[doc(hidden)]
pub mod read;
#[doc(hidden)]
pub mod schema;
#[doc(hidden)]
pub mod serve;

mod embed;
#[cfg(feature = "cli")]
mod program;
mod write;

pub use embed::{Backref, Builder, OpenError};
pub use engine::{Introspection, Request, Response};
pub use graph::{Catalog, Graph, Principal, Subject};
#[cfg(feature = "cli")]
pub use program::{Fill, Program, serve};
pub use read::plan::Limits;
pub use serve::database::SetupError;
pub use {axum, sea_orm};

#[cfg(all(doctest, feature = "blog"))]
#[doc = include_str!("../docs/embedding.md")]
mod documentation {}
