//! What there is when a sequence begins, and what holds when all have ended.

use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::harness::TestDatabase;
use crate::reference::Data;

/// Five users (two admins, two authors, a reader), posts of every status, comments that answer each other.
pub fn data() -> Data {
    let user = |(id, role): (i64, user::Role)| user::Model {
        id,
        username: format!("user{id}"),
        name: format!("User {id}"),
        email: format!("user{id}@example.org"),
        password_hash: (id == 2).then(|| "secret".to_owned()),
        role,
        created_at: time(id),
        updated_at: time(id),
    };
    let post = |(id, author_id, status): (i64, i64, post::Status)| post::Model {
        id,
        author_id,
        title: format!("Post {id}"),
        slug: format!("post-{id}"),
        body: format!("Body {id}"),
        status,
        published_at: (status == post::Status::Published).then(|| time(id)),
        created_at: time(id),
        updated_at: time(id),
        version: id as i32,
    };
    let comment =
        |(id, post_id, author_id, parent_id): (i64, i64, i64, Option<i64>)| comment::Model {
            id,
            post_id,
            author_id,
            parent_id,
            body: format!("Comment {id}"),
            created_at: time(id),
            updated_at: time(id),
        };
    let follow = |(follower_id, followee_id)| follow::Model {
        follower_id,
        followee_id,
        created_at: time(follower_id),
    };
    let profile = |user_id| profile::Model {
        user_id,
        bio: Some(format!("Bio {user_id}")),
        website: None,
        location: None,
    };
    use post::Status::{Archived, Draft, Published};
    use user::Role::{Admin, Author, Reader};
    let users = [
        (1, Admin),
        (2, Author),
        (3, Author),
        (4, Reader),
        (5, Admin),
        (6, Reader),
    ];
    let posts = [
        (1, 2, Published),
        (2, 2, Draft),
        (3, 3, Published),
        (4, 3, Draft),
        (5, 3, Archived),
        (6, 1, Published),
    ];
    let comments = [
        (1, 1, 4, None),
        (2, 1, 2, Some(1)),
        (3, 1, 3, Some(2)),
        (4, 2, 2, None),
        (5, 3, 4, None),
        (6, 4, 3, None),
        (7, 6, 2, None),
        (8, 6, 3, Some(7)),
    ];
    let filed = [(1, 1), (1, 2), (2, 1), (3, 2), (4, 3), (6, 1)];
    Data {
        users: users.map(user).to_vec(),
        profiles: [1, 2, 4].map(profile).to_vec(),
        posts: posts.map(post).to_vec(),
        tags: [1, 2, 3, 4]
            .map(|id| tag::Model {
                id,
                name: format!("tag{id}"),
            })
            .to_vec(),
        post_tags: filed
            .map(|(post_id, tag_id)| post_tag::Model { post_id, tag_id })
            .to_vec(),
        comments: comments.map(comment).to_vec(),
        follows: [(2, 3), (3, 2), (4, 2), (1, 4)].map(follow).to_vec(),
        seen: None,
    }
}

fn time(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000 + minutes / 2 * 60, 0).expect("a time")
}

pub const TABLES: [&str; 8] = [
    "user",
    "profile",
    "post",
    "tag",
    "post_tag",
    "comment",
    "follow",
    "backref_answer",
];

/// An answer to a comment below another post: what could be written before keys had to agree.
pub async fn answer_elsewhere(database: &TestDatabase, id: i64, post: i64, parent: i64) {
    let answer = format!(
        "INSERT INTO comment (id, post_id, author_id, parent_id, body, created_at, updated_at)
         SELECT {id}, {post}, author_id, {parent}, 'elsewhere', created_at, updated_at FROM comment WHERE id = {parent}"
    );
    let done = database.connection.execute_unprepared(&answer).await;
    done.expect("a comment");
}

