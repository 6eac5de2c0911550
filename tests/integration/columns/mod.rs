//! Keys and values are the database's: what is shown is what is compared, whatever the type of its column.

mod arrays;
mod declared;
mod entities;
mod exact;
mod keys;
mod types;
