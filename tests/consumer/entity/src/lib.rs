pub mod author;
pub mod book;
