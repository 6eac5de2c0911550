//! The floor of writing on SQLite: axum and rusqlite, a thread that writes, a transaction for each request, one
//! statement for each table and level, the same that Backref runs.

use super::{Answer, Id, Named, answer, by_parent, distinct, status, users_by_id, writing::*};
use crate::Result;
use axum::{Router, body::Bytes, extract::DefaultBodyLimit, extract::State, routing::post};
use chrono::Utc;
use rusqlite::{Connection, OpenFlags, Row, config::DbConfig};
use serde::Serialize;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
};
use tokio::sync::oneshot;

/// `POST /w1` to `/w4`, `/p1` and `/p3`. The file is opened when it is first written to.
pub fn router(database_url: &str) -> Result<Router> {
    let file = database_url.strip_prefix("sqlite://");
    let file = Path::new(file.ok_or("not the URL of an SQLite file")?);
    let writer = Writer {
        file: file.into(),
        queue: Arc::default(),
    };
    Ok(Router::new()
        .route("/w1", post(w1))
        .route("/w2", post(w2))
        .route("/w3", post(w3))
        .route("/w4", post(w4))
        .route("/p1", post(p1))
        .route("/p3", post(p3))
        .layer(DefaultBodyLimit::max(1 << 23))
        .with_state(writer))
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The thread that writes, and what it is to do.
#[derive(Clone)]
struct Writer {
    file: Arc<Path>,
    queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
}

impl Writer {
    /// Works in a transaction of the thread's, and commits it.
    async fn write(&self, work: impl FnOnce(&Connection) -> Answer + Send + 'static) -> Answer {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |connection: &Connection| {
            // Who has left needs no answer.
            let _ = answer.send(in_transaction(connection, work));
        });
        self.submit(job)?;
        answered.await?
    }

    fn submit(&self, job: Job) -> Outcome<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*queue {
            Some(sender) => sender,
            None => {
                let connection = open(&self.file)?;
                let (sender, jobs) = mpsc::channel::<Job>();
                std::thread::spawn(move || jobs.iter().for_each(|job| job(&connection)));
                queue.insert(sender)
            }
        };
        Ok(sender.send(job).map_err(|_| "the thread has ended")?)
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;",
    )?;
    Ok(connection)
}

fn in_transaction(connection: &Connection, work: impl FnOnce(&Connection) -> Answer) -> Answer {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = work(connection);
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.prepare_cached(end)?.execute([])?;
    done
}

const USERS: &str = "SELECT u.id FROM json_each(?1) k CROSS JOIN user u ON u.id = k.value";

const TAGS: &str = "SELECT t.id FROM json_each(?1) k CROSS JOIN tag t ON t.id = k.value";

const INSERT_USER: &str = "INSERT INTO user (username, name, email, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id";

const INSERT_POST: &str = "INSERT INTO post \
     (author_id, title, slug, body, status, created_at, updated_at, version) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1) RETURNING id";

const INSERT_POSTS: &str = "INSERT INTO post \
     (author_id, title, slug, body, status, created_at, updated_at, version) \
     SELECT k.value ->> 0, k.value ->> 1, k.value ->> 2, k.value ->> 3, k.value ->> 4, ?2, ?2, 1 \
     FROM json_each(?1) k RETURNING id";

const INSERT_LINKS: &str = "INSERT INTO post_tag (post_id, tag_id) \
     SELECT k.value ->> 0, k.value ->> 1 FROM json_each(?1) k";

const POST: &str = "SELECT id, title, slug, status, version, author_id FROM post WHERE id = ?1";

const POSTS: &str = "SELECT p.id, p.slug, p.version, p.author_id FROM json_each(?1) k \
     CROSS JOIN post p ON p.id = k.value";

const USERS_NAMES: &str =
    "SELECT u.id, u.name FROM json_each(?1) k CROSS JOIN user u ON u.id = k.value";

const USER: &str = "SELECT id, username, name FROM user WHERE id = ?1";

const POSTS_OF_USER: &str = "SELECT id, title, slug, version FROM post WHERE author_id = ?1 \
     ORDER BY created_at DESC, id DESC LIMIT 20";

const TAGS_OF_POSTS: &str = "SELECT k.key + 1, tag.id, tag.name FROM json_each(?1) k \
     CROSS JOIN post_tag t ON t.post_id = k.value AND t.tag_id IN \
     (SELECT tag_id FROM post_tag WHERE post_id = k.value ORDER BY tag_id LIMIT 20) \
     CROSS JOIN tag ON tag.id = t.tag_id ORDER BY k.key, tag.id";

const UPDATE: &str = "UPDATE post SET title = ?2, updated_at = ?3, version = version + 1 \
     WHERE id = ?1 AND version = ?4";

