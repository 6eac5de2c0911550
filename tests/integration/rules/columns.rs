//! Rules for the values of columns that more than a field stands on: foreign keys, columns of junctions.

use backref::graph::condition::Compare;
use backref::graph::policy::Rule;
use backref::read::plan::Limits;
use entity::{comment, follow, post};
use serde_json::json;

use super::{data, len, user};
use crate::harness::{Backend, TestApp, TestDatabase, blog};

/// Whoever may not see a foreign key is not led by it either, from neither end.
#[tokio::test]
async fn a_hidden_key_leads_nowhere() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = || blog::graph().policy(post::Entity, |_, _| Rule::ALWAYS);
        let open = TestApp::new(&database, graph(), Limits::default());
        let masked = graph().column_policy(post::Column::AuthorId, |me, post| {
            post.is(post::Column::Status, post::Status::Published)
                .or(me.is(post::Column::AuthorId))
        });
        let masked = TestApp::new(&database, masked, Limits::default());
        let hidden = graph().column_policy(post::Column::AuthorId, |_, _| Rule::NEVER);
        let hidden = TestApp::new(&database, hidden, Limits::default());
        let found = data(
            &open,
            &user(1),
            "{ posts(where: { status: { eq: DRAFT } }, limit: 1) { id author { id } } }",
        )
        .await;
        let draft = &found["posts"][0];
        let (id, author) = (&draft["id"], &draft["author"]["id"]);
        let number: i64 = author.as_str().expect("an id")[5..]
            .parse()
            .expect("a number");
        let query = format!(
            "{{ post(id: {id}) {{ authorId author {{ id }} }} user(id: {author}) {{ posts(limit: 100) {{ id }} postsAggregate {{ count }} }} users(limit: 100, where: {{ posts: {{ some: {{ id: {{ eq: {id} }} }} }} }}) {{ id }} posts(limit: 100, where: {{ author: {{ id: {{ eq: {author} }} }} }}) {{ id }} }}"
        );
        let all = data(&open, &user(number), &query).await;
        let seen_by = async |app: &TestApp, who: i64| {
            let data = data(app, &user(who), &query).await;
            let listed = len(&data["user"]["posts"]);
            assert_eq!(
                data["user"]["postsAggregate"]["count"],
                json!(listed),
                "{backend:?}"
            );
            assert_eq!(len(&data["posts"]), listed, "{backend:?}");
            (data["post"].clone(), listed, len(&data["users"]))
        };
        let known = json!({ "authorId": author, "author": { "id": author } });
        let unknown = json!({ "authorId": null, "author": null });
        let posts = len(&all["user"]["posts"]);
        let drafts = data(
            &open,
            &user(1),
            &format!("{{ postsAggregate(where: {{ status: {{ ne: PUBLISHED }}, author: {{ id: {{ eq: {author} }} }} }}) {{ count }} }}"),
        )
        .await;
        let drafts = drafts["postsAggregate"]["count"].as_u64().expect("a count") as usize;
        assert_eq!(
            seen_by(&masked, number).await,
            (known, posts, 1),
            "{backend:?}"
        );
        let other = number + 1;
        assert_eq!(
            seen_by(&masked, other).await,
            (unknown, posts - drafts, 0),
            "{backend:?}"
        );
        let nothing = format!(
            "{{ post(id: {id}) {{ authorId author {{ id }} }} user(id: {author}) {{ posts {{ id }} postsAggregate {{ count }} }} }}"
        );
        assert_eq!(
            data(&hidden, &user(number), &nothing).await,
            json!({ "post": { "authorId": null, "author": null }, "user": { "posts": [], "postsAggregate": { "count": 0 } } }),
            "{backend:?}"
        );
    }
}

