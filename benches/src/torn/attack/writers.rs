//! The rows of the attack, and those who change them. Their keys are far above those of other content.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backref::serve::database::{Connect, Url};
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, TransactionTrait};

use super::{Client, Clock, Shared, Tally, mixed};

/// The post that is a draft after odd steps, and its comments.
pub const DRAFT: i64 = 900_000_001;
pub const REMARKS: RangeInclusive<i64> = 900_000_001..=900_000_003;
/// The post on which guests comment. After an odd step there is one.
pub const HOST: i64 = 900_000_002;
/// The post whose version is the number of the step.
pub const COUNTED: i64 = 900_000_003;
/// The posts that are moved between two authors: after a step, the first of them are the left one's.
pub const MOVED: RangeInclusive<i64> = 900_000_011..=900_000_022;
pub const LEFT: i64 = 900_000_001;
pub const RIGHT: i64 = 900_000_002;
const AUTHOR: i64 = 900_000_003;
/// The key of a step's guest and of what he says is above this by the step's number.
const GUESTS: i64 = 901_000_000;

const NOW: &str = "2026-01-01 00:00:00+00:00";

/// Puts the rows into a migrated database, and opens a connection for each writer.
pub async fn ready(url: &Url) -> Result<[DatabaseConnection; 5], String> {
    let mut open = Vec::new();
    for _ in 0..5 {
        let connection = url.connect(Connect::with(1)).await;
        let connection = connection.map_err(|e| e.to_string())?;
        let settings = match connection.get_database_backend() {
            DatabaseBackend::Sqlite => "PRAGMA synchronous = OFF; PRAGMA busy_timeout = 60000",
            _ => "SET synchronous_commit = off",
        };
        let set = connection.execute_unprepared(settings).await;
        set.map_err(|e| e.to_string())?;
        open.push(connection);
    }
    set_up(&open[0]).await.map_err(|e| e.to_string())?;
    open.try_into()
        .map_err(|_| "not as many writers".to_owned())
}

async fn set_up(database: &DatabaseConnection) -> Result<(), DbErr> {
    let mut sql = Vec::new();
    for (id, name) in [(LEFT, "left"), (RIGHT, "right"), (AUTHOR, "author")] {
        sql.push(user(id, name));
        sql.push(format!(
            "INSERT INTO profile (user_id, bio) VALUES ({id}, '{name}')"
        ));
    }
    for (id, title) in [(DRAFT, "public 0"), (HOST, "host"), (COUNTED, "counted")] {
        sql.push(post(id, AUTHOR, title));
    }
    for id in MOVED {
        sql.push(post(id, RIGHT, "moved"));
    }
    for id in REMARKS {
        sql.push(comment(id, DRAFT, AUTHOR, "a remark"));
    }
    let transaction = database.begin().await?;
    for statement in sql {
        transaction.execute_unprepared(&statement).await?;
    }
    transaction.commit().await
}

fn user(id: i64, name: &str) -> String {
    format!(
        "INSERT INTO \"user\" (id, username, name, email, created_at, updated_at) \
         VALUES ({id}, 'torn {name}', '{name}', '{name}@torn.example', '{NOW}', '{NOW}')"
    )
}

fn post(id: i64, author: i64, title: &str) -> String {
    format!(
        "INSERT INTO post (id, author_id, title, slug, body, status, created_at, updated_at, version) \
         VALUES ({id}, {author}, '{title}', 'torn-{id}', 'torn', 'published', '{NOW}', '{NOW}', 0)"
    )
}

fn comment(id: i64, post: i64, author: i64, body: &str) -> String {
    format!(
        "INSERT INTO comment (id, post_id, author_id, body, created_at, updated_at) \
         VALUES ({id}, {post}, {author}, '{body}', '{NOW}', '{NOW}')"
    )
}

/// How many of the moved posts are the left author's after a step.
pub fn left_after(step: u64) -> usize {
    let (first, last) = (*MOVED.start(), *MOVED.end());
    // As many states as posts, and one more; from one to the next half of them are moved.
    let states = (last - first + 2) as u64;
    (step * 6 % states) as usize
}

type Written = Result<(), DbErr>;

