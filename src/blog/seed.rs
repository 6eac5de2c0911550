//! Content in bulk: the same rows for the same options, on every database.
//!
//! All chance comes from [`Pcg64`] (PCG XSL RR 128/64, O'Neill 2014), one stream per table, and is
//! used in integer arithmetic only; all times are whole seconds counted from a fixed day. So the
//! rows depend on nothing but [`Options`] and this file, and they must never depend on a clock, a
//! database or the layout of a hash map.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use indicatif::ProgressBar;
use rand_pcg::{Pcg64, rand_core::Rng};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, InsertMany, IntoActiveModel, QuerySelect, TransactionTrait,
};

/// How many rows of each kind, and which of the possible contents.
///
/// What is not counted here follows from it: a profile for four users in five, about five follows
/// per user, two and a half tags per post (where there are four tags to choose from).
#[derive(Clone, Debug)]
pub struct Options {
    /// The first is an admin, one in ten is a reader without posts, the others are authors.
    pub users: u64,
    /// Every hundredth user has 500 of them, as far as the total allows; the other authors share
    /// what remains. 90 % are published, 7 % drafts, 3 % archived.
    pub posts: u64,
    /// One in four answers an earlier comment on the same post. Drafts have none.
    pub comments: u64,
    /// Of which posts have up to four; the first are met most often.
    pub tags: u64,
    /// Which of the possible contents: the same number makes the same rows.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            users: 10_000,
            posts: 100_000,
            comments: 300_000,
            tags: 200,
            seed: 1,
        }
    }
}

/// Why nothing was written. Whatever the error, the database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It holds the name of a table that has rows.
    #[error("the database is not empty: there are rows in table `{0}`; seed a new one")]
    NotEmpty(String),
    /// The numbers of [`Options`] contradict each other, as posts without anybody to write them.
    #[error("there cannot be such content: {0}")]
    Impossible(&'static str),
    /// A statement failed, and the transaction was rolled back.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Fills an empty, migrated database in one transaction and refreshes its statistics.
///
/// `progress` counts rows; its message is the table that is being filled.
pub async fn run(
    db: &DatabaseConnection,
    options: &Options,
    progress: &ProgressBar,
) -> Result<(), Error> {
    check_possible(options)?;
    let transaction = db.begin().await?;
    check_empty(&transaction).await?;

    let plan = Plan::new(options);
    progress.set_length(plan.rows());
    fill(&transaction, "user", plan.users(), progress).await?;
    fill(&transaction, "profile", plan.profiles(), progress).await?;
    fill(&transaction, "tag", plan.tags(), progress).await?;
    fill(&transaction, "post", plan.posts(), progress).await?;
    fill(&transaction, "post_tag", plan.post_tags(), progress).await?;
    fill(&transaction, "comment", plan.comments(), progress).await?;
    fill(&transaction, "follow", plan.follows(), progress).await?;
    continue_ids(&transaction).await?;

    progress.set_message("statistics");
    for table in TABLES {
        let statement = format!(r#"ANALYZE "{table}""#);
        transaction.execute_unprepared(&statement).await?;
    }
    transaction.commit().await?;
    progress.finish_with_message("done");
    Ok(())
}

/// Makes the database give ids above those that were written explicitly. SQLite does so by itself.
pub(crate) async fn continue_ids(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for table in ["user", "post", "tag", "comment"] {
        db.execute_unprepared(&format!(
            r#"SELECT setval(pg_get_serial_sequence('"{table}"', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM "{table}""#
        ))
        .await?;
    }
    Ok(())
}

const TABLES: [&str; 7] = [
    "user", "profile", "post", "tag", "post_tag", "comment", "follow",
];

fn check_possible(options: &Options) -> Result<(), Error> {
    let Options {
        users,
        posts,
        comments,
        tags,
        seed: _,
    } = *options;
    if [users, posts, comments, tags]
        .into_iter()
        .any(|count| count > MAX_COUNT)
    {
        return Err(Error::Impossible("more than 100,000,000 rows of a kind"));
    }
    if users == 0 && posts > 0 {
        return Err(Error::Impossible(
            "posts need at least one user to write them",
        ));
    }
    if posts == 0 && comments > 0 {
        return Err(Error::Impossible(
            "comments need at least one post to be about",
        ));
    }
    Ok(())
}

/// A bound on each count, below which the plan fits in memory and no arithmetic overflows.
const MAX_COUNT: u64 = 100_000_000;

async fn check_empty(db: &DatabaseTransaction) -> Result<(), Error> {
    async fn check<E: EntityTrait>(db: &DatabaseTransaction, entity: E) -> Result<(), Error> {
        let first = E::find().select_only().expr(1).limit(1).into_tuple::<i32>();
        match first.one(db).await? {
            Some(_) => Err(Error::NotEmpty(entity.table_name().to_owned())),
            None => Ok(()),
        }
    }
    check(db, user::Entity).await?;
    check(db, profile::Entity).await?;
    check(db, tag::Entity).await?;
    check(db, post::Entity).await?;
    check(db, post_tag::Entity).await?;
    check(db, comment::Entity).await?;
    check(db, follow::Entity).await
}

/// Rows per statement. Ten columns of so many rows stay below the parameters that SQLite (32,766)
/// and PostgreSQL (65,535) allow, and since all chunks but the last are of this size a connection
/// prepares one statement per table.
const CHUNK: usize = 500;

async fn fill<M, A>(
    db: &DatabaseTransaction,
    table: &'static str,
    mut rows: impl Iterator<Item = M> + Send,
    progress: &ProgressBar,
) -> Result<(), DbErr>
where
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    progress.set_message(table);
    loop {
        let chunk: Vec<M> = rows.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        let count = chunk.len() as u64;
        InsertMany::many(chunk).exec_without_returning(db).await?;
        progress.inc(count);
    }
}

/// Everything about the rows to come that rows of several tables depend on.
struct Plan<'a> {
    options: &'a Options,
    /// By post: its author, its status, and when it was created.
    headings: Vec<Heading>,
}

