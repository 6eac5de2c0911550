//! What lists by a field are held against: the values that the field gives, filtered and sorted here.

use std::cmp::Ordering;

use backref::graph::Principal;
use chrono::{DateTime, Utc};
use sea_orm::prelude::Decimal;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp};

/// A value that can be compared as its type is.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    Number(f64),
    Whole(i64),
    Exact(Decimal),
    Moment(DateTime<Utc>),
    Text(String),
    Is(bool),
}

/// The types that the fields have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Type {
    Number,
    Whole,
    Exact,
    Moment,
    Text,
    Is,
}

impl Type {
    fn known(self, value: &Value) -> Option<Known> {
        let text = value.as_str();
        Some(match self {
            _ if value.is_null() => return None,
            Type::Number => Known::Number(value.as_f64().expect("a number")),
            Type::Whole => Known::Whole(text.expect("a text").parse().expect("an integer")),
            Type::Exact => Known::Exact(text.expect("a text").parse().expect("a decimal")),
            Type::Moment => Known::Moment(text.expect("a text").parse().expect("a moment")),
            Type::Text => Known::Text(text.expect("a text").to_owned()),
            Type::Is => Known::Is(value.as_bool().expect("a boolean")),
        })
    }
}

fn compared(a: &Known, b: &Known) -> Ordering {
    match (a, b) {
        (Known::Number(a), Known::Number(b)) => a.total_cmp(b),
        (Known::Whole(a), Known::Whole(b)) => a.cmp(b),
        (Known::Exact(a), Known::Exact(b)) => a.cmp(b),
        (Known::Moment(a), Known::Moment(b)) => a.cmp(b),
        (Known::Text(a), Known::Text(b)) => a.cmp(b),
        (Known::Is(a), Known::Is(b)) => a.cmp(b),
        _ => panic!("{a:?} and {b:?} are of one type"),
    }
}

/// A row as somebody was given it.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    number: i64,
    value: Option<Known>,
    said: Value,
}

fn row(of: &Value, field: &str, of_type: Type) -> Row {
    let id = of["id"].as_str().expect("an id").to_owned();
    let number = id.rsplit(':').next().and_then(|n| n.parse().ok());
    Row {
        number: number.expect("a number"),
        value: of_type.known(&of[field]),
        said: of[field].clone(),
        id,
    }
}

