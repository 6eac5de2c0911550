//! Rows belong together where their database says so, however their keys are spelled.

use backref::Graph;
use backref::read::plan::Limits;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use super::entities::{item, label, labelled, seal, shelf};
use crate::harness::{Backend, TestApp, TestDatabase};

/// A column type by which `ab` is spelled in more than one way.
struct Spelling {
    backend: Backend,
    /// What makes the type.
    before: &'static str,
    column: &'static str,
    /// What the rows that are referred to hold.
    keys: [&'static str; 2],
    /// What the rows that refer to them hold.
    others: [&'static str; 2],
}

const SPELLINGS: [Spelling; 8] = [
    Spelling {
        backend: Backend::Postgres,
        before: "",
        column: "char(3)",
        keys: ["ab", "cd"],
        others: ["ab ", "cd"],
    },
    Spelling {
        backend: Backend::Postgres,
        before: "CREATE EXTENSION citext",
        column: "citext",
        keys: ["ab", "Cd"],
        others: ["AB", "cD"],
    },
    Spelling {
        backend: Backend::Postgres,
        before: "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        column: "varchar COLLATE nocase",
        keys: ["ab", "CD"],
        others: ["AB", "cd"],
    },
    Spelling {
        backend: Backend::Postgres,
        before: "CREATE DOMAIN code AS varchar(5)",
        column: "code",
        keys: ["a\"b", "{c\\"],
        others: ["a\"b", "{c\\"],
    },
    Spelling {
        backend: Backend::Sqlite,
        before: "",
        column: "varchar COLLATE NOCASE",
        keys: ["ab", "CD"],
        others: ["AB", "cd"],
    },
    Spelling {
        backend: Backend::Sqlite,
        before: "",
        column: "text COLLATE RTRIM",
        keys: ["ab", "cd  "],
        others: ["ab ", "cd"],
    },
    Spelling {
        backend: Backend::Sqlite,
        before: "",
        column: "numeric",
        keys: ["1", "2.50"],
        others: ["1.0", "2.5"],
    },
    Spelling {
        backend: Backend::Sqlite,
        before: "",
        column: "text",
        keys: ["ab", "AB"],
        others: ["ab", "AB"],
    },
];

fn graph() -> Graph {
    Graph::new()
        .entity(shelf::Entity)
        .entity(item::Entity)
        .entity(seal::Entity)
        .entity(label::Entity)
        .entity(labelled::Entity)
        .backref(shelf::Relation::Above, "below")
}

async fn filled(spelling: &Spelling) -> TestDatabase {
    let database = TestDatabase::empty(spelling.backend).await;
    let column = spelling.column;
    let ([a, b], [x, y]) = (spelling.keys, spelling.others);
    let rows = format!(
        "CREATE TABLE shelf (code {column} PRIMARY KEY, above_code {column} REFERENCES shelf);
         CREATE TABLE item (id bigint PRIMARY KEY, shelf_code {column} NOT NULL REFERENCES shelf);
         CREATE TABLE seal (shelf_code {column} PRIMARY KEY REFERENCES shelf, color text NOT NULL);
         CREATE TABLE label (code {column} PRIMARY KEY);
         CREATE TABLE labelled (shelf_code {column} REFERENCES shelf, label_code {column} REFERENCES label,
             PRIMARY KEY (shelf_code, label_code));
         INSERT INTO shelf VALUES ('{a}', NULL), ('{b}', '{x}');
         INSERT INTO item VALUES (1, '{x}'), (2, '{a}'), (3, '{y}'), (4, '{y}');
         INSERT INTO seal VALUES ('{x}', 'red'), ('{y}', 'blue');
         INSERT INTO label VALUES ('{a}'), ('{b}');
         INSERT INTO labelled VALUES ('{x}', '{y}'), ('{y}', '{x}'), ('{y}', '{y}');"
    );
    for sql in [spelling.before, &rows] {
        let done = database.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|e| panic!("{column}: {e}"));
    }
    database
}

fn ids(rows: &Value, of: impl Fn(&Value) -> &Value) -> Vec<Value> {
    let rows = rows.as_array().into_iter().flatten();
    rows.map(|row| of(row).clone()).collect()
}

#[tokio::test]
async fn keys_that_the_database_calls_equal_lead_to_each_other() {
    for spelling in &SPELLINGS {
        if !Backend::all().contains(&spelling.backend) {
            continue;
        }
        let column = spelling.column;
        let database = filled(spelling).await;
        let app = TestApp::new(&database, graph(), Limits::default());
        let ask = async |query: &str| app.query(query).await.data();
        let data = ask("{ all: items { id shelf { id above { id } } } seals(orderBy: [{ color: DESC }]) { shelf { id } } }").await;
        let shown = async |key: &str| {
            let query = "query($id: ID!) { shelf(id: $id) { id } }";
            let answer = app.request(query, None, &json!({ "id": key })).await;
            answer.data()["shelf"]["id"].clone()
        };
        let (a, b) = (shown(spelling.keys[0]).await, shown(spelling.keys[1]).await);
        assert!(
            a.is_string() && b.is_string() && a != b,
            "{column}: {a} {b}"
        );
        assert_eq!(shown(spelling.others[0]).await, a, "{column}");
        assert_eq!(shown(spelling.others[1]).await, b, "{column}");

        // Many to one, of several keys at once, and the row itself.
        let of_items = ids(&data["all"], |item| &item["shelf"]["id"]);
        assert_eq!(
            of_items,
            [a.clone(), a.clone(), b.clone(), b.clone()],
            "{column}"
        );
        let of_seals = ids(&data["seals"], |seal| &seal["shelf"]["id"]);
        assert_eq!(of_seals, [a.clone(), b.clone()], "{column}");
        let above = ids(&data["all"], |item| &item["shelf"]["above"]);
        assert_eq!(above[2], json!({ "id": a }), "{column}");

        // Each row by its own id, alone and together.
        for id in [&a, &b] {
            let query = "query($id: ID!) { node(id: $id) { id } shelf(id: $id) { id } }";
            let answer = app.request(query, None, &json!({ "id": id })).await.data();
            assert_eq!(
                answer,
                json!({ "node": { "id": id }, "shelf": { "id": id } }),
                "{column}"
            );
        }
        let (x, y) = (
            format!("Shelf:{}", spelling.others[0]),
            format!("Shelf:{}", spelling.others[1]),
        );
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Shelf { items { id } } } shelves(where: { id: { in: $ids } }) { id } }";
        let answer = app
            .request(query, None, &json!({ "ids": [b, x, a, y] }))
            .await
            .data();
        let found = ids(&answer["nodes"], |node| &node["id"]);
        assert_eq!(
            found,
            [b.clone(), a.clone(), a.clone(), b.clone()],
            "{column}"
        );
        assert_eq!(
            answer["shelves"].as_array().map(Vec::len),
            Some(2),
            "{column}"
        );