const TITLE: &str = "SELECT title, version FROM post WHERE id = ?1";

async fn w1(State(writer): State<Writer>, body: Bytes) -> Answer {
    writer
        .write(move |connection| {
            let One::<NewPost> { input } = variables(&body)?;
            let inputs = [input];
            let keys = create(connection, &inputs)?;
            link(connection, &links(&inputs)?, &keys)?;
            let post = post_of(connection, keys[0])?;
            let authors = rows(connection, USERS_NAMES, [post.author], named_row)?;
            let tags = rows(connection, TAGS_OF_POSTS, keys, linked_row)?;
            let (author, name) = authors.first().ok_or("a post without an author")?;
            let (id, title, slug) = (Id("Post", post.id), &post.title, &post.slug);
            answer(CreatePost {
                create_post: TaggedPost {
                    id,
                    title,
                    slug,
                    status: post.status,
                    version: post.version,
                    author: named("User", *author, name),
                    tags: tags.iter().map(tag).map(|(_, tag)| tag).collect(),
                },
            })
        })
        .await
}

async fn p1(State(writer): State<Writer>, body: Bytes) -> Answer {
    writer
        .write(move |connection| {
            let One::<NewPost> { input } = variables(&body)?;
            let keys = create(connection, &[input])?;
            let post = post_of(connection, keys[0])?;
            let (id, title, slug) = (Id("Post", post.id), &post.title, &post.slug);
            answer(CreatePost {
                create_post: PlainPost {
                    id,
                    title,
                    slug,
                    status: post.status,
                    version: post.version,
                },
            })
        })
        .await
}

async fn w2(State(writer): State<Writer>, body: Bytes) -> Answer {
    writer
        .write(move |connection| {
            let One::<NewUser> { input } = variables(&body)?;
            let links = links(input.posts())?;
            exist(connection, TAGS, links.iter().map(|link| link.1))?;
            let now = Utc::now().to_rfc3339();
            let mut insert = connection.prepare_cached(INSERT_USER)?;
            let values = (&*input.username, &*input.name, &*input.email, &now);
            let user: i64 = insert.query_row(values, |row| row.get(0))?;
            let authors = vec![user; input.posts().len()];
            let keys = insert_posts(connection, input.posts(), &authors, &now)?;
            link(connection, &links, &keys)?;

            let mut asked = connection.prepare_cached(USER)?;
            let (username, name): (String, String) =
                asked.query_row([user], |row| Ok((row.get(1)?, row.get(2)?)))?;
            let mut asked = connection.prepare_cached(POSTS_OF_USER)?;
            let posts = asked.query_map([user], slug_row)?;
            let posts: Vec<_> = posts.collect::<rusqlite::Result<_>>()?;
            let keys: Vec<i64> = posts.iter().map(|post| post.0).collect();
            let tags = rows(connection, TAGS_OF_POSTS, keys, linked_row)?;
            let tags = by_parent(posts.len(), tags.iter().map(tag));
            let posts = posts.iter().zip(tags);
            let posts = posts.map(|((id, title, slug, version), tags)| UsersPost {
                id: Id("Post", *id),
                title,
                slug,
                version: *version,
                tags,
            });
            answer(CreateUser {
                create_user: WritingUser {
                    id: Id("User", user),
                    username: &username,
                    name: &name,
                    posts: posts.collect(),
                },
            })
        })
        .await
}

async fn w3(State(writer): State<Writer>, body: Bytes) -> Answer {
    writer
        .write(move |connection| {
            let Several::<NewPost> { inputs } = variables(&body)?;
            let keys = create(connection, &inputs)?;
            link(connection, &links(&inputs)?, &keys)?;
            let posts = rows(connection, POSTS, keys, version_row)?;
            let authors = distinct(posts.iter().map(|post| post.3));
            let author_rows = rows(connection, USERS_NAMES, authors, named_row)?;
            let named = author_rows.iter().map(|(id, name)| (*id, &**name));
            let authors = users_by_id(named);
            let posts = posts
                .iter()
                .map(|(id, slug, version, author)| SlugWithAuthor {
                    id: Id("Post", *id),
                    slug,
                    version: *version,
                    author: authors[author],
                });
            answer(CreatePosts {
                create_posts: posts.collect(),
            })
        })
        .await
}

async fn p3(State(writer): State<Writer>, body: Bytes) -> Answer {
    writer
        .write(move |connection| {
            let Several::<NewPost> { inputs } = variables(&body)?;
            let keys = create(connection, &inputs)?;
            let posts = rows(connection, POSTS, keys, version_row)?;
            let posts = posts.iter().map(|(id, slug, version, _)| Slug {
                id: Id("Post", *id),
                slug,
                version: *version,
            });
            answer(CreatePosts {
                create_posts: posts.collect(),
            })
        })
        .await
}