fn rows(list: &Value, field: &str, of_type: Type) -> Vec<Row> {
    let list = list.as_array().expect("a list");
    list.iter().map(|of| row(of, field, of_type)).collect()
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

/// A condition on a value, and what it keeps.
type Condition = (Value, Box<dyn Fn(Option<&Known>) -> bool>);

fn condition(asked: Value, keeps: impl Fn(&Known) -> bool + 'static) -> Condition {
    (asked, Box::new(move |value| value.is_some_and(&keeps)))
}

/// The conditions that are tried on values of a type.
fn conditions(of_type: Type, all: &[Row]) -> Vec<Condition> {
    let mut some: Vec<&Row> = all.iter().filter(|row| row.value.is_some()).collect();
    some.sort_by(|a, b| match (&a.value, &b.value) {
        (Some(a), Some(b)) => compared(a, b),
        _ => Ordering::Equal,
    });
    let mut made: Vec<Condition> = vec![
        (json!({ "isNull": true }), Box::new(|value| value.is_none())),
        (
            json!({ "isNull": false }),
            Box::new(|value| value.is_some()),
        ),
    ];
    let picked = [0, some.len() / 3, some.len().saturating_sub(1)];
    for row in picked.into_iter().filter_map(|at| some.get(at)) {
        let (said, value) = (row.said.clone(), row.value.clone().expect("a value"));
        type Keeps = fn(Ordering) -> bool;
        let mut operators: Vec<(&str, Keeps)> =
            vec![("eq", Ordering::is_eq), ("ne", Ordering::is_ne)];
        if of_type != Type::Is {
            operators.extend::<[(&str, Keeps); 4]>([
                ("lt", Ordering::is_lt),
                ("lte", Ordering::is_le),
                ("gt", Ordering::is_gt),
                ("gte", Ordering::is_ge),
            ]);
        }
        for (operator, keeps) in operators {
            let value = value.clone();
            let keeps = move |own: &Known| keeps(compared(own, &value));
            made.push(condition(json!({ operator: said }), keeps));
        }
        for (operator, is) in [("in", true), ("notIn", false)] {
            let value = value.clone();
            let keeps = move |own: &Known| compared(own, &value).is_eq() == is;
            made.push(condition(json!({ operator: [said] }), keeps));
        }
        if let Known::Text(text) = &value {
            let middle: String = text.chars().skip(2).take(4).collect();
            let upper = middle.to_uppercase();
            let part = middle.clone();
            let has = move |own: &Known| matches!(own, Known::Text(text) if text.contains(&part));
            made.push(condition(json!({ "contains": middle }), has));
            let part = middle.to_lowercase();
            let has = move |own: &Known| matches!(own, Known::Text(text) if text.to_lowercase().contains(&part));
            made.push(condition(json!({ "iContains": upper }), has));
        }
    }
    made
}

const DIRECTIONS: [(&str, bool, bool); 6] = [
    ("ASC", true, false),
    ("DESC", false, true),
    ("ASC_NULLS_FIRST", true, true),
    ("ASC_NULLS_LAST", true, false),
    ("DESC_NULLS_FIRST", false, true),
    ("DESC_NULLS_LAST", false, false),
];

fn sorted(all: &[Row], ascending: bool, nulls_first: bool) -> Vec<Row> {
    let mut all = all.to_vec();
    all.sort_by(|a, b| {
        let by_value = match (&a.value, &b.value) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) if nulls_first => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) if nulls_first => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if ascending => compared(a, b),
            (Some(a), Some(b)) => compared(b, a),
        };
        by_value.then(a.number.cmp(&b.number))
    });
    all
}

fn sorted_by_id(all: &[Row]) -> Vec<Row> {
    let mut all = all.to_vec();
    all.sort_by_key(|row| row.number);
    all
}

fn kept(all: &[Row], keeps: &dyn Fn(Option<&Known>) -> bool) -> Vec<Row> {
    let kept = all.iter().filter(|row| keeps(row.value.as_ref()));
    kept.cloned().collect()
}

/// Somebody who asks, on one database.
pub struct Asker<'a> {
    app: &'a TestApp,
    who: Principal,
    backend: Backend,
}

impl<'a> Asker<'a> {
    pub fn new(app: &'a TestApp, who: Principal, backend: Backend) -> Self {
        Asker { app, who, backend }
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        self.app.ask(&self.who, query, &variables).await.data()
    }

    fn told(&self, field: &str) -> String {
        format!("{field}, {:?}, {:?}", self.backend, self.who)
    }