#[derive(Clone, Copy)]
struct Heading {
    author: u64,
    status: post::Status,
    created: i64,
}

const DAY: i64 = 24 * 60 * 60;
/// 2020-01-01T00:00:00Z. Users join during the first year and write posts during the next five;
/// everything has happened before 2026.
const FIRST_DAY: i64 = 1_577_836_800;
const USERS_SPAN: (i64, i64) = (FIRST_DAY, 366 * DAY);
const POSTS_SPAN: (i64, i64) = (FIRST_DAY + 366 * DAY, 1_780 * DAY);
/// Posts are published, if at all, within so many seconds, and not commented before.
const PUBLISHING: i64 = 2 * DAY;
const COMMENTS_SPAN: (i64, i64) = (POSTS_SPAN.0 + PUBLISHING + DAY, 1_800 * DAY);

const POSTS_OF_THE_PROLIFIC: u64 = 500;

fn is_prolific(user: u64) -> bool {
    user.is_multiple_of(100)
}

fn role(user: u64) -> user::Role {
    match user {
        1 => user::Role::Admin,
        _ if user % 10 == 5 => user::Role::Reader,
        _ => user::Role::Author,
    }
}

/// How many tags the posts have, in turn.
const TAGS_PER_POST: [u64; 4] = [2, 3, 1, 4];

fn has_profile(user: u64) -> bool {
    user % 5 != 3
}

impl<'a> Plan<'a> {
    fn new(options: &'a Options) -> Self {
        let mut chance = Chance::new(options.seed, 1);
        let prolific = (1..=options.users).filter(|user| is_prolific(*user));
        let mut authors: Vec<u64> = prolific
            .flat_map(|user| std::iter::repeat_n(user, POSTS_OF_THE_PROLIFIC as usize))
            .take(options.posts as usize)
            .collect();
        let others: Vec<u64> = (1..=options.users)
            .filter(|user| !is_prolific(*user) && role(*user) != user::Role::Reader)
            .collect();
        while (authors.len() as u64) < options.posts {
            authors.push(*chance.pick(&others));
        }
        for last in (1..authors.len()).rev() {
            authors.swap(last, chance.below(last as u64 + 1) as usize);
        }

        let headings = (0..options.posts)
            .zip(authors)
            .map(|(index, author)| Heading {
                author,
                created: chance.moment(POSTS_SPAN, index, options.posts),
                status: match chance.below(100) {
                    // Were there drafts only, there would be nothing to comment on.
                    _ if index == 0 => post::Status::Published,
                    0..7 => post::Status::Draft,
                    7..10 => post::Status::Archived,
                    _ => post::Status::Published,
                },
            })
            .collect();
        Plan { options, headings }
    }

