//! The floor on SQLite: axum and rusqlite, in the handler's own thread, one statement for each level.

use super::{
    Answer, AuthoredPost, BareComment, Comment, Count, CountedComments, CountedPost, CountedUser,
    DatedPost, DiscussedPost, FullPost, Id, Named, OneUser, Posts, TitledPost, User, Users, answer,
    asked_user, by_parent, distinct,
    sqlite::{self, File, Instant, read},
    status, users_by_id,
};
use crate::Result;
use axum::{Router, body::Bytes, extract::State, routing::post};
use rusqlite::{Connection, OptionalExtension, Params, Row};

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
    read(&file, |connection| {
        let sql = "SELECT id, title, created_at FROM post WHERE status = 'published' \
             ORDER BY created_at DESC, id DESC LIMIT 50";
        let rows = rows(connection, sql, [], dated_row)?;
        let posts = rows.iter().map(dated_post).collect();
        answer(Posts { posts })
    })
}

async fn q2(State(file): File, _: Bytes) -> Answer {
    read(&file, |connection| {
        let sql = "SELECT id, title, author_id FROM post WHERE status = 'published' \
             ORDER BY created_at DESC, id DESC LIMIT 50";
        let rows = rows(connection, sql, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let author_rows = users_of(connection, rows.iter().map(|(_, _, author)| *author))?;
        let authors = users_by_id(author_rows.iter().map(key_and_name));
        let posts = rows
            .iter()
            .map(|(id, title, author): &(_, String, _)| AuthoredPost {
                id: Id("Post", *id),
                title,
                author: authors[author],
            });
        answer(Posts {
            posts: posts.collect(),
        })
    })
}

async fn q3(State(file): File, _: Bytes) -> Answer {
    read(&file, |connection| {
        let sql = "SELECT id, name FROM user ORDER BY created_at DESC, id DESC LIMIT 20";
        let user_rows = rows(connection, sql, [], named_row)?;
        let post_rows = pages(connection, POSTS_OF_USERS, keys(&user_rows), |row| {
            Ok((row.get(1)?, row.get(2)?))
        })?;
        let posts = post_rows
            .iter()
            .map(|(ord, (id, title)): &(_, (_, String))| {
                let id = Id("Post", *id);
                (*ord, TitledPost { id, title })
            });
        let posts = by_parent(user_rows.len(), posts);
        let users = user_rows.iter().zip(posts);
        answer(Users {
            users: users.map(|(row, posts)| user(row, posts)).collect(),
        })
    })
}

async fn q4(State(file): File, _: Bytes) -> Answer {
    read(&file, |connection| {
        let sql = "SELECT id, name FROM user ORDER BY created_at DESC, id DESC LIMIT 10";
        let user_rows = rows(connection, sql, [], named_row)?;
        let post_rows = pages(connection, POSTS_OF_USERS, keys(&user_rows), |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;
        let post_keys: Vec<i64> = post_rows.iter().map(|(_, (id, _))| *id).collect();
        let tags = "SELECT k.key + 1, tag.id, tag.name FROM json_each(?1) k \
             CROSS JOIN post_tag t ON t.post_id = k.value AND t.tag_id IN \
             (SELECT tag_id FROM post_tag WHERE post_id = k.value ORDER BY tag_id LIMIT 20) \
             CROSS JOIN tag ON tag.id = t.tag_id ORDER BY k.key, tag.id";
        let tag_rows = pages(connection, tags, post_keys.clone(), |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;
        let comments = "SELECT k.key + 1, c.id, c.body, c.author_id FROM json_each(?1) k \
             CROSS JOIN comment c ON c.id IN (SELECT id FROM comment WHERE post_id = k.value \
             ORDER BY created_at DESC, id DESC LIMIT 3) ORDER BY k.key, c.created_at DESC, c.id DESC";
        let comment_rows = pages(connection, comments, post_keys, |row| {
            Ok((
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
            ))
        })?;
        let of_comments = comment_rows.iter().map(|(_, (_, _, author))| *author);
        let author_rows = users_of(connection, of_comments)?;

        let authors = users_by_id(author_rows.iter().map(key_and_name));
        let comments = comment_rows.iter().map(|(ord, (id, body, author))| {
            let comment = Comment {
                id: Id("Comment", *id),
                body,
                author: authors[author],
            };
            (*ord, comment)
        });
        let tags = tag_rows.iter().map(|(ord, (id, name))| {
            let id = Id("Tag", *id);
            (*ord, Named { id, name })
        });
        let children = by_parent(post_rows.len(), tags)
            .into_iter()
            .zip(by_parent(post_rows.len(), comments));
        let posts = post_rows.iter().zip(children);
        let posts = posts.map(|((ord, (id, title)), (tags, comments))| {
            let post = DiscussedPost {
                id: Id("Post", *id),
                title,
                tags,
                comments,
            };
            (*ord, post)
        });
        let users = user_rows.iter().zip(by_parent(user_rows.len(), posts));
        answer(Users {
            users: users.map(|(row, posts)| user(row, posts)).collect(),
        })
    })
}

async fn q5(State(file): File, body: Bytes) -> Answer {
    let id = asked_user(&body)?;
    read(&file, |connection| {
        let mut users = connection.prepare_cached("SELECT id, name FROM user WHERE id = ?1")?;
        let Some(row) = users.query_row([id], named_row).optional()? else {
            return answer(OneUser::<()> { user: None });
        };
        let sql = "SELECT id, title, created_at FROM post \
             WHERE author_id = ?1 AND status = 'published' ORDER BY created_at DESC, id DESC LIMIT 10";
        let post_rows = rows(connection, sql, [id], dated_row)?;
        let posts = post_rows.iter().map(dated_post).collect();
        answer(OneUser {
            user: Some(user(&row, posts)),
        })
    })
}

async fn q6(State(file): File, _: Bytes) -> Answer {
    struct Post {
        id: i64,
        title: String,
        slug: String,
        status: &'static str,
        created_at: String,
        version: i32,
        author: i64,
    }

    read(&file, |connection| {
        let sql = "SELECT id, title, slug, status, created_at, version, author_id FROM post \
             WHERE status = 'published' ORDER BY created_at DESC, id DESC LIMIT 1000";
        let rows = rows(connection, sql, [], |row| {
            Ok(Post {
                id: row.get(0)?,
                title: row.get(1)?,
                slug: row.get(2)?,
                status: status(row.get_ref(3)?.as_bytes()?),
                created_at: row.get(4)?,
                version: row.get(5)?,
                author: row.get(6)?,
            })
        })?;
        let author_rows = users_of(connection, rows.iter().map(|row| row.author))?;
        let authors = users_by_id(author_rows.iter().map(key_and_name));
        let posts = rows.iter().map(|row| FullPost {
            id: Id("Post", row.id),
            title: &row.title,
            slug: &row.slug,
            status: row.status,
            created_at: Instant(&row.created_at),
            version: row.version,
            author: authors[&row.author],
        });
        answer(Posts {
            posts: posts.collect(),
        })
    })
}

async fn q7(State(file): File, _: Bytes) -> Answer {
    read(&file, |connection| {
        let sql = "SELECT id, name, \
             (SELECT count(*) FROM post WHERE author_id = u.id AND status = 'published') \
             FROM user u WHERE EXISTS (SELECT 1 FROM post WHERE author_id = u.id \
             AND status = 'published' AND title GLOB '*Tide*') \
             ORDER BY created_at DESC, id DESC LIMIT 10";
        let user_rows = rows(connection, sql, [], |row| {
            Ok((named_row(row)?, row.get::<_, i64>(2)?))
        })?;
        let user_keys = user_rows.iter().map(|((id, _), _)| *id).collect();
        let posts = "SELECT k.key + 1, p.id, p.title FROM json_each(?1) k \
             CROSS JOIN post p ON p.id IN (SELECT id FROM post q WHERE author_id = k.value \
             AND status = 'published' AND EXISTS (SELECT 1 FROM post_tag WHERE post_id = q.id \
             AND tag_id IN (SELECT id FROM tag WHERE name IN ('graph', 'table'))) \
             ORDER BY (SELECT count(*) FROM comment WHERE post_id = q.id) DESC, title, id LIMIT 5) \
             ORDER BY k.key, (SELECT count(*) FROM comment WHERE post_id = p.id) DESC, p.title, p.id";
        let post_rows = pages(connection, posts, user_keys, |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;
        let post_keys: Vec<i64> = post_rows.iter().map(|(_, (id, _))| *id).collect();
        let totals = "SELECT k.key + 1, count(*) FROM json_each(?1) k \
             CROSS JOIN comment ON post_id = k.value AND parent_id IS NULL GROUP BY k.key";
        let totals = pages(connection, totals, post_keys.clone(), |row| row.get(1))?;
        let nodes = "SELECT k.key + 1, c.id, c.body FROM json_each(?1) k \
             CROSS JOIN comment c ON c.id IN (SELECT id FROM comment WHERE post_id = k.value \
             AND parent_id IS NULL ORDER BY created_at DESC, id DESC LIMIT 3) \
             ORDER BY k.key, c.created_at DESC, c.id DESC";
        let nodes = pages(connection, nodes, post_keys, |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;

        let mut comments: Vec<CountedComments> = Vec::new();
        comments.resize_with(post_rows.len(), CountedComments::default);
        for (ord, total) in &totals {
            comments[*ord as usize - 1].total_count = *total;
        }
        for (ord, (id, body)) in &nodes {
            let id = Id("Comment", *id);
            comments[*ord as usize - 1]
                .nodes
                .push(BareComment { id, body });
        }
        let posts = post_rows.iter().zip(comments);
        let posts = posts.map(|((ord, (id, title)), comments_connection)| {
            let id = Id("Post", *id);
            let post = CountedPost {
                id,
                title,
                comments_connection,
            };
            (*ord, post)
        });
        let posts = by_parent(user_rows.len(), posts);
        let users = user_rows.iter().zip(posts);
        let users = users.map(|(((id, name), count), posts)| CountedUser {
            id: Id("User", *id),
            name,
            posts_aggregate: Count { count: *count },
            posts,
        });
        answer(Users {
            users: users.collect(),
        })
    })
}

/// The five newest posts of each user. SQLite has no lateral join: a page is the rows whose ids are among
/// those of a correlated subquery, which gives no order.
const POSTS_OF_USERS: &str = "SELECT k.key + 1, p.id, p.title FROM json_each(?1) k \
     CROSS JOIN post p ON p.id IN (SELECT id FROM post WHERE author_id = k.value \
     AND status = 'published' ORDER BY created_at DESC, id DESC LIMIT 5) \
     ORDER BY k.key, p.created_at DESC, p.id DESC";

fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    row: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(parameters, row)?.collect()
}

/// A page of children for each key, each child with the position of its parent, from 1.
fn pages<T>(
    connection: &Connection,
    sql: &str,
    keys: Vec<i64>,
    mut child: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> Result<Vec<(i64, T)>> {
    let keys = serde_json::to_string(&keys)?;
    Ok(rows(connection, sql, [keys], |row| {
        Ok((row.get(0)?, child(row)?))
    })?)
}

/// The users that have the keys, each once.
fn users_of(
    connection: &Connection,
    keys: impl Iterator<Item = i64>,
) -> Result<Vec<(i64, String)>> {
    let keys = serde_json::to_string(&distinct(keys))?;
    let sql = "SELECT u.id, name FROM json_each(?1) k CROSS JOIN user u ON u.id = k.value";
    Ok(rows(connection, sql, [keys], named_row)?)
}

fn keys(rows: &[(i64, String)]) -> Vec<i64> {
    rows.iter().map(|(id, _)| *id).collect()
}

fn named_row(row: &Row) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn dated_row(row: &Row) -> rusqlite::Result<(i64, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn user<P>((id, name): &(i64, String), posts: Vec<P>) -> User<'_, P> {
    let id = Id("User", *id);
    User { id, name, posts }
}

fn dated_post((id, title, created_at): &(i64, String, String)) -> DatedPost<'_, Instant<'_>> {
    DatedPost {
        id: Id("Post", *id),
        title,
        created_at: Instant(created_at),
    }
}

fn key_and_name((id, name): &(i64, String)) -> (i64, &str) {
    (*id, name)
}