    /// A list of a root, whole and by cursors, and its number of rows.
    pub async fn check_lists(&self, type_name: &str, list: &str, field: &str, of_type: Type) {
        let told = self.told(field);
        let query = format!("{{ {list}(limit: 1000) {{ id {field} }} }}");
        let all = rows(&self.ask(&query, json!({})).await[list], field, of_type);
        assert!(all.len() > 5, "{told}");
        let query = format!(
            "query($w: {type_name}Where) {{ {list}(where: $w, limit: 1000, orderBy: [{{ id: ASC }}]) {{ id }} {list}Aggregate(where: $w) {{ count }} }}"
        );
        let in_order = sorted_by_id(&all);
        for (asked, keeps) in conditions(of_type, &all) {
            let kept = kept(&in_order, &keeps);
            let left: Vec<&str> = ids(&in_order)
                .into_iter()
                .filter(|id| !ids(&kept).contains(id))
                .collect();
            let asked = json!({ field: asked });
            for (asked, expected) in [(json!({ "not": asked }), left), (asked, ids(&kept))] {
                let data = self.ask(&query, json!({ "w": asked })).await;
                let found: Vec<&str> = data[list]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .filter_map(|row| row["id"].as_str())
                    .collect();
                assert_eq!(found, expected, "{told} where {asked}");
                let count = &data[format!("{list}Aggregate")]["count"];
                assert_eq!(*count, json!(expected.len()), "{told} where {asked}");
            }
        }
        let query = format!(
            "query($o: [{type_name}Order!]) {{ {list}(orderBy: $o, limit: 1000) {{ id {field} }} }}"
        );
        for (direction, ascending, nulls_first) in DIRECTIONS {
            let order = json!([{ field: direction }]);
            let expected = sorted(&all, ascending, nulls_first);
            let found = self.ask(&query, json!({ "o": order })).await;
            let found = rows(&found[list], field, of_type);
            assert_eq!(ids(&found), ids(&expected), "{told} by {direction}");
            for back in [false, true] {
                let pages = Pages {
                    type_name,
                    list,
                    order: &order,
                    of: None,
                    back,
                };
                assert_eq!(
                    self.pages(pages).await,
                    ids(&expected),
                    "{told} by {direction}, {back}"
                );
            }
        }
    }

    /// The pages of lists below other rows.
    pub async fn check_nested(&self, field: &str, of_type: Type) {
        let told = self.told(field);
        let query = format!("{{ users(limit: 100) {{ id posts(limit: 1000) {{ id {field} }} }} }}");
        let data = self.ask(&query, json!({})).await;
        let users = data["users"].as_array().expect("users").iter();
        let users: Vec<(&str, Vec<Row>)> = users
            .map(|user| {
                (
                    user["id"].as_str().expect("an id"),
                    rows(&user["posts"], field, of_type),
                )
            })
            .collect();
        let all: Vec<Row> = users.iter().flat_map(|(_, posts)| posts.clone()).collect();
        let (asked, keeps) = conditions(of_type, &all).remove(3);
        let query = "query($w: PostWhere, $o: [PostOrder!]) { users(limit: 100) { posts(where: $w, orderBy: $o, limit: 2) { id } postsAggregate(where: $w) { count } } }";
        for (direction, ascending, nulls_first) in DIRECTIONS {
            let order = json!([{ field: direction }]);
            let data = self
                .ask(query, json!({ "w": { field: asked }, "o": order }))
                .await;
            for (found, (id, posts)) in data["users"].as_array().expect("users").iter().zip(&users)
            {
                let kept = kept(posts, &keeps);
                let expected = sorted(&kept, ascending, nulls_first);
                let expected = &expected[..expected.len().min(2)];
                let page: Vec<_> = found["posts"]
                    .as_array()
                    .expect("posts")
                    .iter()
                    .filter_map(|post| post["id"].as_str())
                    .collect();
                assert_eq!(
                    page,
                    ids(expected),
                    "{told} of {id} by {direction} where {asked}"
                );
                assert_eq!(
                    found["postsAggregate"]["count"],
                    json!(kept.len()),
                    "{told}"
                );
            }
            let most = users.iter().max_by_key(|(_, posts)| posts.len());
            let (id, posts) = most.expect("a user");
            let expected = sorted(posts, ascending, nulls_first);
            for back in [false, true] {
                let pages = Pages {
                    type_name: "Post",
                    list: "posts",
                    order: &order,
                    of: Some(id),
                    back,
                };
                assert_eq!(
                    self.pages(pages).await,
                    ids(&expected),
                    "{told} of {id} by {direction}, {back}"
                );
            }
        }
    }

