//! Databases that hold less than relations need: rows that are referred to and are not there, and several rows where there
//! is to be one.

mod entities;

use backref::Graph;
use entities::{item, item_label, label, note};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::harness::{Backend, TestApp, TestDatabase};

fn graph() -> Graph {
    Graph::new()
        .entity(item::Entity)
        .entity(label::Entity)
        .entity(item_label::Entity)
        .entity(note::Entity)
        .policy(note::Entity, |_, note| note.is(note::Column::Secret, false))
}

/// The first item has the labels 1 to 8 and the second 2 to 9, of which 2 and 3 are gone, and 9 never was.
async fn app(backend: Backend) -> (TestDatabase, TestApp) {
    let database = TestDatabase::empty(backend).await;
    let links = [1, 2].map(|item| (item..item + 8).map(move |label| format!("({item}, {label})")));
    let links: Vec<_> = links.into_iter().flatten().collect();
    for statement in [
        "CREATE TABLE item (id bigint PRIMARY KEY, name varchar NOT NULL)",
        "CREATE TABLE label (id bigint PRIMARY KEY, name varchar NOT NULL)",
        "CREATE TABLE item_label (item_id bigint NOT NULL, label_id bigint NOT NULL, PRIMARY KEY (item_id, label_id))",
        "CREATE TABLE note (id bigint PRIMARY KEY, item_id bigint NOT NULL, text varchar NOT NULL, secret boolean NOT NULL)",
        "INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, 'three')",
        "INSERT INTO label SELECT 1, 'l1' UNION ALL SELECT 4, 'l4' UNION ALL SELECT 5, 'l5' UNION ALL SELECT 6, 'l6'
         UNION ALL SELECT 7, 'l7' UNION ALL SELECT 8, 'l8'",
        "INSERT INTO note VALUES (9, 1, 'alas', false), (5, 1, 'zeal', false), (4, 1, 'hidden', true),
         (6, 2, 'mind', false), (7, 2, 'zeal', false)",
        &format!("INSERT INTO item_label VALUES {}", links.join(", ")),
    ] {
        let done = database.connection.execute_unprepared(statement).await;
        done.unwrap_or_else(|e| panic!("{backend:?}: {statement}: {e}"));
    }
    let app = TestApp::new(&database, graph(), Default::default());
    (database, app)
}

#[tokio::test]
async fn a_page_is_of_rows_that_are_there() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        let fields = "labels(limit: 4) { id } rest: labels(limit: 4, offset: 4) { id } labelsAggregate { count }
            labelsConnection(first: 4) { nodes { id } pageInfo { hasNextPage } totalCount }";
        let ids = |ids: &[i64]| -> Vec<_> {
            let ids = ids.iter();
            ids.map(|id| json!({ "id": format!("Label:{id}") }))
                .collect()
        };
        let shown = |first: &[i64], rest: &[i64]| {
            json!({
                "labels": ids(first),
                "rest": ids(rest),
                "labelsAggregate": { "count": first.len() + rest.len() },
                "labelsConnection": {
                    "nodes": ids(first),
                    "pageInfo": { "hasNextPage": !rest.is_empty() },
                    "totalCount": first.len() + rest.len(),
                },
            })
        };
        let (one, two) = (shown(&[1, 4, 5, 6], &[7, 8]), shown(&[4, 5, 6, 7], &[8]));
        let many = format!("{{ items(limit: 2) {{ {fields} }} }}");
        let many = app.query(&many).await;
        assert_eq!(many.data()["items"], json!([one, two]), "{backend:?}");
        let alone = format!("{{ item(id: 2) {{ {fields} }} }}");
        let alone = app.query(&alone).await;
        assert_eq!(alone.data()["item"], two, "{backend:?}");
    }
}

/// SQLite's keys are held to by connections that ask for it, and others may have written.
#[tokio::test]
async fn what_sqlite_was_to_hold_may_be_gone() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let query = "{ posts(limit: 50) { tags(limit: 1) { id } tagsAggregate { count } } }";
    let tags = app.query("{ tags(limit: 1) { id } }").await.data();
    let first = tags["tags"][0]["id"]
        .as_str()
        .and_then(|id| id.split_once(':'));
    let (_, first) = first.expect("an id");
    let delete = format!(
        "PRAGMA foreign_keys = OFF; DELETE FROM tag WHERE id = {first}; PRAGMA foreign_keys = ON"
    );
    let done = database.connection.execute_unprepared(&delete).await;
    done.expect("it is deleted");
    let data = app.query(query).await.data();
    let posts = data["posts"].as_array().expect("posts");
    assert!(posts.iter().any(|post| post["tagsAggregate"]["count"] != 0));
    for post in posts {
        let some = post["tagsAggregate"]["count"] != 0;
        let tags = post["tags"].as_array().expect("tags");
        assert_eq!(!tags.is_empty(), some, "{post}");
    }
}

