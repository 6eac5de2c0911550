//! Random content for the blog.

use crate::reference::Data;
use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use proptest::{
    collection::{SizeRange, vec},
    prelude::*,
    sample::{Index, select},
};
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, IntoActiveModel};
use std::collections::BTreeSet;

/// The primary key of the row of this index: small, but for one that JavaScript cannot hold.
pub fn key(index: usize) -> i64 {
    match index {
        7 => (1 << 53) + 1,
        _ => i64::try_from(index).expect("a small index") + 1,
    }
}

/// A unique text for the row of this index: what a user is called, a post is found by, a tag says.
pub fn unique_text(index: usize) -> String {
    match index {
        2 => "three \"3\"".to_owned(),
        3 => "fo'ur\\4".to_owned(),
        4 => "fünf 五 🖐".to_owned(),
        5 => String::new(),
        6 => "line\nbreak % _ seven".to_owned(),
        8 => "N1".to_owned(),
        _ => format!("n{index}"),
    }
}

/// All tables of a small blog, consistent, with hidden rows, ties and awkward texts.
pub fn data() -> impl Strategy<Value = Data> {
    let rows = (
        vec(user_seed(), 1..=8),
        vec(post_seed(), 0..=25),
        0_usize..=7,
        vec(comment_seed(), 0..=45),
    );
    let links = (
        vec(profile_seed(), 0..=6),
        pairs(0..=40),
        pairs(0..=20),
        vec(time(), 3),
    );
    (rows, links).prop_map(
        |((users, posts, tags, comments), (profiles, filings, follows, times))| {
            let user_key = |index: &Index| key(index.index(users.len()));
            let users_made = users.iter().enumerate().map(|(index, seed)| user::Model {
                id: key(index),
                username: unique_text(index),
                name: seed.name.clone(),
                email: format!("user{index}@example.org"),
                password_hash: (index % 2 == 0).then(|| "secret".to_owned()),
                role: seed.role,
                created_at: seed.created_at,
                updated_at: seed.updated_at,
            });
            let posts_made = posts.iter().enumerate().map(|(index, seed)| post::Model {
                id: key(index),
                author_id: user_key(&seed.author),
                title: seed.title.clone(),
                slug: unique_text(index),
                body: seed.body.clone(),
                status: seed.status,
                published_at: seed.published_at,
                created_at: seed.created_at,
                updated_at: seed.updated_at,
                version: seed.version,
            });
            let tags_made = (0..tags).map(|index| tag::Model {
                id: key(index),
                name: unique_text(index),
            });
            let mut comments_made = Vec::<comment::Model>::new();
            for (index, seed) in comments.iter().enumerate() {
                if posts.is_empty() {
                    break;
                }
                let post_id = key(seed.post.index(posts.len()));
                // A reply answers a comment on the same post that was there before it.
                let earlier = comments_made
                    .iter()
                    .filter(|comment| comment.post_id == post_id);
                let earlier: Vec<_> = earlier.map(|comment| comment.id).collect();
                let is_reply = seed.is_reply && !earlier.is_empty();
                comments_made.push(comment::Model {
                    id: key(index),
                    post_id,
                    author_id: user_key(&seed.author),
                    parent_id: is_reply.then(|| earlier[seed.parent.index(earlier.len())]),
                    body: seed.body.clone(),
                    created_at: seed.created_at,
                    updated_at: seed.updated_at,
                });
            }
            let profile_keys = profiles.iter().map(|seed| user_key(&seed.user));
            let profile_keys: BTreeSet<_> = profile_keys.collect();
            let profiles_made = profile_keys.iter().zip(&profiles);
            let profiles_made = profiles_made.map(|(user_id, seed)| profile::Model {
                user_id: *user_id,
                bio: seed.texts[0].clone(),
                website: seed.texts[1].clone(),
                location: seed.texts[2].clone(),
            });
            let filings: BTreeSet<_> = match posts.is_empty() || tags == 0 {
                true => BTreeSet::new(),
                false => filings
                    .iter()
                    .map(|(post, tag)| (key(post.index(posts.len())), key(tag.index(tags))))
                    .collect(),
            };
            let post_tags = filings.into_iter();
            let follows: BTreeSet<_> = follows
                .iter()
                .map(|(follower, followee)| (user_key(follower), user_key(followee)))
                .collect();
            let follows = follows.into_iter().enumerate();
            Data {
                users: sorted(users_made, |user| user.id),
                profiles: profiles_made.collect(),
                posts: sorted(posts_made, |post| post.id),
                tags: sorted(tags_made, |tag| tag.id),
                post_tags: post_tags
                    .map(|(post_id, tag_id)| post_tag::Model { post_id, tag_id })
                    .collect(),
                comments: sorted(comments_made, |comment| comment.id),
                follows: follows
                    .map(|(index, (follower_id, followee_id))| follow::Model {
                        follower_id,
                        followee_id,
                        created_at: times[index % times.len()],
                    })
                    .collect(),
                seen: None,
            }
        },
    )
}

/// Fills empty tables with these rows. Sequences of PostgreSQL stay where they are. Panics where a
/// row is refused: this is a test.
pub async fn insert(db: &DatabaseConnection, data: &Data) {
    async fn all<E>(db: &DatabaseConnection, rows: &[E::Model])
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
    {
        if rows.is_empty() {
            return;
        }
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        E::insert_many(rows)
            .exec_without_returning(db)
            .await
            .expect("the rows are accepted");
    }
    all::<user::Entity>(db, &data.users).await;
    all::<profile::Entity>(db, &data.profiles).await;
    all::<post::Entity>(db, &data.posts).await;
    all::<tag::Entity>(db, &data.tags).await;
    all::<post_tag::Entity>(db, &data.post_tags).await;
    all::<comment::Entity>(db, &data.comments).await;
    all::<follow::Entity>(db, &data.follows).await;
}

