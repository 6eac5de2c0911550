//! What a field costs whose code awaits two relations row by row, against the same written for all rows at once.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use backref::engine::{Engine, Planner, Request};
use backref::graph::Principal;
use backref::graph::own::{Context, FieldError, Needs, Row};
use backref::read::plan::Limits;
use backref::schema::Schema;
use backref::serve::database::{Connect, Url};
use backref::{Graph, blog, blog::seed};
use entity::{comment, post, user};
use indicatif::ProgressBar;
use migration::{Migrator, MigratorTrait};
use serde_json::json;

use crate::Result;
use crate::cluster::Cluster;
use crate::process::own_cpu;

const ROUNDS: usize = 9;
const REQUESTS: usize = 10;
const CONTENT: seed::Options = seed::Options {
    users: 1_000,
    posts: 10_000,
    comments: 30_000,
    tags: 100,
    seed: 3,
};
/// What row by row may cost, as a multiple of all at once.
const MOST: f64 = 1.5;

/// Measures both on both databases, taking turns.
pub async fn compare() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = format!("sqlite://{}", directory.path().join("own.db").display());
    let cluster = Cluster::start(false)?;
    println!("ms of CPU a request of 1,000 rows   row by row   all at once   ratio");
    for (name, url) in [("SQLite", file.as_str()), ("PostgreSQL", &cluster.url)] {
        let engine = engine(url).await?;
        let mut ratios = Vec::new();
        let (mut lazy, mut batch) = (Vec::new(), Vec::new());
        for _ in 0..=ROUNDS {
            lazy.push(cost(&engine, "{ users(limit: 1000) { id karma } }").await?);
            batch.push(cost(&engine, "{ users(limit: 1000) { id karmaAtOnce } }").await?);
        }
        // The first of each is for what is learnt.
        let (lazy, batch) = (&mut lazy[1..], &mut batch[1..]);
        ratios.extend(lazy.iter().zip(batch.iter()).map(|(a, b)| a / b));
        let ratio = median(&mut ratios);
        println!(
            "{name:<33} {:>12.2} {:>13.2} {ratio:>7.2}",
            median(lazy),
            median(batch)
        );
        if ratio > MOST {
            return Err(format!("{name}: {ratio:.2} is more than {MOST}").into());
        }
    }
    Ok(())
}

async fn engine(url: &str) -> Result<Engine> {
    let url: Url = url.parse()?;
    let connection = url.connect(Connect::with(1).creating(true)).await?;
    Migrator::up(&connection, None).await?;
    seed::run(&connection, &CONTENT, &ProgressBar::hidden()).await?;
    connection.close().await?;
    let limits = Limits {
        rows: 10_000_000,
        ..Limits::default()
    };
    let catalog = graph().build()?;
    let schema = Schema::new(&catalog, limits.default_page())?;
    let planner = Planner::new(catalog, schema, limits);
    let (readers, _) = url.open(4, None)?;
    Ok(Engine::new(planner, readers, Duration::from_secs(60)))
}

/// The milliseconds of this program's CPU that a request takes.
async fn cost(engine: &Engine, query: &str) -> Result<f64> {
    let request: Request = serde_json::from_value(json!({ "query": query }))?;
    let before = own_cpu()?;
    for _ in 0..REQUESTS {
        let answer = engine.execute(&request, Principal::Anonymous).await;
        if !answer.body.starts_with(b"{\"data\":{") {
            return Err(String::from_utf8_lossy(&answer.body).into_owned().into());
        }
        black_box(answer);
    }
    let took = own_cpu()?.saturating_sub(before);
    Ok(took.as_secs_f64() * 1e3 / REQUESTS as f64)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn graph() -> Graph {
    let needs = || {
        Needs::<user::Entity>::nothing()
            .related(
                user::Relation::Posts,
                Needs::columns([post::Column::Status]),
            )
            .related(
                comment::Relation::Author,
                Needs::columns([comment::Column::PostId]),
            )
    };
    blog::graph()
        .lazy_field(user::Entity, "karma", needs(), async |user, cx: Context| {
            let posts = cx.related(&user, user::Relation::Posts).await?;
            let comments = cx.related(&user, comment::Relation::Author).await?;
            karma(&posts, &comments)
        })
        .batch_field(
            user::Entity,
            "karmaAtOnce",
            needs(),
            |user| Ok(user.clone()),
            async |users: Vec<Row<user::Entity>>, cx: Context| {
                let posts = cx.related_each(&users, user::Relation::Posts).await?;
                let comments = cx.related_each(&users, comment::Relation::Author).await?;
                let of_users = users.into_iter().zip(posts.iter().zip(&comments));
                let values =
                    of_users.map(|(user, (posts, comments))| Ok((user, karma(posts, comments)?)));
                values.collect::<Result<HashMap<_, _>, FieldError>>()
            },
        )
}

fn karma(
    posts: &[Row<post::Entity>],
    comments: &[Row<comment::Entity>],
) -> Result<i32, FieldError> {
    let mut karma = comments.len() as i32;
    for post in posts {
        karma += match post.get(post::Column::Status)? {
            post::Status::Published => 10,
            _ => 1,
        };
    }
    Ok(karma)
}