    /// Comments by a value of their post, and users by whether some post of theirs has a value.
    pub async fn check_to_one(&self, field: &str, of_type: Type) {
        let told = self.told(field);
        let query = format!(
            "{{ comments(limit: 1000) {{ id post {{ {field} }} }} users(limit: 100) {{ id posts(limit: 1000) {{ id {field} }} }} }}"
        );
        let data = self.ask(&query, json!({})).await;
        let comments = data["comments"].as_array().expect("comments").iter();
        let comments: Vec<Row> = comments
            .map(|comment| Row {
                said: comment["post"][field].clone(),
                value: of_type.known(&comment["post"][field]),
                ..row(comment, field, of_type)
            })
            .collect();
        let query = "query($w: CommentWhere, $p: PostWhere, $o: [CommentOrder!]) { comments(where: $w, orderBy: $o, limit: 1000) { id } users(where: { posts: { some: $p } }, limit: 100) { id } }";
        for (direction, ascending, nulls_first) in DIRECTIONS {
            let variables = json!({ "o": [{ "post": { field: direction } }], "p": {} });
            let found = rows(
                &self.ask(query, variables).await["comments"],
                field,
                of_type,
            );
            let expected = sorted(&comments, ascending, nulls_first);
            assert_eq!(
                ids(&found),
                ids(&expected),
                "{told} of a post by {direction}"
            );
        }
        for (asked, keeps) in conditions(of_type, &comments) {
            let variables = json!({
                "w": { "post": { field: asked } }, "p": { field: asked }, "o": [{ "id": "ASC" }]
            });
            let found = self.ask(query, variables).await;
            let expected = kept(&sorted_by_id(&comments), &keeps);
            let of_comments = rows(&found["comments"], field, of_type);
            assert_eq!(
                ids(&of_comments),
                ids(&expected),
                "{told} of a post where {asked}"
            );
            let users = data["users"].as_array().expect("users").iter();
            let some = users
                .filter(|user| !kept(&rows(&user["posts"], field, of_type), &keeps).is_empty());
            let some: Vec<&Value> = some.map(|user| &user["id"]).collect();
            let of_users = found["users"].as_array().expect("users").iter();
            let of_users: Vec<&Value> = of_users.map(|user| &user["id"]).collect();
            assert_eq!(of_users, some, "{told} of users where {asked}");
        }
    }

    /// The ids of all pages of a connection, of three rows each.
    async fn pages(&self, of: Pages<'_>) -> Vec<String> {
        let (size, from) = match of.back {
            false => ("first", "after"),
            true => ("last", "before"),
        };
        let connection = format!("{}Connection", of.list);
        let page = format!(
            "{connection}(orderBy: $o, {size}: 3, {from}: $c) {{ edges {{ node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"
        );
        let page = match of.of {
            Some(id) => format!("user(id: \"{id}\") {{ {page} }}"),
            None => page,
        };
        let query = format!(
            "query($o: [{}Order!], $c: String) {{ {page} }}",
            of.type_name
        );
        let mut all = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let data = self
                .ask(&query, json!({ "o": of.order, "c": cursor }))
                .await;
            let page = match of.of {
                Some(_) => &data["user"][&connection],
                None => &data[&connection],
            };
            let edges = page["edges"].as_array().expect("edges").iter();
            let ids = edges.map(|edge| edge["node"]["id"].as_str().expect("an id").to_owned());
            let mut ids: Vec<String> = ids.collect();
            let info = &page["pageInfo"];
            let (more, next) = match of.back {
                false => (&info["hasNextPage"], &info["endCursor"]),
                true => (&info["hasPreviousPage"], &info["startCursor"]),
            };
            match of.back {
                false => all.extend(ids),
                true => {
                    ids.extend(all);
                    all = ids;
                }
            }
            if *more != json!(true) {
                return all;
            }
            cursor = next.clone();
        }
    }
}

/// A connection that is read page by page, of a root or of a user.
struct Pages<'a> {
    type_name: &'a str,
    list: &'a str,
    order: &'a Value,
    of: Option<&'a str>,
    back: bool,
}
