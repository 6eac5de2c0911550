//! Accounts: the entity whose rows are those who may sign in.

use super::validate::Check;
use super::{ColumnIx, Entity, EntityId};

/// Which columns of an entity make its rows accounts, for [`Graph::accounts`](super::Graph::accounts).
#[derive(Debug, Clone)]
pub struct Accounts<C> {
    /// What somebody signs in by: a unique text.
    pub username: C,
    /// The hash of the password in PHC string format, kept out of the schema. Where it is null nobody signs in by password.
    pub password_hash: C,
    /// What `me.has(…)` asks for. New accounts have the database's default.
    pub role: C,
    /// An address by which the account alone is reached: a unique text.
    pub email: C,
    /// Other texts that whoever signs up gives.
    pub asked: Vec<C>,
    /// The times at which a new account is made.
    pub made_at: Vec<C>,
}

/// The same, in a catalog.
#[derive(Debug, Clone)]
pub(crate) struct AccountColumns {
    pub entity: EntityId,
    /// The primary key, whose value is the id of a subject.
    pub key: ColumnIx,
    pub username: ColumnIx,
    pub password_hash: ColumnIx,
    pub role: ColumnIx,
    pub email: ColumnIx,
    pub others: Vec<ColumnIx>,
    pub made_at: Vec<ColumnIx>,
}

/// A text that signing up asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `username`
    pub field: String,
    pub kind: AskedKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskedKind {
    Username,
    Email,
    Text,
}

/// What a password must be.
pub(crate) const PASSWORD: &str = "8 to 128 characters";

impl AskedKind {
    /// What it must be, whoever writes it.
    pub fn check(self) -> Check {
        match self {
            AskedKind::Username => Check::username(),
            AskedKind::Email => Check::email(),
            AskedKind::Text => Check::line(100),
        }
    }
}

impl AccountColumns {
    /// The columns of what signing up asks for, beside the password.
    pub fn asked(&self) -> impl Iterator<Item = (ColumnIx, AskedKind)> {
        let first = [
            (self.username, AskedKind::Username),
            (self.email, AskedKind::Email),
        ];
        let others = self.others.iter().map(|&c| (c, AskedKind::Text));
        first.into_iter().chain(others)
    }

    /// The same, by the names of fields.
    pub fn asked_of<'e>(&self, entity: &'e Entity) -> impl Iterator<Item = Asked> + use<'e, '_> {
        self.asked().map(|(column, kind)| Asked {
            field: entity.columns[column].field.clone(),
            kind,
        })
    }

    /// The columns that are given of a new account.
    pub fn of_new(&self) -> impl Iterator<Item = ColumnIx> {
        let asked = self.asked().map(|(column, _)| column);
        let made = self.made_at.iter().copied();
        asked.chain([self.password_hash]).chain(made)
    }
}
