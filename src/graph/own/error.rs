//! Why a field of one's own has no value.

use std::any::Any;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// An error of one value. What is made by `?` of another error is logged, and a client is told no more than the id it
/// is logged under; the others say what they say.
#[derive(Clone)]
pub struct FieldError {
    /// By it a client's program tells errors apart: it becomes `extensions.code`. Of what a write refuses it is what
    /// Backref's own mutation would refuse it with.
    pub why: Why,
    /// For people: what a client is told, or with [`Why::Internal`] what is logged.
    pub message: String,
    /// Backref's own errors, which it passes on as they are.
    pub passed_on: Option<Arc<dyn Any + Send + Sync>>,
}

/// What kind of an error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// `BAD_USER_INPUT`
    Input,
    /// `NOT_FOUND`
    NotFound,
    /// `UNAUTHENTICATED`: nobody is signed in, who might be allowed it if he was.
    Unauthenticated,
    /// `FORBIDDEN`
    Forbidden,
    /// `CONFLICT`
    Conflict,
    /// `LIMIT_EXCEEDED`
    LimitExceeded,
    /// `TIMEOUT`
    Timeout,
    /// `UNAVAILABLE`
    Unavailable,
    /// `INTERNAL_SERVER_ERROR`: a mistake in the field's own code, which is told as it is.
    Mistake,
    /// `INTERNAL_SERVER_ERROR`: what went wrong is logged, and told to nobody.
    Internal,
}

impl FieldError {
    /// One whose text a client is told.
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        FieldError {
            why,
            message: message.into(),
            passed_on: None,
        }
    }

    /// What was asked for cannot be had: `BAD_USER_INPUT`, with its text.
    pub fn input(message: impl Into<String>) -> Self {
        FieldError::new(Why::Input, message)
    }

    /// `NOT_FOUND`, with its text.
    pub fn not_found(message: impl Into<String>) -> Self {
        FieldError::new(Why::NotFound, message)
    }

    /// Nobody is signed in: `UNAUTHENTICATED`, with its text.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        FieldError::new(Why::Unauthenticated, message)
    }

    /// `FORBIDDEN`, with its text.
    pub fn forbidden(message: impl Into<String>) -> Self {
        FieldError::new(Why::Forbidden, message)
    }

    /// `UNAVAILABLE`, with its text: it may be there later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        FieldError::new(Why::Unavailable, message)
    }

    pub(crate) fn mistake(message: impl Into<String>) -> Self {
        FieldError::new(Why::Mistake, message)
    }

    /// The request's time was over before there was a value.
    pub(crate) fn late() -> Self {
        let message = "the request took too long and was stopped; ask for less";
        FieldError::new(Why::Timeout, message)
    }
}

/// By what they say.
impl PartialEq for FieldError {
    fn eq(&self, other: &Self) -> bool {
        (self.why, &self.message) == (other.why, &other.message)
    }
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.why, self.message)
    }
}

impl Display for FieldError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Of every other error the log has the text, with that of its causes.
impl<E: std::error::Error> From<E> for FieldError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(of) = cause {
            message += &format!(": {of}");
            cause = of.source();
        }
        FieldError::new(Why::Internal, message)
    }
}
