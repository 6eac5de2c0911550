//! The algorithms of the specification, and where rows are found.

use super::{check, data};
use crate::reference::{execute, respond};
use serde_json::json;

#[test]
fn fields_come_in_the_order_in_which_they_are_first_met() {
    // Field Collection, section 6.3.2: the fragment's `id` joins the first group, `name` follows.
    check(
        "{ user(id: 1) { id } ...F tag(id: 1) { id } }
         fragment F on Query { user(id: 1) { name } post(id: 1) { id } }",
        r#"{"user":{"id":"User:1","name":"Ann"},"post":{"id":"Post:1"},"tag":{"id":"Tag:1"}}"#,
    );
    check(
        "{ post(id: 1) { title ...B ... on Post { slug title } version } }
         fragment B on Node { ... on Post { version } ... on User { name } id }",
        r#"{"post":{"title":"One","version":1,"id":"Post:1","slug":"one"}}"#,
    );
}

#[test]
fn selection_sets_of_one_response_name_are_merged() {
    check(
        "{ a: post(id: 1) { author { id } } a: post(id: 1) { author { name id } id } }",
        r#"{"a":{"author":{"id":"User:1","name":"Ann"},"id":"Post:1"}}"#,
    );
    check(
        "{ posts(limit: 1) { comments { id } } ...F } fragment F on Query { posts(limit: 1) { comments { body } } }",
        r#"{"posts":[{"comments":[{"id":"Comment:2","body":"no"},{"id":"Comment:1","body":"yes"}]}]}"#,
    );
}

#[test]
fn a_fragment_is_visited_once_in_a_selection_set_and_not_when_it_is_skipped() {
    check(
        "{ tag(id: 1) { ...F @skip(if: true) name ...F ...F @include(if: false) } }
         fragment F on Tag { __typename id }",
        r#"{"tag":{"name":"rust","__typename":"Tag","id":"Tag:1"}}"#,
    );
    // A fragment that does not apply still counts as visited, in one selection set only.
    check(
        r#"{ nodes(ids: ["User:1", "Tag:1"]) { ...F ... on Tag { ...F } } }
         fragment F on User { name }"#,
        r#"{"nodes":[{"name":"Ann"},{}]}"#,
    );
}

#[test]
fn skip_and_include_decide_before_anything_else() {
    let variables = json!({"yes": true});
    let query = "query ($yes: Boolean!, $no: Boolean = false) {
        post(id: 1) {
            id @skip(if: $yes)
            title @include(if: $yes)
            slug @skip(if: $no) @include(if: $no)
            version @skip(if: $no) @include(if: $yes)
            ... @include(if: $no) { body }
            ... on Node @skip(if: $no) { key: id }
        }
        tag(id: 1) @skip(if: $yes) { id }
    }";
    assert_eq!(
        execute(&data(), query, None, &variables).unwrap(),
        r#"{"data":{"post":{"title":"One","version":1,"key":"Post:1"}}}"#
    );
    check("{ post(id: 1) { id @skip(if: true) } }", r#"{"post":{}}"#);
    check("{ post(id: 1) @include(if: false) { id } }", "{}");
}

#[test]
fn variables_without_a_value_leave_the_argument_to_its_default() {
    let query = "query ($n: Int, $m: Int = 1, $id: ID, $slug: String = \"one\") {
        all: tags(limit: $n, offset: 0) { id }
        one: tags(limit: $m, offset: $n) { id }
        post(id: $id, slug: $slug) { id }
    }";
    assert_eq!(
        execute(&data(), query, None, &json!({})).unwrap(),
        r#"{"data":{"all":[{"id":"Tag:1"},{"id":"Tag:2"}],"one":[{"id":"Tag:1"}],"post":{"id":"Post:1"}}}"#
    );
    // Null is a value: it puts the default of the variable aside.
    assert_eq!(
        execute(
            &data(),
            query,
            None,
            &json!({"m": null, "n": 1, "id": null})
        )
        .unwrap(),
        r#"{"data":{"all":[{"id":"Tag:1"}],"one":[{"id":"Tag:2"}],"post":{"id":"Post:1"}}}"#
    );
    let missing = execute(
        &data(),
        "query ($id: ID!) { node(id: $id) { id } }",
        None,
        &json!({}),
    );
    assert!(missing.is_err());
}

