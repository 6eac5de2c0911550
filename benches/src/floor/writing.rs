//! What the floors share of W1 to W4 and the plain ones: what is sent to them, and what they answer.

use super::{Failure, Id, Named};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub type Outcome<T> = std::result::Result<T, Failure>;

/// The variables of a request, whatever its document.
pub fn variables<'a, V: Deserialize<'a>>(body: &'a [u8]) -> Outcome<V> {
    #[derive(Deserialize)]
    struct Request<V> {
        variables: V,
    }
    let request: Request<V> = serde_json::from_slice(body)?;
    Ok(request.variables)
}

#[derive(Deserialize)]
pub struct One<T> {
    pub input: T,
}

#[derive(Deserialize)]
pub struct Several<T> {
    pub inputs: Vec<T>,
}

#[derive(Deserialize)]
pub struct NewPost<'a> {
    #[serde(borrow)]
    pub title: Cow<'a, str>,
    #[serde(borrow)]
    pub slug: Cow<'a, str>,
    #[serde(borrow)]
    pub body: Cow<'a, str>,
    pub status: Status,
    #[serde(borrow)]
    author: Option<Author<'a>>,
    #[serde(borrow, default)]
    tags: Tags<'a>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Draft,
    Published,
    Archived,
}

#[derive(Deserialize)]
struct Author<'a> {
    connect: &'a str,
}

#[derive(Default, Deserialize)]
struct Tags<'a> {
    #[serde(borrow)]
    connect: Vec<&'a str>,
}

#[derive(Deserialize)]
pub struct NewUser<'a> {
    #[serde(borrow)]
    pub username: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub email: Cow<'a, str>,
    #[serde(borrow)]
    posts: Posts<'a>,
}

#[derive(Deserialize)]
struct Posts<'a> {
    #[serde(borrow)]
    create: Vec<NewPost<'a>>,
}

/// The variables of W4.
#[derive(Deserialize)]
pub struct Update<'a> {
    id: &'a str,
    #[serde(borrow)]
    pub input: Retitled<'a>,
    pub version: i32,
}

#[derive(Deserialize)]
pub struct Retitled<'a> {
    #[serde(borrow)]
    pub title: Cow<'a, str>,
}

impl Status {
    /// As it is stored.
    pub fn stored(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Archived => "archived",
        }
    }
}

impl NewPost<'_> {
    pub fn author(&self) -> Outcome<i64> {
        let author = self.author.as_ref().ok_or("a post without an author")?;
        key("User", author.connect)
    }

    pub fn tags(&self) -> Outcome<Vec<i64>> {
        let tags = self.tags.connect.iter();
        tags.map(|tag| key("Tag", tag)).collect()
    }
}

impl<'a> NewUser<'a> {
    pub fn posts(&self) -> &[NewPost<'a>] {
        &self.posts.create
    }
}

impl Update<'_> {
    pub fn key(&self) -> Outcome<i64> {
        key("Post", self.id)
    }
}

/// The key of an id such as `User:12`.
fn key(of: &str, id: &str) -> Outcome<i64> {
    let key = id.strip_prefix(of).and_then(|id| id.strip_prefix(':'));
    Ok(key.ok_or("an id of another type")?.parse()?)
}

/// The tags of several posts, each with the position of its post.
pub fn links(posts: &[NewPost]) -> Outcome<Vec<(usize, i64)>> {
    let mut links = Vec::with_capacity(posts.len() * 3);
    for (place, post) in posts.iter().enumerate() {
        links.extend(post.tags()?.into_iter().map(|tag| (place, tag)));
    }
    Ok(links)
}

/// That each of these keys was found.
pub fn found(asked: usize, found: usize) -> Outcome<()> {
    match asked == found {
        true => Ok(()),
        false => Err("not found".into()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePost<T> {
    pub create_post: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePosts<T> {
    pub create_posts: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateUser<T> {
    pub create_user: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdatePost<T> {
    pub update_post: T,
}

/// A post of W1.
#[derive(Serialize)]
pub(super) struct TaggedPost<'a> {
    pub id: Id,
    pub title: &'a str,
    pub slug: &'a str,
    pub status: &'static str,
    pub version: i32,
    pub author: Named<'a>,
    pub tags: Vec<Named<'a>>,
}

/// A post of P1.
#[derive(Serialize)]
pub(super) struct PlainPost<'a> {
    pub id: Id,
    pub title: &'a str,
    pub slug: &'a str,
    pub status: &'static str,
    pub version: i32,
}

/// A user of W2.
#[derive(Serialize)]
pub(super) struct WritingUser<'a> {
    pub id: Id,
    pub username: &'a str,
    pub name: &'a str,
    pub posts: Vec<UsersPost<'a>>,
}

/// A post of W2.
#[derive(Serialize)]
pub(super) struct UsersPost<'a> {
    pub id: Id,
    pub title: &'a str,
    pub slug: &'a str,
    pub version: i32,
    pub tags: Vec<Named<'a>>,
}

/// A post of W3.
#[derive(Serialize)]
pub(super) struct SlugWithAuthor<'a> {
    pub id: Id,
    pub slug: &'a str,
    pub version: i32,
    pub author: Named<'a>,
}

/// A post of P3.
#[derive(Serialize)]
pub(super) struct Slug<'a> {
    pub id: Id,
    pub slug: &'a str,
    pub version: i32,
}

/// A post of W4.
#[derive(Serialize)]
pub(super) struct Versioned<'a> {
    pub id: Id,
    pub title: &'a str,
    pub version: i32,
}