/// Alternates one post between published, with a title that all may read, and draft, with one that nobody may.
pub async fn publish_and_withdraw(database: DatabaseConnection, shared: Arc<Shared>) -> Written {
    for step in 1.. {
        let (status, title) = match step % 2 {
            0 => ("published", "public"),
            _ => ("draft", "secret"),
        };
        let sql = format!(
            "UPDATE post SET status = '{status}', title = '{title} {step}' WHERE id = {DRAFT}"
        );
        let clock = &shared.clocks.draft;
        if !write(&database, &shared, clock, step, &[sql]).await? {
            break;
        }
    }
    database.close().await
}

/// Users who come with a comment and go with it.
pub async fn come_and_go(database: DatabaseConnection, shared: Arc<Shared>) -> Written {
    for step in 1.. {
        let guest = GUESTS + step as i64;
        let name = format!("guest {step}");
        let sql = match step % 2 {
            0 => [
                format!("DELETE FROM comment WHERE id = {}", guest - 1),
                format!("DELETE FROM \"user\" WHERE id = {}", guest - 1),
            ],
            _ => [user(guest, &name), comment(guest, HOST, guest, &name)],
        };
        let clock = &shared.clocks.guest;
        if !write(&database, &shared, clock, step, &sql).await? {
            break;
        }
    }
    database.close().await
}

/// Moves posts from one author to the other and back, and writes the step's number into each.
pub async fn move_posts(database: DatabaseConnection, shared: Arc<Shared>) -> Written {
    let (first, last) = (*MOVED.start(), *MOVED.end());
    for step in 1.. {
        let border = first + left_after(step) as i64;
        let sql = [
            format!(
                "UPDATE post SET author_id = {LEFT}, version = {step} WHERE id >= {first} AND id < {border}"
            ),
            format!(
                "UPDATE post SET author_id = {RIGHT}, version = {step} WHERE id >= {border} AND id <= {last}"
            ),
        ];
        let clock = &shared.clocks.moved;
        if !write(&database, &shared, clock, step, &sql).await? {
            break;
        }
    }
    database.close().await
}

/// Counts a post's version up, and asks for it after each commit until all requests are asked.
pub async fn count_and_read<C: Client>(
    database: DatabaseConnection,
    mut client: C,
    shared: Arc<Shared>,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let all = &shared.questions;
    let counted: Vec<_> = all
        .iter()
        .filter(|q| q.name.starts_with("counted"))
        .collect();
    for step in 1.. {
        let sql = format!("UPDATE post SET version = {step} WHERE id = {COUNTED}");
        let written = write(&database, &shared, &shared.clocks.counted, step, &[sql]).await;
        written.map_err(|e| format!("a writer: {e}"))?;
        let question = counted[step as usize % counted.len()];
        tally.count(question.name, shared.judge(&mut client, question).await);
        if shared.asked.load(Ordering::Relaxed) >= shared.most {
            break;
        }
    }
    database.close().await.map_err(|e| e.to_string())?;
    Ok(tally)
}

/// Holds up those who read profiles, on PostgreSQL, where reading can wait for a lock.
pub async fn lock_profiles(database: DatabaseConnection, shared: Arc<Shared>) -> Written {
    let locks = database.get_database_backend() == DatabaseBackend::Postgres;
    while locks && !shared.is_over.load(Ordering::SeqCst) {
        let transaction = database.begin().await?;
        let lock = "LOCK TABLE profile IN ACCESS EXCLUSIVE MODE";
        transaction.execute_unprepared(lock).await?;
        tokio::time::sleep(Duration::from_millis(30)).await;
        transaction.commit().await?;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    database.close().await
}

/// One step: a transaction. False when the attack is over.
async fn write(
    database: &DatabaseConnection,
    shared: &Shared,
    clock: &Clock,
    step: u64,
    sql: &[String],
) -> Result<bool, DbErr> {
    clock.begun.store(step, Ordering::SeqCst);
    // SQLite waits for other writers where a transaction says at its beginning that it writes.
    let begin = match database.get_database_backend() {
        DatabaseBackend::Sqlite => "BEGIN IMMEDIATE",
        _ => "BEGIN",
    };
    let transaction = format!("{begin}; {}; COMMIT", sql.join("; "));
    database.execute_unprepared(&transaction).await?;
    clock.committed.store(step, Ordering::SeqCst);
    if mixed(step).is_multiple_of(4) {
        // Else readers of this and the next state would hardly ever meet the end of it.
        tokio::time::sleep(Duration::from_millis(mixed(step) >> 8 & 3)).await;
    }
    Ok(!shared.is_over.load(Ordering::SeqCst))
}
