//! What a token says of its subject, by the paths that were configured, and back.

use std::convert::Infallible;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::TokenError;
use crate::graph::{Claim, Subject};

/// Where a claim is: its name, or names with dots between them, each in what the one before it holds. A claim that
/// has the whole of it for a name is meant first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Box<str>);

impl FromStr for ClaimPath {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(ClaimPath(text.trim().into()))
    }
}

impl ClaimPath {
    /// Of a name, or names with dots between them: `ClaimPath::of("realm_access.roles")`.
    pub fn of(text: &str) -> Self {
        ClaimPath(text.trim().into())
    }

    /// The whole path, as it was given.
    pub fn name(&self) -> &str {
        &self.0
    }

    fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        find(claims, &self.0)
    }

    fn put(&self, claims: &mut Map<String, Value>, value: Value) {
        let mut within = claims;
        let mut names = self.0.split('.');
        let last = names.next_back().unwrap_or_default();
        for name in names {
            let next = within
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            match next {
                Value::Object(next) => within = next,
                _ => return,
            }
        }
        within.insert(last.to_owned(), value);
    }
}

fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let dots = path.match_indices('.').map(|(at, _)| at);
    dots.rev().find_map(|at| {
        let within = claims.get(&path[..at])?.as_object()?;
        find(within, &path[at + 1..])
    })
}

/// What becomes of a subject, and where it is.
#[derive(Debug, Clone)]
pub struct ClaimPaths {
    /// What a rule's `me.id()` is: a text or a whole number. Without it a token is not believed.
    pub id: ClaimPath,
    /// What a rule's `me.has(role)` asks for: a text, or a list of one. It may be missing.
    pub role: ClaimPath,
    /// By the names that rules know them by.
    pub others: Vec<(Box<str>, ClaimPath)>,
}

impl ClaimPaths {
    /// What a token says. A claim that is not there, or null, is not the subject's.
    ///
    /// # Errors
    /// [`TokenError::Claim`] where there is no id, or a claim is nothing that rules can compare with: an object, a
    /// fraction, several roles.
    pub fn subject(&self, claims: &Map<String, Value>) -> Result<Subject, TokenError> {
        let of_type = |path: &ClaimPath| TokenError::Claim(path.name().into());
        let id = match self.id.find(claims) {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => id.to_string(),
            _ => return Err(of_type(&self.id)),
        };
        let mut subject = Subject::new(id);
        subject.role = match self.role.find(claims) {
            None | Some(Value::Null) => None,
            // So some issuers say it of those who have none.
            Some(Value::String(role)) if role.is_empty() => None,
            Some(Value::String(role)) => Some(role.as_str().into()),
            // A subject has one role.
            Some(Value::Array(roles)) => match &roles[..] {
                [] => None,
                [Value::String(role)] => Some(role.as_str().into()),
                _ => return Err(of_type(&self.role)),
            },
            Some(_) => return Err(of_type(&self.role)),
        };
        for (name, path) in &self.others {
            if let Some(value) = path.find(claims).filter(|value| !value.is_null()) {
                let claim = claim(value).ok_or_else(|| of_type(path))?;
                subject.claims.insert(name.clone(), claim);
            }
        }
        Ok(subject)
    }

    /// The claims of a token that says this.
    pub fn claims(&self, subject: &Subject) -> Map<String, Value> {
        let mut claims = Map::new();
        self.id.put(&mut claims, (&*subject.id).into());
        if let Some(role) = &subject.role {
            self.role.put(&mut claims, (&**role).into());
        }
        for (name, path) in &self.others {
            if let Some(claim) = subject.claims.get(name) {
                path.put(&mut claims, json(claim));
            }
        }
        claims
    }
}

/// `None` for what no rule can compare with: an object, a fraction, a list of lists.
fn claim(value: &Value) -> Option<Claim> {
    match value {
        Value::Array(values) => {
            let single = |value: &Value| match value.is_array() {
                true => None,
                false => claim(value),
            };
            values
                .iter()
                .map(single)
                .collect::<Option<_>>()
                .map(Claim::List)
        }
        Value::Bool(value) => Some(Claim::Boolean(*value)),
        Value::Number(value) => value.as_i64().map(Claim::Integer),
        Value::String(value) => Some(Claim::Text(value.as_str().into())),
        Value::Null | Value::Object(_) => None,
    }
}

fn json(claim: &Claim) -> Value {
    match claim {
        Claim::Boolean(value) => (*value).into(),
        Claim::Integer(value) => (*value).into(),
        Claim::Text(value) => (&**value).into(),
        Claim::List(values) => values.iter().map(json).collect(),
    }
}
