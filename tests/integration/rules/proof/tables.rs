//! The blog's tables as rules speak of them: columns by their names in the database, relations by their fields, rows by
//! where they stand. It holds values as SeaORM does, and knows no rule.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use sea_orm::sea_query::OptionEnum;
use sea_orm::{ModelTrait, Value};

use crate::reference::Data;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    User,
    Profile,
    Post,
    Tag,
    Comment,
    PostTag,
    Follow,
}

/// A row, by its place in its table.
pub type Row = (Table, usize);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Key,
    Text,
    Int,
    Time,
    /// Of these values.
    Enum([&'static str; 3]),
}

#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub field: &'static str,
    pub kind: Kind,
    /// Whether some of its values can be hidden: it is no part of the primary key, and orders nothing by default.
    pub can_be_hidden: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Relation {
    pub field: &'static str,
    pub to: Table,
    pub link: Link,
}

#[derive(Clone, Copy, Debug)]
pub enum Link {
    /// A column here is equal to one there.
    Direct(&'static str, &'static str),
    /// By rows of a junction: its column for here, and that for there.
    Through(Table, &'static str, &'static str),
}

/// A value that is not null.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Cell {
    Int(i64),
    Text(String),
    Time(DateTime<Utc>),
}

/// Does something with the column of this name, whose type is another in each table.
macro_rules! with_column {
    ($table:expr, $name:expr, $column:ident => $body:expr) => {{
        use crate::rules::proof::tables::{Table, named};
        match $table {
            Table::User => {
                let $column: entity::user::Column = named($name);
                $body
            }
            Table::Profile => {
                let $column: entity::profile::Column = named($name);
                $body
            }
            Table::Post => {
                let $column: entity::post::Column = named($name);
                $body
            }
            Table::Tag => {
                let $column: entity::tag::Column = named($name);
                $body
            }
            Table::Comment => {
                let $column: entity::comment::Column = named($name);
                $body
            }
            Table::PostTag => {
                let $column: entity::post_tag::Column = named($name);
                $body
            }
            Table::Follow => {
                let $column: entity::follow::Column = named($name);
                $body
            }
        }
    }};
}
pub(super) use with_column;

pub fn named<C: FromStr>(name: &str) -> C {
    match C::from_str(name) {
        Ok(column) => column,
        Err(_) => panic!("there is no column {name}"),
    }
}

impl Table {
    pub const ALL: [Table; 7] = [
        Table::User,
        Table::Profile,
        Table::Post,
        Table::Tag,
        Table::Comment,
        Table::PostTag,
        Table::Follow,
    ];

    pub fn type_name(self) -> &'static str {
        match self {
            Table::User => "User",
            Table::Profile => "Profile",
            Table::Post => "Post",
            Table::Tag => "Tag",
            Table::Comment => "Comment",
            Table::PostTag => "PostTag",
            Table::Follow => "Follow",
        }
    }

    pub fn columns(self) -> &'static [Column] {
        match self {
            Table::User => &USER,
            Table::Profile => &PROFILE,
            Table::Post => &POST,
            Table::Tag => &TAG,
            Table::Comment => &COMMENT,
            Table::PostTag => &POST_TAG,
            Table::Follow => &FOLLOW,
        }
    }

    pub fn relations(self) -> &'static [Relation] {
        match self {
            Table::User => &OF_USER,
            Table::Profile => &OF_PROFILE,
            Table::Post => &OF_POST,
            Table::Tag => &OF_TAG,
            Table::Comment => &OF_COMMENT,
            // They are no fields.
            Table::PostTag | Table::Follow => &[],
        }
    }

    pub fn relation(self, field: &str) -> Relation {
        let mut relations = self.relations().iter();
        let found = relations.find(|relation| relation.field == field);
        *found.unwrap_or_else(|| panic!("{self:?} has no relation {field}"))
    }

    /// The relation to the row that a row can stand or fall with.
    pub fn through(self) -> Option<&'static str> {
        match self {
            Table::Comment => Some("post"),
            Table::Profile => Some("user"),
            _ => None,
        }
    }

    pub fn count(self, data: &Data) -> usize {
        match self {
            Table::User => data.users.len(),
            Table::Profile => data.profiles.len(),
            Table::Post => data.posts.len(),
            Table::Tag => data.tags.len(),
            Table::Comment => data.comments.len(),
            Table::PostTag => data.post_tags.len(),
            Table::Follow => data.follows.len(),
        }
    }

    /// The columns of the primary key.
    fn key(self) -> [&'static str; 2] {
        match self {
            Table::Profile => ["user_id", ""],
            Table::PostTag => ["post_id", "tag_id"],
            Table::Follow => ["follower_id", "followee_id"],
            _ => ["id", ""],
        }
    }
}