/// A column of SQLite's that is declared INTEGER holds what it is given.
#[tokio::test]
async fn a_sum_of_whole_numbers_is_whole_or_an_error() {
    let database = TestDatabase::sample(Backend::Sqlite).await;
    let app = TestApp::blog(&database);
    let sums = |ids: &str| {
        format!(
            "{{ postsAggregate(where: {{ id: {{ in: [{ids}] }} }}) {{ sum {{ version }} avg {{ version }} }} }}"
        )
    };
    let write =
        "UPDATE post SET version = CASE id WHEN 3 THEN 2 ELSE 1.5 END WHERE id IN (1, 2, 3)";
    let written = database.connection.execute_unprepared(write).await;
    written.expect("it is written");
    let whole = app.query(&sums("1, 2")).await.data();
    assert_eq!(
        whole["postsAggregate"],
        json!({ "sum": { "version": "3" }, "avg": { "version": 1.5 } })
    );
    let broken = app.query(&sums("1, 3")).await.json();
    assert_eq!(
        broken["data"]["postsAggregate"],
        json!({ "sum": { "version": null }, "avg": { "version": 1.75 } })
    );
    assert_eq!(
        broken["errors"][0]["path"],
        json!(["postsAggregate", "sum", "version"])
    );
}

#[tokio::test]
async fn of_several_rows_where_one_is_to_be_the_first_is_meant() {
    for backend in Backend::all() {
        let (_database, app) = app(backend).await;
        for (arguments, items) in [
            (
                "",
                vec![("Item:1", "zeal"), ("Item:2", "mind"), ("Item:3", "")],
            ),
            (
                "(orderBy: { note: { text: ASC } })",
                vec![("Item:2", "mind"), ("Item:1", "zeal"), ("Item:3", "")],
            ),
            (
                "(orderBy: { note: { text: DESC } })",
                vec![("Item:3", ""), ("Item:1", "zeal"), ("Item:2", "mind")],
            ),
            (
                "(where: { note: { text: { eq: \"zeal\" } } })",
                vec![("Item:1", "zeal")],
            ),
            ("(where: { note: { text: { eq: \"alas\" } } })", vec![]),
            ("(where: { note: { text: { eq: \"hidden\" } } })", vec![]),
            (
                "(where: { not: { note: { text: { eq: \"zeal\" } } } })",
                vec![("Item:2", "mind"), ("Item:3", "")],
            ),
        ] {
            let shown = format!("{{ items{arguments} {{ id note {{ text }} }} }}");
            let expected: Vec<_> = items
                .iter()
                .map(|(id, text)| match *text {
                    "" => json!({ "id": id, "note": null }),
                    text => json!({ "id": id, "note": { "text": text } }),
                })
                .collect();
            let shown = app.query(&shown).await.data();
            assert_eq!(shown["items"], json!(expected), "{backend:?} {arguments}");
        }
        let counted = "{ itemsAggregate(where: { note: { text: { eq: \"zeal\" } } }) { count } }";
        let counted = app.query(counted).await.data();
        assert_eq!(counted["itemsAggregate"]["count"], 1, "{backend:?}");
        // Paged by it, no row is lost or doubled.
        let mut after = String::new();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let page = format!(
                "{{ itemsConnection(first: 1, orderBy: {{ note: {{ text: ASC }} }}{after}) {{ nodes {{ id }} pageInfo {{ endCursor }} }} }}"
            );
            let page = app.query(&page).await.data()["itemsConnection"].take();
            seen.push(page["nodes"][0]["id"].clone());
            after = format!(", after: {}", page["pageInfo"]["endCursor"]);
        }
        assert_eq!(
            json!(seen),
            json!(["Item:2", "Item:1", "Item:3"]),
            "{backend:?}"
        );
    }
}
