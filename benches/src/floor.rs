//! The floor: what the seven queries cost when each is written by hand.
//!
//! One function per query: batched SQL that reads the columns it needs, rows borrowed by serde
//! structs, no query language. It obeys the same rules as the GraphQL servers (anonymous readers see
//! published posts and the comments on them; what was reached through a visible row needs no second
//! check) and answers the same bytes.
//!
//! SQL promises no order for the rows of a lateral join, but such a join can only be a nested loop, so
//! the rows of a key stay in the order of the subquery; `ord`, from 1, says which key they belong to.

use crate::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt};
use serde::{Deserialize, Serialize, Serializer};
use sqlx::{
    PgConnection, PgPool, Row,
    postgres::{PgPoolOptions, PgRow},
};

/// `POST /q1` to `POST /q7`, on a pool of `connections`.
pub async fn router(database_url: &str, connections: u32) -> Result<Router> {
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
        .with_state(pool))
}

async fn q1(State(pool): State<PgPool>, _: Bytes) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Post<'a> {
        id: Id,
        title: &'a str,
        created_at: DateTime<Utc>,
    }

    let rows = sqlx::query(
        "SELECT id, title, created_at FROM post WHERE status = 'published' \
         ORDER BY created_at DESC, id DESC LIMIT 50",
    )
    .fetch_all(&pool)
    .await?;
    let posts = rows.iter().map(|row| Post {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        created_at: row.get(2),
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q2(State(pool): State<PgPool>, _: Bytes) -> Answer {
    #[derive(Serialize)]
    struct Post<'a> {
        id: Id,
        title: &'a str,
        author: &'a Named<'a>,
    }

    let mut connection = pool.acquire().await?;
    let rows = sqlx::query(
        "SELECT id, title, author_id FROM post WHERE status = 'published' \
         ORDER BY created_at DESC, id DESC LIMIT 50",
    )
    .fetch_all(&mut *connection)
    .await?;
    let author_rows = users_of(&mut connection, &rows, 2).await?;
    let authors = by_id("User", &author_rows);
    let posts = rows.iter().map(|row| Post {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        author: &authors[&row.get(2)],
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q3(State(pool): State<PgPool>, _: Bytes) -> Answer {
    #[derive(Serialize)]
    struct User<'a> {
        id: Id,
        name: &'a str,
        posts: Vec<Post<'a>>,
    }
    #[derive(Serialize)]
    struct Post<'a> {
        id: Id,
        title: &'a str,
    }

    let mut connection = pool.acquire().await?;
    let user_rows =
        sqlx::query(r#"SELECT id, name FROM "user" ORDER BY created_at DESC, id DESC LIMIT 20"#)
            .fetch_all(&mut *connection)
            .await?;
    let post_rows = pages(&mut connection, &user_rows, POSTS_OF_USERS).await?;
    let posts = by_parent(&post_rows, user_rows.len(), |row| Post {
        id: Id("Post", row.get(1)),
        title: row.get(2),
    });
    let users = user_rows.iter().zip(posts).map(|(row, posts)| User {
        id: Id("User", row.get(0)),
        name: row.get(1),
        posts,
    });
    answer(Users {
        users: users.collect(),
    })
}

async fn q4(State(pool): State<PgPool>, _: Bytes) -> Answer {
    #[derive(Serialize)]
    struct User<'a> {
        id: Id,
        name: &'a str,
        posts: Vec<Post<'a>>,
    }
    #[derive(Serialize)]
    struct Post<'a> {
        id: Id,
        title: &'a str,
        tags: Vec<Named<'a>>,
        comments: Vec<Comment<'a>>,
    }
    #[derive(Serialize)]
    struct Comment<'a> {
        id: Id,
        body: &'a str,
        author: &'a Named<'a>,
    }

    let mut connection = pool.acquire().await?;
    let user_rows =
        sqlx::query(r#"SELECT id, name FROM "user" ORDER BY created_at DESC, id DESC LIMIT 10"#)
            .fetch_all(&mut *connection)
            .await?;
    let post_rows = pages(&mut connection, &user_rows, POSTS_OF_USERS).await?;
    let post_ids: Vec<i64> = post_rows.iter().map(|row| row.get(1)).collect();
    let tag_rows = sqlx::query(
        // The tags are joined outside the page: inside, a small `tag` is read once per post. That
        // join may be a hash join, hence the order.
        "SELECT k.ord, tag.id, tag.name FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
         CROSS JOIN LATERAL (SELECT tag_id FROM post_tag WHERE post_id = k.key ORDER BY tag_id LIMIT 20) t \
         JOIN tag ON tag.id = t.tag_id ORDER BY k.ord, tag.id",
    )
    .bind(&post_ids)
    .fetch_all(&mut *connection)
    .await?;
    let comment_rows = sqlx::query(
        "SELECT k.ord, c.id, c.body, c.author_id FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
         CROSS JOIN LATERAL (SELECT id, body, author_id FROM comment WHERE post_id = k.key \
         ORDER BY created_at DESC, id DESC LIMIT 3) c",
    )
    .bind(&post_ids)
    .fetch_all(&mut *connection)
    .await?;
    let author_rows = users_of(&mut connection, &comment_rows, 3).await?;

    let authors = by_id("User", &author_rows);
    let comments = by_parent(&comment_rows, post_rows.len(), |row| Comment {
        id: Id("Comment", row.get(1)),
        body: row.get(2),
        author: &authors[&row.get(3)],
    });
    let tags = by_parent(&tag_rows, post_rows.len(), |row| Named {
        id: Id("Tag", row.get(1)),
        name: row.get(2),
    });
    let mut children = tags.into_iter().zip(comments);
    let posts = by_parent(&post_rows, user_rows.len(), |row| {
        let (tags, comments) = children.next().unwrap_or_default();
        Post {
            id: Id("Post", row.get(1)),
            title: row.get(2),
            tags,
            comments,
        }
    });
    let users = user_rows.iter().zip(posts).map(|(row, posts)| User {
        id: Id("User", row.get(0)),
        name: row.get(1),
        posts,
    });
    answer(Users {
        users: users.collect(),
    })
}

async fn q5(State(pool): State<PgPool>, body: Bytes) -> Answer {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        variables: Variables<'a>,
    }
    #[derive(Deserialize)]
    struct Variables<'a> {
        id: &'a str,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        user: Option<User<'a>>,
    }
    #[derive(Serialize)]
    struct User<'a> {
        id: Id,
        name: &'a str,
        posts: Vec<Post<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Post<'a> {
        id: Id,
        title: &'a str,
        created_at: DateTime<Utc>,
    }

    let request: Request = serde_json::from_slice(&body)?;
    let id: i64 = request
        .variables
        .id
        .strip_prefix("User:")
        .and_then(|key| key.parse().ok())
        .ok_or("not the id of a user")?;
    let mut connection = pool.acquire().await?;
    let Some(user_row) = sqlx::query(r#"SELECT id, name FROM "user" WHERE id = $1"#)
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?
    else {
        return answer(Data { user: None });
    };
    let post_rows = sqlx::query(
        "SELECT id, title, created_at FROM post WHERE author_id = $1 AND status = 'published' \
         ORDER BY created_at DESC, id DESC LIMIT 10",
    )
    .bind(id)
    .fetch_all(&mut *connection)
    .await?;
    let posts = post_rows.iter().map(|row| Post {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        created_at: row.get(2),
    });
    answer(Data {
        user: Some(User {
            id: Id("User", user_row.get(0)),
            name: user_row.get(1),
            posts: posts.collect(),
        }),
    })
}

