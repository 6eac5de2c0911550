//! The integration tests: one binary, a module for each subject.

mod generate;
mod reference;
mod validity_peer;

mod differential;
mod doctor;
mod explain;
mod generality;
mod guarantee;
mod harness;
mod hostile;
mod http;
mod lists;
mod migrations;
mod reading;
mod schema;
mod search;
