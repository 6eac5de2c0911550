//! The blog's rows: their columns, and the rows that they are related to, for a reader.
//!
//! A row that is hidden is left out before anything else happens, so it can neither be found nor
//! counted.

use super::Data;
use chrono::{DateTime, Utc};
use entity::{comment, follow, post, profile, tag, user};
use std::cmp::Reverse;

/// A row of one of the types that have an id.
#[derive(Clone, Copy)]
pub enum Row<'a> {
    User(&'a user::Model),
    Profile(&'a profile::Model),
    Post(&'a post::Model),
    Tag(&'a tag::Model),
    Comment(&'a comment::Model),
}

impl Row<'_> {
    /// ResolveAbstractType, for the one interface there is.
    pub fn type_name(self) -> &'static str {
        match self {
            Row::User(_) => "User",
            Row::Profile(_) => "Profile",
            Row::Post(_) => "Post",
            Row::Tag(_) => "Tag",
            Row::Comment(_) => "Comment",
        }
    }

    /// The primary key.
    pub fn key(self) -> i64 {
        match self {
            Row::User(row) => row.id,
            Row::Profile(row) => row.user_id,
            Row::Post(row) => row.id,
            Row::Tag(row) => row.id,
            Row::Comment(row) => row.id,
        }
    }
}

/// The value of a column that is not null. Values of one column are in the order that `orderBy`
/// means by ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column<'a> {
    /// The key of a row of this type.
    Id(&'static str, i64),
    Text(&'a str),
    Int(i64),
    Time(DateTime<Utc>),
    /// The text by which the database knows the value of an enum. The API has it in capitals.
    Enum(&'static str),
}

/// What a field of a row stands for.
pub enum Property<'a> {
    Column(Option<Column<'a>>),
    One(Option<Row<'a>>),
    /// In the default order.
    Many(Vec<Row<'a>>),
}

/// The field of a row; none where its type has no such field.
pub fn property<'a>(data: &'a Data, row: Row<'a>, field: &str) -> Option<Property<'a>> {
    let found = match row {
        Row::User(row) => user(data, row, field),
        Row::Profile(row) => profile(data, row, field),
        Row::Post(row) => post(data, row, field),
        Row::Tag(row) => tag(data, row, field),
        Row::Comment(row) => comment(data, row, field),
    }?;
    Some(match found {
        Property::Column(_) if data.is_gone(row.type_name(), row.key(), field) => {
            Property::Column(None)
        }
        found => found,
    })
}

fn user<'a>(data: &'a Data, row: &'a user::Model, field: &str) -> Option<Property<'a>> {
    Some(match field {
        "id" => id("User", row.id),
        "username" => text(&row.username),
        "name" => text(&row.name),
        // Not for everyone to see.
        "email" if data.seen.is_none() => Property::Column(None),
        "email" => text(&row.email),
        "role" => column(Column::Enum(match row.role {
            user::Role::Reader => "reader",
            user::Role::Author => "author",
            user::Role::Admin => "admin",
        })),
        "createdAt" => time(row.created_at),
        "updatedAt" => time(row.updated_at),
        "posts" => {
            let posts = data.posts.iter();
            let posts = posts.filter(|post| author_of_post(data, post) == Some(row.id));
            Property::Many(newest_posts(data, posts))
        }
        "comments" => {
            let comments = data.comments.iter();
            let comments = comments.filter(|c| author_of_comment(data, c) == Some(row.id));
            Property::Many(newest_comments(data, comments))
        }
        "profile" => Property::One(find_profile(data, row.id)),
        "followers" => {
            let follows = data.follows.iter();
            let follows = follows.filter(|follow| follow.followee_id == row.id);
            users_by_key(data, follows.map(|follow| follow.follower_id).collect())
        }
        "following" => {
            let follows = data.follows.iter();
            let follows = follows.filter(|follow| follow.follower_id == row.id);
            users_by_key(data, follows.map(|follow| follow.followee_id).collect())
        }
        _ => return None,
    })
}

fn profile<'a>(data: &'a Data, row: &'a profile::Model, field: &str) -> Option<Property<'a>> {
    let text = |text: &'a Option<String>| Property::Column(text.as_deref().map(Column::Text));
    Some(match field {
        "id" => id("Profile", row.user_id),
        "userId" => id("User", row.user_id),
        "bio" => text(&row.bio),
        "website" => text(&row.website),
        "location" => text(&row.location),
        "user" => Property::One(find_user(data, row.user_id)),
        _ => return None,
    })
}

fn post<'a>(data: &'a Data, row: &'a post::Model, field: &str) -> Option<Property<'a>> {
    Some(match field {
        "id" => id("Post", row.id),
        "authorId" => id("User", row.author_id),
        "title" => text(&row.title),
        "slug" => text(&row.slug),
        "body" => text(&row.body),
        "status" => column(Column::Enum(match row.status {
            post::Status::Draft => "draft",
            post::Status::Published => "published",
            post::Status::Archived => "archived",
        })),
        "publishedAt" => Property::Column(row.published_at.map(Column::Time)),
        "createdAt" => time(row.created_at),
        "updatedAt" => time(row.updated_at),
        "version" => column(Column::Int(row.version.into())),
        "author" => Property::One(author_of_post(data, row).and_then(|a| find_user(data, a))),
        "comments" => {
            let comments = data.comments.iter();
            let comments = comments.filter(|c| post_of_comment(data, c) == Some(row.id));
            Property::Many(newest_comments(data, comments))
        }
        "tags" => {
            let filed = data.post_tags.iter().filter(|link| link.post_id == row.id);
            let mut keys: Vec<_> = filed.map(|link| link.tag_id).collect();
            keys.sort_unstable();
            let tags = keys.into_iter().filter_map(|key| find_tag(data, key));
            Property::Many(tags.collect())
        }
        _ => return None,
    })
}

fn tag<'a>(data: &'a Data, row: &'a tag::Model, field: &str) -> Option<Property<'a>> {
    Some(match field {
        "id" => id("Tag", row.id),
        "name" => text(&row.name),
        "posts" => {
            let filed = data.post_tags.iter().filter(|link| link.tag_id == row.id);
            let mut keys: Vec<_> = filed.map(|link| link.post_id).collect();
            keys.sort_unstable_by_key(|key| Reverse(*key));
            let posts = keys.into_iter().filter_map(|key| find_post(data, key));
            Property::Many(posts.collect())
        }
        _ => return None,
    })
}

fn comment<'a>(data: &'a Data, row: &'a comment::Model, field: &str) -> Option<Property<'a>> {
    let parent_id = parent_of_comment(data, row);
    Some(match field {
        "id" => id("Comment", row.id),
        "postId" => id("Post", row.post_id),
        "authorId" => id("User", row.author_id),
        "parentId" => Property::Column(parent_id.map(|parent| Column::Id("Comment", parent))),
        "body" => text(&row.body),
        "createdAt" => time(row.created_at),
        "updatedAt" => time(row.updated_at),
        "post" => Property::One(post_of_comment(data, row).and_then(|p| find_post(data, p))),
        "author" => Property::One(author_of_comment(data, row).and_then(|a| find_user(data, a))),
        "parent" => Property::One(parent_id.and_then(|parent| find_comment(data, parent))),
        "replies" => {
            let replies = data.comments.iter();
            let replies = replies.filter(|c| parent_of_comment(data, c) == Some(row.id));
            Property::Many(newest_comments(data, replies))
        }
        _ => return None,
    })
}

// The keys by which rows are related: one that is gone leads nowhere, from neither side.

fn author_of_post(data: &Data, post: &post::Model) -> Option<i64> {
    data.shown("Post", post.id, "authorId", post.author_id)
}

fn author_of_comment(data: &Data, comment: &comment::Model) -> Option<i64> {
    data.shown("Comment", comment.id, "authorId", comment.author_id)
}

fn post_of_comment(data: &Data, comment: &comment::Model) -> Option<i64> {
    data.shown("Comment", comment.id, "postId", comment.post_id)
}

fn parent_of_comment(data: &Data, comment: &comment::Model) -> Option<i64> {
    data.shown("Comment", comment.id, "parentId", comment.parent_id)?
}

fn column(value: Column<'_>) -> Property<'_> {
    Property::Column(Some(value))
}

fn id<'a>(type_name: &'static str, key: i64) -> Property<'a> {
    column(Column::Id(type_name, key))
}

fn text(text: &str) -> Property<'_> {
    column(Column::Text(text))
}

fn time<'a>(time: DateTime<Utc>) -> Property<'a> {
    column(Column::Time(time))
}

/// The junction row that leads from `owner` by this field to `row`, where it has columns of its own.
pub fn link<'a>(data: &'a Data, owner: Row, field: &str, row: Row) -> Option<&'a follow::Model> {
    let (follower, followee) = match field {
        "followers" => (row.key(), owner.key()),
        "following" => (owner.key(), row.key()),
        _ => return None,
    };
    let mut follows = data.follows.iter();
    follows.find(|follow| follow.follower_id == follower && follow.followee_id == followee)
}

/// All rows that the reader may see, in the default order, by the name of their list.
pub fn all<'a>(data: &'a Data, list: &str) -> Option<Vec<Row<'a>>> {
    Some(match list {
        "users" => all_users(data),
        "profiles" => all_profiles(data),
        "posts" => newest_posts(data, data.posts.iter()),
        "tags" => all_tags(data),
        "comments" => newest_comments(data, data.comments.iter()),
        _ => return None,
    })
}

