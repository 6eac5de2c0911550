//! The blog's resolvers: what each field of `surface.graphql` means, for an anonymous reader.

use super::{
    Data,
    condition::matches,
    input::Arguments,
    order::sort,
    rows::{
        Column, Property, all_comments, all_posts, all_profiles, all_tags, all_users, find_comment,
        find_post, find_profile, find_tag, find_user, property,
    },
};
use async_graphql::Value as ConstValue;
use chrono::SecondsFormat;

pub use super::rows::Object;

/// The largest page that may be asked for.
const MAX_LIMIT: i64 = 1000;

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
    if let Object::Query = object {
        return query(data, field, arguments);
    }
    match property(data, object, field) {
        Some(Property::Column(column)) => Ok(column.map_or(Resolved::Null, leaf)),
        Some(Property::One(row)) => Ok(one(row)),
        Some(Property::Many(rows)) => page(data, rows, arguments),
        None => unknown(object.type_name(), field),
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
            ("id", id) => Ok(one(find_user(data, key("User", id)?))),
            ("username", username) => {
                let row = data.users.iter().find(|user| user.username == username);
                Ok(one(row.map(Object::User)))
            }
            _ => Err("email is not for everyone to look up".to_owned()),
        },
        "profile" => {
            let (_, id) = lookup(arguments, &["id"])?;
            Ok(one(find_profile(data, key("Profile", id)?)))
        }
        "post" => match lookup(arguments, &["id", "slug"])? {
            ("id", id) => Ok(one(find_post(data, key("Post", id)?))),
            (_, slug) => {
                let row = data.posts.iter().find(|post| post.slug == slug);
                Ok(one(row.and_then(|post| find_post(data, post.id))))
            }
        },
        "tag" => match lookup(arguments, &["id", "name"])? {
            ("id", id) => Ok(one(find_tag(data, key("Tag", id)?))),
            (_, name) => {
                let row = data.tags.iter().find(|tag| tag.name == name);
                Ok(one(row.map(Object::Tag)))
            }
        },
        "comment" => {
            let (_, id) = lookup(arguments, &["id"])?;
            Ok(one(find_comment(data, key("Comment", id)?)))
        }
        "users" => page(data, all_users(data), arguments),
        "profiles" => page(data, all_profiles(data), arguments),
        "posts" => page(data, all_posts(data), arguments),
        "tags" => page(data, all_tags(data), arguments),
        "comments" => page(data, all_comments(data), arguments),
        _ => unknown("Query", field),
    }
}

/// The rows that `where` keeps, in the order of `orderBy` if it names one, as `limit` and `offset`
/// cut them.
fn page<'a>(data: &'a Data, rows: Vec<Object<'a>>, arguments: &Arguments) -> Resolution<'a> {
    let limit = integer(arguments, "limit").unwrap_or(20);
    let offset = integer(arguments, "offset").unwrap_or(0);
    if limit > MAX_LIMIT {
        return Err(format!("limit is at most {MAX_LIMIT}"));
    }
    let limit = usize::try_from(limit).map_err(|_| "limit is negative")?;
    let offset = usize::try_from(offset).map_err(|_| "offset is negative")?;

    let mut kept = match given(arguments, "where") {
        Some(condition) => {
            let mut kept = Vec::new();
            for row in rows {
                if matches(data, row, condition)? {
                    kept.push(row);
                }
            }
            kept
        }
        None => rows,
    };
    if let Some(ConstValue::List(orders)) = given(arguments, "orderBy")
        && !orders.is_empty()
    {
        kept = sort(data, kept, orders)?;
    }
    let rows = kept.into_iter().skip(offset).take(limit);
    Ok(Resolved::List(rows.map(Resolved::Object).collect()))
}

// Single rows.

fn node<'a>(data: &'a Data, id: &str) -> Resolution<'a> {
    let (type_name, _) = id.split_once(':').ok_or("no global id")?;
    let key = key(type_name, id)?;
    Ok(one(match type_name {
        "User" => find_user(data, key),
        "Profile" => find_profile(data, key),
        "Post" => find_post(data, key),
        "Tag" => find_tag(data, key),
        "Comment" => find_comment(data, key),
        _ => return Err(format!("{type_name} is no node")),
    }))
}

fn one(row: Option<Object<'_>>) -> Resolved<'_> {
    row.map_or(Resolved::Null, Resolved::Object)
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
pub fn key(type_name: &str, id: &str) -> Result<i64, String> {
    let key = match id.split_once(':') {
        Some((prefix, key)) if prefix == type_name => key,
        Some(_) => return Err(format!("{id} is no {type_name}")),
        None => id,
    };
    key.parse().map_err(|_| format!("{id} has no key"))
}

// Leaves and arguments.

fn leaf<'a>(column: Column) -> Resolved<'a> {
    Resolved::Leaf(match column {
        Column::Id(type_name, key) => format!("{type_name}:{key}").into(),
        Column::Text(text) => text.into(),
        Column::Int(number) => number.into(),
        Column::Time(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
        Column::Enum(text) => text.to_uppercase().into(),
    })
}

/// The argument's value. Null counts as not given.
fn given<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a ConstValue> {
    arguments
        .get(name)
        .filter(|value| **value != ConstValue::Null)
}

fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    given(arguments, name).map(string)
}

/// The text of a coerced `String` or `ID`.
pub fn string(value: &ConstValue) -> &str {
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
