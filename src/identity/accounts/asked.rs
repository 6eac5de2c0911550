//! What signing up asks for, and what it must be.

use super::{AccountError, spelling};
use crate::graph::accounts::{Asked, PASSWORD};
use crate::graph::keys::KeyValue;
use crate::graph::validate::Check;

/// What somebody gives who signs up, each by the name of its field.
#[derive(Clone)]
pub struct SignUp {
    pub texts: Vec<(String, String)>,
    pub password: String,
}

pub fn check(asked: &Asked, must_be: &Check, text: &str) -> Result<(), AccountError> {
    match must_be.holds(&KeyValue::Text(text.into())) {
        true => Ok(()),
        false => Err(AccountError::Input {
            field: path(&asked.field),
            problem: format!("`{}` must be {}", asked.field, must_be.words()),
        }),
    }
}

/// Where something stands in the arguments of `signUp`.
pub fn path(field: &str) -> String {
    format!("input.{field}")
}

pub fn check_password(password: &str) -> Result<(), AccountError> {
    let characters = spelling::composed(password).chars().count();
    match (8..=128).contains(&characters) {
        true => Ok(()),
        false => Err(AccountError::Input {
            field: path("password"),
            problem: format!("`password` must be {PASSWORD}; this one has {characters}"),
        }),
    }
}
