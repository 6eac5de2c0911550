//! The integration tests: one binary, a module for each subject.

mod generate;
mod reference;
mod validity_peer;

mod altered;
mod columns;
#[cfg(feature = "new")]
mod create;
mod cursors;
mod damaged;
mod differential;
mod doctor;
mod documented;
mod embedding;
mod explain;
mod failures;
mod forms;
mod generality;
mod guarantee;
mod harness;
mod hidden;
mod hostile;
mod house;
mod http;
mod identity;
mod inputs;
mod lists;
mod migrations;
mod names;
mod outages;
mod own;
mod paging;
mod pooled;
mod reading;
mod rules;
mod schema;
mod search;
mod sharing;
mod starting;
mod suggestions;
mod syntax;
mod torn;
mod transactions;
mod values;
mod variables;
mod writing;
