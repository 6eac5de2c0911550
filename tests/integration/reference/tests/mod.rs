//! Cases worked out by hand from the specification's text and from the descriptions in the schema.

mod aggregates;
mod conditions;
mod connections;
mod execution;

use super::{Data, execute};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
use serde_json::json;

/// More to choose from: a third user who comments, and tags that differ in case.
fn extended() -> Data {
    let mut data = data();
    let noon = data.users[0].created_at;
    data.users.push(user::Model {
        id: 3,
        username: "cyd".to_owned(),
        role: user::Role::Author,
        ..data.users[1].clone()
    });
    data.posts[1].id = 9;
    data.post_tags[1].post_id = 9;
    data.post_tags[2].post_id = 9;
    data.tags[1].name = "Sql_".to_owned();
    data.tags
        .extend([(3, "É"), (4, "é")].map(|(id, name)| tag::Model {
            id,
            name: name.to_owned(),
        }));
    let comment = |id, post_id, author_id, parent_id, body: &str| comment::Model {
        id,
        post_id,
        author_id,
        parent_id,
        body: body.to_owned(),
        created_at: noon,
        updated_at: noon,
    };
    data.comments = vec![
        comment(1, 1, 1, None, "a"),
        comment(2, 1, 2, Some(1), "a"),
        comment(3, 1, 3, None, "b"),
        comment(4, 9, 2, None, "hidden"),
    ];
    data
}

fn check(query: &str, expected: &str) {
    let response = execute(&data(), query, None, &json!({}));
    assert_eq!(response.unwrap(), format!(r#"{{"data":{expected}}}"#));
}

/// Ann wrote a post that is published and one that is not; Bob commented.
fn data() -> Data {
    let noon: DateTime<Utc> = "2025-03-01T12:00:00Z".parse().unwrap();
    let user = |id, username: &str, name: &str, role| user::Model {
        id,
        username: username.to_owned(),
        name: name.to_owned(),
        email: format!("{username}@example.org"),
        password_hash: None,
        role,
        created_at: noon,
        updated_at: noon,
    };
    let post = |id, title: &str, status| post::Model {
        id,
        author_id: 1,
        title: title.to_owned(),
        slug: title.to_lowercase(),
        body: String::new(),
        status,
        published_at: Some(noon + TimeDelta::milliseconds(500)),
        created_at: noon,
        updated_at: noon,
        version: 1,
    };
    let comment = |id, post_id, author_id, parent_id, body: &str| comment::Model {
        id,
        post_id,
        author_id,
        parent_id,
        body: body.to_owned(),
        created_at: noon,
        updated_at: noon,
    };
    let tag = |id, name: &str| tag::Model {
        id,
        name: name.to_owned(),
    };
    let post_tag = |post_id, tag_id| post_tag::Model { post_id, tag_id };
    Data {
        users: vec![
            user(1, "ann", "Ann", user::Role::Author),
            user(2, "bob", "Bob", user::Role::Reader),
        ],
        profiles: vec![profile::Model {
            user_id: 1,
            bio: Some("line\n\"two\"".to_owned()),
            website: None,
            location: None,
        }],
        posts: vec![
            post(1, "One", post::Status::Published),
            post(2, "Two", post::Status::Draft),
        ],
        tags: vec![tag(1, "rust"), tag(2, "sql")],
        post_tags: vec![post_tag(1, 1), post_tag(2, 1), post_tag(2, 2)],
        comments: vec![
            comment(1, 1, 1, None, "yes"),
            comment(2, 1, 2, Some(1), "no"),
            comment(3, 2, 2, None, "hidden"),
        ],
        follows: vec![follow::Model {
            follower_id: 1,
            followee_id: 2,
            created_at: noon,
        }],
        seen: None,
    }
}
