//! Random content for the blog, random operations over it, and documents that are perhaps broken.
//!
//! Everything is drawn as small numbers first and then built from them by plain functions, so that
//! a failing case shrinks: fewer selections, lower choices, the first of every kind.
//!
//! The strategies know `reference/surface.graphql` and no server.

mod arguments;
mod change;
mod content;
mod damage;
mod document;
mod grammar;
mod lists;
mod mask;
mod merge;
mod mutate;
mod operation;
mod refine;
mod repair;
mod tests;
mod value;
mod variable;
mod walk;

pub use change::{Change, change, write};
pub use content::{ALIKE, AWKWARD, TIMES, data, insert, key, replace, unique_text};
pub use damage::{Dice, damaged, tokens};
pub use grammar::document as by_grammar;
pub use mask::without_cursors;
pub use mutate::mutated;
pub use operation::{case, failing_case, valid_document};
pub use walk::{List, Walk, walk};

use proptest::test_runner::{Config, RngSeed};
use std::fmt;

/// For so many cases, and for as many steps as it takes to make a failing one small. Put the case
/// before the data, `(case(), data())`: what comes first shrinks first, and shrinks most.
pub fn config(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(1),
        max_shrink_iters: 50_000,
        ..Config::default()
    }
}

/// A request. [`case`] makes valid ones.
#[derive(Clone)]
pub struct Case {
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: serde_json::Value,
}

/// Shows the query as it is, so that a counterexample can be pasted.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.operation_name.as_deref().unwrap_or("(none)");
        write!(
            f,
            "operation {name}, variables {}\n{}",
            self.variables, self.query
        )
    }
}
