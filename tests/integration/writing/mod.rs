//! Mutations: what they write, what they refuse, and what they cost.

mod proof;
