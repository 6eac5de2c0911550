//! What is written: W1 to W4, and of two of them the plain kind, without relations, which others have too.

use crate::{Result, client::next, database::Database};
use serde_json::{Value, json};

/// A kind of request.
pub struct Work {
    pub name: &'static str,
    pub about: &'static str,
    pub document: &'static str,
    /// Times the CPU of the same by hand that Backref may take.
    pub floor: Option<f64>,
    /// Times Backref's CPU that a peer takes at least.
    pub peers: Option<f64>,
    /// Requests before anything is measured.
    pub first: u64,
    /// Rows that it leaves, as a text each, in an order that does not depend on ids.
    rows: Rows,
}

enum Rows {
    /// Posts whose slugs begin so.
    Posts(&'static str),
    /// Those whose titles do.
    Titled(&'static str),
    /// Users whose names begin so, and these posts.
    Users(&'static str, &'static str),
}

pub const WORKS: [Work; 6] = [
    Work {
        name: "W1",
        about: "one post, its author and three tags connected",
        document: "mutation($input: PostCreate!) { createPost(input: $input) { \
                   id title slug status version author { id name } tags { id name } } }",
        floor: Some(1.25),
        peers: None,
        first: 200,
        rows: Rows::Posts("bench-w1-"),
    },
    Work {
        name: "W2",
        about: "one user with five posts, three tags connected to each",
        document: "mutation($input: UserCreate!) { createUser(input: $input) { \
                   id username name posts { id title slug version tags { id name } } } }",
        floor: Some(1.25),
        peers: None,
        first: 100,
        rows: Rows::Users("bench_", "bench-w2-"),
    },
    Work {
        name: "W3",
        about: "1,000 posts, an author and three tags connected to each",
        document: "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { \
                   id slug version author { id name } } }",
        floor: Some(1.1),
        peers: None,
        first: 4,
        rows: Rows::Posts("bench-w3-"),
    },
    Work {
        name: "W4",
        about: "one post is updated, of the version that is expected",
        document: "mutation($id: ID!, $input: PostUpdate!, $version: Int!) { \
                   updatePost(id: $id, input: $input, expectedVersion: $version) { id title version } }",
        floor: Some(1.25),
        peers: Some(2.0),
        first: 200,
        rows: Rows::Titled("Bench title "),
    },
    Work {
        name: "P1",
        about: "W1 without tags, and no more than columns read",
        document: "mutation($input: PostCreate!) { createPost(input: $input) { \
                   id title slug status version } }",
        floor: None,
        peers: Some(2.0),
        first: 200,
        rows: Rows::Posts("bench-p1-"),
    },
    Work {
        name: "P3",
        about: "W3 without tags, and no more than columns read",
        document: "mutation($inputs: [PostCreate!]!) { createPosts(inputs: $inputs) { id slug version } }",
        floor: None,
        peers: Some(5.0),
        first: 4,
        rows: Rows::Posts("bench-p3-"),
    },
];

/// The posts of a request for many.
const MANY: u64 = 1000;

/// What requests refer to.
pub struct Ground {
    users: Vec<i64>,
    tags: Vec<i64>,
    /// Posts with their versions.
    posts: Vec<(i64, i64)>,
}

/// In which peer's words a request is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Words {
    PostGraphile,
    Seaography,
}

impl Ground {
    pub async fn of(database: &mut Database) -> Result<Self> {
        let keys = "SELECT id FROM post ORDER BY id".to_owned();
        let versions = "SELECT CAST(version AS bigint) FROM post ORDER BY id".to_owned();
        let keys = database.keys(keys).await?;
        let versions = database.keys(versions).await?;
        let tags = database.keys("SELECT id FROM tag ORDER BY id".to_owned());
        Ok(Self {
            tags: tags.await?,
            users: database.users.to_vec(),
            posts: keys.into_iter().zip(versions).collect(),
        })
    }

    fn author(&self, number: u64) -> i64 {
        let mut random = number;
        self.users[next(&mut random) as usize % self.users.len()]
    }

    /// Three of the 500, each another one.
    fn tags(&self, number: u64) -> [i64; 3] {
        let mut random = !number;
        let first = next(&mut random) as usize;
        [0, 7, 101].map(|further| self.tags[first.wrapping_add(further) % self.tags.len()])
    }

    /// The post of an update, and its version by then.
    fn post(&self, number: u64) -> (i64, i64) {
        let count = self.posts.len() as u64;
        // Strewn, and each once before any comes again.
        let place = number.wrapping_mul(7919) % count;
        let (key, version) = self.posts[place as usize];
        (key, version + (number / count) as i64)
    }
}

impl Work {
    /// The variables of the request with this number, for Backref and the floors.
    pub fn variables(&self, ground: &Ground, number: u64) -> Value {
        let many = |tagged| -> Value {
            let numbers = number * MANY..(number + 1) * MANY;
            numbers.map(|one| self.post(ground, one, tagged)).collect()
        };
        match self.name {
            "W1" => json!({ "input": self.post(ground, number, true) }),
            "W2" => json!({ "input": self.user(ground, number) }),
            "W3" => json!({ "inputs": many(true) }),
            "P1" => json!({ "input": self.post(ground, number, false) }),
            "P3" => json!({ "inputs": many(false) }),
            _ => {
                let (key, version) = ground.post(number);
                let title = title(number);
                json!({ "id": format!("Post:{key}"), "input": { "title": title }, "version": version })
            }
        }
    }