/// The value of a row's column; none for null.
pub fn cell(data: &Data, (table, at): Row, column: &str) -> Option<Cell> {
    fn of<M: ModelTrait>(row: &M, column: &str) -> Option<Cell>
    where
        <M::Entity as sea_orm::EntityTrait>::Column: FromStr,
    {
        read(row.get(named(column)))
    }
    match table {
        Table::User => of(&data.users[at], column),
        Table::Profile => of(&data.profiles[at], column),
        Table::Post => of(&data.posts[at], column),
        Table::Tag => of(&data.tags[at], column),
        Table::Comment => of(&data.comments[at], column),
        Table::PostTag => of(&data.post_tags[at], column),
        Table::Follow => of(&data.follows[at], column),
    }
}

fn read(value: Value) -> Option<Cell> {
    match value {
        Value::Int(number) => number.map(|n| Cell::Int(n.into())),
        Value::BigInt(number) => number.map(Cell::Int),
        Value::String(text) => text.map(Cell::Text),
        Value::ChronoDateTimeUtc(time) => time.map(Cell::Time),
        Value::Enum(OptionEnum::Some(value)) => Some(Cell::Text(value.value.to_string())),
        other => panic!("no column of the blog holds {other:?}"),
    }
}

/// The key of a row as the reference has it.
pub fn key(data: &Data, row: Row) -> (i64, i64) {
    let part = |column: &str| match cell(data, row, column) {
        Some(Cell::Int(key)) => key,
        other => panic!("no key: {other:?}"),
    };
    match row.0.key() {
        [one, ""] => (part(one), 0),
        [one, other] => (part(one), part(other)),
    }
}

/// Puts the same in place of any value of a column that can be hidden.
pub fn blank(data: &mut Data, (table, at): Row, column: &str) {
    let epoch = DateTime::<Utc>::UNIX_EPOCH;
    match (table, column) {
        (Table::User, "username") => data.users[at].username = String::new(),
        (Table::User, "name") => data.users[at].name = String::new(),
        (Table::User, "email") => data.users[at].email = String::new(),
        (Table::User, "role") => data.users[at].role = user::Role::Reader,
        (Table::User, "updated_at") => data.users[at].updated_at = epoch,
        (Table::Profile, "bio") => data.profiles[at].bio = None,
        (Table::Profile, "website") => data.profiles[at].website = None,
        (Table::Profile, "location") => data.profiles[at].location = None,
        (Table::Post, "author_id") => data.posts[at].author_id = 0,
        (Table::Post, "title") => data.posts[at].title = String::new(),
        (Table::Post, "slug") => data.posts[at].slug = String::new(),
        (Table::Post, "body") => data.posts[at].body = String::new(),
        (Table::Post, "status") => data.posts[at].status = post::Status::Draft,
        (Table::Post, "published_at") => data.posts[at].published_at = None,
        (Table::Post, "updated_at") => data.posts[at].updated_at = epoch,
        (Table::Post, "version") => data.posts[at].version = 0,
        (Table::Tag, "name") => data.tags[at].name = String::new(),
        (Table::Comment, "post_id") => data.comments[at].post_id = 0,
        (Table::Comment, "author_id") => data.comments[at].author_id = 0,
        (Table::Comment, "parent_id") => data.comments[at].parent_id = None,
        (Table::Comment, "body") => data.comments[at].body = String::new(),
        (Table::Comment, "updated_at") => data.comments[at].updated_at = epoch,
        (Table::Follow, "created_at") => data.follows[at].created_at = epoch,
        _ => panic!("{table:?}.{column} is always seen"),
    }
}

/// Keeps the rows of all tables for which this is true.
pub fn retain(data: &mut Data, keep: impl Fn(Row) -> bool) {
    fn some<T>(table: Table, rows: &mut Vec<T>, keep: &dyn Fn(Row) -> bool) {
        let mut at = 0..;
        rows.retain(|_| keep((table, at.next().unwrap_or_default())));
    }
    some::<user::Model>(Table::User, &mut data.users, &keep);
    some::<profile::Model>(Table::Profile, &mut data.profiles, &keep);
    some::<post::Model>(Table::Post, &mut data.posts, &keep);
    some::<tag::Model>(Table::Tag, &mut data.tags, &keep);
    some::<comment::Model>(Table::Comment, &mut data.comments, &keep);
    some::<post_tag::Model>(Table::PostTag, &mut data.post_tags, &keep);
    some::<follow::Model>(Table::Follow, &mut data.follows, &keep);
}

