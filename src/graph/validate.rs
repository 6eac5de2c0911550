//! Validators: what a value must be before it is written, as a graph declares it beside its rules.
//!
//! ```
//! # use backref::Graph;
//! # use backref::graph::validate::{Check, Invalid};
//! # use entity::{post, user};
//! Graph::new()
//!     .entity(user::Entity)
//!     .entity(post::Entity)
//!     .validate(post::Column::Title, Check::length(1..=200))
//!     .validate(post::Column::Slug, Check::slug())
//!     .validate_row(post::Entity, |post, _| {
//!         match post.text(post::Column::Title) == Some("Untitled") {
//!             true => Err(vec![Invalid::of(post::Column::Title, "say what it is about")]),
//!             false => Ok(()),
//!         }
//!     });
//! ```

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use regex::Regex;
use sea_orm::prelude::Decimal;
use sea_orm::{ColumnTrait, IdenStatic};

use super::keys::KeyValue;
use super::writing::Problem;
use super::{Column, ColumnIx, Entity, Kind, Principal};

/// What the values of a column must be. Null is no value: whether it may be is the column's own.
#[derive(Debug, Clone)]
pub struct Check {
    what: What,
    must_be: String,
}

#[derive(Debug, Clone)]
enum What {
    /// Its number of characters.
    Length(Span),
    Range(Span),
    Pattern(Result<Regex, String>),
    Email,
    /// So many characters at most, of which one is to be seen, on one line.
    Line(usize),
}

/// From one number to another, with both.
#[derive(Debug, Clone, Copy)]
struct Span {
    least: Option<i64>,
    most: Option<i64>,
}

impl Check {
    /// A text of so many characters: `Check::length(1..=200)`.
    pub fn length(characters: impl RangeBounds<i64>) -> Self {
        let span = Span::of(&characters);
        let of = match (span.least, span.most) {
            (_, Some(1)) | (Some(1), None) => "character",
            _ => "characters",
        };
        Check::new(What::Length(span), format!("{span} {of}"))
    }

    /// A number within bounds: `Check::range(1..=5)`.
    pub fn range(bounds: impl RangeBounds<i64>) -> Self {
        let span = Span::of(&bounds);
        Check::new(What::Range(span), span.to_string())
    }

    /// A text in which a regular expression is found; `^` and `$` are where it begins and ends. Say in words what it must
    /// be: `Check::pattern("^[0-9]{5}$").must_be("a postal code of five digits")`.
    pub fn pattern(expression: &str) -> Self {
        let regex = Regex::new(expression).map_err(|error| error.to_string());
        let must_be = format!("what `{expression}` matches");
        Check::new(What::Pattern(regex), must_be)
    }

    /// An address of electronic mail.
    pub fn email() -> Self {
        let must_be = "an address like `name@example.org`, of 254 bytes at most";
        Check::new(What::Email, must_be.to_owned())
    }

    /// A part of an address on the web.
    pub fn slug() -> Self {
        Check::pattern("^[a-z0-9]+(-[a-z0-9]+)*$")
            .must_be("words of the letters a to z and digits, with `-` between them")
    }

    /// What somebody is called by: letters of one script and one case, so that no two look alike.
    pub fn username() -> Self {
        Check::pattern("^[a-z][a-z0-9_.-]{1,31}$").must_be(
            "2 to 32 of the letters a to z, digits, `_`, `-` and `.`, the first of them a letter",
        )
    }

    /// A text of one line, with something on it.
    pub fn line(most: usize) -> Self {
        let must_be = format!("1 to {most} characters, without breaks of lines");
        Check::new(What::Line(most), must_be)
    }

    /// Says what it must be, in the words that follow "must be".
    pub fn must_be(mut self, words: &str) -> Self {
        words.clone_into(&mut self.must_be);
        self
    }

    /// What a value must be: `1 to 200 characters`.
    pub fn words(&self) -> &str {
        &self.must_be
    }

    fn new(what: What, must_be: String) -> Self {
        Check { what, must_be }
    }

    /// Why it cannot be asked of a column.
    pub(super) fn misfit(&self, column: &Column) -> Option<String> {
        let is_text = matches!(column.kind, Kind::Text) && column.refers_to.is_none();
        match &self.what {
            What::Pattern(Err(error)) => Some(format!("its expression is none: {error}")),
            What::Range(_) if !column.is_number() => Some("the column holds no numbers".to_owned()),
            What::Range(_) => None,
            _ if !is_text => Some("the column holds no texts".to_owned()),
            _ => None,
        }
    }

    pub(crate) fn holds(&self, value: &KeyValue) -> bool {
        match (&self.what, value) {
            (What::Range(span), KeyValue::Int(number)) => span.has(*number),
            (What::Range(span), KeyValue::Text(text)) => span.has_decimal(text),
            (_, KeyValue::Int(_)) => true,
            (What::Length(span), KeyValue::Text(text)) => {
                span.has(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
            }
            (What::Pattern(regex), KeyValue::Text(text)) => {
                regex.as_ref().is_ok_and(|regex| regex.is_match(text))
            }
            (What::Email, KeyValue::Text(text)) => is_email(text),
            (What::Line(most), KeyValue::Text(text)) => is_line(text, *most),
        }
    }
}

impl Span {
    fn of(bounds: &impl RangeBounds<i64>) -> Self {
        Span {
            least: match bounds.start_bound() {
                Bound::Included(least) => Some(*least),
                Bound::Excluded(below) => Some(below.saturating_add(1)),
                Bound::Unbounded => None,
            },
            most: match bounds.end_bound() {
                Bound::Included(most) => Some(*most),
                Bound::Excluded(above) => Some(above.saturating_sub(1)),
                Bound::Unbounded => None,
            },
        }
    }

