//! The program in the box.

use futures_util::FutureExt;
use sea_orm::DatabaseConnection;

use super::{graph, sample, seed};
use crate::Program;
use crate::program::{Result, say};
use crate::serve::config::Seed;

/// The graph of the box, over a file that is made and filled where no database is named.
pub fn program() -> Program {
    Program::new(graph())
        .migrations::<migration::Migrator>()
        .embedded("backref.db", |new| sample::fill(new).boxed())
        .seeding(|connection, args| fill(connection, args).boxed())
}

async fn fill(connection: &DatabaseConnection, args: &Seed) -> Result {
    let options = seed::Options {
        users: args.users,
        posts: args.posts,
        comments: args.comments,
        tags: args.tags,
        seed: args.seed,
    };
    let style = indicatif::ProgressStyle::with_template("{bar:40} {percent:>3} % {msg} {elapsed}")?;
    let progress = indicatif::ProgressBar::no_length().with_style(style);
    seed::run(connection, &options, &progress).await?;
    progress.finish();
    Ok(say::output(&format!(
        "{} users, {} posts, {} comments, {} tags in {:.1?}\n",
        args.users,
        args.posts,
        args.comments,
        args.tags,
        progress.elapsed()
    ))?)
}
