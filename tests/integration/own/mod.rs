//! Fields of one's own: what they give, what they cost, and that they are no way around a rule.

mod declared;
mod enums;
mod example;
mod failures;
mod given;
mod kinds;
mod many;
mod mutations;
mod nested;
mod rules;
mod sql;
mod turns;
mod writes;

use std::collections::HashMap;
use std::time::Duration;

use backref::Graph;
use backref::graph::own::{FieldError, Key, Needs, Object, ObjectOf, Row, Way};
use backref::read::plan::Limits;
use entity::{comment, post, user};

use crate::harness::{Backend, TestApp, TestDatabase, blog};

/// A picture of a post.
#[derive(Clone)]
pub struct Cover {
    url: String,
    sizes: Vec<i32>,
}

impl Object for Cover {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Cover")
            .describe("A picture above a post.")
            .field("url", "Where it is.", |cover| cover.url.clone())
            .field("sizes", "How wide there is one.", |cover| {
                cover.sizes.clone()
            })
    }
}

/// The blog with fields of one's own.
pub fn graph() -> Graph {
    let graph = blog::graph()
        .field(
            post::Entity,
            "readingTime",
            Needs::columns([post::Column::Body])
                .argument::<Option<i32>>("perMinute", "Words in a minute; 200 unless it is said.")
                .describe("Minutes that it takes to read."),
            |post, cx| {
                let body: String = post.get(post::Column::Body)?;
                let words = body.split_whitespace().count() as i32;
                let per_minute = cx.argument::<Option<i32>>("perMinute")?.unwrap_or(200);
                match per_minute {
                    0 => Err(FieldError::input("nobody reads nothing in a minute")),
                    per_minute => Ok(words / per_minute + 1),
                }
            },
        )
        .field(
            user::Entity,
            "mailto",
            Needs::columns([user::Column::Email]),
            |user, _| {
                let email: String = user.get(user::Column::Email)?;
                Ok(format!("mailto:{email}"))
            },
        )
        .batch_field(
            post::Entity,
            "cover",
            Needs::columns([post::Column::Slug]),
            |post| post.get(post::Column::Slug),
            async |slugs: Vec<String>, _| {
                let covers = slugs.into_iter().filter(|slug| !slug.starts_with('a'));
                let cover = |slug: &String| Cover {
                    url: format!("/{slug}.jpg"),
                    sizes: vec![320, 640],
                };
                Ok(covers.map(|slug| (slug.clone(), cover(&slug))).collect())
            },
        );
    with_lazy(graph)
}