        // To many, to one the other way, through a junction, and what they come to.
        let fields = "id items { id } seal { color } labels { id } itemsAggregate { count } below { id }
            itemsConnection(first: 1) { totalCount nodes { id } } labelsConnection { nodes { id } totalCount }";
        let mut answers = Vec::new();
        let many = ask(&format!("{{ shelves {{ {fields} }} }}")).await;
        answers.extend(many["shelves"].as_array().cloned().unwrap_or_default());
        assert_eq!(answers.len(), 2, "{column}");
        for id in [&a, &b] {
            let query = format!("query($id: ID!) {{ shelf(id: $id) {{ {fields} }} }}");
            let one = app.request(&query, None, &json!({ "id": id })).await.data();
            answers.push(one["shelf"].clone());
        }
        for shelf in answers {
            let first = shelf["id"] == a;
            let items = match first {
                true => ["Item:1", "Item:2"],
                false => ["Item:3", "Item:4"],
            };
            assert_eq!(ids(&shelf["items"], |i| &i["id"]), items, "{column}");
            assert_eq!(shelf["itemsAggregate"]["count"], 2, "{column}");
            assert_eq!(shelf["itemsConnection"]["totalCount"], 2, "{column}");
            let color = if first { "red" } else { "blue" };
            assert_eq!(shelf["seal"]["color"], color, "{column}");
            let labels = if first { 1 } else { 2 };
            for found in [&shelf["labels"], &shelf["labelsConnection"]["nodes"]] {
                assert_eq!(found.as_array().map(Vec::len), Some(labels), "{column}");
            }
            let below = ids(&shelf["below"], |s| &s["id"]);
            let expected = if first { vec![b.clone()] } else { Vec::new() };
            assert_eq!(below, expected, "{column}");
        }

