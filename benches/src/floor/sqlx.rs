//! The floor on PostgreSQL: axum and sqlx, a pool, one statement after the other on one connection, where
//! it is asked for in one snapshot.

use super::{
    Answer, AuthoredPost, BareComment, Comment, Count, CountedComments, CountedPost, CountedUser,
    DatedPost, DiscussedPost, FullPost, Id, Moment, Named, OneUser, Posts, TitledPost, User, Users,
    answer, asked_user, by_parent, distinct, postgres::*, status, users_by_id,
};
use crate::Result;
use axum::{Router, body::Bytes, extract::State, routing::post};
use chrono::{DateTime, Utc};
use sqlx::{
    PgConnection, PgPool, Postgres, Row, Transaction,
    pool::PoolConnection,
    postgres::{PgPoolOptions, PgRow},
};
use std::ops::{Deref, DerefMut};

/// `POST /q1` to `POST /q7`, on a pool of `connections`.
pub async fn router(database_url: &str, connections: u32, moment: Moment) -> Result<Router> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .connect(database_url)
        .await?;
    Ok(Router::new()
        .route("/q1", post(q1))
        .route("/q2", post(q2))
        .route("/q3", post(q3))
        .route("/q4", post(q4))
        .route("/q5", post(q5))
        .route("/q6", post(q6))
        .route("/q7", post(q7))
        .with_state(Pool { pool, moment }))
}

#[derive(Clone)]
struct Pool {
    pool: PgPool,
    moment: Moment,
}

impl Pool {
    /// A connection for the statements of a request.
    async fn begin(&self) -> sqlx::Result<Reader> {
        Ok(match self.moment {
            Moment::Statement => Reader::Statements(self.pool.acquire().await?),
            Moment::Request => Reader::Snapshot(self.pool.begin_with(BEGIN).await?),
        })
    }
}

enum Reader {
    Statements(PoolConnection<Postgres>),
    Snapshot(Transaction<'static, Postgres>),
}

impl Reader {
    /// After the last statement.
    async fn end(self) -> sqlx::Result<()> {
        match self {
            Self::Statements(_) => Ok(()),
            Self::Snapshot(transaction) => transaction.commit().await,
        }
    }
}

impl Deref for Reader {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Statements(connection) => connection,
            Self::Snapshot(transaction) => transaction,
        }
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Statements(connection) => connection,
            Self::Snapshot(transaction) => transaction,
        }
    }
}

async fn q1(State(Pool { pool, .. }): State<Pool>, _: Bytes) -> Answer {
    let rows = sqlx::query(Q1_POSTS).fetch_all(&pool).await?;
    let posts = rows.iter().map(dated_post).collect();
    answer(Posts { posts })
}

