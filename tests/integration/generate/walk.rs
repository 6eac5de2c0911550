//! Random lists, and the pages in which they are read.

use super::{
    document::Value,
    refine::Choices,
    value::{NODE_TYPES, pick},
};
use crate::reference::{Data, SURFACE, named_type};
use async_graphql::parser::types::BaseType;
use entity::post::Status;
use proptest::{collection::vec, prelude::*, sample::Index};

/// A list with a condition and an order, of the root or of one row.
#[derive(Clone, Debug)]
pub struct List {
    /// `Query` or the type of the row that it belongs to.
    pub owner: &'static str,
    pub field: &'static str,
    row: Index,
    /// `where` and `orderBy`, as written in a document.
    condition: Option<String>,
    order: Option<String>,
}

/// A way through a list, page by page.
#[derive(Clone, Debug)]
pub struct Walk {
    pub list: List,
    /// From the end, with `last` and `before`.
    pub backward: bool,
    /// The sizes of the pages, again and again.
    pub sizes: Vec<usize>,
}

pub fn walk() -> impl Strategy<Value = Walk> {
    let refinement = (
        any::<u8>(),
        vec(any::<u8>(), 0..=24),
        vec(any::<u8>(), 0..=24),
    );
    let list = (any::<u8>(), any::<Index>(), refinement);
    (list, any::<bool>(), vec(1..=6_usize, 1..=3)).prop_map(
        |((choice, row, (form, condition, order)), backward, sizes)| {
            let (owner, field, ty) = *pick(&lists(), choice);
            let condition = || Choices::constant(&condition).whole_condition(ty);
            let order = || Choices::constant(&order).orders(ty);
            let argument = |name, value: Value| Some(format!("{name}: {value}"));
            let list = List {
                owner,
                field,
                row,
                condition: argument("where", condition()).filter(|_| form % 8 < 3),
                order: argument("orderBy", order()).filter(|_| form % 4 > 0),
            };
            Walk {
                list,
                backward,
                sizes,
            }
        },
    )
}

/// The lists there are: the type that has them, the field, and the type of their rows.
fn lists() -> Vec<(&'static str, &'static str, &'static str)> {
    let owners = ["Query"].into_iter().chain(NODE_TYPES);
    let lists = owners.flat_map(|owner| {
        let fields = SURFACE.fields(owner).into_iter();
        let lists = fields.filter(|field| matches!(field.ty.node.base, BaseType::List(_)));
        lists.map(move |field| {
            let ty = named_type(&field.ty.node);
            (owner, field.name.node.as_str(), ty)
        })
    });
    lists.filter(|(_, _, ty)| *ty != "Node").collect()
}

impl List {
    /// The list as a field under the response name `list`, or what has this ending to its name.
    pub fn field(&self, ending: &str, arguments: &str, selections: &str) -> String {
        let given = [self.condition.as_deref(), self.order.as_deref()];
        let given = given.into_iter().flatten().chain([arguments]);
        let given = given.filter(|argument| !argument.is_empty());
        let arguments = match given.collect::<Vec<_>>()[..] {
            [] => String::new(),
            ref given => format!("({})", given.join(", ")),
        };
        format!("list: {}{ending}{arguments} {{ {selections} }}", self.field)
    }

    pub fn without_condition(&self) -> Self {
        Self {
            condition: None,
            ..self.clone()
        }
    }

    /// The selection set of an operation in which this list is asked for by [`List::field`], below
    /// `owner` where it belongs to a row. None where there is no such row that a reader may see.
    pub fn query(&self, data: &Data, field: &str) -> Option<String> {
        let (lookup, keys): (_, Vec<_>) = match self.owner {
            "User" => ("user", data.users.iter().map(|user| user.id).collect()),
            "Post" => ("post", published(data).collect()),
            "Tag" => ("tag", data.tags.iter().map(|tag| tag.id).collect()),
            "Comment" => {
                let comments = data.comments.iter();
                let seen =
                    comments.filter(|comment| published(data).any(|id| id == comment.post_id));
                ("comment", seen.map(|comment| comment.id).collect())
            }
            _ => return Some(format!("{{ {field} }}")),
        };
        let key = keys.get(self.row.index(keys.len().max(1)))?;
        Some(format!("{{ owner: {lookup}(id: {key}) {{ {field} }} }}"))
    }

    /// The same below `owners`, for many rows that have such a list; none for a list of the root.
    pub fn query_of_all(&self, field: &str) -> Option<String> {
        let owners = match self.owner {
            "User" => "users",
            "Post" => "posts",
            "Tag" => "tags",
            "Comment" => "comments",
            _ => return None,
        };
        Some(format!("{{ owners: {owners}(limit: 50) {{ {field} }} }}"))
    }
}

fn published(data: &Data) -> impl Iterator<Item = i64> {
    let posts = data.posts.iter();
    let posts = posts.filter(|post| post.status == Status::Published);
    posts.map(|post| post.id)
}
