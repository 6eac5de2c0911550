//! Writing: related rows are built together, written in few statements, and committed once or not at all.
//!
//! ```text
//! input ──bind──► Units ──run──► statements, level by level ──payload──► read through `read`, on the same transaction
//!         values, rules       one for each table, operation and
//!         and the bound       set of columns of a level
//! ```
//!
//! `bind` makes a graph of rows of all inputs of a request: rows that are named, rows to make, links between them. `run`
//! finds what is named (with what the rules say of it), deletes, updates and inserts what depends on nothing, then what
//! depends on that, and looks at last whether what is there now may be.
//!
//! **Invariant:** the number of statements follows from the shape of the input, never from how many rows there are; and
//! nothing is written to a row that `find` has not given out, or that the request has not made, but by a statement that has
//! the rules in its own condition.

pub mod account;
mod bind;
mod dry;
mod kept;
pub mod once;
mod order;
mod preset;
mod run;
mod told;
mod turns;
mod unit;

pub use bind::{Binding, Bounds, Variables, bind};
pub use dry::plan;
pub use kept::Kept;
pub use run::failure::{broken, explain, uncommitted};
pub use run::inquiry::{Findings, Inquiry};
pub use run::{Alone, Failed, Refused, Writer};
pub use told::in_order_of_input;
pub use turns::{Turn, Turns};
pub use unit::Units;