async fn q6(State(pool): State<PgPool>, _: Bytes) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Post<'a> {
        id: Id,
        title: &'a str,
        slug: &'a str,
        status: &'static str,
        created_at: DateTime<Utc>,
        version: i32,
        author: &'a Named<'a>,
    }

    let mut connection = pool.acquire().await?;
    let rows = sqlx::query(
        "SELECT id, title, slug, status, created_at, version, author_id FROM post \
         WHERE status = 'published' ORDER BY created_at DESC, id DESC LIMIT 1000",
    )
    .fetch_all(&mut *connection)
    .await?;
    let author_rows = users_of(&mut connection, &rows, 6).await?;
    let authors = by_id("User", &author_rows);
    let posts = rows.iter().map(|row| Post {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        slug: row.get(2),
        // Unchecked, because sqlx does not take PostgreSQL's enums for text, which they are.
        status: match row.get_unchecked::<&str, _>(3) {
            "draft" => "DRAFT",
            "archived" => "ARCHIVED",
            _ => "PUBLISHED",
        },
        created_at: row.get(4),
        version: row.get(5),
        author: &authors[&row.get(6)],
    });
    answer(Posts {
        posts: posts.collect(),
    })
}

async fn q7(State(pool): State<PgPool>, _: Bytes) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct User<'a> {
        id: Id,
        name: &'a str,
        posts_aggregate: Count,
        posts: Vec<Post<'a>>,
    }
    #[derive(Serialize)]
    struct Count {
        count: i64,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Post<'a> {
        id: Id,
        title: &'a str,
        comments_connection: Comments<'a>,
    }
    #[derive(Default, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Comments<'a> {
        total_count: i64,
        nodes: Vec<Comment<'a>>,
    }
    #[derive(Serialize)]
    struct Comment<'a> {
        id: Id,
        body: &'a str,
    }

    let mut connection = pool.acquire().await?;
    let user_rows = sqlx::query(
        // Bound, the word has PostgreSQL walk the users: where the statistics underrate a literal one,
        // it reads every post instead.
        "SELECT id, name, (SELECT count(*) FROM post WHERE author_id = u.id AND status = 'published') \
         FROM \"user\" u WHERE EXISTS (SELECT 1 FROM post WHERE author_id = u.id AND status = 'published' \
         AND title LIKE $1) ORDER BY created_at DESC, id DESC LIMIT 10",
    )
    .bind("%Tide%")
    .fetch_all(&mut *connection)
    .await?;
    let post_rows = pages(
        &mut connection,
        &user_rows,
        // The tags are few and found once; joined to them, each post's would be looked up one by one.
        "SELECT k.ord, p.id, p.title FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
         CROSS JOIN LATERAL (SELECT id, title FROM post p WHERE author_id = k.key AND status = 'published' \
         AND EXISTS (SELECT 1 FROM post_tag WHERE post_id = p.id \
         AND tag_id = ANY (ARRAY(SELECT id FROM tag WHERE name IN ('graph', 'table')))) \
         ORDER BY (SELECT count(*) FROM comment WHERE post_id = p.id) DESC, title COLLATE \"C\", id LIMIT 5) p",
    )
    .await?;
    let post_ids: Vec<i64> = post_rows.iter().map(|row| row.get(1)).collect();
    let comment_rows = sqlx::query(
        "SELECT k.ord, c.id, c.body, c.total FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
         CROSS JOIN LATERAL (SELECT id, body, count(*) OVER () AS total FROM comment \
         WHERE post_id = k.key AND parent_id IS NULL ORDER BY created_at DESC, id DESC LIMIT 3) c",
    )
    .bind(&post_ids)
    .fetch_all(&mut *connection)
    .await?;

    let mut comments: Vec<Comments> = Vec::new();
    comments.resize_with(post_rows.len(), Comments::default);
    for row in &comment_rows {
        let of_post = &mut comments[row.get::<i64, _>(0) as usize - 1];
        of_post.total_count = row.get(3);
        of_post.nodes.push(Comment {
            id: Id("Comment", row.get(1)),
            body: row.get(2),
        });
    }
    let mut comments = comments.into_iter();
    let posts = by_parent(&post_rows, user_rows.len(), |row| Post {
        id: Id("Post", row.get(1)),
        title: row.get(2),
        comments_connection: comments.next().unwrap_or_default(),
    });
    let users = user_rows.iter().zip(posts).map(|(row, posts)| User {
        id: Id("User", row.get(0)),
        name: row.get(1),
        posts_aggregate: Count { count: row.get(2) },
        posts,
    });
    answer(Users {
        users: users.collect(),
    })
}

