//! The content that a new embedded database starts with: a small blog that is worth looking at.
//!
//! It is written out as it reads, in the order in which it happened. Nothing depends on it; tests
//! and benchmarks make their own rows.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use sea_orm::{
    ActiveModelTrait, DatabaseTransaction, DbErr, EntityTrait, InsertMany, IntoActiveModel,
    TransactionTrait,
};

use crate::blog::seed::continue_ids;

/// Fills an empty, migrated database in one transaction.
pub async fn fill<C>(db: &C) -> Result<(), DbErr>
where
    C: TransactionTrait<Transaction = DatabaseTransaction>,
{
    let rows = Rows::read()?;
    let transaction = db.begin().await?;
    let db = &transaction;
    insert::<user::Entity, _>(db, rows.users).await?;
    insert::<profile::Entity, _>(db, rows.profiles).await?;
    insert::<follow::Entity, _>(db, rows.follows).await?;
    insert::<tag::Entity, _>(db, rows.tags).await?;
    insert::<post::Entity, _>(db, rows.posts).await?;
    insert::<post_tag::Entity, _>(db, rows.post_tags).await?;
    insert::<comment::Entity, _>(db, rows.comments).await?;
    continue_ids(db).await?;
    transaction.commit().await
}

async fn insert<E, A>(db: &DatabaseTransaction, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    InsertMany::<A>::many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The tables below as rows. Ids follow the order of the tables, those of comments follow time.
#[derive(Default)]
struct Rows {
    users: Vec<user::Model>,
    profiles: Vec<profile::Model>,
    follows: Vec<follow::Model>,
    tags: Vec<tag::Model>,
    posts: Vec<post::Model>,
    post_tags: Vec<post_tag::Model>,
    comments: Vec<comment::Model>,
}

impl Rows {
    fn read() -> Result<Self, DbErr> {
        let mut rows = Rows::default();
        for (id, (username, name, role, joined)) in (1..).zip(USERS) {
            rows.users.push(user::Model {
                id,
                username: (*username).to_owned(),
                name: (*name).to_owned(),
                email: format!("{username}@example.org"),
                password_hash: None,
                role: *role,
                created_at: time(joined)?,
                updated_at: time(joined)?,
            });
        }
        for (username, bio, website, location) in PROFILES {
            rows.profiles.push(profile::Model {
                user_id: user_id(username)?,
                bio: Some((*bio).to_owned()),
                website: website.map(str::to_owned),
                location: location.map(str::to_owned),
            });
        }
        for (follower, since, followees) in FOLLOWS {
            for followee in *followees {
                rows.follows.push(follow::Model {
                    follower_id: user_id(follower)?,
                    followee_id: user_id(followee)?,
                    created_at: time(since)?,
                });
            }
        }
        for (id, name) in (1..).zip(TAGS) {
            let name = (*name).to_owned();
            rows.tags.push(tag::Model { id, name });
        }
        for (id, post) in (1..).zip(POSTS) {
            rows.add_post(id, post)?;
        }
        rows.number_comments();
        Ok(rows)
    }

    fn add_post(&mut self, id: i64, post: &Post) -> Result<(), DbErr> {
        let written = time(post.written)?;
        self.posts.push(post::Model {
            id,
            author_id: user_id(post.by)?,
            title: post.title.to_owned(),
            slug: slug(post.title),
            body: post.body.to_owned(),
            status: post.status,
            published_at: (post.status == post::Status::Published).then_some(written),
            created_at: written,
            updated_at: written,
            version: 1,
        });
        for tag in post.tags {
            self.post_tags.push(post_tag::Model {
                post_id: id,
                tag_id: position(TAGS.iter().position(|name| name == tag), tag)?,
            });
        }
        self.add_comments(id, None, written, post.said)
    }

    /// Numbers the comments as they stand here; [`Self::number_comments`] puts them in order.
    fn add_comments(
        &mut self,
        post_id: i64,
        parent_id: Option<i64>,
        after: DateTime<Utc>,
        comments: &[Said],
    ) -> Result<(), DbErr> {
        for said in comments {
            let id = self.comments.len() as i64 + 1;
            let created_at = after + TimeDelta::minutes(said.minutes_later);
            self.comments.push(comment::Model {
                id,
                post_id,
                author_id: user_id(said.by)?,
                parent_id,
                body: said.text.to_owned(),
                created_at,
                updated_at: created_at,
            });
            self.add_comments(post_id, Some(id), created_at, said.replies)?;
        }
        Ok(())
    }

    fn number_comments(&mut self) {
        self.comments
            .sort_by_key(|comment| (comment.created_at, comment.id));
        let mut numbers = vec![0; self.comments.len() + 1];
        for (number, comment) in (1..).zip(&self.comments) {
            numbers[comment.id as usize] = number;
        }
        for comment in &mut self.comments {
            comment.id = numbers[comment.id as usize];
            comment.parent_id = comment.parent_id.map(|parent| numbers[parent as usize]);
        }
    }
}

fn user_id(username: &str) -> Result<i64, DbErr> {
    position(USERS.iter().position(|user| user.0 == username), username)
}

fn position(index: Option<usize>, name: &str) -> Result<i64, DbErr> {
    match index {
        Some(index) => Ok(index as i64 + 1),
        None => Err(DbErr::Custom(format!(
            "the sample content names an unknown `{name}`"
        ))),
    }
}

/// `2025-01-31 08:30` in UTC.
fn time(text: &str) -> Result<DateTime<Utc>, DbErr> {
    format!("{}:00Z", text.replace(' ', "T"))
        .parse()
        .map_err(|error| {
            DbErr::Custom(format!("the sample content has the time `{text}`: {error}"))
        })
}

fn slug(title: &str) -> String {
    let words: String = title
        .to_lowercase()
        .chars()
        .filter(|c| *c != '\'' && *c != '’')
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

struct Post {
    by: &'static str,
    written: &'static str,
    status: post::Status,
    title: &'static str,
    tags: &'static [&'static str],
    body: &'static str,
    said: &'static [Said],
}

struct Said {
    by: &'static str,
    /// Counted from what it answers: the comment above it, or the post.
    minutes_later: i64,
    text: &'static str,
    replies: &'static [Said],
}

const fn post(
    by: &'static str,
    written: &'static str,
    title: &'static str,
    tags: &'static [&'static str],
    body: &'static str,
    said: &'static [Said],
) -> Post {
    Post {
        by,
        written,
        status: post::Status::Published,
        title,
        tags,
        body,
        said,
    }
}