fn all_users(data: &Data) -> Vec<Row<'_>> {
    let mut rows: Vec<_> = data.users.iter().collect();
    rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
    rows.into_iter().map(Row::User).collect()
}

fn all_profiles(data: &Data) -> Vec<Row<'_>> {
    let mut rows: Vec<_> = data.profiles.iter().collect();
    rows.sort_by_key(|row| row.user_id);
    rows.into_iter().map(Row::Profile).collect()
}

fn all_tags(data: &Data) -> Vec<Row<'_>> {
    let mut rows: Vec<_> = data.tags.iter().collect();
    rows.sort_by_key(|row| row.id);
    rows.into_iter().map(Row::Tag).collect()
}

fn newest_posts<'a>(data: &'a Data, rows: impl Iterator<Item = &'a post::Model>) -> Vec<Row<'a>> {
    let mut rows: Vec<_> = rows.filter(|post| is_visible(data, post)).collect();
    rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
    rows.into_iter().map(Row::Post).collect()
}

fn newest_comments<'a>(
    data: &'a Data,
    rows: impl Iterator<Item = &'a comment::Model>,
) -> Vec<Row<'a>> {
    let mut rows: Vec<_> = rows.filter(|row| is_on_visible_post(data, row)).collect();
    rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
    rows.into_iter().map(Row::Comment).collect()
}