/// The columns of a junction have rules as others do, and so have its rows.
#[tokio::test]
async fn edges_show_what_may_be_seen() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = blog::graph().column_policy(follow::Column::CreatedAt, |me, _| {
            me.is(follow::Column::FollowerId)
        });
        let app = TestApp::new(&database, graph, Limits::default());
        let found = data(
            &app,
            &user(1),
            "{ users(limit: 1, where: { following: { some: {} } }) { id followingConnection { nodes { id } } } }",
        )
        .await;
        let id = found["users"][0]["id"].as_str().expect("an id").to_owned();
        let number: i64 = id[5..].parse().expect("a number");
        let query = format!(
            r#"{{ user(id: "{id}") {{ followingConnection {{ edges {{ createdAt node {{ id }} }} }} }} users(limit: 100, where: {{ followers: {{ some: {{ id: {{ eq: "{id}" }} }} }} }}) {{ followersConnection(first: 100) {{ edges {{ createdAt node {{ id }} }} }} }} }}"#
        );
        for who in [number, number + 1] {
            let data = data(&app, &user(who), &query).await;
            let edges = data["user"]["followingConnection"]["edges"]
                .as_array()
                .expect("edges");
            assert!(!edges.is_empty());
            assert!(
                edges
                    .iter()
                    .all(|e| e["createdAt"].is_null() == (who != number)),
                "{backend:?}"
            );
            for user in data["users"].as_array().expect("users") {
                for edge in user["followersConnection"]["edges"]
                    .as_array()
                    .expect("edges")
                {
                    let is_own = edge["node"]["id"] == json!(format!("User:{who}"));
                    assert_eq!(edge["createdAt"].is_null(), !is_own, "{backend:?}");
                }
            }
        }
        let mine = blog::graph().policy(follow::Entity, |me, _| me.is(follow::Column::FollowerId));
        let mine = TestApp::new(&database, mine, Limits::default());
        let query = format!(
            r#"{{ user(id: "{id}") {{ following {{ id }} followingConnection {{ totalCount }} }} users(where: {{ followers: {{ some: {{}} }} }}) {{ id }} }}"#
        );
        let own = data(&mine, &user(number), &query).await;
        assert!(
            len(&own["user"]["following"]) > 0 && len(&own["users"]) > 0,
            "{backend:?}"
        );
        let others = data(&mine, &user(number + 1), &query).await;
        assert_eq!(
            others["user"],
            json!({ "following": [], "followingConnection": { "totalCount": 0 } }),
            "{backend:?}"
        );
    }
}

/// A rule may walk relations as `where` does, over junctions too.
#[tokio::test]
async fn a_rule_walks_relations() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = blog::graph().policy(comment::Entity, |me, comment| {
            comment.some("author", |author| {
                author.some("followers", |follower| {
                    me.is(entity::user::Column::Id)
                        .or(follower.is(entity::user::Column::Id, 0))
                })
            })
        });
        let app = TestApp::new(&database, graph, Limits::default());
        let query = "{ comments(limit: 1000) { author { id } } commentsAggregate { count } posts(limit: 100) { commentsConnection { totalCount } } }";
        for who in [1, 2, 3] {
            let me = user(who);
            let follows = data(
                &app,
                &me,
                &format!("{{ user(id: {who}) {{ following(limit: 100) {{ id }} }} }}"),
            )
            .await;
            let follows = follows["user"]["following"]
                .as_array()
                .expect("users")
                .clone();
            let seen = data(&app, &me, query).await;
            let comments = seen["comments"].as_array().expect("comments");
            assert!(
                comments.iter().all(|c| follows.contains(&c["author"])),
                "{backend:?}"
            );
            let count = seen["commentsAggregate"]["count"].as_u64();
            assert_eq!(count, Some(comments.len() as u64), "{backend:?}");
            let below = seen["posts"].as_array().expect("posts").iter();
            let below: u64 = below
                .filter_map(|p| p["commentsConnection"]["totalCount"].as_u64())
                .sum();
            assert_eq!(Some(below), count, "{backend:?}");
        }
    }
}

/// No condition of a client's asks this of an enum.
#[tokio::test]
async fn a_rule_compares_enums_by_their_texts() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let graph = blog::graph().policy(post::Entity, |_, post| {
            post.compare(post::Column::Status, Compare::Lt, "published")
        });
        let app = TestApp::new(&database, graph, Limits::default());
        let query = "{ postsAggregate { groups(by: [STATUS]) { key { status } } } }";
        let groups = &data(&app, &user(1), query).await["postsAggregate"]["groups"];
        let expected =
            json!([{ "key": { "status": "ARCHIVED" } }, { "key": { "status": "DRAFT" } }]);
        assert_eq!(groups, &expected, "{backend:?}");
    }
}
