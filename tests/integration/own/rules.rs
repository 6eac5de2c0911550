//! They are no way around a rule: rows and values that somebody may not see are not given to the code either.

use backref::Graph;
use backref::graph::Principal;
use backref::graph::own::{Needs, Row};
use backref::graph::policy::Rule;
use entity::{comment, post, user};
use serde_json::{Value, json};

use super::app;
use crate::harness::{Backend, TestApp, TestDatabase, blog};
use crate::rules::{admin, user};

async fn asked(app: &TestApp, who: &Principal, query: &str) -> Value {
    app.ask(who, query, &json!({})).await.data()
}

/// A value is null to those to whom the column is that it is made of.
#[tokio::test]
async fn a_hidden_column_hides_what_is_made_of_it() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = app(&database);
        for who in [Principal::Anonymous, user(2), admin()] {
            let data = asked(&app, &who, "{ users(limit: 50) { email mailto } }").await;
            let users = data["users"].as_array().expect("users");
            for user in users {
                let expected = match user["email"].as_str() {
                    Some(email) => json!(format!("mailto:{email}")),
                    None => Value::Null,
                };
                assert_eq!(user["mailto"], expected, "{backend:?} {who:?}");
            }
            let seen = users
                .iter()
                .filter(|user| !user["mailto"].is_null())
                .count();
            let expected = match who {
                Principal::Anonymous => 0,
                _ if who == admin() => users.len(),
                _ => 1,
            };
            assert_eq!(seen, expected, "{backend:?} {who:?}");
        }
    }
}

/// Rows that are walked are those that lists give to the same.
#[tokio::test]
async fn hidden_rows_are_not_walked() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = app(&database);
        let mut answers = Vec::new();
        for who in [Principal::Anonymous, user(1), user(3), admin()] {
            let query = "{ users(limit: 50) { karma popularity posts(limit: 1000) { status } comments(limit: 1000) { id } postsAggregate { count } followersConnection { totalCount } } }";
            let data = asked(&app, &who, query).await;
            for user in data["users"].as_array().expect("users") {
                let mut karma = user["comments"].as_array().map_or(0, Vec::len);
                for post in user["posts"].as_array().expect("posts") {
                    karma += if post["status"] == "PUBLISHED" { 10 } else { 1 };
                }
                assert_eq!(user["karma"], json!(karma), "{backend:?} {who:?}");
                let count = user["postsAggregate"]["count"].to_string();
                let count: u64 = count.trim_matches('"').parse().expect("a number");
                let followers = user["followersConnection"]["totalCount"].as_u64();
                let popularity = followers.unwrap_or_default() * 100 + count;
                assert_eq!(user["popularity"], json!(popularity.to_string()), "{who:?}");
            }
            let karma = data["users"].as_array().expect("users").iter();
            answers.push(karma.map(|user| user["karma"].clone()).collect::<Vec<_>>());
        }
        assert_ne!(answers[0], answers[3], "somebody sees more: {backend:?}");
    }
}

/// The values of related rows are masked as everywhere.
#[tokio::test]
async fn hidden_values_of_related_rows_are_not_given() {
    let graph = || -> Graph {
        blog::graph()
            .column_policy(comment::Column::ParentId, |me, _| {
                Rule::when(me.has("admin"))
            })
            .lazy_field(
                post::Entity,
                "threads",
                Needs::nothing().related(
                    post::Relation::Comments,
                    Needs::columns([comment::Column::ParentId, comment::Column::Body]),
                ),
                async |post, cx| {
                    let comments: Vec<Row<comment::Entity>> =
                        cx.related(&post, post::Relation::Comments).await?;
                    let mut parents: Vec<Option<i64>> = Vec::new();
                    for comment in comments {
                        parents.push(comment.get(comment::Column::ParentId)?);
                    }
                    Ok(parents.into_iter().flatten().count() as i32)
                },
            )
            .lazy_field(
                post::Entity,
                "authorsMail",
                Needs::nothing().related(
                    post::Relation::Author,
                    Needs::columns([user::Column::Email]),
                ),
                async |post, cx| {
                    let author = cx.related_one::<user::Entity, _>(&post, post::Relation::Author);
                    match author.await? {
                        Some(author) => Ok(Some(author.get::<String>(user::Column::Email)?)),
                        None => Ok(None),
                    }
                },
            )
    };
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::new(&database, graph(), Default::default());
        let query = "{ posts(limit: 100) { threads } }";
        let sum = |data: &Value| -> i64 {
            let posts = data["posts"].as_array().expect("posts");
            posts
                .iter()
                .filter_map(|post| post["threads"].as_i64())
                .sum()
        };
        assert_eq!(sum(&asked(&app, &user(2), query).await), 0, "{backend:?}");
        assert!(sum(&asked(&app, &admin(), query).await) > 0, "{backend:?}");
        let answer = app
            .ask(
                &Principal::Anonymous,
                "{ posts(limit: 2) { authorsMail } }",
                &json!({}),
            )
            .await;
        assert_eq!(answer.code(), "FORBIDDEN", "{}", answer.text);
        assert!(answer.message().contains("`email`"), "{}", answer.text);
        let posts = answer.json()["data"]["posts"].clone();
        assert_eq!(
            posts,
            json!([{ "authorsMail": null }, { "authorsMail": null }])
        );
        let data = asked(&app, &admin(), "{ posts(limit: 2) { authorsMail } }").await;
        assert!(data["posts"][0]["authorsMail"].is_string());
    }
}