    /// How many rows there will be, follows estimated.
    fn rows(&self) -> u64 {
        let Options {
            users,
            posts,
            comments,
            tags,
            ..
        } = *self.options;
        let profiles = (1..=users).filter(|user| has_profile(*user)).count() as u64;
        let post_tags: u64 = (0..posts).map(|index| self.tags_of(index)).sum();
        users + profiles + tags + posts + post_tags + comments + 5 * users
    }

    fn tags_of(&self, post_index: u64) -> u64 {
        TAGS_PER_POST[(post_index % 4) as usize].min(self.options.tags)
    }

    fn users(&self) -> impl Iterator<Item = user::Model> {
        let mut chance = Chance::new(self.options.seed, 2);
        (1..=self.options.users).map(move |id| {
            let given = *chance.pick(GIVEN_NAMES);
            let family = *chance.pick(FAMILY_NAMES);
            let username = format!("{given}_{family}_{id}").to_lowercase();
            let created = chance.moment(USERS_SPAN, id - 1, self.options.users);
            let updated = created + chance.below(30 * DAY as u64) as i64;
            user::Model {
                id: id as i64,
                name: format!("{given} {family}"),
                email: format!("{username}@example.org"),
                username,
                password_hash: None,
                role: role(id),
                created_at: time(created),
                updated_at: time(updated),
            }
        })
    }

    fn profiles(&self) -> impl Iterator<Item = profile::Model> {
        let mut chance = Chance::new(self.options.seed, 3);
        let users = (1..=self.options.users).filter(|user| has_profile(*user));
        users.map(move |user| profile::Model {
            user_id: user as i64,
            bio: (chance.below(10) > 0).then(|| chance.prose(40, 160)),
            website: (chance.below(3) > 0).then(|| format!("https://example.org/~{user}")),
            location: (chance.below(4) > 0).then(|| (*chance.pick(PLACES)).to_owned()),
        })
    }

    fn tags(&self) -> impl Iterator<Item = tag::Model> {
        (1..=self.options.tags).map(|id| {
            let word = WORDS[(id as usize - 1) % WORDS.len()];
            let name = match (id as usize - 1) / WORDS.len() {
                0 => word.to_owned(),
                round => format!("{word}-{}", round + 1),
            };
            tag::Model {
                id: id as i64,
                name,
            }
        })
    }

    fn posts(&self) -> impl Iterator<Item = post::Model> {
        let mut chance = Chance::new(self.options.seed, 4);
        (1..).zip(&self.headings).map(move |(id, heading)| {
            let title = chance.title();
            let published = (heading.status == post::Status::Published)
                .then(|| heading.created + chance.below(PUBLISHING as u64) as i64);
            let version = 1 + chance.low(4) as i32;
            let edited = (version > 1).then(|| PUBLISHING + chance.below(30 * DAY as u64) as i64);
            let updated = match edited {
                Some(later) => heading.created + later,
                None => published.unwrap_or(heading.created),
            };
            post::Model {
                id,
                author_id: heading.author as i64,
                slug: format!("{}-{id}", title.to_lowercase().replace(' ', "-")),
                title,
                body: chance.prose(200, 600),
                status: heading.status,
                published_at: published.map(time),
                created_at: time(heading.created),
                updated_at: time(updated),
                version,
            }
        })
    }

    fn post_tags(&self) -> impl Iterator<Item = post_tag::Model> {
        let mut chance = Chance::new(self.options.seed, 5);
        (0..self.options.posts).flat_map(move |index| {
            let mut tags = BTreeSet::new();
            while (tags.len() as u64) < self.tags_of(index) {
                tags.insert(1 + chance.low(self.options.tags));
            }
            tags.into_iter().map(move |tag| post_tag::Model {
                post_id: index as i64 + 1,
                tag_id: tag as i64,
            })
        })
    }

    fn comments(&self) -> impl Iterator<Item = comment::Model> {
        let mut chance = Chance::new(self.options.seed, 6);
        let mut posts = (1i64..)
            .zip(&self.headings)
            .filter(|(_, heading)| heading.status != post::Status::Draft)
            .map(|(id, heading)| (id, heading.created + PUBLISHING))
            .peekable();
        // The posts that may be commented so far, and by comment the post that it is about.
        let mut open: Vec<i64> = Vec::new();
        let mut posts_of: Vec<i64> = Vec::new();
        (1..=self.options.comments).map(move |id| {
            let created = chance.moment(COMMENTS_SPAN, id - 1, self.options.comments);
            while let Some((post, _)) = posts.next_if(|(_, opened)| *opened < created) {
                open.push(post);
            }
            // Both kinds turn to what is recent rather than to what is old.
            let parent = (id > 1 && chance.below(4) == 0).then(|| id - 1 - chance.low(id - 1));
            let post = match parent {
                Some(parent) => posts_of[parent as usize - 1],
                None => open[open.len() - 1 - chance.low(open.len() as u64) as usize],
            };
            posts_of.push(post);
            let edited = chance.below(20) == 0;
            let updated = created
                + if edited {
                    60 + chance.below(3_600) as i64
                } else {
                    0
                };
            comment::Model {
                id: id as i64,
                post_id: post,
                author_id: 1 + chance.below(self.options.users) as i64,
                parent_id: parent.map(|parent| parent as i64),
                body: chance.prose(40, 160),
                created_at: time(created),
                updated_at: time(updated),
            }
        })
    }

