//! The floor of writing on PostgreSQL: axum and sqlx, a pool, a transaction for each request, one statement for
//! each table and level, the same that Backref runs.

use super::{
    Answer, Id, Named, answer, by_parent, distinct, postgres::Q4_TAGS, status, users_by_id,
    writing::*,
};
use crate::Result;
use axum::{Router, body::Bytes, extract::DefaultBodyLimit, extract::State, routing::post};
use chrono::{DateTime, Utc};
use foldhash::HashMap;
use sqlx::{
    PgConnection, PgPool, Row,
    postgres::{PgPoolOptions, PgRow},
};

/// `POST /w1` to `/w4`, `/p1` and `/p3`, on a pool of `connections`, which are opened when first used.
pub fn router(database_url: &str, connections: u32) -> Result<Router> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .connect_lazy(database_url)?;
    Ok(Router::new()
        .route("/w1", post(w1))
        .route("/w2", post(w2))
        .route("/w3", post(w3))
        .route("/w4", post(w4))
        .route("/p1", post(p1))
        .route("/p3", post(p3))
        .layer(DefaultBodyLimit::max(1 << 23))
        .with_state(pool))
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";

const USER_EXISTS: &str = r#"SELECT id FROM "user" WHERE id = $1"#;

const USERS: &str = r#"SELECT id FROM "user" WHERE id = ANY($1)"#;

const TAGS: &str = "SELECT id FROM tag WHERE id = ANY($1)";

const INSERT_USER: &str = r#"INSERT INTO "user" (username, name, email, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $4) RETURNING id"#;

/// One is inserted without arrays, which PostgreSQL would plan for their length.
const INSERT_POST: &str = "INSERT INTO post \
     (author_id, title, slug, body, status, created_at, updated_at, version) \
     VALUES ($1, $2, $3, $4, $5::text::post_status, $6, $6, 1) RETURNING id";

const INSERT_POSTS: &str = "INSERT INTO post \
     (author_id, title, slug, body, status, created_at, updated_at, version) \
     SELECT author, title, slug, body, status::post_status, $6, $6, 1 \
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY \
     AS k(author, title, slug, body, status, ord) ORDER BY ord RETURNING id";

const INSERT_LINKS: &str = "INSERT INTO post_tag (post_id, tag_id) \
     SELECT post, tag FROM unnest($1::bigint[], $2::bigint[]) AS k(post, tag)";

const POST: &str = "SELECT id, title, slug, status, version, author_id FROM post WHERE id = $1";

/// In whatever order.
const POSTS: &str = "SELECT id, slug, version, author_id FROM post WHERE id = ANY($1)";

const USER_NAME: &str = r#"SELECT id, name FROM "user" WHERE id = $1"#;

const TAGS_OF_POST: &str = "SELECT 1::bigint, tag.id, tag.name \
     FROM (SELECT tag_id FROM post_tag WHERE post_id = $1 ORDER BY tag_id LIMIT 20) t \
     JOIN tag ON tag.id = t.tag_id ORDER BY tag.id";

const USERS_NAMES: &str = r#"SELECT id, name FROM "user" WHERE id = ANY($1)"#;

const USER: &str = r#"SELECT id, username, name FROM "user" WHERE id = $1"#;

const POSTS_OF_USER: &str = "SELECT id, title, slug, version FROM post WHERE author_id = $1 \
     ORDER BY created_at DESC, id DESC LIMIT 20";

const UPDATE: &str = "UPDATE post SET title = $2, updated_at = $3, version = version + 1 \
     WHERE id = $1 AND version = $4";

const TITLE: &str = "SELECT id, title, version FROM post WHERE id = $1";

async fn w1(State(pool): State<PgPool>, body: Bytes) -> Answer {
    let One::<NewPost> { input } = variables(&body)?;
    let mut transaction = pool.begin_with(BEGIN).await?;
    let inputs = [input];
    let keys = create(&mut transaction, &inputs).await?;
    link(&mut transaction, &inputs, &keys).await?;
    let asked = sqlx::query(POST).bind(keys[0]);
    let row = asked.fetch_one(&mut *transaction).await?;
    let author: i64 = row.get(5);
    let asked = sqlx::query(USER_NAME).bind(author);
    let author = asked.fetch_one(&mut *transaction).await?;
    let asked = sqlx::query(TAGS_OF_POST).bind(keys[0]);
    let tags = asked.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    let post = plain(&row);
    answer(CreatePost {
        create_post: TaggedPost {
            id: post.id,
            title: post.title,
            slug: post.slug,
            status: post.status,
            version: post.version,
            author: named("User", &author, 0),
            tags: tags.iter().map(|row| named("Tag", row, 1)).collect(),
        },
    })
}

