//! Reading: from a document to its answer. `plan` says what to load, `sql` writes each level's statement, `load`
//! runs them and keeps the rows, `respond` writes the answer (and `failure` what it says of a statement that failed); each knows only those before it.

pub mod cursor;
pub mod decimal;
pub mod encode;
pub mod explain;
pub mod failure;
pub mod load;
pub mod own;
pub mod plan;
pub mod respond;
pub mod sql;
pub mod temporal;