/// Users through the junction `follow`: by its key, descending.
fn users_by_key(data: &Data, mut keys: Vec<i64>) -> Property<'_> {
    keys.sort_unstable_by_key(|key| Reverse(*key));
    let users = keys.into_iter().filter_map(|key| find_user(data, key));
    Property::Many(users.collect())
}

fn is_visible(data: &Data, post: &post::Model) -> bool {
    data.seen.is_some() || post.status == post::Status::Published
}

fn is_on_visible_post(data: &Data, comment: &comment::Model) -> bool {
    data.seen.is_some() || find_post(data, comment.post_id).is_some()
}

// Single rows.

pub fn find_user(data: &Data, key: i64) -> Option<Row<'_>> {
    let row = data.users.iter().find(|user| user.id == key)?;
    Some(Row::User(row))
}

pub fn find_profile(data: &Data, key: i64) -> Option<Row<'_>> {
    let row = data
        .profiles
        .iter()
        .find(|profile| profile.user_id == key)?;
    Some(Row::Profile(row))
}

pub fn find_post(data: &Data, key: i64) -> Option<Row<'_>> {
    let mut posts = data.posts.iter();
    let row = posts.find(|post| post.id == key && is_visible(data, post))?;
    Some(Row::Post(row))
}

pub fn find_tag(data: &Data, key: i64) -> Option<Row<'_>> {
    let row = data.tags.iter().find(|tag| tag.id == key)?;
    Some(Row::Tag(row))
}

pub fn find_comment(data: &Data, key: i64) -> Option<Row<'_>> {
    let row = data.comments.iter().find(|comment| comment.id == key)?;
    is_on_visible_post(data, row).then_some(Row::Comment(row))
}