    fn has(self, number: i64) -> bool {
        self.least.is_none_or(|least| least <= number)
            && self.most.is_none_or(|most| number <= most)
    }

    /// What is no number, or has more digits than can be told, is beyond all bounds.
    fn has_decimal(self, text: &str) -> bool {
        let exact = text.parse::<Decimal>();
        let number = exact.or_else(|_| Decimal::from_scientific(text));
        number.is_ok_and(|number| {
            self.least
                .is_none_or(|least| Decimal::from(least) <= number)
                && self.most.is_none_or(|most| number <= Decimal::from(most))
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => write!(f, "{least}"),
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any number"),
        }
    }
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
    // Unicode has two breaks of lines that are no control characters.
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    !text.trim().is_empty() && characters <= most && !text.chars().any(breaks)
}

/// A row about to be written: what is known of it is what will be written.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    pub(super) entity: &'a Entity,
    pub(super) values: &'a [(ColumnIx, Option<&'a KeyValue>)],
    pub(super) is_new: bool,
}

impl<'a> Changed<'a> {
    /// Whether the row is made, and not changed.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether the column is written.
    pub fn has<C: ColumnTrait + IdenStatic>(&self, column: C) -> bool {
        self.value(column).is_some()
    }

    /// Whether null is written.
    pub fn is_null<C: ColumnTrait + IdenStatic>(&self, column: C) -> bool {
        matches!(self.value(column), Some(None))
    }

    /// The number that is written.
    pub fn int<C: ColumnTrait + IdenStatic>(&self, column: C) -> Option<i64> {
        match self.value(column)? {
            Some(KeyValue::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// What is written, if it is no whole number: a text, the database's name of an enum's value, a time by RFC 3339.
    pub fn text<C: ColumnTrait + IdenStatic>(&self, column: C) -> Option<&'a str> {
        match self.value(column)? {
            Some(KeyValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn value<C: ColumnTrait + IdenStatic>(&self, column: C) -> Option<Option<&'a KeyValue>> {
        let name = column.as_str();
        let mut values = self.values.iter();
        let found = values.find(|(ix, _)| self.entity.columns[*ix].name == name);
        found.map(|(_, value)| *value)
    }
}

/// What is wrong with a row, for [`Graph::validate_row`](super::Graph::validate_row).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The column's name in the database; `None` where the row as a whole is meant.
    column: Option<String>,
    message: String,
}

impl Invalid {
    /// Of the value of a column.
    pub fn of<C: ColumnTrait + IdenStatic>(column: C, message: impl Into<String>) -> Self {
        Invalid {
            column: Some(column.as_str().to_owned()),
            message: message.into(),
        }
    }

    /// Of the row as a whole.
    pub fn row(message: impl Into<String>) -> Self {
        Invalid {
            column: None,
            message: message.into(),
        }
    }

    pub(super) fn problem(self, entity: &Entity) -> Problem {
        let place = |name: String| entity.columns.iter().position(|c| c.name == name);
        Problem {
            column: self.column.and_then(place),
            message: self.message,
        }
    }
}

/// What a graph declares of whole rows.
#[derive(Clone)]
pub(crate) struct RowCheck(pub(super) Arc<Validator>);

type Validator = dyn Fn(&Changed<'_>, &Principal) -> Result<(), Vec<Invalid>> + Send + Sync;

impl fmt::Debug for RowCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowCheck")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> KeyValue {
        KeyValue::Text(text.into())
    }

    #[test]
    fn usernames_addresses_and_names_are_what_they_must_be() {
        let username = Check::username();
        for (good, bad) in [
            ("ada", "a"),
            ("a1", "1a"),
            ("a.b-c_d", "Ada"),
            ("ab", "ädä"),
        ] {
            assert!(username.holds(&text(good)), "{good}");
            assert!(!username.holds(&text(bad)), "{bad}");
        }
        assert!(username.holds(&text(&"a".repeat(32))));
        assert!(!username.holds(&text(&"a".repeat(33))) && !username.holds(&text("ab\n")));
        for bad in [
            "", "a", "@b.c", "a@b", "a@b..c", "a@.c", "a b@c.d", "a@b@c.d", "a\0@b.c",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(is_email("a+b@c.d.example") && is_email("ä@ö.example"));
        assert!(is_line("Ada Lindqvist", 100) && !is_line(" ", 100) && !is_line("a\nb", 100));
        assert!(!is_line("a\u{2028}b", 100) && !is_line("a\u{2029}b", 100));
    }

    #[test]
    fn lengths_are_counted_in_characters_and_numbers_compared_exactly() {
        let length = Check::length(1..=3);
        assert!(length.holds(&text("äöü")) && !length.holds(&text("abcd")));
        assert!(!length.holds(&text("")));
        assert_eq!(length.words(), "1 to 3 characters");
        assert_eq!(Check::length(1..).words(), "at least 1 character");
        let range = Check::range(1..5);
        assert!(range.holds(&KeyValue::Int(4)) && !range.holds(&KeyValue::Int(5)));
        assert!(range.holds(&text("3.99")) && !range.holds(&text("4.0000000001")));
        assert!(range.holds(&text("3.5e0")) && !range.holds(&text("NaN")));
        assert!(Check::slug().holds(&text("a-b2")) && !Check::slug().holds(&text("a--b")));
    }
}
