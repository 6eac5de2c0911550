//! The limit on SQLite: axum and rusqlite, in the handler's own thread, without batches and structs of a
//! whole answer.
//!
//! There is no way to the database and back that could be saved, so what is cheapest is to step through
//! a prepared statement once for each parent: no list of keys is parsed, nothing is sorted or looked up
//! again, and a row is written as it is read.

use super::{
    Answer, AuthoredPost, BareComment, Comment, Count, DatedPost, Failure, FullPost, Id, Named,
    TitledPost, asked_user, json,
    sqlite::{self, File, Instant, read},
    status,
};
use crate::Result;
use axum::{Router, body::Bytes, extract::State, routing::post};
use rusqlite::{CachedStatement, Connection, Params, Row};
use serde::Serialize;
use std::path::Path;

/// `POST /q1` to `POST /q7`.
pub fn router(database_url: &str) -> Result<Router> {
    Ok(Router::new()
        .route("/q1", post(q1))
        .route("/q2", post(q2))
        .route("/q3", post(q3))
        .route("/q4", post(q4))
        .route("/q5", post(q5))
        .route("/q6", post(q6))
        .route("/q7", post(q7))
        .with_state(sqlite::file(database_url)?))
}

async fn q1(State(file): File, _: Bytes) -> Answer {
    respond(&file, "posts", |connection, out| {
        let mut posts = connection.prepare_cached(
            "SELECT id, title, created_at FROM post WHERE status = 'published' \
             ORDER BY created_at DESC, id DESC LIMIT 50",
        )?;
        list(out, &mut posts, [], dated_post)
    })
}

async fn q2(State(file): File, _: Bytes) -> Answer {
    respond(&file, "posts", |connection, out| {
        let mut posts = connection.prepare_cached(
            "SELECT p.id, title, author_id, name FROM post p CROSS JOIN user u ON u.id = author_id \
             WHERE status = 'published' ORDER BY p.created_at DESC, p.id DESC LIMIT 50",
        )?;
        list(out, &mut posts, [], |out, row| {
            let post = AuthoredPost {
                id: Id("Post", row.get(0)?),
                title: text(row, 1)?,
                author: named("User", row, 2)?,
            };
            write(out, &post)
        })
    })
}

async fn q3(State(file): File, _: Bytes) -> Answer {
    respond(&file, "users", |connection, out| {
        let mut users = connection.prepare_cached(
            "SELECT id, name FROM user ORDER BY created_at DESC, id DESC LIMIT 20",
        )?;
        let mut posts = connection.prepare_cached(POSTS_OF_USER)?;
        list(out, &mut users, [], |out, row| {
            let user = named("User", row, 0)?;
            object(out, &user, "posts", |out| {
                list(out, &mut posts, [user.id.1], |out, row| {
                    let (id, title) = (Id("Post", row.get(0)?), text(row, 1)?);
                    write(out, &TitledPost { id, title })
                })
            })
        })
    })
}

async fn q4(State(file): File, _: Bytes) -> Answer {
    respond(&file, "users", |connection, out| {
        let mut users = connection.prepare_cached(
            "SELECT id, name FROM user ORDER BY created_at DESC, id DESC LIMIT 10",
        )?;
        let mut posts = connection.prepare_cached(POSTS_OF_USER)?;
        let mut tags = connection.prepare_cached(
            "SELECT tag_id, name FROM post_tag CROSS JOIN tag ON tag.id = tag_id \
             WHERE post_id = ?1 ORDER BY tag_id LIMIT 20",
        )?;
        let mut comments = connection.prepare_cached(
            "SELECT c.id, body, author_id, name FROM comment c CROSS JOIN user u ON u.id = author_id \
             WHERE post_id = ?1 ORDER BY c.created_at DESC, c.id DESC LIMIT 3",
        )?;
        list(out, &mut users, [], |out, row| {
            let user = named("User", row, 0)?;
            object(out, &user, "posts", |out| {
                list(out, &mut posts, [user.id.1], |out, row| {
                    let (id, title) = (Id("Post", row.get(0)?), text(row, 1)?);
                    let with_tags = |out: &mut Vec<u8>| {
                        list(out, &mut tags, [id.1], |out, row| {
                            write(out, &named("Tag", row, 0)?)
                        })
                    };
                    object(out, &TitledPost { id, title }, "tags", with_tags)?;
                    member(out, "comments", |out| {
                        list(out, &mut comments, [id.1], |out, row| {
                            let comment = Comment {
                                id: Id("Comment", row.get(0)?),
                                body: text(row, 1)?,
                                author: named("User", row, 2)?,
                            };
                            write(out, &comment)
                        })
                    })
                })
            })
        })
    })
}

async fn q5(State(file): File, body: Bytes) -> Answer {
    let id = asked_user(&body)?;
    respond(&file, "user", |connection, out| {
        let mut users = connection.prepare_cached("SELECT id, name FROM user WHERE id = ?1")?;
        let mut rows = users.query([id])?;
        let Some(row) = rows.next()? else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        let mut posts = connection.prepare_cached(
            "SELECT id, title, created_at FROM post WHERE author_id = ?1 AND status = 'published' \
             ORDER BY created_at DESC, id DESC LIMIT 10",
        )?;
        object(out, &named("User", row, 0)?, "posts", |out| {
            list(out, &mut posts, [id], dated_post)
        })
    })
}

