//! Fields of one's own on the graph in the box: computed, searched and sorted by, lazy, by batches, of a root, and a
//! mutation.
//!
//! `cargo run --example fields` asks them of a temporary file with the sample content, and prints the answers.

use std::collections::HashMap;
use std::error::Error;

use backref::graph::own::{FieldError, Key, Needs, Object, ObjectOf, Row, Way};
use backref::{Backref, Graph, Principal, Request, Subject, blog};
use entity::{post, user};
use migration::{Migrator, MigratorTrait};
use sea_orm::Database;
use sea_orm::sea_query::{Expr, Func};
use serde_json::json;

/// A plain object.
#[derive(Clone)]
struct Cover {
    url: String,
    width: i32,
}

impl Object for Cover {
    fn object() -> ObjectOf<Self> {
        ObjectOf::<Self>::new("Cover")
            .field("url", "Where it is.", |cover| cover.url.clone())
            .field("width", "In pixels.", |cover| cover.width)
    }
}

/// What another service knows of posts, asked once for all of them.
async fn covers(slugs: &[String]) -> Result<HashMap<String, Cover>, FieldError> {
    let cover = |slug: &String| Cover {
        url: format!("https://pictures.example/{slug}.jpg"),
        width: 640,
    };
    Ok(slugs
        .iter()
        .map(|slug| (slug.clone(), cover(slug)))
        .collect())
}

fn graph() -> Graph {
    blog::graph()
        .field(
            post::Entity,
            "readingTime",
            Needs::columns([post::Column::Body])
                .argument::<Option<i32>>("perMinute", "Words in a minute; 200 unless it is said.")
                .describe("Minutes that it takes to read."),
            |post, cx| {
                let body: String = post.get(post::Column::Body)?;
                let per_minute = cx.argument::<Option<i32>>("perMinute")?.unwrap_or(200);
                Ok(body.split_whitespace().count() as i32 / per_minute.max(1) + 1)
            },
        )
        .field(
            post::Entity,
            "titleLength",
            Needs::columns([post::Column::Title])
                .sql(Func::char_length(Expr::col(post::Column::Title)))
                .describe("Characters of the title."),
            |post, _| Ok(post.get::<String>(post::Column::Title)?.chars().count() as i32),
        )
        .lazy_field(
            user::Entity,
            "karma",
            Needs::nothing()
                .related(
                    user::Relation::Posts,
                    Needs::columns([post::Column::Status]),
                )
                .count(Way::called("followers")),
            async |user, cx| {
                let mut karma = cx.count(&user, Way::called("followers")).await? as i32;
                let posts: Vec<Row<post::Entity>> =
                    cx.related(&user, user::Relation::Posts).await?;
                for post in posts {
                    let status: post::Status = post.get(post::Column::Status)?;
                    karma += if status == post::Status::Published {
                        10
                    } else {
                        1
                    };
                }
                Ok(karma)
            },
        )
        .batch_field(
            post::Entity,
            "cover",
            Needs::columns([post::Column::Slug]),
            |post| post.get(post::Column::Slug),
            async |slugs: Vec<String>, _| covers(&slugs).await,
        )
        .query_field("trending", Needs::root().at_most(10), async |_| {
            Ok([3, 1, 2].map(Key::<post::Entity>::new).to_vec())
        })
        .mutation_field(
            "publishPost",
            Needs::root().argument::<i64>("id", "Which."),
            async |cx| {
                let post = Key::<post::Entity>::new(cx.argument("id")?);
                cx.update(&post, json!({ "status": "PUBLISHED" })).await
            },
        )
}

const QUERY: &str = "{
  users(limit: 3) { name karma }
  posts(where: { titleLength: { lt: 30 } }, orderBy: [{ titleLength: DESC }], limit: 2) { title titleLength }
  trending { title readingTime author { karma } cover { url width } }
}";

const MUTATION: &str =
    r#"mutation { publishPost(id: "1") { status readingTime author { name } } }"#;

/// The answers to both.
pub async fn answers() -> Result<[String; 2], Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite://{}", directory.path().join("fields.db").display());
    let connection = Database::connect(format!("{url}?mode=rwc")).await?;
    Migrator::up(&connection, None).await?;
    blog::sample::fill(&connection).await?;
    connection.close().await?;

    let backref = Backref::builder(graph()).database(url).open().await?;
    let ask = async |query: &str, principal| {
        let answer = backref.execute(&Request::new(query), principal).await;
        String::from_utf8(answer.body)
    };
    let admin = Principal::subject(Subject::new("1").with_role("admin"));
    let read = ask(QUERY, Principal::Anonymous).await?;
    Ok([read, ask(MUTATION, admin).await?])
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    for answer in answers().await? {
        println!("{answer}");
    }
    Ok(())
}