/// The five newest posts of each user.
const POSTS_OF_USERS: &str = "SELECT k.ord, p.id, p.title \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
     CROSS JOIN LATERAL (SELECT id, title FROM post WHERE author_id = k.key AND status = 'published' \
     ORDER BY created_at DESC, id DESC LIMIT 5) p";

/// A page of children for each of the parents, whose key is their first column.
async fn pages(
    connection: &mut PgConnection,
    parents: &[PgRow],
    sql: &'static str,
) -> sqlx::Result<Vec<PgRow>> {
    let keys: Vec<i64> = parents.iter().map(|row| row.get(0)).collect();
    sqlx::query(sql).bind(keys).fetch_all(connection).await
}

/// The users that a column of the rows refers to, each once.
async fn users_of(
    connection: &mut PgConnection,
    rows: &[PgRow],
    column: usize,
) -> sqlx::Result<Vec<PgRow>> {
    let mut keys: Vec<i64> = rows.iter().map(|row| row.get(column)).collect();
    keys.sort_unstable();
    keys.dedup();
    sqlx::query(r#"SELECT id, name FROM "user" WHERE id = ANY($1)"#)
        .bind(keys)
        .fetch_all(connection)
        .await
}

/// Rows of `(id, name)`, to be found by their id.
fn by_id<'a>(type_name: &'static str, rows: &'a [PgRow]) -> HashMap<i64, Named<'a>> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let id = row.get(0);
        let named = Named {
            id: Id(type_name, id),
            name: row.get(1),
        };
        found.insert(id, named);
    }
    found
}

/// Rows whose first column is the position of their parent, from 1, as a list for each parent.
fn by_parent<'a, T>(
    rows: &'a [PgRow],
    parents: usize,
    mut child: impl FnMut(&'a PgRow) -> T,
) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> = Vec::new();
    lists.resize_with(parents, Vec::new);
    for row in rows {
        let ord: i64 = row.get(0);
        lists[ord as usize - 1].push(child(row));
    }
    lists
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
struct Named<'a> {
    id: Id,
    name: &'a str,
}

/// A type and a key, written as `"Post:42"`.
struct Id(&'static str, i64);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut key = itoa::Buffer::new();
        let mut text = String::with_capacity(32);
        text.push_str(self.0);
        text.push(':');
        text.push_str(key.format(self.1));
        serializer.serialize_str(&text)
    }
}

type Answer = std::result::Result<Response, Failure>;

fn answer(data: impl Serialize) -> Answer {
    #[derive(Serialize)]
    struct Body<T> {
        data: T,
    }

    let body = serde_json::to_vec(&Body { data })?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
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