/// Empties the tables and fills them with these rows.
pub async fn replace(db: &DatabaseConnection, data: &Data) {
    async fn empty<E: EntityTrait>(db: &DatabaseConnection, _: E) {
        let rows = E::delete_many().exec(db).await;
        rows.expect("the table can be emptied");
    }
    empty(db, follow::Entity).await;
    empty(db, comment::Entity).await;
    empty(db, post_tag::Entity).await;
    empty(db, post::Entity).await;
    empty(db, tag::Entity).await;
    empty(db, profile::Entity).await;
    empty(db, user::Entity).await;
    insert(db, data).await;
}

fn sorted<T>(rows: impl IntoIterator<Item = T>, key: impl Fn(&T) -> i64) -> Vec<T> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(key);
    rows
}

#[derive(Clone, Debug)]
struct UserSeed {
    name: String,
    role: user::Role,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

fn user_seed() -> impl Strategy<Value = UserSeed> {
    let role = select(vec![
        user::Role::Author,
        user::Role::Reader,
        user::Role::Admin,
    ]);
    (text(), role, time(), time()).prop_map(|(name, role, created_at, updated_at)| UserSeed {
        name,
        role,
        created_at,
        updated_at,
    })
}

#[derive(Clone, Debug)]
struct PostSeed {
    author: Index,
    title: String,
    body: String,
    status: post::Status,
    published_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

fn post_seed() -> impl Strategy<Value = PostSeed> {
    let status = prop_oneof![
        4 => Just(post::Status::Published),
        1 => Just(post::Status::Draft),
        1 => Just(post::Status::Archived),
    ];
    let texts = (text(), long_text());
    let times = (prop::option::of(time()), time(), time());
    let version = select(vec![1, 2, i32::MAX]);
    (any::<Index>(), texts, status, times, version).prop_map(
        |(author, (title, body), status, (published_at, created_at, updated_at), version)| {
            PostSeed {
                author,
                title,
                body,
                status,
                published_at,
                created_at,
                updated_at,
                version,
            }
        },
    )
}

#[derive(Clone, Debug)]
struct CommentSeed {
    post: Index,
    author: Index,
    is_reply: bool,
    parent: Index,
    body: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

fn comment_seed() -> impl Strategy<Value = CommentSeed> {
    let indices = (any::<Index>(), any::<Index>(), any::<Index>());
    (indices, any::<bool>(), long_text(), time(), time()).prop_map(
        |((post, author, parent), is_reply, body, created_at, updated_at)| CommentSeed {
            post,
            author,
            is_reply,
            parent,
            body,
            created_at,
            updated_at,
        },
    )
}

#[derive(Clone, Debug)]
struct ProfileSeed {
    user: Index,
    texts: [Option<String>; 3],
}

fn profile_seed() -> impl Strategy<Value = ProfileSeed> {
    let bio = prop::option::of(long_text()).boxed();
    let text = || prop::option::of(text()).boxed();
    (any::<Index>(), [bio, text(), text()]).prop_map(|(user, texts)| ProfileSeed { user, texts })
}

fn pairs(size: impl Into<SizeRange>) -> impl Strategy<Value = Vec<(Index, Index)>> {
    vec((any::<Index>(), any::<Index>()), size)
}

/// The moments of rows: few, so that many rows share theirs, and fractions of a second beside whole
/// ones. No finer than microseconds, which is what PostgreSQL keeps.
pub const TIMES: [&str; 6] = [
    "2025-03-01T12:00:00Z",
    "2025-03-01T12:00:00.5Z",
    "2025-03-01T12:00:00.500001Z",
    "2025-03-01T12:00:01Z",
    "1969-07-20T20:17:40Z",
    "2038-01-19T03:14:08.999Z",
];

pub fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let times = TIMES.map(|time| time.parse::<DateTime<Utc>>().expect("a time"));
    select(times.to_vec())
}

/// Texts that are hard to quote, escape or cut. PostgreSQL has no NUL.
pub const AWKWARD: [&str; 9] = [
    "",
    "say \"hi\"",
    "back\\slash \\u0041 \\n",
    "two\nlines\r\n\tand a tab",
    "\u{1}\u{8}\u{c}\u{1b}\u{1f}\u{7f}\u{80}\u{9f}",
    "👩‍👩‍👧 😀 \u{10ffff}",
    // By bytes before the emoji, by the units of UTF-16 after them.
    "\u{e000}\u{2028}\u{2029}\u{feff}",
    "</script>&amp;'--;%_$1",
    "null",
];

/// Texts that differ in case, and in what is a pattern to SQL.
pub const ALIKE: [&str; 5] = ["plain é", "Plain É", "PLAIN é", "pl_in É", "p%n \\%"];

/// Whether the column holds texts whose lower case is not the same everywhere.
pub fn folds_unlike(column: &str) -> bool {
    ["body", "bio"].contains(&column)
}

/// Any text, for the columns of [`folds_unlike`].
fn long_text() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => text(),
        1 => Just("e\u{301} é ﬃ İ ß ΑΣ ǅ".to_owned()),
    ]
}

/// A text in which each letter has at most one other case.
pub fn text() -> impl Strategy<Value = String> {
    let characters: Vec<char> = "aZ0 \"\\/\n\r\t\u{1}\u{1f}\u{7f}éÉ漢\u{fffd}😀\u{10000}{}$%_"
        .chars()
        .collect();
    prop_oneof![
        2 => select(ALIKE.to_vec()).prop_map(str::to_owned),
        2 => select(AWKWARD.to_vec()).prop_map(str::to_owned),
        1 => vec(select(characters), 0..8).prop_map(String::from_iter),
    ]
}