async fn q2(State(pool): State<Pool>, _: Bytes) -> Answer {
    let mut connection = pool.begin().await?;
    let rows = sqlx::query(Q2_POSTS).fetch_all(&mut *connection).await?;
    let author_rows = users_of(&mut connection, &rows, 2).await?;
    connection.end().await?;
    let authors = users_by_id(author_rows.iter().map(key_and_name));
    let posts = rows.iter().map(|row| AuthoredPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        author: authors[&row.get(2)],
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q3(State(pool): State<Pool>, _: Bytes) -> Answer {
    let mut connection = pool.begin().await?;
    let user_rows = sqlx::query(Q3_USERS).fetch_all(&mut *connection).await?;
    let post_rows = pages(&mut connection, &user_rows, 0, POSTS_OF_USERS).await?;
    connection.end().await?;
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

async fn q4(State(pool): State<Pool>, _: Bytes) -> Answer {
    let mut connection = pool.begin().await?;
    let user_rows = sqlx::query(Q4_USERS).fetch_all(&mut *connection).await?;
    let post_rows = pages(&mut connection, &user_rows, 0, POSTS_OF_USERS).await?;
    let tag_rows = pages(&mut connection, &post_rows, 1, Q4_TAGS).await?;
    let comment_rows = pages(&mut connection, &post_rows, 1, Q4_COMMENTS).await?;
    let author_rows = users_of(&mut connection, &comment_rows, 3).await?;
    connection.end().await?;

    let authors = users_by_id(author_rows.iter().map(key_and_name));
    let comments = comment_rows.iter().map(|row| {
        let comment = Comment {
            id: Id("Comment", row.get(1)),
            body: row.get(2),
            author: authors[&row.get(3)],
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

async fn q5(State(pool): State<Pool>, body: Bytes) -> Answer {
    let id = asked_user(&body)?;
    let mut connection = pool.begin().await?;
    let found = sqlx::query(Q5_USER).bind(id);
    let Some(row) = found.fetch_optional(&mut *connection).await? else {
        return answer(OneUser::<()> { user: None });
    };
    let posts = sqlx::query(Q5_POSTS).bind(id);
    let post_rows = posts.fetch_all(&mut *connection).await?;
    connection.end().await?;
    let posts = post_rows.iter().map(dated_post).collect();
    answer(OneUser {
        user: Some(user(&row, posts)),
    })
}

async fn q6(State(pool): State<Pool>, _: Bytes) -> Answer {
    let mut connection = pool.begin().await?;
    let rows = sqlx::query(Q6_POSTS).fetch_all(&mut *connection).await?;
    let author_rows = users_of(&mut connection, &rows, 6).await?;
    connection.end().await?;
    let authors = users_by_id(author_rows.iter().map(key_and_name));
    let posts = rows.iter().map(|row| FullPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        slug: row.get(2),
        // Unchecked, because sqlx does not take PostgreSQL's enums for text, which they are.
        status: status(row.get_unchecked::<&[u8], _>(3)),
        created_at: row.get::<DateTime<Utc>, _>(4),
        version: row.get(5),
        author: authors[&row.get(6)],
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q7(State(pool): State<Pool>, _: Bytes) -> Answer {
    let mut connection = pool.begin().await?;
    let users = sqlx::query(Q7_USERS).bind(Q7_PATTERN);
    let user_rows = users.fetch_all(&mut *connection).await?;
    let post_rows = pages(&mut connection, &user_rows, 0, Q7_POSTS).await?;
    let comment_rows = pages(&mut connection, &post_rows, 1, Q7_COMMENTS).await?;
    connection.end().await?;

    let mut comments: Vec<CountedComments> = Vec::new();
    comments.resize_with(post_rows.len(), CountedComments::default);
    for row in &comment_rows {
        let of_post = &mut comments[row.get::<i64, _>(0) as usize - 1];
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

/// A page of children for each of the parents, whose key is in the column given.
async fn pages(
    connection: &mut PgConnection,
    parents: &[PgRow],
    column: usize,
    sql: &'static str,
) -> sqlx::Result<Vec<PgRow>> {
    let keys: Vec<i64> = parents.iter().map(|row| row.get(column)).collect();
    sqlx::query(sql).bind(keys).fetch_all(connection).await
}

/// The users that a column of the rows refers to, each once.
async fn users_of(
    connection: &mut PgConnection,
    rows: &[PgRow],
    column: usize,
) -> sqlx::Result<Vec<PgRow>> {
    let keys = distinct(rows.iter().map(|row| row.get(column)));
    let users = sqlx::query(USERS_BY_ID).bind(keys);
    users.fetch_all(connection).await
}

fn user<P>(row: &PgRow, posts: Vec<P>) -> User<'_, P> {
    User {
        id: Id("User", row.get(0)),
        name: row.get(1),
        posts,
    }
}

fn dated_post(row: &PgRow) -> DatedPost<'_, DateTime<Utc>> {
    DatedPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        created_at: row.get(2),
    }
}

fn key_and_name(row: &PgRow) -> (i64, &str) {
    (row.get(0), row.get(1))
}
