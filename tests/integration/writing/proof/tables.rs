//! The tables of the blog as the model has them: columns by the names of their fields, and which relation is what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};

use crate::reference::Data;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    User,
    Profile,
    Post,
    Tag,
    PostTag,
    Comment,
    Follow,
}

/// A primary key; of one column, the second part is 0.
pub type Key = (i64, i64);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Time(DateTime<Utc>),
    /// The moment of the request.
    Now,
}

/// What a row has beside its key.
pub type Row = BTreeMap<&'static str, Cell>;

/// Every row there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State(pub BTreeMap<Table, BTreeMap<Key, Row>>);

/// How a relation's rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// This row's column is the other's key.
    One(&'static str),
    /// The others' column is this row's key.
    Many(&'static str),
    /// The other has the same key.
    Same,
    /// Rows of a junction, in whose key this row comes first or second.
    Through(Table, bool),
}

#[derive(Debug)]
pub struct Relation {
    pub field: &'static str,
    pub to: Table,
    pub way: Way,
}

const fn relation(field: &'static str, to: Table, way: Way) -> Relation {
    Relation { field, to, way }
}

use Table::{Comment, Follow, Post, PostTag, Profile, Tag, User};

impl Table {
    pub const ALL: [Table; 7] = [User, Profile, Post, Tag, PostTag, Comment, Follow];

    pub fn type_name(self) -> &'static str {
        match self {
            User => "User",
            Profile => "Profile",
            Post => "Post",
            Tag => "Tag",
            PostTag => "PostTag",
            Comment => "Comment",
            Follow => "Follow",
        }
    }

    /// The root field of one of them.
    pub fn field(self) -> &'static str {
        match self {
            User => "user",
            Profile => "profile",
            Post => "post",
            Tag => "tag",
            PostTag | Follow => "",
            Comment => "comment",
        }
    }

    pub fn relations(self) -> &'static [Relation] {
        const POST: &[Relation] = &[
            relation("author", User, Way::One("authorId")),
            relation("tags", Tag, Way::Through(PostTag, true)),
            relation("comments", Comment, Way::Many("postId")),
        ];
        const USER: &[Relation] = &[
            relation("posts", Post, Way::Many("authorId")),
            relation("comments", Comment, Way::Many("authorId")),
            relation("profile", Profile, Way::Same),
            relation("following", User, Way::Through(Follow, true)),
            relation("followers", User, Way::Through(Follow, false)),
        ];
        const COMMENT: &[Relation] = &[
            relation("post", Post, Way::One("postId")),
            relation("author", User, Way::One("authorId")),
            relation("parent", Comment, Way::One("parentId")),
            relation("replies", Comment, Way::Many("parentId")),
        ];
        const TAG: &[Relation] = &[relation("posts", Post, Way::Through(PostTag, false))];
        const PROFILE: &[Relation] = &[relation("user", User, Way::Same)];
        match self {
            Post => POST,
            User => USER,
            Comment => COMMENT,
            Tag => TAG,
            Profile => PROFILE,
            PostTag | Follow => &[],
        }
    }

    pub fn relation(self, field: &str) -> &'static Relation {
        let mut all = self.relations().iter();
        all.find(|relation| relation.field == field)
            .expect("a relation of the model")
    }

    /// Columns of which no two rows have the same value.
    pub fn unique(self) -> &'static [&'static str] {
        match self {
            User => &["username", "email"],
            Post => &["slug"],
            Tag => &["name"],
            _ => &[],
        }
    }

    /// Foreign keys that are columns beside the key, where they lead, and whether they can be null.
    pub fn refers(self) -> &'static [(&'static str, Table, bool)] {
        match self {
            Post => &[("authorId", User, false)],
            Comment => &[
                ("postId", Post, false),
                ("authorId", User, false),
                ("parentId", Comment, true),
            ],
            _ => &[],
        }
    }

    /// Where the parts of the key lead.
    pub fn key_refers(self) -> [Option<Table>; 2] {
        match self {
            Profile => [Some(User), None],
            PostTag => [Some(Post), Some(Tag)],
            Follow => [Some(User), Some(User)],
            _ => [None, None],
        }
    }

    /// Whether the database makes its keys.
    pub fn is_numbered(self) -> bool {
        matches!(self, User | Post | Tag | Comment)
    }
}

impl State {
    pub fn of(&self, table: Table) -> &BTreeMap<Key, Row> {
        static NONE: BTreeMap<Key, Row> = BTreeMap::new();
        self.0.get(&table).unwrap_or(&NONE)
    }

    pub fn of_mut(&mut self, table: Table) -> &mut BTreeMap<Key, Row> {
        self.0.entry(table).or_default()
    }

    pub fn row(&self, table: Table, key: Key) -> Option<&Row> {
        self.of(table).get(&key)
    }

    /// What a column is; of a row that is not there, null.
    pub fn cell(&self, table: Table, key: Key, column: &str) -> Cell {
        let row = self.row(table, key);
        row.and_then(|row| row.get(column))
            .cloned()
            .unwrap_or(Cell::Null)
    }

    /// The rows whose column has this value.
    pub fn having(&self, table: Table, column: &str, value: &Cell) -> Vec<Key> {
        let rows = self.of(table).iter();
        let having = rows.filter(|(_, row)| row.get(column) == Some(value));
        having.map(|(key, _)| *key).collect()
    }

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