#[test]
fn one_value_stands_for_a_list_of_it() {
    let query =
        "query ($ids: [ID!]!) { a: nodes(ids: $ids) { id } b: nodes(ids: \"Tag:2\") { id } }";
    assert_eq!(
        execute(&data(), query, None, &json!({"ids": "Tag:1"})).unwrap(),
        r#"{"data":{"a":[{"id":"Tag:1"}],"b":[{"id":"Tag:2"}]}}"#
    );
}

#[test]
fn an_operation_is_chosen_by_its_name() {
    let query = "query A { tag(id: 1) { id } } query B { tag(id: 2) { id } }";
    let b = execute(&data(), query, Some("B"), &json!({}));
    assert_eq!(b.unwrap(), r#"{"data":{"tag":{"id":"Tag:2"}}}"#);
    assert!(execute(&data(), query, None, &json!({})).is_err());
    assert!(execute(&data(), query, Some("C"), &json!({})).is_err());
}

#[test]
fn an_error_nulls_the_nearest_nullable_parent() {
    let check = |query: &str, data_text: &str, path: &str| {
        let response = respond(&data(), query, None, &json!({})).unwrap();
        assert_eq!(response.data, data_text);
        assert_eq!(response.errors.len(), 1, "{:?}", response.errors);
        assert_eq!(response.errors[0].path.join("."), path);
    };
    check(
        r#"{ post(id: "User:1") { id } tag(id: 1) { id } }"#,
        r#"{"post":null,"tag":{"id":"Tag:1"}}"#,
        "post",
    );
    check(
        "{ post(id: 1) { author { posts(limit: -1) { id } } } tag(id: 1) { id } }",
        r#"{"post":null,"tag":{"id":"Tag:1"}}"#,
        "post.author.posts",
    );
    check(
        r#"{ nodes(ids: ["Tag:1", "User:1"]) { id ... on User { posts(limit: -1) { id } } } }"#,
        r#"{"nodes":[{"id":"Tag:1"},null]}"#,
        "nodes.1.posts",
    );
    check(
        "{ tags { posts(offset: -1) { id } } }",
        "null",
        "tags.0.posts",
    );
}

#[test]
fn what_is_hidden_is_absent() {
    check(
        "{ post(id: 2) { id } bySlug: post(slug: \"two\") { id } comment(id: 3) { id }
           posts { id } comments { id } node(id: \"Post:2\") { id }
           user(id: 1) { email posts { id } comments { id } } tag(id: 2) { posts { id } } }",
        r#"{"post":null,"bySlug":null,"comment":null,"posts":[{"id":"Post:1"}],"comments":[{"id":"Comment:2"},{"id":"Comment:1"}],"node":null,"user":{"email":null,"posts":[{"id":"Post:1"}],"comments":[{"id":"Comment:1"}]},"tag":{"posts":[]}}"#,
    );
}

#[test]
fn relations_are_followed_both_ways_in_their_default_orders() {
    check(
        "{ users { id followers { id } following { username } profile { id userId bio user { id } } } }",
        r#"{"users":[{"id":"User:2","followers":[{"id":"User:1"}],"following":[],"profile":null},{"id":"User:1","followers":[],"following":[{"username":"bob"}],"profile":{"id":"Profile:1","userId":"User:1","bio":"line\n\"two\"","user":{"id":"User:1"}}}]}"#,
    );
    check(
        "{ comment(id: 2) { parentId parent { id parent { id } } post { authorId } replies { id } author { role } }
           post(id: 1) { tags { name } status publishedAt createdAt } }",
        r#"{"comment":{"parentId":"Comment:1","parent":{"id":"Comment:1","parent":null},"post":{"authorId":"User:1"},"replies":[],"author":{"role":"READER"}},"post":{"tags":[{"name":"rust"}],"status":"PUBLISHED","publishedAt":"2025-03-01T12:00:00.500Z","createdAt":"2025-03-01T12:00:00Z"}}"#,
    );
}
