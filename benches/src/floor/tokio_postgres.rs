//! The limit on PostgreSQL: axum and tokio-postgres, a few connections that all requests share.
//!
//! A connection takes the next statement while it waits for the answers to those before, of whichever
//! request they are, so many travel in one packet. What does not depend on each other, the request
//! sends together. Every statement is prepared when the connection opens.
//!
//! Where each request reads one snapshot, it has a connection to itself, the one used last of those that
//! are free, and what begins and ends the transaction travels with its first and its last statement.

use super::{
    Answer, AuthoredPost, BareComment, Comment, Count, CountedComments, CountedPost, CountedUser,
    DatedPost, DiscussedPost, FullPost, Id, Moment, Named, OneUser, Posts, TitledPost, User, Users,
    answer, asked_user, by_parent, distinct, postgres::*, status, users_by_id,
};
use crate::Result;
use axum::{Router, body::Bytes, extract::State, routing::post};
use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{
    Client, Error, NoTls, Row, Statement,
    types::{FromSql, ToSql, Type},
};

/// More than this for each processor would take turns on it, and less would travel together.
const CONNECTIONS: usize = 2;

/// `POST /q1` to `POST /q7`.
pub async fn router(database_url: &str, moment: Moment) -> Result<Router> {
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS * std::thread::available_parallelism()?.get() {
        open.push(Connection::open(database_url).await?);
    }
    let pool = Arc::new(Pool {
        moment,
        next: AtomicUsize::new(0),
        free: Semaphore::new(open.len()),
        lendable: Mutex::new((0..open.len()).collect()),
        connections: open,
    });
    Ok(Router::new()
        .route("/q1", post(q1))
        .route("/q2", post(q2))
        .route("/q3", post(q3))
        .route("/q4", post(q4))
        .route("/q5", post(q5))
        .route("/q6", post(q6))
        .route("/q7", post(q7))
        .with_state(pool))
}

struct Pool {
    connections: Vec<Connection>,
    moment: Moment,
    /// Of those that are shared, whose turn is next.
    next: AtomicUsize,
    /// Of those that are lent, which are not: the one that was used last is at the end.
    lendable: Mutex<Vec<usize>>,
    free: Semaphore,
}

impl Pool {
    /// A connection for a request: each in turn, whether it is busy or not, or one to itself.
    async fn get(&self) -> Result<Turn<'_>> {
        let (number, lent) = match self.moment {
            Moment::Statement => (self.next.fetch_add(1, Ordering::Relaxed), None),
            Moment::Request => {
                let permit = self.free.acquire().await?;
                (self.lendable().pop().ok_or("none is free")?, Some(permit))
            }
        };
        let number = number % self.connections.len();
        Ok(Turn {
            pool: self,
            number,
            lent,
        })
    }

    fn lendable(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.lendable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection for the length of a request. Who fails before the last statement leaves it in a
/// transaction; but then there is no trial.
struct Turn<'p> {
    pool: &'p Pool,
    number: usize,
    lent: Option<SemaphorePermit<'p>>,
}

impl Turn<'_> {
    /// The request's first statement, which makes the snapshot.
    async fn first<T>(&self, asked: impl Future<Output = Asked<T>>) -> Asked<T> {
        match self.lent {
            None => asked.await,
            // What is polled first is sent first.
            Some(_) => Ok(try_join(self.client.batch_execute(BEGIN), asked).await?.1),
        }
    }

    /// Its last one.
    async fn last<T>(&self, asked: impl Future<Output = Asked<T>>) -> Asked<T> {
        match self.lent {
            None => asked.await,
            Some(_) => Ok(try_join(asked, self.client.batch_execute(COMMIT)).await?.0),
        }
    }
}

impl Deref for Turn<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.pool.connections[self.number]
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.lent.is_some() {
            // Before the permit is given back.
            self.pool.lendable().push(self.number);
        }
    }
}

type Asked<T> = std::result::Result<T, Error>;

struct Connection {
    client: Client,
    q1_posts: Statement,
    q2_posts: Statement,
    q3_users: Statement,
    q4_users: Statement,
    q4_tags: Statement,
    q4_comments: Statement,
    q5_user: Statement,
    q5_posts: Statement,
    q6_posts: Statement,
    q7_users: Statement,
    q7_posts: Statement,
    q7_comments: Statement,
    posts_of_users: Statement,
    users_by_id: Statement,
}