async fn w4(State(writer): State<Writer>, body: Bytes) -> Answer {
    writer
        .write(move |connection| {
            let update: Update = variables(&body)?;
            let key = update.key()?;
            let mut change = connection.prepare_cached(UPDATE)?;
            let now = Utc::now().to_rfc3339();
            let changed = change.execute((key, &*update.input.title, now, update.version))?;
            found(1, changed)?;
            let mut asked = connection.prepare_cached(TITLE)?;
            let (title, version): (String, i32) =
                asked.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
            answer(UpdatePost {
                update_post: Versioned {
                    id: Id("Post", key),
                    title: &title,
                    version,
                },
            })
        })
        .await
}

/// Makes posts of authors who exist; their keys, in their order.
fn create(connection: &Connection, posts: &[NewPost<'_>]) -> Outcome<Vec<i64>> {
    let authors: Vec<i64> = posts.iter().map(NewPost::author).collect::<Outcome<_>>()?;
    exist(connection, USERS, authors.iter().copied())?;
    let tags = links(posts)?;
    if !tags.is_empty() {
        exist(connection, TAGS, tags.iter().map(|link| link.1))?;
    }
    insert_posts(connection, posts, &authors, &Utc::now().to_rfc3339())
}

/// That there is a row for each of the keys.
fn exist(connection: &Connection, sql: &str, keys: impl Iterator<Item = i64>) -> Outcome<()> {
    let keys = distinct(keys);
    let asked = keys.len();
    let rows = rows(connection, sql, keys, |row| row.get::<_, i64>(0))?;
    found(asked, rows.len())
}

fn insert_posts(
    connection: &Connection,
    posts: &[NewPost<'_>],
    authors: &[i64],
    now: &str,
) -> Outcome<Vec<i64>> {
    if let ([post], [author]) = (posts, authors) {
        let mut insert = connection.prepare_cached(INSERT_POST)?;
        let status = post.status.stored();
        let values = (author, &*post.title, &*post.slug, &*post.body, status, now);
        return Ok(vec![insert.query_row(values, |row| row.get(0))?]);
    }
    #[derive(Serialize)]
    struct Post<'a>(i64, &'a str, &'a str, &'a str, &'a str);

    let values = posts.iter().zip(authors).map(|(post, author)| {
        let status = post.status.stored();
        Post(*author, &post.title, &post.slug, &post.body, status)
    });
    let values = serde_json::to_string(&values.collect::<Vec<_>>())?;
    let mut insert = connection.prepare_cached(INSERT_POSTS)?;
    let keys = insert.query_map((values, now), |row| row.get(0))?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

/// Files the posts under their tags.
fn link(connection: &Connection, links: &[(usize, i64)], keys: &[i64]) -> Outcome<()> {
    let links = links.iter().map(|(place, tag)| (keys[*place], *tag));
    let links = serde_json::to_string(&links.collect::<Vec<_>>())?;
    connection.prepare_cached(INSERT_LINKS)?.execute([links])?;
    Ok(())
}

struct Post {
    id: i64,
    title: String,
    slug: String,
    status: &'static str,
    version: i32,
    author: i64,
}

fn post_of(connection: &Connection, key: i64) -> Outcome<Post> {
    let mut asked = connection.prepare_cached(POST)?;
    let post = asked.query_row([key], |row| {
        Ok(Post {
            id: row.get(0)?,
            title: row.get(1)?,
            slug: row.get(2)?,
            status: status(row.get_ref(3)?.as_bytes()?),
            version: row.get(4)?,
            author: row.get(5)?,
        })
    });
    Ok(post?)
}

/// What is found of the keys.
fn rows<T>(
    connection: &Connection,
    sql: &str,
    keys: impl Serialize,
    row: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> Outcome<Vec<T>> {
    let keys = serde_json::to_string(&keys)?;
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map([keys], row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn named_row(row: &Row) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn linked_row(row: &Row) -> rusqlite::Result<(i64, i64, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn slug_row(row: &Row) -> rusqlite::Result<(i64, String, String, i32)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn version_row(row: &Row) -> rusqlite::Result<(i64, String, i32, i64)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn named<'a>(of: &'static str, id: i64, name: &'a str) -> Named<'a> {
    let id = Id(of, id);
    Named { id, name }
}

/// A tag, with the position of its post.
fn tag((post, id, name): &(i64, i64, String)) -> (i64, Named<'_>) {
    (*post, named("Tag", *id, name))
}