async fn q6(State(file): File, _: Bytes) -> Answer {
    respond(&file, "posts", |connection, out| {
        let mut posts = connection.prepare_cached(
            "SELECT p.id, title, slug, status, p.created_at, version, author_id, name \
             FROM post p CROSS JOIN user u ON u.id = author_id \
             WHERE status = 'published' ORDER BY p.created_at DESC, p.id DESC LIMIT 1000",
        )?;
        list(out, &mut posts, [], |out, row| {
            let post = FullPost {
                id: Id("Post", row.get(0)?),
                title: text(row, 1)?,
                slug: text(row, 2)?,
                status: status(row.get_ref(3)?.as_bytes()?),
                created_at: Instant(text(row, 4)?),
                version: row.get(5)?,
                author: named("User", row, 6)?,
            };
            write(out, &post)
        })
    })
}

async fn q7(State(file): File, _: Bytes) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct User<'a> {
        id: Id,
        name: &'a str,
        posts_aggregate: Count,
    }

    respond(&file, "users", |connection, out| {
        let mut users = connection.prepare_cached(
            "SELECT id, name, (SELECT count(*) FROM post WHERE author_id = u.id AND status = 'published') \
             FROM user u WHERE EXISTS (SELECT 1 FROM post WHERE author_id = u.id AND status = 'published' \
             AND title GLOB '*Tide*') ORDER BY created_at DESC, id DESC LIMIT 10",
        )?;
        let mut posts = connection.prepare_cached(
            "SELECT id, title FROM post p WHERE author_id = ?1 AND status = 'published' \
             AND EXISTS (SELECT 1 FROM post_tag WHERE post_id = p.id \
             AND tag_id IN (SELECT id FROM tag WHERE name IN ('graph', 'table'))) \
             ORDER BY (SELECT count(*) FROM comment WHERE post_id = p.id) DESC, title, id LIMIT 5",
        )?;
        let mut count = connection.prepare_cached(
            "SELECT count(*) FROM comment WHERE post_id = ?1 AND parent_id IS NULL",
        )?;
        let mut comments = connection.prepare_cached(
            "SELECT id, body FROM comment WHERE post_id = ?1 AND parent_id IS NULL \
             ORDER BY created_at DESC, id DESC LIMIT 3",
        )?;
        list(out, &mut users, [], |out, row| {
            let user = User {
                id: Id("User", row.get(0)?),
                name: text(row, 1)?,
                posts_aggregate: Count { count: row.get(2)? },
            };
            object(out, &user, "posts", |out| {
                list(out, &mut posts, [user.id.1], |out, row| {
                    let (id, title) = (Id("Post", row.get(0)?), text(row, 1)?);
                    let total: i64 = count.query_row([id.1], |row| row.get(0))?;
                    object(
                        out,
                        &TitledPost { id, title },
                        "commentsConnection",
                        |out| {
                            write(out, &Total { total_count: total })?;
                            member(out, "nodes", |out| {
                                list(out, &mut comments, [id.1], |out, row| {
                                    let (id, body) = (Id("Comment", row.get(0)?), text(row, 1)?);
                                    write(out, &BareComment { id, body })
                                })
                            })
                        },
                    )
                })
            })
        })
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Total {
    total_count: i64,
}

/// The five newest posts of a user.
const POSTS_OF_USER: &str = "SELECT id, title FROM post WHERE author_id = ?1 AND status = 'published' \
     ORDER BY created_at DESC, id DESC LIMIT 5";

type Written = std::result::Result<(), Failure>;

/// The answer whose one field the work writes.
fn respond(
    file: &Path,
    field: &str,
    work: impl FnOnce(&Connection, &mut Vec<u8>) -> Written,
) -> Answer {
    read(file, |connection| {
        let mut out = Vec::with_capacity(1 << 12);
        out.extend_from_slice(b"{\"data\":{\"");
        out.extend_from_slice(field.as_bytes());
        out.extend_from_slice(b"\":");
        work(connection, &mut out)?;
        out.extend_from_slice(b"}}");
        Ok(json(out))
    })
}

/// Writes a list of what a statement finds.
fn list(
    out: &mut Vec<u8>,
    statement: &mut CachedStatement,
    key: impl Params,
    mut item: impl FnMut(&mut Vec<u8>, &Row) -> Written,
) -> Written {
    let mut rows = statement.query(key)?;
    out.push(b'[');
    let start = out.len();
    while let Some(row) = rows.next()? {
        if out.len() > start {
            out.push(b',');
        }
        item(out, row)?;
    }
    out.push(b']');
    Ok(())
}

/// Writes an object with one more field, whose value the work writes.
fn object(
    out: &mut Vec<u8>,
    fields: &impl Serialize,
    name: &str,
    value: impl FnOnce(&mut Vec<u8>) -> Written,
) -> Written {
    write(out, fields)?;
    member(out, name, value)
}

/// Adds a field to the object that was written last.
fn member(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>) -> Written) -> Written {
    out.pop();
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    value(out)?;
    out.push(b'}');
    Ok(())
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) -> Written {
    Ok(serde_json::to_writer(out, value)?)
}

fn dated_post(out: &mut Vec<u8>, row: &Row) -> Written {
    let post = DatedPost {
        id: Id("Post", row.get(0)?),
        title: text(row, 1)?,
        created_at: Instant(text(row, 2)?),
    };
    write(out, &post)
}

fn named<'a>(
    type_name: &'static str,
    row: &'a Row,
    column: usize,
) -> std::result::Result<Named<'a>, Failure> {
    Ok(Named {
        id: Id(type_name, row.get(column)?),
        name: text(row, column + 1)?,
    })
}

fn text<'a>(row: &'a Row, column: usize) -> std::result::Result<&'a str, Failure> {
    Ok(row.get_ref(column)?.as_str()?)
}
