//! What a cursor, a group, an enclosing row or a name could give away or get wrong.

use backref::Graph;
use backref::graph::policy::Rule;
use backref::read::plan::Limits;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entity::{post, tag};
use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase, blog};

/// A column that may not be seen does not order by default, since a cursor would hold its values.
#[tokio::test]
async fn cursors_hold_nothing_that_is_hidden() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let hidden = blog::graph().hide(post::Column::CreatedAt);
        let masked = blog::graph().column_policy(post::Column::CreatedAt, |_, _| Rule::NEVER);
        for graph in [hidden, masked] {
            let app = TestApp::new(&database, graph, Limits::default());
            let query = "{ postsConnection(first: 1) { edges { cursor } } user(id: 1) { postsConnection(first: 1) { edges { cursor } } } }";
            let data = app.query(query).await.data();
            for connection in [&data["postsConnection"], &data["user"]["postsConnection"]] {
                let cursor = connection["edges"][0]["cursor"].as_str().expect("a cursor");
                let bytes = URL_SAFE_NO_PAD.decode(cursor).expect("base64");
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains("202"), "{backend:?}: {text}");
            }
        }
    }
}

/// Groups are not cut to the values that the entity knows.
#[tokio::test]
async fn a_value_that_the_entity_does_not_know_hides_no_group() {
    let backends = Backend::all().into_iter();
    for backend in backends.filter(|b| *b == Backend::Postgres) {
        let database = TestDatabase::sample(backend).await;
        database
            .execute("ALTER TYPE post_status ADD VALUE 'deleted'")
            .await;
        database
            .execute("UPDATE post SET status = 'deleted' WHERE id = 1")
            .await;
        let graph = blog::graph().policy(post::Entity, |_, _| Rule::ALWAYS);
        let app = TestApp::new(&database, graph, Limits::default());
        let answer = app
            .query("{ postsAggregate { groups(by: [STATUS]) { count } } }")
            .await;
        assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", answer.text);
        assert!(answer.message().contains("holds others"), "{}", answer.text);
    }
}

/// A null in a non-null field of an enclosing row empties the nullable field that leads back to it.
#[tokio::test]
async fn a_null_stops_at_the_field_that_leads_back() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let found = app
            .query("{ comments(where: { replies: { some: {} } }, limit: 1) { id } }")
            .await
            .data();
        let id = found["comments"][0]["id"].as_str().expect("an id");
        let number = id.trim_start_matches("Comment:");
        let unreadable = match backend {
            Backend::Sqlite => "'yesterday'",
            Backend::Postgres => "'infinity'",
        };
        database
            .execute(&format!(
                "UPDATE comment SET created_at = {unreadable} WHERE id = {number}"
            ))
            .await;
        let query = format!(
            "{{ comment(id: \"{id}\") {{ replies(limit: 1) {{ parent {{ createdAt }} post {{ __typename }} }} }} }}"
        );
        let answer = app.query(&query).await.json();
        assert_eq!(
            answer["data"]["comment"]["replies"],
            json!([{ "parent": null, "post": { "__typename": "Post" } }]),
            "{backend:?}: {answer}"
        );
        let path = json!(["comment", "replies", 0, "parent", "createdAt"]);
        assert_eq!(answer["errors"][0]["path"], path);
    }
}

/// A value that its type cannot represent is null, with an error that names it, and all around it stays as it was.
#[tokio::test]
async fn a_value_that_cannot_be_written_leaves_the_rest() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let app = TestApp::blog(&database);
        let query = "{ posts(limit: 5) { version publishedAt title author { name } again: title slug __typename body } }";
        let mut expected = app.query(query).await.data();
        let found = app.query("{ posts(limit: 5) { id } }").await.data();
        let id = found["posts"][2]["id"].as_str().expect("an id");
        let number = id.trim_start_matches("Post:");
        let unreadable = match backend {
            Backend::Sqlite => "'yesterday'",
            Backend::Postgres => "'infinity'",
        };
        let sql = format!("UPDATE post SET published_at = {unreadable} WHERE id = {number}");
        database.execute(&sql).await;
        expected["posts"][2]["publishedAt"] = json!(null);
        let answer = app.query(query).await.json();
        assert_eq!(answer["data"], expected, "{backend:?}");
        let errors = answer["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(errors, 1, "{answer}");
        let path = json!(["posts", 2, "publishedAt"]);
        assert_eq!(answer["errors"][0]["path"], path);
    }
}

#[test]
fn no_type_is_called_as_one_that_is_made() {
    for name in [
        "UserFollowersEdge",
        "UserFollowers",
        "StringFilter",
        "PostStatusFilter",
        "OrderDirection",
        "CountOrder",
        "PageInfo",
        "PostListWhere",
        "UserAggregateMin",
    ] {
        let built: Result<_, _> = named(name).build();
        let mistakes = built.err().map(|e| e.mistakes).unwrap_or_default();
        let told = mistakes
            .iter()
            .any(|m| m.contains(name) && m.contains(".type_name("));
        assert!(told, "{name}: {mistakes:?}");
    }
    assert!(named("Label").build().is_ok());
}

fn named(name: &str) -> Graph {
    blog::graph().type_name(tag::Entity, name)
}

/// One object alone can be larger than an answer may be.
#[tokio::test]
async fn an_object_larger_than_an_answer_may_be_is_refused() {
    for backend in Backend::all() {
        let database = TestDatabase::sample(backend).await;
        let body = match backend {
            Backend::Sqlite => "printf('%.*c', 2000000, 'x')",
            Backend::Postgres => "repeat('x', 2000000)",
        };
        database
            .execute(&format!("UPDATE post SET body = {body} WHERE id = 1"))
            .await;
        let app = TestApp::blog(&database);
        let fields: Vec<_> = (0..100).map(|i| format!("a{i}: body")).collect();
        let query = format!(
            "{{ posts(where: {{ id: {{ eq: 1 }} }}) {{ {} }} }}",
            fields.join(" ")
        );
        let answer = app.query(&query).await;
        assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", &answer.text[..200]);
        assert!(answer.text.len() < 1000);
    }
}