        // As values of conditions, and of cursors.
        let query = "query($id: ID!) {
            eq: items(where: { shelfCode: { eq: $id } }) { id }
            in: items(where: { shelfCode: { in: [$id] } }) { id }
            ne: items(where: { shelfCode: { ne: $id } }) { id }
            to: items(where: { shelf: { id: { eq: $id } } }) { id } }";
        for id in [json!(x), a.clone()] {
            let answer = app.request(query, None, &json!({ "id": id })).await.data();
            for key in ["eq", "in", "to"] {
                let found = ids(&answer[key], |i| &i["id"]);
                assert_eq!(found, ["Item:1", "Item:2"], "{column}: {key}");
            }
            let found = ids(&answer["ne"], |i| &i["id"]);
            assert_eq!(found, ["Item:3", "Item:4"], "{column}");
        }
        let mut after = Value::Null;
        let mut paged = Vec::new();
        loop {
            let query = "query($after: String) { itemsConnection(first: 1, after: $after, orderBy: [{ shelfCode: ASC }]) {
                nodes { id } pageInfo { endCursor hasNextPage } } }";
            let answer = app
                .request(query, None, &json!({ "after": after }))
                .await
                .data();
            let page = &answer["itemsConnection"];
            paged.extend(ids(&page["nodes"], |i| &i["id"]));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
        }
        let whole = ask("{ items(orderBy: [{ shelfCode: ASC }]) { id } }").await;
        assert_eq!(paged, ids(&whole["items"], |i| &i["id"]), "{column}");
    }
}

/// Of two collations SQLite takes the left operand's: for the rows that refer to one, that of the column by which
/// they do.
#[tokio::test]
async fn rows_refer_to_a_key_of_another_collation_as_the_database_joins_them() {
    const COLLATIONS: [&str; 3] = ["BINARY", "NOCASE", "RTRIM"];
    let pairs = COLLATIONS.map(|key| COLLATIONS.map(|reference| (key, reference)));
    for (key, reference) in pairs.into_iter().flatten() {
        let case = format!("a key that is {key}, a reference that is {reference}");
        let database = TestDatabase::empty(Backend::Sqlite).await;
        let tables = format!(
            "CREATE TABLE shelf (code text COLLATE {key} PRIMARY KEY, above_code text);
             CREATE TABLE item (id bigint PRIMARY KEY, shelf_code text COLLATE {reference} NOT NULL);
             CREATE INDEX item_shelf_code_id_idx ON item (shelf_code, id);
             INSERT INTO shelf (code) VALUES ('ab'), ('CD');
             INSERT INTO item VALUES (1, 'ab'), (2, 'AB'), (3, 'ab  '), (4, 'AB '), (5, 'CD'), (6, 'cd '), (7, 'CD '), (8, 'x');"
        );
        let done = database.connection.execute_unprepared(&tables).await;
        done.unwrap_or_else(|e| panic!("{case}: {e}"));

        let app = TestApp::new(&database, graph(), Limits::default());
        let fields = "items { id } itemsAggregate { count } itemsConnection(first: 9) { totalCount nodes { id } }";
        let query = format!("{{ shelves {{ id {fields} }} }}");
        let many = app.query(&query).await.data();
        let shelves = many["shelves"].as_array().cloned().unwrap_or_default();
        assert_eq!(shelves.len(), 2, "{case}");
        for shelf in shelves {
            let id = shelf["id"].as_str().expect("a text");
            let code = id.trim_start_matches("Shelf:");
            let joined = Statement::from_sql_and_values(
                DbBackend::Sqlite,
                "SELECT 'Item:' || item.id AS id FROM item JOIN shelf ON item.shelf_code = shelf.code
                 WHERE shelf.code = $1 ORDER BY item.id",
                [code.into()],
            );
            let rows = database.connection.query_all_raw(joined).await;
            let rows = rows.unwrap_or_else(|e| panic!("{case}: {e}"));
            let expected: Vec<String> = rows
                .iter()
                .map(|row| row.try_get("", "id").expect("a text"))
                .collect();
            assert!(!expected.is_empty(), "{case}: {code:?}");

            let query = format!("query($id: ID!) {{ shelf(id: $id) {{ id {fields} }} }}");
            let one = app.request(&query, None, &json!({ "id": id })).await.data();
            assert_eq!(one["shelf"], shelf, "{case}");
            let page = &shelf["itemsConnection"];
            for found in [&shelf["items"], &page["nodes"]] {
                assert_eq!(ids(found, |i| &i["id"]), expected, "{case}: {code:?}");
            }
            for count in [&shelf["itemsAggregate"]["count"], &page["totalCount"]] {
                assert_eq!(*count, expected.len(), "{case}: {code:?}");
            }
            for item in &expected {
                let query = "query($id: ID!) { shelves(where: { items: { some: { id: { eq: $id } } } }) { id } }";
                let found = app.request(query, None, &json!({ "id": item })).await;
                let found = ids(&found.data()["shelves"], |s| &s["id"]);
                assert!(found.contains(&json!(id)), "{case}: {item}: {found:?}");
            }
        }
    }
}