    fn follows(&self) -> impl Iterator<Item = follow::Model> {
        let mut chance = Chance::new(self.options.seed, 7);
        let users = self.options.users;
        (1..=users).flat_map(move |follower| {
            // From none to ten, popular ones first in the table and in the hearts.
            let count = chance.below(11).min(users - 1);
            let mut followees = BTreeSet::new();
            while (followees.len() as u64) < count {
                let followee = 1 + chance.low(users);
                if followee != follower {
                    followees.insert(followee);
                }
            }
            let times: Vec<i64> = followees
                .iter()
                .map(|_| POSTS_SPAN.0 + chance.below(POSTS_SPAN.1 as u64) as i64)
                .collect();
            followees
                .into_iter()
                .zip(times)
                .map(move |(followee, created)| follow::Model {
                    follower_id: follower as i64,
                    followee_id: followee as i64,
                    created_at: time(created),
                })
        })
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// One stream of chance. The mappings to ranges are written out here because a library's may change
/// with its version.
struct Chance(Pcg64);

impl Chance {
    fn new(seed: u64, stream: u128) -> Self {
        Chance(Pcg64::new(seed.into(), stream))
    }

    /// A number in `0..bound`, all equally likely (but for a bias of `bound / 2^64`).
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `0..bound`, the low ones much likelier than the high ones.
    fn low(&mut self, bound: u64) -> u64 {
        let ceiling = self.below(bound) + 1;
        self.below(ceiling)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// The `index`-th of `count` moments that are scattered over a span in ascending order. The
    /// first falls on the span's first day.
    fn moment(&mut self, (start, length): (i64, i64), index: u64, count: u64) -> i64 {
        let slot = (length as u64 / count).clamp(1, DAY as u64);
        let offset = (u128::from(index) * length as u128 / u128::from(count)) as i64;
        start + offset + self.below(slot) as i64
    }

    /// A title of 20 to 60 characters.
    fn title(&mut self) -> String {
        let enough = 20 + self.below(30) as usize;
        let mut title = String::with_capacity(64);
        while title.len() < enough {
            if !title.is_empty() {
                title.push(' ');
            }
            let word = *self.pick(WORDS);
            title.push_str(&word[..1].to_uppercase());
            title.push_str(&word[1..]);
        }
        title
    }

    /// Sentences, `shortest` to `longest` characters in all.
    fn prose(&mut self, shortest: usize, longest: usize) -> String {
        // A word with its comma or full stop and a space has twelve characters at most.
        let enough = shortest + self.below((longest - shortest - 12) as u64) as usize;
        let mut text = String::with_capacity(longest);
        let mut left_in_sentence = 0;
        while text.len() < enough {
            let word = *self.pick(WORDS);
            if left_in_sentence == 0 {
                left_in_sentence = 6 + self.below(9);
                text.push_str(if text.is_empty() { "" } else { ". " });
                text.push_str(&word[..1].to_uppercase());
                text.push_str(&word[1..]);
            } else {
                text.push_str(if self.below(12) == 0 { ", " } else { " " });
                text.push_str(word);
            }
            left_in_sentence -= 1;
        }
        text.push('.');
        text
    }
}

#[rustfmt::skip]
const GIVEN_NAMES: &[&str] = &[
    "Ada", "Amara", "Anders", "Anika", "Bela", "Carmen", "Chidi", "Clara", "Dario", "Edith",
    "Elif", "Emil", "Farid", "Freya", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Jun",
    "Kofi", "Lena", "Leo", "Lucia", "Malik", "Mara", "Mei", "Milan", "Nadia", "Noor", "Olga",
    "Omar", "Pavel", "Priya", "Rosa", "Ruth", "Sven", "Tariq", "Thea", "Tomas", "Uma", "Vera",
    "Viktor", "Wanda", "Yara", "Yusuf", "Zoe",
];

#[rustfmt::skip]
const FAMILY_NAMES: &[&str] = &[
    "Abbott", "Adeyemi", "Almeida", "Andersen", "Bauer", "Becker", "Bianchi", "Castro", "Chen",
    "Costa", "Demir", "Diallo", "Dubois", "Eriksen", "Farkas", "Ferrari", "Fischer", "Garcia",
    "Haddad", "Hansen", "Horvat", "Ito", "Ivanova", "Jansen", "Kaya", "Keller", "Khan", "Kim",
    "Kowalski", "Lindgren", "Lopez", "Martin", "Mensah", "Moreau", "Nakamura", "Nguyen", "Novak",
    "Okafor", "Patel", "Petrov", "Rao", "Rossi", "Santos", "Sato", "Schmidt", "Silva", "Singh",
    "Tanaka", "Virtanen", "Weber", "Yilmaz", "Zhang",
];

#[rustfmt::skip]
const PLACES: &[&str] = &[
    "Accra", "Antwerp", "Bergen", "Bologna", "Bremen", "Busan", "Cusco", "Dakar", "Dublin",
    "Gdansk", "Ghent", "Haifa", "Izmir", "Jaipur", "Kyoto", "Leeds", "Lima", "Lyon", "Montreal",
    "Nairobi", "Oslo", "Porto", "Riga", "Seville", "Split", "Tallinn", "Tunis", "Turku", "Utrecht",
    "Valparaiso", "Vienna", "Wellington",
];

/// Lower-case ASCII, ten letters at most, no word twice: they become titles, slugs and tags as well
/// as prose.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "index", "query", "table", "column", "join", "cursor", "page", "edge", "graph", "node",
    "schema", "field", "batch", "loader", "cache", "thread", "kernel", "packet", "socket",
    "signal", "buffer", "stream", "parser", "token", "lexer", "compiler", "linker", "closure",
    "trait", "generic", "module", "crate", "release", "branch", "commit", "merge", "review",
    "rebase", "deploy", "rollback", "metric", "trace", "budget", "latency", "quota", "replica",
    "shard", "leader", "quorum", "ledger", "journal", "archive", "library", "catalog", "atlas",
    "museum", "gallery", "theatre", "opera", "ballad", "fiddle", "violin", "trumpet", "harbour",
    "ferry", "lighthouse", "bridge", "canal", "tunnel", "station", "platform", "railway",
    "timetable", "compass", "anchor", "sail", "current", "tide", "garden", "orchard", "meadow",
    "forest", "glacier", "valley", "summit", "ridge", "river", "estuary", "island", "volcano",
    "desert", "monsoon", "thunder", "autumn", "winter", "spring", "summer", "morning", "evening",
    "midnight", "twilight", "shadow", "lantern", "candle", "window", "doorway", "staircase",
    "kitchen", "oven", "bread", "butter", "pepper", "saffron", "ginger", "lemon", "apricot",
    "walnut", "honey", "coffee", "teapot", "kettle", "recipe", "paper", "pencil", "margin",
    "chapter", "letter", "envelope", "postcard", "alphabet", "grammar", "proverb", "riddle",
    "rumour", "legend", "story", "bicycle", "engine", "piston", "lathe", "hammer", "chisel",
    "solder", "circuit", "resistor", "antenna", "telescope", "lens", "prism", "orbit", "comet",
    "planet", "eclipse", "meteor", "gravity", "friction", "pressure", "crystal", "copper", "amber",
    "velvet", "linen", "cotton", "ribbon", "needle", "market", "bakery", "tailor", "carpenter",
    "gardener", "teacher", "painter", "sculptor", "drummer", "sailor", "pilot", "courier",
    "neighbour", "slow", "quick", "quiet", "bright", "narrow", "hollow", "gentle", "stubborn",
    "honest", "careful", "patient", "curious", "ordinary", "distant", "borrowed", "broken",
    "hidden", "missing", "modern", "ancient", "silent", "golden", "simple", "complex", "small",
    "large", "early", "late", "between", "beyond", "without", "under", "across", "toward", "after",
    "before", "during", "against", "around", "behind", "measure", "forget", "remember", "answer",
    "listen", "wander", "repair", "collect", "compare", "explain", "translate", "arrange", "never",
    "always", "often", "almost", "perhaps", "rather",
];