fn with_lazy(graph: Graph) -> Graph {
    graph
        .lazy_field(
            user::Entity,
            "karma",
            Needs::nothing()
                .related(
                    user::Relation::Posts,
                    Needs::columns([post::Column::Status]),
                )
                .related(
                    comment::Relation::Author,
                    Needs::columns([comment::Column::PostId]),
                ),
            async |user, cx| {
                let posts: Vec<Row<post::Entity>> =
                    cx.related(&user, user::Relation::Posts).await?;
                let comments: Vec<Row<comment::Entity>> =
                    cx.related(&user, comment::Relation::Author).await?;
                let mut karma = comments.len() as i32;
                for post in &posts {
                    let status: post::Status = post.get(post::Column::Status)?;
                    karma += match status {
                        post::Status::Published => 10,
                        _ => 1,
                    };
                }
                Ok(karma)
            },
        )
        .batch_field(
            user::Entity,
            "karmaAtOnce",
            Needs::nothing()
                .related(
                    user::Relation::Posts,
                    Needs::columns([post::Column::Status]),
                )
                .related(
                    comment::Relation::Author,
                    Needs::columns([comment::Column::PostId]),
                ),
            |user| Ok(user.clone()),
            async |users: Vec<Row<user::Entity>>, cx| {
                let posts = cx.related_each::<post::Entity, _>(&users, user::Relation::Posts);
                let posts = posts.await?;
                let comments =
                    cx.related_each::<comment::Entity, _>(&users, comment::Relation::Author);
                let comments = comments.await?;
                let mut all = HashMap::new();
                for ((user, posts), comments) in users.into_iter().zip(posts).zip(comments) {
                    let mut karma = comments.len() as i32;
                    for post in &posts {
                        let status: post::Status = post.get(post::Column::Status)?;
                        karma += match status {
                            post::Status::Published => 10,
                            _ => 1,
                        };
                    }
                    all.insert(user, karma);
                }
                Ok(all)
            },
        )
        .lazy_field(
            user::Entity,
            "popularity",
            Needs::nothing()
                .count(Way::called("followers"))
                .count(Way::called("posts")),
            async |user, cx| {
                let followers = cx.count(&user, Way::called("followers")).await?;
                Ok((followers * 100 + cx.count(&user, Way::called("posts")).await?) as i64)
            },
        )
        .lazy_field(
            user::Entity,
            "firstWords",
            Needs::nothing().related(
                user::Relation::Posts,
                Needs::columns([post::Column::Title])
                    .related(
                        post::Relation::Comments,
                        Needs::columns([comment::Column::Body]).at_most(1),
                    )
                    .at_most(2),
            ),
            async |user, cx| {
                let mut words: Vec<String> = Vec::new();
                for post in cx
                    .related::<post::Entity, _>(&user, user::Relation::Posts)
                    .await?
                {
                    let comments =
                        cx.related_one::<comment::Entity, _>(&post, post::Relation::Comments);
                    let said: Option<String> = match comments.await? {
                        Some(comment) => Some(comment.get(comment::Column::Body)?),
                        None => None,
                    };
                    words.push(said.unwrap_or(post.get(post::Column::Title)?));
                }
                Ok(words)
            },
        )
}

/// The same with fields that give rows.
pub fn giving() -> Graph {
    graph()
        .lazy_field(
            user::Entity,
            "oldestPosts",
            Needs::nothing()
                .related(user::Relation::Posts, Needs::<post::Entity>::nothing())
                .at_most(3),
            async |user, cx| {
                let posts: Vec<Row<post::Entity>> =
                    cx.related(&user, user::Relation::Posts).await?;
                let oldest = posts.iter().rev().take(3);
                Ok(oldest.map(Row::key).collect::<Vec<_>>())
            },
        )
        .field(
            post::Entity,
            "neighbour",
            Needs::columns([post::Column::Id]),
            |post, _| {
                let id: i64 = post.get(post::Column::Id)?;
                Ok(Key::<post::Entity>::new(id + 1))
            },
        )
        .query_field(
            "trending",
            Needs::root()
                .argument::<Vec<i64>>("ids", "Which, in their order.")
                .at_most(50),
            async |cx| {
                let ids: Vec<i64> = cx.argument("ids")?;
                Ok(ids
                    .into_iter()
                    .map(Key::<post::Entity>::new)
                    .collect::<Vec<_>>())
            },
        )
        .query_field("answer", Needs::root(), async |_| Ok(42))
}

pub fn app(database: &TestDatabase) -> TestApp {
    TestApp::new(database, giving(), Limits::default())
}

/// Content of `factor` times the base size, in which no relation is empty.
pub async fn seeded(backend: Backend, factor: u64) -> TestDatabase {
    let database = TestDatabase::migrated(backend).await;
    let options = backref::blog::seed::Options {
        users: 100 * factor,
        posts: 400 * factor,
        comments: 1200 * factor,
        tags: 20,
        seed: 5,
    };
    let bar = indicatif::ProgressBar::hidden();
    let filled = backref::blog::seed::run(&database.connection, &options, &bar).await;
    filled.expect("bulk content");
    database
}

/// So long does a request take at most here.
pub const SHORT: Duration = Duration::from_millis(700);
