//! Serving: flags, the database behind a URL, HTTP. What an answer is, is decided elsewhere.

pub mod config;
pub mod connections;
pub mod database;
pub mod descriptors;
pub mod http;
pub mod identity;
pub mod listen;
pub mod migrate;
pub mod stop;
pub mod url;