/// The rows that a relation leads to from a row, each with the row of the junction that leads there.
pub fn related(data: &Data, row: Row, relation: Relation) -> Vec<(Option<Row>, Row)> {
    let equal = |table: Table, column: &str, to: Option<Cell>| {
        let rows = (0..table.count(data)).map(move |at| (table, at));
        let rows: Vec<_> = rows
            .filter(|row| to.is_some() && cell(data, *row, column) == to)
            .collect();
        rows
    };
    match relation.link {
        Link::Direct(here, there) => {
            let rows = equal(relation.to, there, cell(data, row, here));
            rows.into_iter().map(|row| (None, row)).collect()
        }
        Link::Through(junction, near, far) => {
            let own = cell(data, row, row.0.key()[0]);
            let links = equal(junction, near, own).into_iter();
            let rows = links.flat_map(|link| {
                let rows = equal(relation.to, relation.to.key()[0], cell(data, link, far));
                rows.into_iter().map(move |row| (Some(link), row))
            });
            rows.collect()
        }
    }
}

const fn column(name: &'static str, field: &'static str, kind: Kind) -> Column {
    Column {
        name,
        field,
        kind,
        can_be_hidden: true,
    }
}

const fn open(name: &'static str, field: &'static str, kind: Kind) -> Column {
    Column {
        can_be_hidden: false,
        ..column(name, field, kind)
    }
}

const ROLES: [&str; 3] = ["reader", "author", "admin"];
const STATES: [&str; 3] = ["draft", "published", "archived"];

const USER: [Column; 8] = [
    open("id", "id", Kind::Key),
    column("username", "username", Kind::Text),
    column("name", "name", Kind::Text),
    column("email", "email", Kind::Text),
    column("role", "role", Kind::Enum(ROLES)),
    open("created_at", "createdAt", Kind::Time),
    column("updated_at", "updatedAt", Kind::Time),
    // No field.
    open("password_hash", "", Kind::Text),
];
const PROFILE: [Column; 4] = [
    open("user_id", "userId", Kind::Key),
    column("bio", "bio", Kind::Text),
    column("website", "website", Kind::Text),
    column("location", "location", Kind::Text),
];
const POST: [Column; 10] = [
    open("id", "id", Kind::Key),
    column("author_id", "authorId", Kind::Key),
    column("title", "title", Kind::Text),
    column("slug", "slug", Kind::Text),
    column("body", "body", Kind::Text),
    column("status", "status", Kind::Enum(STATES)),
    column("published_at", "publishedAt", Kind::Time),
    open("created_at", "createdAt", Kind::Time),
    column("updated_at", "updatedAt", Kind::Time),
    column("version", "version", Kind::Int),
];
const TAG: [Column; 2] = [
    open("id", "id", Kind::Key),
    column("name", "name", Kind::Text),
];
const COMMENT: [Column; 7] = [
    open("id", "id", Kind::Key),
    column("post_id", "postId", Kind::Key),
    column("author_id", "authorId", Kind::Key),
    column("parent_id", "parentId", Kind::Key),
    column("body", "body", Kind::Text),
    open("created_at", "createdAt", Kind::Time),
    column("updated_at", "updatedAt", Kind::Time),
];
const POST_TAG: [Column; 2] = [
    open("post_id", "", Kind::Key),
    open("tag_id", "", Kind::Key),
];
const FOLLOW: [Column; 3] = [
    open("follower_id", "", Kind::Key),
    open("followee_id", "", Kind::Key),
    column("created_at", "createdAt", Kind::Time),
];

const fn direct(
    field: &'static str,
    to: Table,
    here: &'static str,
    there: &'static str,
) -> Relation {
    let link = Link::Direct(here, there);
    Relation { field, to, link }
}

const fn through(
    field: &'static str,
    to: Table,
    junction: Table,
    near: &'static str,
    far: &'static str,
) -> Relation {
    let link = Link::Through(junction, near, far);
    Relation { field, to, link }
}

const OF_USER: [Relation; 5] = [
    direct("posts", Table::Post, "id", "author_id"),
    direct("comments", Table::Comment, "id", "author_id"),
    direct("profile", Table::Profile, "id", "user_id"),
    through(
        "followers",
        Table::User,
        Table::Follow,
        "followee_id",
        "follower_id",
    ),
    through(
        "following",
        Table::User,
        Table::Follow,
        "follower_id",
        "followee_id",
    ),
];
const OF_PROFILE: [Relation; 1] = [direct("user", Table::User, "user_id", "id")];
const OF_POST: [Relation; 3] = [
    direct("author", Table::User, "author_id", "id"),
    direct("comments", Table::Comment, "id", "post_id"),
    through("tags", Table::Tag, Table::PostTag, "post_id", "tag_id"),
];
const OF_TAG: [Relation; 1] = [through(
    "posts",
    Table::Post,
    Table::PostTag,
    "tag_id",
    "post_id",
)];
const OF_COMMENT: [Relation; 4] = [
    direct("post", Table::Post, "post_id", "id"),
    direct("author", Table::User, "author_id", "id"),
    direct("parent", Table::Comment, "parent_id", "id"),
    direct("replies", Table::Comment, "id", "parent_id"),
];
