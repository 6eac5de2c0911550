//! `where`, `orderBy` and the pages of lists.

use super::{check, extended};
use crate::reference::{execute, respond};
use serde_json::json;

#[test]
fn conditions_and_operators_are_joined_by_and() {
    kept("comments", "{}", &[3, 2, 1]);
    kept("comments", r#"{body: {eq: "a"}, id: {ne: 1}}"#, &[2]);
    kept("comments", r#"{body: {ne: "a", startsWith: "b"}}"#, &[3]);
    kept("comments", "{body: {}}", &[3, 2, 1]);
    kept("comments", "{and: []}", &[3, 2, 1]);
    kept("comments", "{or: []}", &[]);
    kept("comments", "{not: {}}", &[]);
    kept(
        "comments",
        "{or: [{id: {eq: 1}}, {id: {eq: \"Comment:3\"}}]}",
        &[3, 1],
    );
    kept(
        "comments",
        "{and: [{id: {in: [1, 2]}}, {id: {notIn: 1}}]}",
        &[2],
    );
    kept(
        "comments",
        "{and: {body: {eq: \"a\"}}, not: {id: {eq: 2}}}",
        &[1],
    );
    kept("comments", "{id: {in: []}}", &[]);
    kept("comments", "{id: {notIn: []}}", &[3, 2, 1]);
}

#[test]
fn a_comparison_with_null_is_false_and_its_complement_true() {
    // Of the comments the second only has a parent.
    kept("comments", "{parentId: {eq: 1}}", &[2]);
    kept("comments", "{parentId: {ne: 7}}", &[2]);
    kept("comments", "{parentId: {notIn: [7]}}", &[2]);
    kept("comments", "{parentId: {notIn: []}}", &[2]);
    kept("comments", "{parentId: {in: []}}", &[]);
    kept("comments", "{parentId: {isNull: true}}", &[3, 1]);
    kept("comments", "{parentId: {isNull: false}}", &[2]);
    kept("comments", "{parentId: {}}", &[3, 2, 1]);
    kept("comments", "{not: {parentId: {eq: 1}}}", &[3, 1]);
    kept("comments", "{not: {parentId: {ne: 7}}}", &[3, 1]);
    kept("comments", "{not: {parentId: {notIn: [7]}}}", &[3, 1]);
    kept("profiles", r#"{bio: {contains: ""}}"#, &[1]);
    kept("profiles", r#"{not: {website: {lt: "x"}}}"#, &[1]);
}

#[test]
fn texts_are_compared_by_bytes_and_literally() {
    kept("tags", r#"{name: {gt: "É"}}"#, &[4]);
    // A capital is before any small letter, and both before what is not ASCII.
    kept("tags", r#"{name: {lte: "Sql_"}}"#, &[2]);
    kept("tags", r#"{name: {gte: "Sql_", lt: "É"}}"#, &[1, 2]);
    kept("tags", r#"{name: {contains: "_"}}"#, &[2]);
    kept("tags", r#"{name: {startsWith: "sql"}}"#, &[]);
    kept("tags", r#"{name: {iStartsWith: "sQL"}}"#, &[2]);
    kept("tags", r#"{name: {iEndsWith: "É"}}"#, &[3, 4]);
    kept("tags", r#"{name: {endsWith: "é"}}"#, &[4]);
    kept("tags", r#"{name: {iEq: "RUST"}}"#, &[1]);
    kept("tags", r#"{name: {iContains: "US"}}"#, &[1]);
    kept("tags", r#"{name: {startsWith: ""}}"#, &[1, 2, 3, 4]);
}

#[test]
fn other_values_are_compared_as_what_they_mean() {
    kept(
        "posts",
        r#"{publishedAt: {eq: "2025-03-01T12:00:00.5Z", gt: "2025-03-01T12:00:00Z"}}"#,
        &[1],
    );
    kept("posts", "{version: {gte: 1, lt: 2}}", &[1]);
    kept("posts", "{status: {in: [PUBLISHED, DRAFT]}}", &[1]);
    kept("posts", "{status: {ne: PUBLISHED}}", &[]);
    kept("posts", r#"{authorId: {eq: "1"}}"#, &[1]);
    kept("users", "{role: {notIn: READER}}", &[3, 1]);
}

#[test]
fn related_rows_are_those_that_may_be_seen() {
    // The second post is hidden, and with it its comment and its tags.
    kept("users", "{posts: {some: {}}}", &[1]);
    kept("users", "{posts: {none: {}}}", &[3, 2]);
    kept(
        "users",
        r#"{posts: {every: {title: {eq: "One"}}}}"#,
        &[3, 2, 1],
    );
    kept(
        "users",
        r#"{posts: {none: {title: {eq: "Two"}}}}"#,
        &[3, 2, 1],
    );
    kept("users", "{comments: {every: {id: {eq: 1}}}}", &[1]);
    kept(
        "users",
        "{comments: {some: {id: {eq: 3}}, none: {id: {eq: 1}}}}",
        &[3],
    );
    kept("users", "{comments: {}}", &[3, 2, 1]);
    kept("users", "{profile: {}}", &[1]);
    kept(
        "users",
        "{not: {profile: {bio: {isNull: true}}}}",
        &[3, 2, 1],
    );
    kept("users", "{profile: {bio: {isNull: true}}}", &[]);
    kept(
        "users",
        "{followers: {some: {username: {eq: \"ann\"}}}}",
        &[2],
    );
    kept("tags", "{posts: {some: {}}}", &[1]);
    kept("comments", "{parent: {author: {id: {eq: 1}}}}", &[2]);
    kept("comments", "{not: {parent: {}}}", &[3, 1]);
}

#[test]
fn orders_apply_one_after_the_other_and_the_key_last() {
    ordered("comments", "{id: ASC}", &[1, 2, 3]);
    ordered("comments", "[]", &[3, 2, 1]);
    ordered("comments", "{body: ASC}", &[1, 2, 3]);
    ordered("comments", "{body: DESC}", &[3, 1, 2]);
    ordered("comments", "[{body: DESC}, {id: DESC}]", &[3, 2, 1]);
    ordered("comments", "{createdAt: DESC}", &[1, 2, 3]);
    ordered("comments", "{author: {username: DESC}}", &[3, 2, 1]);
    ordered("tags", "{name: ASC}", &[2, 1, 3, 4]);
    ordered("tags", "{posts: {count: DESC}}", &[1, 2, 3, 4]);
    ordered("users", "{role: ASC}", &[1, 3, 2]);
    ordered("users", "{comments: {count: DESC}}", &[1, 2, 3]);
    ordered("users", "[{posts: {count: ASC}}, {id: DESC}]", &[3, 2, 1]);
}

#[test]
fn null_is_the_largest_unless_it_is_placed() {
    for (direction, keys) in [
        ("ASC", [2, 1, 3]),
        ("ASC_NULLS_LAST", [2, 1, 3]),
        ("ASC_NULLS_FIRST", [1, 3, 2]),
        ("DESC", [1, 3, 2]),
        ("DESC_NULLS_FIRST", [1, 3, 2]),
        ("DESC_NULLS_LAST", [2, 1, 3]),
    ] {
        ordered("comments", &format!("{{parentId: {direction}}}"), &keys);
        ordered(
            "comments",
            &format!("{{parent: {{body: {direction}}}}}"),
            &keys,
        );
        let count = format!("{{parent: {{replies: {{count: {direction}}}}}}}");
        ordered("comments", &count, &keys);
    }
}

#[test]
fn a_page_is_cut_from_what_is_kept_in_its_order() {
    let arguments = r#"where: {body: {eq: "a"}}, orderBy: {id: ASC}, limit: 1, offset: 1"#;
    refined("comments", arguments, &[2]);
    check(
        "{ user(id: 1) { following(where: null, orderBy: null) { id } followers(where: {}) { id } } }",
        r#"{"user":{"following":[{"id":"User:2"}],"followers":[]}}"#,
    );
    check(
        "{ post(id: 1) { tags(orderBy: {name: DESC}, where: {id: {ne: 2}}) { name } } }",
        r#"{"post":{"tags":[{"name":"rust"}]}}"#,
    );
}

#[test]
fn variables_in_conditions_may_be_left_out() {
    let query = "query ($w: TagWhere, $n: TagWhere, $t: String, $ids: [ID!], $o: [TagOrder!],
                        $d: OrderDirection! = DESC) {
        a: tags(where: $w, orderBy: $o) { id }
        b: tags(where: {not: $n, name: {startsWith: $t}, id: {in: $ids}}, orderBy: {id: $d}) { id }
    }";
    let ids = |keys: &[i64]| {
        let ids = keys.iter().map(|key| format!(r#"{{"id":"Tag:{key}"}}"#));
        ids.collect::<Vec<_>>().join(",")
    };
    let check = |variables, a: &[i64], b: &[i64]| {
        let answer = execute(&extended(), query, None, &variables).unwrap();
        let expected = format!(r#"{{"data":{{"a":[{}],"b":[{}]}}}}"#, ids(a), ids(b));
        assert_eq!(answer, expected);
    };
    check(json!({}), &[1, 2, 3, 4], &[4, 3, 2, 1]);
    check(json!({"w": null, "o": null}), &[1, 2, 3, 4], &[4, 3, 2, 1]);
    check(
        json!({"w": {"id": {"in": 2}}, "n": {"id": {"eq": 1}}, "d": "ASC"}),
        &[2],
        &[2, 3, 4],
    );
    check(
        json!({"o": {"name": "DESC_NULLS_LAST"}, "t": "r", "ids": ["1", "Tag:2"]}),
        &[4, 3, 1, 2],
        &[1],
    );
}

#[test]
fn what_is_no_condition_is_refused() {
    let refused = |query: &str| {
        let response = respond(&extended(), query, None, &json!({})).unwrap();
        assert_eq!(response.errors.len(), 1, "{query}: {}", response.data);
    };
    refused("{ tags(where: {not: null}) { id } }");
    refused("{ tags(where: {name: null}) { id } }");
    refused("{ tags(where: {name: {eq: null}}) { id } }");
    refused("{ tags(where: {and: null}) { id } }");
    refused("{ comments(where: {parent: null}) { id } }");
    refused(r#"{ users(where: {email: {eq: "a"}}) { id } }"#);
    refused("{ users(orderBy: {email: ASC}) { id } }");
    refused("{ tags(orderBy: {id: ASC, name: ASC}) { id } }");
    refused("{ tags(orderBy: {id: null}) { id } }");
    refused("{ tags(orderBy: {}) { id } }");
}

/// Checks which rows of a list are left by a condition, by their keys.
fn kept(list: &str, condition: &str, keys: &[i64]) {
    refined(list, &format!("where: {condition}"), keys);
}

/// Checks how an order sorts all rows of a list.
fn ordered(list: &str, order: &str, keys: &[i64]) {
    refined(list, &format!("orderBy: {order}"), keys);
}

fn refined(list: &str, arguments: &str, keys: &[i64]) {
    let query = format!("{{ {list}({arguments}) {{ id }} }}");
    let answer = execute(&extended(), &query, None, &json!({})).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let rows = answer["data"][list].as_array().unwrap().iter();
    let found = rows.map(|row| row["id"].as_str()?.split_once(':')?.1.parse().ok());
    let found: Option<Vec<i64>> = found.collect();
    assert_eq!(found.as_deref(), Some(keys), "{query}");
}
