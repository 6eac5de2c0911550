//! Serving: flags, the database behind a URL, HTTP. What an answer is, is decided elsewhere.

pub mod config;
pub mod database;
pub mod http;
pub mod migrate;
pub mod url;
