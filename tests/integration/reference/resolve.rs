//! The blog's resolvers: what each field of `surface.graphql` means, for a reader.

use super::{
    Data,
    aggregate::{Function, Group, Key, value},
    condition::matches,
    connection::{Connection, Edge, PageInfo},
    input::Arguments,
    order::sort,
    rows::{
        Column, Property, Row, all, find_comment, find_post, find_profile, find_tag, find_user,
        property,
    },
};
use async_graphql::Value as ConstValue;
use chrono::SecondsFormat;

/// The largest page that may be asked for.
pub const MAX_LIMIT: usize = 1000;
/// The page where none is asked for.
pub const DEFAULT_LIMIT: usize = 20;

/// What an object type's fields are resolved against.
#[derive(Clone)]
pub enum Object<'a> {
    Query,
    Row(Row<'a>),
    Connection(Connection<'a>),
    Edge(Edge<'a>),
    PageInfo(PageInfo),
    /// An aggregate, or one of its groups.
    Group(Group<'a>),
    GroupKey(Key<'a>),
    /// What a function makes of the columns of these rows.
    Values(Function, Vec<Row<'a>>),
}

impl Object<'_> {
    /// ResolveAbstractType, for the one interface there is.
    pub fn node_type(&self) -> Option<&'static str> {
        match self {
            Object::Row(row) => Some(row.type_name()),
            _ => None,
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

pub type Resolution<'a> = Result<Resolved<'a>, String>;

/// ResolveFieldValue(objectType, objectValue, fieldName, argumentValues). The error is the message
/// of an execution error.
pub fn resolve_field_value<'a>(
    data: &'a Data,
    object_type: &str,
    object: &Object<'a>,
    field: &str,
    arguments: &Arguments,
) -> Resolution<'a> {
    match object {
        Object::Query => query(data, field, arguments),
        Object::Row(row) => {
            let (name, view) = View::of(field);
            match property(data, *row, name) {
                Some(Property::Column(column)) => Ok(column.map_or(Resolved::Null, leaf)),
                Some(Property::One(row)) => Ok(one(row)),
                Some(Property::Many(rows)) => view.show(data, Some(*row), name, rows, arguments),
                None => unknown(object_type, field),
            }
        }
        Object::Connection(connection) => connection.resolve(field),
        Object::Edge(edge) => edge.resolve(field),
        Object::PageInfo(info) => info.resolve(field),
        Object::Group(group) => group.resolve(data, field, arguments),
        Object::GroupKey(key) => Ok(key.column(field).map_or(Resolved::Null, leaf)),
        Object::Values(function, rows) => value(data, *function, rows, field),
    }
}

/// The ways in which the API shows one list.
#[derive(Clone, Copy)]
enum View {
    Plain,
    Connection,
    Aggregate,
}

impl View {
    /// The list that a field is about, and the way.
    fn of(field: &str) -> (&str, Self) {
        if let Some(list) = field.strip_suffix("Connection") {
            (list, View::Connection)
        } else if let Some(list) = field.strip_suffix("Aggregate") {
            (list, View::Aggregate)
        } else {
            (field, View::Plain)
        }
    }

    /// The rows that `owner` has by the name of the list, or that the root has.
    fn show<'a>(
        self,
        data: &'a Data,
        owner: Option<Row<'a>>,
        list: &str,
        rows: Vec<Row<'a>>,
        arguments: &Arguments,
    ) -> Resolution<'a> {
        let rows = kept(data, rows, arguments)?;
        Ok(match self {
            View::Plain => page(data, rows, arguments)?,
            View::Connection => {
                let connection = Connection::of(data, owner, list, rows, arguments)?;
                Resolved::Object(Object::Connection(connection))
            }
            View::Aggregate => Resolved::Object(Object::Group(Group::whole(rows))),
        })
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
            (field, text) => {
                data.permit("User", field)?;
                let mut users = data.users.iter();
                let row = users.find(|user| {
                    let own = match field {
                        "email" => &user.email,
                        _ => &user.username,
                    };
                    own == text && !data.is_gone("User", user.id, field)
                });
                Ok(one(row.map(Row::User)))
            }
        },
        "profile" => {
            let (_, id) = lookup(arguments, &["id"])?;
            Ok(one(find_profile(data, key("Profile", id)?)))
        }
        "post" => match lookup(arguments, &["id", "slug"])? {
            ("id", id) => Ok(one(find_post(data, key("Post", id)?))),
            (_, slug) => {
                data.permit("Post", "slug")?;
                let mut posts = data.posts.iter();
                let row = posts.find(|p| p.slug == slug && !data.is_gone("Post", p.id, "slug"));
                Ok(one(row.and_then(|post| find_post(data, post.id))))
            }
        },
        "tag" => match lookup(arguments, &["id", "name"])? {
            ("id", id) => Ok(one(find_tag(data, key("Tag", id)?))),
            (_, name) => {
                data.permit("Tag", "name")?;
                let mut tags = data.tags.iter();
                let row = tags.find(|t| t.name == name && !data.is_gone("Tag", t.id, "name"));
                Ok(one(row.map(Row::Tag)))
            }
        },
        "comment" => {
            let (_, id) = lookup(arguments, &["id"])?;
            Ok(one(find_comment(data, key("Comment", id)?)))
        }
        _ => {
            let (list, view) = View::of(field);
            match all(data, list) {
                Some(rows) => view.show(data, None, list, rows, arguments),
                None => unknown("Query", field),
            }
        }
    }
}

/// The rows that `where` keeps.
fn kept<'a>(
    data: &'a Data,
    rows: Vec<Row<'a>>,
    arguments: &Arguments,
) -> Result<Vec<Row<'a>>, String> {
    let Some(condition) = given(arguments, "where") else {
        return Ok(rows);
    };
    let mut kept = Vec::new();
    for row in rows {
        if matches(data, row, condition)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// The coerced orders of `orderBy`; none where the order is the default one.
pub fn orders(arguments: &Arguments) -> Option<&[ConstValue]> {
    match given(arguments, "orderBy") {
        Some(ConstValue::List(orders)) if !orders.is_empty() => Some(orders),
        _ => None,
    }
}

/// The rows, in the order of `orderBy` if it names one, as `limit` and `offset` cut them.
fn page<'a>(data: &'a Data, mut rows: Vec<Row<'a>>, arguments: &Arguments) -> Resolution<'a> {
    let limit = count(arguments, "limit")?.unwrap_or(DEFAULT_LIMIT);
    let offset = count(arguments, "offset")?.unwrap_or(0);
    if let Some(orders) = orders(arguments) {
        rows = sort(data, rows, orders)?;
    }
    let rows = rows.into_iter().skip(offset).take(limit);
    Ok(Resolved::List(rows.map(object).collect()))
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

fn one(row: Option<Row<'_>>) -> Resolved<'_> {
    row.map_or(Resolved::Null, object)
}

pub fn object(row: Row<'_>) -> Resolved<'_> {
    Resolved::Object(Object::Row(row))
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

pub fn leaf<'a>(column: Column) -> Resolved<'a> {
    Resolved::Leaf(match column {
        Column::Id(type_name, key) => format!("{type_name}:{key}").into(),
        Column::Text(text) => text.into(),
        Column::Int(number) => number.into(),
        Column::Time(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
        Column::Enum(text) => text.to_uppercase().into(),
    })
}

/// The argument's value. Null counts as not given.
pub fn given<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a ConstValue> {
    arguments
        .get(name)
        .filter(|value| **value != ConstValue::Null)
}

pub fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    given(arguments, name).map(string)
}

/// The text of a coerced `String` or `ID`.
pub fn string(value: &ConstValue) -> &str {
    match value {
        ConstValue::String(text) => text,
        _ => "",
    }
}

/// A number of rows: not negative, and no more than a page may have unless it is an offset.
pub fn count(arguments: &Arguments, name: &str) -> Result<Option<usize>, String> {
    let Some(ConstValue::Number(number)) = arguments.get(name) else {
        return Ok(None);
    };
    let number = number.as_i64().and_then(|number| number.try_into().ok());
    match number {
        Some(number) if number > MAX_LIMIT && name != "offset" => {
            Err(format!("{name} is at most {MAX_LIMIT}"))
        }
        Some(number) => Ok(Some(number)),
        None => Err(format!("{name} is negative")),
    }
}

pub fn unknown<'a>(type_name: &str, field: &str) -> Resolution<'a> {
    Err(format!("{type_name} has no field {field}"))
}