async fn p1(State(pool): State<PgPool>, body: Bytes) -> Answer {
    let One::<NewPost> { input } = variables(&body)?;
    let mut transaction = pool.begin_with(BEGIN).await?;
    let keys = create(&mut transaction, &[input]).await?;
    let asked = sqlx::query(POST).bind(keys[0]);
    let row = asked.fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    answer(CreatePost {
        create_post: plain(&row),
    })
}

async fn w2(State(pool): State<PgPool>, body: Bytes) -> Answer {
    let One::<NewUser> { input } = variables(&body)?;
    let mut transaction = pool.begin_with(BEGIN).await?;
    let posts = input.posts();
    exist(
        &mut transaction,
        TAGS,
        links(posts)?.iter().map(|link| link.1),
    )
    .await?;
    let now = Utc::now();
    let made = sqlx::query_scalar(INSERT_USER)
        .bind(&*input.username)
        .bind(&*input.name)
        .bind(&*input.email)
        .bind(now);
    let user: i64 = made.fetch_one(&mut *transaction).await?;
    let keys = insert(&mut transaction, posts, vec![user; posts.len()], now).await?;
    insert_links(&mut transaction, &links(posts)?, &keys).await?;

    let asked = sqlx::query(USER).bind(user);
    let row = asked.fetch_one(&mut *transaction).await?;
    let asked = sqlx::query(POSTS_OF_USER).bind(user);
    let post_rows = asked.fetch_all(&mut *transaction).await?;
    let keys: Vec<i64> = post_rows.iter().map(|row| row.get(0)).collect();
    let tag_rows = all(&mut transaction, Q4_TAGS, &keys).await?;
    transaction.commit().await?;
    let tags = tag_rows
        .iter()
        .map(|row| (row.get(0), named("Tag", row, 1)));
    let posts = post_rows.iter().zip(by_parent(keys.len(), tags));
    let posts = posts.map(|(row, tags)| UsersPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        slug: row.get(2),
        version: row.get(3),
        tags,
    });
    answer(CreateUser {
        create_user: WritingUser {
            id: Id("User", row.get(0)),
            username: row.get(1),
            name: row.get(2),
            posts: posts.collect(),
        },
    })
}

async fn w3(State(pool): State<PgPool>, body: Bytes) -> Answer {
    let Several::<NewPost> { inputs } = variables(&body)?;
    let mut transaction = pool.begin_with(BEGIN).await?;
    let keys = create(&mut transaction, &inputs).await?;
    link(&mut transaction, &inputs, &keys).await?;
    let rows = all(&mut transaction, POSTS, &keys).await?;
    let authors = distinct(rows.iter().map(|row| row.get(3)));
    let author_rows = all(&mut transaction, USERS_NAMES, &authors).await?;
    transaction.commit().await?;
    let authors = users_by_id(author_rows.iter().map(|row| (row.get(0), row.get(1))));
    let posts = in_order(&rows, &keys)?
        .into_iter()
        .map(|row| SlugWithAuthor {
            id: Id("Post", row.get(0)),
            slug: row.get(1),
            version: row.get(2),
            author: authors[&row.get(3)],
        });
    answer(CreatePosts {
        create_posts: posts.collect(),
    })
}

async fn p3(State(pool): State<PgPool>, body: Bytes) -> Answer {
    let Several::<NewPost> { inputs } = variables(&body)?;
    let mut transaction = pool.begin_with(BEGIN).await?;
    let keys = create(&mut transaction, &inputs).await?;
    let rows = all(&mut transaction, POSTS, &keys).await?;
    transaction.commit().await?;
    let posts = in_order(&rows, &keys)?.into_iter().map(|row| Slug {
        id: Id("Post", row.get(0)),
        slug: row.get(1),
        version: row.get(2),
    });
    answer(CreatePosts {
        create_posts: posts.collect(),
    })
}

async fn w4(State(pool): State<PgPool>, body: Bytes) -> Answer {
    let update: Update = variables(&body)?;
    let key = update.key()?;
    let mut transaction = pool.begin_with(BEGIN).await?;
    let change = sqlx::query(UPDATE)
        .bind(key)
        .bind(&*update.input.title)
        .bind(Utc::now())
        .bind(update.version);
    let changed = change.execute(&mut *transaction).await?.rows_affected();
    found(1, changed as usize)?;
    let asked = sqlx::query(TITLE).bind(key);
    let row = asked.fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    answer(UpdatePost {
        update_post: Versioned {
            id: Id("Post", row.get(0)),
            title: row.get(1),
            version: row.get(2),
        },
    })
}

