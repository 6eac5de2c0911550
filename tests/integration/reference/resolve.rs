//! The blog's resolvers: what each field of `surface.graphql` means, for an anonymous reader.
//!
//! A row that is hidden is left out before anything else happens, so it can neither be found nor
//! counted in an offset.

use super::{Data, input::Arguments};
use async_graphql::Value as ConstValue;
use chrono::{DateTime, SecondsFormat, Utc};
use entity::{comment, post, profile, tag, user};
use std::cmp::Reverse;

/// The largest page that may be asked for.
const MAX_LIMIT: i64 = 1000;

/// What an object type's fields are resolved against.
#[derive(Clone, Copy)]
pub enum Object<'a> {
    Query,
    User(&'a user::Model),
    Profile(&'a profile::Model),
    Post(&'a post::Model),
    Tag(&'a tag::Model),
    Comment(&'a comment::Model),
}

impl Object<'_> {
    /// ResolveAbstractType, for the one interface there is.
    pub fn type_name(self) -> &'static str {
        match self {
            Object::Query => "Query",
            Object::User(_) => "User",
            Object::Profile(_) => "Profile",
            Object::Post(_) => "Post",
            Object::Tag(_) => "Tag",
            Object::Comment(_) => "Comment",
        }
    }
}

/// A resolved value, not yet completed.
pub enum Resolved<'a> {
    Null,
    Leaf(serde_json::Value),
    Object(Object<'a>),
    List(Vec<Resolved<'a>>),
}

type Resolution<'a> = Result<Resolved<'a>, String>;

/// ResolveFieldValue(objectType, objectValue, fieldName, argumentValues). The error is the message
/// of an execution error.
pub fn resolve_field_value<'a>(
    data: &'a Data,
    object: Object<'a>,
    field: &str,
    arguments: &Arguments,
) -> Resolution<'a> {
    match object {
        Object::Query => query(data, field, arguments),
        Object::User(row) => user(data, row, field, arguments),
        Object::Profile(row) => profile(data, row, field),
        Object::Post(row) => post(data, row, field, arguments),
        Object::Tag(row) => tag(data, row, field, arguments),
        Object::Comment(row) => comment(data, row, field, arguments),
    }
}

fn query<'a>(data: &'a Data, field: &str, arguments: &Arguments) -> Resolution<'a> {
    match field {
        "node" => node(data, text(arguments, "id").unwrap_or_default()),
        "nodes" => {
            let Some(ConstValue::List(ids)) = arguments.get("ids") else {
                return Err("ids is no list".to_owned());
            };
            // An id that cannot be read fails the whole field: which of the items it would be an
            // error of is not said anywhere, and the generator makes no such ids.
            let nodes: Result<_, _> = ids.iter().map(|id| node(data, string(id))).collect();
            nodes.map(Resolved::List)
        }
        "user" => match lookup(arguments, &["id", "username", "email"])? {
            ("id", id) => Ok(find_user(data, key("User", id)?)),
            ("username", username) => Ok(one(
                data.users.iter().find(|user| user.username == username),
                Object::User,
            )),
            _ => Err("email is not for everyone to look up".to_owned()),
        },
        "profile" => {
            let (_, id) = lookup(arguments, &["id"])?;
            Ok(find_profile(data, key("Profile", id)?))
        }
        "post" => match lookup(arguments, &["id", "slug"])? {
            ("id", id) => Ok(find_post(data, key("Post", id)?)),
            (_, slug) => Ok(one(
                visible_posts(data).find(|post| post.slug == slug),
                Object::Post,
            )),
        },
        "tag" => match lookup(arguments, &["id", "name"])? {
            ("id", id) => Ok(find_tag(data, key("Tag", id)?)),
            (_, name) => Ok(one(
                data.tags.iter().find(|tag| tag.name == name),
                Object::Tag,
            )),
        },
        "comment" => {
            let (_, id) = lookup(arguments, &["id"])?;
            Ok(find_comment(data, Some(key("Comment", id)?)))
        }
        "users" => page(newest_users(data.users.iter()), Object::User, arguments),
        "profiles" => {
            let mut rows: Vec<_> = data.profiles.iter().collect();
            rows.sort_by_key(|profile| profile.user_id);
            page(rows, Object::Profile, arguments)
        }
        "posts" => page(newest_posts(visible_posts(data)), Object::Post, arguments),
        "tags" => {
            let mut rows: Vec<_> = data.tags.iter().collect();
            rows.sort_by_key(|tag| tag.id);
            page(rows, Object::Tag, arguments)
        }
        "comments" => page(
            newest_comments(visible_comments(data)),
            Object::Comment,
            arguments,
        ),
        _ => unknown("Query", field),
    }
}

