//! Connections. The tags are in the order 1, 2, 3, 4.

use super::{check, extended};
use crate::reference::{execute, respond};
use serde_json::{Value, json};

#[test]
fn a_page_has_the_first_rows_or_the_last_in_one_order() {
    page("", &[1, 2, 3, 4], (false, false));
    page("first: 2", &[1, 2], (true, false));
    page("first: 4", &[1, 2, 3, 4], (false, false));
    page("first: 0", &[], (true, false));
    page("last: 2", &[3, 4], (false, true));
    page("last: 5", &[1, 2, 3, 4], (false, false));
    page("last: 0", &[], (false, true));
    page("first: null, last: 1", &[4], (false, true));
    page("first: 1, last: null", &[1], (true, false));
    page("orderBy: {name: DESC}, first: 2", &[4, 3], (true, false));
    page("orderBy: {name: DESC}, last: 3", &[3, 1, 2], (false, true));
    page("orderBy: [], last: 1", &[4], (false, true));
}

#[test]
fn a_page_lies_between_its_cursors() {
    let after = |key, rest: &str| format!("after: {}{rest}", cursor("", key));
    let before = |key, rest: &str| format!("before: {}{rest}", cursor("", key));
    page(&after(1, ""), &[2, 3, 4], (false, true));
    page(&after(1, ", first: 2"), &[2, 3], (true, true));
    page(&after(1, ", last: 2"), &[3, 4], (false, true));
    page(&after(4, ""), &[], (false, true));
    page(&before(1, ""), &[], (false, false));
    page(&before(4, ", last: 2"), &[2, 3], (true, true));
    page(&before(4, ", first: 2"), &[1, 2], (true, false));
    let both = format!("{}, {}", after(1, ""), before(4, ""));
    page(&both, &[2, 3], (false, true));
    page(&format!("{both}, last: 1"), &[3], (true, true));
    page(&format!("{both}, last: 2"), &[2, 3], (true, false));
    page(&format!("{both}, first: 1"), &[2], (true, true));
    page(&after(3, ", before: null"), &[4], (false, true));

    let order = "orderBy: {posts: {count: ASC}}";
    page(order, &[2, 3, 4, 1], (false, false));
    let after = format!("{order}, after: {}", cursor(order, 4));
    page(&after, &[1], (false, true));
}

#[test]
fn a_cursor_is_of_one_order_and_one_type() {
    let refused = |arguments: &str| {
        let query = format!("{{ tagsConnection({arguments}) {{ totalCount }} }}");
        let response = respond(&extended(), &query, None, &json!({})).unwrap();
        assert_eq!(response.errors.len(), 1, "{query}: {}", response.data);
    };
    refused(&format!("after: {}", cursor("orderBy: {name: ASC}", 1)));
    refused(&format!(
        "orderBy: {{name: ASC}}, before: {}",
        cursor("", 1)
    ));
    refused(r#"after: "Tag:1""#);
    refused(r#"before: """#);
    refused("first: 1, last: 1");
    refused("first: -1");
    refused("last: -1");
    refused("first: 1001");
    refused("where: {name: null}");
}

#[test]
fn the_total_counts_what_the_condition_keeps() {
    let query = format!(
        "{{ tagsConnection(where: {{name: {{gte: \"r\"}}}}, after: {}) {{ totalCount nodes {{ id }} }} }}",
        cursor("", 1)
    );
    let answer = execute(&extended(), &query, None, &json!({})).unwrap();
    assert_eq!(
        answer,
        r#"{"data":{"tagsConnection":{"totalCount":3,"nodes":[{"id":"Tag:3"},{"id":"Tag:4"}]}}}"#
    );
}

#[test]
fn edges_of_some_junctions_say_more() {
    check(
        "{ users { followersConnection { __typename edges { __typename createdAt node { id } } }
                   followingConnection(first: 1) { edges { createdAt node { __typename username } } pageInfo { startCursor } } } }",
        r#"{"users":[{"followersConnection":{"__typename":"UserFollowersConnection","edges":[{"__typename":"UserFollowersEdge","createdAt":"2025-03-01T12:00:00Z","node":{"id":"User:1"}}]},"followingConnection":{"edges":[],"pageInfo":{"startCursor":null}}},{"followersConnection":{"__typename":"UserFollowersConnection","edges":[]},"followingConnection":{"edges":[{"createdAt":"2025-03-01T12:00:00Z","node":{"__typename":"User","username":"bob"}}],"pageInfo":{"startCursor":"User Position { terms: [(Some(Id(\"User\", 2)), \"DESC\")], key: 2 }"}}}]}"#,
    );
    check(
        "{ post(id: 1) { tagsConnection { edges { __typename node { name } } totalCount }
                         commentsConnection(last: 1) { nodes { id repliesConnection { totalCount } } } } }",
        r#"{"post":{"tagsConnection":{"edges":[{"__typename":"TagEdge","node":{"name":"rust"}}],"totalCount":1},"commentsConnection":{"nodes":[{"id":"Comment:1","repliesConnection":{"totalCount":1}}]}}}"#,
    );
}

/// Checks the keys of a page of all tags, and whether there are pages after it and before it.
fn page(arguments: &str, keys: &[i64], (next, previous): (bool, bool)) {
    let connection = connection(arguments);
    let keys = keys.iter().map(|key| format!("Tag:{key}"));
    let nodes: Vec<_> = keys.map(|id| json!({ "id": id })).collect();
    let edges: Vec<_> = edges(&connection)
        .iter()
        .map(|edge| edge["node"].clone())
        .collect();
    assert_eq!(edges, nodes, "{arguments}");
    assert_eq!(connection["nodes"], Value::Array(nodes), "{arguments}");
    assert_eq!(connection["totalCount"], 4, "{arguments}");
    let cursor =
        |edge: Option<&Value>| edge.map_or(Value::Null, |edge: &Value| edge["cursor"].clone());
    assert_eq!(
        connection["pageInfo"],
        json!({
            "hasNextPage": next,
            "hasPreviousPage": previous,
            "startCursor": cursor(self::edges(&connection).first()),
            "endCursor": cursor(self::edges(&connection).last()),
        }),
        "{arguments}"
    );
}

/// The cursor of this tag, as a literal.
fn cursor(arguments: &str, key: i64) -> String {
    let connection = connection(arguments);
    let id = format!("Tag:{key}");
    let mut edges = edges(&connection).iter();
    let edge = edges.find(|edge| edge["node"]["id"] == id.as_str());
    edge.expect("the tag is on the page")["cursor"].to_string()
}

fn edges(connection: &Value) -> &[Value] {
    connection["edges"].as_array().expect("edges")
}

fn connection(arguments: &str) -> Value {
    let arguments = match arguments {
        "" => String::new(),
        arguments => format!("({arguments})"),
    };
    let query = format!(
        "{{ tagsConnection{arguments} {{
            edges {{ cursor node {{ id }} }} nodes {{ id }} totalCount
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        }} }}"
    );
    let answer = execute(&extended(), &query, None, &json!({})).unwrap();
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    answer["data"]["tagsConnection"].take()
}