const fn draft(
    by: &'static str,
    written: &'static str,
    title: &'static str,
    tags: &'static [&'static str],
    body: &'static str,
) -> Post {
    Post {
        by,
        written,
        status: post::Status::Draft,
        title,
        tags,
        body,
        said: &[],
    }
}

const fn archived(
    by: &'static str,
    written: &'static str,
    title: &'static str,
    tags: &'static [&'static str],
    body: &'static str,
    said: &'static [Said],
) -> Post {
    Post {
        by,
        written,
        status: post::Status::Archived,
        title,
        tags,
        body,
        said,
    }
}

const fn said(
    by: &'static str,
    minutes_later: i64,
    text: &'static str,
    replies: &'static [Said],
) -> Said {
    Said {
        by,
        minutes_later,
        text,
        replies,
    }
}

/// Username, name, role, joined.
#[rustfmt::skip]
const USERS: &[(&str, &str, user::Role, &str)] = &[
    ("ada", "Ada Lindqvist", user::Role::Admin, "2025-01-02 08:00"),
    ("nkechi", "Nkechi Obi", user::Role::Author, "2025-01-05 10:20"),
    ("tomasz", "Tomasz Wilk", user::Role::Author, "2025-01-09 17:45"),
    ("yuki", "Yuki Hayashi", user::Role::Author, "2025-02-14 03:10"),
    ("mateo", "Mateo Rivas", user::Role::Author, "2025-03-01 19:30"),
    ("leila", "Leïla Benali", user::Role::Author, "2025-05-20 12:05"),
    ("freya", "Freya Holm", user::Role::Author, "2025-08-11 06:50"),
    ("sam", "Sam Whitaker", user::Role::Reader, "2025-09-03 21:15"),
];

/// Username, bio, website, location.
#[rustfmt::skip]
const PROFILES: &[(&str, &str, Option<&str>, Option<&str>)] = &[
    ("ada", "Keeps this place tidy. Reads query plans the way others read crime novels.", Some("https://ada.example.org"), Some("Uppsala")),
    ("nkechi", "Database engineer, weekend ceramicist. Believes every outage is a story with a plot.", Some("https://nkechi.example.org"), Some("Lagos")),
    ("tomasz", "Compilers, trains, and the history of both.", None, Some("Wrocław")),
    ("yuki", "Type designer who learned to program to kern faster.", Some("https://yuki.example.org"), Some("Kanazawa")),
    ("mateo", "Bakes bread, writes Rust, confuses the two kinds of proofing.", None, Some("Valparaíso")),
    ("leila", "Librarian of old maps and new formats.", Some("https://leila.example.org"), Some("Marseille")),
    ("freya", "Writes about the sea and the software that tries to predict it.", None, None),
];