fn user<'a>(
    data: &'a Data,
    row: &'a user::Model,
    field: &str,
    arguments: &Arguments,
) -> Resolution<'a> {
    Ok(match field {
        "id" => id("User", row.id),
        "username" => leaf(&*row.username),
        "name" => leaf(&*row.name),
        "email" => Resolved::Null,
        "role" => leaf(match row.role {
            user::Role::Reader => "READER",
            user::Role::Author => "AUTHOR",
            user::Role::Admin => "ADMIN",
        }),
        "createdAt" => time(row.created_at),
        "updatedAt" => time(row.updated_at),
        "posts" => {
            let posts = visible_posts(data).filter(|post| post.author_id == row.id);
            page(newest_posts(posts), Object::Post, arguments)?
        }
        "comments" => {
            let comments = visible_comments(data).filter(|comment| comment.author_id == row.id);
            page(newest_comments(comments), Object::Comment, arguments)?
        }
        "profile" => find_profile(data, row.id),
        "followers" => {
            let follows = data
                .follows
                .iter()
                .filter(|follow| follow.followee_id == row.id);
            let followers = follows.map(|follow| follow.follower_id).collect();
            users_by_key(data, followers, arguments)?
        }
        "following" => {
            let follows = data
                .follows
                .iter()
                .filter(|follow| follow.follower_id == row.id);
            let followees = follows.map(|follow| follow.followee_id).collect();
            users_by_key(data, followees, arguments)?
        }
        _ => unknown("User", field)?,
    })
}

fn profile<'a>(data: &'a Data, row: &'a profile::Model, field: &str) -> Resolution<'a> {
    Ok(match field {
        "id" => id("Profile", row.user_id),
        "userId" => id("User", row.user_id),
        "bio" => leaf(row.bio.as_deref()),
        "website" => leaf(row.website.as_deref()),
        "location" => leaf(row.location.as_deref()),
        "user" => find_user(data, row.user_id),
        _ => unknown("Profile", field)?,
    })
}

fn post<'a>(
    data: &'a Data,
    row: &'a post::Model,
    field: &str,
    arguments: &Arguments,
) -> Resolution<'a> {
    Ok(match field {
        "id" => id("Post", row.id),
        "authorId" => id("User", row.author_id),
        "title" => leaf(&*row.title),
        "slug" => leaf(&*row.slug),
        "body" => leaf(&*row.body),
        "status" => leaf(match row.status {
            post::Status::Draft => "DRAFT",
            post::Status::Published => "PUBLISHED",
            post::Status::Archived => "ARCHIVED",
        }),
        "publishedAt" => row.published_at.map_or(Resolved::Null, time),
        "createdAt" => time(row.created_at),
        "updatedAt" => time(row.updated_at),
        "version" => leaf(row.version),
        "author" => find_user(data, row.author_id),
        "comments" => {
            let comments = visible_comments(data).filter(|comment| comment.post_id == row.id);
            page(newest_comments(comments), Object::Comment, arguments)?
        }
        "tags" => {
            let filed = data.post_tags.iter().filter(|link| link.post_id == row.id);
            let mut keys: Vec<_> = filed.map(|link| link.tag_id).collect();
            keys.sort_unstable();
            let tags = keys
                .into_iter()
                .filter_map(|key| data.tags.iter().find(|tag| tag.id == key));
            page(tags.collect(), Object::Tag, arguments)?
        }
        _ => unknown("Post", field)?,
    })
}

