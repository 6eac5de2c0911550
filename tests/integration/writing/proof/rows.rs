//! The state of the model, from and to the rows that SeaORM and the reference know.

use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};

use super::tables::Table::{Comment, Follow, Post, PostTag, Profile, Tag, User};
use super::tables::{Cell, Key, Row, State, Table};
use crate::reference::Data;

impl State {
    pub fn read(data: &Data) -> Self {
        let mut state = State::default();
        for u in &data.users {
            let row = [
                ("username", text(&u.username)),
                ("name", text(&u.name)),
                ("email", text(&u.email)),
                ("passwordHash", optional(u.password_hash.as_deref())),
                ("role", text(role(u.role))),
                ("createdAt", Cell::Time(u.created_at)),
                ("updatedAt", Cell::Time(u.updated_at)),
            ];
            state.add(User, (u.id, 0), row);
        }
        for p in &data.profiles {
            let row = [
                ("bio", optional(p.bio.as_deref())),
                ("website", optional(p.website.as_deref())),
                ("location", optional(p.location.as_deref())),
            ];
            state.add(Profile, (p.user_id, 0), row);
        }
        for p in &data.posts {
            let row = [
                ("authorId", Cell::Int(p.author_id)),
                ("title", text(&p.title)),
                ("slug", text(&p.slug)),
                ("body", text(&p.body)),
                ("status", text(status(p.status))),
                ("publishedAt", p.published_at.map_or(Cell::Null, Cell::Time)),
                ("createdAt", Cell::Time(p.created_at)),
                ("updatedAt", Cell::Time(p.updated_at)),
                ("version", Cell::Int(p.version.into())),
            ];
            state.add(Post, (p.id, 0), row);
        }
        for t in &data.tags {
            state.add(Tag, (t.id, 0), [("name", text(&t.name))]);
        }
        for p in &data.post_tags {
            state.add(PostTag, (p.post_id, p.tag_id), []);
        }
        for c in &data.comments {
            let row = [
                ("postId", Cell::Int(c.post_id)),
                ("authorId", Cell::Int(c.author_id)),
                ("parentId", c.parent_id.map_or(Cell::Null, Cell::Int)),
                ("body", text(&c.body)),
                ("createdAt", Cell::Time(c.created_at)),
                ("updatedAt", Cell::Time(c.updated_at)),
            ];
            state.add(Comment, (c.id, 0), row);
        }
        for f in &data.follows {
            let row = [("createdAt", Cell::Time(f.created_at))];
            state.add(Follow, (f.follower_id, f.followee_id), row);
        }
        state
    }

    fn add(&mut self, table: Table, key: Key, row: impl IntoIterator<Item = (&'static str, Cell)>) {
        self.of_mut(table).insert(key, row.into_iter().collect());
    }

    /// As the reference reads it. Every time is known by then.
    pub fn data(&self) -> Data {
        let own = |table| Rows { state: self, table };
        let mut data = Data::default();
        for (key, row) in own(User).all() {
            data.users.push(user::Model {
                id: key.0,
                username: row.text("username"),
                name: row.text("name"),
                email: row.text("email"),
                password_hash: row.optional("passwordHash"),
                role: match row.text("role").as_str() {
                    "reader" => user::Role::Reader,
                    "admin" => user::Role::Admin,
                    _ => user::Role::Author,
                },
                created_at: row.time("createdAt"),
                updated_at: row.time("updatedAt"),
            });
        }
        for (key, row) in own(Profile).all() {
            data.profiles.push(profile::Model {
                user_id: key.0,
                bio: row.optional("bio"),
                website: row.optional("website"),
                location: row.optional("location"),
            });
        }
        for (key, row) in own(Post).all() {
            data.posts.push(post::Model {
                id: key.0,
                author_id: row.int("authorId"),
                title: row.text("title"),
                slug: row.text("slug"),
                body: row.text("body"),
                status: match row.text("status").as_str() {
                    "published" => post::Status::Published,
                    "archived" => post::Status::Archived,
                    _ => post::Status::Draft,
                },
                published_at: row.optional_time("publishedAt"),
                created_at: row.time("createdAt"),
                updated_at: row.time("updatedAt"),
                version: i32::try_from(row.int("version")).expect("a small number"),
            });
        }
        for (key, row) in own(Tag).all() {
            let name = row.text("name");
            data.tags.push(tag::Model { id: key.0, name });
        }
        for ((post_id, tag_id), _) in own(PostTag).all() {
            data.post_tags.push(post_tag::Model { post_id, tag_id });
        }
        for (key, row) in own(Comment).all() {
            data.comments.push(comment::Model {
                id: key.0,
                post_id: row.int("postId"),
                author_id: row.int("authorId"),
                parent_id: match row.0.get("parentId") {
                    Some(Cell::Int(parent)) => Some(*parent),
                    _ => None,
                },
                body: row.text("body"),
                created_at: row.time("createdAt"),
                updated_at: row.time("updatedAt"),
            });
        }
        for ((follower_id, followee_id), row) in own(Follow).all() {
            data.follows.push(follow::Model {
                follower_id,
                followee_id,
                created_at: row.time("createdAt"),
            });
        }
        data
    }
}

struct Rows<'a> {
    state: &'a State,
    table: Table,
}

struct Values<'a>(&'a Row);

impl<'a> Rows<'a> {
    fn all(&self) -> impl Iterator<Item = (Key, Values<'a>)> {
        let rows = self.state.of(self.table).iter();
        rows.map(|(key, row)| (*key, Values(row)))
    }
}

impl Values<'_> {
    fn optional(&self, column: &str) -> Option<String> {
        match self.0.get(column) {
            Some(Cell::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn text(&self, column: &str) -> String {
        self.optional(column).unwrap_or_default()
    }

    fn int(&self, column: &str) -> i64 {
        match self.0.get(column) {
            Some(Cell::Int(number)) => *number,
            _ => 0,
        }
    }

    fn optional_time(&self, column: &str) -> Option<DateTime<Utc>> {
        match self.0.get(column) {
            Some(Cell::Time(time)) => Some(*time),
            _ => None,
        }
    }

    fn time(&self, column: &str) -> DateTime<Utc> {
        self.optional_time(column).unwrap_or_default()
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn optional(value: Option<&str>) -> Cell {
    value.map_or(Cell::Null, text)
}

fn role(role: user::Role) -> &'static str {
    match role {
        user::Role::Reader => "reader",
        user::Role::Author => "author",
        user::Role::Admin => "admin",
    }
}

fn status(status: post::Status) -> &'static str {
    match status {
        post::Status::Draft => "draft",
        post::Status::Published => "published",
        post::Status::Archived => "archived",
    }
}
