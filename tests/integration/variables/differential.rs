//! Random values for variables are accepted and refused as graphql-js does, and what is wrong with them is found in the
//! same places.

use std::cell::RefCell;
use std::collections::BTreeSet;

use backref::engine::{Planner, Request};
use backref::graph::Principal;
use backref::read::plan::Limits;
use backref::schema::Schema;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::{blog, config};
use crate::validity_peer::GraphqlJs;

/// A variable's type, and where one of it can be used.
const USES: [(&str, &str); 22] = [
    ("PostWhere", "posts(where: $v) { id }"),
    ("PostWhere!", "posts(where: $v) { id }"),
    ("PostWhere!", "users { posts(where: { and: [$v] }) { id } }"),
    ("[PostWhere!]", "posts(where: { or: $v }) { id }"),
    ("UserWhere", "posts(where: { author: $v }) { id }"),
    (
        "CommentWhere",
        "posts(where: { comments: { some: $v } }) { id }",
    ),
    ("[PostOrder!]", "posts(orderBy: $v) { id }"),
    ("[PostOrder!]!", "posts(orderBy: $v) { id }"),
    ("PostOrder!", "posts(orderBy: [{ id: ASC }, $v]) { id }"),
    ("UserOrder!", "posts(orderBy: { author: $v }) { id }"),
    ("OrderDirection!", "posts(orderBy: { title: $v }) { id }"),
    ("Int", "posts(limit: $v) { id }"),
    ("Int!", "posts(limit: $v) { id }"),
    ("ID!", "node(id: $v) { id }"),
    ("[ID!]!", "nodes(ids: $v) { id }"),
    ("[ID!]", "posts(where: { id: { in: $v } }) { id }"),
    ("String", "posts(search: $v) { id }"),
    ("Boolean!", "posts { id @skip(if: $v) }"),
    ("PostStatus", "posts(where: { status: { eq: $v } }) { id }"),
    (
        "[PostStatus!]",
        "posts(where: { status: { in: $v } }) { id }",
    ),
    ("DateTime", "posts(where: { createdAt: { gt: $v } }) { id }"),
    (
        "[PostColumn!]!",
        "postsAggregate { groups(by: $v) { count } }",
    ),
];