fn tag<'a>(
    data: &'a Data,
    row: &'a tag::Model,
    field: &str,
    arguments: &Arguments,
) -> Resolution<'a> {
    Ok(match field {
        "id" => id("Tag", row.id),
        "name" => leaf(&*row.name),
        "posts" => {
            let filed = data.post_tags.iter().filter(|link| link.tag_id == row.id);
            let mut keys: Vec<_> = filed.map(|link| link.post_id).collect();
            keys.sort_unstable_by_key(|key| Reverse(*key));
            let posts = keys
                .into_iter()
                .filter_map(|key| visible_posts(data).find(|post| post.id == key));
            page(posts.collect(), Object::Post, arguments)?
        }
        _ => unknown("Tag", field)?,
    })
}

fn comment<'a>(
    data: &'a Data,
    row: &'a comment::Model,
    field: &str,
    arguments: &Arguments,
) -> Resolution<'a> {
    Ok(match field {
        "id" => id("Comment", row.id),
        "postId" => id("Post", row.post_id),
        "authorId" => id("User", row.author_id),
        "parentId" => row
            .parent_id
            .map_or(Resolved::Null, |parent| id("Comment", parent)),
        "body" => leaf(&*row.body),
        "createdAt" => time(row.created_at),
        "updatedAt" => time(row.updated_at),
        "post" => find_post(data, row.post_id),
        "author" => find_user(data, row.author_id),
        "parent" => find_comment(data, row.parent_id),
        "replies" => {
            let replies = visible_comments(data).filter(|reply| reply.parent_id == Some(row.id));
            page(newest_comments(replies), Object::Comment, arguments)?
        }
        _ => unknown("Comment", field)?,
    })
}

// What an anonymous reader may see.

fn is_visible(post: &post::Model) -> bool {
    post.status == post::Status::Published
}

fn visible_posts(data: &Data) -> impl Iterator<Item = &post::Model> {
    data.posts.iter().filter(|post| is_visible(post))
}

fn visible_comments(data: &Data) -> impl Iterator<Item = &comment::Model> {
    let visible = |key| visible_posts(data).any(|post| post.id == key);
    data.comments
        .iter()
        .filter(move |comment| visible(comment.post_id))
}

// The default orders.

fn newest_users<'a>(rows: impl Iterator<Item = &'a user::Model>) -> Vec<&'a user::Model> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
    rows
}

fn newest_posts<'a>(rows: impl Iterator<Item = &'a post::Model>) -> Vec<&'a post::Model> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
    rows
}

fn newest_comments<'a>(rows: impl Iterator<Item = &'a comment::Model>) -> Vec<&'a comment::Model> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
    rows
}

/// Users through the junction `follow`: by its key, descending.
fn users_by_key<'a>(data: &'a Data, mut keys: Vec<i64>, arguments: &Arguments) -> Resolution<'a> {
    keys.sort_unstable_by_key(|key| Reverse(*key));
    let users = keys
        .into_iter()
        .filter_map(|key| data.users.iter().find(|user| user.id == key));
    page(users.collect(), Object::User, arguments)
}

fn page<'a, T>(
    rows: Vec<&'a T>,
    object: fn(&'a T) -> Object<'a>,
    arguments: &Arguments,
) -> Resolution<'a> {
    let limit = integer(arguments, "limit").unwrap_or(20);
    let offset = integer(arguments, "offset").unwrap_or(0);
    if limit > MAX_LIMIT {
        return Err(format!("limit is at most {MAX_LIMIT}"));
    }
    let limit = usize::try_from(limit).map_err(|_| "limit is negative")?;
    let offset = usize::try_from(offset).map_err(|_| "offset is negative")?;
    let rows = rows.into_iter().skip(offset).take(limit);
    Ok(Resolved::List(
        rows.map(|row| Resolved::Object(object(row))).collect(),
    ))
}

