//! Random changes of content: rows that come, rows that go, and rows that are something else then.

use super::content::{text, time};
use crate::reference::Data;
use chrono::{DateTime, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use proptest::{prelude::*, sample::Index};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, EntityTrait, IntoActiveModel, Iterable,
    ModelTrait, PrimaryKeyToColumn, QueryFilter, Value,
};

/// One change, as numbers and values for the columns of the row that it is about.
#[derive(Clone, Debug)]
pub struct Change {
    kind: u8,
    row: Index,
    others: (Index, Index, Index),
    text: Option<String>,
    times: (DateTime<Utc>, Option<DateTime<Utc>>),
}

pub fn change() -> impl Strategy<Value = Change> {
    let times = (time(), prop::option::of(time()));
    let rows = any::<(Index, (Index, Index, Index))>();
    (any::<u8>(), rows, prop::option::of(text()), times).prop_map(
        |(kind, (row, others), text, times)| Change {
            kind,
            row,
            others,
            text,
            times,
        },
    )
}

impl Change {
    /// Changes the content, which stays consistent. Where there is no row for it nothing happens.
    pub fn apply(&self, data: &mut Data) {
        match self.kind % 16 {
            0 | 1 => self.remove(&mut data.comments),
            2 => self.remove(&mut data.posts),
            3 => self.remove(&mut data.users),
            4 => self.remove(&mut data.tags),
            5 => self.remove(&mut data.follows),
            6 => self.remove(&mut data.post_tags),
            7 => self.add_comment(data),
            8 => self.add_post(data),
            9 => self.add_user(data),
            10 => self.add_tag(data),
            11 => self.add_follow(data),
            12 => self.add_filing(data),
            13 => self.alter_post(data),
            14 => self.alter_profile(data),
            _ => self.alter_others(data),
        }
        drop_orphans(data);
    }

    fn remove<T>(&self, rows: &mut Vec<T>) {
        if !rows.is_empty() {
            rows.remove(self.row.index(rows.len()));
        }
    }

    fn some_user(&self, data: &Data) -> Option<i64> {
        Some(
            data.users
                .get(self.others.0.index(data.users.len().max(1)))?
                .id,
        )
    }

    fn some_post(&self, data: &Data) -> Option<i64> {
        Some(
            data.posts
                .get(self.others.1.index(data.posts.len().max(1)))?
                .id,
        )
    }

    /// A key that no row has, often among those that rows have.
    fn new_key(&self, keys: impl Iterator<Item = i64> + Clone) -> i64 {
        let key = self.row.index(50) as i64 + 1;
        match keys.clone().any(|other| other == key) {
            true => keys.max().unwrap_or(0) + 1,
            false => key,
        }
    }

    fn text(&self) -> String {
        self.text.clone().unwrap_or_default()
    }

    fn add_comment(&self, data: &mut Data) {
        let (Some(author_id), Some(post_id)) = (self.some_user(data), self.some_post(data)) else {
            return;
        };
        let there = data.comments.iter();
        let there = there.filter(|comment| comment.post_id == post_id);
        let there: Vec<_> = there
            .map(|comment| Some(comment.id))
            .chain([None])
            .collect();
        data.comments.push(comment::Model {
            id: self.new_key(data.comments.iter().map(|comment| comment.id)),
            post_id,
            author_id,
            parent_id: there[self.others.2.index(there.len())],
            body: self.text(),
            created_at: self.times.0,
            updated_at: self.times.0,
        });
        data.comments.sort_by_key(|comment| comment.id);
    }

    fn add_post(&self, data: &mut Data) {
        let Some(author_id) = self.some_user(data) else {
            return;
        };
        let id = self.new_key(data.posts.iter().map(|post| post.id));
        data.posts.push(post::Model {
            id,
            author_id,
            title: self.text(),
            slug: format!("new {id}"),
            body: String::new(),
            status: post::Status::Published,
            published_at: self.times.1,
            created_at: self.times.0,
            updated_at: self.times.0,
            version: 1,
        });
        data.posts.sort_by_key(|post| post.id);
    }