/// Makes posts of authors who exist; their keys, in their order.
async fn create(connection: &mut PgConnection, posts: &[NewPost<'_>]) -> Outcome<Vec<i64>> {
    let authors: Vec<i64> = posts.iter().map(NewPost::author).collect::<Outcome<_>>()?;
    match authors[..] {
        [author] => {
            let asked = sqlx::query(USER_EXISTS).bind(author);
            let there = asked.fetch_optional(&mut *connection).await?;
            there.ok_or("not found")?;
        }
        _ => exist(connection, USERS, authors.iter().copied()).await?,
    }
    let tags = links(posts)?;
    if !tags.is_empty() {
        exist(connection, TAGS, tags.iter().map(|link| link.1)).await?;
    }
    insert(connection, posts, authors, Utc::now()).await
}

/// That there is a row for each of the keys.
async fn exist(
    connection: &mut PgConnection,
    sql: &'static str,
    keys: impl Iterator<Item = i64>,
) -> Outcome<()> {
    let keys = distinct(keys);
    let rows = all(connection, sql, &keys).await?;
    found(keys.len(), rows.len())
}

async fn insert(
    connection: &mut PgConnection,
    posts: &[NewPost<'_>],
    authors: Vec<i64>,
    now: DateTime<Utc>,
) -> Outcome<Vec<i64>> {
    if let ([post], [author]) = (posts, &authors[..]) {
        let key = sqlx::query_scalar(INSERT_POST)
            .bind(author)
            .bind(&*post.title)
            .bind(&*post.slug)
            .bind(&*post.body)
            .bind(post.status.stored())
            .bind(now);
        return Ok(vec![key.fetch_one(connection).await?]);
    }
    let titles: Vec<&str> = posts.iter().map(|post| &*post.title).collect();
    let slugs: Vec<&str> = posts.iter().map(|post| &*post.slug).collect();
    let bodies: Vec<&str> = posts.iter().map(|post| &*post.body).collect();
    let statuses: Vec<&str> = posts.iter().map(|post| post.status.stored()).collect();
    let keys = sqlx::query_scalar(INSERT_POSTS)
        .bind(authors)
        .bind(titles)
        .bind(slugs)
        .bind(bodies)
        .bind(statuses)
        .bind(now);
    Ok(keys.fetch_all(connection).await?)
}

async fn link(connection: &mut PgConnection, posts: &[NewPost<'_>], keys: &[i64]) -> Outcome<()> {
    insert_links(connection, &links(posts)?, keys).await
}

/// Files the posts under their tags.
async fn insert_links(
    connection: &mut PgConnection,
    links: &[(usize, i64)],
    keys: &[i64],
) -> Outcome<()> {
    let posts: Vec<i64> = links.iter().map(|(place, _)| keys[*place]).collect();
    let tags: Vec<i64> = links.iter().map(|(_, tag)| *tag).collect();
    let made = sqlx::query(INSERT_LINKS).bind(posts).bind(tags);
    made.execute(connection).await?;
    Ok(())
}

async fn all(
    connection: &mut PgConnection,
    sql: &'static str,
    keys: &[i64],
) -> sqlx::Result<Vec<PgRow>> {
    sqlx::query(sql).bind(keys).fetch_all(connection).await
}

/// Rows in the order of their keys, each of which has one.
fn in_order<'a>(rows: &'a [PgRow], keys: &[i64]) -> Outcome<Vec<&'a PgRow>> {
    found(keys.len(), rows.len())?;
    let by_key: HashMap<i64, &PgRow> = rows.iter().map(|row| (row.get(0), row)).collect();
    Ok(keys.iter().map(|key| by_key[key]).collect())
}

fn plain(row: &PgRow) -> PlainPost<'_> {
    PlainPost {
        id: Id("Post", row.get(0)),
        title: row.get(1),
        slug: row.get(2),
        // Unchecked, because sqlx does not take PostgreSQL's enums for text, which they are.
        status: status(row.get_unchecked::<&[u8], _>(3)),
        version: row.get(4),
    }
}

/// What is called something: its key is in the column given, and its name in the next.
fn named<'a>(of: &'static str, row: &'a PgRow, column: usize) -> Named<'a> {
    Named {
        id: Id(of, row.get(column)),
        name: row.get(column + 1),
    }
}
