//! A music shop: the shapes of relation and column that databases have, one entity for each.

pub mod album;
pub mod artist;
pub mod badge;
pub mod city;
pub mod country;
pub mod credit;
pub mod employee;
pub mod film;
pub mod follow;
pub mod language;
pub mod order_detail;
pub mod passport;
pub mod recording;
pub mod region;
pub mod royalty;
pub mod specimen;
pub mod station;