#[test]
fn values_are_accepted_and_refused_as_graphql_js_does() {
    let catalog = blog::graph().build().unwrap_or_else(|e| panic!("{e}"));
    let limits = Limits::default();
    let schema = Schema::new(&catalog, limits.default_page()).unwrap_or_else(|e| panic!("{e}"));
    let Some(peer) = GraphqlJs::of(&schema.sdl) else {
        return;
    };
    let planner = Planner::new(catalog, schema, limits);
    let peer = RefCell::new(peer);
    let mut runner = TestRunner::new(config("variables", 3000));
    let strategy = (0..USES.len(), proptest::option::weighted(0.97, value(4)));
    let outcome = runner.run(&strategy, |(of, value)| {
        let (ty, used) = USES[of];
        let query = format!("query ($v: {ty}) {{ {used} }}");
        let variables = match &value {
            Some(value) => json!({ "v": value }),
            None => json!({}),
        };
        let verdict = peer.borrow_mut().verdict_of_variables(&query, &variables);
        let own = own_problems(&planner, &query, &variables);
        prop_assert_eq!(
            own.is_empty(),
            verdict.valid,
            "{:?} {:?}",
            own,
            verdict.errors
        );
        // Only the first ten are said.
        let theirs: Vec<_> = verdict.errors.iter().map(|e| place_of_theirs(e)).collect();
        if own.len() < 10 {
            let own: BTreeSet<_> = own.iter().map(|e| place_of_own(e)).collect();
            let theirs: BTreeSet<_> = theirs.into_iter().collect();
            prop_assert_eq!(own, theirs, "{:?}", verdict.errors);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

/// What is said of the variable, but for what is found when it is bound.
fn own_problems(planner: &Planner, query: &str, variables: &Value) -> Vec<String> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let request: Request = serde_json::from_str(&body).expect("a request");
    match planner.prepare(&request, Principal::Anonymous) {
        Ok(_) => Vec::new(),
        Err(errors) => {
            let messages = errors.into_iter().map(|e| e.message);
            let of_variable = |m: &String| m.starts_with("variable `$v` is wrong");
            messages.filter(of_variable).collect()
        }
    }
}

/// `variable `$v` is wrong at `$v.and[0]`: …`
fn place_of_own(message: &str) -> String {
    let place = message.strip_prefix("variable `$v` is wrong at `$v");
    let place = place
        .and_then(|rest| Some(rest.split_once('`')?.0))
        .unwrap_or_default();
    // graphql-js says of an unknown field where its object is.
    match message.contains("has no field") {
        true => place
            .rsplit_once('.')
            .map_or("", |(object, _)| object)
            .to_owned(),
        false => place.to_owned(),
    }
}

/// `Variable "$v" has invalid value at .and[0]: …`
fn place_of_theirs(message: &str) -> String {
    let place = message.strip_prefix("Variable \"$v\" has invalid value at ");
    let place = place.and_then(|rest| Some(rest.split_once(": ")?.0));
    place.unwrap_or_default().to_owned()
}

const NAMES: [&str; 27] = [
    "and",
    "or",
    "not",
    "id",
    "title",
    "status",
    "createdAt",
    "version",
    "author",
    "comments",
    "tags",
    "posts",
    "name",
    "eq",
    "ne",
    "in",
    "notIn",
    "lt",
    "gte",
    "isNull",
    "contains",
    "some",
    "none",
    "count",
    "body",
    "Bogus",
    "",
];

fn value(depth: u32) -> BoxedStrategy<Value> {
    let text = prop_oneof![
        Just("ASC"),
        Just("DESC_NULLS_LAST"),
        Just("DRAFT"),
        Just("STATUS"),
        Just("Post:1"),
        Just("7"),
        Just("2025-03-01T12:00:00Z"),
        Just("é"),
        Just(""),
    ];
    let number = prop_oneof![
        Just(json!(0)),
        Just(json!(-1)),
        Just(json!(2147483647)),
        Just(json!(-2147483649i64)),
        Just(json!(4294967296u64)),
        Just(json!(1.0)),
        Just(json!(0.5)),
        Just(json!(9007199254740993u64)),
    ];
    let leaf = prop_oneof![
        4 => text.prop_map(Value::from),
        2 => number,
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || value(depth - 1);
    let name = || (0..NAMES.len()).prop_map(|i| NAMES[i].to_owned());
    let object = proptest::collection::btree_map(name(), inner(), 0..3);
    prop_oneof![
        3 => leaf,
        2 => proptest::collection::vec(inner(), 0..4).prop_map(Value::from),
        3 => object.prop_map(|fields| json!(fields)),
        2 => guided(depth),
    ]
    .boxed()
}

/// What is often a condition or an order.
fn guided(depth: u32) -> BoxedStrategy<Value> {
    let leaf = || value(0);
    let inner = move || value(depth.saturating_sub(2));
    let operator = prop_oneof![
        leaf().prop_map(|v| json!({ "eq": v })),
        proptest::collection::vec(leaf(), 0..3).prop_map(|v| json!({ "in": v })),
        leaf().prop_map(|v| json!({ "notIn": v })),
        any::<bool>().prop_map(|v| json!({ "isNull": v })),
    ]
    .boxed();
    let column = prop_oneof![Just("id"), Just("title"), Just("status"), Just("createdAt")];
    prop_oneof![
        (column, operator).prop_map(|(c, o)| json!({ c: o })),
        proptest::collection::vec(inner(), 0..3).prop_map(|v| json!({ "and": v })),
        inner().prop_map(|v| json!({ "not": v })),
        inner().prop_map(|v| json!({ "author": v })),
        inner().prop_map(|v| json!({ "comments": { "some": v } })),
        inner().prop_map(|v| json!({ "comments": { "count": v } })),
        leaf().prop_map(|v| json!({ "title": v })),
    ]
    .boxed()
}