/// Follower, since when, followees.
#[rustfmt::skip]
const FOLLOWS: &[(&str, &str, &[&str])] = &[
    ("ada", "2025-03-02 09:00", &["nkechi", "tomasz", "yuki", "mateo"]),
    ("nkechi", "2025-03-05 18:12", &["ada", "tomasz"]),
    ("tomasz", "2025-05-21 07:40", &["ada", "nkechi", "leila"]),
    ("yuki", "2025-05-23 01:30", &["mateo", "leila"]),
    ("mateo", "2025-08-12 20:05", &["ada", "yuki", "freya"]),
    ("leila", "2025-08-14 11:11", &["tomasz", "yuki", "freya"]),
    ("freya", "2025-08-30 05:55", &["nkechi", "leila"]),
    ("sam", "2025-09-03 21:30", &["ada", "nkechi", "mateo", "freya"]),
];

const TAGS: &[&str] = &[
    "databases",
    "graphql",
    "rust",
    "performance",
    "history",
    "typography",
    "maps",
    "bread",
    "sea",
    "railways",
    "debugging",
    "design",
    "books",
    "music",
    "meta",
];

/// Threads are indented as they are nested, one comment per line.
#[rustfmt::skip]
const POSTS: &[Post] = &[
    post("ada", "2025-01-03 09:00", "Why this blog has no tracking", &["meta"],
        "We count nothing about you. If a piece is good, somebody will write a comment, and that is the only metric we can act on.", &[
        said("nkechi", 3_100, "Consider this my metric, then.", &[
            said("ada", 40, "Noted, and thank you. The dashboard is now complete.", &[]),
        ]),
    ]),
    post("nkechi", "2025-01-07 07:30", "The index that nobody used", &["databases", "performance"],
        "For two years we maintained an index on a column that every query wrapped in lower(). The planner ignored it politely, and so did we. Dropping it made writes a fifth faster.", &[
        said("ada", 95, "The saddest part is that an expression index would have taken one line.", &[
            said("nkechi", 30, "It did, in the end. The commit message is longer than the migration.", &[
                said("tomasz", 5_000, "As commit messages should be.", &[]),
            ]),
        ]),
        said("tomasz", 4_400, "How did you find it? Statistics view or a hunch?", &[
            said("nkechi", 65, "pg_stat_user_indexes, sorted by idx_scan. Twelve zeros at the top.", &[]),
        ]),
    ]),
    post("tomasz", "2025-01-14 16:10", "A timetable is a join", &["railways", "databases", "history"],
        "A railway timetable relates trains, stations and minutes. Étienne-Jules Marey drew it as lines on a plane in 1885, and you can still read every connection, and every missed one, at a glance.", &[
        said("ada", 210, "And a delay is an update anomaly that reaches your grandmother.", &[]),
        said("nkechi", 800, "I have pinned that chart above my desk. It shows contention better than any profiler.", &[]),
    ]),
    post("ada", "2025-01-28 11:20", "Reading a query plan from the inside out", &["databases", "performance"],
        "Start at the deepest node and ask how many rows it hands to its parent. The first place where the estimate and the truth part ways is nearly always where the minutes go.", &[
        said("tomasz", 130, "I print them and use a red pencil. No shame.", &[
            said("ada", 25, "The red pencil is the best-tested visualiser we have.", &[]),
        ]),
    ]),
    post("nkechi", "2025-02-06 08:45", "Clay remembers, and so do caches", &["debugging", "performance"],
        "A pot bent straight before firing will bend again in the kiln; potters say that clay remembers. Our invalidation bug behaved the same way, and it took heat to see it.", &[
        said("ada", 1_440, "The best description of a stale read I have come across.", &[]),
    ]),
    post("yuki", "2025-02-18 02:00", "The space between two letters", &["typography", "design"],
        "Kerning tables are sparse matrices with opinions. Most pairs need nothing, a few need everything, and the word AVATAR needs a holiday.", &[
        said("tomasz", 600, "How large does such a table get for a serious typeface?", &[
            said("yuki", 700, "Around ten thousand pairs, or a few hundred once you group letters by their sides.", &[
                said("tomasz", 90, "So you normalise it. I feel at home already.", &[]),
            ]),
        ]),
        said("ada", 2_000, "I cannot unsee the AV in our logo now.", &[]),
    ]),
    post("tomasz", "2025-02-27 18:30", "What the signal box knew about locks", &["railways", "history"],
        "In 1856 John Saxby patented a frame in which no lever could be pulled into a conflict. It was mutual exclusion in cast iron, and it never deadlocked, because it never waited.", &[
        said("nkechi", 55, "Refusing instead of waiting: try_lock, with better engravings.", &[]),
        said("yuki", 900, "Is one of these frames still in use?", &[
            said("tomasz", 300, "A handful. I took a night train to see one and it was worth the sciatica.", &[]),
        ]),
    ]),
    post("mateo", "2025-03-04 20:00", "Sourdough for people who write schedulers", &["bread"],
        "A starter is a thread pool of yeast: feed it, keep it warm, and do not oversubscribe the flour. The loaf is ready when it is ready, which is the hard part for people like us.", &[
        said("nkechi", 180, "Is starvation handled?", &[
            said("mateo", 20, "By me, twice a day, with apologies.", &[]),
        ]),
        said("ada", 700, "My first loaf livelocked: it rose and fell for three days.", &[]),
    ]),
    post("ada", "2025-03-12 10:15", "N plus one, counted by hand", &["graphql", "databases", "performance"],
        "Ask for twenty posts with their authors, and a naive server asks the database twenty-one times. Print each statement for a week and the problem stops being abstract.", &[
        said("mateo", 45, "We did that on a wall with a receipt printer. It ran out of paper before lunch.", &[
            said("ada", 15, "Please tell me that you kept the roll.", &[
                said("mateo", 60, "It is framed in the corridor. Four metres, one page view.", &[]),
            ]),
        ]),
        said("nkechi", 1_300, "The cure is to know all your keys before you ask.", &[]),
        said("tomasz", 2_800, "Every postman has known that since the invention of streets.", &[]),
    ]),
    post("yuki", "2025-03-25 04:40", "Designing numerals for tables", &["typography", "design", "databases"],
        "Proportional figures make prose calm and columns seasick. If your reports jitter as you scroll, ask the font for tabular ones before you blame the browser.", &[
        said("ada", 400, "font-variant-numeric: tabular-nums. I have been waiting to use this sentence at a dinner.", &[]),
    ]),
    post("nkechi", "2025-04-03 09:05", "Forty minutes without a primary", &["databases", "debugging"],
        "The failover worked; the clients did not notice. A connection pool kept faith with a dead address, loyal as a dog at a railway station.", &[
        said("tomasz", 70, "Leave the dog out of it. He was right to wait.", &[]),
        said("mateo", 220, "What did you change in the end?", &[
            said("nkechi", 35, "A maximum lifetime for connections, and a rehearsal every month.", &[]),
        ]),
    ]),
    post("mateo", "2025-04-15 22:10", "Borrowing flour, returning bread", &["rust", "bread"],
        "My neighbour lends me a cup of flour and gets a slice back: a mutable borrow with a return value. Two bakers and one cup is exactly the program that the compiler refuses.", &[
        said("yuki", 500, "This is the first explanation of lifetimes that made me hungry.", &[]),
        said("ada", 720, "And a croissant is Clone but certainly not Copy.", &[
            said("mateo", 50, "Cloning it takes three days and a great deal of butter.", &[]),
        ]),
    ]),
    draft("tomasz", "2025-04-22 15:00", "Notes on the gauge wars", &["railways", "history"],
        "Brunel had the better engineering and Stephenson had the more miles. To do: find the 1846 commission's figures and check whether the story about the parcels is true."),
    post("ada", "2025-05-06 08:30", "Cursors are bookmarks, not page numbers", &["graphql", "databases", "design"],
        "Page 7 is a different page after every insert. A cursor says where you stopped reading, in terms of the order that you were reading in, and survives whatever happens behind you.", &[
        said("yuki", 310, "Librarians have argued this about shelf marks for a century.", &[]),
        said("nkechi", 640, "And the index is already sorted that way, so the bookmark costs nothing.", &[
            said("ada", 30, "Until somebody sorts by two columns and forgets the tie-breaker.", &[
                said("nkechi", 12, "I was not going to mention that Tuesday.", &[]),
            ]),
        ]),
    ]),
    post("leila", "2025-05-22 13:00", "An island that was only ever a coffee stain", &["maps", "history"],
        "Sandy Island sat in the Coral Sea, on charts and later in databases, until a ship sailed through it in 2012. Nobody had lied; each copy had simply trusted the one before.", &[
        said("tomasz", 85, "Replication without verification, with palm trees.", &[]),
        said("ada", 300, "What would a foreign key to reality look like?", &[
            said("leila", 200, "A ship, a lead line and a patient captain.", &[
                said("nkechi", 700, "Write latency: eighteen months.", &[]),
            ]),
        ]),
    ]),
    post("tomasz", "2025-05-30 17:20", "Grace Hopper's nanosecond", &["history", "performance"],
        "She handed out pieces of wire thirty centimetres long, the farthest that light gets in a billionth of a second. I keep one in my bag for meetings about microservices.", &[
        said("mateo", 60, "How many wires to the next availability zone?", &[
            said("tomasz", 45, "About a million. The bag would be a problem.", &[]),
        ]),
        said("leila", 1_100, "Our museum shop sells them. They cost more than the computer did per instruction.", &[]),
    ]),
    post("yuki", "2025-06-09 01:15", "Error messages deserve a typographer", &["typography", "design", "debugging"],
        "A message is read by a tired person at the worst moment of their day. Put what happened first, the name of the thing second, the remedy third, and do not shout.", &[
        said("ada", 430, "We now review them like headlines. Half got shorter, all got kinder.", &[]),
        said("mateo", 610, "The Rust compiler is my favourite author in this genre.", &[]),
    ]),
    post("nkechi", "2025-06-20 07:50", "Testing with the lights off", &["databases", "debugging"],
        "Once a quarter we pull the power from one machine and watch. The first time we learned about the database; ever since we have been learning about ourselves.", &[
        said("tomasz", 240, "Is fsync on?", &[
            said("nkechi", 18, "It is now.", &[]),
        ]),
    ]),
    archived("ada", "2025-07-01 12:00", "Summer opening hours of the comment section", &["meta"],
        "Comments are answered on Tuesdays until the end of August. This note is kept for the record and for the jokes below it.", &[
        said("mateo", 30, "What if I disagree on a Wednesday?", &[
            said("ada", 8_600, "It is Tuesday: please do go on.", &[]),
        ]),
    ]),
    post("leila", "2025-07-11 10:40", "The paper town that became real", &["maps", "history", "books"],
        "Agloe, New York, was invented in the 1930s to catch copyists. Then somebody read the map, believed it, and built a general store there. Test data has a way of reaching production.", &[
        said("yuki", 800, "I love that the fake had better documentation than most real towns.", &[]),
        said("nkechi", 1_000, "Our staging customer 'Acme Testing' once received an actual invoice.", &[
            said("leila", 90, "Did they pay?", &[
                said("nkechi", 15, "Promptly. They are still our best customer.", &[]),
            ]),
        ]),
    ]),
    post("mateo", "2025-07-24 21:30", "Profiling an oven", &["bread", "performance"],
        "I put eight thermocouples in my oven and drew a flame graph of it, at last with actual flames. The hot spot was at the back left, exactly where my grandmother said.", &[
        said("ada", 50, "Grandmothers are sampling profilers with very long traces.", &[]),
        said("tomasz", 950, "Please publish the raw data.", &[
            said("mateo", 120, "It is in the repository, next to the recipe. Both are licensed for remixing.", &[]),
        ]),
    ]),
    post("ada", "2025-08-05 09:45", "Schemas are promises", &["graphql", "design"],
        "A field that is marked non-null is a promise on behalf of every row, policy and outage to come. Make few of them, keep them all, and write down who may break one.", &[
        said("leila", 340, "Archivists call it a finding aid: you promise the box exists, not that it is pleasant.", &[]),
    ]),
    post("freya", "2025-08-19 05:30", "How the tide was computed with brass", &["sea", "history"],
        "Lord Kelvin's machine of 1872 added up the moon and the sun with pulleys and a single cord. It predicted a year of tides in four hours, and it never needed a security update.", &[
        said("tomasz", 150, "A Fourier series that you can oil. Welcome aboard!", &[
            said("freya", 60, "Thank you! The one in Liverpool still smells of it.", &[]),
        ]),
        said("leila", 420, "The printed tables were a state secret in 1944. One hindcast changed a landing date.", &[
            said("freya", 240, "Arthur Doodson did it with two machines and the windows blacked out. A post for another day.", &[
                said("leila", 33, "I shall hold you to that.", &[]),
            ]),
        ]),
    ]),
    draft("yuki", "2025-08-27 03:20", "A typeface for terminal tables", &["typography"],
        "Sketches only. The box-drawing characters must meet at every size, and the zero must not look like anything else at three in the morning."),
    post("nkechi", "2025-09-04 08:00", "Isolation levels, explained with a shared kitchen", &["databases"],
        "Read committed: you see a clean counter, turn around, and somebody has cooked. Repeatable read: you photographed the counter. Serializable: one of you is asked to leave and come back.", &[
        said("sam", 70, "This is the first time that I have understood snapshot isolation. Thank you.", &[
            said("nkechi", 35, "You are very welcome. Write skew is when you both take the last egg.", &[
                said("mateo", 480, "From different cartons, each having checked that the other one was full.", &[]),
            ]),
        ]),
        said("ada", 1_500, "I am stealing this for the onboarding guide.", &[]),
    ]),
    post("tomasz", "2025-09-16 19:00", "Parsing by hand, once in your life", &["rust", "books"],
        "Write one recursive-descent parser without a library. You will learn where the error messages come from, and you will forgive every compiler that you have ever cursed.", &[
        said("mateo", 100, "Mine accepted a shopping list as valid. I kept that as a feature.", &[]),
        said("sam", 400, "Which grammar would you start with?", &[
            said("tomasz", 75, "Arithmetic with parentheses. Then add a unary minus and lose your weekend.", &[]),
        ]),
    ]),
    post("freya", "2025-09-29 06:10", "A forecast is an API with a deadline", &["sea", "design", "performance"],
        "The perfect wave model that answers after the ship has sailed is a history book. We dropped a third of the grid points and gained the only property that the harbour master had asked for.", &[
        said("nkechi", 125, "Late is a kind of wrong. Putting that on a mug.", &[]),
        said("ada", 380, "Did accuracy suffer?", &[
            said("freya", 90, "By two centimetres at the pier. Nobody's boots noticed.", &[]),
        ]),
    ]),
    post("leila", "2025-10-08 11:25", "Cataloguing a map that contradicts itself", &["maps", "books", "design"],
        "Our 1570 atlas shows the same river twice, flowing in different directions. The catalogue has one field for it. I filled it with a question mark and a clear conscience.", &[
        said("yuki", 500, "Nullable, then, and rightly so.", &[]),
        said("tomasz", 650, "Surely it is a many-to-many.", &[
            said("leila", 40, "It is a many-to-maybe.", &[]),
        ]),
    ]),
    post("mateo", "2025-10-21 20:45", "What I learned from a borrow checker and a baker", &["rust", "bread", "debugging"],
        "Both stop you before the damage is done, both are right more often than you would like, and neither accepts that it worked last time as an argument.", &[
        said("sam", 35, "My baker does accept cash, though.", &[
            said("mateo", 10, "Then you have found the unsafe block.", &[]),
        ]),
    ]),
    post("yuki", "2025-10-30 02:30", "Reading a score like a program", &["music", "design"],
        "Repeats are loops, a coda is a jump, and dal segno is the goto that civilisation agreed to keep. Only the fermata has no equivalent: wait here, as long as it feels right.", &[
        said("freya", 240, "A fermata is an await without a timeout.", &[
            said("yuki", 300, "And the conductor is the executor. Of course.", &[
                said("ada", 85, "Preemptive, from what I have seen at rehearsals.", &[]),
            ]),
        ]),
        said("leila", 900, "Our oldest part-book has comments in the margin too: 'play this badly'.", &[]),
    ]),
    archived("nkechi", "2025-11-05 09:30", "Maintenance window on Saturday", &["meta", "databases"],
        "The blog moves to a larger disk on Saturday between six and seven in the morning, UTC. Reading will work; writing will wait.", &[
        said("ada", 5_900, "Done in eleven minutes. The other forty-nine were spent admiring it.", &[]),
    ]),
    post("ada", "2025-11-18 10:00", "One statement per level", &["graphql", "databases", "performance"],
        "Walk a nested query level by level instead of row by row, and the number of statements depends on what was written, not on what was found. It is the one idea that I would keep if I could keep only one.", &[
        said("tomasz", 40, "Breadth first. The parcel office sorts by town before it sorts by street.", &[]),
        said("nkechi", 200, "And you can print the bound before you run anything.", &[
            said("ada", 20, "Which is my favourite part: a cost that is known is a cost that can be refused.", &[
                said("freya", 310, "Harbour pilots work the same way. You declare the draught first.", &[]),
            ]),
        ]),
        said("sam", 2_600, "What happens when a level has a million keys?", &[
            said("ada", 55, "Then somebody asked for a million rows, and the answer is a polite no.", &[]),
        ]),
    ]),
    post("tomasz", "2025-12-02 16:40", "The night mail and the message queue", &["railways", "history"],
        "Mail was sorted on moving trains and dropped in leather pouches without stopping. It had at-least-once delivery, ordering per town, and a dead-letter office that was called exactly that.", &[
        said("freya", 130, "Was there back-pressure?", &[
            said("tomasz", 25, "Christmas.", &[]),
        ]),
        said("leila", 700, "The Dead Letter Office employed people who could read any handwriting. We could use one.", &[]),
    ]),
    post("leila", "2025-12-15 14:10", "Ten books about maps for the dark months", &["books", "maps"],
        "From Dava Sobel's Longitude to Judith Schalansky's Atlas of Remote Islands, in the order in which I would lend them. Return them with sand between the pages, please.", &[
        said("sam", 160, "Bought the third one because of this list, read it in one night.", &[]),
        said("freya", 520, "No tide tables? I am hurt.", &[
            said("leila", 45, "They are number eleven, in a brown paper cover.", &[]),
        ]),
    ]),
    post("mateo", "2026-01-02 18:20", "A year of loaves in one chart", &["bread", "design"],
        "I weighed 148 loaves. The variance halved in March, when I bought a scale, and again in June, when I stopped opening the oven to look. Observing has a cost.", &[
        said("nkechi", 75, "Sampling at one per cent is usually enough for bread.", &[]),
        said("yuki", 420, "The chart deserves better numerals. I am sending you a font.", &[
            said("mateo", 100, "It came, and my sevens have never looked so confident.", &[]),
        ]),
    ]),
    post("freya", "2026-01-20 07:00", "The buoy that reported mountains", &["sea", "debugging"],
        "For a week one buoy measured waves of ninety metres. The sensor was fine; a seal had found the one place in the Skagerrak from which to watch the ferries.", &[
        said("ada", 65, "Root cause: seal. I would frame that report.", &[]),
        said("sam", 110, "Was the seal filtered out?", &[
            said("freya", 30, "By median, never by force.", &[
                said("nkechi", 210, "The only humane estimator.", &[]),
            ]),
        ]),
    ]),
    draft("ada", "2026-02-01 13:30", "What we would do differently", &["meta", "graphql"],
        "A list that grows whenever I think it is finished: fewer options, earlier limits, and more time spent on the names of things."),
    post("yuki", "2026-02-10 02:45", "Metronomes disagree by design", &["music", "performance"],
        "Put two metronomes on one board and they fall into step within minutes; Huygens saw it with clocks in 1665. Put a hundred clients on one retry interval, and you have built the board.", &[
        said("nkechi", 380, "Jitter is the carpet under the metronomes.", &[
            said("yuki", 610, "That sentence is better than the post. May I quote it?", &[
                said("nkechi", 45, "Only at random intervals.", &[]),
            ]),
        ]),
    ]),
    post("nkechi", "2026-02-24 08:20", "Deleting a billion rows, gently", &["databases", "performance"],
        "We did it in batches of five thousand, ordered by the primary key, with a pause that followed the replica's lag. It took nine days, and the most exciting moment was when nothing happened.", &[
        said("tomasz", 85, "Why not drop the partition?", &[
            said("nkechi", 20, "Because in 2019 somebody decided that we would never need partitions.", &[
                said("tomasz", 35, "Somebody?", &[]),
            ]),
        ]),
        said("freya", 1_200, "Nine days is about one spring tide to the next neap. A natural unit.", &[]),
    ]),
    draft("freya", "2026-03-03 06:30", "Doodson and the landing tides", &["sea", "history"],
        "The promised post about 1944. Still missing: the letters from the Admiralty, and a decent drawing of the machine."),
];
