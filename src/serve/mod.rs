//! Serving: flags, the database behind a URL, HTTP. What an answer is, is decided elsewhere.

#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "cli")]
pub mod connections;
pub mod cors;
pub mod database;
#[cfg(feature = "cli")]
pub mod descriptors;
pub mod http;
#[cfg(feature = "cli")]
pub mod identity;
mod keys;
#[cfg(feature = "cli")]
pub mod listen;
#[cfg(feature = "cli")]
pub mod migrate;
pub mod name;
pub mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod stop;
pub mod url;