// Single rows.

fn node<'a>(data: &'a Data, id: &str) -> Resolution<'a> {
    let (type_name, _) = id.split_once(':').ok_or("no global id")?;
    let key = key(type_name, id)?;
    Ok(match type_name {
        "User" => find_user(data, key),
        "Profile" => find_profile(data, key),
        "Post" => find_post(data, key),
        "Tag" => find_tag(data, key),
        "Comment" => find_comment(data, Some(key)),
        _ => return Err(format!("{type_name} is no node")),
    })
}

fn find_user(data: &Data, key: i64) -> Resolved<'_> {
    one(data.users.iter().find(|user| user.id == key), Object::User)
}

fn find_profile(data: &Data, key: i64) -> Resolved<'_> {
    one(
        data.profiles.iter().find(|profile| profile.user_id == key),
        Object::Profile,
    )
}

fn find_post(data: &Data, key: i64) -> Resolved<'_> {
    one(
        visible_posts(data).find(|post| post.id == key),
        Object::Post,
    )
}

fn find_tag(data: &Data, key: i64) -> Resolved<'_> {
    one(data.tags.iter().find(|tag| tag.id == key), Object::Tag)
}

fn find_comment(data: &Data, key: Option<i64>) -> Resolved<'_> {
    one(
        visible_comments(data).find(|comment| Some(comment.id) == key),
        Object::Comment,
    )
}

fn one<'a, T>(row: Option<&'a T>, object: fn(&'a T) -> Object<'a>) -> Resolved<'a> {
    row.map_or(Resolved::Null, |row| Resolved::Object(object(row)))
}

/// The one argument by which a row is looked up. Null counts as not given.
fn lookup<'a>(
    arguments: &'a Arguments,
    names: &[&'static str],
) -> Result<(&'static str, &'a str), String> {
    let given = names
        .iter()
        .filter_map(|name| Some((*name, text(arguments, name)?)));
    match given.collect::<Vec<_>>()[..] {
        [one] => Ok(one),
        _ => Err(format!("exactly one of {} is needed", names.join(", "))),
    }
}

/// The key in a global id of this type, or a bare key.
fn key(type_name: &str, id: &str) -> Result<i64, String> {
    let key = match id.split_once(':') {
        Some((prefix, key)) if prefix == type_name => key,
        Some(_) => return Err(format!("{id} is no {type_name}")),
        None => id,
    };
    key.parse().map_err(|_| format!("{id} has no key"))
}

// Leaves and arguments.

fn id<'a>(type_name: &str, key: i64) -> Resolved<'a> {
    leaf(format!("{type_name}:{key}"))
}

fn time<'a>(time: DateTime<Utc>) -> Resolved<'a> {
    leaf(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn leaf<'a>(value: impl Into<serde_json::Value>) -> Resolved<'a> {
    match value.into() {
        serde_json::Value::Null => Resolved::Null,
        value => Resolved::Leaf(value),
    }
}

fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    match arguments.get(name) {
        None | Some(ConstValue::Null) => None,
        Some(value) => Some(string(value)),
    }
}

/// The text of a coerced `String` or `ID`.
fn string(value: &ConstValue) -> &str {
    match value {
        ConstValue::String(text) => text,
        _ => "",
    }
}

fn integer(arguments: &Arguments, name: &str) -> Option<i64> {
    match arguments.get(name) {
        Some(ConstValue::Number(number)) => number.as_i64(),
        _ => None,
    }
}

fn unknown<'a>(type_name: &str, field: &str) -> Resolution<'a> {
    Err(format!("{type_name} has no field {field}"))
}
