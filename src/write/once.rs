//! Requests that are done once, however often they come: their answers are stored in the transactions that do them.
//!
//! A key belongs to whoever sends it, and to one request. It is taken first of all, so whoever sends it meanwhile waits, on
//! whichever server, and is then given the answer.

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};

use ring::digest::{SHA256, digest};

use crate::graph::keys::KeyValue;
use crate::graph::{Kind, Principal};
use crate::read::load::change::{Abort, Change, Given, Transaction, Work};
use crate::read::load::{DatabaseError, Ran};
use crate::read::sql::{BindValue, Dialect};

/// The table of answers, which a migration makes.
pub const TABLE: &str = "backref_answer";

/// A request's key, and what tells the request from others.
#[derive(Debug)]
pub struct Once {
    owner: String,
    key: String,
    digest: String,
    /// For how long answers are kept.
    keep: Duration,
}

/// What is known of a request when it begins.
#[derive(Debug)]
pub enum Begun {
    New,
    /// It has been done, and this was its answer.
    Done(String),
    /// The key is that of another request.
    Other,
}

impl Once {
    /// How many statements it takes at most, beside what the request does.
    pub const STATEMENTS: u64 = 2;

    /// `request` is all that the request consists of. What else is known of whoever sends it is a part of it: by the
    /// answer that somebody of a role was given, one of another would see past his rules.
    pub fn new(principal: &Principal, key: &str, request: &[&str], keep: Duration) -> Self {
        let may = principal
            .known()
            .map(|subject| (&subject.role, &subject.claims));
        let may = may.map_or_else(String::new, |may| format!("{may:?}"));
        let mut bytes = Vec::new();
        for part in request.iter().copied().chain([&*may]) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let digest = digest(&SHA256, &bytes);
        let digest: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        // Nobody's keys are those of nobody else: there is no subject without an id.
        let owner = principal.known().map_or("", |subject| &subject.id);
        Once {
            owner: owner.to_owned(),
            key: key.to_owned(),
            digest,
            keep,
        }
    }

    /// Takes the key, or finds what came of the request that has it. What is run is added to `ran`.
    pub async fn begin<T: Transaction>(
        &self,
        on: &T,
        ran: &mut Vec<Ran>,
    ) -> Result<Begun, DatabaseError> {
        let now = seconds();
        let [owner, key, digest, made, ended] = binds(T::DIALECT);
        let take = format!(
            "INSERT INTO {TABLE} (owner, key, digest, made_at) VALUES ({owner}, {key}, {digest}, {made}) \
             ON CONFLICT (owner, key) DO UPDATE SET digest = excluded.digest, answer = NULL, made_at = excluded.made_at \
             WHERE {TABLE}.made_at < {ended} RETURNING made_at"
        );
        let values = vec![
            text(&self.owner),
            text(&self.key),
            text(&self.digest),
            BindValue::Int(now),
            BindValue::Int(now - self.keep.as_secs() as i64),
        ];
        if !run(on, take, values, vec![Kind::BigInt], ran)
            .await?
            .is_empty()
        {
            return Ok(Begun::New);
        }
        let find =
            format!("SELECT digest, answer FROM {TABLE} WHERE owner = {owner} AND key = {key}");
        let values = vec![text(&self.owner), text(&self.key)];
        let found = run(on, find, values, vec![Kind::Text, Kind::Text], ran).await?;
        let row = found.into_iter().next().unwrap_or_default();
        let mut row = row.into_iter();
        match (row.next().flatten(), row.next().flatten()) {
            (Some(KeyValue::Text(digest)), Some(KeyValue::Text(answer)))
                if *digest == *self.digest =>
            {
                Ok(Begun::Done(answer.into()))
            }
            _ => Ok(Begun::Other),
        }
    }

    /// Keeps the answer, which is stored with what it is of.
    pub async fn end<T: Transaction>(
        &self,
        on: &T,
        answer: &str,
        ran: &mut Vec<Ran>,
    ) -> Result<(), DatabaseError> {
        let [owner, key, given, ..] = binds(T::DIALECT);
        let keep =
            format!("UPDATE {TABLE} SET answer = {given} WHERE owner = {owner} AND key = {key}");
        let values = vec![text(&self.owner), text(&self.key), text(answer)];
        run(on, keep, values, Vec::new(), ran).await?;
        Ok(())
    }
}

/// Answers that have been kept long enough go.
pub struct Forget {
    pub keep: Duration,
}

impl Work for Forget {
    type Done = ();
    type Refused = Infallible;

    fn is_brief(&self) -> bool {
        false
    }

    async fn attempt<T: Transaction>(&self, on: &T) -> Result<(), Abort<Infallible>> {
        let ended = match T::DIALECT {
            Dialect::Postgres => "$1",
            Dialect::Sqlite => "?1",
        };
        let forget = format!("DELETE FROM {TABLE} WHERE made_at < {ended}");
        let values = vec![BindValue::Int(seconds() - self.keep.as_secs() as i64)];
        run(on, forget, values, Vec::new(), &mut Vec::new()).await?;
        Ok(())
    }
}

async fn run<T: Transaction>(
    on: &T,
    sql: String,
    values: Vec<BindValue>,
    gives: Vec<Kind>,
    ran: &mut Vec<Ran>,
) -> Result<Vec<Given>, DatabaseError> {
    let change = Change {
        sql: sql.into(),
        values,
        rows: 0,
        gives: gives.into(),
    };
    let started = Instant::now();
    let found = on.change(&change).await?;
    ran.push(Ran {
        sql: change.sql,
        keys: 0,
        rows: found.len(),
        took: started.elapsed(),
    });
    Ok(found)
}

fn binds(dialect: Dialect) -> [&'static str; 5] {
    match dialect {
        Dialect::Postgres => ["$1::text", "$2::text", "$3::text", "$4", "$5"],
        Dialect::Sqlite => ["?1", "?2", "?3", "?4", "?5"],
    }
}

fn text(of: &str) -> BindValue {
    BindValue::Text(of.into())
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// Whether an error is that there is no table of answers.
pub fn has_no_table(error: &DatabaseError) -> bool {
    error.lacks_table(TABLE)
}
