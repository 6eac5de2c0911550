//! Accounts: the entity whose rows are those who may sign in.

use super::{ColumnIx, EntityId};

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
pub struct AccountColumns {
    pub entity: EntityId,
    /// The primary key, whose value is the id of a subject.
    pub key: ColumnIx,
    pub username: ColumnIx,
    pub password_hash: ColumnIx,
    pub role: ColumnIx,
    pub email: ColumnIx,
    pub asked: Vec<ColumnIx>,
    pub made_at: Vec<ColumnIx>,
}