    fn add_user(&self, data: &mut Data) {
        let id = self.new_key(data.users.iter().map(|user| user.id));
        data.users.push(user::Model {
            id,
            username: format!("new {id}"),
            name: self.text(),
            email: format!("new{id}@example.org"),
            password_hash: None,
            role: user::Role::Author,
            created_at: self.times.0,
            updated_at: self.times.0,
        });
        data.users.sort_by_key(|user| user.id);
    }

    fn add_tag(&self, data: &mut Data) {
        let id = self.new_key(data.tags.iter().map(|tag| tag.id));
        let name = format!("new {id}");
        data.tags.push(tag::Model { id, name });
        data.tags.sort_by_key(|tag| tag.id);
    }

    fn add_follow(&self, data: &mut Data) {
        let Some(follower_id) = self.some_user(data) else {
            return;
        };
        let followee_id = data.users[self.row.index(data.users.len())].id;
        let key = |follow: &follow::Model| (follow.follower_id, follow.followee_id);
        if !data
            .follows
            .iter()
            .any(|f| key(f) == (follower_id, followee_id))
        {
            data.follows.push(follow::Model {
                follower_id,
                followee_id,
                created_at: self.times.0,
            });
            data.follows.sort_by_key(key);
        }
    }

    fn add_filing(&self, data: &mut Data) {
        let (Some(post_id), false) = (self.some_post(data), data.tags.is_empty()) else {
            return;
        };
        let tag_id = data.tags[self.row.index(data.tags.len())].id;
        let filing = post_tag::Model { post_id, tag_id };
        if !data.post_tags.contains(&filing) {
            data.post_tags.push(filing);
            let key = |filing: &post_tag::Model| (filing.post_id, filing.tag_id);
            data.post_tags.sort_by_key(key);
        }
    }

    fn alter_post(&self, data: &mut Data) {
        let index = self.row.index(data.posts.len().max(1));
        let Some(post) = data.posts.get_mut(index) else {
            return;
        };
        match self.kind / 16 % 5 {
            0 => post.title = self.text(),
            1 => post.published_at = self.times.1,
            2 => post.created_at = self.times.0,
            3 => post.version += i32::from(post.version < i32::MAX),
            _ => {
                post.status = match post.status {
                    post::Status::Published => post::Status::Draft,
                    _ => post::Status::Published,
                }
            }
        }
    }

    fn alter_profile(&self, data: &mut Data) {
        let Some(user_id) = self.some_user(data) else {
            return;
        };
        let before = data.profiles.len();
        data.profiles.retain(|profile| profile.user_id != user_id);
        if data.profiles.len() == before || !self.kind.is_multiple_of(32) {
            data.profiles.push(profile::Model {
                user_id,
                bio: self.text.clone(),
                website: self.text.clone(),
                location: None,
            });
            data.profiles.sort_by_key(|profile| profile.user_id);
        }
    }

    fn alter_others(&self, data: &mut Data) {
        if let Some(author_id) = self.some_user(data)
            && let index = self.row.index(data.comments.len().max(1))
            && let Some(comment) = data.comments.get_mut(index)
        {
            comment.author_id = author_id;
            comment.body = self.text();
        }
        let index = self.row.index(data.users.len().max(1));
        if let Some(user) = data.users.get_mut(index) {
            user.name = self.text();
            user.created_at = self.times.0;
        }
    }
}

