//! Accounts of a graph's own: signing up, signing in, and what becomes of a role.
//!
//! An answer does not tell whether there is a user, nor does the time it takes: for an unknown user, one without a
//! password and a wrong password the same statement is run, and the same hash is computed.

mod asked;
mod attempts;
mod passwords;
mod spelling;
mod store;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};

use super::Unauthenticated;
use super::tokens::Tokens;
use crate::graph::keys::KeyValue;
use crate::graph::{Catalog, ColumnIx, Principal, Subject};
use attempts::Attempts;
use passwords::{Passwords, Verdict};
use store::Store;

pub use asked::SignUp;
#[cfg(feature = "internals")]
pub use attempts::Allowance;
pub use attempts::AttemptLimits;
pub use store::Account;

/// Those who may sign in, in the database that they are in.
pub struct Accounts {
    store: Store,
    tokens: Option<Arc<Tokens>>,
    passwords: Passwords,
    attempts: Attempts,
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Session {
    pub token: String,
    pub principal: Principal,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The argument by its path, and what is wrong with it.
    #[error("{problem}")]
    Input { field: String, problem: String },
    #[error("the username or the password is wrong")]
    Wrong,
    #[error("there were too many attempts; try again in {} s", .0.as_secs())]
    TooMany(Duration),
    #[error("more is signed in and up than this server can do; try again later")]
    Overloaded,
    #[error("this server signs nobody in; its operator sets JWT_SECRET")]
    NoKey,
    #[error("passwords cannot be hashed")]
    Hash,
    #[error("{0}")]
    Database(#[from] DbErr),
}

impl Accounts {
    /// Those of a graph that declares accounts. Without tokens nobody can sign in, and roles can be asked for.
    pub fn of(
        catalog: &Catalog,
        connection: DatabaseConnection,
        tokens: Option<Arc<Tokens>>,
        limits: AttemptLimits,
    ) -> Option<Self> {
        Some(Accounts {
            store: Store::of(catalog, connection)?,
            tokens,
            passwords: Passwords::new(),
            attempts: Attempts::new(limits),
        })
    }

    /// What a new account is to hold, by its columns. Whoever signs up has to be let in, and gives what can be taken: else all
    /// that cannot is told.
    pub async fn new_account(
        &self,
        input: SignUp,
        from: Option<IpAddr>,
    ) -> Result<Vec<(ColumnIx, KeyValue)>, Vec<AccountError>> {
        self.signing().map_err(|error| vec![error])?;
        let problems = self.store.problems(&input);
        if !problems.is_empty() {
            return Err(problems);
        }
        let tried = self.attempts.of_address(from);
        tried.map_err(|wait| vec![AccountError::TooMany(wait)])?;
        let hash = self.passwords.hash(input.password.clone()).await;
        let hash = hash.map_err(|error| vec![error])?;
        Ok(self.store.values(&input, hash))
    }

    /// The session of an account that has just been made, by its key and its role.
    pub fn session(&self, id: String, role: Option<String>) -> Result<Session, AccountError> {
        session(self.signing()?, id, role)
    }

    /// Whether somebody may try to sign in, which counts.
    pub fn let_try(&self, username: &str, from: Option<IpAddr>) -> Result<(), AccountError> {
        self.signing()?;
        let tried = self.attempts.of_address(from);
        tried.map_err(AccountError::TooMany)?;
        let tried = self.attempts.of_account(username);
        tried.map_err(AccountError::TooMany)
    }

    /// Signs in by the password of an account, if it was found.
    pub async fn sign_in_as(
        &self,
        found: Option<Account>,
        password: String,
    ) -> Result<Session, AccountError> {
        let tokens = self.signing()?;
        let hash = found.as_ref().and_then(|account| account.hash.clone());
        let verdict = self
            .passwords
            .verify(password.clone(), hash.clone())
            .await?;
        let (Some(account), Verdict::Right { weak }) = (found, verdict) else {
            return Err(AccountError::Wrong);
        };
        if let (true, Some(old)) = (weak, hash) {
            self.renew(&account.id, old, password).await;
        }
        session(tokens, account.id, account.role)
    }

    /// Whoever could not be given a stronger hash has signed in all the same.
    async fn renew(&self, id: &str, old: String, password: String) {
        let renewed = match self.passwords.hash(password).await {
            Ok(new) => self.store.replace_hash(id, old, new).await,
            Err(error) => Err(error),
        };
        if renewed.is_err() {
            tracing::debug!("a password's hash was not renewed");
        }
    }

    fn signing(&self) -> Result<&Tokens, AccountError> {
        let tokens = self.tokens.as_deref().filter(|tokens| tokens.can_sign());
        tokens.ok_or(AccountError::NoKey)
    }

    /// An account's subject, with the role that it has now; `None` where there is no such account.
    pub async fn subject(&self, id: &str) -> Result<Option<Subject>, DbErr> {
        let role = self.store.role_of(id).await?;
        Ok(role.map(|role| subject(id, role)))
    }

    /// The same principal, with the role that its account has now.
    pub async fn as_of_now(&self, principal: Principal) -> Result<Principal, Unauthenticated> {
        let Some(known) = principal.known() else {
            return Ok(principal);
        };
        let role = self.store.role_of(&known.id).await.map_err(|error| {
            tracing::warn!(
                code = store::code(&error),
                "an account's role cannot be asked for"
            );
            Unauthenticated::unavailable("who asks cannot be looked up; try again later")
        })?;
        match role {
            None => Err(Unauthenticated::refused(
                "there is no account of this id any more",
            )),
            Some(role) => Ok(Principal::subject(Subject {
                role: role.map(Into::into),
                ..known.clone()
            })),
        }
    }

    /// How often a hash was computed.
    #[cfg(feature = "internals")]
    pub fn hashes(&self) -> u64 {
        self.passwords.runs()
    }
}

fn session(tokens: &Tokens, id: String, role: Option<String>) -> Result<Session, AccountError> {
    let subject = subject(&id, role);
    Ok(Session {
        token: tokens.sign(&subject, None).ok_or(AccountError::NoKey)?,
        principal: Principal::subject(subject),
    })
}

fn subject(id: &str, role: Option<String>) -> Subject {
    Subject {
        role: role.map(Into::into),
        ..Subject::new(id)
    }
}

/// The names by which the account is found of whoever signs in: as it was given, and as it would be of whoever signs up.
pub fn names_of(username: &str) -> [String; 2] {
    [username.to_owned(), spelling::name(username)]
}

/// The code that the database gave an error.
pub fn code(error: &DbErr) -> Option<String> {
    store::code(error)
}
