//! What signing up asks for, and what it must be.

use super::AccountError;
use crate::graph::accounts::{Asked, AskedKind, PASSWORD};

/// What somebody gives who signs up, each by the name of its field.
#[derive(Clone)]
pub struct SignUp {
    pub texts: Vec<(String, String)>,
    pub password: String,
}

pub fn check(asked: &Asked, text: &str) -> Result<(), AccountError> {
    let fits = match asked.kind {
        AskedKind::Username => is_username(text),
        AskedKind::Email => is_email(text),
        AskedKind::Text => is_line(text, 100),
    };
    match fits {
        true => Ok(()),
        false => Err(AccountError::Input {
            field: path(&asked.field),
            problem: format!("`{}` must be {}", asked.field, asked.must_be()),
        }),
    }
}

/// Where something stands in the arguments of `signUp`.
pub fn path(field: &str) -> String {
    format!("input.{field}")
}

pub fn check_password(password: &str) -> Result<(), AccountError> {
    let characters = password.chars().count();
    match (8..=128).contains(&characters) {
        true => Ok(()),
        false => Err(AccountError::Input {
            field: path("password"),
            problem: format!("`password` must be {PASSWORD}; this one has {characters}"),
        }),
    }
}

/// Letters of one script and one case, so that no two names look alike.
fn is_username(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    (2..=32).contains(&text.len())
        && text.bytes().all(fits)
        && text.as_bytes()[0].is_ascii_lowercase()
}

/// Whether it may be one: only a message to it would tell.
fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    text.len() <= 254
        && text.chars().all(is_plain)
        && !name.is_empty()
        && !name.contains('@')
        && host.contains('.')
        && host.split('.').all(|label| !label.is_empty())
}

fn is_line(text: &str, most: usize) -> bool {
    let characters = text.chars().count();
    !text.trim().is_empty() && characters <= most && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_addresses_and_names_are_what_they_must_be() {
        for (good, bad) in [
            ("ada", "a"),
            ("a1", "1a"),
            ("a.b-c_d", "Ada"),
            ("ab", "ädä"),
        ] {
            assert!(is_username(good) && !is_username(bad), "{good} {bad}");
        }
        assert!(is_username(&"a".repeat(32)) && !is_username(&"a".repeat(33)));
        for bad in [
            "", "a", "@b.c", "a@b", "a@b..c", "a@.c", "a b@c.d", "a@b@c.d", "a\0@b.c",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(is_email("a+b@c.d.example") && is_email("ä@ö.example"));
        assert!(is_line("Ada Lindqvist", 100) && !is_line(" ", 100) && !is_line("a\nb", 100));
    }
}