/// Ids of new rows are no less.
pub async fn number_from(database: &TestDatabase, first: i64) {
    if database.connection.get_database_backend() != DbBackend::Postgres {
        return;
    }
    for table in ["user", "post", "tag", "comment"] {
        let restart = format!("ALTER SEQUENCE {table}_id_seq RESTART {first}");
        let done = database.connection.execute_unprepared(&restart).await;
        done.expect("a sequence");
    }
}

/// Every row as its database writes it.
pub async fn dump(database: &TestDatabase) -> Vec<String> {
    let connection = &database.connection;
    let backend = connection.get_database_backend();
    let postgres = backend == DbBackend::Postgres;
    let all = TABLES.map(|table| match postgres {
        true => format!(r#"SELECT '{table} ' || t::text AS row FROM "{table}" t"#),
        false => format!(
            "SELECT '{table} ' || {} AS row FROM \"{table}\"",
            quoted(table)
        ),
    });
    let sql = format!("{} ORDER BY 1", all.join(" UNION ALL "));
    let rows = connection
        .query_all_raw(Statement::from_string(backend, sql))
        .await
        .expect("the rows");
    let texts = rows.iter().map(|row| row.try_get_by_index::<String>(0));
    texts.map(|text| text.expect("a text")).collect()
}

fn quoted(table: &str) -> String {
    let columns: &[&str] = match table {
        "user" => &[
            "id",
            "username",
            "name",
            "email",
            "password_hash",
            "role",
            "created_at",
            "updated_at",
        ],
        "profile" => &["user_id", "bio", "website", "location"],
        "post" => &[
            "id",
            "author_id",
            "title",
            "slug",
            "body",
            "status",
            "published_at",
            "created_at",
            "updated_at",
            "version",
        ],
        "tag" => &["id", "name"],
        "post_tag" => &["post_id", "tag_id"],
        "comment" => &[
            "id",
            "post_id",
            "author_id",
            "parent_id",
            "body",
            "created_at",
            "updated_at",
        ],
        "follow" => &["follower_id", "followee_id", "created_at"],
        _ => &["owner", "key", "digest", "answer", "made_at"],
    };
    let columns = columns.iter().map(|column| format!("quote(\"{column}\")"));
    columns.collect::<Vec<_>>().join(" || ',' || ")
}

/// No foreign key leads nowhere, and the search knows every post.
pub async fn is_sound(database: &TestDatabase) {
    let connection = &database.connection;
    let backend = connection.get_database_backend();
    let all = async |sql: &str| {
        let statement = Statement::from_string(backend, sql);
        connection.query_all_raw(statement).await.expect("rows")
    };
    if backend == DbBackend::Postgres {
        for (table, column, target, key) in KEYS {
            let sql = format!(
                r#"SELECT 1 FROM "{table}" t WHERE "{column}" IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM "{target}" WHERE "{key}" = t."{column}")"#
            );
            assert!(all(&sql).await.is_empty(), "{table}.{column}");
        }
        let unsearched = "SELECT 1 FROM post FULL JOIN post_search s ON s.id = post.id
            WHERE s.id IS NULL OR post.id IS NULL";
        assert!(all(unsearched).await.is_empty());
    } else {
        assert!(all("PRAGMA foreign_key_check").await.is_empty());
        let integrity = all("PRAGMA integrity_check").await;
        let said: String = integrity[0].try_get_by_index(0).expect("a text");
        assert_eq!(said, "ok");
        let check = "INSERT INTO post_search(post_search) VALUES ('integrity-check')";
        let checked = connection.execute_unprepared(check).await;
        checked.expect("the index has what the table has");
    }
}

const KEYS: [(&str, &str, &str, &str); 9] = [
    ("profile", "user_id", "user", "id"),
    ("post", "author_id", "user", "id"),
    ("post_tag", "post_id", "post", "id"),
    ("post_tag", "tag_id", "tag", "id"),
    ("comment", "post_id", "post", "id"),
    ("comment", "author_id", "user", "id"),
    ("comment", "parent_id", "comment", "id"),
    ("follow", "follower_id", "user", "id"),
    ("follow", "followee_id", "user", "id"),
];
