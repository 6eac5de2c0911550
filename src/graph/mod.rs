//! The catalog: every table, column, key and relation of the registered entities, read once at start.
//!
//! It is built from the SeaORM traits (`reflect`), then completed (`relate`): backrefs, junctions and
//! names are derived here and nowhere else.
//!
//! **Invariant:** nothing outside this folder asks SeaORM what an entity looks like, and nothing in it
//! knows of GraphQL documents, SQL text or connections.

pub mod accounts;
mod catalog;
mod definition;
#[cfg(feature = "new")]
pub(crate) mod described;
pub(crate) mod names;
pub mod own;
pub mod policy;
mod principal;
mod reflect;
mod relate;
pub mod validate;

pub(crate) mod decimal;
pub(crate) mod hooks;
pub(crate) mod moment;
pub(crate) mod orm;

// Open to the tests and the benches of this workspace, and to nobody else.
#[cfg(not(feature = "internals"))]
pub(crate) mod condition;
#[cfg(feature = "internals")]
pub mod condition;
#[cfg(not(feature = "internals"))]
pub(crate) mod keys;
#[cfg(feature = "internals")]
pub mod keys;
#[cfg(not(feature = "internals"))]
pub(crate) mod rules;
#[cfg(feature = "internals")]
pub mod rules;
#[cfg(not(feature = "internals"))]
pub(crate) mod writing;
#[cfg(feature = "internals")]
pub mod writing;

pub use definition::writing::Preset;
pub use definition::{Graph, GraphError};
pub use principal::{Claim, Principal, Subject};

#[cfg(feature = "internals")]
pub use catalog::*;
#[cfg(not(feature = "internals"))]
pub(crate) use catalog::*;
