//! The integration tests: one binary, a module for each subject.

mod generate;
mod reference;
mod validity_peer;

mod harness;
mod migrations;
mod reading;
