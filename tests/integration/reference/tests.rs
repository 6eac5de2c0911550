//! Cases worked out by hand from the specification's text.

use super::{Data, execute, respond};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{comment, follow, post, post_tag, profile, tag, user};
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
    kept("comments", "{parentId: {notIn: []}}", &[3, 2, 1]);
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
    }
}
