//! On whose behalf a request runs.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Nobody known, or a subject. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Principal {
    /// Nobody signed in.
    #[default]
    Anonymous,
    /// Somebody whose word on who he is was believed.
    Subject(Arc<Subject>),
}

/// Somebody known: a user, a service, a tenant's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Subject {
    /// What a rule's `me.is(column)` compares with, as text: the digits of an integer, a UUID with hyphens.
    pub id: Box<str>,
    /// What a rule's `me.has(role)` asks for. A graph's rules know few roles; all others are one to them.
    pub role: Option<Box<str>>,
    /// What a rule's `me.claim(name)` stands for. One that is not there equals nothing.
    pub claims: BTreeMap<Box<str>, Claim>,
}

/// A value that a principal brings along.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claim {
    /// For columns that are true or false.
    Boolean(bool),
    /// For columns of whole numbers.
    Integer(i64),
    /// For texts, and for whatever is written as one: values of enums, UUIDs, times by RFC 3339.
    Text(Box<str>),
    /// For a rule that a column is one of them.
    List(Vec<Claim>),
}

impl Principal {
    /// A principal that is known.
    pub fn subject(subject: Subject) -> Self {
        Principal::Subject(Arc::new(subject))
    }

    /// The subject, if it is known.
    pub fn known(&self) -> Option<&Subject> {
        match self {
            Principal::Anonymous => None,
            Principal::Subject(subject) => Some(subject),
        }
    }
}

impl Subject {
    /// A subject without a role and claims.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Subject {
            id: id.into(),
            ..Subject::default()
        }
    }

    /// With the role that rules ask for by `me.has(role)`.
    pub fn with_role(mut self, role: impl Into<Box<str>>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// With a claim that rules compare columns with by `me.claim(name)`, in place of one of that name.
    pub fn with_claim(mut self, name: impl Into<Box<str>>, claim: impl Into<Claim>) -> Self {
        self.claims.insert(name.into(), claim.into());
        self
    }
}

impl From<bool> for Claim {
    fn from(value: bool) -> Self {
        Claim::Boolean(value)
    }
}

impl From<i64> for Claim {
    fn from(value: i64) -> Self {
        Claim::Integer(value)
    }
}

impl From<&str> for Claim {
    fn from(value: &str) -> Self {
        Claim::Text(value.into())
    }
}

impl<C: Into<Claim>> FromIterator<C> for Claim {
    fn from_iter<I: IntoIterator<Item = C>>(claims: I) -> Self {
        Claim::List(claims.into_iter().map(Into::into).collect())
    }
}