/// Drops what belongs to rows that are gone, as the foreign keys do.
fn drop_orphans(data: &mut Data) {
    let Data {
        users,
        profiles,
        posts,
        tags,
        post_tags,
        comments,
        follows,
        seen: _,
    } = data;
    let is_user = |id| users.iter().any(|user| user.id == id);
    let is_tag = |id| tags.iter().any(|tag| tag.id == id);
    profiles.retain(|profile| is_user(profile.user_id));
    follows.retain(|follow| is_user(follow.follower_id) && is_user(follow.followee_id));
    posts.retain(|post| is_user(post.author_id));
    let is_post = |id| posts.iter().any(|post| post.id == id);
    post_tags.retain(|filing| is_post(filing.post_id) && is_tag(filing.tag_id));
    comments.retain(|comment| is_post(comment.post_id) && is_user(comment.author_id));
    loop {
        let there: Vec<_> = comments.iter().map(|comment| comment.id).collect();
        comments.retain(|comment| comment.parent_id.is_none_or(|id| there.contains(&id)));
        if comments.len() == there.len() {
            break;
        }
    }
}

/// Makes tables with the rows of `old` those of `new`, which are one change apart, touching only what
/// differs. Panics where a row is refused: this is a test.
pub async fn write(db: &DatabaseConnection, old: &Data, new: &Data) {
    remove::<follow::Entity>(db, &old.follows, &new.follows).await;
    remove_comments(db, &old.comments, &new.comments).await;
    remove::<post_tag::Entity>(db, &old.post_tags, &new.post_tags).await;
    remove::<post::Entity>(db, &old.posts, &new.posts).await;
    remove::<tag::Entity>(db, &old.tags, &new.tags).await;
    remove::<profile::Entity>(db, &old.profiles, &new.profiles).await;
    remove::<user::Entity>(db, &old.users, &new.users).await;

    put::<user::Entity>(db, &old.users, &new.users).await;
    put::<profile::Entity>(db, &old.profiles, &new.profiles).await;
    put::<tag::Entity>(db, &old.tags, &new.tags).await;
    put::<post::Entity>(db, &old.posts, &new.posts).await;
    put::<post_tag::Entity>(db, &old.post_tags, &new.post_tags).await;
    put::<comment::Entity>(db, &old.comments, &new.comments).await;
    put::<follow::Entity>(db, &old.follows, &new.follows).await;
}

/// Removes the comments that are gone, all at once: none is left without the one that it answers.
async fn remove_comments(db: &DatabaseConnection, old: &[comment::Model], new: &[comment::Model]) {
    let is_there = |id| new.iter().any(|comment| comment.id == id);
    let gone: Vec<i64> = old.iter().map(|comment| comment.id).collect();
    let gone: Vec<i64> = gone.into_iter().filter(|&id| !is_there(id)).collect();
    if !gone.is_empty() {
        let delete = comment::Entity::delete_many().filter(comment::Column::Id.is_in(gone));
        delete.exec(db).await.expect("the comments can be removed");
    }
}

/// Removes the rows whose keys are gone.
async fn remove<E>(db: &DatabaseConnection, old: &[E::Model], new: &[E::Model])
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E>,
{
    for row in old {
        if !new.iter().any(|other| key::<E>(other) == key::<E>(row)) {
            let row = E::delete(row.clone().into_active_model());
            row.exec(db).await.expect("the row can be removed");
        }
    }
}

/// Inserts the rows whose keys are new, and updates those that differ.
async fn put<E>(db: &DatabaseConnection, old: &[E::Model], new: &[E::Model])
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + PartialEq,
    E::ActiveModel: ActiveModelTrait<Entity = E>,
{
    let mut added = Vec::new();
    for row in new {
        match old.iter().find(|other| key::<E>(other) == key::<E>(row)) {
            Some(other) if other == row => {}
            Some(_) => {
                let row = E::update(row.clone().into_active_model().reset_all());
                row.exec(db).await.expect("the row can be changed");
            }
            None => added.push(row.clone().into_active_model()),
        }
    }
    if !added.is_empty() {
        let rows = E::insert_many(added).exec_without_returning(db);
        rows.await.expect("the rows are accepted");
    }
}

fn key<E: EntityTrait>(row: &E::Model) -> Vec<Value> {
    let columns = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    columns.map(|column| row.get(column)).collect()
}
