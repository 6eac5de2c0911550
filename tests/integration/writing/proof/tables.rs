//! The tables of the blog as the model has them: columns by the names of their fields, and which relation is what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

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
}