    fn post(&self, ground: &Ground, number: u64, is_tagged: bool) -> Value {
        let mut post = self.bare(number);
        post["status"] = "PUBLISHED".into();
        let author = format!("User:{}", ground.author(number));
        post["author"] = json!({ "connect": author });
        if is_tagged {
            post["tags"] = connected(ground, number);
        }
        post
    }

    fn user(&self, ground: &Ground, number: u64) -> Value {
        let posts = (number * 5..number * 5 + 5).map(|one| {
            let mut post = self.bare(one);
            post["status"] = "PUBLISHED".into();
            post["tags"] = connected(ground, one);
            post
        });
        json!({
            "username": format!("bench_{number}"),
            "name": format!("Bench {number}"),
            "email": format!("bench_{number}@example.org"),
            "posts": { "create": posts.collect::<Value>() },
        })
    }

    fn bare(&self, number: u64) -> Value {
        json!({
            "title": format!("What came of it, part {number}"),
            "slug": self.slug(number),
            "body": text(number),
        })
    }

    fn slug(&self, number: u64) -> String {
        format!("bench-{}-{number}", self.name.to_lowercase())
    }

    /// The same for a peer, or nothing where it has no such mutation.
    pub fn peer_variables(&self, ground: &Ground, words: Words, number: u64) -> Option<Value> {
        let now = "2026-01-01T00:00:00Z";
        let post = |one: u64| {
            let mut post = self.bare(one);
            let author = ground.author(one);
            post["authorId"] = match words {
                Words::PostGraphile => author.to_string().into(),
                _ => author.into(),
            };
            for (column, value) in [
                ("status", "published"),
                ("createdAt", now),
                ("updatedAt", now),
            ] {
                post[column] = value.into();
            }
            post["version"] = 1.into();
            post
        };
        let (key, version) = ground.post(number);
        let change = json!({ "title": title(number), "updatedAt": now, "version": version + 1 });
        match (self.name, words) {
            ("P1", _) => Some(json!({ "post": post(number) })),
            ("P3", Words::Seaography) => {
                let numbers = number * MANY..(number + 1) * MANY;
                Some(json!({ "posts": numbers.map(post).collect::<Value>() }))
            }
            ("W4", Words::PostGraphile) => Some(json!({ "id": key.to_string(), "patch": change })),
            ("W4", Words::Seaography) => {
                Some(json!({ "id": key, "version": version, "data": change }))
            }
            _ => None,
        }
    }

    /// What an answer to the request has in it, if it was done.
    pub fn sign(&self, number: u64) -> String {
        match self.name {
            "W2" => format!("\"bench_{number}\""),
            "W3" | "P3" => format!("\"{}\"", self.slug((number + 1) * MANY - 1)),
            "W4" => format!("\"{}\"", title(number)),
            _ => format!("\"{}\"", self.slug(number)),
        }
    }

    /// What it has left in the database.
    pub async fn state(&self, database: &mut Database) -> Result<Vec<String>> {
        let posts = |condition: String| {
            format!(
                "SELECT p.slug || '|' || p.title || '|' || p.body || '|' || CAST(p.status AS text) || '|' || \
                 CAST(p.version AS text) || '|' || u.username || '|' || \
                 CASE WHEN p.published_at IS NULL THEN 'never' ELSE 'once' END || '|' || \
                 CASE WHEN p.updated_at >= p.created_at AND p.updated_at >= '2026-01-01T00:00:00+00:00' \
                 THEN 'now' ELSE 'before' END || '|' || coalesce((SELECT string_agg(t.name, ',' ORDER BY t.name) \
                 FROM post_tag l JOIN tag t ON t.id = l.tag_id WHERE l.post_id = p.id), '') \
                 FROM post p JOIN \"user\" u ON u.id = p.author_id WHERE {condition} ORDER BY p.slug"
            )
        };
        match self.rows {
            Rows::Posts(slug) => {
                database
                    .texts(posts(format!("p.slug LIKE '{slug}%'")))
                    .await
            }
            Rows::Titled(title) => {
                database
                    .texts(posts(format!("p.title LIKE '{title}%'")))
                    .await
            }
            Rows::Users(name, slug) => {
                let users = format!(
                    "SELECT username || '|' || name || '|' || email || '|' || CAST(role AS text) || '|' || \
                     CASE WHEN password_hash IS NULL THEN 'none' ELSE 'some' END FROM \"user\" \
                     WHERE username LIKE '{name}%' ORDER BY username"
                );
                let mut all = database.texts(users).await?;
                all.extend(
                    database
                        .texts(posts(format!("p.slug LIKE '{slug}%'")))
                        .await?,
                );
                Ok(all)
            }
        }
    }
}

fn title(number: u64) -> String {
    format!("Bench title {number}")
}

fn connected(ground: &Ground, number: u64) -> Value {
    let tags = ground.tags(number).map(|tag| format!("Tag:{tag}"));
    json!({ "connect": tags })
}

/// Some forty words, other ones each time.
fn text(number: u64) -> String {
    const WORDS: [&str; 16] = [
        "harbour", "letter", "engine", "winter", "table", "signal", "garden", "copper", "paper",
        "river", "window", "answer", "ladder", "market", "thread", "lantern",
    ];
    let mut random = number;
    let words = (0..40).map(|_| WORDS[next(&mut random) as usize % WORDS.len()]);
    words.collect::<Vec<_>>().join(" ")
}
