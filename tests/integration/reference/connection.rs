//! What connections mean: pages that begin and end at cursors.

use super::{
    Data,
    input::Arguments,
    order::{Position, sort},
    resolve::{
        DEFAULT_LIMIT, Object, Resolution, Resolved, count, leaf, object, orders, text, unknown,
    },
    rows::{Column, Row, all, link},
};
use async_graphql::{Name, Value as ConstValue};
use async_graphql_value::indexmap::IndexMap;
use chrono::{DateTime, Utc};
use std::cmp::Ordering;

#[derive(Clone)]
pub struct Connection<'a> {
    edges: Vec<Edge<'a>>,
    page_info: PageInfo,
    total_count: usize,
}

#[derive(Clone)]
pub struct Edge<'a> {
    cursor: String,
    node: Row<'a>,
    /// When the junction row was made that leads here, where it says so.
    created_at: Option<DateTime<Utc>>,
}

#[derive(Clone)]
pub struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
    end_cursor: Option<String>,
}

impl<'a> Connection<'a> {
    /// The page that `first`, `after`, `last` and `before` cut from the rows of a list, which belongs
    /// to `owner` or is one of the root's.
    pub fn of(
        data: &'a Data,
        owner: Option<Row<'a>>,
        list: &str,
        rows: Vec<Row<'a>>,
        arguments: &Arguments,
    ) -> Result<Self, String> {
        let (first, last) = (count(arguments, "first")?, count(arguments, "last")?);
        if first.is_some() && last.is_some() {
            return Err("first and last exclude each other".to_owned());
        }
        let default_order = default_order(owner, list);
        let order = orders(arguments).unwrap_or(&default_order);
        let total_count = rows.len();
        let after = text(arguments, "after");
        let before = text(arguments, "before");

        let mut rows = sort(data, rows, order)?;
        for (cursor, side) in [(after, Ordering::Greater), (before, Ordering::Less)] {
            let Some(cursor) = cursor else { continue };
            let there = row_at(data, node_list(owner, list), order, cursor)?;
            let there = Position::of(data, there, order)?;
            let mut kept = Vec::new();
            for row in rows {
                if Position::of(data, row, order)?.compare(&there) == side {
                    kept.push(row);
                }
            }
            rows = kept;
        }

        let (has_next_page, has_previous_page);
        if let Some(last) = last {
            let cut = rows.len().saturating_sub(last);
            has_previous_page = cut > 0;
            has_next_page = before.is_some();
            rows.drain(..cut);
        } else {
            let first = first.unwrap_or(DEFAULT_LIMIT);
            has_next_page = rows.len() > first;
            has_previous_page = after.is_some();
            rows.truncate(first);
        }

        let mut edges = Vec::new();
        for node in rows {
            let link = owner.and_then(|owner| link(data, owner, list, node));
            let created_at = link.and_then(|link| {
                let key = (link.follower_id, link.followee_id);
                data.shown("Follow", key, "createdAt", link.created_at)
            });
            edges.push(Edge {
                cursor: cursor(data, node, order)?,
                node,
                created_at,
            });
        }
        let page_info = PageInfo {
            has_next_page,
            has_previous_page,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        Ok(Self {
            edges,
            page_info,
            total_count,
        })
    }

    pub fn resolve(&self, field: &str) -> Resolution<'a> {
        Ok(match field {
            "edges" => {
                let edges = self.edges.iter().cloned().map(Object::Edge);
                Resolved::List(edges.map(Resolved::Object).collect())
            }
            "nodes" => Resolved::List(self.edges.iter().map(|edge| object(edge.node)).collect()),
            "pageInfo" => Resolved::Object(Object::PageInfo(self.page_info.clone())),
            "totalCount" => Resolved::Leaf(self.total_count.into()),
            _ => return unknown("a connection", field),
        })
    }
}

impl<'a> Edge<'a> {
    pub fn resolve(&self, field: &str) -> Resolution<'a> {
        Ok(match field {
            "cursor" => Resolved::Leaf(self.cursor.as_str().into()),
            "node" => object(self.node),
            "createdAt" => self
                .created_at
                .map_or(Resolved::Null, |time| leaf(Column::Time(time))),
            _ => return unknown("an edge", field),
        })
    }
}

impl PageInfo {
    pub fn resolve<'a>(&self, field: &str) -> Resolution<'a> {
        let cursor = |cursor: &Option<String>| match cursor {
            Some(cursor) => Resolved::Leaf(cursor.as_str().into()),
            None => Resolved::Null,
        };
        Ok(match field {
            "hasNextPage" => Resolved::Leaf(self.has_next_page.into()),
            "hasPreviousPage" => Resolved::Leaf(self.has_previous_page.into()),
            "startCursor" => cursor(&self.start_cursor),
            "endCursor" => cursor(&self.end_cursor),
            _ => return unknown("PageInfo", field),
        })
    }
}

// Cursors.

/// A text that says where the row stands. It is another one as soon as the row stands elsewhere.
fn cursor(data: &Data, row: Row, order: &[ConstValue]) -> Result<String, String> {
    let position = Position::of(data, row, order)?;
    Ok(format!("{} {position:?}", row.type_name()))
}

/// The row that has this cursor.
fn row_at<'a>(
    data: &'a Data,
    list: &str,
    order: &[ConstValue],
    given: &str,
) -> Result<Row<'a>, String> {
    let rows = all(data, list).unwrap_or_default().into_iter();
    rows.into_iter()
        .find(|row| cursor(data, *row, order).is_ok_and(|cursor| cursor == given))
        .ok_or_else(|| format!("{given} is no cursor of {list} in this order"))
}

/// The list of the root that has all the rows which can be in this one.
fn node_list<'a>(owner: Option<Row>, list: &'a str) -> &'a str {
    match list {
        "followers" | "following" if owner.is_some() => "users",
        "replies" => "comments",
        list => list,
    }
}

/// The default order as an `orderBy` that says the same.
fn default_order(owner: Option<Row>, list: &str) -> Vec<ConstValue> {
    let order = |field: &str, direction: &str| {
        let entry = (Name::new(field), ConstValue::Enum(Name::new(direction)));
        ConstValue::Object(IndexMap::from_iter([entry]))
    };
    match (owner, list) {
        // Through a junction: by its key.
        (Some(_), "followers" | "following") | (Some(Row::Tag(_)), "posts") => {
            vec![order("id", "DESC")]
        }
        (_, "tags" | "profiles") => vec![order("id", "ASC")],
        _ => vec![order("createdAt", "DESC"), order("id", "DESC")],
    }
}
