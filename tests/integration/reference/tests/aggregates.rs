//! Aggregates.

use super::{check, data, extended};
use crate::reference::{Data, execute, respond};
use entity::post;
use serde_json::json;

#[test]
fn functions_are_of_all_rows_that_may_be_seen() {
    check(
        "{ postsAggregate { __typename count min { title version publishedAt } max { slug } sum { version } avg { version } }
           commentsAggregate(where: {body: {ne: \"no\"}}) { count max { body } } }",
        r#"{"postsAggregate":{"__typename":"PostAggregate","count":1,"min":{"title":"One","version":1,"publishedAt":"2025-03-01T12:00:00.500Z"},"max":{"slug":"one"},"sum":{"version":"1"},"avg":{"version":1}},"commentsAggregate":{"count":1,"max":{"body":"yes"}}}"#,
    );
    check(
        "{ users { postsAggregate { count } commentsAggregate { count min { body } } followersAggregate { count max { username } } } }",
        r#"{"users":[{"postsAggregate":{"count":0},"commentsAggregate":{"count":1,"min":{"body":"no"}},"followersAggregate":{"count":1,"max":{"username":"ann"}}},{"postsAggregate":{"count":1},"commentsAggregate":{"count":1,"min":{"body":"yes"}},"followersAggregate":{"count":0,"max":{"username":null}}}]}"#,
    );
}

#[test]
fn of_nothing_there_is_a_count() {
    check(
        "{ postsAggregate(where: {or: []}) { count min { title } max { createdAt } sum { version } avg { version } groups(by: STATUS) { count } }
           profilesAggregate { min { website } groups(by: [WEBSITE]) { key { website bio } count } } }",
        r#"{"postsAggregate":{"count":0,"min":{"title":null},"max":{"createdAt":null},"sum":{"version":null},"avg":{"version":null},"groups":[]},"profilesAggregate":{"min":{"website":null},"groups":[{"key":{"website":null,"bio":null},"count":1}]}}"#,
    );
}

#[test]
fn sums_are_exact_and_averages_what_is_nearest() {
    let query = "{ postsAggregate { sum { version } avg { version } max { version } } }";
    let versions = |versions: &[i32]| {
        let posts = versions.iter().zip(1..).map(|(version, id)| post::Model {
            id,
            version: *version,
            status: post::Status::Published,
            ..data().posts[0].clone()
        });
        let data = Data {
            posts: posts.collect(),
            ..data()
        };
        execute(&data, query, None, &json!({})).unwrap()
    };
    let max = i32::MAX;
    assert_eq!(
        versions(&[max, max, max]),
        r#"{"data":{"postsAggregate":{"sum":{"version":"6442450941"},"avg":{"version":2147483647},"max":{"version":2147483647}}}}"#
    );
    assert_eq!(
        versions(&[1, 1, 2]),
        r#"{"data":{"postsAggregate":{"sum":{"version":"4"},"avg":{"version":1.3333333333333333},"max":{"version":2}}}}"#
    );
}

#[test]
fn groups_come_by_their_columns_with_nulls_last() {
    grouped(
        "commentsAggregate { groups(by: [PARENT_ID]) { key { parentId body } count } }",
        r#"{"groups":[{"key":{"parentId":"Comment:1","body":null},"count":1},{"key":{"parentId":null,"body":null},"count":2}]}"#,
    );
    grouped(
        "commentsAggregate { groups(by: [BODY, AUTHOR_ID, BODY]) { key { authorId body } min { body } count } }",
        r#"{"groups":[{"key":{"authorId":"User:1","body":"a"},"min":{"body":"a"},"count":1},{"key":{"authorId":"User:2","body":"a"},"min":{"body":"a"},"count":1},{"key":{"authorId":"User:3","body":"b"},"min":{"body":"b"},"count":1}]}"#,
    );
    // By bytes, and enums by what the database calls them: author, reader.
    grouped(
        "tagsAggregate { groups(by: NAME, limit: 2, offset: 1) { key { name } } }",
        r#"{"groups":[{"key":{"name":"rust"}},{"key":{"name":"É"}}]}"#,
    );
    grouped(
        "usersAggregate { groups(by: ROLE) { __typename key { __typename role email } max { username } count } }",
        r#"{"groups":[{"__typename":"UserAggregateGroup","key":{"__typename":"UserAggregateKey","role":"AUTHOR","email":null},"max":{"username":"cyd"},"count":2},{"__typename":"UserAggregateGroup","key":{"__typename":"UserAggregateKey","role":"READER","email":null},"max":{"username":"bob"},"count":1}]}"#,
    );
    grouped(
        "usersAggregate { groups(by: [CREATED_AT], limit: null, offset: null) { key { createdAt } count } }",
        r#"{"groups":[{"key":{"createdAt":"2025-03-01T12:00:00Z"},"count":3}]}"#,
    );
    grouped(
        "usersAggregate { groups(by: ROLE, limit: 0) { count } }",
        r#"{"groups":[]}"#,
    );
}

#[test]
fn what_cannot_be_aggregated_is_refused() {
    let refused = |aggregate: &str| {
        let query = format!("{{ {aggregate} }}");
        let response = respond(&extended(), &query, None, &json!({})).unwrap();
        assert_eq!(response.errors.len(), 1, "{query}: {}", response.data);
    };
    refused("usersAggregate { min { email } }");
    refused("usersAggregate(where: {or: []}) { max { email } }");
    refused("usersAggregate(where: {or: []}) { groups(by: EMAIL) { count } }");
    refused("usersAggregate { groups(by: []) { count } }");
    refused("usersAggregate { groups(by: NAME, limit: 1001) { count } }");
    refused("usersAggregate { groups(by: NAME, limit: -1) { count } }");
    refused("usersAggregate { groups(by: NAME, offset: -1) { count } }");
}

fn grouped(aggregate: &str, expected: &str) {
    let (name, _) = aggregate.split_once(' ').expect("a name and its fields");
    let answer = execute(&extended(), &format!("{{ {aggregate} }}"), None, &json!({}));
    let expected = format!(r#"{{"data":{{"{name}":{expected}}}}}"#);
    assert_eq!(answer, Ok(expected));
}