impl Connection {
    async fn open(database_url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(database_url, NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("tokio-postgres: {error}");
            }
        });
        Ok(Self {
            q1_posts: client.prepare(Q1_POSTS).await?,
            q2_posts: client.prepare(Q2_POSTS).await?,
            q3_users: client.prepare(Q3_USERS).await?,
            q4_users: client.prepare(Q4_USERS).await?,
            q4_tags: client.prepare(Q4_TAGS).await?,
            q4_comments: client.prepare(Q4_COMMENTS).await?,
            q5_user: client.prepare(Q5_USER).await?,
            q5_posts: client.prepare(Q5_POSTS).await?,
            q6_posts: client.prepare(Q6_POSTS).await?,
            q7_users: client.prepare(Q7_USERS).await?,
            q7_posts: client.prepare(Q7_POSTS).await?,
            q7_comments: client.prepare(Q7_COMMENTS).await?,
            posts_of_users: client.prepare(POSTS_OF_USERS).await?,
            users_by_id: client.prepare(USERS_BY_ID).await?,
            client,
        })
    }

    async fn all(&self, statement: &Statement) -> Result<Vec<Row>, Error> {
        self.client.query(statement, &[]).await
    }

    async fn with(
        &self,
        statement: &Statement,
        value: &(dyn ToSql + Sync),
    ) -> Result<Vec<Row>, Error> {
        self.client.query(statement, &[value]).await
    }

    /// The users that a column of the rows refers to, each once.
    async fn users_of(&self, rows: &[Row], column: usize) -> Result<Vec<Row>, Error> {
        let keys = distinct(rows.iter().map(|row| row.get(column)));
        self.with(&self.users_by_id, &keys).await
    }
}

type Shared = State<Arc<Pool>>;

async fn q1(State(pool): Shared, _: Bytes) -> Answer {
    let connection = pool.get().await?;
    let rows = connection.all(&connection.q1_posts).await?;
    let posts = rows.iter().map(dated_post).collect();
    answer(Posts { posts })
}

