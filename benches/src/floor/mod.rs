//! The floors: what the seven queries cost when each is written by hand.
//!
//! One function per query: batched SQL that reads the columns it needs, rows borrowed by serde
//! structs, no query language. They obey the same rules as the GraphQL servers (anonymous readers see
//! published posts and the comments on them; what was reached through a visible row needs no second
//! check) and answer the same bytes. There are six, which differ in how they reach a database and in
//! what moments of it they read; here is what they share: the answers.

mod postgres;
mod sqlite;
mod writing;

pub mod rusqlite;
pub mod rusqlite_stepped;
pub mod rusqlite_writing;
pub mod sqlx;
pub mod sqlx_writing;
pub mod tokio_postgres;

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use foldhash::{HashMap, HashMapExt};
use serde::{Deserialize, Serialize, Serializer};

/// What is read at one moment of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Each statement: what a pool gives who asks for nothing more. An answer of several may show a state
    /// that never was.
    Statement,
    /// Each request: its statements are a transaction that reads one snapshot. Q1 is one statement, and
    /// needs none.
    Request,
}

#[derive(Serialize)]
struct Posts<T> {
    posts: Vec<T>,
}

#[derive(Serialize)]
struct Users<T> {
    users: Vec<T>,
}

#[derive(Serialize)]
struct OneUser<T> {
    user: Option<T>,
}

#[derive(Serialize)]
struct User<'a, P> {
    id: Id,
    name: &'a str,
    posts: Vec<P>,
}

/// A user or a tag.
#[derive(Clone, Copy, Serialize)]
struct Named<'a> {
    id: Id,
    name: &'a str,
}

/// A post of Q1 and Q5; `T` is the time as the driver gives it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatedPost<'a, T> {
    id: Id,
    title: &'a str,
    created_at: T,
}

/// A post of Q2.
#[derive(Serialize)]
struct AuthoredPost<'a> {
    id: Id,
    title: &'a str,
    author: Named<'a>,
}

/// A post of Q3.
#[derive(Serialize)]
struct TitledPost<'a> {
    id: Id,
    title: &'a str,
}

/// A post of Q4.
#[derive(Serialize)]
struct DiscussedPost<'a> {
    id: Id,
    title: &'a str,
    tags: Vec<Named<'a>>,
    comments: Vec<Comment<'a>>,
}

#[derive(Serialize)]
struct Comment<'a> {
    id: Id,
    body: &'a str,
    author: Named<'a>,
}

/// A post of Q6.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FullPost<'a, T> {
    id: Id,
    title: &'a str,
    slug: &'a str,
    status: &'static str,
    created_at: T,
    version: i32,
    author: Named<'a>,
}

/// A user of Q7.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountedUser<'a> {
    id: Id,
    name: &'a str,
    posts_aggregate: Count,
    posts: Vec<CountedPost<'a>>,
}

#[derive(Serialize)]
struct Count {
    count: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountedPost<'a> {
    id: Id,
    title: &'a str,
    comments_connection: CountedComments<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct CountedComments<'a> {
    total_count: i64,
    nodes: Vec<BareComment<'a>>,
}

#[derive(Serialize)]
struct BareComment<'a> {
    id: Id,
    body: &'a str,
}

/// A type and a key, written as `"Post:42"`.
#[derive(Clone, Copy)]
struct Id(&'static str, i64);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        // Room for the longest name, `Comment`, and the longest key.
        let mut text = [b':'; 32];
        let (name, mut key) = (self.0.as_bytes(), itoa::Buffer::new());
        let key = key.format(self.1).as_bytes();
        let end = name.len() + 1 + key.len();
        text[..name.len()].copy_from_slice(name);
        text[name.len() + 1..end].copy_from_slice(key);
        let text = std::str::from_utf8(&text[..end]).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

/// The name of a post's status in GraphQL.
fn status(stored: &[u8]) -> &'static str {
    match stored {
        b"draft" => "DRAFT",
        b"archived" => "ARCHIVED",
        _ => "PUBLISHED",
    }
}

/// The user whom a request for Q5 asks about.
fn asked_user(body: &[u8]) -> std::result::Result<i64, Failure> {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        variables: Variables<'a>,
    }
    #[derive(Deserialize)]
    struct Variables<'a> {
        id: &'a str,
    }

    let request: Request = serde_json::from_slice(body)?;
    let key = request.variables.id.strip_prefix("User:");
    Ok(key
        .and_then(|key| key.parse().ok())
        .ok_or("not the id of a user")?)
}

/// Each key once.
fn distinct(keys: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut keys: Vec<i64> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Users by their keys.
fn users_by_id<'a>(rows: impl ExactSizeIterator<Item = (i64, &'a str)>) -> HashMap<i64, Named<'a>> {
    let mut found = HashMap::with_capacity(rows.len());
    for (key, name) in rows {
        let id = Id("User", key);
        found.insert(key, Named { id, name });
    }
    found
}

/// Children, each with the position of its parent, from 1, as a list for each parent.
fn by_parent<T>(parents: usize, children: impl Iterator<Item = (i64, T)>) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> = Vec::new();
    lists.resize_with(parents, Vec::new);
    for (ord, child) in children {
        lists[ord as usize - 1].push(child);
    }
    lists
}

type Answer = std::result::Result<Response, Failure>;

fn answer(data: impl Serialize) -> Answer {
    #[derive(Serialize)]
    struct Body<T> {
        data: T,
    }

    Ok(json(serde_json::to_vec(&Body { data })?))
}

fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

struct Failure(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}