async fn q2(State(pool): Shared, _: Bytes) -> Answer {
    let connection = pool.get().await?;
    let asked = connection.all(&connection.q2_posts);
    let rows = connection.first(asked).await?;
    let asked = connection.users_of(&rows, 2);
    let author_rows = connection.last(asked).await?;
    let authors = users_by_id(author_rows.iter().map(key_and_name));
    let posts = rows.iter().map(|row| AuthoredPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        author: authors[&row.get::<_, i64>(2)],
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q3(State(pool): Shared, _: Bytes) -> Answer {
    let connection = pool.get().await?;
    let asked = connection.all(&connection.q3_users);
    let user_rows = connection.first(asked).await?;
    let user_keys = keys(&user_rows, 0);
    let asked = connection.with(&connection.posts_of_users, &user_keys);
    let post_rows = connection.last(asked).await?;
    let posts = post_rows.iter().map(|row| {
        let (id, title) = (Id("Post", row.get(1)), row.get(2));
        (row.get(0), TitledPost { id, title })
    });
    let posts = by_parent(user_rows.len(), posts);
    let users = user_rows.iter().zip(posts);
    answer(Users {
        users: users.map(|(row, posts)| user(row, posts)).collect(),
    })
}

async fn q4(State(pool): Shared, _: Bytes) -> Answer {
    let connection = pool.get().await?;
    let asked = connection.all(&connection.q4_users);
    let user_rows = connection.first(asked).await?;
    let user_keys = keys(&user_rows, 0);
    let post_rows = connection
        .with(&connection.posts_of_users, &user_keys)
        .await?;
    let post_keys = keys(&post_rows, 1);
    let comments = async {
        let rows = connection.with(&connection.q4_comments, &post_keys).await?;
        let asked = connection.users_of(&rows, 3);
        let author_rows = connection.last(asked).await?;
        Ok((rows, author_rows))
    };
    let tags = connection.with(&connection.q4_tags, &post_keys);
    let (tag_rows, (comment_rows, author_rows)) = try_join(tags, comments).await?;

    let authors = users_by_id(author_rows.iter().map(key_and_name));
    let comments = comment_rows.iter().map(|row| {
        let comment = Comment {
            id: Id("Comment", row.get(1)),
            body: row.get(2),
            author: authors[&row.get::<_, i64>(3)],
        };
        (row.get(0), comment)
    });
    let tags = tag_rows.iter().map(|row| {
        let (id, name) = (Id("Tag", row.get(1)), row.get(2));
        (row.get(0), Named { id, name })
    });
    let children = by_parent(post_rows.len(), tags)
        .into_iter()
        .zip(by_parent(post_rows.len(), comments));
    let posts = post_rows.iter().zip(children).map(|(row, children)| {
        let (tags, comments) = children;
        let post = DiscussedPost {
            id: Id("Post", row.get(1)),
            title: row.get(2),
            tags,
            comments,
        };
        (row.get(0), post)
    });
    let users = user_rows.iter().zip(by_parent(user_rows.len(), posts));
    answer(Users {
        users: users.map(|(row, posts)| user(row, posts)).collect(),
    })
}

async fn q5(State(pool): Shared, body: Bytes) -> Answer {
    let id = asked_user(&body)?;
    let connection = pool.get().await?;
    let found = connection.first(connection.with(&connection.q5_user, &id));
    let posts = connection.last(connection.with(&connection.q5_posts, &id));
    let (found, post_rows) = try_join(found, posts).await?;
    let posts = post_rows.iter().map(dated_post).collect();
    answer(OneUser {
        user: found.first().map(|row| user(row, posts)),
    })
}

async fn q6(State(pool): Shared, _: Bytes) -> Answer {
    let connection = pool.get().await?;
    let asked = connection.all(&connection.q6_posts);
    let rows = connection.first(asked).await?;
    let asked = connection.users_of(&rows, 6);
    let author_rows = connection.last(asked).await?;
    let authors = users_by_id(author_rows.iter().map(key_and_name));
    let posts = rows.iter().map(|row| FullPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        slug: row.get(2),
        status: row.get::<_, Status>(3).0,
        created_at: row.get::<_, DateTime<Utc>>(4),
        version: row.get(5),
        author: authors[&row.get::<_, i64>(6)],
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q7(State(pool): Shared, _: Bytes) -> Answer {
    let connection = pool.get().await?;
    let asked = connection.with(&connection.q7_users, &Q7_PATTERN);
    let user_rows = connection.first(asked).await?;
    let user_keys = keys(&user_rows, 0);
    let post_rows = connection.with(&connection.q7_posts, &user_keys).await?;
    let post_keys = keys(&post_rows, 1);
    let asked = connection.with(&connection.q7_comments, &post_keys);
    let comment_rows = connection.last(asked).await?;

    let mut comments: Vec<CountedComments> = Vec::new();
    comments.resize_with(post_rows.len(), CountedComments::default);
    for row in &comment_rows {
        let of_post = &mut comments[row.get::<_, i64>(0) as usize - 1];
        of_post.total_count = row.get(3);
        of_post.nodes.push(BareComment {
            id: Id("Comment", row.get(1)),
            body: row.get(2),
        });
    }
    let posts = post_rows.iter().zip(comments).map(|(row, comments)| {
        let post = CountedPost {
            id: Id("Post", row.get(1)),
            title: row.get(2),
            comments_connection: comments,
        };
        (row.get(0), post)
    });
    let posts = by_parent(user_rows.len(), posts);
    let users = user_rows.iter().zip(posts).map(|(row, posts)| CountedUser {
        id: Id("User", row.get(0)),
        name: row.get(1),
        posts_aggregate: Count { count: row.get(2) },
        posts,
    });
    answer(Users {
        users: users.collect(),
    })
}

fn keys(rows: &[Row], column: usize) -> Vec<i64> {
    rows.iter().map(|row| row.get(column)).collect()
}

fn user<P>(row: &Row, posts: Vec<P>) -> User<'_, P> {
    User {
        id: Id("User", row.get(0)),
        name: row.get(1),
        posts,
    }
}

fn dated_post(row: &Row) -> DatedPost<'_, DateTime<Utc>> {
    DatedPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        created_at: row.get(2),
    }
}

fn key_and_name(row: &Row) -> (i64, &str) {
    (row.get(0), row.get(1))
}

/// A status as PostgreSQL sends it: the text of an enum.
struct Status(&'static str);

impl<'a> FromSql<'a> for Status {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(status(raw)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
